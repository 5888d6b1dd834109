"""Current usage and running cost: what a customer has used and would owe, as of an instant.

Every period that began and is not billed is rated by the very functions that bill it, over everything
that was acknowledged, folded or not. When a period has ended and no more records come, what stands
here is what its invoice will say, before discounts and taxes. Until then it is no invoice: records may
still come, or be taken back, a tier may be reached, and a fixed fee stands in full from the first day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from everycent.catalog import queries as catalog
from everycent.catalog.plan import Plan
from everycent.consumption import queries as consumption
from everycent.consumption.usage import QUARTER_MINUTES, Answer, Request, is_level
from everycent.db.connection import Tx
from everycent.flows import rate_due, unseen
from everycent.flows.rate_due import Basis
from everycent.flows.unseen import Unseen
from everycent.invoicing.assemble import DueCharge
from everycent.kernel.errors import NotFound, Refusal
from everycent.kernel.money import Money, plain
from everycent.kernel.period import Period, instant_text
from everycent.rating.charge import Charge
from everycent.subscriptions import queries as subscriptions
from everycent.subscriptions.queries import DueItem, OpenItem, due_item
from everycent.subscriptions.subscription import Subscription

_QUARTER = timedelta(minutes=QUARTER_MINUTES)
_INSTANT = timedelta(microseconds=1)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

NOTE = (
    "Not an invoice: before discounts and without taxes that come on top, over the records that are"
    " there now; a running period may still change, and a fixed fee stands in full from the first day."
)


class State(StrEnum):
    """Where a period stands. RUNNING: it has not ended. DUE: the next billing run bills it. BILLED: it
    is on an invoice already and is not part of the running cost."""

    RUNNING = "running"
    DUE = "due"
    BILLED = "billed"


class Line(NamedTuple):
    """A price of a subscription in one period. `records` is how many stand behind the quantity; `before`
    is what was charged for the period before (minor units), where that is due to be corrected; `owed` is
    what an invoice would be made of."""

    subscription_id: UUID
    subscription: str
    item_no: int
    state: State
    period: Period
    currency: str
    charge: Charge
    before: int
    owed: DueCharge

    @property
    def net(self) -> int:
        """What the line adds to the next invoice, or has added to one, in minor units."""
        return self.charge.net - self.before

    @property
    def records(self) -> int:
        """The records behind the quantity; one that several inputs count is counted by each."""
        quantity = self.charge.quantity
        return 0 if quantity is None else sum(part.records for part in quantity.parts)


class Refused(NamedTuple):
    """A subscription that can't be rated as it stands, and why; a billing run would park its customer."""

    subscription_id: UUID
    subscription: str
    refusal: Refusal


class Running(NamedTuple):
    """What stands open as of an instant."""

    as_of: datetime
    lines: list[Line]
    refused: list[Refused]

    def totals(self) -> dict[str, int]:
        """By currency what is not billed yet, in minor units."""
        found: dict[str, int] = {}
        for line in self.lines:
            if line.state is not State.BILLED:
                found[line.currency] = found.get(line.currency, 0) + line.net
        return found


def of_customer(tx: Tx, customer_id: UUID, key: str | None = None) -> list[Subscription]:
    """The customer's subscriptions, or the one that is named. Raises NotFound `subscription.unknown`."""
    held = subscriptions.listed(tx, customer_id=customer_id, limit=1_000_000)
    found = [one for one in held if key is None or one.key == key]
    if key is not None and not found:
        raise NotFound(
            "subscription.unknown",
            f"the customer has no subscription {key!r}",
            field="subscription",
            value=key,
            hint="list them with `everycent subscription list`",
        )
    return found


