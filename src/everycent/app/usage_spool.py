"""The spool of usage: batches that came while the database was away, on the local disk until it is back.

    ….batch ──► stored, and the file is gone
       └──────► rejected/….json and ….batch: what was not taken of it, and all of it as it was sent

A batch is a file with a line of JSON, who sent it and how, and the body as it came. It is on the disk
before anybody is answered, and is removed after its records are durable in the database: whoever dies in
between offers it again, and what is stored already is recognised by its ids.
"""

from __future__ import annotations

import errno
import secrets
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from everycent.alarms import operations as alarms
from everycent.alarms.alarm import Condition, Severity
from everycent.app import alarming, durable
from everycent.app.settings import USAGE_SPOOL, Settings
from everycent.app.wiring import App
from everycent.kernel.errors import Unavailable

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_COUNT_EVERY_SECONDS = 1.0
_FORGOTTEN_SECONDS = 3600


class Head(msgspec.Struct, frozen=True):
    """Who sent a batch, and how: the SHA-256 of the API key, the tenant that it opened, and the headers
    that say how the body is to be read."""

    key: str
    tenant_id: int
    headers: dict[str, str]
    is_atomic: bool
    at: datetime


class Rejected(msgspec.Struct, frozen=True):
    """What was not taken of a batch when it was drained, and why."""

    tenant_id: int
    at: datetime
    accepted: int
    results: list[dict[str, str]]


class Waiting(NamedTuple):
    """How much waits."""

    batches: int
    size_bytes: int


class Spool:
    """The folder. Threads and processes share it."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.folder = folder
        self._most_bytes = most_bytes
        self._counted_at = -_COUNT_EVERY_SECONDS
        self._bytes = 0

    def put(self, head: Head, body: bytes) -> str:
        """Keeps a batch, durably; its name. Raises Unavailable `usage.spool_full`."""
        content = msgspec.json.encode(head) + b"\n" + body
        if self._held() + len(content) > self._most_bytes:
            raise _full(f"the spool holds {self._bytes:,} bytes already")
        name = f"{time.time_ns():020d}-{secrets.token_hex(6)}"
        try:
            durable.write(durable.folder(self.folder) / f"{name}.batch", content)
        except OSError as error:
            if error.errno in _FULL:
                raise _full("the disk is full") from error
            raise
        self._bytes += len(content)
        return name

    def waiting(self) -> list[Path]:
        """The batches that wait, in the order in which they came."""
        return sorted(self.folder.glob("*.batch"))

    def how_much(self) -> Waiting:
        """How many batches wait, and how large they are."""
        sizes = [_size(path) for path in self.waiting()]
        return Waiting(len(sizes), sum(sizes))

    def read(self, path: Path) -> tuple[Head, bytes]:
        """A batch."""
        head, _, body = path.read_bytes().partition(b"\n")
        return msgspec.json.decode(head, type=Head), body

    def remove(self, paths: Sequence[Path]) -> None:
        """Removes batches that are stored."""
        durable.remove(*paths)

    def reject(self, path: Path, what: Rejected) -> None:
        """Keeps a batch that was not taken as a whole, with what was not taken of it."""
        folder = durable.folder(self.folder / "rejected")
        durable.write(folder / f"{path.stem}.json", msgspec.json.encode(what))
        durable.move(path, folder / path.name)

    def rejected(self) -> dict[str, Rejected]:
        """What was not taken, by the names of batches."""
        return {
            path.stem: msgspec.json.decode(path.read_bytes(), type=Rejected)
            for path in sorted((self.folder / "rejected").glob("*.json"))
        }

    def discard(self, name: str) -> None:
        """Throws a batch away that was not taken."""
        rejected = self.folder / "rejected"
        durable.remove(rejected / f"{name}.batch", rejected / f"{name}.json")

    def tidy(self) -> None:
        """Removes what writers left behind that died over it."""
        for path in self.folder.glob(".*.batch.*"):
            if time.time() - path.stat().st_mtime > _FORGOTTEN_SECONDS:
                durable.remove(path)

    def _held(self) -> int:
        """How many bytes the spool holds, about: others write to it too, which is seen after a second."""
        now = time.monotonic()
        if now - self._counted_at > _COUNT_EVERY_SECONDS:
            self._counted_at, self._bytes = now, self.how_much().size_bytes
        return self._bytes


def of_settings(settings: Settings) -> Spool | None:
    """The spool that is set up; None where usage is refused while the database is away."""
    if settings.usage_spool is None:
        return None
    return Spool(settings.usage_spool, settings.usage_spool_mb * 1_000_000)


def left_behind(settings: Settings) -> Spool | None:
    """What the home still has of a spool that is not set up any more, which nothing drains; None where it
    has nothing."""
    folder = settings.home / USAGE_SPOOL
    if settings.usage_spool is not None or not folder.is_dir():
        return None
    found = Spool(folder, settings.usage_spool_mb * 1_000_000)
    return found if found.waiting() or found.rejected() else None


def reflect(app: App, spool: Spool, tenant_id: int) -> None:
    """Raises the alarm about what was not taken of a tenant's batches, or resolves it when nothing is left
    of them."""
    source = f"usage spool {spool.folder}"[:100]
    mine = [one for one in spool.rejected().values() if one.tenant_id == tenant_id]
    wrong = [
        Condition(
            "usage.spool_rejected", str(spool.folder)[:200], Severity.WARNING,
            "records that came while the database was away were not taken: everycent usage spool",
        )
    ]  # fmt: skip
    writer = alarming.writer(app)
    with app.database.transaction(tenant_id) as tx:
        alarms.take_turn(tx, source)
        alarms.reflect(tx, source, wrong if mine else (), writer)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # it is drained meanwhile
        return 0


def _full(why: str) -> Unavailable:
    return Unavailable(
        "usage.spool_full",
        f"usage can't be kept until the database is back: {why}",
        hint="send it again later; nothing of it was kept",
    )
