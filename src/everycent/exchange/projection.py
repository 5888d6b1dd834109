"""Exchange rates as rows: a log that only grows."""

from __future__ import annotations

from decimal import Decimal

from everycent.exchange.rate import Pair, RatesSet
from everycent.journal.event import Event
from everycent.kernel.table import Rows, table

RATE = table(
    "exchange_rate",
    "tenant_id int4, number int8, base text, quote text, day date, step int2, rate numeric, source text,"
    " event_id uuid",
    key="tenant_id, number",
)


def stream(pair: Pair) -> str:
    """The stream of a pair's rates."""
    return f"exchange:{pair.base}-{pair.quote}"


def rates_set(event: Event, rows: Rows, tenant_id: int) -> None:
    """Rates that were told, or corrected."""
    told: RatesSet = event.payload
    for number, rate in enumerate(told.rates, start=told.first_number):
        rows.of(RATE).append(
            (tenant_id, number, told.base, told.quote, rate.on, rate.step, Decimal(rate.rate),
             told.source, event.event_id)
        )  # fmt: skip
