"""Clients, the server and PostgreSQL are killed at random while usage comes in: what was acknowledged is
stored exactly once.

Two clients send batches to `everycent serve`. Again and again one of the processes is killed (SIGKILL):
a client, the server, one backend of PostgreSQL, or its postmaster. It is started again, and a client
sends what was not acknowledged once more with the same ids.

With fifty kills: python -m pytest -m soak tests/flows/test_take_in_killed.py
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import psycopg
import pytest

from everycent.db import embedded
from everycent.db.connection import Database
from everycent.db.migrate import migrate
from everycent.kernel import ids
from everycent.kernel.period import instant_text
from everycent.metering import operations as metering
from everycent.metering.audit import CHECKS, altered_records, violations
from everycent.tenants import operations as tenants
from tests.api.serving import COMMAND, make_key
from tests.conftest import NOW, Place
from tests.flows import sender, world

ROOT = Path(__file__).parents[2]
KINDS = ("client", "server", "backend", "postmaster")
NAMES = ("a", "b")
PATIENCE_SECONDS = 60


class Site:
    """A PostgreSQL of its own, a server, and two clients; `kill` ends one of them and starts it anew."""

    def __init__(self, folder: Path, dice: random.Random) -> None:
        self.folder = folder
        self.dice = dice
        self.instance = embedded.up(folder / "home")
        migrate(self.instance.conninfo())
        conninfo = self.instance.conninfo()
        database = Database(conninfo)
        self.tenant_id = tenants.create(database, "default", "Default", NOW)
        world.sell(Place(database, self.tenant_id, conninfo, conninfo, NOW, ids.derived), [])
        self.key = make_key(database, self.tenant_id, "sender")
        database.close()  # its connections would not live to the end
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.server = self._serve()
        self.clients = {name: self._send(name) for name in NAMES}

    def log(self, name: str) -> Path:
        """Where a client notes what it sent and what was acknowledged."""
        return self.folder / f"{name}.log"

    def acknowledged(self) -> int:
        """How many batches the clients know to be stored."""
        return sum(len(sender.numbers(self.log(name), "stored")) for name in NAMES)

    def kill(self, kind: str) -> None:
        """Kills one process of this kind and lets another one take its place."""
        match kind:
            case "client":
                name = self.dice.choice(NAMES)
                self._end(self.clients[name])
                self.clients[name] = self._send(name)
            case "server":
                self._end(self.server)
                self.server = self._serve()
            case "backend":
                os.kill(self._backend(), signal.SIGKILL)
                embedded.up(self.folder / "home")
            case _:
                process_id = embedded.status(self.folder / "home").pid
                assert process_id is not None
                os.kill(process_id, signal.SIGKILL)
                embedded.up(self.folder / "home")

    def go_on(self) -> None:
        """Waits until some more batches were acknowledged: everything is up and working again."""
        enough = self.acknowledged() + 2 * len(NAMES)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.acknowledged() < enough:
            assert time.monotonic() < deadline, "nothing is acknowledged any more"
            assert self.server.poll() is None
            assert [client.poll() for client in self.clients.values()] == [None, None]
            time.sleep(0.02)

    def finish(self) -> None:
        """Lets the clients come to an end in peace, then the server."""
        (self.folder / "stop").touch()
        for client in self.clients.values():
            assert client.wait(PATIENCE_SECONDS) == 0
        self.server.terminate()
        assert self.server.wait(PATIENCE_SECONDS) == 0

    def close(self) -> None:
        """Ends whatever is left."""
        for process in (self.server, *self.clients.values()):
            self._end(process)
        embedded.down(self.folder / "home")

    def _serve(self) -> subprocess.Popen[Any]:
        command = [part if part != "0" else str(self.port) for part in COMMAND]
        return subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            env=os.environ | {"EVERYCENT_DATABASE_URL": self.instance.conninfo()},
            start_new_session=True,
        )

    def _send(self, name: str) -> subprocess.Popen[Any]:
        address = f"http://127.0.0.1:{self.port}"
        log, stop = str(self.log(name)), str(self.folder / "stop")
        return subprocess.Popen(
            [sys.executable, "-m", "tests.flows.sender", address, self.key, log, name, stop],
            cwd=ROOT,
            start_new_session=True,
        )

    def _end(self, process: subprocess.Popen[Any]) -> None:
        process.kill()
        process.wait()

    def _backend(self) -> int:
        """A process of PostgreSQL that works for the server, if possible at this moment."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        with psycopg.connect(self.instance.conninfo(), autocommit=True) as connection:
            while time.monotonic() < deadline:
                found = connection.execute(
                    "select pid from pg_stat_activity where backend_type = 'client backend'"
                    " and pid <> pg_backend_pid() and datname = current_database()"
                    " order by state = 'idle', random() limit 1"
                ).fetchone()
                if found is not None:
                    return int(found[0])
        raise AssertionError("the server has no connection")


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short directory that PostgreSQL's user can pass."""
    made = Path(tempfile.mkdtemp(prefix="ec-")).resolve()
    made.chmod(0o755)
    monkeypatch.setenv(embedded.RUNTIME_BASE_VARIABLE, str(made / "run"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def _told(record: dict[str, Any]) -> tuple[str, ...]:
    """A sent record as the tuple that it should have become."""
    dimensions = f'{{"region":"{record["dimensions"]["region"]}"}}'
    return (
        record["source"], record["id"], record["subject"], record["meter"], record["at"],
        record["value"], dimensions,
    )  # fmt: skip


def _logged(site: Site, word: str) -> set[tuple[str, ...]]:
    """The records of every batch that the clients logged with this word."""
    return {
        _told(record)
        for name in NAMES
        for number in sender.numbers(site.log(name), word)
        for record in sender.records(name, number)
    }


def _stored(database: Database, tenant_id: int) -> Counter[tuple[str, ...]]:
    with database.snapshot(tenant_id) as tx:
        rows = tx.tuples(
            "select s.name, u.record_id, c.name, m.name, u.at, u.value::text, d.name"
            " from usage_record u"
            " join usage_name s on s.name_id = u.source_id"
            " join usage_name c on c.name_id = u.subject_id"
            " join usage_name m on m.name_id = u.meter_id"
            " join usage_name d on d.name_id = u.dimensions_id"
        )
    return Counter(
        (*before, instant_text(at.astimezone(UTC)), *after)
        for *before, at, value, dimensions in rows
        for after in [(value, dimensions)]
    )


@pytest.mark.parametrize(
    ("kills", "seed"),
    [(6, 20260101), *(pytest.param(50, n, marks=pytest.mark.soak) for n in range(2))],
)
def test_what_was_acknowledged_is_stored_exactly_once(folder: Path, kills: int, seed: int) -> None:
    dice = random.Random(seed)
    kinds = [KINDS[n % len(KINDS)] for n in range(kills)]  # every kind as often as any other
    dice.shuffle(kinds)
    site = Site(folder, dice)
    try:
        site.go_on()
        for kind in kinds:
            time.sleep(dice.uniform(0.05, 0.4))
            site.kill(kind)
            site.go_on()
        site.finish()
        database = Database(site.instance.conninfo())
        stored = _stored(database, site.tenant_id)
        assert set(stored.values()) == {1}
        assert _logged(site, "stored") <= set(stored) <= _logged(site, "sent")
        assert len(stored) > 20 * kills
        metering.fold(database, site.tenant_id)
        with database.snapshot(site.tenant_id) as tx:
            found = {check: violations(tx, check) for check in CHECKS}
            assert found == {check: [] for check in CHECKS}
            assert altered_records(tx) == []
        database.close()
    finally:
        site.close()
