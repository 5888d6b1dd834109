"""everycent config: which sub-services reports are pulled from, as versions that never change."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from everycent.app import reporting
from everycent.app.wiring import App
from everycent.catalog import document
from everycent.cli.common import complain, emit, json_option, opened, table
from everycent.flows.report_told import activation_data, version_data, version_state
from everycent.integrations import report_config_file
from everycent.kernel.errors import Invalid
from everycent.kernel.period import instant_text
from everycent.reports import config as configs
from everycent.reports import operations, queries
from everycent.reports.config import Config
from everycent.reports.operations import Writer


@click.group()
def config() -> None:
    """Versions of the configuration of reports: named, unchangeable, one of them active. A new one is
    rolled out and rolled back without a restart; a report that is being built keeps the one it began
    with."""


@config.command()
@click.argument(
    "path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--activate", "is_active", is_flag=True, help="Make it the active one, too.")
@click.option("--reason", default="", help="Why it becomes the active one.")
@json_option
def create(path: Path, is_active: bool, reason: str, as_json: bool) -> None:
    """Record the version that FILE describes (docs/reports.md). The same one again changes nothing, also
    with --activate."""
    made = configs.parse(document.read(_text(path)) or {})
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        is_new = operations.create(tx, made, _writer(app))
        if is_active and not queries.holds(tx, made.name):
            operations.activate(tx, made.name, reason, _writer(app))
    data = {"name": made.name, "digest": made.digest, "is_new": is_new, "is_active": is_active}

    def render() -> None:
        click.echo(
            f"{made.name} is {'recorded' if is_new else 'there already'}  {made.digest[:16]}"
        )
        if is_active:
            click.echo(f"{made.name} holds from now on")

    emit(data, as_json, render)
    if is_active:
        _warn(made)


@config.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the versions, the newest first."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = queries.versions(tx)
    data = [version_data(one) for one in found]
    rows = [
        [
            one.config.name, version_state(one), ", ".join(s.name for s in one.config.services),
            instant_text(one.created_at)[:16], one.actor, one.digest[:16],
        ]
        for one in found
    ]  # fmt: skip
    columns = ["version", "state", "~sub-services", "created", "by", "digest"]
    emit(data, as_json, lambda: table(columns, rows))


@config.command()
@click.argument("name", metavar="[VERSION]", required=False)
@click.option(
    "--k8s", is_flag=True, help="As a Kubernetes config map that is immutable and named after it."
)
@json_option
def show(name: str | None, k8s: bool, as_json: bool) -> None:
    """Show a VERSION, or the active one, as the file that makes it."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = queries.config(tx, name) if name else queries.active(tx)
    shown = report_config_file.config_map(found) if k8s else report_config_file.text_of(found)
    emit(msgspec.to_builtins(found), as_json, lambda: click.echo(shown, nl=False))


@config.command()
@click.argument("before")
@click.argument("after")
@json_option
def diff(before: str, after: str, as_json: bool) -> None:
    """Say what differs between the versions BEFORE and AFTER; exits with 3 when something does."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = configs.differences(queries.config(tx, before), queries.config(tx, after))
    data = [{"place": place, before: left, after: right} for place, left, right in found]

    def render() -> None:
        if not found:
            click.echo("nothing differs but the name")
            return
        table(["~place", f"~{before}", f"~{after}"], [list(row) for row in found])

    emit(data, as_json, render)
    if found:
        raise SystemExit(3)


@config.command()
@click.argument("name", metavar="VERSION")
@click.option("--reason", default="", help="Why.")
@json_option
def activate(name: str, reason: str, as_json: bool) -> None:
    """From now on VERSION holds, for every process at once."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        made = operations.activate(tx, name, reason, _writer(app))
        told = queries.config(tx, made.name)
    emit(msgspec.to_builtins(made), as_json, lambda: click.echo(_told(made.name, made.before)))
    _warn(told)


@config.command()
@click.option("--reason", default="", help="Why.")
@json_option
def rollback(reason: str, as_json: bool) -> None:
    """The version that held before holds again."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        made = operations.roll_back(tx, reason, _writer(app))
    emit(msgspec.to_builtins(made), as_json, lambda: click.echo(_told(made.name, made.before)))


@config.command()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1))
@json_option
def history(limit: int, as_json: bool) -> None:
    """Show which versions held since when, the newest first."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = queries.history(tx, limit)
    data = [activation_data(row) for row in found]
    rows = [
        [str(row.number), row.name, instant_text(row.at)[:19], row.actor, row.reason]
        for row in found
    ]
    emit(data, as_json, lambda: table([">no", "version", "since", "by", "~reason"], rows))


def _warn(config: Config) -> None:
    for one in reporting.keyless(config):
        complain(
            f"{one.key} is not set here: whatever builds reports needs it, with the key of {one.name}"
        )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(
            "config.not_text", f"{path.name} is not UTF-8 text: {error}", field="file"
        ) from error


def _writer(app: App) -> Writer:
    return Writer(app.clock(), app.settings.actor, app.ids)


def _told(name: str, before: str | None) -> str:
    return f"{name} holds from now on" + (f"; until now it was {before}" if before else "")
