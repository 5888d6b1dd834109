"""The payment provider over HTTP: the adapter for the protocol of docs/fake-provider.md.

It stands on the wire and on pure translations; what it promises is that of the port, and
`tests/payments/contract.py` holds it to that.
"""

from __future__ import annotations

import base64
import binascii
import json
import ssl
from datetime import datetime, timedelta
from urllib.parse import quote

from everycent.integrations import provider_http_answers as answers
from everycent.integrations import provider_http_webhooks as webhooks
from everycent.integrations import wire
from everycent.integrations.wire_connection import Reply
from everycent.kernel.errors import Invalid
from everycent.payments.provider import Answer, Ask, Kind, Notice, Traits

_PATHS = {Kind.CHARGE: "/charges", Kind.REFUND: "/refunds"}


class HttpProvider:
    """A provider that speaks the protocol. Made outside of an event loop, used in one."""

    def __init__(
        self,
        *,
        url: str,
        key: str,
        webhook_secret: str = "",
        latest_commit: timedelta,
        concurrency: int,
        deadline: timedelta,
        idempotent_for: timedelta | None,
        looks_up: bool,
        name: str = "http",
        context: ssl.SSLContext | None = None,
    ) -> None:
        """`url` is what stands before `/charges`; `key` what is sent as a bearer; `webhook_secret` begins
        with `whsec_` (empty: no webhook is believed). The rest is told by the provider's contract.

        Raises Invalid `payment.bad_provider_url`, `payment.bad_provider_key`, `payment.bad_webhook_secret`.
        """
        self.name = name
        self.traits = Traits(idempotent_for, looks_up, latest_commit, concurrency, deadline)
        self._origin = wire.origin_of(url)
        self._key = _checked_key(key)
        self._webhook_key = _webhook_key(webhook_secret)
        self._context = context
        self._pool: wire.Pool | None = None

    def __repr__(self) -> str:
        return f"HttpProvider({self.name!r}, {self._origin.host!r})"

    async def send(self, ask: Ask) -> Answer:
        """Asks for the money, or gives it back; at most one request leaves for one call."""
        reply = await self._call(request_of(ask, self._key))
        return self._without_secrets(answers.answer_of(ask, reply))

    async def look_up(self, ask: Ask) -> Answer:
        """What the provider has under the reference."""
        reply = await self._call(look_up_of(ask, self._key))
        return self._without_secrets(answers.found_of(ask, reply))

    def heard(self, headers: dict[str, str], body: bytes, now: datetime) -> list[Notice]:
        """The event of a webhook. Raises Forbidden `payment.bad_signature` and Invalid
        `payment.bad_notice`."""
        webhooks.check(self._webhook_key, headers, body, now)
        return [webhooks.notice_of(body)]

    async def close(self) -> None:
        """Releases connections; a later call, also in another event loop, opens new ones."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def _call(self, request: wire.Request) -> Reply:
        if self._pool is None:
            self._pool = wire.Pool(self._origin, self.traits.concurrency, self._context)
        return await wire.call(self._pool, request, self.traits.deadline)

    def _without_secrets(self, answer: Answer) -> Answer:
        """The answer, should it repeat what we sent: error pages sometimes show the request."""
        return answer._replace(raw=answer.raw.replace(self._key.encode(), b"***"))


def request_of(ask: Ask, key: str) -> wire.Request:
    """The request for a charge or a refund."""
    told: dict[str, object] = {
        "reference": ask.reference,
        "amount": ask.amount,
        "currency": ask.currency,
    }
    if ask.kind is Kind.CHARGE:
        told |= {"method": ask.method, "payer": ask.payer, "description": ask.description}
    else:
        told |= {"charge": ask.charge}
    headers = _headers(key) | {
        "Content-Type": "application/json",
        "Idempotency-Key": ask.reference,
    }
    return wire.Request("POST", _PATHS[ask.kind], headers, json.dumps(told).encode())


def look_up_of(ask: Ask, key: str) -> wire.Request:
    """The request that asks what became of another."""
    target = f"{_PATHS[ask.kind]}?reference={quote(ask.reference, safe='')}"
    return wire.Request("GET", target, _headers(key))


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", "Accept": "application/json"}


def _checked_key(key: str) -> str:
    """A key that can stand in a header. One that can't is not told."""
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise Invalid(
            "payment.bad_provider_key",
            "the provider's key is empty or holds a character that no header can have",
            field="key",
            hint="set it without the line break at its end",
        )
    return key


def _webhook_key(secret: str) -> bytes:
    """The bytes that sign webhooks; none where no secret is set."""
    try:
        found = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if secret and not found:
        raise Invalid(
            "payment.bad_webhook_secret",
            "the webhook secret is not whsec_ and base64",
            field="webhook_secret",
            hint="copy it as the provider shows it",
        )
    return found
