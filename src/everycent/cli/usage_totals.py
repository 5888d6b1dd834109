"""everycent usage totals: what everybody used in a period, or one series by the values of a dimension."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import click

from everycent.cli.common import emit, instant, json_option, opened, table
from everycent.cli.usage_live import warn
from everycent.flows import totals as flow
from everycent.kernel.period import Period, period
from everycent.kernel.quantity import plain


def add_to(group: click.Group) -> None:
    """Puts the command of this module into the group `usage`."""
    group.add_command(totals)


@click.command()
@click.option("--from", "start", required=True, help="First day or instant.")
@click.option("--to", "end", required=True, help="Day or instant up to which, not included.")
@click.option("--zone", default="UTC", show_default=True, help="Zone in which days begin.")
@click.option("--subject", help="Only this subject; needs --meter and --dimension.")
@click.option("--meter", help="Only this meter.")
@click.option("--dimension", help="Split one series by the values of this dimension.")
@click.option("--from-records", is_flag=True, help="From the records and not from the roll-ups.")
@click.option(
    "--csv", "csv_file", type=click.Path(dir_okay=False), help="Every series, into a file."
)
@json_option
def totals(
    start: str,
    end: str,
    zone: str,
    subject: str | None,
    meter: str | None,
    dimension: str | None,
    from_records: bool,
    csv_file: str | None,
    as_json: bool,
) -> None:
    """Add usage up over a period: everybody's, by meter, or one series by a dimension."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        now = app.clock()
        asked = _period(start, end, zone, now)
        flow.check_named(subject, meter, dimension)
        if subject is not None and meter is not None and dimension is not None:
            split = flow.by_dimension(tx, subject, meter, asked, dimension)
            rows = [(g.value or "(none)", f"{g.records:,}", plain(g.total)) for g in split.groups]
            warn(split.unseen)
            columns = (dimension, ">records", ">sum")
            emit(flow.split_data(split), as_json, lambda: table(columns, rows))
            return
        tx.sort_in_memory()
        found = flow.of_everybody(tx, asked, from_records=from_records)
        answer = flow.summed(tx, found, meter)
    if csv_file is not None:
        _write(Path(csv_file), [row for row in found if meter in (None, row.meter)])
    lines = [
        (row.meter, f"{row.subjects:,}", f"{row.records:,}", plain(row.total))
        for row in answer.meters
    ]
    warn(answer.unseen)
    names = ("meter", ">subjects", ">records", ">sum of values")
    emit(flow.summed_data(answer), as_json, lambda: table(names, lines))


def _period(start: str, end: str, zone: str, now: datetime) -> Period:
    return period(instant(start, zone, now, "from"), instant(end, zone, now, "to"))


def _write(path: Path, rows: list[flow.SeriesTotal]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(flow.SeriesTotal._fields)
        for row in rows:
            writer.writerow([*row[:3], *map(plain, row[3:])])
