"""Cells of a file as fields of records: readers that are made once and read column by column.

Each takes the texts of some rows and raises Invalid for the first bad one among them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import repeat

from everycent.kernel.calendar import Repeated, Skipped, resolve_wall
from everycent.kernel.errors import Invalid
from everycent.metering.offered import texts_of, told_twice, unknown_meter
from everycent.metering.record import (
    EARLIEST,
    LATEST,
    canonical_dimensions,
    check_giver,
    check_name,
    check_time,
)
from everycent.metering.wire_plain import check_source

_REMEMBERED = 65_536
_REMEMBERED_CHARS = 1000  # longer objects are worked out each time, so that memory stays bounded


def source_reader(default: str | None) -> Callable[[Sequence[str]], list[str]]:
    """Reads sources; an empty cell is the default, and no other may be told where there is one."""
    if default is not None:
        check_giver(default)

    @lru_cache(maxsize=1024)
    def read(text: str) -> str:
        if not text and default is not None:
            return default
        return check_source(check_giver(text), default)

    return lambda texts: list(map(read, texts))


def subject_reader() -> Callable[[Sequence[str]], list[str]]:
    """Reads subjects."""
    seen: dict[str, str] = {}  # one object per name takes less memory and is hashed once

    def fresh(text: str) -> str:
        if len(seen) >= _REMEMBERED:
            seen.clear()
        return seen.setdefault(check_name(text, "subject"), text)

    return lambda texts: [seen.get(text) or fresh(text) for text in texts]


def meter_reader(meters: Collection[str]) -> Callable[[Sequence[str]], list[str]]:
    """Reads meters, which are among those that take records."""
    known = {meter: meter for meter in meters}

    def read(texts: Sequence[str]) -> list[str]:
        try:
            return [known[text] for text in texts]
        except KeyError as error:
            raise unknown_meter(error.args[0], meters) from None

    return read


def dimensions_reader(
    names: Sequence[str], left_out: Collection[str] = ()
) -> Callable[[Sequence[Sequence[str]], Sequence[str]], list[str]]:
    """Reads dimensions out of their columns and out of JSON objects, which may be empty texts; those
    in `left_out` are not looked at there."""

    def text_of(values: tuple[str, ...], given: str) -> str:
        told = texts_of(given.encode())
        for name in left_out:
            told.pop(name, None)
        for name, value in zip(names, values, strict=True):
            if value and name in told:
                raise told_twice(name)
            told[name] = value or told.get(name, "")
        return canonical_dimensions(told)

    remembered = lru_cache(maxsize=_REMEMBERED)(text_of)

    def read(columns: Sequence[Sequence[str]], objects: Sequence[str]) -> list[str]:
        rows = zip(*columns, strict=True) if columns else repeat((), len(objects))
        if not any(objects):
            return [remembered(values, "") for values in rows]
        return [
            (remembered if len(given) <= _REMEMBERED_CHARS else text_of)(values, given)
            for values, given in zip(rows, objects, strict=True)
        ]

    return read


def time_reader(
    time_zone: str | None, skipped: Skipped, repeated: Repeated
) -> Callable[[Sequence[str]], list[datetime]]:
    """Reads instants; those without an offset are on the clocks of the zone, and refused without one."""

    @lru_cache(maxsize=_REMEMBERED)
    def read(text: str) -> datetime:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise Invalid(
                "time.malformed",
                f"{text[:40]!r} is not a date and time",
                field="at",
                value=text,
                hint="write it like 2026-03-01T00:00:00Z or 2026-03-01 00:00:00",
            ) from None
        if not EARLIEST.year - 1 <= at.year <= LATEST.year:  # so that no offset can overflow
            return check_time(at.replace(tzinfo=UTC))
        if at.tzinfo is not None:
            return check_time(at.astimezone(UTC))
        if time_zone is None:
            raise Invalid(
                "time.naive",
                f"{text} says no time zone and none is set",
                field="at",
                value=text,
                hint="name the clock with --zone Europe/Zagreb (or --zone UTC)",
            )
        return check_time(resolve_wall(at, time_zone, skipped, repeated))

    def read_all(texts: Sequence[str]) -> list[datetime]:
        try:
            times = [datetime.fromisoformat(text) for text in texts]
        except ValueError:
            times = []
        in_utc = {at.tzinfo for at in times} == {UTC}
        if in_utc and min(times) >= EARLIEST and max(times) < LATEST:
            return times
        return [read(text) for text in texts]

    return read_all
