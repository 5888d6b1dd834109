"""Days of grace: for how long a period that has ended stays open for late usage before it is billed.

What falls due for a customer at one instant is one document, and waits as a whole: what is given back with
a change stands with what is charged instead. What goes on from something that waits, waits too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Protocol, TypeVar
from uuid import UUID

from everycent.kernel.calendar import local_date, start_of_day
from everycent.subscriptions.schedule import Due

_INSTANT = timedelta(microseconds=1)


class Item(Protocol):
    """What is looked at of an item that is due."""

    @property
    def customer_id(self) -> UUID:
        """Who pays for it."""

    @property
    def subscription_id(self) -> UUID:
        """The contract."""

    @property
    def item_no(self) -> int:
        """Its number in the contract."""

    @property
    def time_zone(self) -> str:
        """The clock by which days are counted."""

    @property
    def in_advance(self) -> bool:
        """Whether it falls due when its period begins."""

    @property
    def due(self) -> Due:
        """The period, and when it fell due."""

    @property
    def before(self) -> object | None:
        """What was charged for the period before; None: nothing was."""


_D = TypeVar("_D", bound=Item)


@lru_cache(maxsize=4096)
def open_until(ends_at: datetime, time_zone: str, days: int) -> datetime:
    """Until when a period is open that ends at an instant: so many whole days more, on a clock."""
    last = local_date(ends_at - _INSTANT, time_zone)
    return start_of_day(last + timedelta(days=1 + days), time_zone)


def split(dues: Sequence[_D], as_of: datetime, days: int) -> tuple[list[_D], list[_D]]:
    """What of the due items is billed as of an instant, and what waits; each in the order given."""
    if not days:
        return list(dues), []
    documents: dict[tuple[datetime, UUID], list[_D]] = {}
    for due in dues:
        documents.setdefault((due.due.due_at, due.customer_id), []).append(due)
    waiting: set[tuple[datetime, UUID]] = set()
    items: set[tuple[UUID, int]] = set()
    for document in sorted(documents):
        own = {(due.subscription_id, due.item_no) for due in documents[document]}
        if not items.isdisjoint(own) or any(
            _is_open(due, as_of, days) for due in documents[document]
        ):
            waiting.add(document)
            items |= own
    now = [due for due in dues if (due.due.due_at, due.customer_id) not in waiting]
    return now, [due for due in dues if (due.due.due_at, due.customer_id) in waiting]


def next_release(waiting: Iterable[Item], as_of: datetime, days: int) -> datetime | None:
    """The first instant at which anything can be billed of what waits; None: nothing waits."""
    return min(
        (
            open_until(due.due.period.end, due.time_zone, days)
            for due in waiting
            if _is_open(due, as_of, days)
        ),
        default=None,
    )


def _is_open(due: Item, as_of: datetime, days: int) -> bool:
    if due.in_advance or due.before is not None:
        return False
    return as_of < open_until(due.due.period.end, due.time_zone, days)
