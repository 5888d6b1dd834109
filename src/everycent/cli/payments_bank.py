"""everycent payment import, assign: money that came to the bank."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from everycent.cli.common import emit, json_option, money, opened, table
from everycent.cli.payments_booked import share_of, tell
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.flows import bank
from everycent.flows.bank import Taken
from everycent.integrations import bank_camt
from everycent.kernel import ids
from everycent.payments import operations as payments
from everycent.payments import payment as paid
from everycent.payments import queries

_FOR_A_PERSON = ("proposed", "unmatched", "reversal", "contradicted", "person")


@click.command(name="import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would be booked, and book nothing.")
@json_option
def import_command(file: Path, dry_run: bool, as_json: bool) -> None:
    """Take in a bank statement (camt.053 or camt.054): what names its invoices for certain pays them, all
    other money waits in suspense until it is assigned (exit code 3). No line is booked twice."""
    with file.open("rb") as stream:
        statements = bank_camt.read(stream)
    with opened() as (app, tenant_id):
        now = app.clock()
        begun = app.database.rehearsal if dry_run else app.database.transaction
        taken: list[Taken] = []
        with begun(tenant_id) as tx:
            taken = bank.take_in(
                tx, statements, at=now, recorded_at=now, actor=app.settings.actor, ids=app.ids
            )
        if dry_run:  # what would be made has another id when it is booked
            with app.database.snapshot(tenant_id) as tx:
                taken = _of_known_payments(tx, taken)
    emit([_data(one) for one in taken], as_json, lambda: _render(taken, dry_run=dry_run))
    if any(one.outcome in _FOR_A_PERSON for one in taken):
        sys.exit(3)


def _of_known_payments(tx: Tx, taken: list[Taken]) -> list[Taken]:
    made = [one.payment.payment_id for one in taken if one.payment is not None]
    known = queries.known(tx, made)
    return [
        one
        if one.payment is None or one.payment.payment_id in known
        else one._replace(payment=None)
        for one in taken
    ]


def _render(taken: list[Taken], *, dry_run: bool) -> None:
    table(
        ["booked on", ">amount", "from", "what it is", "payment", "~why"],
        [
            [
                one.entry.booked_on.isoformat(), money(one.entry.amount, one.entry.currency),
                one.entry.name or "", one.outcome, _name(one) or "",
                    one.match.reason,
            ]
            for one in taken
        ],
    )  # fmt: skip
    if dry_run:
        click.secho("nothing was booked", fg="yellow")


def _name(one: Taken) -> str | None:
    return None if one.payment is None else ids.show(paid.PREFIX, one.payment.payment_id)


def _data(one: Taken) -> dict[str, Any]:
    return {
        "reference": one.entry.reference,
        "booked_on": one.entry.booked_on,
        "amount": one.entry.amount,
        "currency": one.entry.currency,
        "from": one.entry.name,
        "outcome": one.outcome,
        "payment": _name(one),
        "debit": one.match.collection,
        "charge": one.match.charge,
        "reason": one.match.reason,
        "proposed": [
            {"invoice_id": ids.show(ids.INVOICE, share.invoice_id), "amount": share.amount}
            for share in one.match.allocations
        ],
    }


@click.command()
@click.argument("payment")
@click.argument("customer")
@click.argument("invoices", nargs=-1, metavar="[INVOICE[=AMOUNT]]...")
@json_option
def assign(payment: str, customer: str, invoices: tuple[str, ...], as_json: bool) -> None:
    """Say that PAYMENT, which waits in suspense, is CUSTOMER's, and what it pays."""
    with opened() as (app, tenant_id):
        now = app.clock()
        with app.database.transaction(tenant_id) as tx:
            held = queries.by_name(tx, payment)
            owner = customers.by_name(tx, customer)
            shares = [share_of(tx, text, held.payment.currency) for text in invoices]
            done = payments.assign(
                tx, held.payment.payment_id, owner.customer_id, shares,
                {"at": now, "recorded_at": now, "actor": app.settings.actor, "ids": app.ids},
            )  # fmt: skip
    tell(done, as_json)
