"""everycent webhook: endpoints that are told what the journal says, and what became of each event."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import timedelta

import click

from everycent.app import posting, rounds
from everycent.app.settings import from_environment
from everycent.app.staying import stay_at_work, staying
from everycent.cli import webhooks_shown as shown
from everycent.cli.common import complain, counted, emit, json_option, opened, table
from everycent.flows import webhook_told
from everycent.flows.post_webhooks import post_webhooks, reflect, send_test
from everycent.integrations.webhook_out import shown as shown_secret
from everycent.kernel.errors import Invalid
from everycent.webhooks import operations, operations_posting, queries
from everycent.webhooks.course import Status
from everycent.webhooks.endpoint import ALL, Endpoint, check_known
from everycent.webhooks.operations import LONGEST_OVERLAP
from everycent.webhooks.target import allowed_of

_SOMEBODY_SHOULD_LOOK = 3
_OUTCOMES = ("delivered", "waiting", "failed", "elsewhere")
_types = click.option(
    "--type", "types", multiple=True,
    help="What it is told: invoice.issued, invoice.*; can be given again.  [default: all]",
)  # fmt: skip


@click.group()
def webhook() -> None:
    """Endpoints that are told what happens: signed, numbered, in order, at least once."""


@webhook.command()
@click.argument("key")
@click.argument("url")
@_types
@click.option("--payload", is_flag=True, help="Send events whole, up to 20 kB, instead of thin.")
@click.option("--from-start", is_flag=True, help="Tell all that the journal holds, not just news.")
@json_option
def add(
    key: str, url: str, types: tuple[str, ...], payload: bool, from_start: bool, as_json: bool
) -> None:
    """Add an endpoint called KEY at URL. Its secret is shown now and never again."""
    check_known(types)
    with opened() as (app, tenant_id):
        sealing = posting.sealing(app)
        with app.database.transaction(tenant_id) as tx:
            one = operations.add(
                tx, key, url, types or (ALL,), sealing, posting.writer(app),
                allowed=allowed_of(app.settings.webhook_allow), with_payload=payload,
                from_start=from_start,
            )  # fmt: skip
    _tell_secret(f"added {key} ({one.name})", one, sealing.secret, as_json)


def _tell_secret(done: str, one: Endpoint, secret: bytes | None, as_json: bool) -> None:
    data = webhook_told.endpoint(one)
    if secret is not None:
        data["secret"] = shown_secret(secret)

    def render() -> None:
        if secret is None:
            click.echo(done)
            return
        click.echo(f"{done}; keep the secret, it is not shown again:")
        click.echo(shown_secret(secret))

    emit(data, as_json, render)


@webhook.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the endpoints, with how far each has come."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = queries.listed(tx)
    columns = ["endpoint", "state", "~url", "~types", ">told", ">waiting", ">given up", ">in a row"]
    emit(
        [webhook_told.standing(one) for one in found],
        as_json,
        lambda: table(columns, [shown.standing_row(one) for one in found]),
    )


@webhook.command()
@click.argument("key")
@json_option
def show(key: str, as_json: bool) -> None:
    """Show the endpoint KEY."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = queries.by_key(tx, key)
    emit(webhook_told.standing(found), as_json, lambda: shown.print_standing(found))


@webhook.command()
@click.argument("key")
@click.option("--url", help="Another receiver: it gets a secret of its own, and no other signs.")
@_types
@click.option("--payload/--thin", "payload", default=None, help="Send events whole, or thin.")
@json_option
def update(
    key: str, url: str | None, types: tuple[str, ...], payload: bool | None, as_json: bool
) -> None:
    """Change the endpoint KEY."""
    check_known(types)
    with opened() as (app, tenant_id):
        sealing = posting.sealing(app)
        with app.database.transaction(tenant_id) as tx:
            one, is_new = operations.update(
                tx, key, sealing, posting.writer(app), url=url, types=types or None,
                with_payload=payload, allowed=allowed_of(app.settings.webhook_allow),
            )  # fmt: skip
    _tell_secret(f"changed {key}", one, sealing.secret if is_new else None, as_json)


@webhook.command()
@click.argument("key")
@json_option
def enable(key: str, as_json: bool) -> None:
    """Tell the endpoint KEY again what happens, and what happened meanwhile."""
    with opened() as (app, tenant_id):
        with app.database.transaction(tenant_id) as tx:
            one = operations.enable(tx, key, posting.writer(app))
        reflect(posting.desk(app, tenant_id))
    emit(webhook_told.endpoint(one), as_json, lambda: click.echo(f"{key} is enabled"))


@webhook.command()
@click.argument("key")
@click.option("--reason", default="", help="Why, for whoever looks at it later.")
@json_option
def disable(key: str, reason: str, as_json: bool) -> None:
    """Tell the endpoint KEY nothing, until it is enabled: it is told then what it missed."""
    with opened() as (app, tenant_id):
        with app.database.transaction(tenant_id) as tx:
            one = operations.disable(tx, key, reason, posting.writer(app))
        reflect(posting.desk(app, tenant_id))
    emit(webhook_told.endpoint(one), as_json, lambda: click.echo(f"{key} is disabled"))


