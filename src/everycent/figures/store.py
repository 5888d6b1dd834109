"""Figures out of the database."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from everycent.db import statements
from everycent.db.connection import Tx

SQL = statements.beside(__file__)


def list_figures(tx: Tx, *, at: datetime, erp: str | None, since: date | None) -> list[Any]:
    """All figures of the tenant."""
    params = {"tenant_id": tx.tenant_id, "at": at, "erp": erp, "since": since}
    return tx.rows(SQL["figures"], params)


def find_position(tx: Tx) -> int:
    """How many places of the journal were given out."""
    return int(tx.value(SQL["position"]) or 0)
