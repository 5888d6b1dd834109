"""Report: what all sub-services of a configuration say was used in a period; complete, frozen, and once.

begun ──► built         every sub-service answered as a whole: there is a report, for ever
   └────► refused       one of them did not: there is none; what was wrong is kept, and it is pulled again
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

import msgspec

from everycent.journal.types import EventType
from everycent.kernel.canonical import digest
from everycent.kernel.period import Period
from everycent.reports.config import Config, Item, Service, Subject
from everycent.reports.contract import Line, Sum
from everycent.reports.judge import Gathered, sums_of

_GAPS = (10, 60, 300, 900, 1800, 3600)


class Span(msgspec.Struct, frozen=True):
    """A period as it stands in an event."""

    start: datetime
    end: datetime

    @property
    def period(self) -> Period:
        """The same as a period."""
        return Period(self.start, self.end)


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was wrong with a sub-service; `evidence` is what it answered, where that was something."""

    service: str
    call: str
    trouble: str
    what: str
    page: int = 0
    evidence: UUID | None = None


class Part(msgspec.Struct, frozen=True):
    """What a sub-service gave: of which state of its data, how many, and what that comes to."""

    service: str
    snapshot: str
    resources: int
    resources_digest: str
    lines: int
    lines_digest: str
    sums: tuple[Sum, ...]


class Begun(msgspec.Struct, frozen=True):
    """Somebody pulls a report, from the sub-services of this configuration."""

    attempt_id: UUID
    name: str
    span: Span
    config: str
    config_digest: str
    tries: int


class Refused(msgspec.Struct, frozen=True):
    """It came to nothing. `parts` are those that were whole; nothing of them is used."""

    attempt_id: UUID
    name: str
    config: str
    problems: tuple[Problem, ...]
    parts: tuple[Part, ...]
    tries: int
    next_at: datetime


class Built(msgspec.Struct, frozen=True):
    """The report. `digest` is over everything else; `billed` is how many usage records were made of it."""

    attempt_id: UUID
    name: str
    span: Span
    config: str
    config_digest: str
    tries: int
    parts: tuple[Part, ...]
    billed: int
    digest: str


class Compared(msgspec.Struct, frozen=True):
    """A report was pulled again, to compare: the sub-services that say something else now."""

    name: str
    digest: str
    differing: tuple[str, ...]
    problems: tuple[Problem, ...]


BEGUN = EventType("report.begun", 1, Begun)
REFUSED = EventType("report.refused", 1, Refused)
BUILT = EventType("report.built", 1, Built)
COMPARED = EventType("report.compared", 1, Compared)


def stream(name: str) -> str:
    """The stream of a period's report."""
    return f"report:{name}"


class Converted(NamedTuple):
    """A line with what becomes of it: usage of a subject on a meter."""

    line: Line
    item: Item
    subject: str
    value: Decimal


def converted(service: Service, lines: Iterable[Line]) -> list[Converted]:
    """What becomes of lines. Raises Invalid `unit.too_many_digits`."""
    items = {one.item: (one, one.conversion) for one in service.items}
    found = []
    for line in lines:
        item, conversion = items[line.item]
        subject = line.customer if item.subject is Subject.CUSTOMER else line.resource
        found.append(Converted(line, item, subject, conversion.of(Decimal(line.billable))))
    return found


def part_of(service: str, resources: Gathered, lines: Gathered) -> Part:
    """What a sub-service gave."""
    return Part(
        service, lines.snapshot, len(resources.rows), resources.digest, len(lines.rows),
        lines.digest, tuple(sums_of(lines.rows)),
    )  # fmt: skip


def digest_of(name: str, span: Span, config: Config, parts: Sequence[Part]) -> str:
    """What names a report's content. The names of snapshots do not belong to it."""
    told = [msgspec.structs.replace(one, snapshot="") for one in parts]
    return digest([name, span, config.digest, told]).hex()


def differing(before: Sequence[Part], now: Sequence[Part]) -> tuple[str, ...]:
    """The sub-services that say something else now."""
    stood = {one.service: (one.lines_digest, one.resources_digest) for one in before}
    return tuple(
        one.service
        for one in now
        if stood.get(one.service) != (one.lines_digest, one.resources_digest)
    )


def next_try(tries: int, at: datetime) -> datetime:
    """When it is pulled again after so many tries."""
    return at + timedelta(seconds=_GAPS[min(tries, len(_GAPS)) - 1])