@webhook.command()
@click.argument("key")
@click.option(
    "--overlap", default=24, show_default=True,
    type=click.IntRange(0, int(LONGEST_OVERLAP.total_seconds()) // 3600),
    help="Hours for which the secret before it signs too.",
)  # fmt: skip
@json_option
def rotate(key: str, overlap: int, as_json: bool) -> None:
    """Give the endpoint KEY another secret. It is shown now and never again."""
    with opened() as (app, tenant_id):
        sealing = posting.sealing(app)
        with app.database.transaction(tenant_id) as tx:
            one = operations.rotate(tx, key, timedelta(hours=overlap), sealing, posting.writer(app))
    _tell_secret(f"{key} has another secret", one, sealing.secret, as_json)


@webhook.command()
@click.argument("key")
@click.option("--after", default=0, show_default=True, type=click.IntRange(min=0),
              help="The number of the last one that you have.")  # fmt: skip
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000))
@json_option
def events(key: str, after: int, limit: int, as_json: bool) -> None:
    """Read the events of the endpoint KEY by their numbers: whoever missed some finds them here."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        endpoint_id = queries.by_key(tx, key).endpoint.endpoint_id
        found = queries.told(tx, key, after=after, limit=limit)
    data = [webhook_told.event(endpoint_id, number, row) for number, row in found]
    columns = [">number", "type", "~subject", "at", "webhook-id"]
    emit(data, as_json, lambda: table(columns, [shown.event_row(one) for one in data]))


@webhook.command()
@click.argument("key")
@click.option("--state", type=click.Choice([status.value for status in Status]))
@click.option("--before", type=click.IntRange(min=1), help="Only those with lower numbers.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000))
@json_option
def deliveries(key: str, state: str | None, before: int | None, limit: int, as_json: bool) -> None:
    """List what is on its way to the endpoint KEY, what was given up, and the last that came through."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = queries.deliveries(tx, key, status=state, before=before, limit=limit)
    columns = [">number", "type", "~subject", "state", ">tries", "next try", ">answer", "~reason"]
    emit(
        [one._asdict() for one in found],
        as_json,
        lambda: table(columns, [shown.delivery_row(one) for one in found]),
    )


@webhook.command()
@click.argument("key")
@click.option("--from", "first", type=click.IntRange(min=1), help="The first number.")
@click.option(
    "--to", "last", type=click.IntRange(min=1), help="The last one; the same if not given."
)
@click.option("--delivery", help="One by its webhook-id, if it is in `webhook deliveries`.")
@json_option
def replay(
    key: str, first: int | None, last: int | None, delivery: str | None, as_json: bool
) -> None:
    """Send events to the endpoint KEY again, under the ids that they had."""
    if (first is None) == (delivery is None):
        raise Invalid(
            "webhook.bad_replay", "nothing says which events", field="from",
            hint="give --from and --to, or --delivery",
        )  # fmt: skip
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        number = queries.number_of(tx, key, delivery) if delivery is not None else first or 1
        count = operations_posting.replay(tx, key, number, last or number, app.clock())
    emit(
        webhook_told.replayed(key, count),
        as_json,
        lambda: click.echo(f"{counted(count, 'event')} will be sent again"),
    )


@webhook.command()
@click.argument("key")
@json_option
def test(key: str, as_json: bool) -> None:
    """Send `webhook.test` to the endpoint KEY now, and say what it answers. Exit code 3 when it does not
    take it."""
    with opened() as (app, tenant_id):
        name, answer = send_test(posting.desk(app, tenant_id), key)
    emit(webhook_told.test(key, name, answer), as_json, lambda: click.echo(shown.answer(answer)))
    if not answer.is_taken:
        sys.exit(_SOMEBODY_SHOULD_LOOK)


@webhook.command()
@click.option("--once", is_flag=True, help="Send what is due now, and end.")
@click.option("--limit", default=100_000, show_default=True, type=click.IntRange(min=1),
              help="With --once: how many at most.")  # fmt: skip
@json_option
def work(once: bool, limit: int, as_json: bool) -> None:
    """Tell endpoints what happens, until stopped. Run it on as many machines as you like."""
    counts: Counter[str] = Counter()
    if once:
        with opened() as (app, tenant_id):
            counts = post_webhooks(posting.desk(app, tenant_id), limit=limit)
    else:
        with staying(from_environment(), complain, works="webhook work") as here:
            stay_at_work(here, "webhook work", rounds.webhooks(here, counts))
    data = {outcome: counts[outcome] for outcome in _OUTCOMES}
    emit(data, as_json, lambda: click.echo(shown.counts(counts)))
