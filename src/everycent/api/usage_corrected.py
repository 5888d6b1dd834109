"""/v1/usage/corrections: wrong records are taken back, replaced and added, after a look at the effect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from everycent.api.operation import Asked, Operation, asking, changing, reading
from everycent.api.parameters import instant
from everycent.api.shapes import (
    Amount,
    Body,
    Currency,
    Instant,
    Page,
    Paged,
    Query,
    Reason,
    Shown,
    Zone,
)
from everycent.api.usage_shown import WhyNot, with_dimensions
from everycent.catalog import queries as catalog
from everycent.corrections import queries, shown
from everycent.corrections.operations import By
from everycent.corrections.scope import Scope
from everycent.corrections.shown import correction_id
from everycent.db.connection import Tx
from everycent.flows import correct
from everycent.flows.correct import Action
from everycent.flows.correction_effect import as_data
from everycent.flows.correction_file import read_offered
from everycent.flows.find_usage import cursor_of, parse_cursor
from everycent.kernel.calendar import zone as known_zone
from everycent.kernel.period import period
from everycent.metering.record import UsageRecord, check_name

_READ, _WRITE = "usage:read", "usage:write"
_MOST = 10_000
_Kind = Literal["void", "replace", "backfill", "undo"]
_Name = Annotated[str, Meta(min_length=1, max_length=200)]
_Why = Annotated[Reason, Meta(description="For whoever reads the books later.")]


class VoidedRecords(Body):
    """Records of a source that are to be taken back."""

    source: _Name
    ids: Annotated[list[_Name], Meta(min_length=1, max_length=_MOST)]
    reason: _Why


class SaidRecord(Body):
    """A record as it should be, in the plain form of POST /v1/usage; its value is a text."""

    source: _Name
    id: _Name
    subject: _Name
    meter: _Name
    at: Annotated[str, Meta(max_length=40, description="An instant (RFC 3339).")]
    value: Amount
    dimensions: dict[_Name, Annotated[str, Meta(max_length=1000)]] = msgspec.field(
        default_factory=dict
    )


class ReplacedRecords(Body):
    """Records, each of which takes the place of the one with its source and id."""

    records: Annotated[list[SaidRecord], Meta(min_length=1, max_length=_MOST)]
    reason: _Why


class BackfilledSpan(Body, kw_only=True):
    """What a span of time should say: all its records, of these subjects and meters. What is missing is
    added, what differs is replaced, what is not told is taken back."""

    records: Annotated[list[SaidRecord], Meta(max_length=_MOST)]
    from_: Instant = msgspec.field(name="from")
    to: Instant
    zone: Annotated[Zone, Meta(description="Where the days of `from` and `to` begin.")] = "UTC"
    subjects: Annotated[list[_Name], Meta(min_length=1, max_length=1000)]
    meters: Annotated[list[_Name], Meta(min_length=1, max_length=1000)]
    source: Annotated[
        _Name | None, Meta(description="Only records of this source; of all when it is null.")
    ]
    reason: _Why


class UndoneCorrection(Body):
    """Why a correction is taken back."""

    reason: _Why


class CorrectedRecords(Shown):
    """How many records are taken back, put back, added, and are right already."""

    voided: int
    restored: int
    added: int
    unchanged: int


class CorrectedAmounts(Shown):
    """What comes out differently."""

    net: Amount
    tax: Amount
    gross: Amount


class CustomerDifferences(CorrectedAmounts):
    """What comes out differently for a customer in a currency."""

    customer: str
    currency: Currency


class RatedLine(Shown):
    """What a line says, or why it can't be rated."""

    quantity: str | None = None
    net: Amount | None = None
    refusal: WhyNot | None = None


class CorrectedLine(Shown):
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
    difference: Annotated[Amount | None, Meta(description="Net; null where it can't be rated.")]


class CorrectedInvoice(Shown):
    """An invoice that stands as it was issued, and what it would say now."""

    invoice: str
    customer: str
    currency: Currency
    difference: CorrectedAmounts
    lines: list[CorrectedLine]


