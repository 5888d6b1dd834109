"""docs/clashes.md: every line of its table, typed as it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest

from everycent.cli.main import cli
from everycent.kernel.errors import Refusal
from everycent.subscriptions.clash import Rule
from tests.cli.test_discounts_page import said
from tests.cli.test_usage_corrections import Shell

PAGE = (Path(__file__).parents[2] / "docs" / "clashes.md").read_text("utf-8")
(CATALOGUE,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
(TRANSCRIPT,) = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
FIRST_DAY = "2026-01-01"
LATER = "amount: 62", "amount: 64"


class Row(NamedTuple):
    """A line of the table."""

    plan: str
    before: list[str]
    asked: str
    rule: str
    way_out: str


def rows() -> list[Row]:
    """The table."""
    lines = re.findall(
        r"^\| ([a-z]+) \| (.*?) \| `(.*?)` \| `(.*?)` \| (.*) \|$", PAGE, re.MULTILINE
    )
    return [
        Row(plan, [] if before == "–" else before.replace("`", "").split("<br>"), *rest)
        for plan, before, *rest in lines
    ]


class Typed:
    """Types commands of the table into one set of books."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.apply(CATALOGUE, FIRST_DAY)

    def run(self, line: str) -> None:
        cli(shlex.split(line), standalone_mode=False)

    def apply(self, catalogue: str, since: str) -> None:
        path = self.folder / "catalogue.yaml"
        path.write_text(catalogue, "utf-8")
        self.run(f"catalog apply {path} --at {since}")

    def start(self, key: str, plan: str) -> None:
        self.run(f"customer add {key} --name {key} --currency EUR --time-zone UTC")
        self.run(f"subscription start {key} {plan} --starts-on {FIRST_DAY} --key {key}")

    def __call__(self, key: str, told: str) -> None:
        verb, _, rest = told.partition(" ")
        if verb == "billed":
            self.run(f"bill run --as-of {rest.removeprefix('to ')}")
        elif verb == "new":
            self.apply(CATALOGUE.replace(*LATER), rest.rpartition(" ")[2])
        else:
            self.run(f"subscription {verb} {key} {rest}")


def test_every_line_of_the_table_is_refused_as_it_says(
    conninfo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERYCENT_DATABASE_URL", conninfo)
    monkeypatch.setenv("EVERYCENT_HOME", str(tmp_path))
    typed = Typed(tmp_path)
    for number, row in enumerate(rows()):
        key = f"c{number}"
        typed.start(key, row.plan)
        for told in row.before:
            typed(key, told)
        with pytest.raises(Refusal) as refused:
            typed(key, row.asked)
        told = refused.value
        rule = str(told.value) if told.code == "subscription.clash" else told.code
        assert (rule, told.hint) == (row.rule, row.way_out), row
        if rule != told.code and row.before:
            assert "change" in told.message
    Shell(conninfo, tmp_path)("verify")


def test_the_table_has_every_rule() -> None:
    told = rows()
    assert len(told) > 40
    missing = {rule.value for rule in Rule} - {row.rule for row in told}
    assert missing == {Rule.NOT_STARTED.value, Rule.PLAN_NOT_DROPPED.value}, (
        "no command can ask for these two: the fold refuses them"
    )


def test_a_clash_is_told_as_the_page_shows(conninfo: str, tmp_path: Path) -> None:
    shell = Shell(conninfo, tmp_path)
    shell("catalog", "apply", shell.write("catalogue.yaml", CATALOGUE), "--at", FIRST_DAY)
    shell("customer", "add", "acme", "--name", "Acme", "--currency", "EUR", "--time-zone", "UTC")
    *before, last = TRANSCRIPT.strip().split("$ everycent ")[1:]
    for command in before:
        shell(*shlex.split(command))
    command, _, shown = last.partition("\n")
    assert said(shell(*shlex.split(command), code=2)) == said(shown)
