"""Correction: why records stopped counting and others took their place. Nothing is ever edited.

A record that was wrong is taken back by a reversal, and what should have been said is a record of its
own: the first replacement of id `X` has the id `X~2`, the next one `X~3`. An undo takes back what a
correction added and puts back what it took; it is a correction too, and can be undone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import msgspec

from everycent.journal.types import EventType
from everycent.kernel.errors import Invalid
from everycent.metering.record import UsageRecord

MAX_REASON = 500
MAX_RECORDS = 1_000_000
_TOLD_RECORDS = 100
_REPLACEMENT = re.compile(r"~([2-9]|[1-9][0-9]+)$", re.ASCII)


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


class Known(NamedTuple):
    """A record that is stored. `is_standing` says whether it counts at present."""

    key: bytes
    record: UsageRecord
    content: bytes
    is_standing: bool


class Changes(NamedTuple):
    """What a correction does: keys to take back, keys to put back, records to add under their ids."""

    voids: tuple[bytes, ...]
    restores: tuple[bytes, ...]
    adds: tuple[UsageRecord, ...]
    unchanged: int = 0

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


def first_saying(record_id: str) -> str:
    """The id that was given first, without the number of a replacement."""
    return _REPLACEMENT.sub("", record_id)


def settled(
    wanted: Sequence[UsageRecord],
    sayings: Mapping[UsageRecord, Known | None],
    present: Iterable[Known],
) -> Changes:
    """What makes exactly the wanted records count among those `present` at first.

    `sayings` tells for each wanted record, under the id that it takes, the stored record with the same
    content, or None where it has to be added. Whatever is present and not wanted is taken back.
    """
    kept: set[bytes] = set()
    restores, adds = [], []
    for record in wanted:
        known = sayings[record]
        if known is None:
            adds.append(record)
            continue
        kept.add(known.key)
        if not known.is_standing:
            restores.append(known.key)
    voids = [known.key for known in present if known.is_standing and known.key not in kept]
    unchanged = len(wanted) - len(adds) - len(restores)
    return Changes(tuple(voids), tuple(restores), tuple(adds), unchanged)


def told(records: Iterable[UsageRecord]) -> tuple[tuple[str, str], ...]:
    """The first hundred records by source and id, in order."""
    return tuple(sorted({(record.source, record.record_id) for record in records})[:_TOLD_RECORDS])