class CorrectedPeriod(Shown):
    """A period that is not billed yet."""

    subscription: str
    what: str
    starts_at: str
    ends_at: str
    unit: str
    before: str | None
    after: str | None
    refusal: WhyNot | None


class CorrectionEffect(Shown):
    """What a correction changes; `correction` is null for a preview."""

    correction: str | None
    is_preview: bool
    kind: _Kind
    reason: str
    records: CorrectedRecords
    invoices: list[CorrectedInvoice]
    lines_that_stay_the_same: int
    customers: list[CustomerDifferences]
    unbilled: list[CorrectedPeriod]
    notes: list[str]


def void_records(tx: Tx, asked: Asked[Query, VoidedRecords]) -> dict[str, Any]:
    """Takes records out of the count. They stay stored, and can be put back. Of a record that was replaced,
    its id takes back whatever counts of it now."""
    return _done(tx, asked, _voiding(tx, asked))


def preview_void_records(tx: Tx, asked: Asked[Query, VoidedRecords]) -> dict[str, Any]:
    """What taking these records out of the count would change on which invoice. Changes nothing."""
    return as_data(correct.preview_in(tx, _voiding(tx, asked)))


def replace_records(tx: Tx, asked: Asked[Query, ReplacedRecords]) -> dict[str, Any]:
    """Puts each record in the place of the one with its source and id. All of them or none."""
    return _done(tx, asked, _replacing(tx, asked))


def preview_replace_records(tx: Tx, asked: Asked[Query, ReplacedRecords]) -> dict[str, Any]:
    """What putting these records in the place of others would change on which invoice. Changes nothing."""
    return as_data(correct.preview_in(tx, _replacing(tx, asked)))


def backfill_records(tx: Tx, asked: Asked[Query, BackfilledSpan]) -> dict[str, Any]:
    """Makes a span of time say what the records say. All of it or nothing."""
    return _done(tx, asked, _backfilling(tx, asked))


def preview_backfill_records(tx: Tx, asked: Asked[Query, BackfilledSpan]) -> dict[str, Any]:
    """What making a span of time say this would change on which invoice. Changes nothing."""
    return as_data(correct.preview_in(tx, _backfilling(tx, asked)))


def undo_correction(tx: Tx, asked: Asked[Query, UndoneCorrection]) -> dict[str, Any]:
    """Takes back what a correction added and puts back what it took. That is a correction too."""
    return _done(tx, asked, _undoing(tx, asked))


def preview_undo_correction(tx: Tx, asked: Asked[Query, UndoneCorrection]) -> dict[str, Any]:
    """What undoing a correction would change on which invoice. Changes nothing."""
    return as_data(correct.preview_in(tx, _undoing(tx, asked)))


class UsageCorrection(Shown):
    """Records that were corrected together: how many were taken back, put back and added."""

    correction_id: str
    kind: _Kind
    reason: str
    undoes: str | None
    voided: int
    restored: int
    added: int
    batch_id: int
    recorded_at: str
    actor: str
    undone_by: str | None


class TouchedRecord(Shown):
    """A record that was taken back (`voided`), put back (`restored`) or added."""

    what: Literal["voided", "restored", "added"]
    source: str
    record_id: str
    subject: str
    meter: str
    at: str
    value: str
    dimensions: dict[str, str]


