"""Files that are there whole or not at all, whatever ends the process or the machine, and locks."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def folder(path: Path) -> Path:
    """The folder, made if it is missing; nobody else may look into it."""
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        _settle(path.parent)
    return path


def write(path: Path, content: bytes) -> None:
    """Writes a file in the place of the one that was there; it is on the disk when this returns."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    _settle(path.parent)


def move(path: Path, to: Path) -> None:
    """Gives a file another name, in the place of what had it."""
    path.replace(to)
    _settle(to.parent)


def remove(*paths: Path) -> None:
    """Removes files of a folder, if they are there."""
    for path in paths:
        path.unlink(missing_ok=True)
    for parent in {path.parent for path in paths}:
        _settle(parent)


@contextmanager
def locked(path: Path, *, patiently: bool = True) -> Iterator[bool]:
    """Holds the lock of this name, which ends with the process at the latest; False when somebody else has
    it and it is not waited for."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if patiently else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)


def _settle(path: Path) -> None:
    """What a folder holds is on the disk too."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
