"""Allowance: whether something more may be used, answered from a balance and its caps."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from everycent.credits.wallet import Caps


class Reason(StrEnum):
    """Why the answer is as it is. NO_CAP: nothing limits use. WITHIN: both caps are away. SOFT_CAP: the
    soft one is met, use goes on. HARD_CAP: the hard one is met, nothing more may be used."""

    NO_CAP = "no_cap"
    WITHIN = "within"
    SOFT_CAP = "soft_cap"
    HARD_CAP = "hard_cap"


class Allowance(NamedTuple):
    """`left` is what may be spent down to the hard cap, in minor units; None without one."""

    reason: Reason
    left: int | None

    @property
    def is_allowed(self) -> bool:
        """Whether anything more may be used."""
        return self.reason is not Reason.HARD_CAP


def allowance(balance: int, caps: Caps) -> Allowance:
    """Whether use is allowed at a real-time balance (minor units). A cap is met at its very amount."""
    left = None if caps.hard is None else max(0, balance - caps.hard)
    if caps.hard is not None and balance <= caps.hard:
        return Allowance(Reason.HARD_CAP, left)
    if caps.soft is not None and balance <= caps.soft:
        return Allowance(Reason.SOFT_CAP, left)
    limited = caps.hard is not None or caps.soft is not None
    return Allowance(Reason.WITHIN if limited else Reason.NO_CAP, left)


def strictest(answers: Iterable[Allowance]) -> Allowance:
    """The answer of several wallets together: denied when one denies, told when one tells; no wallet, no
    cap."""
    severity = list(Reason)
    free = Allowance(Reason.NO_CAP, None)
    return max(answers, key=lambda answer: severity.index(answer.reason), default=free)
