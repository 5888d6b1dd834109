"""Webhooks out, signed after Standard Webhooks 1.0.0.

`webhook-id` is the message's id and the same for every try, `webhook-timestamp` the second of the try, and
`webhook-signature` a list of `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`, one for each
secret: two while a secret is exchanged for another. A receiver answers 2xx; no redirect is followed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Sequence
from datetime import datetime

import httpx2

from everycent.dunning.webhook import check_target
from everycent.kernel.errors import Invalid
from everycent.messages.message import Message, Outcome

_SECONDS = 20
_GONE = 410


def secrets_of(text: str) -> tuple[bytes, ...]:
    """Secrets as settings say them: each `whsec_` and the base64 of 24 to 64 bytes, blanks between. Raises
    Invalid `settings.bad_webhook_secret`."""
    found = []
    for part in text.split():
        try:
            key = base64.b64decode(part.removeprefix("whsec_"), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not part.startswith("whsec_") or not 24 <= len(key) <= 64:
            raise _bad_secret()
        found.append(key)
    if not found:
        raise _bad_secret()
    return tuple(found)


def signature(secrets: Sequence[bytes], name: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    signed = f"{name}.{timestamp}.".encode() + body
    return " ".join(
        "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        for key in secrets
    )


def webhooker(secrets: Sequence[bytes]) -> Callable[[Message, datetime], Outcome]:
    """What sends webhooks, signed with these secrets."""
    return lambda message, at: send(secrets, message, at)


def send(secrets: Sequence[bytes], message: Message, at: datetime) -> Outcome:
    """Sends a webhook. Whoever answers 410 is never told again; what is not answered 2xx is tried again."""
    try:
        check_target(message.to)
    except Invalid as refusal:
        return Outcome(is_delivered=False, reason=refusal.message, is_final=True)
    body, timestamp = message.body.encode(), int(at.timestamp())
    headers = {
        "content-type": "application/json",
        "user-agent": "everycent",
        "webhook-id": message.name,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secrets, message.name, timestamp, body),
    }
    try:
        with (
            httpx2.Client(timeout=_SECONDS, follow_redirects=False, trust_env=False) as client,
            client.stream("POST", message.to, content=body, headers=headers) as answer,
        ):  # what the receiver says beside its status is not read: it could be of any length
            status = answer.status_code
    except httpx2.HTTPError as error:
        return Outcome(is_delivered=False, reason=f"{type(error).__name__}: {error}")
    if 200 <= status < 300:
        return Outcome(is_delivered=True, reason=str(status))
    return Outcome(is_delivered=False, reason=f"answered {status}", is_final=status == _GONE)


def _bad_secret() -> Invalid:
    return Invalid(
        "settings.bad_webhook_secret",
        "EVERYCENT_WEBHOOK_SECRET is not a secret for webhooks",
        field="EVERYCENT_WEBHOOK_SECRET",
        hint="write it as whsec_ and the base64 of 24 to 64 random bytes; two with a blank between while"
        " you exchange it",
    )
