"""What was offered and waits to be stored: bounded, gathered by tenant, in the order in which it came."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import NamedTuple

from everycent.flows.taken import Sorted, Taken
from everycent.kernel.errors import Invalid, Unavailable

AGAIN = "send it again: what is stored already is recognised"
_GATHER_MS = 2
_ENOUGH = 1000  # records: with so many there is nothing to gain by waiting for more
_TOGETHER = 20_000


class Limits(NamedTuple):
    """How much may wait to be stored, what is being stored included."""

    records: int = 50_000
    size_bytes: int = 48_000_000


class Offer(NamedTuple):
    """Records to be stored for one tenant; whoever offered them holds the other end of `future`."""

    tenant_id: int
    sorted: Sorted
    is_atomic: bool
    size_bytes: int
    future: Future[Taken]


class Turn:
    """Lets groups of a tenant claim their keys in the order in which they were gathered."""

    def __init__(self, before: threading.Event | None) -> None:
        self._before = before
        self.had = threading.Event()

    def __enter__(self) -> None:
        if self._before is not None:
            self._before.wait()

    def __exit__(self, *_: object) -> None:
        self.had.set()


class Waiting:
    """The queue between those who offer and those who store. Threads share it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._offers: dict[int, deque[Offer]] = {}
        self._turns: dict[int, threading.Event] = {}
        self._records = 0
        self._bytes = 0
        self._is_closed = False
        self._changed = threading.Condition()

    def add(self, offer: Offer) -> None:
        """Queues an offer. Raises Unavailable `usage.busy`, `usage.closing`, and Invalid
        `usage.too_many_records` for more than a transaction should hold."""
        count = len(offer.sorted.records)
        if count > _TOGETHER:
            raise Invalid(
                "usage.too_many_records",
                f"{count} records were offered together; {_TOGETHER} may be",
                hint="offer them in several calls",
            )
        with self._changed:
            if self._is_closed:
                raise Unavailable(
                    "usage.closing", "usage is not taken in any more: the program ends", hint=AGAIN
                )
            room = _room(offer)
            if (
                self._records + room > self._limits.records
                or self._bytes + offer.size_bytes > self._limits.size_bytes
            ):
                raise Unavailable(
                    "usage.busy",
                    f"{self._records} records are waiting to be stored; no more are taken until some are",
                    hint="send it again in a second; nothing of it was stored",
                )
            self._records += room
            self._bytes += offer.size_bytes
            self._offers.setdefault(offer.tenant_id, deque()).append(offer)
            self._changed.notify()

    def next_group(self) -> tuple[list[Offer], Turn] | None:
        """The next offers to be stored together, all of one tenant, and their turn; waits for some.

        None when somebody else took them, or when `is_done`. An atomic offer is stored alone. Tenants
        take turns. Give the group back with `settle` when it is stored.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._offers or self._is_closed)
            is_little = self._records < _ENOUGH and not self._is_closed
        if is_little:
            time.sleep(_GATHER_MS / 1000)
        with self._changed:
            if not self._offers:
                return None
            tenant_id = next(iter(self._offers))
            offers = self._offers.pop(tenant_id)
            group = _cut(offers)
            if offers:
                self._offers[tenant_id] = offers
                self._changed.notify()
            turn = Turn(self._turns.get(tenant_id))
            self._turns[tenant_id] = turn.had
            return group, turn

    def settle(self, group: Sequence[Offer], turn: Turn) -> None:
        """The group is stored or refused: it takes no room any more, and nobody has to wait for it."""
        with turn:
            pass
        with self._changed:
            self._records -= sum(map(_room, group))
            self._bytes -= sum(offer.size_bytes for offer in group)
            tenant_id = group[0].tenant_id
            if self._turns.get(tenant_id) is turn.had:
                del self._turns[tenant_id]

    def is_done(self) -> bool:
        """Whether nothing waits and nothing will."""
        with self._changed:
            return self._is_closed and not self._offers

    def close(self) -> None:
        """From here on nothing is added."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()


def _room(offer: Offer) -> int:
    """Rejected records take room too: they wait to be counted, and their refusals to be told."""
    return len(offer.sorted.records) + len(offer.sorted.rejected)


def _cut(offers: deque[Offer]) -> list[Offer]:
    """Takes off the front what is stored together."""
    group = [offers.popleft()]
    count = len(group[0].sorted.records)
    while offers and not (group[0].is_atomic or offers[0].is_atomic):
        count += len(offers[0].sorted.records)
        if count > _TOGETHER:
            break
        group.append(offers.popleft())
    return group
