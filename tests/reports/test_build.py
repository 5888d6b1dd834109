"""A report is whole or it is not there; what is there never changes; and what it says is billed once."""

from __future__ import annotations

import itertools
import threading
from datetime import UTC, datetime

import msgspec
import psycopg
import pytest

from everycent.alarms import queries as alarms
from everycent.catalog import document
from everycent.catalog import operations as catalog
from everycent.flows import ask_services, bill, build_report
from everycent.flows.verify import verify
from everycent.invoicing import queries as invoicing
from everycent.kernel.clock import fixed
from everycent.kernel.errors import Conflict, Invalid, NotFound, Unavailable
from everycent.metering.offered import checked
from everycent.metering.record import UsageRecord
from everycent.reports import config, operations, queries
from everycent.subservices.kit import Event
from tests.flows import world
from tests.reports.services import (
    CATALOGUE,
    NAMES,
    NOW,
    activate,
    desk_at,
    html,
    later,
    running,
    set_up,
    silent,
    writer,
)


def built(place, name="2026-01", at=NOW):
    """What comes of building a report."""
    return build_report.build(desk_at(place, at), name)


def report(place, name="2026-01"):
    with place.database.snapshot(place.tenant_id) as tx:
        return queries.find(tx, name)


def open_alarms(place):
    with place.database.snapshot(place.tenant_id) as tx:
        return sorted(f"{one.kind} {one.subject}" for one in alarms.listed(tx))


def usage_records(place):
    with psycopg.connect(place.conninfo) as owner:
        return owner.execute("select count(*) from everycent.usage_record").fetchone()[0]


def violations(place):
    with place.database.snapshot(place.tenant_id) as tx:
        return [
            f"{check.promise}: {check.violators}"
            for check in verify(tx, trusted_key=None, with_replay=True)
            if check.violators
        ]


def test_a_whole_report_becomes_usage_in_the_units_of_the_meters(place):
    with running() as services:
        set_up(place, services)
        assert built(place).what == "built"
    found = report(place)
    with place.database.snapshot(place.tenant_id) as tx:
        lines = [
            (row.service, row.customer, row.used, row.unit, row.value, row.meter)
            for row in queries.lines(tx, "2026-01")
        ]
    assert lines == [
        ("compute", "acme", "5400", "s", "1.5", "hours"),
        ("compute", "zeta", "5400", "s", "1.5", "hours"),
        ("network", "acme", "2500000000", "B", "2.5", "giga"),
        ("network", "zeta", "2500000000", "B", "2.5", "giga"),
        ("storage", "acme", "7", "1", "7", "jobs"),
        ("storage", "zeta", "7", "1", "7", "jobs"),
    ]
    assert (found.lines, found.billed, usage_records(place)) == (6, 6, 6)
    assert violations(place) == []


FAILING = [
    set(some) for size in (1, 2, 3) for some in itertools.combinations(NAMES, size)
]  # all 2^3 - 1


@pytest.mark.parametrize("failing", FAILING, ids=lambda some: "+".join(sorted(some)))
def test_whichever_fail_there_is_no_report_until_all_are_right(place, failing):
    with running() as services:
        set_up(place, services)
        for name in failing:
            services[name].stop()
        outcome = built(place)
        assert outcome.what == "refused"
        assert {one.service for one in outcome.problems} == failing
        assert {one.trouble for one in outcome.problems} == {"unreachable"}
        assert (report(place), usage_records(place)) == (None, 0)
        assert open_alarms(place) == [
            f"report.incomplete 2026-01 {name}" for name in sorted(failing)
        ]
        for name in failing:
            services[name].start()
        assert built(place, at=later(5)).what == "built"
    assert open_alarms(place) == []
    assert usage_records(place) == 6
    assert violations(place) == []


BROKEN = [
    ("an error", lambda name: {"status": 500}, "threw"),
    ("maintenance", lambda name: {"status": 503}, "unavailable"),
    ("no such page", lambda name: {"status": 404}, "refused"),
    ("elsewhere", lambda name: {"status": 307}, "refused"),
    ("a page of HTML", lambda name: html(), "malformed"),
    ("no JSON", lambda name: {"body": b"{"}, "malformed"),
    ("nothing", lambda name: {}, "malformed"),
    ("an empty list that says nothing else", silent, "incomplete"),
    ("somebody else", lambda name: silent("other"), "other"),
]


