"""Who pays: a customer pays for what another one has agreed to, from a day on that is not billed yet."""

from __future__ import annotations

from datetime import date

from everycent.customers import operations as customers
from everycent.customers.customer import Customer
from everycent.customers.payer import Payer
from everycent.db.connection import Tx
from everycent.kernel import calendar
from everycent.kernel.errors import Conflict
from everycent.subscriptions import queries as contracts
from everycent.subscriptions.operations import Writing
from everycent.subscriptions.order import check_day


def let_pay(
    tx: Tx,
    customer: Customer,
    payer: Customer | None,
    starts_on: date,
    *,
    reason: str,
    writing: Writing,
) -> Payer:
    """From a day on a customer pays for all that another one has agreed to; None: it pays itself again.

    A period in advance falls to who pays on its first day, any other to who pays on its last. Raises
    Conflict `customer.billed_beyond`, and what `customers.set_payer` raises.
    """
    check_day(starts_on, "starts_on")
    starts_at = calendar.start_of_day(starts_on, customer.time_zone)
    both = [customer.customer_id, *([payer.customer_id] if payer is not None else [])]
    customers.lock(tx, sorted(set(both)))
    key = contracts.paid_beyond(tx, customer.customer_id, starts_at)
    if key is not None:
        raise Conflict(
            "customer.billed_beyond",
            f"{key} is billed beyond {starts_on}: who pays for that can't be changed any more",
            field="starts_on",
            value=starts_on,
            hint="choose a later day",
        )
    told = Payer(
        customer.customer_id,
        None if payer is None else payer.customer_id,
        starts_on,
        starts_at,
        reason,
    )
    customers.set_payer(tx, told, **writing)
    return told
