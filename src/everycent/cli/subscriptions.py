"""everycent subscription: who has agreed to what, from when until when."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import click
import msgspec

from everycent.cli.common import day, emit, instant, json_option, opened, table
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.kernel import ids
from everycent.kernel.calendar import local_date
from everycent.subscriptions import operations, queries
from everycent.subscriptions.operations import Order, When, Writing
from everycent.subscriptions.phases import what
from everycent.subscriptions.subscription import Subscription
from everycent.subscriptions.timeline import Pause, Resume, in_order


@click.group()
def subscription() -> None:
    """Start, change, cancel and list subscriptions."""


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
        lambda: click.echo(f"started {made.key}: plan {_plans(made)} from {made.starts_on}"),
    )


_ON = click.option("--on", help="First local day of it; the day after the running period when not"
                   " given.")  # fmt: skip
_AT = click.option("--at", help="When it was agreed; now when not given.")
_KEEP_PAID = click.option("--keep-paid", is_flag=True,
                          help="Give nothing back of what is paid in advance beyond.")  # fmt: skip
_REASON = click.option("--reason", default="", help="Why, for whoever reads the journal.")


@subscription.command()
@click.argument("key")
@click.option("--ends-on", help="First local day that is no longer billed; the end of the running"
              " period when not given.")  # fmt: skip
@_KEEP_PAID
@_REASON
@_AT
@json_option
def cancel(
    key: str, ends_on: str | None, keep_paid: bool, reason: str, at: str | None, as_json: bool
) -> None:
    """End the subscription KEY. What is paid in advance beyond is given back by the next billing run."""
    when = When(_day(ends_on, "ends_on"), keep_paid)
    with _writing(at) as (tx, writing):
        ended = operations.cancel(tx, key, when, reason=reason, writing=writing)
    emit(
        _data(ended),
        as_json,
        lambda: click.echo(f"{key} is not billed from {ended.ends_on} on"),
    )


@subscription.command()
@click.argument("key")
@click.argument("plan")
@_ON
@_KEEP_PAID
@_REASON
@_AT
@json_option
def switch(
    key: str, plan: str, on: str | None, keep_paid: bool, reason: str, at: str | None, as_json: bool
) -> None:
    """Go over from the plan of the subscription KEY to the newest version of PLAN."""
    when = When(_day(on, "on"), keep_paid)
    with _writing(at) as (tx, writing):
        made = operations.switch(tx, key, plan, when, reason=reason, writing=writing)
    _tell(made, as_json)


@subscription.command()
@click.argument("key")
@_ON
@_KEEP_PAID
@_REASON
@_AT
@json_option
def pause(
    key: str, on: str | None, keep_paid: bool, reason: str, at: str | None, as_json: bool
) -> None:
    """Bill nothing of the subscription KEY from a day on, until it is resumed."""
    when = When(_day(on, "on"), keep_paid)
    with _writing(at) as (tx, writing):
        made = operations.change(tx, key, Pause(), when, reason=reason, writing=writing)
    _tell(made, as_json)


@subscription.command()
@click.argument("key")
@click.option("--on", required=True, help="First local day that is billed again.")
@_REASON
@_AT
@json_option
def resume(key: str, on: str, reason: str, at: str | None, as_json: bool) -> None:
    """Go on with the subscription KEY, on the terms that hold by then."""
    with _writing(at) as (tx, writing):
        made = operations.change(
            tx, key, Resume(), When(_day(on, "on")), reason=reason, writing=writing
        )
    _tell(made, as_json)


@subscription.command()
@click.argument("key")
@click.argument("number", type=int)
@_REASON
@_AT
@json_option
def withdraw(key: str, number: int, reason: str, at: str | None, as_json: bool) -> None:
    """Take change NUMBER of the subscription KEY back, as if it had not been agreed."""
    with _writing(at) as (tx, writing):
        made = operations.withdraw(tx, key, number, reason=reason, writing=writing)
    _tell(made, as_json)


@subscription.command()
@click.argument("key")
@json_option
def show(key: str, as_json: bool) -> None:
    """The subscription KEY with all its phases and changes, past and planned."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = operations.get(tx, key)
    _tell(found, as_json)


@contextmanager
def _writing(at: str | None) -> Iterator[tuple[Tx, Writing]]:
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        now = app.clock()
        yield (
            tx,
            Writing(
                at=instant(at, "UTC", now, "at"),
                recorded_at=now,
                actor=app.settings.actor,
                ids=app.ids,
            ),
        )


def _day(text: str | None, field: str) -> date | None:
    return None if text is None else day(text, field)


def _tell(found: Subscription, as_json: bool) -> None:
    emit(_data(found), as_json, lambda: _show(found))


def _show(found: Subscription) -> None:
    click.echo(f"{found.key}: usage of {found.subject}, {found.currency}, {found.time_zone}")
    table(
        ["phase", "plan", "from", "until", "trial until"],
        [
            [str(p.phase_no), f"{p.plan_key} v{p.plan_version}", _local(found, p.starts_at),
             _local(found, p.ends_at), _local(found, p.trial_until)]
            for p in found.phases
            if p.takes_place
        ],
    )  # fmt: skip
    table(
        ["change", "what", "from"],
        [
            [str(c.change_no), what(c.action), _local(found, c.effective_at)]
            for c in in_order(found.changes)
        ],
    )


def _local(found: Subscription, at: datetime | None) -> str:
    return "" if at is None else str(local_date(at, found.time_zone))


def _plans(found: Subscription) -> str:
    """The plans of the contract in their order, each once."""
    plans = [f"{p.plan_key} v{p.plan_version}" for p in found.phases if p.takes_place]
    return ", ".join(dict.fromkeys(plans))


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
                [s.key, _plans(s), s.subject, str(s.starts_on),
                 str(s.ends_on or "")]
                for s in found
            ],
        ),
    )  # fmt: skip
