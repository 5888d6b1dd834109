"""docs/credit-notes.md, typed as it stands there; and refunds by line on the command line."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.cli.test_usage_corrections import Shell

PAGE = (Path(__file__).parents[2] / "docs" / "credit-notes.md").read_text("utf-8")
(CATALOGUE,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
(TRANSCRIPT,) = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def shell(conninfo: str, tmp_path: Path) -> Shell:
    typed = Shell(conninfo, tmp_path)
    typed.write("credit.yaml", CATALOGUE)
    return typed


def said(text: str) -> list[str]:
    """The lines that say something, without the blanks at their ends."""
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def type_page(shell: Shell, most: int | None = None) -> None:
    for block in TRANSCRIPT.strip().split("$ everycent ")[1:][:most]:
        command, _, shown = block.partition("\n")
        told = shell(*shlex.split(command))
        if shown:
            assert said(told) == said(shown), command


def test_the_example_prints_what_the_page_shows(shell: Shell) -> None:
    type_page(shell)
    note = shell.json("invoice", "show", "CN-000001")
    assert (note["credits"], note["reason"], note["gross"]) == ("INV-000001", "answered late", 598)
    shown = shell("invoice", "show", "INV-000001")
    assert "5.98 EUR taken back by CN-000001" in shown
    assert "credits line 2 of INV-000001" in shell("explain", "CN-000001", "--line", "2")
    assert "Taken off by CN-000001" in shell("explain", "INV-000001", "--line", "2")
    assert "credit what is left" not in shell("verify", "--replay")


def test_a_refund_by_line_says_what_goes_back_and_which_note_credits_it(shell: Shell) -> None:
    type_page(shell, 4)
    paid = shell.json(
        "payment", "record", "acme", "143.88", "--for", "INV-000001", "--reference", "1"
    )
    line = ("--line", "INV-000001/1=10.00", "--reason", "down")
    done = shell.json("payment", "refund", paid["payment"], *line)
    assert (done["back"], done["note"]["number"]) == (1200, "CN-000001")
    assert (done["note"]["gross"], done["note"]["set_off"]) == ("-12.00", "12.00")
    told = shell("payment", "refund", paid["payment"], *line)
    assert told == (
        f"12.00 EUR of {paid['payment']} is booked as paid out; CN-000002 credits INV-000001 with it\n"
    )
    assert "payment.amount_or_lines" in shell(
        "payment", "refund", paid["payment"], "1.00", *line, code=2
    )
    both = ("invoice", "credit", "INV-000001", "--line", "1", "--rest", "--reason", "x")
    assert "invoice.line_and_rest" in shell(*both, code=2)
    whole = shell("invoice", "credit", "INV-000001", "--reason", "x", code=2)
    assert "everycent invoice credit INV-000001 --rest" in whole
    assert json.loads(shell("invoice", "list", "--json"))[1]["gross"] == "-12.00"
