"""docs/preview.md, typed as it stands there; and what the two commands refuse."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from everycent.invoicing.whatif import State
from tests.cli.test_discounts_page import said
from tests.cli.test_usage_corrections import Shell

PAGE = (Path(__file__).parents[2] / "docs" / "preview.md").read_text("utf-8")
NOW, NEW = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
TRANSCRIPT = "\n".join(re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL))
USAGE = """id,subject,meter,at,value
1,ana,calls,2026-01-10T12:00:00Z,100
2,bob,calls,2026-01-11T12:00:00Z,900
3,ana,calls,2026-02-03T12:00:00Z,120
"""
SPAN = ("--from", "2026-01-01", "--to", "2026-02-01")


@pytest.fixture
def shell(conninfo: str, tmp_path: Path) -> Shell:
    typed = Shell(conninfo, tmp_path)
    for name, text in (("now.yaml", NOW), ("new.yaml", NEW), ("usage.csv", USAGE)):
        typed.write(name, text)
    return typed


def test_the_examples_print_what_the_page_shows(shell: Shell) -> None:
    compared = 0
    for block in TRANSCRIPT.strip().split("$ everycent ")[1:]:
        command, _, shown = block.partition("\n")
        told = shell(*shlex.split(command))
        if shown.strip():
            assert said(told) == said(shown), command
            compared += 1
    assert compared == 3


def test_programs_are_told_everything_and_the_page_is_written(shell: Shell) -> None:
    for block in TRANSCRIPT.strip().split("$ everycent ")[1:10]:
        shell(*shlex.split(block.partition("\n")[0]))
    told = shell.json("preview", "ana", "--as-of", "2026-02-15", "--cancel", "--on", "2026-02-15")
    assert (told["effect"], told["without"], len(told["documents"])) == ("-4.38", [], 1)
    assert (told["documents"][0]["kind"], told["documents"][0]["gross"]) == ("credit_note", "-4.38")
    told = shell.json("simulate", "--catalog", "new.yaml", *SPAN, "--html", "page.html")
    assert [row["customer"] for row in told["customers"]] == ["ana", "bob"]
    assert told["totals"][0]["percent"] == "4.9"
    assert "<svg" in (shell.folder / "page.html").read_text("utf-8")
    alone = shell.json("simulate", "--catalog", "new.yaml", *SPAN, "--customer", "bob")
    assert alone["totals"][0]["losers"] == 1
    narrow = shell("simulate", "--catalog", "new.yaml", *SPAN, "--top", "1")
    assert (
        narrow.index("who saves most") < narrow.index("ana") < narrow.index("who pays most on top")
    )
    nothing = shell(
        "simulate", "--catalog", "new.yaml", "--from", "2025-01-01", "--to", "2025-02-01"
    )
    assert "nothing that was billed for these days can be compared" in nothing


def test_every_state_is_on_the_page() -> None:
    for state in set(State) - {State.PRICED}:
        assert re.search(rf"^\| [^|]*{state.value}", PAGE, re.MULTILINE), state


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("preview nobody", "customer.unknown"),
        ("preview ana --cancel --pause", "preview.one_change"),
        ("preview ana --on 2026-01-01", "preview.no_change"),
        ("preview ana --keep-paid", "preview.no_change"),
        ("preview ana --subscription ana", "preview.no_change"),
        ("preview ana --resume", "preview.no_day"),
        ("preview ana --as-of 2026-13-01", "date.malformed"),
        ("preview ana --zone Mars", "zone.unknown"),
        ("simulate --catalog new.yaml --from 2026-02-01 --to 2026-01-01", "simulate.empty_span"),
        ("simulate --catalog new.yaml --from x --to 2026-01-01", "date.malformed"),
        ("simulate --catalog usage.csv --from 2026-01-01 --to 2026-02-01", "catalog."),
    ],
)
def test_what_is_refused_says_why(shell: Shell, command: str, code: str) -> None:
    assert f"[{code}" in shell(*command.split(), code=2)


TEAM = """
products: {app: {name: App}}
plans:
  team:
    currency: EUR
    anchor_day: 1
    changes: {upgrade: now}
    prices:
      - {key: seats, product: app, per_unit: {unit_amount: 31}, timing: in_advance,
         agreed: {unit: seat, quantity: 2}}
  crew:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: heads, product: app, per_unit: {unit_amount: 10}, timing: in_advance,
         agreed: {unit: head}}
  disk:
    currency: EUR
    adds_to: [team, crew]
    prices: [{key: disk, product: app, flat: {amount: 31}, timing: in_advance}]
"""
TRIED = [
    # options                                                              difference, or the refusal
    ("--quantity seats=3 --on 2026-01-16", "16.00"),
    ("--add disk --on 2026-01-16", "16.00"),
    ("--switch crew --quantity heads=4 --on 2026-01-16", "-11.35"),
    ("--switch team --price 'seats=per_unit: {unit_amount: 15.5}' --on 2026-01-16", "-16.00"),
    ("--drop more --on 2026-01-16", "-16.00"),
    ("--quantity seats=3 --of more --on 2026-01-16", "subscription.price_unknown"),
    ("--switch crew --on 2026-01-16", "subscription.clash"),
    ("--price 'seats=flat: {amount: 1}'", "preview.no_plan"),
    ("--quantity seats=3 --drop more", "preview.one_change"),
]


def test_every_change_of_a_contract_can_be_tried(conninfo: str, tmp_path: Path) -> None:
    typed = Shell(conninfo, tmp_path)
    typed("catalog", "apply", typed.write("team.yaml", TEAM), "--at", "2026-01-01")
    typed("customer", "add", "ana", "--name", "Ana", "--currency", "EUR", "--time-zone", "UTC")
    typed("subscription", "start", "ana", "team", "--starts-on", "2026-01-01", "--key", "ana")
    typed("subscription", "add", "ana", "disk", "--as", "more", "--on", "2026-01-01")
    typed("bill", "run", "--as-of", "2026-01-01")
    for options, expected in TRIED:
        asked = ["preview", "ana", "--as-of", "2026-01-16", *shlex.split(options), "--json"]
        done = typed.run(*asked)
        told = json.loads(done.stdout or done.stderr)
        assert told.get("effect", told.get("error", {}).get("code")) == expected, options
