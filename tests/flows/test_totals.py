"""Totals: everybody's month from roll-ups equals that from records, and groups add up to the whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import pytest

from everycent.consumption.answers import Group
from everycent.flows import totals
from everycent.flows.totals import MeterTotal, SeriesTotal
from everycent.kernel.errors import Invalid
from everycent.kernel.period import Period
from everycent.metering.record import UsageRecord
from tests.conftest import Place
from tests.flows import world

START = datetime(2026, 1, 1, tzinfo=UTC)
MARCH = Period(datetime(2026, 2, 28, 23, tzinfo=UTC), datetime(2026, 3, 31, 22, tzinfo=UTC))


@pytest.fixture
def used(place: Place) -> Place:
    """Three subjects, two meters, a record every five hours from January to April."""
    records = [
        UsageRecord(
            "app", str(n), f"s{n % 3}", ("calls", "bytes")[n % 2], START + timedelta(hours=5 * n),
            f"{n}.5", ('{"region":"eu"}', '{"region":"us"}', "{}")[n % 5 % 3],
        )
        for n in range(600)
    ]  # fmt: skip
    world.use(place, records)
    return place


def test_roll_ups_and_records_give_the_same_for_a_month_on_any_clock(used: Place) -> None:
    with used.database.snapshot(used.tenant_id) as tx:
        rolled = totals.of_everybody(tx, MARCH)
        assert rolled == totals.of_everybody(tx, MARCH, from_records=True)
    inside = [n for n in range(600) if MARCH.contains(START + timedelta(hours=5 * n))]
    assert sum(row.records for row in rolled) == len(inside)
    assert sum(row.total for row in rolled) == sum(Decimal(n) + Decimal("0.5") for n in inside)
    assert [row.meter for row in totals.by_meter(rolled)] == ["bytes", "calls"]


def test_meters_are_summed_up_over_their_subjects() -> None:
    rows = [
        SeriesTotal("a", "calls", 2, Decimal("1.5")),
        SeriesTotal("b", "calls", 1, Decimal("2")),
    ]
    assert totals.by_meter(rows) == [MeterTotal("calls", 2, 3, Decimal("3.5"))]


def test_every_record_is_in_exactly_one_group(used: Place) -> None:
    with used.database.snapshot(used.tenant_id) as tx:
        groups: list[Group] = totals.by_dimension(tx, "s0", "calls", MARCH, "region").groups
        whole = [row for row in totals.of_everybody(tx, MARCH) if row[:2] == ("s0", "calls")]
    assert [group.value for group in groups] == ["", "eu", "us"]
    assert sum(group.records for group in groups) == whole[0].records
    assert sum(group.total for group in groups) == whole[0].total


@pytest.mark.parametrize(
    ("subject", "start", "error", "code"),
    [
        ("s0", MARCH.start + timedelta(minutes=1), Invalid, "period.unaligned"),
    ],
)
def test_what_can_not_be_answered_is_refused(
    used: Place, subject: str, start: datetime, error: type[Exception], code: str
) -> None:
    with used.database.snapshot(used.tenant_id) as tx, pytest.raises(error) as refused:
        totals.by_dimension(tx, subject, "calls", Period(start, MARCH.end), "region")
    assert refused.value.code == code  # type: ignore[attr-defined]


@pytest.mark.parametrize("from_records", [False, True])
def test_what_was_acknowledged_is_in_the_totals_before_a_fold(
    used: Place, from_records: bool
) -> None:
    with used.database.snapshot(used.tenant_id) as tx:
        before = totals.by_meter(totals.of_everybody(tx, MARCH, from_records=from_records))
    edges = [MARCH.start - timedelta(microseconds=1), MARCH.start, MARCH.end - timedelta(hours=1)]
    fresh = [
        UsageRecord("app", f"new{n}", subject, "calls", at, "1000")
        for n, (subject, at) in enumerate(
            [*(("s0", at) for at in edges), ("s9", edges[1]), ("s9", MARCH.end)]
        )
    ]
    world.use(used, fresh, fold=False)
    with used.database.snapshot(used.tenant_id) as tx:
        rows = totals.of_everybody(tx, MARCH, from_records=from_records)
    after = totals.by_meter(rows)
    assert after[1] == MeterTotal(
        "calls", before[1].subjects + 1, before[1].records + 3, before[1].total + 3000
    )
    assert after[0] == before[0]


UNSEEN = [
    # subject, meter, dimension                what is told
    ("s0", "calls", "region", []),
    ("s0", "calls", "regions", ["no record of this time has 'regions'; near: region"]),
    (
        "s00",
        "calls",
        "region",
        ["no usage of the subject 's00' was ever recorded; near: s0"],
    ),
    ("s0", "cals", "region", ["no usage of the meter 'cals' was ever recorded; near: calls"]),
]


@pytest.mark.parametrize(("subject", "meter", "dimension", "told"), UNSEEN)
def test_a_name_that_nothing_has_is_told(
    used: Place, subject: str, meter: str, dimension: str, told: list[str]
) -> None:
    with used.database.snapshot(used.tenant_id) as tx:
        found = totals.by_dimension(tx, subject, meter, MARCH, dimension)
    assert [one.message for one in found.unseen] == told


def test_a_meter_that_nothing_has_is_told(used: Place) -> None:
    with used.database.snapshot(used.tenant_id) as tx:
        rows = totals.of_named(tx, MARCH, None, "calls")
        assert [m.meter for m in totals.summed(tx, rows, None, "calls").meters] == ["calls"]
        data = totals.summed_data(
            totals.summed(tx, totals.of_named(tx, MARCH, None, "call"), None, "call")
        )
    assert data["meters"] == []
    assert [one["near"] for one in data["unseen"]] == [("calls",)]


SOLD = world.CATALOGUE.replace(
    "meters:", "meters:\n  bytes: {unit: B}\n  many: {of: calls, aggregation: count}", 1
)
FRESH = UsageRecord("app", "fresh", "s1", "bytes", MARCH.start, "7")


@pytest.mark.parametrize("meter", [None, "calls"])
@pytest.mark.parametrize("subject", [None, "s1", "nobody"])
def test_a_subject_and_a_meter_limit_the_totals_to_theirs(
    used: Place, subject: str | None, meter: str | None
) -> None:
    world.sell(used, [], text=SOLD)
    world.use(used, [FRESH], fold=False)
    with used.database.snapshot(used.tenant_id) as tx:
        named = totals.of_named(tx, MARCH, subject, meter)
        alone = totals.of_named(tx, MARCH, subject, meter, from_records=True)
        whole = totals.of_everybody(tx, MARCH)
    expected = [r for r in whole if subject in (None, r.subject) and meter in (None, r.meter)]
    assert named == alone == expected
    assert bool(named) is (subject != "nobody")


NOTHING = [
    # subject, meter, what is told
    ("s00", None, ["no usage of the subject 's00' was ever recorded; near: s0"]),
    ("s00", "calls", ["no usage of the subject 's00' was ever recorded; near: s0"]),
    (None, None, []),
]


@pytest.mark.parametrize(("subject", "meter", "told"), NOTHING)
def test_an_empty_total_tells_the_name_that_nothing_has(
    used: Place, subject: str | None, meter: str | None, told: list[str]
) -> None:
    with used.database.snapshot(used.tenant_id) as tx:
        found = totals.summed(tx, [], subject, meter)
    assert [one.message for one in found.unseen] == told


@pytest.mark.parametrize("dimension", [None, "region"])
def test_a_derived_meter_is_refused_with_those_that_take_records(
    used: Place, dimension: str | None
) -> None:
    world.sell(used, [], text=SOLD)
    with used.database.snapshot(used.tenant_id) as tx:
        rows = totals.of_named(tx, MARCH, "s1", "many")
        ask = (
            partial(totals.summed, tx, rows, "s1", "many")
            if dimension is None
            else partial(totals.by_dimension, tx, "s1", "many", MARCH, dimension)
        )
        with pytest.raises(Invalid) as refused:
            ask()
    assert refused.value.code == "totals.derived_meter"
    assert refused.value.message == "totals are of meters that take records: calls"


SPLITS = [
    # subject, meter, dimension, from the records, code
    ("s1", None, None, True, None),
    ("s1", "calls", "region", False, None),
    ("s1", None, "region", False, "totals.incomplete"),
    (None, "calls", "region", False, "totals.incomplete"),
    ("s1", "calls", "region", True, "totals.split_of_records"),
]


@pytest.mark.parametrize(("subject", "meter", "dimension", "from_records", "code"), SPLITS)
def test_a_split_names_its_series_and_is_not_of_the_records_alone(
    subject: str | None,
    meter: str | None,
    dimension: str | None,
    from_records: bool,
    code: str | None,
) -> None:
    told = None
    try:
        totals.check_named(subject, meter, dimension, from_records=from_records)
    except Invalid as refused:
        told = refused.code
    assert told == code
