"""everycent payment record, list, show, apply, unapply, refund: money that came in."""

from __future__ import annotations

from datetime import date
from typing import Any

import click

from everycent.app.wiring import App
from everycent.charging import queries as charges
from everycent.cli.common import counted, emit, json_option, money, opened, positive_minor, table
from everycent.cli.common import day as parse_day
from everycent.cli.invoices_credit import told_of
from everycent.customers import queries as customers
from everycent.flows.collect import refund as refunds
from everycent.flows.collect import refund_lines, reopen
from everycent.invoicing import queries as invoicing
from everycent.kernel import ids
from everycent.kernel.errors import Invalid
from everycent.kernel.period import instant_text
from everycent.payments import operations as payments
from everycent.payments import payment as paid
from everycent.payments import queries
from everycent.payments.operations import Share
from everycent.payments.payment import Moved, Payment, Way
from everycent.payments.queries import Held

_WAYS = [way.value for way in Way if way is not Way.CHARGE]


@click.command()
@click.argument("customer")
@click.argument("amount")
@click.option("--for", "invoices", multiple=True, metavar="INVOICE[=AMOUNT]",
              help="What it pays, in this order; repeatable.")  # fmt: skip
@click.option("--currency", help="The customer's when not given.")
@click.option("--way", type=click.Choice(_WAYS), default="transfer", show_default=True)
@click.option(
    "--reference", required=True, help="Its name at the bank, or on the receipt: booked once."
)
@click.option("--account", default="bank", show_default=True, help="Where it came in.")
@click.option("--received-on", help="The day it came; today when not given.")
@json_option
def record(
    customer: str,
    amount: str,
    invoices: tuple[str, ...],
    currency: str | None,
    way: str,
    reference: str,
    account: str,
    received_on: str | None,
    as_json: bool,
) -> None:
    """Book money that came in from CUSTOMER: a transfer, cash, a cheque. What pays no invoice is left."""
    with opened() as (app, tenant_id):
        now = app.clock()
        with app.database.transaction(tenant_id) as tx:
            owner = customers.by_name(tx, customer)
            unit = currency or owner.currency
            minor = positive_minor(amount, unit, "amount")
            day: date = now.date() if received_on is None else parse_day(received_on, "received_on")
            told = Payment(
                app.ids(f"payment/{account}/{reference}"), owner.customer_id, unit, minor, Way(way),
                account, reference, day, reference,
            )  # fmt: skip
            shares = [share_of(tx, text, unit) for text in invoices]
            if charges.is_provider(tx, account):
                raise Invalid(
                    "payment.account_of_provider",
                    f"what {account} takes is booked when it says so",
                    field="account",
                    value=account,
                    hint="a charge of which the outcome is open is told with `everycent payment resolve`",
                )
            done = payments.receive(
                tx, told, shares,
                {"at": now, "recorded_at": now, "actor": app.settings.actor, "ids": app.ids},
            )  # fmt: skip
    tell(done, as_json)


def share_of(tx: Any, text: str, currency: str) -> Share:
    """'INVOICE' or 'INVOICE=AMOUNT' as a share of a payment. Raises NotFound `invoice.unknown`, Invalid."""
    name, _, amount = text.partition("=")
    found = invoicing.invoice(tx, name).invoice
    return Share(found.invoice_id, positive_minor(amount, currency, "for") if amount else None)


