"""docs/currencies.md, typed as it stands there; and what the page says that things come to."""

from __future__ import annotations

import re
import shlex
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from scripts import errors

from everycent.catalog import document
from everycent.catalog.policies import BY_NAME
from everycent.exchange.rate import Exchange, Quote
from everycent.invoicing.home import at_home
from everycent.invoicing.invoice import HomePart
from everycent.kernel.money import Money, Rounding, plain
from tests.cli.test_discounts_page import said
from tests.cli.test_usage_corrections import Shell
from tests.unit.invoicing.made import drafted, due

PAGE = (Path(__file__).parents[2] / "docs" / "currencies.md").read_text("utf-8")
CATALOGUE, *_ = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
TABLE, PLAIN, USAGE = re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)
ROW = re.compile(
    r"^\| ([\d.]+) and ([\d.]+) ([A-Z]{3}) \| 1 ([A-Z]{3}) = ([\d.]+) ([A-Z]{3}) \|"
    r" ([\d.]+) [A-Z]{3} \| ([\d.]+) [A-Z]{3} \| ([\d.]* ?[A-Z]*) ?\| ([\d.]+) ([A-Z]{3}) \|$",
    re.MULTILINE,
)


@pytest.fixture
def shell(conninfo: str, tmp_path: Path) -> Shell:
    made = Shell(conninfo, tmp_path)
    for name, text in (("prices.yaml", CATALOGUE), ("rates.csv", TABLE), ("usage.csv", USAGE)):
        made.write(name, text)
    return made


def words(text: str) -> list[str]:
    return text.replace("│", " ").split()


def test_the_examples_print_what_the_page_shows(shell: Shell) -> None:
    printed = []
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        for one in block.strip().split("$ everycent ")[1:]:
            command, _, shown = one.partition("\n")
            told = shell(*shlex.split(command))
            printed += words(told)
            if shown:
                assert said(told) == said(shown), command
    whole = " ".join(printed)
    for block in re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL):
        assert " ".join(words(block)) in whole
    assert "promises hold" in shell("verify", "--replay")
    home = shell.json("invoice", "show", "INV-000001")["home"]
    assert (home["net"], home["tax"], home["rounding"], home["gross"]) == (6207, 1552, 1, 7760)


def test_the_plain_file_is_taken_and_a_correction_is_told(shell: Shell) -> None:
    shell.write("plain.csv", PLAIN)
    assert shell.json("exchange", "import", "plain.csv", "--source", "bank")["added"] == 1
    set_ = ("exchange", "set", "USD/CAD", "1.3640", "--on", "2026-01-30", "--source", "bank")
    refused = shell(*set_, code=2)
    assert "exchange.rate_known" in refused
    assert "--correct" in refused
    shell(*set_, "--correct", "digits turned round")
    rates = shell.json("exchange", "list", "--pair", "USD/CAD")
    assert [(one["rate"], one["correction"]) for one in rates] == [
        ("1.364", "digits turned round"), ("1.3604", None),
    ]  # fmt: skip
    found = shell.json("exchange", "find", "CAD/USD", "--on", "2026-02-01")
    assert (found["formula"], found["value"]) == ("÷ 1.364", "0.733137829912")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("exchange set EURUSD 1 --source x", "exchange.bad_pair"),
        ("exchange set EUR/USD 0 --source x", "exchange.bad_rate"),
        ("exchange set EUR/USD 1 --source x --on 30.01.2026", "date.malformed"),
        ("exchange find EUR/USD --on 2026-02-01", "exchange.no_rate"),
        ("exchange import usage.csv", "exchange.unknown_layout"),
        ("exchange import rates.csv --currency EURO", "currency.unknown"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_writes_nothing(
    shell: Shell, command: str, code: str
) -> None:
    assert code in shell(*command.split(), code=2)
    assert shell.json("exchange", "list") == []


@pytest.mark.parametrize("row", ROW.findall(PAGE), ids=lambda row: " ".join(row[:6]))
def test_the_amounts_in_the_table_are_right(row: tuple[str, ...]) -> None:
    net, tax, currency, base, rate, quote, *expected, into = row
    made = drafted(due(net, currency=currency), currency=currency)
    assert plain(Money(made.tax, currency)) == tax
    day = date(2026, 3, 2)
    by = Exchange(currency, into, day, (Quote(base, quote, day, rate, "ECB", 1),))
    home = at_home(made, (HomePart(by),), into, Rounding.HALF_UP)
    wanted = [Decimal(text.partition(" ")[0] or "0") for text in expected]
    parts = (home.net, home.tax, home.rounding, home.gross)
    assert [Decimal(plain(Money(part, into))) for part in parts] == wanted


def test_the_table_has_five_rows_and_the_page_names_what_there_is() -> None:
    assert len(ROW.findall(PAGE)) == 5
    plans = {e.key: e.content for e in document.parse(CATALOGUE) if e.kind == "plan"}
    assert plans["team"].currencies == ("EUR", "JPY", "USD")
    for name in re.findall(r"`((?:exchange|currency)\.[a-z_]+)`", PAGE):
        assert name in BY_NAME or name in {told.code for told in errors.refusals()}
