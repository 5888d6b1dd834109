"""What is due becomes charges, and invoices: load, then decide, for everything that bills or previews.

Nobody's trouble is anybody else's: a customer whose price, tax or readings can't be worked out is
parked with the reason, and the others are billed.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from everycent.catalog.meter import series_of
from everycent.catalog.plan import Item, Plan, Tax
from everycent.catalog.policies import DEFAULTS, Policies
from everycent.catalog.price import needs_events
from everycent.consumption.register import Reading
from everycent.consumption.usage import (
    Answer,
    Request,
    Service,
    Usage,
    Used,
    answered,
    is_counter,
    opened,
    request_for,
)
from everycent.coupons.application import Held
from everycent.customers.customer import Customer
from everycent.db.connection import Tx
from everycent.invoicing import queries as invoices
from everycent.invoicing.assemble import DraftInvoice, DueCharge, after, draft
from everycent.invoicing.runs import Parked
from everycent.kernel.errors import Broken, Refusal
from everycent.rating.rate import charge
from everycent.subscriptions.queries import DueItem

Plans = Mapping[tuple[str, int], Plan]
Closings = MutableMapping[tuple[UUID, int, str], Reading]


class Basis(NamedTuple):
    """What rating due items stands on: the plans, what was used of everything that they measure, and the
    readings with which bills of registers ended last."""

    plans: Plans
    usages: Mapping[Request, Answer]
    closings: Closings


class Selling(NamedTuple):
    """What becomes of charges on an invoice: the tax tables, the coupons that customers have, and the
    policies."""

    taxes: Mapping[str, Tax]
    coupons: Mapping[UUID, Sequence[Held]] = {}
    policies: Policies = DEFAULTS


class Decided(NamedTuple):
    """The invoices to issue, in order of customer and time, and who could not be billed."""

    drafts: list[DraftInvoice]
    parked: list[Parked]


def requests_of(dues: Sequence[DueItem], plans: Plans) -> list[Request]:
    """The usage that the due items need."""
    return [request for due in dues for _, request in _requests_of(due, plans)]


def _requests_of(due: DueItem, plans: Plans) -> list[tuple[str, Request]]:
    """What one item needs, each with its path of names in the measure."""
    item = item_of(due, plans)
    if item.measure is None:
        return []
    service = Service(due.due.period, due.due.whole, due.starts_at, due.time_zone)
    is_itemized = needs_events(item.price.scheme)
    return [
        (path, request_for(service, due.subject, series)._replace(is_itemized=is_itemized))
        for path, series in series_of(item.measure)
    ]


def item_of(due: DueItem, plans: Plans) -> Item:
    """The plan's item that is due."""
    return plans[due.plan].items[due.plan_item_no - 1]


def closings_of(tx: Tx, dues: Iterable[DueItem], plans: Plans) -> Closings:
    """The readings with which the bills of the due items that measure registers ended last: there their
    next ones begin."""
    counters = {
        (due.subscription_id, due.item_no)
        for due in dues
        if _stands_on_readings(item_of(due, plans))
    }
    return invoices.closing_readings(tx, sorted(counters)) if counters else {}


def _stands_on_readings(item: Item) -> bool:
    return item.measure is not None and any(is_counter(s) for _, s in series_of(item.measure))


def decide(
    customers: Iterable[Customer],
    dues: Sequence[DueItem],
    basis: Basis,
    selling: Selling,
) -> Decided:
    """One invoice per customer and instant at which something fell due."""
    by_id = {customer.customer_id: customer for customer in customers}
    decided = Decided([], [])
    for customer_id, group in groupby(dues, key=lambda due: due.customer_id):
        try:
            found = charges(list(group), basis)
            decided.drafts.extend(_drafts(by_id[customer_id], found, selling))
        except Refusal as refusal:
            decided.parked.append(Parked(customer_id, refusal))
        except Exception as error:  # noqa: BLE001 - a bug met by one customer stops no other
            decided.parked.append(Parked(customer_id, unexpected(error)))
    return decided


def unexpected(error: Exception) -> Broken:
    """The refusal that stands for an exception nobody thought of."""
    return Broken("billing.unexpected", f"{type(error).__name__}: {error}")


def charges(dues: Sequence[DueItem], basis: Basis) -> list[DueCharge]:
    """The charges of due items in their order: a register's next period begins at the reading with which
    the one before ended. Raises what rating raises, and the refusals among the usages."""
    plans, usages, were = basis
    closings: Closings = ChainMap({}, were)
    found = []
    for due in dues:
        standing = {}
        for path, request in _requests_of(due, plans):
            usage = answered(usages[request])
            opening = closings.get((due.subscription_id, due.item_no, path))
            standing[path] = Used(request, _standing(usage, opening))
        made = charge(item_of(due, plans), standing, due.currency, due.due.share)
        if made.quantity is not None:
            for part in made.quantity.parts:
                if part.closing is not None:
                    closings[due.subscription_id, due.item_no, part.input] = part.closing
        found.append(
            DueCharge(
                due.subscription_id, due.subscription_key, due.item_no, due.in_advance,
                due.time_zone, due.due.period, due.due.due_at, made, due.plan[0],
            )
        )  # fmt: skip
    return found


def _standing(usage: Usage, opening: Reading | None) -> Usage:
    """The usage on the reading with which the last bill ended, or on the one that opened the register."""
    return opened(usage) if opening is None else usage._replace(opening=opening)


def _drafts(customer: Customer, owed: Sequence[DueCharge], selling: Selling) -> list[DraftInvoice]:
    """The invoices in order of time: each finds the coupons as those before it have left them."""
    by_instant: dict[datetime, list[DueCharge]] = {}
    for due in owed:
        by_instant.setdefault(due.due_at, []).append(due)
    held = selling.coupons.get(customer.customer_id, ())
    drafts = []
    for at in sorted(by_instant):
        made = draft(customer, at, by_instant[at], selling.taxes, held, selling.policies)
        held = after(held, made)
        drafts.append(made)
    return drafts
