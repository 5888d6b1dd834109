"""everycent verify: the proof."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from everycent.app import wiring
from everycent.cli.common import console, emit, json_option, opened
from everycent.cli.usage_archive import files_of
from everycent.flows import verify as flow
from everycent.flows.archive_usage import Files
from everycent.flows.verify import Check

_SHOWN = 10


@click.command()
@click.option(
    "--replay", "with_replay", is_flag=True, help="Also rebuild every table from the journal."
)
@click.option(
    "--archives",
    "with_archives",
    is_flag=True,
    help="Also read every file of the archive, and count the roll-ups of its months again.",
)
@click.option(
    "--recount",
    "with_recount",
    is_flag=True,
    help="Also count invoices again from raw records, with a second engine that shares no code.",
)
@click.option("--share", "percent", default=100, show_default=True, type=click.IntRange(1, 100),
              help="How many per cent of the invoices --recount takes; always the same ones.")  # fmt: skip
@click.option("--from", "folder", type=click.Path(file_okay=False, path_type=Path),
              help="The folder in which the archive's files are now, when they were moved.")  # fmt: skip
@json_option
def verify(
    with_replay: bool,
    with_archives: bool,
    with_recount: bool,
    percent: int,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Prove that journal = books = invoices = usage. Ends with exit code 1 and names whatever violates
    a promise."""
    found: list[tuple[Check, float]] = []
    with opened() as (app, tenant_id):
        files = files_of(app, folder) if with_archives or folder else None
        found = prove(
            app, tenant_id, with_replay=with_replay, quiet=as_json, files=files,
            recount_percent=percent if with_recount else 0,
        )  # fmt: skip
    broken = [check for check, _ in found if check.violators]
    if as_json:
        emit({"holds": not broken, "checks": [_data(*pair) for pair in found]}, as_json=True)
    sys.exit(1 if broken else 0)


def prove(
    app: wiring.App,
    tenant_id: int,
    *,
    with_replay: bool,
    quiet: bool,
    files: Files | None = None,
    recount_percent: int = 0,
) -> list[tuple[Check, float]]:
    """Runs every check, printing each as it ends; returns them with the seconds each took."""
    found: list[tuple[Check, float]] = []
    trusted = wiring.known_public_key(app.settings)
    out = console()
    with out.status("") as status, app.database.snapshot(tenant_id) as tx:
        started = time.monotonic()
        checks = flow.verify(
            tx,
            trusted_key=trusted,
            with_replay=with_replay,
            files=files,
            recount_percent=recount_percent,
            on_start=lambda promise: status.update(f"checking: {promise}"),
        )
        for check in checks:
            found.append((check, time.monotonic() - started))
            started = time.monotonic()
            if not quiet:
                _render(*found[-1])
    if not quiet:
        broken = sum(bool(check.violators) for check, _ in found)
        total = sum(seconds for _, seconds in found)
        if broken:
            click.secho(f"{broken} of {len(found)} promises do not hold ({total:.1f} s)", fg="red")
        else:
            click.secho(f"all {len(found)} promises hold ({total:.1f} s)", fg="green", bold=True)
    return found


def _data(check: Check, seconds: float) -> dict[str, Any]:
    return check._asdict() | {"seconds": round(seconds, 3)}


def _render(check: Check, seconds: float) -> None:
    figures = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in check.figures.items())
    shown = f"  ({figures})" if figures else ""
    if not check.violators:
        click.echo(
            click.style("  ✓ ", fg="green") + f"{check.area:<9}{check.promise}{shown}"
            + click.style(f"  {seconds:.2f} s", dim=True)
        )  # fmt: skip
        return
    click.echo(click.style("  ✗ ", fg="red") + f"{check.area:<9}{check.promise}{shown}")
    for violator in check.violators[:_SHOWN]:
        click.secho(f"      {violator}", fg="red")
    if len(check.violators) > _SHOWN:
        click.secho(f"      and {len(check.violators) - _SHOWN} more", fg="red")
