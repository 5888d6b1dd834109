"""everycent simulate: what past periods would have come to under another catalogue."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from everycent.catalog import document
from everycent.cli.common import console, counted, day, emit, json_option, money, opened, table
from everycent.cli.usage_live import write_file
from everycent.flows import simulate as flow
from everycent.flows.reprice import Span
from everycent.integrations import simulation_page
from everycent.invoicing import whatif
from everycent.invoicing.whatif import OfCustomer, OfMonth, OfPrice, Simulation
from everycent.kernel.errors import Invalid


@click.command()
@click.option("--catalog", required=True, type=click.File(encoding="utf-8"), metavar="FILE",
              help="The catalogue to price by.")  # fmt: skip
@click.option("--from", "start", required=True, help="First local day of the periods.")
@click.option("--to", "end", required=True, help="First local day after them.")
@click.option("--customer", "keys", multiple=True, metavar="KEY",
              help="Only this customer; may be given several times.")  # fmt: skip
@click.option("--top", default=10, show_default=True, type=click.IntRange(1, 1000),
              help="How many customers to name on each side.")  # fmt: skip
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write a page with a chart.")  # fmt: skip
@json_option
def simulate(
    catalog: Any,
    start: str,
    end: str,
    keys: tuple[str, ...],
    top: int,
    html: Path | None,
    as_json: bool,
) -> None:
    """Price what was billed again under another catalogue: who pays less, who pays more, and the revenue.

    Nothing is written. Amounts are nets: before coupons, without taxes.
    """
    try:
        entities = document.parse(catalog.read())
    except UnicodeDecodeError as error:
        raise Invalid("catalog.unreadable", f"the file is not UTF-8 text: {error}") from error
    span = Span(day(start, "from"), day(end, "to"))
    bar = Progress(
        TextColumn("pricing"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("customers"),
        TimeElapsedColumn(),
        console=console(),
        disable=not sys.stderr.isatty(),
    )
    with opened() as (app, tenant_id), bar:
        task = bar.add_task("pricing", total=None)
        found = flow.simulate(
            app.database,
            tenant_id,
            entities,
            span,
            keys=keys,
            on_progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if html is not None:
        name = Path(catalog.name).name
        write_file(str(html), simulation_page.page(found, f"Under {name}", top), "html")
    emit(flow.as_data(found), as_json, lambda: _render(found, top, html))


def _render(found: Simulation, top: int, html: Path | None) -> None:
    for one in whatif.totals(found.customers):
        told = found.customers if len(found.customers) <= top else None
        own = [each for each in told or found.customers if each.currency == one.currency]
        if told is None:
            _customers("who saves most", [each for each in own if each.sums.more < 0][:top])
            losers = [each for each in reversed(own) if each.sums.more > 0][:top]
            _customers("who pays most on top", losers)
        else:
            _customers("customers", own)
        prices = [each for each in found.prices if each.currency == one.currency]
        _prices("by plan and price", prices)
        months = [each for each in found.months if each.currency == one.currency]
        if len(months) > 1:
            rows = [[f"{each.month:%Y-%m}", *_cells(each)] for each in months]
            table(["month", *_COLUMNS], rows, "by the month in which periods begin")
        sums, currency = one.sums, one.currency
        click.echo(
            f"{money(sums.old, currency)} billed, {money(sums.new, currency)} under this catalogue:"
            f" {money(sums.more, currency)} ({whatif.percent_text(sums)})"
        )
        click.echo(
            f"{counted(one.winners, 'customer')} would pay less, {one.losers:,} more,"
            f" {one.unchanged:,} the same"
        )
    if not found.customers:
        click.echo("nothing that was billed for these days can be compared")
    if found.left_out:
        click.echo()
        _prices("left out of all sums, because it can't be compared", found.left_out)
    click.echo(f"amounts are {flow.NOTE}")
    if html is not None:
        click.echo(f"the page is in {html}")


_COLUMNS = [">as billed", ">then", ">change", ">%"]


def _customers(title: str, rows: list[OfCustomer]) -> None:
    if rows:
        table(["customer", "name", *_COLUMNS], [[r.key, r.name, *_cells(r)] for r in rows], title)


def _prices(title: str, rows: list[OfPrice]) -> None:
    table(
        ["plan", "price", ">lines", *_COLUMNS, "~state"],
        [
            [r.plan, r.price, f"{r.sums.lines:,}", *_cells(r), _state(r)]
            for r in rows
        ],
        title,
    )  # fmt: skip


def _state(row: OfPrice) -> str:
    if row.state is whatif.State.PRICED:
        return ""
    return f"{row.state.value}: {row.why}" if row.why else row.state.value


def _cells(row: OfCustomer | OfPrice | OfMonth) -> list[str]:
    sums = row.sums
    old = money(sums.old, row.currency)
    if isinstance(row, OfPrice) and row.state not in whatif.COMPARED:
        return [old, "", "", ""]
    return [
        old,
        money(sums.new, row.currency),
        money(sums.more, row.currency),
        whatif.percent_text(sums),
    ]
