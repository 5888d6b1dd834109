"""everycent invoice: list, show and credit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import click
import msgspec

from everycent.catalog.price import BlockTiers, Dynamic, Graduated, Package, PerUnit
from everycent.cli.common import emit, json_option, money, opened, past_instant, table
from everycent.cli.invoices_credit import credit, render_credit, render_line_note
from everycent.credits.grant import Basis
from everycent.customers import queries as customers
from everycent.exchange.rate import told as exchange_told
from everycent.invoicing import operations, queries
from everycent.invoicing.dating import date_told, is_moved
from everycent.invoicing.invoice import (
    HomeTax,
    Invoice,
    InvoiceLine,
    TaxAmount,
    kind_of,
    name_of,
)
from everycent.invoicing.shown import listed_data
from everycent.kernel import calendar
from everycent.kernel.money import Money, plain
from everycent.kernel.quantity import shown
from everycent.rating.charge import Charge
from everycent.subscriptions.operations import Writing

_LONG = 10_000
_END = 68
"""Where sums end below lines that are not aligned."""


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
        documents = queries.open_documents(tx, [row.invoice_id for row in rows])
    left = {row.invoice_id: row.open for row in documents}
    data = [listed_data(row, left[row.invoice_id]) for row in rows]
    emit(
        data,
        as_json,
        lambda: table(
            [
                "number",
                "customer",
                "issued",
                "due",
                ">net",
                ">tax",
                ">gross",
                ">payable",
                ">open",
                "",
            ],
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
                    money(left[row.invoice_id], row.currency),
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
    """Show an invoice as the customer gets it, and what is open of it now."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        if queries.document(tx, number).credits is not None:
            note = queries.credit_note(tx, number)
            emit(msgspec.to_builtins(note), as_json, lambda: render_credit(note))
            return
        if queries.document(tx, number).reduces is not None:
            part = queries.line_note(tx, number)
            emit(msgspec.to_builtins(part), as_json, lambda: render_line_note(part))
            return
        found = queries.invoice(tx, number).invoice
        (document,) = queries.open_documents(tx, [found.invoice_id])
        credited_by = queries.credited_by(tx, found.invoice_id)
        parts = [
            {"note": name_of(row.series, row.number), "gross": row.gross}
            for row in queries.line_notes(tx, found.invoice_id)
        ]
    left: int = document.open
    more = {
        "payable": found.payable, "open": left, "credited_by": credited_by, "line_notes": parts,
    }  # fmt: skip

    def told() -> None:
        render(found, credited_by, left=left)
        for part in parts:
            click.echo(f"  {money(part['gross'], found.currency)} taken back by {part['note']}")

    emit(msgspec.to_builtins(found) | more, as_json, told)


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


def render(
    found: Invoice,
    credited_by: str | None = None,
    title: str | None = None,
    *,
    left: int | None = None,
) -> None:
    """Prints an invoice for a person to read; `credited_by` is the credit note that took it back, `title`
    stands in the place of its number, `left` is what is open of it (minor units), told
    where that is not all."""
    zone = found.customer.time_zone
    kind = "Invoice" if kind_of(found.series) == "invoice" else "Credit note"
    click.secho(title or f"{kind} {found.name}", bold=True)
    click.echo(f"  to      {found.customer.name} ({found.customer.key})")
    for part in (found.customer.address or "").splitlines():
        click.echo(f"          {part}")
    due = f"    due {found.due_on}" if kind_of(found.series) == "invoice" else ""
    click.echo(f"  issued  {found.issued_on}{due}")
    if is_moved(found):
        click.echo(f"          {date_told(found)}")
    rows: list[list[str]] = []
    for line in found.lines:
        charge = line.charge
        starts_at, ends_at = _shown(line)
        first = calendar.local_date(starts_at, zone)
        last = calendar.local_date(ends_at, zone) - timedelta(days=1)
        used = charge.quantity
        rows.append(
            [str(line.line_no), _description(line), f"{first} – {last}",
             "" if used is None else f"{_grouped(used.value)} {used.unit}", _price(charge),
             line.tax_percent + " %" if line.tax_percent else "",
             money(line.amount, found.currency)]
        )  # fmt: skip
    end = table([">", "~what", "period", ">quantity", ">price", ">tax", ">amount"], rows) or _END
    _render_sums(_sums(found, credited_by), found.currency, end)
    if left is not None and not credited_by and left != found.payable:
        _render_sums([("open", left)], found.currency, end)
    _render_home(found, end)
    for reason in dict.fromkeys(amount.reason for amount in found.taxes if amount.reason):
        click.echo(f"  {reason}")
    if credited_by:
        click.secho(f"  taken back by {credited_by}: nothing to pay", fg="yellow")


