"""Look up direct debits: files, and what entries of statements may speak of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from everycent.db.connection import Tx
from everycent.debits import store
from everycent.debits.entry import Effect
from everycent.debits.file import WRITTEN, DebitFile
from everycent.journal.types import decode
from everycent.kernel.errors import NotFound


class Overview(NamedTuple):
    """A file and how many of its debits stand where. `withdrawn` is the reason for that, None for a file
    that was not; `succeeded` were paid and stayed so, `returned` went back afterwards, `others` are in a
    person's hands."""

    message_id: str
    account: str
    sent_on: date
    number: int
    total: int
    digest: str
    at: datetime
    withdrawn: str | None
    first_on: date
    last_on: date
    pending: int
    succeeded: int
    failed: int
    others: int
    returned: int


class Silent(NamedTuple):
    """A file of whose debits nothing was heard although they were to be collected from `first_on` on."""

    message_id: str
    account: str
    pending: int
    first_on: date


class Told(NamedTuple):
    """What an entry of an account's statement said about a debit, and did. Amounts are in cents."""

    account: str
    entry: str
    booked_on: date
    reference: str
    amount: int
    is_return: bool
    code: str | None
    charge: int
    effect: str


class Known(NamedTuple):
    """A debit that an entry may speak of; `attempt` is our reference of its attempt."""

    reference: str
    attempt_id: UUID
    file_id: UUID
    message_id: str
    amount: int
    currency: str
    customer_id: UUID
    invoice_id: UUID
    attempt: str


def file(tx: Tx, message_id: str) -> DebitFile:
    """A file by its name. Raises NotFound `debits.unknown`."""
    row = store.find_file(tx, message_id)
    if row is None:
        raise _unknown(message_id)
    found: DebitFile = decode(WRITTEN, row.schema_version, row.payload)
    return found


def overview(tx: Tx, message_id: str) -> Overview:
    """A file and where its debits stand. Raises NotFound `debits.unknown`."""
    found = store.list_files(tx, 1, message_id)
    if not found:
        raise _unknown(message_id)
    return Overview(*found[0])


def files(tx: Tx, limit: int, *, before: str | None = None) -> list[Overview]:
    """Files, the newest first, and where their debits stand; those before a file."""
    return [Overview(*row) for row in store.list_files(tx, limit, before=before)]


def silent(tx: Tx, day: date) -> list[Silent]:
    """Files with debits that were to be collected by a day, and of which nothing was heard."""
    return [Silent(*row) for row in store.list_silent(tx, day)]


def statuses(tx: Tx, file_id: UUID) -> dict[UUID, tuple[str, str, str | None]]:
    """Our reference, status and failure of each attempt of a file."""
    return {row[0]: (row[1], row[2], row[3]) for row in store.list_statuses(tx, file_id)}


def entries(tx: Tx, file_id: UUID) -> list[Told]:
    """What statements said about debits of a file, in the order in which they were taken in."""
    return [Told(*row) for row in store.list_entries(tx, file_id)]


def by_references(tx: Tx, references: Sequence[str]) -> dict[str, Known]:
    """Debits by their end-to-end ids."""
    if not references:
        return {}
    return {row.reference: Known(*row) for row in store.list_debits(tx, references)}


def known_entries(
    tx: Tx, account: str, entries: Sequence[str], debits: Sequence[str]
) -> dict[str, str]:
    """Entries of an account that spoke of debits and were taken in before, by their names or by those
    debits; with the end-to-end id of the debit of each."""
    return store.find_entries(tx, account, entries, debits)


def effects(tx: Tx, attempt_ids: Sequence[UUID]) -> dict[UUID, set[Effect]]:
    """What entries before did, by attempt."""
    found: dict[UUID, set[Effect]] = defaultdict(set)
    for attempt_id, effect in store.list_effects(tx, attempt_ids):
        found[attempt_id].add(effect)
    return found


def _unknown(message_id: str) -> NotFound:
    return NotFound(
        "debits.unknown",
        f"there is no file of direct debits {message_id[:60]!r}",
        field="message",
        value=message_id,
        hint="list them with `everycent payment debits list`",
    )
