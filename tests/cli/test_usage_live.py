"""everycent usage running, chart, reasons, threshold, gaps, watch: typed on a database of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from everycent.metering.record import UsageRecord
from tests.conftest import Place
from tests.flows import world
from tests.store import books

COMMAND = str(Path(sys.executable).with_name("everycent"))
CATALOGUE = world.CATALOGUE.replace(
    "taxes:", "intake:\n  register: {expected_every: 1h, grace: 5m}\ntaxes:", 1
)


@pytest.fixture(scope="module")
def seller(server) -> Iterator[Place]:
    with books.fresh(server, "test_cli_usage_live") as place:
        place = place._replace(now=datetime.now(UTC) - timedelta(days=1))
        world.sell(place, [("acme", "api"), ("beta", "api"), ("site", "power")], text=CATALOGUE)
        use(place, "first", 10)
        yield place


def use(place: Place, name: str, amount: int, *, subject: str = "acme") -> None:
    """Acknowledged when it returns; folded by nobody."""
    at = datetime.now(UTC) - timedelta(seconds=1)
    world.use(place, [UsageRecord("t", name, subject, "calls", at, str(amount))], fold=False)


def typed(place: Place, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"EVERYCENT_DATABASE_URL": place.conninfo, "EVERYCENT_ACTOR": "t"}
    return subprocess.run(
        [COMMAND, "usage", *words], env=environment, capture_output=True, text=True, check=False
    )


def told(place: Place, *words: str, code: int = 0):
    done = typed(place, *words, "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_running_shows_what_was_acknowledged_and_that_it_is_no_invoice(seller):
    data = told(seller, "running", "acme")
    calls = [line for line in data["lines"] if line["price"] == "calls"][-1]
    assert (calls["quantity"], calls["net"], calls["state"]) == ("10", "0.50", "running")
    text = typed(seller, "running", "acme").stdout
    assert "10 call" in text
    assert "Not an invoice" in text
    assert typed(seller, "running", "acme", "--subscription", "x").returncode == 2
    assert typed(seller, "running", "acme", "--at", "2150-01-01").returncode == 2


def test_a_chart_is_shown_as_bars_a_picture_and_numbers(seller, tmp_path):
    picture = tmp_path / "chart.svg"
    done = typed(seller, "chart", "acme", "calls", "--by", "day", "--svg", str(picture))
    assert done.returncode == 0, done.stderr
    assert "█" * 40 in done.stdout
    assert picture.read_text().startswith("<svg")
    data = told(seller, "chart", "acme", "calls", "--by", "month", "--dimension", "region")
    assert (data["total"], data["series"][0]["kind"]) == ("10", "none")
    assert typed(seller, "chart", "acme", "calls", "--svg", "/nowhere/x.svg").returncode == 2


def test_a_typo_is_told_beside_the_empty_answer(seller):
    done = typed(seller, "chart", "amce", "calls")
    assert done.returncode == 0
    assert "no usage of the subject 'amce' was ever recorded; near: acme" in done.stderr
    data = told(seller, "chart", "amce", "calls")
    assert (data["series"], data["unseen"][0]["near"]) == ([], ["acme"])
    assert "'calls' by the subject 'beta'" in typed(seller, "running", "beta").stderr
    assert typed(seller, "running", "acme").stderr == ""


def test_totals_hold_what_no_fold_has_counted(seller):
    today = datetime.now(UTC).date()
    span = ["--from", (today - timedelta(days=1)).isoformat()]
    span += ["--to", (today + timedelta(days=1)).isoformat()]
    assert told(seller, "totals", *span)["meters"][0]["total"] == "10"
    split = told(seller, "totals", *span, "--subject", "acme", "--meter", "calls",
                 "--dimension", "region")  # fmt: skip
    assert [(one["value"], one["total"]) for one in split["groups"]] == [("", "10")]
    assert told(seller, "totals", *span, "--subject", "acme")["meters"] == [
        {"meter": "calls", "subjects": 1, "records": 1, "total": "10"}
    ]
    assert "near: calls" in typed(seller, "totals", *span, "--meter", "cals").stderr


def test_totals_are_written_to_a_file_as_they_are_asked_for(seller, tmp_path):
    today = datetime.now(UTC).date()
    span = ["--from", (today - timedelta(days=1)).isoformat()]
    span += ["--to", (today + timedelta(days=1)).isoformat(), "--subject", "acme"]
    split = ["--meter", "calls", "--dimension", "region"]
    files = {
        "series.csv": ([], ["subject,meter,records,total", "acme,calls,1,10"]),
        "split.csv": (split, ["value,records,total,low,high,latest", ",1,10,10,10,10"]),
    }
    for name, (words, lines) in files.items():
        target = tmp_path / name
        told(seller, "totals", *span, *words, "--csv", str(target))
        assert target.read_text().splitlines() == lines
    for words in (["--csv", "/nowhere/x.csv"], [*split, "--from-records"]):
        assert typed(seller, "totals", *span, *words).returncode == 2


def test_reasons_are_told_with_what_to_do_and_as_a_page(seller, tmp_path):
    page = tmp_path / "reasons.html"
    data = told(seller, "reasons", "--html", str(page))
    assert data["records"] == sum(row["records"] for row in data["stored"]) > 0
    assert "Why records are billed or not" in page.read_text()
    assert "not_yet_billed" in typed(seller, "reasons").stdout


def test_a_gap_is_told_ends_with_code_three_and_can_be_accepted(seller):
    at, _, line = typed(seller, "watch", "--once").stdout.partition(" ")
    assert datetime.fromisoformat(at).tzinfo is not None
    assert line.startswith("gap: no register of site since ")
    data = told(seller, "gaps", code=3)
    (gap,) = data["gaps"]
    assert (data["open"], gap["subject"], gap["meter"]) == (1, "site", "register")
    place = ["--accept", "site", "register", gap["starts_at"]]
    assert typed(seller, "gaps", *place).returncode == 2
    done = typed(seller, "gaps", *place, "--reason", "not built yet")
    assert done.stdout.splitlines() == [
        f"accepted: no register of site since {gap['starts_at']}",
        "no gap is open",
    ]
    assert told(seller, "gaps")["open"] == 0
    assert told(seller, "gaps", "--all")["gaps"][0]["outcome"] == "accepted"


def test_thresholds_are_set_listed_and_removed(seller):
    made = told(seller, "threshold", "set", "t1", "--customer", "beta", "--cost", "--value", "5")
    assert (made["version"], made["customer"], made["meter"]) == (1, "beta", None)
    assert told(seller, "watch", "--once")["key"] == "t1"  # the fee of the month stands in full
    assert typed(seller, "watch", "--once").stdout == ""
    listed = told(seller, "threshold", "list")
    assert [one["key"] for one in listed["thresholds"]] == ["t1"]
    assert [one["reached"] for one in listed["crossings"]] == ["9.9"]
    assert "t1" in typed(seller, "threshold", "list").stdout
    assert told(seller, "threshold", "remove", "t1") == {"key": "t1", "is_removed": True}
    assert typed(seller, "threshold", "remove", "t1").returncode == 2
    for words in (["--cost", "--meter", "calls"], []):
        bad = typed(seller, "threshold", "set", "x", "--subject", "acme", "--value", "1", *words)
        assert bad.returncode == 2


def test_a_watcher_tells_a_crossing_in_time_and_ends_on_sigterm(seller):
    told(seller, "threshold", "set", "w", "--subject", "beta", "--meter", "calls", "--value", "100")
    environment = os.environ | {"EVERYCENT_DATABASE_URL": seller.conninfo, "EVERYCENT_ACTOR": "t"}
    watching = subprocess.Popen(
        [COMMAND, "usage", "watch", "--interval", "0.5"],
        env=environment | {"PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert watching.stdout is not None
        assert "watching" in watching.stdout.readline()
        time.sleep(2)
        use(seller, "w1", 100, subject="beta")
        acknowledged = time.monotonic()
        line = watching.stdout.readline()
        seconds = time.monotonic() - acknowledged
        assert "threshold w: 100 call reached" in line
        assert seconds < 10, "two seconds are promised on a machine that has nothing else to do"
        print(f"told after {seconds:.2f} s")
        time.sleep(1)
        watching.send_signal(signal.SIGTERM)
        rest, _ = watching.communicate(timeout=20)
        assert (watching.returncode, rest) == (0, "")
    finally:
        watching.kill()
    with seller.database.snapshot(seller.tenant_id) as tx:
        assert tx.value("select count(*) from usage_batch where fold_id is null") == 0
