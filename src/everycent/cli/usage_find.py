"""everycent usage find: stored records, whether they count, and which correction says that they don't."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from everycent.archives import shown
from everycent.archives.archive import Part
from everycent.cli.common import END_OF_TIME, emit, instant, json_option, opened, suggested, table
from everycent.cli.usage_archive import files_of
from everycent.cli.usage_page import page_option
from everycent.corrections.queries import Stored
from everycent.flows import find_usage as flow
from everycent.flows.find_usage import (
    ASKED_BY_REASON,
    Found,
    Where,
    as_data,
    cursor_of,
    parse_cursor,
)
from everycent.kernel.period import Period, instant_text, period
from everycent.metering.record import EARLIEST


@click.command()
@click.argument("record_ids", metavar="[ID]...", nargs=-1)
@click.option("--source", help="The system that the ids come from.")
@click.option("--subject", help="Records of this subject.")
@click.option("--meter", help="Records of this meter.")
@click.option(
    "--reason",
    type=click.Choice(ASKED_BY_REASON),
    metavar="REASON",
    help="Records that are billed, or not, for this reason of `everycent usage reasons`.",
)
@click.option("--from", "starts", metavar="INSTANT", help="From when on.")
@click.option("--to", "ends", metavar="INSTANT", help="Until when, not included.")
@click.option("--zone", default="UTC", show_default=True, help="Whose dates the two are.")
@click.option(
    "--archive",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder in which files of the archive are now, when they were moved.",
)
@page_option
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000))
@json_option
def find(
    record_ids: tuple[str, ...],
    source: str | None,
    subject: str | None,
    meter: str | None,
    reason: str | None,
    starts: str | None,
    ends: str | None,
    zone: str,
    folder: Path | None,
    page: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Show stored records: by --source and ID with what took their place, in the archive too; or by
    subject, meter, time and reason.

    INSTANT is RFC 3339 or a local date.
    """
    flow.check_asked(
        has_ids=bool(record_ids),
        has_source=source is not None,
        is_other=bool(subject or meter or reason),
    )
    after = parse_cursor(page)
    cursor, away = None, list[Part]()
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        if record_ids and source is not None:
            found = flow.by_ids(tx, source, record_ids, files_of(app, folder))
        else:
            span = _span(starts, ends, zone, app.clock())
            where = Where(subject, meter, span, reason)
            rows = flow.listed(tx, where, after, limit + 1)
            found = [Found(one) for one in rows[:limit]]
            cursor = _cursor(rows, limit)
            away = flow.away(tx, span)
    emit(
        {
            "records": [as_data(one) for one in found],
            "page": cursor,
            "archived": [shown.in_short(part) for part in away],
        },
        as_json,
        lambda: _render(found, cursor, away),
    )


def _cursor(rows: list[Stored], limit: int) -> str | None:
    """Where the next page begins, when there are more rows than a page has."""
    if len(rows) <= limit:
        return None
    last = rows[limit - 1]
    assert last.record is not None, "what is listed is in the table"
    return cursor_of(last.record.at, last.key)


def _span(starts: str | None, ends: str | None, zone: str, now: datetime) -> Period:
    first = EARLIEST if starts is None else instant(starts, zone, now, "from")
    last = END_OF_TIME if ends is None else instant(ends, zone, now, "to")
    return period(first, last)


def _render(found: list[Found], cursor: str | None, away: list[Part]) -> None:
    table(
        [
            "source",
            "id",
            "subject",
            "meter",
            "at",
            ">value",
            "~dimensions",
            "counts",
            "~because of",
        ],
        [_row(one) for one in found],
    )
    for one in found:
        if one.parts:
            click.echo(f"{one.stored.record_id}: {_where_text(one)}")
    if cursor is not None:
        click.echo(f"more: --page {cursor}")
    if away:
        months = sorted({f"{part.month:%Y-%m}" for part in away})
        number = sum(part.facts.records for part in away)
        back = suggested(f"`everycent usage restore {months[0]}`")
        click.secho(
            f"not looked at: {', '.join(months)} in the archive (records: {number:,}); put a month back"
            f" with {back}, or find a record by --source and its id",
            fg="yellow",
        )


def _row(found: Found) -> list[str]:
    one, record = found.stored, found.stored.record
    said = [
        "" if record is None else record.subject,
        "" if record is None else record.meter,
        "" if record is None else instant_text(record.at),
        "" if record is None else record.value,
        "" if record is None or record.dimensions == "{}" else record.dimensions,
    ]
    because = "" if one.changed_by is None else f"{one.kind} {one.changed_by}: {one.reason}"
    return [one.source, one.record_id, *said, "yes" if one.is_counted else "no", because]


def _where_text(found: Found) -> str:
    recorded = instant_text(found.stored.recorded_at.replace(microsecond=0))
    files = " or ".join(f"{part.file.name} ({part.location})" for part in found.parts)
    months = ", ".join(sorted({f"{part.month:%Y-%m}" for part in found.parts}))
    text = f"stored since {recorded}; in the archive of {months}: {files}"
    if found.stored.record is None:
        text += f"; {found.unread or 'no file says what was taken in'}"
    return text
