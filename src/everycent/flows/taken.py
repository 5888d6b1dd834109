"""What became of offered records, one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from everycent.kernel.errors import Invalid, Refusal
from everycent.metering.offered import Offered, Refused
from everycent.metering.operations import Intake, conflict_refusal
from everycent.metering.record import UsageRecord


class Status(StrEnum):
    """DUPLICATE: stored before with the same content. CONFLICT: stored before with other content.
    REJECTED: it can't be a record here."""

    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REJECTED = "rejected"


class Outcome(NamedTuple):
    """A record that was not accepted. A conflict has both records; `stored` is None where its month
    is in the archive."""

    position: int
    status: Status
    record_id: str | None
    refusal: Refusal | None = None
    offered: UsageRecord | None = None
    stored: UsageRecord | None = None


class Taken(NamedTuple):
    """How many were accepted, and every other one in the order in which they were offered."""

    accepted: int
    others: tuple[Outcome, ...]

    def count(self, status: Status) -> int:
        """How many have this status."""
        return sum(outcome.status is status for outcome in self.others)


class Sorted(NamedTuple):
    """Offered records: those that may be stored with their positions, and the others."""

    records: list[UsageRecord]
    positions: Sequence[int]
    rejected: list[Outcome]


def sort_out(offered: Sequence[Offered]) -> Sorted:
    """Those that could be read and those that could not."""
    rejected = [
        Outcome(n, Status.REJECTED, item.record_id, item.refusal)
        for n, item in enumerate(offered)
        if isinstance(item, Refused)
    ]
    if not rejected:
        return Sorted([item for item in offered if isinstance(item, UsageRecord)],
                      range(len(offered)), rejected)  # fmt: skip
    good = [(n, item) for n, item in enumerate(offered) if isinstance(item, UsageRecord)]
    return Sorted([item for _, item in good], [n for n, _ in good], rejected)


def without(offer: Sorted, refusals: Mapping[int, Invalid]) -> Sorted:
    """The same when some of its records, by their place among the records, are refused too."""
    if not refusals:
        return offer
    rejected = [
        Outcome(offer.positions[n], Status.REJECTED, offer.records[n].record_id, refusal)
        for n, refusal in refusals.items()
    ]
    left = [n for n in range(len(offer.records)) if n not in refusals]
    return Sorted(
        [offer.records[n] for n in left],
        [offer.positions[n] for n in left],
        offer.rejected + rejected,
    )


def settled(offers: Sequence[Sorted], intake: Intake) -> list[Taken]:
    """What became of each of the offers whose records were stored together, in this order."""
    owners = [(offer, n) for offer in range(len(offers)) for n in range(len(offers[offer].records))]
    others = [list(offer.rejected) for offer in offers]
    for at in intake.duplicates:
        owner, n = owners[at]
        offer = offers[owner]
        others[owner].append(
            Outcome(offer.positions[n], Status.DUPLICATE, offer.records[n].record_id)
        )
    for at, stored in intake.conflicts:
        owner, n = owners[at]
        record = offers[owner].records[n]
        others[owner].append(
            Outcome(
                offers[owner].positions[n],
                Status.CONFLICT,
                record.record_id,
                conflict_refusal(record, stored),
                record,
                stored,
            )
        )
    return [
        _taken(len(offer.records) + len(offer.rejected) - len(told), told)
        for offer, told in zip(offers, others, strict=True)
    ]


def nothing_stored(offer: Sorted, others: Sequence[Outcome]) -> Taken:
    """What is told of an offer that was to be stored whole or not at all, and was not."""
    told = {outcome.position for outcome in others}
    with_it = [
        Outcome(
            position,
            Status.REJECTED,
            record.record_id,
            Invalid(
                "usage.batch_refused",
                "another record of the request was refused, and it was to be stored whole or not at all",
                hint="correct or leave out what was refused, and send all of it again",
            ),
        )
        for position, record in zip(offer.positions, offer.records, strict=True)
        if position not in told
    ]
    return _taken(0, [*others, *with_it])


def _taken(accepted: int, others: Sequence[Outcome]) -> Taken:
    return Taken(accepted, tuple(sorted(others, key=lambda outcome: outcome.position)))
