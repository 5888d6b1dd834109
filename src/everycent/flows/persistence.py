"""Does a thing again when the database broke it off; it must do no harm twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import psycopg

from everycent.kernel.errors import Unavailable

_T = TypeVar("_T")


def persistently(action: Callable[[], _T], *, attempts: int, hint: str) -> _T:
    """What `action` returns; before attempt n it waits n - 1 seconds.

    Raises Unavailable `usage.not_stored` with the hint when every attempt was broken off.
    """
    for attempt in range(attempts):
        try:
            return action()
        except (psycopg.OperationalError, Unavailable) as error:
            failure = error
            if attempt + 1 < attempts:
                time.sleep(attempt)
    raise Unavailable(
        "usage.not_stored",
        f"the database broke off {attempts} times: {str(failure).strip()}",
        hint=hint,
    ) from failure
