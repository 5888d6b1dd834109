"""Payment status: where an invoice stands with its payment, in a word, and what follows an attempt."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from itertools import product
from typing import NamedTuple
from uuid import UUID

from everycent.charging.attempt import State, Status
from everycent.kernel.errors import Invalid
from everycent.kernel.near import meant


class PaymentStatus(StrEnum):
    """PENDING: open, and charged when its time comes. UNDER_WAY: an attempt is being made, or the provider
    has it in hand. UNKNOWN: nobody knows whether the last attempt moved money. MISMATCHED: it moved other
    money than was asked for. FAILED: the last attempt brought nothing; it is tried again, or waits for
    somebody. STOPPED: somebody has to say what is charged next. PAID: nothing is open. CREDITED: a credit
    note took it back. WRITTEN_OFF: what was open was given up."""

    PENDING = "PENDING"
    UNDER_WAY = "UNDER_WAY"
    UNKNOWN = "UNKNOWN"
    MISMATCHED = "MISMATCHED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"
    PAID = "PAID"
    CREDITED = "CREDITED"
    WRITTEN_OFF = "WRITTEN_OFF"


ALIVE = frozenset({PaymentStatus.UNDER_WAY, PaymentStatus.UNKNOWN, PaymentStatus.MISMATCHED})
"""An attempt is neither paid nor given up."""
HELD = frozenset({PaymentStatus.FAILED, PaymentStatus.STOPPED})
"""An attempt failed, or nothing is charged: something is decided about collecting it."""


class Closed(StrEnum):
    """Whether, and by what, nothing is open of an invoice."""

    OPEN = "open"
    PAID = "paid"
    CREDITED = "credited"
    WRITTEN_OFF = "written_off"


class Facts(NamedTuple):
    """All that the status follows from: what is open, the attempt that is alive or else the newest, whether
    one was made since the invoice was last put in the queue or stopped by hand, and whether nothing is
    charged until somebody says so."""

    closed: Closed
    attempt: Status | None
    is_tried: bool
    is_stopped: bool

    @property
    def situation(self) -> str:
        """The facts in a word, as the view `payment_state` says them."""
        tried = "tried" if self.is_tried else "fresh"
        stopped = "stopped" if self.is_stopped else "free"
        return f"{self.closed}/{self.attempt or 'none'}/{tried}/{stopped}"


_OF_ATTEMPT = {
    Status.CLAIMED: PaymentStatus.UNDER_WAY,
    Status.SENDING: PaymentStatus.UNDER_WAY,
    Status.PENDING: PaymentStatus.UNDER_WAY,
    Status.ANSWERED: PaymentStatus.UNDER_WAY,
    Status.UNKNOWN: PaymentStatus.UNKNOWN,
    Status.MISMATCHED: PaymentStatus.MISMATCHED,
}
_OF_CLOSED = {
    Closed.PAID: PaymentStatus.PAID,
    Closed.CREDITED: PaymentStatus.CREDITED,
    Closed.WRITTEN_OFF: PaymentStatus.WRITTEN_OFF,
}


def status_of(facts: Facts) -> PaymentStatus:
    """The status of an invoice. An attempt that is alive comes first, also where the invoice was paid in
    another way meanwhile: it may bring money."""
    if facts.attempt in _OF_ATTEMPT:
        return _OF_ATTEMPT[facts.attempt]
    if facts.closed is not Closed.OPEN:
        return _OF_CLOSED[facts.closed]
    if facts.attempt is Status.FAILED and facts.is_tried:
        return PaymentStatus.FAILED
    return PaymentStatus.STOPPED if facts.is_stopped else PaymentStatus.PENDING


def situations(status: PaymentStatus) -> list[str]:
    """All situations in which an invoice has the status."""
    known = product(Closed, (None, *Status), (False, True), (False, True))
    return [facts.situation for facts in map(Facts._make, known) if status_of(facts) is status]


def parse_status(word: str) -> PaymentStatus:
    """The status of this name, in capitals or not. Raises Invalid `collection.bad_status`."""
    try:
        return PaymentStatus(word.upper() if word.isascii() else "")
    except ValueError:
        known = ", ".join(PaymentStatus)
        raise Invalid(
            "collection.bad_status",
            f"there is no payment status {word[:60]!r}",
            field="paymentstatus",
            value=word,
            hint=f"{meant(word.upper(), PaymentStatus)} it is one of {known}".strip(),
        ) from None


class PaymentState(NamedTuple):
    """Where an invoice stands with its payment. Amounts are minor units: `owed` in all, `left` of it open.
    `attempt` is our reference of the attempt that is alive or else the newest, claimed at `claimed_at` and
    at its status since `changed_at`; `tries` counts attempts since the invoice was last put in the queue by
    hand. Nothing is charged before `retry_at`, nor while `is_stopped`, and `reason` says why; nor while the
    customer has no method that could be charged (`has_method`)."""

    invoice_id: UUID
    kind: str
    invoice: str
    customer_id: UUID
    customer: str
    currency: str
    issued_on: date
    due_on: date
    owed: int
    left: int
    closed: Closed
    attempt: str | None
    attempt_status: Status | None
    claimed_at: datetime | None
    changed_at: datetime | None
    tries: int
    retry_at: datetime | None
    is_stopped: bool
    reason: str
    has_method: bool

    @property
    def status(self) -> PaymentStatus:
        """The status in a word."""
        return status_of(Facts(self.closed, self.attempt_status, self.tries > 0, self.is_stopped))


class Follows(StrEnum):
    """What follows an attempt by itself. RETRY: another one. LOOK_UP: the provider is asked about it.
    ANSWER: it is being made. NOTHING: it is over. SOMEBODY: nothing, until a person does something or the
    provider tells more."""

    RETRY = "retry"
    LOOK_UP = "look_up"
    ANSWER = "answer"
    SOMEBODY = "somebody"
    NOTHING = "nothing"


def follows(state: State) -> tuple[Follows, datetime | None]:
    """What follows an attempt in this state, and when at the earliest."""
    if state.status in (Status.CLAIMED, Status.SENDING, Status.ANSWERED):
        return Follows.ANSWER, None
    if state.status in (Status.SUCCEEDED, Status.CANCELLED):
        return Follows.NOTHING, None
    if state.status is Status.FAILED and state.retry_at is not None:
        return Follows.RETRY, state.retry_at
    if state.look_at is not None:
        return Follows.LOOK_UP, state.look_at
    return Follows.SOMEBODY, None
