"""Breaker: a provider that can't be reached is left alone for a while, longer each time."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from everycent.charging.attempt import Evidence
from everycent.payments.failure import Failure
from everycent.payments.provider import Provider

_TURNED_AWAY = frozenset({Failure.UNREACHABLE, Failure.UNAVAILABLE, Failure.RATE_LIMITED})
_PATIENCE = 5
_LONGEST = 60.0


class Breaker:
    """Counts what one provider turned away in a row. While it is open nothing is sent; after that one call
    tries, and the first that gets through closes it."""

    def __init__(self) -> None:
        self.failures = 0
        self.open_until = 0.0

    def note(self, said: Evidence, now: float) -> None:
        """Takes an answer in; `now` is a monotonic clock's, in seconds."""
        if said.failure not in _TURNED_AWAY:
            self.failures = 0
            return
        self.failures += 1
        if said.failure is Failure.RATE_LIMITED and said.retry_after:
            self.open_until = max(self.open_until, now + min(said.retry_after, _LONGEST))
        if self.failures >= _PATIENCE:
            wait = min(2.0 ** (self.failures - _PATIENCE), _LONGEST)
            self.open_until = max(self.open_until, now + wait)

    def takes(self, now: float, under_way: int, most: int) -> int:
        """How many calls may be begun now, where so many are under way and `most` are allowed."""
        if now < self.open_until:
            return 0
        if self.failures >= _PATIENCE:
            return 1 if under_way == 0 else 0
        return max(0, most - under_way)


_BREAKERS: WeakKeyDictionary[Provider, Breaker] = WeakKeyDictionary()


def of(provider: Provider) -> Breaker:
    """The breaker of a provider as this process knows it: as old as the adapter, whoever sends."""
    return _BREAKERS.setdefault(provider, Breaker())
