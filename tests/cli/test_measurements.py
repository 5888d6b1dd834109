"""Measurements on the command line, with the very file that the documentation shows."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

ROOT = Path(__file__).parents[2]
EVERYCENT = str(Path(sys.executable).with_name("everycent"))
PAGE = (ROOT / "docs" / "measurements.md").read_text(encoding="utf-8")
HOTEL, FIRST, OTHERS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
CATALOGUE = HOTEL.replace(
    "meters:\n",
    "meters:\n  traffic_gb: {unit: GB}\n  seats: {unit: seat, aggregation: max}\n  pages: {unit: page}\n",
)
EXAMPLE = FIRST + OTHERS.removeprefix("measurements:\n")


class Shell:
    """Types commands."""

    def __init__(self, conninfo: str, folder: Path) -> None:
        self.environment = os.environ | {
            "EVERYCENT_DATABASE_URL": conninfo,
            "EVERYCENT_HOME": str(folder),
            "EVERYCENT_ACTOR": "tester",
        }
        self.folder = folder

    def __call__(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [EVERYCENT, *arguments], env=self.environment, cwd=self.folder,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout if code in (0, 3) else done.stderr

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return name


@pytest.fixture
def shell(conninfo: str, tmp_path: Path) -> Shell:
    typed = Shell(conninfo, tmp_path)
    typed("catalog", "apply", typed.write("catalogue.yaml", CATALOGUE))
    return typed


def test_the_file_that_the_page_shows_is_applied_and_measured(shell: Shell) -> None:
    text = EXAMPLE.replace(".example.com", ".invalid")
    file = shell.write("measurements.yaml", text)
    told = json.loads(shell("measurement", "apply", file, "--json"))
    assert [(change["verb"], change["key"]) for change in told] == [
        ("create", key) for key in ("room-nights", "disk-hours", "traffic", "seats", "prints")
    ]
    assert "keep traffic (version 1)" in shell("measurement", "apply", file)
    shell(
        "customer",
        "add",
        "ana",
        "--name",
        "Ana",
        "--currency",
        "EUR",
        "--time-zone",
        "Europe/Zagreb",
    )
    shell("subscription", "start", "ana", "room", "--starts-on", "2026-01-02")
    shell("measurement", "pause", "traffic", "--reason", "asks for a name that nobody has")
    shell("measurement", "pause", "seats")
    done = json.loads(shell("measurement", "run", "--as-of", "2026-02-02", "--json", code=3))
    outcomes = {outcome["key"]: outcome for outcome in done}
    assert outcomes.keys() == {"room-nights", "disk-hours", "prints"}
    assert (outcomes["room-nights"]["taken"], outcomes["room-nights"]["records"]) == (31, 30)
    assert (outcomes["disk-hours"]["taken"], outcomes["disk-hours"]["records"]) == (768, 0)
    assert outcomes["prints"]["failure"]["code"] == "measurement.secret_missing"
    assert "PRINTS_DATABASE_URL is not set" in shell(
        "measurement", "run", "--as-of", "2026-02-02", code=3
    )
    listed = {row["key"]: row for row in json.loads(shell("measurement", "list", "--json"))}
    assert listed["prints"]["failure"]["attempts"] == 2
    assert listed["traffic"]["is_paused"]
    assert "paused" in shell("measurement", "list")
    shown = json.loads(shell("measurement", "show", "room-nights", "--limit", "1", "--json"))
    assert shown["intervals"][0]["ends_at"] == "2026-01-31T23:00:00Z"
    assert "31 intervals measured, 0 missed, 30 records, total 30" in shell(
        "measurement", "show", "room-nights"
    )
    assert "goes on" in shell("measurement", "resume", "traffic")


def test_a_measurement_is_shown_in_the_words_of_its_file(shell: Shell) -> None:
    shell("measurement", "apply", shell.write("measurements.yaml", EXAMPLE))
    told = {
        "traffic": [
            "http.url",
            "http.headers.Authorization.env",
            "METERS_TOKEN",
            "dimensions.site",
        ],
        "seats": ["http.history", "false"],
        "disk-hours": ["sample.subjects", "disk-1, disk-2", "total 0"],
    }
    for key, texts in told.items():
        shown = shell("measurement", "show", key)
        assert all(text in shown for text in texts), shown
        assert "{'" not in shown
        assert "['" not in shown
    assert "did you mean traffic?" in shell("measurement", "show", "trafic", code=2)


def test_totals_are_plain_digits_without_zeros_at_the_end(shell: Shell) -> None:
    file = shell.write(
        "m.yaml",
        "measurements: {up: {meter: pages, every: 1d, time_zone: Europe/Zagreb,"
        " starts_at: 2026-01-01T00:20:00Z, time: {unit: days, subjects: [a, b]}}}",
    )
    shell("measurement", "apply", file)
    shell("measurement", "run", "--as-of", "2026-01-04")
    shown = shell("measurement", "show", "up")
    assert "6 records, total 5.888888888888888888\n" in shown
    whole = json.loads(shell("measurement", "show", "up", "--json"))
    assert [one["total"] for one in whole["intervals"]] == ["2", "2", "1.888888888888888888"]
    assert whole["total"] == "5.888888888888888888"
    assert re.search(r"taken +2 +2 +0", shown)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("show", "nothing"), "measurement.unknown"),
        (("pause", "nothing"), "measurement.unknown"),
        (("run", "--as-of", "2199-01-01"), "date.in_the_future"),
        (("run", "--watch", "--as-of", "2026-01-01"), "measurement.watch_as_of"),
        (("apply", "catalogue.yaml"), "measurement.wrong_shape"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_code(
    shell: Shell, arguments: tuple[str, ...], code: str
) -> None:
    assert f"[{code}]" in shell("measurement", *arguments, code=2)


def block(conninfo: str, *, allowed: bool) -> None:
    """Throws everybody out of the database and lets nobody in, or opens it again."""
    name = conninfo_to_dict(conninfo)["dbname"]
    with psycopg.connect(make_conninfo(conninfo, dbname="postgres"), autocommit=True) as admin:
        admin.execute(f'alter database "{name}" allow_connections {str(allowed).lower()}')
        admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,)
        )


@pytest.mark.parametrize("is_cut_off", [False, True])
def test_a_runner_that_stays_up_measures_what_falls_due_and_ends_on_sigterm(
    shell: Shell, conninfo: str, is_cut_off: bool
) -> None:
    now = datetime.now(UTC)
    start = now.replace(second=0, microsecond=0) - timedelta(minutes=3)
    ends = now + timedelta(seconds=6)
    file = shell.write(
        "m.yaml",
        f"measurements: {{up: {{meter: pages, every: 1m, starts_at: {start.isoformat()},"
        f" ends_at: {ends.isoformat()}, time: {{unit: seconds, subjects: [a]}}}}}}",
    )
    shell("measurement", "apply", file)
    runner = subprocess.Popen(
        [EVERYCENT, "measurement", "run", "--watch", "--json"],
        env=shell.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert runner.stdout is not None
    told = [json.loads(runner.stdout.readline())]
    if is_cut_off:
        block(conninfo, allowed=False)
        time.sleep(max(0, (ends - datetime.now(UTC)).total_seconds()) + 2)
        assert runner.poll() is None
        block(conninfo, allowed=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        row = json.loads(shell("measurement", "list", "--json"))[0]
        if row["next_due_at"] is None:
            break
        time.sleep(0.3)
    runner.send_signal(signal.SIGTERM)
    out, _ = runner.communicate(timeout=20)
    assert runner.returncode == 0
    told += [json.loads(line) for line in out.splitlines()]
    assert sum(outcome["taken"] for outcome in told) == row["taken"] >= 4
    assert len(told) >= 2  # some at once, the last one when it fell due
    assert row["total"] == f"{(ends - start).total_seconds():.6f}".rstrip("0").rstrip(".")
