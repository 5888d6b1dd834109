"""/v1/audit: who did what over HTTP, or tried to, from where, and how it ended."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, field

from everycent.access import queries
from everycent.access.audited import ENTRY, AuditEntry
from everycent.api.operation import Asked, reading
from everycent.api.parameters import instant
from everycent.api.shapes import Instant, Page, Paged, Shown
from everycent.db.connection import Tx
from everycent.kernel import ids
from everycent.kernel.period import instant_text


class Entry(Shown):
    """One change that was asked for, or something that was asked for and not allowed."""

    entry: str
    at: str
    actor: Annotated[str, Meta(description="A key or a person, as in the journal.")]
    address: Annotated[str, Meta(description="The network address that it came from.")]
    agent: str
    operation: Annotated[str, Meta(description="As it is called in this document.")]
    path: str
    status: int
    code: Annotated[str, Meta(description="That of the refusal; empty when it was done.")]
    request_id: str


class Wanted(Paged):
    """Which entries are wanted. `from` is included, `to` is not."""

    actor: str | None = None
    operation: str | None = None
    from_: Annotated[Instant | None, Meta(description="Not before.")] = field(
        default=None, name="from"
    )
    to: Annotated[Instant | None, Meta(description="Before.")] = None


def list_audit(tx: Tx, asked: Asked[Wanted, None]) -> Page[dict[str, Any]]:
    """The audit log, the newest first."""
    wanted = asked.query
    found = queries.audited(
        tx, limit=wanted.size + 1, before=wanted.after, actor=wanted.actor,
        operation=wanted.operation,
        start=None if wanted.from_ is None else instant(wanted.from_, "UTC", "from"),
        end=None if wanted.to is None else instant(wanted.to, "UTC", "to"),
    )  # fmt: skip
    return asked.page([_data(one) for one in found], lambda last: str(last["entry"]))


def _data(one: AuditEntry) -> dict[str, Any]:
    told = one._asdict()
    entry = ids.show(ENTRY, told.pop("entry_id"))
    return {"entry": entry} | told | {"at": instant_text(one.at)}


OPERATIONS = [reading("/v1/audit", "audit:read", list_audit, Page[Entry], Wanted)]
