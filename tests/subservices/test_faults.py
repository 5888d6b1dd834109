"""Every fault and every mutation of a sub-service happens, and a strict reader refuses each of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from everycent.subservices.faults import KINDS
from everycent.subservices.mutations import MUTATIONS, NAMES
from tests.subservices.reader import Refused
from tests.subservices.started import machines, running

PAGE = Path(__file__).parents[2] / "docs" / "sub-services.md"
SPOILED = [(name, call) for name, one in MUTATIONS.items() for call in sorted(one.calls)]


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


def told(compute, call: str) -> tuple[list[bytes], str | None]:
    """What came in answer to a call, snapshots aside, and why the reader refused it."""
    reader = compute.reader()
    try:
        reader.whole(call)
        why = None
    except Refused as refused:
        why = str(refused)
    return reader.told(), why


def test_what_is_true_is_accepted(compute):
    lines = compute.reader().report()
    assert [(line["resource"], line["item"], line["used"]) for line in lines] == [
        ("idle", "vm_time", "0"), ("spare", "vm_time", "0"),
        ("vm-1", "jobs", "12"), ("vm-1", "vm_time", "9000"),
        ("vm-2", "jobs", "6"), ("vm-3", "jobs", "8"), ("vm-4", "jobs", "10"),
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "call"), SPOILED)
def test_a_mutation_is_seen_and_happens_once(compute, name, call):
    true, why = told(compute, call)
    assert why is None
    compute.fault(f"mutate:{name}", where={"call": call})
    spoiled, why = told(compute, call)
    assert spoiled != true, "nothing was spoiled"
    assert why is not None, "the reader took it"
    assert told(compute, call) == (true, None)


@pytest.mark.parametrize("name", [n for n in KINDS if n not in ("mutate", "status", "slow")])
def test_a_fault_is_seen_and_happens_once(compute, name):
    compute.fault(name)
    assert told(compute, "report")[1] is not None
    assert told(compute, "report")[1] is None


def test_a_true_body_with_another_status_is_seen(compute):
    for status in (201, 206, 301, 404, 500):
        compute.fault(f"status:{status}", where={"call": "report"})
        assert told(compute, "report")[1] == f"status {status}"


def test_a_slow_answer_is_a_true_one(compute):
    compute.fault("slow", seconds=0.1)
    assert told(compute, "report")[1] is None


def test_a_fault_waits_for_its_call_and_page(compute):
    compute.fault("error_503", where={"call": "report", "page": "last"})
    reader = compute.reader()
    reader.pull("resources")
    with pytest.raises(Refused, match="status 503"):
        reader.pull("report")
    assert len(reader.raw) == 7  # 3 pages of resources, and 4 of the report


def test_a_mutation_that_does_not_fit_waits_for_an_answer_that_does(compute):
    compute.fault("mutate:pages_swapped", where={"call": "events"})
    compute.reader().pull("events", customer="acme", item="vm_time")  # 3 rows, and it takes 4 pages
    assert compute.call("GET", "/admin/faults")["faults"][0]["times"] == 1
    with pytest.raises(Refused, match="another page"):
        compute.reader().pull("events", customer="acme", item="jobs")


def test_an_answer_without_rows_can_be_silent_or_lack_its_trailer(compute):
    nothing = ("2020-01-01T00:00:00Z", "2020-02-01T00:00:00Z")
    assert compute.reader().report(nothing) == []
    compute.fault("mutate:empty_answer", where={"call": "resources"})
    with pytest.raises(Refused, match="trailer"):
        compute.reader().report(nothing)


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"fault": "nothing"}, "fault"),
        ({"fault": "mutate"}, "fault"),
        ({"fault": "mutate:page_mising"}, "fault"),
        ({"fault": "status:abc"}, "fault"),
        ({"fault": "hang", "where": {"planet": "mars"}}, "where"),
        ({"fault": "hang", "where": {"call": "invoices"}}, "call"),
        ({"fault": "hang", "where": {"page": "first"}}, "page"),
        ({"fault": "mutate:sum_missing", "where": {"call": "events"}}, "where"),
        ({"fault": "hang", "times": -1}, "times"),
        ({"fault": "cut", "bytes": "many"}, "bytes"),
        ({"fault": "slow", "seconds": "long"}, "seconds"),
        ({"fault": "hang", "until": "noon"}, "until"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(compute, told, field):
    status, answer = compute.answered("POST", "/admin/faults", told)
    assert (status, answer["error"]["code"]) == (400, "subservice.bad_fault")
    assert answer["error"]["field"] == field


def test_the_page_lists_every_fault_and_mutation():
    page = PAGE.read_text("utf-8")
    rows = [f"| `{name}` | {what} |" for name, what in (*KINDS.items(), *NAMES)]
    assert [row for row in rows if row not in page] == []
    assert len(NAMES) >= 25
