"""Prices per event: what is free, what a fee is made of, and which event is refused."""

from decimal import Decimal

import pytest

from everycent.catalog.price import Cell, Dynamic, Matrix, Percentage, PerUnit
from everycent.consumption.usage import Event
from everycent.kernel.errors import Invalid
from everycent.rating.charge import Step
from everycent.rating.events import steps_of_events

CELLS = (Cell("eu-hot", ("eu", "hot"), "5"), Cell("us-hot", ("us", "hot"), "7"))
MATRIX = Matrix(("region", "class"), CELLS, "9")


def events(*values, **dimensions):
    return [
        Event(None, f"events[{number}]", Decimal(value), dimensions)
        for number, value in enumerate(values, start=1)
    ]


@pytest.mark.parametrize(
    ("scheme", "values", "expected"),
    [
        (Percentage("1", "0.5"), [], "0"),
        (Percentage("1", "0.5"), ["100"], "1.5"),
        (Percentage("1", "0.5"), ["100", "0"], "2"),
        (Percentage("1", free_events=0), ["100"], "1"),
        (Percentage("1", free_events=1), ["100", "200"], "2"),
        (Percentage("1", "1", free_events=3), ["100", "200"], "0"),
        (Percentage("1", free_total="0"), ["100"], "1"),
        (Percentage("1", free_total="0"), ["0", "100"], "1"),
        (Percentage("1", "1", free_total="0"), ["0", "100"], "2"),
        (Percentage("1", free_total="100"), ["100", "50"], "0.5"),
        (Percentage("1", free_total="100"), ["99", "51", "10"], "0.6"),
        (Percentage("1", free_total="100"), ["150"], "0.5"),
        # the fee of the event that exceeds the total is measured on the part beyond it
        (Percentage("1", free_total="100", minimum="2"), ["150"], "2"),
        (Percentage("1", "1", free_total="100", maximum="1.2"), ["150"], "1.2"),
        # whichever ends first closes the allowance for good
        (Percentage("1", free_events=1, free_total="1000"), ["10", "100"], "1"),
        (Percentage("1", free_events=9, free_total="100"), ["150", "10"], "0.6"),
        (Percentage("1", minimum="2"), ["100", "200", "300"], "7"),
        (Percentage("1", maximum="2"), ["100", "200", "300"], "5"),
        (Percentage("1", minimum="2", maximum="2"), ["1", "900"], "4"),
        (Percentage("1"), ["100", "-50"], "0.5"),
        (PerUnit("2", "10"), ["8", "8"], "12"),
    ],
)
def test_events_cost(scheme, values, expected):
    assert steps_of_events(scheme, events(*values))[1] == Decimal(expected)


def test_every_kind_of_fee_is_shown():
    scheme = Percentage("10", "0.5", 1, "1000", "1", "20")
    found, amount = steps_of_events(scheme, events("7", "2", "50", "60", "900"))
    assert found == (
        Step("free of charge", "0", "7", "0"),
        Step("percentage", "11", "110", percent="10"),
        Step("fixed amount per event", "1", "2", "0.5"),
        Step("events at the minimum", "1", "1", "1"),
        Step("events at the maximum", "20", "1", "20"),
    )
    assert amount == 33


def test_events_bring_their_own_price():
    found = [*events("7", price="0.70"), *events("5", price="2.20")]
    told = steps_of_events(Dynamic("price", "1.5"), found)
    assert told == ((Step("amounts of the events", "4.35", "2.9", "1.5"),), Decimal("4.35"))


@pytest.mark.parametrize(
    ("dimensions", "cell", "rate"),
    [
        ({"region": "eu", "class": "hot"}, "eu-hot", "5"),
        ({"region": "us", "class": "hot", "more": "x"}, "us-hot", "7"),
        ({"region": "eu", "class": "cold"}, "default", "9"),
        ({"region": "eu"}, "default", "9"),
        ({}, "default", "9"),
    ],
)
def test_a_record_is_priced_by_its_cell(dimensions, cell, rate):
    found, amount = steps_of_events(MATRIX, events("2", **dimensions))
    assert [(step.what, step.unit_amount) for step in found] == [(f"cell {cell}", rate)]
    assert amount == 2 * Decimal(rate)


@pytest.mark.parametrize(
    ("scheme", "found", "code", "field"),
    [
        (Dynamic("price"), events("1"), "price.no_amount", "events[1].dimensions.price"),
        (Dynamic(), events("1", amount="1,5"), "number.malformed", "events[1].dimensions.amount"),
        (Percentage("1", "1"), events("1", "-1"), "price.negative_event", "events[2].value"),
    ],
)
def test_an_event_without_a_price_is_refused(scheme, found, code, field):
    with pytest.raises(Invalid) as refused:
        steps_of_events(scheme, found)
    assert (refused.value.code, refused.value.field) == (code, field)
