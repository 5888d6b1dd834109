"""Objects and errors of Stripe's API as JSON, as far as an integration that charges off-session reads them.

Source: https://docs.stripe.com/api, version 2026-10-28.endive.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

Record = dict[str, Any]
Form = Mapping[str, Any]

STEPS = {
    **dict.fromkeys(("ISK", "UGX"), 100),
    **dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), 10),
}
_MOST = 99_999_999


class Said(NamedTuple):
    """The answer to a request: status and JSON."""

    status: int
    body: Record


def error(status: int, kind: str, code: str | None, message: str, **more: Any) -> Said:
    """An error as Stripe writes it; parts that are None are left out."""
    told = {"type": kind, "code": code, "message": message} | more
    return Said(status, {"error": {name: part for name, part in told.items() if part is not None}})


def invalid(code: str | None, message: str, param: str | None = None, status: int = 400) -> Said:
    """An error about the request itself."""
    return error(status, "invalid_request_error", code, message, param=param)


def missing(kind: str, named: Any, param: str, status: int = 400) -> Said:
    """An error about something that there is not."""
    return invalid("resource_missing", f"No such {kind}: '{named}'", param, status)


def amount_of(asked: Form, currency: str, name: str = "amount") -> int | Said:
    """An amount in Stripe's minor units, or the error about it."""
    text = asked.get(name)
    if text is None:
        return invalid("parameter_missing", f"Missing required param: {name}.", name)
    if not isinstance(text, str) or not (text.isascii() and text.isdigit() and len(text) < 20):
        return invalid("parameter_invalid_integer", f"Invalid integer: {text}", name)
    amount = int(text)
    if amount < 1:
        return invalid("amount_too_small", "This value must be greater than or equal to 1.", name)
    if amount > _MOST:
        return invalid("amount_too_large", "Amount must be no more than 999,999.99", name)
    if amount % STEPS.get(currency.upper(), 1):
        return invalid("invalid_charge_amount", f"Amounts in {currency} end in 0.", name)
    return amount


def metadata_of(asked: Form) -> Record | Said:
    """The metadata of a request: texts under names."""
    told = asked.get("metadata", {})
    if not isinstance(told, dict) or not all(isinstance(text, str) for text in told.values()):
        return invalid("parameter_invalid", "Invalid object", "metadata")
    if any(len(name) > 40 or len(text) > 500 for name, text in told.items()):
        return invalid(None, "Metadata names have 40 characters, values 500", "metadata")
    return dict(told)


def named(prefix: str, number: int) -> str:
    """The id of a new object."""
    return f"{prefix}_{number:08d}Everycent"


def intent(number: int, asked: Form, amount: int, metadata: Record, at: datetime) -> Record:
    """A PaymentIntent that was not confirmed yet."""
    told = named("pi", number)
    return {
        "id": told,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_received": 0,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": asked.get("capture_method", "automatic_async"),
        "client_secret": f"{told}_secret_{hashlib.sha256(told.encode()).hexdigest()[:24]}",
        "confirmation_method": "automatic",
        "created": int(at.timestamp()),
        "currency": asked["currency"],
        "customer": asked.get("customer"),
        "description": asked.get("description"),
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": metadata,
        "next_action": None,
        "payment_method": asked.get("payment_method"),
        "payment_method_types": ["card"],
        "status": "requires_confirmation",
    }


def refund(number: int, paid: Record, amount: int, metadata: Record, at: datetime) -> Record:
    """A refund that has reached the customer."""
    return {
        "id": named("re", number),
        "object": "refund",
        "amount": amount,
        "charge": paid["latest_charge"],
        "created": int(at.timestamp()),
        "currency": paid["currency"],
        "metadata": metadata,
        "payment_intent": paid["id"],
        "reason": None,
        "status": "succeeded",
    }


def dispute(number: int, paid: Record, amount: int, at: datetime) -> Record:
    """A dispute that a customer's bank has opened."""
    return {
        "id": named("du", number),
        "object": "dispute",
        "amount": amount,
        "charge": paid["latest_charge"],
        "created": int(at.timestamp()),
        "currency": paid["currency"],
        "livemode": False,
        "metadata": {},
        "payment_intent": paid["id"],
        "reason": "fraudulent",
        "status": "needs_response",
    }


def event(number: int, kind: str, about: Record, version: str, at: datetime) -> Record:
    """An event as it is posted to webhook endpoints."""
    return {
        "id": named("evt", number),
        "object": "event",
        "api_version": version,
        "created": int(at.timestamp()),
        "data": {"object": about},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }


def page(rows: list[Record], asked: Form, url: str) -> Said:
    """A page of a list; `rows` are newest first."""
    limit = asked.get("limit", "10")
    if not limit.isdigit() or not 1 <= int(limit) <= 100:
        return invalid("parameter_invalid_integer", "limit is 1 to 100", "limit")
    after = asked.get("starting_after")
    if after is not None:
        ids = [row["id"] for row in rows]
        if after not in ids:
            return missing("object", after, "starting_after")
        rows = rows[ids.index(after) + 1 :]
    shown = rows[: int(limit)]
    more = len(rows) > len(shown)
    return Said(200, {"object": "list", "data": shown, "has_more": more, "url": url})
