"""Opening the books of a tenant. Entries themselves are written with the event that causes them."""

from __future__ import annotations

from everycent.db.connection import Tx
from everycent.ledger import store


def open_books(tx: Tx) -> None:
    """Opens every account of the chart."""
    store.insert_chart(tx)
