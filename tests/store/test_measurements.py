"""Measurements in the database: versions that stay, and a chain that has no gap and no overlap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from everycent.catalog import operations as catalog
from everycent.catalog.document import parse
from everycent.integrations.measurement_file import read
from everycent.kernel import ids
from everycent.kernel.errors import NotFound, Refusal
from everycent.kernel.period import Period
from everycent.measurements import operations, queries
from everycent.measurements.document import definitions
from everycent.measurements.operations import Change, Taking
from tests.conftest import Place
from tests.store.books import refused

CATALOGUE = """
meters:
  m: {unit: h}
  level: {unit: GB, aggregation: latest}
  derived: {of: m, aggregation: max}
plans:
  p: {currency: EUR, prices: [{key: k, product: p, flat: {amount: 1}}]}
products:
  p: {name: P}
"""
TEXT = """
measurements:
  x: {meter: m, every: 1h, starts_at: 2026-01-01T00:00Z, time: {unit: hours, subjects: [a]}}
"""
START = datetime(2026, 1, 1, tzinfo=UTC)


def hour(n: int) -> datetime:
    return START + timedelta(hours=n)


def apply(place: Place, text: str) -> list[Change]:
    with place.database.transaction(place.tenant_id) as tx:
        return operations.apply(tx, definitions(read(text)), **place.writing)


@pytest.fixture
def seller(place):
    with place.database.transaction(place.tenant_id) as tx:
        catalog.apply(tx, parse(CATALOGUE), **place.writing)
    apply(place, TEXT)
    return place


def cover(place, *spans):
    with place.database.transaction(place.tenant_id) as tx:
        state = queries.get(tx, "x")
        takings = [Taking(Period(hour(a), hour(b)), 1, "1") for a, b in spans]
        operations.cover(tx, state, takings, recorded_at=place.now, actor="test", ids=ids.derived)


def test_applying_a_file_again_does_nothing(seller):
    assert apply(seller, TEXT) == [Change("keep", "x", 1)]
    changed = TEXT.replace("[a]", "[a, b]")
    assert apply(seller, changed) == [Change("change", "x", 2, ("kind",))]
    assert apply(seller, changed) == [Change("keep", "x", 2)]
    with seller.database.snapshot(seller.tenant_id) as tx:
        assert tx.tuples("select version from measurement_version order by 1") == [(1,), (2,)]
        assert queries.get(tx, "x").version == 2


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("2026-01-01T00", "2026-01-01T01", "measurement.start_fixed"),
        ("meter: m", "meter: m, source: other", "measurement.source_fixed"),
        ("meter: m", "meter: m, ends_at: 2026-01-01T01:00Z", "measurement.covered_beyond"),
        ("meter: m", "meter: nothing", "measurement.unknown_meter"),
        ("meter: m", "meter: derived", "measurement.unknown_meter"),
        ("time: {", "sample: {meter: nothing, ", "measurement.unknown_meter"),
        ("subjects: [a]", "of_plan: nothing", "plan.unknown"),
    ],
)
def test_a_change_that_contradicts_what_is_there_is_refused(seller, before, after, code):
    cover(seller, (0, 1), (1, 2))
    with pytest.raises(Refusal) as raised:
        apply(seller, TEXT.replace(before, after))
    assert raised.value.code == code
    assert apply(seller, TEXT) == [Change("keep", "x", 1)]


def test_an_end_on_what_is_covered_is_accepted(seller):
    cover(seller, (0, 1), (1, 2))
    ended = TEXT.replace("meter: m", "meter: m, ends_at: 2026-01-01T02:00Z")
    assert apply(seller, ended)[0].verb == "change"


ROW = (
    "insert into measurement_interval (tenant_id, key, starts_at, ends_at, version, outcome, records,"
    " total, conflicts, reason, event_id) values (%(t)s, %(key)s, %(s)s, %(e)s, 1, %(outcome)s, 0, 0, 0,"
    " %(reason)s, gen_random_uuid())"
)
ABOUT = "2026-01-01 {:02}:00Z"


@pytest.mark.parametrize(
    ("key", "start", "end", "constraint"),
    [
        ("x", 2, 3, None),  # goes on where the last one ended
        ("x", 2, 9, None),
        ("x", 3, 4, "measurement_interval_tenant_id_key_starts_at_fkey"),  # a gap
        ("x", 1, 2, "measurement_interval_pkey"),  # once more
        ("x", 1, 3, "measurement_interval_tenant_id_key_starts_at_key"),  # overlaps at its start
        ("x", 0, 2, "measurement_interval_pkey"),  # overlaps at its end
        ("x", 2, 2, "measurement_interval_check"),  # is empty
        ("x", 2, 1, "measurement_interval_check"),  # runs backwards
        ("y", 2, 3, "measurement_interval_tenant_id_key_starts_at_fkey"),  # of nothing
    ],
)
def test_the_chain_of_intervals_has_no_gap_and_no_overlap(seller, key, start, end, constraint):
    cover(seller, (0, 1), (1, 2))
    params = {
        "t": seller.tenant_id, "key": key, "s": hour(start), "e": hour(end),
        "outcome": "taken", "reason": None,
    }  # fmt: skip
    if constraint is None:
        with seller.database.transaction(seller.tenant_id) as tx:
            assert tx.run(ROW, params) == 1
        return
    assert refused(seller, lambda tx: tx.run(ROW, params)).constraint_name == constraint


@pytest.mark.parametrize(
    ("key", "end", "constraint"),
    [
        ("x", 0, "measurement_interval_pkey"),
        ("x", 5, "measurement_interval_tenant_id_key_starts_at_key"),
        ("y", 0, "measurement_interval_start"),
    ],
)
def test_a_chain_begins_once_and_where_its_measurement_starts(seller, key, end, constraint):
    params = {
        "t": seller.tenant_id, "key": key, "s": None, "e": hour(end),
        "outcome": "begun", "reason": None,
    }  # fmt: skip
    assert refused(seller, lambda tx: tx.run(ROW, params)).constraint_name == constraint


@pytest.mark.parametrize(
    "change",
    [
        "update measurement_interval set records = 9",
        "delete from measurement_interval",
        "update measurement_version set content = ''",
    ],
)
def test_what_was_covered_and_defined_is_not_changed(seller, change):
    assert refused(seller, lambda tx: tx.run(change)).sqlstate == "42501"


def test_a_measurement_begins_once(seller):
    moved = refused(
        seller, lambda tx: tx.run("update measurement set starts_at = starts_at + interval '1 h'")
    )
    assert moved.constraint_name == "measurement_begins_once"


def test_totals_and_the_newest_intervals_are_told(seller):
    cover(seller, (0, 1), (1, 2), (2, 3))
    with seller.database.snapshot(seller.tenant_id) as tx:
        row = queries.totals(tx)["x"]
        assert (row.taken, row.missed, row.records, row.total) == (3, 0, 3, 3)
        assert [one.starts_at for one in queries.newest(tx, "x", 2)] == [hour(2), hour(1)]
        with pytest.raises(NotFound) as unknown:
            queries.get(tx, "nothing")
    assert unknown.value.code == "measurement.unknown"


def test_failures_are_counted_until_an_interval_is_covered(seller):
    for n in range(3):
        with seller.database.transaction(seller.tenant_id) as tx:
            operations.fail(tx, "x", hour(0), "a.b", "z" * 999, hour(5 + n))
    with seller.database.snapshot(seller.tenant_id) as tx:
        failure = queries.get(tx, "x").failure
    assert (failure.attempts, failure.since, failure.last_at) == (3, hour(5), hour(7))
    assert len(failure.message) == 500
    cover(seller, (0, 1))
    with seller.database.transaction(seller.tenant_id) as tx:
        assert queries.get(tx, "x").failure is None
        operations.fail(tx, "x", hour(1), "a.c", "z", hour(9))
        again = queries.get(tx, "x").failure
    assert (again.attempts, again.since, again.code) == (1, hour(9), "a.c")


def test_switching_twice_records_once(seller):
    for _ in range(2):
        with seller.database.transaction(seller.tenant_id) as tx:
            assert operations.switch(
                tx, "x", is_paused=True, reason="r", **seller.writing
            ).is_paused
    with seller.database.snapshot(seller.tenant_id) as tx:
        assert tx.value("select count(*) from journal_event where type = 'measurement.paused'") == 1
