"""What every command shares: the opened product, output as text or JSON, errors, tables."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import click
from rich.cells import cell_len
from rich.console import Console

from everycent.app import settings, wiring
from everycent.app.wiring import App
from everycent.kernel import calendar
from everycent.kernel.errors import Invalid, Refusal
from everycent.kernel.money import Money, plain
from everycent.kernel.period import instant_text, parse_instant
from everycent.payments.amounts import positive_minor as positive_minor
from everycent.tenants import operations as tenants

_WIDEST = 10_000
_NARROWEST = 24  # cells of a column that wraps, unless what it holds is shorter
_GAP = 3  # cells between two columns; one more stands at either edge
_FILE_COLUMNS = 160  # into a file or a pipe, where nobody says how wide the screen is

_SUGGESTED = re.compile(r"(?:^|(?<=`)|(?<=: ))everycent (?=(?!(?:up|down|status|tenant)\b)[a-z])")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@contextmanager
def opened() -> Iterator[tuple[App, int]]:
    """The product and the tenant that the command works on; the tenant `default` is made when missing."""
    with wiring.running(settings.from_environment()) as app:
        yield app, tenants.named(app.database, app.settings.tenant, app.clock())


def complain(line: str) -> None:
    """Tells whoever looks after a process that stays up, on stderr."""
    click.echo(line, err=True)


def emit(data: Any, as_json: bool, render: Callable[[], object] | None = None) -> None:
    """Prints `data` as JSON, or whatever `render` prints for people."""
    if as_json or render is None:
        click.echo(json.dumps(data, default=_plain, ensure_ascii=False, indent=2))
    else:
        render()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if hasattr(value, "_asdict"):
        return value._asdict()
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} can't be shown as JSON")


def rows_as_data(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Named tuples as JSON objects."""
    return [row._asdict() for row in rows]


def console(*, to_stderr: bool = True) -> Console:
    """A rich console; progress goes to stderr, answers go to stdout."""
    stream = sys.stderr if to_stderr else sys.stdout
    is_told = stream.isatty() or _told_columns() is not None
    return Console(stderr=to_stderr, highlight=False, width=None if is_told else _FILE_COLUMNS)


def _told_columns() -> int | None:
    """How wide the environment says that the screen is."""
    told = os.environ.get("COLUMNS", "")
    return int(told) if told.isascii() and told.isdecimal() and int(told) > 0 else None


def table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None
) -> int | None:
    """Prints an aligned table, or a block of lines for each row where the screen is too narrow for it.
    Returns at which character the last column ends, None where nothing is aligned.

    A column whose name begins with '>' is aligned to the right; one that begins with '~' may wrap
    between words, the others stay whole. Nothing ever loses a letter.
    """
    if not rows:
        click.echo("none")
        return None
    out = console(to_stderr=False)
    spans = [_span(column, [row[number] for row in rows]) for number, column in enumerate(columns)]
    between = _GAP * (len(columns) - 1) + 2
    needed = sum(least for least, _ in spans) + between
    if needed > out.width and (out.is_terminal or _told_columns() is not None):
        _print_blocks(out, [column.lstrip(">~") for column in columns], rows, title)
        return None
    out.width = max(out.width, needed)  # in a file lines may be as long as they are
    widths = _widths(spans, out.width - between)
    out.print(_aligned(columns, rows, title, widths))
    return sum(widths) + between - 1


def _span(column: str, cells: Sequence[str]) -> tuple[int, int]:
    """How wide a column is at least and at most, so that no word is broken."""
    lines = [column.lstrip(">~"), *(line for cell in cells for line in cell.splitlines())]
    longest = max(map(cell_len, lines))
    if not column.startswith("~"):
        return longest, longest
    words = max(cell_len(word) for line in lines for word in line.split() or [""])
    return max(words, min(longest, _NARROWEST)), longest


def _widths(spans: Sequence[tuple[int, int]], room: int) -> list[int]:
    """How wide columns are that have so much room together, which is enough for the least of each. The
    widest give way first. (Left to itself, rich makes columns narrower than they may be, and cuts them.)"""
    widths = [most for _, most in spans]
    while sum(widths) > room:
        _, widest = max((widths[n], n) for n, (least, _) in enumerate(spans) if widths[n] > least)
        widths[widest] -= 1
    return widths


