"""everycent catalog: what is sold and at what price, as a file under version control."""

from __future__ import annotations

from typing import Any

import click

from everycent.catalog import difference, document, operations, queries
from everycent.catalog.difference import Change, Verb
from everycent.catalog.shown import changes_data
from everycent.cli.catalog_show import show
from everycent.cli.common import emit, instant, json_option, opened
from everycent.kernel.errors import Invalid

_SIGNS = {Verb.CREATE: "+", Verb.CHANGE: "~", Verb.KEEP: "="}
_COLOURS = {Verb.CREATE: "green", Verb.CHANGE: "yellow", Verb.KEEP: None}


@click.group()
def catalog() -> None:
    """Meters and what they need, taxes, products and plans, out of a YAML or JSON file."""


def _read(file: Any) -> list[document.Entity]:
    try:
        return document.parse(file.read())
    except UnicodeDecodeError as error:
        raise Invalid("catalog.unreadable", f"the file is not UTF-8 text: {error}") from error


def _render(changes: list[Change], done: str) -> None:
    for change in changes:
        if change.verb is Verb.KEEP:
            continue
        sign = _SIGNS[change.verb]
        text = f"{sign} {change.kind} {change.key} (version {change.version})"
        click.secho(text, fg=_COLOURS[change.verb])
        for field in change.fields:
            click.echo(f"    {field}")
    counts = {verb: sum(change.verb is verb for change in changes) for verb in Verb}
    click.echo(
        f"{done}: {counts[Verb.CREATE]} to create, {counts[Verb.CHANGE]} to change,"
        f" {counts[Verb.KEEP]} unchanged"
        if done == "plan"
        else f"{done}: {counts[Verb.CREATE]} created, {counts[Verb.CHANGE]} changed,"
        f" {counts[Verb.KEEP]} unchanged"
    )


@catalog.command()
@click.argument("file", type=click.File(encoding="utf-8"))
@json_option
def plan(file: Any, as_json: bool) -> None:
    """Show what applying FILE would change. Changes nothing."""
    wanted = _read(file)
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        changes = difference.changes(wanted, queries.known(tx))
    emit(changes_data(changes), as_json, lambda: _render(changes, "plan"))


@catalog.command()
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--at", help="When it holds (date or instant); now when not given.")
@json_option
def apply(file: Any, at: str | None, as_json: bool) -> None:
    """Record what FILE changes as new versions. What was sold before stays as it was."""
    wanted = _read(file)
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        now = app.clock()
        changes = operations.apply(
            tx,
            wanted,
            at=instant(at, "UTC", now, "at"),
            recorded_at=now,
            actor=app.settings.actor,
            ids=app.ids,
        )
    emit(changes_data(changes), as_json, lambda: _render(changes, "applied"))


catalog.add_command(show)
