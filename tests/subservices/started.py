"""A sub-service as a real process, for tests: `with running(tmp_path, "compute") as compute:`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.payments.fake import Fake
from tests.subservices.reader import Reader


class Started(Fake):
    """The process of a sub-service, its address and its admin API."""

    def __init__(self, folder: Path, name: str, *options: str) -> None:
        self.name = name
        super().__init__(folder, list(options), "subservice", name)

    def reader(self) -> Reader:
        """A strict reader of what it answers."""
        return Reader(self.port, self.name)

    def tell(self, *entries: dict[str, Any]) -> Any:
        """Tells its book of resources, events, levels, ends."""
        return self.call("POST", "/admin/entries", {"entries": list(entries)})


@contextmanager
def running(folder: Path, name: str, *options: str) -> Iterator[Started]:
    """A sub-service over the folder; whatever is left of it is ended."""
    started = Started(folder, name, *options)
    try:
        yield started
    finally:
        started.kill()


def resource(key: str, customer: str = "acme", **changed: str) -> dict[str, Any]:
    """An entry for a resource that is there since 2025."""
    told = {"kind": "thing", "name": key.title(), "since": "2025-11-03T10:00:00Z"}
    return {"resource": {"resource": key, "customer": customer} | told | changed}


def event(key: str, on: str, item: str, quantity: str, at: str = "2026-01-05T08:00:00Z") -> Any:
    """An entry for an event."""
    told = {"event": key, "resource": on, "item": item, "quantity": quantity, "at": at}
    return {"event": told}


def level(on: str, item: str, value: str, at: str) -> dict[str, Any]:
    """An entry for a level that changes."""
    return {"level": {"resource": on, "item": item, "level": value, "at": at}}


def machines() -> list[dict[str, Any]]:
    """What compute knows of six machines of acme, two of them idle: 36 jobs, and 2.5 hours."""
    return [
        *(resource(f"vm-{n}", kind="machine") for n in range(1, 5)),
        resource("idle"),
        resource("spare"),
        *(event(f"e-{n}", f"vm-{n % 4 + 1}", "jobs", str(n)) for n in range(1, 9)),
        level("vm-1", "vm_time", "1", "2026-01-03T08:00:00Z"),
        level("vm-1", "vm_time", "0", "2026-01-03T10:30:00Z"),
    ]
