"""Payment: money that came in, and what became of it.

All of a payment pays invoices, is left (it pays nothing yet: unapplied cash, the customer's credit), or
went back to where it came from. What went back beyond that (a customer who was refunded, and whose bank
took the money back too) is lost. Every change is a move in a chain that the database holds to that.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import msgspec

from everycent.invoicing.settlement import PAYMENT, Open, Settle, settle
from everycent.journal.types import EventType
from everycent.kernel import ids
from everycent.kernel.errors import Broken

PREFIX = "pay"


class Way(StrEnum):
    """How the money came."""

    CHARGE = "charge"
    TRANSFER = "transfer"
    DEBIT = "debit"
    CASH = "cash"
    OTHER = "other"


class MoveKind(StrEnum):
    """RECEIVED: it came in. ASSIGNED: now it is known whose it is. APPLIED, UNAPPLIED: it pays an invoice,
    or no longer does. REFUND: it is set aside to go back to the customer; REFUND_FAILED: it did not go.
    REFUND_THERE: somebody gave it back in the provider's pages. DISPUTE: the customer's bank took it back;
    DISPUTE_WON: and returned it. LOST: more went back than had come in; LOST_RETURNED: and came again."""

    RECEIVED = "received"
    ASSIGNED = "assigned"
    APPLIED = "applied"
    UNAPPLIED = "unapplied"
    REFUND = "refund"
    REFUND_FAILED = "refund_failed"
    REFUND_THERE = "refund_there"
    DISPUTE = "dispute"
    DISPUTE_WON = "dispute_won"
    LOST = "lost"
    LOST_RETURNED = "lost_returned"


_LEFT = {
    MoveKind.ASSIGNED: 0, MoveKind.APPLIED: -1, MoveKind.UNAPPLIED: 1, MoveKind.REFUND: -1,
    MoveKind.REFUND_FAILED: 1, MoveKind.REFUND_THERE: -1, MoveKind.DISPUTE: -1,
    MoveKind.DISPUTE_WON: 1,
}  # fmt: skip
_BACK = {
    MoveKind.REFUND: 1, MoveKind.REFUND_FAILED: -1, MoveKind.REFUND_THERE: 1, MoveKind.DISPUTE: 1,
    MoveKind.DISPUTE_WON: -1,
}  # fmt: skip
_LOST = {MoveKind.LOST: 1, MoveKind.LOST_RETURNED: -1}


class Payment(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came in: `amount` in minor units. `external_id` is its name at the `provider` (for a transfer:
    the bank's reference in the statements of that account), so that nothing is booked twice. `fee` is what
    the provider kept of it, `payer_account` the IBAN that it came from."""

    payment_id: UUID
    customer_id: UUID | None
    currency: str
    amount: int
    way: Way
    provider: str
    external_id: str
    received_on: date
    reference: str = ""
    attempt_id: UUID | None = None
    fee: int = 0
    payer_account: str | None = None


class Move(msgspec.Struct, frozen=True, omit_defaults=True):
    """One change: `amount` (minor units, never negative), and what is left, what went back and what is lost
    after it. `of_move` is the refund that did not go, or not all of it."""

    move_no: int
    kind: MoveKind
    amount: int
    left_before: int
    left_after: int
    back_before: int
    back_after: int
    document_id: UUID | None = None
    external_id: str | None = None
    lost_before: int = 0
    lost_after: int = 0
    of_move: int | None = None


class Moved(msgspec.Struct, frozen=True, omit_defaults=True):
    """Moves of a payment that belong together, with what they settle."""

    payment: Payment
    moves: tuple[Move, ...]
    settles: tuple[Settle, ...] = ()
    reason: str = ""


RECEIVED = EventType("payment.received", 1, Moved)
ASSIGNED = EventType("payment.assigned", 1, Moved)
APPLIED = EventType("payment.applied", 1, Moved)
UNAPPLIED = EventType("payment.unapplied", 1, Moved)
REFUND_REQUESTED = EventType("payment.refund_requested", 1, Moved)
REFUND_FAILED = EventType("payment.refund_failed", 1, Moved)
REFUNDED_THERE = EventType("payment.refunded_there", 1, Moved)
DISPUTED = EventType("payment.disputed", 1, Moved)
DISPUTE_WON = EventType("payment.dispute_won", 1, Moved)

TYPES = (
    RECEIVED, ASSIGNED, APPLIED, UNAPPLIED, REFUND_REQUESTED, REFUND_FAILED, REFUNDED_THERE, DISPUTED,
    DISPUTE_WON,
)  # fmt: skip


class Standing(NamedTuple):
    """Where a payment stands after `moves` moves: what is left of it, what went back, and what went back
    beyond it (minor units)."""

    moves: int
    left: int
    back: int
    lost: int = 0


class Part(NamedTuple):
    """So much of a payment for a document."""

    document: Open
    amount: int


def stream(payment_id: UUID) -> str:
    """The stream of one payment."""
    return f"payment:{ids.show(PREFIX, payment_id)}"


def received(payment: Payment) -> tuple[Move, Standing]:
    """The move with which a payment begins."""
    move = Move(1, MoveKind.RECEIVED, payment.amount, 0, payment.amount, 0, 0)
    return move, Standing(1, payment.amount, 0)


def moved(
    standing: Standing,
    kind: MoveKind,
    amount: int,
    *,
    document_id: UUID | None = None,
    external_id: str | None = None,
    of_move: int | None = None,
) -> tuple[Move, Standing]:
    """The next move. Raises Broken `payment.overdrawn` where more is taken than there is."""
    left = standing.left + _LEFT.get(kind, 0) * amount
    back = standing.back + _BACK.get(kind, 0) * amount
    lost = standing.lost + _LOST.get(kind, 0) * amount
    if amount < 0 or min(left, back, lost) < 0:
        raise Broken(
            "payment.overdrawn", f"{amount} minor units are more than the {standing.left} left"
        )
    move = Move(
        standing.moves + 1, kind, amount, standing.left, left, standing.back, back, document_id,
        external_id, standing.lost, lost, of_move,
    )  # fmt: skip
    return move, Standing(standing.moves + 1, left, back, lost)


def applied(standing: Standing, parts: list[Part]) -> tuple[list[Move], list[Settle], Standing]:
    """Moves that let a payment pay parts of documents, or (negative amounts) no longer pay them."""
    moves: list[Move] = []
    settles: list[Settle] = []
    for part in parts:
        kind = MoveKind.APPLIED if part.amount > 0 else MoveKind.UNAPPLIED
        move, standing = moved(
            standing, kind, abs(part.amount), document_id=part.document.document_id
        )
        step, _ = settle(part.document, part.amount, PAYMENT, move_no=move.move_no)
        moves.append(move)
        settles.append(step)
    return moves, settles, standing


def spread(amount: int, documents: list[Open]) -> list[Part]:
    """The amount over documents in the order given, each paid as far as it goes; what is over is left."""
    parts = []
    for document in documents:
        share = min(amount, document.left)
        if share > 0:
            parts.append(Part(document, share))
            amount -= share
    return parts


def of_charge(
    payment_id: UUID,
    *,
    customer_id: UUID,
    currency: str,
    amount: int,
    provider: str,
    external_id: str,
    attempt_id: UUID,
    reference: str,
    fee: int,
    received_on: date,
    way: Way,
) -> Payment:
    """The payment that a successful charge or direct debit brought."""
    return Payment(
        payment_id, customer_id, currency, amount, way, provider, external_id, received_on, reference,
        attempt_id, fee,
    )  # fmt: skip
