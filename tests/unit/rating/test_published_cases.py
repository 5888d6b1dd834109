"""Prices, quantities and periods that others published, worked out by ours.

tests/data/cases holds the facts with their ids and sources; `adapted` says where a case is not taken
whole. What the same collections hold and this product can't do yet, by groups:

Charge models: all of them are there; CM-051 is partial, since it is the collector's own arithmetic.
Metering: all of them are there; tests/flows/test_published_usage.py bills those about contracts.
Periods: changes of plan and of quantity with credit (PR-008 to 015, 022, 032, 046, 060, 064, 067,
068, 070, 071, 074), trials (017), units prorated by days (009 to 011, 021 to 023), the last day
billed (024), minimum spend and commitments (028 to 030), thresholds (033 to 035), pausing (051),
voiding (058), parts by seconds (072). PR-081 is partial and PR-091 wrong where it was published.
"""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from everycent.catalog.meter import Aggregation, Series
from everycent.catalog.plan import Item, Product
from everycent.catalog.price import (
    Flat,
    Graduated,
    Package,
    PerUnit,
    Price,
    QuantityRounding,
    Volume,
)
from everycent.consumption.usage import Usage
from everycent.kernel import calendar
from everycent.kernel.money import Money, Rounding, plain
from everycent.kernel.period import Period
from everycent.rating.answer import rate, trace
from everycent.rating.quantity import quantity
from everycent.rating.rate import charge
from everycent.rating.request import parse
from everycent.subscriptions.schedule import due_periods
from tests.asked import asked

DATA = Path(__file__).parents[2] / "data" / "cases"
SCHEMES = {"flat": Flat, "per_unit": PerUnit, "graduated": Graduated, "volume": Volume,
           "package": Package}  # fmt: skip
MONTH = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
UNITS = Series("m", "unit", Aggregation.SUM)


def cases(name):
    return json.loads((DATA / name).read_text("utf-8"))


def scheme_of(data):
    ((name, fields),) = data.items()
    return msgspec.convert(fields | {"type": name}, SCHEMES[name])


def used(value):
    return Usage(1, 2, 3, total=Decimal(value), records=int(Decimal(value)))


def published():
    """What `everycent rate` is asked of each published price, and the amount: exact, or billed now."""
    for case in cases("charge_models.json"):
        for price in case["prices"]:
            terms = price["scheme"] | price.get("terms", {})
            name = f"{case['id']} {next(iter(price['scheme']))}"
            told = {"price": terms, "currency": "USD"}
            for units, amount in price.get("vectors", []):
                yield pytest.param(
                    told | {"quantity": units}, "exact", amount, id=f"{name} {units}"
                )
            for number, (events, amount) in enumerate(price.get("events", [])):
                yield pytest.param(
                    told | {"events": events}, "exact", amount, id=f"{name} {number}"
                )
            for number, (more, amount) in enumerate(price.get("splits", [])):
                yield pytest.param(told | more, "amount", amount, id=f"{name} split {number}")
            for values, fees in price.get("fees", []):
                for number, fee in enumerate(fees):
                    before = {"before": values[:number]} if number else {}
                    now = told | before | {"events": values[number : number + 1]}
                    yield pytest.param(now, "amount", fee, id=f"{name} fee {number}")


@pytest.mark.parametrize(("request_", "which", "amount"), list(published()))
def test_a_published_price_is_ours(request_, which, amount):
    (request,) = parse(json.dumps(request_))
    assert Decimal(trace(rate(request))[which]) == Decimal(amount)


def roundings():
    for case in cases("metering.json"):
        for units, places, expected in case.get("vectors", []):
            yield pytest.param(
                case["rounding"], units, places, expected, id=f"{case['id']} {places}"
            )


@pytest.mark.parametrize(("mode", "units", "places", "expected"), list(roundings()))
def test_a_published_rounding_of_a_quantity_is_ours(mode, units, places, expected):
    rounding = QuantityRounding(places, Rounding(mode))
    _, value = quantity(UNITS, asked(UNITS, {"": used(units)}), rounding)
    assert str(value) == expected


def contract(start, end, interval, anchor_day, zone):
    cycle = calendar.anchored(
        date.fromisoformat(start), calendar.parse_interval(interval), anchor_day, zone
    )
    ends_at = None if end is None else calendar.start_of_day(date.fromisoformat(end), zone)
    return cycle, calendar.start_of_day(date.fromisoformat(start), zone), ends_at


def days(period, zone):
    return [calendar.local_date(at, zone).isoformat() for at in period]


@pytest.mark.parametrize(
    "case",
    [pytest.param(c, id=c["id"]) for c in cases("metering.json") if "events" in c],
)
def test_published_usage_falls_into_the_published_periods(case):
    plan = case["plan"]
    cycle, starts_at, ends_at = contract(**plan)
    events = [
        (datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(plan["zone"])), Decimal(value))
        for at, value in case["events"]
    ]
    price = Price("k", scheme_of(case["scheme"]), "K", Rounding.HALF_UP)
    series = Series("m", "unit", Aggregation(case["aggregation"]))
    item = Item(price, Product("p", "P", "none"), series)
    found = []
    for due in due_periods(
        cycle, starts_at, ends_at, starts_at + timedelta(days=99), in_advance=False
    ):
        inside = [value for at, value in events if due.period.contains(at)]
        usage = Usage(1, 2, 3, records=len(inside), total=sum(inside, Decimal(0)))
        made = charge(item, asked(series, {"": usage}), "USD", due.share)
        amount = plain(Money(made.net, "USD"))
        found.append([*days(due.period, plan["zone"]), made.quantity.value, amount])
    assert [row for row in found if row in case["expected"]] == case["expected"]
    billed = sum(Decimal(row[2]) for row in found)
    assert billed == sum(Decimal(row[2]) for row in case["expected"])


def contracts():
    for case in cases("periods.json"):
        for number, row in enumerate(case["contracts"], start=1):
            yield pytest.param(row, id=f"{case['id']} {number}")


@pytest.mark.parametrize("timing", ["in_arrears", "in_advance"])
@pytest.mark.parametrize("row", list(contracts()))
def test_published_periods_and_their_amounts_are_ours(row, timing):
    zone = row["zone"]
    cycle, starts_at, ends_at = contract(
        row["start"], row["end"], row["interval"], row["anchor_day"], zone
    )
    last = calendar.start_of_day(date.fromisoformat(row["expected"][-1][1]), zone)
    in_advance = timing == "in_advance"
    as_of = last - timedelta(microseconds=1) if in_advance else last
    price = Price("k", Flat(row["price"]), "K", Rounding.HALF_UP, in_advance)
    item = Item(price, Product("p", "P", "none"))
    found = []
    for due in due_periods(cycle, starts_at, ends_at, as_of, in_advance=in_advance):
        made = charge(item, {}, "USD", due.share)
        found.append([*days(due.period, zone), plain(Money(made.net, "USD"))])
        whole = Fraction(row["price"]) * due.share
        assert abs(Fraction(made.net, 100) - whole) <= Fraction(1, 200)
    if row["at"] is not None:
        found = [line for line in found if line[0] <= row["at"] < line[1]]
    expected = row["expected"]
    if expected[0][2] is None:
        found = [line[:2] for line in found]
        expected = [line[:2] for line in expected]
    assert found == expected


def test_every_case_names_its_source_once():
    for name in ("charge_models.json", "metering.json", "periods.json"):
        found = cases(name)
        assert len({case["id"] for case in found}) == len(found)
        for case in found:
            assert all(source.get("path") or source.get("url") for source in case["source"])
