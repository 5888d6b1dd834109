"""Compute: machines by the second, jobs by number.

`vm_time` comes from machines that are started and stopped, told hour by hour, and from seconds that
somebody measured; `jobs` are counted.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from everycent.kernel.money import EXACT
from everycent.kernel.period import Period
from everycent.subservices.accounts import Event, Service, utc_now
from everycent.subservices.book import Book
from everycent.subservices.contract import floor, following, shown

PORT = 8721
ITEMS = {"vm_time": "s", "jobs": "1"}
LEVEL = "vm_time"
"""The item that comes from levels: a machine that runs has level 1, several in one their number."""
_MICROSECOND = timedelta(microseconds=1)


def make(book: Book, key: str, page_size: int, now: Callable[[], datetime] = utc_now) -> Service:
    """The service over its book."""

    def events(period: Period) -> list[Event]:
        return book.events(period) + running(book, period, now())

    return Service("compute", key, ITEMS, book.resources, events, {}, page_size, now)


def running(book: Book, period: Period, now: datetime) -> list[Event]:
    """How long machines ran in a period, until now: an event for each hour, or part of one."""
    end = min(period.end, now)
    if end <= period.start:
        return []
    found = []
    for stretch in book.stretches(LEVEL, Period(period.start, end)):
        at = stretch.start
        while at < stretch.end:
            until = min(following(floor(at, "hour"), "hour"), stretch.end)
            key = f"{stretch.resource}/{LEVEL}/{shown(at)}"
            seconds = EXACT.multiply(stretch.level, _seconds(until - at))
            found.append(Event(key, at, stretch.resource, LEVEL, seconds))
            at = until
    return found


def _seconds(length: timedelta) -> Decimal:
    return Decimal(length // _MICROSECOND) / 1_000_000
