"""Recurring measurements: every interval once, whatever fails, dies or runs side by side."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everycent.app.measuring import poller
from everycent.catalog import document as documents
from everycent.catalog import operations as catalog
from everycent.flows import measure as flow
from everycent.flows import measure_interval, measure_step, replay
from everycent.flows.measure_interval import Poll, Terms
from everycent.integrations import measure_http
from everycent.integrations.measurement_file import read
from everycent.kernel import clock, ids
from everycent.kernel.errors import Conflict, Refusal
from everycent.kernel.period import Period, parse_instant
from everycent.measurements import document, operations, queries
from everycent.measurements.measurement import Measurement, State
from everycent.metering import operations as metering
from everycent.metering.record import UsageRecord
from everycent.subscriptions import operations as subscriptions
from tests.conftest import Place
from tests.flows import world

CATALOGUE = """
meters:
  nights: {unit: night}
  hours: {unit: h}
  stored: {unit: GB, aggregation: latest}
  gb_hours: {unit: GBh}
  traffic: {unit: GB}
taxes:
  vat: {rates: [{since: 2000-01-01, percent: 13}]}
products:
  stay: {name: Room, tax: vat}
plans:
  room:
    currency: EUR
    anchor_day: 1
    prices: [{key: night, product: stay, meter: nights, per_unit: {unit_amount: 80}}]
"""
HOURS = """
measurements:
  up: {meter: hours, every: 1h, starts_at: 2026-01-01T00:00Z,
       time: {unit: hours, subjects: [a, b]}}
"""
START = datetime(2026, 1, 1, tzinfo=UTC)


def hours(n: float) -> datetime:
    return START + timedelta(hours=n)


def define(place: Place, text: str) -> None:
    with place.database.transaction(place.tenant_id) as tx:
        operations.apply(tx, document.definitions(read(text)), **place.writing)


@pytest.fixture
def seller(place: Place) -> Place:
    world.sell(place, [], text=CATALOGUE)
    return place


def run(
    place: Place,
    as_of: datetime,
    *,
    poll: Poll | None = None,
    environ: dict[str, str] | None = None,
    **more: Any,
) -> dict[str, flow.Outcome]:
    terms = Terms(clock.fixed(as_of), ids.derived, "test", poll or poller(environ or {}), "me")
    return {
        outcome.key: outcome
        for outcome in flow.run(place.database, place.tenant_id, as_of, terms, **more)
    }


def records(place: Place) -> list[tuple[Any, ...]]:
    with place.database.snapshot(place.tenant_id) as tx:
        return tx.tuples(
            "select r.record_id, s.name, m.name, r.at, r.value, d.name from usage_record r"
            " join usage_name s on s.name_id = r.subject_id join usage_name m on m.name_id = r.meter_id"
            " join usage_name d on d.name_id = r.dimensions_id order by r.at, s.name, r.record_id"
        )


def intervals(place: Place) -> list[tuple[Any, ...]]:
    with place.database.snapshot(place.tenant_id) as tx:
        return tx.tuples(
            "select key, starts_at, ends_at, outcome, records, total, conflicts"
            " from measurement_interval order by key, ends_at"
        )


def state(place: Place, key: str) -> State:
    with place.database.snapshot(place.tenant_id) as tx:
        return queries.get(tx, key)


def assert_replays(place: Place) -> None:
    with place.database.snapshot(place.tenant_id) as tx:
        assert replay.replay(tx).differences == {}


def assert_tiled(place: Place, until: datetime) -> None:
    by_key: dict[str, list[tuple[Any, ...]]] = {}
    for row in intervals(place):
        by_key.setdefault(row[0], []).append(row)
    for chain in by_key.values():
        assert (chain[0][1], chain[0][2]) == (None, START)
        for before, after in pairwise(chain):
            assert after[1] == before[2]
        assert chain[-1][2] == until


# --- time ---------------------------------------------------------------------------------------


def test_time_flows_into_one_record_per_interval_and_subject(seller):
    define(seller, HOURS)
    outcome = run(seller, hours(3.5))["up"]
    assert (outcome.taken, outcome.records, outcome.failure) == (3, 6, None)
    assert [(r[1], r[3], r[4]) for r in records(seller)] == [
        (subject, hours(n), 1) for n in range(3) for subject in "ab"
    ]
    assert_tiled(seller, hours(3))
    assert_replays(seller)


def test_what_is_covered_is_not_measured_again(seller):
    define(seller, HOURS)
    run(seller, hours(3))
    before = records(seller), intervals(seller)
    assert run(seller, hours(3))["up"] == flow.Outcome("up")
    assert run(seller, hours(1))["up"] == flow.Outcome("up")
    assert (records(seller), intervals(seller)) == before


def test_three_weeks_are_caught_up_in_order_with_progress(seller):
    define(seller, HOURS)
    told: list[tuple[str, int, int]] = []
    outcome = run(seller, hours(21 * 24), on_progress=lambda *step: told.append(step))["up"]
    assert (outcome.taken, outcome.records) == (504, 1008)
    assert told[-1] == ("up", 504, 504) or told[-2] == ("up", 504, 504)
    assert_tiled(seller, hours(504))


def test_hotel_nights_are_measured_and_billed(seller):
    world.sell(
        seller, [("ana", "room"), ("ben", "room")], text=CATALOGUE, starts_on=date(2026, 3, 27)
    )
    with seller.database.transaction(seller.tenant_id) as tx:
        subscriptions.cancel(
            tx, "ben", subscriptions.When(date(2026, 3, 30)), reason="left", writing=seller.writing
        )
    define(seller, """
