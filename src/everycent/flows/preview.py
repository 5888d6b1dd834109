"""The next documents of a customer, by the code that would write them, as a planned change would make them.

All of it happens in a transaction that is undone: the change is agreed with the operations behind the
commands, and what a billing run would decide is decided. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from everycent.customers import queries as customers
from everycent.customers.customer import Customer
from everycent.db.connection import Database, Tx
from everycent.flows import bill, deciding, late, running
from everycent.flows.bill import Terms
from everycent.flows.deciding import Known, Reading
from everycent.flows.rehearse import rehearse
from everycent.invoicing import operations as invoicing
from everycent.invoicing import queries as invoices
from everycent.invoicing.assemble import finished
from everycent.invoicing.invoice import Invoice, kind_of
from everycent.invoicing.runs import Chunk
from everycent.kernel.calendar import start_of_day
from everycent.kernel.calendar import zone as known_zone
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Money, plain
from everycent.kernel.period import instant_text
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions import queries as contracts
from everycent.subscriptions.operations import When, Writing
from everycent.subscriptions.subscription import Subscription
from everycent.subscriptions.timeline import Action

_NUMBERLESS = UUID(int=0)
_UNNUMBERED = ("invoice_id", "number", "name")


class Planned(NamedTuple):
    """A change to try: another plan by its key, or an action; of the contract `subscription`, which may
    be None where the customer has one only."""

    change: str | Action
    when: When
    subscription: str | None = None


class Preview(NamedTuple):
    """What a billing run as of `as_of` would issue for the customer; and `without` the change, where one
    was tried. The documents have no numbers yet."""

    customer: Customer
    as_of: datetime
    documents: list[Invoice]
    without: list[Invoice] | None = None


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
    `customer.unknown`, Invalid `preview.which_subscription`, Unavailable `rehearsal.busy`.
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
    invoicing.mark_late(tx, sorted(late.ways(tx)), is_live=True)
    found = _documents(tx, customer, since, writing, terms)
    following = None if found or as_of is not None else _next_due(tx, customer, since)
    if following is None:
        return Preview(customer, since, found)
    return Preview(customer, following, _documents(tx, customer, following, writing, terms))


def _agree(tx: Tx, customer: Customer, planned: Planned, writing: Writing) -> Subscription:
    """Makes the change."""
    held = running.of_customer(tx, customer.customer_id, planned.subscription)
    if len(held) != 1:
        raise Invalid(
            "preview.which_subscription",
            f"{customer.key} has {len(held)} subscriptions, and a change is of one",
            field="subscription",
            hint="name it: " + ", ".join(one.key for one in held[:5]),
        )
    key, (change, when, _) = held[0].key, planned
    if isinstance(change, str):
        return subscriptions.switch(tx, key, change, when, reason="", writing=writing)
    return subscriptions.change(tx, key, change, when, reason="", writing=writing)


def _documents(
    tx: Tx, customer: Customer, as_of: datetime, writing: Writing, terms: Terms
) -> list[Invoice]:
    run = deciding.run_of(
        tx, _NUMBERLESS, as_of, time_zone=terms.time_zone, payment_days=terms.payment_days,
        started_at=writing["recorded_at"],
    )  # fmt: skip
    alone = Chunk(0, customer.customer_id, customer.customer_id)
    reading = Reading(lambda: nullcontext(tx), is_live=True)
    decided = deciding.decide(tx, run, alone, [customer], Known(), reading)
    for parked in decided.parked:
        raise parked.refusal
    day = deciding.issued_on(run)
    return [
        finished(
            draft, _NUMBERLESS, 0, max(day, invoices.last_dated(tx, draft.series) or day),
            terms.payment_days, None,
        )
        for draft in decided.drafts
    ]  # fmt: skip


def _next_due(tx: Tx, customer: Customer, since: datetime) -> datetime | None:
    """The first instant after another one at which anything of the customer falls due."""
    held = running.of_customer(tx, customer.customer_id)
    items = contracts.open_items(tx, [one.subscription_id for one in held])
    falls = (item.next_due_at() for item in items)
    return min((at for at in falls if at is not None and at > since), default=None)


def title_of(document: Invoice) -> str:
    """What stands where a document has its number."""
    is_invoice = kind_of(document.series) == "invoice"
    return f"Preview of {'an invoice' if is_invoice else 'a credit note'}"


def effect(found: Preview) -> int | None:
    """How much more the customer is to pay with the change than without, in minor units; None where no
    change was tried."""
    if found.without is None:
        return None
    return _sum(found.documents) - _sum(found.without)


def _sum(documents: Sequence[Invoice]) -> int:
    return sum(document.gross for document in documents)


def as_data(found: Preview) -> dict[str, Any]:
    """The preview as a program gets it: documents as they would be issued, without what numbering adds."""
    more = effect(found)
    currency = found.customer.currency
    return {
        "customer": found.customer.key,
        "as_of": instant_text(found.as_of),
        "documents": [_data(document) for document in found.documents],
        "without": None if found.without is None else [_data(one) for one in found.without],
        "effect": None if more is None else plain(Money(more, currency)),
        "currency": currency,
    }


def _data(document: Invoice) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(document)
    return {name: value for name, value in told.items() if name not in _UNNUMBERED}
