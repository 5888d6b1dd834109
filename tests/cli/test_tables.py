"""Tables on the terminal: however narrow it is, nothing that stands in them loses a letter."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from everycent.cli import common, explain, usage_effect
from everycent.flows.saying import Node

LONG = "measurement:room-nights/2026-01-01T00:00:00Z/acme-international-holdings"
COLUMNS = ["number", "customer", ">net", "~why"]
ROWS = [
    ["INV-000001", LONG, "1,234,567.50 EUR", "there is no subscription for it, nobody is billed"],
    ["INV-000002", "b", "-0.05 EUR", ""],
]


def shown(
    capsys: pytest.CaptureFixture[str], columns: list[str], rows: list[list[str]]
) -> list[str]:
    common.table(columns, rows, "What it is")
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("width", "is_aligned"), [(40, False), (80, False), (100, False), (140, True), (200, True)]
)
def test_a_row_becomes_a_block_where_the_screen_is_too_narrow_for_a_line(
    capsys, monkeypatch, width, is_aligned
):
    monkeypatch.setenv("COLUMNS", str(width))
    lines = shown(capsys, COLUMNS, ROWS)
    text = "\n".join(lines)
    assert max(map(len, lines)) <= width
    assert any("INV-000001" in line and "1,234,567.50 EUR" in line for line in lines) == is_aligned
    assert "1,234,567.50 EUR" in text
    assert "-0.05 EUR" in text
    assert LONG in "".join(text.split())
    assert "".join(ROWS[0][3].split()) in "".join(text.split()) or is_aligned
    assert all(word in text for word in ROWS[0][3].split())


def test_what_is_empty_has_no_line_in_a_block(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    lines = shown(capsys, COLUMNS, ROWS)
    assert sum(line.startswith("why") for line in lines) == 1


def test_a_reason_wraps_between_words_before_rows_become_blocks(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    why = "there is no subscription for it, so that nobody is billed for what was used"
    lines = shown(capsys, ["number", "~why"], [["INV-000001", why]])
    assert max(map(len, lines)) <= 60
    told = "".join(line.removeprefix(" INV-000001").rstrip() for line in lines if " " in line)
    assert " ".join(why.split()) in " ".join(told.split())


def test_in_a_file_lines_are_as_long_as_they_are(capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    wide = [[f"{n}" * 60 for n in range(5)]]
    lines = shown(capsys, ["a", "b", "c", "d", "e"], wide)
    assert any(all(cell in line for cell in wide[0]) for line in lines)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    width=st.integers(20, 130),
    rows=st.lists(
        st.lists(
            st.text("abc .-0é", min_size=1, max_size=50).map(str.strip), min_size=3, max_size=3
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_every_letter_of_every_cell_is_printed_at_any_width(capsys, width, rows):
    with pytest.MonkeyPatch.context() as screen:
        screen.setenv("COLUMNS", str(width))
        lines = shown(capsys, ["x", ">y", "~z"], rows)
    printed = "\n".join(lines[1:])
    assert max(map(len, lines)) <= width
    for letter in "abc.0é":
        expected = sum(cell.count(letter) for row in rows for cell in row)
        assert printed.count(letter) == expected, printed


_WORDS = st.text("abc0é-日", min_size=1, max_size=30)
_CELLS = st.lists(_WORDS, max_size=12).map(" ".join)
_COLUMNS = st.lists(st.sampled_from(["", ">", "~"]), min_size=1, max_size=7)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), columns=_COLUMNS, width=st.none() | st.integers(40, 300))
def test_no_word_is_lost_or_broken_in_a_file_or_on_a_screen(capsys, data, columns, width):
    names = [f"{how}{name}" for how, name in zip(columns, "xyzuvwt", strict=False)]
    rows = data.draw(st.lists(st.tuples(*[_CELLS for _ in names]), min_size=1, max_size=4))
    with pytest.MonkeyPatch.context() as screen:
        screen.delenv("COLUMNS", raising=False)
        if width is not None:
            screen.setenv("COLUMNS", str(width))
        lines = shown(capsys, names, rows)
    is_block = not any("─" in line for line in lines)
    printed, words = Counter(), Counter()
    for line in lines[1:]:
        printed.update(line.split())
    for cell in (cell for row in rows for cell in row):
        words.update(cell.split())
    if is_block:
        assert width is not None
        assert sum(map(len, words.elements())) <= sum(map(len, printed.elements()))
    else:
        assert not words - printed
    assert width is None or max(map(cell_len, lines)) <= width


def test_two_columns_that_wrap_are_whole_in_a_file(capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    since = "2026-01-01T00:00:00Z"
    rows = [["vm-1 " * 12, "machine", "a name " * 12, "a customer " * 8, since, ""]]
    lines = shown(capsys, ["~resource", "kind", "~name", "~customer", "since", "until"], rows)
    assert any(since in line for line in lines)
    assert max(map(len, lines)) <= 160


@pytest.mark.parametrize("width", [60, 80, 100])
def test_an_explained_value_is_whole_on_any_screen(capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    value = "99999999999999999999.123456789012345678 kWh"
    leaf = Node(
        "quantity", "Sum of a_meter_with_a_very_long_name", value, LONG, {"quantity": value}
    )
    explain._print(Node("line", "Line 1", "1,234,567.50 EUR", "", {}, (leaf,)))
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= width
    digits = "".join(letter for letter in printed if letter.isdigit())
    assert printed.count("…") == 0
    for digit in "0123456789":
        told = (value * 2 + LONG + "1,234,567.50" + "1").count(digit)
        assert digits.count(digit) == told


COUNTED = [
    (0, "0 records"),
    (1, "1 record"),
    (1200, "1,200 records"),
]


@pytest.mark.parametrize(("number", "text"), COUNTED)
def test_a_number_of_things_is_told_as_one_or_as_many(number, text):
    assert common.counted(number, "record") == text


SAME = [
    # lines, whether others are told before, text
    (1, False, "1 line covers this usage and comes out the same"),
    (1, True, "1 more line covers this usage and comes out the same"),
    (1200, False, "1,200 lines cover this usage and come out the same"),
    (2, True, "2 more lines cover this usage and come out the same"),
]


@pytest.mark.parametrize(("lines", "is_more", "text"), SAME)
def test_lines_that_come_out_the_same_are_told_as_one_or_as_many(lines, is_more, text):
    assert usage_effect.same_text(lines, is_more=is_more) == text
