"""everycent coupon: give coupons to customers, take them away, see what they took off."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import click

from everycent.cli.common import day, emit, json_option, money, opened, table
from everycent.coupons import operations, queries
from everycent.coupons.application import Application, Held
from everycent.coupons.shown import as_data, listed_data
from everycent.customers import queries as customers
from everycent.customers.customer import Customer
from everycent.kernel.calendar import local_date


@click.group()
def coupon() -> None:
    """Coupons of the catalogue in the hands of customers."""


def _day(text: str | None, owner: Customer, now: datetime, field: str) -> date:
    """The day that was told, or today on the customer's clock."""
    return local_date(now, owner.time_zone) if text is None else day(text, field)


@coupon.command()
@click.argument("code")
@click.option("--customer", help="For everything that this customer is billed.")
@click.option("--subscription", help="For this subscription only.")
@click.option("--from", "from_", help="The first day it holds for; today when not given.")
@json_option
def apply(
    code: str, customer: str | None, subscription: str | None, from_: str | None, as_json: bool
) -> None:
    """Give the coupon CODE of the catalogue to a customer. It is kept as it is defined now."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        now = app.clock()
        owner, only = operations.target(tx, customer, subscription)
        made = operations.apply(
            tx,
            code,
            owner.customer_id,
            starts_on=_day(from_, owner, now, "from"),
            subscription=only,
            at=now,
            recorded_at=now,
            actor=app.settings.actor,
            ids=app.ids,
        )
    emit(
        as_data(made, owner.key),
        as_json,
        lambda: click.echo(f"{made.name}: {_what(made)} for {owner.key}, {_when(made)}"),
    )


@coupon.command()
@click.argument("name")
@click.option("--on", help="The first day it no longer holds for; today when not given.")
@click.option("--reason", default="", help="Kept in the journal.")
@json_option
def remove(name: str, on: str | None, reason: str, as_json: bool) -> None:
    """End the applied coupon NAME, such as welcome-7. What it took off stays."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        now = app.clock()
        known = queries.by_name(tx, name)
        owner = customers.by_ids(tx, [known.customer_id])[known.customer_id]
        left = operations.remove(
            tx,
            name,
            on=_day(on, owner, now, "on"),
            reason=reason,
            at=now,
            recorded_at=now,
            actor=app.settings.actor,
            ids=app.ids,
        )
    emit(
        as_data(left, owner.key),
        as_json,
        lambda: click.echo(f"{left.name} of {owner.key} holds before {left.ends_on} only"),
    )


@coupon.command("list")
@click.option("--customer", help="Those of this customer only.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(min=1))
@json_option
def list_(customer: str | None, limit: int, as_json: bool) -> None:
    """List the coupons that customers have, and what they took off so far."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        customer_id = customers.by_name(tx, customer).customer_id if customer else None
        found = queries.listed(tx, customer_id=customer_id, limit=limit)
    columns = ["coupon", "customer", "~for", "~off", "~holds", ">used", ">taken off", ">rest"]
    emit(
        [listed_data(held, row) for row, held in found],
        as_json,
        lambda: table(columns, [_shown(row, held) for row, held in found]),
    )


def _shown(row: Any, held: Held) -> list[str]:
    application = held.application
    times = application.coupon.times
    return [
        application.name,
        row.customer,
        application.subscription or "everything",
        _what(application),
        _when(application),
        f"{held.redemptions} of {times}" if times else str(held.redemptions),
        money(row.taken, row.currency),
        money(held.rest, row.currency) if held.rest else "",
    ]


def _what(made: Application) -> str:
    coupon = made.coupon
    off = f"{coupon.percent} %" if coupon.percent else f"{coupon.amount} {coupon.currency}"
    scope = [*coupon.plans, *coupon.products, *coupon.prices]
    return f"{off} off {', '.join(scope)}".rstrip() if scope else f"{off} off"


def _when(made: Application) -> str:
    until: date | None = made.ends_on
    return f"from {made.starts_on} on" + (f", before {until}" if until else "")
