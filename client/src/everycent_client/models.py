"""What the API takes and answers. Written by scripts/client.py out of the operations."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

Severity = Literal["critical", "warning"]


class AcceptedGap(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A gap for which no records will come, and why."""

    subject: str
    meter: str
    starts_at: str
    reason: str


class Alarm(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something that is or was wrong, and what became of it."""

    alarm: str
    state: Literal["acknowledged", "raised", "resolved"]
    severity: Severity
    kind: str
    subject: str
    message: str
    source: str
    raised_at: str
    acknowledged_at: str | None
    acknowledged_by: str | None
    resolved_at: str | None
    resolved_by: str | None
    reason: str


class ArchivePart(msgspec.Struct, kw_only=True, omit_defaults=True):
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
    place: Literal["file", "restored", "table"]


class ArchivedPart(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A file of the archive that holds records of a month."""

    month: str
    file: str
    location: str
    records: int
    archived_at: str


class BackfilledSpan(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a span of time should say: all its records, of these subjects and meters. What
    is missing is     added, what differs is replaced, what is not told is taken back."""

    records: list[SaidRecord]
    from_: str = msgspec.field(name="from")
    to: str
    zone: str | UnsetType = UNSET
    subjects: list[str]
    meters: list[str]
    source: str | None
    reason: str


class ChartSeries(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The values of one row in every slot; null where there are no records."""

    kind: Literal["all", "none", "other", "value"]
    name: str
    values: list[str | None]


class ChartSlot(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A time of the chart."""

    label: str
    starts_at: str
    ends_at: str


class CheckedGaps(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How many gaps were opened and closed by the look."""

    opened: int
    closed: int


class ClosedGap(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A gap that is closed for good."""

    subject: str
    meter: str
    starts_at: str
    outcome: Literal["accepted"]


class CorrectedAmounts(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What comes out differently."""

    net: str
    tax: str
    gross: str


class CorrectedInvoice(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An invoice that stands as it was issued, and what it would say now."""

    invoice: str
    customer: str
    currency: str
    difference: CorrectedAmounts
    lines: list[CorrectedLine]


class CorrectedLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A line of an invoice that would come out differently."""

    line_no: int
    subscription: str | None
    what: str
    starts_at: str
    ends_at: str
    unit: str | None
    billed: RatedLine
    before: RatedLine
    after: RatedLine
    difference: str | None


class CorrectedPeriod(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A period that is not billed yet."""

    subscription: str
    what: str
    starts_at: str
    ends_at: str
    unit: str
    before: str | None
    after: str | None
    refusal: WhyNot | None


class CorrectedRecords(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How many records are taken back, put back, added, and are right already."""

    voided: int
    restored: int
    added: int
    unchanged: int


class Correction(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Records that were corrected together: how many were taken back, put back and
    added."""

    correction_id: str
    kind: Literal["backfill", "replace", "undo", "void"]
    reason: str
    undoes: str | None
    voided: int
    restored: int
    added: int
    batch_id: int
    recorded_at: str
    actor: str
    undone_by: str | None


class CorrectionEffect(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a correction changes; `correction` is null for a preview."""

    correction: str | None
    is_preview: bool
    kind: Literal["backfill", "replace", "undo", "void"]
    reason: str
    records: CorrectedRecords
    invoices: list[CorrectedInvoice]
    lines_that_stay_the_same: int
    customers: list[CustomerDifferences]
    unbilled: list[CorrectedPeriod]
    notes: list[str]


class CountedReason(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How many records there are for a reason, and what to do about it."""

    reason: str
    records: int
    tone: Literal["good", "look", "waits"]
    sentence: str
    advice: str


class CustomerDifferences(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What comes out differently for a customer in a currency."""

    net: str
    tax: str
    gross: str
    customer: str
    currency: str


class DimensionTotal(msgspec.Struct, kw_only=True, omit_defaults=True):
    """All records that have a value of the dimension; `value` is empty for those without
    it."""

    value: str
    records: int
    total: str
    low: str
    high: str
    latest: str


class Ended(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why an alarm is over."""

    reason: str


class Entry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One change that was asked for, or something that was asked for and not allowed."""

    entry: str
    at: str
    actor: str
    address: str
    agent: str
    operation: str
    path: str
    status: int
    code: str
    request_id: str


class FoundRecord(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A stored record. What it says is null where it is in the archive and its file is not
    there."""

    source: str
    record_id: str
    subject: str | None
    meter: str | None
    at: str | None
    value: str | None
    dimensions: str | None
    recorded_at: str
    is_counted: bool
    changed_by: str | None
    kind: str | None
    reason: str | None
    archived: list[ArchivedPart]
    unread: str | None


class FoundRecords(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Records in order of time. `archived` are files of the archive that were not looked
    at."""

    items: list[FoundRecord]
    next: str | None
    archived: list[ArchivedPart]


class Health(msgspec.Struct, kw_only=True, omit_defaults=True):
    """It works."""

    status: str


class Key(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An API key without its text, which nobody keeps."""

    key_id: str
    name: str
    scopes: list[str]
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    used_at: str | None


class MadeKey(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A new key. Its text is shown here and never again: it is null when the request is
    repeated."""

    key_id: str
    name: str
    scopes: list[str]
    expires_at: str | None
    key: str | None


class MeterTotal(msgspec.Struct, kw_only=True, omit_defaults=True):
    """All records of a meter, and the sum of their values."""

    meter: str
    subjects: int
    records: int
    total: str


class NewKey(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A key that is wanted."""

    name: str
    scopes: list[str]
    expires_at: str | UnsetType | None = UNSET


class NewThreshold(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is to be watched: of a customer or a subject, a meter or (without one) the
    running cost."""

    value: str
    customer: str | UnsetType | None = UNSET
    subject: str | UnsetType | None = UNSET
    meter: str | UnsetType | None = UNSET


class OfferedData(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The data of an event; further members are dimensions."""

    value: str | float | UnsetType = UNSET
    dimensions: dict[str, str | float | bool | None] | UnsetType = UNSET


class OfferedEvent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A CloudEvent 1.0. Extension attributes are not looked at."""

    specversion: str
    id: str
    source: str
    subject: str
    type: str
    time: str
    data: OfferedData | UnsetType | None = UNSET


class OfferedRecord(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Somebody's use of something, once for ever: `id` is unique within `source`."""

    id: str
    source: str
    subject: str
    meter: str
    at: str
    value: str | float
    dimensions: dict[str, str | float | bool | None] | UnsetType = UNSET


class OfferedResult(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of a record that was not accepted, by its position in the request."""

    position: int
    status: str
    id: str | UnsetType | None = UNSET
    code: str | UnsetType | None = UNSET
    message: str | UnsetType | None = UNSET
    field: str | UnsetType | None = UNSET
    value: str | UnsetType | None = UNSET
    hint: str | UnsetType | None = UNSET
    offered: StoredRecord | UnsetType | None = UNSET
    stored: StoredRecord | UnsetType | None = UNSET


class Plan(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The exact effect that a change would have now."""

    plan: str
    events: dict[str, int]
    documents: list[PlannedDocument]
    postings: list[PlannedPosting]


class PlannedDocument(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A document that would be issued."""

    kind: str
    customer: str
    currency: str
    gross: str
    prepaid: str


class PlannedPosting(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What would be posted to an account; debits are positive."""

    account: str
    customer: str
    currency: str
    amount: str


class RatedLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a line says, or why it can't be rated."""

    quantity: str | UnsetType | None = UNSET
    net: str | UnsetType | None = UNSET
    refusal: WhyNot | UnsetType | None = UNSET


class RefusedSubscription(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why a subscription can't be worked out."""

    code: str
    message: str
    field: str | UnsetType | None = UNSET
    value: str | UnsetType | None = UNSET
    hint: str | UnsetType | None = UNSET
    subscription: str


class RejectedUsage(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How many records were rejected at a door with a code, from which day to which (in
    UTC)."""

    code: str
    door: str
    records: int
    first_day: str
    last_day: str


class RemovedThreshold(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A threshold that is watched no longer."""

    key: str
    is_removed: bool


class ReplacedRecords(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Records, each of which takes the place of the one with its source and id."""

    records: list[SaidRecord]
    reason: str


class RevokedKey(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A key that opens nothing any more; `is_new` where it did until now."""

    key_id: str
    is_new: bool


class RunningCost(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a customer has used and would owe. It is no invoice."""

    customer: str
    as_of: str
    lines: list[RunningLine]
    totals: list[RunningTotal]
    refused: list[RefusedSubscription]
    unseen: list[UnseenUsage]
    is_invoice: Literal[False]
    note: str


class RunningLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A price of a subscription in a period that is not billed yet."""

    subscription: str
    item_no: int
    price: str
    product: str
    state: Literal["billed", "due", "late", "running"]
    paid_by: str | None
    starts_at: str
    ends_at: str
    quantity: str | None
    unit: str | None
    records: int
    net: str
    currency: str


class RunningTotal(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is not billed yet in a currency, net of taxes."""

    currency: str
    net: str


class SaidRecord(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A record as it should be, in the plain form of POST /v1/usage; its value is a
    text."""

    source: str
    id: str
    subject: str
    meter: str
    at: str
    value: str
    dimensions: dict[str, str] | UnsetType = UNSET


class Spooled(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The database is away: so many records are durable on the server's disk, and are taken
    in when it is     back. Those that can't be are told to the operator, not to whoever
    sent them."""

    spooled: int
    batch: str


class StoredRecord(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A record in the plain form."""

    id: str
    source: str
    subject: str
    meter: str
    at: str
    value: str
    dimensions: dict[str, str]


class TakenIn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of the records: all but the accepted ones are told in `results`."""

    accepted: int
    duplicates: int
    conflicts: int
    rejected: int
    results: list[OfferedResult]


class Threshold(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A value of usage or cost that is told once in every billing period."""

    key: str
    version: int
    customer: str | None
    subject: str | None
    meter: str | None
    value: str


class ThresholdCrossing(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A threshold that was reached in a period: its `value`, and what was `reached` by
    then."""

    key: str
    version: int
    starts_at: str
    ends_at: str
    value: str
    reached: str
    unit: str
    as_of: str


class TouchedRecord(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A record that was taken back (`voided`), put back (`restored`) or added."""

    what: Literal["added", "restored", "voided"]
    source: str
    record_id: str
    subject: str
    meter: str
    at: str
    value: str
    dimensions: str


class UndoneCorrection(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why a correction is taken back."""

    reason: str


class UnseenUsage(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something that was asked for and of which no usage was ever recorded: a typo, or
    still to come."""

    field: str
    value: str
    message: str
    near: list[str]


class UsageChart(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was used in every slot."""

    subject: str
    meter: str
    what: str
    unit: str
    by: Literal["day", "hour", "month"]
    time_zone: str
    dimension: str | None
    total: str | None
    slots: list[ChartSlot]
    series: list[ChartSeries]
    unseen: list[UnseenUsage]


class UsageCounts(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How many records are stored, in how many batches, and how many of them no roll-up
    counts yet."""

    records: int
    batches: int
    open_records: int
    open_batches: int


class UsageGap(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A time in which no records came, though the meter's policy and a contract ask for
    them."""

    subject: str
    meter: str
    starts_at: str
    noticed_at: str
    closed_at: str | None
    outcome: Literal["accepted", "begins_earlier", "filled", "not_expected", "open"]
    ends_at: str | None
    ends_by: str | None


class UsageMeter(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A meter that takes records, and the bounds of each record (docs/catalog.md); null is
    none."""

    meter: str
    unit: str
    value_min: str | None
    value_max: str | None
    accept_days: int | None
    ahead_minutes: int | None
    required: list[str]
    allowed: list[str] | None
    after_invoice: Literal["next_invoice", "note", "review", "write_off"]
    every_minutes: int | None
    grace_minutes: int


class UsageReasons(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Every stored record under exactly one reason; apart from them what was not stored."""

    records: int
    stored: list[CountedReason]
    offered: list[CountedReason]
    archived: list[CountedReason]
    rejected: list[RejectedUsage]


class UsageTotals(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Sums by meter, or by the values of a dimension when one is named."""

    meters: list[MeterTotal] | UnsetType | None = UNSET
    groups: list[DimensionTotal] | UnsetType | None = UNSET
    unseen: list[UnseenUsage]


class VoidedRecords(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Records of a source that are to be taken back."""

    source: str
    ids: list[str]
    reason: str


class WhyNot(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why something can't be worked out: a stable code, a sentence, and what to do."""

    code: str
    message: str
    field: str | UnsetType | None = UNSET
    value: str | UnsetType | None = UNSET
    hint: str | UnsetType | None = UNSET
