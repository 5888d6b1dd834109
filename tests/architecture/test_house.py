"""The rules of the house hold, and each rule's checker finds what it is there to find.

Purity by default, no floats near money, private stores, imports at the top and in one direction,
documented names, finished work, and pages that list every refusal and every policy.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from scripts import errors, policies

from tests.architecture import house

MODULES = house.modules()


def reported(checker, wanted=lambda path: True):
    return [
        f"{path}:{line}: {what}"
        for path, tree in MODULES
        if wanted(path)
        for line, what in checker(path, tree)
    ]


# --- the product ------------------------------------------------------------------------------


def test_pure_modules_are_pure():
    assert reported(house.impurities, house.is_pure) == []


def test_no_float_comes_near_an_amount():
    assert reported(house.floats) == []


def test_a_store_is_private_to_its_slice():
    assert reported(house.foreign_stores) == []


def test_imports_stand_at_the_top():
    assert reported(house.late_imports) == []


def test_every_public_name_is_documented():
    assert reported(house.undocumented) == []


def test_nothing_in_the_product_waits_to_be_finished():
    found = [
        f"{path}:{line}: {what}"
        for path, text in house.files()
        if path.startswith("src/")
        for line, what in house.unfinished(text)
    ]
    assert found == []


def test_no_file_names_a_package_index_or_somebodys_home():
    found = [
        f"{path}:{line}: {what}"
        for path, text in house.files()
        for line, what in house.betraying(text)
    ]
    assert found == []


def test_the_import_contracts_hold():
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=house.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_refusal_has_a_literal_code_of_one_kind():
    assert errors.problems(errors.refusals()) == []


def test_the_page_of_refusals_is_up_to_date():
    assert errors.PAGE.read_text("utf-8") == errors.page(errors.refusals()), (
        "run python scripts/errors.py"
    )


def test_the_page_of_policies_is_up_to_date():
    assert policies.PAGE.read_text("utf-8") == policies.page(), "run python scripts/policies.py"


def test_no_exception_outlives_its_reason():
    paths = dict(MODULES)
    for path, package in house.PURE_EXCEPTIONS:
        assert package in {name.partition(".")[0] for _, name in house.imported(paths[path])}
    for path in house.FLOAT_EXCEPTIONS:
        if path.endswith(".py"):
            assert list(house.all_floats(paths[path]))


# --- the checkers -----------------------------------------------------------------------------


def found(checker, source, path="ledger/entry.py"):
    return [what for _, what in checker(path, ast.parse(source))]


@pytest.mark.parametrize(
    ("source", "offences"),
    [
        ("from everycent.kernel.money import Money", []),
        ("from everycent.journal import event", []),
        ("import msgspec\nfrom decimal import Decimal", []),
        ("at.astimezone(zone)", []),
        ("import os", ["imports os"]),
        ("import logging", ["imports logging"]),
        ("from random import random", ["imports random.random"]),
        ("import psycopg", ["imports psycopg"]),
        ("import yaml", ["imports yaml"]),
        ("import everycent", ["imports everycent"]),
        ("from everycent import db", ["imports everycent.db"]),
        ("from everycent.db.connection import Tx", ["imports everycent.db.connection.Tx"]),
        ("from everycent.flows import bill", ["imports everycent.flows.bill"]),
        ("from everycent.ledger import store", ["imports everycent.ledger.store"]),
        (
            "from everycent.journal.operations import append",
            ["imports everycent.journal.operations.append"],
        ),
        ("datetime.now(UTC)", ["uses datetime.now"]),
        ("datetime.datetime.utcnow()", ["uses datetime.utcnow"]),
        ("clock = datetime.now", ["uses datetime.now"]),
        ("date.today()", ["uses date.today"]),
        ("time.time()", ["uses time.time"]),
        ("os.environ['HOME']", ["uses os.environ"]),
        ("random.random()", ["uses random.random"]),
        ("open('a')", ["uses open"]),
        ("print('a')", ["uses print"]),
        ("float('1')", ["uses float"]),
        ("def f(x: float): ...", ["uses float"]),
        ("uuid4()", ["uses uuid4"]),
        ("uuid.uuid4()", ["uses uuid.uuid4"]),
    ],
)
def test_the_purity_checker_finds_what_a_pure_module_may_not_do(source, offences):
    assert found(house.impurities, source) == offences


@pytest.mark.parametrize(
    ("path", "pure"),
    [
        ("kernel/money.py", True),
        ("ledger/projection.py", True),
        ("ledger/__init__.py", True),
        ("ledger/store.py", False),
        ("ledger/operations.py", False),
        ("ledger/queries.py", False),
        ("journal/audit.py", False),
        ("db/connection.py", False),
        ("cli/main.py", False),
        ("__init__.py", False),
    ],
)
def test_a_module_is_pure_unless_its_name_or_place_says_otherwise(path, pure):
    assert house.is_pure(path) is pure


@pytest.mark.parametrize(
    ("path", "source", "offences"),
    [
        ("ledger/store.py", "x = 1.5", ["float literal 1.5"]),
        ("ledger/store.py", "x = 1e3", ["float literal 1000.0"]),
        ("ledger/store.py", "x = 2j", ["float literal 2j"]),
        ("ledger/store.py", "x = float(y)", ["uses float"]),
        ("flows/bill.py", "x = 0.5", ["float literal 0.5"]),
        ("db/connection.py", "x = 0.5", ["float literal 0.5"]),
        ("ledger/store.py", "x = 15; y = '1.5'", []),
        ("db/embedded.py", "x = 0.5", []),
        ("cli/main.py", "x = 0.5", []),
    ],
)
def test_the_float_checker_finds_floats_outside_the_exceptions(path, source, offences):
    assert found(house.floats, source, path) == offences


@pytest.mark.parametrize(
    ("path", "source", "offences"),
    [
        ("ledger/queries.py", "from everycent.ledger import store", 0),
        ("journal/queries.py", "from everycent.ledger import store", 1),
        ("journal/queries.py", "from everycent.ledger.store import find", 1),
        ("flows/bill.py", "import everycent.ledger.store", 1),
        ("flows/bill.py", "from everycent.ledger import queries", 0),
    ],
)
def test_the_store_checker_finds_a_foreign_store(path, source, offences):
    assert len(found(house.foreign_stores, source, path)) == offences


@pytest.mark.parametrize(
    ("path", "source", "offences"),
    [
        ("cli/main.py", "import rich", 0),
        ("cli/main.py", "def f():\n    import rich", 0),
        ("cli/main.py", "def f():\n    import json", 1),
        ("cli/main.py", "class A:\n    def f(self):\n        from a import b", 1),
        ("ledger/entry.py", "def f():\n    import rich", 1),
        ("ledger/entry.py", "async def f():\n    from a import b, c", 2),
        ("ledger/entry.py", "from typing import Any\nif TYPE_CHECKING:\n    import a", 1),
        ("ledger/entry.py", "if typing.TYPE_CHECKING:\n    import a", 1),
    ],
)
def test_the_import_checker_finds_hidden_imports(path, source, offences):
    assert len(found(house.late_imports, source, path)) == offences


@pytest.mark.parametrize(
    ("source", "offences"),
    [
        ('"""Doc."""\ndef f():\n    """Doc."""', []),
        ('"""Doc."""\ndef _f(): ...', []),
        ('"""Doc."""\nclass _A:\n    def f(self): ...', []),
        ("x = 1", ["module without a docstring"]),
        ('"""Doc."""\ndef f(): ...', ["f has no docstring"]),
        ('"""Doc."""\nclass A: ...', ["A has no docstring"]),
        ('"""Doc."""\nclass A:\n    """Doc."""\n    def f(self): ...', ["f has no docstring"]),
    ],
)
def test_the_docstring_checker_finds_undocumented_names(source, offences):
    assert found(house.undocumented, source) == offences


@pytest.mark.parametrize("word", ["TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK"])
def test_the_checker_of_unfinished_work_finds_its_words(word):
    assert list(house.unfinished(f"x = 1\n# {word}: later")) == [(2, f"says {word}")]
    assert list(house.unfinished("return NotImplemented  # hacked together")) == []


@pytest.mark.parametrize(
    ("text", "betrays"),
    [
        ("cd /" + "home/somebody/project", True),
        ("'/" + "Users/somebody'", True),
        ("see /" + "work/main", True),
        ("https://" + "pypi" + ".org/simple", True),
        ("--" + "index" + "-url x", True),
        ("GET https://example.com/home/page", False),
        ("docs/work/notes", False),
        ("Assets:Bank", False),
    ],
)
def test_the_checker_of_betraying_names_finds_indexes_and_homes(text, betrays):
    assert bool(list(house.betraying(text))) is betrays


@pytest.mark.parametrize(
    ("source", "code", "kind", "message"),
    [
        ('raise Invalid("a.b", "no")', "a.b", "Invalid", "no"),
        ('return errors.Broken("a.b", f"no {x!r} or {y}{z}")', "a.b", "Broken", "no … or …"),
        ('Conflict(code="a.b", message="one " + f"{x}")', "a.b", "Conflict", "one …"),
        ('NotFound("a.b", text)', "a.b", "NotFound", "…"),
        ('Unavailable(code, "no")', None, "Unavailable", "no"),
    ],
)
def test_a_refusal_is_read_off_the_source(source, code, kind, message):
    assert list(errors.refusals_in(source, "a/b")) == [
        errors.Refusal(code, kind, message, "a/b", 1)
    ]


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ('Invalid("a.b", "no"); Invalid("a.b", "never")', 0),
        ('Invalid("a.b", "no"); Conflict("a.b", "no")', 1),
        ('Invalid(code, "no")', 1),
        ('Invalid("ab", "no")', 1),
        ('Invalid("a.b.c", "no")', 1),
        ('Invalid("A.b", "no")', 1),
    ],
)
def test_the_checker_of_refusals_finds_bad_codes(source, wrong):
    assert len(errors.problems(list(errors.refusals_in(source, "a/b")))) == wrong


def test_a_refusal_is_one_row_of_the_page_for_all_places_that_make_it():
    found_twice = [
        errors.Refusal("a.b", "Invalid", "this | that", "x/y", 1),
        errors.Refusal("a.b", "Invalid", "this | that", "u/v", 2),
    ]
    assert errors.page(found_twice).endswith("| `a.b` | Invalid | this \\| that | `u/v`, `x/y` |\n")
