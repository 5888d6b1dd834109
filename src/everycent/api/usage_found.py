"""GET /v1/usage/…: records, why they are billed or not, what was rejected, meters, and the archive."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from everycent.api.operation import Asked, reading
from everycent.api.parameters import instant
from everycent.api.shapes import (
    Instant,
    Page,
    Paged,
    Query,
    Shown,
    Zone,
)
from everycent.api.usage_shown import ArchivedPart, with_dimensions
from everycent.archives import queries as archives
from everycent.archives import shown as archives_shown
from everycent.catalog import queries as catalog
from everycent.catalog.intake import IntakePolicy
from everycent.db.connection import Tx
from everycent.flows import find_usage as finding
from everycent.flows import reasons as accounts
from everycent.flows.find_usage import Found, Where
from everycent.integrations.usage_archive import Archive
from everycent.kernel.calendar import zone as known_zone
from everycent.kernel.period import period
from everycent.metering import queries as metering
from everycent.metering.record import EARLIEST, LATEST, check_name

_SCOPE = "usage:read"
_Name = Annotated[str, Meta(min_length=1, max_length=200)]


class WantedRecords(Paged):
    """Which records are wanted: one by its source and id, or those of a subject, a meter or a reason."""

    source: Annotated[_Name | None, Meta(description="The system that the id comes from.")] = None
    record_id: Annotated[
        _Name | None, Meta(description="The id that the record was sent with.")
    ] = None
    subject: _Name | None = None
    meter: _Name | None = None
    reason: Annotated[
        str | None, Meta(description="Why they are billed or not; one of `GET /v1/usage/reasons`.")
    ] = None
    from_: Instant | None = msgspec.field(name="from", default=None)
    to: Instant | None = None
    zone: Annotated[Zone, Meta(description="Where days begin.")] = "UTC"


class FoundRecord(Shown):
    """A stored record. What it says is null where it is in the archive and its file is not there."""

    source: str
    record_id: str
    subject: str | None
    meter: str | None
    at: str | None
    value: str | None
    dimensions: dict[str, str] | None
    recorded_at: str
    is_counted: bool
    changed_by: Annotated[
        str | None, Meta(description="The correction that last took it back or put it back.")
    ]
    kind: Annotated[str | None, Meta(description="What kind of correction that is.")]
    reason: Annotated[str | None, Meta(description="Its reason.")]
    archived: list[ArchivedPart]
    unread: Annotated[str | None, Meta(description="Why it could not be read in the archive.")]


class FoundRecords(Page[FoundRecord]):
    """Records in order of time. `archived` are files of the archive that were not looked at."""

    archived: list[ArchivedPart]


def list_records(tx: Tx, asked: Asked[WantedRecords, None]) -> dict[str, Any]:
    """Stored records. One by its `source` and `record_id`, in the archive too, with what took its place; or
    those of a subject, a meter or a reason, in order of time."""
    told = asked.query
    has_id = told.record_id is not None
    is_other = bool(told.subject or told.meter or told.reason)
    finding.check_asked(has_ids=has_id, has_source=told.source is not None, is_other=is_other)
    if told.source is not None and told.record_id is not None:
        files = Archive(asked.app.settings.home)
        found = finding.by_ids(tx, told.source, [told.record_id], files)
        return {"items": [_told(one) for one in found], "next": None, "archived": []}
    finding.check_reason(told.reason)
    known_zone(told.zone)
    span = period(
        EARLIEST if told.from_ is None else instant(told.from_, told.zone, "from"),
        LATEST if told.to is None else instant(told.to, told.zone, "to"),
    )
    subject = None if told.subject is None else check_name(told.subject, "subject")
    meter = None if told.meter is None else check_name(told.meter, "meter")
    after = finding.parse_cursor(told.after)
    rows = finding.listed(tx, Where(subject, meter, span, told.reason), after, told.size + 1)

    def place(last: Any) -> str:
        assert last.record is not None, "what is listed is in the table"
        return finding.cursor_of(last.record.at, last.key)

    page = asked.page(rows, place)
    return {
        "items": [_told(Found(one)) for one in page.items],
        "next": page.next,
        "archived": [archives_shown.in_short(part) for part in finding.away(tx, span)],
    }


def _told(found: Found) -> dict[str, Any]:
    return with_dimensions(finding.as_data(found))


class UsageCounts(Shown):
    """How many records are stored, in how many batches, and how many of them no roll-up counts yet."""

    records: int
    batches: int
    open_records: int
    open_batches: int


def get_usage_counts(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:  # noqa: ARG001
    """How many records are stored."""
    return accounts.counts_data(metering.counts(tx))


class CountedReason(Shown):
    """How many records there are for a reason, and what to do about it."""

    reason: str
    records: int
    tone: Literal["good", "waits", "look"]
    sentence: str
    advice: str


class RejectedUsage(Shown):
    """How many records were rejected at a door with a code, from which day to which (in UTC)."""

    code: str
    door: str
    records: int
    first_day: date
    last_day: date


class UsageReasons(Shown):
    """Every stored record under exactly one reason; apart from them what was not stored."""

    records: int
    stored: list[CountedReason]
    offered: list[CountedReason]
    archived: list[CountedReason]
    rejected: list[RejectedUsage]


def get_reasons(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:  # noqa: ARG001
    """Every record by the reason why it is billed or not. It reads every record."""
    return accounts.as_data(accounts.reasons(tx))


def list_rejections(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """What was rejected at the doors, counted by code and door, the most frequent first. Records that were
    rejected are not kept."""
    found = [row._asdict() for row in accounts.rejected(tx)]
    return asked.part(found, lambda last: f"{last['code']}@{last['door']}")


class UsageMeter(Shown):
    """A meter that takes records, and the bounds of each record (docs/catalog.md); null is none."""

    meter: str
    unit: str
    value_min: str | None
    value_max: str | None
    accept_days: int | None
    ahead_minutes: int | None
    required: list[str]
    allowed: list[str] | None
    after_invoice: Literal["review", "write_off", "next_invoice", "note"]
    every_minutes: int | None
    grace_minutes: int


def list_usage_meters(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """The meters that take records, with the bounds that each record has to keep."""
    policies = catalog.intake_policies(tx)
    found = [
        {"unit": unit} | msgspec.structs.asdict(policies.get(meter, IntakePolicy(meter)))
        for meter, unit in sorted(catalog.raw_units(tx).items())
    ]
    return asked.part(found, lambda last: str(last["meter"]))


class ArchivePart(Shown):
    """A part of a month in a file of the archive."""

    month: str
    part: int
    file: str
    location: str
    bytes: int
    sha256: str
    records: int
    total: str
    digest: str
    archived_at: str
    place: Annotated[
        Literal["table", "file", "restored"],
        Meta(description="In the table too, in the file alone, or back in the table."),
    ]


def list_archives(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """What was archived, and where its records are."""
    found = [archives_shown.as_data(part) for part in archives.parts(tx)]
    return asked.part(found, lambda last: str(last["file"]))


OPERATIONS = [
    reading("/v1/usage/records", _SCOPE, list_records, FoundRecords, WantedRecords),
    reading("/v1/usage/counts", _SCOPE, get_usage_counts, UsageCounts),
    reading("/v1/usage/reasons", _SCOPE, get_reasons, UsageReasons),
    reading("/v1/usage/rejections", _SCOPE, list_rejections, Page[RejectedUsage], Paged),
    reading("/v1/usage/meters", _SCOPE, list_usage_meters, Page[UsageMeter], Paged),
    reading("/v1/usage/archives", _SCOPE, list_archives, Page[ArchivePart], Paged),
]
