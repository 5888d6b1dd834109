"""API keys: made, found by their digest before the tenant is known, revoked, and replayed."""

from __future__ import annotations

import psycopg
import pytest

from everycent.access import keys, operations, queries
from everycent.access.keys import ApiKey
from everycent.flows.replay import replay
from everycent.kernel.errors import NotFound
from everycent.tenants import operations as tenants
from tests.conftest import NOW, Place

SCOPES = ("usage:read", "usage:write")


def made(place: Place, name: str, tenant_id: int | None = None) -> ApiKey:
    """A key whose text is made of its name."""
    digest = keys.digest_of(keys.text_of(name.rjust(43, "x")))
    assert digest is not None
    key = ApiKey(place.ids(name), name, digest, SCOPES, NOW)
    with place.database.transaction(tenant_id or place.tenant_id) as tx:
        operations.create_key(tx, key, **place.writing)
    return key


def revoked(place: Place, key: ApiKey) -> bool:
    with place.database.transaction(place.tenant_id) as tx:
        return operations.revoke_key(tx, key.key_id, **place.writing)


def test_a_key_opens_its_own_tenant(place: Place):
    other = tenants.create(place.database, "other", "Other", NOW)
    mine, theirs = made(place, "mine"), made(place, "theirs", other)
    opened = [queries.access(place.database, one.digest) for one in (mine, theirs)]
    assert [(one.tenant_id, one.slug, one.key_id, one.scopes) for one in opened if one] == [
        (place.tenant_id, "default", mine.key_id, frozenset(SCOPES)),
        (other, "other", theirs.key_id, frozenset(SCOPES)),
    ]
    assert queries.access(place.database, bytes(32)) is None


def test_a_revoked_key_opens_nothing_and_stays_in_the_list(place: Place):
    key = made(place, "mine")
    assert revoked(place, key)
    assert not revoked(place, key)
    assert queries.access(place.database, key.digest) is None
    with place.database.transaction(place.tenant_id) as tx:
        (row,) = queries.api_keys(tx)
    assert (row.key_id, row.revoked_at) == (key.key_id, NOW)


def test_a_key_of_another_tenant_can_not_be_revoked(place: Place):
    other = tenants.create(place.database, "other", "Other", NOW)
    theirs = made(place, "theirs", other)
    with pytest.raises(NotFound) as unknown:
        revoked(place, theirs)
    assert unknown.value.code == "key.unknown"
    assert queries.access(place.database, theirs.digest) is not None


def test_the_journal_rebuilds_the_keys(place: Place):
    made(place, "kept")
    revoked(place, made(place, "gone"))
    with place.database.snapshot(place.tenant_id) as tx:
        rebuilt = replay(tx)
    assert (rebuilt.rows["api_key"], rebuilt.differences) == (2, {})


def test_only_the_function_finds_a_key_of_another_tenant(place: Place):
    other = tenants.create(place.database, "other", "Other", NOW)
    theirs = made(place, "theirs", other)
    with place.database.transaction(place.tenant_id) as tx:
        tx.run("select set_config('everycent.key_digest', %s, true)", (theirs.digest.hex(),))
        assert tx.value("select count(*) from api_key") == 0
        tx.row("select * from find_api_key(%s)", (theirs.digest,))
        assert tx.value("select count(*) from api_key") == 0
        assert tx.value("select current_setting('everycent.key_digest')") == ""


def test_two_keys_never_have_one_digest(place: Place):
    other = tenants.create(place.database, "other", "Other", NOW)
    made(place, "same")
    with pytest.raises(psycopg.errors.UniqueViolation):
        made(place, "same", other)
