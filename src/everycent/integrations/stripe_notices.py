"""Events of Stripe's webhooks, as notices. Pure.

A notice is made of the events in which money moves, or in which one of ours changes its state. Others
come as OTHER: `charge.dispute.created` may be an inquiry that takes no money, `charge.dispute.closed` only
repeats what `funds_reinstated` says, and `charge.refunded` has named no refund since version 2022-11-15 of
the API, which `refund.created` does.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from everycent.integrations.stripe_answers import Said, Told, charge, dispute, refund
from everycent.kernel.errors import Forbidden, Invalid
from everycent.payments.provider import Answer, Notice, NoticeKind, Outcome


class _Reading(NamedTuple):
    """How an event is read: as what, what it is about when our reference stands on it, and when not."""

    answer: Callable[[Told, Said], Answer]
    ours: NoticeKind
    theirs: NoticeKind


_CHARGE = _Reading(charge, NoticeKind.CHARGE, NoticeKind.OTHER)
_REFUND = _Reading(refund, NoticeKind.REFUND, NoticeKind.REFUNDED_THERE)
EVENTS = {
    "payment_intent.succeeded": _CHARGE,
    "payment_intent.payment_failed": _CHARGE,
    "payment_intent.processing": _CHARGE,
    "payment_intent.canceled": _CHARGE,
    "payment_intent.requires_action": _CHARGE,
    "payment_intent.amount_capturable_updated": _CHARGE,
    "refund.created": _REFUND,
    "refund.updated": _REFUND,
    "refund.failed": _REFUND,
    "charge.dispute.funds_withdrawn": _Reading(dispute, NoticeKind.DISPUTED, NoticeKind.DISPUTED),
    "charge.dispute.funds_reinstated": _Reading(
        dispute, NoticeKind.DISPUTE_WON, NoticeKind.DISPUTE_WON
    ),
}
"""The events to subscribe an endpoint to."""

_TOLERANCE = timedelta(minutes=5)
_MOST_DIGITS = 11


def check_signature(header: str, body: bytes, secret: str, now: datetime) -> None:
    """Refuses a body that is not signed with the secret, or was signed more than five minutes ago (or from
    now). The header is `t=<seconds>,v1=<hex>`, with one v1 for each secret while a new one takes over;
    others than v1 prove nothing. See https://docs.stripe.com/webhooks/signature.

    The SDK has a function for this, which reads the clock by itself and can't take a body that is not
    UTF-8; a test holds the two together. Raises Forbidden `payment.bad_signature`.
    """
    parts = [part.partition("=") for part in header.split(",")]
    told = next((text for name, _, text in parts if name == "t"), "")
    if not (secret and told.isascii() and told.isdigit() and len(told) <= _MOST_DIGITS):
        raise _forged("it bears no signature of Stripe's")
    signed = hmac.new(secret.encode(), told.encode() + b"." + body, hashlib.sha256).hexdigest()
    given = [text.encode("utf-8", "replace") for name, _, text in parts if name == "v1"]
    if not any(hmac.compare_digest(signed.encode(), text) for text in given):
        raise _forged("its signature is not that of the endpoint's secret")
    if abs(now - datetime.fromtimestamp(int(told), UTC)) > _TOLERANCE:
        raise _forged("it was signed at another time")


def _forged(why: str) -> Forbidden:
    return Forbidden(
        "payment.bad_signature",
        f"the body of a webhook is not taken: {why}",
        hint="is the secret that of this endpoint, and the clock right?",
    )


def notice(event: Told | None, raw: bytes) -> Notice:
    """The notice of an event that was parsed out of `raw`.

    Raises Invalid `payment.bad_notice`.
    """
    told = event or {}
    event_id, kind, created = told.get("id"), told.get("type"), told.get("created")
    data = told.get("data")
    about = data.get("object") if isinstance(data, Mapping) else None
    if not (isinstance(event_id, str) and event_id and isinstance(kind, str)):
        raise _bad("it is no event with an id and a type")
    if not isinstance(about, Mapping):
        raise _bad("it is about no object")
    at = _instant(created)
    reading = EVENTS.get(kind)
    if reading is None:
        return Notice(event_id, NoticeKind.OTHER, Answer(Outcome.UNKNOWN, raw=raw), at)
    answer = reading.answer(about, Said(None, raw))
    if answer.outcome is Outcome.UNKNOWN and answer.provider_id is None:
        raise _bad(f"the object of its {kind} can't be read")
    what = reading.ours if answer.reference is not None else reading.theirs
    return Notice(event_id, what, answer, at, _charge_of(about))


def _charge_of(about: Mapping[str, Any]) -> str | None:
    """The payment that a refund or a dispute is about, by the id that a charge was answered with."""
    for name in ("payment_intent", "charge"):
        named = about.get(name)
        if isinstance(named, str) and named:
            return named
    return None


def _instant(created: object) -> datetime:
    if isinstance(created, bool) or not isinstance(created, int):
        raise _bad("it does not say when it was made")
    try:
        return datetime.fromtimestamp(created, UTC)
    except (ValueError, OverflowError, OSError):
        raise _bad("it was made at an instant that no calendar has") from None


def _bad(why: str) -> Invalid:
    return Invalid(
        "payment.bad_notice",
        f"the body of a webhook can't be read: {why}",
        hint="see docs/stripe.md for the events and the version of the API to send them in",
    )
