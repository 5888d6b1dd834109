"""`everycent rate`: JSON in, amounts with their steps out, and no database anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TYPED = [sys.executable, "-c", "from everycent.cli.main import main; main()", "rate"]
PRICE = {
    "price": {
        "graduated": {"tiers": [{"up_to": 10, "unit_amount": 1}, {"unit_amount": "0.333"}]},
        "maximum": "11",
    },
    "currency": "EUR",
    "quantity": 14,
    "before": 3,
}


def typed(text: str | bytes, *words: str, home: Path) -> subprocess.CompletedProcess[bytes]:
    """What the command says where there is neither a database nor a place for one."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("EVERYCENT_")
    }
    environment |= {"EVERYCENT_HOME": str(home / "nowhere"), "PYTHONIOENCODING": "utf-8"}
    given = text.encode() if isinstance(text, str) else text
    return subprocess.run(
        [*TYPED, *words], input=given, capture_output=True, check=False, env=environment
    )


def test_a_person_sees_every_step(tmp_path: Path) -> None:
    done = typed(json.dumps(PRICE), home=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    rows = [" ".join(line.split()) for line in done.stdout.decode().splitlines() if line.strip()]
    assert rows[0] == "price: 8.00 EUR for 17"
    assert rows[3:] == [
        "tier 1 10 1 10",
        "tier 2 7 0.333 2.331",
        "sum 12.331",
        "maximum of 11 is in force 11",
        "rounded half up 11.00 EUR",
        "billed before -3.00 EUR",
        "to bill now 8.00 EUR",
    ]
    assert not (tmp_path / "nowhere").exists()


def test_a_program_gets_the_trace(tmp_path: Path) -> None:
    path = tmp_path / "asked.json"
    path.write_text(json.dumps([PRICE]), "utf-8")
    (found,) = json.loads(typed("", str(path), "--json", home=tmp_path).stdout)
    assert (found["amount"], found["minor"], found["limit"]) == ("8.00", 800, "maximum")
    assert [step["amount"] for step in found["steps"]] == ["10", "2.331"]
    assert found["before"]["steps"][0]["quantity"] == "3"
    alone = json.loads(typed(json.dumps(PRICE), "--json", home=tmp_path).stdout)
    assert alone == found


def test_a_refusal_names_code_field_and_what_to_do(tmp_path: Path) -> None:
    done = typed(json.dumps(PRICE | {"currency": "EURO"}), "--json", home=tmp_path)
    refused = json.loads(done.stderr)["error"]
    assert (done.returncode, done.stdout) == (2, b"")
    assert (refused["code"], refused["field"]) == ("currency.unknown", "currency")
    assert refused["hint"]


@pytest.mark.parametrize("text", [b"\xff\xfe", b"", b"{"])
def test_what_is_no_json_is_refused_without_a_traceback(text: bytes, tmp_path: Path) -> None:
    done = typed(text, home=tmp_path)
    assert done.returncode == 2
    assert b"[rate.unreadable]" in done.stderr
    assert b"Traceback" not in done.stderr
