"""docs/invariants.md names promises, constraints and tests as they are."""

from __future__ import annotations

import re
from pathlib import Path

from everycent.flows.verify import verify
from everycent.integrations.usage_archive import ArchiveFolder
from tests.conftest import Place

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "invariants.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| I\d\d \|", line)
]
SAID = re.compile(r"\*([^*]+)\*")


def test_all_seventy_are_there_in_order_each_proved_or_with_a_reason() -> None:
    assert [row[0] for row in ROWS] == [f"I{number:02d}" for number in range(1, 71)]
    proved = [row for row in ROWS if SAID.search(row[2])]
    assert len(proved) >= 50
    for row in ROWS:
        assert row[2], row
        assert bool(SAID.search(row[2])) == bool(row[4]), f"{row[0]} is proved and planted, or not"


def test_promises_are_named_word_for_word_and_all_of_them(place: Place, tmp_path: Path) -> None:
    with place.database.snapshot(place.tenant_id) as tx:
        promised = [
            check.promise
            for check in verify(
                tx,
                trusted_key=None,
                with_replay=True,
                files=ArchiveFolder(tmp_path),
                recount_percent=1,
            )
        ]
    assert set(SAID.findall(PAGE)) == set(promised)


def test_constraints_are_in_the_database(place: Place) -> None:
    named = {name for row in ROWS for name in re.findall(r"`([a-z0-9_]+)`", row[3])}
    with place.database.snapshot(place.tenant_id) as tx:
        there = {
            name
            for (name,) in tx.tuples(
                "select conname::text from pg_constraint where connamespace = 'everycent'::regnamespace"
                " union select relname::text from pg_class where relnamespace = 'everycent'::regnamespace"
                " union select tgname::text from pg_trigger"
            )
        }
        raised = " ".join(
            text
            for (text,) in tx.tuples(
                "select prosrc from pg_proc where pronamespace = 'everycent'::regnamespace"
            )
        )
    assert [name for name in named if name not in there and f"'{name}'" not in raised] == []


def test_tests_that_are_named_exist() -> None:
    named = {path for row in ROWS for path in re.findall(r"\(\.\./(tests/[a-z_/]+\.py)\)", row[4])}
    named |= set(re.findall(r"tests/[a-z_/]+\.py", PAGE))
    assert len(named) >= 10
    assert [path for path in named if not (ROOT / path).exists()] == []
