"""everycent invoice: list, show and credit."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import click
import msgspec

from everycent.cli.common import emit, json_option, money, opened, past_instant, table
from everycent.customers import queries as customers
from everycent.invoicing import operations, queries
from everycent.invoicing.invoice import (
    CreditNote,
    Invoice,
    InvoiceLine,
    TaxAmount,
    kind_of,
    name_of,
)
from everycent.kernel import calendar, ids
from everycent.kernel.money import Money, plain


@click.group()
def invoice() -> None:
    """List, show and credit invoices."""


@invoice.command("list")
@click.option("--customer")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(min=1))
@json_option
def list_(customer: str | None, limit: int, as_json: bool) -> None:
    """List invoices and credit notes in order of date and number."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        customer_id = customers.by_name(tx, customer).customer_id if customer else None
        rows = queries.listed(tx, customer_id=customer_id, limit=limit)
    data = [
        {
            "number": name_of(row.series, row.number),
            "kind": row.kind,
            "customer": row.customer,
            "issued_on": row.issued_on,
            "due_on": row.due_on,
            "currency": row.currency,
            "net": plain(Money(row.net, row.currency)),
            "tax": plain(Money(row.tax, row.currency)),
            "gross": plain(Money(row.gross, row.currency)),
            "prepaid": plain(Money(row.prepaid, row.currency)),
            "payable": plain(Money(row.gross - row.prepaid, row.currency)),
            "credited": row.credited,
        }
        for row in rows
    ]
    emit(
        data,
        as_json,
        lambda: table(
            ["number", "customer", "issued", "due", ">net", ">tax", ">gross", ">to pay", ""],
            [
                [
                    name_of(row.series, row.number),
                    row.customer,
                    str(row.issued_on),
                    str(row.due_on) if row.kind == "invoice" else "",
                    money(row.net, row.currency),
                    money(row.tax, row.currency),
                    money(row.gross, row.currency),
                    money(row.gross - row.prepaid, row.currency),
                    "credited" if row.credited else "",
                ]
                for row in rows
            ],
        ),
    )


