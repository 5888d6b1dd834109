"""Intake policies: what records of a meter may look like, and what follows when they come late or not
at all."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class AfterInvoice(StrEnum):
    """What becomes of a record that comes after its period was billed. REVIEW: it is kept, counted as
    `too_late`, and an open question until somebody decides. WRITE_OFF: kept, counted as `written_off`,
    and nobody is asked. NEXT_INVOICE: the period is rated again, and the difference stands on the
    customer's next invoice. NOTE: it stands on a document of its own, made by the next billing run."""

    REVIEW = "review"
    WRITE_OFF = "write_off"
    NEXT_INVOICE = "next_invoice"
    NOTE = "note"


class IntakePolicy(msgspec.Struct, frozen=True, omit_defaults=True):
    """The bounds of one raw meter's records; None is no bound.

    `value_min` and `value_max` are plain decimal text, both allowed themselves. `accept_days`: how
    long after its time a record is taken in. `ahead_minutes`: how far in the future its time may lie.
    `required` dimensions must be told; with `allowed` no others than those and the required may be.
    `every_minutes` is how often a record is expected; `grace_minutes` how long one is waited for
    beyond that before the gap is told.
    """

    meter: str
    value_min: str | None = None
    value_max: str | None = None
    accept_days: int | None = None
    ahead_minutes: int | None = None
    required: tuple[str, ...] = ()
    allowed: tuple[str, ...] | None = None
    after_invoice: AfterInvoice = AfterInvoice.REVIEW
    every_minutes: int | None = None
    grace_minutes: int = 0
