"""Endpoints, secrets, progress and deliveries in and out of the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from everycent.db import statements
from everycent.db.connection import Tx
from everycent.journal.event import Cursor
from everycent.webhooks.endpoint import Endpoint
from everycent.webhooks.numbering import Mark

SQL = statements.beside(__file__)
_decoder = msgspec.json.Decoder(Endpoint)


def list_endpoints(
    tx: Tx, key: str | None = None, *, after: str = "", limit: int | None = None
) -> list[tuple[Endpoint, Any]]:
    """Endpoints by key, those behind `after`, each with a row that says how far it has come."""
    told = {"tenant_id": tx.tenant_id, "key": key, "after": after, "limit": limit}
    rows = tx.rows(SQL["endpoints"], told)
    return [(_decoder.decode(row.told), row) for row in rows]


def list_enabled(tx: Tx) -> list[tuple[UUID, Cursor]]:
    """Endpoints that are told something, with how far they have read."""
    rows = tx.rows(SQL["enabled"], {"tenant_id": tx.tenant_id})
    return [(row.endpoint_id, Cursor(row.epoch, row.xid, row.seq)) for row in rows]


def find_id(tx: Tx, key: str) -> UUID | None:
    """The endpoint of a key, or None."""
    found: UUID | None = tx.value(SQL["endpoint_id"], {"tenant_id": tx.tenant_id, "key": key})
    return found


def lock_progress(tx: Tx, endpoint_id: UUID) -> Any:
    """How far an endpoint has come, locked, and with it the endpoint."""
    return tx.row(SQL["lock_progress"], _of(tx, endpoint_id))


def get_endpoint(tx: Tx, endpoint_id: UUID) -> Endpoint:
    """An endpoint that is there."""
    return _decoder.decode(tx.value(SQL["endpoint"], _of(tx, endpoint_id)))


def get_cursor(tx: Tx, endpoint_id: UUID) -> Cursor:
    """How far an endpoint has read."""
    row = tx.row(SQL["cursor"], _of(tx, endpoint_id))
    assert row is not None
    return Cursor(row.epoch, row.xid, row.seq)


def begin_progress(tx: Tx, endpoint_id: UUID, mark: Mark) -> None:
    """An endpoint begins to read."""
    tx.run(SQL["insert_progress"], _of(tx, endpoint_id) | mark.cursor._asdict())
    put_mark(tx, endpoint_id, mark)


def move_progress(tx: Tx, endpoint_id: UUID, cursor: Cursor, number: int) -> None:
    """An endpoint has read so far."""
    tx.run(SQL["move_progress"], _of(tx, endpoint_id) | cursor._asdict() | {"number": number})


def set_health(
    tx: Tx,
    endpoint_id: UUID,
    *,
    failures: int = 0,
    failing_since: datetime | None = None,
    rests_until: datetime | None = None,
    succeeded_at: datetime | None,
    is_troubled: bool,
) -> None:
    """How it goes with an endpoint."""
    health = {
        "failures": failures, "failing_since": failing_since, "rests_until": rests_until,
        "succeeded_at": succeeded_at, "is_troubled": is_troubled,
    }  # fmt: skip
    tx.run(SQL["set_health"], _of(tx, endpoint_id) | health)


def put_mark(tx: Tx, endpoint_id: UUID, mark: Mark) -> None:
    """From here on numbers can be counted."""
    told = {"number": mark.number, "types": " ".join(mark.types)}
    tx.run(SQL["put_mark"], _of(tx, endpoint_id) | mark.cursor._asdict() | told)


def list_marks(tx: Tx, endpoint_id: UUID, number: int) -> list[Mark]:
    """The last mark before a number, and all that follow it."""
    rows = tx.rows(SQL["marks_from"], _of(tx, endpoint_id) | {"number": number})
    return [
        Mark(Cursor(row.epoch, row.xid, row.seq), row.number, tuple(row.types.split()))
        for row in rows
    ]


def insert_secret(tx: Tx, endpoint: Endpoint, mark: str, sealed: bytes, at: datetime) -> None:
    """Keeps a sealed secret."""
    told = {"fingerprint": mark, "url": endpoint.url, "sealed": sealed, "made_at": at}
    tx.run(SQL["insert_secret"], _of(tx, endpoint.endpoint_id) | told)


def drop_secrets(tx: Tx, endpoint_id: UUID, kept: Sequence[str]) -> None:
    """Forgets the secrets of an endpoint, but those with these fingerprints."""
    tx.run(SQL["drop_secrets"], _of(tx, endpoint_id) | {"kept": list(kept)})


def list_secrets(tx: Tx, endpoints: Sequence[UUID]) -> list[tuple[UUID, str, bytes]]:
    """Sealed secrets: of which endpoint, the fingerprint, and the secret."""
    found = tx.tuples(SQL["secrets"], {"tenant_id": tx.tenant_id, "endpoints": list(endpoints)})
    return [(endpoint_id, fingerprint, bytes(sealed)) for endpoint_id, fingerprint, sealed in found]


def count_waiting(tx: Tx, endpoint_id: UUID) -> int:
    """How many deliveries of an endpoint are on their way."""
    return int(tx.value(SQL["count_waiting"], _of(tx, endpoint_id)))


def put_deliveries(
    tx: Tx, endpoint_id: UUID, wanted: Sequence[tuple[int, Any]], at: datetime
) -> None:
    """Events that are to be sent from now on, with their numbers."""
    columns = {
        "numbers": [number for number, _ in wanted],
        "events": [row.event_id for _, row in wanted],
        "streams": [row.stream for _, row in wanted],
        "types": [row.type for _, row in wanted],
        "at": at,
    }
    tx.run(SQL["put_deliveries"], _of(tx, endpoint_id) | columns)


def prune(tx: Tx, endpoint_id: UUID) -> None:
    """Forgets what came through, but the last."""
    tx.run(SQL["prune"], _of(tx, endpoint_id))


def claim(tx: Tx, at: datetime, lease: timedelta, at_once: int, limit: int) -> list[Any]:
    """Takes deliveries up, for the length of the lease by the database's clock."""
    tx.run(SQL["lock_claims"], {"tenant_id": tx.tenant_id})
    params = {
        "tenant_id": tx.tenant_id, "at": at, "lease": lease, "at_once": at_once, "limit": limit,
    }  # fmt: skip
    return tx.rows(SQL["claim"], params)


