"""everycent subscription: who has agreed to what, from when until when."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from everycent.cli.common import day, emit, instant, json_option, opened, table
from everycent.customers import queries as customers
from everycent.kernel import ids
from everycent.subscriptions import operations, queries
from everycent.subscriptions.operations import Order
from everycent.subscriptions.subscription import Subscription


@click.group()
def subscription() -> None:
    """Start, cancel and list subscriptions."""


def _data(found: Subscription) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(found)
    return told | {"subscription_id": ids.show(ids.SUBSCRIPTION, found.subscription_id)}


@subscription.command()
@click.argument("customer")
@click.argument("plan")
@click.option("--starts-on", required=True, help="First local day that is billed.")
@click.option("--ends-on", help="First local day that is no longer billed.")
@click.option("--key", help="Its name; CUSTOMER/PLAN when not given.")
@click.option("--subject", help="Whose usage it bills; the customer's key when not given.")
@click.option("--anchor-day", type=int, help="Where periods are cut: 1-31, or 1-7 for weeks.")
@json_option
def start(
    customer: str,
    plan: str,
    starts_on: str,
    ends_on: str | None,
    key: str | None,
    subject: str | None,
    anchor_day: int | None,
    as_json: bool,
) -> None:
    """Subscribe CUSTOMER to the newest version of PLAN. The start may lie in the past."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        now = app.clock()
        found = customers.by_name(tx, customer)
        order = Order(
            found,
            plan,
            key or f"{found.key}/{plan}",
            day(starts_on, "starts_on"),
            subject,
            anchor_day,
            None if ends_on is None else day(ends_on, "ends_on"),
        )
        (made,) = operations.start(
            tx, [order], at=now, recorded_at=now, actor=app.settings.actor, ids=app.ids
        )
    emit(
        _data(made),
        as_json,
        lambda: click.echo(
            f"started {made.key}: plan {made.plan_key} version {made.plan_version}"
            f" from {made.starts_on}"
        ),
    )


@subscription.command()
@click.argument("key")
@click.option("--ends-on", help="First local day that is no longer billed; the end of the running"
              " period when not given.")  # fmt: skip
@click.option("--reason", default="")
@click.option("--at", help="When it was cancelled; now when not given.")
@json_option
def cancel(key: str, ends_on: str | None, reason: str, at: str | None, as_json: bool) -> None:
    """End the subscription KEY."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        now = app.clock()
        ended = operations.cancel(
            tx,
            key,
            None if ends_on is None else day(ends_on, "ends_on"),
            reason=reason,
            at=instant(at, "UTC", now, "at"),
            recorded_at=now,
            actor=app.settings.actor,
            ids=app.ids,
        )
    emit(
        _data(ended),
        as_json,
        lambda: click.echo(f"{key} is not billed from {ended.ends_on} on"),
    )


@subscription.command("list")
@click.option("--customer")
@click.option("--after", default="", help="Begin after this key.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(min=1))
@json_option
def list_(customer: str | None, after: str, limit: int, as_json: bool) -> None:
    """List subscriptions by key."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        customer_id = customers.by_name(tx, customer).customer_id if customer else None
        found = queries.listed(tx, customer_id=customer_id, after=after, limit=limit)
    emit(
        [_data(each) for each in found],
        as_json,
        lambda: table(
            ["key", "plan", "subject", "from", "until"],
            [
                [s.key, f"{s.plan_key} v{s.plan_version}", s.subject, str(s.starts_on),
                 str(s.ends_on or "")]
                for s in found
            ],
        ),
    )  # fmt: skip
