"""Stripe as a provider: payment intents and refunds through its SDK, and its webhooks.

What became of a request is looked up in the list of the customer's payment intents, and never with
Stripe's search, which lags behind: "Don't use search for read-after-write flows", says Stripe, whereas the
lists "aren't subject to the availability delay" (https://docs.stripe.com/search#data-freshness). To ask
again under the same idempotency key is no look-up, because it charges if the first request was lost.

A charge's PaymentIntent that was declined stays open at Stripe, but takes no money by itself: only somebody
with its client secret, which is not kept, or with the account's keys or pages could confirm it again.
"""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta

from everycent.integrations import stripe_answers as answers
from everycent.integrations.stripe_answers import Said
from everycent.integrations.stripe_notices import check_signature, notice
from everycent.integrations.stripe_requests import bears, creation, listing
from everycent.integrations.stripe_wire import Lost, StripeWire
from everycent.payments.failure import Failure
from everycent.payments.provider import Answer, Ask, Kind, Notice, Outcome, Traits

API = "https://api.stripe.com"
IDEMPOTENT_FOR = timedelta(hours=23)
"""Stripe keeps keys for at least 24 hours (https://docs.stripe.com/api/idempotent_requests); the last one
is left for clocks that differ and for requests that take long."""
LATEST_COMMIT = timedelta(hours=1)
"""Stripe names no limit. Its SDK waits 80 seconds for an answer; this is many times as much."""
DEADLINE = timedelta(seconds=40)
CONCURRENCY = 20
"""Stripe takes 25 requests a second of a test account, and 100 in live mode."""

_KEY_REUSED = "idempotency_error"
_KNOWN = (Outcome.DONE, Outcome.PENDING, Outcome.FAILED)
_BEST_FIRST = (Outcome.DONE, Outcome.PENDING, Outcome.UNKNOWN, Outcome.FAILED)


class StripeProvider:
    """A `Provider` that charges through one Stripe account.

    `key` is the account's secret (or a restricted) key, `webhook_secret` that of the endpoint which Stripe
    posts to, `url` where the API is; the others become traits. Raises Unavailable `payment.no_sdk`.
    """

    def __init__(
        self,
        key: str,
        webhook_secret: str,
        *,
        name: str = "stripe",
        url: str = API,
        concurrency: int = CONCURRENCY,
        deadline: timedelta = DEADLINE,
        latest_commit: timedelta = LATEST_COMMIT,
    ) -> None:
        self.name = name
        self.traits = Traits(
            idempotent_for=IDEMPOTENT_FOR,
            looks_up=True,
            latest_commit=latest_commit,
            concurrency=concurrency,
            deadline=deadline,
        )
        self._webhook_secret = webhook_secret
        self._wire = StripeWire(key, url, concurrency, deadline)

    def __repr__(self) -> str:
        return f"StripeProvider({self.name!r})"

    async def send(self, ask: Ask) -> Answer:
        """Charges or refunds; see `Provider.send`."""
        request = creation(ask)
        if isinstance(request, Failure):
            return Answer(Outcome.FAILED, request, reference=ask.reference)
        kind, read = "payment_intents", answers.charge
        if ask.kind is Kind.REFUND:
            kind, read = "refunds", answers.refund
        got = await self._wire.create(kind, request, ask.reference)
        if isinstance(got, Lost):
            return got.answer()
        told, said = got
        answer = (read if answers.is_good(said) else answers.refused)(told, said)
        if answer.outcome is Outcome.FAILED and answer.reference not in (None, ask.reference):
            return answer._replace(outcome=Outcome.UNKNOWN, failure=Failure.REFERENCE_MISMATCH)
        if answer.outcome is Outcome.UNKNOWN and (said.is_replayed or answer.code == _KEY_REUSED):
            # Stripe keeps errors 500 with their keys, and refuses a request that differs from the first
            # one (as after an upgrade of ours): it would say the same for a day. The list knows more.
            found = await self.look_up(ask)
            return found if found.outcome in _KNOWN else answer
        return answer

    async def look_up(self, ask: Ask) -> Answer:
        """Reads the customer's payments (the refunds of a payment), newest first, until one bears the
        reference; ABSENT at the end of the list. See `Provider.look_up`."""
        try:
            async with asyncio.timeout(self.traits.deadline.total_seconds()):
                return await self._looked_up(ask)
        except TimeoutError:
            return Answer(Outcome.UNKNOWN, Failure.TIMED_OUT)

    async def _looked_up(self, ask: Ask) -> Answer:
        request = listing(ask)
        if request is None:
            return Answer(Outcome.ABSENT)
        kind, read = "payment_intents", answers.charge
        if ask.kind is Kind.REFUND:
            kind, read = "refunds", answers.refund
        while True:
            got = await self._wire.page(kind, request)
            if isinstance(got, Lost):
                return got.answer(is_look_up=True)
            told, said = got
            page = answers.rows(told) if answers.is_good(said) else None
            if page is None:
                return answers.unanswered(told, said)
            found = [read(row, Said(said.status, _bytes(row))) for row in page if bears(row, ask)]
            if found:
                return min(found, key=lambda answer: _BEST_FIRST.index(answer.outcome))
            if not page or told.get("has_more") is not True:
                return Answer(Outcome.ABSENT, status=said.status, raw=said.body)
            request = request | {"starting_after": page[-1]["id"]}

    def heard(self, headers: dict[str, str], body: bytes, now: datetime) -> list[Notice]:
        """The event of a webhook; see `Provider.heard`."""
        check_signature(headers.get("stripe-signature", ""), body, self._webhook_secret, now)
        return [notice(answers.parsed(body), answers.evidence(body, self._webhook_secret))]

    async def close(self) -> None:
        """Releases connections."""
        await self._wire.close()


def _bytes(row: answers.Told) -> bytes:
    """The evidence of one row of a list."""
    return answers.evidence(json.dumps(row).encode())
