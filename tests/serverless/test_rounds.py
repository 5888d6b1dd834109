"""The function `rounds`, and `everycent work --once`: each part once, nothing twice, failures told."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from everycent.alarms import queries as alarms
from everycent.app import once, processes
from everycent.app.settings import from_environment
from everycent.app.wiring import App, random_ids, utc_now
from everycent.flows import bill
from everycent.serverless import functions
from tests.cli.test_usage_corrections import EVERYCENT, Shell
from tests.flows import world
from tests.reports.services import CATALOGUE, Running, activate
from tests.serverless import events
from tests.serverless.runtime import begun

KEY = "sub_test"


@pytest.fixture
def services():
    made = {name: Running(name, ["acme", "zeta"], 10) for name in ("compute", "storage")}
    yield made
    for one in made.values():
        one.stop()


@pytest.fixture
def month(place, services):
    """A month of two customers that sub-services know of, and that nobody has billed."""
    first = datetime.now(UTC).date().replace(day=1)
    since = (first - timedelta(days=1)).replace(day=1)
    world.sell(place, [("acme", "cloud"), ("zeta", "cloud")], text=CATALOGUE, starts_on=since)
    with place.database.transaction(place.tenant_id) as tx:
        activate(tx, services, "v1", since=since.isoformat(), after="1m", time_zone=world.ZONE)


def numbers(place) -> dict[str, int]:
    with place.database.transaction(place.tenant_id) as tx:
        return {
            what: tx.value(f"select count(*) from {what}")
            for what in ("invoice", "report", "alarm")
        }


def states(place) -> list[str]:
    with place.database.snapshot(place.tenant_id) as tx:
        return [f"{one.kind} {one.state}" for one in alarms.listed(tx, is_open=False)]


def test_a_month_is_reported_and_billed_by_the_clock_once(place, month, tmp_path):
    with begun("rounds", place.conninfo, tmp_path, SUB_KEY=KEY) as runtime:
        first = runtime(events.scheduled())
        again = runtime(events.scheduled())
    assert first["tenant"] == "default"
    assert set(first["done"]) == {"measure", "watch", "report", "bill", "webhook"}
    assert (first["done"]["report"], first["done"]["bill"]["invoices"]) == ({"built": 1}, 2)
    assert (again["done"]["report"], again["done"]["bill"]["invoices"]) == ({}, 0)
    assert numbers(place) == {"invoice": 2, "report": 1, "alarm": 0}


def test_many_at_once_bill_a_month_once(place, month, tmp_path):
    homes = [tmp_path / str(number) for number in range(3)]
    event = events.scheduled(
        {"parts": ["report", "bill"], "zone": "Europe/Zagreb", "payment_days": 30}
    )
    with (
        begun("rounds", place.conninfo, homes[0], SUB_KEY=KEY) as one,
        begun("rounds", place.conninfo, homes[1], SUB_KEY=KEY) as two,
        begun("rounds", place.conninfo, homes[2], SUB_KEY=KEY) as three,
    ):
        for runtime in (one, two, three):
            runtime.process.stdin.write(json.dumps(event) + "\n")
            runtime.process.stdin.flush()
        told = [json.loads(runtime.process.stdout.readline()) for runtime in (one, two, three)]
        one(event)
    assert all("done" in answer for answer in told), told
    assert numbers(place) == {"invoice": 2, "report": 1, "alarm": 0}


def test_a_part_that_fails_is_told_to_the_cloud_and_holds_up_no_other(place, month, tmp_path):
    def rename(name: str, to: str) -> None:
        with psycopg.connect(place.admin_conninfo) as admin:
            admin.execute(f"alter table everycent.{name} rename to {to}".encode())

    event = events.scheduled({"parts": ["report", "message", "bill"]})
    with begun("rounds", place.conninfo, tmp_path, SUB_KEY=KEY) as runtime:
        rename("message", "message_gone")
        told = runtime(event)
        assert told["errorType"] == "Broken"
        assert "message" in told["errorMessage"]
        assert (numbers(place)["invoice"], states(place)) == (2, ["work.broken raised"])
        rename("message_gone", "message")
        assert "done" in runtime(event)
    assert states(place) == ["work.broken resolved"]


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"parts": ["nothing"]}, "are no parts of the work"),
        ({"parts": "bill"}, "are no parts of the work"),
        ({"parts": ["bill"], "zone": "Nowhere/Zone"}, "Nowhere/Zone"),
        ({"parts": ["bill"], "zone": 1}, "zone is no text"),
        ({"parts": ["bill"], "payment_days": True}, "payment_days is no number of days"),
        ({"parts": ["erp"]}, "no ERP is set up"),
        ({"parts": ["collect"]}, "no payment provider is set up"),
        ({"parts": ["bill"], "tenant": "other"}, "other"),
    ],
)
def test_an_event_that_can_not_be_done_is_refused(place, tmp_path, event, code):
    with begun("rounds", place.conninfo, tmp_path) as runtime:
        told = runtime(event)
    assert code in told["errorMessage"], told


def test_what_is_set_up_comes_with_the_package(place, tmp_path):
    brought = tmp_path / "task" / "home"
    brought.mkdir(parents=True)
    erp = "erp: {name: books, kind: file, folder: out, since: 2026-01-01}\n"
    (brought / "erp.yaml").write_text(erp, "utf-8")
    home = tmp_path / "home"
    with begun("rounds", place.conninfo, home, LAMBDA_TASK_ROOT=str(brought.parent)) as runtime:
        assert "erp" in runtime(events.scheduled())["done"]
    assert (home / "erp.yaml").read_text("utf-8") == erp


def test_a_number_proves_nothing_between_copies_of_one_machine():
    """Another environment with our host, boot and number is not gone because we are somebody else."""
    copy = processes.this_process(uuid4())._replace(born=1)
    assert processes.is_gone(copy, may_end=False)
    assert not functions._is_gone(copy, False)


def test_what_has_no_time_left_begins_nothing(place, month, tmp_path):
    found = from_environment({"EVERYCENT_HOME": str(tmp_path)})
    app = App(found, place.database, utc_now, random_ids)
    turn = once.Turn(app, place.tenant_id, bill.Terms("test"), is_stopped=lambda: True)
    assert once.do(turn, list(once.ROUNDS), print) == ({}, {})
    assert numbers(place)["invoice"] == 0


def test_billing_that_runs_out_of_time_ends_between_two_chunks_and_is_gone_on_with(
    place, month, tmp_path, monkeypatch
):
    monkeypatch.setenv("SUB_KEY", KEY)
    found = from_environment({"EVERYCENT_HOME": str(tmp_path)})
    app = App(found, place.database, utc_now, random_ids)
    terms = bill.Terms("test", chunk_size=1)
    once.do(once.Turn(app, place.tenant_id, terms), ["report"], print)
    asked = iter([False])  # time to begin, and no more
    hurried = once.Turn(app, place.tenant_id, terms, is_stopped=lambda: next(asked, True))
    assert once.do(hurried, ["bill"], print).counts["bill"]["invoices"] == 1
    assert numbers(place)["invoice"] == 1
    patient = hurried._replace(is_stopped=lambda: False)
    once.do(patient, ["bill"], print)
    assert numbers(place) == {"invoice": 2, "report": 1, "alarm": 0}


def test_the_command_does_the_same_and_says_so(place, month, tmp_path):
    shell = Shell(place.conninfo, tmp_path)
    shell.environment["SUB_KEY"] = KEY
    told = shell("work", "--once", "--only", "report", "--only", "bill")
    assert told == "report: 1 built\nbill: 2 invoices\n"
    again = shell.json("work", "--once")
    assert set(again["counts"]) == {"report", "bill", "webhook"}
    assert again["failed"] == {}
    assert numbers(place)["invoice"] == 2


def test_the_command_ends_with_3_when_a_part_failed_and_does_the_others(place, month, tmp_path):
    with psycopg.connect(place.admin_conninfo) as admin:
        admin.execute("alter table everycent.message rename to message_gone")
    shell = Shell(place.conninfo, tmp_path)
    shell.environment["SUB_KEY"] = KEY
    parts = ("--only", "message", "--only", "report", "--only", "bill")
    done = subprocess.run(
        [EVERYCENT, "work", "--once", *parts, "--json"], env=shell.environment, cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert (done.returncode, list(told["failed"])) == (3, ["message"])
    assert told["counts"] == {"report": {"built": 1}, "bill": {"invoices": 2, "parked": 0}}
    assert states(place) == ["work.broken raised"]
