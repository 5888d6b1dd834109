"""Names that somebody may have meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycent.kernel.near import distance, meant, near

METERS = ["active", "active_day", "calls", "peak_day", "reactive", "register"]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("cals", ["calls"]),
        ("clals", ["calls"]),
        ("CALLS", ["calls"]),
        ("actvie", ["active"]),
        ("day", ["active_day", "peak_day"]),
        ("registers", ["register"]),
        ("zebra", []),
        ("", []),
    ],
)
def test_the_nearest_names_are_found(typed, found):
    assert near(typed, METERS) == found


def test_what_looks_like_nothing_is_not_asked_for():
    assert meant("zebra", METERS) == ""
    assert meant("cals", METERS) == "did you mean calls?"


words = st.text("abc", max_size=7)


@given(words, words)
def test_distance_is_the_same_both_ways_and_none_only_between_equals(one, other):
    assert distance(one, other) == distance(other, one)
    assert (distance(one, other) == 0) == (one == other)
    assert distance(one, other) <= max(len(one), len(other))
