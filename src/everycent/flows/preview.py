"""The next documents of a customer, by the code that would write them, as a planned change would make them.

All of it happens in a transaction that is undone: the change is agreed with the operations behind the
commands, and what a billing run would decide is decided. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from everycent.customers import payer
from everycent.customers import queries as customers
from everycent.customers.customer import Customer
from everycent.db.connection import Database, Tx
from everycent.flows import bill, deciding, outstanding
from everycent.flows.ahead import check_periods
from everycent.flows.bill import Terms
from everycent.flows.deciding import Known, Reading
from everycent.flows.rate_due import Decided
from everycent.flows.rehearse import rehearse
from everycent.invoicing import operations as invoicing
from everycent.invoicing import queries as invoices
from everycent.invoicing.assemble import DraftInvoice, finished
from everycent.invoicing.invoice import Invoice, kind_of
from everycent.invoicing.runs import Chunk, Run
from everycent.invoicing.shown import preview_data
from everycent.kernel.calendar import local_date, start_of_day
from everycent.kernel.calendar import zone as known_zone
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Money, plain
from everycent.kernel.period import instant_text
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions import queries as contracts
from everycent.subscriptions.changing import When
from everycent.subscriptions.operations import Writing
from everycent.subscriptions.subscription import Subscription
from everycent.subscriptions.timeline import MAIN, Action, End
from everycent.subscriptions.told import NOTHING_TOLD, Told

_NUMBERLESS = UUID(int=0)
_WHY = "to see what comes of it"


class Adding(NamedTuple):
    """A plan to be added to a contract, under its key or another name."""

    plan: str
    name: str | None = None


class Quantities(NamedTuple):
    """Other quantities, by key of the price, of the plan or of the add-on on a track."""

    told: Mapping[str, str]
    track: str = MAIN


class Planned(NamedTuple):
    """A change to try: another plan by its key, an add-on, quantities, or an action; of the contract
    `subscription`, one of the customer or of somebody it pays for, which may be None where the customer
    has one only. `told` is what a plan or an add-on is told with."""

    change: str | Adding | Quantities | Action
    when: When
    subscription: str | None = None
    told: Told = NOTHING_TOLD


class PaidBy(NamedTuple):
    """Who gets the invoices for what the customer has agreed to, and for which days (`until` is the first
    that is not theirs)."""

    payer: str
    since: date
    until: date | None


class Preview(NamedTuple):
    """What a billing run as of `as_of` would issue to the customer; and `without` the change, where one
    was tried. The documents have no numbers yet. `paid_by` tells who else pays for it now or later."""

    customer: Customer
    as_of: datetime
    documents: list[Invoice]
    without: list[Invoice] | None = None
    paid_by: tuple[PaidBy, ...] = ()


def preview(
    database: Database,
    tenant_id: int,
    name: str,
    as_of: datetime | None,
    *,
    writing: Writing,
    terms: Terms,
    planned: Planned | None = None,
) -> Preview:
    """The documents of the customer as of an instant; without one, as of `writing`'s, or of the day of
    the change if that is later, or else of the next instant at which anything falls due.

    Raises what the change raises, the refusal with which a billing run would park the customer, NotFound
    `customer.unknown`, Invalid `preview.which_subscription`, `billing.too_many_periods`, Unavailable
    `rehearsal.busy`.
    """
    known_zone(terms.time_zone)
    if as_of is not None:
        bill.check_time(as_of)

    def tried(plan: Planned | None, at: datetime | None) -> Preview:
        return rehearse(
            database, tenant_id, lambda tx: _preview(tx, name, at, plan, writing, terms)
        )

    found = tried(planned, as_of)
    if planned is None:
        return found
    return found._replace(without=tried(None, found.as_of).documents)


def _preview(
    tx: Tx,
    name: str,
    as_of: datetime | None,
    planned: Planned | None,
    writing: Writing,
    terms: Terms,
) -> Preview:
    customer = customers.by_name(tx, name)
    since = writing["at"] if as_of is None else as_of
    if planned is not None:
        changed = _agree(tx, customer, planned, writing)
        if as_of is None and planned.when.on is not None:
            since = max(since, start_of_day(planned.when.on, changed.time_zone))
    held = contracts.payable(tx, [customer.customer_id])
    check_periods(tx, [one.subscription_id for one in held], since)
    others = _paid_by(tx, customer, since)
    found = _documents(tx, customer, since, writing, terms)
    if not found and as_of is None:
        found, since = _following(tx, customer, since, writing, terms)
    return Preview(customer, since, found, paid_by=others)


def _following(
    tx: Tx, customer: Customer, since: datetime, writing: Writing, terms: Terms
) -> tuple[list[Invoice], datetime]:
    """The next documents after an instant, and as of when they are issued: as soon as anything falls due,
    or has waited long enough for late usage."""
    due = contracts.next_due(tx, customer.customer_id, since)
    following = min(
        (at for at in (due, _release(tx, customer, since, writing, terms)) if at is not None),
        default=None,
    )
    found: list[Invoice] = []
    while not found and following is not None:
        since, found = following, _documents(tx, customer, following, writing, terms)
        following = _release(tx, customer, since, writing, terms)
    return found, since


def _release(
    tx: Tx, customer: Customer, as_of: datetime, writing: Writing, terms: Terms
) -> datetime | None:
    return deciding.next_release(tx, _run(tx, as_of, writing, terms), customer.customer_id)


def _run(tx: Tx, as_of: datetime, writing: Writing, terms: Terms) -> Run:
    return deciding.run_of(
        tx, _NUMBERLESS, as_of, time_zone=terms.time_zone, payment_days=terms.payment_days,
        started_at=writing["recorded_at"],
    )  # fmt: skip


def _paid_by(tx: Tx, customer: Customer, as_of: datetime) -> tuple[PaidBy, ...]:
    """Who else pays for the customer at an instant or after it."""
    told = customers.payers(tx, [customer.customer_id]).get(customer.customer_id, [])
    left = [one for one in payer.spans(told) if one.ends_at is None or one.ends_at > as_of]
    who = customers.by_ids(tx, [one.payer_id for one in left])
    zone = customer.time_zone
    return tuple(
        PaidBy(
            who[one.payer_id].key, local_date(one.starts_at, zone),
            None if one.ends_at is None else local_date(one.ends_at, zone),
        )
        for one in left
    )  # fmt: skip


def _agree(tx: Tx, customer: Customer, planned: Planned, writing: Writing) -> Subscription:
    """Makes the change."""
    key, (change, when, _, told) = _key(tx, customer, planned.subscription), planned
    why: Any = {"reason": _WHY, "writing": writing}
    match change:
        case str():
            return subscriptions.switch(tx, key, change, when, told=told, **why)
        case Adding(plan, name):
            return subscriptions.add(tx, key, plan, when.on, name=name, told=told, **why)
        case Quantities(quantities, track):
            return subscriptions.agree(tx, key, quantities, when, track=track, **why)
        case End(name):
            return subscriptions.drop(tx, key, name, when, **why)
        case _:
            return subscriptions.change(tx, key, change, when, **why)


def _key(tx: Tx, customer: Customer, named: str | None) -> str:
    """The contract that is to be changed: the one that is named, or the only one of the customer's own."""
    known = contracts.payable(tx, [customer.customer_id])
    if named is not None:
        outstanding.check_named(named, [one.key for one in known])
        return named
    own = [one.key for one in known if one.customer_id == customer.customer_id]
    if len(own) != 1:
        raise Invalid(
            "preview.which_subscription",
            f"{customer.key} has {len(own)} subscriptions, and a change is of one",
            field="subscription",
            hint="name it: " + ", ".join([one.key for one in known][:5]),
        )
    return own[0]


