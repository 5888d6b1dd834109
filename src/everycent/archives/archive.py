"""The archive's nouns: a part of a month in a file, and where its records are.

Only records leave the database. Keys (so that a record sent again is known for ever), roll-ups (which
answer bills and charts), batches and seals stay.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

import msgspec

from everycent.journal.types import EventType
from everycent.kernel.period import Period

COLUMNS = (
    ("source", "varchar"),
    ("record_id", "varchar"),
    ("subject", "varchar"),
    ("meter", "varchar"),
    ("at", "timestamptz"),
    ("value", "decimal(38,18)"),
    ("dimensions", "varchar"),
    ("key", "uuid"),
    ("content", "uuid"),
    ("batch_id", "bigint"),
)
"""The columns of a file with their types: names instead of our numbers, so that it can be read without
us. A value has 20 digits before the point and 18 after it at the most, which is exactly that decimal."""


class Place(StrEnum):
    """Where the records of a part are. TABLE: in the file and in the table. FILE: in the file alone.
    RESTORED: back in the table; the file is not needed any more."""

    TABLE = "table"
    FILE = "file"
    RESTORED = "restored"


class StoredFile(NamedTuple):
    """A file of the archive as it lies on disk; `sha256` is over its bytes."""

    name: str
    size_bytes: int
    sha256: bytes


class Facts(NamedTuple):
    """What records are in numbers. `digest` covers key and content of each; see `store.sql`."""

    records: int
    total: Decimal
    digest: bytes


class Part(NamedTuple):
    """A part of a month of one tenant: the first day of the month, the file, where it was put (a folder,
    in the instance's home unless it is absolute), and what is in it. `first_fold` and `last_fold` are the
    folds that had counted its records."""

    month: date
    part_no: int
    file: StoredFile
    location: str
    facts: Facts
    first_fold: int
    last_fold: int
    archived_at: datetime
    place: Place


class Archived(msgspec.Struct, frozen=True):
    """Records of a month were written to a file. Hashes are in hexadecimal, the sum is plain text;
    `reasons` says how many of them were billed then, and how many were not for which reason."""

    month: date
    part_no: int
    file: str
    bytes: int
    sha256: str
    records: int
    total: str
    digest: str
    first_fold: int
    last_fold: int
    location: str
    reasons: dict[str, int]


class Restored(msgspec.Struct, frozen=True):
    """Records of a month were put back from these parts."""

    month: date
    parts: tuple[int, ...]
    records: int


ARCHIVED = EventType("usage.archived", 1, Archived)
RESTORED = EventType("usage.restored", 1, Restored)


def stream(month: date) -> str:
    """The stream of what happens to a month of usage."""
    return f"usage:{month:%Y-%m}"


def file_name(tenant: str, month: date, part_no: int, sha256: bytes) -> str:
    """A name that no other file has: of several attempts to write a part each keeps its own."""
    return f"{tenant}-usage-{month:%Y-%m}-part{part_no}-{sha256.hex()[:12]}.parquet"


def manifest(tenant: str, month: date, part_no: int) -> dict[str, str]:
    """What a file says about itself."""
    return {
        "everycent": "usage archive 1",
        "tenant": tenant,
        "month": f"{month:%Y-%m}",
        "part": str(part_no),
    }


def next_month(month: date) -> date:
    """The first day of the month after."""
    return (month.replace(day=1) + timedelta(days=31)).replace(day=1)


def span_of(month: date) -> Period:
    """The time of a UTC month."""
    start, end = (datetime.combine(day, time(), UTC) for day in (month, next_month(month)))
    return Period(start, end)


def first_open_month(as_of: datetime, accept_days: int) -> date:
    """The first month into which records may still come: UTC months before it are closed.

    `accept_days` is the longest time after which any meter still takes a record in.
    """
    return (as_of.date() - timedelta(days=accept_days)).replace(day=1)
