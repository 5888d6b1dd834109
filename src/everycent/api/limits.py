"""How often somebody may ask: a bucket of requests each, that fills at a steady rate.

Counted in the process, by arithmetic on one number per asker, for a few microseconds.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Sequence

from everycent.kernel.errors import Unavailable

_SECOND_NS = 1_000_000_000
_MOST = 10_000
Headers = Sequence[tuple[bytes, bytes]]


class Buckets:
    """Buckets by name. Each holds `burst` and gets `rate` a second; with a rate of 0 nothing is counted.

    For an event loop: no two threads may use it at once.
    """

    def __init__(self, name: str, rate: int, burst: int) -> None:
        self._interval_ns = _SECOND_NS // rate if rate else 0
        self._depth_ns = burst * self._interval_ns
        self._name = f'"{name}"'
        seconds = -(-burst // rate) if rate else 0
        self._policy = (b"ratelimit-policy", f"{self._name};q={burst};w={seconds}".encode())
        self._full_at: dict[str, int] = {}  # when the bucket is full again

    def take(self, name: str) -> Headers:
        """Takes one out of a bucket; the headers that tell what is left. Raises Unavailable
        `request.rate_limited` where nothing is."""
        if not self._interval_ns:
            return ()
        now_ns = time.monotonic_ns()
        full_at = max(self._full_at.get(name, 0), now_ns) + self._interval_ns
        left_ns = self._depth_ns - (full_at - now_ns)
        if left_ns < 0:
            raise limited()
        if name not in self._full_at and len(self._full_at) >= _MOST:
            self._forget(now_ns)
        self._full_at[name] = full_at
        return self._headers(left_ns // self._interval_ns, full_at - now_ns)

    def is_empty(self, name: str) -> bool:
        """Whether nothing can be taken out of a bucket."""
        rest_ns = self._full_at.get(name, 0) - time.monotonic_ns() + self._interval_ns
        return bool(self._interval_ns) and rest_ns > self._depth_ns

    def emptied(self, name: str) -> Headers:
        """The headers of a refusal."""
        return self._headers(0, self._full_at.get(name, 0) - time.monotonic_ns())

    def _headers(self, left: int, wait_ns: int) -> Headers:
        seconds = max(1, -(-wait_ns // _SECOND_NS))
        return (self._policy, (b"ratelimit", f"{self._name};r={left};t={seconds}".encode()))

    def _forget(self, now_ns: int) -> None:
        """Forgets full buckets, which say nothing, and the oldest when there are too many others."""
        kept = {name: at for name, at in self._full_at.items() if at > now_ns}
        while len(kept) >= _MOST:
            del kept[next(iter(kept))]
        self._full_at = kept


def limited() -> Unavailable:
    """Somebody asks too often."""
    return Unavailable(
        "request.rate_limited",
        "there are too many requests",
        hint="wait a second; EVERYCENT_RATE_PER_SECOND says how many may come",
    )


def neighbourhood(address: str) -> str:
    """What counts as one address: of IPv6 it is the network of 64 bits, all of which one customer has."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address
