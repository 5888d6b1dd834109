"""Look payments up: what came in, what is left of it, what it pays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from everycent.db.connection import Tx
from everycent.invoicing import queries as invoicing
from everycent.invoicing.invoice import name_of
from everycent.journal.types import decode
from everycent.kernel import ids
from everycent.kernel.errors import NotFound
from everycent.payments import payment as payments
from everycent.payments import store
from everycent.payments.payment import Moved, MoveKind, Payment, Standing


class Held(NamedTuple):
    """A payment and where it stands."""

    payment: Payment
    standing: Standing


class Document(NamedTuple):
    """An invoice or credit note, as far as a payment needs to know it."""

    invoice_id: UUID
    name: str
    customer_id: UUID
    currency: str


def payment(tx: Tx, payment_id: UUID) -> Held:
    """One payment. Raises NotFound `payment.unknown`."""
    found = store.list_payments(tx, ids=[payment_id])
    if not found:
        raise _unknown(ids.show(payments.PREFIX, payment_id))
    return _held(found[0])


def by_name(tx: Tx, name: str) -> Held:
    """A payment by its id as people see it. Raises NotFound `payment.unknown`, Invalid `id.malformed`."""
    return payment(tx, ids.parse(payments.PREFIX, name, "payment"))


def of_customer(
    tx: Tx,
    customer_id: UUID | None,
    *,
    only_left: bool = False,
    after: tuple[date, UUID] | None = None,
    limit: int = 100_000,
) -> list[Held]:
    """Payments of a customer, or of everybody, oldest first; those of which something is left; those after
    one, told by its day and id."""
    rows = store.list_payments(
        tx, customer_id=customer_id, only_left=only_left, after=after, limit=limit
    )
    return [_held(row) for row in rows]


def of_external(tx: Tx, provider: str, external_id: str) -> Held | None:
    """The payment that a provider, or a bank, knows by this name."""
    found = store.list_payments(tx, provider=provider, externals=[external_id])
    return _held(found[0]) if found else None


def of_amount(tx: Tx, provider: str, amount: int, currency: str) -> list[Held]:
    """The payments of so much that came to an account, oldest first."""
    rows = store.list_payments(tx, provider=provider, amount=amount)
    return [_held(row) for row in rows if row.currency == currency]


def of_attempt(tx: Tx, attempt_id: UUID) -> Held | None:
    """The payment that an attempt brought."""
    found = store.list_payments(tx, attempt_id=attempt_id)
    return _held(found[0]) if found else None


def moves(tx: Tx, payment_id: UUID) -> list[Any]:
    """Everything that became of a payment, in order, with the names of documents."""
    return store.list_moves(tx, payment_id)


def documents(tx: Tx, invoice_ids: Sequence[UUID]) -> list[Document]:
    """Documents by id."""
    return [
        Document(row.invoice_id, name_of(row.series, row.number), row.customer_id, row.currency)
        for row in invoicing.open_documents(tx, invoice_ids)
    ]


def _held(row: Any) -> Held:
    told: Moved = decode(_BY_EVENT, row.schema_version, row.payload)
    return Held(told.payment, Standing(row.moves, row.left, row.back, row.lost))


_BY_EVENT = payments.RECEIVED  # all events of payments have one shape


def _unknown(name: str) -> NotFound:
    return NotFound("payment.unknown", f"there is no payment {name}", field="payment", value=name)


def payers_with_credit(tx: Tx, invoice_ids: Sequence[UUID]) -> list[UUID]:
    """Those who have to pay one of the invoices while we hold something of theirs in its currency, payments
    or credit notes; in order of their ids."""
    return store.list_payers_with_credit(tx, invoice_ids)


def payers_by_account(tx: Tx) -> dict[str, UUID]:
    """Whose an account (IBAN) is, as payments from it were booked last."""
    return store.list_payers_by_account(tx)


def known_externals(tx: Tx, provider: str, externals: Sequence[str]) -> set[str]:
    """Those of a provider's or a bank's references that are booked already."""
    return store.find_externals(tx, provider, externals)


def is_kept(tx: Tx, payment_id: UUID) -> bool:
    """Whether a person took the payment off what it paid last: what follows is that person's to say."""
    last = store.list_moves(tx, payment_id)[-1]
    return str(last.kind) == MoveKind.UNAPPLIED


class Suspended(NamedTuple):
    """Money of which nobody knows whose it is: `left` in minor units, with its name at the bank."""

    payment_id: UUID
    left: int
    currency: str
    provider: str
    external_id: str
    reference: str
    received_on: date


def in_suspense(
    tx: Tx, *, after: tuple[date, UUID] | None = None, limit: int = 100_000
) -> list[Suspended]:
    """What waits until somebody says whose it is, oldest first; after one, told by its day and id."""
    return [Suspended(*row) for row in store.list_in_suspense(tx, after, limit)]


def known(tx: Tx, payment_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the payments that are booked."""
    return {row.payment_id for row in store.list_payments(tx, ids=payment_ids)}
