"""everycent message: deliver the mails and webhooks that wait, and see what became of them."""

from __future__ import annotations

from collections import Counter

import click

from everycent.app import rounds
from everycent.app.alarming import channels, senders
from everycent.app.settings import from_environment
from everycent.app.staying import stay_at_work, staying
from everycent.cli.common import complain, emit, json_option, opened, table
from everycent.flows.deliver import deliver
from everycent.flows.message_told import message_data, whole_data
from everycent.kernel.period import instant_text
from everycent.messages import operations, queries
from everycent.messages.message import Kind, Status
from everycent.messages.queries import Held

_NEEDS = {
    Kind.MAIL.value: "EVERYCENT_SMTP_URL and EVERYCENT_MAIL_FROM",
    Kind.WEBHOOK.value: "EVERYCENT_WEBHOOK_SECRET",
}


@click.group()
def message() -> None:
    """Mails and webhooks: each is delivered at least once, and tried again while it is not."""


@message.command()
@click.option("--limit", default=100_000, show_default=True, type=click.IntRange(min=1))
@json_option
def send(limit: int, as_json: bool) -> None:
    """Send the messages whose time has come. Run it as often as you like, on any number of machines."""
    with opened() as (app, tenant_id):
        by_kind = senders(app.settings)
        counts = deliver(
            app.database, tenant_id, by_kind, clock=app.clock, ids=app.ids,
            actor=app.settings.actor, channels=channels(app.settings), limit=limit,
        )  # fmt: skip
        with app.database.snapshot(tenant_id) as tx:
            waiting = queries.waiting(tx, app.clock())
    held_up = {kind: count for kind, count in waiting.items() if Kind(kind) not in by_kind}
    data = {status.value: counts[status.value] for status in Status} | {"not_set_up": held_up}

    def render() -> None:
        click.echo(_said(counts))
        for kind, count in held_up.items():
            click.echo(f"{count:,} of kind {kind} wait: set {_NEEDS[kind]}")

    emit(data, as_json, render)


@message.command()
@json_option
def work(as_json: bool) -> None:
    """Send messages as their time comes, until stopped. Run it on as many machines as you like."""
    counts: Counter[str] = Counter()
    with staying(from_environment(), complain, works="message work") as here:
        stay_at_work(here, "message work", rounds.messages(here, counts))
    data = {status.value: counts[status.value] for status in Status}
    emit(data, as_json, lambda: click.echo(_said(counts)))


def _said(counts: Counter[str]) -> str:
    return (
        f"{counts['delivered']:,} delivered, {counts['waiting']:,} to be tried again,"
        f" {counts['failed']:,} given up"
    )


@message.command("list")
@click.option("--state", type=click.Choice([status.value for status in Status]))
@click.option("--limit", default=100, show_default=True, type=click.IntRange(min=1))
@json_option
def list_(state: str | None, limit: int, as_json: bool) -> None:
    """List messages, the newest first, with what became of them."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = queries.listed(tx, status=state, limit=limit)
    columns = ["message", "kind", "~to", "~subject", "state", ">tries", "next try", "~reason"]
    emit(
        [message_data(held) for held in found],
        as_json,
        lambda: table(columns, [_row(one) for one in found]),
    )


@message.command()
@click.argument("name", metavar="MESSAGE")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show a MESSAGE as it is sent."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        held = queries.by_name(tx, name)
    one, data = held.message, whole_data(held)
    emit(
        data,
        as_json,
        lambda: click.echo(f"To: {one.to}\nSubject: {one.subject}\n\n{one.body}"),
    )


@message.command()
@click.argument("name", metavar="MESSAGE")
@json_option
def retry(name: str, as_json: bool) -> None:
    """Try a MESSAGE anew that was given up, or now one that waits."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        held = operations.requeue(tx, name, at=app.clock(), actor=app.settings.actor, ids=app.ids)
    emit(message_data(held), as_json, lambda: click.echo(f"{name} waits to be sent"))


def _row(held: Held) -> list[str]:
    one, state = held.message, held.state
    following = "" if state.next_at is None else instant_text(state.next_at)[:16]
    return [
        one.name, one.kind.value, one.to, one.subject, state.status.value, str(state.tries),
        following, state.reason,
    ]  # fmt: skip
