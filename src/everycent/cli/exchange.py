"""everycent exchange: tell exchange rates, and see which one applies."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import click

from everycent.app.wiring import App
from everycent.catalog import queries as catalog
from everycent.cli.common import day, emit, json_option, opened, table
from everycent.db.connection import Tx
from everycent.exchange import operations, queries
from everycent.exchange.lookup import Wanted, rule_of
from everycent.exchange.operations import Outcome
from everycent.exchange.rate import Told, formula, parse_pair, told
from everycent.exchange.shown import exchange_data, rate_data
from everycent.integrations import exchange_files
from everycent.integrations.exchange_files import Limits
from everycent.kernel.calendar import local_date
from everycent.kernel.currency import exponent
from everycent.kernel.errors import Invalid

_correct = click.option(
    "--correct", default="", metavar="REASON", help="Stand in the place of what was told before."
)


@click.group()
def exchange() -> None:
    """Exchange rates: dated, told once, never changed."""


@exchange.command("set")
@click.argument("pair")
@click.argument("rate")
@click.option("--on", help="The day that it is of; today (UTC) when not given.")
@click.option("--source", required=True, help="Who says so, such as ECB.")
@_correct
@json_option
def set_(pair: str, rate: str, on: str | None, source: str, correct: str, as_json: bool) -> None:
    """Tell the RATE of a PAIR: with EUR/USD how many USD one EUR costs."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        one = Told(parse_pair(pair), _day(on, app), rate)
        done = _set(tx, app, [one], source, correct)
    data = {"pair": pair, "on": one.on, "rate": rate, "source": source, **done._asdict()}
    emit(
        data,
        as_json,
        lambda: click.echo(f"1 {one.pair.base} = {rate} {one.pair.quote} of {one.on}"),
    )


def _day(text: str | None, app: App) -> date:
    return local_date(app.clock(), "UTC") if text is None else day(text, "on")


def _set(tx: Tx, app: App, rates: list[Told], source: str, correct: str) -> Outcome:
    now = app.clock()
    return operations.set_rates(
        tx, rates, source, correction=correct, at=now, recorded_at=now,
        actor=app.settings.actor, ids=app.ids,
    )  # fmt: skip


@exchange.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", default="ECB", show_default=True, help="Who says so.")
@click.option("--currency", "only", multiple=True, help="Only rates of this one; may be repeated.")
@click.option("--since", help="Only rates of this day and later.")
@_correct
@json_option
def import_(
    file: Path, source: str, only: tuple[str, ...], since: str | None, correct: str, as_json: bool
) -> None:
    """Take the rates of FILE: the euro table of the ECB as CSV, or lines of date,from,to,rate. All of
    them, or none where one is refused. What is known already is passed over."""
    for code in only:
        exponent(code)
    limits = Limits(frozenset(only), None if since is None else day(since, "since"))
    try:
        found = exchange_files.parse(file.read_text(encoding="utf-8"), limits)
    except UnicodeDecodeError as error:
        raise Invalid(
            "exchange.unknown_layout", f"{file.name} is not UTF-8 text: {error}", field="file"
        ) from error
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        done = _set(tx, app, found.told, source, correct)
    data = {"file": str(file), "source": source, **done._asdict(), "unknown": list(found.unknown)}

    def render() -> None:
        click.echo(
            f"{done.added:,} rates added, {done.corrected:,} corrected, {done.unchanged:,} known already"
        )
        if found.unknown:
            click.echo(f"left out, not known here: {', '.join(found.unknown)}")

    emit(data, as_json, render)


@exchange.command("list")
@click.option("--pair", help="Only those of this pair, such as EUR/USD.")
@click.option("--since", help="Only rates of this day and later.")
@click.option("--until", help="Only rates of this day and earlier.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(min=1))
@json_option
def list_(
    pair: str | None, since: str | None, until: str | None, limit: int, as_json: bool
) -> None:
    """List what was told, the newest day first, with every correction."""
    only = None if pair is None else parse_pair(pair)
    first = None if since is None else day(since, "since")
    last = None if until is None else day(until, "until")
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        rows = queries.listed(tx, only, since=first, until=last, limit=limit)
    data = [rate_data(row) for row in rows]
    columns = ["day", "pair", ">rate", "source", "told", "by", "~correction"]
    emit(data, as_json, lambda: table(columns, [_row(one) for one in data]))


def _row(one: dict[str, Any]) -> list[str]:
    told_on = one["recorded_at"][:10]
    return [
        one["on"], one["pair"], one["rate"], one["source"], told_on, one["actor"],
        one["correction"] or "",
    ]  # fmt: skip


@exchange.command()
@click.argument("pair")
@click.option("--on", help="The day for which it is asked; today (UTC) when not given.")
@json_option
def find(pair: str, on: str | None, as_json: bool) -> None:
    """Say which rate applies on a day, by the tenant's policies: with USD/EUR from USD into EUR."""
    of, into = parse_pair(pair)
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        rule = rule_of(catalog.policies(tx))
        found = queries.exchange(tx, Wanted(of, into, _day(on, app)), rule)
    emit(
        exchange_data(found),
        as_json,
        lambda: click.echo(f"{of} {formula(found)} = {into} on {found.day}: {told(found)}"),
    )
