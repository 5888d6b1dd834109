"""What commands tell somebody to type next opens the books that they were about."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from everycent.cli.common import suggested
from tests.cli.test_usage_corrections import CATALOGUE, USAGE, Shell

TEXTS = [
    # tenant, text, suggested
    (None, "everycent explain INV-000001", "everycent explain INV-000001"),
    ("default", "`everycent usage find`", "`everycent usage find`"),
    ("t2", "everycent explain INV-000001", "everycent --tenant t2 explain INV-000001"),
    ("t2", "see `everycent usage find`, or `everycent verify`",
     "see `everycent --tenant t2 usage find`, or `everycent --tenant t2 verify`"),
    ("t2", "more: everycent journal show", "more: everycent --tenant t2 journal show"),
    ("t2", "start it with `everycent up`", "start it with `everycent up`"),
    ("dmeo", "or list them with `everycent tenant list`", "or list them with `everycent tenant list`"),
    ("t2", "the version of everycent that wrote it", "the version of everycent that wrote it"),
    ("t2", "everycent --tenant t3 invoice list", "everycent --tenant t3 invoice list"),
    ("a b", "everycent verify", "everycent --tenant 'a b' verify"),
]  # fmt: skip


@pytest.mark.parametrize(("tenant", "text", "found"), TEXTS)
def test_a_suggested_command_names_the_tenant(monkeypatch, tenant, text, found):
    monkeypatch.delenv("EVERYCENT_TENANT", raising=False)
    if tenant is not None:
        monkeypatch.setenv("EVERYCENT_TENANT", tenant)
    assert suggested(text) == found


def test_a_tenant_that_was_misspelt_is_asked_for(conninfo: str, tmp_path: Path) -> None:
    typed = Shell(conninfo, tmp_path)
    typed("tenant", "create", "demo", "--name", "Demo")
    done = typed.run("--tenant", "dmeo", "owed")
    assert done.returncode == 2
    assert "did you mean demo? create it with `everycent tenant create`" in done.stderr


@pytest.fixture
def other(conninfo: str, tmp_path: Path) -> Shell:
    """A shell whose invoice is another tenant's, of whom the environment says nothing."""
    typed = Shell(conninfo, tmp_path)
    typed.environment.pop("EVERYCENT_TENANT", None)
    typed("tenant", "create", "t2", "--name", "The second")
    for command in (
        ("catalog", "apply", typed.write("catalogue.yaml", CATALOGUE)),
        ("customer", "add", "ana", "--name", "Ana", "--currency", "EUR",
         "--time-zone", "Europe/Zagreb"),
        ("subscription", "start", "ana", "api", "--starts-on", "2026-01-01"),
        ("usage", "import", typed.write("usage.csv", USAGE), "--source", "gateway"),
        ("bill", "run", "--as-of", "2026-02-02"),
    ):  # fmt: skip
        typed("--tenant", "t2", *command)
    return typed


def test_what_explain_and_the_journal_suggest_works_when_it_is_typed(other: Shell) -> None:
    told = other("--tenant", "t2", "explain", "INV-000001")
    told += other("--tenant", "t2", "explain", "INV-000001", "--records", "--limit", "1")
    told += other("--tenant", "t2", "journal", "show", "--limit", "1")
    commands = re.findall(r"everycent (--tenant t2 .*)", told)
    assert len(commands) == told.count("everycent ") == 5
    for command in commands:
        assert other(*shlex.split(command))


def test_a_hint_of_a_refusal_opens_the_same_books(other: Shell) -> None:
    refused = other("--tenant", "t2", "customer", "update", "bob", "--name", "Bob", code=2)
    assert "list them with `everycent --tenant t2 customer list`" in refused
    refused = other(
        "--tenant", "t2", "customer", "update", "bob", "--name", "Bob", "--json", code=2
    )
    assert "everycent --tenant t2 customer list" in refused
