"""The hash chain: each event's hash covers the hash before it in its stream, its header, its payload.

Changing, dropping or reordering an event changes every hash after it. Cutting off a stream's end, or
a whole stream, is caught by checkpoints, which cover the last hash of every stream.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

from everycent.kernel.canonical import encode

GENESIS = bytes(32)
"""What the first event of a stream stands on."""


def link(
    previous: bytes,
    tenant_id: int,
    stream: str,
    version: int,
    event_id: UUID,
    type_name: str,
    schema_version: int,
    at: datetime,
    recorded_at: datetime,
    actor: str,
    cause: UUID | None,
    payload: bytes,
) -> bytes:
    """SHA-256 over the previous hash, the canonical header and the payload's bytes.

    Instants are hashed in UTC, which is how the database gives them back.
    """
    header = encode(
        (
            tenant_id,
            stream,
            version,
            event_id,
            type_name,
            schema_version,
            at.astimezone(UTC),
            recorded_at.astimezone(UTC),
            actor,
            cause,
        )
    )
    return hashlib.sha256(b"".join((previous, header, b"\n", payload))).digest()


def root(heads: Iterable[tuple[str, int, bytes]]) -> tuple[bytes, int, int]:
    """One hash over the heads (stream, version, hash) of all streams, given in order of the stream.

    Returns it with the number of streams and of events.
    """
    total = hashlib.sha256()
    streams = events = 0
    for stream, version, head in heads:
        total.update(f"{stream}\x00{version}\x00".encode())
        total.update(head)
        streams += 1
        events += version
    return total.digest(), streams, events