def _aligned(
    columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None, widths: Sequence[int]
) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for column, width in zip(columns, widths, strict=True):
        shown.add_column(
            column.lstrip(">~"),
            justify="right" if column.startswith(">") else "left",
            no_wrap=not column.startswith("~"),
            width=width,
            overflow="fold",
        )
    for row in rows:
        shown.add_row(*map(Text, row))
    return shown


def _print_blocks(
    out: Console, names: Sequence[str], rows: Sequence[Sequence[str]], title: str | None
) -> None:
    """Each row as lines of a name and a value; what is empty is left out."""
    from rich.table import Table
    from rich.text import Text

    if title is not None:
        out.print(Text(title, style="italic"))
    for row in rows:
        block = Table.grid(padding=(0, 2, 0, 0))
        block.add_column(no_wrap=True, style="bold", min_width=max(map(cell_len, names)))
        block.add_column(overflow="fold")
        for name, cell in zip(names, row, strict=True):
            if cell:
                block.add_row(name, Text(cell))
        out.print()
        out.print(block)
    out.print()


def print_lines(told: Sequence[tuple[str, str]]) -> None:
    """Prints names and what stands for them below one another."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, text in told:
        grid.add_row(f"  {name}", Text(text))
    console(to_stderr=False).print(grid)


def money(minor: int, currency: str) -> str:
    """Minor units as people read them: '1,234.50 EUR'."""
    text = plain(Money(minor, currency))
    whole, dot, places = text.partition(".")
    return f"{int(whole):,}{dot}{places} {currency}" if whole != "-0" else f"{text} {currency}"


def suggested(text: str) -> str:
    """The text with commands that work on the same tenant as this one: what somebody is told to type has to
    open the same books. A command stands at the beginning, between backquotes, or after a colon."""
    tenant = os.environ.get("EVERYCENT_TENANT")
    if not tenant or tenant == "default":
        return text
    return _SUGGESTED.sub(lambda _: f"everycent --tenant {shlex.quote(tenant)} ", text)


def counted(number: int, what: str) -> str:
    """'1 record', '1,200 records'."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def instant(text: str | None, zone: str, now: datetime, field: str) -> datetime:
    """An instant from the command line: RFC 3339, or a local date, which stands for its first moment.

    None stands for `now`. Raises Invalid.
    """
    if text is None:
        return now
    if len(text) == 10:
        return calendar.start_of_day(day(text, field), zone)
    at = parse_instant(text, field)
    day(at.date().isoformat(), field)
    return at


def past_instant(text: str | None, zone: str, now: datetime, field: str) -> datetime:
    """An `instant` that has come already. Raises Invalid `date.in_the_future`."""
    at = instant(text, zone, now, field)
    if at > now:
        raise Invalid(
            "date.in_the_future",
            f"{instant_text(at)} has not come yet",
            field=field,
            value=text,
            hint="correct the date",
        )
    return at


def day(text: str, field: str) -> date:
    """A date from the command line. Raises Invalid `date.malformed`, `date.out_of_range`."""
    return calendar.day_between(text, field, 1970, 2199)


END_OF_TIME = datetime.combine(date(2999, 1, 1), time(), UTC)


def fail(refusal: Refusal, *, as_json: bool) -> None:
    """Tells a person (or with --json a program) what was refused and what to do, on stderr."""
    hint = refusal.hint and suggested(refusal.hint)
    if as_json:
        told = refusal.as_dict() | ({"hint": hint} if hint else {})
        click.echo(json.dumps({"error": told}, ensure_ascii=False), err=True)
        return
    click.secho(f"everycent: {refusal.message}", err=True, fg="red")
    details = [f"[{refusal.code}]"]
    if refusal.field:
        details.append(f"field {refusal.field}")
    click.echo("  " + "  ".join(details), err=True)
    if hint:
        click.echo(f"  → {hint}", err=True)