measurements:
  room-nights: {meter: nights, every: 1d, time_zone: Europe/Zagreb, starts_at: 2026-01-01,
                delay: 2h, time: {unit: days, of_plan: room}}
""")  # fmt: skip
    midnight = world.midnight(date(2026, 4, 1))
    assert run(seller, midnight)["room-nights"].records == 4 + 3
    assert run(seller, midnight + timedelta(hours=2))["room-nights"].records == 1
    nights = [(r[1], r[3], r[4]) for r in records(seller)]
    assert {value for *_, value in nights} == {1}  # the night of 29 March has 23 hours
    assert [s for s, *_ in nights].count("ana") == 5
    assert [s for s, *_ in nights].count("ben") == 3
    metering.fold(seller.database, seller.tenant_id)
    world.run(seller, midnight)
    assert sorted(invoice.net for invoice in world.issued(seller)) == [3 * 80_00, 5 * 80_00]
    assert_replays(seller)


def test_a_contract_counts_only_while_it_ran_and_under_its_own_time(seller):
    world.sell(seller, [("ana", "room")], text=CATALOGUE, starts_on=date(2026, 1, 1))
    define(seller, """
measurements:
  month: {meter: nights, every: 1 month, starts_at: 2025-12-01, time: {unit: hours, of_plan: room}}
""")  # fmt: skip
    run(seller, datetime(2026, 2, 1, tzinfo=UTC))
    begun = world.midnight(date(2026, 1, 1))
    assert [(r[3], r[4]) for r in records(seller)] == [
        (begun, 1),  # 23:00 to midnight UTC of 31 December
        (datetime(2026, 1, 1, tzinfo=UTC), 744),
    ]


# --- crashes ------------------------------------------------------------------------------------


def test_a_crash_between_records_and_coverage_measures_nothing_twice(seller, monkeypatch):
    define(seller, HOURS)
    with monkeypatch.context() as broken:
        broken.setattr(operations, "cover", _raise(RuntimeError("power")))
        outcome = run(seller, hours(2))["up"]
    assert outcome.failure is not None
    assert outcome.failure.code == "measurement.failed"
    assert (len(records(seller)), len(intervals(seller))) == (4, 1)
    assert run(seller, hours(3))["up"].taken == 3
    assert [r[4] for r in records(seller)] == [1] * 6
    assert_tiled(seller, hours(3))
    assert state(seller, "up").failure is None


def _raise(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def _die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _measure_alone(conninfo: str, tenant_id: int, as_of: datetime, fatal: str | None) -> None:
    """A whole process that measures; `fatal` names the operation in which it is killed."""
    from everycent.db.connection import Database

    if fatal is not None:
        setattr(operations if hasattr(operations, fatal) else metering, fatal, _die)
    database = Database(conninfo)
    terms = Terms(clock.fixed(as_of), ids.derived, "test", poller({}), "me")
    flow.run(database, tenant_id, as_of, terms)
    database.close()


def _in_a_process(place: Place, as_of: datetime, fatal: str | None) -> int | None:
    fork = multiprocessing.get_context("forkserver")
    arguments = (place.conninfo, place.tenant_id, as_of, fatal)
    worker = fork.Process(target=_measure_alone, args=arguments)
    worker.start()
    worker.join(60)
    return worker.exitcode


@pytest.mark.parametrize("fatal", ["ingest", "cover"])
def test_a_killed_process_loses_nothing_and_measures_nothing_twice(seller, other_place, fatal):
    define(seller, HOURS)
    assert _in_a_process(seller, hours(5), fatal) == -signal.SIGKILL
    assert len(intervals(seller)) == 1
    assert _in_a_process(seller, hours(5), None) == 0
    world.sell(other_place, [], text=CATALOGUE)
    define(other_place, HOURS)
    run(other_place, hours(5))
    assert records(seller) == records(other_place)
    assert intervals(seller) == intervals(other_place)


def test_what_an_attempt_that_broke_off_has_stored_stands(seller, monkeypatch):
    define(seller, """
