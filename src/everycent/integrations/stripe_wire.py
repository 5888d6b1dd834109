"""Stripe's SDK over our own wire.

The SDK makes the requests, reads the answers and raises its errors; the bytes are carried by
`integrations.wire`, which the SDK allows for (`stripe.HTTPClient`). Its own carriers can't keep what the
port promises: they follow redirects and proxies of the environment, have a deadline for each read but none
for the whole call, read bodies of any size, and don't tell whether anything was sent. They also need a
thread for each call, and a thread whose deadline has passed goes on: its request could still leave after
we have given up, and it would hold a place among the calls at once that nobody counts any more. Here a
call is a coroutine: when its deadline passes, or it is cancelled, its connection is closed and nothing
goes on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from everycent.integrations import stripe_answers as answers
from everycent.integrations.stripe_answers import Said, Told
from everycent.integrations.wire import Pool, Request, call, origin_of
from everycent.integrations.wire_connection import End, Reply
from everycent.kernel.errors import Invalid, Unavailable
from everycent.payments.failure import MAYBE, Failure
from everycent.payments.provider import Answer, Outcome

_ENDS = {
    End.NOT_SENT: Failure.UNREACHABLE,
    End.SENT_AND_LOST: Failure.CONNECTION_LOST,
    End.TIMED_OUT: Failure.TIMED_OUT,
    End.TOO_LARGE: Failure.MALFORMED,
    End.GARBLED: Failure.MALFORMED,
    End.ANSWERED: Failure.MALFORMED,
}
"""What a call came to that brought nothing to read. An answer that did come is here when it is no JSON."""
_SENT_ON = {"Authorization", "Content-Type", "Idempotency-Key", "Stripe-Version", "User-Agent"}
"""The headers of the SDK that leave the house. The others describe the machine that it runs on."""


class Lost(NamedTuple):
    """A call without an answer that can be read."""

    failure: Failure
    status: int | None = None
    raw: bytes = b""

    def answer(self, *, is_look_up: bool = False) -> Answer:
        """What it means. A look-up that could not be made says nothing about the money."""
        failure, outcome = self.failure, Outcome.UNKNOWN
        if failure not in MAYBE and is_look_up:
            failure = Failure.CONNECTION_LOST
        elif failure not in MAYBE:
            outcome = Outcome.FAILED
        return Answer(outcome, failure, status=self.status, raw=self.raw)


class _Ended(Exception):  # noqa: N818 - the end of a call on its way through the SDK
    def __init__(self, lost: Lost) -> None:
        super().__init__(lost.failure.value)
        self.lost = lost


class StripeWire:
    """One account's API, called through the SDK."""

    def __init__(self, key: str, url: str, concurrency: int, deadline: timedelta) -> None:
        """Opens nothing yet. Raises Unavailable `payment.no_sdk`, Invalid `payment.bad_provider_key`,
        `payment.bad_provider_url`."""
        if not (key and key.isascii() and key.isprintable() and " " not in key):
            raise Invalid(
                "payment.bad_provider_key",
                "Stripe's key is empty or holds a character that no header can have",
                field="key",
                hint="set it without the line break at its end",
            )
        self._key = key
        self._url = url.rstrip("/")
        self._pool = Pool(origin_of(url), concurrency)
        self._deadline = deadline
        self._sdk, self._client = self._opened()

    async def create(self, kind: str, request: Told, key: str) -> tuple[Told, Said] | Lost:
        """Makes an object (`payment_intents`, `refunds`) under an idempotency key: one request."""
        service = getattr(self._client.v1, kind)
        return await self._called(lambda: service.create_async(request, {"idempotency_key": key}))

    async def page(self, kind: str, request: Told) -> tuple[Told, Said] | Lost:
        """Reads one page of a list: one request."""
        service = getattr(self._client.v1, kind)
        return await self._called(lambda: service.list_async(request))

    async def close(self) -> None:
        """Releases connections."""
        await self._pool.close()

    async def _called(self, work: Callable[[], Awaitable[Any]]) -> tuple[Told, Said] | Lost:
        """The JSON object that came, and how, of whatever status."""
        try:
            done = (await work()).last_response
            return done.data, self._said(done.code, done.body, done.headers)
        except _Ended as ended:
            return ended.lost
        except self._sdk.StripeError as error:
            said = self._said(error.http_status, error.http_body or "", error.headers)
            told = error.json_body
            return (told, said) if isinstance(told, dict) else self._lost(said.status, said.body)
        except Exception:  # noqa: BLE001 - the SDK stumbled over what came: nothing is known
            return Lost(Failure.MALFORMED)

    def _said(self, status: int | None, body: str, headers: Mapping[str, str]) -> Said:
        wait = headers.get("retry-after", "")
        patience = int(wait) if wait.isascii() and wait.isdigit() and len(wait) < 10 else None
        is_replayed = headers.get("idempotent-replayed") == "true"
        return Said(status, answers.evidence(body.encode(), self._key), patience, is_replayed)

    def _lost(self, status: int | None, body: bytes) -> Lost:
        """An answer that is no JSON object: a failure of theirs, or of whatever stands in between."""
        failure = Failure.MALFORMED
        if status is not None and status >= 500:
            failure = Failure.PROVIDER_ERROR
        return Lost(failure, status, answers.evidence(body, self._key))

    async def _carried(
        self, method: str, url: str, headers: Mapping[str, str], body: str | None
    ) -> Reply:
        """The SDK's request over the wire, once. Raises _Ended when no JSON object came."""
        sent = {name: value for name, value in headers.items() if name in _SENT_ON}
        target = url.removeprefix(self._url)
        request = Request(method.upper(), target, sent, (body or "").encode())
        reply = await call(self._pool, request, self._deadline)
        if reply.end is not End.ANSWERED:
            raw = answers.evidence(reply.body, self._key)
            raise _Ended(Lost(_ENDS[reply.end], reply.status, raw))
        is_json = reply.headers.get("content-type", "").startswith("application/json")
        if not is_json or answers.parsed(reply.body) is None:
            raise _Ended(self._lost(reply.status, reply.body))
        return reply

    def _opened(self) -> tuple[Any, Any]:
        """The SDK and a client of it that uses this wire."""
        try:
            import stripe
        except ImportError as error:
            raise Unavailable(
                "payment.no_sdk",
                "Stripe's SDK is not installed",
                hint="install it with: pip install 'everycent[stripe]'",
            ) from error
        carried = self._carried

        class Carrier(stripe.HTTPClient):
            """Carries each request of the SDK once. What the SDK would do around it is left out: trying
            again, and telling Stripe how long the last request took."""

            name = "everycent"

            async def request_with_retries_async(
                self,
                method: str,
                url: str,
                headers: Mapping[str, str],
                post_data: Any = None,
                max_network_retries: int | None = None,  # noqa: ARG002 - there are none
                *,
                _usage: Any = None,
            ) -> tuple[Any, int, Any]:
                reply = await carried(method, url, headers, post_data)
                return reply.body, reply.status or 0, reply.headers

        stripe.enable_telemetry = False  # it would keep an id of this machine in a file
        client = stripe.StripeClient(
            self._key,
            base_addresses={"api": self._url},
            max_network_retries=0,
            http_client=Carrier(),
        )
        return stripe, client
