"""/v1/payments: money that came in, what it pays, and what goes back of it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from everycent.api import money
from everycent.api.operation import Asked, changing, reading
from everycent.api.parameters import day_or_none
from everycent.api.shapes import (
    Amount,
    Body,
    Currency,
    Day,
    Name,
    Page,
    Paged,
    Query,
    Reason,
    Shown,
)
from everycent.api.writing import writing
from everycent.charging import queries as charges
from everycent.charging.attempt import Status
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.flows.collect import reopen
from everycent.invoicing import queries as invoicing
from everycent.invoicing.invoice import name_of
from everycent.kernel import ids
from everycent.kernel.errors import Invalid
from everycent.kernel.period import instant_text
from everycent.payments import operations, queries
from everycent.payments import payment as paid
from everycent.payments.amounts import positive_minor
from everycent.payments.operations import Share
from everycent.payments.payment import Moved, MoveKind, Payment, Way
from everycent.payments.queries import Held

READ, WRITE = "payments:read", "payments:write"


class ListedPayment(Shown):
    """Money that came in, what is left of it, and what went back."""

    payment: str
    customer: Annotated[str | None, Meta(description="Null while nobody knows whose it is.")]
    amount: Amount
    currency: Currency
    way: Way
    provider: Annotated[str, Meta(description="The provider, or the account where it came in.")]
    external_id: str
    received_on: date
    reference: str
    fee: Amount
    left: Annotated[Amount, Meta(description="What of it pays nothing yet.")]
    back: Annotated[Amount, Meta(description="What of it went back.")]


class PaymentMove(Shown):
    """One thing that became of a payment, and what was left and had gone back after it."""

    no: int
    kind: MoveKind
    amount: Amount
    left: Amount
    back: Amount
    invoice: str | None
    external_id: str | None
    at: datetime


class Refund(Shown):
    """An attempt to give something back through a provider."""

    attempt: str
    amount: Amount
    status: Status


class PaymentShown(ListedPayment):
    """A payment with everything that became of it, in order."""

    moves: list[PaymentMove]
    refunds: list[Refund]


class Settled(Shown):
    """What a payment pays of an invoice, or (below nothing) no longer pays."""

    invoice: str
    amount: Amount
    open: Annotated[Amount, Meta(description="What is open of the invoice after it.")]


class Applied(Shown):
    """What became of a payment."""

    payment: str
    currency: Currency
    settled: list[Settled]
    left: Amount
    back: Amount


class InvoiceShare(Body):
    """An invoice, and how much of it is paid: all that is there for it when left out."""

    invoice: Name
    amount: Amount | None = None


class NewPayment(Body):
    """Money that came in: a transfer, cash, a cheque. What pays no invoice is left."""

    customer: Name
    amount: Amount
    reference: Annotated[Name, Meta(description="Its name at the bank, or on the receipt.")]
    currency: Annotated[Currency | None, Meta(description="The customer's when left out.")] = None
    way: Literal["transfer", "debit", "cash", "other"] = "transfer"
    account: Annotated[Name, Meta(description="Where it came in.")] = "bank"
    received_on: Annotated[Day | None, Meta(description="Today when left out.")] = None
    invoices: Annotated[list[InvoiceShare], Meta(max_length=500)] = field(default_factory=list)


class ApplyPayment(Body):
    """What is left of a payment pays these, in this order."""

    invoices: Annotated[list[InvoiceShare], Meta(min_length=1, max_length=500)]


class UnapplyPayment(Body):
    """What a payment pays is open again: of one invoice, or of all."""

    reason: Reason
    invoice: Name | None = None


class PaymentsWanted(Paged):
    """Which payments are wanted."""

    customer: str | None = None
    left: Annotated[bool, Meta(description="Only those of which something pays nothing yet.")] = (
        False
    )


def list_payments(tx: Tx, asked: Asked[PaymentsWanted, None]) -> Page[dict[str, Any]]:
    """Payments, oldest first."""
    wanted = asked.query
    after = None
    if wanted.after is not None:
        last = queries.by_name(tx, wanted.after).payment
        after = (last.received_on, last.payment_id)
    owner = None if wanted.customer is None else customers.by_name(tx, wanted.customer).customer_id
    found = queries.of_customer(
        tx, owner, only_left=wanted.left, after=after, limit=wanted.size + 1
    )
    return asked.page(held_data(tx, found), lambda last: str(last["payment"]))


def get_payment(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """One payment, and everything that became of it."""
    held = queries.by_name(tx, asked.path["payment"])
    currency = held.payment.currency
    (told,) = held_data(tx, [held])
    moves = [
        {
            "no": row.move_no,
            "kind": row.kind,
            "amount": money.amount(row.amount, currency),
            "left": money.amount(row.left_after, currency),
            "back": money.amount(row.back_after, currency),
            "invoice": None if row.series is None else name_of(row.series, row.number),
            "external_id": row.external_id,
            "at": instant_text(row.at),
        }
        for row in queries.moves(tx, held.payment.payment_id)
    ]
    refunds = [
        {
            "attempt": one.attempt.reference,
            "amount": money.amount(one.attempt.amount, currency),
            "status": one.state.status,
        }
        for one in charges.of_payment(tx, held.payment.payment_id)
    ]
    return told | {"moves": moves, "refunds": refunds}


def record_payment(tx: Tx, asked: Asked[Query, NewPayment]) -> dict[str, Any]:
    """Books money that came in from a customer, once by its reference at the account. What a provider takes
    is booked when the provider says so, and not here."""
    wanted = asked.body
    owner = customers.by_name(tx, wanted.customer)
    unit = wanted.currency or owner.currency
    minor = positive_minor(wanted.amount, unit, "amount")
    received = day_or_none(wanted.received_on, "received_on") or asked.now.date()
    told = Payment(
        asked.app.ids(f"payment/{wanted.account}/{wanted.reference}"), owner.customer_id, unit, minor,
        Way(wanted.way), wanted.account, wanted.reference, received, wanted.reference,
    )  # fmt: skip
    shares = shares_of(tx, wanted.invoices, unit)
    if charges.is_provider(tx, wanted.account):
        raise Invalid(
            "payment.account_of_provider",
            f"what {wanted.account} takes is booked when it says so",
            field="account",
            value=wanted.account,
            hint="a charge of which the outcome is open is told by resolve_attempt",
        )
    return applied_data(tx, operations.receive(tx, told, shares, writing(asked)))


def apply_payment(tx: Tx, asked: Asked[Query, ApplyPayment]) -> dict[str, Any]:
    """Lets what is left of a payment pay invoices, in this order."""
    held = queries.by_name(tx, asked.path["payment"])
    shares = shares_of(tx, asked.body.invoices, held.payment.currency)
    done = operations.apply(tx, held.payment.payment_id, shares, writing(asked))
    return applied_data(tx, done)


def unapply_payment(tx: Tx, asked: Asked[Query, UnapplyPayment]) -> dict[str, Any]:
    """Takes a payment off what it pays. That is open again, and not charged until it is requeued."""
    held = queries.by_name(tx, asked.path["payment"])
    document = None
    if asked.body.invoice is not None:
        document = invoicing.invoice(tx, asked.body.invoice).invoice.invoice_id
    done = reopen.unapply(
        tx, held.payment.payment_id, document, asked.body.reason, at=asked.now,
        actor=asked.who.actor, ids=asked.app.ids,
    )  # fmt: skip
    return applied_data(tx, done)


_ONE = "/v1/payments/{payment}"
OPERATIONS = [
    reading("/v1/payments", READ, list_payments, Page[ListedPayment], PaymentsWanted),
    changing(
        "POST",
        "/v1/payments",
        WRITE,
        record_payment,
        Applied,
        NewPayment,
        status=201,
        is_planned=True,
    ),
    reading(_ONE, READ, get_payment, PaymentShown),
    changing("POST", f"{_ONE}/apply", WRITE, apply_payment, Applied, ApplyPayment, is_planned=True),
    changing(
        "POST", f"{_ONE}/unapply", WRITE, unapply_payment, Applied, UnapplyPayment, is_planned=True
    ),
]


def shares_of(tx: Tx, wanted: list[InvoiceShare], currency: str) -> list[Share]:
    """The shares of a payment. Raises NotFound `invoice.unknown`, Invalid `payment.bad_amount`."""
    return [
        Share(
            invoicing.invoice(tx, one.invoice).invoice.invoice_id,
            None if one.amount is None else positive_minor(one.amount, currency, "invoices"),
        )
        for one in wanted
    ]


def applied_data(tx: Tx, done: Moved) -> dict[str, Any]:
    """What became of a payment by its last moves."""
    currency, last = done.payment.currency, done.moves[-1]
    names = invoicing.names(tx, [one.document_id for one in done.settles])
    return {
        "payment": ids.show(paid.PREFIX, done.payment.payment_id),
        "currency": currency,
        "settled": [
            {
                "invoice": names[one.document_id],
                "amount": money.amount(one.amount, currency),
                "open": money.amount(one.open_after, currency),
            }
            for one in done.settles
        ],
        "left": money.amount(last.left_after, currency),
        "back": money.amount(last.back_after, currency),
    }


def held_data(tx: Tx, found: list[Held]) -> list[dict[str, Any]]:
    """Payments as they stand."""
    owners = {one.payment.customer_id for one in found} - {None}
    known = customers.by_ids(tx, sorted(one for one in owners if one is not None))
    return [_held(one, known) for one in found]


def _held(one: Held, known: Any) -> dict[str, Any]:
    p = one.payment
    return {
        "payment": ids.show(paid.PREFIX, p.payment_id),
        "customer": None if p.customer_id is None else known[p.customer_id].key,
        "amount": money.amount(p.amount, p.currency),
        "currency": p.currency,
        "way": p.way,
        "provider": p.provider,
        "external_id": p.external_id,
        "received_on": p.received_on,
        "reference": p.reference,
        "fee": money.amount(p.fee, p.currency),
        "left": money.amount(one.standing.left, p.currency),
        "back": money.amount(one.standing.back, p.currency),
    }
