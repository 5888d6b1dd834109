"""The second engine and the product, piece by piece: two ways to one answer, or to no answer at all."""

from __future__ import annotations

import ast
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from everycent.catalog import formula as product_formula
from everycent.catalog.holidays import easter_sunday
from everycent.catalog.policies import Policies
from everycent.catalog.proration import ChangeDay, DayCount, Denominator, EndDay, Proration, Unit
from everycent.consumption import register as product_register
from everycent.credits.grant import EVERYTHING, Order, Scope
from everycent.credits.purse import Purse
from everycent.flows.recount import plain_of
from everycent.invoicing.assemble import draft
from everycent.invoicing.discount import Grant
from everycent.invoicing.prepaid import prepaid
from everycent.invoicing.settle import Priced
from everycent.kernel import calendar
from everycent.kernel.calendar import Cycle, Interval
from everycent.kernel.errors import Refusal
from everycent.kernel.money import Rounding, round_decimal
from everycent.kernel.period import Period
from everycent.recount import clock, credit, exact, formula, proration, register
from everycent.recount.belonging import easter
from everycent.recount.difference import Differences
from everycent.recount.exact import CannotRecountError
from everycent.recount.register import Reading
from everycent.recount.settle import settle as settle_again
from everycent.recount.sold import Sold
from everycent.recount.sold import sold as sold_again
from everycent.subscriptions import proration as product_proration
from everycent.subscriptions.schedule import Sides, due_periods, edges
from tests.architecture import house
from tests.property import test_settling
from tests.unit.credits.made import lot, wallet
from tests.unit.invoicing.made import DUE_AT

SOME = settings(max_examples=400, deadline=None)
ZONES = [
    "UTC", "UTC+05:45", "UTC-09:30", "Europe/Zagreb", "America/New_York", "Australia/Lord_Howe",
    "Asia/Kathmandu", "Pacific/Apia", "America/Sao_Paulo", "Africa/Casablanca", "Pacific/Chatham",
    "America/St_Johns", "Asia/Tehran", "Asia/Beirut", "Africa/Cairo", "Pacific/Kiritimati",
]  # fmt: skip


def test_the_second_engine_imports_nothing_but_itself_and_the_standard_library() -> None:
    files = sorted((house.SRC / "recount").glob("*.py"))
    heads = {
        name if name.startswith("everycent.recount") else name.partition(".")[0]
        for file in files
        for _, name in house.imported(ast.parse(file.read_text("utf-8")))
    }
    foreign = {h for h in heads if not h.startswith("everycent.recount")} - sys.stdlib_module_names
    assert len(files) > 8
    assert foreign == set()


@SOME
@given(st.fractions(max_denominator=1000), st.integers(-3, 6), st.sampled_from(Rounding))
def test_roundings_agree(value: Fraction, places: int, mode: Rounding) -> None:
    assert exact.rounded(value, places, mode.value) == Fraction(round_decimal(value, places, mode))


@SOME
@given(st.integers(-8, 8), st.sampled_from(Rounding))
def test_roundings_of_halves_agree(halves: int, mode: Rounding) -> None:
    value = Fraction(halves, 2)
    assert exact.rounded(value, 0, mode.value) == Fraction(round_decimal(value, 0, mode))


def test_easter_is_on_the_same_day_in_every_year() -> None:
    years = range(1583, 4100)
    assert [easter(year) for year in years] == [easter_sunday(year) for year in years]


EXPRESSIONS = st.recursive(
    st.sampled_from(["a", "b", "long_name", "2", "0.33", "10", "0"]),
    lambda inner: st.one_of(
        st.builds("{} {} {}".format, inner, st.sampled_from("+-*/"), inner),
        st.builds("({}{}{})".format, inner, st.sampled_from("+-*/"), inner),
        st.builds("-{}".format, inner),
        st.builds("{}({}, {})".format, st.sampled_from(["min", "max"]), inner, inner),
        st.builds("max({},{},{})".format, inner, inner, inner),
        st.builds("abs({})".format, inner),
    ),
    max_leaves=12,
)


@SOME
@given(EXPRESSIONS, st.lists(st.fractions(max_denominator=9), min_size=3, max_size=3))
def test_formulas_agree(expression: str, drawn: list[Fraction]) -> None:
    values = dict(zip(("a", "b", "long_name"), drawn, strict=True))
    expected: Fraction | None = None
    try:
        expected = product_formula.evaluate(product_formula.parse(expression), values)
    except Refusal as refusal:
        assume(refusal.code == "formula.division_by_zero")
    found: Fraction | None = None
    try:
        found = formula.evaluate(expression, values.__getitem__)
    except CannotRecountError:
        found = None
    assert found == expected


