"""A PostgreSQL of a test's own that may be stopped and killed, and real processes over it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import httpx2
import psycopg

from everycent.alarms import queries as alarms
from everycent.alarms.alarm import Alarm
from everycent.db import embedded
from everycent.db.connection import Database
from everycent.kernel.errors import Unavailable
from everycent.messages import queries as messages
from everycent.messages.queries import Held
from everycent.tenants import operations as tenants
from tests.conftest import NOW, Place

EVERYCENT = str(Path(sys.executable).with_name("everycent"))
_T = TypeVar("_T")
_PATIENCE = 40


def until(ask: Callable[[], _T], what: str) -> _T:
    """What `ask` says as soon as it is something; fails when that takes for ever."""
    deadline = time.monotonic() + _PATIENCE
    while not (found := ask()):
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.05)
    return found


class Own:
    """The server, in a folder that also holds the home of the processes over it."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "instance"
        self._server = folder / "server"
        self.instance = embedded.up(self._server)
        self.url = self.instance.conninfo()

    def start(self) -> None:
        """Starts it again; after a crash that may take more than one try."""

        def is_up() -> bool:
            with contextlib.suppress(Unavailable):
                embedded.up(self._server)
                return True
            return False

        until(is_up, "PostgreSQL is started")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stops it: SIGINT as `pg_ctl stop -m fast` does, SIGQUIT as `-m immediate`, or SIGKILL."""
        pid = embedded.status(self._server).pid
        assert pid is not None, "it runs"
        os.kill(pid, how)
        until(lambda: not embedded.status(self._server).running, "PostgreSQL is stopped")

    def environ(self, **settings: str) -> dict[str, str]:
        """The environment of a process over it."""
        return os.environ | {
            "EVERYCENT_DATABASE_URL": self.url, "EVERYCENT_HOME": str(self.home),
            "EVERYCENT_ACTOR": "test", **settings,
        }  # fmt: skip

    def run(self, *command: str, **settings: str) -> Any:
        """What a command answers as JSON."""
        done = subprocess.run(
            [EVERYCENT, *command, "--json"], env=self.environ(**settings), capture_output=True,
            text=True, timeout=60, check=True,
        )  # fmt: skip
        return json.loads(done.stdout)

    @contextmanager
    def place(self) -> Iterator[Place]:
        """The tenant `default`, for as long as the server runs."""
        database = Database(self.url)
        tenant_id = tenants.ensure(database, "default", "Default", NOW)
        try:
            yield Place(database, tenant_id, self.url, self.url)
        finally:
            database.close()

    def alarms(self) -> list[Alarm]:
        """All alarms of the tenant, the newest first."""
        with self.place() as place, place.database.snapshot(place.tenant_id) as tx:
            return alarms.listed(tx, is_open=False)

    def messages(self) -> list[Held]:
        """All messages of the tenant, the newest first."""
        with self.place() as place, place.database.snapshot(place.tenant_id) as tx:
            return messages.listed(tx)

    def sql(self, text: str) -> list[Any]:
        """What the database says as its administrator."""
        with psycopg.connect(self.url, autocommit=True) as admin:
            return admin.execute(text.encode()).fetchall()

    def new_database(self) -> None:
        """An empty database, without a schema, and an empty home."""
        with psycopg.connect(self.instance.conninfo("postgres"), autocommit=True) as admin:
            admin.execute("drop database if exists everycent with (force)")
            admin.execute("create database everycent")
        shutil.rmtree(self.home, ignore_errors=True)


@contextmanager
def own_server() -> Iterator[Own]:
    """A server, which is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="ec-own-"))
    folder.chmod(0o755)
    before = os.environ.get("EVERYCENT_RUNTIME_DIR")
    os.environ["EVERYCENT_RUNTIME_DIR"] = str(folder / "run")
    try:
        own = Own(folder)
        yield own
        embedded.down(own.instance.home)
    finally:
        if before is None:
            del os.environ["EVERYCENT_RUNTIME_DIR"]
        else:
            os.environ["EVERYCENT_RUNTIME_DIR"] = before
        shutil.rmtree(folder, ignore_errors=True)


class Running(NamedTuple):
    """A process of the product, and the file with what it says on stderr."""

    process: subprocess.Popen[str]
    said: Path

    def complaints(self) -> list[str]:
        """What it has said on stderr."""
        return self.said.read_text().splitlines()

    def ended_by(self, number: signal.Signals) -> int:
        """Sends it a signal; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(_PATIENCE)


@contextmanager
def running(environ: Mapping[str, str], *command: str) -> Iterator[Running]:
    """`everycent …` as a process; what is left of it is killed."""
    with tempfile.NamedTemporaryFile("w+", prefix="ec-said-") as said:
        process = subprocess.Popen(
            [EVERYCENT, *command], env=dict(environ), stdout=subprocess.PIPE, stderr=said,
            text=True, start_new_session=True,
        )  # fmt: skip
        try:
            yield Running(process, Path(said.name))
        finally:
            process.kill()
            process.communicate()


class Serving(NamedTuple):
    """A server of the product with a client."""

    running: Running
    client: httpx2.Client

    def get(self, path: str, key: str = "") -> httpx2.Response:
        """What is answered."""
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return self.client.get(path, headers=headers)

    def status(self, path: str) -> int:
        """The status that is answered."""
        return self.get(path).status_code


@contextmanager
def serving(environ: Mapping[str, str]) -> Iterator[Serving]:
    """`everycent serve` as a process, once it listens."""
    with running(environ, "serve", "--port", "0", "--json") as process:
        assert process.process.stdout is not None
        told = process.process.stdout.readline()
        assert told, process.complaints()
        with httpx2.Client(base_url=json.loads(told)["address"], timeout=60) as client:
            yield Serving(process, client)
