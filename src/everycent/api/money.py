"""What operations about money have in common: amounts as they are told."""

from __future__ import annotations

from datetime import datetime

from everycent.kernel.money import Money, plain
from everycent.kernel.period import instant_text


def amount(minor: int, currency: str) -> str:
    """Minor units as a decimal number."""
    return plain(Money(minor, currency))


def instant_or_none(at: datetime | None) -> str | None:
    """An instant as it is told, where there is one."""
    return None if at is None else instant_text(at)
