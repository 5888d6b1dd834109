"""How wallets, grants and draws are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import click

from everycent.cli.common import money, table
from everycent.credits.allowance import Reason
from everycent.credits.grant import Grant, Unit
from everycent.credits.wallet import Wallet
from everycent.customers.customer import Customer
from everycent.flows.wallets import Checked, Standing
from everycent.flows.wallets_told import document_of, told_of, units_of
from everycent.kernel.calendar import local_date
from everycent.kernel.period import instant_text

REASONS = {
    Reason.NO_CAP: "no cap",
    Reason.WITHIN: "within caps",
    Reason.SOFT_CAP: "soft cap met",
    Reason.HARD_CAP: "hard cap met: nothing more",
}


def told(wallet: Wallet, amount: int, unit: Unit | None) -> str:
    """An amount with what it is in the wallet's unit: '10.00 EUR (1000 credits)'."""
    text = money(amount, wallet.currency)
    unit = unit or wallet.unit
    return (
        text if unit is None else f"{text} ({units_of(amount, wallet.currency, unit)} {unit.name})"
    )


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
                document_of(row) or what,
                told(wallet, amount, grant.unit),
                money(row.left_after, wallet.currency),
            ]
        )
    table([">grant", "from", "expires", "~what", ">amount", ">left"], rows)


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
