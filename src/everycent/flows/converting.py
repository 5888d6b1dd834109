"""Exchange rates for what is due in a currency in which its plan has no prices."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple

from everycent.catalog.policies import CONVERSION_DAY, Policies
from everycent.db.connection import Tx
from everycent.exchange import queries as exchange
from everycent.exchange.lookup import Wanted, found, rule_of
from everycent.exchange.rate import Exchange
from everycent.flows.rate_due import Exchanges, Plans, is_converted
from everycent.kernel.calendar import local_date
from everycent.subscriptions.queries import DueItem

_INSTANT = timedelta(microseconds=1)


class Asked(NamedTuple):
    """When rates are asked for: by a run as of an instant, at another one, on a clock (None: each
    contract's own). What is told after number `upto` does not count (None: everything does)."""

    policies: Policies
    as_of: datetime
    now: datetime
    time_zone: str | None = None
    upto: int | None = None

    def on(self, day: date, time_zone: str) -> date:
        """The day for which a rate is asked. Of days to come nobody knows the rate: then it is today's."""
        return min(day, local_date(self.now, self.time_zone or time_zone))


def exchanges(tx: Tx, dues: Iterable[DueItem], plans: Plans, asked: Asked) -> Exchanges:
    """The rates that convert the due items' prices. What it gives raises Conflict `exchange.no_rate`,
    `exchange.rate_too_old`."""

    def wanted(due: DueItem) -> Wanted:
        day = asked.on(_day(due, asked), due.time_zone)
        return Wanted(plans[due.plan].priced_in(due.currency), due.currency, day)

    rule = rule_of(asked.policies)
    needed = {wanted(due) for due in dues if due.before is None and is_converted(due, plans)}
    table = exchange.table(tx, needed, rule, asked.upto)

    def exchange_of(due: DueItem) -> Exchange:
        return found(table, wanted(due), rule)

    return exchange_of


def _day(due: DueItem, asked: Asked) -> date:
    """The day that the policy names (currency.conversion_day)."""
    period, zone = due.due.period, due.time_zone
    match asked.policies[CONVERSION_DAY]:
        case "issue":
            return local_date(asked.as_of, asked.time_zone or zone)
        case "supply" if not due.in_advance:
            return max(local_date(period.start, zone), local_date(period.end - _INSTANT, zone))
        case _:
            return local_date(period.start, zone)
