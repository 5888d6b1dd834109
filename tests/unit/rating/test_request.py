"""Rating from JSON: what it answers, and what it refuses with code, field and hint."""

import json

import pytest

from everycent.kernel.errors import Invalid
from everycent.rating.answer import rate, trace
from everycent.rating.request import parse

UNIT = {"per_unit": {"unit_amount": "1"}}
FEES = {"percentage": {"percent": "1", "fixed_amount": "1"}}


def asked(price=None, **more):
    told = {"price": UNIT if price is None else price, "currency": "EUR"} | more
    return {name: value for name, value in told.items() if value is not None}


def answers(data):
    return [trace(rate(request)) for request in parse(json.dumps(data))]


def refusal(text):
    with pytest.raises(Invalid) as refused:
        list(map(rate, parse(text)))
    return refused.value


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (asked(quantity="2.5"), {"amount": "2.50", "minor": 250, "quantity": "2.5", "sum": "2.5"}),
        (asked(quantity="2.5", currency="JPY"), {"amount": "3", "exact": "2.5", "total": "3"}),
        (asked(quantity=2), {"amount": "2.00"}),
        (asked(events=["1", {"value": "2"}, {}]), {"amount": "4.00", "events": 3}),
        (asked(events=[]), {"amount": "0.00", "measured": "0"}),
        (asked({"flat": {"amount": "100"}}, share="1/3"),
         {"amount": "33.33", "exact": "100/3", "share": "1/3", "measured": None}),
        (asked(UNIT | {"minimum": "100"}, quantity="3", share="15/30"),
         {"amount": "50.00", "limit": "minimum", "sum": "3"}),
        (asked(UNIT | {"minimum": "100", "prorate_limits": False}, quantity="3", share="15/30"),
         {"amount": "100.00", "limit": "minimum"}),
        (asked(UNIT | {"minimum": "100"}, quantity="3", is_last=False),
         {"amount": "3.00", "limit": None}),
        (asked(UNIT | {"maximum": "10"}, quantity="5", before="7"),
         {"amount": "3.00", "total": "10.00", "billed": "7.00", "measured": "12"}),
        (asked(quantity="5", billed="1.25"), {"amount": "3.75", "before": None}),
        (asked(quantity="5", before="5", billed="6"), {"amount": "4.00", "billed": "6.00"}),
        (asked(UNIT | {"quantity_rounding": {"places": 0, "mode": "up", "divide_by": 10}},
               quantity="11", before="9"),
         {"amount": "1.00", "measured": "20", "quantity": "2"}),
        (asked(FEES, events=["100"], before=["100"]), {"amount": "2.00", "billed": "2.00"}),
        (asked(UNIT | {"key": "k", "product": "p", "meter": "m", "timing": "in_arrears",
                       "description": "d", "amount_rounding": "floor"}, quantity="0.999"),
         {"price": "k", "amount": "0.99", "rounding": "floor"}),
    ],
)  # fmt: skip
def test_a_request_is_answered(told, expected):
    (answer,) = answers(told)
    assert {name: answer[name] for name in expected} == expected


def test_a_list_is_answered_in_its_order():
    found = answers([asked(quantity="1"), asked(quantity="2")])
    assert [answer["amount"] for answer in found] == ["1.00", "2.00"]


def test_events_are_taken_in_the_order_in_which_they_happened():
    price = {"percentage": {"percent": "10", "free_events": 1}}
    found = [
        {"value": "500", "at": "2026-01-02T00:00:00Z"},
        {"value": "100", "at": "2026-01-01T00:00:00Z", "id": "b"},
        {"value": "200", "at": "2026-01-01T00:00:00Z", "id": "a"},
    ]
    assert answers(asked(price, events=found))[0]["amount"] == "60.00"
    assert answers(asked(price, events=found[::-1]))[0]["amount"] == "60.00"


def test_the_trace_holds_every_step():
    told = asked(
        {
            "graduated": {
                "tiers": [{"up_to": 10, "unit_amount": 1}, {"percent": 50, "flat_amount": 2}]
            }
        },
        quantity=14,
    )
    assert answers(told)[0]["steps"] == [
        {"what": "tier 1", "amount": "10", "quantity": "10", "unit_amount": "1"},
        {"what": "tier 2", "amount": "4", "quantity": "4", "flat_amount": "2", "percent": "50"},
    ]


def priced(**scheme):
    return asked(scheme, quantity="1")


