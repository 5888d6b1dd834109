"""What a person may do, in whatever tenant; whoever was invited is known from the first token on.

An invitation is taken by whoever names its tenant, or has nothing else: nobody is made a member beside
his own tenant by what another one wrote down.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from everycent.access import operations_members as joining
from everycent.access import store
from everycent.access.members import MEMBER_ID, Person
from everycent.access.queries import Access
from everycent.access.roles import ROLES
from everycent.db.connection import Database
from everycent.kernel import ids as id_forms
from everycent.kernel.errors import Forbidden, Invalid
from everycent.kernel.ids import IdSource


def opened(
    database: Database, person: Person, slug: str | None, at: datetime, ids: IdSource
) -> Access:
    """What is open to a person in the tenant that is named, or in the only one.

    Raises Forbidden `member.none`, Invalid `member.tenant_needed`.
    """
    rows = _rows(database, person)
    taken = _invitation(rows, slug)
    if taken is not None:
        with database.transaction(taken.tenant_id) as tx:
            joining.bind(tx, taken.member_id, person.issuer, person.subject, at, ids)
        rows = _rows(database, person)
    known = [row for row in rows if row.is_bound]
    if not known and slug is None:
        known = rows  # invitations of several tenants: one of them has to be named
    found = [row for row in known if slug in (None, row.slug)]
    if not found:
        where = "any tenant" if slug is None else f"the tenant {slug[:60]!r}"
        raise Forbidden(
            "member.none",
            f"this person is no member of {where}",
            hint="an owner adds members; an invitation is found by an address that the identity provider"
            " has verified",
        )
    if len(found) > 1:
        raise Invalid(
            "member.tenant_needed",
            f"this person is a member of, or invited to, {', '.join(row.slug for row in found[:20])}",
            field="everycent-tenant",
            hint="name one with the header Everycent-Tenant",
        )
    row = found[0]
    return Access(
        row.tenant_id, row.slug, id_forms.show(MEMBER_ID, row.member_id),
        ROLES.get(row.role, frozenset()), person.expires_at, role=row.role,
    )  # fmt: skip


def _rows(database: Database, person: Person) -> list[Any]:
    with database.operator() as tx:
        return store.find_members(tx, person.issuer, person.subject, person.email)


def _invitation(rows: list[Any], slug: str | None) -> Any:
    """The invitation that is taken now: that of the tenant that is named, or the only thing there is."""
    named = [row for row in rows if slug in (None, row.slug)]
    return named[0] if len(named) == 1 and not named[0].is_bound else None