@invoice.command()
@click.argument("number")
@json_option
def show(number: str, as_json: bool) -> None:
    """Show an invoice as the customer gets it."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        if queries.document(tx, number).credits is not None:
            note = queries.credit_note(tx, number)
            emit(msgspec.to_builtins(note), as_json, lambda: _render_credit(note))
            return
        found = queries.invoice(tx, number).invoice
        credited_by = queries.credited_by(tx, found.invoice_id)
    emit(
        msgspec.to_builtins(found) | {"payable": found.payable, "credited_by": credited_by},
        as_json,
        lambda: render(found, credited_by),
    )


def _render_credit(note: CreditNote) -> None:
    original = note.original
    click.secho(f"Credit note {note.name}", bold=True)
    click.echo(f"  takes back {original.name} of {original.issued_on} in full")
    click.echo(f"  to      {original.customer.name} ({original.customer.key})")
    click.echo(f"  issued  {note.issued_on}    because: {note.reason}")
    for label, amount in (("net", original.net), ("tax", original.tax), ("gross", original.gross)):
        click.echo(f"  {label:<44}{money(-amount, original.currency):>22}")
    for draw in note.draws:
        click.echo(
            f"  {'credit back in ' + draw.wallet:<44}{money(-draw.amount, original.currency):>22}"
        )


def _shown(line: InvoiceLine) -> tuple[datetime, datetime]:
    """The time that a line tells a reader about: what is given back, where it gives time back."""
    if line.corrects is not None and line.ends_at < line.corrects.ends_at:
        return line.ends_at, line.corrects.ends_at
    return line.starts_at, line.ends_at


def _description(line: InvoiceLine) -> str:
    if line.corrects is None:
        return line.charge.price.description
    what = "unused" if line.ends_at < line.corrects.ends_at else "corrected"
    return (
        f"{line.charge.price.description}, {what} ({line.corrects.invoice}/{line.corrects.line_no})"
    )


def render(found: Invoice, credited_by: str | None = None, title: str | None = None) -> None:
    """Prints an invoice for a person to read; `credited_by` is the credit note that took it back, `title`
    stands in the place of its number."""
    zone = found.customer.time_zone
    kind = "Invoice" if kind_of(found.series) == "invoice" else "Credit note"
    click.secho(title or f"{kind} {found.name}", bold=True)
    click.echo(f"  to      {found.customer.name} ({found.customer.key})")
    for part in (found.customer.address or "").splitlines():
        click.echo(f"          {part}")
    due = f"    due {found.due_on}" if kind_of(found.series) == "invoice" else ""
    click.echo(f"  issued  {found.issued_on}{due}")
    rows: list[list[str]] = []
    for line in found.lines:
        charge = line.charge
        starts_at, ends_at = _shown(line)
        first = calendar.local_date(starts_at, zone)
        last = calendar.local_date(ends_at, zone) - timedelta(days=1)
        quantity = (
            "" if charge.quantity is None else f"{charge.quantity.value} {charge.quantity.unit}"
        )
        (step,) = charge.steps if len(charge.steps) == 1 else (None,)
        unit = None
        if step is not None:
            unit = step.unit_amount if step.percent is None else f"{step.percent} %"
        rows.append(
            [str(line.line_no), _description(line), f"{first} – {last}", quantity,
             unit or "", line.tax_percent + " %" if line.tax_percent else "",
             money(line.amount, found.currency)]
        )  # fmt: skip
    table([">", "~what", "period", ">quantity", ">price", ">tax", ">amount"], rows)
    sums: list[tuple[str, Any]] = [
        (f"discount {taken.coupon.name} ({taken.name})", -taken.amount) for taken in found.discounts
    ]
    sums.append(("net", found.net))
    sums += [(_tax_text(amount, found.currency), amount.amount) for amount in found.taxes]
    what = "to pay" if found.gross >= 0 else "to your credit"
    sums.append(("gross" if credited_by or found.draws else what, found.gross))
    for draw in found.draws:
        sums.append((f"paid by credit in {draw.wallet}", -draw.amount))
    if found.draws and not credited_by:
        sums.append(("to pay", found.payable))
    for label, amount in sums:
        click.echo(f"  {label:<44}{money(amount, found.currency):>22}")
    for reason in dict.fromkeys(amount.reason for amount in found.taxes if amount.reason):
        click.echo(f"  {reason}")
    if credited_by:
        click.secho(f"  taken back by {credited_by}: nothing to pay", fg="yellow")


def _tax_text(amount: TaxAmount, currency: str) -> str:
    included = ", included" if amount.is_included else ""
    return f"{amount.category} {amount.percent} %{included} of {money(amount.base, currency)}"


@invoice.command()
@click.argument("number")
@click.option("--reason", required=True, help="Printed on the credit note.")
@click.option("--at", help="When it holds (date or instant); now when not given.")
@click.option("--zone", default="UTC", show_default=True, help="Whose date it carries.")
@json_option
def credit(number: str, reason: str, at: str | None, zone: str, as_json: bool) -> None:
    """Take an invoice back in full with a credit note; its ledger entry is reversed."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        now = app.clock()
        when = past_instant(at, zone, now, "at")
        note = operations.credit(
            tx,
            number,
            reason=reason,
            time_zone=zone,
            at=when,
            recorded_at=now,
            actor=app.settings.actor,
            ids=app.ids,
        )
    data = {
        "number": note.name,
        "credits": note.original.name,
        "gross": plain(Money(-note.original.gross, note.original.currency)),
        "invoice_id": ids.show(ids.INVOICE, note.invoice_id),
    }
    emit(
        data,
        as_json,
        lambda: click.echo(
            f"{note.name} takes back {note.original.name} over"
            f" {money(note.original.gross, note.original.currency)}; the periods that it billed stay"
            " billed"
        ),
    )
