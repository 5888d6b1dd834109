"""What is there: records, batches and names, and the months that are away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from everycent.db.connection import Tx
from everycent.metering import store


def counts(tx: Tx) -> Any:
    """Batches and records, in all and not yet folded, and what was offered and not stored."""
    return store.get_counts(tx)


def voided(tx: Tx) -> int:
    """How many records are taken back at present."""
    return store.count_voided(tx)


def names(tx: Tx, ids: Sequence[int]) -> dict[int, str]:
    """The names behind numbers of subjects, meters, sources."""
    return store.names_by_id(tx, ids)


def known_numbers(tx: Tx, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The numbers of those (kind, name) pairs that were ever used."""
    return store.find_name_ids(tx, pairs)


def archived_months(tx: Tx) -> set[date]:
    """The months (their first days) of which records are in the archive and not in the table."""
    return set(store.archived_months(tx))


def known_keys(tx: Tx, keys: Iterable[bytes]) -> set[bytes]:
    """Those of the keys of records (`key_of`) under which one was ever stored, archived ones included."""
    return set(store.known_contents(tx, [UUID(bytes=key) for key in sorted(set(keys))]))


def rejections(tx: Tx) -> list[Any]:
    """How many records were rejected by door and code, the most frequent first: with `first_day` and
    `last_day`, which are days in UTC."""
    return store.list_rejections(tx)