@click.command(name="list")
@click.option("--customer", help="Of this customer only.")
@click.option("--left", is_flag=True, help="Only those of which something pays nothing yet.")
@json_option
def list_command(customer: str | None, left: bool, as_json: bool) -> None:
    """List payments, oldest first."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        owner = None if customer is None else customers.by_name(tx, customer).customer_id
        found = queries.of_customer(tx, owner, only_left=left)
        owners = [h.payment.customer_id for h in found if h.payment.customer_id is not None]
        known = customers.by_ids(tx, sorted(set(owners)))
    emit(
        [_held(one) for one in found],
        as_json,
        lambda: table(
            ["payment", "customer", "received", "way", ">amount", ">left", ">went back", "~reference"],
            [
                [
                    ids.show(paid.PREFIX, one.payment.payment_id),
                    "" if one.payment.customer_id is None else known[one.payment.customer_id].key,
                    one.payment.received_on.isoformat(), one.payment.way.value,
                    money(one.payment.amount, one.payment.currency),
                    money(one.standing.left, one.payment.currency) if one.standing.left else "",
                    money(one.standing.back, one.payment.currency) if one.standing.back else "",
                    one.payment.reference,
                ]
                for one in found
            ],
        ),
    )  # fmt: skip


@click.command()
@click.argument("payment")
@json_option
def show(payment: str, as_json: bool) -> None:
    """Show what became of PAYMENT, move by move."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        held = queries.by_name(tx, payment)
        moves = queries.moves(tx, held.payment.payment_id)
        refunded = charges.of_payment(tx, held.payment.payment_id)
    currency = held.payment.currency
    data = _held(held) | {
        "moves": [
            {
                "no": row.move_no, "kind": row.kind, "amount": row.amount, "left": row.left_after,
                "back": row.back_after, "invoice": _document(row), "external_id": row.external_id,
                "at": row.at,
            }
            for row in moves
        ],
        "refunds": [
            {"attempt": one.attempt.reference, "amount": one.attempt.amount,
             "status": one.state.status.value}
            for one in refunded
        ],
    }  # fmt: skip

    def render() -> None:
        click.echo(
            f"{payment}: {money(held.payment.amount, currency)} by {held.payment.way},"
            f" {held.payment.provider} {held.payment.external_id}"
        )
        table(
            ["when", "what", ">amount", "invoice", ">left", ">went back"],
            [
                [
                    instant_text(row.at)[:19], row.kind.replace("_", " "),
                    money(row.amount, currency), _document(row) or "",
                    money(row.left_after, currency), money(row.back_after, currency),
                ]
                for row in moves
            ],
        )  # fmt: skip
        for one in refunded:
            click.echo(
                f"refund {one.attempt.reference} of {money(one.attempt.amount, currency)}:"
                f" {one.state.status.value}"
            )

    emit(data, as_json, render)


def _document(row: Any) -> str | None:
    return None if row.series is None else f"{row.series}-{row.number:06d}"


@click.command()
@click.argument("payment")
@click.argument("invoices", nargs=-1, required=True, metavar="INVOICE[=AMOUNT]...")
@json_option
def apply(payment: str, invoices: tuple[str, ...], as_json: bool) -> None:
    """Let what is left of PAYMENT pay invoices, in this order."""
    with opened() as (app, tenant_id):
        now = app.clock()
        with app.database.transaction(tenant_id) as tx:
            held = queries.by_name(tx, payment)
            shares = [share_of(tx, text, held.payment.currency) for text in invoices]
            done = payments.apply(
                tx, held.payment.payment_id, shares,
                {"at": now, "recorded_at": now, "actor": app.settings.actor, "ids": app.ids},
            )  # fmt: skip
    tell(done, as_json)


@click.command()
@click.argument("payment")
@click.option("--from", "invoice", help="Off this invoice only.")
@click.option("--reason", required=True)
@json_option
def unapply(payment: str, invoice: str | None, reason: str, as_json: bool) -> None:
    """Take PAYMENT off what it pays: that is open again, and not charged until somebody requeues it; the
    payment is left."""
    with opened() as (app, tenant_id):
        now = app.clock()
        with app.database.transaction(tenant_id) as tx:
            held = queries.by_name(tx, payment)
            document = None
            if invoice is not None:
                document = invoicing.invoice(tx, invoice).invoice.invoice_id
            done = reopen.unapply(
                tx, held.payment.payment_id, document, reason, at=now, actor=app.settings.actor,
                ids=app.ids,
            )  # fmt: skip
    tell(done, as_json)


@click.command()
@click.argument("payment")
@click.argument("amount", required=False)
@click.option(
    "--reopen", is_flag=True, help="Open invoices again where what is left is not enough."
)
@click.option("--line", "lines", multiple=True, metavar="INVOICE/NO[=AMOUNT|=PERCENT%]",
              help="So much of a line of an invoice that it pays, with its taxes and a credit note;"
                   " repeatable.")  # fmt: skip
