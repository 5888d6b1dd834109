"""Attempt: one try to move money through a provider, from the claim to the last word about it.

    claimed ──► sending ──► answered ──► succeeded          money moved, and is booked
       │           ├──────► failed                          no money moved: another attempt may follow
       │           ├──────► pending ──► answered | failed    the provider has it in hand
       │           ├──────► unknown ──► answered | failed    leaves by evidence alone
       │           └──────► mismatched ──► answered | failed  money moved, and not what was asked for
       └─► cancelled                                        provably never sent

Each arrow is an event that freezes the whole attempt. From `sending` on, the absence of a definite answer
is `unknown` and never `failed`. What was final is left again only by evidence that money moved after all;
the attempt is then contradicted, and a person is to look.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from everycent.journal.types import EventType
from everycent.kernel import ids
from everycent.payments.failure import Failure
from everycent.payments.payment import Way
from everycent.payments.provider import Ask, Kind, Outcome

PREFIX = "att"


class Status(StrEnum):
    """Where an attempt stands."""

    CLAIMED = "claimed"
    SENDING = "sending"
    UNKNOWN = "unknown"
    PENDING = "pending"
    ANSWERED = "answered"
    MISMATCHED = "mismatched"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED})
"""Nothing is to be done any more."""


class Attempt(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is asked for, as it was decided: it never changes. `amount` is in minor units, at most `left`,
    which was open of invoice `invoice` after `step` settlements. A refund gives back of payment
    `payment_id` what its move `move_no` set aside, out of the provider's `charge`. `tries` counts the
    attempts for the same invoice since one brought money, or it was put in the queue by hand. `way` says
    whether a provider is asked for it, or a bank by a file of direct debits. `group` is the customer's when
    it was claimed: its rules say what follows a failure."""

    attempt_id: UUID
    kind: Kind
    customer_id: UUID
    provider: str
    method: str
    payer: str
    amount: int
    currency: str
    description: str
    tries: int = 1
    method_id: UUID | None = None
    invoice_id: UUID | None = None
    invoice: str | None = None
    step: int = 0
    left: int = 0
    payment_id: UUID | None = None
    move_no: int | None = None
    charge: str | None = None
    run_id: UUID | None = None
    way: Way = Way.CHARGE
    group: str = ""

    @property
    def reference(self) -> str:
        """Our reference at the provider: unique for ever, and the same however often it is sent."""
        return ids.show(PREFIX, self.attempt_id)

    @property
    def ask(self) -> Ask:
        """The request for the provider."""
        return Ask(
            self.kind, self.reference, self.amount, self.currency, self.method, self.payer,
            self.description, self.charge,
        )  # fmt: skip


class By(msgspec.Struct, frozen=True):
    """Which process did it. `fence` counts in how many hands the attempt has been: who holds a lower one
    was taken over from."""

    worker_id: UUID
    worker: str
    fence: int = 0


NOBODY = UUID(int=0)
"""In whose hands an attempt is that a person decided about, or that no process has taken up yet."""


class Source(StrEnum):
    """Where evidence comes from. FILE: we ourselves put the request into a file for the bank."""

    RESPONSE = "response"
    LOOK_UP = "look_up"
    NOTICE = "notice"
    FILE = "file"
    STATEMENT = "statement"
    PERSON = "person"


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True):
    """What somebody said about an attempt, as it came. `raw` is at most RAW_LIMIT bytes as text, `digest`
    the SHA-256 of them; `said_by` and `reason` are a person's. `asked_at` is when it was asked for: what
    comes of "there is nothing" depends on that, and not on when it was written down. `taken_on` is the day
    on which the money came, where that is told."""

    source: Source
    outcome: Outcome
    failure: Failure | None = None
    provider_id: str | None = None
    reference: str | None = None
    amount: int | None = None
    currency: str | None = None
    fee: int = 0
    code: str | None = None
    status: int | None = None
    retry_after: int | None = None
    action_url: str | None = None
    raw: str = ""
    digest: str = ""
    milliseconds: int | None = None
    notice: str | None = None
    said_by: str | None = None
    reason: str | None = None
    asked_at: datetime | None = None
    taken_on: date | None = None


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """What changes of an attempt. `gave_up_at` is since when its sender provably sends nothing any more;
    `look_at` when the provider is to be asked about it; `taken` what the provider took (minor units of
    `taken_currency`), on which day if that is told, and `fee` what it kept of that. `why` is the rule that
    decided what comes next."""

    status: Status
    by: By
    claimed_at: datetime
    changed_at: datetime
    send_before: datetime | None = None
    sent_at: datetime | None = None
    gave_up_at: datetime | None = None
    look_at: datetime | None = None
    looks: int = 0
    sends: int = 0
    failure: Failure | None = None
    provider_id: str | None = None
    taken: int | None = None
    taken_currency: str | None = None
    taken_on: date | None = None
    fee: int = 0
    action_url: str | None = None
    retry_at: datetime | None = None
    is_stopped: bool = False
    is_contradicted: bool = False
    why: str = ""


class Stage(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stage that an attempt has come to, with all that is known of it then."""

    attempt: Attempt
    state: State
    evidence: Evidence | None = None


CLAIMED = EventType("payment_attempt.claimed", 1, Stage)
SENDING = EventType("payment_attempt.sending", 1, Stage)
ANSWERED = EventType("payment_attempt.answered", 1, Stage)
LOST = EventType("payment_attempt.lost", 1, Stage)
CANCELLED = EventType("payment_attempt.cancelled", 1, Stage)
SUCCEEDED = EventType("payment_attempt.succeeded", 1, Stage)

TYPES = (CLAIMED, SENDING, ANSWERED, LOST, CANCELLED, SUCCEEDED)


def stream(attempt_id: UUID) -> str:
    """The stream that is the audit trail of one attempt."""
    return f"payment_attempt:{ids.show(PREFIX, attempt_id)}"
