"""everycent usage spool: usage that came while the database was away, and what of it was not taken."""

from __future__ import annotations

from typing import Any

import click

from everycent.app import usage_spool
from everycent.app.settings import from_environment
from everycent.app.usage_spool import Rejected, Spool
from everycent.cli.common import complain, counted, emit, json_option, opened, table
from everycent.kernel.errors import NotFound, Unavailable
from everycent.kernel.period import instant_text

_TOLD = 5


def add_to(group: click.Group) -> None:
    """Puts the command of this module into the group `usage`."""
    group.add_command(spool)


@click.command()
@click.option(
    "--discard", metavar="BATCH", help="Throw a BATCH away of which something was not taken."
)
@json_option
def spool(discard: str | None, as_json: bool) -> None:
    """Say how much usage waits on this machine for the database, and what was not taken when it was back.
    Needs no database. Ends with exit code 3 when something was not taken."""
    here = from_environment()
    found = usage_spool.of_settings(here)
    if found is None and (found := usage_spool.left_behind(here)) is not None:
        complain("EVERYCENT_USAGE_SPOOL is not set to disk: nothing drains what waits here")
    if found is None:
        raise Unavailable(
            "usage.no_spool",
            "usage is refused while the database is away",
            field="EVERYCENT_USAGE_SPOOL",
            hint="set EVERYCENT_USAGE_SPOOL to disk or to a folder, for `everycent serve` too",
        )
    if discard is not None:
        _discard(found, discard)
    waiting, rejected = found.how_much(), found.rejected()
    data = {
        "folder": str(found.folder),
        "waiting": waiting.batches,
        "size_bytes": waiting.size_bytes,
        "rejected": [_data(name, one) for name, one in rejected.items()],
    }

    def render() -> None:
        told = f"{counted(waiting.batches, 'batch').replace('batchs', 'batches')} waiting"
        click.echo(f"{told} ({waiting.size_bytes / 1e6:,.1f} MB) in {found.folder}")
        if rejected:
            rows = [
                [name, instant_text(one.at)[:19], f"{one.accepted:,}", _said(one)]
                for name, one in rejected.items()
            ]
            table(["not taken as a whole", "drained", ">accepted", "~what was not taken"], rows)

    emit(data, as_json, render)
    if rejected:
        raise SystemExit(3)


def _discard(found: Spool, name: str) -> None:
    rejected = found.rejected().get(name)
    if rejected is None:
        raise NotFound(
            "usage.no_such_batch",
            f"there is no batch {name[:60]!r} of which something was not taken",
            field="discard",
            value=name,
        )
    found.discard(name)
    with opened() as (app, _):
        usage_spool.reflect(app, found, rejected.tenant_id)


def _data(name: str, one: Rejected) -> dict[str, Any]:
    return {
        "batch": name,
        "tenant_id": one.tenant_id,
        "at": one.at,
        "accepted": one.accepted,
        "results": one.results,
    }


def _said(one: Rejected) -> str:
    some = [
        f"{told.get('code', told['status'])}: {told.get('message', '')}" for told in one.results
    ]
    more = len(some) - _TOLD
    return "; ".join(some[:_TOLD]) + (f"; and {more} more" if more > 0 else "")