@SOME
@given(st.sampled_from(ZONES), st.dates(date(2000, 1, 2), date(2100, 1, 1)))
def test_days_begin_at_the_same_instant(zone: str, day: date) -> None:
    assert clock.start_of(day, clock.clock_of(zone)) == calendar.start_of_day(day, zone)


@SOME
@given(
    st.sampled_from(ZONES),
    st.dates(date(2008, 1, 1), date(2012, 12, 31)),
    st.sampled_from([(1, 0), (3, 0), (12, 0), (0, 1), (0, 7), (0, 30), (2, 0)]),
    st.integers(-400, 400),
    st.integers(1, 100),
)
def test_periods_and_their_shares_agree(
    zone: str, anchor: date, interval: tuple[int, int], offset: int, days: int
) -> None:
    months, every = interval
    starts = calendar.start_of_day(anchor + timedelta(days=offset), zone)
    ends = calendar.start_of_day(anchor + timedelta(days=offset + days), zone)
    assume(starts < ends)  # a day that a zone left out has no time
    cycle = Cycle(anchor, Interval(months, every), zone)
    contract = {"anchor": anchor.isoformat(), "months": months, "days": every, "zone": zone}
    for due in due_periods(cycle, starts, ends, ends, in_advance=False):
        full = clock.full_period(contract, due.period.start)
        assert (full.start, full.end) == tuple(due.whole)
        part = proration.part_of(contract, *due.period, is_followed=False)
        assert (part.share, part.whole) == (due.share, due.units)


RULES = st.builds(
    Proration,
    unit=st.sampled_from(Unit),
    day_count=st.sampled_from(DayCount),
    denominator=st.sampled_from(Denominator),
    end_day=st.sampled_from(EndDay),
    change_day=st.sampled_from(ChangeDay),
    complement=st.booleans(),
)