@click.option(
    "--zone", default="UTC", show_default=True, help="Whose date the credit note carries."
)
@click.option("--reason", required=True)
@json_option
def refund(
    payment: str,
    amount: str | None,
    reopen: bool,
    lines: tuple[str, ...],
    zone: str,
    reason: str,
    as_json: bool,
) -> None:
    """Give PAYMENT back, or AMOUNT of it, or what lines come to. What a provider charged goes back through
    the provider, once (`everycent collect work` sends it); what came another way is paid out by you, and
    booked here."""
    if lines and (amount is not None or reopen):
        raise Invalid(
            "payment.amount_or_lines",
            "what lines come to is the amount, and nothing more is opened",
            field="line",
            hint="leave AMOUNT and --reopen away with --line",
        )
    with opened() as (app, tenant_id):
        if lines:
            _refund_lines(app, tenant_id, refund_lines.asked(payment, lines, reason, zone), as_json)
            return
        minor = None
        if amount is not None:
            with app.database.snapshot(tenant_id) as tx:
                currency = queries.by_name(tx, payment).payment.currency
            minor = positive_minor(amount, currency, "amount")
        done, stage = refunds.request(
            app.database, tenant_id, refunds.Asked(payment, minor, reopen, reason),
            at=app.clock(), actor=app.settings.actor, ids=app.ids,
        )  # fmt: skip
    attempt = None if stage is None else stage.attempt.reference
    move = done.moves[-1]

    def render() -> None:
        how = "is booked as paid out" if attempt is None else f"waits to be sent as {attempt}"
        click.echo(f"{money(move.amount, done.payment.currency)} of {payment} {how}")

    emit(_moved(done) | {"attempt": attempt}, as_json, render)


def _refund_lines(app: App, tenant_id: int, asked: refund_lines.Asked, as_json: bool) -> None:
    done, note, stage = refund_lines.request(
        app.database, tenant_id, asked, at=app.clock(), actor=app.settings.actor, ids=app.ids
    )
    attempt = None if stage is None else stage.attempt.reference

    def render() -> None:
        how = "is booked as paid out" if attempt is None else f"waits to be sent as {attempt}"
        amount = money(done.moves[-1].amount, done.payment.currency)
        click.echo(f"{amount} of {asked.payment} {how}; {note.name} credits {note.credits} with it")

    emit(_moved(done) | {"attempt": attempt, "note": told_of(note)}, as_json, render)


def _held(one: Held) -> dict[str, Any]:
    p = one.payment
    return {
        "payment": ids.show(paid.PREFIX, p.payment_id),
        "customer_id": None if p.customer_id is None else ids.show(ids.CUSTOMER, p.customer_id),
        "amount": p.amount,
        "currency": p.currency,
        "way": p.way.value,
        "provider": p.provider,
        "external_id": p.external_id,
        "received_on": p.received_on,
        "reference": p.reference,
        "fee": p.fee,
        "left": one.standing.left,
        "back": one.standing.back,
    }


def _moved(done: Moved) -> dict[str, Any]:
    last = done.moves[-1]
    return {
        "payment": ids.show(paid.PREFIX, done.payment.payment_id),
        "currency": done.payment.currency,
        "settled": [
            {"invoice_id": ids.show(ids.INVOICE, one.document_id), "amount": one.amount,
             "open": one.open_after}
            for one in done.settles
        ],
        "left": last.left_after,
        "back": last.back_after,
    }  # fmt: skip


def tell(done: Moved, as_json: bool) -> None:
    """Says what became of a payment."""
    currency = done.payment.currency
    name = ids.show(paid.PREFIX, done.payment.payment_id)
    pays = sum(one.amount for one in done.settles)
    verb = "no longer pays" if pays < 0 else "pays"

    def render() -> None:
        left = done.moves[-1].left_after
        said = f"{verb} {money(abs(pays), currency)} of {counted(len(done.settles), 'invoice')}"
        click.echo(f"{name}: {said if pays else 'pays nothing yet'}; {money(left, currency)} left")

    emit(_moved(done), as_json, render)
