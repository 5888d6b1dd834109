"""Decided: what a person decides about collecting an invoice: charge it again, or do not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from everycent.charging.attempt import FINAL, Stage
from everycent.charging.status import Closed, PaymentState
from everycent.journal.types import EventType
from everycent.kernel import ids
from everycent.kernel.errors import Conflict, Invalid
from everycent.kernel.period import instant_text

_MAX_REASON = 500
_BY_HAND = "put in the queue by hand"


class Decided(msgspec.Struct, frozen=True, omit_defaults=True):
    """The invoice is charged from `retry_at` on, as if nothing had been tried (`tries` 0); or it
    `is_stopped`, and nothing is charged until somebody puts it in the queue again."""

    invoice_id: UUID
    invoice: str
    tries: int
    retry_at: datetime | None
    is_stopped: bool
    reason: str


REQUEUED = EventType("collection.requeued", 1, Decided)
STOPPED = EventType("collection.stopped", 1, Decided)


def stream(invoice_id: UUID) -> str:
    """The stream of what was decided about collecting an invoice."""
    return f"collection:{ids.show(ids.INVOICE, invoice_id)}"


def requeued(
    found: PaymentState, attempts: Sequence[Stage], unapplied: Sequence[str], at: datetime
) -> Decided | None:
    """Puts an invoice in the queue as if nothing had been tried; None where it is there already.

    `unapplied` are payments that attempts for it brought and of which something pays nothing yet. Raises
    Conflict `collection.under_way`, `collection.paid`, `collection.nothing_open`,
    `collection.money_came`.
    """
    _check_open(found, attempts)
    if unapplied:
        raise Conflict(
            "collection.money_came",
            f"{', '.join(unapplied)} was charged for {found.invoice} and pays nothing yet:"
            " it would be charged twice",
            field="invoice",
            value=found.invoice,
            hint="apply that payment to the invoice, or give it back first",
        )
    if not found.is_stopped and not found.tries and found.retry_at is not None:
        return None
    return Decided(found.invoice_id, found.invoice, 0, at, is_stopped=False, reason=_BY_HAND)


def stopped(found: PaymentState, attempts: Sequence[Stage], reason: str) -> Decided | None:
    """Charges nothing for an invoice until somebody puts it in the queue; None where somebody has stopped
    it before, for whatever reason.

    Raises Invalid `collection.no_reason`, Conflict as `requeued`.
    """
    text = reason.strip()
    if not (0 < len(text) <= _MAX_REASON and text.isprintable()):
        raise Invalid(
            "collection.no_reason",
            f"it needs a reason of 1 to {_MAX_REASON} printable characters",
            field="reason",
            value=reason[:60],
            hint="say why, for whoever looks later why it was not charged",
        )
    _check_open(found, attempts)
    if found.is_stopped and not found.tries:
        return None
    return Decided(found.invoice_id, found.invoice, 0, None, is_stopped=True, reason=text)


def _check_open(found: PaymentState, attempts: Sequence[Stage]) -> None:
    """Refuses an invoice for which an attempt may still bring money, and one of which nothing is open."""
    for stage in attempts:
        if stage.state.status not in FINAL:
            raise _under_way(found, stage)
    why = _nothing_open(found)
    if why is not None:
        raise Conflict(
            "collection.nothing_open",
            f"{found.invoice} {why}",
            field="invoice",
            value=found.invoice,
        )
    if found.closed is Closed.PAID:
        raise Conflict(
            "collection.paid", f"{found.invoice} is paid", field="invoice", value=found.invoice
        )


def _nothing_open(found: PaymentState) -> str | None:
    if found.kind != "invoice":
        return "is a credit note: nothing is charged for it"
    if found.closed is Closed.CREDITED:
        return "was taken back by a credit note"
    if found.closed is Closed.WRITTEN_OFF:
        return "was written off: nothing is open of it"
    return None if found.owed else "has nothing to pay"


def _under_way(found: PaymentState, stage: Stage) -> Conflict:
    reference, state = stage.attempt.reference, stage.state
    return Conflict(
        "collection.under_way",
        f"attempt {reference} for {found.invoice} is {state.status} since"
        f" {instant_text(state.changed_at)}: it may bring the money",
        field="invoice",
        value=found.invoice,
        hint=f"wait for its end; where nobody else can tell it: `everycent payment resolve {reference}`",
    )
