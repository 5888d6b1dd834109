"""Taking usage in record by record: gathered, in order, bounded, each record once, each answered."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest

from everycent.catalog import document
from everycent.catalog import operations as catalog
from everycent.flows.rejections import Door
from everycent.flows.remembered import Remembered
from everycent.flows.take_in import Intake
from everycent.flows.taken import Status, Taken
from everycent.flows.waiting import Limits
from everycent.kernel import clock
from everycent.kernel.errors import Invalid, Unavailable
from everycent.metering import operations as metering
from everycent.metering import queries
from everycent.metering.audit import CHECKS, violations
from everycent.metering.offered import Refused
from everycent.metering.record import UsageRecord
from everycent.tenants import operations as tenants
from tests.conftest import NOW, Place
from tests.flows import world
from tests.flows.world import calls, writing

DAY = date(2026, 1, 5)
BAD = Refused(Invalid("usage.missing_field", "value is missing", field="value"), "bad")


@pytest.fixture
def intake(place: Place) -> Iterator[Intake]:
    """The door of a tenant that has the world's meters."""
    world.sell(place, [])
    with Intake(place.database, clock.fixed(NOW)) as opened:
        yield opened


def use(name: str, amount: int = 1) -> UsageRecord:
    """A record with this id."""
    return calls("acme", amount, DAY, name=name)


def stored(place: Place, tenant_id: int | None = None) -> Counter[tuple[str, str]]:
    """Every stored record as (id, value)."""
    with place.database.transaction(tenant_id or place.tenant_id) as tx:
        return Counter(tx.tuples("select record_id, value::text from usage_record"))


def batches(place: Place) -> int:
    with place.database.transaction(place.tenant_id) as tx:
        return int(tx.value("select count(*) from usage_batch"))


def told(taken: Taken) -> list[tuple[int, str, str | None]]:
    """Position, status and id of each record that was not accepted."""
    return [(other.position, other.status.value, other.record_id) for other in taken.others]


@contextmanager
def held(place: Place) -> Iterator[psycopg.Connection[Any]]:
    """Nobody can store a record before the block ends."""
    with psycopg.connect(place.conninfo, options="-c search_path=everycent") as connection:
        connection.execute("lock table usage_key in exclusive mode")
        yield connection
        connection.rollback()


def test_each_record_of_many_threads_is_stored_once_and_answered_right(place, intake):
    threads, rounds, size = 16, 6, 10

    def offer(thread: int) -> list[tuple[list[UsageRecord], Taken]]:
        done = []
        for n in range(rounds):
            # A third of the ids are everybody's, and half of those are told differently by everybody.
            records = [
                use(f"shared-{n}-{k}", thread if k % 2 else 7)
                if k < 4
                else use(f"{thread}-{n}-{k}")
                for k in range(size)
            ]
            done.append((records, intake.take(place.tenant_id, records)))
        return done

    with ThreadPoolExecutor(threads) as pool:
        answers = [pair for found in pool.map(offer, range(threads)) for pair in found]
    accepted: Counter[tuple[str, str]] = Counter()
    for records, taken in answers:
        others = {other.position: other for other in taken.others}
        assert taken.accepted + len(others) == size
        for n, record in enumerate(records):
            if n not in others:
                accepted[record.record_id, record.value] += 1
            elif others[n].status is Status.CONFLICT:
                assert others[n].offered == record
                assert others[n].stored.record_id == record.record_id
                assert others[n].stored.value != record.value
    found = stored(place)
    assert accepted == found
    assert set(found.values()) == {1}
    assert len(found) == threads * rounds * 6 + rounds * 4
    metering.fold(place.database, place.tenant_id)
    with place.database.snapshot(place.tenant_id) as tx:
        assert violations_of(tx) == []


def violations_of(tx: Any) -> list[str]:
    """What the proofs of metering find."""
    return [text for check in CHECKS for text in violations(tx, check)]


