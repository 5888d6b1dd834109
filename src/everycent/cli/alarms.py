"""everycent alarm: what is wrong now, and what was."""

from __future__ import annotations

import sys
from datetime import datetime

import click
import psycopg

from everycent.alarms import operations, queries
from everycent.alarms.alarm import Alarm
from everycent.alarms.shown import as_data
from everycent.app import alarming, away, settings
from everycent.cli.common import complain, emit, json_option, opened, table
from everycent.db import embedded
from everycent.db.connection import first_line, is_away
from everycent.kernel.errors import Refusal
from everycent.kernel.period import instant_text


@click.group()
def alarm() -> None:
    """Alarms: raised when something is wrong, resolved when it is right again."""


@alarm.command("list")
@click.option("--all", "is_all", is_flag=True, help="Those that are resolved too.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(min=1))
@json_option
def list_(is_all: bool, limit: int, as_json: bool) -> None:
    """List the alarms that are open, the newest first; exits with 3 when there are any. While the database
    is away, those that are written down on this machine; it is not started for that."""
    found = _listed(is_all=is_all, limit=limit)

    def render() -> None:
        if not found:
            click.echo("nothing was ever wrong" if is_all else "nothing is wrong")
            return
        columns = ["alarm", "since", "state", "severity", "kind", "~subject", "~what is wrong"]
        if is_all:
            columns.insert(2, "until")
        table(columns, [_row(one, is_all=is_all) for one in found])

    emit([as_data(one) for one in found], as_json, render)
    if any(one.resolved_at is None for one in found):
        sys.exit(3)


@alarm.command()
@click.argument("name", metavar="ALARM")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show ALARM and what became of it."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = queries.by_name(tx, name)

    def render() -> None:
        click.echo(f"{found.kind} {found.subject} ({found.severity})\n{found.message}\n")
        click.echo(f"raised        {instant_text(found.raised_at)} by {found.source}")
        if found.acknowledged_at is not None:
            seen = instant_text(found.acknowledged_at)
            click.echo(f"acknowledged  {seen} by {found.acknowledged_by}")
        if found.resolved_at is not None:
            over = instant_text(found.resolved_at)
            click.echo(f"resolved      {over} by {found.resolved_by} {found.reason}".rstrip())

    emit(as_data(found), as_json, render)


@alarm.command()
@click.argument("name", metavar="ALARM")
@json_option
def acknowledge(name: str, as_json: bool) -> None:
    """Say that somebody has seen ALARM."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        found = operations.acknowledge(tx, name, alarming.writer(app))
    by = found.acknowledged_by
    emit(as_data(found), as_json, lambda: click.echo(f"{name} was seen by {by}"))


@alarm.command()
@click.argument("name", metavar="ALARM")
@click.option("--reason", required=True, help="Why it is right again.")
@json_option
def resolve(name: str, reason: str, as_json: bool) -> None:
    """Say that what ALARM is about is right again. Where it is not, the alarm is raised anew."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        found = operations.resolve(tx, name, reason, alarming.writer(app))
    emit(as_data(found), as_json, lambda: click.echo(f"{name} is resolved"))


def _listed(*, is_all: bool, limit: int) -> list[Alarm]:
    """The alarms of the list; where the database is away, and that was noticed, those on disk."""
    here = settings.from_environment()
    waiting = [one for one in away.waiting(here.home) if is_all or one.resolved_at is None]
    is_noticed = any(one.resolved_at is None for one in waiting)
    why = "it was stopped"
    if not is_noticed or here.database_url or embedded.status(here.home).running:
        try:
            with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
                return queries.listed(tx, is_open=not is_all, limit=limit)
        except (psycopg.Error, Refusal) as error:
            if not is_noticed or not is_away(error):
                raise
            why = first_line(error)
    complain(f"the database is away ({why}): only alarms written down on this machine are shown")
    return waiting[:limit]


def _row(one: Alarm, *, is_all: bool) -> list[str]:
    until = [_second(one.resolved_at)] if is_all else []
    return [
        one.name, _second(one.raised_at), *until, one.state, one.severity.value, one.kind,
        one.subject, one.message,
    ]  # fmt: skip


def _second(at: datetime | None) -> str:
    return "" if at is None else instant_text(at)[:19]
