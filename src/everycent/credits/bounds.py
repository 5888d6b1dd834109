"""How far ahead credit is looked at: grants that come again are counted before any of them is made."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from everycent.credits.drawdown import Lot
from everycent.kernel.calendar import local_date
from everycent.kernel.errors import Invalid

MOST = 10_000
MOST_STEPS = 1_000_000


def check_renewals(lots: Iterable[Lot], until: datetime, field: str, times: int = 1) -> None:
    """Refuses to look at more renewals at once than anybody reads; `times` is how often each is looked at.
    Raises Invalid `credit.too_many_renewals`."""
    newest: dict[object, Lot] = {}
    for lot in lots:
        known = newest.get(lot.grant.series_id)
        if known is None or known.grant.effective_at < lot.grant.effective_at:
            newest[lot.grant.series_id] = lot
    found = sum(_renewals(lot, until) for lot in newest.values())
    if found > MOST or found * times > MOST_STEPS:
        raise Invalid(
            "credit.too_many_renewals",
            f"credit would come again about {found:,} times by then",
            field=field,
            value=found,
            hint=f"up to {MOST:,} are looked at together, fewer where much is used: name an earlier time,"
            " or a longer interval",
        )


def _renewals(lot: Lot, until: datetime) -> int:
    grant = lot.grant
    if grant.renewal is None:
        return 0
    cycle = grant.renewal.cycle
    last = until if grant.expires_at is None else min(until, grant.expires_at)
    return cycle.about(local_date(grant.effective_at, cycle.zone), local_date(last, cycle.zone))
