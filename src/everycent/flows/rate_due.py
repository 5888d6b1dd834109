"""What is due becomes charges, and invoices: load, then decide, for everything that bills or previews.

Nobody's trouble is anybody else's: a customer whose price, tax or readings can't be worked out is
parked with the reason, and the others are billed.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

import msgspec

from everycent.catalog.meter import series_of
from everycent.catalog.plan import Item, Plan, Tax
from everycent.catalog.policies import DEFAULTS, Policies
from everycent.catalog.price import Commitment, needs_events
from everycent.catalog.proration import DEFAULT, Credit
from everycent.consumption.register import Reading
from everycent.consumption.usage import (
    Answer,
    Request,
    Service,
    Used,
    answered,
    is_counter,
    opened,
    request_for,
)
from everycent.coupons.application import Held
from everycent.customers.customer import Customer
from everycent.db.connection import Tx
from everycent.exchange.rate import Exchange
from everycent.flows.late import NOTHING, Groups, Late, documents
from everycent.invoicing import queries as invoices
from everycent.invoicing.assemble import DraftInvoice, DueCharge, after, draft
from everycent.invoicing.invoice import Correction, InvoiceLine
from everycent.invoicing.runs import Parked
from everycent.kernel.errors import Broken, Refusal
from everycent.kernel.money import Money, major, rounded
from everycent.kernel.period import Period
from everycent.rating.charge import Charge, exact_amount
from everycent.rating.rate import charge
from everycent.subscriptions import queries as subscriptions
from everycent.subscriptions.queries import Counting, DueItem
from everycent.subscriptions.schedule import is_within
from everycent.subscriptions.subscription import NOTHING_OWN
from everycent.subscriptions.unused import capped, exact_credit, given_back

_ZERO = Decimal(0)

_OfPlan = tuple[tuple[str, int], int, str]
_Fee = tuple[_OfPlan, int, int, int, bool]

Plans = Mapping[tuple[str, int], Plan]
Closings = MutableMapping[tuple[UUID, int, str], Reading]
Lines = Mapping[tuple[UUID, int], tuple[str, InvoiceLine, int]]
"""By invoice and number the lines that were issued, with the name of the invoice, and what credit notes
took off the lines of the period since."""
Exchanges = Callable[[DueItem], Exchange]
"""How the price of an item is converted whose plan has none in the contract's currency; or why not."""


class Basis(NamedTuple):
    """What rating due items stands on: the plans, what was used of everything that they measure, and the
    readings with which bills of registers ended last; the lines that are corrected, exchange rates, and
    what was charged where commitments count it. `fees` keeps those that were worked out."""

    plans: Plans
    usages: Mapping[Request, Answer]
    closings: Closings
    lines: Lines
    exchanges: Exchanges
    counted: Mapping[Counting, Mapping[str, int]] = {}
    fees: dict[_Fee, Charge] | None = None


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
    measured = _those(dues, plans, lambda item: item.measure is not None)
    return [request for due in measured for _, request in _requests_of(due, item_of(due, plans))]


def _those(
    dues: Iterable[DueItem], plans: Plans, is_wanted: Callable[[Item], bool]
) -> list[DueItem]:
    """The due items of which the item is one that is wanted; of what has no terms of its own each item of a
    plan is looked at once."""
    known: dict[_OfPlan, bool] = {}
    found = []
    for due in dues:
        key = _of_plan(due)
        answer = None if key is None else known.get(key)
        if answer is None:
            answer = is_wanted(item_of(due, plans))
            if key is not None:
                known[key] = answer
        if answer:
            found.append(due)
    return found


def _of_plan(due: DueItem) -> _OfPlan | None:
    """Which item of which plan it is, in which currency; None where it has terms of its own."""
    if due.own is not NOTHING_OWN:
        return None
    return due.plan, due.plan_item_no, due.currency


def _requests_of(due: DueItem, item: Item) -> list[tuple[str, Request]]:
    """What one item needs, each with its path of names in the measure."""
    if item.measure is None:
        return []
    service = Service(due.due.period, due.due.whole, due.starts_at, due.time_zone)
    is_itemized = needs_events(item.price.scheme)
    return [
        (path, request_for(service, due.subject, series, is_itemized=is_itemized))
        for path, series in series_of(item.measure)
    ]


def item_of(due: DueItem, plans: Plans) -> Item:
    """The plan's item that is due, as it is agreed, with its price in the contract's currency where there
    is one."""
    return due.own.of(plans[due.plan].item(due.plan_item_no, due.currency))


def is_converted(due: DueItem, plans: Plans) -> bool:
    """Whether the price is in another currency than the contract."""
    return plans[due.plan].priced_in(due.currency) != due.currency


