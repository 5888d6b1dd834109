"""Hints name what whoever asks over HTTP can do: operations and fields, and no options of commands."""

from __future__ import annotations

import pytest

from everycent.api import server
from everycent.api.hints import OPERATIONS, over_http

HINTS = [
    # as it is written                                     as it is told over HTTP
    ("list them with `everycent customer list`", "list them with `GET /v1/customers`"),
    (
        "credit what is left: `everycent invoice credit INV-1 --rest`",
        "credit what is left: `POST /v1/invoices/{invoice}/credit-notes` with `rest`",
    ),
    (
        "by `everycent usage import` or `usage backfill`",
        "by `everycent usage import` or `POST /v1/usage/corrections/backfill`",
    ),
    ("or take the other version: --plan-version 2", "or take the other version: `plan_version` 2"),
    ("leave out --dimension", "leave out `dimension`"),
    ("`everycent work --once` does it", "`everycent work --once` does it"),
    ("take `from` and `to`", "take `from` and `to`"),
    ("an id such as a--b", "an id such as a--b"),
]


@pytest.mark.parametrize(("hint", "expected"), HINTS)
def test_a_hint_names_what_can_be_asked_over_http(hint: str, expected: str):
    assert over_http(hint) == expected


def test_every_operation_that_a_hint_names_is_there():
    assert set(OPERATIONS.values()) <= {f"{one.method} {one.path}" for one in server.OPERATIONS}
