"""Charts hold every record once, folded or not, on the clock of the contract."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from everycent.catalog.meter import Aggregation, Series
from everycent.consumption import queries as consumption
from everycent.consumption.slots import By, name_of, slots_of
from everycent.consumption.usage import Request, Used
from everycent.customers import operations as customers
from everycent.customers.customer import Customer
from everycent.flows import chart as flow
from everycent.kernel.calendar import local_date, start_of_day, zone
from everycent.kernel.errors import Invalid, NotFound
from everycent.kernel.period import Period
from everycent.metering.record import UsageRecord
from everycent.rating.quantity import quantity
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.order import Order
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
        found = flow.chart(tx, flow.Wanted("acme", "calls", by, start, end, "region"), ZONE).chart
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


# --- windows ------------------------------------------------------------------------------------

A = Aggregation
MONTHS = [
    # both changes of the clock by an hour, both by half of one, and clocks off by 30 and 45 minutes
    ("Europe/Zagreb", date(2026, 3, 1)),
    ("Europe/Zagreb", date(2026, 10, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 1)),
    ("Australia/Lord_Howe", date(2026, 10, 1)),
    ("Asia/Kolkata", date(2026, 5, 1)),
    ("Asia/Kathmandu", date(2026, 2, 1)),
]
WINDOWED = [
    *(Series("calls", "call", A.PEAK, window_minutes=n) for n in (15, 60, 120, 1440)),
    *(
        Series("calls", "call", A.WINDOWED, window_minutes=n, each=each, then=A.SUM)
        for n, each in ((10, A.MAX), (30, A.MAX), (360, A.MIN), (60, A.SUM), (1440, A.COUNT))
    ),
    *(
        Series("calls", "call", A.PERCENTILE, window_minutes=n, each=A.SUM, percentile="95")
        for n in (None, 60)
    ),
]


def billed(place: Place, series: Series, period: Period, clock: str) -> Decimal:
    """What a bill over the period would count."""
    wanted = Request("acme", series, period, zone=clock)
    with place.database.snapshot(place.tenant_id) as tx:
        usage = consumption.read(tx, [wanted], is_live=True)[wanted]
    return quantity(series, {"": Used(wanted, usage)}, None)[1]


def values(place: Place, series: Series, by: By, period: Period, clock: str) -> list[Decimal]:
    slots = slots_of(by, *period, clock)
    with place.database.snapshot(place.tenant_id) as tx:
        held = consumption.by_slots(tx, "acme", series, slots, clock, is_live=True)
    return [one.value for one in held]


@settings(
    max_examples=3,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
@pytest.mark.parametrize(("clock", "first"), MONTHS)
def test_windows_in_a_chart_are_those_of_the_bill(seller, clock, first, data):
    after = (first + timedelta(days=31)).replace(day=1)
    month = Period(start_of_day(first, clock), start_of_day(after, clock))
    minutes = int((month.end - month.start) / timedelta(minutes=1))
    used = data.draw(
        st.lists(
            st.tuples(st.integers(0, minutes - 1), st.integers(1, 50)), min_size=1, max_size=40
        )
    )
    test_windows_in_a_chart_are_those_of_the_bill.runs += 1
    name = test_windows_in_a_chart_are_those_of_the_bill.runs
    records = [
        record(f"w{name}/{n}", month.start + timedelta(minutes=minute), str(value))
        for n, (minute, value) in enumerate(used)
    ]
    half = len(records) // 2
    world.use(seller, records[:half])
    world.use(seller, records[half:], fold=False)
    for series in WINDOWED:
        bill = billed(seller, series, month, clock)
        assert values(seller, series, By.MONTH, month, clock) == [bill], series
        for by in (By.DAY, By.HOUR):
            shown_values = values(seller, series, by, month, clock)
            if series.aggregation is A.PEAK:
                assert max(shown_values) == bill, (series, by)
            elif series.aggregation is A.WINDOWED:
                assert sum(shown_values) == bill, (series, by)
            else:
                assert max(shown_values) >= bill, (series, by)


test_windows_in_a_chart_are_those_of_the_bill.runs = 0


def test_a_chart_on_another_clock_keeps_the_windows_of_the_contract(seller):
    with seller.database.transaction(seller.tenant_id) as tx:
        asia = Customer(seller.ids("asia"), "asia", "Asia", "EUR", "Asia/Kathmandu")
        customers.create(tx, [asia], **world.writing(seller))
        order = Order(asia, "api", "asia", date(2026, 1, 1))
        subscriptions.start(tx, [order], **world.writing(seller))
    # Half an hour of that clock begins a quarter past or to; on that of London they would be apart.
    start = datetime(2026, 2, 1, 10, 15, tzinfo=UTC)
    world.use(seller, [
        UsageRecord("t", f"{n}", "asia", "calls", start + timedelta(minutes=10 + 10 * n), "1")
        for n in range(2)
    ])  # fmt: skip
    with seller.database.snapshot(seller.tenant_id) as tx:
        day = Period(datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 2, 2, tzinfo=UTC))
        wanted = flow.Wanted("asia", "power", By.DAY, *day)
        assert shown(flow.chart(tx, wanted, "UTC")) == {"all records": ["4"]}


# --- what was never used --------------------------------------------------------------------------


def unseen(place: Place, subject: str, dimension: str | None = None) -> list[tuple[str, list[str]]]:
    start = datetime(2026, 3, 28, tzinfo=UTC)
    with place.database.snapshot(place.tenant_id) as tx:
        wanted = flow.Wanted(subject, "calls", By.DAY, start, start + timedelta(days=5), dimension)
        found = flow.as_data(flow.chart(tx, wanted, "UTC"))["unseen"]
    return [(one["message"], list(one["near"])) for one in found]


def test_a_typo_does_not_look_like_an_empty_answer(seller):
    world.use(seller, USED[:3], fold=False)
    assert unseen(seller, "acme") == []
    assert unseen(seller, "amce") == [
        ("no usage of the subject 'amce' was ever recorded; near: acme", ["acme"])
    ]
    assert unseen(seller, "acme", "regoin") == [
        ("no record of this time has 'regoin'; near: region", ["region"])
    ]
    assert unseen(seller, "acme", "region") == []


def test_a_contract_without_a_record_is_told_as_such(seller):
    assert unseen(seller, "acme") == [
        ("no usage of 'calls' by the subject 'acme' was ever recorded", [])
    ]
