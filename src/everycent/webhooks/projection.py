"""Endpoints as rows."""

from __future__ import annotations

from everycent.journal.event import Event
from everycent.kernel.canonical import encode
from everycent.kernel.table import Rows, table
from everycent.webhooks.endpoint import Endpoint

ENDPOINT = table(
    "webhook_endpoint",
    "tenant_id int4, endpoint_id uuid, key text, url text, is_enabled bool, told text,"
    " changed_at timestamptz",
    key="tenant_id, endpoint_id",
)


def endpoint(event: Event, rows: Rows, tenant_id: int) -> None:
    """An endpoint as it stands."""
    one: Endpoint = event.payload
    rows.put(
        ENDPOINT, tenant_id, one.endpoint_id, one.key, one.url, one.disabled is None,
        encode(one).decode(), event.at,
    )  # fmt: skip
