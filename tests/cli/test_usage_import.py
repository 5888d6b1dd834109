"""everycent usage import: what is told of columns that nothing reads, and of rows that are not taken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EVERYCENT = str(Path(sys.executable).with_name("everycent"))
CATALOGUE = """
meters:
  calls: {unit: call}
"""
FIELDS = "id,subject,meter,at,value"
ROW = "{n},ana,calls,2026-01-10T12:00:00Z,1"


class Shell:
    """Types commands in a folder of its own."""

    def __init__(self, conninfo: str, folder: Path) -> None:
        self.environment = os.environ | {
            "EVERYCENT_DATABASE_URL": conninfo,
            "EVERYCENT_HOME": str(folder),
        }
        self.folder = folder

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [EVERYCENT, *words], env=self.environment, cwd=self.folder, capture_output=True,
            text=True, check=False,
        )  # fmt: skip

    def told(self, *words: str, code: int = 0) -> Any:
        done = self(*words, "--json")
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout) if code in (0, 3) else json.loads(done.stderr)["error"]

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return name


@pytest.fixture
def shell(conninfo: str, tmp_path: Path) -> Shell:
    made = Shell(conninfo, tmp_path)
    assert made("catalog", "apply", made.write("catalogue.yaml", CATALOGUE)).returncode == 0
    return made


def rows(more: str, cells: str, count: int = 2) -> str:
    lines = [f"{ROW.format(n=n)},{cells}" for n in range(count)]
    return "\n".join([f"{FIELDS},{more}", *lines])


def test_columns_that_nothing_reads_are_told_or_refused(shell):
    shell.write("usage.csv", rows("region,note", "eu,x"))
    usage = ("usage", "import", "usage.csv", "--source", "gw")
    refused = shell.told(*usage, "--strict", code=2)
    assert (refused["code"], refused["field"]) == ("mapping.unread_column", "region")
    found = shell.told(*usage, "--dimension", "region=region")
    assert (found["accepted"], found["files"][0]["ignored_columns"]) == (2, ["note"])
    text = shell(*usage, "--dimension", "region=region").stdout
    assert "a column that nothing reads: note" in text
    told = shell.told(*usage, "--dimension", "region=region", "--ignore", "note", "--strict")
    assert (told["duplicates"], told["files"][0]["ignored_columns"]) == (2, [])


def test_a_column_that_looks_like_dimensions_refuses_the_file(shell):
    shell.write("usage.csv", rows("dimension.region", "eu"))
    refused = shell.told("usage", "import", "usage.csv", "--source", "gw", code=2)
    assert refused["code"] == "mapping.unread_column"
    assert "--dimension region=dimension.region" in refused["hint"]
    assert shell.told("usage", "show")["records"] == 0


def test_the_mapping_file_takes_all_of_it(shell):
    shell.write("usage.csv", rows("system,note,level", "gw,x,y"))
    shell.write("mapping.yaml", "columns: {source: system}\nignore: [note]\nstrict: true")
    usage = ("usage", "import", "usage.csv", "--mapping", "mapping.yaml")
    assert shell.told(*usage, code=2)["field"] == "level"
    assert shell.told(*usage, "--dimension", "level=level")["accepted"] == 2
    (found,) = shell.told("usage", "find", "--source", "gw", "0")["records"]
    assert (found["source"], found["dimensions"]) == ("gw", '{"level":"y"}')


def test_lines_of_json_need_no_source_where_they_tell_it(shell):
    line = {
        "id": "a", "source": "gw", "subject": "ana", "meter": "calls",
        "at": "2026-01-10T12:00:00Z", "value": 1.5, "dimensions": {"region": "eu"},
    }  # fmt: skip
    shell.write("usage.ndjson", json.dumps(line) + "\n" + json.dumps(line | {"id": "b", "x": 1}))
    found = shell.told("usage", "import", "usage.ndjson", code=3)
    assert (found["accepted"], found["rejected"]) == (1, 1)
    (stored,) = shell.told("usage", "find", "--source", "gw", "a")["records"]
    assert (stored["value"], stored["dimensions"]) == ("1.5", '{"region":"eu"}')
    assert "usage.unknown_field" in (shell.folder / "usage.ndjson.rejects.csv").read_text()
    (counted,) = shell.told("usage", "reasons")["rejected"]
    assert (counted["code"], counted["door"], counted["records"]) == (
        "usage.unknown_field", "file", 1,
    )  # fmt: skip
    assert "rejected at the door" in shell("usage", "reasons").stdout


def test_a_backfill_of_records_that_tell_their_sources_names_one(shell):
    lines = [
        {"id": n, "source": n, "subject": "ana", "meter": "calls", "at": "2026-01-10T12:00:00Z",
         "value": 1}
        for n in "ab"
    ]  # fmt: skip
    shell.write("one.ndjson", json.dumps(lines[0] | {"value": 2}))
    shell.write("two.ndjson", "\n".join(map(json.dumps, lines)))
    span = ("--from", "2026-01-01", "--to", "2026-02-01", "--reason", "r")
    refused = shell.told("usage", "backfill", "two.ndjson", *span, code=2)
    assert refused["code"] == "backfill.which_source"
    assert shell("usage", "backfill", "two.ndjson", *span, "--source-only", "all").returncode == 0
    assert shell.told("usage", "show")["records"] == 2
    assert shell("usage", "backfill", "one.ndjson", *span).returncode == 0
    assert shell.told("usage", "find", "--source", "b", "b")["records"][0]["is_counted"]


GOOD = f"{FIELDS}\n{ROW.format(n=1)}"
BAD = f"{GOOD}\n{ROW.format(n=2)[:-1]}much"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--rejects", "nowhere/x.csv"), "file.unwritable"),
        (("--rejects", "usage.csv"), "usage.rejects_over_input"),
        (("usage.csv.rejects.csv",), "usage.rejects_over_input"),
    ],
)
def test_a_file_that_can_not_take_rejects_is_refused_before_anything_is_stored(
    shell, options, code
):
    shell.write("usage.csv", BAD)
    shell.write("usage.csv.rejects.csv", GOOD)
    refused = shell.told("usage", "import", "usage.csv", *options, "--source", "gw", code=2)
    assert (refused["code"], refused["field"]) == (code, "rejects")
    assert shell.told("usage", "show")["records"] == 0


def test_a_file_of_rejects_is_there_only_while_rows_are_rejected(shell):
    usage = ("usage", "import", "usage.csv", "--source", "gw")
    target = shell.folder / "usage.csv.rejects.csv"
    for text, code, is_there in ((GOOD, 0, False), (BAD, 3, True), (GOOD, 0, False)):
        shell.write("usage.csv", text)
        shell.told(*usage, code=code)
        assert target.exists() is is_there
    target.write_text(GOOD)  # somebody else's
    shell.told(*usage)
    assert target.read_text() == GOOD
    shell.told(*usage, "--rejects", "mine.csv")
    assert not (shell.folder / "mine.csv").exists()
    shell.write("usage.csv", BAD)
    assert "file,line,code" in shell(*usage, "--rejects", "/dev/stdout").stdout


def test_one_row_is_told_as_one(shell):
    shell.write("usage.csv", BAD.replace(GOOD, FIELDS))
    text = shell("usage", "import", "usage.csv", "--source", "gw").stdout
    assert "1 row read, 0 accepted, 0 duplicates, 0 conflicts, 1 rejected" in text
    assert "1 row was not taken: see usage.csv.rejects.csv" in text


@pytest.mark.parametrize(
    ("options", "code", "hint"),
    [
        (("--map", "value"), "mapping.bad_option", "write --map FIELD=COLUMN, once for each field"),
        (("--dimension", "a=b", "--dimension", "a=c"), "mapping.bad_option",
         "write --dimension NAME=COLUMN, once for each name"),
        (("--map", "region=region"), "mapping.unknown_field", "--dimension region=COLUMN"),
        (("--set", "source=x"), "mapping.unknown_field", "--source"),
        (("--map", "value=Value"), "mapping.unknown_column", "did you mean value?"),
        ((), "mapping.no_source", "--source"),
    ],
)  # fmt: skip
def test_a_mapping_that_is_refused_says_what_to_write(shell, options, code, hint):
    shell.write("usage.csv", f"{FIELDS}\n{ROW.format(n=1)}")
    refused = shell.told("usage", "import", "usage.csv", *options, code=2)
    assert refused["code"] == code
    assert hint in refused["hint"]
