"""API keys and members as rows."""

from __future__ import annotations

from everycent.journal.event import Event
from everycent.kernel.table import Rows, table

API_KEY = table(
    "api_key",
    "tenant_id int4, key_id uuid, name text, digest bytea, scopes text[], created_at timestamptz,"
    " revoked_at timestamptz, expires_at timestamptz, networks text[]",
    key="tenant_id, key_id",
)
MEMBER = table(
    "member",
    "tenant_id int4, member_id uuid, role text, email text, issuer text, subject text,"
    " added_at timestamptz, bound_at timestamptz, removed_at timestamptz",
    key="tenant_id, member_id",
)


def key_created(event: Event, rows: Rows, tenant_id: int) -> None:
    """A new key."""
    rows.add(API_KEY, *_row(event, tenant_id))


def key_revoked(event: Event, rows: Rows, tenant_id: int) -> None:
    """A key as it is once it was revoked."""
    rows.put(API_KEY, *_row(event, tenant_id))


def member_added(event: Event, rows: Rows, tenant_id: int) -> None:
    """A new member."""
    rows.add(MEMBER, *_member(event, tenant_id))


def member_changed(event: Event, rows: Rows, tenant_id: int) -> None:
    """A member as it is once it has another role, came, or was removed."""
    rows.put(MEMBER, *_member(event, tenant_id))


def _member(event: Event, tenant_id: int) -> tuple[object, ...]:
    one = event.payload
    return (
        tenant_id, one.member_id, one.role, one.email, one.issuer, one.subject, one.added_at,
        one.bound_at, one.removed_at,
    )  # fmt: skip


def _row(event: Event, tenant_id: int) -> tuple[object, ...]:
    key = event.payload
    return (
        tenant_id,
        key.key_id,
        key.name,
        key.digest,
        list(key.scopes),
        key.created_at,
        key.revoked_at,
        key.expires_at,
        list(key.networks),
    )
