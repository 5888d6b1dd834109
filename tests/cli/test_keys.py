"""everycent key: a key is shown once, opens what its scopes name, and is gone when it is revoked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from everycent.access import keys, queries
from everycent.access.roles import SCOPES
from tests.conftest import Place

EVERYCENT = str(Path(sys.executable).with_name("everycent"))


def typed(place: Place, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [EVERYCENT, "key", *words],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"EVERYCENT_DATABASE_URL": place.conninfo, "EVERYCENT_ACTOR": "clerk"},
    )


def told(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def opens(place: Place, text: str) -> Any:
    digest = keys.digest_of(text)
    assert digest is not None
    found = queries.access(place.database, digest)
    return found and (found.tenant_id, found.scopes)


def test_a_key_lives_from_its_creation_to_its_revocation(place: Place):
    made = told(typed(place, "create", "gateway", "--json"))
    both = typed(place, "create", "both", "--scope", "usage:read", "--scope", "usage:write")
    assert opens(place, made["key"]) == (place.tenant_id, {"usage:write"})
    assert opens(place, both.stdout.splitlines()[-1]) == (
        place.tenant_id, {"usage:read", "usage:write"},
    )  # fmt: skip
    listed = typed(place, "list").stdout
    assert made["key_id"] in listed
    assert made["key"] not in listed
    assert told(typed(place, "revoke", made["key_id"], "--json"))["is_new"] is True
    assert told(typed(place, "revoke", made["key_id"], "--json"))["is_new"] is False
    assert opens(place, made["key"]) is None
    rows = told(typed(place, "list", "--json"))
    assert [(row["name"], row["revoked_at"] is None) for row in rows] == [
        ("gateway", False), ("both", True),
    ]  # fmt: skip
    with place.database.transaction(place.tenant_id) as tx:
        events = tx.tuples("select actor, payload from journal_event order by seq")
    assert {actor for actor, _ in events} == {"clerk"}
    assert not any(made["key"] in str(payload) for _, payload in events)


@pytest.mark.parametrize(
    ("words", "scopes"),
    [
        ([], {"usage:write"}),
        (["--all-scopes"], set(SCOPES)),
        (["--all-scopes", "--scope", "usage:read"], set(SCOPES)),
        (["--all-scopes", "--scope", "tenants:read"], {*SCOPES, "tenants:read"}),
    ],
)
def test_a_key_opens_all_of_its_tenant_where_that_is_asked_for(
    place: Place, words: list[str], scopes: set[str]
):
    made = told(typed(place, "create", "k", *words, "--json"))
    assert opens(place, made["key"]) == (place.tenant_id, scopes)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["create", "a", "--scope", "all"], "key.bad_scope"),
        (["create", ""], "key.bad_name"),
        (["revoke", "key_0"], "id.malformed"),
        (["revoke", "key_" + "0" * 26], "key.unknown"),
    ],
)
def test_a_key_that_can_not_be_is_refused(place: Place, words: list[str], code: str):
    done = typed(place, *words, "--json")
    assert done.returncode == 2
    assert json.loads(done.stderr)["error"]["code"] == code
