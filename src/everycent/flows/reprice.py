"""Billed periods under another catalogue: what each line comes to, by the code that bills.

Periods and their parts stay as they were billed; each line is rated by the price of the same key in the
plan of the same key, over usage as it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from everycent.catalog import queries as catalog
from everycent.catalog.meter import series_of
from everycent.catalog.plan import AND, Item, Plan, Tax
from everycent.consumption import queries as consumption
from everycent.consumption.register import Reading
from everycent.consumption.usage import Answer, Request
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.exchange.rate import Exchange
from everycent.flows import rate_due
from everycent.flows.rate_due import Basis
from everycent.invoicing import queries as invoices
from everycent.invoicing.assemble import DueCharge
from everycent.invoicing.invoice import InvoiceLine
from everycent.invoicing.queries import BilledLine
from everycent.invoicing.tax import rates_of
from everycent.invoicing.whatif import Repriced, State
from everycent.kernel.calendar import Interval, local_date, parse_interval, start_of_day
from everycent.kernel.errors import Refusal
from everycent.kernel.money import Rounding, rounded_minor
from everycent.kernel.period import Period
from everycent.metering import operations as metering
from everycent.rating.charge import Charge
from everycent.subscriptions import queries as contracts
from everycent.subscriptions.queries import DueItem, OpenItem, Told, due_item
from everycent.subscriptions.schedule import cut_off

_INSTANT = timedelta(microseconds=1)
_DAY = Interval(0, 1)
_NEW_ITEMS = 30_000  # no contract has as many items

_Key = tuple[UUID, int]
_Plans = dict[tuple[str, int], Plan]


class Other(NamedTuple):
    """The other catalogue: its plans, and the taxes that hold with it, by key."""

    plans: Mapping[str, Plan]
    taxes: Mapping[str, Tax]


class Span(NamedTuple):
    """Local days [start, end) of the contracts."""

    start: date
    end: date


class _Task(NamedTuple):
    """A period to price and who pays it; `line` is what was billed, None for a price that is new.
    `exchange` is how the period was converted, if it was."""

    due: DueItem
    payer_id: UUID
    line: InvoiceLine | None
    exchange: Exchange | None


def repriced(
    tx: Tx, batch: Sequence[UUID], wide: Period, span: Span, other: Other
) -> Iterator[Repriced]:
    """The lines of some customers' contracts that lie within the span, and what new prices add, each for
    who pays it. `wide` holds the span on every clock. Call it in a transaction that is undone: meters that
    are new get their numbers."""
    lines = invoices.billed_lines(tx, wide, batch)
    ids = sorted({one.line.subscription_id for one in lines})
    items = {(i.subscription_id, i.item_no): i for i in contracts.open_items(tx, ids)}
    kept = [one for one in lines if _is_within(one.line, items[_key(one.line)], span)]
    olds = catalog.plans(tx, {items[_key(one.line)].plan for one in kept})
    tasks: list[_Task] = []
    for one in kept:
        item = items[_key(one.line)]
        told = _task(one, item, other)
        if isinstance(told, _Task):
            tasks.append(told)
        else:
            yield told
    tasks += _new(kept, items, other, olds, customers.payers(tx, batch))
    yield from _priced(tx, tasks, other)


def _key(line: InvoiceLine) -> _Key:
    return line.subscription_id, line.item_no


def _is_within(line: InvoiceLine, item: OpenItem, span: Span) -> bool:
    zone = item.cycle.zone
    return (
        line.starts_at < line.ends_at
        and start_of_day(span.start, zone) <= line.starts_at
        and line.ends_at <= start_of_day(span.end, zone)
    )


def _task(one: BilledLine, item: OpenItem, other: Other) -> _Task | Repriced:
    """What is to be priced, or what there is to say without."""
    line = one.line
    key = line.charge.price.key
    plan = other.plans.get(item.plan[0])
    exchange = line.charge.exchange
    place = None if plan is None else _place(plan, key)
    found = None
    if plan is not None and place is not None:
        found = _unlike(plan, item, plan.items[place - 1], exchange)
    if place is not None and found is None:
        due = _due(item, line.starts_at, line.ends_at, place)
        return _Task(due, one.payer_id, line, exchange)
    state = State.NO_PLAN if plan is None else found or State.GONE
    old, begins_on = _old(line, other), local_date(line.starts_at, item.cycle.zone)
    return Repriced(one.payer_id, begins_on, one.currency, item.plan[0], key, state, old, 0)


def _unlike(plan: Plan, item: OpenItem, priced: Item, exchange: Exchange | None) -> State | None:
    """Why the periods of an item can't be priced by an item of a plan: not without the rate by which they
    were converted either."""
    known = (item.currency, None if exchange is None else exchange.of)
    if plan.priced_in(item.currency) not in known:
        return State.CURRENCY
    interval = (
        _DAY if priced.price.is_once else parse_interval(priced.price.interval or plan.interval)
    )
    return None if interval == item.cycle.interval else State.INTERVAL


def _place(plan: Plan, key: str) -> int | None:
    """The number of the plan's item with a price of the key."""
    return next((n for n, i in enumerate(plan.items, start=1) if i.price.key == key), None)


def _due(item: OpenItem, starts_at: datetime, ends_at: datetime, place: int) -> DueItem:
    """A billed period as if it were due under the other catalogue, with the share that it had."""
    due = cut_off(item.cycle, starts_at, ends_at, item.rule, item.sides)
    return due_item(item, due)._replace(plan=(item.plan[0], 0), plan_item_no=place)


