"""API keys: their form, their digest, their names and scopes."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from uuid import UUID

import pytest

from everycent.access.keys import ApiKey, checked, digest_of, text_of
from everycent.kernel.errors import Invalid

TEXT = text_of("Ab-_9" * 8 + "xyz")
KEY = ApiKey(UUID(int=7), "gateway", bytes(32), ("usage:write",), datetime(2026, 1, 1, tzinfo=UTC))


def test_the_digest_of_a_key_is_its_sha256():
    assert digest_of(TEXT) == hashlib.sha256(TEXT.encode()).digest()


@pytest.mark.parametrize(
    "text",
    [
        "", "ec_", TEXT[:-1], TEXT + "x", TEXT[3:], TEXT[:-1] + "z", TEXT[:9] + "9" + TEXT[10:],
        "EC_" + TEXT[3:], TEXT[:-1] + "\n", TEXT[:-1] + "é",
    ],
)  # fmt: skip
def test_what_has_another_form_is_no_key(text):
    assert digest_of(text) is None


@pytest.mark.parametrize(
    ("name", "scopes", "code"),
    [
        ("", ("usage:write",), "key.bad_name"),
        (" ", ("usage:write",), "key.bad_name"),
        ("a\n", ("usage:write",), "key.bad_name"),
        ("x" * 201, ("usage:write",), "key.bad_name"),
        ("a", (), "key.no_scope"),
        ("a", ("usage:write", "all"), "key.bad_scope"),
    ],
)
def test_a_key_has_a_name_and_scopes_that_exist(name, scopes, code):
    with pytest.raises(Invalid) as refused:
        checked(ApiKey(KEY.key_id, name, KEY.digest, scopes, KEY.created_at))
    assert refused.value.code == code


def test_scopes_are_in_order_and_there_once():
    given = ApiKey(
        KEY.key_id, "a", KEY.digest, ("usage:write", "usage:read", "usage:write"), KEY.created_at
    )
    assert checked(given).scopes == ("usage:read", "usage:write")
