"""Past periods priced again under another catalogue, by the code that bills, over usage as it stands.

Periods and their parts stay as they were billed; each line is rated by the price of the same key in the
plan of the same key. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from everycent.catalog import queries as catalog
from everycent.catalog.document import Entity
from everycent.customers import queries as customers
from everycent.db.connection import Database, Tx
from everycent.flows.rehearse import rehearse
from everycent.flows.reprice import Other, Span, repriced
from everycent.invoicing import queries as invoices
from everycent.invoicing import whatif
from everycent.invoicing.whatif import (
    MonthKey,
    Of,
    OfCustomer,
    OfPrice,
    PriceKey,
    Repriced,
    Simulation,
)
from everycent.kernel.calendar import start_of_day
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Money, plain
from everycent.kernel.period import Period

LINES_AT_ONCE = 20_000
MOST_PRICED = 3_000_000  # lines times bytes
_DAY = timedelta(days=1)

NOTE = "nets: before coupons, without taxes"

OnProgress = Callable[[int, int], None]
"""Called with how many customers are done, and of how many."""


def simulate(
    database: Database,
    tenant_id: int,
    entities: Sequence[Entity],
    span: Span,
    *,
    keys: Sequence[str] = (),
    on_progress: OnProgress | None = None,
    lines_at_once: int = LINES_AT_ONCE,
) -> Simulation:
    """What the billed periods that lie within the span would have come to, for who got the invoices: all
    customers, or those that are named. Memory holds the lines of one batch, and one row per customer.

    Raises Invalid `simulate.no_plans`, `simulate.empty_span`, NotFound `customer.unknown`.
    """
    wide = _checked(entities, span)
    with database.snapshot(tenant_id) as tx:
        asked = _asked(tx, entities, wide, keys)
    sums = _Sums({}, {}, {})
    done = 0
    for batch in _batches(asked.billed, lines_at_once):
        for line in _lines(database, tenant_id, batch, (wide, span), asked.other):
            sums.add(line, asked.named)
        done += len(batch)
        if on_progress is not None:
            on_progress(done, len(asked.billed))
    with database.snapshot(tenant_id) as tx:
        return _simulation(tx, span, sums)


def simulate_some(
    tx: Tx,
    entities: Sequence[Entity],
    span: Span,
    *,
    keys: Sequence[str] = (),
    most: int = MOST_PRICED,
) -> Simulation:
    """The same in one transaction, which is to be undone, and only if so much is little: each line may
    take as long as the largest plan is, in bytes. Raises what `simulate` does, and Invalid
    `simulate.too_much`."""
    wide = _checked(entities, span)
    asked = _asked(tx, entities, wide, keys)
    lines = sum(count for _, count in asked.billed)
    largest = max(len(msgspec.json.encode(plan)) for plan in asked.other.plans.values())
    if lines * largest > most:
        raise Invalid(
            "simulate.too_much",
            f"{lines:,} lines are too many at once for a plan of {largest:,} bytes",
            field="to",
            value=str(lines),
            hint=f"up to {most // largest:,} can be simulated: name customers, or less time;"
            " `everycent simulate` takes any number",
        )
    sums = _Sums({}, {}, {})
    tx.look_up_by_key()
    for line in repriced(tx, [one for one, _ in asked.billed], wide, span, asked.other):
        sums.add(line, asked.named)
    return _simulation(tx, span, sums)


class _Asked(NamedTuple):
    """What to price by, whose lines count (None: everybody's), and how many whose contracts have."""

    other: Other
    named: set[UUID] | None
    billed: list[tuple[UUID, int]]


def _checked(entities: Sequence[Entity], span: Span) -> Period:
    """What holds the span on every clock."""
    if not any(one.kind == "plan" for one in entities):
        raise Invalid("simulate.no_plans", "the file has no plans to price by", field="catalog")
    if span.end <= span.start:
        raise Invalid(
            "simulate.empty_span",
            f"{span.end} is not after {span.start}",
            field="to",
            value=span.end,
        )
    return Period(start_of_day(span.start, "UTC") - _DAY, start_of_day(span.end, "UTC") + _DAY)


def _asked(tx: Tx, entities: Sequence[Entity], wide: Period, keys: Sequence[str]) -> _Asked:
    plans = {one.key: one.content for one in entities if one.kind == "plan"}
    told = {one.key: one.content for one in entities if one.kind == "tax"}
    other = Other(plans, catalog.newest_taxes(tx) | told)
    named = _named(tx, keys) if keys else None
    billed = invoices.billed_customers(tx, wide, None if named is None else sorted(named))
    return _Asked(other, named, billed)


def _simulation(tx: Tx, span: Span, sums: _Sums) -> Simulation:
    return Simulation(
        span.start,
        span.end,
        whatif.in_order(_rows(tx, sums.customers)),
        whatif.of_prices(sums.prices.items(), compared=True),
        whatif.of_prices(sums.prices.items(), compared=False),
        whatif.of_months(sums.months.items()),
    )


class _Sums(NamedTuple):
    """What was added up so far: by customer and by month what can be compared, by price everything."""

    customers: dict[UUID, Of]
    prices: dict[PriceKey, Of]
    months: dict[MonthKey, Of]

    def add(self, line: Repriced, named: Set[UUID] | None) -> None:
        """Adds a line, if it counts whoever it is for, or is for one of those who are named."""
        if named is not None and line.payer_id not in named:
            return
        key = (line.currency, line.plan, line.price, line.state, line.why)
        self.prices[key] = whatif.added(self.prices.get(key), line)
        if line.state in whatif.COMPARED:
            self.customers[line.payer_id] = whatif.added(self.customers.get(line.payer_id), line)
            month = (line.currency, line.begins_on.replace(day=1))
            self.months[month] = whatif.added(self.months.get(month), line)


def _named(tx: Tx, keys: Sequence[str]) -> set[UUID]:
    known = customers.by_keys(tx, keys)
    return {(known.get(key) or customers.by_name(tx, key)).customer_id for key in keys}


def _batches(billed: Sequence[tuple[UUID, int]], most: int) -> Iterator[list[UUID]]:
    """Customers in batches of about so many lines; one with more is alone."""
    batch: list[UUID] = []
    lines = 0
    for customer_id, count in billed:
        if batch and lines + count > most:
            yield batch
            batch, lines = [], 0
        batch.append(customer_id)
        lines += count
    if batch:
        yield batch


def _lines(
    database: Database,
    tenant_id: int,
    batch: Sequence[UUID],
    spans: tuple[Period, Span],
    other: Other,
) -> list[Repriced]:
    """The lines of the contracts of a batch of customers, whoever pays them."""

    def load(tx: Tx) -> list[Repriced]:
        tx.look_up_by_key()
        return list(repriced(tx, batch, *spans, other))

    return rehearse(database, tenant_id, load)


def _rows(tx: Tx, sums: Mapping[UUID, Of]) -> list[OfCustomer]:
    """The rows of customers."""
    who = customers.by_ids(tx, list(sums))
    return [
        OfCustomer(who[one].key, who[one].name, who[one].currency, own) for one, own in sums.items()
    ]


def as_data(found: Simulation) -> dict[str, Any]:
    """The simulation as a program gets it: amounts as plain decimal text."""
    return {
        "from": str(found.start),
        "to": str(found.end),
        "amounts": NOTE,
        "totals": [
            {
                "currency": one.currency,
                **_amounts(one.sums, one.currency),
                "percent": whatif.percent(one.sums),
                "winners": one.winners,
                "losers": one.losers,
                "unchanged": one.unchanged,
            }
            for one in whatif.totals(found.customers)
        ],
        "months": [
            {
                "month": f"{one.month:%Y-%m}",
                "currency": one.currency,
                **_amounts(one.sums, one.currency),
            }
            for one in found.months
        ],
        "prices": [_price_data(one) for one in found.prices],
        "left_out": [_price_data(one) for one in found.left_out],
        "customers": [
            {
                "customer": one.key,
                "name": one.name,
                "currency": one.currency,
                **_amounts(one.sums, one.currency),
            }
            for one in found.customers
        ],
    }


def _price_data(one: OfPrice) -> dict[str, Any]:
    return {
        "plan": one.plan,
        "price": one.price,
        "currency": one.currency,
        "state": one.state.value,
        "code": one.why or None,
        **_amounts(one.sums, one.currency),
    }


def _amounts(sums: Of, currency: str) -> dict[str, Any]:
    return {
        "lines": sums.lines,
        "old": plain(Money(sums.old, currency)),
        "new": plain(Money(sums.new, currency)),
        "difference": plain(Money(sums.more, currency)),
    }