def running(
    tx: Tx, held: Sequence[Subscription], as_of: datetime, *, is_now: bool = True
) -> Running:
    """Usage and cost of the subscriptions as of an instant. Call it in a `snapshot`.

    Of a period that runs every record counts that is there, also one whose time lies a little ahead;
    with `is_now` false, for an instant of the past, only those up to the end of the quarter hour in
    which `as_of` lies. What is weighed by time is always weighed up to there and no further.
    """
    tx.look_up_by_key()
    items = subscriptions.open_items(tx, [one.subscription_id for one in held])
    plans = catalog.plans(tx, {item.plan for item in items})
    dues = _dues(tx, held, items, as_of)
    usages = _usages(tx, dues, plans, as_of, is_now=is_now)
    closings, before = rate_due.closings_of(tx, dues, plans), rate_due.charged_before(tx, dues)
    basis = Basis(plans, usages, closings, before)
    covered = {(item.subscription_id, item.item_no): item.covered_until for item in items}
    lines: list[Line] = []
    refused: list[Refused] = []
    for _, group in groupby(dues, key=lambda due: due.subscription_id):
        own = list(group)
        try:
            owed = rate_due.charges(own, basis)
        except Refusal as refusal:
            refused.append(Refused(own[0].subscription_id, own[0].subscription_key, refusal))
            continue
        for due, charge in zip(own, owed, strict=True):
            lines.append(_line(due, charge, covered[due.subscription_id, due.item_no], as_of))
    return Running(as_of, lines, refused)


def unseen_in(tx: Tx, found: Running) -> list[Unseen]:
    """What the lines bill and has no usage at all, of any time."""
    parts = [
        part
        for line in found.lines
        if line.charge.quantity is not None
        for part in line.charge.quantity.parts
    ]
    return unseen.of_series(tx, [(p.subject, p.series.meter) for p in parts if not p.records])


def _dues(
    tx: Tx, held: Sequence[Subscription], items: Sequence[OpenItem], as_of: datetime
) -> list[DueItem]:
    """What is not billed of the items, what has to be billed otherwise, and the billed periods that
    run."""
    again = subscriptions.due_again(tx, [one.subscription_id for one in held], as_of)
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
    until = _EPOCH + ((as_of - _EPOCH - _INSTANT) // _QUARTER + 1) * _QUARTER
    if until >= end:
        return request
    cut = request._replace(period=Period(start, max(until, start + _QUARTER)))
    if is_level(request.series):
        return cut._replace(whole=request.whole or request.period)
    return cut


def _line(due: DueItem, owed: DueCharge, covered_until: datetime, as_of: datetime) -> Line:
    if due.before is None and due.due.period.end <= covered_until:
        state = State.BILLED
    else:
        state = State.DUE if due.due.due_at <= as_of else State.RUNNING
    return Line(
        due.subscription_id, due.subscription_key, due.item_no, state, due.due.period, due.currency,
        owed.charge, 0 if due.before is None else due.before.charged, owed,
    )  # fmt: skip


def as_data(found: Running, customer: str, silent: Sequence[Unseen]) -> dict[str, Any]:
    """The answer as a program gets it: amounts and quantities as plain decimal text. `silent` is
    `unseen_in` it."""
    return {
        "customer": customer,
        "as_of": instant_text(found.as_of),
        "lines": [_line_data(line) for line in found.lines],
        "totals": [
            {"currency": currency, "net": plain(Money(minor, currency))}
            for currency, minor in sorted(found.totals().items())
        ],
        "refused": [
            {"subscription": one.subscription, **one.refusal.as_dict()} for one in found.refused
        ],
        "unseen": unseen.as_data(silent),
        "is_invoice": False,
        "note": NOTE,
    }


def _line_data(line: Line) -> dict[str, Any]:
    charge = line.charge
    quantity = charge.quantity
    return {
        "subscription": line.subscription,
        "item_no": line.item_no,
        "price": charge.price.key,
        "product": charge.product.name,
        "state": line.state.value,
        "starts_at": instant_text(line.period.start),
        "ends_at": instant_text(line.period.end),
        "quantity": None if quantity is None else quantity.value,
        "unit": None if quantity is None else quantity.unit,
        "records": line.records,
        "net": plain(Money(line.net, line.currency)),
        "currency": line.currency,
    }
