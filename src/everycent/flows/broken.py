"""What is said of a unit of work at which we failed ourselves: it waits, and the others go on."""

from __future__ import annotations

from everycent.alarms.alarm import Condition, Severity

KIND = "work.broken"
_LONGEST = 400


def unforeseen(error: BaseException) -> str:
    """An error that nobody foresaw, as a line that can be stored and looked at."""
    first = (str(error).strip().splitlines() or ["without a word"])[0]
    said = f"{type(error).__name__}: {first}"[:_LONGEST]
    return "".join(char if char.isprintable() else "?" for char in said)


def condition(unit: str, why: str) -> Condition:
    """The condition of a unit, by its name."""
    return Condition(KIND, unit[:200], Severity.CRITICAL, f"we failed at it: {why}")
