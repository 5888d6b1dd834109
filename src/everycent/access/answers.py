"""Requests that may come twice: the first is done, the others get its answer.

A request has a key of the sender's choice and a digest of what it asks. What is kept of a key says what
becomes of the next request that has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from everycent.kernel.errors import Conflict, Invalid

_LEASE = timedelta(minutes=5)  # longer than the server works on a request
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = 255


class Kept(NamedTuple):
    """An answer as it was given."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Known(NamedTuple):
    """What is kept of a key: since when it is worked on, or the answer. What was begun at the epoch was
    refused."""

    digest: bytes
    begun_at: datetime
    answer: Kept | None


def checked_key(key: str) -> str:
    """The key. Raises Invalid `request.bad_idempotency_key`."""
    if not (key.isascii() and key.isprintable() and 1 <= len(key) <= _LONGEST and key.strip()):
        raise Invalid(
            "request.bad_idempotency_key",
            f"an Idempotency-Key has 1 to {_LONGEST} printable ASCII characters",
            field="idempotency-key",
            value=key,
            hint="send a new random UUID with each request, and the same one when you send it again",
        )
    return key


def judged(known: Known | None, digest: bytes, at: datetime) -> Kept | None:
    """The answer to give again; None when the request is to be done. Raises Invalid `request.key_reused`,
    Conflict `request.under_way`."""
    if known is None or known.begun_at == _EPOCH:
        return None
    if known.digest != digest:
        raise Invalid(
            "request.key_reused",
            "this Idempotency-Key came with another request before",
            field="idempotency-key",
            hint="send a new key with each new request",
        )
    if known.answer is None and at < known.begun_at + _LEASE:
        raise under_way()
    return known.answer


def under_way() -> Conflict:
    """Somebody works on a request with this key."""
    return Conflict(
        "request.under_way",
        "a request with this Idempotency-Key is being worked on",
        field="idempotency-key",
        hint="ask again in a few seconds; it is answered once it is done",
    )


def headers_text(headers: Mapping[str, str]) -> str:
    """Headers as they are kept."""
    return msgspec.json.encode(dict(headers)).decode()


def headers_of(text: str) -> dict[str, str]:
    """The reverse of `headers_text`."""
    return msgspec.json.decode(text, type=dict[str, str])
