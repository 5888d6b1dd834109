"""Storage: bytes over time, bytes moved, files.

`storage` is measured by the hour: the most that lay on a disk in an hour counts for all of it. 100 GB are
included for each customer at any hour, which storage takes off by itself, first off the disks whose name
comes first. `moved` are bytes that went in or out, `files` the files that were put.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from everycent.kernel.period import Period
from everycent.subservices.accounts import Event, Included, Service, utc_now
from everycent.subservices.book import Book
from everycent.subservices.contract import floor, following, shown

PORT = 8722
ITEMS = {"storage": "B.h", "moved": "B", "files": "1"}
LEVEL = "storage"
"""The item that comes from levels: the bytes on a disk."""
INCLUDED = {LEVEL: Included(100 * 10**9, "hour")}
"""100 GB for each customer, at any hour."""


def make(book: Book, key: str, page_size: int, now: Callable[[], datetime] = utc_now) -> Service:
    """The service over its book."""

    def events(period: Period) -> list[Event]:
        return book.events(period) + lying(book, period, now())

    return Service("storage", key, ITEMS, book.resources, events, INCLUDED, page_size, now)


def lying(book: Book, period: Period, now: datetime) -> list[Event]:
    """What lay on disks in a period, until now: an event for each disk and hour, at its first byte."""
    end = min(_end_of_hour(min(period.end, now)), now)
    if end <= period.start:
        return []
    found: dict[tuple[str, datetime], tuple[datetime, Decimal]] = {}
    for stretch in book.stretches(LEVEL, Period(floor(period.start, "hour"), end)):
        hour = floor(stretch.start, "hour")
        while hour < stretch.end:
            key = (stretch.resource, hour)
            at, most = found.get(key, (max(hour, stretch.start), stretch.level))
            found[key] = (at, max(most, stretch.level))
            hour = following(hour, "hour")
    return [
        Event(f"{resource}/{LEVEL}/{shown(at)}", at, resource, LEVEL, most)
        for (resource, _), (at, most) in found.items()
        if period.contains(at)
    ]


def _end_of_hour(at: datetime) -> datetime:
    hour = floor(at, "hour")
    return hour if hour == at else following(hour, "hour")