def _render_sums(sums: Sequence[tuple[str, int]], currency: str, end: int) -> None:
    """Labels to the left, amounts where the column of amounts ends."""
    for label, amount in sums:
        width = max(end - len(label) - 2, 1)
        click.echo(f"  {label}{money(amount, currency):>{width}}")


def _render_home(found: Invoice, end: int) -> None:
    """The rates by which lines were converted, and the sums in the home currency with theirs."""
    lines = [line.charge.exchange for line in found.lines if line.charge.exchange is not None]
    for exchange in dict.fromkeys(lines):
        click.echo(f"  converted from {exchange.of}: {exchange_told(exchange)}")
    home = found.home
    if home is None:
        return
    for exchange in dict.fromkeys(part.exchange for part in home.parts):
        click.echo(f"  in {home.currency}: {exchange_told(exchange)}")
    sums = [("net", home.net)]
    sums += [(_tax_text(tax, home.currency), tax.amount) for tax in home.taxes]
    sums += [("rounding", home.rounding)] if home.rounding else []
    _render_sums([*sums, ("gross", home.gross)], home.currency, end)


def _grouped(value: str) -> str:
    """A quantity with six decimals at most, and from five digits on with commas, as amounts have them."""
    number = Decimal(shown(value))
    return f"{number:,}" if abs(number) >= _LONG else f"{number}"


def _price(charge: Charge) -> str:
    """What a unit costs, or what decides in its place; the rest is told by `everycent explain`."""
    scheme = charge.price.scheme
    if charge.limit is not None:
        return charge.limit.value
    if len(charge.steps) != 1:
        return "by tiers" if isinstance(scheme, Graduated | BlockTiers) else ""
    (step,) = charge.steps
    if isinstance(scheme, Dynamic):
        return "" if step.unit_amount == "1" else f"× {step.unit_amount}"
    if step.percent is not None:
        return f"{step.percent} %"
    if charge.exchange is not None:
        return f"{step.unit_amount or step.amount} {charge.exchange.of}"
    if isinstance(scheme, Package):
        return f"{step.unit_amount} per {scheme.size}"
    if isinstance(scheme, PerUnit) and scheme.included != "0":
        return f"{step.unit_amount} beyond {scheme.included}"
    if step.flat_amount is not None:
        return f"{step.unit_amount} + {step.flat_amount}"
    return step.unit_amount or ""


def _sums(found: Invoice, credited_by: str | None) -> list[tuple[str, int]]:
    """What stands below the lines, in minor units."""
    sums: list[tuple[str, int]] = [
        (f"discount {taken.coupon.name} ({taken.name})", -taken.amount) for taken in found.discounts
    ]
    sums.append(("net", found.net))
    sums += [(_tax_text(amount, found.currency), amount.amount) for amount in found.taxes]
    if credited_by or found.draws:
        sums.append(("gross", found.gross))
    else:
        sums.append(_owed(found.gross))
    paid: Counter[str] = Counter()
    for draw in found.draws:
        what = "free credit" if draw.basis is Basis.PROMOTIONAL else "credit"
        told = f"paid by {what} in" if draw.amount > 0 else f"{what} back in"
        paid[f"{told} {draw.wallet}"] += draw.amount
    sums += [(label, -amount) for label, amount in paid.items()]
    if found.draws and not credited_by:
        sums.append(_owed(found.payable))
    return sums


def _owed(amount: int) -> tuple[str, int]:
    return ("to pay", amount) if amount >= 0 else ("to your credit", -amount)


def _tax_text(amount: TaxAmount | HomeTax, currency: str) -> str:
    included = ", included" if amount.is_included else ""
    return f"{amount.category} {amount.percent} %{included} of {money(amount.base, currency)}"


@invoice.command("write-off")
@click.argument("number")
@click.option("--reason", required=True, help="Why, for whoever reads the journal.")
@click.option("--undo", is_flag=True, help="Open it again by what was written off.")
@click.option("--at", help="When it holds (date or instant); now when not given.")
@json_option
def write_off(number: str, reason: str, undo: bool, at: str | None, as_json: bool) -> None:
    """Give up what is open of an invoice as uncollectable: a bad debt, which nobody is charged for any
    more. The invoice itself stays as it was issued."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        now = app.clock()
        when = past_instant(at, "UTC", now, "at")
        found = queries.invoice(tx, number).invoice
        writing = Writing(at=when, recorded_at=now, actor=app.settings.actor, ids=app.ids)
        if undo:
            amount = operations.undo_write_off(tx, found.invoice_id, reason, writing)
        else:
            done = operations.write_off(tx, {found.invoice_id: None}, reason, writing)
            amount = done[found.name]
    said = "is open again by" if undo else "is written off by"
    emit(
        {"invoice": found.name, "amount": plain(Money(amount, found.currency)), "undone": undo},
        as_json,
        lambda: click.echo(f"{found.name} {said} {money(amount, found.currency)}"),
    )


invoice.add_command(credit)
