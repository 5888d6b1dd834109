"""Course: when a delivery is tried again, and when an endpoint is left alone. Chance is an argument."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

CHANCES = 1_000
"""`chance` is one of so many numbers from nought on."""
IN_A_ROW = 5
"""After so many deliveries failed, with no success between, an endpoint rests and is then tried by one
delivery."""
GIVEN_UP_AFTER = timedelta(days=5)
"""After so long without a success an endpoint is disabled."""
_SECOND, _MINUTE, _HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
_GAPS = (
    5 * _SECOND, 30 * _SECOND, 2 * _MINUTE, 10 * _MINUTE, _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR,
    24 * _HOUR, 24 * _HOUR, 24 * _HOUR, 24 * _HOUR,
)  # fmt: skip
"""How long after a try the next one follows; after the last one it is given up: close to five days."""
_FIRST_REST, _LONGEST_REST = 30 * _SECOND, 10 * _MINUTE
_LONGEST_WISH = 24 * _HOUR
GONE = 410
_ASKS_TO_WAIT = frozenset({429, 503})
_LONGEST_REASON = 300


class Status(StrEnum):
    """Where a delivery stands. FAILED: it was given up; it can be sent again by hand."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


class Answer(NamedTuple):
    """What a try came to. `status` is None where nobody answered; `reason` says why it did not come
    through; `wait` is how many seconds the receiver asks us to wait."""

    status: int | None
    reason: str = ""
    wait: int | None = None

    @property
    def is_taken(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and 200 <= self.status < 300


class Next(NamedTuple):
    """Where a delivery stands after a try, and until when its endpoint is left alone."""

    status: Status
    next_at: datetime | None
    rests_until: datetime | None


def gap(tries: int, chance: int) -> timedelta | None:
    """How long after so many tries the next one follows, a fifth shorter to a fifth longer by chance: what
    failed at once is not tried again at once. None: no more."""
    if tries > len(_GAPS):
        return None
    return _spread(_GAPS[tries - 1], chance)


def rest(failures: int, chance: int) -> timedelta | None:
    """How long an endpoint that failed so often in a row is left alone; None: it is not."""
    if failures < IN_A_ROW:
        return None
    doubled = _FIRST_REST * 2 ** min(failures - IN_A_ROW, 10)
    return _spread(min(doubled, _LONGEST_REST), chance)


def in_a_row(answer: Answer, tries: int, failures: int) -> int:
    """How many deliveries failed in a row after this one. One that fails over and over is one: the endpoint
    is not left alone because of it, until others have failed too."""
    if answer.is_taken:
        return 0
    is_new = tries == 1 or failures == 0 or failures >= IN_A_ROW
    return failures + is_new


def after(answer: Answer, tries: int, failures: int, at: datetime, chance: int) -> Next:
    """Where a delivery stands after its `tries` tries, the last of which came to this, and the endpoint
    after so many `failures` in a row. Both wait as long as the receiver wishes, up to a day."""
    if answer.is_taken:
        return Next(Status.DELIVERED, None, None)
    resting = rest(failures, chance)
    wished = timedelta(0)
    if answer.wait is not None and answer.status in _ASKS_TO_WAIT:
        wished = min(max(answer.wait, 0) * _SECOND, _LONGEST_WISH)
        resting = max(resting or wished, wished)
    waiting = gap(tries, chance)
    return Next(
        Status.FAILED if waiting is None else Status.WAITING,
        None if waiting is None else at + max(waiting, wished),
        at + resting if resting else None,
    )


def told(answer: Answer) -> str:
    """What a try came to, in a line that can be stored."""
    said = answer.reason or f"answered {answer.status}"
    return "".join(char if char.isprintable() else "?" for char in said[:_LONGEST_REASON])


def _spread(gap: timedelta, chance: int) -> timedelta:
    assert 0 <= chance < CHANCES
    return gap * 4 / 5 + gap * 2 * chance / (5 * CHANCES)
