"""What a correction changes, as people read it."""

from __future__ import annotations

from collections.abc import Sequence

import click

from everycent.cli.common import money, table
from everycent.flows.correction_effect import Effect, InvoiceEffect, LineEffect, UnbilledEffect
from everycent.flows.rerate import Rated
from everycent.flows.saying import span_text
from everycent.kernel.errors import Refusal

_MOST_LINES = 200


def render(effect: Effect) -> None:
    """Prints records, lines, usage that is not billed, and sums."""
    if effect.correction_id is None:
        click.secho(f"Preview ({effect.kind}): nothing was changed.", bold=True)
    else:
        click.secho(f"Corrected: {effect.kind} {effect.correction_id}", bold=True)
    click.echo(f"  because: {effect.reason}")
    click.echo(
        f"  records: {effect.voided:,} taken back, {effect.added:,} added,"
        f" {effect.restored:,} put back, {effect.unchanged:,} right already"
    )
    _render_invoices(effect.invoices)
    if effect.same_lines:
        click.echo(
            f"  {same_text(effect.same_lines, is_more=any(i.lines for i in effect.invoices))}"
        )
    _render_unbilled(effect.unbilled)
    _render_sums(effect)
    for note in effect.notes():
        click.secho(note, fg="yellow")


def same_text(lines: int, *, is_more: bool) -> str:
    """'1 more line covers this usage and comes out the same'; `is_more` when others do not."""
    more = " more" if is_more else ""
    if lines == 1:
        return f"1{more} line covers this usage and comes out the same"
    return f"{lines:,}{more} lines cover this usage and come out the same"


def _render_invoices(invoices: Sequence[InvoiceEffect]) -> None:
    lines = [(one, line) for one in invoices for line in one.lines]
    if not lines:
        click.echo("  invoices: no line comes out differently")
        return
    rows = [_line_row(one, line) for one, line in lines[:_MOST_LINES]]
    click.echo()
    table(
        ["invoice", ">line", "~what", "period", ">quantity", ">billed", ">before", ">after",
         ">difference"],
        rows,
    )  # fmt: skip
    _tell_rest(len(lines))
    for one, line in lines[:_MOST_LINES]:
        for name, rated in (("before", line.before), ("after", line.after)):
            if isinstance(rated, Refusal):
                click.secho(
                    f"{one.invoice.name} line {line.line.line_no} can't be rated as things stand"
                    f" {name}: {rated.message} [{rated.code}]",
                    fg="yellow",
                )


def _line_row(one: InvoiceEffect, effect: LineEffect) -> list[str]:
    line, currency = effect.line, one.invoice.currency
    quantity = line.charge.quantity
    unit = "" if quantity is None else f" {quantity.unit}"
    difference = effect.difference
    return [
        one.invoice.name,
        str(line.line_no),
        line.charge.price.description,
        span_text(line.starts_at, line.ends_at, one.invoice.customer.time_zone),
        f"{_quantity(effect.before)} → {_quantity(effect.after)}{unit}",
        money(line.net, currency),
        _net(effect.before, currency),
        _net(effect.after, currency),
        "?" if difference is None else signed(difference, currency),
    ]


def _quantity(rated: Rated) -> str:
    if isinstance(rated, Refusal):
        return "?"
    return "" if rated.quantity is None else rated.quantity.value


def _net(rated: Rated, currency: str) -> str:
    return "?" if isinstance(rated, Refusal) else money(rated.net, currency)


def signed(minor: int, currency: str) -> str:
    """A difference: '+1.00 EUR', '-1.00 EUR'."""
    return f"{'+' if minor > 0 else ''}{money(minor, currency)}"


def _render_unbilled(unbilled: Sequence[UnbilledEffect]) -> None:
    if not unbilled:
        return
    click.echo("\nNot billed yet:")
    rows = [
        [
            one.subscription,
            one.what,
            span_text(one.period.start, one.period.end, one.time_zone),
            f"{one.before or '?'} → {one.after or '?'} {one.unit}",
        ]
        for one in unbilled[:_MOST_LINES]
    ]
    table(["subscription", "~what", "period", ">quantity"], rows)
    _tell_rest(len(unbilled))
    for one in unbilled[:_MOST_LINES]:
        if one.refusal is not None:
            click.secho(
                f"{one.subscription} can't be rated: {one.refusal.message} [{one.refusal.code}]",
                fg="yellow",
            )


def _tell_rest(rows: int) -> None:
    if rows > _MOST_LINES:
        click.echo(f"… and {rows - _MOST_LINES:,} more; --json tells all of them")


def _render_sums(effect: Effect) -> None:
    if not effect.invoices:
        return
    rows = [
        _sum_row(one.invoice.name, one.invoice.customer.key, one.invoice.currency, one.net, one.tax)
        for one in effect.invoices[:_MOST_LINES]
    ]
    rows += [
        _sum_row("all", customer, currency, net, tax)
        for (customer, currency), (net, tax) in list(effect.totals().items())[:_MOST_LINES]
    ]
    table(["differences", "customer", ">net", ">tax", ">gross"], rows)


def _sum_row(name: str, customer: str, currency: str, net: int, tax: int) -> list[str]:
    amounts = (net, tax, net + tax)
    return [name, customer, *(signed(minor, currency) for minor in amounts)]
