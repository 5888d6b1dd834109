"""Timelines: whatever is agreed, planned and withdrawn, a contract is one course of time or is refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycent.subscriptions.clash import Rule
from everycent.subscriptions.folding import fold
from everycent.subscriptions.timeline import (
    MAIN,
    Action,
    Begin,
    Cancel,
    Change,
    End,
    Pause,
    Resume,
    Stretch,
    Terms,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 60


def terms(plan: str) -> Terms:
    return Terms(plan, 1, date(2026, 1, 1), 1, 0)


def at(day: int) -> datetime:
    return START + timedelta(days=day)


def begin(plan: str, track: str = MAIN) -> Begin:
    return Begin(terms(plan), track)


def changes(*told: tuple[int, Action]) -> list[Change]:
    """The start with plan `a`, and changes by day in the order in which they were agreed."""
    return [
        Change(number, at(day), action)
        for number, (day, action) in enumerate([(0, begin("a")), *told])
    ]


def course(*told: tuple[int, Action]) -> list[tuple[str, str, int, int | None]]:
    """(track, plan, first day, end) of each stretch."""
    timeline = fold(changes(*told), "UTC")
    assert not timeline.clashes, timeline.clashes
    return [_told(stretch) for stretch in timeline.stretches]


def _told(one: Stretch) -> tuple[str, str, int, int | None]:
    end = None if one.ends_at is None else (one.ends_at - START).days
    return one.track, one.terms.plan_key, (one.starts_at - START).days, end


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([], [("", "a", 0, None)]),
        ([(9, Cancel())], [("", "a", 0, 9)]),
        ([(5, begin("b"))], [("", "a", 0, 5), ("", "b", 5, None)]),
        ([(9, begin("b")), (5, begin("c"))],
         [("", "a", 0, 5), ("", "c", 5, 9), ("", "b", 9, None)]),
        ([(5, Pause()), (8, Resume())], [("", "a", 0, 5), ("", "a", 8, None)]),
        ([(5, Pause()), (8, Resume()), (9, Cancel())], [("", "a", 0, 5), ("", "a", 8, 9)]),
        ([(5, Pause()), (7, begin("b")), (8, Resume())], [("", "a", 0, 5), ("", "b", 8, None)]),
        ([(5, Pause()), (9, Cancel())], [("", "a", 0, 5)]),
        ([(3, begin("x", "extra"))], [("", "a", 0, None), ("extra", "x", 3, None)]),
        ([(3, begin("x", "extra")), (6, End("extra"))], [("", "a", 0, None), ("extra", "x", 3, 6)]),
        ([(3, begin("x", "extra")), (6, Cancel())], [("", "a", 0, 6), ("extra", "x", 3, 6)]),
        ([(3, begin("x", "extra")), (6, End("extra")), (6, Cancel())],
         [("", "a", 0, 6), ("extra", "x", 3, 6)]),
        ([(3, begin("x", "extra")), (5, Pause()), (8, Resume())],
         [("", "a", 0, 5), ("extra", "x", 3, 5), ("", "a", 8, None), ("extra", "x", 8, None)]),
        ([(3, begin("x", "extra")), (5, Pause()), (6, End("extra")), (8, Resume())],
         [("", "a", 0, 5), ("extra", "x", 3, 5), ("", "a", 8, None)]),
    ],
)  # fmt: skip
def test_changes_amount_to(told, expected):
    assert course(*told) == expected


@pytest.mark.parametrize(
    ("told", "rule", "numbers"),
    [
        ([(5, Cancel()), (9, begin("b"))], Rule.CANCELLED_BEFORE, (2, 1)),
        ([(9, begin("b")), (5, Cancel())], Rule.CANCELLED_BEFORE, (1, 2)),
        ([(5, Cancel()), (9, Cancel())], Rule.CANCELLED_BEFORE, (2, 1)),
        ([(5, Cancel()), (9, Pause())], Rule.CANCELLED_BEFORE, (2, 1)),
        ([(5, begin("b")), (5, begin("c"))], Rule.SAME_INSTANT, (2, 1)),
        ([(0, begin("b"))], Rule.SAME_INSTANT, (1, 0)),
        ([(5, Pause()), (5, Cancel())], Rule.SAME_INSTANT, (2, 1)),
        ([(5, begin("b")), (5, Cancel())], Rule.SAME_INSTANT, (2, 1)),
        ([(0, Cancel())], Rule.SAME_INSTANT, (1, 0)),
        ([(5, begin("a"))], Rule.NOTHING_CHANGES, (1, 0)),
        ([(5, begin("b")), (7, begin("b"))], Rule.NOTHING_CHANGES, (2, 1)),
        ([(5, Pause()), (7, Pause())], Rule.PAUSED_BEFORE, (2, 1)),
        ([(5, Resume())], Rule.NOT_PAUSED, (1, 0)),
        ([(5, Pause()), (7, Resume()), (9, Resume())], Rule.NOT_PAUSED, (3, 2)),
        ([(5, End("extra"))], Rule.NO_SUCH_ADD_ON, (1, None)),
        ([(3, begin("x", "extra")), (5, End("extra")), (7, End("extra"))],
         Rule.NO_SUCH_ADD_ON, (3, 2)),
        ([(5, End(MAIN))], Rule.PLAN_NOT_DROPPED, (1, 0)),
        ([(-5, Cancel())], Rule.NOT_STARTED, (1, 0)),
        ([(-5, begin("x", "extra"))], Rule.NOT_STARTED, (1, 0)),
    ],
)  # fmt: skip
def test_changes_clash(told, rule, numbers):
    timeline = fold(changes(*told), "UTC")
    found = timeline.clashes[0]
    assert timeline.stretches == ()
    assert found.rule == rule
    assert (found.change.change_no, found.other and found.other.change_no) == numbers


ACTIONS = st.one_of(
    st.builds(begin, st.sampled_from("abc"), st.sampled_from(["", "", "x", "y"])),
    st.builds(End, st.sampled_from(["x", "y"])),
    st.builds(Cancel), st.builds(Pause), st.builds(Resume),
)  # fmt: skip
AGREED = st.lists(st.tuples(st.integers(-2, DAYS), ACTIONS), max_size=8)


@given(AGREED)
def test_stretches_of_a_track_never_overlap(told):
    timeline = fold(changes(*told), "UTC")
    for track in {stretch.track for stretch in timeline.stretches}:
        own = [stretch for stretch in timeline.stretches if stretch.track == track]
        assert all(
            stretch.ends_at is None or stretch.starts_at < stretch.ends_at for stretch in own
        )
        for before, after in pairwise(own):
            assert before.ends_at is not None
            assert before.ends_at <= after.starts_at


@given(AGREED)
def test_each_day_is_what_a_walk_through_the_changes_says(told):
    made = changes(*told)
    timeline = fold(made, "UTC")
    if timeline.clashes:
        return
    for day in range(DAYS + 2):
        found = {
            stretch.track: stretch.terms.plan_key
            for stretch in timeline.stretches
            if stretch.starts_at <= at(day)
            and (stretch.ends_at is None or at(day) < stretch.ends_at)
        }
        assert found == walked(made, at(day))


def walked(made: Sequence[Change], until: datetime) -> dict[str, str]:
    """What runs on each track at an instant, told in the plainest way."""
    running: dict[str, str] = {}
    is_on = True
    for change in sorted(made, key=lambda c: (c.effective_at, c.change_no)):
        if change.effective_at > until:
            break
        match change.action:
            case Begin(found, track):
                running[track] = found.plan_key
            case End(track):
                del running[track]
            case Cancel():
                running = {}
            case Pause():
                is_on = False
            case Resume():
                is_on = True
    return running if is_on else {}


@given(AGREED, st.data())
def test_what_is_withdrawn_leaves_no_trace(told, data):
    made = changes(*told)
    if not told or fold(made, "UTC").clashes:
        return
    gone = data.draw(st.sampled_from(made[1:]))
    left = [change for change in made if change is not gone]
    again = fold([*left, gone], "UTC")
    assert again == fold(made, "UTC")
    assert all(one.change_no != gone.change_no for one in fold(left, "UTC").stretches)


@given(AGREED, st.randoms())
def test_the_order_of_telling_does_not_matter(told, random):
    made = changes(*told)
    shuffled = list(made)
    random.shuffle(shuffled)
    assert fold(shuffled, "UTC") == fold(made, "UTC")