def test_what_comes_together_is_stored_together(place, intake):
    with held(place):
        waiting = [intake.submit(place.tenant_id, [use(f"r{n}")]) for n in range(200)]
    assert {future.result(30).accepted for future in waiting} == {1}
    assert len(stored(place)) == 200
    assert batches(place) <= 4


def test_of_two_with_one_id_the_one_that_came_first_counts(place, intake):
    waiting = [intake.submit(place.tenant_id, [use("same", n)]) for n in range(300)]
    results = [future.result(30) for future in waiting]
    assert [taken.accepted for taken in results] == [1] + [0] * 299
    assert {(other.status, other.stored.value) for taken in results for other in taken.others} == {
        (Status.CONFLICT, "0")
    }
    assert stored(place) == {("same", "0"): 1}


def test_every_other_record_is_told_with_its_place_and_the_reason(place, intake):
    intake.take(place.tenant_id, [use("a"), use("b")])
    offered = [BAD, use("a"), use("c"), use("b", 2), use("c"), use("d"), use("d", 9), BAD]
    taken = intake.submit(place.tenant_id, offered).result(30)
    assert taken.accepted == 2
    assert told(taken) == [
        (0, "rejected", "bad"),
        (1, "duplicate", "a"),
        (3, "conflict", "b"),
        (4, "duplicate", "c"),
        (6, "conflict", "d"),
        (7, "rejected", "bad"),
    ]
    conflict = taken.others[2]
    assert (conflict.refusal.code, conflict.offered, conflict.stored) == (
        "usage.conflict", use("b", 2), use("b"),
    )  # fmt: skip
    assert [taken.count(status) for status in Status] == [2, 2, 2]


def test_of_many_conflicts_every_one_is_told_with_what_is_stored(place, intake):
    many = range(1200)
    intake.take(place.tenant_id, [use(f"r{n}", n) for n in many])
    taken = intake.take(place.tenant_id, [use(f"r{n}", n + 1) for n in many])
    assert [other.stored for other in taken.others] == [use(f"r{n}", n) for n in many]
    assert not [other for other in taken.others if "archive" in other.refusal.message]


@pytest.mark.parametrize(
    ("offered", "accepted", "others"),
    [
        ([use("x"), use("y")], 2, []),
        ([use("x"), use("old")], 1, ["duplicate"]),
        ([use("x"), use("old", 5), use("y")], 0, ["rejected", "conflict", "rejected"]),
        ([use("x"), BAD], 0, ["rejected", "rejected"]),
        ([use("x"), use("x", 2)], 0, ["rejected", "conflict"]),
        ([], 0, []),
    ],
)
def test_an_atomic_offer_is_stored_whole_or_not_at_all(place, intake, offered, accepted, others):
    intake.take(place.tenant_id, [use("old")])
    before = stored(place)
    taken = intake.submit(place.tenant_id, offered, atomic=True).result(30)
    assert (taken.accepted, [other.status.value for other in taken.others]) == (accepted, others)
    assert len(stored(place)) == len(before) + accepted
    again = intake.submit(place.tenant_id, [use("x"), use("z")]).result(30)
    assert again.accepted == (1 if accepted else 2)


def test_a_full_door_refuses_at_once_and_loses_nothing(place):
    world.sell(place, [])
    limits = Limits(records=10)
    with Intake(place.database, clock.fixed(NOW), limits=limits) as intake:
        with held(place):
            waiting = [intake.submit(place.tenant_id, [use(f"r{n}")]) for n in range(10)]
            begun = time.monotonic()
            for _ in range(50):
                with pytest.raises(Unavailable) as busy:
                    intake.submit(place.tenant_id, [use("late")])
                assert busy.value.code == "usage.busy"
            assert time.monotonic() - begun < 2
            assert not any(future.done() for future in waiting)
        assert {future.result(30).accepted for future in waiting} == {1}
        assert intake.take(place.tenant_id, [use("late")]).accepted == 1
    assert sum(stored(place).values()) == 11


