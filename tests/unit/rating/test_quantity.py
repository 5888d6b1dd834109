"""Quantities: each aggregation, formulas over several series, one rounding, and where it all came from."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from everycent.catalog.bands import Bands, parse_rules
from everycent.catalog.meter import Aggregation, Formula, Series, series_of
from everycent.catalog.price import QuantityRounding
from everycent.consumption.register import Reading
from everycent.consumption.usage import Request, Usage, Used
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Rounding
from everycent.kernel.period import Period
from everycent.rating.charge import Quantity, RegisterStretch, UsagePart, measure_of, request_of
from everycent.rating.quantity import quantity
from tests.asked import asked

PERIOD = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
PEAK_AT = datetime(2026, 1, 9, 10, tzinfo=UTC)
TOU = Bands("tou", "UTC", parse_rules("day", "07:00-21:00", "f"), "night")
SEEN = Usage(
    11, 12, 13, records=4, total=Decimal("10.50"), low=Decimal("-1"), high=Decimal("7"),
    latest=Decimal("0.250"), peak=Decimal("3"), peak_at=PEAK_AT, distinct=2, digest=b"\x01" * 32,
)  # fmt: skip
NOTHING = Usage(11, 12, 13)


def series(aggregation, **more):
    return Series("m", "unit", aggregation, **more)


def value_of(measure, usages, rounding=None):
    return quantity(measure, asked(measure, usages), rounding)[1]


@pytest.mark.parametrize(
    ("aggregation", "more", "nothing", "expected"),
    [
        (Aggregation.SUM, {}, "0", "10.5"),
        (Aggregation.COUNT, {}, "0", "4"),
        (Aggregation.MIN, {}, "0", "-1"),
        (Aggregation.MAX, {}, "0", "7"),
        (Aggregation.LATEST, {}, "0", "0.25"),
        (Aggregation.UNIQUE, {"distinct": "user"}, "0", "2"),
        (Aggregation.PEAK, {"window_minutes": 15}, "0", "12"),
        (Aggregation.PEAK, {"window_minutes": 60}, "0", "3"),
        (Aggregation.PEAK, {"window_minutes": 1440}, "0", "0.125"),
        (Aggregation.COUNTER, {}, "0", "0"),
    ],
)
def test_an_aggregation_gives(aggregation, more, nothing, expected):
    measure = series(aggregation, **more)
    assert value_of(measure, {"": SEEN}) == Decimal(expected)
    assert value_of(measure, {"": NOTHING}) == Decimal(nothing)


@pytest.mark.parametrize("aggregation", [Aggregation.MIN, Aggregation.MAX, Aggregation.LATEST])
def test_zero_is_a_value_and_not_nothing(aggregation):
    usage = SEEN._replace(low=Decimal(0), high=Decimal(0), latest=Decimal(0))
    found, value = quantity(series(aggregation), asked(series(aggregation), {"": usage}), None)
    assert (found.value, value) == ("0", 0)


def test_a_part_says_where_its_value_comes_from():
    measure = series(Aggregation.PEAK, bands=TOU, band="day", window_minutes=15)
    found, _ = quantity(measure, asked(measure, {"": SEEN}), None)
    (part,) = found.parts
    assert part == UsagePart(
        "s", measure, 11, 12, PERIOD.start, PERIOD.end, 13, 4, "10.5",
        "01" * 32, "12", peak_at=PEAK_AT,
    )  # fmt: skip
    assert (found.exact, found.value, found.unit, found.expression) == ("12", "12", "unit", None)


def test_a_register_shows_its_stretches_and_the_reading_on_which_the_next_bill_stands():
    readings = [
        Reading(PERIOD.start + timedelta(days=day), Decimal(value), "A")
        for day, value in ((10, "99990"), (20, "5"), (31, "12.5"))
    ]
    usage = NOTHING._replace(
        records=3, total=Decimal("100007.5"), readings=readings,
        opening=Reading(PERIOD.start, Decimal("99980"), "A"),
    )  # fmt: skip
    wanted = series(Aggregation.COUNTER, digits=5)
    found, value = quantity(wanted, asked(wanted, {"": usage}), None)
    (part,) = found.parts
    assert value == Decimal("32.5")
    assert part.stretches == (
        RegisterStretch(usage.opening, readings[0], "10"),
        RegisterStretch(readings[0], readings[1], "15", True),
        RegisterStretch(readings[1], readings[2], "7.5"),
    )
    assert (part.opening, part.closing, part.series.digits) == (usage.opening, readings[2], 5)


A, B = series(Aggregation.SUM), series(Aggregation.COUNT)


@pytest.mark.parametrize(
    ("expression", "exact", "value"),
    [
        ("a + b", "14.5", "14.5"),
        ("a - b * 3", "-1.5", "-1.5"),
        ("max(a - b * 3, 0)", "0", "0"),
        ("a / b", "2.625", "2.625"),
        ("b / 3", "1.333333333333333333", "1.333333333333333333"),
        ("b / 3 * 3", "4", "4"),
        ("2 / 3", "0.666666666666666667", "0.666666666666666667"),
    ],
)
def test_a_formula_is_exact_until_its_end(expression, exact, value):
    measure = Formula("u", expression, {"a": A, "b": B})
    usages = {path: SEEN for path, _ in series_of(measure)}
    found, _ = quantity(measure, asked(measure, usages), None)
    assert (found.exact, found.value, found.expression) == (exact, value, expression)
    assert [part.input for part in found.parts] == ["a", "b"]


def test_formulas_over_formulas_find_their_series_by_path():
    inner = Formula("u", "a / 3", {"a": A})
    measure = Formula("u", "(i + a) * 3", {"a": B, "i": inner})
    usages = {"i.a": SEEN, "a": SEEN._replace(records=5)}
    found, value = quantity(measure, asked(measure, usages), None)
    assert value == Decimal("25.5")  # (3.5 + 5) × 3, without a rounding in between
    assert [(part.input, part.value) for part in found.parts] == [("a", "5"), ("i.a", "10.5")]


def test_dividing_by_unused_time_is_refused():
    measure = Formula("u", "a / b", {"a": A, "b": B})
    with pytest.raises(Invalid) as refused:
        quantity(measure, asked(measure, {"a": SEEN, "b": NOTHING}), None)
    assert refused.value.code == "formula.division_by_zero"


@pytest.mark.parametrize(
    ("total", "places", "mode", "expected"),
    [
        ("10.5", 0, Rounding.HALF_UP, "11"),
        ("10.5", 0, Rounding.HALF_EVEN, "10"),
        ("10.5", 0, Rounding.HALF_DOWN, "10"),
        ("-10.5", 0, Rounding.HALF_UP, "-11"),
        ("10.0000000000000001", 0, Rounding.UP, "11"),
        ("10.9", 0, Rounding.DOWN, "10"),
        ("-10.9", 0, Rounding.FLOOR, "-11"),
        ("-10.9", 0, Rounding.CEILING, "-10"),
        ("1.23456789", 4, Rounding.HALF_UP, "1.2346"),
        ("1.5", 12, Rounding.UP, "1.5"),
    ],
)
def test_a_quantity_is_rounded_once(total, places, mode, expected):
    rounding = QuantityRounding(places, mode)
    usage = SEEN._replace(total=Decimal(total))
    found, value = quantity(A, asked(A, {"": usage}), rounding)
    assert value == Decimal(expected)
    assert (found.exact, found.value, found.rounding) == (total, expected, rounding)


def test_a_fraction_is_rounded_from_its_exact_value_and_not_from_what_is_shown():
    # 1.4999… with nineteen nines shows as 1.5 with eighteen places, and is still below it.
    measure = Formula("u", "1.5 - 1 / 999999999999999999 / 10", {})
    found, value = quantity(measure, asked(measure, {}), QuantityRounding(0, Rounding.HALF_UP))
    assert (found.exact, value) == ("1.5", 1)


DEEP = Formula("u", "p - 1", {"p": series(Aggregation.MAX)})
NESTED = Formula("u", "x / 3 + z", {"x": Formula("v", "q - w", {"q": A, "w": DEEP}), "z": B})


@pytest.mark.parametrize("measure", [A, DEEP, NESTED], ids=["series", "formula", "nested"])
def test_what_was_measured_is_frozen_whole(measure):
    usages = {path: SEEN for path, _ in series_of(measure)}
    found, _ = quantity(measure, asked(measure, usages), None)
    frozen = msgspec.json.decode(msgspec.json.encode(found), type=Quantity)
    assert measure_of(frozen) == measure


def test_what_was_asked_is_frozen_with_the_answer():
    whole = Period(PERIOD.start, PERIOD.end + timedelta(days=1))
    asked_for = Request("s", A, PERIOD, PERIOD.start, whole, "Europe/Berlin")
    found, _ = quantity(A, {"": Used(asked_for, SEEN)}, None)
    frozen = msgspec.json.decode(msgspec.json.encode(found), type=Quantity)
    assert request_of(frozen.parts[0]) == asked_for
