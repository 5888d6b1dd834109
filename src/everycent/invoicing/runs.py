"""Billing runs and their chunks as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from everycent.kernel.errors import Refusal


class Run(NamedTuple):
    """A billing run: everything that was due by `as_of`.

    `time_zone` decides the date that is printed, `payment_days` how long customers have to pay,
    `tax_versions` (by key) from which tables taxes are taken, `policies` how invoices are made, and `rates`
    up to which number exchange rates count; all stay as they were when the run began, whoever finishes it
    and whatever the catalogue says by then.
    """

    run_id: UUID
    as_of: datetime
    time_zone: str
    payment_days: int
    tax_versions: Mapping[str, int]
    policies: Mapping[str, str]
    rates: int
    started_at: datetime
    chunks: int = 0


class Progress(NamedTuple):
    """How far a run is."""

    chunks: int
    chunks_done: int
    invoices: int
    lines: int
    parked: int


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
