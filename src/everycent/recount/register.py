"""Registers: what was used between readings, through roll-over, exchange and estimates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from everycent.recount.belonging import Record
from everycent.recount.exact import ZERO, CannotRecountError


class Reading(NamedTuple):
    """What a register showed; the role is `removed`, `installed` or nothing."""

    at: datetime
    value: Fraction
    register: str = ""
    is_estimate: bool = False
    role: str = ""


class Consumed(NamedTuple):
    """What was used, its stretches (opening, closing, units), and the reading at the end."""

    used: Fraction
    stretches: list[tuple[Fraction, Fraction, Fraction]]
    closing: Reading | None


def reading_of(record: Record) -> Reading:
    """The record of a register as a reading."""
    told = record.dimensions
    is_estimate = told.get("kind") == "estimated"
    return Reading(
        record.at, record.value, told.get("register", ""), is_estimate, told.get("role", "")
    )


def opening_of(records: Sequence[Record], since: datetime, start: datetime) -> Reading | None:
    """The last reading when the contract began, or else the first one since then up to the start."""
    early = [r for r in records if r.at <= since]
    late = [r for r in records if since < r.at <= start]
    if not early and not late:
        return None
    at = max(r.at for r in early) if early else min(r.at for r in late)
    shown = [r for r in (early or late) if r.at == at]
    return reading_of(max(shown, key=_closes))


def _closes(record: Record) -> tuple[int, int, Fraction]:
    """Of several readings at one instant: the new device before the old one, what was read before what
    was estimated, then the highest."""
    role, kind = record.dimensions.get("role"), record.dimensions.get("kind")
    of_role = 0 if role is None else 2 if role == "installed" else 1
    of_kind = 2 if kind is None else 0 if kind == "estimated" else 1
    return of_role, of_kind, record.value


def consumed(readings: Sequence[Reading], opening: Reading | None, digits: int | None) -> Consumed:
    """What the readings show, one after the other, standing on the opening one."""
    used, stretches, shown = ZERO, [], opening
    for reading in believed(readings):
        if shown is None or _is_new_device(reading, shown):
            shown = reading
            continue
        if reading.register != shown.register:
            raise CannotRecountError(f"the register {reading.register!r} was never installed")
        units = _units(shown, reading, digits)
        stretches.append((shown.value, reading.value, units))
        used += units
        shown = reading
    return Consumed(used, stretches, shown)


def believed(readings: Sequence[Reading]) -> list[Reading]:
    """In order of time; of readings that say the same of one device at one instant the one that was read,
    and the highest; the old device before the new one."""
    at_once: dict[datetime, list[Reading]] = {}
    for reading in readings:
        at_once.setdefault(reading.at, []).append(reading)
    return [reading for at in sorted(at_once) for reading in _believed_at_once(at_once[at])]


def _believed_at_once(readings: Sequence[Reading]) -> list[Reading]:
    kept: list[Reading] = []
    read = {r.register for r in readings if not r.is_estimate}
    for reading in readings:
        same = [r for r in readings if (r.register, r.role) == (reading.register, reading.role)]
        if reading != max(same, key=lambda r: (not r.is_estimate, r.value)) or reading in kept:
            continue
        if not reading.is_estimate or reading.role or reading.register not in read:
            kept.append(reading)
    order = ["removed", "", "installed"]
    return sorted(kept, key=lambda r: order.index(r.role) if r.role in order else 1)


def _is_new_device(reading: Reading, shown: Reading) -> bool:
    if reading.role != "installed":
        return False
    return reading.register != shown.register or not reading.register or shown.role == "removed"


def _units(shown: Reading, reading: Reading, digits: int | None) -> Fraction:
    units = reading.value - shown.value
    if units >= 0:
        return units
    if digits is not None and 2 * -units > 10**digits:
        return units + Fraction(10) ** digits
    if shown.is_estimate:
        return units
    raise CannotRecountError(f"the register {reading.register!r} ran backwards")
