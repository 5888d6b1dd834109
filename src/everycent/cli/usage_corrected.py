"""everycent usage corrections: what was corrected and why, and the records of one correction."""

from __future__ import annotations

from typing import Any

import click

from everycent.archives import queries as archives
from everycent.archives.archive import Part
from everycent.cli.common import emit, json_option, opened, table
from everycent.cli.usage_page import page_option
from everycent.corrections import queries, shown
from everycent.corrections.queries import Touched
from everycent.corrections.shown import correction_id
from everycent.flows.find_usage import cursor_of, parse_cursor
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
    emit([shown.as_data(one) for one in found], as_json, lambda: _render(found))


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
    page_of = rows[:limit]
    cursor = cursor_of(page_of[-1].record.at, page_of[-1].key) if len(rows) > limit else None
    data = shown.as_data(found) | {
        "records": [shown.touched_data(one.what, one.record) for one in page_of],
        "page": cursor,
        "archived": [{"month": f"{p.month:%Y-%m}", "file": p.file.name} for p in parts],
    }
    emit(data, as_json, lambda: _render_one(found, page_of, cursor, parts))


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


def _render_one(found: Any, rows: list[Touched], cursor: str | None, parts: list[Part]) -> None:
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
            for one in rows
        ],
    )  # fmt: skip
    if cursor is not None:
        click.echo(f"more: --page {cursor}")
    if parts:
        months = ", ".join(sorted({f"{part.month:%Y-%m}" for part in parts}))
        click.secho(f"what it added in {months} is in the archive and not listed", fg="yellow")
