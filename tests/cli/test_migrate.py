"""`everycent migrate`: what a job does before the processes of a new version start."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from everycent.db import embedded
from everycent.db.migrate import files, pending
from tests.cli.test_usage_corrections import Shell

EVERYCENT = str(Path(sys.executable).with_name("everycent"))
NAME = "t_migrate_empty"


@pytest.fixture
def empty(server: embedded.Instance) -> Iterator[str]:
    """A database with nothing in it."""
    drop = f"drop database if exists {NAME} with (force)".encode()
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
        admin.execute(drop)
        admin.execute(f"create database {NAME}".encode())
        yield server.conninfo(NAME)
        admin.execute(drop)


def test_the_schema_is_brought_up_to_date_once(empty: str, tmp_path: Path) -> None:
    shell = Shell(empty, tmp_path)
    assert shell.json("migrate") == {"migrations": [path.name for path in files()]}
    assert pending(empty) == []
    assert shell("migrate") == "it is up to date\n"


def test_several_at_once_apply_each_migration_once(empty: str, tmp_path: Path) -> None:
    environment = os.environ | {"EVERYCENT_DATABASE_URL": empty, "EVERYCENT_HOME": str(tmp_path)}
    jobs = [
        subprocess.Popen([EVERYCENT, "migrate"], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    told = [job.communicate()[0] for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0, 0]
    assert sorted(told)[1:] == ["it is up to date\n"] * 2
    assert sorted(told)[0] == f"applied {len(files())} migrations\n"


def test_a_database_that_is_not_there_is_waited_for_and_then_refused(
    server: embedded.Instance, tmp_path: Path
) -> None:
    shell = Shell(server.conninfo("t_nowhere"), tmp_path)
    assert "[database.unavailable]" in shell("migrate", code=2)
    told = shell("migrate", "--wait", "1", code=2)
    assert told.startswith("waiting for the database: ")
    assert "[database.unavailable]" in told


def test_it_starts_no_database_of_its_own(tmp_path: Path) -> None:
    shell = Shell("", tmp_path)
    shell("migrate", code=2)
    assert not (tmp_path / "data").exists()
