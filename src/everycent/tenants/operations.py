"""Create tenants and their API keys. A tenant is a set of books; most installations have one, called
`default`."""

from __future__ import annotations

import re
from datetime import datetime
from uuid import UUID

import msgspec

from everycent.db.connection import Database, Tx
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.kernel import ids as id_forms
from everycent.kernel.errors import Conflict, Invalid, NotFound
from everycent.kernel.ids import IdSource
from everycent.ledger import operations as ledger
from everycent.tenants import keys, projection, queries, store
from everycent.tenants.keys import ApiKey

_SLUG = re.compile(r"[a-z][a-z0-9-]{0,39}")


def create(database: Database, slug: str, name: str, at: datetime) -> int:
    """Creates a tenant with its chart of accounts; returns its number.

    Raises Invalid `tenant.bad_slug`, Conflict `tenant.exists`.
    """
    if not _SLUG.fullmatch(slug):
        raise Invalid(
            "tenant.bad_slug",
            f"{slug[:60]!r} can't name a tenant",
            field="tenant",
            value=slug,
            hint="use 1 to 40 small letters, digits and dashes, beginning with a letter",
        )
    with database.operator(slug) as tx:
        tenant_id = store.insert_tenant(tx, slug, name, at)
        if tenant_id is None:
            raise Conflict("tenant.exists", f"there is a tenant {slug} already", field="tenant")
        ledger.open_books(tx.acting_for(tenant_id))
    return tenant_id


def ensure(database: Database, slug: str, name: str, at: datetime) -> int:
    """The tenant's number, creating the tenant when it is not there yet."""
    try:
        return create(database, slug, name, at)
    except Conflict:
        return queries.tenant_id(database, slug)


def named(database: Database, slug: str, at: datetime) -> int:
    """The number of the tenant that a process works on; `default` is made when it is missing. Raises
    NotFound `tenant.unknown`."""
    if slug == "default":
        return ensure(database, slug, "Default", at)
    return queries.tenant_id(database, slug)


def create_key(
    tx: Tx, new: ApiKey, *, at: datetime, recorded_at: datetime, actor: str, ids: IdSource
) -> None:
    """Makes a key valid from now on. Raises Invalid `key.bad_name`, `key.bad_scope`, `key.no_scope`."""
    draft = Draft(
        ids(f"api_key.created/{new.key_id}"),
        keys.stream(new.key_id),
        keys.CREATED,
        at,
        actor,
        keys.checked(new),
    )
    journal.record(tx, [draft], recorded_at, projection.key_created)


def revoke_key(
    tx: Tx, key_id: UUID, *, at: datetime, recorded_at: datetime, actor: str, ids: IdSource
) -> bool:
    """Makes a key open nothing any more; False when it was revoked already.

    Raises NotFound `key.unknown`.
    """
    known = store.lock_key(tx, key_id)
    if known is None:
        shown = id_forms.show(keys.KEY_ID, key_id)
        raise NotFound(
            "key.unknown",
            f"there is no key {shown}",
            field="key",
            value=shown,
            hint="list them with `everycent key list`",
        )
    if known.revoked_at is not None:
        return False
    draft = Draft(
        ids(f"api_key.revoked/{key_id}"),
        keys.stream(key_id),
        keys.REVOKED,
        at,
        actor,
        msgspec.structs.replace(known, revoked_at=max(at, known.created_at)),
    )
    journal.record(tx, [draft], recorded_at, projection.key_revoked)
    return True
