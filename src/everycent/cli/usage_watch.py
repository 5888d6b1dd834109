"""everycent usage gaps | watch: be told when usage reaches a threshold, or stops coming."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click
import msgspec

from everycent.app.settings import from_environment
from everycent.app.staying import Round, stay_at_work, staying
from everycent.app.wiring import App
from everycent.cli.common import complain, emit, instant, json_option, opened, table
from everycent.cli.usage_thresholds import threshold, writing
from everycent.flows import gaps as gap_flow
from everycent.flows.watching import Tick, tick
from everycent.kernel.errors import Invalid
from everycent.kernel.period import instant_text
from everycent.metering import operations as metering
from everycent.watching import operations, queries
from everycent.watching.gap import End, Gap, Hole, Outcome, Place
from everycent.watching.threshold import Crossing

_GAP_OPEN = 3
_SHOWN = 1000


def add_to(group: click.Group) -> None:
    """Puts the commands of this module into the group `usage`."""
    for command in (threshold, gaps, watch):
        group.add_command(command)


@click.command()
@click.option("--accept", nargs=3, metavar="SUBJECT METER START",
              help="Close this gap for good: no records will come.")  # fmt: skip
@click.option("--reason", help="Why the gap is accepted.")
@click.option("--all", "with_closed", is_flag=True, help="Show closed gaps as well.")
@json_option
def gaps(
    accept: tuple[str, str, str] | None, reason: str | None, with_closed: bool, as_json: bool
) -> None:
    """Look for meters that stopped sending, or have a hole. Ends with exit code 3 when a gap is open."""
    with opened() as (app, tenant_id):
        now = app.clock()
        gap_flow.check(app.database, tenant_id, now, writing(app))
        accepted = None if accept is None else _accept(app, tenant_id, accept, reason, now)
        with app.database.snapshot(tenant_id) as tx:
            found = queries.gaps(tx, only_open=not with_closed, limit=_SHOWN)
    data = gap_flow.as_data(found)
    rows = [
        (
            gap.place.subject,
            gap.place.meter,
            instant_text(gap.place.starts_at),
            "" if end is None else _end_text(end),
            instant_text(gap.noticed_at),
            gap.outcome.value.replace("_", " "),
        )
        for gap, end in found
    ]
    columns = ("subject", "meter", "no records since", "until", "noticed", "state")
    emit(data, as_json, lambda: _show_gaps(accepted, columns, rows))
    if data["open"]:
        sys.exit(_GAP_OPEN)


def _show_gaps(
    accepted: Place | None, columns: Sequence[str], rows: Sequence[tuple[str, ...]]
) -> None:
    if accepted is not None:
        click.echo(f"accepted: no {_place_text(accepted)}")
        if not rows:
            click.echo("no gap is open")
            return
    table(columns, rows)


def _accept(
    app: App, tenant_id: int, accept: tuple[str, str, str], reason: str | None, now: datetime
) -> Place:
    """Closes the gap and says where it began."""
    subject, meter, start = accept
    if not reason:
        raise Invalid(
            "gap.no_reason",
            "nothing says why no records will come",
            field="reason",
            hint="say it with --reason; it stands in the journal",
        )
    place = Place(subject, meter, instant(start, "UTC", now, "start"))
    with app.database.transaction(tenant_id) as tx:
        operations.accept_gap(tx, place, reason, **writing(app))
    return place


@click.command()
@click.option("--interval", type=click.FloatRange(0.1, 3600), default=1.0, show_default=True,
              help="Seconds from one look to the next.")  # fmt: skip
@click.option("--once", is_flag=True, help="Look once and end.")
@json_option
def watch(interval: float, once: bool, as_json: bool) -> None:
    """Fold new usage, check thresholds and gaps, and tell what happens, until SIGTERM."""
    if once:
        with opened() as (app, tenant_id):
            metering.fold(app.database, tenant_id)
            _look(app, tenant_id, Tick(), as_json)
        return
    with staying(from_environment(), complain, works="usage watch") as here:
        if not as_json:
            click.echo("watching thresholds and gaps; SIGTERM or Ctrl-C ends it")

        def begin(tenant_id: int) -> Round:
            before = Tick()

            def one_round() -> float:
                nonlocal before
                before = _look(here.app, tenant_id, before, as_json)
                return 0 if before.folded else interval  # while there is a backlog it is worked off

            return one_round

        stay_at_work(here, "usage watch", begin)


def _look(app: App, tenant_id: int, before: Tick, as_json: bool) -> Tick:
    """Looks once, and tells what was found."""
    as_of = app.clock()
    done = tick(app.database, tenant_id, as_of, writing(app), before)
    _tell(done, as_of, as_json)
    return done


def _tell(done: Tick, as_of: datetime, as_json: bool) -> None:
    """A line for everything that happened; those for people begin with the time of the look."""
    told: list[tuple[str, dict[str, Any], str]] = [
        *(("threshold.crossed", msgspec.to_builtins(one), _crossing_text(one))
          for one in done.crossed),
        *(("usage.gap_opened", _hole_data(hole), _hole_text(hole)) for hole in done.opened),
        *(("usage.gap_closed", gap_flow.gap_data(gap) | {"outcome": outcome.value},
           _closed_text(gap, outcome)) for gap, outcome in done.closed),
        *(("threshold.refused", {"key": one.key, **refusal.as_dict()},
           f"{one.key} can't be worked out: {refusal.message} [{refusal.code}]")
          for one, refusal in done.refused),
    ]  # fmt: skip
    for name, data, text in told:
        if as_json:
            click.echo(msgspec.json.encode({"event": name, **data}).decode())
        else:
            click.echo(f"{instant_text(as_of)} {text}")


def _crossing_text(one: Crossing) -> str:
    return (
        f"threshold {one.key}: {one.reached} {one.unit} reached,"
        f" {one.value} is the limit of the period since {instant_text(one.starts_at)}"
    )


def _hole_data(hole: Hole) -> dict[str, Any]:
    return {**hole.place._asdict(), **gap_flow.end_data(hole.end)}


def _hole_text(hole: Hole) -> str:
    until = "" if hole.end is None else f" until {_end_text(hole.end)}"
    return f"gap: no {_place_text(hole.place)}{until}"


def _place_text(place: Place) -> str:
    return f"{place.meter} of {place.subject} since {instant_text(place.starts_at)}"


def _end_text(end: End) -> str:
    return instant_text(end.at) + ("" if end.is_exact else " or before")


def _closed_text(gap: Gap, outcome: Outcome) -> str:
    return f"gap closed, {outcome.value.replace('_', ' ')}: {_place_text(gap.place)}"
