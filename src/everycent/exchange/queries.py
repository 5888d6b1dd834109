"""Look exchange rates up."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import Any

from everycent.db.connection import Tx
from everycent.exchange import store
from everycent.exchange.lookup import Rule, Table, Wanted, found, pairs_of, table_of
from everycent.exchange.rate import Exchange, Pair


def last_number(tx: Tx) -> int:
    """The number of the last rate that was told: what is looked up `upto` it stays the same for ever."""
    return store.get_last_number(tx)


def table(tx: Tx, wanted: Collection[Wanted], rule: Rule, upto: int | None = None) -> Table:
    """The rates that may be needed for what is wanted; as they stood when `upto` was the last number."""
    if not wanted:
        return {}
    days = [one.day for one in wanted]
    first = min(days) - timedelta(days=rule.max_age_days)
    number = store.get_last_number(tx) if upto is None else upto
    return table_of(store.list_quotes(tx, pairs_of(wanted, rule), first, max(days), number))


def exchange(tx: Tx, wanted: Wanted, rule: Rule) -> Exchange:
    """The exchange that applies now. Raises Conflict `exchange.no_rate`, `exchange.rate_too_old`."""
    return found(table(tx, [wanted], rule), wanted, rule)


def listed(
    tx: Tx,
    pair: Pair | None = None,
    *,
    since: date | None = None,
    until: date | None = None,
    limit: int = 100,
    after: int | None = None,
) -> list[Any]:
    """Rates with their corrections, the newest day first, of those after the one with a number."""
    return store.list_rates(tx, pair, since, until, limit, after)
