"""/rest/v1/…: invoices by the status of their payment, why attempts failed, and an invoice put in the queue
again: the endpoints of the founding project, under the addresses that they have there.

An invoice is called by its number (231 is INV-000231) or its id, a customer by its key or its id.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from msgspec import Meta, field

from everycent.api.operation import Answer, Asked, changing, reading
from everycent.api.shapes import Amount, Currency, Query, Shown
from everycent.charging import queries as charging
from everycent.charging.attempt import Stage, Status
from everycent.charging.queries import Step
from everycent.charging.status import ALIVE, Follows, PaymentState, PaymentStatus, parse_status
from everycent.charging.status import follows as follows_of
from everycent.customers import queries as customers
from everycent.customers.customer import Customer
from everycent.db.connection import Tx
from everycent.flows.collect import decide
from everycent.invoicing.invoice import INVOICE_SERIES, name_of
from everycent.kernel import ids
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Money, plain
from everycent.kernel.period import instant_text
from everycent.metering.record import check_name
from everycent.payments.failure import Failure

_READ, _WRITE = "payments:read", "payments:write"
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_MOST = 500
_USUAL = 100
_PAGES = 1000
_ACCEPTED = 202
_NUMBERS = 10**18


class FoundingMoney(Shown):
    """An amount of money: a decimal number as text."""

    value: Amount
    currency: Currency


class FoundingInvoice(Shown):
    """An invoice, and where it stands with its payment."""

    id: Annotated[int | None, Meta(description="Its number; null for a credit note.")]
    name: str
    invoice_id: str
    customer: str
    issued_on: date
    due_on: date
    amount: Annotated[FoundingMoney, Meta(description="What was to be paid in all.")]
    open: Annotated[FoundingMoney, Meta(description="What still is.")]
    status: PaymentStatus
    tries: int
    attempt: str | None
    attempted_at: datetime | None
    retry_at: datetime | None
    is_stopped: bool
    has_method: bool
    reason: str


class FoundingInvoices(Shown):
    """A part of the invoices."""

    invoices: list[FoundingInvoice]
    next: str | None


class FoundingFailure(Shown):
    """An attempt that brought nothing, or of which nobody knows what it brought."""

    attempt: str
    try_: Annotated[int, Meta(description="Which one it was.")] = field(name="try")
    claimed_at: datetime
    failed_at: datetime
    stage: Status
    failure: Failure
    reason: str
    provider: str
    provider_code: str | None
    http_status: int | None
    amount: FoundingMoney
    status: Status
    follows: Follows
    follows_at: datetime | None


class FoundingFailures(FoundingInvoice):
    """An invoice, and why attempts to charge it brought nothing."""

    attempts: list[FoundingFailure]


class FoundingCustomer(Shown):
    """A customer."""

    id: str
    customer_id: str
    name: str
    currency: Currency
    time_zone: str


class FoundingCustomers(Shown):
    """A part of the customers."""

    customers: list[FoundingCustomer]
    next: str | None


class InvoicesWanted(Query):
    """Which invoices are wanted: a page by its number, or by what it comes after."""

    size: Annotated[int, Meta(ge=1, le=_MOST, description="How many of them.")] = _USUAL
    page: Annotated[int, Meta(ge=1, le=_PAGES, description="Counted from 1.")] | None = None
    after: (
        Annotated[int, Meta(ge=0, le=_NUMBERS, description="Those with a higher number than this.")]
        | None
    ) = None


class CustomersWanted(Query):
    """Which customers are wanted."""

    size: Annotated[int, Meta(ge=1, le=_MOST, description="How many of them.")] = _USUAL
    after: Annotated[str | None, Meta(description="Those with a key behind this one.")] = None


def list_invoices_with_status(tx: Tx, asked: Asked[InvoicesWanted, None]) -> dict[str, Any]:
    """All invoices in order of their numbers, with the status of their payment. A page of `size`, number
    `page` or what comes `after` an invoice."""
    return _invoices(tx, asked, None)


def list_invoices_by_status(tx: Tx, asked: Asked[InvoicesWanted, None]) -> dict[str, Any]:
    """The invoices whose payment has the status of the path, in capitals or not. Paged in the same way."""
    return _invoices(tx, asked, parse_status(asked.path["status"]))


def get_invoice_status(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """One invoice with the status of its payment."""
    return _told(tx, [charging.payment_state(tx, _name(asked.path["invoice"]))])[0]


def get_failed_attempts(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """Why attempts to charge an invoice brought nothing, or nobody knows what. Each with the reason, the
    provider's word, when, and what follows; oldest first. An invoice without such attempts has none."""
    found = charging.payment_state(tx, _name(asked.path["invoice"]))
    (told,) = _told(tx, [found])
    return told | {"attempts": _failures(charging.trail(tx, found.invoice_id))}


def requeue_by_number(tx: Tx, asked: Asked[Query, None]) -> Answer:
    """Puts an invoice in the queue as if nothing had been tried. 202, or 200 where it is there already."""
    found, is_new = decide.requeue_in(
        tx, _name(asked.path["invoice"]), at=asked.now, actor=asked.who.actor, ids=asked.app.ids
    )
    return Answer(_invoice(found), _ACCEPTED if is_new else 200)


def list_customers_by_key(tx: Tx, asked: Asked[CustomersWanted, None]) -> dict[str, Any]:
    """Customers in order of their keys. A page of `size`, of those `after` a key."""
    size, after = asked.query.size, asked.query.after
    behind = "" if after is None else check_name(after, "after")
    found = customers.page(tx, after=behind, limit=size + 1)
    last = found[size - 1].key if len(found) > size else None
    told = [_customer(one) for one in found[:size]]
    return {"customers": told, "next": _next(asked.address, size, last)}


