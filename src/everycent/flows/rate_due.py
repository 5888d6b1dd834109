"""What is due becomes charges, and invoices: load, then decide, for everything that bills or previews.

Nobody's trouble is anybody else's: a customer whose price, tax or readings can't be worked out is
parked with the reason, and the others are billed.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

import msgspec

from everycent.catalog.meter import series_of
from everycent.catalog.plan import Item, Plan, Tax
from everycent.catalog.policies import DEFAULTS, Policies
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
from everycent.coupons.application import Held
from everycent.customers.customer import Customer
from everycent.db.connection import Tx
from everycent.flows.late import NOTHING, Groups, Late, documents
from everycent.invoicing import queries as invoices
from everycent.invoicing.assemble import DraftInvoice, DueCharge, after, draft
from everycent.invoicing.invoice import Correction, InvoiceLine
from everycent.invoicing.runs import Parked
from everycent.kernel.errors import Broken, Refusal
from everycent.kernel.money import rounded
from everycent.rating.charge import Charge
from everycent.rating.rate import charge
from everycent.subscriptions.queries import DueItem
from everycent.subscriptions.unused import capped, exact_credit, given_back

Plans = Mapping[tuple[str, int], Plan]
Closings = MutableMapping[tuple[UUID, int, str], Reading]
Lines = Mapping[tuple[UUID, int], tuple[str, InvoiceLine]]
"""By invoice and number the lines that were issued, with the name of the invoice."""


class Basis(NamedTuple):
    """What rating due items stands on: the plans, what was used of everything that they measure, and the
    readings with which bills of registers ended last; and the lines that are corrected."""

    plans: Plans
    usages: Mapping[Request, Answer]
    closings: Closings
    lines: Lines


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


def charged_before(tx: Tx, dues: Iterable[DueItem]) -> Lines:
    """The lines with which periods were billed that are due again."""
    wanted = {(due.before.invoice_id, due.before.line_no) for due in dues if due.before is not None}
    return invoices.lines(tx, sorted(wanted)) if wanted else {}


def _stands_on_readings(item: Item) -> bool:
    return item.measure is not None and any(is_counter(s) for _, s in series_of(item.measure))


def decide(
    customers: Iterable[Customer],
    dues: Sequence[DueItem],
    basis: Basis,
    selling: Selling,
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
            decided.drafts.extend(_drafts(by_id[customer_id], groups, selling))
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
    plans, usages, were, lines = basis
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
                due.time_zone, due.due.period, due.due.due_at, made, due.plan[0],
                *_corrects(due, made, lines),
            )
        )  # fmt: skip
    return _rounded_once(dues, found)


def _rounded_once(dues: Sequence[DueItem], found: list[DueCharge]) -> list[DueCharge]:
    """The charges. Where that is the rule, what is given back is what the rounded sum of it and of the
    charge with which the same price goes on leaves of it."""
    for place, due in enumerate(dues):
        if due.before is None or due.rule is None or due.rule.round_per_line:
            continue
        credit = found[place]
        for other, line in zip(dues, found, strict=True):
            if other.before is None and _goes_on(line, credit):
                made = line.charge
                exact = Fraction(made.amount) * (other.due.share if made.share else 1)
                exact -= exact_credit(credit.charge, (due.before.share, due.due.share))
                both = rounded(exact, due.currency, made.price.amount_rounding).minor
                back = capped(made.net - both, due.before.charged)
                assert credit.corrects is not None, "what is given back corrects a line"
                corrects = msgspec.structs.replace(credit.corrects, given_back=back)
                found[place] = credit._replace(corrects=corrects)
    return found


def _goes_on(line: DueCharge, credit: DueCharge) -> bool:
    """Whether the line charges the price on after the instant from which on it is given back."""
    return (
        line.subscription_id == credit.subscription_id
        and line.due_at == credit.due_at
        and line.charge.price.key == credit.charge.price.key
    )


def _corrects(
    due: DueItem, made: Charge, lines: Lines
) -> tuple[Fraction | None, Correction | None]:
    """What discounts took off the line that is corrected, and which one it is."""
    if due.before is None:
        return None, None
    invoice_id, line_no, step, charged, ends_at, share = due.before
    back = None
    if due.rule is not None and due.rule.credit is not Credit.DIFFERENCE:
        back = given_back(made, charged, (share, due.due.share), due.rule, due.currency)
    name, line = lines[invoice_id, line_no]
    found = Correction(name, invoice_id, line_no, step + 1, charged, ends_at, back)
    return line.part_off, found


def _standing(usage: Usage, opening: Reading | None) -> Usage:
    """The usage on the reading with which the last bill ended, or on the one that opened the register."""
    return opened(usage) if opening is None else usage._replace(opening=opening)


def _drafts(customer: Customer, groups: Groups, selling: Selling) -> list[DraftInvoice]:
    """The invoices in order of time: each finds the coupons as those before it have left them."""
    held = selling.coupons.get(customer.customer_id, ())
    drafts = []
    for at, name in sorted(groups):
        made = draft(customer, at, groups[at, name], selling.taxes, held, selling.policies)
        held = after(held, made)
        drafts.append(made)
    return drafts
