"""Compute and storage: what they are told becomes exact lines, charts and current use, and survives."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from decimal import Decimal
from http.client import HTTPException
from itertools import count, pairwise

import pytest

from tests.payments.fake import COMMAND
from tests.subservices.reader import PERIOD, Refused
from tests.subservices.started import event, level, resource, running

GB = 10**9
MONTH = f"from={PERIOD[0]}&to={PERIOD[1]}"


@pytest.fixture
def compute(tmp_path):
    with running(tmp_path / "compute", "compute", "--page-size", "3") as one:
        yield one


@pytest.fixture
def storage(tmp_path):
    with running(tmp_path, "storage") as one:
        yield one


def lines(one, period=PERIOD):
    return [
        (
            line["resource"],
            line["item"],
            line["used"],
            line["included"],
            line["billable"],
            line["at"],
        )
        for line in one.reader().report(period)
    ]


def test_a_machine_is_billed_by_the_second_until_it_stops(compute):
    compute.tell(
        resource("vm-1", kind="machine"),
        level("vm-1", "vm_time", "1", "2025-12-31T22:30:00Z"),
        level("vm-1", "vm_time", "0", "2026-01-01T02:00:01Z"),
        level("vm-1", "vm_time", "2", "2026-01-31T23:59:59.500000Z"),
        level("vm-1", "vm_time", "0", "2026-02-01T00:00:00.250000Z"),
    )
    december = ("2025-12-01T00:00:00Z", PERIOD[0])
    february = (PERIOD[1], "2026-03-01T00:00:00Z")
    found = [lines(compute, period)[0][2:] for period in (december, PERIOD, february)]
    assert found == [
        ("5400", "0", "5400", "2025-12-31T23:00:00Z"),
        ("7202", "0", "7202", "2026-01-31T23:59:59.500000Z"),
        ("0.5", "0", "0.5", "2026-02-01T00:00:00Z"),
    ]


def test_periods_of_any_cut_add_up_to_the_whole(compute):
    entries = [
        resource("a"),
        resource("b", "bob"),
        level("b", "vm_time", "3", "2026-01-01T00:10:00Z"),
    ]
    entries += [
        event(f"e-{n}", "a", "jobs", f"{n}.5", f"2026-01-01T{n:02}:15:00Z") for n in range(24)
    ]
    compute.tell(*entries)
    cuts = ["2026-01-01T00:00:00Z", "2026-01-01T05:47:11Z", "2026-01-01T05:47:12.250000Z"]
    cuts += ["2026-01-01T18:00:00Z", "2026-01-02T00:00:00Z"]
    whole = {line[:2]: Decimal(line[2]) for line in lines(compute, (cuts[0], cuts[-1]))}
    parts: dict[tuple[str, str], Decimal] = {}
    for start, end in pairwise(cuts):
        for line in lines(compute, (start, end)):
            if line[2] != "0":
                parts[line[:2]] = parts.get(line[:2], Decimal(0)) + Decimal(line[2])
    assert parts == whole == {("a", "jobs"): Decimal(288), ("b", "vm_time"): Decimal(3 * 85_800)}


def test_100_gb_are_included_for_each_customer_at_any_hour(storage):
    storage.tell(
        resource("disk-1"), resource("disk-2"), resource("disk-3", "bob"),
        level("disk-1", "storage", str(60 * GB), "2026-01-10T08:00:00Z"),
        level("disk-2", "storage", str(70 * GB), "2026-01-10T09:00:00Z"),
        level("disk-1", "storage", "0", "2026-01-10T10:00:00Z"),
        level("disk-2", "storage", str(130 * GB), "2026-01-10T10:30:00Z"),
        level("disk-2", "storage", "0", "2026-01-10T11:00:00Z"),
        level("disk-3", "storage", str(100 * GB + 1), "2026-01-10T08:59:59Z"),
        level("disk-3", "storage", "0", "2026-01-10T09:00:00Z"),
    )  # fmt: skip
    assert lines(storage) == [
        # 8h: 60 of disk-1; 9h: 60 and 70, of which 40 are free; 10h: at most 130, of which 100 are free
        ("disk-1", "storage", str(120 * GB), str(120 * GB), "0", "2026-01-10T09:00:00Z"),
        ("disk-2", "storage", str(200 * GB), str(140 * GB), str(60 * GB), "2026-01-10T10:00:00Z"),
        ("disk-3", "storage", str(100 * GB + 1), str(100 * GB), "1", "2026-01-10T08:59:59Z"),
    ]


def test_what_is_included_does_not_depend_on_how_the_period_is_cut(storage):
    storage.tell(
        resource("disk-1"), resource("disk-2"),
        event("m-1", "disk-1", "storage", str(80 * GB), "2026-01-10T08:10:00Z"),
        event("m-2", "disk-2", "storage", str(50 * GB), "2026-01-10T08:40:00Z"),
    )  # fmt: skip
    late = ("2026-01-10T08:30:00Z", "2026-01-10T09:00:00Z")
    assert lines(storage, late)[-1][2:5] == (str(50 * GB), str(20 * GB), str(30 * GB))
    assert lines(storage)[-1][2:5] == (str(50 * GB), str(20 * GB), str(30 * GB))


def test_a_resource_has_a_line_as_long_as_it_is_there(compute):
    compute.tell(
        resource("vm-1"), resource("vm-2", since="2026-01-31T23:59:59Z"), resource("vm-3", since=PERIOD[1]),
        {"end": {"resource": "vm-1", "at": "2026-01-15T00:00:00Z"}},
    )  # fmt: skip
    february = (PERIOD[1], "2026-03-01T00:00:00Z")
    assert [line[0] for line in lines(compute)] == ["vm-1", "vm-2"]
    assert [line[0] for line in lines(compute, february)] == ["vm-2", "vm-3"]


def test_a_level_ends_with_its_resource(compute):
    compute.tell(
        resource("vm-1", until="2026-01-10T00:00:00Z"), resource("vm-2"),
        level("vm-1", "vm_time", "1", "2026-01-09T23:00:00Z"),
        level("vm-2", "vm_time", "1", "2026-01-09T23:00:00Z"),
        level("vm-2", "vm_time", "0", "2026-01-11T00:00:00Z"),
        {"end": {"resource": "vm-2", "at": "2026-01-12T00:00:00Z"}},
    )  # fmt: skip
    assert [line[2] for line in lines(compute)] == ["3600", "90000"]


def test_the_longest_period_that_can_be_written_is_answered(compute, storage):
    for one, item in ((compute, "vm_time"), (storage, "storage")):
        one.tell(resource("x"), level("x", item, "7", "2026-01-01T00:00:00Z"))
        one.tell({"end": {"resource": "x", "at": "2026-01-02T00:00:00Z"}})
        found = lines(one, ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"))
        assert [line[2] for line in found] == [str(7 * (24 if one is storage else 86_400))]


def test_charts_show_every_step_and_add_up(compute):
    compute.tell(
        resource("vm-1"), resource("vm-2", "bob"),
        level("vm-1", "vm_time", "1", "2026-01-03T22:30:00Z"),
        level("vm-1", "vm_time", "0", "2026-01-04T01:00:00Z"),
        event("s-1", "vm-2", "vm_time", "12.5", "2026-01-04T00:00:00Z"),
    )  # fmt: skip
    reader = compute.reader()
    night = ("2026-01-03T22:00:00Z", "2026-01-04T02:00:00Z")
    hours = reader.chart("vm_time", "hour", night)
    assert list(map(str, hours.values())) == ["1800", "3600", "3612.5", "0"]
    assert list(map(str, reader.chart("vm_time", "hour", night, customer="acme").values())) == [
        "1800", "3600", "3600", "0",
    ]  # fmt: skip
    days = reader.chart("vm_time", "day")
    assert (len(days), sum(days.values())) == (31, sum(hours.values()))
    assert days["2026-01-04T00:00:00Z"] == Decimal("3612.5")
    year = reader.chart("vm_time", "month", ("2025-12-01T00:00:00Z", "2026-12-01T00:00:00Z"))
    assert (len(year), year[PERIOD[0]]) == (12, sum(hours.values()))


def test_current_use_is_that_of_the_month_that_runs(compute):
    now = compute.reader().get("usage", customer="acme")
    assert now["usage"] == []
    compute.tell(
        resource("vm-1"),
        event("old", "vm-1", "jobs", "5", "2025-12-01T00:00:00Z"),
        event("new", "vm-1", "jobs", "7", now["from"]),
    )
    assert [(row["item"], row["used"]) for row in compute.reader().usage("acme")] == [("jobs", "7")]
    assert compute.reader().usage("bob") == []


def test_a_snapshot_keeps_its_rows_while_the_data_change(compute):
    compute.tell(*(resource(f"vm-{n}") for n in range(5)))
    reader = compute.reader()
    asked = {"from": PERIOD[0], "to": PERIOD[1]}
    first = reader.get("report", **asked)
    compute.tell(resource("vm-00"), event("e", "vm-4", "jobs", "3"))
    more = {"after": first["next"], "snapshot": first["snapshot"]}
    second = reader.get("report", **asked, **more)
    assert [line["resource"] for line in second["lines"]] == ["vm-3", "vm-4"]
    assert second["trailer"]["rows"] == 5
    assert reader.get("report", **asked, **more) == second
    resources = reader.get("resources", **asked, snapshot=first["snapshot"])
    assert [row["resource"] for row in resources["resources"]] == ["vm-0", "vm-1", "vm-2"]
    assert len(reader.report()) == 6
    compute.call("DELETE", "/admin/snapshots")
    with pytest.raises(Refused, match="status 409"):
        reader.get("report", **asked, **more)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/report?from=2026-01-01T00:00:00Z", 400, "bad_request"),
        ("/report?from=2026-01-01&to=2026-02-01", 400, "bad_request"),
        ("/report?from=2026-02-30T00:00:00Z&to=2026-03-01T00:00:00Z", 400, "bad_request"),
        ("/report?from=2026-02-01T00:00:00Z&to=2026-02-01T00:00:00Z", 400, "bad_request"),
        (f"/report?{MONTH}&after=2", 400, "bad_request"),
        (f"/report?{MONTH}&colour=red", 400, "bad_request"),
        (f"/report?{MONTH}&snapshot=s-1", 409, "snapshot_gone"),
        (f"/events?{MONTH}&customer=acme&item=beer", 400, "bad_request"),
        ("/usage", 400, "bad_request"),
        ("/usage?customer=a&customer=b", 400, "bad_request"),
        (f"/chart?{MONTH}&item=jobs&step=week", 400, "bad_request"),
        (f"/chart?{MONTH.replace('01T00:', '01T01:')}&item=jobs&step=day", 400, "bad_request"),
        (f"/chart?{MONTH.replace('2026', '1026', 1)}&item=jobs&step=hour", 400, "bad_request"),
        ("/invoices", 404, "unknown_call"),
    ],
)
def test_what_can_not_be_answered_is_refused_in_the_words_of_the_contract(
    shared, path, status, code
):
    found = shared.answered("GET", path, Authorization="Bearer sub_fake")
    assert (found[0], found[1]["error"]["code"]) == (status, code)
    assert found[1]["schema"] == "everycent-accounting/1"


def test_the_key_is_needed(shared):
    for key in ("", "Bearer", "Bearer other"):
        status, told = shared.answered("GET", "/usage?customer=acme", Authorization=key)
        assert (status, told["error"]["code"]) == (401, "unauthorized")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with running(tmp_path_factory.mktemp("shared"), "compute") as one:
        one.tell(resource("vm-1"), event("e-1", "vm-1", "jobs", "1"))
        yield one


@pytest.mark.parametrize(
    "entry",
    [
        {"resource": {"resource": "x"}},
        {"machine": {}},
        {"event": {}, "resource": {}},
        resource("x", until="2025-01-01T00:00:00Z"),
        event("e-2", "nobody", "jobs", "1"),
        event("e-2", "vm-1", "beer", "1"),
        event("e-2", "vm-1", "jobs", "-1"),
        event("e-2", "vm-1", "jobs", "NaN"),
        event("e-2", "vm-1", "jobs", "1", "2025-01-01T00:00:00Z"),
        event("e-2", "vm-1", "jobs", "1", "yesterday"),
        level("vm-1", "vm_time", "much", "2026-01-01T00:00:00Z"),
        level("vm-1", "jobs", "1", "2026-01-01T00:00:00Z"),
        {"end": {"resource": "vm-1", "at": "2026-01-01T00:00:00Z"}},
    ],
)
def test_an_entry_that_makes_no_sense_is_refused_with_all_that_came_with_it(shared, entry):
    before = shared.call("GET", "/admin/summary")
    status, told = shared.answered("POST", "/admin/entries", {"entries": [resource("new"), entry]})
    assert (status, told["error"]["code"]) == (400, "subservice.bad_entry")
    assert shared.call("GET", "/admin/summary") == before


def test_what_is_told_twice_counts_once_and_never_changes(shared):
    shared.tell(resource("vm-1"), event("e-1", "vm-1", "jobs", "1.0"))
    assert [line[2] for line in lines(shared)] == ["1"]
    for other in (event("e-1", "vm-1", "jobs", "2"), resource("vm-1", "bob")):
        assert shared.answered("POST", "/admin/entries", other)[0] == 409


def test_what_was_answered_survives_kill_9(tmp_path):
    told: list[int] = []
    with running(tmp_path, "compute") as compute:
        compute.tell(resource("vm-1"))

        def work(worker: int) -> None:
            for n in count(worker, 3):
                try:
                    compute.tell(event(f"e-{n}", "vm-1", "jobs", "1"))
                except (OSError, HTTPException):  # it was killed: nothing was answered
                    return
                told.append(n)

        for start in range(0, 3_000_000, 1_000_000):
            workers = [threading.Thread(target=work, args=(start + n,)) for n in range(3)]
            for one in workers:
                one.start()
            while len(told) < start // 1_000_000 * 60 + 60 and any(
                one.is_alive() for one in workers
            ):
                time.sleep(0.01)
            compute.kill()
            for one in workers:
                one.join()
            compute.start()
        events = compute.reader().pull("events", customer="acme", item="jobs")
    found = {row["event"] for row in events}
    assert len(told) >= 180
    assert {f"e-{n}" for n in told} <= found


def test_the_page_shows_resources_events_and_faults(shared):
    shared.fault("mutate:cursor_loops")
    shared.tell(level("vm-1", "vm_time", "0", "2026-01-01T11:22:33Z"))
    status, page = shared.answered("GET", "/")
    shared.clear()
    assert status == 200
    text = page.decode()
    assert all(
        part in text
        for part in ("Sub-service compute", "vm-1", "e-1", "mutate:cursor_loops", "11:22:33")
    )


def test_a_book_is_open_in_one_process_only(tmp_path):
    with running(tmp_path, "compute"):
        command = [*COMMAND, "subservice", "compute", "--port", "0", "--data", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "another process works with" in done.stderr


def test_the_rows_on_a_page_can_be_switched(compute):
    compute.tell(*(resource(f"vm-{n}") for n in range(6)))
    compute.settings(page_size=6)
    reader = compute.reader()
    reader.pull("resources")
    assert len(reader.raw) == 1
    assert compute.answered("POST", "/admin/settings", {"page_size": 0})[0] == 400


def test_it_ends_on_sigterm(tmp_path):
    command = [*COMMAND, "subservice", "storage", "--port", "0", "--data", str(tmp_path), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "address" in json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
