"""Webhooks of the HTTP provider: the signature is checked first, over the bytes as they came; then they
are read as strictly as answers.

The signature is that of Standard Webhooks 1.0.0: `v1,` and the base64 of HMAC-SHA256 over
`id.timestamp.body`; of several, separated by spaces, one has to be right.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from everycent.integrations.provider_http_answers import (
    Unreadable,
    currency_of,
    moved_of,
    strict,
    text_of,
)
from everycent.kernel.errors import Forbidden, Invalid
from everycent.kernel.period import parse_instant
from everycent.payments.failure import Failure
from everycent.payments.provider import RAW_LIMIT, Answer, Kind, Notice, NoticeKind, Outcome

TOLERANCE = timedelta(minutes=5)
_MOST_SIGNATURES = 10
_MOVED = {
    "charge.captured": (Kind.CHARGE, "captured"),
    "charge.pending": (Kind.CHARGE, "pending"),
    "charge.failed": (Kind.CHARGE, "failed"),
    "refund.done": (Kind.REFUND, "refunded"),
    "refund.pending": (Kind.REFUND, "pending"),
    "refund.failed": (Kind.REFUND, "failed"),
}
_THERE = {
    "dispute.created": NoticeKind.DISPUTED,
    "dispute.won": NoticeKind.DISPUTE_WON,
    "refund.created_there": NoticeKind.REFUNDED_THERE,
}


def check(key: bytes, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """Checks that the provider has sent the body, and not long ago. Raises Forbidden
    `payment.bad_signature`, which does not say which part is wrong."""
    message, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    is_right = key != b"" and message != "" and _is_now(at, now)
    signed = f"{message}.{at}.".encode("utf-8", "replace") + body
    wanted = hmac.digest(key or b"none", signed, hashlib.sha256)
    is_signed = False
    for text in headers.get("webhook-signature", "").split(" ")[:_MOST_SIGNATURES]:
        is_signed |= hmac.compare_digest(_signature(text), wanted)
    if not (is_right and is_signed):
        raise Forbidden(
            "payment.bad_signature",
            "the webhook is not signed by the provider, or is older than five minutes",
            hint="compare the webhook secret and the clocks",
        )


def _is_now(text: str, now: datetime) -> bool:
    if not (text.isascii() and text.isdecimal() and len(text) <= 12):
        return False
    return abs(int(text) - int(now.timestamp())) <= TOLERANCE // timedelta(seconds=1)


def _signature(text: str) -> bytes:
    version, _, code = text.partition(",")
    try:
        return base64.b64decode(code, validate=True) if version == "v1" else b""
    except (binascii.Error, ValueError):
        return b""


def notice_of(body: bytes) -> Notice:
    """The event of a body whose signature was right. Raises Invalid `payment.bad_notice`."""
    try:
        return _notice(strict(body), body[:RAW_LIMIT])
    except (Unreadable, Invalid) as error:
        raise Invalid(
            "payment.bad_notice",
            "the webhook is signed, but what it says can't be read",
            hint="docs/fake-provider.md shows what events look like",
        ) from error


def _notice(told: Mapping[str, Any], raw: bytes) -> Notice:
    event_id, kind = text_of(told, "id"), text_of(told, "type")
    at = parse_instant(text_of(told, "created"), "created")
    data = told.get("data")
    if not isinstance(data, dict):
        raise Unreadable
    if kind in _MOVED:
        about, status = _MOVED[kind]
        if data.get("status") != status:
            raise Unreadable
        answer = moved_of(about, data)._replace(raw=raw)
        charge = text_of(data, "charge") if about is Kind.REFUND else None
        return Notice(event_id, NoticeKind(about), answer, at, charge)
    if kind in _THERE:
        answer = _there(data)._replace(raw=raw)
        return Notice(event_id, _THERE[kind], answer, at, text_of(data, "charge"))
    unread = Answer(Outcome.UNKNOWN, Failure.MALFORMED, code=kind, raw=raw)
    return Notice(event_id, NoticeKind.OTHER, unread, at)


def _there(data: Mapping[str, Any]) -> Answer:
    """What somebody else did with a charge; the reference is that of the charge."""
    amount = data.get("amount")
    if type(amount) is not int or amount <= 0:
        raise Unreadable
    return Answer(
        Outcome.DONE,
        provider_id=text_of(data, "id"),
        reference=text_of(data, "reference"),
        amount=amount,
        currency=currency_of(data),
    )
