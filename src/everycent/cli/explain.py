"""`everycent explain`: an invoice taken apart on the terminal, as JSON, or as one HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.cells import cell_len

from everycent.cli.common import console, counted, emit, opened, suggested, table
from everycent.db.connection import Tx
from everycent.flows import explain as flow
from everycent.flows.saying import Node, Page
from everycent.integrations import explain_page
from everycent.invoicing import queries
from everycent.kernel.errors import Invalid

_WIDEST = 120
_STYLES = {
    "invoice": "bold",
    "credit_note": "bold",
    "line": "bold",
    "gross": "bold",
    "net": "bold",
    "seal": "green",
    "event": "green",
}


@click.command()
@click.argument("invoice")
@click.option("--line", type=int, help="Only this line, with everything behind it.")
@click.option("--part", type=int, default=1, help="Which series of a formula, with --records.")
@click.option("--records", is_flag=True, help="The usage records that the line counted.")
@click.option("--page", help="Go on after this cursor, which the page before ended with.")
@click.option("--limit", type=click.IntRange(1, 10_000), help="How many records to show.")
@click.option("--json", "as_json", is_flag=True, help="The tree as JSON.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write one self-contained page with pictures into this file.",
)
def explain(
    invoice: str,
    line: int | None,
    part: int,
    records: bool,
    page: str | None,
    limit: int | None,
    as_json: bool,
    html: Path | None,
) -> None:
    """Where every cent of INVOICE comes from.

    From the amount through rounding, price and quantity to the very usage records, and on to the
    ledger entry and the event that it became. Every calculation shown is done again on the way.
    """
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        if records or page is not None:
            line_no = _line_with_usage(tx, invoice, line)
            found = flow.records(tx, invoice, line_no, part, after=page, limit=limit or 20)
            _show_records(tx, invoice, line_no, part, found, as_json)
            return
        tree = flow.explain(tx, invoice, line, first_records=limit or flow.FIRST_RECORDS)
        if html is not None:
            html.write_text(html_of(tx, tree, line), encoding="utf-8")
            emit({"written": str(html)}, as_json, lambda: click.echo(f"wrote {html}"))
        elif as_json:
            emit(msgspec.to_builtins(tree), as_json)
        else:
            _show_tree(tree, is_whole=line is None)


def print_line(tx: Tx, name: str, line: int) -> None:
    """Prints the tree of one line."""
    _print(flow.explain(tx, name, line))


def _line_with_usage(tx: Tx, name: str, line: int | None) -> int:
    """The line asked for; without one, the only line that has usage. Raises Invalid."""
    if line is not None:
        return line
    lines = queries.invoice(tx, name).invoice.lines
    numbers = [each.line_no for each in lines if each.charge.quantity is not None]
    if len(numbers) != 1:
        raise Invalid(
            "explain.which_line",
            f"{name} has {len(numbers)} lines with usage",
            field="line",
            hint="choose one with --line",
        )
    return numbers[0]


def html_of(tx: Tx, tree: Node, line: int | None) -> str:
    """The page of an invoice, or of one line of it."""
    invoice = queries.invoice(tx, tree.facts["invoice"]).invoice
    usage = {
        (each.line_no, number): flow.daily(tx, invoice, each.line_no, number)
        for each in invoice.lines
        if each.charge.quantity is not None and line in (None, each.line_no)
        for number, _ in enumerate(each.charge.quantity.parts, start=1)
    }
    return explain_page.page(invoice, tree, usage)


# --- on the terminal -----------------------------------------------------------------------------


def _show_tree(tree: Node, *, is_whole: bool) -> None:
    _print(_overview(tree) if is_whole else tree)
    click.echo()
    for what, command in _hints(tree, is_whole):
        click.echo(f"  {click.style(f'{what:<28}', dim=True)} {suggested(command)}")


def _print(tree: Node) -> None:
    from rich.tree import Tree

    out = console(to_stderr=False)
    width = min(out.width, _WIDEST)
    root = Tree(_label(tree, width), guide_style="dim")
    _grow(root, tree.children, width)
    out.print(root, width=width)


def _overview(tree: Node) -> Node:
    """The invoice with how each line was calculated, and without what leads to the quantities."""
    return msgspec.structs.replace(tree, children=tuple(_brief(node) for node in tree.children))


def _brief(line: Node) -> Node:
    if line.kind != "line":
        return line
    kept: list[Node] = []
    for node in line.children:
        if node.kind == "price" or (node.kind == "rounding" and not node.facts):
            continue
        if node.kind == "quantity":
            kept.extend(_sources(node))
        else:
            kept.append(node)
    return msgspec.structs.replace(line, children=tuple(kept))


def _sources(quantity: Node) -> Iterator[Node]:
    for node in quantity.children:
        if node.kind == "series":
            seal = next(child for child in node.children if child.kind == "seal")
            count = seal.facts["records"]
            told = f"{count} record{'' if count == '1' else 's'}"
            yield msgspec.structs.replace(node, detail=told, children=())
        else:
            yield node


def _grow(branch: Any, children: Sequence[Node], width: int) -> None:
    for node in children:
        _grow(branch.add(_label(node, width)), node.children, width)


def _label(node: Node, width: int) -> Any:
    """What it is, then how it came about, and the value at the right edge. A value that is very long
    goes on in the next line: it is never cut."""
    from rich.table import Table
    from rich.text import Text

    style = _STYLES.get(node.kind, "")
    if node.kind == "record":
        told = Text.assemble(node.what, ("  " + node.detail, "dim"))
    else:
        told = Text(node.what, style=style)
        if node.detail:
            told.append("  " + node.detail, style="dim" if style != "green" else "not bold dim")
    quantity = node.facts.get("quantity", "")
    values = [*([(quantity, style, 0)] if quantity else []), (node.value, style or "cyan", 14)]
    room = max(16, width // 4)
    grid = Table.grid(expand=True, padding=(0, 0, 0, 3))
    grid.add_column(ratio=1, overflow="fold", min_width=8)
    for value, _, least in values:
        needed = min(max(cell_len(value), least), room)
        grid.add_column(justify="right", overflow="fold", min_width=needed, max_width=room)
    grid.add_row(told, *(Text(value, style=colour) for value, colour, _ in values))
    return grid


def _hints(tree: Node, is_whole: bool) -> Iterator[tuple[str, str]]:
    """What to type for more."""
    name = tree.facts["invoice"]
    lines = [node for node in tree.children if node.kind == "line"]
    usage = [node for node in lines if "quantity" in node.facts]
    if is_whole and lines:
        number = (usage or lines)[0].facts["line"]
        yield "everything behind a line", f"everycent explain {name} --line {number}"
    if usage:
        number = usage[0].facts["line"]
        yield "its usage records", f"everycent explain {name} --line {number} --records"
    if tree.kind == "invoice":
        yield "as a page with pictures", f"everycent explain {name} --html {name}.html"


def _show_records(tx: Tx, name: str, line_no: int, part_no: int, page: Page, as_json: bool) -> None:
    invoice = queries.invoice(tx, name).invoice
    part = flow.part_of(invoice, line_no, part_no)
    if as_json:
        told = {
            "invoice": invoice.name,
            "line": line_no,
            "part": part_no,
            "records": [record._asdict() for record in page.records],
            "after": page.after,
        }
        emit(told, as_json)
        return
    has_dimensions = any(record.dimensions != "{}" for record in page.records)
    columns = ["at", ">value", "record", "source", *(["~dimensions"] if has_dimensions else [])]
    rows = [
        [record.local, record.value, record.record_id, record.source]
        + ([record.dimensions] if has_dimensions else [])
        for record in page.records
    ]
    what = f"{counted(part.records, 'record')} of {part.series.meter} at {part.subject}"
    table(columns, rows, f"{invoice.name} line {line_no}: {what}")
    click.secho(f"times on the clock of {invoice.customer.time_zone}", dim=True)
    if page.after is not None:
        which = f"--line {line_no}" if part_no == 1 else f"--line {line_no} --part {part_no}"
        again = f"everycent explain {invoice.name} {which} --records --page {page.after}"
        click.echo(f"more: {suggested(again)}")
