"""Clocks: the only way in which the time of day reaches the product.

Business time is always an argument. `recorded_at` comes from a clock that is handed in, so that a
test can hold it still.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

Clock = Callable[[], datetime]
"""Gives the present instant as an aware datetime in UTC."""


def fixed(at: datetime) -> Clock:
    """A clock that always reads `at`; it may be sent to another process."""
    return partial(_always, at)


def _always(at: datetime) -> datetime:
    return at
