"""API keys as rows."""

from __future__ import annotations

from everycent.journal.event import Event
from everycent.kernel.table import Rows, table

API_KEY = table(
    "api_key",
    "tenant_id int4, key_id uuid, name text, digest bytea, scopes text[], created_at timestamptz,"
    " revoked_at timestamptz, expires_at timestamptz",
    key="tenant_id, key_id",
)


def key_created(event: Event, rows: Rows, tenant_id: int) -> None:
    """A new key."""
    rows.add(API_KEY, *_row(event, tenant_id))


def key_revoked(event: Event, rows: Rows, tenant_id: int) -> None:
    """A key as it is once it was revoked."""
    rows.put(API_KEY, *_row(event, tenant_id))


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
    )
