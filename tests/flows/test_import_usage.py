"""Imports: each record once for ever, whatever is sent twice, out of order, at once or half."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import random
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everycent.catalog import document
from everycent.catalog import operations as catalog
from everycent.catalog import queries as catalog_queries
from everycent.catalog.intake import IntakePolicy
from everycent.catalog.meter import Aggregation, Series
from everycent.cli.usage_layout import Layout, reading
from everycent.consumption import queries as consumption
from everycent.consumption.usage import Request
from everycent.db.connection import Database
from everycent.flows import import_usage as flow
from everycent.flows import persistence, rejections
from everycent.flows.import_usage import ImportResult, import_usage
from everycent.flows.take_in import Intake
from everycent.flows.taken import Status
from everycent.integrations.usage_files import open_rows
from everycent.kernel import clock
from everycent.kernel.errors import Invalid, Unavailable
from everycent.kernel.period import Period
from everycent.metering import audit, operations, queries, wire
from everycent.metering.mapping import ColumnMapping, Reject, Rows, parser, wanted_columns
from everycent.metering.offered import Refused
from everycent.metering.wire import Form
from tests.conftest import Place

CATALOGUE = """
meters:
  calls: {unit: call}
  hours: {unit: h}
  daytime: {of: calls, aggregation: max}
