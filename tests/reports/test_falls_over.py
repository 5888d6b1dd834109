"""Building reports, killed at every named point, and by many at once: one report, billed once."""

from __future__ import annotations

import multiprocessing
import os
import signal

import psycopg
import pytest

from everycent.db.connection import Database
from everycent.flows import build_report
from everycent.kernel import points
from everycent.reports import queries
from tests.reports.services import desk_at, running, set_up
from tests.reports.test_build import open_alarms, report, usage_records, violations

FORK = multiprocessing.get_context("fork")
BEFORE = ["report_begin.begin", "report_begin.commit"]
"""Until here nobody has the report."""
PULLING = [
    "report_begin.committed", "wire.connect", "wire.connected", "wire.sending", "wire.sent",
    "wire.answered", "report_pulled", "report_write.begin", "report_write.commit",
]  # fmt: skip
REFUSING = ["report_refuse.begin", "report_refuse.commit"]


def work(place, watch):
    """Builds the report in a process of its own, which `watch` may kill."""
    points.on_reach(watch)
    database = Database(place.conninfo)
    outcome = build_report.build(desk_at(place, database=database), "2026-01")
    database.close()
    os._exit({"built": 0, "there": 10, "elsewhere": 11, "refused": 12}[outcome.what])


def exit_code(place, point=None):
    """How a process ends that builds the report and is killed at a point."""

    def watch(reached):
        if reached == point:
            os.kill(os.getpid(), signal.SIGKILL)

    process = FORK.Process(target=work, args=(place, watch))
    process.start()
    process.join(60)
    return process.exitcode


def let_claims_run_out(place):
    with psycopg.connect(place.conninfo) as owner:
        owner.execute("update everycent.report_claim set claimed_until = '-infinity'")


def test_whoever_dies_anywhere_leaves_no_part_of_a_report_and_the_next_one_builds_it(place):
    with running() as services:
        set_up(place, services)
        for point in (*BEFORE, *PULLING, *reversed(PULLING)):
            assert exit_code(place, point) == -signal.SIGKILL, point
            assert (report(place), usage_records(place)) == (None, 0)
            if point not in BEFORE:
                assert exit_code(place) == 11  # whoever died has it, as far as anybody knows
            let_claims_run_out(place)
        assert exit_code(place, "report_write.committed") == -signal.SIGKILL
    assert usage_records(place) == 6
    assert exit_code(place) == 10
    assert violations(place) == []


@pytest.mark.parametrize("point", REFUSING)
def test_whoever_dies_while_refusing_leaves_no_half_of_it(place, point):
    with running() as services:
        set_up(place, services)
        services["storage"].broken = {"status": 500}
        assert exit_code(place, point) == -signal.SIGKILL
        assert open_alarms(place) == []
        let_claims_run_out(place)
        assert exit_code(place) == 12
        assert open_alarms(place) == ["report.incomplete 2026-01 storage"]
        services["storage"].broken = None
        assert exit_code(place) == 0
    assert open_alarms(place) == []
    assert violations(place) == []


@pytest.mark.parametrize("builders", [2, 5])
def test_many_builders_at_once_make_one_report(place, builders):
    with running() as services:
        set_up(place, services)
        processes = [
            FORK.Process(target=work, args=(place, lambda _: None)) for _ in range(builders)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)
        codes = sorted(process.exitcode for process in processes)
    assert codes[0] == 0
    assert codes.count(0) == 1
    assert set(codes) <= {0, 10, 11}
    assert usage_records(place) == 6
    assert violations(place) == []


def test_one_that_took_too_long_finds_that_it_is_no_longer_its_own(place):
    with running() as services:
        set_up(place, services)

        def other(service):
            """While the first one pulls, its claim runs out and another one builds the report."""
            nonlocal is_done
            if not is_done:
                is_done = True
                let_claims_run_out(place)
                assert exit_code(place) == 0
            return desk_at(place).reached(service)

        is_done = False
        threads = desk_at(place)._replace(reached=other)
        outcome = build_report.build(threads, "2026-01")
    assert outcome.what == "elsewhere"
    assert usage_records(place) == 6
    with place.database.snapshot(place.tenant_id) as tx:
        assert [step.event for step in queries.trail(tx, "2026-01")] == [
            "report.begun", "report.begun", "report.built",
        ]  # fmt: skip
    assert violations(place) == []
