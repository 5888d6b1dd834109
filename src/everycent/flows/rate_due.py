"""What is due becomes charges, and invoices: load, then decide, for everything that bills or previews.

Nobody's trouble is anybody else's: a customer whose price, tax or readings can't be worked out is
parked with the reason, and the others are billed.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from everycent.catalog.meter import series_of
from everycent.catalog.plan import Item, Plan, Tax
from everycent.catalog.price import needs_events
from everycent.catalog.proration import DEFAULT, Credit
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
from everycent.customers.customer import Customer
from everycent.db.connection import Tx
from everycent.flows.late import NOTHING, Late, documents
from everycent.invoicing import queries as invoices
from everycent.invoicing.assemble import DraftInvoice, DueCharge, draft
from everycent.invoicing.invoice import Correction
from everycent.invoicing.runs import Parked
from everycent.kernel.errors import Broken, Refusal
from everycent.rating.charge import Charge
from everycent.rating.rate import charge
from everycent.subscriptions.queries import DueItem
from everycent.subscriptions.unused import given_back

Plans = Mapping[tuple[str, int], Plan]
Closings = MutableMapping[tuple[UUID, int, str], Reading]


class Basis(NamedTuple):
    """What rating due items stands on: the plans, what was used of everything that they measure, and the
    readings with which bills of registers ended last; and the names of invoices that are corrected."""

    plans: Plans
    usages: Mapping[Request, Answer]
    closings: Closings
    names: Mapping[UUID, str]


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


def names_of(tx: Tx, dues: Iterable[DueItem]) -> dict[UUID, str]:
    """The names of the invoices whose lines are due again."""
    wanted = {due.before.invoice_id for due in dues if due.before is not None}
    return invoices.names(tx, sorted(wanted)) if wanted else {}


def _stands_on_readings(item: Item) -> bool:
    return item.measure is not None and any(is_counter(s) for _, s in series_of(item.measure))


def decide(
    customers: Iterable[Customer],
    dues: Sequence[DueItem],
    basis: Basis,
    taxes: Mapping[str, Tax],
    late: Late = NOTHING,
) -> Decided:
    """One invoice per customer and instant at which something fell due; late usage stands on the newest
    of them, or apart."""
    by_id = {customer.customer_id: customer for customer in customers}
    basis = basis._replace(closings={**basis.closings, **late.closings})
    owed = {one: list(own) for one, own in groupby(dues, key=lambda due: due.customer_id)}
    decided = Decided([], [])
    for customer_id in sorted({*owed, *late.charges, *late.refused}):
        try:
            if customer_id in late.refused:
                raise late.refused[customer_id]
            found = charges(owed.get(customer_id, ()), basis)
            groups = documents(found, late.charges.get(customer_id, ()))
            for at, name in sorted(groups):
                decided.drafts.append(draft(by_id[customer_id], at, groups[at, name], taxes))
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
    plans, usages, were, names = basis
    closings: Closings = ChainMap({}, were)
    found = []
    for due in dues:
        standing = {}
        for path, request in _requests_of(due, plans):
            usage = answered(usages[request])
            opening = closings.get((due.subscription_id, due.item_no, path))
            standing[path] = Used(request, _standing(usage, opening))
        made = charge(
            item_of(due, plans), standing, due.currency, due.due.share, units=due.due.units,
            rule=DEFAULT if due.rule is None else due.rule, is_last=due.due.is_last,
        )  # fmt: skip
        if made.quantity is not None:
            for part in made.quantity.parts:
                if part.closing is not None:
                    closings[due.subscription_id, due.item_no, part.input] = part.closing
        found.append(
            DueCharge(
                due.subscription_id, due.subscription_key, due.item_no, due.in_advance,
                due.time_zone, due.due.period, due.due.due_at, made, _corrects(due, made, names),
            )
        )  # fmt: skip
    return found


def _corrects(due: DueItem, made: Charge, names: Mapping[UUID, str]) -> Correction | None:
    if due.before is None:
        return None
    invoice_id, line_no, step, charged, ends_at, share = due.before
    back = None
    if due.rule is not None and due.rule.credit is not Credit.DIFFERENCE:
        back = given_back(made, charged, (share, due.due.share), due.rule, due.currency)
    return Correction(names[invoice_id], invoice_id, line_no, step + 1, charged, ends_at, back)


def _standing(usage: Usage, opening: Reading | None) -> Usage:
    """The usage on the reading with which the last bill ended, or on the one that opened the register."""
    return opened(usage) if opening is None else usage._replace(opening=opening)
