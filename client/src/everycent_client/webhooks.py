"""Checks that a webhook comes from everycent and is fresh (Standard Webhooks 1.0.0).

Look at the bytes as they came, before anything parses them:

    told = verify(secret, request.headers, request.body)
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

TOLERANCE_SECONDS = 300


class UnverifiedError(Exception):
    """The webhook is not to be believed; its text says why."""


def verify(
    secrets: str | Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: float | None = None,
    tolerance_seconds: int = TOLERANCE_SECONDS,
) -> Any:
    """What a webhook tells, as data. With several secrets, as while one is exchanged for another, any may
    have signed. Its `webhook-id` is the same for every try: whoever has seen it has done it. Raises
    UnverifiedError."""
    told = {name.lower(): text for name, text in headers.items()}
    try:
        name, stamp, signatures = (
            told[f"webhook-{part}"] for part in ("id", "timestamp", "signature")
        )
    except KeyError as error:
        raise UnverifiedError(f"the header {error.args[0]} is missing") from None
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12):
        raise UnverifiedError("webhook-timestamp is no number")
    if abs((time.time() if now is None else now) - int(stamp)) > tolerance_seconds:
        raise UnverifiedError("it is too old, or from the future")
    signed = f"{name}.{stamp}.".encode() + body
    given = [part.removeprefix("v1,") for part in signatures.split() if part.startswith("v1,")]
    expected = [
        base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode()
        for secret in ([secrets] if isinstance(secrets, str) else secrets)
    ]
    matches = [
        hmac.compare_digest(one.encode(), each.encode()) for one in expected for each in given
    ]
    if not any(matches):
        raise UnverifiedError("no signature is of this secret")
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise UnverifiedError(f"the body is no JSON: {error}") from error


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a secret is whsec_ and base64") from None
