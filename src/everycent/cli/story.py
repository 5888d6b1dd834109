"""everycent story: run the months of a customer from a file, and see what comes out otherwise."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from everycent.app import settings, throwaway, wiring
from everycent.cli import explain as pages
from everycent.cli.common import counted, emit, json_option, table
from everycent.cli.invoices import render
from everycent.db.connection import Database
from everycent.examples import data
from everycent.flows import explain as flow
from everycent.flows.stories import play as stories
from everycent.flows.stories.document import Story
from everycent.flows.stories.play import BILLING, Happened, Played
from everycent.invoicing import queries as invoices
from everycent.kernel import calendar
from everycent.kernel.errors import Conflict
from everycent.tenants import operations as tenants

_DIFFERS = 3
_TOLD = ("owed", "balance", "running", "allowance", "crossed")
"""Actions that ask for values by name."""
_SLUG_CHARACTERS = 30
_LONGEST = 100

keep_option = click.option("--keep", is_flag=True, help="Leave the tenant to look at.")
html_option = click.option(
    "--html", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Write a page for each invoice that explains every cent of it.",
)  # fmt: skip


@click.group()
def story() -> None:
    """Stories: dated steps in a file, with the invoices and balances that must come out."""


@story.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--show", is_flag=True, help="Print every step and every invoice too.")
@keep_option
@html_option
@json_option
def run(files: tuple[Path, ...], show: bool, keep: bool, html: Path | None, as_json: bool) -> None:
    """Run the stories in FILES on a test clock, each in books of its own that are thrown away.

    Prints what came out otherwise than expected; the exit code is then 3.
    """
    told = [(str(file), stories.load(file)) for file in files]
    play(told, show=show, keep=keep, html=html, as_json=as_json)


@story.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@json_option
def new(file: Path | None, as_json: bool) -> None:
    """Write a story that runs, with comments, to begin your own with; to FILE, or to standard output."""
    text = data.STARTER.read_text("utf-8")
    if file is None:
        emit({"story": text}, as_json, lambda: click.echo(text, nl=False))
        return
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(text.replace("FILE", str(file)))
    except FileExistsError as error:
        raise Conflict(
            "story.exists",
            f"there is a file {file} already",
            field="file",
            value=str(file),
            hint="choose another name: nothing is overwritten",
        ) from error
    emit(
        {"file": str(file)},
        as_json,
        lambda: click.echo(f"wrote {file}; run it with: everycent story run {file}"),
    )


def play(
    told: Sequence[tuple[str, Story]], *, show: bool, keep: bool, html: Path | None, as_json: bool
) -> None:
    """Runs stories, given with the names of their files, and prints what came of them."""
    results: list[tuple[str, str | None, Played]] = []
    with _books(keep) as (database, make, stays):
        for number, (file, each) in enumerate(told, start=1):
            slug, tenant_id = make(each, number)
            played = stories.play(database, tenant_id, each)
            results.append((file, slug if stays else None, played))
            if not as_json:
                if show:
                    _show(database, tenant_id, played)
                _render(file, played)
                if stays:
                    click.echo(f"  look at it with: everycent --tenant {slug} invoice list")
            if html is not None:
                _write_pages(database, tenant_id, html / _slug(each.name), quiet=as_json)
    if as_json:
        emit([_data(*result) for result in results], as_json=True)
    if any(played.differences for *_, played in results):
        sys.exit(_DIFFERS)


Make = Callable[[Story, int], tuple[str, int]]
"""Makes the tenant of a story, which is the n-th of a command; returns its slug and its number."""


@contextmanager
def _books(keep: bool) -> Iterator[tuple[Database, Make, bool]]:
    """A database, what makes tenants in it, and whether they stay."""
    found = settings.from_environment()
    if keep:
        with wiring.running(found) as app:
            yield app.database, lambda story, _: _kept(app, story), True
        return
    with throwaway.books(found) as (app, slug, stays):

        def make(story: Story, number: int) -> tuple[str, int]:
            own = f"{slug}-{number}"
            return own, tenants.create(app.database, own, story.name, app.clock())

        yield app.database, make, stays


def _kept(app: wiring.App, story: Story) -> tuple[str, int]:
    """A tenant of the story's name, with a number when there is one already."""
    number = 1
    while True:
        slug = f"story-{_slug(story.name)}" + (f"-{number}" if number > 1 else "")
        try:
            return slug, tenants.create(app.database, slug, story.name[:200], app.clock())
        except Conflict:
            number += 1