"""
HEADER = ["id", "subject", "meter", "at", "value", "region"]
MAPPING = ColumnMapping("app", dimensions={"region": "region"})
START = datetime(2026, 1, 1, tzinfo=UTC)
Row = Sequence[str]


@pytest.fixture
def seller(place: Place) -> Place:
    """A tenant with the meters `calls` and `hours`."""
    with place.database.transaction(place.tenant_id) as tx:
        catalog.apply(tx, document.parse(CATALOGUE), **place.writing)  # type: ignore[arg-type]
    return place


def row(n: int, value: str = "", *, day: int = 0) -> Row:
    """A row that is the same for the same arguments."""
    at = START + timedelta(days=day, minutes=7 * n)
    return [
        f"r{n}",
        f"s{n % 5}",
        ("calls", "hours")[n % 2],
        at.isoformat(),
        value or f"{n}.25",
        ("", "eu")[n % 3 > 0],
    ]


def taken(
    database: Database,
    tenant_id: int,
    rows: Iterable[Row],
    *,
    batch_size: int = 50,
    mapping: ColumnMapping = MAPPING,
) -> tuple[ImportResult, list[Reject]]:
    """Imports rows of cells, the first standing on line 2."""
    cells = list(rows)
    given_rows = Rows(range(2, len(cells) + 2), cells, [",".join(c) for c in cells])
    rejects: list[Reject] = []
    progress: list[ImportResult] = []
    result = import_usage(
        database,
        tenant_id,
        [given_rows],
        parser(mapping, HEADER, {"calls", "hours"}),
        recorded_at=START,
        on_reject=rejects.append,
        on_progress=progress.append,
        batch_size=batch_size,
    )
    assert result.read == sum(result[1:]) == len(cells)
    assert len(rejects) == result.conflicts + result.rejected
    assert progress == sorted(progress)
    assert progress[-1:] == [result][: len(progress)]
    return result, rejects


def stored(place: Place) -> list[tuple[Any, ...]]:
    """Every record in plain words, and that the proofs about usage hold."""
    with place.database.snapshot(place.tenant_id) as tx:
        for check in audit.CHECKS:
            assert audit.violations(tx, check) == []
        return tx.tuples(
            """
            select s.name, u.record_id, b.name, m.name, u.at, u.value, d.name, u.key, u.content
            from usage_record u
            join usage_name s on s.tenant_id = u.tenant_id and s.name_id = u.source_id
            join usage_name b on b.tenant_id = u.tenant_id and b.name_id = u.subject_id
            join usage_name m on m.tenant_id = u.tenant_id and m.name_id = u.meter_id
            join usage_name d on d.tenant_id = u.tenant_id and d.name_id = u.dimensions_id
            order by u.record_id
            """
        )


def ids_of(place: Place) -> list[str]:
    return [record[1] for record in stored(place)]


def counted(result: ImportResult) -> tuple[int, int, int, int]:
    """Accepted, duplicates, conflicts, rejected."""
    return result[1:]


# --- once, for ever ---------------------------------------------------------------------------


def test_an_import_again_adds_nothing_and_says_so(seller: Place) -> None:
    rows = [row(n) for n in range(230)]
    assert counted(taken(seller.database, seller.tenant_id, rows)[0]) == (230, 0, 0, 0)
    before = stored(seller)
    assert len(before) == 230
    assert counted(taken(seller.database, seller.tenant_id, rows)[0]) == (0, 230, 0, 0)
    assert stored(seller) == before
    with seller.database.snapshot(seller.tenant_id) as tx:
        counts = queries.counts(tx)
    assert (counts.records, counts.duplicates, counts.batches, counts.open) == (230, 230, 10, 10)
    assert operations.fold(seller.database, seller.tenant_id) == 10
    with seller.database.snapshot(seller.tenant_id) as tx:
        assert queries.counts(tx).open == 0


def test_halves_that_overlap_give_the_whole(seller: Place) -> None:
    rows = [row(n) for n in range(300)]
    assert counted(taken(seller.database, seller.tenant_id, rows[:200])[0]) == (200, 0, 0, 0)
    assert counted(taken(seller.database, seller.tenant_id, rows[100:])[0]) == (100, 100, 0, 0)
    assert sorted(ids_of(seller)) == sorted(r[0] for r in rows)


def test_order_does_not_matter(seller: Place) -> None:
    rows = [row(n) for n in range(300)] * 2
    random.Random(1).shuffle(rows)
    result, _ = taken(seller.database, seller.tenant_id, rows)
    assert counted(result) == (300, 300, 0, 0)
    shuffled = stored(seller)
    random.Random(2).shuffle(rows)
    assert counted(taken(seller.database, seller.tenant_id, rows)[0]) == (0, 600, 0, 0)
    assert stored(seller) == shuffled


def test_another_spelling_of_the_same_record_is_a_duplicate(seller: Place) -> None:
    first = ["r1", "s", "calls", "2026-01-01T00:00:00Z", "1.5", ""]
    other = ["r1", "s", "calls", "2026-01-01T01:00:00.000+01:00", "1.500", ""]
    assert counted(taken(seller.database, seller.tenant_id, [first, other])[0]) == (1, 1, 0, 0)
    assert counted(taken(seller.database, seller.tenant_id, [other])[0]) == (0, 1, 0, 0)


def test_an_id_is_known_for_ever_even_with_another_month(seller: Place) -> None:
    taken(seller.database, seller.tenant_id, [row(1)])
    result, rejects = taken(seller.database, seller.tenant_id, [row(1, day=700)])
    assert counted(result) == (0, 0, 1, 0)
    assert rejects[0].code == "usage.conflict"


def test_the_same_id_of_another_source_is_another_record(seller: Place) -> None:
    taken(seller.database, seller.tenant_id, [row(1)])
    other = ColumnMapping("other", dimensions={"region": "region"})
    result, _ = taken(seller.database, seller.tenant_id, [row(1)], mapping=other)
    assert counted(result) == (1, 0, 0, 0)


@pytest.mark.parametrize("batch_size", [1, 3, 1000])
def test_of_two_rows_with_one_id_the_earlier_counts(seller: Place, batch_size: int) -> None:
    rows = [row(1, "1"), row(2, "1"), row(1, "2"), row(1, "1"), row(2, "1"), row(1, "3")]
    result, rejects = taken(seller.database, seller.tenant_id, rows, batch_size=batch_size)
    assert counted(result) == (2, 2, 2, 0)
    assert [(r.line, r.code, r.row) for r in rejects] == [
        (4, "usage.conflict", ",".join(rows[2])),
        (7, "usage.conflict", ",".join(rows[5])),
    ]
    assert "'r1'" in rejects[0].reason
    assert [record[5] for record in stored(seller)] == [1, 1]


@pytest.mark.parametrize("batch_size", [1, 2, 1000])
def test_the_store_counts_before_the_file(seller: Place, batch_size: int) -> None:
    taken(seller.database, seller.tenant_id, [row(1, "5")])
    rows = [row(1, "6"), row(1, "5"), row(2, "1"), row(1, "6")]
    result, rejects = taken(seller.database, seller.tenant_id, rows, batch_size=batch_size)
    assert counted(result) == (1, 1, 2, 0)
    assert [r.line for r in rejects] == [2, 5]


def test_what_wins_does_not_depend_on_timing(
    seller: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty batches about the same ids, stored by threads that are slowed down at random."""
    dice = random.Random(5)
    ingest = rejections.metering.ingest

    def slow(*args: Any) -> Any:
        time.sleep(dice.random() / 50)
        return ingest(*args)

    monkeypatch.setattr(rejections.metering, "ingest", slow)
    monkeypatch.setattr(flow, "_STORING_THREADS", 4)
    rows = [row(n, str(1 + batch)) for batch in range(20) for n in range(10)]
    result, rejects = taken(seller.database, seller.tenant_id, rows, batch_size=10)
    assert counted(result) == (10, 0, 190, 0)
    assert [r.line for r in rejects] == list(range(12, 202))
    assert {record[5] for record in stored(seller)} == {1}