@pytest.mark.parametrize(
    ("broken", "trouble"), [(b, t) for _, b, t in BROKEN], ids=[name for name, _, _ in BROKEN]
)
def test_one_that_answers_anything_else_builds_no_report_and_is_kept_word_for_word(
    place, broken, trouble
):
    with running() as services:
        set_up(place, services)
        services["network"].broken = broken("network")
        outcome = built(place)
    assert [(one.service, one.trouble) for one in outcome.problems] == [("network", trouble)]
    assert (report(place), usage_records(place)) == (None, 0)
    (problem,) = outcome.problems
    with place.database.snapshot(place.tenant_id) as tx:
        if broken("network").get("body"):
            kept = queries.answer(tx, problem.evidence).raw
            assert bytes(kept) == broken("network")["body"]
        else:
            assert problem.evidence is None
    assert services["network"].asked == 1  # a page that is wrong is not asked for again
    assert violations(place) == []


def test_a_sub_service_without_its_key_is_told_like_any_other_fault(place):
    def nobody(service):
        raise Unavailable("report.secret_missing", f"{service.key} holds no key")

    with running() as services:
        set_up(place, services)
        desk = desk_at(place)._replace(reached=nobody)
        outcome = build_report.build(desk, "2026-01")
    assert outcome.what == "refused"
    assert len(outcome.problems) == 3


def test_a_second_one_finds_the_report_there_and_asks_nobody(place):
    with running() as services:
        set_up(place, services)
        assert built(place).what == "built"
    assert built(place).what == "there"  # nobody is there to be asked
    assert usage_records(place) == 6


def test_it_is_tried_again_later_and_later_and_nothing_else_waits(place):
    with running() as services:
        set_up(place, services, every="day", since="2026-01-30")
        services["network"].broken = {"status": 500}
        first = build_report.build_due(desk_at(place))
        assert [(one.name, one.what) for one in first] == [
            (name, "refused") for name in ("2026-01-30", "2026-01-31")
        ]
        assert build_report.build_due(desk_at(place)) == []
        services["network"].broken = None
        second = build_report.build_due(desk_at(place, later(1)))
    assert [one.what for one in second] == ["built"] * 2
    assert open_alarms(place) == []


def test_three_months_of_outage_are_caught_up_period_by_period_once(place):
    with running() as services:
        set_up(place, services)
        at = datetime(2026, 4, 30, tzinfo=UTC)
        came = build_report.build_due(desk_at(place, at))
        assert [(one.name, one.what) for one in came] == [
            ("2026-01", "built"), ("2026-02", "built"), ("2026-03", "built"),
        ]  # fmt: skip
        assert build_report.build_due(desk_at(place, at)) == []
    assert usage_records(place) == 18
    assert violations(place) == []


@pytest.mark.parametrize(
    ("name", "at", "code"),
    [
        ("2026-02", NOW, "report.too_early"),
        ("2025-12", NOW, "report.bad_period"),
        ("2026-13", NOW, "report.bad_period"),
        ("2026-01", datetime(2026, 2, 1, 0, 59, tzinfo=UTC), "report.too_early"),
    ],
)
def test_a_period_that_is_not_over_or_none_is_refused(place, name, at, code):
    with running() as services:
        set_up(place, services)
        with pytest.raises(Invalid) as caught:
            built(place, name, at)
    assert caught.value.code == code


def test_without_a_configuration_there_is_nothing_to_build(place):
    with pytest.raises(NotFound, match="no configuration"):
        built(place)
    assert build_report.build_due(desk_at(place)) == []


def test_what_a_sub_service_says_otherwise_later_raises_an_alarm_and_changes_nothing(place):
    with running() as services:
        set_up(place, services)
        built(place)
        before = report(place)
        assert build_report.compare(desk_at(place), "2026-01").told.differing == ()
        extra = services["network"].extra
        at = datetime(2026, 1, 20, tzinfo=UTC)
        extra.append(Event("late", at, "network-0", "moved", 1))
        found = build_report.compare(desk_at(place), "2026-01")
        assert found.told.differing == ("network",)
        ((*of, then, now),) = found.changes
        assert of == ["network", "acme", "network-0", "moved"]
        assert (then.used, then.billable, then.events) == ("2500000000", "2500000000", 1)
        assert (now.used, now.billable, now.events) == ("2500000001", "2500000001", 2)
        assert open_alarms(place) == ["report.changed 2026-01 network"]
        assert report(place) == before
        extra.clear()
        build_report.compare(desk_at(place, later(1)), "2026-01")
        services["storage"].stop()
        assert build_report.compare(desk_at(place, later(2)), "2026-01").told.problems
    assert open_alarms(place) == ["report.not_compared 2026-01 storage"]
    assert violations(place) == []


