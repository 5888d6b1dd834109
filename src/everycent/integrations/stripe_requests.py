"""What is asked of Stripe, as the parameters of its API. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everycent.integrations.stripe_amounts import to_stripe
from everycent.integrations.stripe_answers import REFERENCE
from everycent.payments.failure import Failure
from everycent.payments.provider import Ask, Kind

Request = dict[str, Any]

_PAGE = 100
_MOST_KEY_CHARS = 255
_MOST_DESCRIPTION_CHARS = 1000


def creation(ask: Ask) -> Request | Failure:
    """The parameters of a PaymentIntent that is confirmed at once, or of a Refund; or why Stripe can't be
    asked for it, and then nothing is sent."""
    amount = to_stripe(ask.amount, ask.currency)
    if isinstance(amount, Failure):
        return amount
    key = ask.reference
    if not (0 < len(key) <= _MOST_KEY_CHARS and key.isascii() and key.isprintable()):
        return Failure.REFUSED
    shared = {"amount": amount, "metadata": {REFERENCE: key}}
    if ask.kind is Kind.REFUND:
        about = _payment(ask.charge)
        return Failure.REFUSED if about is None else {**about, **shared}
    if not ask.payer:
        # Without a customer there would be no list in which the payment could be looked up for certain.
        return Failure.CUSTOMER_UNKNOWN
    if not ask.method:
        return Failure.NO_METHOD
    return {
        **shared,
        "currency": ask.currency.lower(),
        "customer": ask.payer,
        "payment_method": ask.method,
        "description": ask.description[:_MOST_DESCRIPTION_CHARS],
        "confirm": True,
        "off_session": True,
        # Nobody is there to be sent anywhere; without this Stripe wants an address to return to.
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
    }


def listing(ask: Ask) -> Request | None:
    """The parameters of the list in which what became of a request stands, newest first; None where nothing
    can have been sent."""
    if ask.kind is Kind.REFUND:
        about = _payment(ask.charge)
        return None if about is None else {**about, "limit": _PAGE}
    return {"customer": ask.payer, "limit": _PAGE} if ask.payer else None


def bears(row: Mapping[str, Any], ask: Ask) -> bool:
    """Whether our reference stands on an object of Stripe's."""
    metadata = row.get("metadata")
    return isinstance(metadata, Mapping) and metadata.get(REFERENCE) == ask.reference


def _payment(charge: str | None) -> Request | None:
    """What a refund is of: a payment intent, or a charge of an integration that was there before."""
    match (charge or "").partition("_"):
        case ("pi", "_", rest) if rest:
            return {"payment_intent": charge}
        case ("ch" | "py", "_", rest) if rest:
            return {"charge": charge}
        case _:
            return None
