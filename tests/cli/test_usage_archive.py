"""everycent usage archive, archives, restore: months go to files and come back, and say so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from everycent.flows import gaps
from tests.conftest import Place
from tests.flows import world
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


def test_a_gap_whose_end_is_in_the_archive_says_that_it_ended_by_then(
    place: Place, typed: Typed
) -> None:
    text = world.CATALOGUE.replace("taxes:", "intake:\n  calls: {expected_every: 1d}\ntaxes:", 1)
    world.sell(place, [("a", "api")], text=text, starts_on=date(2024, 10, 1))
    noticed = datetime(2024, 10, 6, tzinfo=UTC)
    gaps.check(
        place.database, place.tenant_id, noticed,
        {"at": noticed, "recorded_at": noticed, "actor": "test", "ids": place.ids},
    )  # fmt: skip
    shown = {}
    for is_archived in (False, True):
        if is_archived:
            assert (
                typed("usage", "archive", "--before", "2024-12", "--even-unbilled").returncode == 0
            )
        done = typed("usage", "gaps", "--all", "--json")
        gap = json.loads(done.stdout)["gaps"][-1]
        shown[is_archived] = (gap["starts_at"], gap["ends_at"], gap["ends_by"])
        text = typed("usage", "gaps", "--all").stdout
        assert ("2024-10-05T12:00:00Z or before" in text) is is_archived
    start, end = "2024-09-30T22:00:00Z", "2024-10-05T12:00:00Z"
    assert shown == {False: (start, end, None), True: (start, None, end)}


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
    assert [part["location"] for part in told(typed("usage", "archives", "--json"))] == [
        "elsewhere"
    ]
    assert typed("verify", "--archives").returncode == 0
    moved = str(Path(elsewhere).rename(tmp_path / "moved"))
    missed = typed("usage", "restore", "2024-10", "--json")
    assert missed.returncode == 2
    assert json.loads(missed.stderr)["error"]["code"] == "archive.missing"
    assert typed("verify", "--archives").returncode == 1
    assert typed("verify", "--archives", "--from", moved).returncode == 0
    assert typed("usage", "restore", "2024-10", "--from", moved).returncode == 0


def test_a_record_in_the_archive_is_found_with_its_file_and_read_there(
    typed: Typed, tmp_path: Path
) -> None:
    typed("usage", "archive", "--before", "2024-11")
    by_id = ("usage", "find", "--source", "test", "a/2024-10-05")
    (found,) = told(typed(*by_id, "--json"))["records"]
    assert (found["subject"], found["value"], found["at"]) == ("a", "10", "2024-10-05T12:00:00Z")
    assert [part["month"] for part in found["archived"]] == ["2024-10"]
    text = typed(*by_id).stdout
    assert f"in the archive of 2024-10: {found['archived'][0]['file']} (archive)" in text
    listed = typed("usage", "find", "--subject", "a")
    assert "a/2024-11-05" in listed.stdout
    assert "not looked at: 2024-10 in the archive (records: 1)" in listed.stdout
    assert [
        part["month"]
        for part in told(typed("usage", "find", "--meter", "calls", "--json"))["archived"]
    ]
    later = told(typed("usage", "find", "--subject", "a", "--from", "2024-11-01", "--json"))
    assert later["archived"] == []
    moved = (tmp_path / "archive").rename(tmp_path / "moved")
    (found,) = told(typed(*by_id, "--json"))["records"]
    assert (found["record_id"], found["subject"], found["value"]) == ("a/2024-10-05", None, None)
    assert "can't be read" in found["unread"]
    assert "can't be read" in typed(*by_id).stdout
    (found,) = told(typed(*by_id, "--archive", str(moved), "--json"))["records"]
    assert found["value"] == "10"
    assert "of those in the archive, when their months were written: 1 no_subscription" in (
        typed("usage", "reasons").stdout
    )


@pytest.mark.parametrize("text", ["2024-11-15", "2024-13", "feb", "2024-1", "202411"])
@pytest.mark.parametrize("words", [("archive", "--before"), ("restore",)])
def test_a_month_is_told_as_one(typed: Typed, words: tuple[str, ...], text: str) -> None:
    done = typed("usage", *words, text, "--json")
    error = json.loads(done.stderr)["error"]
    assert (error["message"], error["value"]) == (f"{text!r} is not a month", text)
    assert error["hint"] == "write it like 2026-03"
    assert "1 record in " in typed("usage", "archive", "--before", "2024-11").stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("archive", "--before", "2199-01"), "archive.month_open"),
        (("archive", "--before", "soon"), "date.malformed"),
        (("restore", "2024-13"), "date.malformed"),
        (("restore", "1900-01"), "date.out_of_range"),
        (("restore", "2024-10"), "archive.nothing_away"),
    ],
)
def test_what_can_not_be_done_is_refused(typed: Typed, words: tuple[str, ...], code: str) -> None:
    done = typed("usage", *words, "--json")
    assert done.returncode == 2
    assert json.loads(done.stderr)["error"]["code"] == code
