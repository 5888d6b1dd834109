"""Rows of keys, of answers that are kept, and of the audit log in and out."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from everycent.access.audited import AuditEntry
from everycent.access.keys import ApiKey
from everycent.access.members import Member
from everycent.db import statements
from everycent.db.connection import Tx

SQL = statements.beside(__file__)


def find_api_key(tx: Tx, digest: bytes) -> Any | None:
    """The tenant, the id, the scopes, the end and the networks of a key that is not revoked, or None."""
    return tx.row(SQL["find_api_key"], {"digest": digest})


def lock_key(tx: Tx, key_id: UUID) -> ApiKey | None:
    """A key of the tenant, locked until the transaction ends, or None."""
    row = tx.row(SQL["lock_key"], {"tenant_id": tx.tenant_id, "key_id": key_id})
    if row is None:
        return None
    return ApiKey(
        row.key_id, row.name, bytes(row.digest), tuple(row.scopes), row.created_at, row.revoked_at,
        row.expires_at, tuple(row.networks),
    )  # fmt: skip


def list_keys(tx: Tx) -> list[Any]:
    """The tenant's keys, oldest first."""
    return tx.rows(SQL["list_keys"], {"tenant_id": tx.tenant_id})


def note_use(tx: Tx, key_id: UUID, at: datetime) -> None:
    """Writes down that a key was used."""
    tx.run(SQL["note_use"], {"tenant_id": tx.tenant_id, "key_id": key_id, "at": at})


def find_members(tx: Tx, issuer: str, subject: str, email: str | None) -> list[Any]:
    """Where a person is a member or invited: tenant, slug, id, role, and whether the person came before."""
    told = {"issuer": issuer, "subject": subject, "email": email}
    return tx.rows(SQL["find_members"], told)


def list_members(tx: Tx, *, limit: int, after: UUID | None, is_former: bool) -> list[Member]:
    """The tenant's members, oldest first; with those who were removed."""
    told = {"tenant_id": tx.tenant_id, "limit": limit, "after": after, "is_former": is_former}
    return [Member(*row) for row in tx.tuples(SQL["list_members"], told)]


def lock_members(tx: Tx) -> list[Member]:
    """Those who are members now, locked until the transaction ends."""
    return [Member(*row) for row in tx.tuples(SQL["lock_members"], {"tenant_id": tx.tenant_id})]


def find_member(tx: Tx, member_id: UUID) -> Member | None:
    """A member, or one who was."""
    told = {"tenant_id": tx.tenant_id, "member_id": member_id}
    return next((Member(*row) for row in tx.tuples(SQL["find_member"], told)), None)


def take_turn(tx: Tx, key: str) -> bool:
    """Whether nobody else works on a request with this key; so until the transaction ends."""
    return bool(tx.value(SQL["take_turn"], {"tenant_id": tx.tenant_id, "key": key}))


def find_answer(tx: Tx, key: str) -> Any | None:
    """What is kept of a request with this key, or None."""
    return tx.row(SQL["find_answer"], {"tenant_id": tx.tenant_id, "key": key})


def begin_answer(tx: Tx, key: str, digest: bytes, at: datetime) -> None:
    """Writes down that a request is being worked on."""
    told = {"tenant_id": tx.tenant_id, "key": key, "digest": digest, "at": at}
    tx.run(SQL["begin_answer"], told)


def forget_answer(tx: Tx, key: str) -> None:
    """Writes down that it is not worked on any more, and that nothing was done."""
    tx.run(SQL["forget_answer"], {"tenant_id": tx.tenant_id, "key": key})


def keep_answer(
    tx: Tx, key: str, digest: bytes, at: datetime, status: int, headers: str, body: bytes
) -> None:
    """Writes down what was answered."""
    tx.run(
        SQL["keep_answer"],
        {
            "tenant_id": tx.tenant_id, "key": key, "digest": digest, "at": at, "status": status,
            "headers": headers, "body": body,
        },
    )  # fmt: skip


def forget_answers(tx: Tx, most: int) -> None:
    """Forgets some answers to requests that were begun more than 30 days ago, the oldest first."""
    tx.run(SQL["forget_answers"], {"most": most})


def add_entry(tx: Tx, entry: AuditEntry) -> None:
    """A new entry of the audit log."""
    tx.run(SQL["add_entry"], entry._asdict() | {"tenant_id": tx.tenant_id})


def entries(
    tx: Tx,
    *,
    limit: int,
    before: UUID | None,
    actor: str | None,
    operation: str | None,
    start: datetime | None,
    end: datetime | None,
) -> list[AuditEntry]:
    """Entries of the audit log, the newest first."""
    told = {
        "tenant_id": tx.tenant_id, "limit": limit, "before": before, "actor": actor,
        "operation": operation, "start": start, "end": end,
    }  # fmt: skip
    return [AuditEntry(*row) for row in tx.tuples(SQL["entries"], told)]