def _slug(name: str) -> str:
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")[:_SLUG_CHARACTERS].strip("-") or "x"


def _data(file: str, tenant: str | None, played: Played) -> dict[str, Any]:
    return {
        "file": file,
        "story": played.story.name,
        "tenant": tenant,
        "differences": played.differences,
        "broken_promises": list(played.broken),
        "steps": [
            {
                "step": one.step.number,
                "line": one.step.line,
                "at": one.step.at,
                "action": one.step.action,
                "came_out": one.data,
                "refused": None if one.refused is None else one.refused.as_dict(),
                "differences": [found._asdict() for found in one.differences],
            }
            for one in played.steps
        ],
    }


def _render(file: str, played: Played) -> None:
    steps = sum(one.step.number > 0 for one in played.steps)
    told = f"{counted(steps, 'step')}, {counted(len(played.invoices), 'invoice')}"
    if not played.differences:
        click.echo(f"{click.style('ok', fg='green')}  {played.story.name}: {told}")
        return
    many = counted(played.differences, "difference")
    click.echo(f"{click.style('differs', fg='red')}  {played.story.name}: {told}, {many} ({file})")
    table(
        ["line", "date", "~where", "what", "~expected", "~came out"],
        [
            [str(one.step.line), _date(one, played), found.where, found.field, found.expected,
             found.came_out]
            for one in played.steps
            for found in one.differences
        ]
        + [["", "", "the books", "promise", "holds", promise] for promise in played.broken],
    )  # fmt: skip
    last = played.steps[-1].refused if played.steps else None
    if last is not None and last.hint and played.steps[-1].differences:
        click.echo(f"  → {last.hint}")
    left = len(played.story.steps) - len(played.steps)
    if left:
        click.echo(f"  {counted(left, 'step')} after that {'was' if left == 1 else 'were'} not run")


def _date(one: Happened, played: Played) -> str:
    return str(calendar.local_date(one.step.at, played.story.time_zone))


def _show(database: Database, tenant_id: int, played: Played) -> None:
    click.secho(played.story.name, bold=True)
    if played.story.about:
        click.echo(played.story.about)
    click.echo()
    with database.snapshot(tenant_id) as tx:
        for one in played.steps:
            told = _brief(one)
            click.echo(f"{_date(one, played)}  {click.style(one.step.action, bold=True)}  {told}")
            if one.refused is not None:
                click.secho(f"            refused: {one.refused.message}", fg="yellow")
            elif one.step.action in BILLING:
                if not one.data["invoices"]:
                    click.echo("            nothing is due")
                for invoice in one.data["invoices"]:
                    click.echo()
                    render(invoices.invoice(tx, invoice["number"]).invoice)
                click.echo()
            elif one.step.action == "preview":
                totals = ", ".join(each["total"] for each in one.data["previewed"])
                click.echo(f"            to be issued: {totals or 'nothing'}")
            elif one.step.action in _TOLD:
                told = ", ".join(f"{name} {amount}" for name, amount in one.data.items())
                click.echo(f"            {one.step.action}: {told or 'nothing'}")


def _brief(one: Happened) -> str:
    """A step in one line, without what it expects."""
    if one.step.action == "catalog" and one.refused is None:
        text = ", ".join(told.partition(":")[0] for told in one.data)
    else:
        text = " ".join(_in_words(one.step.written).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _in_words(written: Any) -> str:
    if isinstance(written, dict):
        told = [f"{name} {_in_words(part)}" for name, part in written.items() if name != "expect"]
        return ", ".join(told)
    if isinstance(written, list):
        return "; ".join(map(_in_words, written))
    return str(written)


def _write_pages(database: Database, tenant_id: int, folder: Path, *, quiet: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with database.snapshot(tenant_id) as tx:
        rows = [
            row for row in invoices.listed(tx, limit=100_000) if not (row.credits or row.reduces)
        ]
        for row in rows:
            name = invoices.issued(tx, row.event_id).invoice.name
            page = pages.html_of(tx, flow.explain(tx, name), None)
            (folder / f"{name}.html").write_text(page, encoding="utf-8")
    if not quiet:
        click.echo(f"  wrote {counted(len(rows), 'page')} into {folder}")
