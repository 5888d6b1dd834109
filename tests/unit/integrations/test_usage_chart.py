"""The picture shows every value where it belongs, and is a picture whatever the names are."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycent.catalog.meter import Aggregation, Series
from everycent.consumption import slots
from everycent.consumption.slots import By, Held
from everycent.integrations import reasons_page, usage_bars, usage_chart
from everycent.invoicing import reasons

START = datetime(2026, 3, 28, 23, tzinfo=UTC)
SHOWN = slots.shown_as(Series("m", "kWh", Aggregation.SUM))
ZONE = "Europe/Zagreb"


def chart(rows, *, by=By.DAY, days=3, dimension=None, subject="acme", meter="active"):
    found = slots.slots_of(by, START, START + timedelta(days=days, hours=-1), ZONE)
    held = [
        Held(number, name, value)
        for number, name, value in ((n, name, Decimal(v)) for n, name, v in rows)
    ]
    return slots.charted(subject, meter, SHOWN, by, ZONE, dimension, found, held)


def test_heights_are_in_proportion_and_stacks_stand_on_each_other():
    found = usage_chart.picture(
        chart([(0, "a", "100"), (0, "b", "50"), (2, "a", "25")], dimension="x")
    )
    first, second, third = found.bars
    assert [tick.text for tick in found.ticks] == ["0", "50", "100", "150"]
    heights = [Decimal(bar.height) for bar in found.bars]
    assert heights == pytest.approx([Decimal(260) * part / 150 for part in (100, 50, 25)], abs=1)
    assert Decimal(second.y) + Decimal(second.height) == Decimal(first.y)
    assert Decimal(first.y) + Decimal(first.height) == Decimal(found.zero) == found.bottom
    assert Decimal(third.y) + Decimal(third.height) == found.bottom


def test_what_is_below_zero_grows_downwards():
    found = usage_chart.picture(chart([(0, "", "10"), (1, "", "-5")]))
    up, down = found.bars
    assert Decimal(up.y) + Decimal(up.height) == Decimal(found.zero) == Decimal(down.y)


def test_a_slot_without_records_is_marked_as_empty_and_one_with_zero_is_not():
    found = usage_chart.picture(chart([(0, "", "10"), (1, "", "0")]))
    assert [bar.title for bar in found.empty] == ["31 Mar 2026: no records"]
    assert [bar.title for bar in found.bars] == ["29 Mar 2026: 10 kWh", "30 Mar 2026: 0 kWh"]
    assert [key.text for key in found.keys] == ["all records", "no records"]


def test_an_hour_that_comes_twice_says_which_it_is():
    twice = slots.slots_of(
        By.HOUR, datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 3, tzinfo=UTC), ZONE
    )
    made = slots.charted("s", "m", SHOWN, By.HOUR, ZONE, None, twice, [])
    assert [usage_chart.slot_text(made, slot) for slot in twice[1:4]] == [
        "25 Oct 2026 01:00", "25 Oct 2026 02:00 (+0200)", "25 Oct 2026 02:00 (+0100)",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("by", "days"), [(By.HOUR, 1), (By.HOUR, 40), (By.DAY, 400), (By.MONTH, 900)]
)
def test_names_below_the_slots_leave_each_other_room(by, days):
    found = usage_chart.picture(chart([], by=by, days=days))
    places = [Decimal(mark.x) for mark in found.labels]
    assert places
    assert all(b - a >= 70 for a, b in pairwise(places))


names = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=60)
values = st.decimals("-1e19", "1e19", allow_nan=False, places=6)


@given(st.lists(st.tuples(st.integers(0, 2), names, values), unique_by=lambda row: row[:2]), names)
def test_the_picture_is_well_formed_with_any_names_and_any_numbers(rows, subject):
    made = chart(rows, dimension="<&>", subject=subject)
    tree = ET.fromstring(usage_chart.svg(made))
    assert tree.tag == "{http://www.w3.org/2000/svg}svg"
    found = usage_chart.picture(made)
    for bar in found.bars:
        assert found.top - 1 <= Decimal(bar.y)
        assert Decimal(bar.y) + Decimal(bar.height) <= found.bottom + 1
        assert found.left <= Decimal(bar.x)
        assert Decimal(bar.x) + Decimal(bar.width) <= found.right


def test_no_records_and_no_value_of_the_dimension_look_different_and_are_named():
    made = chart([(0, "eu", "3"), (0, "", "2"), (2, "eu", "1")], dimension="region")
    found = usage_chart.picture(made)
    assert {(key.hue, key.text) for key in found.keys} == {
        ("h0", "eu"), ("bare", "no region"), ("none", "no records"),
    }  # fmt: skip
    (empty,) = found.empty
    assert (empty.hue, empty.y, empty.title) == (
        "none", f"{found.top}.0", "30 Mar 2026: no records",
    )  # fmt: skip
    assert Decimal(empty.height) == found.bottom - found.top
    picture = usage_chart.svg(made)
    fills = dict(re.findall(r"\.usage-chart rect\.(none|bare) \{ fill: (.+?);", picture))
    assert fills == {"none": "var(--none)", "bare": "url(#everycent-bare)"}
    colours = set(re.findall(r"--(?:none|bare|rest): (#[0-9a-f]{6})", picture.split("@media")[0]))
    assert len(colours) == 3


def test_bars_of_a_terminal_show_each_row_by_its_number():
    made = chart([(0, "a", "30"), (0, "b", "10"), (2, "a", "0.01")], dimension="x")
    assert usage_bars.bars(made) == [
        ("29 Mar 2026", "40", "1" * 30 + "2" * 10),
        ("30 Mar 2026", "", ""),
        ("31 Mar 2026", "0.01", "▏"),
    ]
    assert usage_bars.bars(chart([(1, "", "7")]))[1] == ("30 Mar 2026", "7", "█" * 40)


SHARES = [
    (0, 10, "0.0 %"), (1, 3, "33.3 %"), (2, 3, "66.7 %"), (1, 10_000, "< 0.1 %"),
    (9_999, 10_000, "> 99.9 %"), (5, 5, "100.0 %"),
]  # fmt: skip


@pytest.mark.parametrize(("part", "whole", "text"), SHARES)
def test_a_share_is_never_nothing_for_some_nor_all_for_less(part, whole, text):
    assert reasons_page.share_text(part, whole) == text


BARS = [
    ({"billed": 60, "not_yet_billed": 30, "not_priced": 10}, ["60.00%", "30.00%", "10.00%"]),
    ({"billed": 1, "not_yet_billed": 1}, ["50.00%", "50.00%"]),
    ({"billed": 7}, ["100.00%"]),
    ({"billed": 999_999, "not_priced": 1}, ["99.99%", "0.40%"]),
]  # fmt: skip


@pytest.mark.parametrize(("counts", "widths"), BARS)
def test_a_reasons_bar_is_its_share_of_all_records(counts, widths):
    page = reasons_page.page(reasons.accounted(counts, 0, 0), "x", "y")
    assert re.findall(r'class="bar" style="width: ([0-9.]+%)"', page) == widths
    assert "a full bar is all records" in page


def test_the_page_of_reasons_says_each_with_its_number_and_escapes_names():
    found = reasons.accounted({"billed": 12_345, "too_late": 1}, duplicates=2, conflicts=0)
    page = reasons_page.page(found, "Usage of <b>", "2026-01-01T00:00:00Z")
    for text in (
        "12\u202f345",
        "too_late",
        "duplicate",
        "Usage of &lt;b&gt;",
        "12\u202f346 records",
    ):
        assert text in page
    assert "<b>" not in page
    assert "No records are stored" in reasons_page.page(reasons.accounted({}, 0, 0), "x", "y")


def test_the_page_of_reasons_tells_what_was_rejected_apart():
    day = date(2026, 1, 5)
    found = reasons.accounted({"billed": 7}, 0, 0)._replace(
        rejected=[
            reasons.Rejected("usage.too_old", "http", 1234, day, date(2026, 1, 9)),
            reasons.Rejected("usage.short_row", "file", 2, day, day),
            reasons.Rejected("usage.too_old", "program", 1, day, day),
        ]
    )
    assert found.records == 7
    page = reasons_page.page(found, "x", "y")
    for text in (
        "Rejected at the door",
        "1\u202f234",
        "Over HTTP, from 2026-01-05 to 2026-01-09.",
        "Out of files, on 2026-01-05.",
        "From programs, on",
    ):
        assert text in page
    assert "Rejected" not in reasons_page.page(reasons.accounted({"billed": 7}, 0, 0), "x", "y")
