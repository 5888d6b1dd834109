"""everycent usage find: stored records, whether they count, and which correction says that they don't."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from uuid import UUID

import click

from everycent.cli.common import END_OF_TIME, emit, instant, json_option, opened, table
from everycent.consumption.queries import FIRST_RECORD
from everycent.corrections import queries
from everycent.corrections.queries import Stored
from everycent.db.connection import Tx
from everycent.kernel.errors import Invalid, NotFound
from everycent.kernel.period import Period, instant_text, parse_instant, period
from everycent.metering.record import EARLIEST

_CURSOR = re.compile(r"(?P<at>[^~]{1,40})~(?P<key>[0-9a-f]{32})")


@click.command()
@click.argument("record_ids", metavar="[ID]...", nargs=-1)
@click.option("--source", help="The system that the ids come from.")
@click.option("--subject", help="Whose records, without ids.")
@click.option("--meter", help="Records of what, without ids.")
@click.option("--from", "starts", metavar="INSTANT", help="From when on.")
@click.option("--to", "ends", metavar="INSTANT", help="Until when, not included.")
@click.option("--zone", default="UTC", show_default=True, help="Whose dates the two are.")
@click.option("--page", help="Go on after this cursor, which the page before ended with.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000))
@json_option
def find(
    record_ids: tuple[str, ...],
    source: str | None,
    subject: str | None,
    meter: str | None,
    starts: str | None,
    ends: str | None,
    zone: str,
    page: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Show stored records: by --source and ID with what took their place, or by subject, meter and time.

    INSTANT is RFC 3339 or a local date.
    """
    _check(record_ids, source, subject, meter)
    after = FIRST_RECORD if page is None else _parse_cursor(page)
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        cursor = None
        if record_ids and source is not None:
            found = [one for text in record_ids for one in _sayings(tx, source, text)]
        else:
            now = app.clock()
            first = EARLIEST if starts is None else instant(starts, zone, now, "from")
            last = END_OF_TIME if ends is None else instant(ends, zone, now, "to")
            found, cursor = _page(tx, subject, meter, period(first, last), after, limit)
    emit(
        {"records": [_data(one) for one in found], "page": cursor},
        as_json,
        lambda: _render(found, cursor),
    )


def _check(
    record_ids: tuple[str, ...], source: str | None, subject: str | None, meter: str | None
) -> None:
    if bool(record_ids) != (source is not None):
        raise Invalid(
            "find.source_and_id",
            "ids are unique within a source, so both are needed",
            field="source" if record_ids else "id",
            hint="give --source and one or more ids",
        )
    if bool(record_ids) == bool(subject or meter):
        raise Invalid(
            "find.what",
            "records are found either by --source and ids, or by --subject and --meter",
            field="subject",
        )


def _sayings(tx: Tx, source: str, record_id: str) -> list[Stored]:
    found = queries.sayings(tx, source, record_id)
    if found:
        return found
    is_archived = bool(queries.archived(tx, [(source, record_id)]))
    raise NotFound(
        "usage.unknown_record",
        f"the record {record_id!r} of the source {source!r} is in the archive"
        if is_archived
        else f"there is no record {record_id!r} of the source {source!r}",
        field="id",
        value=record_id,
        hint="put its month back with `everycent usage restore`" if is_archived else None,
    )


def _page(
    tx: Tx,
    subject: str | None,
    meter: str | None,
    span: Period,
    after: tuple[datetime, UUID],
    limit: int,
) -> tuple[list[Stored], str | None]:
    rows = queries.stored(tx, subject, meter, span, after, limit + 1)
    shown = rows[:limit]
    if len(rows) <= limit:
        return shown, None
    return shown, f"{instant_text(shown[-1].record.at)}~{shown[-1].key.hex}"


def _parse_cursor(text: str) -> tuple[datetime, UUID]:
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise Invalid(
            "page.bad_cursor",
            f"{text[:60]!r} is not a cursor",
            field="page",
            value=text,
            hint="pass on what the page before ended with",
        )
    return parse_instant(match["at"], "page"), UUID(match["key"])


def _data(one: Stored) -> dict[str, Any]:
    changed = None if one.changed_by is None else str(one.changed_by)
    told = one.record._asdict() | {"recorded_at": one.recorded_at, "is_counted": one.is_counted}
    return told | {"changed_by": changed, "kind": one.kind, "reason": one.reason}


def _render(found: list[Stored], cursor: str | None) -> None:
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
        [
            [
                one.record.source,
                one.record.record_id,
                one.record.subject,
                one.record.meter,
                instant_text(one.record.at),
                one.record.value,
                "" if one.record.dimensions == "{}" else one.record.dimensions,
                "yes" if one.is_counted else "no",
                "" if one.changed_by is None else f"{one.kind} {one.changed_by}: {one.reason}",
            ]
            for one in found
        ],
    )
    if cursor is not None:
        click.echo(f"more: --page {cursor}")
