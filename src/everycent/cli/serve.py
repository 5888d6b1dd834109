"""everycent serve: the HTTP interface."""

from __future__ import annotations

import json

import click

from everycent.api import server
from everycent.app import settings
from everycent.app.staying import staying
from everycent.cli.common import complain, json_option


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    default=8600,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0 takes any that is free.",
)
@json_option
def serve(host: str, port: int, as_json: bool) -> None:
    """Serve HTTP until stopped (SIGTERM, Ctrl-C); what was begun is answered first: usage in, totals and
    live use, entitlements, invoices and runs with their payments, and webhooks of payment providers.

    It starts and stays up without its database, and says so to whoever asks: docs/operations.md. Programs
    need an API key: everycent key create NAME.
    """

    def tell(address: str) -> None:
        click.echo(json.dumps({"address": address}) if as_json else f"listening on {address}")

    with staying(settings.from_environment(), complain) as here:
        server.serve(here.app, host, port, tell, here.stop)
    if not as_json:
        click.echo("stopped; everything that was answered is stored")
