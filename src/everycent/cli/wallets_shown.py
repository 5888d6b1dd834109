"""How wallets, grants and draws are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import click
import msgspec

from everycent.cli.common import money, table
from everycent.credits.allowance import Allowance, Reason
from everycent.credits.grant import Grant, Unit
from everycent.credits.wallet import Wallet
from everycent.customers.customer import Customer
from everycent.flows.wallets import Checked, Standing
from everycent.invoicing.invoice import name_of
from everycent.kernel.calendar import Interval, local_date
from everycent.kernel.money import Money, Rounding, plain, round_decimal
from everycent.kernel.period import instant_text
from everycent.kernel.quantity import plain as plain_number

_UNIT_PLACES = 6
REASONS = {
    Reason.NO_CAP: "no cap",
    Reason.WITHIN: "within caps",
    Reason.SOFT_CAP: "soft cap met",
    Reason.HARD_CAP: "hard cap met: nothing more",
}


def _units(amount: int, currency: str, unit: Unit) -> str:
    exact = unit.units(Money(amount, currency))
    return plain_number(round_decimal(exact, _UNIT_PLACES, Rounding.HALF_EVEN))


def told(wallet: Wallet, amount: int, unit: Unit | None) -> str:
    """An amount with what it is in the wallet's unit: '10.00 EUR (1000 credits)'."""
    text = money(amount, wallet.currency)
    unit = unit or wallet.unit
    return text if unit is None else f"{text} ({_units(amount, wallet.currency, unit)} {unit.name})"


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


def terms_text(wallet: Wallet) -> str:
    """Caps and rule in words."""
    caps, rule, currency = wallet.caps, wallet.top_up, wallet.currency
    parts = []
    if caps.soft is not None:
        parts.append(f"told at {money(caps.soft, currency)}")
    if caps.hard is not None:
        parts.append(f"nothing more at {money(caps.hard, currency)}")
    if rule is not None:
        parts.append(f"{money(rule.amount, currency)} due below {money(rule.below, currency)}")
    return f"{wallet.key}: {', '.join(parts) or 'no caps, no automatic top-up'}"


def grant_data(wallet: Wallet, grant: Grant) -> dict[str, Any]:
    """A grant as a program gets it."""
    unit, currency = grant.unit, wallet.currency
    renewal, rollover = grant.renewal, grant.rollover
    return {
        "number": grant.number,
        "amount": plain(Money(grant.amount, currency)),
        "currency": currency,
        "units": None if unit is None else _units(grant.amount, currency, unit),
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
                    "document": _document(row),
                    "amount": plain(Money(row.amount, wallet.currency)),
                    "left": plain(Money(row.left_after, wallet.currency)),
                }
            )
    return list(found.values())


def _document(row: Any) -> str | None:
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
        "balance_units": None if unit is None else _units(one.balance, currency, unit),
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


def standing_table(
    found: Sequence[Standing], customers: Mapping[UUID, str]
) -> tuple[list[str], list[list[str]]]:
    """Wallets as a table."""
    columns = ["wallet", "customer", ">usable", ">running cost", ">balance", "use"]
    return columns, [
        [
            one.wallet.key,
            customers[one.wallet.customer_id],
            money(one.usable, one.wallet.currency),
            money(one.reserved + one.missing, one.wallet.currency),
            told(one.wallet, one.balance, None),
            _use_text(one),
        ]
        for one in found
    ]


def _use_text(one: Standing) -> str:
    if one.refusal is not None:
        return f"running cost unknown: {one.refusal.message}"
    return REASONS[one.allowance.reason]


def show(
    one: Standing, owner: Customer, history: Sequence[tuple[Grant, Any]], due: Any | None
) -> None:
    """Prints a wallet for a person."""
    wallet, zone = one.wallet, owner.time_zone
    click.secho(f"{wallet.key} of {owner.name} ({owner.key})", bold=True)
    for label, amount in (
        ("usable", one.usable),
        ("usable later", one.waiting),
        ("running cost it would pay", -one.reserved),
        ("running cost nobody pays", -one.missing),
    ):
        if amount or label == "usable":
            click.echo(f"  {label:<30}{money(amount, wallet.currency):>22}")
    click.echo(
        f"  {'real-time balance':<30}{money(one.balance, wallet.currency):>22}  {_use_text(one)}"
    )
    click.echo(f"  {terms_text(wallet).partition(': ')[2]}")
    if due is not None:
        click.secho(f"  a top-up of {money(due.amount, wallet.currency)} is due", fg="yellow")
    rows = []
    for grant, row in history:
        what = row.kind if row.draw_no else f"{grant.basis.value}: {row.reference}"
        amount = -row.amount if row.draw_no else grant.amount
        ends = grant.expires_at
        rows.append(
            [
                str(grant.number),
                str(local_date(row.at if row.draw_no else grant.effective_at, zone)),
                "" if ends is None or row.draw_no else str(local_date(ends, zone)),
                _document(row) or what,
                told(wallet, amount, grant.unit),
                money(row.left_after, wallet.currency),
            ]
        )
    table([">grant", "from", "expires", "~what", ">amount", ">left"], rows)


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


def show_check(found: Checked) -> None:
    """Prints what a check found."""
    click.echo(f"{len(found.standings)} wallets looked at")
    for wallet, due in found.due:
        balance = money(due.balance, wallet.currency)
        click.echo(f"  {wallet.key}: {money(due.rule.amount, wallet.currency)} due, at {balance}")
    for wallet, movement in found.settled:
        amount = money(movement.amount, wallet.currency)
        click.echo(f"  {wallet.key}: {amount} {movement.kind.value} at {instant_text(movement.at)}")
    for one in told_of(found):
        click.echo(
            f"  {one.wallet.key}: {_use_text(one)}, at {money(one.balance, one.wallet.currency)}"
        )
    for wallet in found.unbilled:
        click.echo(f"  {wallet.key}: to be billed first")


def show_trial(found: dict[str, Any]) -> None:
    """Prints the answer to a trial."""
    table(
        ["at", "grant", "what", ">amount", "use"],
        [
            [one["at"], one["grant"], one["what"], one["amount"], one["use"] or ""]
            for one in found["movements"]
        ],
    )
    for name, amount in found["left"].items():
        click.echo(f"  {amount} left of {name}")
    for name, amount in found["overage"].items():
        click.echo(f"  {amount} of use {name} is not paid")
