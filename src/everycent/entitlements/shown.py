"""An answer as programs get it, on the command line and over HTTP."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from everycent.entitlements.answer import Answer, Told
from everycent.entitlements.pools import Counted
from everycent.kernel.period import instant_text
from everycent.kernel.quantity import plain


def as_data(answer: Answer, customer: str) -> dict[str, Any]:
    """The answer as a program gets it: quantities as plain decimal text. `limit` is null where there is
    none (`unlimited`), and for what has none."""
    asked = answer.asked
    feature = asked.feature
    return {
        "customer": customer,
        "feature": feature.key,
        "name": feature.name,
        "kind": feature.kind.value,
        "at": instant_text(asked.at),
        "amount": _text(asked.amount),
        "allowed": answer.is_allowed,
        "code": answer.code.value,
        "unlimited": answer.is_unlimited,
        "soft": answer.is_soft,
        "limit": _text(answer.limit),
        "used": _text(answer.used),
        "left": _text(answer.left),
        "over": _text(answer.over),
        "unit": None if feature.measure is None else feature.measure.unit,
        "resets_at": _instant(answer.resets_at),
        "grade": answer.grade,
        "windows": [_window_data(one) for one in answer.counted],
        "reasons": [_told_data(told) for told in answer.reasons],
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _instant(at: datetime | None) -> str | None:
    return None if at is None else instant_text(at)


def _window_data(one: Counted) -> dict[str, Any]:
    return {
        "subject": one.pool.subject,
        "starts_at": instant_text(one.pool.window.starts_at),
        "ends_at": _instant(one.pool.window.resets_at),
        "limit": _text(one.pool.limit),
        "used": _text(one.used),
    }


def _told_data(told: Told) -> dict[str, Any]:
    data: dict[str, Any] = {"code": told.code.value, "message": told.message}
    if told.standing is not None:
        phase = told.standing.phase
        data |= {
            "subscription": told.standing.contract.key,
            "plan": phase.plan_key,
            "plan_version": phase.plan_version,
            "phase": phase.phase_no,
            "state": told.standing.state.value,
        }
    return data