def _new(
    kept: Iterable[BilledLine],
    items: Mapping[_Key, OpenItem],
    other: Other,
    olds: Mapping[tuple[str, int], Plan],
    told: Told,
) -> list[_Task]:
    """Prices that the plan did not have, for each period that was billed of its phase."""
    periods: dict[tuple[UUID, tuple[str, int], datetime], dict[datetime, datetime]] = {}
    samples: dict[tuple[UUID, tuple[str, int], datetime], OpenItem] = {}
    rates: dict[tuple[UUID, datetime], Exchange | None] = {}
    for one in kept:
        item = items[_key(one.line)]
        phase = (item.subscription_id, item.plan, item.starts_at)
        samples[phase] = item
        rates[item.subscription_id, one.line.starts_at] = one.line.charge.exchange
        ends = periods.setdefault(phase, {})
        ends[one.line.starts_at] = max(
            one.line.ends_at, ends.get(one.line.starts_at, one.line.ends_at)
        )
    found = []
    for phase, item in samples.items():
        plan = other.plans.get(item.plan[0])
        if plan is None:
            continue
        known = {own.price.key for own in olds[item.plan].items}
        for place, own in enumerate(plan.items, start=1):
            if own.price.key not in known and not own.price.is_once:
                as_new = item._replace(item_no=_NEW_ITEMS + place, in_advance=own.price.in_advance)
                for period in map(Period._make, sorted(periods[phase].items())):
                    rate = rates[item.subscription_id, period.start]
                    if _unlike(plan, item, own, rate) is None:
                        payer_id = contracts.payer_of(
                            told, item.customer_id, period, in_advance=as_new.in_advance
                        )
                        found.append(_Task(_due(as_new, *period, place), payer_id, None, rate))
    return found


def _priced(tx: Tx, tasks: Sequence[_Task], other: Other) -> Iterator[Repriced]:
    """The tasks by the code that bills, item by item: where one can't be priced, its others are told so."""
    plans: _Plans = {(key, 0): plan for key, plan in other.plans.items()}
    asked = {task.due.plan for task in tasks}
    meters = {name for key in asked for item in plans[key].items for name in _meters(item)}
    metering.know_names(tx, (), meters)  # undone with everything else
    dues = [task.due for task in tasks]
    usages = consumption.read(tx, rate_due.requests_of(dues, plans), is_live=True)
    in_order = sorted(tasks, key=lambda task: rate_due.is_commitment(task.due, plans))
    charged: list[DueCharge] = []
    for _, group in groupby(
        in_order, key=lambda task: (task.due.subscription_id, task.due.item_no)
    ):
        yield from _of_item(list(group), plans, usages, charged, other)


def _meters(item: Item) -> set[str]:
    return set() if item.measure is None else {s.meter for _, s in series_of(item.measure)}


def _of_item(
    tasks: Sequence[_Task],
    plans: _Plans,
    usages: Mapping[Request, Answer],
    charged: list[DueCharge],
    other: Other,
) -> Iterator[Repriced]:
    """The periods of one item. A register's first one begins at the reading at which it was billed, and
    a commitment counts what was `charged` before it; what is charged now is put there too."""
    item = rate_due.item_of(tasks[0].due, plans)
    nets, why = [0] * len(tasks), ""
    rates = {task.due: task.exchange for task in tasks}

    def exchange_of(due: DueItem) -> Exchange:
        rate = rates[due]
        assert rate is not None, "what was not converted is priced in the contract's currency"
        return rate

    try:
        basis = Basis(plans, usages, _openings(tasks[0], item), {}, exchange_of)
        owed = rate_due.charges([task.due for task in tasks], basis, charged)
        charged += owed
        nets = [
            _net(due.charge, task.line, task.due.due.period, other)
            for due, task in zip(owed, tasks, strict=True)
        ]
    except Refusal as refusal:
        why = refusal.code
    for (due, payer_id, line, _), net in zip(tasks, nets, strict=True):
        state = State.REFUSED if why else State.NEW if line is None else State.PRICED
        old = 0 if line is None else _old(line, other)
        begins_on = local_date(due.due.period.start, due.time_zone)
        yield Repriced(
            payer_id, begins_on, due.currency, due.plan[0], item.price.key, state, old, net, why
        )


def _openings(task: _Task, item: Item) -> dict[tuple[UUID, int, str], Reading]:
    """The readings with which the first line of an item began, where it is still the same register."""
    quantity = None if task.line is None else task.line.charge.quantity
    series = {} if item.measure is None else dict(series_of(item.measure))
    return {
        (task.due.subscription_id, task.due.item_no, part.input): part.opening
        for part in (() if quantity is None else quantity.parts)
        if part.opening is not None
        and part.since != part.starts_at
        and part.input in series
        and series[part.input].meter == part.series.meter
    }


def _old(line: InvoiceLine, other: Other) -> int:
    """What was charged, without taxes."""
    return _net(line.charge, line, Period(line.starts_at, line.ends_at), other)


def _net(charge: Charge, line: InvoiceLine | None, period: Period, other: Other) -> int:
    """A charge without the taxes that its price includes: those of the line that was billed, or those of
    the product."""
    if not charge.price.includes_tax:
        return charge.net
    if line is not None and line.charge.price.includes_tax:
        told = line.waived_percent or line.tax_percent or "0"
        percent = sum((Fraction(one) for one in told.split(AND)), Fraction(0))
    else:
        day = (period.end - _INSTANT).date()
        rates = rates_of(charge.product.tax_category, day, other.taxes, Rounding.HALF_UP)
        percent = sum((Fraction(rate.percent) for rate in rates), Fraction(0))
    return charge.net - rounded_minor(charge.net * percent / (100 + percent), Rounding.HALF_UP)
