"""How usage is read: a small question writes nothing, and what was long ago costs nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest

from everycent.catalog.meter import Aggregation, Granularity, Level, Series
from everycent.catalog.segments import SegmentRule, Segments
from everycent.consumption import queries as consumption
from everycent.consumption import store
from everycent.consumption.usage import Request, Usage, answered
from everycent.db.connection import Tx
from everycent.kernel.canonical import encode
from everycent.kernel.period import Period
from everycent.metering.record import UsageRecord
from tests.conftest import Place
from tests.flows import world

A = Aggregation
START = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 400
LAST = Period(START + timedelta(days=DAYS - 2), START + timedelta(days=DAYS))
REGIONS = Segments("s", (SegmentRule("eu", (("region", ("eu",)),)),), "rest")
KINDS = [
    Series("calls", "u", A.SUM),
    Series("calls", "u", A.SUM, segments=REGIONS, segment="eu"),
    Series("calls", "u", A.LATEST),
    Series("calls", "u", A.UNIQUE, distinct="region"),
    Series("calls", "u", A.PEAK, window_minutes=60),
    Series("calls", "u", A.WINDOWED, window_minutes=10, each=A.MAX, then=A.SUM),
    Series("calls", "u", A.PERCENTILE, percentile="95"),
    Series("calls", "u", A.UNITS, distinct="region", granularity=Granularity.DAY),
    Series("calls", "u", A.COUNTER),
    *(
        Series("calls", "u", A.WEIGHTED_SUM, granularity=Granularity.SECOND, level=level, segments=s,
               segment=None if s is None else "eu")
        for level in Level for s in (None, REGIONS)
    ),
]  # fmt: skip


@pytest.fixture
def used(place: Place) -> Place:
    """A record a day for more than a year, the newest of them folded by nobody."""
    records = [
        UsageRecord(
            "t", str(n), "acme", "calls", START + timedelta(days=n, hours=n % 23), str(n),
            encode({"region": ("eu", "us", "asia")[n % 3]}).decode(),
        )
        for n in range(DAYS)
    ]  # fmt: skip
    world.use(place, records[:-3])
    world.use(place, records[-3:], fold=False)
    return place


def read(tx: Tx, *, is_live: bool) -> list[Usage]:
    found = consumption.read(tx, [Request("acme", kind, LAST) for kind in KINDS], is_live=is_live)
    return [answered(answer) for answer in found.values()]


@pytest.mark.parametrize("is_live", [False, True])
def test_a_small_question_writes_nothing(used: Place, is_live: bool) -> None:
    with used.database.snapshot(used.tenant_id) as tx:
        assert len(read(tx, is_live=is_live)) == len(KINDS)
        consumption.by_dimension(tx, [Request("acme", KINDS[0], LAST)], "region", is_live=is_live)
        assert tx.value("select pg_current_xact_id_if_assigned()") is None
        assert tx.staged == set()


@pytest.mark.parametrize("is_live", [False, True])
def test_many_requests_are_answered_as_few_are(
    used: Place, is_live: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with used.database.snapshot(used.tenant_id) as tx:
        few = read(tx, is_live=is_live)
        monkeypatch.setattr(store, "_FEW", 0)
        assert read(tx, is_live=is_live) == few
        assert read(tx, is_live=is_live) == few  # the tables are used again
        assert "stage_request" in tx.staged
    assert few[0].records == (2 if is_live else 0)
    assert few[-2].opening_level == (397 if is_live else 396)


@pytest.mark.parametrize("few", [500, 0])
@pytest.mark.parametrize("is_live", [False, True])
def test_records_come_one_by_one_where_they_are_wanted(
    used: Place, is_live: bool, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_FEW", few)
    days = Period(START + timedelta(days=395), START + timedelta(days=DAYS))
    asked = [
        Request("acme", KINDS[2], days),
        Request("acme", KINDS[0], days, is_itemized=True),
        Request("acme", KINDS[1], days, is_itemized=True),
        Request("acme", KINDS[0], days),
    ]
    with used.database.snapshot(used.tenant_id) as tx:
        found = consumption.read(tx, asked, is_live=is_live)
    alone, every, eu, plain = (answered(found[request]) for request in asked)
    numbers = range(395, DAYS if is_live else 397)
    assert [event.value for event in every.events] == list(numbers)
    assert [event.at for event in every.events] == [
        START + timedelta(days=n, hours=n % 23) for n in numbers
    ]
    assert [event.value for event in eu.events] == [n for n in numbers if n % 3 == 0]
    assert all(event.dimensions == {"region": "eu"} for event in eu.events)
    assert sum(event.value for event in every.events) == every.total
    assert every._replace(events=()) == plain
    assert (alone.events, plain.events) == ((), ())


def days_read(plan: Any) -> int:
    """How many rows of usage_day the nodes of a plan looked at."""
    own = 0
    if plan.get("Relation Name") == "usage_day":
        seen = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        own = round(seen * plan["Actual Loops"])
    return own + sum(days_read(below) for below in plan.get("Plans", ()))


@pytest.mark.parametrize(
    ("level", "segment", "opening", "most"),
    [
        (Level.SETS, None, 389, 10),
        (Level.SETS, "eu", 387, 10),
        (Level.CHANGES, None, sum(range(390)), 390),  # of what changes, all of it is the level
    ],
)
def test_a_level_that_was_set_is_found_without_reading_all_that_was_before(
    used: Place, level: Level, segment: str | None, opening: int, most: int
) -> None:
    series = Series(
        "calls", "u", A.WEIGHTED_SUM, granularity=Granularity.SECOND, level=level,
        segments=None if segment is None else REGIONS, segment=segment,
    )  # fmt: skip
    period = Period(START + timedelta(days=390), START + timedelta(days=391))
    request = Request("acme", series, period)
    looked: list[int] = []
    real = store.read

    def counting(tx: Tx, source: store.Source, statement: str, **more: Any) -> Any:
        sql = f"{source.head}, {store.SQL['parts']} {store.SQL[statement]}"
        plan = tx.value(
            f"explain (analyze, format json) {sql}", source.params | {"dimension": None}
        )
        looked.append(days_read(plan[0]["Plan"]))
        return real(tx, source, statement, **more)

    with (
        used.database.snapshot(used.tenant_id) as tx,
        mock.patch.object(store, "read", counting),
    ):
        tx.look_up_by_key()
        usage = answered(consumption.read(tx, [request])[request])
    assert usage.opening_level == opening
    assert 0 < sum(looked) <= most
