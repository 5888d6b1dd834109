"""docs/discounts.md, typed as it stands there; and what the page says that things come to."""

from __future__ import annotations

import re
import shlex
from fractions import Fraction
from pathlib import Path

import pytest

from everycent.catalog import document
from everycent.catalog.policies import SPLIT
from everycent.invoicing.discount import Grant, spread
from tests.cli.test_usage_corrections import Shell

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "discounts.md").read_text("utf-8")
TAXES = (DOCS / "taxes.md").read_text("utf-8")
(CATALOGUE,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
(TRANSCRIPT,) = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)


def said(text: str) -> list[str]:
    """The lines that say something, without the blanks at their ends."""
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def test_the_example_prints_what_the_page_shows(conninfo: str, tmp_path: Path) -> None:
    shell = Shell(conninfo, tmp_path)
    shell.write("discounts.yaml", CATALOGUE)
    for block in TRANSCRIPT.strip().split("$ everycent ")[1:]:
        command, _, shown = block.partition("\n")
        told = shell(*shlex.split(command))
        if shown:
            assert said(told) == said(shown), command


@pytest.mark.parametrize("split", ["largest_remainder", "exact", "per_line"])
def test_a_discount_is_spread_as_the_table_says(split: str) -> None:
    (row,) = re.findall(rf"^\| `{split}`.*", PAGE, re.MULTILINE)
    cells = [cell.strip() for cell in row.split("|")[2:5]]
    found = spread([1000, 2000, 2001], [Grant(None, 1000, range(3))], "aaa", split)
    for cell, share in zip(cells, found.exact, strict=True):
        shown = cell.rpartition(" ")[2]
        assert Fraction(shown.rstrip("…")) == Fraction(share * 100 // 1, 10_000)
    assert SPLIT in PAGE


def test_the_catalogues_of_the_page_of_taxes_are_catalogues() -> None:
    first, second = re.findall(r"```yaml\n(.*?)```", TAXES, re.DOTALL)
    found = {entity.key: entity.content for entity in document.parse(first + second)}
    assert found["local"].tax_category == "city+fund+state"
    assert [item.price.includes_tax for item in found["consumer"].items] == [True, False]


def test_customers_are_exempted_as_the_page_of_taxes_says(conninfo: str, tmp_path: Path) -> None:
    shell = Shell(conninfo, tmp_path)
    for key in ("acme", "aid"):
        shell("customer", "add", key, "--name", key, "--currency", "EUR", "--time-zone", "UTC")
    (block,) = re.findall(r"```console\n(.*?)```", TAXES, re.DOTALL)
    for command in block.strip().splitlines():
        shell(*shlex.split(command.removeprefix("$ everycent ")))
    told = {row["key"]: row for row in shell.json("customer", "list")}
    assert told["acme"]["tax_status"] == "reverse_charge"
    assert told["aid"]["tax_reason"] == "Exempt: article 151 of Directive 2006/112/EC"
    shell("customer", "update", "aid", "--tax-status", "taxed")
    told = {row["key"]: row for row in shell.json("customer", "list")}
    assert "tax_reason" not in told["aid"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("coupon apply none --customer acme", "no coupon 'none'"),
        ("coupon apply welcome", "give a customer or a subscription, and not both"),
        ("coupon apply welcome --customer acme --from 31.12.2026", "31.12.2026"),
        ("coupon remove welcome-1", "no applied coupon 'welcome-1'"),
        ("customer update acme --tax-status exempt", "no reason is given"),
        ("customer update acme --tax-status reverse_charge", "needs the tax number"),
    ],
)
def test_a_refusal_says_what_to_do(conninfo: str, tmp_path: Path, command: str, said: str) -> None:
    shell = Shell(conninfo, tmp_path)
    shell("catalog", "apply", shell.write("discounts.yaml", CATALOGUE))
    shell("customer", "add", "acme", "--name", "A", "--currency", "EUR", "--time-zone", "UTC")
    assert said in shell(*command.split(), code=2)
    assert shell.json("coupon", "list") == []
