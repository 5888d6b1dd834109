"""A customer as programs get it, on the command line and over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from everycent.customers.customer import Customer
from everycent.customers.payer import Payer
from everycent.kernel import ids


def as_data(found: Customer) -> dict[str, Any]:
    """The customer; what it has not, and a tax status that is the usual one, are left out."""
    told: dict[str, Any] = msgspec.to_builtins(found)
    return told | {"customer_id": ids.show(ids.CUSTOMER, found.customer_id)}


def payers_data(told: Sequence[tuple[str, Payer]]) -> list[dict[str, str]]:
    """Who pays (by key), from when to when; in order of time."""
    following = [str(later.starts_on) for _, later in told[1:]]
    return [
        {"payer": key, "from": str(one.starts_on), "until": until, "reason": one.reason}
        for (key, one), until in zip(told, [*following, ""], strict=False)
    ]
