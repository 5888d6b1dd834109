"""What an interval's measurement becomes: usage records whose ids follow from the interval.

An id is made of the measurement's key, the interval's start and the subject, so an interval that is
measured again after a crash finds its own records. A subject that has several records in one interval
has one that leads; the others follow it, and are stored only where the leading one stands unchanged.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from everycent.kernel.period import Period, instant_text
from everycent.kernel.quantity import plain
from everycent.measurements.answer import Row
from everycent.measurements.elapsed import elapsed, level_over
from everycent.measurements.measurement import Measurement, Sample, Time
from everycent.metering.record import (
    MAX_NAME,
    UsageRecord,
    canonical_dimensions,
    canonical_value,
)

_MARK_CHARS = 16


class Span(NamedTuple):
    """When something ran for a subject; `end` is None while it still runs."""

    subject: str
    start: datetime
    end: datetime | None


class Gathered(NamedTuple):
    """The records of one interval: one that leads for each subject, and those that follow."""

    interval: Period
    leading: list[UsageRecord]
    following: list[UsageRecord]


def by_subject(spans: Iterable[Span]) -> dict[str, list[Span]]:
    """The spans of each subject, in order of the subjects."""
    found: dict[str, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: span.subject):
        found[span.subject].append(span)
    return found


def parts_of(spans: Mapping[str, Sequence[Span]], interval: Period) -> dict[str, list[Period]]:
    """For each subject the parts of the interval in which any of its spans ran, in order.

    Time flows once however many spans run side by side, and a part ends where a span begins or ends:
    what belongs to one contract is not told under the time of another.
    """
    start, end = interval
    whole = [interval]  # one object for the many subjects whose only span runs all the time
    found = {}
    for subject, own in spans.items():
        _, begins, ends = own[0]
        if len(own) == 1 and begins <= start and (ends is None or ends >= end):
            found[subject] = whole
        elif parts := _cut(own, interval):
            found[subject] = parts
    return found


def _cut(spans: Sequence[Span], interval: Period) -> list[Period]:
    ran = [
        Period(max(span.start, interval.start), min(span.end or interval.end, interval.end))
        for span in spans
    ]
    ran = [part for part in ran if part.start < part.end]
    marks = sorted({mark for part in ran for mark in part})
    pieces = map(Period, marks, marks[1:])
    return [piece for piece in pieces if any(p.start <= piece.start < p.end for p in ran)]


def of_time(
    measurement: Measurement, interval: Period, parts: Mapping[str, Sequence[Period]]
) -> Gathered:
    """The time that flowed in each part."""
    kind = measurement.kind
    assert isinstance(kind, Time)
    unit, zone = kind.unit, measurement.time_zone
    whole = plain(elapsed(unit, interval, interval, zone))
    told = (
        (
            subject,
            part,
            whole if part is interval else plain(elapsed(unit, part, interval, zone)),
        )
        for subject, found in parts.items()
        for part in found
    )
    return _gathered(measurement, interval, told)


def of_levels(
    measurement: Measurement,
    interval: Period,
    parts: Mapping[str, Sequence[Period]],
    levels: Mapping[str, Decimal],
) -> Gathered:
    """Each subject's level times the time of its parts; a subject without a level has no record.

    Raises Invalid `number.malformed` when the product has more digits than a record may have.
    """
    kind = measurement.kind
    assert isinstance(kind, Sample)
    unit, zone = kind.unit, measurement.time_zone
    told = (
        (
            subject,
            part,
            canonical_value(plain(level_over(levels[subject], unit, part, interval, zone))),
        )
        for subject, found in parts.items()
        if subject in levels
        for part in found
    )
    return _gathered(measurement, interval, told)


def _gathered(
    measurement: Measurement, interval: Period, told: Iterable[tuple[str, Period, str]]
) -> Gathered:
    """Records at the start of each part, so that they fall into the contract that ran then."""
    key, source, meter = measurement.key, measurement.source, measurement.meter
    start_text = instant_text(interval.start)
    dimensions = _dimensions(tuple(sorted(measurement.dimensions.items())))
    gathered = Gathered(interval, [], [])
    parts: dict[str, int] = defaultdict(int)
    for subject, part, value in told:
        parts[subject] += 1
        number = parts[subject]
        mark = "" if number == 1 else str(number)
        made = UsageRecord(
            source, record_id(key, start_text, subject, mark), subject, meter, part.start, value,
            dimensions,
        )  # fmt: skip
        (gathered.following if mark else gathered.leading).append(made)
    return gathered


@lru_cache(maxsize=1024)
def _dimensions(pairs: tuple[tuple[str, str], ...]) -> str:
    return canonical_dimensions(dict(pairs))


def of_rows(measurement: Measurement, interval: Period, rows: Iterable[Row]) -> Gathered:
    """What a source answered. Of a subject with several sets of dimensions the first in order leads."""
    start_text = instant_text(interval.start)
    gathered = Gathered(interval, [], [])
    last = None
    for row in sorted(rows, key=lambda row: (row.subject, row.dimensions)):
        mark = "" if row.subject != last else _digest(row.dimensions)[:_MARK_CHARS]
        last = row.subject
        made = UsageRecord(
            measurement.source,
            record_id(measurement.key, start_text, row.subject, mark),
            row.subject,
            measurement.meter,
            row.at,
            row.value,
            row.dimensions,
        )
        (gathered.following if mark else gathered.leading).append(made)
    return gathered


def record_id(key: str, start_text: str, subject: str, mark: str = "") -> str:
    """The id of a subject's record in the interval that starts at `start_text`; `mark` tells further
    ones apart. Where it would be too long, a digest stands for it.

    Neither keys nor instants hold '/', '#' or '~': no two subjects have the same id. A '~' of a subject is
    written '~0', so that no id looks like that of a replacement (`vm~2`).
    """
    subject = subject.replace("~", "~0")
    text = f"{key}/{start_text}#{mark}/{subject}" if mark else f"{key}/{start_text}/{subject}"
    return text if len(text) <= MAX_NAME else f"{key}/{start_text}~{_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
