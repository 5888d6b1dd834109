"""everycent usage corrections: what was corrected and why, and the records of one correction."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import click

from everycent.archives import queries as archives
from everycent.archives.archive import Part
from everycent.cli.common import emit, json_option, opened, rows_as_data, table
from everycent.cli.usage_page import cursor_of, page_option, parse_cursor
from everycent.corrections import queries
from everycent.corrections.queries import Touched
from everycent.kernel.errors import Invalid
from everycent.kernel.period import instant_text

_WHAT = {"voided": "taken back", "restored": "put back", "added": "added"}


@click.group(invoke_without_command=True)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000))
@json_option
@click.pass_context
def corrections(context: click.Context, limit: int, as_json: bool) -> None:
    """List corrections, the newest first; or show the records of one."""
    if context.invoked_subcommand is not None:
        return
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = queries.newest(tx, limit)
    emit(rows_as_data(found), as_json, lambda: _render(found))


@corrections.command()
@click.argument("correction")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000))
@page_option
@json_option
def show(correction: str, limit: int, page: str | None, as_json: bool) -> None:
    """Show CORRECTION with the records that it took back, put back and added, in order of time."""
    after = parse_cursor(page)
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = queries.get(tx, correction_id(correction))
        rows = queries.touched(tx, found.batch_id, after, limit + 1)
        parts = archives.parts_of(tx, [found.batch_id]).get(found.batch_id, [])
    shown = rows[:limit]
    cursor = cursor_of(shown[-1].record.at, shown[-1].key) if len(rows) > limit else None
    data = found._asdict() | {
        "records": [{"what": one.what, **one.record._asdict()} for one in shown],
        "page": cursor,
        "archived": [{"month": f"{p.month:%Y-%m}", "file": p.file.name} for p in parts],
    }
    emit(data, as_json, lambda: _render_one(found, shown, cursor, parts))


def correction_id(text: str) -> UUID:
    """The id of a correction. Raises Invalid `correction.bad_id`."""
    try:
        return UUID(text)
    except ValueError as error:
        raise Invalid(
            "correction.bad_id",
            f"{text[:60]!r} is not the id of a correction",
            field="correction",
            value=text,
            hint="`everycent usage corrections` lists them with their ids",
        ) from error


def _render(found: list[Any]) -> None:
    table(
        ["correction", "recorded", "kind", ">taken back", ">put back", ">added", "by", "~reason",
         "undone by"],
        [
            [
                str(row.correction_id), instant_text(row.recorded_at.replace(microsecond=0)), row.kind,
                f"{row.voided:,}", f"{row.restored:,}", f"{row.added:,}", row.actor, row.reason,
                str(row.undone_by or ""),
            ]
            for row in found
        ],
    )  # fmt: skip


def _render_one(found: Any, shown: list[Touched], cursor: str | None, parts: list[Part]) -> None:
    recorded = instant_text(found.recorded_at.replace(microsecond=0))
    click.secho(f"{found.kind} {found.correction_id}", bold=True)
    click.echo(f"  because: {found.reason}")
    click.echo(f"  by {found.actor} at {recorded}")
    if found.undoes is not None:
        click.echo(f"  undoes {found.undoes}")
    if found.undone_by is not None:
        click.echo(f"  undone by {found.undone_by}")
    click.echo(
        f"  records: {found.voided:,} taken back, {found.added:,} added, {found.restored:,} put back"
    )
    table(
        ["what", "source", "id", "subject", "meter", "at", ">value", "~dimensions"],
        [
            [
                _WHAT[one.what], one.record.source, one.record.record_id, one.record.subject,
                one.record.meter, instant_text(one.record.at), one.record.value,
                "" if one.record.dimensions == "{}" else one.record.dimensions,
            ]
            for one in shown
        ],
    )  # fmt: skip
    if cursor is not None:
        click.echo(f"more: --page {cursor}")
    if parts:
        months = ", ".join(sorted({f"{part.month:%Y-%m}" for part in parts}))
        click.secho(f"what it added in {months} is in the archive and not listed", fg="yellow")
