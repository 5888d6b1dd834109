"""What a sub-service answers is believed when it is whole, and in no other case."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest

from everycent.reports import config, judge
from everycent.reports.contract import Call, Line
from everycent.reports.judge import Gathering, WrongError
from everycent.reports.port import Reply, Trouble
from tests.unit.reports.pages import JANUARY, line, pages, reply, resource

SERVICE = config.parse(
    {
        "schema": "everycent-reports/1",
        "name": "v1",
        "since": "2026-01-01",
        "services": {
            "compute": {
                "url": "http://127.0.0.1:1",
                "key": "KEY",
                "items": {
                    "vm_time": {"unit": "s", "to": "h", "round": "6"},
                    "jobs": {"unit": "1"},
                },
            }
        },
    }
).services[0]


def gathered(told, call=Call.REPORT):
    """What is believed of pages that come one after the other."""
    gathering = Gathering("compute", call, JANUARY)
    for page in told:
        whole = gathering.take(page if isinstance(page, Reply) else reply(page))
        if whole is not None:
            return whole
    return None


def refusal(told, call=Call.REPORT):
    """Why pages are not believed."""
    try:
        gathered(told, call)
    except WrongError as error:
        return error.trouble, error.what
    raise AssertionError("it was believed, or has no end")


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 5])
def test_a_whole_answer_is_believed_however_many_pages_it_has(rows):
    told = [line(n) for n in range(1, rows + 1)]
    found = gathered(pages("report", told))
    assert len(found.rows) == rows
    assert found.snapshot == "s-1"


def test_a_page_is_asked_for_with_the_cursor_and_the_snapshot_of_the_one_before():
    gathering = Gathering("compute", Call.REPORT, JANUARY)
    first = dict(gathering.parameters)
    gathering.take(reply(pages("report", [line(1), line(2), line(3)])[0]))
    assert (first, gathering.parameters) == (
        {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"},
        {
            "from": "2026-01-01T00:00:00Z",
            "to": "2026-02-01T00:00:00Z",
            "after": "after-1",
            "snapshot": "s-1",
        },
    )


def _five() -> list[dict[str, Any]]:
    return pages("report", [line(n) for n in range(1, 6)])


def _with(number: int, **other: Any):
    def spoil(told):
        told[number].update(other)
        return told

    return spoil


def _in_trailer(**other: Any):
    def spoil(told):
        told[-1]["trailer"].update(other)
        return told

    return spoil


def _rows(change):
    def spoil(told):
        change(told)
        return told

    return spoil


def _raw(old: bytes, new: bytes, page: int = 0):
    def spoil(told):
        raw = reply(told[page]).raw
        assert old in raw
        return [*told[:page], Reply(raw.replace(old, new, 1), 200), *told[page + 1 :]]

    return spoil


SPOILED = [
    ("a page is left out", lambda p: [p[0], p[2]], "page 3 came where page 2"),
    ("a page comes again", lambda p: [p[0], p[0], p[1]], "page 1 came where page 2"),
    ("pages change places", lambda p: [p[1], p[0], p[2]], "page 2 came where page 1"),
    ("the last page comes first", lambda p: [p[2]], "page 3 came where page 1"),
    ("rows change places", _rows(lambda p: p[0]["lines"].reverse()), "row 2 came where row 1"),
    ("a row is left out", _rows(lambda p: p[1]["lines"].pop(0)), "row 4 came where row 3"),
    ("a row comes twice", _rows(lambda p: p[0]["lines"].append(p[0]["lines"][1])),
     "row 2 came where row 3"),
    ("the last row is left out", _rows(lambda p: p[2]["lines"].pop()), "4 rows came"),
    ("a row too many", _rows(lambda p: p[2]["lines"].append(line(6))), "6 rows came"),
    ("a row changed", _rows(lambda p: p[1]["lines"][0].update(used="7201", billable="3601")),
     "another digest"),
    ("numbers begin anew", _rows(lambda p: p[1]["lines"][0].update(line=1)), "row 1 came where row 3"),
    ("the data changed", _with(1, snapshot="s-2"), "changed between two pages"),
    ("no snapshot", _with(0, snapshot=""), "is no name"),
    ("no trailer", _with(2, trailer=None), "no trailer"),
    ("a trailer too early", _rows(lambda p: p[0].update(trailer=p[2]["trailer"])),
     "a trailer and one that follows"),
    ("the end has a next page", _with(2, next="more"), "a trailer and one that follows"),
    ("neither next nor trailer", _with(0, next=None), "no trailer"),
    ("a circle", _with(1, next="after-1"), "in a circle"),
    ("an empty cursor", _with(0, next=""), "in a circle"),
    ("an empty page in the middle", _rows(lambda p: p[1].update(lines=[])), "has no rows"),
    ("nothing, silently", lambda p: [p[0] | {"lines": [], "next": None}], "no trailer"),
    ("another number of rows", _in_trailer(rows=4), "it says that there are 4"),
    ("another sum", _rows(lambda p: p[2]["trailer"]["sums"][0].update(used="1")), "something else"),
    ("a sum too few", _in_trailer(sums=[]), "something else"),
    ("another digest", _in_trailer(digest="0" * 64), "another digest"),
    ("another period", _with(0, to="2026-01-31T00:00:00Z"), "another period"),
    ("another period later", _with(1, **{"from": "2025-12-01T00:00:00Z"}), "another period"),
    ("another service", _with(0, service="storage"), "it is storage"),
    ("another call", _with(0, call="events"), "answers events"),
    ("another schema", _with(0, schema="everycent-accounting/2"), "schema"),
    ("an unknown field", _with(0, more=1), "unknown field"),
    ("a missing field", _rows(lambda p: p[0].pop("next")), "missing required field"),
    ("a field of a line missing", _rows(lambda p: p[0]["lines"][0].pop("unit")), "missing required"),
    ("a number for a text", _rows(lambda p: p[0]["lines"][0].update(used=7200)), "Expected `str`"),
    ("a text for a number", _rows(lambda p: p[0]["lines"][0].update(events="2")), "Expected `int`"),
    ("a fraction", _rows(lambda p: p[0]["lines"][0].update(events=2.5)), "is no amount"),
    ("a key twice", _raw(b'"page": 1', b'"page": 1, "page": 1'), "stands twice"),
    ("NaN", _raw(b'"events": 2', b'"events": NaN'), "is no amount"),
    ("an encoding that it is not", _raw(b"acme", b"\xff\xfe"), "not UTF-8"),
    ("half of it", _raw(b'"lines"', b""), "JSON"),
    ("a page of HTML", lambda p: [Reply(b"<html>", 200)], "JSON"),
    ("nothing at all", lambda p: [Reply(b"", 200)], "JSON"),
    ("an error after the first page",
     lambda p: [p[0], Reply(b"", 500, Trouble.THREW, "it answered 500")], "500"),
    ("silence after the last page but one",
     lambda p: [p[0], p[1], Reply(b"", None, Trouble.TIMED_OUT, "too late")], "too late"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("spoil", "why"), [(spoil, why) for _, spoil, why in SPOILED], ids=[n for n, _, _ in SPOILED]
)
def test_an_answer_that_is_not_whole_is_not_believed(spoil, why):
    _, what = refusal(spoil(copy.deepcopy(_five())))
    assert why in what


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("-1", "no plain quantity"),
        ("NaN", "is no quantity"),
        ("Infinity", "is no quantity"),
        ("1" * 50, "is no quantity"),
        ("1e5", "no plain quantity"),
        ("1,5", "is no quantity"),
        ("", "is no quantity"),
        ("٣", "is no quantity"),
    ],
)
def test_a_quantity_has_plain_digits(text, why):
    with pytest.raises(WrongError) as caught:
        judge.quantity(text, "line 1")
    assert why in caught.value.what


def test_more_than_twenty_ways_of_turning_pages_wrong_are_among_them():
    assert len(SPOILED) >= 20
    assert len({name for name, _, _ in SPOILED}) == len(SPOILED)


WRONG_LINES = [
    ("an unknown item", {"item": "disk"}, "nothing says what becomes of disk"),
    ("another unit", {"unit": "h"}, "is in h and not in s"),
    ("a resource that is not there", {"resource": "vm-9"}, "is not among its resources"),
    ("somebody else's", {"customer": "zeta"}, "is not zeta's"),
    ("the same twice", {"resource": "vm-1"}, "is there twice"),
    ("it does not add up", {"billable": "3601"}, "is not 3600 included + 3601 billable"),
    ("nothing behind it", {"events": 0}, "0 events can't be behind it"),
    ("before the period", {"at": "2025-12-31T23:59:59Z"}, "is not in the period"),
    ("at its end", {"at": "2026-02-01T00:00:00Z"}, "is not in the period"),
    ("no instant", {"at": "yesterday"}, "is no instant"),
    ("an instant of no zone", {"at": "2026-01-31T23:00:00"}, "is no instant"),
    ("another zone", {"at": "2026-01-31T23:00:00+01:00"}, "is no instant in UTC"),
]


@pytest.mark.parametrize(
    ("change", "why"), [(c, w) for _, c, w in WRONG_LINES], ids=[n for n, _, _ in WRONG_LINES]
)
def test_a_line_that_can_not_be_so_ends_it(change, why):
    resources = gathered(pages("resources", [resource(1), resource(2)]), Call.RESOURCES).rows
    lines = gathered(pages("report", [line(1), line(2)])).rows
    judge.check_lines(SERVICE, resources, lines, JANUARY)
    told = line(2, **{"events": 2} | change)
    spoiled = [*lines[:1], type(lines[0])(**told)]
    with pytest.raises(WrongError, match="line 2") as caught:
        judge.check_lines(SERVICE, resources, spoiled, JANUARY)
    assert why in caught.value.what


def test_a_resource_without_a_line_is_missing():
    resources = gathered(pages("resources", [resource(1), resource(2)]), Call.RESOURCES).rows
    lines = gathered(pages("report", [line(1)])).rows
    with pytest.raises(WrongError, match="1 resources have no line, the first is vm-2"):
        judge.check_lines(SERVICE, resources, lines, JANUARY)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"resource": "vm-1"}, "is there twice"),
        ({"resource": ""}, "is no name"),
        ({"customer": "a\x00b"}, "is no name"),
        ({"since": "2026-02-01T00:00:00Z"}, "was not there in the period"),
        ({"until": "2026-01-01T00:00:00Z"}, "was not there in the period"),
    ],
)
def test_a_resource_that_can_not_be_so_ends_it(change, why):
    rows = [resource(1), resource(2, **change)]
    found = gathered(pages("resources", rows), Call.RESOURCES).rows
    with pytest.raises(WrongError) as caught:
        judge.check_resources(found, JANUARY)
    assert why in caught.value.what


def test_twenty_digits_before_and_eighteen_after_the_point_add_up_exactly():
    used = "12345678901234567890.123456789012345678"
    told = line(1, used=used, included="0.000000000000000001", billable=used[:-1] + "7")
    row = Line(**told)
    assert judge.sums_of([row, row])[0].used == "24691357802469135780.246913578024691356"
    resources = gathered(pages("resources", [resource(1)]), Call.RESOURCES).rows
    judge.check_lines(SERVICE, resources, [row], JANUARY)
    with pytest.raises(WrongError, match="is not"):
        judge.check_lines(SERVICE, resources, [msgspec.structs.replace(row, included="0")], JANUARY)
