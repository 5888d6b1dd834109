"""Checkpoint: one hash that stands for the whole journal of a tenant up to a fence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from everycent.kernel.canonical import digest


class Checkpoint(NamedTuple):
    """`root` covers the last event of every stream below the fence (epoch, xid); `previous` is the
    digest of the checkpoint before, so that checkpoints form a chain of their own."""

    checkpoint_no: int
    recorded_at: datetime
    epoch: int
    xid: int
    seq: int
    streams: int
    events: int
    root: bytes
    previous: bytes | None


def digest_of(tenant_id: int, facts: Checkpoint) -> bytes:
    """What is signed, and what an operator anchors outside the database."""
    in_utc = facts._replace(recorded_at=facts.recorded_at.astimezone(UTC))
    hexed = [part.hex() if isinstance(part, bytes) else part for part in in_utc]
    return digest([tenant_id, *hexed])
