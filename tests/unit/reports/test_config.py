"""A configuration is read strictly, told again as the same file, and compared place by place."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

import pytest

from everycent.catalog import document
from everycent.integrations import report_config_file
from everycent.kernel.errors import Invalid
from everycent.reports import config

FILE = {
    "schema": "everycent-reports/1",
    "name": "v1",
    "since": "2026-01-01",
    "time_zone": "Europe/Zagreb",
    "services": {
        "compute": {
            "url": "http://127.0.0.1:8721",
            "key": "COMPUTE_KEY",
            "deadline": "2h",
            "items": {"vm_time": {"unit": "s", "meter": "vm_hours", "to": "h", "round": "6"}},
        },
        "storage": {
            "url": "https://storage.example/accounting",
            "key": "STORAGE_KEY",
            "items": {"storage": {"unit": "B.h", "to": "GB.h", "subject": "resource"}},
        },
    },
}


def changed(*path, to):
    told = copy.deepcopy(FILE)
    at = told
    for step in path[:-1]:
        at = at[step]
    if to is None:
        del at[path[-1]]
    else:
        at[path[-1]] = to
    return told


COMPUTE = ("services", "compute")
ITEM = (*COMPUTE, "items", "vm_time")


@pytest.mark.parametrize(
    ("file", "code", "field"),
    [
        (changed("name", to="V 1"), "config.wrong_value", "name"),
        (changed("name", to=None), "config.wrong_shape", None),
        (changed("schema", to="everycent-reports/2"), "config.wrong_shape", "schema"),
        (changed("more", to="1"), "config.wrong_shape", None),
        (changed("since", to="yesterday"), "config.wrong_value", "since"),
        (changed("since", to="1999-01-01"), "config.wrong_value", "since"),
        (changed("time_zone", to="Mars"), "zone.unknown", "time_zone"),
        (changed("after", to="soon"), "config.wrong_value", "after"),
        (changed("deadline", to="0s"), "config.wrong_value", "deadline"),
        (changed("deadline", to="2d"), "config.wrong_value", "deadline"),
        (changed("services", to={}), "config.wrong_value", "services"),
        (changed(*COMPUTE, "url", to="ftp://x"), "config.wrong_value", "services.compute.url"),
        (changed(*COMPUTE, "key", to="sk_live_1"), "config.wrong_value", "services.compute.key"),
        (changed(*COMPUTE, "items", to={}), "config.wrong_value", "services.compute.items"),
        (changed(*ITEM, "round", to=None), "unit.never_ends", "services.compute.items.vm_time.round"),
        (changed(*ITEM, "round", to="19"), "config.wrong_value", "services.compute.items.vm_time.round"),
        (changed(*ITEM, "to", to="GB"), "unit.other_dimension", "services.compute.items.vm_time.to"),
        (changed(*ITEM, "unit", to="fortnight?"), "unit.unknown", "services.compute.items.vm_time.unit"),
        (changed(*ITEM, "meter", to="a meter"), "config.wrong_value",
         "services.compute.items.vm_time.meter"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_its_place(file, code, field):
    with pytest.raises(Invalid) as caught:
        config.parse(file)
    assert (caught.value.code, caught.value.field) == (code, field)


def test_it_is_told_again_as_a_file_that_means_the_same():
    made = config.parse(FILE)
    assert config.parse(document.read(report_config_file.text_of(made))) == made


def test_a_service_can_not_stand_twice():
    with pytest.raises(Invalid, match="twice"):
        document.read("services:\n  compute: {url: a}\n  compute: {url: b}\n")


def test_versions_are_compared_place_by_place():
    before = config.parse(FILE)
    told = changed(*ITEM, "round", to="3")
    told["name"] = "v2"
    del told["services"]["storage"]
    found = config.differences(before, config.parse(told))
    assert ("services.compute.items.vm_time.places", "6", "3") in found
    assert ("services.storage.key", "STORAGE_KEY", "") in found
    assert config.differences(before, before) == []


@pytest.mark.parametrize(
    ("every", "name", "start", "end"),
    [
        ("month", "2026-01", (2025, 12, 31, 23), (2026, 1, 31, 23)),
        ("month", "2026-03", (2026, 2, 28, 23), (2026, 3, 31, 22)),
        ("day", "2026-03-29", (2026, 3, 28, 23), (2026, 3, 29, 22)),
        ("day", "2026-10-25", (2026, 10, 24, 22), (2026, 10, 25, 23)),
    ],
)
def test_a_period_is_cut_by_the_clock_on_the_wall(every, name, start, end):
    made = config.parse(FILE | {"every": every})
    found = config.period_of(made, name)
    assert found == (datetime(*start, tzinfo=UTC), datetime(*end, tzinfo=UTC))


@pytest.mark.parametrize("name", ["2025-12", "2026-13", "2026-1", "2026-01-01", "january", ""])
def test_what_is_no_period_of_it_is_refused(name):
    with pytest.raises(Invalid) as caught:
        config.period_of(config.parse(FILE), name)
    assert caught.value.code == "report.bad_period"


@pytest.mark.parametrize(
    ("at", "names"),
    [
        (datetime(2026, 1, 31, 23, 59, tzinfo=UTC), []),
        (datetime(2026, 2, 1, 0, 0, tzinfo=UTC), ["2026-01"]),
        (datetime(2026, 4, 2, tzinfo=UTC), ["2026-01", "2026-02", "2026-03"]),
    ],
)
def test_periods_are_over_an_hour_after_their_end_all_that_were_missed(at, names):
    assert [name for name, _ in config.over(config.parse(FILE), at)] == names


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("http://127.0.0.1:8721", True),
        ("https://storage.example/accounting", True),
        ("http://[::1]:8721/a/b", True),
        ("http://h:99999", False),
        ("http://user:pw@h", False),
        ("http://h/?y=1", False),
        ("http://h/#x", False),
        ("http://", False),
        ("ftp://h", False),
    ],
)
def test_an_address_has_no_user_no_query_and_no_fragment(url, is_one):
    told = changed(*COMPUTE, "url", to=url)
    if is_one:
        assert config.parse(told).services[0].url == url
        return
    with pytest.raises(Invalid) as caught:
        config.parse(told)
    assert caught.value.field == "services.compute.url"
