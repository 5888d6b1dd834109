"""Settlement: what is open of a document, step by step, down to nothing.

What is owed of an invoice is above nothing, of a credit note below; a step never leads past either end.
"""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

import msgspec

from everycent.invoicing.invoice import CreditNote
from everycent.journal.types import EventType
from everycent.kernel import ids
from everycent.kernel.errors import Broken

PAYMENT = "payment"
DOCUMENT = "document"
WRITE_OFF = "write_off"


class Open(NamedTuple):
    """What is open of a document after `step` steps: minor units, below nothing for a credit note."""

    document_id: UUID
    step: int
    owed: int
    left: int


class Settle(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step: `amount` comes off what was open (`open_before`), out of what is `owed`. A negative one of
    an invoice opens it again. `move_no` is that of the payment behind it, `other_id` the document that it
    is set off against."""

    document_id: UUID
    step: int
    kind: str
    amount: int
    open_before: int
    owed: int
    move_no: int | None = None
    other_id: UUID | None = None

    @property
    def open_after(self) -> int:
        """What the step leaves open."""
        return self.open_before - self.amount


class Settled(msgspec.Struct, frozen=True, omit_defaults=True):
    """Steps that no payment stands behind: a set-off of a customer's documents, or a write-off."""

    customer_id: UUID
    currency: str
    document: str
    steps: tuple[Settle, ...]
    reason: str = ""


SET_OFF = EventType("invoice.set_off", 1, Settled)
WRITTEN_OFF = EventType("invoice.written_off", 1, Settled)
WRITE_OFF_UNDONE = EventType("invoice.write_off_undone", 1, Settled)


def stream(document_id: UUID) -> str:
    """The stream of what is settled of a document without a payment."""
    return f"settlement:{ids.show(ids.INVOICE, document_id)}"


def set_off(found: Open, other: Open, amount: int) -> tuple[Settle, Settle]:
    """Steps that set `amount` of an invoice off against a credit note: both come nearer to nothing."""
    first, _ = settle(found, amount, DOCUMENT, other_id=other.document_id)
    second, _ = settle(other, -amount, DOCUMENT, other_id=found.document_id)
    return first, second


def set_off_by(note: CreditNote) -> tuple[Settle, Settle]:
    """The steps of an invoice that is taken back as a whole, and of the note that does it."""
    owed = note.original.payable
    return set_off(
        Open(note.original.invoice_id, note.step - 1, owed, owed),
        Open(note.invoice_id, 0, -owed, -owed),
        owed,
    )


def settle(
    found: Open,
    amount: int,
    kind: str,
    *,
    move_no: int | None = None,
    other_id: UUID | None = None,
) -> tuple[Settle, Open]:
    """The next step, and what it leaves. Raises Broken `settlement.past_the_end` for one that leads beyond
    nothing or beyond what is owed."""
    after = found.left - amount
    low, high = sorted((0, found.owed))
    if not amount or not low <= after <= high:
        raise Broken(
            "settlement.past_the_end",
            f"{amount} minor units can't be settled of {found.left} that are open of {found.owed}",
        )
    step = Settle(
        found.document_id, found.step + 1, kind, amount, found.left, found.owed, move_no, other_id
    )
    return step, found._replace(step=found.step + 1, left=after)
