"""everycent alive: whether a process that serves no HTTP still moves, for an orchestrator that asks."""

from __future__ import annotations

import sys

import click

from everycent.app import pulse
from everycent.app.settings import from_environment
from everycent.cli.common import emit, json_option

_KINDS = (
    "work", "usage watch", "measurement run", "report work", "erp work", "collect work",
    "message work", "webhook work",
)  # fmt: skip
_IT_HANGS = 1


@click.command()
@click.argument("what", type=click.Choice(_KINDS))
@click.option(
    "--within",
    default=60,
    show_default=True,
    type=click.IntRange(5, 3600),
    help="Within how many seconds it must have moved.",
)
@json_option
def alive(what: str, within: int, as_json: bool) -> None:
    """Say whether a process of this host and home that stays up, such as `work`, still moves: exit code 0,
    or 1 when it does not, or none is there. Asks no database. For `serve` ask GET /livez."""
    seconds = pulse.age(from_environment().home, what)
    is_alive = seconds is not None and seconds <= within

    def render() -> None:
        if seconds is None:
            click.echo(f"{what}: none is there")
        else:
            click.echo(f"{what}: moved {seconds:.0f} seconds ago")

    told = None if seconds is None else round(seconds)
    emit({"alive": is_alive, "seconds": told}, as_json, render)
    if not is_alive:
        sys.exit(_IT_HANGS)
