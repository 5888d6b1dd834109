"""One value has one spelling in bytes, so that its hash means something."""

import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest

from everycent.kernel import canonical


class Line(msgspec.Struct):
    text: str
    minor: int


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": {"d": 2, "c": 3}}, '{"a":{"c":3,"d":2},"b":1}'),
        ({"a": {"c": 3, "d": 2}, "b": 1}, '{"a":{"c":3,"d":2},"b":1}'),
        ([3, 1, 2], "[3,1,2]"),
        (Decimal("1.50"), '"1.50"'),
        (10**17, "100000000000000000"),
        (datetime(2026, 3, 1, tzinfo=UTC), '"2026-03-01T00:00:00Z"'),
        (date(2026, 3, 1), '"2026-03-01"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        ("Čačković €\n", '"Čačković €\\n"'),
        (Line("x", 5), '{"text":"x","minor":5}'),
        (None, "null"),
        (True, "true"),
    ],
)
def test_a_value_has_one_spelling(value, expected):
    assert canonical.encode(value) == expected.encode()
    assert canonical.digest(value) == hashlib.sha256(expected.encode()).digest()


def test_keys_that_are_not_text_have_no_spelling():
    with pytest.raises(TypeError):
        canonical.encode({1: "one"})
