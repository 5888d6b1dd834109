"""everycent fake subservice: compute and storage, which know what was used and answer for it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from everycent.cli.common import json_option
from everycent.examples.data import folder
from everycent.standins import serving
from everycent.subservices import served
from everycent.subservices.filling import Filled

FOCUS = "focus"


@click.command()
@click.argument("name", type=click.Choice(sorted(served.SERVICES)))
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="0 takes any that is free.  [default: 8721 compute, 8722 storage]",
)
@click.option(
    "--data",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of its database.",
)
@click.option("--key", default=served.KEY, show_default=True, help="The key that is to be sent.")
@click.option(
    "--page-size",
    default=500,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="Rows on a page.",
)
@click.option(
    "--fill",
    metavar="focus|FILE",
    help="Take data in first: the shipped cloud bill, a FOCUS 1.0 file (.csv, .csv.gz), or JSON lines.",
)
@click.option("--month", metavar="YYYY-MM", help="As which month's a FOCUS bill is taken in.")
@json_option
def subservice(
    name: str,
    host: str,
    port: int | None,
    data: Path,
    key: str,
    page_size: int,
    fill: str | None,
    month: str | None,
    as_json: bool,
) -> None:
    """A sub-service that reports are pulled from: compute (time, jobs) or storage (bytes, files).

    It keeps its data in a database of its own. Whatever can go wrong with a sub-service can be switched
    on while it runs: docs/sub-services.md.
    """
    service = served.open_service(name, data, key, page_size)
    filled = None
    if fill is not None:
        path = folder("cloud") / "focus_1.0_sample.csv.gz" if fill == FOCUS else Path(fill)
        filled = served.fill(service, path, month)
    serving.serve(
        served.make_app(service),
        host,
        served.SERVICES[name].PORT if port is None else port,
        lambda address: _tell(address, filled, as_json),
    )


def _tell(address: str, filled: Filled | None, as_json: bool) -> None:
    if as_json:
        told = {} if filled is None else {"filled": filled.as_data()}
        click.echo(json.dumps({"address": address} | told))
        return
    if filled is not None:
        click.echo(filled.told())
    click.echo(f"listening on {address}")
