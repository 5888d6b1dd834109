"""Something that is tried and undone: what comes of it is known, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

import psycopg

from everycent.db.connection import Database, Tx
from everycent.kernel.errors import Unavailable

_TRIES = 3
_Found = TypeVar("_Found")


def rehearse(database: Database, tenant_id: int, do: Callable[[Tx], _Found]) -> _Found:
    """What comes of `do` in a snapshot that is undone afterwards; tried again where somebody else wrote
    the same meanwhile. Raises what it raises, and Unavailable `rehearsal.busy`."""
    return _insisting(lambda: database.rehearsal(tenant_id), do)


def at_one_instant(database: Database, tenant_id: int, do: Callable[[Tx], _Found]) -> _Found:
    """The same for something that is done, over what there is at one instant."""
    return _insisting(lambda: database.transaction(tenant_id, is_of_one_instant=True), do)


def _insisting(
    opened: Callable[[], AbstractContextManager[Tx]], do: Callable[[Tx], _Found]
) -> _Found:
    for _ in range(_TRIES):
        try:
            with opened() as tx:
                found = do(tx)
        except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected):
            continue
        return found
    raise Unavailable(
        "rehearsal.busy",
        "others keep writing what this looks at",
        hint="try again in a moment",
    )
