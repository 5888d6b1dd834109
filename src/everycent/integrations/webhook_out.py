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
from collections.abc import Sequence
from datetime import datetime

from everycent.integrations import webhook_gate
from everycent.integrations.webhook_gate import Gate, Refused
from everycent.kernel.errors import Invalid
from everycent.messages.message import Message, Outcome
from everycent.webhooks.course import GONE, Answer
from everycent.webhooks.endpoint import SECRET_PREFIX
from everycent.webhooks.posting import Post, Posting

PUBLIC = Gate()
"""To the public internet."""


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


def send(secrets: Sequence[bytes], message: Message, at: datetime, gate: Gate = PUBLIC) -> Outcome:
    """Sends a webhook. Whoever answers 410 is never told again; what is not answered 2xx is tried again."""
    body = message.body.encode()
    headers = _headers(secrets, message.name, body, at)
    answer = webhook_gate.post(gate, message.to, headers, body, at)
    if isinstance(answer, Refused):
        return Outcome(is_delivered=False, reason=answer.why, is_final=answer.is_final)
    if answer.is_taken:
        return Outcome(is_delivered=True, reason=str(answer.status))
    return Outcome(is_delivered=False, reason=answer.reason, is_final=answer.status == GONE)


def poster(gate: Gate) -> Post:
    """What sends webhooks of endpoints."""

    def post(posting: Posting, at: datetime) -> Answer:
        headers = _headers(posting.secrets, posting.name, posting.body, at)
        if posting.number is not None:
            headers["webhook-sequence"] = str(posting.number)
        answer = webhook_gate.post(gate, posting.url, headers, posting.body, at)
        return Answer(None, answer.why) if isinstance(answer, Refused) else answer

    return post


def shown(secret: bytes) -> str:
    """A secret as people and receivers keep it."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def _headers(secrets: Sequence[bytes], name: str, body: bytes, at: datetime) -> dict[str, str]:
    timestamp = int(at.timestamp())
    return {
        "content-type": "application/json",
        "user-agent": "everycent",
        "webhook-id": name,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secrets, name, timestamp, body),
    }


def _bad_secret() -> Invalid:
    return Invalid(
        "settings.bad_webhook_secret",
        "EVERYCENT_WEBHOOK_SECRET is not a secret for webhooks",
        field="EVERYCENT_WEBHOOK_SECRET",
        hint="write it as whsec_ and the base64 of 24 to 64 random bytes; two with a blank between while"
        " you exchange it",
    )
