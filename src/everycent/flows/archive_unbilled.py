"""A month with usage that is still to be billed stays in the table: its bills may need its records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from everycent.archives.archive import span_of
from everycent.corrections import queries as records
from everycent.db.connection import Tx
from everycent.flows import reasoned
from everycent.invoicing.reasons import Wanted
from everycent.kernel.calendar import local_date
from everycent.kernel.errors import Conflict
from everycent.metering.record import UsageRecord
from everycent.subscriptions import queries as subscriptions

_NOT_BILLED = "not_yet_billed"
_LOOKED_AT = 1000
_TOLD = 3


def unbilled(reasons: Iterable[tuple[int, str, int]]) -> int:
    """How many records are to be billed, of (batch, reason, records)."""
    return sum(number for _, reason, number in reasons if reason == _NOT_BILLED)


def refuse_unbilled(
    tx: Tx, month: date, reasons: Iterable[tuple[int, str, int]], as_of: datetime
) -> None:
    """Raises Conflict `archive.not_billed` when a month has records that are to be billed, given its
    (batch, reason, records); it tells how many, whose, and whether they are due."""
    waiting = unbilled(reasons)
    if not waiting:
        return
    keys = reasoned.with_reason(tx, [span_of(month)], Wanted(_NOT_BILLED), limit=_LOOKED_AT)
    found = [one.record for one in records.with_keys(tx, keys) if one.record is not None]
    subjects = sorted({record.subject for record in found})
    told = ", ".join(subjects[:_TOLD]) + (", …" if len(subjects) > _TOLD else "")
    are = "record is" if waiting == 1 else "records are"
    raise Conflict(
        "archive.not_billed",
        f"{month:%Y-%m} is not billed to the end: {waiting:,} {are} still to be billed ({told});"
        f" {_why(tx, found, as_of)}",
        field="before",
        value=f"{month:%Y-%m}",
        hint="bill what is due with `everycent bill run` and look at who is parked, or archive it all the"
        " same with --even-unbilled",
    )


def _why(tx: Tx, found: Sequence[UsageRecord], as_of: datetime) -> str:
    """Whether the periods in which the records lie are due, or until when they are open."""
    first, last = min(record.at for record in found), max(record.at for record in found)
    held = subscriptions.owned(tx, [], sorted({record.subject for record in found}))
    ends = sorted(
        (due.period.end, item.cycle.zone)
        for item in subscriptions.open_items(tx, [one.subscription_id for one in held])
        for due in item.due(item.covered_until, last, in_advance=True)
        if due.period.end > first
    )
    if not ends or ends[-1][0] <= as_of:
        return "that is due"
    some = "some of that is due, and " if ends[0][0] <= as_of else ""
    return f"{some}the period runs until {local_date(*ends[-1])}"
