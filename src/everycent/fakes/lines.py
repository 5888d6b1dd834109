"""An append-only file of JSON lines that survives SIGKILL: what is answered stands on the disk before.

Lines that come while others are being written go out together with one fsync after it (group commit).
A line is whole or is not there: one that was torn by a crash is cut off when the file is opened again.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from pathlib import Path
from typing import Any

import msgspec

from everycent.kernel.errors import Broken, Unavailable


class Lines:
    """The file, open for one process. `read` holds what stood in it when it was opened."""

    def __init__(self, path: Path) -> None:
        """Opens or makes the file. Raises Unavailable `fake.data_in_use`, Broken `fake.data_damaged`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise Unavailable(
                "fake.data_in_use",
                f"another process works with {path}",
                field="data",
                hint="end it, or choose another folder with --data",
            ) from error
        try:
            self.read = self._read(path)
        except Broken:
            self._file.close()
            raise
        _sync_folder(path.parent)
        self._waiting: list[bytes] = []
        self._next: asyncio.Future[None] | None = None
        self._current: asyncio.Future[None] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._failure: OSError | None = None

    def append(self, value: Any) -> None:
        """Takes a line in. It is on the disk when a `durable` that is called after this comes back."""
        self._waiting.append(msgspec.json.encode(value) + b"\n")
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write())

    async def durable(self) -> None:
        """Waits until everything that was appended so far is on the disk. Raises OSError."""
        if self._failure is not None:
            raise self._failure
        if self._waiting:
            if self._next is None:
                self._next = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._next)
        elif self._current is not None:
            await asyncio.shield(self._current)

    async def close(self) -> None:
        """Writes what is left and closes the file."""
        await self.durable()
        self._file.close()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            lines, self._waiting = self._waiting, []
            self._current, self._next = self._next or loop.create_future(), None
            try:
                await loop.run_in_executor(None, self._sync, b"".join(lines))
            except (
                OSError
            ) as error:  # from here on nothing can be promised: no answer leaves any more
                self._failure = error
                for future in (self._current, self._next):
                    if future is not None:
                        future.set_exception(error)
                return
            self._current.set_result(None)
        self._current = self._writer = None

    def _sync(self, content: bytes) -> None:
        self._file.write(content)
        self._file.flush()
        os.fdatasync(self._file.fileno())

    def _read(self, path: Path) -> list[Any]:
        self._file.seek(0)
        found, whole = [], 0
        for number, line in enumerate(self._file, start=1):
            if not line.endswith(b"\n"):
                break
            try:
                found.append(json.loads(line))
            except ValueError as error:
                raise Broken(
                    "fake.data_damaged", f"line {number} of {path} is not JSON", field="data"
                ) from error
            whole += len(line)
        self._file.truncate(whole)
        return found


def _sync_folder(folder: Path) -> None:
    """Makes the file's name durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
