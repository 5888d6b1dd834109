"""docs/entitlements.md, typed as it stands there; and what the commands refuse."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from everycent.entitlements.answer import ALLOWING, Reason
from tests.cli.test_discounts_page import said
from tests.cli.test_usage_corrections import Shell

PAGE = (Path(__file__).parents[2] / "docs" / "entitlements.md").read_text("utf-8")
(CATALOGUE,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
(TRANSCRIPT,) = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
(ANSWER,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
BLOCKS = TRANSCRIPT.strip().split("$ everycent ")[1:]
USAGE = """id,subject,meter,at,value
1,acme,calls,2026-01-10T12:00:00Z,900
2,acme,calls,2026-02-03T12:00:00Z,50
"""


@pytest.fixture
def shell(conninfo: str, tmp_path: Path) -> Shell:
    typed = Shell(conninfo, tmp_path)
    typed.write("entitlements.yaml", CATALOGUE)
    typed.write("usage.csv", USAGE)
    return typed


def test_the_examples_print_what_the_page_shows(shell: Shell) -> None:
    told = ""
    for block in BLOCKS:
        command, _, shown = block.partition("\n")
        is_no = "not allowed" in shown
        printed = answered(shell, command, code=3 if is_no else 0)
        if shown.strip():
            assert said(printed) == said(shown), command
        if "--amount 101" in command:
            told = answered(
                shell, "entitlement check acme calls --amount 5 --at 2026-01-20 --json"
            )  # fmt: skip
    assert json.loads(told) == json.loads(ANSWER)
    everything = shell.json("entitlement", "list", "acme", "--at", "2026-02-10")
    assert [one["feature"] for one in everything["entitlements"]] == [
        "calls", "projects", "seats", "sso", "support",
    ]  # fmt: skip
    assert everything["entitlements"][1]["unlimited"] is True
    assert (
        everything["entitlements"][2] | {"limit": "0", "left": "0"}
        == (everything["entitlements"][2])
    )


def answered(shell: Shell, command: str, *, code: int = 0) -> str:
    """What a command prints that may end with a no."""
    done = shell.run(*shlex.split(command))
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_every_reason_is_on_the_page() -> None:
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| (yes|no) \|", PAGE, re.MULTILINE))
    assert rows == {code.value: "yes" if code in ALLOWING else "no" for code in Reason}


def test_the_catalogue_tells_of_features_and_of_what_would_change(shell: Shell) -> None:
    shell("catalog", "apply", "entitlements.yaml")
    assert "API calls: metered" in shell("catalog", "show", "feature")
    assert "grades" in shell("catalog", "show", "feature", "support")
    assert "up to 5000 call a period, use goes on beyond" in shell("catalog", "show", "plan", "pro")
    shell.write("more.yaml", CATALOGUE.replace("limit: 5000", "limit: 6000"))
    assert "features[calls].limit: 5000 → 6000" in shell("catalog", "plan", "more.yaml")
    shell.write("other.yaml", CATALOGUE.replace("{kind: limit}", "{kind: switch}").replace(
        "projects: 3", "projects: on").replace("projects: unlimited", "projects: on"))  # fmt: skip
    assert "catalog.feature_changed" in shell("catalog", "plan", "other.yaml", code=2)


REFUSED = [
    # command                                    code
    ("check nobody calls", "customer.unknown"),
    ("check acme cals", "feature.unknown"),
    ("check acme calls --amount 0", "entitlement.bad_amount"),
    ("check acme calls --amount ten", "number.malformed"),
    ("check acme sso --amount 1", "entitlement.bad_amount"),
    ("check acme calls --subscription none", "subscription.unknown"),
    ("check acme calls --at 2026-13-01", "date.malformed"),
    ("list nobody", "customer.unknown"),
]


def test_what_is_refused_says_why(shell: Shell) -> None:
    for block in BLOCKS[:3]:
        shell(*shlex.split(block.partition("\n")[0]))
    for command, code in REFUSED:
        assert f"[{code}]" in shell("entitlement", *command.split(), code=2), command
