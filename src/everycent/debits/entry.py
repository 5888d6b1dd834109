"""Entry: what a bank's statement says about a debit, and what follows from it."""

from __future__ import annotations

from collections.abc import Set
from datetime import date
from enum import StrEnum
from uuid import UUID

import msgspec

from everycent.charging.attempt import Status


class Effect(StrEnum):
    """What an entry did. BOOKED: the money came and pays. CONTRADICTED: it came although the debit was
    thought to have failed, and pays nothing until a person says so. FAILED: it went back before we heard
    that it came. TAKEN_BACK: it went back after. CANCELLED_OUT: it is the coming of what went back in an
    entry that was taken in before. PERSON: a person has to look."""

    BOOKED = "booked"
    CONTRADICTED = "contradicted"
    FAILED = "failed"
    TAKEN_BACK = "taken_back"
    CANCELLED_OUT = "cancelled_out"
    PERSON = "person"


class Seen(msgspec.Struct, frozen=True, omit_defaults=True):
    """An entry of a statement of `account` about a debit. `amount` is what moved, in cents, with what the
    bank took on top of a return (`charge`); `code` is the bank's reason."""

    file_id: UUID
    message_id: str
    attempt_id: UUID
    reference: str
    account: str
    entry: str
    booked_on: date
    amount: int
    currency: str
    is_return: bool
    effect: Effect
    code: str | None = None
    charge: int = 0


def effect_of(status: Status, before: Set[Effect], *, is_return: bool) -> Effect:
    """What follows from an entry that is certain, where the attempt stands at a status and entries
    before it had effects. What goes back and comes in the wrong order cancels each other out."""
    if status in (Status.ANSWERED, Status.MISMATCHED):
        return Effect.PERSON
    if is_return:
        follows = Effect.TAKEN_BACK if status is Status.SUCCEEDED else Effect.FAILED
        return Effect.PERSON if follows in before else follows
    if status is Status.SUCCEEDED:
        return Effect.PERSON
    if status not in (Status.FAILED, Status.CANCELLED):
        return Effect.BOOKED
    if Effect.FAILED not in before:
        return Effect.CONTRADICTED
    return Effect.PERSON if Effect.CANCELLED_OUT in before else Effect.CANCELLED_OUT
