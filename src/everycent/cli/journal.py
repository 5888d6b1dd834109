"""everycent journal: read it, seal it, rebuild everything from it."""

from __future__ import annotations

import sys
import time

import click

from everycent.app import wiring
from everycent.cli.common import console, emit, json_option, opened, suggested, table
from everycent.flows import replay as flow
from everycent.journal import operations, queries
from everycent.journal.checkpoint import digest_of
from everycent.journal.shown import checkpoint_data, cursor_text, event_data, parse_cursor
from everycent.kernel.period import instant_text


@click.group()
def journal() -> None:
    """Read the journal, seal it with checkpoints, rebuild every table from it."""


@journal.command()
@click.argument("stream", required=False)
@click.option("--after", help="A cursor that an earlier answer gave.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1))
@json_option
def show(stream: str | None, after: str | None, limit: int, as_json: bool) -> None:
    """Show events: of one STREAM (such as customer:cus_…), or all in the journal's order."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        if stream is not None:
            rows, cursor = queries.stream(tx, stream, limit=limit), None
        else:
            rows, cursor = queries.since(tx, parse_cursor(after), limit)
    following = None if cursor is None else cursor_text(cursor)

    def render() -> None:
        table(
            ["stream", ">version", "type", "at", "recorded", "actor", "hash"],
            [
                [r.stream, str(r.version), r.type, instant_text(r.at), instant_text(r.recorded_at)[:19],
                 r.actor, bytes(r.hash).hex()[:12] + "…"]
                for r in rows
            ],
        )  # fmt: skip
        if following is not None and len(rows) == limit:
            click.echo(suggested(f"more: everycent journal show --after {following}"))

    emit({"events": [event_data(row) for row in rows], "cursor": following}, as_json, render)


@journal.command()
@json_option
def checkpoint(as_json: bool) -> None:
    """Seal the journal as it is with a signed checkpoint. Keep the printed digest somewhere else."""
    with opened() as (app, tenant_id):
        key = wiring.signing_key(app.settings)
        with app.database.transaction(tenant_id) as tx:
            facts = operations.checkpoint(tx, key, app.clock())
        digest = digest_of(tenant_id, facts)
    data = {
        "checkpoint": facts.checkpoint_no,
        "streams": facts.streams,
        "events": facts.events,
        "digest": digest,
        "public_key": key.public_key().public_bytes_raw(),
    }

    def render() -> None:
        click.echo(
            f"checkpoint {facts.checkpoint_no}: {facts.events:,} events, {facts.streams:,} streams"
        )
        click.echo(f"  digest      {digest.hex()}")
        click.echo(f"  public key  {key.public_key().public_bytes_raw().hex()}")

    emit(data, as_json, render)


@journal.command()
@json_option
def checkpoints(as_json: bool) -> None:
    """List the checkpoints with their digests, to compare with those kept elsewhere."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        rows = queries.checkpoints(tx)
    emit(
        [checkpoint_data(row) for row in rows],
        as_json,
        lambda: table(
            [">no", "recorded", ">events", ">streams", "digest"],
            [
                [str(r.checkpoint_no), instant_text(r.recorded_at)[:19], f"{r.events:,}",
                 f"{r.streams:,}", bytes(r.digest).hex()]
                for r in rows
            ],
        ),
    )  # fmt: skip


@journal.command()
@click.option(
    "--check", is_flag=True, required=True, help="Compare with the live tables; change nothing."
)
@json_option
def replay(check: bool, as_json: bool) -> None:
    """Rebuild every current-state table from the journal beside the live ones and compare byte for byte."""
    assert check
    started = time.monotonic()
    out = console()
    with (
        opened() as (app, tenant_id),
        out.status("replaying") as status,
        app.database.snapshot(tenant_id) as tx,
    ):
        rebuilt = flow.replay(tx, lambda n: status.update(f"replaying: {n:,} events"))
    seconds = time.monotonic() - started
    data = {
        "identical": not rebuilt.differences,
        "events": rebuilt.events,
        "rows": rebuilt.rows,
        "differences": rebuilt.differences,
        "seconds": round(seconds, 3),
    }

    def render() -> None:
        table(
            ["table", ">rows", "result"],
            [
                [name, f"{n:,}", "differs" if name in rebuilt.differences else "identical"]
                for name, n in rebuilt.rows.items()
            ],
        )
        for name, rows in rebuilt.differences.items():
            for row in rows:
                click.secho(f"  {name} {row}", fg="red")
        click.echo(f"{rebuilt.events:,} events in {seconds:.1f} s")

    emit(data, as_json, render)
    sys.exit(1 if rebuilt.differences else 0)
