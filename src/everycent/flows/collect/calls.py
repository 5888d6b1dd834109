"""Calls: the only place from which a provider is spoken to on the way of a payment. Whatever happens there
comes back as an answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from datetime import datetime

from everycent.charging.attempt import Attempt, Evidence, Source
from everycent.charging.judge import evidence_of
from everycent.kernel import points
from everycent.payments.failure import Failure
from everycent.payments.provider import Answer, Outcome, Provider

_GRACE = 5.0
"""Seconds beyond a provider's deadline after which an adapter that does not keep it is left alone."""


async def send(provider: Provider, attempt: Attempt) -> tuple[Evidence, bool]:
    """S3 to S6: asks for the money, once. Also says whether the sender has certainly stopped."""
    points.reach("call.begin")
    said, is_over = await _called(provider, provider.send(attempt.ask), Source.RESPONSE)
    points.reach("call.end")
    return said, is_over


async def look_up(provider: Provider, attempt: Attempt, asked_at: datetime) -> Evidence:
    """Asks what became of a request that was sent before; the time is now."""
    points.reach("look.begin")
    said, _ = await _called(provider, provider.look_up(attempt.ask), Source.LOOK_UP, asked_at)
    points.reach("look.end")
    return said


async def _called(
    provider: Provider, call: Awaitable[Answer], source: Source, asked_at: datetime | None = None
) -> tuple[Evidence, bool]:
    begun = time.monotonic()
    is_over = True
    try:
        answer = await asyncio.wait_for(call, provider.traits.deadline.total_seconds() + _GRACE)
    except TimeoutError:
        answer = Answer(Outcome.UNKNOWN, Failure.TIMED_OUT, code="adapter_overdue")
        is_over = False
    except Exception as error:  # noqa: BLE001 - an adapter's defect must not cost what it has sent
        answer = Answer(
            Outcome.UNKNOWN, Failure.MALFORMED, code="adapter_failed",
            raw=f"{type(error).__name__}: {error}".encode(),
        )  # fmt: skip
    took = round((time.monotonic() - begun) * 1000)
    return evidence_of(answer, source, milliseconds=took, asked_at=asked_at), is_over
