"""What was looked up a moment ago, so that hundreds of requests a second look it up once.

Nothing is older than a second, unless one asks for what was known last. A look-up that failed and took its
time is remembered as well: requests are told so at once and do not queue up to find it out one after the
other.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

import psycopg

from everycent.kernel.errors import Refusal, Unavailable

_K = TypeVar("_K")
_V = TypeVar("_V")
_FRESH_NS = 1_000_000_000
_LONG_NS = 100_000_000


class Remembered(Generic[_K, _V]):
    """Answers of `load` by key, at most `most` of them; threads may share it."""

    def __init__(self, load: Callable[[_K], _V], *, most: int) -> None:
        self._load = load
        self._most = most
        self._known: dict[_K, tuple[int, _V]] = {}
        self._failed: tuple[int, Unavailable] | None = None
        self._one_at_a_time = threading.Lock()

    def fresh(self, key: _K) -> _V | None:
        """The answer when it is known and young enough, without waiting for anything."""
        found = self._known.get(key)
        return found[1] if found and time.monotonic_ns() - found[0] < _FRESH_NS else None

    def last(self, key: _K) -> _V | None:
        """What was answered last, however long ago; None when it was refused since, or is not known."""
        found = self._known.get(key)
        return found[1] if found else None

    def get(self, key: _K) -> _V:
        """The answer, looked up when need be. Raises Unavailable, and what `load` refuses."""
        found = self.fresh(key)
        if found is not None:
            return found
        with self._one_at_a_time:
            found = self.fresh(key)  # somebody else may have looked while we waited
            if found is not None:
                return found
            if self._failed and time.monotonic_ns() - self._failed[0] < _FRESH_NS:
                raise self._failed[1]
            asked_ns = time.monotonic_ns()
            value = self._looked_up(key, asked_ns)
            self._known.pop(key, None)
            while len(self._known) >= self._most:
                del self._known[next(iter(self._known))]  # the oldest
            self._known[key] = (asked_ns, value)
            return value

    def _looked_up(self, key: _K, asked_ns: int) -> _V:
        try:
            return self._load(key)
        except Unavailable as refusal:
            failure = refusal
        except Refusal:
            self._known.pop(key, None)
            raise
        except psycopg.OperationalError as error:
            failure = Unavailable(
                "database.unavailable", f"the database went away: {str(error).strip()}"
            )
        now_ns = time.monotonic_ns()
        if now_ns - asked_ns > _LONG_NS:
            self._failed = (now_ns, failure)
        raise failure
