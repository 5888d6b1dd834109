"""Find stored records: by their ids, wherever they are, or by what they say and why they are billed or not.

A record in the archive is known by its key and its batch; what it says is read out of its file, when the
file is where it was put.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from everycent.archives import queries as archives
from everycent.archives import shown
from everycent.archives.archive import Part, Place, span_of
from everycent.corrections import queries as records
from everycent.corrections.queries import Stored
from everycent.corrections.shown import record_data
from everycent.db.connection import Tx
from everycent.flows import reasoned
from everycent.flows.archive_usage import Files
from everycent.flows.reasoned import BEFORE_ALL
from everycent.invoicing.reasons import REASONS, Wanted
from everycent.kernel.errors import Invalid, NotFound, Refusal
from everycent.kernel.near import meant
from everycent.kernel.period import Period, instant_text, parse_instant
from everycent.metering import queries as usage
from everycent.metering.record import LATEST, UsageRecord, content_of, key_of, micros

ASKED_BY_REASON = [reason for reason in REASONS if reason != "archived"]
"""The reasons by which records can be found: those of which we have the records."""
_CURSOR = re.compile(r"(?P<at>[^~]{1,40})~(?P<key>[0-9a-f]{32})")


class Found(NamedTuple):
    """A stored record. `parts` are those of the archive that may hold it, one when it was read there;
    `unread` says why it could not be."""

    stored: Stored
    parts: tuple[Part, ...] = ()
    unread: str | None = None


class Where(NamedTuple):
    """Which records are asked for; None stands for any subject, meter or reason."""

    subject: str | None
    meter: str | None
    period: Period
    reason: str | None = None


def by_ids(tx: Tx, source: str, record_ids: Sequence[str], files: Files) -> list[Found]:
    """The records of some ids, each with what took its place after it.

    Raises NotFound `usage.unknown_record`.
    """
    stored = records.said_of(tx, source, record_ids)
    known = {one.key.bytes for one in stored}
    for record_id in record_ids:
        if key_of(source, record_id) not in known:
            raise NotFound(
                "usage.unknown_record",
                f"there is no record {record_id!r} of the source {source!r}",
                field="id",
                value=record_id,
                hint="ids are unique within a source: is it the source that the record came from?",
            )
    away = [one for one in stored if one.record is None]
    parts = archives.parts_of(tx, sorted({one.batch_id for one in away}))
    read = _read(away, parts, files)
    return [read.get(one.key, Found(one)) for one in stored]


def listed(tx: Tx, where: Where, after: tuple[datetime, UUID], limit: int) -> list[Stored]:
    """The records of the table that are asked for, in order of time, after the one at (time, key)."""
    if where.reason is None:
        return records.stored(tx, where.subject, where.meter, where.period, after, limit)
    names = [("subject", where.subject), ("meter", where.meter)]
    named = [(kind, name) for kind, name in names if name is not None]
    numbers = usage.known_numbers(tx, named)
    if len(numbers) < len(named):
        return []
    by_kind = {kind: number for (kind, _), number in numbers.items()}
    wanted = Wanted(where.reason, by_kind.get("subject"), by_kind.get("meter"))
    since = where.period._replace(start=max(where.period.start, after[0]))
    months = archives.months_in_table(tx, LATEST.date())
    spans = [span for month in months if (span := span_of(month).overlap(since)) is not None]
    return records.with_keys(tx, reasoned.with_reason(tx, spans, wanted, after, limit))


def away(tx: Tx, period: Period) -> list[Part]:
    """The parts of months in a period whose records are in files alone, and so are not `listed`."""
    return [
        part
        for part in archives.parts(tx)
        if part.place is Place.FILE and span_of(part.month).overlap(period) is not None
    ]


def _read(
    wanted: Sequence[Stored], parts: dict[int, list[Part]], files: Files
) -> dict[UUID, Found]:
    """The wanted records out of their files; what can't be read is told with where it may be."""
    found = {one.key: Found(one, tuple(parts.get(one.batch_id, ()))) for one in wanted}
    for part in sorted({part for of_batch in parts.values() for part in of_batch}):
        keys = [one.key for one in wanted if part in found[one.key].parts]
        try:
            read = files.at(part.location).pick(part.file.name, keys)
        except Refusal as refusal:
            for key in keys:
                found[key] = found[key]._replace(unread=refusal.message)
            continue
        for key, record in read.items():
            if _is_what_was_taken_in(record, found[key].stored):
                stored = found[key].stored._replace(record=record)
                found[key] = Found(stored, (part,))
    return found


def _is_what_was_taken_in(record: UsageRecord, stored: Stored) -> bool:
    """Whether what a file says follows from the hashes that stayed in the database."""
    key = key_of(record.source, record.record_id)
    return key == stored.key.bytes and content_of(record, micros(record.at)) == stored.content


def check_asked(*, has_ids: bool, has_source: bool, is_other: bool) -> None:
    """Refuses what names no records, or names them in two ways, with Invalid `find.source_and_id` and
    `find.what`."""
    if has_ids != has_source:
        raise Invalid(
            "find.source_and_id",
            "ids are unique within a source, so both are needed",
            field="source" if has_ids else "id",
            hint="give --source and one or more ids; records are also found by --subject, --meter"
            " and --reason",
        )
    if has_ids == is_other:
        raise Invalid(
            "find.what",
            "records are found either by --source and ids, or by --subject, --meter and --reason",
            field="subject",
            hint="leave out one of both"
            if has_ids
            else "name a subject, a meter or a reason, or a source and ids",
        )


def check_reason(reason: str | None) -> None:
    """Refuses a reason by which no records are found, with Invalid `find.bad_reason`."""
    if reason is not None and reason not in ASKED_BY_REASON:
        raise Invalid(
            "find.bad_reason",
            f"records are not found by the reason {reason[:60]!r}",
            field="reason",
            value=reason,
            hint=f"{meant(reason, ASKED_BY_REASON)} there are {', '.join(ASKED_BY_REASON)}".strip(),
        )


def cursor_of(at: datetime, key: UUID) -> str:
    """The cursor of a page that ends with the record at `at` with the key."""
    return f"{instant_text(at)}~{key.hex}"


def parse_cursor(text: str | None) -> tuple[datetime, UUID]:
    """Time and key after which a page begins; None stands for the first page. Raises Invalid
    `page.bad_cursor`, `time.malformed`."""
    if text is None:
        return BEFORE_ALL
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise Invalid(
            "page.bad_cursor",
            f"{text[:60]!r} is not a cursor",
            field="page",
            value=text,
            hint="pass on what the page before ended with",
        )
    return parse_instant(match["at"], "page"), UUID(match["key"])


def as_data(found: Found) -> dict[str, Any]:
    """A record as a program gets it, whether it counts, and where it is."""
    one = found.stored
    said: dict[str, Any] = dict.fromkeys(UsageRecord._fields)
    if one.record is not None:
        said = record_data(one.record)
    return said | {
        "source": one.source,
        "record_id": one.record_id,
        "recorded_at": instant_text(one.recorded_at),
        "is_counted": one.is_counted,
        "changed_by": None if one.changed_by is None else str(one.changed_by),
        "kind": one.kind,
        "reason": one.reason,
        "archived": [shown.in_short(part) for part in found.parts],
        "unread": found.unread,
    }
