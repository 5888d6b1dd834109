"""UsageRecord: one reported use, and the two hashes that keep it from being counted twice.

The key is (source, id) and nothing else: a record sent again later, or with another time, still has
the same key. The content is everything else. Same key and content: the same record again. Same key
and other content: a conflict, which is refused and reported.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import NamedTuple

from everycent.kernel.errors import Invalid
from everycent.kernel.quantity import parse_decimal, plain

_PLAIN = re.compile(r"-?(0|[1-9][0-9]{0,19})(\.[0-9]{0,17}[1-9])?", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
MAX_NAME = 200
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_DAY_MICROS = 86_400_000_000


class UsageRecord(NamedTuple):
    """`subject` is who or what used (a customer, a metering point); `value` is canonical decimal text;
    `at` is in UTC; `dimensions` is canonical JSON of text to text, '{}' when there are none."""

    source: str
    record_id: str
    subject: str
    meter: str
    at: datetime
    value: str
    dimensions: str = "{}"


def canonical_value(text: str) -> str:
    """The shortest plain decimal text of a value. Raises Invalid `number.malformed`."""
    if _PLAIN.fullmatch(text) and text != "-0":
        return text
    return plain(parse_decimal(text, "value"))


def check_name(text: str, field: str) -> str:
    """A name of a source, subject or record when it is sound. Raises Invalid `usage.bad_name`."""
    if 0 < len(text) <= MAX_NAME and (text.isalnum() or not _CONTROL.search(text)):
        return text
    raise Invalid(
        "usage.bad_name",
        f"{field} must have 1 to {MAX_NAME} characters and no control characters",
        field=field,
        value=text,
    )


def check_time(at: datetime) -> datetime:
    """The instant when it is in range. Raises Invalid `usage.time_out_of_range`."""
    if EARLIEST <= at < LATEST:
        return at
    raise Invalid(
        "usage.time_out_of_range",
        f"{at.isoformat()} is not between the years 2000 and 2200",
        field="at",
        value=at.isoformat(),
    )


def micros(at: datetime) -> int:
    """Microseconds since 2000-01-01 UTC, PostgreSQL's own scale."""
    since = at - _POSTGRES_EPOCH
    return since.days * _DAY_MICROS + since.seconds * 1_000_000 + since.microseconds


def key_of(source: str, record_id: str) -> bytes:
    """Sixteen bytes that stand for (source, id)."""
    return hashlib.blake2b(f"{source}\x00{record_id}".encode(), digest_size=16).digest()


def content_of(record: UsageRecord, at_micros: int) -> bytes:
    """Sixteen bytes that stand for everything else."""
    text = f"{record.subject}\x00{record.meter}\x00{at_micros}\x00{record.value}\x00{record.dimensions}"
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
