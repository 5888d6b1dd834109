"""Strict JSON: what another system answers, read without a doubt or not at all.

No key stands twice, nothing is NaN, no number has a point (amounts are texts), and the shape has everything
that stands there and nothing else.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, TypeVar

import msgspec

_T = TypeVar("_T")


class UnreadableError(ValueError):
    """An answer that can't be read; its text says why."""


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A shape of which nothing may be missing, unknown, or of another type."""


def read(raw: bytes, shape: type[_T]) -> _T:
    """The bytes as a shape. Raises UnreadableError."""
    try:
        plain = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_once,
            parse_float=_no_number,
            parse_constant=_no_number,
        )
        return msgspec.convert(plain, shape, strict=True)
    except UnicodeDecodeError:
        raise UnreadableError("the answer is not UTF-8") from None
    except msgspec.ValidationError as error:
        raise UnreadableError(f"the answer is not of the schema: {error}") from None
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"the answer is not JSON without a doubt: {error}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for name, count in Counter(n for n, _ in pairs).items() if count > 1)
        raise ValueError(f"{twice!r} stands twice")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no amount and no count")


_LONGEST = 120


def shown(text: str) -> str:
    """The start of a text that may be anything, as one that can be stored and looked at."""
    seen = "".join(
        char if char.isprintable() else f"\\u{ord(char):04x}" for char in text[:_LONGEST]
    )
    if not seen.strip():
        return "(nothing)"
    return seen if len(seen) <= _LONGEST and len(text) <= _LONGEST else f"{seen[:_LONGEST]}…"
