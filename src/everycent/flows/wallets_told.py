"""Wallets, grants and draws as programs get them, on the command line and over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from everycent.credits.allowance import Allowance, Reason
from everycent.credits.grant import Grant, Unit
from everycent.credits.wallet import Wallet
from everycent.flows.wallets import Checked, Standing
from everycent.invoicing.invoice import name_of
from everycent.kernel.calendar import Interval
from everycent.kernel.money import Money, Rounding, plain, round_decimal
from everycent.kernel.period import instant_text
from everycent.kernel.quantity import plain as plain_number

_UNIT_PLACES = 6


def units_of(amount: int, currency: str, unit: Unit) -> str:
    """So many units are worth an amount."""
    exact = unit.units(Money(amount, currency))
    return plain_number(round_decimal(exact, _UNIT_PLACES, Rounding.HALF_EVEN))


def wallet_data(wallet: Wallet) -> dict[str, Any]:
    """A wallet as a program gets it."""
    currency = wallet.currency
    caps, rule = wallet.caps, wallet.top_up
    return {
        "wallet": wallet.key,
        "currency": currency,
        "priority": wallet.priority,
        "order": wallet.order.value,
        "before_tax": wallet.before_tax,
        "products": wallet.scope.products,
        "prices": wallet.scope.prices,
        "unit": None if wallet.unit is None else msgspec.to_builtins(wallet.unit),
        "caps": {
            name: None if cap is None else plain(Money(cap, currency))
            for name, cap in (("soft", caps.soft), ("hard", caps.hard))
        },
        "top_up": None
        if rule is None
        else {
            "below": plain(Money(rule.below, currency)),
            "amount": plain(Money(rule.amount, currency)),
        },
    }


def grant_data(wallet: Wallet, grant: Grant) -> dict[str, Any]:
    """A grant as a program gets it."""
    unit, currency = grant.unit, wallet.currency
    renewal, rollover = grant.renewal, grant.rollover
    return {
        "number": grant.number,
        "amount": plain(Money(grant.amount, currency)),
        "currency": currency,
        "units": None if unit is None else units_of(grant.amount, currency, unit),
        "unit": None if unit is None else msgspec.to_builtins(unit),
        "basis": grant.basis.value,
        "priority": grant.priority,
        "effective_at": instant_text(grant.effective_at),
        "expires_at": None if grant.expires_at is None else instant_text(grant.expires_at),
        "products": grant.scope.products,
        "prices": grant.scope.prices,
        "renews": None
        if renewal is None
        else {
            "every": str(Interval(renewal.interval_months, renewal.interval_days)),
            "amount": plain(Money(renewal.amount, currency)),
            "keep_least": plain(Money(rollover.least, currency)),
            "keep_most": None if rollover.most is None else plain(Money(rollover.most, currency)),
        },
    }


def history_data(wallet: Wallet, history: Sequence[tuple[Grant, Any]]) -> list[dict[str, Any]]:
    """The grants of a wallet, each with what is left and every draw on it."""
    found: dict[UUID, dict[str, Any]] = {}
    for grant, row in history:
        if grant.grant_id not in found:
            data = grant_data(wallet, grant)
            found[grant.grant_id] = data | {"reference": row.reference, "draws": []}
        shown = found[grant.grant_id]
        shown["left"] = plain(Money(row.left_after, wallet.currency))
        if row.draw_no:
            shown["draws"].append(
                {
                    "at": instant_text(row.at),
                    "why": row.kind,
                    "document": document_of(row),
                    "amount": plain(Money(row.amount, wallet.currency)),
                    "left": plain(Money(row.left_after, wallet.currency)),
                }
            )
    return list(found.values())


def document_of(row: Any) -> str | None:
    """The document behind a draw."""
    return None if row.document is None else name_of(row.series, row.document)


def standing_data(one: Standing, customer: str) -> dict[str, Any]:
    """How a wallet stands, as a program gets it."""
    currency = one.wallet.currency
    answer = one.allowance
    amounts = {
        "usable": one.usable,
        "waiting": one.waiting,
        "reserved": one.reserved,
        "missing": one.missing,
        "balance": one.balance,
    }
    unit = one.wallet.unit
    return {
        "customer": customer,
        **wallet_data(one.wallet),
        **{name: plain(Money(amount, currency)) for name, amount in amounts.items()},
        "balance_units": None if unit is None else units_of(one.balance, currency, unit),
        "allowance": allowance_data(answer, currency),
        "refusal": None if one.refusal is None else one.refusal.as_dict(),
    }


def allowance_data(answer: Allowance, currency: str) -> dict[str, Any]:
    """Whether more may be used, as a program gets it."""
    return {
        "is_allowed": answer.is_allowed,
        "reason": answer.reason.value,
        "left": None if answer.left is None else plain(Money(answer.left, currency)),
    }


def told_of(found: Checked) -> list[Standing]:
    """The wallets that somebody should hear of."""
    quiet = {Reason.NO_CAP, Reason.WITHIN}
    return [s for s in found.standings if s.refusal or s.allowance.reason not in quiet]


def check_data(found: Checked) -> dict[str, Any]:
    """What a check found, as a program gets it."""
    return {
        "wallets": len(found.standings),
        "due": [
            {
                "wallet": wallet.key,
                "amount": plain(Money(due.rule.amount, wallet.currency)),
                "balance": plain(Money(due.balance, wallet.currency)),
                "currency": wallet.currency,
            }
            for wallet, due in found.due
        ],
        "settled": [
            {
                "wallet": wallet.key,
                "what": movement.kind.value,
                "number": movement.lot.grant.number,
                "at": instant_text(movement.at),
                "amount": plain(Money(movement.amount, wallet.currency)),
            }
            for wallet, movement in found.settled
        ],
        "caps_met": [
            {"wallet": one.wallet.key, "reason": one.allowance.reason.value, "balance":
             plain(Money(one.balance, one.wallet.currency))}
            for one in told_of(found) if one.refusal is None
        ],
        "refused": [
            {"wallet": one.wallet.key, **one.refusal.as_dict()}
            for one in found.standings
            if one.refusal is not None
        ],
        "to_be_billed_first": [wallet.key for wallet in found.unbilled],
    }  # fmt: skip
