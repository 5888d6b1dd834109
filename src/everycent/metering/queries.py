"""What is there: records, batches and names, and the months that are away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
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
    return store.find_name_ids(tx, pairs) if pairs else {}


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


class Behind(NamedTuple):
    """The records of a subject and a meter from a start to an end, both included, as they stood at a
    fold; `is_open`: all records before the start too."""

    behind_no: int
    subject_id: int
    meter_id: int
    start: datetime
    end: datetime
    fold_id: int
    is_open: bool


def raw_records(tx: Tx, uses: Sequence[Behind]) -> Iterator[tuple[Any, ...]]:
    """The raw records behind some uses, one use after the other, in the order in which they count: the
    number of the use, time, value, the number of its dimensions (`names` tells them). They come out of
    the table, and out of what `archives.operations.load` put beside it; memory stays flat.
    """
    store.stage_behind(tx, uses)
    return store.stream_behind(tx)