@pytest.mark.parametrize(
    ("told", "code", "field"),
    [
        (asked(), "rate.wrong_request", "quantity"),
        (asked(quantity="1", events=["1"]), "rate.wrong_request", "events"),
        (asked(quantity="1", currency="EURO"), "currency.unknown", "currency"),
        (asked(quantity="1", currency="eur"), "currency.unknown", "currency"),
        (asked(quantity="1", share="0/30"), "rate.wrong_request", "share"),
        (asked(quantity="1", share="31/30"), "rate.wrong_request", "share"),
        (asked(quantity="1", share="1/0"), "rate.wrong_request", "share"),
        (asked(quantity="1", share="0.5"), "rate.wrong_request", "share"),
        (asked(quantity="1", before=["1"]), "rate.wrong_request", "before"),
        (asked(events=["1"], before="1"), "rate.wrong_request", "before"),
        (asked(quantity="1", billed="1.001"), "rate.wrong_request", "billed"),
        (asked({"flat": {"amount": "1"}}, quantity="1"), "rate.wrong_request", "quantity"),
        (asked(FEES, quantity="1"), "price.needs_events", "quantity"),
        (asked(FEES, events=["1", "-2"]), "price.negative_event", "events[2].value"),
        (asked({"dynamic": {}}, events=["1"]), "price.no_amount", "events[1].dimensions.amount"),
        (asked(events=["1", {"at": "2026-01-01T00:00:00Z"}]), "rate.wrong_request", "events"),
        (asked(events=[{"at": "yesterday"}]), "time.malformed", "events[1].at"),
        (asked(events=[{"value": "1", "prorated": "x"}]), "number.malformed", "events[1].prorated"),
        (asked(events=["1", {"prorated": "1"}]), "price.not_prorated", "events[1].prorated"),
        (asked({"graduated": {"tiers": [{"unit_amount": "1"}]}, "quantity_rounding": {"places": 0}},
               events=[{"prorated": "1"}]), "rate.wrong_request", "price.quantity_rounding"),
        (asked(events=["1", "x"]), "number.malformed", "events[2]"),
        (asked(events=[{"value": "x"}]), "number.malformed", "events[1].value"),
        (asked(events=[{"values": "1"}]), "catalog.wrong_shape", "events[0]"),
        (asked(quantity="1", quantities="2"), "catalog.wrong_shape", None),
        ({"currency": "EUR"}, "catalog.wrong_shape", None),
        ([[]], "catalog.wrong_shape", "[1]"),
        ([asked(quantity="1"), asked()], "rate.wrong_request", "[2].quantity"),
        ([asked(quantity="1"), priced(per_unit={})], "catalog.wrong_shape", "[2].price.per_unit"),
        # numbers that are none, or too many
        (asked(quantity="1e999999999"), "number.malformed", "quantity"),
        (asked(quantity="9" * 10_000), "number.malformed", "quantity"),
        (asked(quantity=10**4000), "number.malformed", "quantity"),
        (asked(quantity="NaN"), "number.malformed", "quantity"),
        (asked(quantity="0x10"), "number.malformed", "quantity"),
        (asked(quantity="1e30"), "number.out_of_range", "quantity"),
        (priced(per_unit={"unit_amount": "1e999999999"}), "number.malformed",
         "price.per_unit.unit_amount"),
        (priced(per_unit={"unit_amount": "1000000000001"}), "catalog.amount_too_large",
         "price.per_unit.unit_amount"),
        (asked({"flat": {"amount": "-1000000000001"}}), "catalog.amount_too_large",
         "price.flat.amount"),
        (asked(quantity="1000000000001"), "money.too_large", "quantity"),
        (asked(events=["1000000000000", "1"]), "money.too_large", "events"),
        (asked(quantity="99999999999999999999", currency="CLF"), "money.too_large", "quantity"),
        # what the catalogue refuses
        (priced(), "catalog.wrong_value", "price"),
        (priced(**UNIT, key="a b"), "catalog.bad_key", "price.key"),
        (priced(**UNIT, flat={"amount": "1"}), "catalog.wrong_value", "price"),
        (priced(graduated={"tiers": [{"up_to": "-1"}, {}]}), "catalog.wrong_value",
         "price.graduated.tiers[1].up_to"),
        (priced(graduated={"tiers": [{"up_to": "5"}]}), "catalog.wrong_value",
         "price.graduated.tiers"),
        (priced(graduated={"tiers": [{"from": "5"}]}), "catalog.wrong_shape",
         "price.graduated.tiers[0]"),
        (asked({"flat": {"amount": "1"}, "minimum": "5"}), "catalog.wrong_value", "price.minimum"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_refused_with_its_field(told, code, field):
    refused = refusal(json.dumps(told))
    assert (refused.code, refused.field) == (code, field)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "hello",
        '{"price": NaN}',
        '{"currency": "EUR", "currency": "USD"}',
        "[" * 100_000,
        '{"quantity": Infinity}',
        r'{"currency": "\ud800"}',
        r'[{"price": {"dynamic": {"dimension": "\u001b[31m"}}}]',
        r'{"\u202e": 1}',
    ],
)
def test_what_is_not_json_is_refused(text):
    refused = refusal(text)
    assert refused.code == "rate.unreadable"
    assert refused.hint
