"""Create tenants. A tenant is a set of books; most installations have one, called
`default`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from everycent.db.connection import Database, Tx
from everycent.kernel.errors import Conflict, Invalid, NotFound
from everycent.kernel.near import meant
from everycent.kernel.text import is_line
from everycent.ledger import operations as ledger
from everycent.tenants import queries, store

_MAX_NAME = 200
_SLUG = re.compile(r"[a-z][a-z0-9-]{0,39}")


def create(database: Database, slug: str, name: str, at: datetime) -> int:
    """Creates a tenant with its chart of accounts; returns its number.

    Raises Invalid `tenant.bad_slug`, Conflict `tenant.exists`.
    """
    with created(database, slug, name, at) as tx:
        return tx.tenant_id


@contextmanager
def created(database: Database, slug: str, name: str, at: datetime) -> Iterator[Tx]:
    """The same for whoever has more to do in the new tenant before it is there for others."""
    if not _SLUG.fullmatch(slug):
        raise Invalid(
            "tenant.bad_slug",
            f"{slug[:60]!r} can't name a tenant",
            field="tenant",
            value=slug,
            hint="use 1 to 40 small letters, digits and dashes, beginning with a letter",
        )
    if not is_line(name, _MAX_NAME):
        raise Invalid(
            "tenant.bad_name",
            f"a tenant's name has 1 to {_MAX_NAME} characters and no control characters",
            field="name",
            value=name,
        )
    with database.operator(slug) as tx:
        tenant_id = store.insert_tenant(tx, slug, name, at)
        if tenant_id is None:
            raise Conflict("tenant.exists", f"there is a tenant {slug} already", field="tenant")
        own = tx.acting_for(tenant_id)
        ledger.open_books(own)
        yield own


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
    try:
        return queries.tenant_id(database, slug)
    except NotFound as unknown:  # told to whoever runs the process, who may know the names of all
        if asked := meant(slug, [row.slug for row in queries.listed(database)]):
            unknown.hint = f"{asked} {unknown.hint}"
        raise
