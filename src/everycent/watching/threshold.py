"""Threshold: an amount of usage or cost that somebody wants to hear of, once per billing period."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from everycent.journal.types import EventType
from everycent.kernel.errors import Invalid
from everycent.kernel.period import Period
from everycent.kernel.quantity import parse_decimal, plain

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,79}", re.ASCII)


class Threshold(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is watched: the usage of a `meter` of the catalogue, or without one the running cost; of a
    subject, or of everything a customer has subscribed to. It is crossed when `value` (plain decimal
    text, in the meter's unit or the customer's currency) is reached within a period of the
    subscription. `version` counts how often it was set: each may be crossed once in every period.
    """

    key: str
    version: int
    value: str
    meter: str | None = None
    subject: str | None = None
    customer_id: UUID | None = None

    @property
    def limit(self) -> Decimal:
        """The value as a number."""
        return Decimal(self.value)


class Crossing(msgspec.Struct, frozen=True):
    """A threshold that was reached in the period: its `value`, what was `reached` by then in `unit`, and
    as of when that was seen."""

    key: str
    version: int
    starts_at: datetime
    ends_at: datetime
    value: str
    reached: str
    unit: str
    as_of: datetime


SET = EventType("threshold.set", 1, Threshold)
REMOVED = EventType("threshold.removed", 1, Threshold)
CROSSED = EventType("threshold.crossed", 1, Crossing)


def checked_key(key: str) -> str:
    """The key of a threshold when it can be one. Raises Invalid `threshold.bad_key`."""
    if _KEY.fullmatch(key):
        return key
    raise Invalid(
        "threshold.bad_key",
        f"{key[:90]!r} can't be the key of a threshold",
        field="key",
        value=key,
        hint="use up to 80 letters, digits and _.:- and begin with a letter or a digit",
    )


def checked(
    key: str, value: str, meter: str | None, subject: str | None, customer_id: UUID | None
) -> Threshold:
    """A new threshold out of what was told. Raises Invalid `threshold.bad_key`,
    `threshold.bad_owner`, `threshold.not_positive`, and what a malformed number raises."""
    checked_key(key)
    if (subject is None) == (customer_id is None):
        raise Invalid(
            "threshold.bad_owner",
            "a threshold watches either a subject or a customer",
            field="subject",
            hint="name one of the two",
        )
    limit = parse_decimal(value, "value")
    if limit <= 0:
        raise Invalid(
            "threshold.not_positive",
            f"a threshold of {value} is reached before anything is used",
            field="value",
            value=value,
            hint="give a value above 0",
        )
    return Threshold(key, 1, plain(limit), meter, subject, customer_id)


def crossing(
    threshold: Threshold, period: Period, reached: Decimal, unit: str, as_of: datetime
) -> Crossing | None:
    """The crossing, if what was reached in the period is enough for one."""
    if reached < threshold.limit:
        return None
    return Crossing(
        threshold.key, threshold.version, period.start, period.end, threshold.value, plain(reached),
        unit, as_of,
    )  # fmt: skip
