"""Why a record is not billed: every reason that records are counted by, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import NamedTuple


class Tone(StrEnum):
    """Whether a reason is as it should be, waits for its time, or for somebody to look."""

    GOOD = "good"
    WAITS = "waits"
    LOOK = "look"


class Told(NamedTuple):
    """A reason in one sentence, and what to do about it ('' for nothing)."""

    tone: Tone
    sentence: str
    advice: str = ""


REASONS: dict[str, Told] = {
    "billed": Told(Tone.GOOD, "A line of an invoice counted them."),
    "credited": Told(
        Tone.LOOK,
        "They were on an invoice that a credit note took back; nothing bills them again.",
        "`everycent invoice list` shows the credit notes; what is owed all the same has to be charged by"
        " hand, outside of everycent",
    ),
    "not_yet_billed": Told(
        Tone.WAITS,
        "Their period is not billed yet.",
        "bill what is due with `everycent bill run`",
    ),
    "trial": Told(
        Tone.GOOD, "They were used within a trial that gives usage away, and are not billed."
    ),
    "opening_reading": Told(
        Tone.GOOD,
        "Register readings on which the first bill stands; consumption is counted from them.",
    ),
    "archived": Told(
        Tone.GOOD,
        "Their month is in the archive; the reasons that they had then are told apart.",
    ),
    "part_not_priced": Told(
        Tone.LOOK,
        "They lie in a band or a segment that no price of the plan asks for.",
        "give the plan a price for the rest of the bands or segments, if it should be sold",
    ),
    "not_priced": Told(
        Tone.LOOK,
        "Their subject has a subscription, but no price of its plan uses the meter.",
        "subscribe the subject to a plan that has one, or stop sending the meter",
    ),
    "outside_term": Told(
        Tone.LOOK,
        "Their time lies before the subscription of their subject began or after it ended.",
        "correct the start or the end of the subscription, or void the records",
    ),
    "no_subscription": Told(
        Tone.LOOK,
        "Nobody has subscribed for their subject, so there is nobody to bill.",
        "subscribe them with `everycent subscription start --subject`, or correct the records",
    ),
    "too_late": Told(
        Tone.LOOK,
        "They came after their period was billed, and wait for somebody to decide.",
        "look at them (`everycent usage find --reason too_late`), or let the meter's intake policy write"
        " such records off (docs/catalog.md)",
    ),
    "written_off": Told(
        Tone.GOOD,
        "They came after their period was billed, and the meter's intake policy writes such records off.",
    ),
    "voided": Told(Tone.GOOD, "They were taken back before they were billed."),
    "voided_after_bill": Told(
        Tone.LOOK,
        "They were taken back after an invoice had counted them.",
        "see the difference with `--preview`; take it off the line with `everycent invoice credit --line`,"
        " or let the meter's intake policy bill it (docs/corrections.md)",
    ),
}
"""Every reason by which `usage_by_reason` counts records, in the order in which they are shown."""

OFFERED: dict[str, Told] = {
    "duplicate": Told(
        Tone.GOOD, "They were offered again with the same content and had no effect."
    ),
    "conflict": Told(
        Tone.LOOK,
        "Their id was known with other content, so they were refused; what was stored stands.",
        "compare both and replace the stored record (one that was taken back: `everycent usage backfill`),"
        " or correct the ids of the source",
    ),
}
"""The same for what was offered and not stored."""


class Reason(NamedTuple):
    """How many records there are for a reason."""

    code: str
    records: int
    told: Told


class Wanted(NamedTuple):
    """Which records are asked for: those of a reason, of a subject and of a meter (None: of any)."""

    reason: str
    subject_id: int | None = None
    meter_id: int | None = None


class Rejected(NamedTuple):
    """How many records were rejected at a door with a code, and from which day to which (in UTC)."""

    code: str
    door: str
    records: int
    first_day: date
    last_day: date


class Accounted(NamedTuple):
    """Every record that is stored under exactly one reason, and what was offered and not stored.
    `archived` tells of those in the archive the reasons that they had when their months were written,
    `rejected` of what could not be taken at all, apart from the records: each time it was offered."""

    stored: list[Reason]
    offered: list[Reason]
    archived: list[Reason]
    rejected: Sequence[Rejected] = ()

    @property
    def records(self) -> int:
        """How many records are stored."""
        return sum(reason.records for reason in self.stored)


def accounted(
    by_reason: Mapping[str, int],
    duplicates: int,
    conflicts: int,
    archived: Mapping[str, int] | None = None,
) -> Accounted:
    """The counts with their words; reasons without a record are left out. A reason without words is a
    KeyError: no record may be missing from the page."""
    offered = {"duplicate": duplicates, "conflict": conflicts}
    return Accounted(
        _told(by_reason, REASONS), _told(offered, OFFERED), _told(archived or {}, REASONS)
    )


def _told(counts: Mapping[str, int], words: Mapping[str, Told]) -> list[Reason]:
    unknown = sorted(counts.keys() - words.keys())
    if unknown:
        raise KeyError(unknown[0])
    return [Reason(code, counts[code], told) for code, told in words.items() if counts.get(code)]