def test_what_waits_is_bounded_in_bytes_too(place):
    world.sell(place, [])
    with Intake(place.database, clock.fixed(NOW), limits=Limits(size_bytes=2000)) as intake:
        with held(place):
            intake.submit(place.tenant_id, [use("a"), use("b")])
            long = use("c")._replace(dimensions='{"a":"%s"}' % ("x" * 1000))
            with pytest.raises(Unavailable) as busy:
                intake.submit(place.tenant_id, [long])
        assert busy.value.code == "usage.busy"


def test_a_connection_that_breaks_is_not_the_clients_business(place, intake):
    with held(place) as admin:
        waiting = intake.submit(place.tenant_id, [use("a"), use("b")])
        deadline = time.monotonic() + 20
        killed = 0
        while not killed:
            assert time.monotonic() < deadline
            killed = admin.execute(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity"
                " where datname = current_database() and wait_event_type = 'Lock'"
            ).fetchone()[0]
    assert waiting.result(30) == Taken(2, ())
    assert stored(place) == {("a", "1"): 1, ("b", "1"): 1}


def test_what_the_database_can_not_take_is_refused_alone(place, intake):
    with psycopg.connect(place.conninfo, options="-c search_path=everycent") as admin:
        admin.execute("alter table usage_record add constraint poison check (value <> 666)")
    with held(place):
        values = [1, 666, 3]
        waiting = [intake.submit(place.tenant_id, [use(f"r{n}", n)]) for n in values]
    assert waiting[0].result(30).accepted == 1
    with pytest.raises(psycopg.errors.CheckViolation):
        waiting[1].result(30)
    assert waiting[2].result(30).accepted == 1
    assert stored(place) == {("r1", "1"): 1, ("r3", "3"): 1}


def test_closing_stores_what_waits_and_takes_nothing_more(place):
    world.sell(place, [])
    intake = Intake(place.database, clock.fixed(NOW))
    with held(place):
        waiting = [intake.submit(place.tenant_id, [use(f"r{n}")]) for n in range(20)]
        closing = threading.Thread(target=intake.close)
        closing.start()
        time.sleep(0.1)
        with pytest.raises(Unavailable) as closed:
            intake.submit(place.tenant_id, [use("late")])
    closing.join(30)
    assert closed.value.code == "usage.closing"
    assert all(future.done() for future in waiting)
    assert sum(stored(place).values()) == 20


def test_tenants_don_t_meet_at_the_door(place, intake):
    other = tenants.create(place.database, "other", "Other", NOW)
    world.sell(place._replace(tenant_id=other, ids=lambda key: place.ids(f"other/{key}")), [])
    waiting = [
        intake.submit((place.tenant_id, other)[n % 2], [use(f"r{n // 2}", n)]) for n in range(40)
    ]
    assert {future.result(30).accepted for future in waiting} == {1}
    assert stored(place) == {(f"r{n}", str(2 * n)): 1 for n in range(20)}
    assert stored(place, other) == {(f"r{n}", str(2 * n + 1)): 1 for n in range(20)}


POLICY = """
intake:
  calls: {value: {min: "0", max: "100"}, accept_days: 30, ahead_minutes: 10}
"""


def test_the_bounds_of_a_policy_hold_for_each_record(place, intake):
    with_policy(place, intake, POLICY)
    old = calls("acme", 1, date(2025, 11, 1), name="old")
    offered = [BAD, use("a", 101), use("b", 100), old, use("c")]
    taken = intake.submit(place.tenant_id, [*offered, calls("acme", 1, DAY)]).result(30)
    assert [(other.position, other.refusal.code) for other in taken.others] == [
        (0, "usage.missing_field"),
        (1, "usage.value_out_of_bounds"),
        (2, "usage.too_far_ahead"),
        (3, "usage.too_old"),
        (4, "usage.too_far_ahead"),
        (5, "usage.too_far_ahead"),
    ]


