"""everycent serve: the HTTP interface."""

from __future__ import annotations

import json
from contextlib import ExitStack

import click

from everycent.api import server
from everycent.app import metrics, settings
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
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    help="Also answer GET /metrics for Prometheus, on a port of its own that needs no key.",
)
@click.option(
    "--metrics-host", default="127.0.0.1", show_default=True, help="The address of that port."
)
@json_option
def serve(host: str, port: int, metrics_port: int | None, metrics_host: str, as_json: bool) -> None:
    """Serve HTTP until stopped (SIGTERM, Ctrl-C); what was begun is answered first: usage in, totals and
    live use, entitlements, invoices and runs with their payments, and webhooks of payment providers.

    It starts and stays up without its database, and says so to whoever asks: docs/operations.md. Programs
    need an API key: everycent key create NAME.
    """

    told = {}

    def tell(address: str) -> None:
        told["address"] = address
        lines = [f"listening on {address}", *([told["metrics"]] if "metrics" in told else [])]
        click.echo(json.dumps(told) if as_json else "\n".join(lines))

    with ExitStack() as stack:
        here = stack.enter_context(staying(settings.from_environment(), complain))
        if metrics_port is not None:
            told["metrics"] = stack.enter_context(
                metrics.listening(
                    here.app.settings, lambda: here.app.database.conninfo, here.app.clock,
                    metrics_host, metrics_port,
                )
            )  # fmt: skip
        server.serve(here.app, host, port, tell, here.stop)
    if not as_json:
        click.echo("stopped; everything that was answered is stored")