def _documents(
    tx: Tx, customer: Customer, as_of: datetime, writing: Writing, terms: Terms
) -> list[Invoice]:
    """What billing would issue; what waits for others too, once they are billed."""
    run = _run(tx, as_of, writing, terms)
    day = deciding.issued_on(run)
    found: list[Invoice] = []
    while True:
        decided = _decided(tx, run, customer)
        for parked in decided.parked:
            raise parked.refusal
        drafts = list(decided.drafts)
        dates: dict[str, date] = {}
        for draft in drafts:
            dated = draft.date_of(day)
            before = dates.get(draft.series) or invoices.last_dated(tx, draft.series) or dated
            dates[draft.series] = dated = max(dated, before)
            found.append(finished(draft, _NUMBERLESS, 0, dated, terms.payment_days, None))
        first = contracts.waits_for(tx, customer.customer_id, as_of)
        others = customers.by_ids(tx, sorted(first - {customer.customer_id}))
        for other in others.values():
            drafts += _decided(tx, run, other).drafts
        if not first or not drafts:
            return found
        _issue(tx, run, drafts, writing)


def _decided(tx: Tx, run: Run, customer: Customer) -> Decided:
    alone = Chunk(0, customer.customer_id, customer.customer_id)
    reading = Reading(lambda: nullcontext(tx), is_live=True)
    return deciding.decide(tx, run, alone, [customer], Known(), reading)


def _issue(tx: Tx, run: Run, drafts: Sequence[DraftInvoice], writing: Writing) -> None:
    """Issues documents, as billing does before what waits for them; undone with everything else."""
    invoicing.issue(
        tx, invoicing.prepare(tx, drafts, writing["ids"]), time_zone=run.time_zone,
        payment_days=run.payment_days, at=run.as_of, recorded_at=writing["recorded_at"],
        actor=writing["actor"], ids=writing["ids"], run_id=None,
    )  # fmt: skip


def title_of(document: Invoice) -> str:
    """What stands where a document has its number."""
    is_invoice = kind_of(document.series) == "invoice"
    return f"Preview of {'an invoice' if is_invoice else 'a credit note'}"


def effect(found: Preview) -> int | None:
    """How much more the customer is to pay with the change than without, in minor units; None where no
    change was tried."""
    if found.without is None:
        return None
    return to_pay(found.documents) - to_pay(found.without)


def to_pay(documents: Sequence[Invoice]) -> int:
    """What is left to pay of documents once credit has paid its part, in minor units."""
    return sum(document.payable for document in documents)


def as_data(found: Preview) -> dict[str, Any]:
    """The preview as a program gets it: documents as they would be issued, without what numbering adds."""
    more = effect(found)
    currency = found.customer.currency
    return {
        "customer": found.customer.key,
        "as_of": instant_text(found.as_of),
        "paid_by": [msgspec.to_builtins(one._asdict()) for one in found.paid_by],
        "documents": [preview_data(document) for document in found.documents],
        "without": None if found.without is None else [preview_data(one) for one in found.without],
        "effect": None if more is None else plain(Money(more, currency)),
        "currency": currency,
    }
