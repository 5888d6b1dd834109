"""What Stripe said, as an Answer. Pure, and strict: what can't be read is UNKNOWN, never a guess."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from everycent.integrations.stripe_amounts import from_stripe
from everycent.integrations.stripe_codes import CODES, REFUND_REASONS, declined
from everycent.payments.failure import Failure
from everycent.payments.provider import RAW_LIMIT, Answer, Outcome

REFERENCE = "everycent_reference"
"""The name under which our reference stands in Stripe's metadata."""

Told = Mapping[str, Any]

_SECRETS = re.compile(rb"(_secret_)[A-Za-z0-9_]+|\b((?:sk|rk)_(?:live|test)_|whsec_)[A-Za-z0-9]+")
_HIDDEN = rb"\1\2..."


class Said(NamedTuple):
    """An answer of Stripe's as it came: status of HTTP, body as evidence, the seconds of Retry-After, and
    whether it is one that was given before under the same idempotency key."""

    status: int | None
    body: bytes
    retry_after: int | None = None
    is_replayed: bool = False


def evidence(body: bytes, *secrets: str) -> bytes:
    """The bytes to keep, not more than RAW_LIMIT: without keys, and without client secrets, with which
    anybody could confirm a payment."""
    kept = _SECRETS.sub(_HIDDEN, body[: 2 * RAW_LIMIT])
    for secret in secrets:
        kept = kept.replace(secret.encode(), b"...")
    return kept[:RAW_LIMIT]


def parsed(body: bytes) -> dict[str, Any] | None:
    """The JSON object that a body is; None for anything else, for a name that stands twice in an object,
    and for numbers that JSON does not have."""
    try:
        told = json.loads(
            body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_number
        )
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def is_good(said: Said) -> bool:
    """Whether the status says that what was asked for was done."""
    return said.status is not None and 200 <= said.status < 300


def rows(told: Told) -> list[dict[str, Any]] | None:
    """The objects of a list, each with its id; None when it is no list of such."""
    found = told.get("data")
    if not isinstance(found, list):
        return None
    named = [row for row in found if isinstance(row, dict) and _word(row.get("id"))]
    return named if len(named) == len(found) else None


def unreadable(said: Said) -> Answer:
    """The answer when nothing can be made of what came."""
    return _unknown(said, Failure.MALFORMED)


def charge(told: Told, said: Said) -> Answer:
    """The state of a PaymentIntent."""
    if not _is(told, "payment_intent") or not _is_amount(told.get("amount")):
        return unreadable(said)
    taken: Any = told.get("amount_received")
    status = told["status"]
    if not _is_amount(taken) or (taken and status != "succeeded"):
        return unreadable(said)
    match status:
        case "succeeded":
            return _moved(Outcome.DONE, told, taken, said)
        case "processing":
            return _moved(Outcome.PENDING, told, told["amount"], said)
        case "requires_action":
            waiting = _moved(Outcome.PENDING, told, told["amount"], said)
            url = _action_url(told.get("next_action"))
            return waiting._replace(failure=Failure.AUTHENTICATION_REQUIRED, action_url=url)
        case "requires_capture":
            # Money is held and not taken. We never ask for that, so somebody's set-up does; Stripe tells
            # when it is captured, or cancelled once the hold runs out.
            held = _moved(Outcome.PENDING, told, told["amount"], said)
            return held._replace(code="requires_capture")
        case "canceled":
            reason = _word(told.get("cancellation_reason")) or "canceled"
            return _failed(told, Failure.CANCELLED, reason, said)
        case "requires_payment_method" if isinstance(told.get("last_payment_error"), Mapping):
            error = told["last_payment_error"]
            return _failed(told, declined(error), _code(error), said)
        case "requires_payment_method" | "requires_confirmation":
            # Made, and not tried yet: the request that made it may still be at work.
            found = _unknown(said, Failure.PROVIDER_ERROR, status)
            return found._replace(provider_id=told["id"], reference=_reference(told))
        case _:
            return unreadable(said)


def refund(told: Told, said: Said) -> Answer:
    """The state of a Refund."""
    if not _is(told, "refund") or not _is_amount(told.get("amount")):
        return unreadable(said)
    match told["status"]:
        case "succeeded":
            return _moved(Outcome.DONE, told, told["amount"], said)
        case "pending":
            return _moved(Outcome.PENDING, told, told["amount"], said)
        case "requires_action":
            waiting = _moved(Outcome.PENDING, told, told["amount"], said)
            return waiting._replace(failure=Failure.AUTHENTICATION_REQUIRED)
        case "failed":
            reason = _word(told.get("failure_reason")) or "unknown"
            return _failed(told, REFUND_REASONS.get(reason, Failure.DECLINED), reason, said)
        case "canceled":
            return _failed(told, Failure.CANCELLED, "canceled", said)
        case _:
            return unreadable(said)


def dispute(told: Told, said: Said) -> Answer:
    """The money that a Dispute took or gave back."""
    if not _is(told, "dispute") or not _is_amount(told.get("amount")):
        return unreadable(said)
    found = _moved(Outcome.DONE, told, told["amount"], said)
    return found._replace(code=_word(told.get("reason")), reference=None)