def lock_delivery(tx: Tx, endpoint_id: UUID, number: int, claims: int) -> int | None:
    """How often a delivery was tried that is still in our hand; None: it is not."""
    told = {"number": number, "claims": claims}
    found: int | None = tx.value(SQL["lock_delivery"], _of(tx, endpoint_id) | told)
    return found


def set_delivery(tx: Tx, endpoint_id: UUID, number: int, **told: Any) -> None:
    """Where a delivery stands after a try."""
    tx.run(SQL["set_delivery"], _of(tx, endpoint_id) | {"number": number} | told)


def hurry(tx: Tx, endpoint_id: UUID, at: datetime) -> None:
    """What waits is tried now."""
    tx.run(SQL["hurry"], _of(tx, endpoint_id) | {"at": at})


def begin_anew(tx: Tx, endpoint_id: UUID, at: datetime) -> None:
    """What waits is tried now, as if for the first time."""
    tx.run(SQL["begin_anew"], _of(tx, endpoint_id) | {"at": at})


def list_deliveries(
    tx: Tx, endpoint_id: UUID, status: str | None, before: int, limit: int
) -> list[Any]:
    """Deliveries, the newest first."""
    told = {"status": status, "before": before, "limit": limit}
    return tx.rows(SQL["deliveries"], _of(tx, endpoint_id) | told)


def list_beyond_the_fence(tx: Tx) -> list[str]:
    """Endpoints that have read too far."""
    return [key for (key,) in tx.tuples(SQL["beyond_the_fence"], {"tenant_id": tx.tenant_id})]


def _of(tx: Tx, endpoint_id: UUID) -> dict[str, Any]:
    return {"tenant_id": tx.tenant_id, "endpoint_id": endpoint_id}
