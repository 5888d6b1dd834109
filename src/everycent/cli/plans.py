"""everycent plan: contracts that go over to a new version of their plan, all together."""

from __future__ import annotations

import sys

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from everycent.cli.common import console, counted, day, emit, instant, json_option, opened, table
from everycent.flows import move as flow
from everycent.flows.move import Outcome
from everycent.subscriptions.operations import Writing


@click.group()
def plan() -> None:
    """Move contracts between versions of a plan."""


@plan.command("move")
@click.argument("key", metavar="PLAN")
@click.option("--from-version", type=click.IntRange(min=1), help="Only contracts on this version.")
@click.option("--on", help="First local day on the newest version; for each contract the end of its"
              " running period when not given.")  # fmt: skip
@click.option("--subscription", "keys", multiple=True, metavar="KEY",
              help="Only this contract; may be given several times.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would become of it; write nothing.")
@click.option("--reason", default="", help="Why, for whoever reads the journal.")
@click.option("--at", help="When it was agreed; now when not given.")
@json_option
def move_(
    key: str,
    from_version: int | None,
    on: str | None,
    keys: tuple[str, ...],
    dry_run: bool,
    reason: str,
    at: str | None,
    as_json: bool,
) -> None:
    """Let all contracts on older versions of PLAN go over to the newest, add-ons included. Quantities and
    prices of their own go on. Run it as often as you like: it goes on where it stopped.

    Contracts that can't go over are listed with the reason and left alone; the exit code is 3 then.
    """
    first = None if on is None else day(on, "on")
    wanted = flow.Move(key, first, from_version, keys or None, reason, dry_run)
    bar = Progress(
        TextColumn("moving"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("contracts"),
        TimeElapsedColumn(),
        console=console(),
        disable=not sys.stderr.isatty(),
    )
    with opened() as (app, tenant_id), bar:
        task = bar.add_task("moving", total=None)
        now = app.clock()
        writing = Writing(
            at=instant(at, "UTC", now, "at"),
            recorded_at=now,
            actor=app.settings.actor,
            ids=app.ids,
        )
        found = flow.move(
            app.database,
            tenant_id,
            wanted,
            writing=writing,
            on_progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    emit(flow.as_data(found, key, is_trial=dry_run), as_json, lambda: _show(found, key, dry_run))
    if found.left_alone:
        sys.exit(3)


def _show(found: Outcome, key: str, is_trial: bool) -> None:
    for version, fields in found.differences.items():
        click.echo(f"version {version} → {found.version}")
        for field in fields:
            click.echo(f"    {field}")
    if found.left_alone:
        who = counted(len(found.left_alone), "contract")
        click.secho(f"{who} can't go over:", fg="yellow")
        table(
            ["subscription", "code", "~why"],
            [[one.key, one.refusal.code, one.refusal.message] for one in found.left_alone],
        )
    verb = "would go over" if is_trial else "went over"
    told = ", ".join(f"{n:,} from version {v}" for v, n in found.from_versions.items())
    click.echo(
        f"{counted(found.moved, 'contract')} {verb} to version {found.version} of {key}"
        + (f": {told}" if told else "")
    )
