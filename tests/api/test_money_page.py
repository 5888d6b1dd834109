"""docs/rest-money.md, typed as it stands there, against a running server."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from everycent.api import (
    attempts,
    bank,
    collections,
    debit_files,
    dunning,
    invoices,
    invoices_changed,
    methods,
    owed,
    payments,
    queueing,
    refunds,
    wallets,
    wallets_changed,
)
from tests.api.serving import make_key, served
from tests.collecting import shop
from tests.conftest import Place

PAGE = (Path(__file__).parents[2] / "docs" / "rest-money.md").read_text("utf-8")
KEYS, EXAMPLES = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
TYPED = [
    tuple(part.strip() for part in re.split(r"(?<!\\)\n", told + "\n", maxsplit=1))
    for told in EXAMPLES.split("$ ")[1:]
]
SCOPES = ("invoices:read", "invoices:write", "payments:read", "payments:write")
MODULES = (
    attempts, bank, collections, debit_files, dunning, invoices, invoices_changed, methods, owed,
    payments, queueing, refunds, wallets, wallets_changed,
)  # fmt: skip
_CHANGING = re.compile(
    r"(?<=inv_)[0-9a-z]{26}|(?<=pay_)[0-9a-z]{26}|(?<=evt_)[0-9a-z]{26}|(?<=key_)[0-9a-z]{26}"
    r"|(?<=plan_)[0-9a-f]{16}_[0-9a-f]{32}|20\d\d-\d\d-\d\dT[0-9:.]+Z|(?<=\"issued_on\": \")20[0-9-]{8}"
)


def settled(told: Any) -> Any:
    """The answer with ids and times, which are never the same, left out, and what a plan would answer."""
    if "plan" in told:
        told = told | {"answer": "…"}
    return json.loads(_CHANGING.sub("…", json.dumps(told, ensure_ascii=False)))


@pytest.fixture
def typist(place: Place) -> Iterator[Any]:
    """Types a line of the page: two customers who owe 37.20 each."""
    shop.open_shop(place, 2, token=None)
    key = make_key(place.database, place.tenant_id, "page", SCOPES)
    plans: list[str] = []
    with served(place) as server:

        def typed(line: str) -> Any:
            told = line.replace("localhost:8600", server.address).replace("$KEY", key)
            told = told.replace("$PLAN", plans[-1] if plans else "")
            words = shlex.split(told.replace("\\\n", " "))
            done = subprocess.run(["curl", "-s", *words[1:]], capture_output=True, check=True)
            answer = json.loads(done.stdout)
            plans.extend([answer["plan"]] if "plan" in answer else [])
            return answer

        yield typed


def test_the_examples_answer_what_the_page_shows(typist: Any) -> None:
    assert len(TYPED) >= 5
    for line, shown in TYPED:
        assert settled(typist(line)) == settled(json.loads(shown)), line


def test_every_address_is_on_the_page_with_its_scope() -> None:
    for module in MODULES:
        for one in module.OPERATIONS:
            assert f"| `{one.method} {one.path}` | `{one.scope}` |" in PAGE
    assert re.findall(r"--scope (\S+)", KEYS) == list(SCOPES)