measurements:
  t: {meter: traffic, every: 1h, starts_at: 2026-01-01T00:00Z,
      sql: {connection_env: DB, query: "select %(start)s, %(end)s"}}
""")  # fmt: skip
    eu, us = {"r": "eu"}, {"r": "us"}
    first = [{"subject": "a", "value": "1"}, {"subject": "b", "value": "5", "dimensions": eu}]
    with monkeypatch.context() as broken:
        broken.setattr(operations, "cover", _raise(RuntimeError("power")))
        run(seller, hours(1), poll=lambda *_: first)
    later = [
        {"subject": "a", "value": "2"},
        {"subject": "b", "value": "5", "dimensions": {"r": "as"}},
        {"subject": "b", "value": "5", "dimensions": us},
        {"subject": "c", "value": "7"},
    ]
    outcome = run(seller, hours(1), poll=lambda *_: later)["t"]
    assert (outcome.taken, outcome.records, outcome.conflicts) == (1, 3, 3)
    assert [(r[1], r[4], r[5]) for r in records(seller)] == [
        ("a", 1, "{}"), ("b", 5, '{"r":"eu"}'), ("c", 7, "{}"),
    ]  # fmt: skip
    assert intervals(seller)[-1][3:] == ("taken", 3, 13, 3)
    with seller.database.snapshot(seller.tenant_id) as tx:
        payload = json.loads(
            tx.value("select payload from journal_event where type = 'measurement.taken'")
        )
    assert payload["conflicting"] == ["a", "b", "b"]
    assert_replays(seller)


def test_all_that_stands_is_summed_also_where_many_records_conflict(seller, monkeypatch):
    subjects = [f"s{n}" for n in range(1100)]
    wide = HOURS.replace("[a, b]", f"[{', '.join(subjects)}]")
    define(seller, wide)
    with monkeypatch.context() as broken:
        broken.setattr(operations, "cover", _raise(RuntimeError("power")))
        run(seller, hours(1))
    define(seller, wide.replace("unit: hours", "unit: minutes"))
    outcome = run(seller, hours(1))["up"]
    assert (outcome.records, outcome.conflicts, len(records(seller))) == (1100, 1100, 1100)
    assert intervals(seller)[-1][4:] == (1100, 1100, 1100)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    attempts=st.lists(
        st.tuples(st.integers(0, 30), st.sampled_from(["none", "ingest", "cover"])), max_size=6
    ),
    number=st.uuids(),
)
def test_however_a_run_is_cut_up_the_intervals_tile_time_and_the_records_are_the_same(
    seller, attempts, number
):
    key = f"u{number.hex[:12]}"
    define(seller, HOURS.replace("up:", f"{key}:").replace("[a, b]", f"[{key}]"))
    for as_of, crash in attempts:
        with pytest.MonkeyPatch.context() as broken:
            if crash != "none":
                broken.setattr(
                    operations if crash == "cover" else metering, crash, _raise(OSError())
                )
            run(seller, hours(as_of))
    run(seller, hours(30))
    chain = [row for row in intervals(seller) if row[0] == key]
    assert [row[1:3] for row in chain] == [(None, START)] + [
        (hours(n), hours(n + 1)) for n in range(30)
    ]
    own = [r for r in records(seller) if r[1] == key]
    assert [(r[0].removeprefix(key), r[3], r[4]) for r in own] == [
        (f"/2026-01-{1 + n // 24:02}T{n % 24:02}:00:00Z/{key}", hours(n), 1) for n in range(30)
    ]


# --- side by side -------------------------------------------------------------------------------


def test_two_runners_side_by_side_measure_everything_once(seller):
    define(seller, HOURS)
    with pytest.MonkeyPatch.context() as small:
        small.setattr(measure_interval, "_TOGETHER_RECORDS", 20)
        small.setattr(measure_interval, "_PIECE", 7)
        threads = [threading.Thread(target=run, args=(seller, hours(240))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    run(seller, hours(240))
    assert_tiled(seller, hours(240))
    assert len(records(seller)) == 480


def test_whoever_is_at_it_is_not_disturbed(seller):
    define(seller, HOURS)
    with seller.database.transaction(seller.tenant_id) as tx:
        assert operations.try_lock(tx, "up")
        assert run(seller, hours(2))["up"].is_busy
    assert run(seller, hours(2))["up"].taken == 2


def test_without_the_lock_the_chain_has_the_last_word(seller, monkeypatch):
    define(seller, HOURS)
    monkeypatch.setattr(operations, "try_lock", lambda *_: True)
    both = threading.Barrier(2, timeout=10)
    cover = operations.cover

    def together(*args: Any, **more: Any) -> None:
        both.wait()
        cover(*args, **more)

    monkeypatch.setattr(operations, "cover", together)
    found: list[flow.Outcome] = []
    threads = [
        threading.Thread(target=lambda: found.append(run(seller, hours(1))["up"])) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    time.sleep(1)
    both.abort()
    for thread in threads:
        thread.join()
    assert sorted(outcome.taken for outcome in found) == [0, 1]
    loser = min(found, key=lambda outcome: outcome.taken)
    assert isinstance(loser.failure, Conflict)
    assert (len(records(seller)), len(intervals(seller))) == (2, 2)


# --- levels -------------------------------------------------------------------------------------

LEVELS = """
measurements:
  gb: {meter: gb_hours, every: 1h, starts_at: 2026-01-01T00:00Z,
       sample: {meter: stored, unit: hours, subjects: [a, b, c]}}
