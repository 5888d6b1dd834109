"""Batches that are stored side by side claim the same keys: each record is stored once, and told so."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg

from everycent.metering import operations as metering
from everycent.metering.operations import Intake, Names
from everycent.metering.record import UsageRecord
from tests.conftest import Place

START = datetime(2026, 1, 1, tzinfo=UTC)


def records(value: str = "1") -> list[UsageRecord]:
    return [
        UsageRecord("app", f"id-{n}", "s", "calls", START + timedelta(hours=n), value)
        for n in range(10)
    ]


def wait_for_somebody_in_line(place: Place) -> None:
    with psycopg.connect(place.admin_conninfo, autocommit=True) as admin:
        for _ in range(500):
            if admin.execute(
                "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = %s",
                (psycopg.conninfo.conninfo_to_dict(place.conninfo)["dbname"],),
            ).fetchone():
                return
            time.sleep(0.02)
    raise AssertionError("nobody waits")


def stored_beside(
    place: Place, first: Sequence[UsageRecord], second: Sequence[UsageRecord], *, commits: bool
) -> Intake:
    """What becomes of the second batch, which claims its keys while the first is not committed yet."""
    names = Names()
    names.learn(place.database, place.tenant_id, [*first, *second])
    with ThreadPoolExecutor(1) as pool:
        try:
            with place.database.transaction(place.tenant_id) as tx:
                metering.ingest_within(tx, first, place.now, names)
                waiting = pool.submit(
                    metering.ingest, place.database, place.tenant_id, second, place.now, names
                )
                wait_for_somebody_in_line(place)
                if not commits:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            pass
        return waiting.result()


def test_records_that_somebody_stores_meanwhile_are_duplicates_of_theirs(place: Place) -> None:
    intake = stored_beside(place, records()[2:8], records(), commits=True)
    assert intake == Intake(4, tuple(range(2, 8)), ())
    with place.database.transaction(place.tenant_id) as tx:
        assert tx.value("select count(*) from usage_record") == 10
        assert tx.value("select count(*) from usage_key") == 10


def test_records_that_somebody_stores_meanwhile_with_other_content_are_conflicts(
    place: Place,
) -> None:
    intake = stored_beside(place, records("7")[2:4], records(), commits=True)
    assert (intake.accepted, intake.duplicates) == (8, ())
    assert [(clash.position, clash.stored.value) for clash in intake.conflicts if clash.stored] == [
        (2, "7"),
        (3, "7"),
    ]


def test_records_that_somebody_gives_up_are_stored_by_who_waited(place: Place) -> None:
    assert stored_beside(place, records()[2:8], records(), commits=False) == Intake(10, (), ())
