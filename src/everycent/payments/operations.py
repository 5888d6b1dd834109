"""Take money in, let it pay invoices, take it off them again, and send it back. Each is one transaction of
the caller's, and one balanced entry.

Locks are taken in one order: payments by id, then documents by id.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, TypedDict
from uuid import UUID

import msgspec

from everycent.db.connection import Tx
from everycent.invoicing import operations as invoicing
from everycent.invoicing.settlement import Open, Settle
from everycent.journal import operations as journal
from everycent.journal.event import Draft, Event
from everycent.journal.types import EventType
from everycent.kernel.errors import Conflict, Invalid
from everycent.kernel.ids import IdSource
from everycent.kernel.money import Money, plain
from everycent.payments import payment as payments
from everycent.payments import projection, queries, store
from everycent.payments.payment import Move, Moved, MoveKind, Part, Payment, Standing
from everycent.payments.queries import Held


class Writing(TypedDict):
    """Who writes, when it holds from, when it is written, and where ids come from."""

    at: datetime
    recorded_at: datetime
    actor: str
    ids: IdSource


class Share(NamedTuple):
    """So much of a payment for an invoice, as somebody asks for it; None: as much as goes."""

    invoice_id: UUID
    amount: int | None = None


def receive(
    tx: Tx, payment: Payment, shares: Sequence[Share], writing: Writing, reason: str = ""
) -> Moved:
    """Money that came in, and what it pays; what is over is left. Raises Conflict `payment.booked_before`,
    Invalid `payment.bad_amount`, `payment.bad_name`, `payment.too_much_for_invoice`,
    `payment.other_currency`, `payment.of_another_customer`."""
    if payment.amount <= 0:
        raise Invalid(
            "payment.bad_amount",
            "a payment is of more than nothing",
            field="amount",
            value=plain(Money(payment.amount, payment.currency)),
            hint="money that went out is a refund",
        )
    _check_names(payment)
    twice = store.list_payments(tx, provider=payment.provider, externals=[payment.external_id])
    if twice:
        raise Conflict(
            "payment.booked_before",
            f"{payment.external_id} of {payment.provider} is booked already",
            field="reference",
            value=payment.external_id,
            hint="one payment is booked once; another one has another reference",
        )
    opens = invoicing.lock_open(tx, [share.invoice_id for share in shares])
    first, standing = payments.received(payment)
    parts = _parts(tx, payment, standing, shares, opens)
    moves, settles, _ = payments.applied(standing, parts)
    done = Moved(payment, (first, *moves), tuple(settles), reason)
    _record(tx, payments.RECEIVED, done, standing, writing)
    return done


def _check_names(payment: Payment) -> None:
    for field, text, most in (
        ("account", payment.provider, 40),
        ("reference", payment.external_id, 200),
    ):
        if not 0 < len(text) <= most or not text.isprintable() or text != text.strip():
            raise Invalid(
                "payment.bad_name",
                f"the {field} has 1 to {most} printable characters and no blanks around them",
                field=field,
                value=text[:60],
            )


def apply(
    tx: Tx, payment_id: UUID, shares: Sequence[Share], writing: Writing, reason: str = ""
) -> Moved:
    """Lets what is left of a payment pay invoices. Raises NotFound `payment.unknown`, Conflict
    `payment.nothing_left`, and what `receive` raises."""
    held = lock(tx, payment_id)
    if held.standing.left <= 0:
        raise Conflict(
            "payment.nothing_left",
            "all of the payment pays invoices, or went back",
            field="payment",
            hint="see `everycent payment show`",
        )
    opens = invoicing.lock_open(tx, [share.invoice_id for share in shares])
    parts = _parts(tx, held.payment, held.standing, shares, opens)
    if not parts:
        raise Conflict("payment.nothing_open", "nothing is open of these invoices", field="invoice")
    moves, settles, _ = payments.applied(held.standing, parts)
    done = Moved(held.payment, tuple(moves), tuple(settles), reason)
    _record(tx, payments.APPLIED, done, held.standing, writing)
    return done


def assign(
    tx: Tx, payment_id: UUID, customer_id: UUID, shares: Sequence[Share], writing: Writing
) -> Moved:
    """Money that waits in suspense is somebody's, and pays what is told. Raises NotFound `payment.unknown`,
    Conflict `payment.assigned_before`, and what `receive` raises."""
    held = lock(tx, payment_id)
    if held.payment.customer_id is not None:
        raise Conflict(
            "payment.assigned_before", "it is known already whose the payment is", field="payment"
        )
    known = msgspec.structs.replace(held.payment, customer_id=customer_id)
    opens = invoicing.lock_open(tx, [share.invoice_id for share in shares])
    first, standing = payments.moved(held.standing, MoveKind.ASSIGNED, 0)
    parts = _parts(tx, known, standing, shares, opens)
    moves, settles, _ = payments.applied(standing, parts)
    done = Moved(known, (first, *moves), tuple(settles))
    _record(tx, payments.ASSIGNED, done, held.standing, writing)
    return done


def unapply(
    tx: Tx, payment_id: UUID, invoice_id: UUID | None, writing: Writing, reason: str
) -> Moved:
    """Takes a payment off an invoice, or off all that it pays: they are open again, and it is left.
    Raises NotFound `payment.unknown`, Conflict `payment.pays_nothing`."""
    held = lock(tx, payment_id)
    found = [
        (document, amount)
        for document, amount in store.list_applied(tx, payment_id)
        if invoice_id in (None, document)
    ]
    if not found:
        raise Conflict("payment.pays_nothing", "the payment pays nothing there", field="invoice")
    done, _ = _unapplied(tx, held, found, reason)
    _record(tx, payments.UNAPPLIED, done, held.standing, writing)
    return done


def refund_failed(
    tx: Tx, payment_id: UUID, move_no: int, amount: int, writing: Writing, reason: str
) -> Moved:
    """What was set aside by a move to go back, and did not go: it is left of the payment again, or covers
    what was taken beyond the payment meanwhile. Once for a move. Raises NotFound `payment.unknown`."""
    held = lock(tx, payment_id)
    one, standing = payments.moved(held.standing, MoveKind.REFUND_FAILED, amount, of_move=move_no)
    moves = [one]
    covered = min(amount, standing.lost)
    for kind in (MoveKind.LOST_RETURNED, MoveKind.DISPUTE) if covered else ():
        one, standing = payments.moved(standing, kind, covered)
        moves.append(one)
    done = Moved(held.payment, tuple(moves), (), reason)
    _record(tx, payments.REFUND_FAILED, done, held.standing, writing)
    return done


def take_back(
    tx: Tx,
    payment_id: UUID,
    event_type: EventType,
    kind: MoveKind,
    amount: int,
    writing: Writing,
    *,
    reason: str,
    external_id: str | None = None,
    from_invoices: bool = True,
    only: UUID | None = None,
) -> Moved:
    """Money that goes back, or was taken back: out of what is left first, then off the invoices that were
    paid last, which are open again; or all of it off the one invoice that is told (`only`). Raises NotFound
    `payment.unknown`, Invalid `payment.bad_amount`, Conflict `payment.refund_too_large` for more than
    stands of the payment, or than is left of it where invoices are not to be opened again,
    `payment.pays_less` for more than it pays of the one."""
    held = lock(tx, payment_id)
    standing = held.standing
    if amount <= 0:
        raise Invalid(
            "payment.bad_amount",
            "more than nothing goes back",
            field="amount",
            value=plain(Money(amount, held.payment.currency)),
        )
    stands = held.payment.amount - standing.back if from_invoices else standing.left
    if amount > stands:
        currency = held.payment.currency
        paying = held.payment.amount - standing.back - standing.left
        raise Conflict(
            "payment.refund_too_large",
            f"{plain(Money(amount, currency))} {currency} is more than the"
            f" {plain(Money(stands, currency))} that can go back of this payment",
            field="amount",
            value=plain(Money(amount, currency)),
            hint=None
            if from_invoices or paying <= 0
            else f"{plain(Money(paying, currency))} of it pays invoices: say `reopen` to open"
            " them again for what is missing",
        )
    done, _ = _taken(tx, held, kind, amount, reason, external_id, only)
    _record(tx, event_type, done, held.standing, writing)
    return done


def taken_there(
    tx: Tx,
    payment_id: UUID,
    event_type: EventType,
    kind: MoveKind,
    amount: int,
    writing: Writing,
    *,
    reason: str,
    external_id: str,
) -> Moved:
    """Money that is gone already, as a provider or a bank says (a dispute, a refund made there): out of
    what stands of the payment as in `take_back`; what is beyond that is lost. Raises NotFound
    `payment.unknown`."""
    held = lock(tx, payment_id)
    stands = min(amount, held.payment.amount - held.standing.back)
    done, standing = _taken(tx, held, kind, stands, reason, external_id)
    if amount > stands:
        beyond, _ = payments.moved(
            standing, MoveKind.LOST, amount - stands, external_id=external_id
        )
        done = msgspec.structs.replace(done, moves=(*done.moves, beyond))
    _record(tx, event_type, done, held.standing, writing)
    return done


def _taken(
    tx: Tx,
    held: Held,
    kind: MoveKind,
    amount: int,
    reason: str,
    external_id: str | None,
    only: UUID | None = None,
) -> tuple[Moved, Standing]:
    """Takes so much out of what is left, and what is missing of it off the invoices paid last; or all of it
    off one invoice."""
    moves: list[Move] = []
    settles: list[Settle] = []
    standing = held.standing
    missing = amount if only is not None else amount - standing.left
    if missing > 0:
        currency = held.payment.currency
        wanted = []
        for document, pays in store.list_applied(tx, held.payment.payment_id):
            share = min(missing, pays) if only in (None, document) else 0
            if share:
                wanted.append((document, share))
                missing -= share
        if only is not None and missing:
            raise Conflict(
                "payment.pays_less",
                f"the payment pays {plain(Money(amount - missing, currency))} {currency} of the invoice,"
                f" and {plain(Money(amount, currency))} would go back",
                field="payment",
                value=plain(Money(amount, currency)),
                hint="see `everycent payment show`; credit the lines alone with `everycent invoice credit`",
            )
        freed, standing = _unapplied(tx, held, wanted, reason)
        moves += freed.moves
        settles += freed.settles
    last, standing = payments.moved(standing, kind, amount, external_id=external_id)
    return Moved(held.payment, (*moves, last), tuple(settles), reason), standing


def lock_left(tx: Tx, customer_ids: Sequence[UUID]) -> None:
    """Locks the payments of customers of which something is left, in the order of their ids."""
    found = [
        held.payment.payment_id
        for customer_id in customer_ids
        for held in queries.of_customer(tx, customer_id, only_left=True)
    ]
    store.lock_payments(tx, sorted(found))


def lock(tx: Tx, payment_id: UUID) -> Held:
    """A payment that nobody else moves until the transaction ends. Raises NotFound `payment.unknown`."""
    store.lock_payments(tx, [payment_id])
    return queries.payment(tx, payment_id)


def _unapplied(
    tx: Tx, held: Held, found: Sequence[tuple[UUID, int]], reason: str
) -> tuple[Moved, Standing]:
    opens = {one.document_id: one for one in invoicing.lock_open(tx, [d for d, _ in found])}
    parts = [Part(opens[document], -amount) for document, amount in found]
    moves, settles, standing = payments.applied(held.standing, parts)
    return Moved(held.payment, tuple(moves), tuple(settles), reason), standing


def _parts(
    tx: Tx, payment: Payment, standing: Standing, shares: Sequence[Share], opens: Sequence[Open]
) -> list[Part]:
    """The parts that were asked for, in the order given, each within what is open and what is left."""
    by_id = {one.document_id: one for one in opens}
    documents = {row.invoice_id: row for row in queries.documents(tx, list(by_id))}
    left, currency = standing.left, payment.currency
    parts = []
    for share in shares:
        document = documents.get(share.invoice_id)
        found = by_id.get(share.invoice_id)
        if document is None or found is None:
            raise Conflict("payment.unknown_invoice", "there is no such invoice", field="invoice")
        _check_owner(payment, document)
        amount = min(left, found.left) if share.amount is None else share.amount
        if share.amount is not None and not 0 < amount <= min(left, found.left):
            raise Invalid(
                "payment.too_much_for_invoice",
                f"{plain(Money(amount, currency))} {currency} for {document.name}, of which"
                f" {plain(Money(found.left, currency))} is open, out of {plain(Money(left, currency))}"
                " that is left of the payment",
                field="amount",
                value=plain(Money(amount, currency)),
            )
        if amount > 0:
            parts.append(Part(found, amount))
            left -= amount
            by_id[share.invoice_id] = found._replace(step=found.step + 1, left=found.left - amount)
    return parts


def _check_owner(payment: Payment, document: queries.Document) -> None:
    if document.currency != payment.currency:
        raise Invalid(
            "payment.other_currency",
            f"{document.name} is in {document.currency}, the payment in {payment.currency}",
            field="invoice",
            value=document.name,
        )
    if document.customer_id != payment.customer_id:
        raise Invalid(
            "payment.of_another_customer",
            f"{document.name} is another customer's",
            field="invoice",
            value=document.name,
            hint="record the payment for the customer of the invoice",
        )


def _record(
    tx: Tx, event_type: EventType, done: Moved, before: Standing, writing: Writing
) -> list[Event]:
    payment_id = done.payment.payment_id
    ids = writing["ids"]
    draft = Draft(
        ids(f"{event_type.name}/{payment_id}/{before.moves}"),
        payments.stream(payment_id),
        event_type,
        writing["at"],
        writing["actor"],
        done,
    )
    return journal.record(tx, [draft], writing["recorded_at"], projection.moved)


def won_back(tx: Tx, payment_id: UUID, amount: int, external_id: str, writing: Writing) -> Moved:
    """So much of what a dispute took was returned: it covers what went back beyond the payment, the rest
    pays again what the dispute took it off, as far as that is open, the oldest first. Raises NotFound
    `payment.unknown`."""
    held = lock(tx, payment_id)
    known = store.list_moves(tx, payment_id)
    taken = {row.kind: row.amount for row in known if row.external_id == external_id}
    moves: list[Move] = []
    standing = held.standing
    returned = min(amount, sum(taken.values()))
    lost = min(returned, standing.lost)
    if lost:
        one, standing = payments.moved(
            standing, MoveKind.LOST_RETURNED, lost, external_id=external_id
        )
        moves.append(one)
    returned -= lost
    one, standing = payments.moved(
        standing, MoveKind.DISPUTE_WON, returned, external_id=external_id
    )
    events = {row.event_id for row in known if row.external_id == external_id}
    paid = [
        row.document_id
        for row in known
        if row.kind == MoveKind.UNAPPLIED and row.event_id in events
    ]
    opens = invoicing.lock_open(tx, paid)
    order = {document: place for place, document in enumerate(dict.fromkeys(paid))}
    opens.sort(key=lambda one: order[one.document_id])
    parts = payments.spread(min(returned, standing.left), opens)
    settled, settles, _ = payments.applied(standing, parts)
    done = Moved(held.payment, (*moves, one, *settled), tuple(settles), "dispute won")
    _record(tx, payments.DISPUTE_WON, done, held.standing, writing)
    return done
