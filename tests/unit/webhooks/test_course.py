"""When a delivery is tried again, as numbers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycent.webhooks import course
from everycent.webhooks.course import CHANCES, Answer, Status
from everycent.webhooks.endpoint import checked_types, wants
from tests.conftest import NOW

CHANCE = st.integers(0, CHANCES - 1)


def test_tries_take_close_to_five_days_by_default_and_never_a_week():
    for chance, least, most in ((0, 3.5, 4.5), (500, 4.5, 5.5), (CHANCES - 1, 5.5, 6.5)):
        gaps = [course.gap(tries, chance) for tries in range(1, 13)]
        assert course.gap(13, chance) is None
        total = sum((gap for gap in gaps if gap is not None), timedelta())
        assert timedelta(days=least) < total < timedelta(days=most)


@given(st.integers(1, 12), CHANCE)
def test_a_gap_is_a_fifth_shorter_or_longer_by_chance(tries, chance):
    lowest, highest = course.gap(tries, 0), course.gap(tries, CHANCES - 1)
    assert lowest <= course.gap(tries, chance) <= highest < lowest * 1.5


@given(st.integers(0, 10_000), CHANCE)
def test_an_endpoint_never_rests_for_more_than_twelve_minutes_by_itself(failures, chance):
    rest = course.rest(failures, chance)
    assert (rest is None) == (failures < course.IN_A_ROW)
    assert rest is None or timedelta(seconds=24) <= rest <= timedelta(minutes=12)


@given(
    st.one_of(st.none(), st.integers(100, 599)), st.one_of(st.none(), st.integers(-(10**12), 10**12)),
    st.integers(1, 20), st.integers(0, 50), CHANCE,
)  # fmt: skip
def test_a_try_ends_delivered_or_given_up_or_waits_for_a_day_and_a_half_at_most(
    status, wait, tries, failures, chance
):
    answer = Answer(status, "", wait)
    following = course.after(answer, tries, failures, NOW, chance)
    assert (following.status is Status.DELIVERED) == answer.is_taken
    assert (following.status is Status.WAITING) == (following.next_at is not None)
    for at in (following.next_at, following.rests_until):
        assert at is None or NOW < at <= NOW + timedelta(hours=36)


@pytest.mark.parametrize(
    ("answer", "tries", "before", "after"),
    [
        (Answer(200), 1, 7, 0), (Answer(500), 1, 0, 1), (Answer(500), 1, 4, 5),
        (Answer(500), 2, 0, 1), (Answer(500), 2, 1, 1), (Answer(500), 9, 4, 4),
        (Answer(500), 2, 5, 6), (Answer(None), 1, 5, 6),
    ],
)  # fmt: skip
def test_one_delivery_that_fails_over_and_over_counts_once(answer, tries, before, after):
    assert course.in_a_row(answer, tries, before) == after


def test_what_a_receiver_says_can_not_spoil_what_is_stored():
    assert course.told(Answer(500, "a\x00b\nc" + "x" * 1000)) == "a?b?c" + "x" * 295


def test_types_are_told_once_and_all_is_all():
    assert checked_types(["b.c", "a.*", "b.c"]) == ("a.*", "b.c")
    assert checked_types(["b.c", "*"]) == ("*",)
    assert wants(["a.*"], "a.b")
    assert not wants(["a.*"], "ab.c")
