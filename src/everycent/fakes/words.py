"""The words of the fake provider's protocol: answers, refusals, codes, and what is no request at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeGuard

from everycent.fakes.faults import KINDS, OF_LOOK_UPS, Fault

Record = dict[str, Any]
_OF_METHODS = KINDS.keys() - OF_LOOK_UPS - {"decline", "refuse_connection"}
CURRENCY = re.compile("[A-Z]{3}")
LARGEST = 2**63 - 1

DECLINES = {
    "insufficient_funds": "the account does not hold as much",
    "card_declined": "the card was declined",
    "do_not_honor": "the bank does not say why",
    "issuer_unavailable": "the bank can't be reached",
    "stolen_card": "the card was reported stolen",
    "lost_card": "the card was reported lost",
    "account_closed": "the account is closed",
    "pickup_card": "the card is to be kept",
    "revoked": "the customer took the permission back",
    "expired_card": "the card has expired",
    "authentication_required": "the customer has to agree again",
}
"""Codes of 402. Any other code can be put as well."""
_ALIASES = {
    "timeout_before_charge": "hang_before_charge",
    "timeout_after_charge": "hang_after_charge",
}


class Said(NamedTuple):
    """The answer to a request: status and JSON."""

    status: int
    body: Record


class Decided(NamedTuple):
    """An answer, and the records that it rests on, to be written before it leaves."""

    said: Said
    records: list[Record]


def error(status: int, code: str, message: str, **more: Any) -> Said:
    """A refusal as the protocol writes it."""
    return Said(status, {"error": {"code": code, "message": message}} | more)


def method_fault(method: str) -> Fault | None:
    """The fault that a method's name stands for: `tok_` and a decline code or the name of a fault."""
    name = method.removeprefix("tok_")
    name = _ALIASES.get(name, name)
    if method.startswith("tok_") and name in DECLINES:
        return Fault("decline", code=name)
    return Fault(name) if method.startswith("tok_") and name in _OF_METHODS else None


_SHOWN = (
    "id", "reference", "charge", "amount", "currency", "status", "fee", "created", "code",
)  # fmt: skip


def shown(one: Mapping[str, Any]) -> Record:
    """A charge, refund or dispute as the protocol shows it."""
    return {name: one[name] for name in _SHOWN if name in one}


def wrong(asked: Mapping[str, Any], texts: tuple[str, ...]) -> Decided | None:
    """Why a request is no request, if so."""
    reference = asked.get("reference")
    for name in texts:
        if not is_text(asked.get(name)):
            return _bad(name, "is not a text", reference)
    if type(asked.get("amount")) is not int or not 0 < asked["amount"] <= LARGEST:
        return _bad("amount", "is not a positive whole number of minor units", reference)
    if not CURRENCY.fullmatch(asked["currency"]):
        return _bad("currency", "is not three capital letters", reference)
    return None


def is_text(value: Any) -> TypeGuard[str]:
    """Whether a value can be a reference, a name or a token: a text of sensible length."""
    if not isinstance(value, str) or not 0 < len(value) <= 500:
        return False
    return not any("\ud800" <= char <= "\udfff" for char in value)  # halves of characters


def _bad(field: str, why: str, reference: Any) -> Decided:
    more = {"reference": reference} if is_text(reference) else {}
    return Decided(error(400, "bad_request", f"{field} {why}", field=field, **more), [])


def refusal(status: int, code: str, why: str, reference: str) -> Decided:
    """A refusal of a request whose reference is known."""
    return Decided(error(status, code, why, reference=reference), [])


def message(code: str) -> str:
    """What a decline code means."""
    return DECLINES.get(code, "it was declined")