def get_customer_by_key(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """One customer."""
    name = check_name(asked.path["customer"], "customer")
    return _customer(customers.by_name(tx, name))


def _name(told: str) -> str:
    """A whole number as the name of the invoice that it numbers; any other name as it is."""
    return name_of(INVOICE_SERIES, int(told)) if _NUMBER.fullmatch(told) else told


def _invoices(
    tx: Tx, asked: Asked[InvoicesWanted, None], status: PaymentStatus | None
) -> dict[str, Any]:
    wanted = asked.query
    size = wanted.size
    if wanted.page is not None and wanted.after is not None:
        raise Invalid(
            "request.bad_parameter",
            "a page is told by its number or by what it comes after, and not by both",
            field="page",
            value=wanted.page,
        )
    found = charging.payment_states(
        tx, status, after=wanted.after or 0, offset=((wanted.page or 1) - 1) * size, limit=size + 1
    )
    last = _number(found[size - 1]) if len(found) > size else None
    return {"invoices": _told(tx, found[:size]), "next": _next(asked.address, size, last)}


def _next(address: str, size: int, last: object | None) -> str | None:
    """Where the next page is: what comes after the last one of this, whatever changed meanwhile."""
    if last is None:
        return None
    return f"{address}?{urlencode({'size': size, 'after': last})}"


def _number(found: PaymentState) -> int:
    return int(found.invoice.rpartition("-")[2])


def _told(tx: Tx, found: Sequence[PaymentState]) -> list[dict[str, Any]]:
    """Invoices, with why an attempt that is alive stands where it does, which nothing is decided about."""
    alive = [one.attempt for one in found if one.status in ALIVE and one.attempt is not None]
    whys = charging.whys(tx, alive)
    return [_invoice(one) | _why(one, whys) for one in found]


def _why(one: PaymentState, whys: Mapping[str, str]) -> dict[str, Any]:
    return {"reason": one.reason or whys.get(one.attempt or "", "")}


def _invoice(found: PaymentState) -> dict[str, Any]:
    return {
        "id": _number(found) if found.invoice.startswith(f"{INVOICE_SERIES}-") else None,
        "name": found.invoice,
        "invoice_id": ids.show(ids.INVOICE, found.invoice_id),
        "customer": found.customer,
        "issued_on": found.issued_on,
        "due_on": found.due_on,
        "amount": _money(found.owed, found.currency),
        "open": _money(found.left, found.currency),
        "status": found.status,
        "tries": found.tries,
        "attempt": found.attempt,
        "attempted_at": _instant(found.claimed_at),
        "retry_at": _instant(found.retry_at),
        "is_stopped": found.is_stopped,
        "has_method": found.has_method,
        "reason": found.reason,
    }


def _customer(found: Customer) -> dict[str, Any]:
    return {
        "id": found.key,
        "customer_id": ids.show(ids.CUSTOMER, found.customer_id),
        "name": found.name,
        "currency": found.currency,
        "time_zone": found.time_zone,
    }


def _failures(trail: Sequence[Step]) -> list[dict[str, Any]]:
    """By attempt the last of its stages that says what went wrong, and where it stands now."""
    wrong: dict[str, Step] = {}
    now: dict[str, Stage] = {}
    for step in trail:
        now[step.reference] = step.stage
        if step.stage.state.failure is not None:
            wrong[step.reference] = step
    return [_failure(step, now[reference]) for reference, step in wrong.items()]


def _failure(step: Step, now: Stage) -> dict[str, Any]:
    attempt, state, said = step.stage.attempt, step.stage.state, step.stage.evidence
    then, at = follows_of(now.state)
    return {
        "attempt": step.reference,
        "try": attempt.tries,
        "claimed_at": instant_text(state.claimed_at),
        "failed_at": instant_text(step.at),
        "stage": state.status,
        "failure": state.failure,
        "reason": state.why,
        "provider": attempt.provider,
        "provider_code": None if said is None else said.code,
        "http_status": None if said is None else said.status,
        "amount": _money(attempt.amount, attempt.currency),
        "status": now.state.status,
        "follows": then,
        "follows_at": _instant(at),
    }


def _money(amount: int, currency: str) -> dict[str, str]:
    return {"value": plain(Money(amount, currency)), "currency": currency}


def _instant(at: datetime | None) -> str | None:
    return None if at is None else instant_text(at)


OPERATIONS = [
    reading(
        "/rest/v1/invoices", _READ, list_invoices_with_status, FoundingInvoices, InvoicesWanted
    ),
    reading(
        "/rest/v1/invoices/status/{status}",
        _READ,
        list_invoices_by_status,
        FoundingInvoices,
        InvoicesWanted,
    ),
    reading("/rest/v1/invoices/failed/{invoice}", _READ, get_failed_attempts, FoundingFailures),
    reading("/rest/v1/invoices/{invoice}", _READ, get_invoice_status, FoundingInvoice),
    changing(
        "POST",
        "/rest/v1/invoices/{invoice}/requeue",
        _WRITE,
        requeue_by_number,
        FoundingInvoice,
        status=_ACCEPTED,
        others={200: FoundingInvoice},
    ),
    reading("/rest/v1/customers", _READ, list_customers_by_key, FoundingCustomers, CustomersWanted),
    reading("/rest/v1/customers/{customer}", _READ, get_customer_by_key, FoundingCustomer),
]
