"""everycent demo, everycent example: the shipped examples."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from everycent.app import settings, throwaway, wiring
from everycent.app.wiring import App
from everycent.cli import examples_reports, explain, story, verify
from everycent.cli.common import console, emit, json_option, money, table
from everycent.cli.invoices import render
from everycent.db.connection import Database
from everycent.examples import cloud as cloud_example
from everycent.examples import data as example_data
from everycent.examples import utility as utility_example
from everycent.flows.stories.play import load
from everycent.invoicing import queries as invoices
from everycent.invoicing.invoice import name_of
from everycent.kernel.errors import Broken
from everycent.tenants import operations as tenants

DEMO = "demo"


@click.command()
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
def demo(workers: int) -> None:
    """Bill a real electricity utility for half a year, explain a line, prove the books.

    Works in the tenant `demo`. Running it again finds everything in place and changes nothing.
    """
    found = settings.from_environment()
    with wiring.running(found) as app:
        tenant_id = tenants.ensure(app.database, DEMO, "Demo utility", app.clock())
        utility = utility_example.load(utility_example.DATA)
        click.secho("An electricity utility, January to June 2016", bold=True)
        click.echo("13 metering points, 4 tariffs, real quarter-hour load profiles (SimBench)\n")
        billed = _play(app.database, tenant_id, app, utility, utility_example.PROFILES,
                       workers=workers, with_register=True)  # fmt: skip
        click.echo(f"{billed.records:,} usage records, {len(billed.months)} months\n")
        number = _show_invoices(app.database, tenant_id)
        _check_expected(app.database, tenant_id, utility)
        click.secho("\nWhy is line 3 of it what it is?\n", bold=True)
        with app.database.snapshot(tenant_id) as tx:
            explain.print_line(tx, number, 3)
        click.secho("\nDo the books hold?\n", bold=True)
        checks = verify.prove(app, tenant_id, with_replay=True, quiet=False)
    if any(check.violators for check, _ in checks):
        raise Broken("demo.broken", "the books of the demo do not hold", hint="please report this")
    _next_steps(number)


def _play(
    database: Database,
    tenant_id: int,
    app: App,
    utility: utility_example.Utility,
    profiles: Path,
    *,
    workers: int,
    with_register: bool,
) -> utility_example.Billed:
    bar = Progress(
        TextColumn("{task.description:<10}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=console(),
        disable=not sys.stderr.isatty(),
    )
    tasks: dict[str, Any] = {}
    with bar:

        def show(progress: utility_example.Progress) -> None:
            if progress.phase not in tasks:
                tasks[progress.phase] = bar.add_task(progress.phase, total=progress.total)
            bar.update(tasks[progress.phase], completed=progress.done, total=progress.total)

        return utility_example.play(
            database,
            tenant_id,
            utility,
            profiles,
            clock=app.clock,
            ids=app.ids,
            actor=app.settings.actor,
            with_register=with_register,
            workers=workers,
            on_progress=show,
        )


def _show_invoices(database: Database, tenant_id: int) -> str:
    with database.snapshot(tenant_id) as tx:
        rows = invoices.listed(tx, limit=10_000)
        by_customer: dict[str, list[Any]] = {}
        for row in rows:
            by_customer.setdefault(row.customer, []).append(row)
        months = sorted({row.issued_on for row in rows})
        table(
            ["point", *(f">billed {month:%-d %b}" for month in months)],
            [
                [key, *(money(row.gross, row.currency) for row in own)]
                for key, own in sorted(by_customer.items())
            ],
        )
        chosen = by_customer["HR-0005"][1]
        number = name_of(chosen.series, chosen.number)
        click.echo("One of them:\n")
        render(invoices.invoice(tx, number).invoice)
    return number


def _check_expected(database: Database, tenant_id: int, utility: utility_example.Utility) -> None:
    """The file brings the invoices of January to March as somebody else computed them."""
    expected = utility.told["expected"]["invoices"]
    made = utility_example.result(database, tenant_id)
    same = sum(
        made[point][month] == invoice
        for point, months in expected.items()
        for month, invoice in months.items()
    )
    total = sum(len(months) for months in expected.values())
    click.echo(f"\n{same} of {total} invoices published with the data are equal to the cent")
    if same != total:
        raise Broken("demo.differs", "an invoice differs from the one published with the data")


def _next_steps(number: str) -> None:
    click.secho("\nWhat to type next\n", bold=True)
    command = (
        "everycent" if sys.prefix == sys.base_prefix else f"{Path(sys.prefix).name}/bin/everycent"
    )
    for typed, what in next_steps(command, number):
        click.echo(f"  {typed}  " + click.style(f"# {what}", dim=True))


def next_steps(command: str, number: str) -> list[tuple[str, str]]:
    """What to type after the demo, all equally long, and what each is."""
    here = f"{command} --tenant demo"
    steps = [
        (
            f"{here} explain {number} --html invoice.html",
            "the whole invoice as a page with pictures",
        ),
        (f"{here} explain {number} --line 3 --records", "the meter readings behind a line"),
        (f"{here} owed --as-of 2016-04-15", "who owed how much in April 2016"),
        (f"{here} books trial-balance", "the double-entry books"),
        (f"{here} journal show", "what happened, in order"),
        (f"{here} verify --replay", "prove all of it again"),
        (f"{command} down", "stop the embedded database"),
    ]
    width = max(len(typed) for typed, _ in steps)
    return [(typed.ljust(width), what) for typed, what in steps]


@click.group()
def example() -> None:
    """Bill the shipped examples, or your own file of their shape, in throw-away books."""


@contextmanager
def _throw_away() -> Iterator[tuple[App, Database, int]]:
    """The books of an example: a tenant in a database that is thrown away."""
    with throwaway.books(settings.from_environment()) as (app, slug, _):
        yield app, app.database, tenants.create(app.database, slug, "Example", app.clock())


@example.command()
@click.option("--data", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              default=utility_example.DATA, help="A file shaped like utility.json.")  # fmt: skip
@click.option("--profiles", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              default=utility_example.PROFILES, help="Its load profiles, CSV or CSV.gz.")  # fmt: skip
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64))
@json_option
def utility(data: Path, profiles: Path, workers: int, as_json: bool) -> None:
    """Bill an electricity utility. With --json: all invoices in the shape of `expected.invoices`."""
    told = utility_example.load(data)
    with _throw_away() as (app, database, tenant_id):
        _play(database, tenant_id, app, told, profiles, workers=workers, with_register=False)
        made = utility_example.result(database, tenant_id)

    def render_all() -> None:
        months = sorted({month for own in made.values() for month in own})
        table(
            ["point", *(f">{month}" for month in months)],
            [
                [key, *(own.get(m, {}).get("gross", "") for m in months)]
                for key, own in made.items()
            ],
        )

    emit(made, as_json, render_all)


@example.command()
@click.option("--data", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              default=cloud_example.DATA, help="A file in FOCUS 1.0 format, CSV or CSV.gz.")  # fmt: skip
@json_option
def cloud(data: Path, as_json: bool) -> None:
    """Rate and bill real cloud usage in FOCUS format, one customer per sub-account."""
    with _throw_away() as (app, database, tenant_id):
        made = cloud_example.play(
            database, tenant_id, data, clock=app.clock, ids=app.ids, actor=app.settings.actor
        )
    if as_json:
        click.echo(json.dumps(cloud_example.as_data(made), indent=2, ensure_ascii=False))
        return
    click.echo(cloud_example.told(made))
    table(
        ["row", "price", ">list unit price", ">pricing quantity", ">rated", ">list cost in file"],
        [
            [d.row, d.price, d.unit_price, d.quantity, d.rated, d.listed]
            for d in made.differences[:15]
        ],
    )
    click.echo(f"{len(made.differences)} rows differ in all; --json has every one")
    table(
        ["customer", "name", ">records", ">rated exactly", ">invoiced"],
        [[a.key, a.name, str(a.records), a.exact, a.gross] for a in made.accounts[:20]],
    )


def _add_story(name: str, about: str) -> None:
    @example.command(name, help=f"{about} A story: every step and invoice is shown.")
    @story.keep_option
    @story.html_option
    @json_option
    def run(keep: bool, html: Path | None, as_json: bool) -> None:
        path = example_data.story(name)
        story.play([(path.name, load(path))], show=True, keep=keep, html=html, as_json=as_json)


for _name, _about in example_data.STORIES.items():
    _add_story(_name, _about)


example.add_command(examples_reports.reports)