"""


def level(subject: str, at: datetime, value: str, name: str = "") -> UsageRecord:
    return UsageRecord("disk", name or f"{subject}{at}", subject, "stored", at, value)


def test_a_level_is_carried_on_until_it_changes(seller):
    world.use(seller, [
        level("a", hours(-30), "10"), level("a", hours(1.5), "20"), level("a", hours(2), "40"),
        level("b", hours(2.5), "0.5"),
    ], fold=False)  # fmt: skip
    define(seller, LEVELS)
    assert run(seller, hours(4))["gb"].records == 4 + 2
    assert [(r[1], r[3], r[4]) for r in records(seller) if r[2] == "gb_hours"] == [
        ("a", hours(0), 10), ("a", hours(1), 20),
        ("a", hours(2), 40), ("b", hours(2), Decimal("0.5")),
        ("a", hours(3), 40), ("b", hours(3), Decimal("0.5")),
    ]  # fmt: skip


def test_without_a_history_only_the_newest_interval_is_sampled_and_the_others_are_missed(seller):
    world.use(seller, [level("a", hours(-1), "10")], fold=False)
    define(seller, LEVELS.replace("[a, b, c]", "[a], history: false"))
    assert run(seller, hours(1))["gb"].missed == 0
    outcome = run(seller, hours(5.5))["gb"]
    assert (outcome.taken, outcome.missed, outcome.records) == (1, 3, 1)
    assert [row[3] for row in intervals(seller)] == ["begun", "taken", *["missed"] * 3, "taken"]
    assert_tiled(seller, hours(5))
    with seller.database.snapshot(seller.tenant_id) as tx:
        assert {one.reason for one in queries.newest(tx, "gb", 9)} == {None, measure_step.NO_MEMORY}
    assert_replays(seller)


def test_a_look_back_does_not_sample_what_is_past(seller):
    world.use(seller, [level("a", hours(-1), "10")], fold=False)
    define(seller, LEVELS.replace("[a, b, c]", "[a], history: false"))
    terms = Terms(clock.fixed(hours(9)), ids.derived, "test", poller({}), "me")
    flow.run(seller.database, seller.tenant_id, hours(2), terms)
    assert [row[3] for row in intervals(seller)] == ["begun", "missed", "missed"]


def test_a_voided_level_is_no_level(seller):
    world.use(
        seller, [level("a", hours(-2), "10"), level("a", hours(-1), "99", "wrong")], fold=True
    )
    with psycopg.connect(seller.conninfo, options="-c search_path=everycent") as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute(
            "insert into usage_reversal (tenant_id, key, reversal_no, sign, batch_id, correction_id,"
            " subject_id, meter_id, dimensions_id, at, value, content, source_id, record_id)"
            " select tenant_id, key, 1, -1, batch_id, gen_random_uuid(), subject_id, meter_id,"
            " dimensions_id, at, value, content, source_id, record_id"
            " from usage_record where record_id = 'wrong'"
        )
    define(seller, LEVELS)
    run(seller, hours(1))
    assert [r[4] for r in records(seller) if r[2] == "gb_hours"] == [10]


# --- HTTP ---------------------------------------------------------------------------------------


class Source(ThreadingHTTPServer):
    """A source whose answers are scripted: each a status, a body, and what to do before it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: list[tuple[int, Any, dict[str, str]]] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.seconds = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Source)
        server.asked.append((self.path, dict(self.headers)))
        time.sleep(server.seconds)
        status, body, headers = server.script.pop(0) if server.script else (200, _HONEST, {})
        if callable(body):
            body = body(self.path)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with suppress(OSError):  # whoever asked may not have waited
            self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


