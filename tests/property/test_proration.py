"""Proration: whatever the rule, parts make the whole, and a contract's life is what its segments are."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everycent.catalog.plan import Item, Plan, Product
from everycent.catalog.price import Flat, Price
from everycent.catalog.proration import (
    ChangeDay,
    Credit,
    DayCount,
    Denominator,
    EndDay,
    Proration,
    Unit,
)
from everycent.kernel.calendar import anchored, parse_interval
from everycent.kernel.errors import Conflict
from everycent.kernel.money import Rounding
from everycent.kernel.period import Period
from everycent.subscriptions.proration import Edge, Part, share
from everycent.subscriptions.schedule import Sides, edges
from everycent.subscriptions.terms import terms_of
from everycent.subscriptions.timeline import Begin, Cancel, Change, Pause, Resume
from tests.oracle.life import Agreed, life

ZONES = ["UTC", "Europe/Zagreb", "America/Havana", "Pacific/Apia", "Australia/Lord_Howe"]
INTERVALS = ["month", "quarter", "year", "week", "10 days"]
RULES = st.builds(
    Proration,
    unit=st.sampled_from([unit for unit in Unit if unit is not Unit.NONE]),
    denominator=st.just(Denominator.CYCLE),
    end_day=st.sampled_from(EndDay),
    change_day=st.sampled_from([ChangeDay.NEW, ChangeDay.OLD]),
)
"""Rules under which the parts of a period come to the whole, whatever happens within it."""


@st.composite
def cut_periods(draw):
    """A cycle, one of its periods, and instants within it in order."""
    start = draw(st.dates(date(2011, 1, 1), date(2030, 12, 31)))
    cycle = anchored(
        start, parse_interval(draw(st.sampled_from(INTERVALS))), None, draw(st.sampled_from(ZONES))
    )
    full = cycle.period(draw(st.integers(0, 30)))
    length = (full.end - full.start) // timedelta(minutes=1)
    cuts = draw(st.lists(st.integers(1, max(length - 1, 1)), max_size=6))
    inside = {full.start + timedelta(minutes=cut) for cut in cuts}
    return cycle, full, sorted({full.start, full.end, *(at for at in inside if at < full.end)})


def parts_of(full, instants):
    """The parts between the instants, each with a change on the sides that are no boundary."""
    sides = Sides(follows=True, is_followed=True)
    for start, end in pairwise(instants):
        period = Period(start, end)
        yield Part(period, *edges(period, full, sides))


@settings(max_examples=400, deadline=None)
@given(cut_periods(), RULES)
def test_parts_between_changes_come_to_the_whole(cut, rule):
    cycle, full, instants = cut
    assert sum(share(part, cycle, rule) for part in parts_of(full, instants)) == 1


@settings(max_examples=400, deadline=None)
@given(cut_periods(), st.sampled_from(DayCount), st.sampled_from([Unit.DAY, Unit.SECOND]))
def test_with_a_complement_two_parts_come_to_the_whole_however_days_are_counted(cut, count, unit):
    cycle, full, instants = cut
    if count is DayCount.THIRTY_360:
        unit = Unit.DAY
    rule = Proration(unit=unit, day_count=count, complement=True)
    for at in instants[1:-1]:
        total = sum(share(part, cycle, rule) for part in parts_of(full, [full.start, at, full.end]))
        assert total == 1


@settings(max_examples=400, deadline=None)
@given(
    cut_periods(),
    st.builds(Proration, unit=st.just(Unit.DAY), day_count=st.sampled_from(DayCount),
              denominator=st.sampled_from(Denominator), end_day=st.sampled_from(EndDay),
              change_day=st.sampled_from(ChangeDay), complement=st.booleans()),
    st.sampled_from(Edge),
    st.sampled_from(Edge),
)  # fmt: skip
def test_a_share_is_between_nothing_and_all(cut, rule, starts, ends):
    cycle, _, instants = cut
    for start, end in pairwise(instants):
        assert 0 <= share(Part(Period(start, end), starts, ends), cycle, rule) <= 1


# --- lives ---------------------------------------------------------------------------------------

START = datetime(2026, 1, 1, tzinfo=UTC)
PRODUCT = Product("p", "P", "none")


def plan(key, amount, *, in_advance, rule):
    price = Price(key, Flat(amount), key, Rounding.HALF_UP, in_advance, proration=rule)
    return Plan(key, key, "EUR", "month", (Item(price, PRODUCT),), 1)


def plans(rule, *, in_advance):
    amounts = {"a": "9.99", "b": "25", "c": "3.01"}
    made = [plan(key, told, in_advance=in_advance, rule=rule) for key, told in amounts.items()]
    return {(one.key, 1): one for one in made}


@st.composite
def stories(draw):
    """Changes at whole hours of the first two months, in the order in which they happen."""
    hours = sorted(draw(st.sets(st.integers(1, 24 * 59), max_size=6)))
    keys = draw(st.lists(st.sampled_from("abc"), min_size=len(hours), max_size=len(hours)))
    kinds = draw(st.lists(st.sampled_from([0, 0, 1]), min_size=len(hours), max_size=len(hours)))
    running, is_paused, told = "a", False, []
    for hour, key, kind in zip(hours, keys, kinds, strict=True):
        at = START + timedelta(hours=hour)
        if kind:
            told.append((at, Resume() if is_paused else Pause()))
            is_paused = not is_paused
        elif key != running:
            told.append((at, key))
            running = key
    return told


def agreed(told, held, *, ahead=False):
    begin = Begin(terms_of(held["a", 1], 1, START.date(), 1, "UTC"))
    found = [Agreed(START, Change(0, START, begin))]
    for number, (at, what) in enumerate(told, start=1):
        action = what
        if isinstance(what, str):
            action = Begin(terms_of(held[what, 1], 1, START.date(), 1, "UTC"))
        found.append(Agreed(START if ahead else at, Change(number, at, action)))
    return found


def total(lines):
    return sum(line.net for line in lines)


UNTIL = datetime(2026, 3, 1, tzinfo=UTC)
WAYS = st.builds(Proration, unit=st.sampled_from([Unit.DAY, Unit.SECOND]))


@settings(max_examples=200, deadline=None)
@given(stories(), WAYS)
def test_a_chain_of_changes_costs_what_its_segments_cost_and_no_order_of_telling_matters(
    told, rule
):
    held = plans(rule, in_advance=True)
    story = agreed(told, held)
    lines = life(story, held, "UTC", UNTIL - timedelta(hours=1))
    assert life(list(reversed(story)), held, "UTC", UNTIL - timedelta(hours=1)) == lines
    planned = life(agreed(told, held, ahead=True), held, "UTC", UNTIL - timedelta(hours=1))
    assert not any(line.is_credit for line in planned)
    assert total(planned) == total(lines)


@settings(max_examples=200, deadline=None)
@given(stories(), WAYS)
def test_in_advance_comes_to_what_it_comes_to_in_arrears(told, rule):
    early, late = plans(rule, in_advance=True), plans(rule, in_advance=False)
    before = life(agreed(told, early), early, "UTC", UNTIL - timedelta(hours=1))
    after = life(agreed(told, late), late, "UTC", UNTIL)
    assert total(before) == total(after)


@settings(max_examples=200, deadline=None)
@given(stories(), WAYS, st.integers(0, 59))
def test_what_is_withdrawn_comes_to_what_was_never_agreed(told, rule, day):
    held = plans(rule, in_advance=True)
    withdrawn_at = max([START + timedelta(days=day, minutes=1), *(at for at, _ in told)])
    story = agreed(told, held)
    begin, *changes = story
    until = UNTIL - timedelta(hours=1)
    taken_back = [one._replace(withdrawn_at=withdrawn_at + timedelta(seconds=1)) for one in changes]
    never = life([begin], held, "UTC", until)
    assert total(life([begin, *taken_back], held, "UTC", until)) == total(never)


@pytest.mark.parametrize("credit", list(Credit))
@pytest.mark.parametrize("unit", [Unit.SECOND, Unit.MINUTE, Unit.DAY])
def test_what_is_cancelled_at_once_nets_to_nothing(unit, credit):
    held = plans(Proration(unit=unit, credit=credit), in_advance=True)
    at = START + timedelta(days=9, hours=10)
    begin = Begin(terms_of(held["a", 1], 1, START.date(), 1, "UTC"))
    story = [
        Agreed(at, Change(0, at, begin)),
        Agreed(at + timedelta(milliseconds=1), Change(1, at + timedelta(milliseconds=1), Cancel())),
    ]
    lines = life(story, held, "UTC", UNTIL)
    assert [line.is_credit for line in lines] == [False, True]
    assert total(lines) == 0


def test_a_contract_that_contradicts_itself_has_no_life():
    held = plans(Proration(), in_advance=True)
    with pytest.raises(Conflict):
        life(agreed([(START + timedelta(days=1), Resume())], held), held, "UTC", UNTIL)
