"""Who owes how much and why as programs get it, on the command line and over HTTP."""

from __future__ import annotations

from typing import Any

from everycent.flows.owed import Owed, Reason
from everycent.kernel.money import Money, plain
from everycent.kernel.period import instant_text


def owing(one: Owed) -> dict[str, Any]:
    """What a customer owes."""
    return {
        "customer": one.customer,
        "name": one.name,
        "owed": _money(one.amount),
        "entries": one.entries,
    }


def with_reasons(one: Owed) -> dict[str, Any]:
    """The same with every entry that made it so."""
    return owing(one) | {"reasons": [reason(each) for each in one.reasons]}


def reason(one: Reason) -> dict[str, Any]:
    """An entry that changed what is owed."""
    return {
        "at": instant_text(one.at),
        "recorded_at": instant_text(one.recorded_at),
        "kind": one.kind,
        "document": one.document,
        "amount": _money(one.amount),
        "balance": _money(one.balance),
    }


def _money(found: Money) -> dict[str, str]:
    return {"amount": plain(found), "currency": found.currency}