def with_policy(place: Place, intake: Intake, text: str) -> None:
    """Applies the catalogue with this policy, and waits until the door knows."""
    with place.database.transaction(place.tenant_id) as tx:
        catalog.apply(tx, document.parse(world.CATALOGUE + text), **writing(place))
    deadline = time.monotonic() + 5
    while not intake.catalogue(place.tenant_id).policies:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_stored_record_is_a_duplicate_or_a_conflict_whatever_a_policy_says_by_now(place, intake):
    old = calls("acme", 1, date(2025, 11, 1), name="old")
    wild = calls("acme", 500, date(2025, 12, 31), name="wild")
    intake.take(place.tenant_id, [old, wild])
    with_policy(place, intake, POLICY)
    never = old._replace(record_id="never")
    offered = [never, old, wild, old._replace(value="2"), never]
    taken = intake.submit(place.tenant_id, offered).result(30)
    assert told(taken) == [
        (0, "rejected", "never"),
        (1, "duplicate", "old"),
        (2, "duplicate", "wild"),
        (3, "conflict", "old"),
        (4, "rejected", "never"),
    ]
    assert taken.others[3].stored == old
    assert intake.submit(place.tenant_id, [old, wild], atomic=True).result(30).accepted == 0
    assert sum(stored(place).values()) == 2


# --- what is rejected is counted ----------------------------------------------------------------


def rejected(place: Place) -> dict[tuple[str, str], int]:
    """How many records were rejected, by door and code."""
    with place.database.snapshot(place.tenant_id) as tx:
        rows = queries.rejections(tx)
    assert {(row.first_day, row.last_day) for row in rows} <= {(NOW.date(), NOW.date())}
    return {(row.door, row.code): row.records for row in rows}


def test_what_is_rejected_is_counted_with_what_is_stored(place):
    world.sell(place, [])
    with Intake(place.database, clock.fixed(NOW), door=Door.HTTP) as intake:
        with_policy(place, intake, POLICY)
        late = calls("acme", 1, date(2025, 11, 1), name="late")
        good = calls("acme", 1, date(2025, 12, 31), name="good")
        for _ in range(2):
            intake.submit(place.tenant_id, [BAD, good, late, BAD]).result(30)
        assert rejected(place) == {
            ("http", "usage.missing_field"): 4,
            ("http", "usage.too_old"): 2,
        }
    with Intake(place.database, clock.fixed(NOW)) as program:
        program.submit(place.tenant_id, [late]).result(30)
    assert rejected(place)["program", "usage.too_old"] == 1
    assert stored(place) == {("good", "1"): 1}


def test_a_request_of_bad_records_only_is_counted_too(place, intake):
    assert intake.submit(place.tenant_id, [BAD] * 3).result(30).count(Status.REJECTED) == 3
    assert rejected(place) == {("program", "usage.missing_field"): 3}
    assert batches(place) == 0


def test_a_flood_of_bad_records_is_counted_in_few_transactions(place, intake):
    with psycopg.connect(place.conninfo, options="-c search_path=everycent") as admin:
        admin.execute("lock table usage_rejection in exclusive mode")
        waiting = [intake.submit(place.tenant_id, [BAD]) for _ in range(300)]
        time.sleep(0.2)
        before = _written(place)
        admin.rollback()
    assert {future.result(30).count(Status.REJECTED) for future in waiting} == {1}
    assert rejected(place) == {("program", "usage.missing_field"): 300}
    assert _written(place) - before < 20


