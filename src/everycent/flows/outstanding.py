"""Outstanding: what a customer has used and would owe, by who pays, with what late usage changes.

Beside what is not billed yet stands what the next invoices say of billed periods of which usage has changed
since, where the policy of the meter bills that: so what stands here for the customer is what its next
invoice comes to, before discounts and taxes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from everycent.customers import queries as customers
from everycent.customers.customer import Customer
from everycent.db.connection import Tx
from everycent.flows import late, unseen
from everycent.flows.running import Line, Refused, Running, State, running
from everycent.flows.unseen import Unseen
from everycent.kernel.errors import NotFound
from everycent.kernel.money import Money, plain
from everycent.kernel.period import instant_text
from everycent.subscriptions import queries as subscriptions
from everycent.subscriptions.subscription import Subscription

NOTE = (
    "Not an invoice: before discounts and without taxes that come on top, over the records that are"
    " there now; a running period may still change, and a fixed fee stands in full from the first day."
)


def of_customer(
    tx: Tx, customer: Customer, as_of: datetime, *, key: str | None = None, is_now: bool = True
) -> Running:
    """What a customer has used and what it would owe, of all its contracts and of those it pays for, or of
    the one that is named. Call it in a `snapshot`. Raises NotFound `subscription.unknown`."""
    held = subscriptions.payable(tx, [customer.customer_id])
    if key is not None:
        check_named(key, [one.key for one in held])
        held = [one for one in held if one.key == key]
    own = {one.subscription_id for one in held if one.customer_id == customer.customer_id}
    found = outstanding(tx, held, as_of, is_now=is_now)

    def concerns(one: Line | Refused) -> bool:
        payers = {one.payer_id} if isinstance(one, Line) else one.payer_ids
        return one.subscription_id in own or customer.customer_id in payers

    lines = [line for line in found.lines if concerns(line)]
    who = customers.by_ids(tx, sorted({line.payer_id for line in lines} - {customer.customer_id}))
    others = {one: other.key for one, other in who.items()}
    return Running(as_of, lines, [one for one in found.refused if concerns(one)], others)


def check_named(key: str, known: Sequence[str]) -> None:
    """Refuses a subscription that is none of a customer's. Raises NotFound `subscription.unknown`."""
    if key not in known:
        raise NotFound(
            "subscription.unknown",
            f"the customer has no subscription {key!r}",
            field="subscription",
            value=key,
            hint="list them with `everycent subscription list`",
        )


def outstanding(
    tx: Tx, held: Sequence[Subscription], as_of: datetime, *, is_now: bool = True
) -> Running:
    """Usage and cost of the subscriptions as `running` finds them, and what the next invoices say of
    billed periods of which usage has changed. Call it in a `snapshot`."""
    found = late.late_of(tx, {one.subject for one in held}, as_of)
    base = running(tx, held, as_of, is_now=is_now, closings=found.closings)
    currencies = {one.subscription_id: one.currency for one in held}
    again = [
        Line(
            due.subscription_id, due.subscription, due.item_no, State.LATE, due.period,
            currencies[due.subscription_id], due.charge, due, payer_id,
        )
        for payer_id, charges in found.charges.items()
        for due in (one.due for one in charges)
        if due.subscription_id in currencies and (is_now or due.period.end <= as_of)
    ]  # fmt: skip
    untold = [
        Refused(*one, frozenset([payer_id]))
        for payer_id, one in found.refused.items()
        if one.subscription_id in currencies
    ]
    lines = sorted(
        [*base.lines, *again], key=lambda one: (one.subscription, one.item_no, one.period.start)
    )
    return Running(as_of, lines, [*base.refused, *untold])


def unseen_in(tx: Tx, found: Running) -> list[Unseen]:
    """What the lines bill and has no usage at all, of any time."""
    parts = [
        part
        for line in found.lines
        if line.charge.quantity is not None
        for part in line.charge.quantity.parts
    ]
    return unseen.of_series(tx, [(p.subject, p.series.meter) for p in parts if not p.records])


def as_data(found: Running, customer: str, silent: Sequence[Unseen]) -> dict[str, Any]:
    """The answer as a program gets it: amounts and quantities as plain decimal text. `silent` is
    `unseen_in` it."""
    return {
        "customer": customer,
        "as_of": instant_text(found.as_of),
        "lines": [_line_data(line, found.others) for line in found.lines],
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


def _line_data(line: Line, others: Mapping[UUID, str]) -> dict[str, Any]:
    charge = line.charge
    quantity = charge.quantity
    return {
        "subscription": line.subscription,
        "item_no": line.item_no,
        "price": charge.price.key,
        "product": charge.product.name,
        "state": line.state.value,
        "paid_by": others.get(line.payer_id),
        "starts_at": instant_text(line.period.start),
        "ends_at": instant_text(line.period.end),
        "quantity": None if quantity is None else quantity.value,
        "unit": None if quantity is None else quantity.unit,
        "records": line.records,
        "net": plain(Money(line.net, line.currency)),
        "currency": line.currency,
    }
