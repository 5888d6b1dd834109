"""Something that is tried and undone: what comes of it is known, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import psycopg

from everycent.db.connection import Database, Tx
from everycent.kernel.errors import Unavailable

_TRIES = 3
_Found = TypeVar("_Found")


def rehearse(database: Database, tenant_id: int, do: Callable[[Tx], _Found]) -> _Found:
    """What comes of `do` in a snapshot that is undone afterwards; tried again where somebody else wrote
    the same meanwhile. Raises what it raises, and Unavailable `rehearsal.busy`."""
    for _ in range(_TRIES):
        try:
            with database.rehearsal(tenant_id) as tx:
                found = do(tx)
        except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected):
            continue
        return found
    raise Unavailable(
        "rehearsal.busy",
        "others keep writing what this looks at",
        hint="try again in a moment",
    )
