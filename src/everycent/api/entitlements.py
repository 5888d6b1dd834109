"""GET /v1/entitlements: whether a customer may use a feature, or which of all, and why.

It only reads, and needs a key with the scope `entitlements:read`. A feature that may not be used is an
answer like any other (200): `allowed` says it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from everycent.api.operation import raw
from everycent.api.parameters import instant, name_of, name_or_none, needed, parameters
from everycent.api.reading import json_response, read
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.entitlements.shown import as_data
from everycent.flows import entitled as flow
from everycent.flows.entitled import When, Who
from everycent.kernel.quantity import parse_decimal

_SCOPE = "entitlements:read"


async def get_entitlements(request: Request) -> Response:
    """One `feature` of a `customer`, with `amount` whether so much (more) would be allowed; or all
    features. As wanted by one `subscription` only, and `at` an instant or a date."""
    told = parameters(request, "customer", "feature", "amount", "subscription", "at")
    customer, subscription = name_of(told, "customer"), name_or_none(told, "subscription")
    at = told.get("at")
    feature, amount = name_or_none(told, "feature"), None
    if "amount" in told:
        needed(told, "feature")
        amount = parse_decimal(told["amount"], "amount")

    def work(tx: Tx, now: datetime) -> dict[str, Any]:
        found = customers.by_name(tx, customer)
        who = Who(found, subscription)
        as_of = now if at is None else instant(at, found.time_zone, "at")
        when = When(as_of, as_of >= now)
        if feature is not None:
            return as_data(flow.check(tx, who, feature, when, amount), found.key)
        answers = flow.listed(tx, who, when)
        return {"customer": found.key, "entitlements": [as_data(one, found.key) for one in answers]}

    return json_response(await read(request, work))


OPERATIONS = [raw("GET", "/v1/entitlements", _SCOPE, get_entitlements, Any)]
