"""Current usage and running cost: what a customer has used and would owe, as of an instant.

Every period that began and is not billed is rated by the very functions that bill it, over everything
that was acknowledged, folded or not. When a period has ended and no more records come, what stands
here is what its invoice will say, before discounts and taxes. Until then it is no invoice: records may
still come, or be taken back, a tier may be reached, and a fixed fee stands in full from the first day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from everycent.catalog import queries as catalog
from everycent.catalog.plan import Plan
from everycent.consumption import queries as consumption
from everycent.consumption.register import Reading
from everycent.consumption.usage import QUARTER, Answer, Request, is_level, quarter_end
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.flows import rate_due
from everycent.flows.converting import Asked, exchanges
from everycent.flows.rate_due import Basis
from everycent.invoicing.assemble import DueCharge
from everycent.kernel.errors import Refusal
from everycent.kernel.period import Period
from everycent.rating.charge import Charge
from everycent.subscriptions import queries as subscriptions
from everycent.subscriptions.queries import DueItem, OpenItem, Told, due_item
from everycent.subscriptions.subscription import Subscription

_INSTANT = timedelta(microseconds=1)


class State(StrEnum):
    """Where a period stands. RUNNING: it has not ended. DUE: the next billing run bills it, once it has
    waited for late usage (invoice.grace_days). BILLED: it is on an invoice already and is not part of the
    running cost. LATE: it is, but its usage has changed since, and the next invoice says the difference."""

    RUNNING = "running"
    DUE = "due"
    BILLED = "billed"
    LATE = "late"


class Line(NamedTuple):
    """A price of a subscription in one period, and who pays for it. `records` is how many stand behind the
    quantity; `owed` is what an invoice would be made of."""

    subscription_id: UUID
    subscription: str
    item_no: int
    state: State
    period: Period
    currency: str
    charge: Charge
    owed: DueCharge
    payer_id: UUID

    @property
    def net(self) -> int:
        """What the line adds to the next invoice, or has added to one, in minor units: the difference
        where it corrects what was charged."""
        return self.owed.amount

    @property
    def records(self) -> int:
        """The records behind the quantity; one that several inputs count is counted by each."""
        quantity = self.charge.quantity
        return 0 if quantity is None else sum(part.records for part in quantity.parts)


class Refused(NamedTuple):
    """A subscription that can't be rated as it stands, and why; a billing run would park who pays."""

    subscription_id: UUID
    subscription: str
    refusal: Refusal
    payer_ids: frozenset[UUID]


class Running(NamedTuple):
    """What stands open as of an instant. `others` are the keys of those who pay for lines in the place of
    the customer who was asked about."""

    as_of: datetime
    lines: list[Line]
    refused: list[Refused]
    others: Mapping[UUID, str] = {}

    def totals(self) -> dict[str, int]:
        """By currency what is not billed yet and is not for others to pay, in minor units."""
        found: dict[str, int] = {}
        for line in self.lines:
            if line.state is not State.BILLED and line.payer_id not in self.others:
                found[line.currency] = found.get(line.currency, 0) + line.net
        return found


def running(
    tx: Tx,
    held: Sequence[Subscription],
    as_of: datetime,
    *,
    is_now: bool = True,
    closings: Mapping[tuple[UUID, int, str], Reading] = MappingProxyType({}),
) -> Running:
    """Usage and cost of what is not billed of the subscriptions, as of an instant. Call it in a `snapshot`.

    `closings` are readings with which bills of registers end now, otherwise than they were billed. Of a
    period that runs every record counts that is there, also one whose time lies a little ahead;
    with `is_now` false, for an instant of the past, only those up to the end of the quarter hour in
    which `as_of` lies. What is weighed by time is always weighed up to there and no further. What is
    missing to a commitment is known when its period has ended, and not told.
    """
    tx.look_up_by_key()
    items = subscriptions.open_items(tx, [one.subscription_id for one in held])
    plans = catalog.plans(tx, {item.plan for item in items})
    dues = [due for due in _dues(tx, held, items, as_of) if not rate_due.is_commitment(due, plans)]
    usages = _usages(tx, dues, plans, as_of, is_now=is_now)
    ends = {**rate_due.closings_of(tx, dues, plans), **closings}
    rates = exchanges(tx, dues, plans, Asked(catalog.policies(tx), as_of, as_of))
    basis = Basis(plans, usages, ends, rate_due.charged_before(tx, dues), rates)
    told = customers.payers(tx, sorted({one.customer_id for one in held}))
    covered = {(item.subscription_id, item.item_no): item.covered_until for item in items}
    lines: list[Line] = []
    refused: list[Refused] = []
    for _, group in groupby(dues, key=lambda due: due.subscription_id):
        own = list(group)
        try:
            owed = rate_due.charges(own, basis)
        except Refusal as refusal:
            payers = frozenset(_payer(due, told) for due in own)
            refused.append(
                Refused(own[0].subscription_id, own[0].subscription_key, refusal, payers)
            )
            continue
        for due, charge in zip(own, owed, strict=True):
            until = covered[due.subscription_id, due.item_no]
            lines.append(_line(due, charge, until, as_of, _payer(due, told)))
    return Running(as_of, lines, refused)


