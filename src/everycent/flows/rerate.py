"""Rate issued lines again, as usage stands now: the frozen price over what counts today.

Everything but the usage is as it was issued: price, share, roundings, bands and segments. A line whose
usage has not changed gives the same charge to the cent and the digest; only the number of the fold, up
to which it was read, moves on.

A line over register readings stands on the reading that was sealed with it. Where the line before it
is rated again too, it stands on the reading with which that one ends now; the first line of an item
stands on whatever reading opens it now. So a corrected reading moves consumption from one line to its
neighbour, and makes none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple
from uuid import UUID

from everycent.catalog import queries as catalog
from everycent.catalog.meter import Formula, Measure, Series, series_of
from everycent.catalog.plan import Item, Plan
from everycent.catalog.price import needs_events
from everycent.consumption import queries as consumption
from everycent.consumption.register import Reading
from everycent.consumption.usage import (
    Answer,
    Request,
    Usage,
    answered,
    archived,
    has_windows,
    is_counter,
    is_level,
)
from everycent.db.connection import Tx
from everycent.invoicing.invoice import Invoice, InvoiceLine
from everycent.kernel.errors import Broken, Refusal
from everycent.kernel.period import Period
from everycent.rating.charge import Charge, Quantity, UsagePart
from everycent.rating.rate import charge
from everycent.subscriptions import queries as subscriptions
from everycent.subscriptions.queries import OpenItem
from everycent.subscriptions.schedule import due_periods


class Issued(NamedTuple):
    """A line and the invoice on which it stands."""

    invoice: Invoice
    line: InvoiceLine


Rated = Charge | Refusal
"""The charge, or why there can't be one: rating may refuse what is recorded now."""


class _Task(NamedTuple):
    """What rating a line takes: its measure, and what is asked of metering by path."""

    issued: Issued
    item: Item
    subject: str
    requests: dict[str, Request]
    is_first: bool


class _Closed(NamedTuple):
    """Where a line that was rated again ends, and on which reading."""

    at: datetime
    reading: Reading


_Closings = dict[tuple[UUID, int, str], _Closed]


def rerate(tx: Tx, issued: Sequence[Issued], *, is_live: bool = False) -> list[Rated]:
    """The charge of each line as things stand now, in the order given.

    Call it where no fold comes between statements: in a `snapshot`, or under the fold lock. `is_live`
    counts what no fold has counted yet. A line that can't be rated now comes back as the Refusal
    that says why: what registers and formulas raise, what reading usage refuses
    (`usage.archived`), or Broken `rerate.measure_unknown`.
    """
    items = _items(tx, issued)
    plans = catalog.plans(tx, {item.plan for item in items.values()})
    found: dict[int, Rated] = {}
    tasks: dict[int, _Task] = {}
    for number, each in enumerate(issued):
        try:
            held = items[each.line.subscription_id, each.line.item_no]
            tasks[number] = _task(each, held, plans[held.plan])
        except Refusal as refusal:
            found[number] = refusal
    requests = [request for task in tasks.values() for request in task.requests.values()]
    usages = consumption.read(tx, requests, is_live=is_live)
    closings: _Closings = {}
    for number in sorted(tasks, key=lambda n: issued[n].line.starts_at):
        try:
            found[number] = _rated(tasks[number], usages, closings)
        except Refusal as refusal:
            found[number] = refusal
    return [found[number] for number in range(len(issued))]


def _items(tx: Tx, issued: Sequence[Issued]) -> dict[tuple[UUID, int], OpenItem]:
    """The subscribed items of the lines, with their plans and cycles."""
    wanted = sorted({each.line.subscription_id for each in issued})
    return {
        (item.subscription_id, item.item_no): item for item in subscriptions.open_items(tx, wanted)
    }


def _task(issued: Issued, held: OpenItem, plan: Plan) -> _Task:
    line = issued.line
    measure = _measure(line, plan)
    requests = {}
    if measure is not None:
        requests = {path: _request(line, held, series) for path, series in series_of(measure)}
    quantity = line.charge.quantity
    subject = held.subject if quantity is None else quantity.parts[0].subject
    item = Item(line.charge.price, line.charge.product, measure)
    return _Task(issued, item, subject, requests, line.starts_at == held.starts_at)


def _measure(line: InvoiceLine, plan: Plan) -> Measure | None:
    """What the line measured. Its series are sealed with it; how a formula nests its inputs stands in
    the plan alone."""
    quantity = line.charge.quantity
    if quantity is None:
        return None
    if quantity.expression is None:
        return quantity.parts[0].series
    sealed: dict[str, Series | Formula] = {part.input: part.series for part in quantity.parts}
    item = plan.items[line.item_no - 1] if line.item_no <= len(plan.items) else None
    in_plan = None if item is None or item.price != line.charge.price else item.measure
    if in_plan is not None and dict(series_of(in_plan)) == sealed:
        return in_plan
    if not any("." in path for path in sealed):
        return Formula(quantity.exact_unit or quantity.unit, quantity.expression, sealed)
    raise Broken(
        "rerate.measure_unknown",
        f"the formula of line {line.line_no} is not in the plan any more, so it can't be rated again",
        value=line.subscription,
        hint="credit the invoice and bill it anew",
    )


def _request(line: InvoiceLine, held: OpenItem, series: Series) -> Request:
    """What billing asked of metering for the line."""
    period = Period(line.starts_at, line.ends_at)
    whole = None
    if is_level(series):
        (due,) = due_periods(held.cycle, period.start, period.end, period.end, in_advance=False)
        whole = due.whole if due.whole != period else None
    zone = held.cycle.zone if is_level(series) or has_windows(series) else "UTC"
    quantity = line.charge.quantity
    subject = held.subject if quantity is None else quantity.parts[0].subject
    since = held.starts_at if is_counter(series) else None
    is_itemized = needs_events(line.charge.price.scheme)
    return Request(subject, series, period, since, whole, zone, is_itemized)


def _rated(task: _Task, usages: Mapping[Request, Answer], closings: _Closings) -> Charge:
    invoice, line = task.issued
    frozen = line.charge
    sealed = {part.input: part for part in _parts(frozen.quantity)}
    standing = {}
    for path, request in task.requests.items():
        usage = answered(usages[request])
        if is_counter(request.series):
            usage = usage._replace(opening=_opening(task, sealed[path], usage, closings))
        standing[path] = usage
    share = Fraction(1) if frozen.share is None else Fraction(*frozen.share)
    period = Period(line.starts_at, line.ends_at)
    made = charge(task.item, standing, task.subject, period, invoice.currency, share)
    for part in _parts(made.quantity):
        if part.closing is not None:
            closings[_key(line, part)] = _Closed(line.ends_at, part.closing)
    return made


def _opening(task: _Task, sealed: UsagePart, usage: Usage, closings: _Closings) -> Reading | None:
    """The reading on which a line over a register stands."""
    before = closings.get(_key(task.issued.line, sealed))
    if before is not None and before.at == task.issued.line.starts_at:
        return before.reading
    if task.is_first or sealed.opening is None:
        if usage.opening_archived is not None:
            raise archived(usage.opening_archived)
        return usage.opening
    return sealed.opening


def _key(line: InvoiceLine, part: UsagePart) -> tuple[UUID, int, str]:
    return line.subscription_id, line.item_no, part.input


def _parts(quantity: Quantity | None) -> Sequence[UsagePart]:
    return () if quantity is None else quantity.parts
