"""What the answers of the HTTP provider mean: a pure translation, one row for each way a call can end.

FAILED needs proof that no money moved: the request never left, or the provider says in its own words and
about our own request that it did not. Everything else that is no charge is UNKNOWN.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from everycent.integrations.wire_connection import End, Reply
from everycent.payments.failure import Failure
from everycent.payments.provider import RAW_LIMIT, Answer, Ask, Kind, Outcome

ENDS = {
    End.NOT_SENT: Answer(Outcome.FAILED, Failure.UNREACHABLE),
    End.SENT_AND_LOST: Answer(Outcome.UNKNOWN, Failure.CONNECTION_LOST),
    End.TIMED_OUT: Answer(Outcome.UNKNOWN, Failure.TIMED_OUT),
    End.TOO_LARGE: Answer(Outcome.UNKNOWN, Failure.MALFORMED),
    End.GARBLED: Answer(Outcome.UNKNOWN, Failure.MALFORMED),
}
"""What a call means that ended without an answer."""

DECLINES = {
    "insufficient_funds": Failure.DECLINED,
    "card_declined": Failure.DECLINED,
    "do_not_honor": Failure.DECLINED,
    "issuer_unavailable": Failure.DECLINED,
    "stolen_card": Failure.DECLINED_FOR_GOOD,
    "lost_card": Failure.DECLINED_FOR_GOOD,
    "account_closed": Failure.DECLINED_FOR_GOOD,
    "pickup_card": Failure.DECLINED_FOR_GOOD,
    "revoked": Failure.DECLINED_FOR_GOOD,
    "expired_card": Failure.EXPIRED_METHOD,
    "authentication_required": Failure.AUTHENTICATION_REQUIRED,
}
"""Codes of 402. A code that is not here is a decline all the same, for today."""

REFUSALS = {
    (404, "customer_unknown"): Failure.CUSTOMER_UNKNOWN,
    (404, "method_unknown"): Failure.CUSTOMER_UNKNOWN,
    (404, "charge_unknown"): Failure.REFUSED,
    (409, "currency_mismatch"): Failure.CURRENCY_REFUSED,
    (409, "already_refunded"): Failure.REFUSED,
    (409, "too_much"): Failure.REFUSED,
    (409, "not_captured"): Failure.REFUSED,
}
"""Refusals of a request that was read and not carried out. `key_reused` is not among them: it proves that
another request came under our reference, which may have moved money."""
UNREAD = frozenset({400, 401, 403, 405, 413, 415, 422})
"""Statuses of a request that was wrong before anything could be done for it."""

_CURRENCY = re.compile("[A-Z]{3}")
_LARGEST = 2**63 - 1
_LONGEST_PATIENCE = 7 * 86_400
_DONE = {"captured": Outcome.DONE, "refunded": Outcome.DONE}
_WORDS = {
    Kind.CHARGE: ("captured", "pending", "failed"),
    Kind.REFUND: ("refunded", "pending", "failed"),
}


class Unreadable(Exception):  # noqa: N818 - caught in this module and its neighbour only
    """What came is not what the protocol says."""


def answer_of(ask: Ask, reply: Reply) -> Answer:
    """What the reply to a request for money says about it."""
    if reply.end is not End.ANSWERED:
        return ENDS[reply.end]._replace(status=reply.status, code=reply.end, raw=raw_of(reply))
    assert reply.status is not None
    seen = Answer(Outcome.UNKNOWN, Failure.MALFORMED, status=reply.status, raw=raw_of(reply))
    if reply.status in (429, 503):
        seen = seen._replace(retry_after=_retry_after(reply))
    if reply.status == 429:
        return seen._replace(outcome=Outcome.FAILED, failure=Failure.RATE_LIMITED)
    try:
        return _read(ask, reply.status, json_of(reply), seen)
    except Unreadable:
        is_theirs = reply.status >= 500
        return seen._replace(failure=Failure.PROVIDER_ERROR) if is_theirs else seen


def _read(ask: Ask, status: int, told: Mapping[str, Any], seen: Answer) -> Answer:
    """What an answer in JSON says. Raises Unreadable."""
    if status in (200, 202):
        found = moved_of(ask.kind, told)._replace(status=status, raw=seen.raw)
        if found.outcome is Outcome.FAILED:
            raise Unreadable
        if status == 200:
            return found
        if found.outcome is not Outcome.PENDING or _code(told) != "authentication_required":
            raise Unreadable
        return found._replace(
            failure=Failure.AUTHENTICATION_REQUIRED,
            code="authentication_required",
            action_url=_url(told.get("action_url")),
        )
    code = _code(told)
    failed = seen._replace(
        outcome=Outcome.FAILED, code=code, reference=_text_or_none(told, "reference")
    )
    if failed.reference not in (
        None,
        ask.reference,
    ):  # somebody else's refusal says nothing of ours
        return failed._replace(outcome=Outcome.UNKNOWN, failure=Failure.REFERENCE_MISMATCH)
    if status in UNREAD:
        return failed._replace(failure=Failure.REFUSED)
    if status == 503 and code == "not_processed":
        return failed._replace(failure=Failure.UNAVAILABLE)
    if failed.reference is not None and status == 402:
        failure = DECLINES.get(code, Failure.DECLINED)
        return failed._replace(failure=failure, provider_id=_text_or_none(told, "id"))
    if failed.reference is not None and (status, code) in REFUSALS:
        return failed._replace(failure=REFUSALS[status, code])
    is_theirs = status >= 500 or code == "key_reused"
    failure = Failure.PROVIDER_ERROR if is_theirs else Failure.MALFORMED
    return failed._replace(outcome=Outcome.UNKNOWN, failure=failure)


def found_of(ask: Ask, reply: Reply) -> Answer:
    """What the reply to a look-up says. That nobody could be asked is UNKNOWN, with a failure that never
    looks as if no money had moved: what failed is the look-up, not the payment."""
    seen = Answer(Outcome.UNKNOWN, Failure.PROVIDER_ERROR, status=reply.status, raw=raw_of(reply))
    if reply.end is End.NOT_SENT:
        return seen._replace(failure=Failure.CONNECTION_LOST, code=reply.end)
    if reply.end is not End.ANSWERED:
        return seen._replace(failure=ENDS[reply.end].failure, code=reply.end)
    try:
        if reply.status != 200:
            code = "rate_limited" if reply.status == 429 else _code(json_of(reply))
            return seen._replace(code=code, retry_after=_retry_after(reply))
        found = _all_of(ask, json_of(reply))
    except Unreadable:
        is_theirs = reply.status is not None and reply.status >= 500
        return seen if is_theirs else seen._replace(failure=Failure.MALFORMED)
    if any(one.reference != ask.reference for one in found):
        return seen._replace(failure=Failure.REFERENCE_MISMATCH)
    best = _best(found)
    return (best or Answer(Outcome.ABSENT))._replace(status=reply.status, raw=raw_of(reply))


def _all_of(ask: Ask, told: Mapping[str, Any]) -> list[Answer]:
    listed = told.get(f"{ask.kind}s")
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise Unreadable
    return [moved_of(ask.kind, one) for one in listed]


def _best(found: list[Answer]) -> Answer | None:
    """What counts of everything under one reference: the first that moved money, else the first that still
    may, else the last that did not."""
    for outcome in (Outcome.DONE, Outcome.PENDING):
        for one in found:
            if one.outcome is outcome:
                return one
    return found[-1] if found else None


def moved_of(kind: Kind, told: Mapping[str, Any]) -> Answer:
    """A charge or refund as the provider writes it. Raises Unreadable."""
    status = text_of(told, "status")
    if status not in _WORDS[kind]:
        raise Unreadable
    amount, fee = told.get("amount"), told.get("fee", None if kind is Kind.CHARGE else 0)
    for number in (amount, fee):
        if type(number) is not int or not 0 <= number <= _LARGEST:
            raise Unreadable
    found = Answer(
        _DONE.get(status, Outcome.PENDING),
        provider_id=text_of(told, "id"),
        reference=_text_or_none(told, "reference"),
        amount=amount,
        currency=currency_of(told),
        fee=fee,
    )
    if status != "failed":
        return found
    code = text_of(told, "code")
    return found._replace(
        outcome=Outcome.FAILED, failure=DECLINES.get(code, Failure.DECLINED), code=code
    )


def currency_of(told: Mapping[str, Any]) -> str:
    """A currency of three capital letters. Raises Unreadable."""
    currency = text_of(told, "currency")
    if not _CURRENCY.fullmatch(currency):
        raise Unreadable
    return currency


def text_of(told: Mapping[str, Any], name: str) -> str:
    """A text that is there. Raises Unreadable."""
    text = told.get(name)
    if not isinstance(text, str) or not 0 < len(text) <= 255:
        raise Unreadable
    return text


def _text_or_none(told: Mapping[str, Any], name: str) -> str | None:
    return None if told.get(name) is None else text_of(told, name)


def _code(told: Mapping[str, Any]) -> str:
    error = told.get("error")
    if not isinstance(error, dict):
        raise Unreadable
    return text_of(error, "code")


def _url(told: Any) -> str:
    if not isinstance(told, str) or not re.fullmatch(r"https?://[!-~]{1,2000}", told):
        raise Unreadable
    return told


def _retry_after(reply: Reply) -> int | None:
    """Seconds, where the provider tells them; a date is left to the schedule."""
    text = reply.headers.get("retry-after", "")
    is_number = text.isascii() and text.isdecimal() and len(text) < 10
    return min(int(text), _LONGEST_PATIENCE) if is_number else None


def raw_of(reply: Reply) -> bytes:
    """The evidence."""
    return reply.body[:RAW_LIMIT]


def json_of(reply: Reply) -> Mapping[str, Any]:
    """The JSON object of an answer. Raises Unreadable."""
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Unreadable
    return strict(reply.body)


def strict(body: bytes) -> Mapping[str, Any]:
    """JSON in which nothing is doubtful: UTF-8, one object, no key twice, no number that is none; and
    a number with a point or an exponent becomes no whole one. Raises Unreadable."""
    try:
        told = json.loads(
            body.decode("utf-8"),
            parse_float=Decimal,
            parse_constant=_refuse,
            object_pairs_hook=_object,
        )
    except (ValueError, RecursionError) as error:
        raise Unreadable from error
    if not isinstance(told, dict):
        raise Unreadable
    return told


def _refuse(text: str) -> Any:
    raise ValueError(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found
