"""The statements of every slice: found by name, used, and accepted by the database."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from everycent.db import statements
from everycent.db.migrate import FOLDER

SRC = FOLDER.parents[1]
STORES = sorted(SRC.glob("*/store.sql"))


@pytest.mark.parametrize("path", STORES, ids=lambda path: path.parent.name)
def test_every_statement_is_used_by_its_store(path: Path) -> None:
    names = set(statements.parse(path.read_text()).names())
    code = "".join(
        file.read_text() for file in path.parent.glob("*.py") if file.name != "__init__.py"
    )
    used = set(re.findall(r"\"([a-z_]+)\"", code))
    assert names - used == set()


def test_a_name_that_stands_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        statements.parse("-- name: a\nselect 1;\n-- name: a\nselect 2;")


def test_what_is_for_readers_is_not_sent() -> None:
    told = (
        "-- name: a\n-- Why.\nselect '  -- b' as b  -- for each,\n    -- and more\nfrom x;\n\n"
        "-- name: b\nselect 2;\n"
    )
    found = statements.parse(told)
    assert found.names() == ["a", "b"]
    assert found["a"] == "select '  -- b' as b  -- for each,\nfrom x"


@pytest.mark.parametrize("path", STORES, ids=lambda path: path.parent.name)
def test_no_text_goes_over_a_line(path: Path) -> None:
    """What looks like a comment or indentation is none inside a text: no statement has such."""
    for line in path.read_text().splitlines():
        if not line.lstrip().startswith("--"):
            assert line.partition(" -- ")[0].count("'") % 2 == 0, line
            assert "$$" not in line
