"""Step: what a campaign did, frozen with all that it was decided by, and the end of an episode."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from uuid import UUID

import msgspec

from everycent.dunning.letter import Facts
from everycent.dunning.terms import Step
from everycent.journal.types import EventType
from everycent.kernel import ids


class Why(StrEnum):
    """Why an episode ended. SETTLED: all that was overdue is paid or credited. WRITTEN_OFF: the rest of it
    was given up. WITHDRAWN: no campaign is for the customer and currency any more."""

    SETTLED = "settled"
    WRITTEN_OFF = "written_off"
    WITHDRAWN = "withdrawn"


class Paused(msgspec.Struct, frozen=True):
    """A contract that was paused, and the number of that change."""

    subscription: str
    change_no: int


class StepTaken(msgspec.Struct, frozen=True, omit_defaults=True):
    """A step of a campaign that was taken on a day (`facts.on`) on the customer's clock: number `number` of
    episode `episode`, by version `terms` of the terms. What it did: `paused` contracts, put invoices in the
    queue to be `charged`, `written_off` so many minor units by invoice, and put `messages` in the queue.
    `left_out` says what it could not do, and why. `is_last`: the campaign has no further step."""

    customer_id: UUID
    currency: str
    episode: int
    number: int
    campaign: str
    step: Step
    terms: int
    facts: Facts
    invoices: tuple[UUID, ...]
    is_last: bool
    paused: tuple[Paused, ...] = ()
    charged: tuple[str, ...] = ()
    written_off: dict[str, int] = {}
    messages: tuple[UUID, ...] = ()
    left_out: dict[str, str] = {}


class Ended(msgspec.Struct, frozen=True, omit_defaults=True):
    """The end of an episode after so many steps. Contracts that it had paused were `resumed`, where what
    was owed is settled; `left_out` says which could not be, and why. Whoever was told of a step by webhook
    is told of the end too (`messages`)."""

    customer_id: UUID
    currency: str
    episode: int
    steps: int
    why: Why
    on: date
    resumed: tuple[str, ...] = ()
    messages: tuple[UUID, ...] = ()
    left_out: dict[str, str] = {}


STEP_TAKEN = EventType("dunning.step_taken", 1, StepTaken)
ENDED = EventType("dunning.ended", 1, Ended)


def stream(customer_id: UUID, currency: str) -> str:
    """The stream of all campaigns about what a customer owes in a currency."""
    return f"dunning:{ids.show(ids.CUSTOMER, customer_id)}.{currency}"
