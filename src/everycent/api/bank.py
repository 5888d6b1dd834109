"""Bank statements: what came to an account, what of it pays invoices, and whose the rest is."""

from __future__ import annotations

from datetime import date
from io import BytesIO
from typing import Annotated, Any, ClassVar

from msgspec import Meta, field

from everycent.api import money
from everycent.api.attempts import InSuspense, suspended
from everycent.api.bodies import MAX_BYTES
from everycent.api.operation import Asked, changing, reading
from everycent.api.payments import READ, WRITE, Applied, InvoiceShare, applied_data, shares_of
from everycent.api.shapes import Amount, Body, Currency, Name, Page, Paged, Query, Reason, Shown
from everycent.api.writing import writing
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.debits.entry import Effect
from everycent.flows import bank, bank_sums
from everycent.flows import debits as flow
from everycent.flows.bank import Taken
from everycent.integrations import bank_camt
from everycent.invoicing import queries as invoicing
from everycent.kernel import ids
from everycent.payments import operations, queries
from everycent.payments import payment as paid
from everycent.payments.direct_debit import EURO


class BankStatement(Body):
    """A bank statement or notice (camt.053, camt.054) as the bank made it, in UTF-8."""

    MOST_BYTES: ClassVar[int] = MAX_BYTES
    LONGEST_TEXT: ClassVar[int] = 15_000_000

    content: Annotated[str, Meta(min_length=1, max_length=15_000_000)]


class ProposedShare(Shown):
    """What money might pay: somebody has to say so."""

    invoice: str
    amount: Amount


class TakenEntry(Shown):
    """What became of a line of the account."""

    reference: str
    booked_on: date
    amount: Amount
    currency: Currency
    from_: Annotated[str | None, Meta(description="Who sent it.")] = field(name="from")
    outcome: Annotated[
        str,
        Meta(description="Such as certain, proposed, unmatched, known, outgoing, taken_back."),
    ]
    payment: str | None
    debit: Annotated[str | None, Meta(description="The direct debit that it is about.")]
    charge: Annotated[Amount, Meta(description="What the bank took on top of a return.")]
    reason: str
    proposed: list[ProposedShare]


class TakenEntries(Shown):
    """What became of the lines of a statement, in their order."""

    entries: list[TakenEntry]
    is_left: Annotated[bool, Meta(description="Whether a person has to look at any of them.")]


class AssignPayment(Body):
    """Whose money in suspense is, and what it pays."""

    customer: Name
    invoices: Annotated[list[InvoiceShare], Meta(max_length=500)] = field(default_factory=list)


class SplitPayment(Body):
    """Of which file of direct debits a sum is."""

    file: Annotated[Name, Meta(description="The name of the file.")]
    reason: Annotated[Reason, Meta(description="How you know.")]


class SplitDebit(Shown):
    """A debit out of a sum, and what that did."""

    invoice: str
    reference: str
    amount: Amount
    effect: Effect


class SplitDebits(Shown):
    """The debits that a sum was."""

    debits: list[SplitDebit]


_FOR_A_PERSON = ("proposed", "unmatched", "reversal", "contradicted", "person")


def import_statement(tx: Tx, asked: Asked[Query, BankStatement]) -> dict[str, Any]:
    """Takes a bank statement in. What names its invoices for certain pays them, all other money waits in
    suspense until it is assigned. No line is booked twice, however often it is sent."""
    statements = bank_camt.read(BytesIO(asked.body.content.encode()))
    taken = bank.take_in(tx, statements, **writing(asked))
    wanted = {share.invoice_id for one in taken for share in one.match.allocations}
    names = invoicing.names(tx, sorted(wanted))
    return {
        "entries": [_taken(one, names) for one in taken],
        "is_left": any(one.outcome in _FOR_A_PERSON for one in taken),
    }


def list_suspense(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """Money of which nobody knows whose it is, oldest first."""
    after = None
    if asked.query.after is not None:
        last = queries.by_name(tx, asked.query.after).payment
        after = (last.received_on, last.payment_id)
    found = suspended(tx, after=after, limit=asked.query.size + 1)
    return asked.page(found, lambda one: str(one["payment"]))


def assign_payment(tx: Tx, asked: Asked[Query, AssignPayment]) -> dict[str, Any]:
    """Says whose a payment is that waits in suspense, and what it pays."""
    held = queries.by_name(tx, asked.path["payment"])
    owner = customers.by_name(tx, asked.body.customer)
    shares = shares_of(tx, asked.body.invoices, held.payment.currency)
    done = operations.assign(tx, held.payment.payment_id, owner.customer_id, shares, writing(asked))
    return applied_data(tx, done)


def split_payment(tx: Tx, asked: Asked[Query, SplitPayment]) -> dict[str, Any]:
    """Says that a payment in suspense is what the bank booked in one sum for a file of direct debits, or
    for one of its blocks. Each debit pays its invoice, and the sum is gone."""
    held = queries.by_name(tx, asked.path["payment"])
    _, parts = bank_sums.split(
        tx, held.payment.payment_id, asked.body.file, asked.body.reason,
        flow.writer(asked.now, asked.who.actor, asked.app.ids),
    )  # fmt: skip
    return {
        "debits": [
            {
                "invoice": one.debit.invoice,
                "reference": one.debit.reference,
                "amount": money.amount(one.debit.amount, EURO),
                "effect": one.effect.value,
            }
            for one in parts
        ]
    }


OPERATIONS = [
    changing(
        "POST",
        "/v1/bank-statements",
        WRITE,
        import_statement,
        TakenEntries,
        BankStatement,
        is_planned=True,
    ),
    reading("/v1/payments/suspense", READ, list_suspense, Page[InSuspense], Paged),
    changing(
        "POST",
        "/v1/payments/{payment}/assign",
        WRITE,
        assign_payment,
        Applied,
        AssignPayment,
        is_planned=True,
    ),
    changing(
        "POST",
        "/v1/payments/{payment}/split",
        WRITE,
        split_payment,
        SplitDebits,
        SplitPayment,
        is_planned=True,
    ),
]


def _taken(one: Taken, names: Any) -> dict[str, Any]:
    currency = one.entry.currency
    return {
        "reference": one.entry.reference,
        "booked_on": one.entry.booked_on,
        "amount": money.amount(one.entry.amount, currency),
        "currency": currency,
        "from": one.entry.name,
        "outcome": one.outcome,
        "payment": None if one.payment is None else ids.show(paid.PREFIX, one.payment.payment_id),
        "debit": one.match.collection,
        "charge": money.amount(one.match.charge, currency),
        "reason": one.match.reason,
        "proposed": [
            {"invoice": names[share.invoice_id], "amount": money.amount(share.amount, currency)}
            for share in one.match.allocations
        ],
    }
