"""Charts hold every record once, folded or not, on the clock of the contract."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everycent.consumption.slots import By, name_of
from everycent.flows import chart as flow
from everycent.kernel.calendar import local_date, zone
from everycent.kernel.errors import Invalid, NotFound
from everycent.metering.record import UsageRecord
from tests.conftest import Place
from tests.flows import world

CATALOGUE = """
meters:
  calls: {unit: call}
  highest: {unit: call, of: calls, aggregation: max}
  power: {unit: kW, of: calls, aggregation: peak, window_minutes: 30}
  day_calls: {of: calls, band: tou.day}
  eu: {of: calls, segment: regions.eu}
  ratio: {unit: x, formula: calls / 2}
bands:
  tou: {time_zone: Europe/Zagreb, bands: {day: ["07:00-21:00"]}, rest: night}
segments:
  regions: {segments: {eu: [{region: [de, fr]}]}, rest: world}
taxes:
  vat: {rates: [{since: 2000-01-01, percent: 20}]}
products:
  api: {name: API, tax: vat}
plans:
  api:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: calls, product: api, meter: calls, per_unit: {unit_amount: 0.05}}
"""
ZONE = world.ZONE


@pytest.fixture
def seller(place: Place) -> Place:
    world.sell(place, [("acme", "api")], text=CATALOGUE)
    return place


def record(n: object, at: datetime, value: str, **dimensions: str) -> UsageRecord:
    return UsageRecord(
        "test", f"{n}", "acme", "calls", at, value, msgspec.json.encode(dimensions).decode()
    )


def chart(
    place: Place, by: By, first: str, last: str, meter: str = "calls", dimension: str | None = None
):
    start, end = (world.midnight(date.fromisoformat(day)) for day in (first, last))
    with place.database.snapshot(place.tenant_id) as tx:
        wanted = flow.Wanted("acme", meter, by, start, end, dimension)
        return flow.chart(tx, wanted, flow.zone_of(tx, "acme"))


def shown(found) -> dict[str, list[str | None]]:
    return {row["name"]: row["values"] for row in flow.as_data(found)["series"]}


USED = [
    record(1, datetime(2026, 3, 28, 23, 30, tzinfo=UTC), "1", region="de"),  # 29 March 00:30
    record(2, datetime(2026, 3, 29, 1, 30, tzinfo=UTC), "2", region="us"),  # 03:30, an hour jumped
    record(3, datetime(2026, 3, 29, 10, 0, tzinfo=UTC), "4", region="fr"),
    record(4, datetime(2026, 3, 29, 10, 10, tzinfo=UTC), "8"),
    record(5, datetime(2026, 3, 31, 10, 0, tzinfo=UTC), "16", region="de"),
]
DAYS = [
    # meter        29, 30, 31 March
    ("calls", ["15", None, "16"]),
    ("highest", ["8", None, "16"]),
    ("power", ["24", None, "32"]),  # 12 in half an hour are 24 an hour
    ("day_calls", ["12", None, "16"]),
    ("eu", ["5", None, "16"]),
]


@pytest.mark.parametrize("fold", [False, True], ids=["live", "folded"])
@pytest.mark.parametrize(("meter", "values"), DAYS)
def test_days_are_shown_for_every_kind_of_meter(seller, meter, values, fold):
    world.use(seller, USED, fold=fold)
    found = chart(seller, By.DAY, "2026-03-29", "2026-04-01", meter)
    assert shown(found) == {"all records": values}
    assert [slot["label"] for slot in flow.as_data(found)["slots"]] == [
        "2026-03-29", "2026-03-30", "2026-03-31",
    ]  # fmt: skip


def test_hours_pass_over_the_one_that_the_clock_jumps(seller):
    world.use(seller, USED)
    data = flow.as_data(chart(seller, By.HOUR, "2026-03-29", "2026-03-30"))
    (row,) = data["series"]
    there = {
        slot["label"]: value
        for slot, value in zip(data["slots"], row["values"], strict=True)
        if value is not None
    }
    assert there == {
        "2026-03-29T00:00+01:00": "1", "2026-03-29T03:00+02:00": "2", "2026-03-29T12:00+02:00": "12",
    }  # fmt: skip
    assert len(data["slots"]) == 23


def test_a_dimension_splits_it_and_records_without_it_stand_apart(seller):
    world.use(seller, USED[:3])
    world.use(seller, USED[3:], fold=False)
    found = chart(seller, By.MONTH, "2026-03-01", "2026-04-02", dimension="region")
    assert shown(found) == {
        "de": ["17", None], "fr": ["4", None], "us": ["2", None], "no region": ["8", None],
    }  # fmt: skip
    assert flow.as_data(found)["total"] == "31"


def test_a_subject_or_meter_without_records_has_an_empty_chart(seller):
    data = flow.as_data(chart(seller, By.DAY, "2026-03-29", "2026-04-01"))
    assert (data["series"], data["total"], len(data["slots"])) == ([], "0", 3)


REFUSED = [
    ("nothing", None, NotFound, "meter.unknown"),
    ("ratio", None, Invalid, "chart.formula"),
    ("highest", "region", Invalid, "chart.does_not_add_up"),
]


@pytest.mark.parametrize(("meter", "dimension", "kind", "code"), REFUSED)
def test_what_can_not_be_charted_is_refused(seller, meter, dimension, kind, code):
    with pytest.raises(kind) as refused:
        chart(seller, By.DAY, "2026-03-29", "2026-04-01", meter, dimension)
    assert refused.value.code == code


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    used=st.lists(
        st.tuples(
            st.integers(0, 4 * 24 * 60),  # minutes over the end of summer time
            st.decimals("-5", "50", places=1),
            st.sampled_from(["", *"abcdefghij"]),
            st.booleans(),
        ),
        max_size=25,
    ),
    by=st.sampled_from(By),
)
def test_a_chart_is_the_records_themselves_each_once(seller, used, by):
    test_a_chart_is_the_records_themselves_each_once.runs += 1
    year = 2000 + test_a_chart_is_the_records_themselves_each_once.runs
    start = world.midnight(date(year, 10, 29))
    expected: Counter[tuple[object, str]] = Counter()
    for fold in (True, False):
        batch = []
        for n, (minutes, value, region, folds) in enumerate(used):
            if folds is not fold:
                continue
            at = start + timedelta(minutes=minutes)
            dimensions = {"region": region} if region else {}
            batch.append(record(f"{year}/{n}", at, str(value), **dimensions))
        world.use(seller, batch, fold=fold)
    for minutes, value, region, _ in used:
        local = (start + timedelta(minutes=minutes)).astimezone(zone(ZONE))
        slot = {By.HOUR: (local.date(), local.hour, local.utcoffset()), By.DAY: local.date(),
                By.MONTH: local.month}[by]  # fmt: skip
        expected[slot, region] += Decimal(value)
    with seller.database.snapshot(seller.tenant_id) as tx:
        end = start + timedelta(days=4, minutes=1)
        found = flow.chart(tx, flow.Wanted("acme", "calls", by, start, end, "region"), ZONE)
    seen: Counter[tuple[object, str]] = Counter()
    others: Counter[object] = Counter()
    named = set()
    for row in found.rows:
        for slot, value in zip(found.slots, row.values, strict=True):
            local = slot.start.astimezone(zone(ZONE))
            key = {By.HOUR: (local.date(), local.hour, local.utcoffset()),
                   By.DAY: local_date(slot.start, ZONE), By.MONTH: local.month}[by]  # fmt: skip
            if value is None:
                continue
            if name_of(row, "region") == "all others":
                others[key] += value
            else:
                named.add(row.name)
                seen[key, row.name] += value
    assert seen == Counter({key: value for key, value in expected.items() if key[1] in named})
    rest: Counter[object] = Counter()
    for (slot_key, region), value in expected.items():
        if region not in named:
            rest[slot_key] += value
    assert others == rest


test_a_chart_is_the_records_themselves_each_once.runs = 0