def test_two_importers_at_once_give_each_record_once(seller: Place) -> None:
    rows = [row(n) for n in range(2000)]
    results: list[ImportResult] = []

    def run(seed: int) -> None:
        shuffled = list(rows)
        random.Random(seed).shuffle(shuffled)
        database = Database(seller.conninfo)
        results.append(taken(database, seller.tenant_id, shuffled, batch_size=100)[0])
        database.close()

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3
    assert sum(result.accepted for result in results) == 2000
    assert sum(result.duplicates for result in results) == 4000
    assert len(ids_of(seller)) == 2000


# --- broken off -------------------------------------------------------------------------------


def _import_alone(conninfo: str, tenant_id: int, rows: list[Row]) -> None:
    taken(Database(conninfo), tenant_id, rows, batch_size=100)


def test_a_killed_import_is_simply_started_again(seller: Place) -> None:
    rows = [row(n) for n in range(40_000)]
    fork = multiprocessing.get_context("forkserver")
    dice = random.Random(3)
    seen = [0]
    for _ in range(5):
        importer = fork.Process(
            target=_import_alone, args=(seller.conninfo, seller.tenant_id, rows)
        )
        importer.start()
        while importer.is_alive() and _records(seller) < seen[-1] + 500:
            time.sleep(0.005)
        time.sleep(dice.uniform(0, 0.05))
        importer.kill()
        importer.join()
        assert importer.exitcode == -signal.SIGKILL
        seen.append(_records(seller))
    assert 0 < seen[1] < seen[-1] < 40_000, "the import was not killed in the middle"
    result, _ = taken(seller.database, seller.tenant_id, rows, batch_size=100)
    assert result.rejected == result.conflicts == 0
    assert result.duplicates >= seen[-1]
    assert sorted(ids_of(seller)) == sorted(r[0] for r in rows)


def _records(place: Place) -> int:
    with place.database.snapshot(place.tenant_id) as tx:
        return int(queries.counts(tx).records)


class _Impatient:
    """A clock that does not wait between attempts."""

    @staticmethod
    def sleep(_: int) -> None:
        return None


