"""everycent usage archive, restore, archives: old months of records in files."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import click

from everycent.app.wiring import App
from everycent.archives import queries, shown
from everycent.archives.archive import Part
from everycent.cli.common import counted, day, emit, json_option, opened, table
from everycent.flows import archive_usage as flow
from everycent.flows.archive_usage import Month
from everycent.integrations.usage_archive import Archive, ArchiveFolder
from everycent.kernel.errors import Invalid

_FOLDER = click.Path(file_okay=False, path_type=Path)


def files_of(app: App, path: Path | None) -> ArchiveFolder | Archive:
    """Where files are found: in the folder that is named, or where each was told to be."""
    return Archive(app.settings.home) if path is None else ArchiveFolder(path)


def _terms(app: App) -> flow.Terms:
    return flow.Terms(app.clock, app.ids, app.settings.actor)


def _month(text: str, field: str) -> date:
    try:
        if len(text) != len("2026-03"):
            raise ValueError(text)
        first = date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise Invalid(
            "date.malformed",
            f"{text[:40]!r} is not a month",
            field=field,
            value=text,
            hint="write it like 2026-03",
        ) from error
    return day(first.isoformat(), field)


@click.command()
@click.option(
    "--before",
    metavar="YYYY-MM",
    required=True,
    help="Archive the months before this one, which is the first that stays.",
)
@click.option(
    "--to",
    "folder",
    type=_FOLDER,
    help="The folder for the files, which is remembered with them; otherwise `archive` in the"
    " instance's home.",
)
@click.option(
    "--keep",
    is_flag=True,
    help="Write the files and leave the records in the table too, also when other tenants archive the"
    " month, until you archive it without --keep.",
)
@click.option(
    "--even-unbilled",
    is_flag=True,
    help="Also months with usage that is still to be billed. Its bill may then have to wait until"
    " the month is restored.",
)
@json_option
def archive(
    before: str, folder: Path | None, keep: bool, even_unbilled: bool, as_json: bool
) -> None:
    """Write old months of records to Parquet files, and take them out of the table.

    Bills, keys and roll-ups stay: what is asked of whole days is still answered, and a record that is
    sent again is still known. `everycent usage restore` puts a month back.
    """
    with opened() as (app, _):
        done = flow.archive(
            app.database,
            app.settings.tenant,
            _month(before, "before"),
            Archive(app.settings.home, folder),
            _terms(app),
            keep=keep,
            even_unbilled=even_unbilled,
            on_month=(lambda _: None) if as_json else _tell,
        )
    if as_json:
        emit([_month_data(month) for month in done], as_json)
    elif not done:
        click.echo(f"there is nothing to archive: the table has no records before {before}")


@click.command()
@click.argument("month", metavar="YYYY-MM")
@click.option(
    "--from",
    "folder",
    type=_FOLDER,
    help="The folder in which the files are now, when they were moved.",
)
@json_option
def restore(month: str, folder: Path | None, as_json: bool) -> None:
    """Put the records of an archived month back into the table, each compared with its key."""
    first = _month(month, "month")
    with opened() as (app, tenant_id):
        parts = flow.restore(app.database, tenant_id, first, files_of(app, folder), _terms(app))
    records = sum(part.facts.records for part in parts)
    emit(
        {"month": f"{first:%Y-%m}", "records": records, "parts": [shown.as_data(p) for p in parts]},
        as_json,
        lambda: click.echo(f"{first:%Y-%m}: {counted(records, 'record')} put back into the table"),
    )


@click.command()
@json_option
def archives(as_json: bool) -> None:
    """List what was archived, and where its records are: in the table too (`table`), in the file alone
    (`file`), or back in the table (`restored`: the file is not needed any more).

    A folder that is not absolute lies in the instance's home.
    """
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        parts = queries.parts(tx)
    emit([shown.as_data(part) for part in parts], as_json, lambda: _render(parts))


_OUTCOMES = {
    flow.Outcome.DROPPED: "taken out of the table",
    flow.Outcome.KEPT: "in the table too",
    flow.Outcome.WAITING: "in the table until other tenants have billed and archived theirs without --keep",
}


def _tell(month: Month) -> None:
    part = month.part
    told = "archived before"
    if part is not None:
        told = (
            f"{counted(part.facts.records, 'record')} in {part.file.name}"
            f" ({counted(part.file.size_bytes, 'byte')})"
        )
    click.echo(f"{month.month:%Y-%m}: {told}; {_OUTCOMES[month.outcome]}")


def _month_data(month: Month) -> dict[str, Any]:
    return {
        "month": f"{month.month:%Y-%m}",
        "outcome": month.outcome.value,
        "part": None if month.part is None else shown.as_data(month.part),
    }


def _render(parts: list[Part]) -> None:
    rows = [
        (f"{p.month:%Y-%m}", str(p.part_no), f"{p.facts.records:,}", f"{p.file.size_bytes:,}",
         p.place.value, p.location, p.file.name)
        for p in parts
    ]  # fmt: skip
    table(["month", ">part", ">records", ">bytes", "place", "folder", "file"], rows)


def add_to(group: click.Group) -> None:
    """Adds the archive's commands to the group `usage`."""
    for command in (archive, restore, archives):
        group.add_command(command)
