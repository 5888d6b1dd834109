"""everycent measurement: recurring ticks that write usage records."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import click

from everycent.cli.common import counted, emit, json_option, opened, print_lines, table
from everycent.cli.measuring import run
from everycent.flows import measure_told
from everycent.integrations import measurement_file
from everycent.kernel.errors import Invalid
from everycent.kernel.period import instant_text
from everycent.kernel.quantity import plain
from everycent.measurements import document, operations, queries


@click.group()
def measurement() -> None:
    """Recurring measurements: time that flows, levels carried on, HTTP and SQL sources that are polled."""


@measurement.command()
@click.argument("file", type=click.File(encoding="utf-8"))
@json_option
def apply(file: Any, as_json: bool) -> None:
    """Record what FILE defines or changes. Applying it again does nothing."""
    try:
        wanted = document.definitions(measurement_file.read(file.read()))
    except UnicodeDecodeError as error:
        raise Invalid("measurement.unreadable", f"the file is not UTF-8 text: {error}") from error
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        now = app.clock()
        changes = operations.apply(
            tx, wanted, at=now, recorded_at=now, actor=app.settings.actor, ids=app.ids
        )

    def render() -> None:
        for change in changes:
            told = f": {', '.join(change.fields)}" if change.fields else ""
            click.echo(f"{change.verb} {change.key} (version {change.version}){told}")

    emit([change._asdict() for change in changes], as_json, render)


@measurement.command(name="list")
@json_option
def list_(as_json: bool) -> None:
    """List measurements: how far time is covered, when the next interval is due, what is wrong."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        states, totals = queries.listed(tx), queries.totals(tx)
        now = app.clock()
    data = [measure_told.as_data(state, totals[state.measurement.key]) for state in states]
    emit(
        data,
        as_json,
        lambda: table(
            ["key", "meter", "every", "covered until", ">taken", ">missed", ">records", "~state"],
            [
                [
                    row["key"], row["meter"], row["every"], instant_text(row["covered_until"]),
                    f"{row['taken']:,}", f"{row['missed']:,}", f"{row['records']:,}",
                    _state_text(row, now),
                ]
                for row in data
            ],
        ),
    )  # fmt: skip


def _state_text(row: dict[str, Any], now: datetime) -> str:
    if row["is_paused"]:
        return "paused"
    failure = row["failure"]
    if failure is not None:
        times = f"{failure['attempts']} attempts since {instant_text(failure['since'])[:16]}Z"
        return f"{failure['code']}: {failure['message']} ({times})"
    if row["next_due_at"] is None:
        return "finished"
    state = "due" if row["next_due_at"] <= now else f"next {instant_text(row['next_due_at'])}"
    return f"{state}, {row['conflicts']} conflicts" if row["conflicts"] else state


@measurement.command()
@click.argument("key")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000))
@json_option
def show(key: str, limit: int, as_json: bool) -> None:
    """Show a measurement: its definition, its state and the intervals it covered last."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        state = queries.get(tx, key)
        totals = queries.totals(tx, key)[key]
        intervals = queries.newest(tx, key, limit)
        now = app.clock()
    data = measure_told.in_full(state, totals, intervals)

    def render() -> None:
        click.echo(f"{key}, version {state.version}: {_state_text(data, now)}")
        click.echo(
            f"{counted(data['taken'], 'interval')} measured, {data['missed']:,} missed,"
            f" {counted(data['records'], 'record')}, total {plain(Decimal(data['total']))}"
        )
        print_lines(list(_lines(data["definition"])))
        table(
            ["from", "to", "outcome", ">records", ">total", ">conflicts", "~why"],
            [
                [
                    instant_text(one.starts_at), instant_text(one.ends_at), one.outcome,
                    str(one.records), plain(Decimal(one.total)), str(one.conflicts), one.reason or "",
                ]
                for one in intervals
            ],
        )  # fmt: skip

    emit(data, as_json, render)


def _lines(definition: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """A definition as names and values, under the names that its file has."""
    for name, value in definition.items():
        if name != "kind":
            yield from _line(name, value)
    kind = definition["kind"]
    for name, value in kind.items():
        if name != "type":
            yield from _line(f"{kind['type']}.{name}", value)


def _line(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for inner, held in value.items():
            yield from _line(f"{name}.{inner}", held)
    elif isinstance(value, list | tuple):
        yield name, ", ".join(map(str, value))
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    else:
        yield name, str(value)


def _switch(key: str, reason: str, *, is_paused: bool, as_json: bool) -> None:
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        now = app.clock()
        state = operations.switch(
            tx, key, is_paused=is_paused, reason=reason, at=now, recorded_at=now,
            actor=app.settings.actor, ids=app.ids,
        )  # fmt: skip
    data = {"key": key, "is_paused": state.is_paused, "covered_until": state.covered_until}
    word = "paused" if is_paused else "goes on"
    until = instant_text(state.covered_until)
    emit(data, as_json, lambda: click.echo(f"{key} {word}; time is covered until {until}"))


@measurement.command()
@click.argument("key")
@click.option("--reason", default="", help="Why, for the journal.")
@json_option
def pause(key: str, reason: str, as_json: bool) -> None:
    """Halt a measurement. Nothing is lost: it catches up when it is resumed."""
    _switch(key, reason, is_paused=True, as_json=as_json)


@measurement.command()
@click.argument("key")
@click.option("--reason", default="", help="Why, for the journal.")
@json_option
def resume(key: str, reason: str, as_json: bool) -> None:
    """Let a measurement go on; the next run catches up."""
    _switch(key, reason, is_paused=False, as_json=as_json)


measurement.add_command(run)
