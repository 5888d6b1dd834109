"""Registers: consumption out of cumulative readings, through roll-over, exchange and estimates.

A reading at an instant closes the time before it and opens the time after it, so the readings of a
period are those in (start, end]. The consumption begins at the reading that closed the period
billed before, *as it was billed*: when an estimate was billed and the actual reading comes in
later, the difference lands on the next bill by itself. An actual reading replaces an estimate of
the same register and instant.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec

from everycent.kernel.errors import Invalid
from everycent.kernel.money import EXACT


class Reading(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a register showed. `register` is the device's serial number, '' when records carry none.

    `role` is 'removed' for the last reading of a device taken out, 'installed' for the first of one
    put in, else ''.
    """

    at: datetime
    value: Decimal
    register: str = ""
    is_estimate: bool = False
    role: str = ""


class Stretch(NamedTuple):
    """Consumption of one register between two readings; `rolled_over` counts passes through zero."""

    opening: Reading
    closing: Reading
    consumption: Decimal
    rolled_over: bool


class Consumption(NamedTuple):
    """The stretches of a period, and the reading on which the next period will stand."""

    stretches: tuple[Stretch, ...]
    closing: Reading | None


def consumption(
    readings: Iterable[Reading], opening: Reading | None, digits: int | None
) -> Consumption:
    """The consumption shown by the readings of a period, standing on `opening`.

    Without an opening reading the first of the period only opens. Raises Invalid
    `register.runs_backwards` when a register falls and can't have rolled over,
    `register.exchange_unexplained` when another register appears without its first reading.
    """
    current = opening
    stretches = []
    for reading in _effective(readings):
        if current is None or (reading.role == "installed" and _is_another(reading, current)):
            current = reading
            continue
        if reading.register != current.register:
            raise Invalid(
                "register.exchange_unexplained",
                f"register {reading.register!r} follows {current.register!r} without the reading"
                " at which it was installed",
                field="register",
                value=reading.register,
                hint="add a record with the dimension role=installed and the reading at exchange",
            )
        used, rolled = _difference(current, reading, digits)
        stretches.append(Stretch(current, reading, used, rolled))
        current = reading
    return Consumption(tuple(stretches), current)


def _is_another(installed: Reading, current: Reading) -> bool:
    """Whether a device was put in, and not the running one named as installed once more. Devices
    without serial numbers can't be told apart, and one that was taken out comes back as another."""
    return (
        installed.register != current.register
        or not installed.register
        or current.role == "removed"
    )


def _effective(readings: Iterable[Reading]) -> Sequence[Reading]:
    """Readings in order of time; at one instant the old device's before the new one's, and of an
    estimate and an actual reading only the actual one."""
    best: dict[tuple[datetime, str, str], Reading] = {}
    for reading in sorted(readings, key=lambda r: (r.at, not r.is_estimate, r.value)):
        best[reading.at, reading.register, reading.role] = reading
    actual = {(r.at, r.register) for r in best.values() if not r.is_estimate}
    kept = [
        r for r in best.values() if not r.is_estimate or r.role or (r.at, r.register) not in actual
    ]
    rank = {"removed": 0, "": 1, "installed": 2}
    return sorted(kept, key=lambda r: (r.at, rank.get(r.role, 1)))


def _difference(first: Reading, second: Reading, digits: int | None) -> tuple[Decimal, bool]:
    used = EXACT.subtract(second.value, first.value)
    if used >= 0 or (first.is_estimate and digits is None):
        # An estimate may have been too high: the correction is then negative, and right.
        return used, False
    if digits is not None:
        span = Decimal(10) ** digits
        rolled = EXACT.add(used, span)
        # A register that fell by less than half its span ran backwards; it did not roll over.
        if rolled < span / 2:
            return rolled, True
        if first.is_estimate:
            return used, False
    raise Invalid(
        "register.runs_backwards",
        f"register {second.register!r} fell from {first.value} to {second.value}"
        f" ({second.at.isoformat()})",
        field="value",
        value=second.value,
        hint="correct the reading, record the exchange, or set `digits` so that it may roll over",
    )