def test_bills_wait_for_the_report_and_are_made_from_it(place):
    world.sell(place, [("acme", "cloud")], text=CATALOGUE)
    as_of = datetime(2026, 2, 3, tzinfo=UTC)
    with running() as services:
        set_up(place, services, time_zone=world.ZONE)
        services["network"].stop()
        assert built(place).what == "refused"
        world.run(place, as_of)
        with place.database.snapshot(place.tenant_id) as tx:
            run = invoicing.runs(tx, 1)[0]
            parked = [row.code for row in invoicing.parked(tx, run.run_id)]
        assert (parked, world.issued(place)) == (["report.missing"], [])
        services["network"].start()
        assert built(place, at=later(5)).what == "built"
    world.run(place, as_of)
    (invoice,) = world.issued(place)
    assert [line.net for line in invoice.lines] == [75, 25, 700]  # 1.5 h, 2.5 GB, 7 jobs
    assert violations(place) == []


def test_the_events_behind_a_bill_come_to_what_the_report_says(place):
    with running() as services:
        set_up(place, services)
        built(place)
        found = ask_services.events(desk_at(place), "2026-01", "network", "acme", "moved")
        assert (found.told, [one.quantity for one in found.events]) == (
            "2500000000",
            ["2500000000"],
        )
        with pytest.raises(NotFound):
            ask_services.events(desk_at(place), "2026-01", "network", "nobody", "moved")
        at = datetime(2026, 1, 20, tzinfo=UTC)
        services["network"].extra.append(Event("late", at, "network-0", "moved", 1))
        found = ask_services.events(desk_at(place), "2026-01", "network", "acme", "moved")
    assert (found.told, found.found) == ("2500000000", "2500000001")
    assert [one.event for one in found.events][-1] == "late"


def test_a_report_keeps_the_configuration_that_it_began_with(place):
    with running() as services:
        set_up(place, services)
        desk = desk_at(place)
        lock = threading.Lock()

        def reached(service):
            """The first that is asked finds that another version holds by now."""
            with lock, place.database.transaction(place.tenant_id) as tx:
                if queries.active(tx).name == "v1":
                    activate(tx, services, "v2", deadline="9s")
            return desk.reached(service)

        outcome = build_report.build(desk._replace(reached=reached), "2026-01")
        assert (outcome.what, report(place).config, len(report(place).parts)) == ("built", "v1", 3)
        built(place, "2026-02", datetime(2026, 3, 2, tzinfo=UTC))
    assert (report(place, "2026-02").config, len(report(place, "2026-02").parts)) == ("v2", 3)
    assert violations(place) == []


def test_a_version_never_changes_and_is_rolled_back_to(place):
    with running() as services:
        set_up(place, services)
        with place.database.transaction(place.tenant_id) as tx:
            activate(tx, services, "v2", deadline="9s")
            assert operations.roll_back(tx, "too little", writer()).name == "v1"
            assert queries.active(tx).name == "v1"
            assert operations.create(tx, queries.config(tx, "v1"), writer()) is False
            other = msgspec.structs.replace(queries.config(tx, "v1"), deadline=7)
            with pytest.raises(Conflict, match="another content"):
                operations.create(tx, other, writer())
            with pytest.raises(Conflict, match="holds already"):
                operations.activate(tx, "v1", "", writer())
            with pytest.raises(NotFound):
                operations.activate(tx, "v9", "", writer())
            assert [row.name for row in queries.history(tx)] == ["v1", "v2", "v1"]
    assert violations(place) == []


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"unit": "1", "meter": "nothing"}, "config.unknown_meter"),
        ({"unit": "B", "meter": "giga"}, "config.other_unit"),
    ],
)
def test_a_version_whose_meters_are_not_there_does_not_come_to_hold(place, item, code):
    with running("compute") as services, place.database.transaction(place.tenant_id) as tx:
        catalog.apply(tx, document.parse(CATALOGUE), **place.writing)
        told = services["compute"].file | {"items": {"x": item}}
        made = config.parse(
            {"schema": "everycent-reports/1", "name": "v1", "since": "2026-01-01",
             "services": {"compute": told}}
        )  # fmt: skip
        operations.create(tx, made, writer())
        with pytest.raises(Invalid) as caught:
            operations.activate(tx, "v1", "", writer())
    assert caught.value.code == code


