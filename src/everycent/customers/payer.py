"""Payer: who gets the invoices for what a customer has agreed to, from a day on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

import msgspec

from everycent.journal.types import EventType
from everycent.kernel.errors import Conflict, Invalid
from everycent.kernel.period import Period

_INSTANT = timedelta(microseconds=1)


class Payer(msgspec.Struct, frozen=True):
    """From the local day `starts_on` (on the customer's clock; it begins at `starts_at`) on, `payer_id`
    pays for the customer; None: the customer itself does again."""

    customer_id: UUID
    payer_id: UUID | None
    starts_on: date
    starts_at: datetime
    reason: str = ""


SET = EventType("customer.payer_set", 1, Payer)


class Span(NamedTuple):
    """A stretch of time in which one customer pays for another; `ends_at` None is without an end."""

    payer_id: UUID
    starts_at: datetime
    ends_at: datetime | None


def payer_at(told: Sequence[Payer], at: datetime) -> UUID | None:
    """Who pays for a customer at an instant; None for the customer itself. `told` is in order of time."""
    found = None
    for one in told:
        if one.starts_at <= at:
            found = one.payer_id
    return found


def payer_of(told: Sequence[Payer], period: Period, *, in_advance: bool) -> UUID | None:
    """Who pays for a customer's period: who pays on its first day where it is billed in advance, else on
    its last; None for the customer itself."""
    return payer_at(told, period.start if in_advance else period.end - _INSTANT)


def spans(told: Sequence[Payer]) -> list[Span]:
    """The stretches in which somebody else pays."""
    ends = [later.starts_at for _, later in pairwise(told)]
    return [
        Span(one.payer_id, one.starts_at, end)
        for one, end in zip(told, [*ends, None], strict=False)
        if one.payer_id is not None
    ]


def with_change(told: Iterable[Payer], change: Payer) -> list[Payer]:
    """What is told of a customer with one more change; one for the same instant takes its place."""
    kept = [one for one in told if one.starts_at != change.starts_at]
    return sorted([*kept, change], key=lambda one: one.starts_at)


def check(told: Sequence[Payer], of_others: Mapping[UUID, Sequence[Payer]]) -> None:
    """Nobody pays for a customer while somebody else pays for the one who pays: there would be no telling
    who gets the invoice. `of_others` is what is told of all who pay and of all who are paid for.

    Raises Conflict `customer.payer_of_payer`, Invalid `customer.pays_itself`.
    """
    for span in spans(told):
        if span.payer_id == told[0].customer_id:
            raise Invalid(
                "customer.pays_itself",
                "a customer pays for itself unless another one does",
                field="payer",
                hint="name nobody as its payer, to let it pay for itself again",
            )
        for other, others in of_others.items():
            for theirs in spans(others):
                chained = other == span.payer_id or theirs.payer_id == told[0].customer_id
                if chained and _overlap(span, theirs):
                    raise Conflict(
                        "customer.payer_of_payer",
                        "somebody pays for the payer at that time, or the customer pays for others",
                        field="payer",
                        hint="let the last one in the row pay for both",
                    )


def _overlap(one: Span, other: Span) -> bool:
    return (other.ends_at is None or one.starts_at < other.ends_at) and (
        one.ends_at is None or other.starts_at < one.ends_at
    )
