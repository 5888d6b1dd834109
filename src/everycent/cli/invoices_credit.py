"""everycent invoice credit: whole invoices, and parts of their lines."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import click

from everycent.cli.common import emit, json_option, money, opened, past_instant, table
from everycent.exchange.rate import told as exchange_told
from everycent.flows.credit_lines import credit_lines
from everycent.invoicing import operations
from everycent.invoicing.invoice import CreditNote, Home
from everycent.invoicing.line_note import LineNote
from everycent.kernel import calendar, ids
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Money, plain
from everycent.subscriptions.operations import Writing


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
            part = credit_lines(tx, number, lines, reason=reason, time_zone=zone, writing=writing)
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
