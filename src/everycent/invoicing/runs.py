"""Chunks of a billing run as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from everycent.kernel.errors import Refusal


class Chunk(NamedTuple):
    """A range of customers that one worker bills in one transaction."""

    chunk_no: int
    first: UUID
    last: UUID


class Parked(NamedTuple):
    """A customer who could not be billed, and why."""

    customer_id: UUID
    refusal: Refusal


def ranges(customers: Sequence[UUID], size: int) -> list[tuple[UUID, UUID]]:
    """Cuts customers (in order) into ranges of `size`."""
    return [
        (customers[start], customers[min(start + size, len(customers)) - 1])
        for start in range(0, len(customers), size)
    ]
