"""Make keys and revoke them, keep what was answered, and write the audit log."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from everycent.access import answers, keys, projection, store
from everycent.access.answers import Kept, Known
from everycent.access.audited import AuditEntry
from everycent.access.keys import ApiKey
from everycent.db.connection import Tx
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.kernel import ids as id_forms
from everycent.kernel.errors import NotFound
from everycent.kernel.ids import IdSource

_FORGOTTEN_AT_ONCE = 10


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


def note_use(tx: Tx, key_id: UUID, at: datetime) -> None:
    """Writes down that a key was used."""
    store.note_use(tx, key_id, at)


def answered_before(tx: Tx, key: str, digest: bytes, at: datetime) -> Kept | None:
    """What was answered to this request already; None when it is to be done now, and by nobody else before
    the transaction ends. Raises as `answers.judged`."""
    if not store.take_turn(tx, key):
        raise answers.under_way()
    row = store.find_answer(tx, key)
    if row is None:
        return None
    answer = None
    if row.status is not None:
        answer = Kept(row.status, answers.headers_of(row.headers), bytes(row.body))
    return answers.judged(Known(bytes(row.digest), row.begun_at, answer), digest, at)


def begin(tx: Tx, key: str, digest: bytes, at: datetime) -> Kept | None:
    """As `answered_before`, for a request that has transactions of its own: others are told that it is
    under way, for a while."""
    found = answered_before(tx, key, digest, at)
    if found is None:
        store.begin_answer(tx, key, digest, at)
    return found


def forget(tx: Tx, key: str) -> None:
    """What was begun was refused: whoever sends it again is worked for anew."""
    store.forget_answer(tx, key)


def keep(tx: Tx, key: str, digest: bytes, at: datetime, answer: Kept) -> None:
    """Keeps what is answered, for whoever sends the same request again within a month; and forgets some
    that are older."""
    headers = answers.headers_text(answer.headers)
    store.keep_answer(tx, key, digest, at, answer.status, headers, answer.body)
    store.forget_answers(tx, _FORGOTTEN_AT_ONCE)


def audit(tx: Tx, entry: AuditEntry) -> None:
    """Writes down who did what."""
    store.add_entry(tx, entry)