@settings(max_examples=1500, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.dates(date(2008, 1, 1), date(2012, 12, 31)),
    st.sampled_from([(1, 0), (3, 0), (12, 0), (5, 0), (0, 1), (0, 7), (0, 30)]),
    st.tuples(st.integers(0, 10**6), st.integers(1, 10**6), st.booleans()),
    RULES,
    st.builds(Sides, st.booleans(), st.booleans()),
)
def test_parts_of_periods_agree_under_every_rule(
    zone: str,
    anchor: date,
    interval: tuple[int, int],
    cut: tuple[int, int, bool],
    rule: Proration,
    sides: Sides,
) -> None:
    months, every = interval
    cycle = Cycle(anchor, Interval(months, every), zone)
    full = cycle.period(2)
    assume(full.start < full.end)
    length = (full.end - full.start) // timedelta(microseconds=1)
    start = full.start + timedelta(microseconds=length * cut[0] // 10**6) * (not cut[2])
    assume(start < full.end)
    left = (full.end - start) // timedelta(microseconds=1)
    end = start + timedelta(microseconds=max(1, left * cut[1] // 10**6))
    span = Period(start, end)
    expected = product_proration.counted(
        product_proration.Part(span, *edges(span, full, sides)), cycle, rule
    )
    contract = {
        "anchor": anchor.isoformat(), "months": months, "days": every, "zone": zone,
        "rule": msgspec.to_builtins(rule), "follows": sides.follows,
    }  # fmt: skip
    part = proration.part_of(contract, start, end, is_followed=sides.is_followed)
    assert part[:2] == tuple(expected)


@settings(max_examples=1500, deadline=None)
@given(test_settling.cases())
def test_discounts_and_taxes_agree_under_every_policy(
    case: tuple[list[Priced], list[Grant], Policies],
) -> None:
    lines, grants, policies = case
    assume(all(lines[place].amount > 0 for grant in grants for place in grant.places))
    expected = test_settling.run(lines, grants, policies)
    discounts = [
        {
            "coupon": {} if grant.percent is None else {"percent": grant.percent},
            "base": str(taken.base),
            "amount": taken.amount,
            "shares": [
                {"line_no": place, "amount": str(share)} for place, share in taken.shares.items()
            ],
            "available": grant.available if grant.percent is None else None,
        }
        for grant, taken in zip(grants, expected.taken, strict=True)
    ]
    invoice = {
        "policies": policies.values,
        "places": 2,
        "discounts": discounts,
        "taxes": [{"category": t.category, "rounding": t.rounding.value} for t in expected.taxes],
    }
    found = Differences()
    again = settle_again(invoice, [sold(n, line) for n, line in enumerate(lines)], found)
    assert found.told == []
    assert again.taxes == {
        (t.category, t.percent, t.is_included): (t.base, t.amount) for t in expected.taxes
    }
    assert [(again.included[n], again.discount[n]) for n in range(len(lines))] == expected.lines


def sold(number: int, line: Priced) -> Sold:
    rates = tuple((rate.category, rate.percent) for rate in line.rates)
    order = (
        tuple((category, Fraction(percent)) for category, percent in rates),
        line.includes_tax, -line.amount, line.order,
    )  # fmt: skip
    return Sold(number, line.amount, rates, line.includes_tax, line.kept, False, order)


SCOPES = st.sampled_from([EVERYTHING, EVERYTHING, Scope(("p0", "p1")), Scope((), ("k1", "k2"))])
MOMENTS = st.integers(-3, 1).map(lambda days: DUE_AT + timedelta(days=days))


@st.composite
def purses(draw: st.DrawFn) -> list[Purse]:
    """Wallets of all sorts with some grants each, not all of which pay."""
    found = []
    for key in draw(st.lists(st.sampled_from("uvw"), unique=True, min_size=1)):
        lots = []
        for number in range(draw(st.integers(1, 4))):
            amount, effective_at = draw(st.integers(1, 40_000)), draw(MOMENTS)
            left = draw(st.just(amount) | st.integers(0, amount))
            days = draw(st.none() | st.integers(1, 5))
            lots.append(
                lot(
                    f"{key}{number}", amount, left, effective_at=effective_at, days=days,
                    number=number + 1, priority=draw(st.integers(1, 2)), scope=draw(SCOPES),
                )
            )  # fmt: skip
        held = wallet(
            key, before_tax=draw(st.booleans()), scope=draw(SCOPES),
            priority=draw(st.integers(0, 1)), order=draw(st.sampled_from(Order)),
        )  # fmt: skip
        currency = draw(st.sampled_from(["EUR", "EUR", "EUR", "USD"]))
        found.append(Purse(msgspec.structs.replace(held, currency=currency), lots))
    return found


@settings(max_examples=1500, deadline=None)
@given(test_settling.drafts(), purses())
def test_what_credit_pays_agrees(case: Any, held: list[Purse]) -> None:
    customer, charges, coupons, policies = case
    # nothing happens by itself to these, so that both see the same grants
    lots = [
        credit.Lot(msgspec.to_builtins(purse.wallet), msgspec.to_builtins(one.grant), one.left)
        for purse in held
        for one in purse.lots
    ]
    made, _, _ = prepaid(
        draft(customer, DUE_AT, charges, test_settling.TAXES, coupons, policies), held
    )
    invoice = plain_of(made)
    lines = [sold_again(line, line["charge"]["net"]) for line in invoice["lines"]]
    found = Differences()
    settled = settle_again(invoice, lines, found)
    again = credit.paid(invoice, lines, settled, lots, DUE_AT)
    assert found.told == []
    assert again.taxes == {
        (t.category, t.percent, t.is_included): (t.base, t.amount) for t in made.taxes
    }
    assert again.before == {line.line_no: line.prepaid for line in made.lines if line.prepaid}
    assert [tuple(drawn) for drawn in again.drawn] == [
        (str(draw.grant_id), draw.amount, draw.left, draw.granted, draw.lines)
        for draw in made.draws
    ]


READINGS = st.builds(
    Reading,
    st.integers(0, 5).map(lambda hour: datetime(2026, 1, 1, hour, tzinfo=UTC)),
    st.integers(0, 999).map(Fraction),
    st.sampled_from(["", "one", "one", "two"]),
    st.booleans(),
    st.sampled_from(["", "", "", "removed", "installed"]),
)


@SOME
@given(st.lists(READINGS, max_size=6), st.none() | READINGS, st.sampled_from([None, 3]))
def test_registers_agree(
    readings: list[Reading], opening: Reading | None, digits: int | None
) -> None:
    # Two devices read at one instant have no order but that in which they are told.
    assume(
        len({(r.at, r.role) for r in readings})
        == len({(r.at, r.role, r.register) for r in readings})
    )
    first = None if opening is None else opening._replace(at=datetime(2025, 12, 1, tzinfo=UTC))
    try:
        expected = product_register.consumption(
            [product_reading(r) for r in readings],
            None if first is None else product_reading(first),
            digits,
        )
    except Refusal:
        expected = None
    try:
        found = register.consumed(readings, first, digits)
    except CannotRecountError:
        found = None
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        stretches = [(s.opening.value, s.closing.value, s.consumption) for s in expected.stretches]
        assert found.stretches == stretches
        assert found.used == sum(units for _, _, units in stretches)
        assert told(found.closing) == (
            None if expected.closing is None else msgspec.structs.astuple(expected.closing)
        )


def product_reading(reading: Reading) -> product_register.Reading:
    return product_register.Reading(
        reading.at, Decimal(int(reading.value)), reading.register, reading.is_estimate, reading.role
    )


def told(reading: Reading | None) -> tuple[object, ...] | None:
    return None if reading is None else tuple(reading)
