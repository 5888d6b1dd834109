"""Batch: documents that go to the ERP together, numbered without gaps, each batch naming the one before it
by its digest; with what they come to. It never changes: sent again, it is the same to the last byte."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from everycent.erp.told import Document, Total, digest_of, digest_of_all, totals_of
from everycent.journal.types import EventType
from everycent.kernel.canonical import digest

_FIRST = "0" * 64


class Member(msgspec.Struct, frozen=True):
    """A document of a batch, at its place."""

    document_id: UUID
    reference: str
    digest: str


class Batch(msgspec.Struct, frozen=True):
    """`digest` is over everything else; `previous` is the digest of the batch before."""

    erp: str
    number: int
    previous: str
    members: tuple[Member, ...]
    totals: tuple[Total, ...]
    control: str
    digest: str
    at: datetime


BATCHED = EventType("erp.batched", 1, Batch)


def stream(erp: str) -> str:
    """The stream of an ERP's batches; a batch's number is its version there."""
    return f"erp_batch:{erp}"


def batch_of(
    erp: str, number: int, previous: str | None, told: Sequence[tuple[UUID, Document]], at: datetime
) -> Batch:
    """The batch of some documents, which follows the one with the digest `previous`."""
    members = tuple(Member(key, one.reference, digest_of(one)) for key, one in told)
    totals = totals_of([one for _, one in told])
    control = digest_of_all([one.digest for one in members])
    before = previous or _FIRST
    whole = digest_of_batch(erp, number, before, control, totals)
    return Batch(erp, number, before, members, totals, control, whole, at)


def digest_of_batch(
    erp: str, number: int, previous: str, control: str, totals: Sequence[Total]
) -> str:
    """The digest of a batch, over everything that it says."""
    return digest([erp, number, previous, control, totals]).hex()
