"""everycent books: trial balance, statements, exports."""

from __future__ import annotations

import sys
from typing import Any

import click

from everycent.cli.common import END_OF_TIME, emit, instant, json_option, money, opened, table
from everycent.customers import queries as customers
from everycent.flows import owed as flow
from everycent.flows.ledger_told import balance_data
from everycent.kernel.period import instant_text
from everycent.ledger import export, queries

_as_of = click.option("--as-of", help="As it stood then (date or instant); now when not given.")
_known = click.option("--known-at", help="Entries recorded later do not count.")


@click.group()
def books() -> None:
    """The double-entry books: trial balance, statements, exports for accountants."""


@books.command("trial-balance")
@_as_of
@_known
@json_option
def trial_balance(as_of: str | None, known_at: str | None, as_json: bool) -> None:
    """Debits, credits and balance of every account; the balances sum to zero per currency."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        at = instant(as_of, "UTC", app.clock(), "as_of")
        rows = queries.trial_balance(tx, at, instant(known_at, "UTC", END_OF_TIME, "known_at"))
    data = [balance_data(row) for row in rows]

    def render() -> None:
        table(
            ["account", "kind", ">debit", ">credit", ">balance"],
            [
                [row.name, row.kind, money(row.debit or 0, row.currency),
                 money(row.credit or 0, row.currency), money(row.balance, row.currency)]
                for row in rows
            ],
        )  # fmt: skip
        sums: dict[str, int] = {}
        for row in rows:
            sums[row.currency] = sums.get(row.currency, 0) + row.balance
        for currency, minor in sorted(sums.items()):
            click.echo(f"sum of the balances {money(minor, currency)}")

    emit(data, as_json, render)


@books.command()
@click.argument("customer")
@_as_of
@_known
@json_option
def statement(customer: str, as_of: str | None, known_at: str | None, as_json: bool) -> None:
    """Every entry of CUSTOMER in order of time, with the balance after each."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        at = instant(as_of, "UTC", app.clock(), "as_of")
        known = instant(known_at, "UTC", END_OF_TIME, "known_at")
        found = flow.explained(tx, customer, at, known)
    data = [
        {"customer": o.customer, "balance": o.amount, "entries": list(o.reasons)} for o in found
    ]

    def render() -> None:
        for o in found:
            click.secho(f"Statement of {o.name} ({o.customer})", bold=True)
            table(
                ["at", "entry", "document", ">amount", ">balance"],
                [
                    [instant_text(r.at), r.kind.replace("_", " "), r.document or "",
                     money(*r.amount), money(*r.balance)]
                    for r in o.reasons
                ],
            )  # fmt: skip

    emit(data, as_json, render)


@books.command("export")
@click.option("--format", "form", type=click.Choice(["hledger", "beancount"]), required=True)
@_as_of
@click.option("--zone", default="UTC", show_default=True, help="Whose dates the entries carry.")
@click.option(
    "--output",
    type=click.File("w", encoding="utf-8"),
    default="-",
    help="A file; stdout when not given.",
)
def export_(form: str, as_of: str | None, zone: str, output: Any) -> None:
    """Write the books as a plain-text journal that hledger or beancount reads."""
    write = export.hledger if form == "hledger" else export.beancount
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        at = instant(as_of, "UTC", app.clock(), "as_of")
        names = {c.customer_id: c.key for c in customers.page(tx, limit=100_000_000)}
        for line in write(queries.entries(tx, at), names.__getitem__, zone):
            output.write(line + "\n")
    if output is not sys.stdout:
        output.flush()
