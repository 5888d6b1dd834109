"""everycent usage archive, archives, restore: months go to files and come back, and say so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Place
from tests.flows.world import calls, use

EVERYCENT = str(Path(sys.executable).with_name("everycent"))
Typed = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def typed(place: Place, tmp_path: Path) -> Typed:
    """Types a command at an instance with calls in two old months."""
    use(place, [calls("a", month, date(2024, month, 5)) for month in (10, 11)])
    environment = {"EVERYCENT_DATABASE_URL": place.conninfo, "EVERYCENT_HOME": str(tmp_path)}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [EVERYCENT, *words], capture_output=True, text=True, check=False,
            env=os.environ | environment,
        )  # fmt: skip

    return run


def told(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_months_are_archived_listed_proved_and_put_back(typed: Typed, tmp_path: Path) -> None:
    done = typed("usage", "archive", "--before", "2024-12")
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == ["2024-10", "2024-11"], done.stderr
    assert all(line.endswith("taken out of the table") for line in lines)
    listed = told(typed("usage", "archives", "--json"))
    assert [(part["month"], part["records"], part["place"]) for part in listed] == [
        ("2024-10", 1, "file"), ("2024-11", 1, "file"),
    ]  # fmt: skip
    assert {part["file"] for part in listed} == {p.name for p in (tmp_path / "archive").iterdir()}
    proved = told(typed("verify", "--archives", "--json"))
    assert proved["holds"] is True
    assert "every archived month is there and says what was archived" in {
        check["promise"] for check in proved["checks"]
    }
    back = told(typed("usage", "restore", "2024-11", "--json"))
    assert (back["month"], back["records"]) == ("2024-11", 1)
    assert "2024-11" in typed("usage", "archives").stdout
    assert told(typed("verify", "--archives", "--json"))["holds"] is True


def test_another_folder_is_named_when_writing_and_when_reading(
    typed: Typed, tmp_path: Path
) -> None:
    elsewhere = str(tmp_path / "elsewhere")
    kept = told(
        typed("usage", "archive", "--before", "2024-11", "--to", elsewhere, "--keep", "--json")
    )
    assert [month["outcome"] for month in kept] == ["kept"]
    gone = told(typed("usage", "archive", "--before", "2024-11", "--to", elsewhere, "--json"))
    assert [(month["outcome"], month["part"]) for month in gone] == [("dropped", None)]
    missed = typed("usage", "restore", "2024-10", "--json")
    assert missed.returncode == 2
    assert json.loads(missed.stderr)["error"]["code"] == "archive.missing"
    assert typed("verify", "--archives").returncode == 1
    assert typed("verify", "--archives", "--from", elsewhere).returncode == 0
    assert typed("usage", "restore", "2024-10", "--from", elsewhere).returncode == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("archive", "--before", "2199-01"), "archive.month_open"),
        (("archive", "--before", "soon"), "date.malformed"),
        (("restore", "2024-13"), "date.malformed"),
        (("restore", "2024-10"), "archive.nothing_away"),
    ],
)
def test_what_can_not_be_done_is_refused(typed: Typed, words: tuple[str, ...], code: str) -> None:
    done = typed("usage", *words, "--json")
    assert done.returncode == 2
    assert json.loads(done.stderr)["error"]["code"] == code
