"""Provider: the port through which money is asked for, refunded and looked for.

An adapter translates and classifies; it decides nothing. It sends a request at most once: no retry, no
redirect, no proxy, a deadline over the whole call and not over each read, and a cap on what it reads. It
never raises for what a provider does: whatever happens becomes an `Answer`. What it can't be sure about
is UNKNOWN, never FAILED. `tests/payments/contract.py` holds every adapter to that.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol

from everycent.payments.failure import Failure

RAW_LIMIT = 16_384
"""How many bytes of an answer are kept as evidence."""
BODY_LIMIT = 1_048_576
"""How many bytes of an answer are read at most."""


class Kind(StrEnum):
    """What is asked of a provider."""

    CHARGE = "charge"
    REFUND = "refund"


class Ask(NamedTuple):
    """A request for money, frozen before anything is sent. `reference` is ours, unique for ever, stands on
    the request, is its idempotency key where the provider has such, and is what is looked for later.
    `amount` is in minor units as ISO 4217 counts them. `method` is the provider's token for the payment
    method and `payer` its name for the customer; `charge` is the provider's id of what a refund gives
    back, and None for a charge."""

    kind: Kind
    reference: str
    amount: int
    currency: str
    method: str
    payer: str
    description: str
    charge: str | None = None


class Outcome(StrEnum):
    """DONE: money moved. PENDING: the provider has it in hand and will say later. FAILED: no money moved
    and none will. ABSENT: (of a look-up only) the provider has nothing under the reference so far.
    UNKNOWN: any of these."""

    DONE = "done"
    PENDING = "pending"
    FAILED = "failed"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class Answer(NamedTuple):
    """What is known after a call. `failure` is given with FAILED and UNKNOWN, and where a pending payment
    waits for something of that kind (AUTHENTICATION_REQUIRED). `provider_id`, `reference`, `amount` (minor
    units) and `currency` are what the provider says, None where it does not; `fee` is what it keeps.
    `code` is the provider's own word, `status` that of HTTP, `retry_after` in seconds, `action_url` where
    the customer can do what is wanted of it. `raw` is the evidence: the first RAW_LIMIT bytes that came."""

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
    raw: bytes = b""


class NoticeKind(StrEnum):
    """What a provider tells of its own accord. CHARGE and REFUND carry the newest state of one of ours;
    DISPUTED and DISPUTE_WON say that the customer's bank took the money of a charge back, or returned it;
    REFUNDED_THERE that somebody gave money back in the provider's own pages; OTHER concerns us not."""

    CHARGE = "charge"
    REFUND = "refund"
    DISPUTED = "disputed"
    DISPUTE_WON = "dispute_won"
    REFUNDED_THERE = "refunded_there"
    OTHER = "other"


class Notice(NamedTuple):
    """One event of a webhook, whose signature was right. `event_id` is the provider's and never comes twice
    for two things. `answer` is what it says; for disputes and refunds made there, `answer.provider_id` is
    the id of the dispute or refund, and `charge` that of the charge."""

    event_id: str
    kind: NoticeKind
    answer: Answer
    at: datetime
    charge: str | None = None


class Traits(NamedTuple):
    """What a provider promises. `idempotent_for`: for how long the same reference comes to the same result
    once it was looked at, also to the same decline, and is never charged twice; None: never promised.
    `looks_up`: it can be asked what became of a reference. `latest_commit`: how long after a request was
    sent it may still charge; after that "there is nothing" is the truth. `concurrency`: how many calls it
    takes at once, over all our processes. `deadline`: how long a call may take.
    `takes_parts`: it may take less than was asked for, and mean it."""

    idempotent_for: timedelta | None
    looks_up: bool
    latest_commit: timedelta
    concurrency: int
    deadline: timedelta
    takes_parts: bool = False


PROMISES_NOTHING = Traits(
    idempotent_for=None, looks_up=True, latest_commit=timedelta(days=1), concurrency=0,
    deadline=timedelta(0),
)  # fmt: skip
"""A provider that is not set up: nothing is sent to it, and it is asked when it is set up again."""


class Provider(Protocol):
    """A payment provider. Used by one event loop at a time; `close` releases its connections."""

    name: str
    traits: Traits

    async def send(self, ask: Ask) -> Answer:
        """Asks for the money, or gives it back; at most one request leaves for one call."""
        ...

    async def look_up(self, ask: Ask) -> Answer:
        """What became of a request that was sent before, found by its reference; ABSENT when the provider
        says that there is none. UNKNOWN when it can't be asked now."""
        ...

    def heard(self, headers: dict[str, str], body: bytes, now: datetime) -> list[Notice]:
        """The events of a webhook's body (names of headers in lower case).

        Raises Forbidden `payment.bad_signature` for a body that is not the provider's or is older than five
        minutes, Invalid `payment.bad_notice` for one that can't be read.
        """
        ...

    async def close(self) -> None:
        """Releases connections."""
        ...
