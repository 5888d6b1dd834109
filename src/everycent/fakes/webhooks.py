"""Webhooks of a fake provider: signed after Standard Webhooks 1.0.0, sent again until they are taken.

The scheme (https://www.standardwebhooks.com, specification 1.0.0): `webhook-signature` is a list of
`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`, keyed with the bytes that stand in base64
behind `whsec_`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from random import Random
from typing import Any, NamedTuple

import httpx2

from everycent.kernel.errors import Invalid

_AT_ONCE = 32
_PATIENCE_SECONDS = 5
_SHUFFLE_MILLISECONDS = 300
_WRONG = "whsec_" + base64.b64encode(b"this is not the secret at all").decode()


class Manner(NamedTuple):
    """How events are told. `url` None: not at all. `attempts` and `gap` (milliseconds, doubled each time):
    how often, and how long after a try that was not answered 2xx. `duplicate`: how many times each;
    `shuffle`: those of 300 ms in random order; `drop`: never, though they are in the ledger; `delay` in
    milliseconds; `sign_wrongly`: with another secret."""

    url: str | None = None
    secret: str = ""
    attempts: int = 8
    gap: int = 500
    duplicate: int = 1
    shuffle: bool = False
    drop: bool = False
    delay: int = 0
    sign_wrongly: bool = False


def signature(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """The signature of one message. Raises Invalid `fake.bad_secret`."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid(
            "fake.bad_secret",
            "the webhook secret is not base64",
            field="webhook-secret",
            hint="write it as whsec_ and the base64 of 24 to 64 bytes",
        ) from error
    signed = f"{event_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


class Post:
    """Sends events. `on_taken` is told the id of each event that was answered 2xx."""

    def __init__(self, on_taken: Callable[[str], None]) -> None:
        self._on_taken = on_taken
        self._tasks: set[asyncio.Task[None]] = set()
        self._shuffled: list[tuple[dict[str, Any], Manner]] = []
        self._random = Random(0)  # noqa: S311 - an order, not a secret
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._client = httpx2.AsyncClient(trust_env=False, timeout=_PATIENCE_SECONDS)

    def send(self, events: Iterable[dict[str, Any]], manner: Manner) -> None:
        """Sends the events in the way told, without waiting for it."""
        if manner.url is None or manner.drop:
            return
        copies = [event for event in events for _ in range(manner.duplicate)]
        if not manner.shuffle:
            for event in copies:
                self._start(self._deliver(event, manner))
            return
        if not self._shuffled:
            self._start(self._send_shuffled())
        self._shuffled += [(event, manner) for event in copies]

    async def close(self) -> None:
        """Stops sending."""
        for task in self._tasks:
            task.cancel()
        await self._client.aclose()

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_shuffled(self) -> None:
        await asyncio.sleep(_SHUFFLE_MILLISECONDS / 1000)
        waiting, self._shuffled = self._shuffled, []
        self._random.shuffle(waiting)
        for event, manner in waiting:
            await self._deliver(event, manner)

    async def _deliver(self, event: dict[str, Any], manner: Manner) -> None:
        await asyncio.sleep(manner.delay / 1000)
        gap = manner.gap
        for _ in range(manner.attempts):
            async with self._slots:
                if await self._is_taken(event, manner):
                    self._on_taken(event["id"])
                    return
            await asyncio.sleep(gap / 1000)
            gap *= 2

    async def _is_taken(self, event: dict[str, Any], manner: Manner) -> bool:
        body = json.dumps(event, separators=(",", ":")).encode()
        timestamp = int(datetime.now(UTC).timestamp())
        secret = _WRONG if manner.sign_wrongly else manner.secret
        headers = {
            "Content-Type": "application/json",
            "webhook-id": event["id"],
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(secret, event["id"], timestamp, body),
        }
        assert manner.url is not None
        try:
            answer = await self._client.post(manner.url, content=body, headers=headers)
        except (httpx2.HTTPError, httpx2.InvalidURL):
            return False
        return 200 <= answer.status_code < 300