def _HONEST(path: str) -> Any:  # noqa: N802 - the answer when nothing else is scripted
    asked = parse_qs(urlsplit(path).query)
    hour = parse_instant(asked["from"][0], "from").hour
    return {"data": {"rows": [{"subject": "vm1", "value": hour + 0.5}]}}


@pytest.fixture
def source() -> Iterator[Source]:
    server = Source()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Pauses between attempts are noted and not made."""
    slept: list[int] = []
    monkeypatch.setattr(measure_http.fetch, "__defaults__", (slept.append,))
    return slept


def polled(source: Source, more: str = "", http: str = "") -> str:
    return f"""
measurements:
  vms: {{meter: traffic, every: 1h, starts_at: 2026-01-01T00:00Z, dimensions: {{site: zg}}{more},
        http: {{url: "{source.url}/usage?from={{start}}&to={{end}}", records: data.rows{http}}}}}
"""


def test_an_http_source_is_asked_interval_by_interval(seller, source):
    define(
        seller, polled(source, http=', headers: {Authorization: {env: TOKEN, prefix: "Bearer "}}')
    )
    outcome = run(seller, hours(3), environ={"TOKEN": "s3cret"})["vms"]
    assert (outcome.taken, outcome.records, outcome.failure) == (3, 3, None)
    assert [(r[1], r[3], r[4], r[5]) for r in records(seller)] == [
        ("vm1", hours(n), Decimal(n) + Decimal("0.5"), '{"site":"zg"}') for n in range(3)
    ]
    path, headers = source.asked[0]
    assert path == "/usage?from=2026-01-01T00%3A00%3A00Z&to=2026-01-01T01%3A00%3A00Z"
    assert headers["Authorization"] == "Bearer s3cret"
    with psycopg.connect(seller.conninfo, options="-c search_path=everycent") as admin:
        for table in ("journal_event", "measurement_version", "measurement_failure"):
            text = admin.execute(f"select coalesce(string_agg(t::text, ''), '') from {table} t")
            assert "s3cret" not in text.fetchone()[0]


ROW = {"subject": "vm1", "value": "1"}
FAULTS = [
    # status, body, headers                                         code, requests made
    (503, b"busy", {}, "measurement.source_refused", 3),
    (404, b"", {}, "measurement.source_refused", 1),
    (401, b"", {}, "measurement.source_refused", 1),
    (204, b"", {}, "measurement.source_refused", 1),
    (200, b"<html>", {}, "measurement.wrong_answer", 1),
    (200, b"\xff", {}, "measurement.wrong_answer", 1),
    (200, b"[" * 9_999, {}, "measurement.wrong_answer", 1),
    (200, b'{"data": {"rows": [], "rows": []}}', {}, "measurement.wrong_answer", 1),
    (200, b'{"data": {"rows": [{"subject": "a", "value": NaN}]}}', {}, "measurement.wrong_answer", 1),
    (200, {"rows": []}, {}, "measurement.wrong_answer", 1),
    (200, {"data": {"rows": {}}}, {}, "measurement.wrong_answer", 1),
    (200, {"data": {"rows": [ROW, {"subject": "b"}]}}, {}, "measurement.wrong_answer", 1),
    (200, {"data": {"rows": [ROW, {"subject": "b", "value": "x"}]}}, {}, "number.malformed", 1),
    (200, {"data": {"rows": [ROW, ROW | {"x": 1}]}}, {}, "measurement.wrong_answer", 1),
    (200, {"data": {"rows": [ROW, ROW]}}, {}, "measurement.subject_twice", 1),
    (200, {"data": {"rows": [ROW] * 9}}, {}, "measurement.too_many_rows", 1),
    (200, b" " * 10_001, {}, "measurement.answer_too_large", 1),
    (200, b"x", {"Content-Encoding": "gzip"}, "measurement.wrong_answer", 1),
    (302, b"", {"Location": "http://localhost:1/elsewhere"}, "measurement.redirected", 1),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "headers", "code", "requests"), FAULTS)
def test_a_wrong_answer_stores_nothing_and_is_asked_again_later(
    seller, source, status, body, headers, code, requests
):
    define(seller, polled(source, http=", max_bytes: 10000, max_rows: 8") + HOURS.split("\n", 2)[2])
    source.script = [(status, body, headers)] * requests
    outcomes = run(seller, hours(2))
    failure = outcomes["vms"].failure
    assert isinstance(failure, Refusal)
    assert (failure.code, len(source.asked)) == (code, requests)
    assert outcomes["up"].taken == 2  # the other one goes on
    assert [r for r in records(seller) if r[1] == "vm1"] == []
    told = state(seller, "vms").failure
    assert told is not None
    assert (told.code, told.attempts, told.starts_at, told.since) == (code, 1, START, hours(2))
    assert run(seller, hours(2))["vms"].taken == 2
    assert state(seller, "vms").failure is None
    assert [r[4] for r in records(seller) if r[1] == "vm1"] == [Decimal("0.5"), Decimal("1.5")]
    assert_replays(seller)


def test_a_passing_trouble_is_overcome_by_asking_again(seller, source, impatient):
    define(seller, polled(source))
    source.script = [(503, b"", {}), (429, b"", {})]
    assert run(seller, hours(1))["vms"].taken == 1
    assert impatient == [1, 2]


def test_a_redirect_on_the_same_host_is_followed(seller, source):
    define(seller, polled(source))
    source.script = [(302, b"", {"Location": "/v2?from=2026-01-01T07:00:00Z"})]
    assert run(seller, hours(1))["vms"].taken == 1
    assert [r[4] for r in records(seller)] == [Decimal("7.5")]


def test_a_circle_of_redirects_ends(seller, source):
    define(seller, polled(source))
    source.script = [(302, b"", {"Location": "/round"})] * 20
    failure = run(seller, hours(1))["vms"].failure
    assert failure is not None
    assert failure.code == "measurement.redirected"


def test_a_slow_source_is_not_waited_for(seller, source):
    define(seller, polled(source, http=", timeout_seconds: 1"))
    source.seconds = 1.3
    failure = run(seller, hours(1))["vms"].failure
    assert failure is not None
    assert failure.code == "measurement.source_slow"
    source.seconds = 0
    assert run(seller, hours(1))["vms"].taken == 1


def test_a_source_that_is_down_fails_again_and_again_and_says_since_when(seller, source):
    define(seller, polled(source).replace(str(source.server_port), "1"))
    for n in range(3):
        failure = run(seller, hours(1 + n))["vms"].failure
        assert failure is not None
        assert failure.code == "measurement.source_unavailable"
    told = state(seller, "vms").failure
    assert told is not None
    assert (told.attempts, told.since, told.last_at) == (3, hours(1), hours(3))
    assert told.retry_at == hours(3) + timedelta(minutes=2)
    assert flow.next_wake([state(seller, "vms")]) == told.retry_at


def test_a_secret_that_is_not_there_is_named_and_nobody_is_asked(seller, source):
    define(seller, polled(source, http=", headers: {Authorization: {env: TOKEN}}"))
    failure = run(seller, hours(1))["vms"].failure
    assert failure is not None
    assert (failure.code, failure.field, source.asked) == (
        "measurement.secret_missing",
        "TOKEN",
        [],
    )


def test_a_secret_with_a_line_break_is_not_repeated_to_anybody(seller, source):
    define(seller, polled(source, http=", headers: {Authorization: {env: TOKEN}}"))
    failure = run(seller, hours(1), environ={"TOKEN": "s3cret\n"})["vms"].failure
    assert failure is not None
    assert (failure.code, source.asked) == ("measurement.secret_malformed", [])
    assert "s3cret" not in str(failure.as_dict())


def test_sources_that_are_asked_come_after_what_asks_nobody(seller, source):
    define(seller, polled(source) + HOURS.split("\n", 2)[2].replace("up:", "zz:"))
    assert list(run(seller, hours(1))) == ["zz", "vms"]


@pytest.mark.parametrize("crash", [(metering, "ingest"), (operations, "cover")])
def test_what_a_source_without_memory_told_before_a_crash_is_not_lost(seller, source, crash):
    define(seller, polled(source, http=", history: false"))
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(*crash, _raise(RuntimeError("power")))
        run(seller, hours(1))
    source.script = [(200, {"data": {"rows": [{"subject": "vm9", "value": "8"}]}}, {})]
    outcome = run(seller, hours(5))["vms"]
    assert (outcome.taken, outcome.missed, outcome.conflicts, len(source.asked)) == (2, 3, 0, 2)
    assert [(r[1], r[3], r[4]) for r in records(seller)] == [
        ("vm1", hours(0), Decimal("0.5")),
        ("vm9", hours(4), 8),
    ]
    assert [row[3:5] for row in intervals(seller)][1:] == [
        ("taken", 1), ("missed", 0), ("missed", 0), ("missed", 0), ("taken", 1),
    ]  # fmt: skip
    assert run(seller, hours(6))["vms"].taken == 1
    assert_replays(seller)


def test_what_a_source_told_before_it_failed_stays(seller, source):
    define(seller, polled(source))
    source.script = [(200, _HONEST, {}), (200, _HONEST, {}), (404, b"", {})]
    outcome = run(seller, hours(4))["vms"]
    assert (outcome.taken, outcome.failure is not None) == (2, True)
    assert_tiled(seller, hours(2))
    assert run(seller, hours(4))["vms"].taken == 2


# --- SQL ----------------------------------------------------------------------------------------


@pytest.fixture
def warehouse(fresh_database: Callable[[], str]) -> str:
    """Another PostgreSQL database with samples of its own."""
    url = fresh_database()
    with psycopg.connect(url) as connection:
        connection.execute("create table samples (vm text, at timestamptz, gb numeric, zone text)")
        connection.execute(
            "insert into samples select 'vm' || v, timestamptz '2026-01-01 00:00Z' + h * interval '30 min',"
            " v * 1.25, 'z' from generate_series(1, 3) v, generate_series(0, 9) h"
        )
    return url


def asked(query: str, more: str = "") -> str:
    return f"""
