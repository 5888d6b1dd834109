"""UsageRecord: one reported use, and the two hashes that keep it from being counted twice.

The key is (source, id) and nothing else: a record sent again later, or with another time, still has
the same key. The content is everything else. Same key and content: the same record again. Same key
and other content: a conflict, which is refused and reported.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from struct import Struct
from typing import NamedTuple
from zlib import crc32

from everycent.kernel.canonical import encode
from everycent.kernel.errors import Invalid
from everycent.kernel.quantity import MAX_PLACES, parse_decimal, plain
from everycent.kernel.text import HAS_UNSEEN

_PLAIN = re.compile(r"-?(0|[1-9][0-9]{0,19})(\.[0-9]{0,17}[1-9])?", re.ASCII)
MAX_NAME = 200
MAX_ID = 190
"""Shorter than other names: replacements add to it."""
_REPLACEMENT = re.compile(r"~([2-9]|[1-9][0-9]+)$", re.ASCII)
MAX_DIMENSIONS_BYTES = 2000
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_DAY_MICROS = 86_400_000_000
_EMPTY = hashlib.blake2b(digest_size=16)
_BEGINNING = 8
_ENDING = 4
_NEIGHBOURHOOD = Struct("!HH").pack


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
    _, point, places = text.partition(".")
    if point and places[-1:] == "0" and len(places) <= MAX_PLACES:
        # A fixed number of places is common; cutting its zeros is all there is to do.
        short = text.rstrip("0").removesuffix(".")
        if _PLAIN.fullmatch(short) and short != "-0":
            return short
    return plain(parse_decimal(text, "value"))


def check_name(text: str, field: str) -> str:
    """A name of a source, subject or record when it is sound. Raises Invalid `usage.bad_name`."""
    # What is printable has none of the characters that are refused, and is found out faster.
    if 0 < len(text) <= MAX_NAME and (text.isprintable() or not HAS_UNSEEN.search(text)):
        return text
    raise Invalid(
        "usage.bad_name",
        f"{field} must have 1 to {MAX_NAME} characters and no control characters",
        field=field,
        value=text,
    )


RESERVED_SOURCE = "report/"
"""Sources that begin like this belong to reports of sub-services."""


def check_giver(text: str) -> str:
    """The source of a record that somebody gives when it is sound. Raises Invalid `usage.bad_name`,
    `usage.reserved_source`."""
    if text.startswith(RESERVED_SOURCE):
        raise Invalid(
            "usage.reserved_source",
            f"sources that begin with {RESERVED_SOURCE!r} are kept for reports of sub-services",
            field="source",
            value=text,
            hint="name another source; what a report says is changed by the sub-service, or by corrections",
        )
    return check_name(text, "source")


def check_id(text: str) -> str:
    """An id of a record when it is sound. Ids of replacements (`X~2`, `X~3` …) are not a sender's to give.

    Raises Invalid `usage.bad_name`, `usage.reserved_id`.
    """
    if "~" in text and _REPLACEMENT.search(text):
        raise Invalid(
            "usage.reserved_id",
            f"ids that end like {text[text.rindex('~') :]!r} are kept for records that replace others",
            field="id",
            value=text,
            hint="end the id in another way; to change a record use `everycent usage replace`",
        )
    if len(text) > MAX_ID:
        raise Invalid(
            "usage.bad_name",
            f"an id must have 1 to {MAX_ID} characters and no control characters",
            field="id",
            value=text,
        )
    return check_name(text, "id")


def canonical_dimensions(dimensions: Mapping[str, str]) -> str:
    """Dimensions as canonical JSON text; those without a value are left out.

    Raises Invalid `usage.bad_dimension`.
    """
    for name, value in dimensions.items():
        if HAS_UNSEEN.search(value) or HAS_UNSEEN.search(name) or not name:
            raise Invalid(
                "usage.bad_dimension",
                f"the dimension {name[:60]!r} has control characters or no name",
                field=f"dimensions.{name}",
                value=value,
            )
    text = encode({name: value for name, value in dimensions.items() if value != ""})
    if len(text) > MAX_DIMENSIONS_BYTES:
        raise Invalid(
            "usage.long_dimensions",
            f"the dimensions of a record may have {MAX_DIMENSIONS_BYTES} bytes, not {len(text)}",
            field="dimensions",
        )
    return text.decode()


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
    """Sixteen bytes that stand for (source, id): four of a neighbourhood, twelve of a hash.

    Ids that are given one after the other (counters, ULID, UUIDv7) mostly begin alike, or differ in their
    last characters only. Such ids are neighbours: the index of keys grows in a few places at a time and
    not all over. The hash alone, 96 bits, is what tells two ids apart.
    """
    text = record_id.encode()
    begins, but_last = crc32(text[:_BEGINNING]) & 0xFFFF, crc32(text[:-_ENDING]) & 0xFFFF
    state = _of_source(source).copy()
    state.update(text)
    return _NEIGHBOURHOOD(begins, but_last) + state.digest()


@lru_cache(maxsize=1024)
def _of_source(source: str) -> hashlib.blake2b:
    return hashlib.blake2b(source.encode() + b"\x00", digest_size=12)


def content_of(record: UsageRecord, at_micros: int) -> bytes:
    """Sixteen bytes that stand for everything else."""
    _, _, subject, meter, _, value, dimensions = record
    text = f"{subject}\x00{meter}\x00{at_micros}\x00{value}\x00"
    return _hash(text.encode() + _dimensions_hash(dimensions))


@lru_cache(maxsize=65_536)
def _dimensions_hash(dimensions: str) -> bytes:
    # Sets of dimensions are long and few: their own hash stands for them.
    return _hash(dimensions.encode())


def _hash(text: bytes) -> bytes:
    state = _EMPTY.copy()  # a third faster than making a new one
    state.update(text)
    return state.digest()
