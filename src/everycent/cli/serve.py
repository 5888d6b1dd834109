"""everycent serve: the HTTP interface."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from socket import socket

import click

from everycent.api import server
from everycent.app import metrics, settings
from everycent.app.forking import Fork, Told, forked
from everycent.app.settings import Settings
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
@click.option(
    "--processes",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="So many processes that share the port; one uses about one core.",
)
@json_option
def serve(
    host: str,
    port: int,
    metrics_port: int | None,
    metrics_host: str,
    processes: int,
    as_json: bool,
) -> None:
    """Serve HTTP until stopped (SIGTERM, Ctrl-C); what was begun is answered first: usage in, totals and
    live use, entitlements, invoices and runs with their payments, and webhooks of payment providers.

    It starts and stays up without its database, and says so to whoever asks: docs/operations.md. Programs
    need an API key: everycent key create NAME.
    """
    found = settings.from_environment()
    sockets = server.listen(host, port, processes)
    address = server.address_of(sockets[0])

    def tell(told: Told) -> None:
        all_told = {"address": address} | told
        lines = [f"listening on {address} (what it takes: {address}/v1/docs)", *told.values()]
        click.echo(json.dumps(all_told) if as_json else "\n".join(lines))

    def end() -> None:
        for one in sockets:
            one.close()

    alone = Fork(0, tell)
    fork = alone if processes == 1 else forked(processes, tell, end, complain)
    if fork is not None:
        _serve(fork, sockets, found, metrics_host, metrics_port)
    if fork in (alone, None) and not as_json:
        click.echo("stopped; everything that was answered is stored")


def _serve(
    fork: Fork,
    sockets: Sequence[socket],
    found: Settings,
    metrics_host: str,
    metrics_port: int | None,
) -> None:
    for number, one in enumerate(sockets):
        if number != fork.number:
            one.close()

    def say(line: str) -> None:
        complain(line if len(sockets) == 1 else f"process {fork.number}: {line}")

    with ExitStack() as stack:
        here = stack.enter_context(staying(found, say))
        told: Told = {}
        if metrics_port is not None and fork.number == 0:
            told["metrics"] = stack.enter_context(
                metrics.listening(
                    here.app.settings, lambda: here.app.database.conninfo, here.app.clock,
                    metrics_host, metrics_port,
                )
            )  # fmt: skip
        server.serve(here.app, sockets[fork.number], lambda: fork.ready(told), here.stop)
