"""Terms in time: where each begins and ends, until when one can leave, and what a change makes of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycent.catalog.term import Leaving, Term
from everycent.kernel.calendar import Interval, parse_interval, start_of_day
from everycent.subscriptions import term
from everycent.subscriptions.clash import Rule
from everycent.subscriptions.folding import fold
from everycent.subscriptions.term import Bound, begun
from everycent.subscriptions.timeline import (
    MAIN,
    Agree,
    Begin,
    Cancel,
    Change,
    Course,
    End,
    Pause,
    Resume,
    Terms,
)

YEAR = Term("year", "year")
NO_LENGTH = Interval(0, 0)


def day(text):
    return date.fromisoformat(text)


def bound(since, length, renews="", **more):
    """The terms of a plan from a day on, which renew by their own length unless another is told."""
    rule = Term(length, renews or length, **more)
    return begun((), 0, rule, day(since), day(since), anew=False)


def ends(bounds, count):
    """The first days after the first terms."""
    first = bounds[0].boundary(0)
    return [str(ran.ends_on) for ran in islice(term.terms_from(bounds, first), count)]


@pytest.mark.parametrize(
    ("since", "length", "renews", "expected"),
    [
        ("2026-01-01", "year", "year", ["2027-01-01", "2028-01-01", "2029-01-01"]),
        ("2026-01-31", "month", "month", ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]),
        ("2024-01-31", "month", "month", ["2024-02-29", "2024-03-31"]),
        ("2024-02-29", "year", "year", ["2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]),
        ("2025-08-31", "half_year", "quarter", ["2026-02-28", "2026-05-31", "2026-08-31"]),
        ("2026-01-31", "2 years", "month", ["2028-01-31", "2028-02-29", "2028-03-31"]),
        ("2026-01-15", "30 days", "30 days", ["2026-02-14", "2026-03-16"]),
        ("2026-01-15", "year", "30 days", ["2027-01-15", "2027-02-14", "2027-03-16"]),
        ("2026-01-31", "14 days", "month", ["2026-02-14", "2026-03-14", "2026-04-14"]),
        ("2026-10-25", "week", "week", ["2026-11-01", "2026-11-08"]),
    ],
)
def test_terms_end_counted_from_the_first_day(since, length, renews, expected):
    assert ends(bound(since, length, renews), len(expected)) == expected


@pytest.mark.parametrize(
    ("ends_on", "notice", "reminder", "too_late_from", "remind_on"),
    [
        ("2027-01-01", "3 months", "60 days", "2026-10-01", "2026-08-02"),
        ("2027-01-01", None, "60 days", "2027-01-01", "2026-11-02"),
        ("2027-01-01", "30 days", None, "2026-12-02", None),
        ("2027-03-31", "month", "month", "2027-02-28", "2027-01-28"),
        ("2028-03-31", "month", "week", "2028-02-29", "2028-02-22"),
        ("2027-01-01", "year", "year", "2026-01-01", "2025-01-01"),
    ],
)
def test_notice_and_reminder_are_counted_back_from_the_end(
    ends_on, notice, reminder, too_late_from, remind_on
):
    (held,) = bound("2026-01-01", "year", notice=notice, reminder=reminder)
    ran = term.Ran(day("2026-01-01"), day(ends_on), held, 0)
    assert str(ran.notice_begins) == too_late_from
    assert ran.remind_on == (None if remind_on is None else day(remind_on))
    before = ran.notice_begins - timedelta(days=1)
    assert not ran.is_late(before, ran.ends_on)
    assert ran.is_late(ran.notice_begins, ran.ends_on) == (notice is not None)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2025-12-31", None),
        ("2026-01-01", ("2026-01-01", "2027-01-01")),
        ("2026-12-31", ("2026-01-01", "2027-01-01")),
        ("2027-01-01", ("2027-01-01", "2028-01-01")),
        ("2199-12-31", ("2199-01-01", "2200-01-01")),
    ],
)
def test_the_term_of_a_day(at, expected):
    ran = term.term_on(bound("2026-01-01", "year"), day(at))
    assert (ran and (str(ran.starts_on), str(ran.ends_on))) == expected


MONTHLY = Term("month", "month")
ONCE = Term("year", None)


@pytest.mark.parametrize(
    ("since", "first", "then", "on", "anew", "expected", "closes_on"),
    [
        # no rule: the running term goes on, and then there is none
        ("2026-01-01", YEAR, None, "2026-04-10", False, ["2027-01-01"], None),
        # the running term goes on, and then renews by the new rule
        ("2026-01-01", YEAR, MONTHLY, "2026-04-10", False, ["2027-01-01", "2027-02-01"], None),
        ("2026-01-01", YEAR, ONCE, "2026-04-10", False, ["2027-01-01"], "2027-01-01"),
        # on the day on which one ends, the new plan's term begins
        ("2026-01-01", YEAR, MONTHLY, "2027-01-01", False, ["2027-01-01", "2027-02-01"], None),
        ("2026-01-01", YEAR, ONCE, "2027-01-01", False, ["2027-01-01", "2028-01-01"], "2028-01-01"),
        # the same rule changes nothing, month ends included
        ("2026-01-31", MONTHLY, MONTHLY, "2026-02-10", False, ["2026-02-28", "2026-03-31"], None),
        # other rules go on counting from the same first day
        ("2026-01-31", MONTHLY, Term("month", "month", "week"), "2026-02-10", False,
         ["2026-02-28", "2026-03-31"], None),
        # anew: the term that runs is replaced
        ("2026-01-01", YEAR, YEAR, "2026-04-10", True, ["2026-04-10", "2027-04-10"], None),
        ("2026-01-01", ONCE, ONCE, "2026-04-10", True, ["2026-04-10", "2027-04-10"], "2027-04-10"),
        ("2026-01-01", YEAR, None, "2026-04-10", True, ["2027-01-01"], None),
    ],
)  # fmt: skip
def test_a_plan_that_begins_inside_a_term(since, first, then, on, anew, expected, closes_on):
    before = begun((), 0, first, day(since), day(since), anew=False)
    bounds = begun(before, 1, then, day(on), day(on), anew=anew)
    found = [str(ran.ends_on) for ran in islice(term.terms_from(bounds, day(since)), len(expected))]
    assert found == expected
    if then is None:
        assert len(list(islice(term.terms_from(bounds, day(since)), 9))) == len(expected)
    closes = term.closes_on(bounds)
    assert (closes and str(closes)) == closes_on


def test_back_to_the_rule_before_within_one_term_is_as_if_nothing_had_been():
    bounds = begun((), 0, YEAR, day("2026-01-01"), day("2026-01-01"), anew=False)
    for number, (rule, on) in enumerate([(None, "2026-02-01"), (YEAR, "2026-03-01")], start=1):
        bounds = begun(bounds, number, rule, day(on), day(on), anew=False)
    assert ends(bounds, 3) == ["2027-01-01", "2028-01-01", "2029-01-01"]


INTERVALS = st.sampled_from(
    ["day", "week", "30 days", "month", "5 months", "quarter", "half_year", "year", "2 years"]
)
DAYS = st.dates(date(2000, 1, 1), date(2150, 12, 31))


@given(DAYS, INTERVALS, INTERVALS, st.integers(0, 4000))
def test_terms_tile_time_and_the_term_of_a_day_has_it(since, length, renews, ahead):
    bounds = begun((), 0, Term(length, renews), since, since, anew=False)
    wanted = since + timedelta(days=ahead)
    ran = term.term_on(bounds, wanted)
    assert ran is not None
    assert ran.starts_on <= wanted < ran.ends_on
    for one, other in pairwise(islice(term.terms_from(bounds, wanted), 5)):
        assert one.ends_on == other.starts_on
    for back in ("week", "3 months", "year"):
        assert term.before(ran.ends_on, back) < ran.ends_on


@given(DAYS, INTERVALS, INTERVALS, INTERVALS, st.integers(1, 4000))
def test_a_switch_never_moves_the_end_of_the_term_that_runs(since, length, renews, other, ahead):
    bounds = begun((), 0, Term(length, renews), since, since, anew=False)
    on = since + timedelta(days=ahead)
    ran = term.inside(bounds, on)
    made = begun(bounds, 1, Term(other, other), on, on, anew=False)
    found = list(islice(term.terms_from(made, on), 2))
    if ran is None:
        assert found[0].starts_on == on
        assert found[0].ends_on == term.after(on, parse_interval(other))
    else:
        assert found[0].ends_on == ran.ends_on
        assert found[1].starts_on == ran.ends_on


# --- in the course of a contract ----------------------------------------------------------------

START = day("2026-01-01")
ZONE = "UTC"


def at(text, zone=ZONE):
    return start_of_day(day(text), zone)


def terms(plan, rule=None, trial=None, *courses):
    return Terms(plan, 1, START, 1, 0, trial, courses, {}, rule)


def changes(*told, breaks=()):
    return [
        Change(number, at(on), action, breaks_term=number in breaks)
        for number, (on, action) in enumerate(told)
    ]


def seats(quantity=None, **more):
    return Course("seats", 1, 0, is_agreed=True, quantity=quantity, usual="1", **more)


BOUND = Begin(terms("a", YEAR))
STRICT = Term("year", "year", decrease=Leaving.END_OF_TERM)
SEATED = Begin(terms("a", STRICT, None, seats("10")))
FREE = Term("year", "year", leave=Leaving.ANY_TIME)
EXTRA = Begin(terms("x", Term("2 years", None)), "extra")


@pytest.mark.parametrize(
    ("told", "breaks", "expected"),
    [
        ([("2026-01-01", BOUND), ("2026-05-01", Cancel())], (), (Rule.WITHIN_TERM, 1, 0)),
        ([("2026-01-01", BOUND), ("2026-05-01", Cancel())], (1,), None),
        ([("2026-01-01", BOUND), ("2027-01-01", Cancel())], (), None),
        ([("2026-01-01", BOUND), ("2027-01-02", Cancel())], (), (Rule.WITHIN_TERM, 1, 0)),
        ([("2026-01-01", Begin(terms("a", FREE))), ("2026-05-01", Cancel())], (), None),
        # a trial is before the term
        ([("2026-01-01", Begin(terms("a", YEAR, at("2026-01-15")))), ("2026-01-10", Cancel())], (),
         None),
        ([("2026-01-01", Begin(terms("a", YEAR, at("2026-01-15")))), ("2027-01-01", Cancel())], (),
         (Rule.WITHIN_TERM, 1, 0)),
        ([("2026-01-01", Begin(terms("a", YEAR, at("2026-01-15")))), ("2027-01-15", Cancel())], (),
         None),
        # a pause does not make it longer
        ([("2026-01-01", BOUND), ("2026-03-01", Pause()), ("2026-06-01", Resume()),
          ("2027-01-01", Cancel())], (), None),
        # the running term binds on another plan too; a new one moves its end
        ([("2026-01-01", BOUND), ("2026-03-01", Begin(terms("b"))), ("2026-05-01", Cancel())], (),
         (Rule.WITHIN_TERM, 2, 0)),
        ([("2026-01-01", BOUND), ("2026-03-01", Begin(terms("b"))), ("2027-01-08", Cancel())], (),
         None),
        ([("2026-01-01", BOUND), ("2027-01-01", Cancel()),
          ("2026-03-01", Begin(terms("b", YEAR), new_term=True))], (), (Rule.WITHIN_TERM, 1, 2)),
        ([("2026-01-01", BOUND), ("2026-03-01", Begin(terms("b", MONTHLY), new_term=True))], (),
         (Rule.TERM_SHORTENED, 1, 0)),
        ([("2026-01-01", BOUND), ("2026-12-01", Begin(terms("b", MONTHLY), new_term=True))], (),
         None),
        ([("2026-01-01", BOUND), ("2026-03-01", Begin(terms("a", YEAR), new_term=True))], (), None),
        # what ends by itself
        ([("2026-01-01", Begin(terms("a", ONCE))), ("2027-01-01", Cancel())], (),
         (Rule.TERM_OVER, 1, 0)),
        ([("2026-01-01", Begin(terms("a", ONCE))), ("2027-03-01", Begin(terms("b")))], (),
         (Rule.TERM_OVER, 1, 0)),
        ([("2026-01-01", Begin(terms("a", ONCE))), ("2027-01-01", Pause())], (),
         (Rule.TERM_OVER, 1, 0)),
        ([("2026-01-01", Begin(terms("a", ONCE))), ("2027-01-01", Begin(terms("b"))),
          ("2027-03-01", Cancel())], (), None),
        # add-ons have terms of their own, which end with the contract's at the latest
        ([("2026-01-01", BOUND), ("2026-02-01", EXTRA), ("2026-09-01", End("extra"))], (),
         (Rule.WITHIN_TERM, 2, 1)),
        ([("2026-01-01", BOUND), ("2026-02-01", EXTRA), ("2027-01-01", Cancel())], (),
         (Rule.WITHIN_TERM, 2, 1)),
        ([("2026-01-01", BOUND), ("2026-02-01", EXTRA), ("2029-01-01", Cancel())], (), None),
        ([("2026-01-01", BOUND), ("2026-02-01", EXTRA), ("2028-03-01", End("extra"))], (),
         (Rule.NO_SUCH_ADD_ON, 2, 1)),
        # less than was agreed as the term began
        ([("2026-01-01", SEATED), ("2026-03-01", Agree("seats", "9"))], (),
         (Rule.QUANTITY_BELOW_TERM, 1, 0)),
        ([("2026-01-01", SEATED), ("2026-03-01", Agree("seats", "9"))], (1,), None),
        ([("2026-01-01", SEATED), ("2026-03-01", Agree("seats", "15")),
          ("2026-04-01", Agree("seats", "10"))], (), None),
        ([("2026-01-01", SEATED), ("2026-03-01", Agree("seats", "15")),
          ("2027-04-01", Agree("seats", "14"))], (), (Rule.QUANTITY_BELOW_TERM, 2, 1)),
        ([("2026-01-01", SEATED), ("2027-01-01", Agree("seats", "1"))], (), None),
        ([("2026-01-01", SEATED), ("2026-03-01", Begin(terms("b", None, None, seats("9"))))], (),
         (Rule.QUANTITY_BELOW_TERM, 1, 0)),
        ([("2026-01-01", SEATED), ("2026-03-01", Begin(terms("b", None, None, seats())))], (), None),
        # limits of a plan that is gone over to
        ([("2026-01-01", SEATED), ("2026-03-01", Begin(terms("b", None, None, seats(most="5"))))], (),
         (Rule.QUANTITY_LIMITS, 1, 0)),
        ([("2026-01-01", SEATED), ("2026-03-01", Begin(terms("b", None, None, seats("3", least="5"))))],
         (1,), (Rule.QUANTITY_LIMITS, 1, None)),
    ],
)  # fmt: skip
def test_what_a_term_allows(told, breaks, expected):
    clashes = fold(changes(*told, breaks=breaks), ZONE).clashes
    found = clashes[0] if clashes else None
    assert (
        found and (found.rule, found.change.change_no, found.other and found.other.change_no)
    ) == expected


@pytest.mark.parametrize(
    ("zone", "start", "rule", "expected"),
    [
        ("UTC", "2026-01-01", ONCE, datetime(2027, 1, 1, tzinfo=UTC)),
        ("Europe/Zagreb", "2026-01-01", ONCE, datetime(2026, 12, 31, 23, tzinfo=UTC)),
        # from winter into summer time: the day begins an hour earlier
        ("Europe/Zagreb", "2026-01-15", Term("half_year", None), datetime(2026, 7, 14, 22, tzinfo=UTC)),
        # the day on which the clock is set forward begins as ever, and the one after it an hour earlier
        ("Europe/Zagreb", "2026-02-28", Term("month", None), datetime(2026, 3, 27, 23, tzinfo=UTC)),
        ("Europe/Zagreb", "2026-03-01", Term("29 days", None), datetime(2026, 3, 29, 22, tzinfo=UTC)),
        # where midnight is left out, the day begins at one
        ("America/Santiago", "2026-08-06", Term("month", None), datetime(2026, 9, 6, 4, tzinfo=UTC)),
        ("UTC", "2028-02-29", Term("year", None), datetime(2029, 2, 28, tzinfo=UTC)),
        ("UTC", "2026-01-31", Term("month", None), datetime(2026, 2, 28, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_a_term_that_renews_nothing_ends_the_contract_as_a_day_begins(zone, start, rule, expected):
    begins = Change(0, start_of_day(day(start), zone), Begin(terms("a", rule)))
    (stretch,) = fold([begins], zone).stretches
    assert stretch.ends_at == expected


def test_what_ends_by_itself_while_it_is_paused_does_not_come_back():
    told = changes(("2026-01-01", Begin(terms("a", ONCE))), ("2026-11-01", Pause()))
    (stretch,) = fold(told, ZONE).stretches
    assert stretch.ends_at == at("2026-11-01")
    told = changes(
        ("2026-01-01", Begin(terms("a", ONCE))), ("2026-11-01", Pause()), ("2027-02-01", Resume())
    )
    assert fold(told, ZONE).clashes[0].rule is Rule.TERM_OVER


def test_an_add_on_that_ends_by_itself_leaves_the_contract_as_it_is():
    told = changes(("2026-01-01", BOUND), ("2026-02-01", EXTRA))
    found = [(one.track, one.ends_at) for one in fold(told, ZONE).stretches]
    assert found == [(MAIN, None), ("extra", at("2028-02-01"))]


def test_a_bound_knows_where_its_terms_are():
    held = Bound(0, MONTHLY, day("2026-01-31"), NO_LENGTH, parse_interval("month"))
    assert [held.number(day(on)) for on in ("2026-01-30", "2026-01-31", "2026-02-28", "2026-03-30")] == [
        -1, 0, 1, 1,
    ]  # fmt: skip
