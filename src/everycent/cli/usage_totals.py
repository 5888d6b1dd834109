"""everycent usage totals: what everybody or one subject used in a period, or one series by a dimension."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import click

from everycent.cli.common import emit, instant, json_option, opened, table
from everycent.cli.usage_live import warn, write_file
from everycent.consumption.answers import Group
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
@click.option("--subject", help="Only this subject.")
@click.option("--meter", help="Only this meter.")
@click.option("--dimension", help="Split one subject's meter by the values of this dimension.")
@click.option("--from-records", is_flag=True, help="From the records and not from the roll-ups.")
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(dir_okay=False),
    help="Every subject and meter, or every value of the dimension, into a file too.",
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
    """Add usage up over a period: everybody's or one subject's, by meter, or one series by a dimension."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        now = app.clock()
        asked = _period(start, end, zone, now)
        flow.check_named(subject, meter, dimension, from_records=from_records)
        if subject is not None and meter is not None and dimension is not None:
            split = flow.by_dimension(tx, subject, meter, asked, dimension)
            _show_split(split, dimension, csv_file, as_json)
            return
        tx.sort_in_memory()
        found = flow.of_named(tx, asked, subject, meter, from_records=from_records)
        answer = flow.summed(tx, found, subject, meter)
    if csv_file is not None:
        _write(csv_file, flow.SeriesTotal._fields, ((*row[:3], plain(row.total)) for row in found))
    lines = [
        (row.meter, f"{row.subjects:,}", f"{row.records:,}", plain(row.total))
        for row in answer.meters
    ]
    warn(answer.unseen)
    names = ("meter", ">subjects", ">records", ">sum of values")
    emit(flow.summed_data(answer), as_json, lambda: table(names, lines))


def _period(start: str, end: str, zone: str, now: datetime) -> Period:
    return period(instant(start, zone, now, "from"), instant(end, zone, now, "to"))


def _show_split(split: flow.Split, dimension: str, csv_file: str | None, as_json: bool) -> None:
    if csv_file is not None:
        _write(csv_file, Group._fields, ((*g[:2], *map(plain, g[2:])) for g in split.groups))
    rows = [(g.value or "(none)", f"{g.records:,}", plain(g.total)) for g in split.groups]
    warn(split.unseen)
    columns = (dimension, ">records", ">sum")
    emit(flow.split_data(split), as_json, lambda: table(columns, rows))


def _write(path: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(columns)
    writer.writerows(rows)
    write_file(path, file.getvalue(), "csv")
