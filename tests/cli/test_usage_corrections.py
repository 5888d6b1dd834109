"""Corrections on the command line: looked at, made, listed, undone; and what is refused."""

from __future__ import annotations

import base64
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
taxes:
  vat: {rates: [{since: 2000-01-01, percent: 25}]}
products:
  api: {name: API calls, tax: vat}
plans:
  api:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: calls, product: api, meter: calls, per_unit: {unit_amount: 0.10}}
intake:
  calls: {value: {min: 0}}
"""
USAGE = """id,subject,meter,at,value
1,ana,calls,2026-01-10T12:00:00Z,100
2,ana,calls,2026-01-11T12:00:00Z,900
3,ana,calls,2026-02-03T12:00:00Z,50
"""
SPAN = ("--from", "2026-01-01", "--to", "2026-02-01", "--zone", "Europe/Zagreb")
OF = ("--source", "gateway", "--reason", "the gateway counted twice")


class Shell:
    """Types commands."""

    def __init__(self, conninfo: str, folder: Path) -> None:
        self.environment = os.environ | {
            "EVERYCENT_DATABASE_URL": conninfo,
            "EVERYCENT_HOME": str(folder),
            "EVERYCENT_ACTOR": "eve",
            "EVERYCENT_SECRET_KEY": base64.b64encode(bytes(32)).decode(),
        }
        self.folder = folder

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [EVERYCENT, *arguments], env=self.environment, cwd=self.folder,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        return done

    def __call__(self, *arguments: str, code: int = 0) -> str:
        done = self.run(*arguments)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stderr

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return name


@pytest.fixture
def shell(conninfo: str, tmp_path: Path) -> Shell:
    """January of one customer is billed: 1000 calls, 100.00 EUR and 25.00 EUR of tax."""
    typed = Shell(conninfo, tmp_path)
    typed("catalog", "apply", typed.write("catalogue.yaml", CATALOGUE))
    typed("customer", "add", "ana", "--name", "Ana", "--currency", "EUR",
          "--time-zone", "Europe/Zagreb")  # fmt: skip
    typed("subscription", "start", "ana", "api", "--starts-on", "2026-01-01")
    typed("usage", "import", typed.write("usage.csv", USAGE), "--source", "gateway")
    typed("bill", "run", "--as-of", "2026-02-01", "--zone", "Europe/Zagreb")
    return typed


def values(shell: Shell, *where: str) -> list[tuple[str, str, bool]]:
    found = shell.json("usage", "find", *where)["records"]
    return [(one["record_id"], one["value"], one["is_counted"]) for one in found]


def test_a_voided_record_is_looked_at_taken_back_found_and_put_back(shell: Shell) -> None:
    seen = shell.json("usage", "void", "2", *OF, "--preview")
    (invoice,) = seen["invoices"]
    assert invoice["difference"] == {"net": "-90.00", "tax": "-22.50", "gross": "-112.50"}
    assert shell.json("usage", "corrections") == []
    assert "nothing was changed" in shell("usage", "void", "2", *OF, "--preview")
    done = shell.json("usage", "void", "2", *OF)
    assert {**done, "correction": None, "is_preview": True} == seen
    assert values(shell, "--source", "gateway", "2") == [("2", "900", False)]
    (listed,) = shell.json("usage", "corrections")
    assert (listed["kind"], listed["voided"], listed["actor"], listed["undone_by"]) == (
        "void", 1, "eve", None,
    )  # fmt: skip
    undone = shell.json("usage", "undo", done["correction"], "--reason", "it was right")
    assert undone["customers"] == [
        {"customer": "ana", "currency": "EUR", "net": "90.00", "tax": "22.50", "gross": "112.50"}
    ]
    assert values(shell, "--source", "gateway", "2") == [("2", "900", True)]
    assert shell.json("usage", "corrections")[1]["undone_by"] == undone["correction"]
    assert "1000 → 100 call" in shell("usage", "void", "2", *OF)


def test_a_line_that_needs_records_in_the_archive_is_shown_with_the_reason(shell: Shell) -> None:
    edge = shell.write("edge.csv", USAGE.splitlines()[0] + "\n4,ana,calls,2026-01-31T12:00:00Z,5\n")
    shell("usage", "import", edge, "--source", "gateway")
    shell("bill", "run", "--as-of", "2026-03-01", "--zone", "Europe/Zagreb")
    shell("usage", "archive", "--before", "2026-02")
    seen = shell("usage", "void", "3", *OF, "--preview")
    assert "? → ? call" in seen
    assert "INV-000002 line 1 can't be rated as things stand after" in seen
    assert "[usage.archived]" in seen
    assert "the same" not in seen


def test_rows_of_a_file_take_the_place_of_their_records(shell: Shell) -> None:
    file = shell.write("right.csv", "id,who,at,n\n2,ana,2026-01-11 13:00,90\n")
    layout = ("--map", "subject=who", "--map", "value=n", "--set", "meter=calls",
              "--zone", "Europe/Zagreb")  # fmt: skip
    assert shell.json("usage", "replace", file, *layout, *OF)["invoices"][0]["lines"][0][
        "after"
    ] == {"quantity": "190", "net": "19.00"}
    assert values(shell, "--source", "gateway", "2") == [("2", "900", False), ("2~2", "90", True)]


def test_the_help_says_that_the_zone_decides_the_days_of_a_span_too(shell: Shell) -> None:
    zone = " ".join(shell("usage", "backfill", "--help").partition("--zone")[2].split())
    assert "the days of --from and --to; UTC when it is missing" in zone
    assert "--from" not in shell("usage", "replace", "--help").partition("--zone")[2]


def test_records_of_a_credited_invoice_are_told_as_such_and_found(shell: Shell) -> None:
    shell("invoice", "credit", "INV-000001", "--reason", "agreed")
    told = {row["reason"]: row for row in shell.json("usage", "reasons")["stored"]}
    assert {reason: row["records"] for reason, row in told.items()} == {
        "credited": 2,
        "not_yet_billed": 1,
    }
    assert (told["credited"]["tone"], "credit notes" in told["credited"]["advice"]) == (
        "look",
        True,
    )
    found = shell.json("usage", "find", "--reason", "credited")["records"]
    assert [one["record_id"] for one in found] == ["1", "2"]
    shell("usage", "reasons", "--html", "reasons.html")
    assert "credited" in (shell.folder / "reasons.html").read_text(encoding="utf-8")


def test_a_voided_record_comes_back_with_other_content_by_the_backfill_that_the_refusals_name(
    shell: Shell,
) -> None:
    shell("usage", "void", "2", *OF)
    right = shell.write("right.csv", USAGE.replace("900", "90"))
    refused = json.loads(shell("usage", "replace", right, *OF, "--json", code=2))["error"]
    assert refused["code"] == "usage.voided_already"
    shell("usage", "import", right, "--source", "gateway", "--json", code=3)
    (conflict,) = [
        row for row in shell.json("usage", "reasons")["offered"] if row["reason"] == "conflict"
    ]
    for hint in (refused["hint"], conflict["advice"]):
        assert "everycent usage backfill" in hint
    assert "everycent usage undo" in refused["hint"]
    whole = ("--from", "2026-01-01", "--to", "2026-03-01", "--zone", "Europe/Zagreb")
    done = shell.json("usage", "backfill", right, *whole, *OF)
    assert done["records"] == {"voided": 0, "restored": 0, "added": 1, "unchanged": 2}
    assert values(shell, "--source", "gateway", "2") == [("2", "900", False), ("2~2", "90", True)]
    for again in (("backfill", right, *whole), ("replace", right)):
        refusal = json.loads(shell("usage", *again, *OF, "--json", code=2))["error"]
        assert refusal["code"] == "correction.nothing_to_do"


def test_a_backfill_takes_its_subjects_and_meters_from_the_file_and_other_sources_stay(
    shell: Shell,
) -> None:
    other = shell.write(
        "other.csv", USAGE.splitlines()[0] + "\nx,ana,calls,2026-01-12T00:00:00Z,7\n"
    )
    shell("usage", "import", other, "--source", "partner")
    file = shell.write("january.csv", "\n".join(USAGE.splitlines()[:2]) + "\n")
    seen = shell.json("usage", "backfill", file, *SPAN, *OF, "--preview")
    assert seen["records"] == {"voided": 1, "restored": 0, "added": 0, "unchanged": 1}
    assert seen["invoices"][0]["lines"][0]["before"]["quantity"] == "1007"
    assert seen["invoices"][0]["lines"][0]["after"]["quantity"] == "107"
    everything = ("--source-only", "all", "--preview")
    seen = shell.json("usage", "backfill", file, *SPAN, *OF, *everything)
    assert seen["records"]["voided"] == 2
    empty = shell.write("empty.csv", USAGE.splitlines()[0] + "\n")
    named = ("--subject", "ana", "--meter", "calls")
    assert shell.json("usage", "backfill", empty, *SPAN, *OF, *named)["records"]["voided"] == 2
    assert values(shell, "--subject", "ana", "--meter", "calls") == [
        ("1", "100", False), ("2", "900", False), ("x", "7", True), ("3", "50", True),
    ]  # fmt: skip


def test_one_bad_row_refuses_the_whole_file_and_every_bad_row_is_told(shell: Shell) -> None:
    rows = [
        "1,ana,calls,2026-01-10T12:00:00Z,100",
        "2,ana,calls,yesterday,1",
        "3,ana,nothing,2026-01-10T12:00:00Z,1",
        "4,ana,calls,2026-01-10T12:00:00Z,-1",
        "1,ana,calls,2026-01-11T12:00:00Z,5",
    ]
    file = shell.write("bad.csv", "\n".join(["id,subject,meter,at,value", *rows]))
    told = shell("usage", "backfill", file, *SPAN, *OF, code=2)
    assert "[correction.bad_rows]" in told
    assert "4 rows can't be taken" in told
    for line, code in (
        (3, "time.malformed"), (4, "usage.unknown_meter"), (5, "usage.value_out_of_bounds"),
        (6, "correction.id_twice"),
    ):  # fmt: skip
        assert any(f"line {line}:" in row and f"[{code}]" in row for row in told.splitlines())
    assert shell.json("usage", "corrections") == []


def test_found_records_are_paged_in_order_of_time(shell: Shell) -> None:
    first = shell.json("usage", "find", "--subject", "ana", "--limit", "2")
    assert [one["record_id"] for one in first["records"]] == ["1", "2"]
    second = shell.json(
        "usage", "find", "--subject", "ana", "--limit", "2", "--page", first["page"]
    )
    assert [one["record_id"] for one in second["records"]] == ["3"]
    assert second["page"] is None
    assert values(shell, "--meter", "calls", "--from", "2026-02-01") == [("3", "50", True)]
    assert values(shell, "--subject", "nobody") == []
    assert "more: --page" in shell("usage", "find", "--subject", "ana", "--limit", "1")


def test_the_records_of_a_correction_are_shown_page_by_page(shell: Shell) -> None:
    file = shell.write("right.csv", USAGE.replace(",900", ",90").replace(",50", ",5"))
    done = shell.json("usage", "backfill", file, "--from", "2026-01-01", "--to", "2026-03-01", *OF)
    show = ("usage", "corrections", "show", done["correction"])
    all_of_it = shell.json(*show)
    assert sorted((one["what"], one["record_id"], one["value"]) for one in all_of_it["records"]) == [
        ("added", "2~2", "90"), ("added", "3~2", "5"), ("voided", "2", "900"), ("voided", "3", "50"),
    ]  # fmt: skip
    assert (all_of_it["kind"], all_of_it["reason"], all_of_it["page"]) == ("backfill", OF[3], None)
    first = shell.json(*show, "--limit", "3")
    second = shell.json(*show, "--limit", "3", "--page", first["page"])
    assert first["records"] + second["records"] == all_of_it["records"]
    text = shell(*show)
    assert "2 taken back, 2 added, 0 put back" in text
    assert "because: the gateway counted twice" in text


def test_records_are_found_by_the_reason_for_which_they_are_not_billed(shell: Shell) -> None:
    rows = [
        USAGE.splitlines()[0],
        "l1,ana,calls,2026-01-12T00:00:00Z,7",
        "l2,ana,calls,2026-01-13T00:00:00Z,8",
        "x,bo,calls,2026-01-13T00:00:00Z,8",
    ]
    late = shell.write("late.csv", "\n".join(rows))
    shell("usage", "import", late, "--source", "gateway")
    first = shell.json("usage", "find", "--reason", "too_late", "--limit", "1")
    assert [one["record_id"] for one in first["records"]] == ["l1"]
    rest = shell.json("usage", "find", "--reason", "too_late", "--page", first["page"])
    assert [one["record_id"] for one in rest["records"]] == ["l2"]
    assert rest["page"] is None
    assert values(shell, "--reason", "billed") == [("1", "100", True), ("2", "900", True)]
    assert values(shell, "--reason", "not_yet_billed", "--subject", "ana") == [("3", "50", True)]
    assert values(shell, "--reason", "no_subscription", "--subject", "ana") == []
    assert values(shell, "--reason", "no_subscription", "--meter", "nothing") == []
    assert "l1" in shell("usage", "find", "--reason", "too_late", "--to", "2026-01-12T12:00:00Z")


REFUSALS = [
    (("void", "9", *OF), "usage.unknown_record"),
    (("void", "1", "--source", "gateway", "--reason", " "), "correction.no_reason"),
    (("replace", "usage.csv", *OF), "correction.nothing_to_do"),
    (("replace", "usage.csv", "--reason", "x"), "mapping.no_source"),
    (("backfill", "usage.csv", *SPAN, *OF), "backfill.outside"),
    (("backfill", "head.csv", *SPAN, *OF), "backfill.nobody"),
    (("backfill", "head.csv", "--from", "2026-02-01", "--to", "2026-01-01", *OF), "period.empty"),
    (("undo", "x", "--reason", "x"), "correction.bad_id"),
    (("undo", "01900000-0000-7000-8000-000000000000", "--reason", "x"), "correction.unknown"),
    (("find", "9", "--source", "gateway"), "usage.unknown_record"),
    (("find", "9"), "find.source_and_id"),
    (("find",), "find.what"),
    (("find", "1", "--source", "gateway", "--reason", "billed"), "find.what"),
    (("corrections", "show", "x"), "correction.bad_id"),
    (("corrections", "show", "01900000-0000-7000-8000-000000000000"), "correction.unknown"),
    (("corrections", "show", "01900000-0000-7000-8000-000000000000", "--page", "x"), "page.bad_cursor"),
    (("find", "--subject", "ana", "--page", "x"), "page.bad_cursor"),
]  # fmt: skip


def test_what_makes_no_sense_is_refused_with_a_code(shell: Shell) -> None:
    shell.write("head.csv", USAGE.splitlines()[0] + "\n")
    for arguments, code in REFUSALS:
        assert f"[{code}]" in shell("usage", *arguments, code=2), arguments
    assert shell.json("usage", "corrections") == []