def test_connections_that_break_do_no_harm(seller: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persistence, "time", _Impatient)
    monkeypatch.setattr(flow, "_ATTEMPTS", 100)
    shots = []

    def shoot() -> None:
        with psycopg.connect(seller.admin_conninfo, autocommit=True) as admin:
            for _ in range(25):
                time.sleep(0.02)
                shots.extend(
                    admin.execute(
                        "select pg_terminate_backend(pid) from pg_stat_activity where datname ="
                        " current_database() and pid <> pg_backend_pid()"
                        " and xact_start is not null order by random() limit 1"
                    )
                )

    shooter = threading.Thread(target=shoot)
    shooter.start()
    rows = [row(n) for n in range(5000)]
    try:
        result, _ = taken(seller.database, seller.tenant_id, rows, batch_size=50)
    finally:
        shooter.join()
    assert shots
    assert (result.read, result.conflicts, result.rejected) == (5000, 0, 0)
    survivor = Database(seller.conninfo)
    assert len(ids_of(seller._replace(database=survivor))) == 5000
    survivor.close()


def test_a_database_that_stays_away_is_told(seller: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def broken(*_: Any) -> None:
        tries.append(1)
        raise psycopg.errors.DeadlockDetected("deadlock detected")

    monkeypatch.setattr(persistence, "time", _Impatient)
    monkeypatch.setattr(rejections.metering, "ingest", broken)
    with pytest.raises(Unavailable) as told:
        taken(seller.database, seller.tenant_id, [row(n) for n in range(1000)], batch_size=10)
    assert told.value.code == "usage.not_stored"
    assert len(tries) >= 5


def test_other_errors_of_a_thread_come_out(seller: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(rejections.metering, "ingest", broken)
    with pytest.raises(ZeroDivisionError):
        taken(seller.database, seller.tenant_id, [row(n) for n in range(1000)], batch_size=10)


def test_a_file_that_breaks_off_keeps_what_came_before(seller: Place) -> None:
    def breaking() -> Iterator[Rows]:
        yield Rows([2, 3], [row(1), row(2, "x")], ["one", "two"])
        yield Rows([4], [row(3)], ["three"])
        raise Invalid("file.damaged", "no more")

    rejects: list[Reject] = []
    progress: list[ImportResult] = []
    with pytest.raises(Invalid) as refused:
        import_usage(
            seller.database,
            seller.tenant_id,
            breaking(),
            parser(MAPPING, HEADER, {"calls", "hours"}),
            recorded_at=START,
            on_reject=rejects.append,
            on_progress=progress.append,
        )
    assert refused.value.code == "file.damaged"
    assert [r.line for r in rejects] == [3]
    assert progress[-1] == ImportResult(3, 2, 0, 0, 1)
    taken(seller.database, seller.tenant_id, [])
    assert ids_of(seller) == ["r1", "r3"]


# --- rejects ----------------------------------------------------------------------------------


def test_bad_rows_are_told_in_order_and_good_ones_kept(seller: Place) -> None:
    rows = [list(row(n)) for n in range(1200)]
    rows[3][4] = "NaN"
    rows[700][2] = "daytime"
    rows[701][3] = "2026-01-01 00:00"
    rows[1100] = rows[1100][:3]
    rows[1150] = [*rows[0][:4], "77", ""]
    result, rejects = taken(seller.database, seller.tenant_id, rows, batch_size=250)
    assert counted(result) == (1195, 0, 1, 4)
    assert [(r.line, r.code) for r in rejects] == [
        (5, "number.malformed"),
        (702, "usage.unknown_meter"),
        (703, "time.naive"),
        (1102, "usage.short_row"),
        (1152, "usage.conflict"),
    ]
    assert [r.row for r in rejects] == [",".join(rows[r.line - 2]) for r in rejects]
    assert all(r.reason for r in rejects)


def test_a_file_of_bad_rows_only_stores_nothing(seller: Place) -> None:
    result, rejects = taken(seller.database, seller.tenant_id, [["x"]] * 120, batch_size=50)
    assert counted(result) == (0, 0, 0, 120)
    assert [r.line for r in rejects] == list(range(2, 122))
    assert stored(seller) == []


def test_meters_that_take_no_records_are_unknown(seller: Place) -> None:
    with seller.database.snapshot(seller.tenant_id) as tx:
        assert catalog_queries.raw_meters(tx) == {"calls", "hours"}


# --- files ------------------------------------------------------------------------------------


def from_file(
    place: Place, path: Path, mapping: ColumnMapping = MAPPING
) -> tuple[ImportResult, list[Reject]]:
    rejects: list[Reject] = []
    with open_rows(str(path), None, None, wanted_columns(mapping)) as rows:
        result = import_usage(
            place.database,
            place.tenant_id,
            rows.batches,
            parser(mapping, rows.header, {"calls", "hours"}),
            recorded_at=START,
            on_reject=rejects.append,
            on_progress=lambda _: None,
        )
    return result, rejects


def test_every_format_stores_the_same(seller: Place, tmp_path: Path) -> None:
    rows = [row(n) for n in range(500)]
    text = "\n".join(map(",".join, [HEADER, *rows]))
    lines = [
        json.dumps(
            {"id": r[0], "subject": r[1], "meter": r[2], "at": r[3], "value": float(r[4]),
             "region": r[5] or None}
        )
        for r in rows
    ]  # fmt: skip
    csv, packed, ndjson, parquet, typed = (
        tmp_path / name for name in ("a.csv", "a.csv.gz", "a.ndjson", "a.parquet", "typed.parquet")
    )
    csv.write_text(text, "utf-8")
    packed.write_bytes(gzip.compress(text.encode()))
    ndjson.write_text("\n".join(lines), "utf-8")
    source = f"read_csv('{csv}', all_varchar = true)"
    duckdb.execute(f"copy (from {source}) to '{parquet}' (format parquet)")
    duckdb.execute(
        f"""copy (select id, subject, meter, "at"::timestamptz as "at", value::double as value,
            region from {source}) to '{typed}' (format parquet)"""
    )
    assert counted(from_file(seller, csv)[0]) == (500, 0, 0, 0)
    for path in (packed, ndjson, parquet, typed):
        assert counted(from_file(seller, path)[0]) == (0, 500, 0, 0), path.name
    # Under a source of its own each format stores the records itself, and the content is the same.
    by_format: dict[str, list[Any]] = {}
    for path in (csv, ndjson, typed):
        mapping = ColumnMapping(path.name, dimensions={"region": "region"})
        assert from_file(seller, path, mapping)[0].accepted == 500
        by_format[path.name] = [
            (*record[1:7], record[8]) for record in stored(seller) if record[0] == path.name
        ]
    assert by_format["a.csv"] == by_format["a.ndjson"] == by_format["typed.parquet"]


def test_rejects_of_a_file_have_its_lines(seller: Place, tmp_path: Path) -> None:
    path = tmp_path / "usage.csv"
    good, bad = ",".join(row(1)), ",".join(row(2, "1_000"))
    path.write_bytes(f"{','.join(HEADER)}\n{good}\n\n{bad}\ncaf".encode() + b"\xe9\n")
    result, rejects = from_file(seller, path)
    assert counted(result) == (1, 0, 0, 2)
    assert [(r.line, r.code, r.row) for r in rejects] == [
        (4, "number.malformed", bad),
        (5, "file.undecodable", "caf\\xe9"),
    ]


# --- sums -------------------------------------------------------------------------------------

_drawn = st.lists(
    st.tuples(
        st.integers(0, 60),  # id
        st.integers(0, 2),  # subject
        st.sampled_from(["calls", "hours"]),
        st.integers(0, 3 * 24 * 60),  # minute
        st.decimals(-1000, 1000, places=6, allow_nan=False, allow_infinity=False),
        st.sampled_from(["", "eu", "us"]),
    ),
    max_size=40,
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(_drawn, st.integers(1, 20))
def test_totals_are_the_exact_sums_of_what_was_first(
    seller: Place, drawn: list[Any], batch_size: int
) -> None:
    name = f"{os.urandom(8).hex()}-"
    first: dict[int, Any] = {}
    rows = []
    for record in drawn:
        first.setdefault(record[0], record)
        number, subject, meter, minute, value, region = record
        at = (START + timedelta(minutes=minute)).isoformat()
        rows.append([f"{name}{number}", f"{name}{subject}", meter, at, str(value), region])
    result, _ = taken(seller.database, seller.tenant_id, rows, batch_size=batch_size)
    assert result.accepted == len(first)
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for _, subject, meter, _, value, _ in first.values():
        sums[f"{name}{subject}", meter] += value
    operations.fold(seller.database, seller.tenant_id)
    with seller.database.transaction(seller.tenant_id) as tx:
        period = Period(START, START + timedelta(days=4))
        wanted = [
            Request(subject, Series(meter, "unit", Aggregation.SUM), period)
            for subject, meter in sums
        ]
        found = consumption.read(tx, wanted)
    assert [found[request].total for request in wanted] == list(sums.values())


# --- records in the plain form ------------------------------------------------------------------

PLAIN_LINES = [
    {"id": "p1", "source": "gw", "subject": "s", "meter": "calls", "at": "2026-01-05T10:00:00Z",
     "value": 12.50, "dimensions": {"region": "eu", "n": 1.50, "on": True, "none": None}},
    {"id": "p2", "source": "gx", "subject": "s", "meter": "hours", "at": "2026-01-05T11:00:00+01:00",
     "value": "3"},
    {"id": "p3", "source": "gw", "subject": "s", "meter": "calls", "at": "2026-01-05T10:00:00Z",
     "value": 1, "region": "eu"},
    {"id": 4, "source": "gw", "subject": "s", "meter": "calls", "at": "2026-01-05T10:00:00Z",
     "value": 1},
    {"id": "p5", "source": "gw", "subject": "s", "meter": "calls", "at": "2026-01-05T10:00:00",
     "value": 1},
]  # fmt: skip


def imported(place: Place, path: Path, mapping: ColumnMapping) -> tuple[ImportResult, list[Reject]]:
    """Imports lines of JSON as the command line does."""
    rejects: list[Reject] = []
    layout = Layout(None, None, mapping)
    with reading(str(path), layout, {"calls", "hours"}) as (rows, parse, _):
        result = import_usage(
            place.database,
            place.tenant_id,
            rows.batches,
            parse,
            recorded_at=START,
            on_reject=rejects.append,
            on_progress=lambda _: None,
        )
    return result, rejects


def test_a_line_of_json_means_the_same_in_a_file_and_over_http(
    seller: Place, tmp_path: Path
) -> None:
    lines = [json.dumps(line) for line in PLAIN_LINES]
    lines.append(lines[0].replace('{"id"', '{"id": "first", "\\u0069d"'))
    body = "\n".join(lines).encode()
    offered = wire.read(Form.LINES, body, {"calls", "hours"})
    path = tmp_path / "usage.ndjson"
    path.write_bytes(b"\xef\xbb\xbf" + body + b"\n")
    result, rejects = imported(seller, path, ColumnMapping())
    assert counted(result) == (2, 0, 0, 4)
    told = {n: item.refusal.code for n, item in enumerate(offered, 1) if isinstance(item, Refused)}
    assert {r.line: r.code for r in rejects} == told
    assert list(told.values()) == [
        "usage.unknown_field", "usage.not_text", "time.naive", "usage.key_twice"
    ]  # fmt: skip
    taken_in = [item for item in offered if not isinstance(item, Refused)]
    assert [(record[0], record[1], record[6]) for record in stored(seller)] == [
        (record.source, record.record_id, record.dimensions) for record in taken_in
    ]
    with Intake(seller.database, clock.fixed(START)) as intake:
        again = intake.submit(seller.tenant_id, taken_in).result(30)
    assert (again.accepted, again.count(Status.DUPLICATE)) == (0, 2)


def test_the_source_of_a_file_is_of_the_lines_that_tell_none(seller: Place, tmp_path: Path) -> None:
    line = {key: value for key, value in PLAIN_LINES[0].items() if key != "source"}
    lines = [line | {"id": f"r{n}"} for n in range(4)]
    lines[1]["source"], lines[2]["source"], lines[3]["source"] = "gw", "gx", ""
    path = tmp_path / "usage.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    _, rejects = imported(seller, path, ColumnMapping("gw"))
    assert [(r.line, r.code) for r in rejects] == [
        (3, "usage.other_source"),
        (4, "usage.other_source"),
    ]
    assert [record[:2] for record in stored(seller)] == [("gw", "r0"), ("gw", "r1")]
    _, rejects = imported(seller, path, ColumnMapping())
    assert [(r.line, r.code) for r in rejects][:1] == [(1, "usage.missing_field")]


@pytest.mark.parametrize("mapping", [ColumnMapping(), ColumnMapping(time_zone="UTC")])
def test_a_line_that_is_cut_off_is_told_as_such_with_and_without_a_mapping(
    seller: Place, tmp_path: Path, mapping: ColumnMapping
) -> None:
    path = tmp_path / "usage.jsonl"
    path.write_text(json.dumps(PLAIN_LINES[0])[:28] + "\n[1]\n", "utf-8")
    _, rejects = imported(seller, path, mapping)
    assert [(r.line, r.code) for r in rejects] == [(1, "file.bad_json"), (2, "usage.no_object")]
    assert "column" in rejects[0].reason


def test_a_mapping_of_members_keeps_sources_and_dimensions(seller: Place, tmp_path: Path) -> None:
    path = tmp_path / "usage.ndjson"
    lines = [line | {"at": line["at"][:19]} for line in PLAIN_LINES[:2]]
    lines.append(lines[0] | {"id": "p9", "Dimensions": {"a": 1}})
    lines.append(lines[0] | {"id": "p8", "note": "x", "usage": {"a": 1}})
    path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    mapping = ColumnMapping(time_zone="UTC")
    with reading(str(path), Layout(None, None, mapping), {"calls", "hours"}) as (rows, parse, left):
        batches = list(rows.batches)
        found = [parse([cells])[0] for batch in batches for cells in batch.cells]
    assert [(r.source, r.record_id, r.dimensions) for r in found] == [
        ("gw", "p1", '{"n":"1.5","on":"true","region":"eu"}'),
        ("gx", "p2", "{}"),
        ("gw", "p8", '{"n":"1.5","on":"true","region":"eu"}'),
    ]
    assert [(r.line, r.code) for batch in batches for r in batch.rejects] == [
        (3, "mapping.unread_column")
    ]
    assert left() == ["note", "usage"]


# --- policies and counts ------------------------------------------------------------------------


def test_rows_that_are_stored_are_duplicates_however_old_they_are(seller: Place) -> None:
    rows = [row(n) for n in range(10)]
    taken(seller.database, seller.tenant_id, rows[:5])
    rejects: list[Reject] = []
    result = import_usage(
        seller.database,
        seller.tenant_id,
        [Rows(range(2, 12), [*rows[:4], [*rows[4][:4], "77", ""], *rows[5:]], [""] * 10)],
        parser(MAPPING, HEADER, {"calls", "hours"}),
        recorded_at=START + timedelta(days=90),
        on_reject=rejects.append,
        on_progress=lambda _: None,
        policies={name: IntakePolicy(name, accept_days=30) for name in ("calls", "hours")},
    )
    assert counted(result) == (0, 4, 1, 5)
    assert [r.code for r in rejects] == ["usage.conflict", *["usage.too_old"] * 5]


def test_rejected_rows_are_counted_by_code(seller: Place) -> None:
    rows = [list(row(n)) for n in range(120)]
    for n in (3, 60, 61):
        rows[n][4] = "x"
    rows[100][2] = "none"
    taken(seller.database, seller.tenant_id, rows, batch_size=50)
    taken(seller.database, seller.tenant_id, [["x"]] * 30, batch_size=10)
    with seller.database.snapshot(seller.tenant_id) as tx:
        found = queries.rejections(tx)
    assert [(r.door, r.code, r.records, r.first_day) for r in found] == [
        ("file", "usage.short_row", 30, START.date()),
        ("file", "number.malformed", 3, START.date()),
        ("file", "usage.unknown_meter", 1, START.date()),
    ]
