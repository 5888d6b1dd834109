"""Judge: what a provider's words are worth, beside what was asked for. Pure, and trusts nothing."""

from __future__ import annotations

import hashlib
from datetime import datetime

from everycent.charging.attempt import Attempt, Evidence, Source
from everycent.payments.failure import MAYBE, Failure
from everycent.payments.provider import RAW_LIMIT, Answer, Kind, Outcome


def evidence_of(
    answer: Answer,
    source: Source,
    *,
    milliseconds: int | None = None,
    notice: str | None = None,
    asked_at: datetime | None = None,
) -> Evidence:
    """An answer as evidence, with its bytes as text that can be stored."""
    raw = answer.raw[:RAW_LIMIT]
    answer = answer._replace(
        provider_id=_storable(answer.provider_id), reference=_storable(answer.reference),
        code=_storable(answer.code), action_url=_storable(answer.action_url),
        currency=_storable(answer.currency),
    )  # fmt: skip
    return Evidence(
        source, answer.outcome, answer.failure, answer.provider_id, answer.reference, answer.amount,
        answer.currency, answer.fee, answer.code, answer.status, answer.retry_after,
        answer.action_url, raw.decode("utf-8", "backslashreplace").replace("\x00", "\\x00"),
        hashlib.sha256(raw).hexdigest() if raw else "", milliseconds, notice,
        asked_at=asked_at,
    )  # fmt: skip


_LONGEST_ID = 200


def _is_id(text: str | None) -> bool:
    """Whether a provider's id can be kept as it is."""
    return text is not None and 0 < len(text) <= _LONGEST_ID and text.isprintable()


OF_THE_CHARGE = frozenset(
    {
        Failure.DECLINED,
        Failure.DECLINED_FOR_GOOD,
        Failure.EXPIRED_METHOD,
        Failure.AUTHENTICATION_REQUIRED,
        Failure.CANCELLED,
        Failure.NOT_FOUND,
    }
)
"""Failures that speak of the charge itself. All others speak of the one request that they answer."""
_TOLD_LATER = (Source.LOOK_UP, Source.NOTICE, Source.STATEMENT)


def _storable(text: str | None) -> str | None:
    """A provider's word as text that can be stored; what can't be is shown and not kept."""
    if text is None or text.isprintable():
        return text
    return text.encode("unicode_escape").decode("ascii")


def judged(
    attempt: Attempt, said: Evidence, *, takes_parts: bool, is_only_request: bool
) -> tuple[Outcome, Failure | None]:
    """The outcome that follows from evidence about an attempt.

    "Done" counts only with an id, our own reference, an amount and a currency. Somebody else's
    reference leaves the outcome unknown, whatever it says. Another amount or currency is a
    mismatch: DONE with a failure; a refund in another currency can't be booked against its payment
    and stays unknown until somebody says what it was in that of the payment. Less than was asked
    for is right where the provider `takes_parts`. What may have moved money is never FAILED; nor is
    a request that was turned away when another one was sent before it (`is_only_request`), nor a
    look-up that was: that says nothing about the one before. A bank's statement speaks of the money
    itself, whatever it gives as the reason.
    """
    if said.outcome is Outcome.ABSENT:
        return Outcome.ABSENT, None
    if said.reference is not None and said.reference != attempt.reference:
        return Outcome.UNKNOWN, Failure.REFERENCE_MISMATCH
    if said.outcome is Outcome.DONE:
        if said.reference is None or not _is_id(said.provider_id):
            return Outcome.UNKNOWN, Failure.MALFORMED
        if said.amount is None or not said.currency or not 0 <= said.fee <= max(said.amount, 0):
            return Outcome.UNKNOWN, Failure.MALFORMED
        if said.currency != attempt.currency:
            is_charge = attempt.kind is Kind.CHARGE
            return Outcome.DONE if is_charge else Outcome.UNKNOWN, Failure.CURRENCY_MISMATCH
        if said.amount == attempt.amount or (takes_parts and 0 < said.amount < attempt.amount):
            return Outcome.DONE, None
        if said.amount <= 0:
            return Outcome.UNKNOWN, Failure.MALFORMED
        return Outcome.DONE, Failure.AMOUNT_MISMATCH
    if said.outcome is Outcome.PENDING:
        return Outcome.PENDING, None
    if said.outcome is Outcome.FAILED and (
        said.failure in OF_THE_CHARGE
        or (said.failure is Failure.CURRENCY_REFUSED and said.source in _TOLD_LATER)
        or (said.failure not in MAYBE and said.source is Source.STATEMENT)
        or (said.failure not in MAYBE and said.source is Source.RESPONSE and is_only_request)
    ):
        return Outcome.FAILED, said.failure
    return Outcome.UNKNOWN, said.failure or Failure.MALFORMED
