"""The kit: a sub-service in thirty lines answers all five calls, and bad data of its own are never told."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from everycent.subservices.accounts import Event, Included, Resource, Service
from everycent.subservices.contract import Wrong, shown
from everycent.subservices.desk import Desk
from everycent.subservices.kit import make_app
from tests.subservices.reader import PERIOD, Reader

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "subservice" / "printing.py"
START = datetime(2026, 1, 1, tzinfo=UTC)
ASKED = {"from": PERIOD[0], "to": PERIOD[1]}
VM = Resource("vm-1", "acme", "machine", "web", START)


@contextmanager
def printing(jobs: Path) -> Iterator[Reader]:
    """The example as a process, and a reader of it."""
    surroundings = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, str(EXAMPLE), str(jobs), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=surroundings) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline().rpartition(":")[2])
            yield Reader(port, "printing", {"pages": "page"}, "key")
        finally:
            process.kill()


def desk(events=(), resources=(VM,), **more):
    """A desk over data that are handed to it."""
    told = {"name": "compute", "key": "k", "items": {"jobs": "1"}} | more
    return Desk(Service(resources=lambda _: resources, events=lambda _: events, **told))


def event(key="e-1", quantity="1", on="vm-1", item="jobs", after=timedelta()):
    return Event(key, START + after, on, item, quantity)


def test_the_example_has_at_most_thirty_lines_and_answers_everything(tmp_path):
    assert len(EXAMPLE.read_text("utf-8").splitlines()) <= 30
    jobs = tmp_path / "jobs.csv"
    jobs.write_text(
        "job,at,printer,customer,pages\n"
        "1,2026-01-05T09:00:00Z,p1,acme,80\n"
        "2,2026-01-06T09:00:00Z,p2,acme,30\n"
        "3,2026-02-01T00:00:00Z,p1,acme,7\n",
        "utf-8",
    )
    with printing(jobs) as reader:
        lines = reader.report()
        february = reader.report((PERIOD[1], "2026-03-01T00:00:00Z"))
        points = reader.chart("pages", "day")
        usage = reader.usage("acme")
    assert [(o["resource"], o["used"], o["included"], o["billable"]) for o in lines] == [
        ("p1", "80", "80", "0"), ("p2", "30", "20", "10"),
    ]  # fmt: skip
    assert [(o["resource"], o["used"]) for o in february] == [("p1", "7"), ("p2", "0")]
    assert (len(points), sum(points.values()), usage) == (31, Decimal(110), [])


def test_the_page_shows_the_example_as_it_is():
    page = (ROOT / "docs" / "sub-services.md").read_text("utf-8")
    assert f"```python\n{EXAMPLE.read_text('utf-8')}```" in page


@pytest.mark.parametrize(
    ("events", "resources", "why"),
    [
        ([event(quantity="-1")], [VM], "no quantity"),
        ([event(quantity="a lot")], [VM], "no quantity"),
        ([event(quantity=2.5)], [VM], "2.5 is a float: tell a text such as '2.5'"),
        ([event(quantity=0.1)], [VM], "0.1 is a float: tell a text such as '0.1'"),
        ([event(quantity=True)], [VM], "True is a bool: tell a text such as '2.5'"),
        ([event(quantity="NaN")], [VM], "no quantity"),
        ([event(quantity="0.1234567890123456789")], [VM], "no quantity"),
        ([event(), event()], [VM], "twice"),
        ([event()], [VM, VM], "twice"),
        ([event(item="beer")], [VM], "no item"),
        ([event(on="vm-2")], [VM], "not there"),
        ([event(after=timedelta(days=2))], [VM._replace(until=START + timedelta(1))], "not there"),
        ([event()], [VM._replace(since=START + timedelta(days=1))], "not there"),
    ],
)  # fmt: skip
def test_data_that_make_no_sense_are_never_told(events, resources, why):
    with pytest.raises(ValueError, match=why):
        desk(events, resources).answer("report", ASKED)


@pytest.mark.parametrize(
    ("included", "why"),
    [
        ({"jobs": Included(1, "week")}, "jobs is included per 'week', which is none of hour, day, month"),
        ({"job": Included(1)}, "compute includes 'job', which is no item of it; did you mean jobs?"),
        ({"beer": Included(1)}, "compute includes 'beer', which is no item of it; there are jobs"),
        ({"jobs": Included(-1)}, "what is included of jobs: -1 is no quantity"),
        ({"jobs": Included("many")}, "what is included of jobs: many is no quantity"),
        ({"jobs": Included(2.5)}, "what is included of jobs: 2.5 is a float: tell"),
    ],
)  # fmt: skip
def test_an_allowance_that_can_not_be_meant_is_refused_when_the_service_starts(included, why):
    with pytest.raises(ValueError, match=re.escape(why)):
        desk(included=included)
    with pytest.raises(ValueError, match=re.escape(why)):
        make_app(Service("compute", "k", {"jobs": "1"}, lambda _: [], lambda _: [], included))


def test_a_service_without_items_is_refused_when_it_starts():
    with pytest.raises(ValueError, match="compute has no items"):
        desk(items={})


def test_a_service_that_fails_answers_503(tmp_path):
    jobs = tmp_path / "jobs.csv"
    jobs.write_text("job,at\n1,2026-01-05\n", "utf-8")
    with printing(jobs) as reader, pytest.raises(Exception, match="status 503"):
        reader.report()
    assert b'"code":"unavailable"' in reader.raw[-1]
    assert b"KeyError" in reader.raw[-1]


def test_only_so_many_snapshots_are_kept():
    one = desk([event()], snapshots=2)
    names = [one.answer("report", ASKED).body["snapshot"] for _ in range(3)]
    assert one.kept() == 2
    assert one.answer("report", ASKED | {"snapshot": names[2]}).body["lines"]
    with pytest.raises(Wrong, match="begin again"):
        one.answer("report", ASKED | {"snapshot": names[0]})


def test_an_old_snapshot_is_gone():
    one = desk([event()], snapshot_minutes=0)
    name = one.answer("report", ASKED).body["snapshot"]
    with pytest.raises(Wrong, match="begin again"):
        one.answer("report", ASKED | {"snapshot": name})


def test_a_snapshot_is_of_its_period_alone():
    one = desk([event()])
    name = one.answer("report", ASKED).body["snapshot"]
    with pytest.raises(Wrong, match="another period"):
        one.answer("report", ASKED | {"to": "2026-03-01T00:00:00Z", "snapshot": name})


def test_pages_have_the_size_that_is_wanted_and_the_last_may_be_full():
    resources = [VM._replace(resource=f"vm-{n}") for n in range(6)]
    one = desk([], resources, page_size=3)
    first = one.answer("resources", ASKED)
    more = {"snapshot": first.body["snapshot"], "after": first.body["next"]}
    second = one.answer("resources", ASKED | more)
    assert [len(page.body["resources"]) for page in (first, second)] == [3, 3]
    assert (first.is_last, second.is_last, second.body["trailer"]["rows"]) == (False, True, 6)
    for after in ("0", "1", "3", "-1", "x", "2 ", "٢"):
        with pytest.raises(Wrong, match="the next of no page"):
            one.answer("resources", ASKED | more | {"after": after})


@pytest.mark.parametrize(
    ("per", "included"),
    [("hour", ["3", "2", "3"]), ("day", ["3", "0", "3"]), ("month", ["3", "0", "0"])],
)
def test_what_is_included_is_used_up_in_order_of_time(per, included):
    told = [
        event("a", "4"), event("b", "2", after=timedelta(hours=1)),
        event("c", "5", after=timedelta(days=1)),
    ]  # fmt: skip
    one_desk = desk(told, included={"jobs": Included(3, per)})
    found = []
    for at in (one.at for one in told):
        period = {"from": shown(at), "to": shown(at + timedelta(hours=1))}
        found.append(one_desk.answer("report", period).body["lines"][0]["included"])
    assert found == included
    total = str(sum(map(int, included)))
    assert one_desk.answer("report", ASKED).body["trailer"]["sums"][0]["included"] == total
