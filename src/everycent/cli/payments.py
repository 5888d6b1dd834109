"""everycent payment: money that comes in, and what people say about charging invoices."""

from __future__ import annotations

from typing import Any

import click

from everycent.charging import operations_decisions as decisions
from everycent.charging.instalments import Instalment
from everycent.charging.status import PaymentState
from everycent.cli.common import day, emit, json_option, money, opened, positive_minor, table
from everycent.cli.debits import debits
from everycent.cli.payment_methods import method
from everycent.cli.payment_trail import attention, resolve, trail
from everycent.cli.payments_bank import assign, import_command
from everycent.cli.payments_booked import apply, list_command, record, refund, show, unapply
from everycent.flows.collect import decide
from everycent.invoicing import queries as invoicing
from everycent.kernel.errors import Invalid


@click.group()
def payment() -> None:
    """Money that comes in: methods, payments, what they pay, refunds, and how charges went."""


for _command in (
    trail,
    resolve,
    attention,
    record,
    import_command,
    assign,
    list_command,
    show,
    apply,
    unapply,
    refund,
    method,
    debits,
):
    payment.add_command(_command)


@payment.command()
@click.argument("invoice")
@json_option
def requeue(invoice: str, as_json: bool) -> None:
    """Put INVOICE in the queue: it is charged as if nothing had been tried, due or not."""
    with opened() as (app, tenant_id):
        found, is_new = decide.requeue(
            app.database, tenant_id, invoice, at=app.clock(), actor=app.settings.actor, ids=app.ids
        )
    said = "is in the queue" if is_new else "was in the queue already"
    lacking = "" if found.has_method else "; but the customer has no method that could be charged"
    emit(_data(found, is_new), as_json, lambda: click.echo(_told(found, said) + lacking))


@payment.command()
@click.argument("invoice")
@click.option("--reason", required=True, help="Why it is not to be charged.")
@json_option
def stop(invoice: str, reason: str, as_json: bool) -> None:
    """Charge nothing for INVOICE until it is put in the queue again."""
    with opened() as (app, tenant_id):
        found, is_new = decide.stop(
            app.database, tenant_id, invoice, reason=reason, at=app.clock(),
            actor=app.settings.actor, ids=app.ids,
        )  # fmt: skip
    said = "is stopped" if is_new else "was stopped already"
    emit(_data(found, is_new), as_json, lambda: click.echo(f"{_told(found, said)}: {found.reason}"))


def _told(found: PaymentState, said: str) -> str:
    return f"{found.invoice} {said}: {money(found.left, found.currency)} open"


def _data(found: PaymentState, is_new: bool) -> dict[str, Any]:
    return {
        "invoice": found.invoice,
        "status": found.status,
        "open": found.left,
        "currency": found.currency,
        "retry_at": found.retry_at,
        "is_stopped": found.is_stopped,
        "has_method": found.has_method,
        "reason": found.reason,
        "changed": is_new,
    }


@payment.command()
@click.argument("invoice")
@click.argument("parts", nargs=-1, required=True, metavar="DAY=AMOUNT...")
@click.option("--reason", default="", help="What was agreed, and with whom.")
@json_option
def instalments(invoice: str, parts: tuple[str, ...], reason: str, as_json: bool) -> None:
    """Charge INVOICE in parts, each from its day on: 2026-02-01=10.00 2026-03-01=27.20. They come to what
    is open; what is agreed last holds."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        found = invoicing.invoice(tx, invoice).invoice
        told = []
        for text in parts:
            due_on, is_pair, amount = text.partition("=")
            if not is_pair:
                raise Invalid(
                    "collection.bad_instalments",
                    f"{text[:40]!r} is not DAY=AMOUNT",
                    field="parts",
                    value=text,
                    hint="such as 2026-02-01=10.00 2026-03-01=27.20, which come to what is open",
                )
            minor = positive_minor(amount, found.currency, "parts")
            told.append(Instalment(day(due_on, "parts"), minor))
        agreed = decisions.agree(
            tx, found.invoice_id, told, reason, at=app.clock(), actor=app.settings.actor,
            ids=app.ids,
        )  # fmt: skip
    rows = [[one.due_on.isoformat(), money(one.amount, found.currency)] for one in agreed.parts]
    data = {
        "invoice": agreed.invoice,
        "parts": [{"due_on": one.due_on, "amount": one.amount} for one in agreed.parts],
    }
    emit(data, as_json, lambda: table(["due on", ">amount"], rows))
