"""everycent usage void, replace, backfill, undo: put wrong records right, after a look."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import click

from everycent.app.wiring import App
from everycent.catalog import queries as catalog
from everycent.cli import usage_effect
from everycent.cli.common import emit, instant, json_option, opened
from everycent.cli.usage_corrected import corrections
from everycent.cli.usage_find import find
from everycent.cli.usage_layout import Layout, layout_options, reading, unread_text
from everycent.corrections.operations import By
from everycent.corrections.scope import Scope
from everycent.corrections.shown import correction_id
from everycent.flows import correct
from everycent.flows.correct import Action
from everycent.flows.correction_effect import as_data
from everycent.flows.correction_file import read_records
from everycent.kernel.errors import Invalid
from everycent.kernel.period import period
from everycent.metering.record import UsageRecord

_file = click.argument(
    "file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, allow_dash=True)
)
_reason = click.option("--reason", required=True, help="Why, for whoever reads the books later.")
_preview = click.option(
    "--preview", is_flag=True, help="Show what would change on which invoice; change nothing."
)


@click.command()
@click.argument("record_ids", metavar="ID...", nargs=-1, required=True)
@click.option("--source", required=True, help="The system that the ids come from.")
@_reason
@_preview
@json_option
def void(
    record_ids: tuple[str, ...], source: str, reason: str, preview: bool, as_json: bool
) -> None:
    """Take records out of the count. They stay stored, and can be put back (undo).

    Of a record that was replaced, ID takes back whatever counts of it now.
    """
    with opened() as (app, tenant_id):
        named = [(source, record_id) for record_id in record_ids]
        _do(app, tenant_id, correct.void(named, _by(app, reason)), preview, as_json)


@click.command()
@_file
@layout_options
@_reason
@_preview
@json_option
def replace(file: str, layout: Layout, reason: str, preview: bool, as_json: bool) -> None:
    """Put each row of FILE in the place of the record with its id, whichever of its sayings counts now."""
    with opened() as (app, tenant_id):
        records = _records(app, tenant_id, file, layout)
        _do(app, tenant_id, correct.replace(records, _by(app, reason)), preview, as_json)


@click.command()
@_file
@click.option("--from", "starts", metavar="INSTANT", required=True, help="Where the span begins.")
@click.option("--to", "ends", metavar="INSTANT", required=True, help="Where it ends, not included.")
@click.option("--subject", "subjects", multiple=True, help="Whose; those in the file by default.")
@click.option("--meter", "meters", multiple=True, help="Of what; those in the file by default.")
@click.option("--source-only", type=click.Choice(["own", "all"]), default="own", show_default=True,
              help="Replace records of the file's source only, or of all sources.")  # fmt: skip
@partial(
    layout_options,
    zone_help="Zone of wall-clock times, and of the days of --from and --to; UTC when it is missing.",
)
@_reason
@_preview
@json_option
def backfill(
    file: str,
    starts: str,
    ends: str,
    subjects: tuple[str, ...],
    meters: tuple[str, ...],
    source_only: str,
    layout: Layout,
    reason: str,
    preview: bool,
    as_json: bool,
) -> None:
    """Make a span of time say what FILE says.

    What is missing is added, what differs is replaced, what is not in the file is taken back; what is
    right already is left alone. One bad row refuses the file. INSTANT is RFC 3339 or a local date.
    """
    with opened() as (app, tenant_id):
        now = app.clock()
        span = period(
            instant(starts, layout.zone, now, "from"), instant(ends, layout.zone, now, "to")
        )
        records = _records(app, tenant_id, file, layout)
        scope = Scope(
            subjects or tuple(sorted({record.subject for record in records})),
            meters or tuple(sorted({record.meter for record in records})),
            span,
            None if source_only == "all" else layout.mapping.source or _only_source(records),
        )
        if not scope.subjects or not scope.meters:
            raise Invalid(
                "backfill.nobody",
                "the file has no records, so nothing says whose span it is",
                field="subject" if not scope.subjects else "meter",
                hint="name them with --subject and --meter",
            )
        _do(app, tenant_id, correct.backfill(scope, records, _by(app, reason)), preview, as_json)


def _only_source(records: Sequence[UsageRecord]) -> str:
    """The source of the records, which tell it themselves."""
    found = sorted({record.source for record in records})
    if len(found) == 1:
        return found[0]
    raise Invalid(
        "backfill.which_source",
        f"the file has records of {len(found)} sources, so nothing says which one is backfilled",
        field="source",
        hint="name it with --source, or replace records of all sources with --source-only all",
    )


@click.command()
@click.argument("correction")
@_reason
@_preview
@json_option
def undo(correction: str, reason: str, preview: bool, as_json: bool) -> None:
    """Take back what CORRECTION (an id out of `usage corrections`) added and put back what it took; that
    is a correction too."""
    with opened() as (app, tenant_id):
        action = correct.undo(correction_id(correction), _by(app, reason))
        _do(app, tenant_id, action, preview, as_json)


def _do(app: App, tenant_id: int, action: Action, preview: bool, as_json: bool) -> None:
    do = correct.preview if preview else correct.apply
    effect = do(app.database, tenant_id, action)
    emit(as_data(effect), as_json, lambda: usage_effect.render(effect))


def _by(app: App, reason: str) -> By:
    return By(app.settings.actor, reason, app.clock(), app.ids)


def _records(app: App, tenant_id: int, file: str, layout: Layout) -> list[UsageRecord]:
    with app.database.snapshot(tenant_id) as tx:
        meters = catalog.raw_meters(tx)
        policies = catalog.intake_policies(tx)
    with reading(file, layout, meters) as (rows, parse, unread):
        found = read_records(rows.batches, parse, policies, app.clock())
        if unread():
            click.secho(unread_text(unread()), fg="yellow", err=True)
        return found


def add_to(group: click.Group) -> None:
    """Adds the commands to the group `usage`."""
    for command in (void, replace, backfill, undo, corrections, find):
        group.add_command(command)
