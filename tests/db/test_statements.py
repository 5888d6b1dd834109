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


def test_comments_stay_with_their_statement() -> None:
    found = statements.parse("-- name: a\n-- Why.\nselect 1;\n\n-- name: b\nselect 2;\n")
    assert found.names() == ["a", "b"]
    assert found["a"] == "-- Why.\nselect 1"
