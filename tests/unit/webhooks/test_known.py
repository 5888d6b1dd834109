"""The names of all events, against which what a receiver asks for is held."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import everycent
from everycent.journal.names import TYPES, unheard_of


def test_all_event_types_of_the_code_are_known():
    found = {
        call.args[0].value
        for path in Path(everycent.__file__).parent.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "EventType"
        and isinstance(call.args[0], ast.Constant)
    }
    assert found == TYPES


@pytest.mark.parametrize(
    ("types", "found"),
    [
        (["*", "invoice.*", "invoice.issued"], None),
        (["invoice.*", "custmer.*"], ("custmer.*", "did you mean customer.*?")),
        (["invoice.isued"], ("invoice.isued", "did you mean invoice.issued?")),
        (["xyzzy.*"], ("xyzzy.*", "")),
    ],
)
def test_what_no_event_is_called_is_found_with_what_was_meant(types, found):
    assert unheard_of(types) == found