def _written(place: Place) -> int:
    """How often transactions got a number, which those get that write."""
    with psycopg.connect(place.conninfo) as admin:
        (number,) = admin.execute("select pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()
    return int(number)


def test_bad_records_that_wait_take_room(place):
    world.sell(place, [])
    with (
        Intake(place.database, clock.fixed(NOW), limits=Limits(records=5)) as intake,
        psycopg.connect(place.conninfo, options="-c search_path=everycent") as admin,
    ):
        admin.execute("lock table usage_rejection in exclusive mode")
        waiting = intake.submit(place.tenant_id, [BAD] * 4)
        with pytest.raises(Unavailable) as full:
            intake.submit(place.tenant_id, [BAD] * 2)
        assert full.value.code == "usage.busy"
        admin.rollback()
        assert waiting.result(30).count(Status.REJECTED) == 4
    assert rejected(place) == {("program", "usage.missing_field"): 4}


def test_what_is_refused_with_others_is_counted_under_its_own_code(place, intake):
    intake.take(place.tenant_id, [use("a", 1)])
    intake.submit(place.tenant_id, [use("b"), BAD], atomic=True).result(30)
    intake.submit(place.tenant_id, [use("b"), use("c"), use("a", 2)], atomic=True).result(30)
    assert rejected(place) == {
        ("program", "usage.missing_field"): 1,
        ("program", "usage.batch_refused"): 3,
        ("program", "usage.conflict"): 1,
    }
    assert stored(place) == {("a", "1"): 1}


def test_a_new_meter_takes_records_a_second_later(place, intake):
    record = use("a")._replace(meter="fresh")
    with pytest.raises(Invalid) as unknown:
        intake.take(place.tenant_id, [record])
    assert unknown.value.code == "usage.unknown_meter"
    text = world.CATALOGUE.replace("meters:", "meters:\n  fresh: {unit: x}")
    with place.database.transaction(place.tenant_id) as tx:
        catalog.apply(tx, document.parse(text), **writing(place))
    time.sleep(1.1)
    assert intake.take(place.tenant_id, [record]).accepted == 1


def test_records_of_a_program_are_checked_before_any_is_stored(place, intake):
    naive = use("b")._replace(at=datetime.fromisoformat("2026-01-05T12:00:00"))
    with pytest.raises(Invalid) as refused:
        intake.take(place.tenant_id, [use("a"), naive])
    assert refused.value.code == "time.naive"
    assert stored(place) == {}
    spelled = use("a")._replace(value="1.0", at=datetime(2026, 1, 5, 12, tzinfo=UTC))
    assert intake.take(place.tenant_id, [spelled]).accepted == 1
    assert told(intake.take(place.tenant_id, [use("a")])) == [(0, "duplicate", "a")]


def test_more_than_a_transaction_should_hold_is_refused(place, intake):
    with pytest.raises(Invalid) as refused:
        intake.take(place.tenant_id, [use("a")] * 20_001)
    assert refused.value.code == "usage.too_many_records"


def test_a_look_up_is_shared_for_a_second_and_so_is_its_failure():
    asked = []

    def load(key: str) -> str:
        asked.append(key)
        if key == "down":
            time.sleep(0.2)  # only what made somebody wait is worth remembering
            raise psycopg.OperationalError("gone")
        if key == "gone":
            raise psycopg.OperationalError("at once")
        return key.upper()

    known = Remembered(load, most=2)
    with pytest.raises(Unavailable):
        known.get("gone")
    asked.clear()
    assert known.fresh("a") is None
    assert [known.get("a"), known.get("a"), known.fresh("a")] == ["A", "A", "A"]
    assert asked == ["a"]
    for key in ("down", "down", "b"):
        with pytest.raises(Unavailable) as away:
            known.get(key)
        assert away.value.code == "database.unavailable"
    assert asked == ["a", "down"]
    assert known.get("a") == "A"
    time.sleep(1.1)
    assert [known.get(key) for key in ("a", "b", "c")] == ["A", "B", "C"]
    assert known.fresh("a") is None  # the oldest makes room
    assert asked == ["a", "down", "a", "b", "c"]
