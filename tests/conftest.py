"""A real PostgreSQL for the tests: one embedded server per test process, a fresh database per test."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import psycopg
import pytest

from everycent.db import embedded
from everycent.db.connection import Database
from everycent.db.migrate import migrate
from everycent.flows import recount
from everycent.kernel import ids
from everycent.tenants import operations as tenants

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
_PLENTY_BYTES = 8_000_000_000


class Place(NamedTuple):
    """A fresh database with one tenant, a clock that stands still and ids made from what they name."""

    database: Database
    tenant_id: int
    conninfo: str
    admin_conninfo: str
    now: datetime = NOW
    ids: Callable[[str], UUID] = ids.derived

    @property
    def writing(self) -> dict[str, object]:
        """The arguments that every writing operation takes."""
        return {"at": self.now, "recorded_at": self.now, "actor": "test", "ids": self.ids}


@pytest.fixture(autouse=True)
def no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are as wide as in a file, whatever screen the tests are started on."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(scope="session")
def server() -> Iterator[embedded.Instance]:
    """The server; EVERYCENT_RUNTIME_DIR keeps what root needs inside the throw-away folder."""
    folder = Path(tempfile.mkdtemp(prefix="ec-", dir=_quick_place()))
    folder.chmod(0o755)
    before = os.environ.get("EVERYCENT_RUNTIME_DIR")
    os.environ["EVERYCENT_RUNTIME_DIR"] = str(folder / "run")
    instance = embedded.up(folder / "home")
    _be_quick(instance)
    migrate(instance.conninfo())
    yield instance
    embedded.down(folder / "home")
    if before is None:
        del os.environ["EVERYCENT_RUNTIME_DIR"]
    else:
        os.environ["EVERYCENT_RUNTIME_DIR"] = before
    shutil.rmtree(folder, ignore_errors=True)


def _quick_place() -> Path | None:
    """Memory where there is plenty of it: a database of some hundred files is made for each test, which
    takes ten times as long on a disk that others use."""
    memory = Path("/dev/shm")
    if memory.is_dir() and shutil.disk_usage(memory).free >= _PLENTY_BYTES:
        return memory
    return None


def _be_quick(instance: embedded.Instance) -> None:
    """Doesn't wait for the disk, and keeps little log. A process that is killed loses nothing by that, only
    a machine would."""
    with psycopg.connect(instance.conninfo("postgres"), autocommit=True) as admin:
        for name, value in (
            ("fsync", "off"), ("full_page_writes", "off"), ("max_wal_size", "'512MB'"),
            ("min_wal_size", "'80MB'"),
        ):  # fmt: skip
            admin.execute(f"alter system set {name} = {value}")
        admin.execute("select pg_reload_conf()")


@pytest.fixture
def fresh_database(
    server: embedded.Instance, request: pytest.FixtureRequest, over: list[str]
) -> Iterator[Callable[[], str]]:
    """Makes databases from the migrated template; they are dropped afterwards."""
    yield from _databases(server, request, over)


@pytest.fixture(scope="session")
def over() -> list[str]:
    """Databases that nobody needs any more. They are dropped a test later: one whose last connection has
    just been closed takes a tenth of a second: the server looks ten times a second whether it is gone."""
    return []


def _databases(
    server: embedded.Instance, request: pytest.FixtureRequest, over: list[str]
) -> Iterator[Callable[[], str]]:
    made: list[str] = []

    def make() -> str:
        digest = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]
        name = f"t{digest}{len(made)}"
        with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
            admin.execute(f"drop database if exists {name} with (force)")
            admin.execute(f"create database {name} template everycent")
            admin.execute(f"grant temporary on database {name} to everycent_app")
        made.append(name)
        return server.conninfo(name)

    yield make
    differing = {}
    if request.node.get_closest_marker("not_recounted") is None:
        differing = {name: differences(server.conninfo(name)) for name in made}
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
        for name in over:
            admin.execute(f"drop database if exists {name} with (force)")
    over[:] = made
    assert not any(differing.values()), f"the second engine counts otherwise: {differing}"


def differences(conninfo: str) -> list[str]:
    """What the second engine finds in the invoices of all tenants: every invoice that any test issues is
    counted again, whichever process issued it."""
    with psycopg.connect(conninfo) as owner:
        rows = owner.execute(
            "select distinct tenant_id from everycent.invoice order by 1"
        ).fetchall()
    if not rows:
        return []
    found = []
    database = Database(conninfo)
    for (tenant_id,) in rows:
        with database.snapshot(tenant_id) as tx:
            found += recount.recount_issued(tx).differences
    database.close()
    return found


@pytest.fixture
def conninfo(fresh_database: Callable[[], str]) -> str:
    """How to reach a fresh database."""
    return fresh_database()


@pytest.fixture
def place(conninfo: str) -> Iterator[Place]:
    """A fresh database with the tenant `default`."""
    yield from _place(conninfo)


@pytest.fixture
def other_place(fresh_database: Callable[[], str]) -> Iterator[Place]:
    """A second one like `place`, to compare with."""
    yield from _place(fresh_database())


@pytest.fixture(scope="module")
def module_place(
    server: embedded.Instance, request: pytest.FixtureRequest, over: list[str]
) -> Iterator[Place]:
    """One like `place` for all tests of a file."""
    for make in _databases(server, request, over):
        yield from _place(make())


def _place(conninfo: str) -> Iterator[Place]:
    database = Database(conninfo)
    tenant_id = tenants.create(database, "default", "Default", NOW)
    yield Place(database, tenant_id, conninfo, conninfo)
    database.close()


_LONG = (
    "tests/faults/test_faults.py",
    "tests/collecting/test_crashes.py",
    "tests/cli/test_usage_corrections.py",
    "tests/flows/test_archive_usage.py",
    "tests/resilience/test_all_work.py",
    "tests/cli/test_erp_page.py",
    "tests/simulation/test_simulation.py",
    "tests/api/test_hostile.py",
    "tests/cli/test_mock.py",
    "tests/api/test_document_fuzzed.py",
)
"""Files that take minutes. They come first: at the end one of them would keep everybody waiting."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, all others in their order."""
    place = {name: n for n, name in enumerate(_LONG)}
    items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(place)))