def _exchange_of(due: DueItem, basis: Basis) -> Exchange | None:
    """How the price is converted; what corrects a line by the rate of that."""
    if not is_converted(due, basis.plans):
        return None
    if due.before is not None:
        return basis.lines[due.before.invoice_id, due.before.line_no][1].charge.exchange
    return basis.exchanges(due)


def closings_of(tx: Tx, dues: Iterable[DueItem], plans: Plans) -> Closings:
    """The readings with which the bills of the due items that measure registers ended last: there their
    next ones begin."""
    counters = {
        (due.subscription_id, due.item_no) for due in _those(dues, plans, _stands_on_readings)
    }
    return invoices.closing_readings(tx, sorted(counters)) if counters else {}


def charged_before(tx: Tx, dues: Iterable[DueItem]) -> Lines:
    """The lines with which periods were billed that are due again."""
    wanted = {(due.before.invoice_id, due.before.line_no) for due in dues if due.before is not None}
    if not wanted:
        return {}
    found = invoices.lines(tx, sorted(wanted))
    off = invoices.credited_of(
        tx, [(line.subscription_id, line.item_no, line.starts_at) for _, line in found.values()]
    )
    return {
        key: (name, line, off.get((line.subscription_id, line.item_no, line.starts_at), 0))
        for key, (name, line) in found.items()
    }


def counted_for(tx: Tx, dues: Iterable[DueItem], plans: Plans) -> dict[Counting, dict[str, int]]:
    """What was charged so far in the periods of commitments that are due."""
    wanted = {_counting(due) for due in _those(dues, plans, _is_commitment)}
    return subscriptions.counted(tx, sorted(wanted)) if wanted else {}


def _counting(due: DueItem) -> Counting:
    return Counting(due.subscription_id, due.due.period.start, due.due.period.end)


def is_commitment(due: DueItem, plans: Plans) -> bool:
    """Whether the item that is due counts what others come to."""
    return _is_commitment(item_of(due, plans))


def _is_commitment(item: Item) -> bool:
    return isinstance(item.price.scheme, Commitment)


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
    basis = basis._replace(closings={**basis.closings, **late.closings}, fees={})
    owed = {one: list(own) for one, own in groupby(dues, key=lambda due: due.customer_id)}
    decided = Decided([], [])
    for customer_id in sorted(dict.fromkeys([*owed, *late.charges, *late.refused])):
        try:
            if customer_id in late.refused:
                raise late.refused[customer_id].refusal
            own = late.charges.get(customer_id, ())
            found = charges(owed.get(customer_id, ()), basis, [one.due for one in own])
            groups = documents(_without_nothing(found), own)
            decided.drafts.extend(_drafts(by_id[customer_id], groups, selling))
        except Refusal as refusal:
            decided.parked.append(Parked(customer_id, refusal))
        except Exception as error:  # noqa: BLE001 - a bug met by one customer stops no other
            decided.parked.append(Parked(customer_id, unexpected(error)))
    return decided


def unexpected(error: Exception) -> Broken:
    """The refusal that stands for an exception nobody thought of."""
    return Broken("billing.unexpected", f"{type(error).__name__}: {error}")


def charges(
    dues: Sequence[DueItem], basis: Basis, late: Sequence[DueCharge] = ()
) -> list[DueCharge]:
    """The charges of due items in their order: a register's next period begins at the reading with which
    the one before ended, its first one at what opened it. Commitments count all others, and those that
    come `late`. Raises what rating raises, and the refusals among the usages."""
    closings: Closings = ChainMap({}, basis.closings)
    items = [item_of(due, basis.plans) for due in dues]
    others = [n for n, item in enumerate(items) if not _is_commitment(item)]
    rated = [_charged(dues[n], items[n], basis, closings) for n in others]
    rated = _rounded_once([dues[n] for n in others], rated)
    if len(others) == len(dues):
        return rated
    found = dict(zip(others, rated, strict=True))
    counting = [*rated, *late]
    for number, (due, item) in enumerate(zip(dues, items, strict=True)):
        if isinstance(item.price.scheme, Commitment):
            counted = _counted(due, item.price.scheme, basis.counted, counting)
            found[number] = _charged(due, item, basis, closings, counted)
    return [found[number] for number in range(len(dues))]


