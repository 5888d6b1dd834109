"""Look payment methods up."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from everycent.db.connection import Tx
from everycent.methods import store
from everycent.methods.method import Method


def of_customers(tx: Tx, customer_ids: Sequence[UUID]) -> list[Method]:
    """The methods of customers, those charged first in front; failed and removed ones after them."""
    return store.list_methods(tx, customer_ids=customer_ids)
