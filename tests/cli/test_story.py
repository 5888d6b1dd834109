"""`everycent story` and the examples that are stories: exit codes, JSON, pages, and what stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from everycent.examples import data

EVERYCENT = str(Path(sys.executable).with_name("everycent"))
STORY = """
name: A fee
catalog:
  products: {base: {name: Base}}
  plans: {basic: {currency: EUR, prices: [{key: fee, product: base, flat: {amount: 10}}]}}
steps:
  - at: 2026-01-01
    customer: ana
  - subscribe: {customer: ana, plan: basic}
  - at: 2026-02-01
    bill: {expect: [{customer: ana, total: 10.00}]}
"""


class Shell:
    """Types commands."""

    def __init__(self, conninfo: str, folder: Path) -> None:
        self.conninfo = conninfo
        self.folder = folder
        (folder / "good.yaml").write_text(STORY, "utf-8")
        (folder / "wrong.yaml").write_text(STORY.replace("10.00", "10.01"), "utf-8")
        (folder / "bad.yaml").write_text(STORY.replace("plan: basic", "plam: basic"), "utf-8")

    def __call__(self, *arguments: str, code: int = 0) -> str:
        environment = os.environ | {
            "EVERYCENT_DATABASE_URL": self.conninfo,
            "EVERYCENT_HOME": str(self.folder),
        }
        done = subprocess.run(
            [EVERYCENT, *arguments], env=environment, cwd=self.folder,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout if code in (0, 3) else done.stderr

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", code=code))

    def traces(self) -> tuple[set[str], list[tuple[Any, ...]]]:
        """The databases of the server, and the tenants of the instance's own."""
        with psycopg.connect(self.conninfo) as connection:
            databases = connection.execute("select datname from pg_database").fetchall()
            tenants = connection.execute("select slug from everycent.tenant order by slug")
            return {name for (name,) in databases if "example" in name}, tenants.fetchall()


@pytest.fixture
def shell(conninfo: str, tmp_path: Path) -> Shell:
    return Shell(conninfo, tmp_path)


def test_what_differs_is_printed_and_nothing_stays(shell: Shell) -> None:
    before = shell.traces()
    told = shell("story", "run", "good.yaml", "wrong.yaml", code=3)
    assert told.splitlines()[0] == "ok  A fee: 3 steps, 1 invoice"
    rows = [" ".join(line.split()) for line in told.splitlines()]
    assert "differs A fee: 3 steps, 1 invoice, 1 difference (wrong.yaml)" in rows
    assert "line date where what expected came out" in rows
    assert "11 2026-02-01 ana INV-000001 total 10.01 10.00" in rows
    assert shell("story", "run", "good.yaml") == "ok  A fee: 3 steps, 1 invoice\n"
    assert shell.traces() == before


def test_a_file_that_is_no_story_is_refused_before_anything_is_run(shell: Shell) -> None:
    told = shell("story", "run", "good.yaml", "bad.yaml", code=2)
    assert "bad.yaml: line 9: steps[1].subscribe: Object contains unknown field `plam`" in told
    assert "did you mean plan?" in told
    assert "file.unusable" in shell("story", "run", "nowhere.yaml", code=2)
    assert "story.unreadable" in shell("story", "run", EVERYCENT, code=2)


def test_a_program_gets_all_that_came_out(shell: Shell) -> None:
    good, wrong = shell.json("story", "run", "good.yaml", "wrong.yaml", code=3)
    assert (good["file"], good["story"], good["differences"]) == ("good.yaml", "A fee", 0)
    assert [step["action"] for step in good["steps"]] == [
        "catalog",
        "customer",
        "subscribe",
        "bill",
    ]
    (invoice,) = good["steps"][3]["came_out"]["invoices"]
    assert invoice["lines"] == [
        {"what": "Base", "price": "fee", "subscription": "ana/basic",
         "period": "2026-01-01 to 2026-01-31", "amount": "10.00"}
    ]  # fmt: skip
    # What came out can be expected as it stands.
    pasted = STORY.replace("{customer: ana, total: 10.00}", json.dumps(invoice))
    (shell.folder / "pasted.yaml").write_text(pasted, "utf-8")
    assert shell.json("story", "run", "pasted.yaml")[0]["differences"] == 0
    (difference,) = wrong["steps"][3]["differences"]
    assert difference == {"where": "ana INV-000001", "field": "total", "expected": "10.01",
                          "came_out": "10.00"}  # fmt: skip


def test_a_kept_tenant_can_be_looked_at_and_pages_are_written(shell: Shell) -> None:
    told = shell("story", "run", "good.yaml", "--keep", "--show", "--html", "pages")
    assert "Invoice INV-000001" in told
    assert "everycent --tenant story-a-fee invoice list" in told
    assert "INV-000001" in shell("--tenant", "story-a-fee", "invoice", "list")
    assert "<svg" in (shell.folder / "pages" / "a-fee" / "INV-000001.html").read_text("utf-8")
    assert shell.json("story", "run", "good.yaml", "--keep")[0]["tenant"] == "story-a-fee-2"
    assert shell.traces()[1] == [("story-a-fee",), ("story-a-fee-2",)]


def test_a_new_story_runs_as_it_is_and_overwrites_nothing(shell: Shell) -> None:
    assert shell("story", "new", "mine.yaml") == (
        "wrote mine.yaml; run it with: everycent story run mine.yaml\n"
    )
    assert shell("story", "run", "mine.yaml") == "ok  My prices: 10 steps, 3 invoices\n"
    assert "#   everycent story run mine.yaml " in (shell.folder / "mine.yaml").read_text("utf-8")
    (shell.folder / "mine.yaml").write_text("name: mine", "utf-8")
    assert "story.exists" in shell("story", "new", "mine.yaml", code=2)
    assert (shell.folder / "mine.yaml").read_text("utf-8") == "name: mine"
    assert shell("story", "new").startswith("# A story: ")
    assert shell.json("story", "new", "other.yaml") == {"file": "other.yaml"}


@pytest.mark.parametrize("name", data.STORIES)
def test_an_example_shows_its_invoices(shell: Shell, name: str) -> None:
    told = shell("example", name)
    assert "Invoice INV-000001" in told
    assert told.splitlines()[-1].startswith("ok  ")