measurements:
  w: {{meter: traffic, every: 1h, starts_at: 2026-01-01T00:00Z,
      sql: {{connection_env: DB, query: "{query}"{more}}}}}
"""


BETWEEN = "from samples where at >= %(start)s and at < %(end)s"


def test_an_sql_source_is_asked_interval_by_interval(seller, warehouse):
    define(seller, asked(
        f"select vm as subject, sum(gb) as value, max(at) as at, jsonb_build_object('zone', zone)"
        f" as dimensions {BETWEEN} group by vm, zone"
    ))  # fmt: skip
    outcome = run(seller, hours(2), environ={"DB": warehouse})["w"]
    assert (outcome.taken, outcome.records, outcome.failure) == (2, 6, None)
    assert [(r[1], r[3], r[4], r[5]) for r in records(seller)] == [
        (f"vm{v}", hours(h + 0.5), Decimal("2.5") * v, '{"zone":"z"}')
        for h in range(2)
        for v in (1, 2, 3)
    ]
    assert_replays(seller)


@pytest.mark.parametrize(
    ("query", "more", "code"),
    [
        (f"select vm as subject {BETWEEN}", "", "measurement.wrong_answer"),
        (f"select vm as subject, gb as value, zone {BETWEEN}", "", "measurement.wrong_answer"),
        (f"select vm as subject, gb as value {BETWEEN}", "", "measurement.subject_twice"),
        (f"select vm as subject, avg(gb)::float8 as value {BETWEEN} group by vm", "",
         "measurement.wrong_answer"),
        (f"select vm as subject, null::numeric as value {BETWEEN} group by vm", "",
         "measurement.wrong_answer"),
        (f"select vm as subject, sum(gb) as value {BETWEEN} group by vm", ", max_rows: 2",
         "measurement.too_many_rows"),
        (f"select vm as subject, nothing as value {BETWEEN}", "", "measurement.query_failed"),
        ("select 'a' as subject, pg_sleep(5)::text as value where %(start)s < %(end)s",
         ", timeout_seconds: 1", "measurement.source_slow"),
        ("delete from samples where at >= %(start)s and at < %(end)s", "", "measurement.query_failed"),
        (f"with d as (delete {BETWEEN} returning *) select vm as subject, gb as value from d", "",
         "measurement.query_failed"),
        ("select 'a' as subject, 1 as value where %(start)s < %(end)s; delete from samples", "",
         "measurement.query_failed"),
    ],
)  # fmt: skip
def test_a_query_that_gives_something_else_measures_nothing(seller, warehouse, query, more, code):
    define(seller, asked(query, more))
    failure = run(seller, hours(1), environ={"DB": warehouse})["w"].failure
    assert failure is not None
    assert (failure.code, records(seller)) == (code, [])
    with psycopg.connect(warehouse) as connection:
        assert connection.execute("select count(*) from samples").fetchone() == (30,)


def test_an_sql_source_that_is_away_does_not_look_like_our_own_database(seller, warehouse):
    define(seller, asked("select %(start)s, %(end)s") + HOURS.split("\n", 2)[2])
    environ = {"DB": "postgresql://nobody:secret@127.0.0.1:1/none"}
    outcomes = run(seller, hours(1), environ=environ)
    failure = outcomes["w"].failure
    assert failure is not None
    assert failure.code == "measurement.source_unavailable"
    assert "secret" not in failure.message
    assert outcomes["up"].taken == 1
    failure = run(seller, hours(1), environ={"DB": "postgresql//u:secret@h"})["w"].failure
    assert failure is not None
    assert failure.code == "measurement.source_unavailable"
    assert "secret" not in failure.message


# --- pauses and changes -------------------------------------------------------------------------


def test_a_paused_measurement_rests_and_catches_up_when_it_goes_on(seller):
    define(seller, HOURS)
    run(seller, hours(1))
    with seller.database.transaction(seller.tenant_id) as tx:
        operations.switch(tx, "up", is_paused=True, reason="move", **seller.writing)
    assert run(seller, hours(3)) == {}
    define(seller, HOURS.replace("[a, b]", "[a]"))
    assert state(seller, "up").is_paused
    with seller.database.transaction(seller.tenant_id) as tx:
        operations.switch(tx, "up", is_paused=False, reason="", **seller.writing)
    assert run(seller, hours(3))["up"].records == 2
    assert_tiled(seller, hours(3))
    assert_replays(seller)


def test_a_new_version_holds_for_what_is_not_covered_yet(seller):
    define(seller, HOURS)
    run(seller, hours(2))
    define(seller, HOURS.replace("every: 1h", "every: 1d"))
    assert run(seller, hours(48))["up"].taken == 2
    assert [row[4:6] for row in intervals(seller)][1:] == [(2, 2), (2, 2), (2, 44), (2, 48)]
    assert [r[4] for r in records(seller) if r[1] == "a"] == [1, 1, 22, 24]


def test_the_next_instant_to_wake_up_is_the_earliest_of_all(seller, source):
    define(seller, HOURS)
    define(seller, polled(source, more=", delay: 10m"))
    run(seller, hours(1))
    with seller.database.snapshot(seller.tenant_id) as tx:
        states = queries.listed(tx)
    assert flow.next_wake(states) == hours(1) + timedelta(minutes=10)
    assert flow.next_wake([]) is None


def test_a_defect_in_one_measurement_stops_no_other(seller):
    define(seller, HOURS + asked("select %(start)s, %(end)s").split("\n", 2)[2])

    def defect(measurement: Measurement, interval: Period) -> Any:
        raise KeyError(measurement.key)

    outcomes = run(seller, hours(1), poll=defect)
    assert outcomes["up"].taken == 1
    failure = outcomes["w"].failure
    assert failure is not None
    assert (failure.code, failure.message) == ("measurement.failed", "KeyError: 'w'")


def test_when_our_own_database_is_away_the_run_says_so_and_blames_no_measurement(
    seller, monkeypatch
):
    define(seller, HOURS)
    with monkeypatch.context() as broken:
        broken.setattr(operations, "try_lock", _raise(psycopg.OperationalError("gone")))
        with pytest.raises(psycopg.OperationalError):
            run(seller, hours(1))
    assert state(seller, "up").failure is None


def test_a_level_that_is_too_high_stops_at_its_own_interval(seller):
    world.use(seller, [level("a", hours(-1), "10"), level("a", hours(2.5), "9" * 20)], fold=False)
    define(seller, LEVELS.replace("unit: hours", "unit: seconds"))
    outcome = run(seller, hours(4))["gb"]
    assert (outcome.taken, outcome.failure is not None) == (2, True)
    told = state(seller, "gb").failure
    assert told is not None
    assert (told.code, told.starts_at) == ("number.malformed", hours(2))


# --- intake policies ----------------------------------------------------------------------------


def sell_under(place: Place, policy: str) -> None:
    """Applies the catalogue with an intake policy."""
    with place.database.transaction(place.tenant_id) as tx:
        catalog.apply(tx, documents.parse(CATALOGUE + policy), **place.writing)


def test_a_record_that_a_policy_refuses_is_told_as_a_failure_of_its_interval(seller):
    sell_under(seller, 'intake:\n  gb_hours: {value: {max: "15"}}\n')
    world.use(seller, [level("a", hours(-1), "10"), level("a", hours(2.5), "20")], fold=False)
    define(seller, LEVELS)
    outcome = run(seller, hours(5))["gb"]
    assert (outcome.taken, outcome.records) == (2, 2)
    assert outcome.failure is not None
    assert outcome.failure.code == "measurement.record_refused"
    assert "[usage.value_out_of_bounds]" in outcome.failure.message
    told = state(seller, "gb").failure
    assert told is not None
    assert (told.code, told.starts_at) == ("measurement.record_refused", hours(2))
    assert [r[3] for r in records(seller) if r[2] == "gb_hours"] == [hours(0), hours(1)]
    sell_under(seller, 'intake:\n  gb_hours: {value: {max: "20"}}\n')
    assert run(seller, hours(5))["gb"].taken == 3
    assert state(seller, "gb").failure is None
    assert_tiled(seller, hours(5))


def test_records_that_are_stored_are_covered_however_old_they_are_by_now(seller, monkeypatch):
    define(seller, HOURS)
    monkeypatch.setattr(measure_step, "_cover", lambda *_: 1 / 0)
    assert run(seller, hours(1))["up"].failure is not None  # stored, and not covered
    monkeypatch.undo()
    sell_under(seller, "intake:\n  hours: {accept_days: 30}\n")
    outcome = run(seller, hours(24 * 60))["up"]
    assert (outcome.taken, len(records(seller))) == (1, 2)
    assert outcome.failure is not None
    assert "[usage.too_old]" in outcome.failure.message