def _dues(
    tx: Tx, held: Sequence[Subscription], items: Sequence[OpenItem], as_of: datetime
) -> list[DueItem]:
    """What is not billed of the items, what has to be billed otherwise, and the billed periods that
    run."""
    again = subscriptions.due_again(tx, held, as_of)
    known = {(due.subscription_id, due.item_no, due.due.period.start) for due in again}
    for item in items:
        again += [
            due
            for due in _billed(item, as_of)
            if (due.subscription_id, due.item_no, due.due.period.start) not in known
        ]
        again += _open(item, as_of)
    return sorted(again, key=lambda due: (due.customer_id, due.subscription_key, due.item_no))


def _open(item: OpenItem, as_of: datetime) -> list[DueItem]:
    """The periods of an item that began before `as_of` and are not billed."""
    begun = item.due(
        item.covered_until, as_of, in_advance=True
    )  # whatever has begun would be due in advance
    return [
        due_item(item, due if item.in_advance else due._replace(due_at=due.period.end))
        for due in begun
        if item.in_advance or due.period.start < as_of
    ]


def _billed(item: OpenItem, as_of: datetime) -> list[DueItem]:
    """The period of an item in advance that runs and is billed, if it is so."""
    if not item.in_advance or item.billed is None or not item.billed.contains(as_of):
        return []
    begun = item.due(item.billed.start, item.billed.start, in_advance=True)
    return [due_item(item, due) for due in begun if due.period.start == item.billed.start]


def _usages(
    tx: Tx,
    dues: Sequence[DueItem],
    plans: Mapping[tuple[str, int], Plan],
    as_of: datetime,
    *,
    is_now: bool,
) -> dict[Request, Answer]:
    """The answers to what a billing run would ask, as far as there are any yet."""
    asked = {
        request: up_to(request, as_of, is_now=is_now)
        for request in rate_due.requests_of(dues, plans)
    }
    found = consumption.read(tx, asked.values(), is_live=True)
    return {request: found[cut] for request, cut in asked.items()}


def up_to(request: Request, as_of: datetime, *, is_now: bool) -> Request:
    """The request with its period cut at the end of the quarter hour in which `as_of` lies, where that
    matters: with a level, whose time is weighed, and for an instant of the past."""
    if is_now and not is_level(request.series):
        return request
    start, end = request.period
    until = quarter_end(as_of)
    if until >= end:
        return request
    cut = request._replace(period=Period(start, max(until, start + QUARTER)))
    if is_level(request.series):
        return cut._replace(whole=request.whole or request.period)
    return cut


def _payer(due: DueItem, told: Told) -> UUID:
    return subscriptions.payer_of(told, due.customer_id, due.due.period, in_advance=due.in_advance)


def _line(
    due: DueItem, owed: DueCharge, covered_until: datetime, as_of: datetime, payer_id: UUID
) -> Line:
    if due.before is None and due.due.period.end <= covered_until:
        state = State.BILLED
    else:
        state = State.DUE if due.due.due_at <= as_of else State.RUNNING
    return Line(
        due.subscription_id, due.subscription_key, due.item_no, state, due.due.period, due.currency,
        owed.charge, owed, payer_id,
    )  # fmt: skip
