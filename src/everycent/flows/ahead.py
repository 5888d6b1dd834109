"""How far ahead contracts are looked at: periods are counted before any of them is worked out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from everycent.db.connection import Tx
from everycent.kernel.calendar import local_date
from everycent.kernel.errors import Invalid
from everycent.subscriptions import queries
from everycent.subscriptions.queries import OpenItem

MOST = 2_000


def check_periods(tx: Tx, subscription_ids: Sequence[UUID], as_of: datetime) -> None:
    """Refuses to look at more periods at once than anybody reads, beside one of each item. Raises Invalid
    `billing.too_many_periods`."""
    found = sum(_periods(item, as_of) for item in queries.open_items(tx, subscription_ids))
    if found > MOST:
        raise Invalid(
            "billing.too_many_periods",
            f"about {found:,} periods would be due by then",
            field="as_of",
            value=found,
            hint=f"up to {MOST:,} are looked at together: name an earlier time",
        )


def _periods(item: OpenItem, as_of: datetime) -> int:
    last = as_of if item.ends_at is None else min(as_of, item.ends_at)
    zone = item.cycle.zone
    return item.cycle.about(local_date(item.covered_until, zone), local_date(last, zone))