def only(services, *names):
    return {name: services[name] for name in names}


def held_up(place, as_of):
    """The codes with which a run passes customers over, or nothing."""
    world.run(place, as_of)
    with place.database.snapshot(place.tenant_id) as tx:
        run = invoicing.runs(tx, 1)[0]
        return [row.code for row in invoicing.parked(tx, run.run_id)]


def activated(place, services, name, **more):
    with place.database.transaction(place.tenant_id) as tx:
        activate(tx, services, name, **more)


def refused(place, services, name, **more):
    with pytest.raises(Conflict) as caught:
        activated(place, services, name, **more)
    return caught.value.code


def test_a_report_says_nothing_of_meters_that_its_own_configuration_did_not_feed(place):
    world.sell(place, [("acme", "cloud")], text=CATALOGUE)
    with running() as services:
        set_up(place, only(services, "compute", "network"), time_zone=world.ZONE)
        assert built(place).what == "built"
        assert refused(place, services, "v2", time_zone=world.ZONE) == "config.overlaps"
        activated(place, services, "v3", time_zone=world.ZONE, since="2026-02-01")
        march = datetime(2026, 3, 2, tzinfo=UTC)
        assert held_up(place, march) == ["report.missing"]
        assert built(place, "2026-02", march).what == "built"
        assert held_up(place, march) == []
    first, second = world.issued(place)
    assert [line.net for line in first.lines] == [75, 25, 0]  # nothing counted jobs yet
    assert [line.net for line in second.lines] == [75, 25, 700]


def test_what_is_due_is_not_left_out_by_another_configuration(place):
    with running() as services:
        set_up(place, services)
        services["network"].stop()
        assert built(place).what == "refused"
        assert refused(place, services, "v2", since="2026-03-01") == "config.leaves_out"
        assert refused(place, only(services, "compute"), "v3") == "config.leaves_out"
        assert refused(place, services, "v4", every="day") == "config.leaves_out"
        services["network"].start()
        activated(place, services, "v5", deadline="9s")  # the same, mended
        assert built(place, at=later(5)).what == "built"
        assert refused(place, services, "v6", every="day") == "config.overlaps"
        assert refused(place, services, "v7", time_zone=world.ZONE) == "config.overlaps"
        activated(place, services, "v8", every="day", since="2026-02-01")
        at = datetime(2026, 2, 3, 2, tzinfo=UTC)
        assert [one.name for one in build_report.build_due(desk_at(place, at))] == [
            "2026-02-01", "2026-02-02",
        ]  # fmt: skip
    assert violations(place) == []


def test_a_report_that_comes_while_a_run_is_under_way_is_billed_whole(place):
    world.sell(place, [("acme", "cloud")], text=CATALOGUE)
    as_of = datetime(2026, 2, 3, tzinfo=UTC)
    told = {"clock": fixed(place.now), "ids": place.ids, "terms": world.TERMS}
    with running() as services:
        set_up(place, services, time_zone=world.ZONE)
        current, _ = bill.start(place.database, place.tenant_id, as_of, **told)
        assert built(place).what == "built"  # after usage was folded for the run
    bill.work(place.database, place.tenant_id, current, **told)
    (invoice,) = world.issued(place)
    assert [line.net for line in invoice.lines] == [75, 25, 700]
    assert violations(place) == []


def test_usage_that_is_named_like_a_report_s_is_nobody_s_to_give(place):
    with running() as services:
        set_up(place, services)
    record = UsageRecord("report/compute", "2026-01/1", "acme", "hours", NOW, "1", "{}")
    with pytest.raises(Invalid) as caught:
        checked(record, {"hours"})
    assert caught.value.code == "usage.reserved_source"


def test_a_meter_that_changed_its_unit_builds_no_report(place):
    with running() as services:
        set_up(place, services)
        world.apply(place, CATALOGUE.replace("hours: {unit: h", "hours: {unit: s"))
        outcome = built(place)
    assert (outcome.what, report(place), usage_records(place)) == ("refused", None, 0)
    assert "hours counts in s, and not in h" in outcome.problems[0].what