def _charged(
    due: DueItem, item: Item, basis: Basis, closings: Closings, counted: Decimal = _ZERO
) -> DueCharge:
    """The charge of a due item; the reading with which it ends is put to the `closings`."""
    standing = {}
    for path, request in _requests_of(due, item):
        usage = answered(basis.usages[request])
        if is_counter(request.series):
            opening = closings.get((due.subscription_id, due.item_no, path))
            usage = opened(usage) if opening is None else usage._replace(opening=opening)
        standing[path] = Used(request, usage)
    exchange = _exchange_of(due, basis)
    fees = basis.fees
    fee = None if fees is None or standing or exchange is not None else _fee(due, item)
    made = None if fees is None or fee is None else fees.get(fee)
    if made is None:
        made = charge(
            item, standing, due.currency, due.due.share, units=due.due.units,
            rule=DEFAULT if due.rule is None else due.rule, is_last=due.due.is_last,
            counted=counted, exchange=exchange,
        )  # fmt: skip
        if fees is not None and fee is not None:
            fees[fee] = made
    if made.quantity is not None:
        for part in made.quantity.parts:
            if part.closing is not None:
                closings[due.subscription_id, due.item_no, part.input] = part.closing
    return DueCharge(
        due.subscription_id, due.subscription_key, due.item_no, due.in_advance,
        due.time_zone, due.due.period, due.due.due_at, made, due.plan[0],
        *_corrects(due, made, basis.lines),
    )  # fmt: skip


def _fee(due: DueItem, item: Item) -> _Fee | None:
    """All that a fee depends on: it is worked out once for all who pay the same; None for what is no such
    fee."""
    of_plan = _of_plan(due)
    if of_plan is None or _is_commitment(item):
        return None
    span = due.due
    return of_plan, span.share.numerator, span.share.denominator, span.units, span.is_last


def _counted(
    due: DueItem,
    scheme: Commitment,
    before: Mapping[Counting, Mapping[str, int]],
    others: Iterable[DueCharge],
) -> Decimal:
    """What counts towards a commitment: what was charged for its period, and what is now."""
    span = _counting(due)
    total = sum(amount for key, amount in before.get(span, {}).items() if scheme.counts(key))
    for other in others:
        price = other.charge.price
        within = is_within(other.period, Period(*span[1:]), in_advance=other.in_advance)
        if (
            other.subscription_id == due.subscription_id
            and not isinstance(price.scheme, Commitment)
            and scheme.counts(price.key)
            and within
        ):
            total += other.amount
    return major(Money(total, due.currency))


def _without_nothing(found: Iterable[DueCharge]) -> list[DueCharge]:
    """Without commitments that come to what was charged for them before."""
    return [
        one
        for one in found
        if one.amount or one.corrects is None or not isinstance(one.charge.price.scheme, Commitment)
    ]


def _rounded_once(dues: Sequence[DueItem], found: list[DueCharge]) -> list[DueCharge]:
    """The charges. Where that is the rule, what is given back is what the rounded sum of it and of the
    charge with which the same price goes on leaves of it."""
    if all(due.rule is None or due.rule.round_per_line for due in dues):
        return found
    going_on = {
        _price_at(due, line): (due, line.charge)
        for due, line in zip(dues, found, strict=True)
        if due.before is None
    }
    for place, (due, credit) in enumerate(zip(dues, found, strict=True)):
        if due.before is None or due.rule is None or due.rule.round_per_line:
            continue
        if (on := going_on.get(_price_at(due, credit))) is not None:
            other, made = on
            exact = exact_amount(made) * (other.due.share if made.share else 1)
            exact -= exact_credit(credit.charge, (due.before.share, due.due.share))
            both = rounded(exact, due.currency, made.price.amount_rounding).minor
            back = capped(made.net - both, due.before.charged)
            assert credit.corrects is not None, "what is given back corrects a line"
            corrects = msgspec.structs.replace(credit.corrects, given_back=back)
            found[place] = credit._replace(corrects=corrects)
    return found


def _price_at(due: DueItem, line: DueCharge) -> tuple[UUID, str, datetime, str]:
    """Which price of a contract or its add-on goes on, or is given back, from which instant on."""
    return line.subscription_id, due.track, line.due_at, line.charge.price.key


def _corrects(
    due: DueItem, made: Charge, lines: Lines
) -> tuple[Fraction | None, Correction | None]:
    """What discounts took off the line that is corrected, and which one it is."""
    if due.before is None:
        return None, None
    invoice_id, line_no, step, charged, paid, ends_at, share = due.before
    back = None
    is_part = not isinstance(made.price.scheme, Commitment)
    if is_part and due.rule is not None and due.rule.credit is not Credit.DIFFERENCE:
        back = given_back(made, charged, (share, due.due.share), due.rule, due.currency)
    name, line, off = lines[invoice_id, line_no]
    found = Correction(name, invoice_id, line_no, step + 1, charged, ends_at, back, paid, off)
    return line.part_off, found


def _drafts(customer: Customer, groups: Groups, selling: Selling) -> list[DraftInvoice]:
    """The invoices in order of time: each finds the coupons as those before it have left them."""
    held = selling.coupons.get(customer.customer_id, ())
    drafts = []
    for at, name in sorted(groups):
        made = draft(customer, at, groups[at, name], selling.taxes, held, selling.policies)
        held = after(held, made)
        drafts.append(made)
    return drafts
