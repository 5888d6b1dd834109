"""Every way in which the shipped sub-services can spoil an answer: none of them is believed."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from everycent.flows import build_report
from everycent.flows.build_report import Desk
from everycent.integrations.subservice_http import HttpSubService
from everycent.kernel.period import Period
from everycent.reports import config, judge
from everycent.reports.contract import Call
from everycent.reports.judge import Gathering, WrongError
from everycent.subservices.faults import KINDS
from everycent.subservices.mutations import MUTATIONS
from tests.subservices.started import machines, running

JANUARY = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
KEY = "sub_fake"
PULLED = [
    (name, call)
    for name, one in MUTATIONS.items()
    for call in sorted(one.calls)
    if call in ("resources", "report")
]
ASKED = [
    (name, call)
    for name, one in MUTATIONS.items()
    for call in sorted(one.calls)
    if call in ("events", "usage", "chart")
]
FAULTS = [name for name in KINDS if name not in ("mutate", "status", "slow")]


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    with running(tmp_path_factory.mktemp("compute"), "compute", "--page-size", "2") as one:
        one.tell(*machines())
        yield one


@pytest.fixture
def compute(started):
    """The sub-service without faults."""
    started.clear()
    yield started
    started.clear()


def told(compute) -> config.Config:
    return config.parse(
        {
            "schema": "everycent-reports/1",
            "name": "v1",
            "since": "2026-01-01",
            "deadline": "2s",
            "services": {
                "compute": {
                    "url": f"http://127.0.0.1:{compute.port}",
                    "key": "COMPUTE_KEY",
                    "items": {
                        "vm_time": {"unit": "s", "to": "h", "round": "6"},
                        "jobs": {"unit": "1"},
                    },
                }
            },
        }
    )


def pulled(compute) -> build_report.Pulled:
    """What pulling comes to; nothing is written."""
    return build_report.pull(desk(), told(compute), JANUARY)["compute"]


def desk() -> Desk:
    """One that writes nothing."""
    nothing: Any = None
    return Desk(nothing, 1, adapter, nothing, nothing, "test")


def adapter(service: config.Service) -> HttpSubService:
    return HttpSubService(name=service.name, url=service.url, key=KEY)


def test_what_is_true_is_believed(compute):
    found = pulled(compute)
    assert found.problem is None
    assert Counter(one.item.item for one in found.lines) == {"vm_time": 3, "jobs": 4}


@pytest.mark.parametrize(("name", "call"), PULLED)
def test_a_spoiled_answer_is_no_part_of_a_report(compute, name, call):
    compute.fault(f"mutate:{name}", where={"call": call})
    found = pulled(compute)
    assert (found.part, found.lines) == (None, [])
    assert found.problem.call in (call, "report")  # what resources hide, lines show
    assert pulled(compute).problem is None


@pytest.mark.parametrize(("name", "call"), ASKED)
def test_a_spoiled_answer_is_not_shown(compute, name, call):
    service = told(compute).services[0]
    period = {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}
    asked = {
        "events": {},
        "usage": {"customer": "acme"},
        "chart": {"item": "jobs", "step": "day"} | period,
    }[call]
    compute.fault(f"mutate:{name}", where={"call": call})
    with pytest.raises((WrongError, DiffersError)):
        answered(service, Call(call), asked)


def answered(service: config.Service, call: Call, asked: dict[str, str]) -> None:
    """Asks and judges as `ask_services` does."""
    there = adapter(service)
    limit = timedelta(seconds=2)
    if call is not Call.EVENTS:
        judge.check_answer(judge.read(there.get(call, asked, limit), service.name, call), asked)
        return
    asked = {"customer": "acme", "item": "jobs"}
    gathering = Gathering("compute", call, JANUARY, asked)
    until = time.monotonic_ns() + 2 * build_report.SECOND
    whole, _ = build_report.gathered(desk(), there, gathering, call, until)
    jobs = next(one for one in service.items if one.item == "jobs")
    judge.check_events(whole.rows, JANUARY, "acme", jobs)
    if sum(int(one.quantity) for one in whole.rows) != 36:
        raise DiffersError


class DiffersError(Exception):
    """The events come to something else than the line that they stand behind."""


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", ["resources", "report"])
def test_a_fault_is_no_part_of_a_report(compute, fault, call):
    compute.fault(fault, where={"call": call})
    found = pulled(compute)
    assert found.part is None
    assert pulled(compute).problem is None


def test_more_than_twenty_ways_of_turning_pages_wrong_are_tried():
    about_pages = {
        name for name, _ in PULLED if name.startswith(("page", "row", "trailer", "cursor", "next"))
    }
    assert len(about_pages) >= 20
