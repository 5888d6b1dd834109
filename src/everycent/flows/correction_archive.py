"""Corrections of records that are in the archive are refused: what is not there can't be taken back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from everycent.consumption.usage import archived
from everycent.corrections import queries
from everycent.db.connection import Tx
from everycent.kernel.errors import Unavailable
from everycent.kernel.period import Period
from everycent.metering import operations as metering
from everycent.metering import queries as usage


def refuse_archived(
    tx: Tx, named: Sequence[tuple[str, str]], times: Sequence[Period], undoes: UUID | None
) -> None:
    """Raises Unavailable `usage.archived` where a correction is about records that are in the archive:
    those that are named by (source, id), any in the spans `times` (one instant: from it to itself), or
    those of the correction that it undoes."""
    away = sorted(usage.archived_months(tx))
    if not away:
        return
    for month in away:
        if any(_touches(span, month) for span in times):
            raise archived(month)
    gone = len(queries.archived(tx, named))
    if undoes is not None:
        gone += _gone(tx, undoes)
    if gone:
        raise Unavailable(
            "usage.archived",
            f"{gone} of the records are in the archive",
            value=", ".join(f"{month:%Y-%m}" for month in away),
            hint="put their month back with `everycent usage restore MONTH`, and try again;"
            f" archived are {', '.join(f'{month:%Y-%m}' for month in away)}",
        )


def _touches(span: Period, month: date) -> bool:
    first = datetime.combine(month, time(), UTC)
    after = (first + timedelta(days=31)).replace(day=1)
    return span.start < after and (span.end > first or span.start == span.end >= first)


def _gone(tx: Tx, correction_id: UUID) -> int:
    """How many records of a correction are in the archive: of those that it added, how many are missing,
    and of those that it took back or put back, how many have only their key."""
    correction = queries.get(tx, correction_id)
    touched = metering.touched_by(tx, correction.batch_id)
    missing = correction.added - len(touched.added)
    return int(missing) + queries.archived_count(tx, [*touched.voided, *touched.restored])
