"""Instalments: an invoice is charged in parts, each when it is due, as was agreed with the customer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import msgspec

from everycent.journal.types import EventType
from everycent.kernel.errors import Conflict, Invalid
from everycent.kernel.money import Money, plain

_MOST = 120


class Instalment(msgspec.Struct, frozen=True):
    """A part: `amount` in minor units, charged from the day `due_on` on."""

    due_on: date
    amount: int


class Agreed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was agreed about an invoice, the `agreement_no`-th time: the parts come to what was open then.
    What was agreed last holds."""

    invoice_id: UUID
    invoice: str
    agreement_no: int
    parts: tuple[Instalment, ...]
    reason: str = ""


AGREED = EventType("collection.instalments_agreed", 1, Agreed)


def checked(parts: Sequence[Instalment], left: int, currency: str) -> tuple[Instalment, ...]:
    """The parts in order of their days. Raises Invalid `collection.bad_instalments`, Conflict
    `collection.instalments_differ` where they do not come to what is open."""
    ordered = tuple(sorted(parts, key=lambda one: one.due_on))
    days = [one.due_on for one in ordered]
    if not 1 < len(ordered) <= _MOST or len(set(days)) < len(days):
        raise Invalid(
            "collection.bad_instalments",
            f"there are 2 to {_MOST} instalments, each on a day of its own",
            field="instalments",
        )
    if any(one.amount <= 0 for one in ordered):
        raise Invalid(
            "collection.bad_instalments", "every instalment is above nothing", field="instalments"
        )
    total = sum(one.amount for one in ordered)
    if total != left:
        raise Conflict(
            "collection.instalments_differ",
            f"the instalments come to {plain(Money(total, currency))} {currency}, and"
            f" {plain(Money(left, currency))} are open",
            field="instalments",
        )
    return ordered
