"""Correction: why records stopped counting and others took their place. Nothing is ever edited.

A record that was wrong is taken back by a reversal, and what should have been said is a record of its
own, its next *saying*: the second saying of `X` has the id `X~2`, the third `X~3`, and what belongs
together is written down with their keys (`usage_saying`), not read off the ids. Of all sayings at most
one counts. An undo takes back what a correction added and puts back what it took; it is a correction
too, and can be undone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import msgspec

from everycent.journal.types import EventType
from everycent.kernel.calendar import add_months
from everycent.kernel.errors import Invalid
from everycent.kernel.period import Period
from everycent.metering.record import UsageRecord, content_of, key_of, micros

MAX_REASON = 500
MAX_RECORDS = 1_000_000
_TOLD_RECORDS = 100


class Kind(StrEnum):
    """VOID: records were taken back. REPLACE: others took the place of some. BACKFILL: a span of time
    was made to say what a file says. UNDO: an earlier correction was."""

    VOID = "void"
    REPLACE = "replace"
    BACKFILL = "backfill"
    UNDO = "undo"


class Corrected(msgspec.Struct, frozen=True, omit_defaults=True):
    """The event. `digest` is over the keys of all records that it took back, put back and added; the
    first hundred are told by source and id. `span` is the time from the first to the last of them."""

    correction_id: UUID
    kind: Kind
    reason: str
    batch_id: int
    voided: int
    restored: int
    added: int
    digest: str
    records: tuple[tuple[str, str], ...] = ()
    span: tuple[datetime, datetime] | None = None
    undoes: UUID | None = None


CORRECTED = EventType("usage.corrected", 1, Corrected)


class Saying(NamedTuple):
    """What was said under an id, wherever the record is now: its number, its key, its content, whether it
    counts at present, and the key of the first saying of the id."""

    first_key: bytes
    number: int
    key: bytes
    content: bytes
    is_standing: bool


class Changes(NamedTuple):
    """What a correction does: keys to take back, keys to put back, records to add under their ids. `links`
    tell of each of those that takes another one's place the first key, its number, and its own key."""

    voids: tuple[bytes, ...]
    restores: tuple[bytes, ...] = ()
    adds: tuple[UsageRecord, ...] = ()
    links: tuple[tuple[bytes, int, bytes], ...] = ()

    def is_empty(self) -> bool:
        """Whether everything is as it should be already."""
        return not (self.voids or self.restores or self.adds)


def check_reason(reason: str) -> str:
    """The reason when there is one. Raises Invalid `correction.no_reason`."""
    text = reason.strip()
    if 0 < len(text) <= MAX_REASON and text.isprintable():
        return text
    raise Invalid(
        "correction.no_reason",
        f"a correction needs a reason of 1 to {MAX_REASON} printable characters",
        field="reason",
        value=reason[:60],
        hint="say why, for whoever reads the books later",
    )


def revised(record: UsageRecord, number: int) -> UsageRecord:
    """The record under the id of its `number`-th saying; the first one has the id itself."""
    return record if number == 1 else record._replace(record_id=f"{record.record_id}~{number}")


def settled(
    wanted: Iterable[UsageRecord],
    sayings: Mapping[bytes, Sequence[Saying]],
    standing: Iterable[bytes],
) -> Changes:
    """What makes exactly the wanted records count among those that are `standing` at first.

    `sayings` tells by first key what was ever said under an id, in order. A wanted record that was said
    before is that saying; another one becomes the next. Whatever stands and is not wanted is taken back.
    """
    kept: set[bytes] = set()
    restores, adds, links = [], [], []
    for record in wanted:
        first_key = key_of(record.source, record.record_id)
        before = sayings.get(first_key, ())
        content = content_of(record, micros(record.at))
        same = [said for said in before if said.content == content]
        if not same:
            number = before[-1].number + 1 if before else 1
            adds.append(revised(record, number))
            if number > 1:
                links.append((first_key, number, key_of(record.source, adds[-1].record_id)))
            continue
        said = next((each for each in same if each.is_standing), same[0])
        kept.add(said.key)
        if not said.is_standing:
            restores.append(said.key)
    voids = [key for key in standing if key not in kept]
    return Changes(tuple(voids), tuple(restores), tuple(adds), tuple(links))


def months_of(period: Period) -> Iterator[date]:
    """The first days of the UTC months that a period touches."""
    month = period.start.date().replace(day=1)
    while datetime.combine(month, time(), UTC) < period.end:
        yield month
        month = add_months(month, 1)


def told(records: Iterable[UsageRecord]) -> tuple[tuple[str, str], ...]:
    """The first hundred records by source and id, in order."""
    return tuple(sorted({(record.source, record.record_id) for record in records})[:_TOLD_RECORDS])
