"""Canonical bytes: one value, one spelling, so that hashes and comparisons mean something.

JSON with sorted keys, no spaces, UTF-8 (RFC 8785 in spirit; numbers never appear as JSON floats here:
amounts are integers, decimals and instants are strings).
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder(order="deterministic", decimal_format="string")


def encode(value: Any) -> bytes:
    """The canonical bytes of plain data or of a msgspec struct (fields in declared order)."""
    return _ENCODER.encode(value)


def digest(value: Any) -> bytes:
    """SHA-256 of the canonical bytes."""
    return hashlib.sha256(_ENCODER.encode(value)).digest()
