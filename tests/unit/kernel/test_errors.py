"""A refusal says what, where and what to do, and becomes plain data without what is absent."""

import pytest

from everycent.kernel.errors import (
    Broken,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Refusal,
    Unavailable,
)

KINDS = [Invalid, NotFound, Conflict, Forbidden, Unavailable, Broken]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_refusal_that_carries_its_code(kind):
    refusal = kind("thing.wrong", "the thing is wrong", field="thing", value=3, hint="mend it")
    assert isinstance(refusal, Refusal)
    assert str(refusal) == "the thing is wrong"
    assert refusal.as_dict() == {
        "code": "thing.wrong",
        "message": "the thing is wrong",
        "field": "thing",
        "value": "3",
        "hint": "mend it",
    }


def test_no_kind_passes_for_another():
    for kind in KINDS:
        assert [other for other in KINDS if issubclass(kind, other)] == [kind]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (0, "0"),
        ("", ""),
        (False, "False"),
        ("x" * 120, "x" * 120),
        ("x" * 121, "x" * 120),
    ],
)
def test_a_value_is_shown_shortened_and_left_out_only_when_there_is_none(value, shown):
    assert Invalid("a.b", "no", value=value).as_dict().get("value") == shown


def test_absent_parts_are_left_out():
    assert Invalid("a.b", "no").as_dict() == {"code": "a.b", "message": "no"}
