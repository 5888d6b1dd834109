"""everycent invoice credit: whole invoices, and parts of their lines."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import click

from everycent.cli.common import (
    emit,
    json_option,
    money,
    opened,
    past_instant,
    positive_minor,
    table,
)
from everycent.db.connection import Tx
from everycent.exchange.rate import told as exchange_told
from everycent.flows.credit_lines import credit_lines
from everycent.invoicing import operations, queries
from everycent.invoicing.invoice import CreditNote, Home, Invoice
from everycent.invoicing.line_note import LineNote, Wanted
from everycent.kernel import calendar, ids
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Money, Rounding, plain, rounded_minor
from everycent.subscriptions.operations import Writing

_LINE = re.compile(r"(?P<no>[0-9]{1,9})(?:=(?P<amount>[^=%]{1,40})(?P<percent>%)?)?")


@click.command()
@click.argument("number")
@click.option("--line", "lines", multiple=True, metavar="NO[=AMOUNT|=PERCENT%]",
              help="So much of a line, as its price is told; all that is left of it without an amount."
                   " Repeatable.")  # fmt: skip
@click.option("--rest", is_flag=True, help="All that is left of every line.")
@click.option("--reason", required=True, help="Printed on the credit note.")
@click.option("--at", help="When it holds (date or instant); now when not given.")
@click.option("--zone", default="UTC", show_default=True, help="Whose date it carries.")
@json_option
def credit(
    number: str,
    lines: tuple[str, ...],
    rest: bool,
    reason: str,
    at: str | None,
    zone: str,
    as_json: bool,
) -> None:
    """Take an invoice back with a credit note: in full, or so much of its lines. The periods that it
    billed stay billed."""
    if lines and rest:
        raise Invalid("invoice.line_and_rest", "--rest is all that --line could name", field="line")
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        now = app.clock()
        writing: Writing = {
            "at": past_instant(at, zone, now, "at"), "recorded_at": now,
            "actor": app.settings.actor, "ids": app.ids,
        }  # fmt: skip
        if lines or rest:
            wanted = wanted_of(tx, number, lines)
            part = credit_lines(tx, number, wanted, reason=reason, time_zone=zone, writing=writing)
            emit(told_of(part), as_json, lambda: render_line_note(part))
            return
        note = operations.credit(tx, number, reason=reason, time_zone=zone, **writing)
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


def wanted_of(tx: Tx, name: str, told: tuple[str, ...]) -> list[Wanted]:
    """What is asked for of the lines of an invoice: '2', '2=4.00' or '2=25%' each. Raises NotFound
    `invoice.unknown`, Invalid `invoice.bad_line`."""
    if not told:
        return []
    invoice = queries.invoice(tx, name).invoice
    return [_wanted(invoice, text) for text in told]


def _wanted(invoice: Invoice, text: str) -> Wanted:
    match = _LINE.fullmatch(text)
    if match is None:
        raise Invalid(
            "invoice.bad_line",
            f"{text[:60]!r} is no line with an amount",
            field="line",
            value=text,
            hint="write 2, 2=4.00 or 2=25%",
        )
    number, amount = int(match["no"]), match["amount"]
    if amount is None:
        return Wanted(number)
    if match["percent"] is None:
        return Wanted(number, positive_minor(amount, invoice.currency, "line"))
    charged = sum(line.amount for line in invoice.lines if line.line_no == number)
    try:
        part = Fraction(amount) / 100
    except (ValueError, ZeroDivisionError):
        part = Fraction(-1)
    if not 0 < part <= 1:
        raise Invalid(
            "invoice.bad_line",
            f"{amount[:40]!r} is no percentage above 0 and up to 100",
            field="line",
            value=text,
        )
    return Wanted(number, rounded_minor(charged * part, Rounding.HALF_UP))


def told_of(note: LineNote) -> dict[str, Any]:
    """A credit note over parts of lines for programs."""
    return {
        "number": note.name,
        "credits": note.credits,
        "lines": [
            {"line_no": line.line_no, "amount": plain(Money(-line.amount, note.currency))}
            for line in note.lines
        ],
        "net": plain(Money(-note.net, note.currency)),
        "tax": plain(Money(-note.tax, note.currency)),
        "gross": plain(Money(-note.gross, note.currency)),
        "set_off": plain(Money(sum(s.amount for s in note.set_off[:1]), note.currency)),
        "invoice_id": ids.show(ids.INVOICE, note.invoice_id),
    }


def render_line_note(note: LineNote) -> None:
    """Prints a credit note over parts of lines for a person to read."""
    click.secho(f"Credit note {note.name}", bold=True)
    click.echo(f"  takes back parts of {note.credits} of {note.credits_issued_on}")
    click.echo(f"  to      {note.customer.name} ({note.customer.key})")
    click.echo(f"  issued  {note.issued_on}    because: {note.reason}")
    zone = note.customer.time_zone
    table(
        [">line", "~what", "period", ">tax", ">charged", ">credited before", ">amount"],
        [
            [
                str(line.line_no), line.description, _period(line.starts_at, line.ends_at, zone),
                line.tax_percent + " %" if line.tax_percent else "",
                money(line.of, note.currency),
                money(line.before, note.currency) if line.before else "",
                money(-line.amount, note.currency),
            ]
            for line in note.lines
        ],
    )  # fmt: skip
    sums = [("discount", note.discount)] if note.discount else []
    sums += [("net", -note.net)]
    for tax in note.taxes:
        included = ", included" if tax.is_included else ""
        base = money(-tax.base, note.currency)
        sums.append((f"{tax.category} {tax.percent} %{included} of {base}", -tax.amount))
    for label, amount in (*sums, ("gross", -note.gross)):
        click.echo(f"  {label:<44}{money(amount, note.currency):>22}")
    if note.home is not None:
        _render_home(note.home)
    done = sum(step.amount for step in note.set_off[:1])
    if done:
        click.echo(f"  {money(done, note.currency)} are set off against {note.credits}")
    if done < note.gross:
        click.echo(f"  {money(note.gross - done, note.currency)} are to the customer's credit")


def _period(starts_at: datetime, ends_at: datetime, zone: str) -> str:
    last = calendar.local_date(ends_at, zone) - timedelta(days=1)
    return f"{calendar.local_date(starts_at, zone)} – {last}"


def _render_home(home: Home) -> None:
    for exchange in dict.fromkeys(part.exchange for part in home.parts):
        click.echo(f"  in {home.currency}: {exchange_told(exchange)}")
    sums = [("net", home.net), ("tax", home.tax), ("rounding", home.rounding)]
    for label, amount in (*sums[: 3 if home.rounding else 2], ("gross", home.gross)):
        click.echo(f"  {label:<44}{money(-amount, home.currency):>22}")


def render_credit(note: CreditNote) -> None:
    """Prints a credit note over a whole invoice for a person to read."""
    original = note.original
    click.secho(f"Credit note {note.name}", bold=True)
    click.echo(f"  takes back {original.name} of {original.issued_on} in full")
    click.echo(f"  to      {original.customer.name} ({original.customer.key})")
    click.echo(f"  issued  {note.issued_on}    because: {note.reason}")
    for label, amount in (("net", original.net), ("tax", original.tax), ("gross", original.gross)):
        click.echo(f"  {label:<44}{money(-amount, original.currency):>22}")
    if original.home is not None:
        _render_home(original.home)
    for draw in note.draws:
        click.echo(
            f"  {'credit back in ' + draw.wallet:<44}{money(-draw.amount, original.currency):>22}"
        )
