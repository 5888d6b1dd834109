"""Port: what an adapter to a sub-service does. It asks, and hands back what came, word for word; what that
means is judged here (`judge`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol

from everycent.reports.contract import Call

RAW_LIMIT = 1_048_576
"""How many bytes an answer may have. One that is longer is not read."""


class Trouble(StrEnum):
    """What can be wrong with a sub-service. UNREACHABLE: no connection. TIMED_OUT: not in the time it has.
    BROKEN: the connection broke, or the answer is larger than it may be. UNAVAILABLE, THREW, REFUSED: it
    says that it can't, fails, or won't. MALFORMED: it can't be read. OTHER: it speaks of something else
    than was asked. INCOMPLETE: something is missing, doubled, moved or changed. WRONG: a line can't be
    so. NO_KEY: what it is asked with is not set here. UNKNOWN: an exception of our own."""

    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    BROKEN = "broken"
    UNAVAILABLE = "unavailable"
    THREW = "threw"
    REFUSED = "refused"
    MALFORMED = "malformed"
    OTHER = "other"
    INCOMPLETE = "incomplete"
    WRONG = "wrong"
    NO_KEY = "no_key"
    UNKNOWN = "unknown"


class Reply(NamedTuple):
    """What came of a call. Without `trouble` it is the whole body of an answer that says it is one."""

    raw: bytes
    status: int | None = None
    trouble: Trouble | None = None
    why: str = ""


class SubService(Protocol):
    """A sub-service under the name that it has in the configuration."""

    name: str

    def get(self, call: Call, parameters: Mapping[str, str], deadline: timedelta) -> Reply:
        """Asks one thing. Never raises for what the other side or the network does."""
        ...
