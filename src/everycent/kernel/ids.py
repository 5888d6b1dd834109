"""Identifiers: time-ordered UUIDs (RFC 9562, version 7), shown with a prefix that says what they name.

Where ids come from is an argument (`IdSource`), so that a test can run a billing run twice and
compare every byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from uuid import UUID

from everycent.kernel.errors import Invalid

IdSource = Callable[[str], UUID]
"""Gives the id for a natural key. The product ignores the key; a test derives the id from it."""

CUSTOMER = "cus"
SUBSCRIPTION = "sub"
INVOICE = "inv"
EVENT = "evt"
RUN = "run"

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]
_VALUES = {char: value for value, char in enumerate(_ALPHABET)}


def uuid7(unix_ms: int, random_bits: int) -> UUID:
    """A version 7 UUID from milliseconds since 1970 and at least 74 random bits."""
    value = (unix_ms & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76 | (random_bits >> 62 & 0xFFF) << 64
    value |= 0b10 << 62 | random_bits & ((1 << 62) - 1)
    return UUID(int=value)


def derived(key: str) -> UUID:
    """The id that always belongs to `key`: for tests and for replays that must be byte-equal."""
    value = int.from_bytes(hashlib.sha256(key.encode()).digest()[:16])
    value = value & ~(0xF << 76) | 0x8 << 76  # version 8: the bits mean what we say
    value = value & ~(0b11 << 62) | 0b10 << 62
    return UUID(int=value)


def show(prefix: str, value: UUID) -> str:
    """`value` as people see it: prefix, underscore, 26 characters of Crockford's base 32."""
    number = value.int
    pairs = [_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)]
    return f"{prefix}_{''.join(pairs)}"


def parse(prefix: str, text: str, field: str) -> UUID:
    """The reverse of `show`. Raises Invalid `id.malformed`."""
    head, _, digits = text.partition("_")
    number = 0
    if head == prefix and len(digits) == 26 and set(digits) <= _VALUES.keys():
        for char in digits:
            number = number * 32 + _VALUES[char]
        if number < 1 << 128:
            return UUID(int=number)
    raise Invalid(
        "id.malformed",
        f"{text[:60]!r} is not an id of the form {prefix}_…",
        field=field,
        value=text,
        hint=f"copy the whole id as it was answered: {prefix}_ and 26 letters and digits",
    )
