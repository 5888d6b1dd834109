"""docs/wallets.md, typed as it stands there, on an instance of its own; and what its trials come to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from everycent.cli.wallets import wallet
from everycent.kernel.errors import Invalid
from tests.cli.test_readme import environment as environment
from tests.cli.test_readme import typed

PAGE = (Path(__file__).parents[2] / "docs" / "wallets.md").read_text("utf-8")
BEFORE = """\
everycent up
everycent catalog apply examples/first/catalog.yaml
everycent customer add acme --name "Acme Ltd" --currency EUR --time-zone Europe/Zagreb
everycent subscription start acme api --starts-on 2026-01-01
everycent usage import examples/first/usage.csv --source gateway
"""
BLOCKS = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
TRIALS = re.findall(r"```json\n((?s:.*?))```\n\n→ (.*)\n", PAGE)


def told() -> Iterator[tuple[str, list[str]]]:
    """Each command of the page with the lines that must come out."""
    for block in BLOCKS:
        for part in block.split("$ ")[1:]:
            command, *lines = part.splitlines()
            yield command, lines


def words(line: str) -> str:
    return " ".join(line.split())


def test_every_command_of_the_page_says_what_the_page_says(environment: dict[str, str]) -> None:
    for command in BEFORE.splitlines():
        assert typed(command, environment).returncode == 0, command
    for command, lines in told():
        done = typed(command, environment)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        said = {words(line) for line in done.stdout.splitlines()}
        assert {words(line) for line in lines} <= said, f"{command}\n{done.stdout}"
    shown = typed("everycent wallet show acme-prepaid --as-of 2026-02-03 --json", environment)
    found = json.loads(shown.stdout)
    assert [(one["amount"], one["left"], len(one["draws"])) for one in found["grants"]] == [
        ("40.00", "0.00", 2),
        ("5.00", "0.00", 1),
        ("50.00", "50.00", 0),
    ]
    assert "promises hold" in typed("everycent verify --replay", environment).stdout


REFUSALS = [
    # command                                                          code
    ("wallet open nobody", "customer.unknown"),
    ("wallet open acme --key 'a b'", "wallet.bad_key"),
    ("wallet open acme --key x --unit credits", "wallet.bad_unit"),
    ("wallet open acme --key x --unit credits --unit-price 0", "wallet.bad_unit"),
    ("wallet open acme --key x --product nothing", "catalog.unknown"),
    ("wallet topup nothing 5 --reference x", "wallet.unknown"),
    ("wallet topup acme-prepaid --reference x", "wallet.which_amount"),
    ("wallet topup acme-prepaid 5 --due --reference x", "wallet.which_amount"),
    ("wallet topup acme-prepaid 0 --reference x", "credit.not_positive"),
    ("wallet topup acme-prepaid 0.001 --reference x", "credit.not_positive"),
    ("wallet topup acme-prepaid -- -5 --reference x", None),
    ("wallet topup acme-prepaid 1e99 --reference x", "number.out_of_range"),
    ("wallet topup acme-prepaid x --reference x", "number.malformed"),
    ("wallet topup acme-prepaid 5 --reference x --at 2999-01-01", "date.out_of_range"),
    ("wallet topup acme-prepaid 5 --reference x --expires 2020-01-01", "credit.bad_expiry"),
    ("wallet topup acme-prepaid 5 --reference x --expires 2026-02-31", "date.malformed"),
    ("wallet topup acme-prepaid 5 --reference x --priority 1001", "credit.bad_priority"),
    ("wallet topup acme-prepaid --due --reference x", "wallet.nothing_due"),
    ("wallet grant acme-prepaid 5 --reason x --every fortnight", "interval.unknown"),
    ("wallet grant acme-prepaid 5 --reason x --keep-least 2 --keep-most 1", "credit.bad_rollover"),
    ("wallet void acme-prepaid 99", "credit.unknown"),
    ("wallet void acme-prepaid 1", "credit.used_up"),
    ("wallet rule acme-prepaid --below 5", "wallet.which_rule"),
    ("wallet rule acme-prepaid --below 5 --amount 0", "credit.not_positive"),
    ("wallet cap acme-prepaid --soft 1 --hard 2", "wallet.bad_caps"),
    ("wallet withdraw acme-prepaid", "wallet.nothing_due"),
    ("wallet show nothing", "wallet.unknown"),
]


@pytest.mark.parametrize(("command", "code"), REFUSALS)
def test_what_cannot_be_done_is_refused_with_its_code(
    environment: dict[str, str], command: str, code: str | None
) -> None:
    done = typed(f"everycent {command} --json", environment)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    if code is not None:
        assert json.loads(done.stderr)["error"]["code"] == code


def tried(text: str) -> Any:
    done = CliRunner().invoke(wallet, ["try", "--json"], input=text)
    if done.exception is not None:
        raise done.exception
    return json.loads(done.stdout)


@pytest.mark.parametrize(("text", "left"), TRIALS)
def test_a_trial_leaves_what_the_page_says(text: str, left: str) -> None:
    assert tried(text)["left"] == dict(re.findall(r"`(\w+)` (\d+)", left))


def test_every_trial_of_the_page_is_among_them() -> None:
    assert len(TRIALS) == PAGE.count("```json") == 2


ENDS = '"until": "2026-01-01T00:00:00Z"'
BAD = [
    # trial                                                                        field
    ("[", "file"),
    (f'{{"grants": [{{"id": "a"}}], "uses": [], {ENDS}}}', "grants[0]"),
    ('{"grants": [], "uses": [], "until": "2026-01-01T00:00:00"}', "until"),
    (f'{{"grants": [], "uses": [], {ENDS}, "x": 1}}', "file"),
    (f'{{"grants": [{{"id": "a", "amount": "NaN"}}], "uses": [], {ENDS}}}', "grants[0].amount"),
    (f'{{"grants": [{{"id": "a", "amount": "1e-99"}}], "uses": [], {ENDS}}}', "grants[0].amount"),
    (f'{{"grants": [{{"id": "a", "amount": "1e99"}}], "uses": [], {ENDS}}}', "grants[0].amount"),
    (f'{{"grants": [], "uses": [{{"at": "2026-01-01T00:00:00Z", "amount": -1}}], {ENDS}}}',
     "uses[0].amount"),
    (f'{{"grants": [{{"id": "a", "amount": 1, "every": "day"}}], "uses": [], {ENDS}}}',
     "grants[0].effective_at"),
    (f'{{"grants": [{{"id": "a", "amount": 1}}, {{"id": "a", "amount": 1}}], "uses": [], {ENDS}}}',
     "grants"),
    (f'{{"grants": [], "uses": [], {ENDS}, "time_zone": "Mars"}}', "time_zone"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "field"), BAD)
def test_a_bad_trial_names_the_field(text: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        tried(text)
    assert refused.value.field == field