def list_corrections(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """Corrections, the newest first."""
    after = asked.query.after
    before = None if after is None else queries.get(tx, correction_id(after)).batch_id
    found = [shown.as_data(row) for row in queries.newest(tx, asked.query.size + 1, before)]
    return asked.page(found, lambda last: str(last["correction_id"]))


def get_correction(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """One correction."""
    return shown.as_data(queries.get(tx, correction_id(asked.path["correction"])))


def list_corrected_records(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """The records that a correction took back, put back and added, in order of time. Those that it added
    and that are in the archive now are left out."""
    found = queries.get(tx, correction_id(asked.path["correction"]))
    after = parse_cursor(asked.query.after)
    rows = queries.touched(tx, found.batch_id, after, asked.query.size + 1)
    page = asked.page(rows, lambda last: cursor_of(last.record.at, last.key))
    return Page(
        items=[with_dimensions(shown.touched_data(one.what, one.record)) for one in page.items],
        next=page.next,
    )


_ALL = "/v1/usage/corrections"
_ONE = f"{_ALL}/{{correction}}"
_EFFECT = CorrectionEffect


def _correcting(path: str, work: Callable[[Tx, Any], Any], body: type[Any]) -> Operation:
    return changing(
        "POST", path, _WRITE, work, _EFFECT, body, is_planned=True, told_effect=_effect_in
    )


def _effect_in(data: dict[str, Any]) -> dict[str, Any]:
    """What it changes, whether it was done or only tried."""
    return {name: told for name, told in data.items() if name not in ("correction", "is_preview")}


OPERATIONS = [
    reading(_ALL, _READ, list_corrections, Page[UsageCorrection], Paged),
    reading(_ONE, _READ, get_correction, UsageCorrection),
    reading(f"{_ONE}/records", _READ, list_corrected_records, Page[TouchedRecord], Paged),
    _correcting(f"{_ALL}/void", void_records, VoidedRecords),
    asking(f"{_ALL}/void/preview", _READ, preview_void_records, _EFFECT, VoidedRecords),
    _correcting(f"{_ALL}/replace", replace_records, ReplacedRecords),
    asking(f"{_ALL}/replace/preview", _READ, preview_replace_records, _EFFECT, ReplacedRecords),
    _correcting(f"{_ALL}/backfill", backfill_records, BackfilledSpan),
    asking(f"{_ALL}/backfill/preview", _READ, preview_backfill_records, _EFFECT, BackfilledSpan),
    _correcting(f"{_ONE}/undo", undo_correction, UndoneCorrection),
    asking(f"{_ONE}/undo/preview", _READ, preview_undo_correction, _EFFECT, UndoneCorrection),
]  # fmt: skip


def _voiding(_: Tx, asked: Asked[Query, VoidedRecords]) -> Action:
    source = check_name(asked.body.source, "source")
    named = [(source, check_name(one, "ids")) for one in asked.body.ids]
    return correct.void(named, _by(asked))


def _replacing(tx: Tx, asked: Asked[Query, ReplacedRecords]) -> Action:
    return correct.replace(_records(tx, asked, asked.body.records), _by(asked))


def _backfilling(tx: Tx, asked: Asked[Query, BackfilledSpan]) -> Action:
    told = asked.body
    known_zone(told.zone)
    scope = Scope(
        tuple(check_name(one, "subjects") for one in told.subjects),
        tuple(check_name(one, "meters") for one in told.meters),
        period(instant(told.from_, told.zone, "from"), instant(told.to, told.zone, "to")),
        None if told.source is None else check_name(told.source, "source"),
    )
    return correct.backfill(scope, _records(tx, asked, told.records), _by(asked))


def _undoing(_: Tx, asked: Asked[Query, UndoneCorrection]) -> Action:
    return correct.undo(correction_id(asked.path["correction"]), _by(asked))


def _done(tx: Tx, asked: Asked[Query, Any], action: Action) -> dict[str, Any]:
    """Does it in the transaction, so that it is done once with what is kept of the request; or tries it in
    one that is undone."""
    if asked.is_rehearsed:
        return as_data(correct.rehearse_in(tx, action))
    return as_data(correct.apply_in(asked.app.database, tx, action))


def _records(tx: Tx, asked: Asked[Any, Any], told: list[SaidRecord]) -> list[UsageRecord]:
    """The records, all of which are sound. Raises Invalid `correction.bad_rows`."""
    texts = [msgspec.json.encode(one).decode() for one in told]
    return read_offered(texts, catalog.raw_meters(tx), catalog.intake_policies(tx), asked.now)


def _by(asked: Asked[Any, Any]) -> By:
    return By(asked.who.actor, asked.body.reason, asked.now, asked.app.ids)
