"""`everycent work` does all that is set up, two of them as one, and tells of those that died."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from everycent.subservices.kit import Event
from tests.flows import world
from tests.reports.services import CATALOGUE, Running, activate
from tests.resilience.own import Own, running, until

KEY = "sub_test"


@pytest.fixture
def services():
    made = {name: Running(name, ["acme", "zeta"], 10) for name in ("compute", "storage")}
    yield made
    for one in made.values():
        one.stop()


def last_month() -> str:
    first = datetime.now(UTC).date().replace(day=1)
    return (first - timedelta(days=1)).isoformat()[:7]


def due(own: Own, services) -> None:
    """A month of two customers that sub-services know of, and that nobody has billed."""
    own.run("up")
    with own.place() as place:
        since = datetime.fromisoformat(f"{last_month()}-01").date()
        world.sell(place, [("acme", "cloud"), ("zeta", "cloud")], text=CATALOGUE, starts_on=since)
        with place.database.transaction(place.tenant_id) as tx:
            activate(tx, services, "v1", since=since.isoformat(), after="1m", time_zone=world.ZONE)


def invoices(own: Own) -> int:
    return int(own.sql("select count(*) from everycent.invoice")[0][0])


def reports(own: Own) -> int:
    return int(own.sql("select count(*) from everycent.report")[0][0])


@pytest.mark.parametrize("processes", [1, 2, 5])
def test_however_many_work_a_month_is_reported_and_billed_once(own, services, processes):
    due(own, services)
    command = ("work", "--again", "1", "--rest", "0.1", "--json")
    with ExitStack() as stack:
        environ = own.environ(SUB_KEY=KEY)
        workers = [stack.enter_context(running(environ, *command)) for _ in range(processes)]
        until(lambda: invoices(own) == 2, "both are billed")
        codes = [one.ended_by(signal.SIGTERM) for one in workers]
        done = [json.loads(one.process.stdout.read()) for one in workers]
    assert (codes, invoices(own), reports(own)) == ([0] * processes, 2, 1)
    assert own.alarms() == []
    assert sum(one["bill"].get("invoices", 0) for one in done) >= 2


def test_a_process_that_was_killed_is_told_by_the_next_one(own, services):
    due(own, services)
    environ = own.environ(SUB_KEY=KEY)
    with running(environ, "work", "--only", "message") as first:
        until(lambda: list((own.home / "running").glob("*.json")), "it has begun")
        first.process.kill()
        first.process.wait()
    with running(environ, "work", "--only", "message") as second:
        until(own.alarms, "it is told")
        assert second.ended_by(signal.SIGTERM) == 0
    (alarm,) = own.alarms()
    assert (alarm.kind, alarm.state) == ("work.died", "resolved")
    assert list((own.home / "running").glob("*.json")) == []


def test_what_was_done_is_told_in_a_line_for_each_round_and_at_the_end(own, services):
    due(own, services)
    with running(own.environ(SUB_KEY=KEY), "work", "--again", "1", "--rest", "0.1") as worker:
        until(lambda: "bill: 2 invoices" in worker.complaints(), "it is told")
        assert worker.ended_by(signal.SIGTERM) == 0
        said = worker.complaints()
        ended = worker.process.stdout.read().splitlines()
    assert said[0] == "working on: report, bill, webhook"
    assert said.count(f"report of {last_month()}: built") == said.count("bill: 2 invoices") == 1
    report, bill, webhook, stopped = ended
    assert webhook.startswith("webhook: ")
    assert (report, stopped) == ("report: 1 built", "stopped; what was begun is ended")
    assert bill.startswith("bill: 2 invoices")  # and who waited for the report


def test_only_what_is_set_up_is_worked_on(own):
    own.run("up")
    settings = {"EVERYCENT_SMTP_URL": "smtp://127.0.0.1:9", "EVERYCENT_MAIL_FROM": "b@example.com"}
    with running(own.environ(**settings), "work") as worker:
        until(lambda: len(worker.complaints()) == 2, "it has begun")
        assert worker.ended_by(signal.SIGTERM) == 0
        listed, none = worker.complaints()
        ended = worker.process.stdout.read().splitlines()
    assert listed == "working on: report, bill, message, webhook"
    assert none.startswith("report: no configuration of sub-services holds")
    assert ended[:-1] == [
        "report: nothing", "bill: nothing", "message: nothing", "webhook: nothing",
    ]  # fmt: skip


def test_parts_that_are_not_set_up_are_refused_when_they_are_asked_for(own):
    own.run("up")
    with running(own.environ(), "work", "--only", "erp") as told:
        assert told.process.wait(40) == 2
        assert "  [erp.none]  field erp.yaml" in told.complaints()


@pytest.mark.parametrize("days", [1, 31, -1, -31])
def test_a_clock_that_jumped_makes_nothing_early_and_is_told(own, services, days):
    due(own, services)
    environ = own.environ(SUB_KEY=KEY)
    command = ("work", "--only", "report", "--only", "bill", "--again", "1", "--rest", "0.1")
    shifted = [sys.executable, "-m", "tests.resilience.shifted", str(days * 86_400), *command]
    process = subprocess.Popen(shifted, env=environ, stderr=subprocess.DEVNULL)
    try:
        until(lambda: len(open_kinds(own)) == 2, "both parts say that the clocks differ")
    finally:
        process.terminate()
        assert process.wait(40) == 0
    assert (reports(own), invoices(own)) == (0, 0)
    assert open_kinds(own) == ["work.broken work bill", "work.broken work report"]
    with running(environ, *command) as right:
        until(lambda: invoices(own) == 2 and not open_kinds(own), "all is billed, and told")
        assert right.ended_by(signal.SIGTERM) == 0
    assert (reports(own), invoices(own)) == (1, 2)


def open_kinds(own: Own) -> list[str]:
    return sorted(f"{one.kind} {one.subject}" for one in own.alarms() if one.state != "resolved")


def test_a_customer_who_can_not_be_billed_has_an_alarm_until_somebody_helps(own, services):
    at = datetime.fromisoformat(f"{last_month()}-16T00:00:00+00:00")
    services["storage"].extra.append(Event("typo", at, "storage-1", "jobs", 10**19))
    due(own, services)
    command = ("work", "--only", "report", "--only", "bill", "--again", "1", "--rest", "0.1")
    with running(own.environ(SUB_KEY=KEY), *command) as worker:
        until(lambda: open_kinds(own) == ["bill.parked zeta"], "somebody is told")
        assert invoices(own) == 1
        ((record,),) = own.sql(
            "select record_id from everycent.usage_record order by value desc limit 1"
        )
        own.run("usage", "void", record, "--source", "report/storage", "--reason", "a typo")
        until(lambda: invoices(own) == 2 and not open_kinds(own), "it is billed, and right again")
        assert worker.ended_by(signal.SIGTERM) == 0


def test_an_alarm_about_a_bill_ends_too_when_somebody_bills_by_hand(own, services):
    at = datetime.fromisoformat(f"{last_month()}-16T00:00:00+00:00")
    services["storage"].extra.append(Event("typo", at, "storage-1", "jobs", 10**19))
    due(own, services)
    command = ("work", "--only", "report", "--only", "bill", "--again", "1", "--rest", "0.1")
    with running(own.environ(SUB_KEY=KEY), *command) as worker:
        until(lambda: open_kinds(own) == ["bill.parked zeta"], "somebody is told")
        assert worker.ended_by(signal.SIGTERM) == 0
    ((record,),) = own.sql(
        "select record_id from everycent.usage_record order by value desc limit 1"
    )
    own.run("usage", "void", record, "--source", "report/storage", "--reason", "a typo")
    own.run("bill", "run")
    assert (invoices(own), open_kinds(own)) == (2, ["bill.parked zeta"])
    with running(own.environ(SUB_KEY=KEY), *command) as worker:
        until(lambda: not open_kinds(own), "it is right again")
        assert worker.ended_by(signal.SIGTERM) == 0
