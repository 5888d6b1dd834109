"""Rate issued lines again, as usage stands now: the frozen price over what counts today.

Everything but the usage is as it was issued and frozen in the line: price, measure, share, roundings,
exchange rate, bands and segments. A line whose
usage has not changed gives the same charge to the cent and the digest; only the number of the fold, up
to which it was read, moves on.

A line over register readings stands on the reading that was sealed with it. Where the line before it
is rated again too, it stands on the reading with which that one ends now. The first line of an item
stands on whatever reading opens it now, and so does a line where the one before ends on none. So a
corrected reading moves consumption from one line to its neighbour, and makes none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple
from uuid import UUID

from everycent.catalog.plan import Agreed, Item
from everycent.catalog.price import Commitment, needs_events
from everycent.catalog.proration import DEFAULT
from everycent.consumption import queries as consumption
from everycent.consumption.register import Reading
from everycent.consumption.usage import (
    Answer,
    Request,
    Usage,
    Used,
    answered,
    is_counter,
    opened,
)
from everycent.db.connection import Tx
from everycent.invoicing.invoice import Invoice, InvoiceLine
from everycent.kernel.errors import Refusal
from everycent.rating.charge import Charge, Quantity, UsagePart, is_agreed, measure_of, request_of
from everycent.rating.rate import charge


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
    requests: dict[str, Request]


class _Closed(NamedTuple):
    """Where a line that was rated again ends, and on which reading: None where no reading counts up to
    there."""

    at: datetime
    reading: Reading | None


_Closings = dict[tuple[UUID, int, str], _Closed]


def rerate(tx: Tx, issued: Sequence[Issued], *, is_live: bool = False) -> list[Rated]:
    """The charge of each line as things stand now, in the order given.

    Call it where no fold comes between statements: in a `snapshot`, or under the fold lock. `is_live`
    counts what no fold has counted yet. A line that can't be rated now comes back as the Refusal
    that says why: what registers and formulas raise, or what reading usage refuses (`usage.archived`).
    """
    tasks = [_task(each) for each in issued]
    requests = [request for task in tasks for request in task.requests.values()]
    usages = consumption.read(tx, requests, is_live=is_live)
    found: dict[int, Rated] = {}
    closings: _Closings = {}
    for number in sorted(range(len(tasks)), key=lambda n: issued[n].line.starts_at):
        try:
            found[number] = _rated(tasks[number], usages, closings)
        except Refusal as refusal:
            found[number] = refusal
    return [found[number] for number in range(len(tasks))]


def _task(issued: Issued) -> _Task:
    frozen = issued.line.charge
    quantity = frozen.quantity
    measure = agreed = None
    if quantity is not None and is_agreed(quantity):
        agreed = Agreed(quantity.exact_unit or quantity.unit, quantity.exact)
    elif quantity is not None:
        measure = measure_of(quantity)
    is_itemized = needs_events(frozen.price.scheme)
    requests = {
        part.input: request_of(part)._replace(is_itemized=is_itemized)
        for part in _parts(frozen.quantity)
    }
    return _Task(issued, Item(frozen.price, frozen.product, measure, agreed), requests)


def _rated(task: _Task, usages: Mapping[Request, Answer], closings: _Closings) -> Charge:
    invoice, line = task.issued
    frozen = line.charge
    sealed = {part.input: part for part in _parts(frozen.quantity)}
    standing = {}
    for path, request in task.requests.items():
        usage = answered(usages[request])
        if is_counter(request.series):
            usage = usage._replace(opening=_opening(task, sealed[path], usage, closings))
        standing[path] = Used(request, usage)
    share = Fraction(1) if frozen.share is None else Fraction(*frozen.share)
    made = charge(
        task.item, standing, invoice.currency, share,
        units=1 if frozen.share is None else frozen.share[1],
        rule=DEFAULT if frozen.proration is None else frozen.proration, is_last=not frozen.is_open,
        counted=Decimal(frozen.amount if isinstance(frozen.price.scheme, Commitment) else 0),
        exchange=frozen.exchange,
    )  # fmt: skip
    for part in _parts(made.quantity):
        if is_counter(part.series):
            closings[_key(line, part)] = _Closed(line.ends_at, part.closing)
    return made


def _opening(task: _Task, sealed: UsagePart, usage: Usage, closings: _Closings) -> Reading | None:
    """The reading on which a line over a register stands."""
    line = task.issued.line
    before = closings.get(_key(line, sealed))
    if before is not None and before.at == line.starts_at:
        # Nothing sealed is good for it: if the line before ends on no reading, that was taken back.
        return opened(usage).opening if before.reading is None else before.reading
    if sealed.since == sealed.starts_at or sealed.opening is None:
        return opened(usage).opening
    return sealed.opening


def _key(line: InvoiceLine, part: UsagePart) -> tuple[UUID, int, str]:
    return line.subscription_id, line.item_no, part.input


def _parts(quantity: Quantity | None) -> Sequence[UsagePart]:
    return () if quantity is None else quantity.parts