def refused(told: Told, said: Said) -> Answer:
    """What an answer with a status other than 2xx says about a request for money.

    FAILED only where Stripe has looked at the request and says that it did nothing, or has not looked at it
    at all. The same status, type and codes make the SDK's exceptions.
    """
    error, status = told.get("error"), said.status or 0
    if not isinstance(error, Mapping):
        return _unknown(said, Failure.PROVIDER_ERROR if status >= 500 else Failure.MALFORMED)
    code = _code(error)
    intent = error.get("payment_intent")
    if isinstance(intent, Mapping) and intent.get("status") in _WITHOUT_ERROR:
        return charge(intent, said)._replace(code=code)
    kind = _kind(error, status)
    if kind is None:
        answer = _unknown(said, Failure.PROVIDER_ERROR, code)
    else:
        wait = said.retry_after if kind is Failure.RATE_LIMITED else None
        answer = _failed({}, kind, code, said)._replace(retry_after=wait)
    if isinstance(intent, Mapping):
        named = _word(intent.get("id"))
        return answer._replace(provider_id=named, reference=_reference(intent))
    return answer


def unanswered(told: Told, said: Said) -> Answer:
    """A look-up that was not answered: whatever the reason, nothing is known. A customer that Stripe does
    not know is such a reason too, because the key may be that of another account."""
    error = told.get("error")
    if not isinstance(error, Mapping):
        return unreadable(said)
    wait = said.retry_after
    return _unknown(said, Failure.PROVIDER_ERROR, _code(error))._replace(retry_after=wait)


_WITHOUT_ERROR = {"succeeded", "processing", "requires_action", "requires_capture"}
"""States that mean more than the error that came with them: money moved, or may move."""

_NOT_LOOKED_AT = {"lock_timeout"}
"""Codes of status 429 that are no limit of the rate, and come after work has begun."""


def _kind(error: Told, status: int) -> Failure | None:
    """Why nothing was done; None where that is not certain.

    An idempotency error and status 409 mean that another request stands under our key, or is at work just
    now, and that one may have charged.
    """
    kind, code, param = error.get("type"), error.get("code"), error.get("param")
    if status >= 500 or status == 409 or kind == "idempotency_error":
        return None
    if kind == "card_error":
        return declined(error)
    if status == 429:
        return None if code in _NOT_LOOKED_AT else Failure.RATE_LIMITED
    if status in (401, 403):
        return Failure.REFUSED
    if kind != "invalid_request_error" or status not in (400, 402, 404):
        return None
    if code in CODES:
        return CODES[code]
    if param == "currency":
        return Failure.CURRENCY_REFUSED
    return Failure.CUSTOMER_UNKNOWN if param in ("customer", "payment_method") else Failure.REFUSED


def _moved(outcome: Outcome, told: Told, amount: int, said: Said) -> Answer:
    """Money that moved or is on its way; MALFORMED when the amount is none of ISO's."""
    currency = told["currency"].upper()
    converted = from_stripe(amount, currency)
    if converted is None:
        return unreadable(said)
    return Answer(
        outcome,
        provider_id=told["id"],
        reference=_reference(told),
        amount=converted,
        currency=currency,
        status=said.status,
        raw=said.body,
    )


def _failed(told: Told, failure: Failure, code: str | None, said: Said) -> Answer:
    return Answer(
        Outcome.FAILED,
        failure,
        provider_id=told.get("id"),
        reference=_reference(told),
        code=code,
        status=said.status,
        raw=said.body,
    )


def _unknown(said: Said, failure: Failure, code: str | None = None) -> Answer:
    return Answer(Outcome.UNKNOWN, failure, code=code, status=said.status, raw=said.body)


def _is(told: Told, kind: str) -> bool:
    """Whether it is an object of the kind, with an id, a status and a currency that can be read."""
    texts = (told.get("id"), told.get("status"), told.get("currency"))
    return told.get("object") == kind and all(isinstance(text, str) and text for text in texts)


def _is_amount(told: object) -> bool:
    return isinstance(told, int) and not isinstance(told, bool) and told >= 0


def _reference(told: Told) -> str | None:
    metadata = told.get("metadata")
    return _word(metadata.get(REFERENCE)) if isinstance(metadata, Mapping) else None


def _code(error: Told) -> str | None:
    """The most telling word of an error."""
    words = (_word(error.get(name)) for name in ("decline_code", "code", "type"))
    return next((word for word in words if word), None)


def _word(told: object) -> str | None:
    return told if isinstance(told, str) and told else None


def _action_url(told: object) -> str | None:
    """Where the customer can do what is wanted of it, whatever kind of action it is."""
    if not isinstance(told, Mapping):
        return None
    for part in told.values():
        if isinstance(part, Mapping):
            for name in ("url", "hosted_instructions_url", "hosted_verification_url"):
                url = _word(part.get(name))
                if url:
                    return url
    return None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in an object")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")
