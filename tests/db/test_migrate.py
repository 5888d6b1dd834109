"""Migrations are applied once each, by one process at a time, and never change afterwards."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from everycent.db import embedded
from everycent.db import migrate as migrations
from everycent.db.migrate import FOLDER, files, migrate, pending
from everycent.kernel.errors import Broken

NAMES = [path.name for path in files()]


@pytest.fixture
def empty(server: embedded.Instance, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database that nothing was done to."""
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
        admin.execute("drop database if exists test_migrate with (force)")
        admin.execute("create database test_migrate template template0")
        yield server.conninfo("test_migrate")
        admin.execute("drop database test_migrate with (force)")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations that a test may change."""
    copy = Path(shutil.copytree(FOLDER, tmp_path / "migrations"))
    monkeypatch.setattr(migrations, "FOLDER", copy)
    return copy


def applied(conninfo: str) -> list[str]:
    with psycopg.connect(conninfo) as connection:
        rows = connection.execute("select name from everycent.migration order by name").fetchall()
    return [name for (name,) in rows]


def tables(conninfo: str) -> set[str]:
    with psycopg.connect(conninfo) as connection:
        rows = connection.execute(
            "select relname from pg_class where relnamespace = 'everycent'::regnamespace"
        ).fetchall()
    return {name for (name,) in rows}


def test_migrations_are_named_by_number_phase_and_subject() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == NAMES
    assert [
        name for name in NAMES if not re.fullmatch(r"\d{4}_(pre|post)_[a-z0-9_]+\.sql", name)
    ] == []


def test_migrations_are_numbered_without_gap() -> None:
    assert [int(name[:4]) for name in NAMES] == list(range(1, len(NAMES) + 1))


def test_every_migration_is_applied_once(empty: str) -> None:
    assert pending(empty) == NAMES
    assert migrate(empty) == NAMES
    assert pending(empty) == []
    assert migrate(empty) == []
    assert applied(empty) == NAMES


def test_four_processes_at_once_apply_every_migration_once(empty: str) -> None:
    program = "import sys, everycent.db.migrate as m; print(*m.migrate(sys.argv[1]), sep='\\n')"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, empty],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    outputs = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0] * 4, outputs
    assert sorted("".join(told for told, _ in outputs).split()) == NAMES
    assert applied(empty) == NAMES


@pytest.mark.parametrize("number", range(len(NAMES)))
def test_a_migration_that_was_changed_afterwards_is_refused(
    conninfo: str, folder: Path, number: int
) -> None:
    path = folder / NAMES[number]
    path.write_text(path.read_text() + "-- a word more\n")
    with pytest.raises(Broken) as refused:
        migrate(conninfo)
    assert refused.value.code == "migration.changed"
    assert NAMES[number] in refused.value.message


def test_a_migration_that_fails_leaves_nothing_and_is_applied_when_it_is_repaired(
    conninfo: str, folder: Path
) -> None:
    last = len(NAMES) + 1
    broken, after = folder / f"{last:04}_pre_broken.sql", folder / f"{last + 1:04}_pre_after.sql"
    broken.write_text("create table half (n int); select 1 / 0;")
    after.write_text("create table whole (n int);")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(conninfo)
    assert applied(conninfo) == NAMES
    assert tables(conninfo) & {"half", "whole"} == set()
    assert pending(conninfo) == [broken.name, after.name]

    broken.write_text("create table half (n int);")
    assert migrate(conninfo) == [broken.name, after.name]
    assert tables(conninfo) >= {"half", "whole"}


def test_what_a_migration_makes_belongs_to_the_owner_and_not_to_who_runs_it(conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        owners = connection.execute(
            "select distinct pg_get_userbyid(relowner) from pg_class"
            " where relnamespace = 'everycent'::regnamespace"
        ).fetchall()
    assert owners == [("everycent_owner",)]


def test_a_migration_that_can_not_get_its_lock_gives_up_and_holds_nobody_up(
    conninfo: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / f"{len(NAMES) + 1:04}_pre_locked.sql"
    path.write_text("set local lock_timeout = '50ms'; alter table customer add column more int;")
    with psycopg.connect(conninfo) as reader:
        reader.execute("select from everycent.customer")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            migrate(conninfo)
    assert migrate(conninfo) == [path.name]
