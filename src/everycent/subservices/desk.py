"""Where the calls of the contract are answered: parameters, snapshots, pages. It knows no HTTP."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from everycent.kernel.period import Period
from everycent.subservices import accounts
from everycent.subservices.accounts import Service, State
from everycent.subservices.contract import (
    CALLS,
    ROWS,
    SCHEMA,
    STEPS,
    Record,
    Wrong,
    bad,
    digest,
    floor,
    instant,
    shown,
)

_MOST_POINTS = 10_000
_PARAMETERS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    call: (frozenset(needed.split()), frozenset(more.split()))
    for call, needed, more in (
        ("resources", "from to", "after snapshot"),
        ("report", "from to", "after snapshot"),
        ("events", "from to customer item", "resource after snapshot"),
        ("usage", "customer", ""),
        ("chart", "item from to step", "customer resource"),
    )
}


class Snapshot:
    """What was known of a period at one moment, and the pages that were made of it so far."""

    def __init__(self, name: str, period: tuple[str, str], told: State) -> None:
        self.name = name
        self.period = period
        self.told = told
        self.begun = time.monotonic_ns()
        self.pulls: dict[Any, Sequence[Any]] = {}


Spoil = Callable[[str, list[Record]], Sequence[Any]]
"""Makes other pages out of the true ones of a call, when a pull of them begins."""


class Answer(NamedTuple):
    """What is answered, which page of it, and whether that is the last one."""

    body: Any
    page: int = 1
    is_last: bool = True


class Desk:
    """A service that is asked. Its calls may come from several threads.

    Raises ValueError for a service that can't be meant (`accounts.check`).
    """

    def __init__(self, service: Service) -> None:
        accounts.check(service)
        self.service = service
        self.spoil: Spoil | None = None
        self._snapshots: dict[str, Snapshot] = {}
        self._lock = threading.Lock()

    def answer(self, call: str, told: Mapping[str, str]) -> Answer:
        """The answer to a call with its parameters. Raises Wrong."""
        if call not in CALLS:
            raise Wrong(404, "unknown_call", f"there is no call {call[:80]}")
        _check(call, told)
        item = told.get("item")
        if item is not None and item not in self.service.items:
            raise bad(f"item is none of {', '.join(self.service.items)}")
        if call == "usage":
            return Answer(self._spoiled(call, [self._usage(told["customer"])])[0])
        if call == "chart":
            return Answer(self._spoiled(call, [self._chart(told)])[0])
        return self._page(call, told)

    def forget(self) -> None:
        """Gives every snapshot up."""
        with self._lock:
            self._snapshots.clear()

    def kept(self) -> int:
        """How many snapshots are kept."""
        return len(self._snapshots)

    def _page(self, call: str, told: Mapping[str, str]) -> Answer:
        after, name = told.get("after"), told.get("snapshot")
        if name is None:
            if after is not None:
                raise bad("after is told without the snapshot that it belongs to")
            snapshot = self._begun(told)
        else:
            snapshot = self._found(name, told)
        asked = (call, *(told.get(name) for name in ("customer", "item", "resource")))
        with self._lock:
            if asked not in snapshot.pulls or after is None:
                snapshot.pulls[asked] = self._spoiled(call, self._pages(call, told, snapshot))
            pulled = snapshot.pulls[asked]
        if after is None:
            return Answer(pulled[0], 1, len(pulled) == 1)
        number = int(after) if after.isascii() and after.isdigit() and len(after) < 10 else 0
        if not 2 <= number <= len(pulled):
            raise bad("after is the next of no page")
        return Answer(pulled[number - 1], number, number == len(pulled))

    def _spoiled(self, call: str, pages: list[Record]) -> Sequence[Any]:
        return pages if self.spoil is None else self.spoil(call, pages)

    def _begun(self, told: Mapping[str, str]) -> Snapshot:
        known = self._known(_period(told))
        snapshot = Snapshot(f"s-{secrets.token_hex(8)}", (told["from"], told["to"]), known)
        with self._lock:
            while len(self._snapshots) >= self.service.snapshots:
                del self._snapshots[next(iter(self._snapshots))]
            self._snapshots[snapshot.name] = snapshot
        return snapshot

    def _found(self, name: str, told: Mapping[str, str]) -> Snapshot:
        oldest = time.monotonic_ns() - self.service.snapshot_minutes * 60 * 10**9
        with self._lock:
            for old in [s.name for s in self._snapshots.values() if s.begun < oldest]:
                del self._snapshots[old]
            snapshot = self._snapshots.get(name)
        if snapshot is None:
            raise Wrong(409, "snapshot_gone", "this snapshot is not kept any more: begin again")
        if snapshot.period != (told["from"], told["to"]):
            raise bad("the snapshot is of another period")
        return snapshot

    def _pages(self, call: str, told: Mapping[str, str], snapshot: Snapshot) -> list[Record]:
        service, known = self.service, snapshot.told
        if call == "report":
            rows = accounts.line_rows(service, known, _period(told))
            sums = accounts.sums_of(service, rows)
        else:
            sums = []
            if call == "resources":
                rows = accounts.resource_rows(known)
            else:
                narrow = told.get("resource")
                rows = accounts.event_rows(service, known, told["customer"], told["item"], narrow)
        head = self._head(call) | {
            "from": told["from"], "to": told["to"], "snapshot": snapshot.name
        }  # fmt: skip
        return paged(head, rows, sums, service.page_size)

    def _usage(self, customer: str) -> Record:
        now = self.service.now()
        period = Period(
            floor(now, "month"), max(now, floor(now, "month") + timedelta(microseconds=1))
        )
        return self._head("usage") | {
            "customer": customer,
            "at": shown(now),
            "from": shown(period.start),
            "usage": accounts.usage_rows(self.service, self._known(period), period, customer),
        }

    def _chart(self, told: Mapping[str, str]) -> Record:
        period, step, item = _period(told), told["step"], told["item"]
        if step not in STEPS:
            raise bad(f"step is none of {', '.join(STEPS)}")
        if any(floor(at, step) != at for at in period):
            raise bad(f"from and to are to be the beginning of a {step}")
        if _steps(period.start, period.end, step) > _MOST_POINTS:
            raise bad(f"more than {_MOST_POINTS} points")
        used = [
            one
            for one in self._known(period).used
            if one.item == item
            and told.get("customer") in (None, one.customer)
            and told.get("resource") in (None, one.resource)
        ]
        return self._head("chart") | {
            "item": item,
            "unit": self.service.items[item],
            "step": step,
            "from": told["from"],
            "to": told["to"],
            "points": accounts.chart_points(used, period, step),
        }

    def _known(self, period: Period) -> State:
        return accounts.state(self.service, period)

    def _head(self, call: str) -> Record:
        return {"schema": SCHEMA, "service": self.service.name, "call": call}


def paged(head: Record, rows: list[Record], sums: list[Record], size: int) -> list[Record]:
    """The pages of an answer: a head with call and snapshot, numbered rows, the sums of the trailer."""
    parts = [rows[start : start + size] for start in range(0, len(rows), size)] or [[]]
    return [
        head
        | {
            "page": number,
            ROWS[head["call"]]: part,
            "next": None if number == len(parts) else str(number + 1),
        }
        | (
            {"trailer": {"rows": len(rows), "sums": sums, "digest": digest(rows)}}
            if number == len(parts)
            else {}
        )
        for number, part in enumerate(parts, start=1)
    ]


def _check(call: str, told: Mapping[str, str]) -> None:
    needed, more = _PARAMETERS[call]
    for name in sorted(needed - set(told)):
        raise bad(f"{name} is missing")
    for name in sorted(set(told) - needed - more):
        raise bad(f"{name} is no parameter of {call}")


def _period(told: Mapping[str, str]) -> Period:
    start, end = instant(told["from"], "from"), instant(told["to"], "to")
    if end <= start:
        raise bad("to is not after from")
    return Period(start, end)


def _steps(start: datetime, end: datetime, step: str) -> int:
    """How many steps lie between two instants, or a few more."""
    return (end - start) // timedelta(hours={"hour": 1, "day": 24, "month": 24 * 28}[step])
