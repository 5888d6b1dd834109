"""Add endpoints, change them, switch them on and off, and exchange their secrets. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from everycent.db.connection import Tx
from everycent.journal import operations as journal
from everycent.journal import queries as events
from everycent.journal.event import START, Cursor, Draft
from everycent.journal.types import EventType
from everycent.kernel.errors import Conflict, Invalid, NotFound
from everycent.kernel.ids import IdSource
from everycent.kernel.period import instant_text
from everycent.webhooks import endpoint as endpoints
from everycent.webhooks import projection, store
from everycent.webhooks.endpoint import ADDED, CHANGED, Disabled, Endpoint, Signing
from everycent.webhooks.numbering import Mark
from everycent.webhooks.posting import Seal, place_of
from everycent.webhooks.target import Allowed, target_of

SHORTEST_SECRET, LONGEST_SECRET = 24, 64
LONGEST_OVERLAP = timedelta(days=30)


class Writer(NamedTuple):
    """Who writes, when, and where ids come from."""

    at: datetime
    actor: str
    ids: IdSource


class Sealing(NamedTuple):
    """A fresh secret, and how it is made unreadable before it is kept."""

    secret: bytes
    seal: Seal


def add(
    tx: Tx,
    key: str,
    url: str,
    types: Sequence[str],
    sealing: Sealing,
    writer: Writer,
    *,
    allowed: Sequence[Allowed] = (),
    with_payload: bool = False,
    from_start: bool = False,
) -> Endpoint:
    """Adds an endpoint, which is told what happens from now on, or with `from_start` from the journal's
    beginning. Raises Invalid `webhook.bad_key`, `webhook.bad_url`, `webhook.bad_types`, Conflict
    `webhook.exists`."""
    target_of(url, allowed)
    if store.find_id(tx, endpoints.checked_key(key)) is not None:
        raise Conflict(
            "webhook.exists", f"there is an endpoint {key} already", field="key", value=key,
            hint="change it with `everycent webhook update`",
        )  # fmt: skip
    endpoint_id = writer.ids(f"webhook/{key}")
    wanted = endpoints.checked_types(types)
    signing = (Signing(_fingerprint(sealing), writer.at),)
    new = Endpoint(endpoint_id, key, url, wanted, signing, with_payload=with_payload)
    begins = START if from_start else events.fence(tx)
    _write(tx, ADDED, new, writer)
    store.begin_progress(tx, endpoint_id, Mark(begins, 0, wanted))
    _keep(tx, new, sealing, writer)
    return new


def update(
    tx: Tx,
    key: str,
    sealing: Sealing,
    writer: Writer,
    *,
    url: str | None = None,
    types: Sequence[str] | None = None,
    with_payload: bool | None = None,
    allowed: Sequence[Allowed] = (),
) -> tuple[Endpoint, bool]:
    """Changes an endpoint, and says whether it signs with the fresh secret now: a new URL is a new
    receiver, which gets nothing that the one before it could check or forge. Other types are wanted of all
    that was not read yet. Raises NotFound `webhook.unknown`, Invalid as `add`."""
    known, progress = locked(tx, key)
    changes: dict[str, object] = {}
    is_elsewhere = url is not None and url != known.url
    if url is not None and is_elsewhere:
        target_of(url, allowed)
        changes |= {"url": url, "signing": (Signing(_fingerprint(sealing), writer.at),)}
    if types is not None:
        changes["types"] = endpoints.checked_types(types)
    if with_payload is not None:
        changes["with_payload"] = with_payload
    changed = msgspec.structs.replace(known, **changes)
    if changed == known:
        return known, False
    if is_elsewhere:
        store.drop_secrets(tx, known.endpoint_id, [])
    _write(tx, CHANGED, changed, writer)
    if is_elsewhere:  # which has not failed yet
        _keep(tx, changed, sealing, writer)
        store.begin_anew(tx, known.endpoint_id, writer.at)
        store.set_health(
            tx, known.endpoint_id, succeeded_at=progress.succeeded_at,
            is_troubled=progress.is_troubled,
        )  # fmt: skip
    if changed.types != known.types:
        place = Cursor(progress.epoch, progress.xid, progress.seq)
        store.put_mark(tx, known.endpoint_id, Mark(place, progress.number, changed.types))
    return changed, is_elsewhere


def rotate(tx: Tx, key: str, overlap: timedelta, sealing: Sealing, writer: Writer) -> Endpoint:
    """Signs with the fresh secret from now on, and with the one before it too while the `overlap` lasts;
    older ones sign no longer. Raises NotFound `webhook.unknown`, Invalid `webhook.bad_overlap`."""
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise Invalid(
            "webhook.bad_overlap", "two secrets can't sign for so long", field="overlap",
            value=overlap, hint="up to 30 days",
        )  # fmt: skip
    known, _ = locked(tx, key)
    before = [
        msgspec.structs.replace(one, until=writer.at + overlap)
        for one in known.signing
        if one.until is None and overlap
    ]
    signing = (*before, Signing(_fingerprint(sealing), writer.at))
    changed = msgspec.structs.replace(known, signing=signing)
    store.drop_secrets(tx, known.endpoint_id, [one.fingerprint for one in before])
    _write(tx, CHANGED, changed, writer)
    _keep(tx, changed, sealing, writer)
    return changed


def disable(tx: Tx, key: str, reason: str, writer: Writer) -> Endpoint:
    """A person says that an endpoint is told nothing. Raises NotFound `webhook.unknown`."""
    known, progress = locked(tx, key)
    if known.disabled is Disabled.PERSON:
        return known
    changed = switch_off(tx, known, Disabled.PERSON, reason, writer)
    store.set_health(tx, known.endpoint_id, succeeded_at=progress.succeeded_at, is_troubled=False)
    return changed


def switch_off(tx: Tx, known: Endpoint, why: Disabled, reason: str, writer: Writer) -> Endpoint:
    """An endpoint that is locked is told nothing from now on."""
    changed = msgspec.structs.replace(known, disabled=why, reason=reason[:200])
    _write(tx, CHANGED, changed, writer)
    return changed


def enable(tx: Tx, key: str, writer: Writer) -> Endpoint:
    """An endpoint is told again what happens, and all that happened meanwhile. Raises NotFound
    `webhook.unknown`."""
    known, progress = locked(tx, key)
    if known.disabled is None:
        return known
    changed = msgspec.structs.replace(known, disabled=None, reason="")
    _write(tx, CHANGED, changed, writer)
    store.begin_anew(tx, known.endpoint_id, writer.at)
    store.set_health(
        tx,
        known.endpoint_id,
        succeeded_at=progress.succeeded_at,
        is_troubled=progress.is_troubled,
    )
    return changed


def locked(tx: Tx, key: str) -> tuple[Endpoint, Any]:
    """An endpoint by its key with how far it has come; nobody changes either until the transaction ends.
    Raises NotFound `webhook.unknown`."""
    endpoint_id = store.find_id(tx, key)
    if endpoint_id is None:
        raise unknown(key)
    progress = store.lock_progress(tx, endpoint_id)
    return store.get_endpoint(tx, endpoint_id), progress


def unknown(key: str) -> NotFound:
    """There is no such endpoint."""
    return NotFound(
        "webhook.unknown", f"there is no endpoint {key[:60]}", field="key", value=key,
        hint="list them with `everycent webhook list`",
    )  # fmt: skip


def _write(tx: Tx, event_type: EventType, endpoint: Endpoint, writer: Writer) -> None:
    event_id = writer.ids(f"{event_type.name}/{endpoint.name}/{instant_text(writer.at)}")
    stream = endpoints.stream(endpoint.endpoint_id)
    draft = Draft(event_id, stream, event_type, writer.at, writer.actor, endpoint)
    journal.record(tx, [draft], writer.at, projection.endpoint)


def _fingerprint(sealing: Sealing) -> str:
    assert SHORTEST_SECRET <= len(sealing.secret) <= LONGEST_SECRET
    return endpoints.fingerprint(sealing.secret)


def _keep(tx: Tx, endpoint: Endpoint, sealing: Sealing, writer: Writer) -> None:
    sealed = sealing.seal(sealing.secret, place_of(tx.tenant_id, endpoint.endpoint_id))
    store.insert_secret(tx, endpoint, _fingerprint(sealing), sealed, writer.at)
