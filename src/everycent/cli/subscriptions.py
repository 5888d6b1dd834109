"""everycent subscription: who has agreed to what, from when until when."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import click

from everycent.cli.common import day, emit, instant, json_option, opened
from everycent.cli.subscriptions_ending import ending
from everycent.cli.subscriptions_shown import list_, plans, show, tell
from everycent.cli.told import pairs, told_of
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.kernel.calendar import local_date
from everycent.subscriptions import operations
from everycent.subscriptions.changing import When
from everycent.subscriptions.operations import Writing
from everycent.subscriptions.order import Order, sale
from everycent.subscriptions.shown import as_data
from everycent.subscriptions.timeline import MAIN, Pause, Resume


@click.group()
def subscription() -> None:
    """Start, change, cancel and list subscriptions."""


_QUANTITY = click.option("--quantity", multiple=True, metavar="PRICE=QUANTITY",
                         help="How much of a price is agreed, such as seats=10.")  # fmt: skip
_VERSION = click.option("--plan-version", type=click.IntRange(min=1),
                        help="Which version of the plan; the newest when not given.")  # fmt: skip
_TERM = click.option("--term", metavar="TERM", help="How long it is agreed for: 'year', '2 years', 'none',"
                     " or as in the catalogue file; the plan's when not given.")  # fmt: skip
_PRICE = click.option("--price", multiple=True, metavar="PRICE=TERMS",
                      help="A price of its own, such as 'fee=flat: {amount: \"8.50\"}'.")  # fmt: skip


@subscription.command()
@click.argument("customer")
@click.argument("plan")
@click.option("--starts-on", required=True, help="First local day that is billed.")
@click.option("--ends-on", help="First local day that is no longer billed.")
@click.option("--key", help="Its name; CUSTOMER/PLAN when not given.")
@click.option("--subject", help="Whose usage it bills; the customer's key when not given.")
@click.option("--anchor-day", type=int, help="Where periods are cut: 1-31, or 1-7 for weeks.")
@_QUANTITY
@_PRICE
@_TERM
@_VERSION
@json_option
def start(
    customer: str,
    plan: str,
    starts_on: str,
    ends_on: str | None,
    key: str | None,
    subject: str | None,
    anchor_day: int | None,
    quantity: tuple[str, ...],
    price: tuple[str, ...],
    term: str | None,
    plan_version: int | None,
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
            told_of(quantity, price, term, plan_version),
        )
        (made,) = operations.start(
            tx, [order], at=now, recorded_at=now, actor=app.settings.actor, ids=app.ids
        )
    emit(
        as_data(made),
        as_json,
        lambda: click.echo(f"started {made.key}: plan {plans(made)} from {made.starts_on}"),
    )


_ON = click.option("--on", help="First local day of it; when not given, as the plan's rules for changes and"
                   " its term say, or the end of the period that runs.")  # fmt: skip
_AT = click.option("--at", help="When it was agreed; now when not given.")
_KEEP_PAID = click.option("--keep-paid", is_flag=True,
                          help="Give nothing back of what is paid in advance beyond.")  # fmt: skip
_BREAK = click.option("--break-term", is_flag=True,
                      help="Agree on it although a term would not allow it; give a --reason.")  # fmt: skip
_REASON = click.option("--reason", default="", help="Why, for whoever reads the journal.")


@subscription.command()
@click.argument("key")
@click.option("--ends-on", help="First local day that is no longer billed; when not given, the end of the"
              " running period, or of the first term that its notice allows.")  # fmt: skip
@_KEEP_PAID
@_BREAK
@_REASON
@_AT
@json_option
def cancel(
    key: str,
    ends_on: str | None,
    keep_paid: bool,
    break_term: bool,
    reason: str,
    at: str | None,
    as_json: bool,
) -> None:
    """End the subscription KEY. What is paid in advance beyond is given back by the next billing run."""
    when = When(_day(ends_on, "ends_on"), keep_paid, break_term)
    with _writing(at) as (tx, writing):
        ended = operations.cancel(tx, key, when, reason=reason, writing=writing)
    emit(
        as_data(ended),
        as_json,
        lambda: click.echo(f"{key} is not billed from {ended.ends_on} on"),
    )


@subscription.command()
@click.argument("key")
@click.argument("plan")
@_ON
@_QUANTITY
@_PRICE
@_TERM
@_VERSION
@_KEEP_PAID
@_BREAK
@_REASON
@_AT
@json_option
def switch(
    key: str,
    plan: str,
    on: str | None,
    quantity: tuple[str, ...],
    price: tuple[str, ...],
    term: str | None,
    plan_version: int | None,
    keep_paid: bool,
    break_term: bool,
    reason: str,
    at: str | None,
    as_json: bool,
) -> None:
    """Go over from the plan of the subscription KEY to the newest version of PLAN.

    Quantities go on where both plans have the price, if no other are told. With --term a new term begins.
    """
    when = When(_day(on, "on"), keep_paid, break_term)
    told = told_of(quantity, price, term, plan_version)
    with _writing(at) as (tx, writing):
        made = operations.switch(tx, key, plan, when, told=told, reason=reason, writing=writing)
    tell(made, as_json)


@subscription.command()
@click.argument("key")
@click.argument("quantities", nargs=-1, required=True, metavar="PRICE=QUANTITY…")
@click.option("--of", "name", default=MAIN, metavar="ADD-ON", help="Of an add-on, by its name.")
@_ON
@_KEEP_PAID
@_BREAK
@_REASON
@_AT
@json_option
def quantity(
    key: str,
    quantities: tuple[str, ...],
    name: str,
    on: str | None,
    keep_paid: bool,
    break_term: bool,
    reason: str,
    at: str | None,
    as_json: bool,
) -> None:
    """Agree on other quantities of prices of the subscription KEY, such as seats=12."""
    when = When(_day(on, "on"), keep_paid, break_term)
    told = pairs(quantities, "quantity")
    with _writing(at) as (tx, writing):
        made = operations.agree(tx, key, told, when, track=name, reason=reason, writing=writing)
    tell(made, as_json)


@subscription.command()
@click.argument("key")
@click.argument("plan")
@click.option("--as", "name", help="Its name on the contract; the plan's key when not given.")
@click.option("--on", help="First local day of it; today when not given.")
@_QUANTITY
@_PRICE
@_TERM
@_VERSION
@_REASON
@_AT
@json_option
def add(
    key: str,
    plan: str,
    name: str | None,
    on: str | None,
    quantity: tuple[str, ...],
    price: tuple[str, ...],
    term: str | None,
    plan_version: int | None,
    reason: str,
    at: str | None,
    as_json: bool,
) -> None:
    """Add the newest version of PLAN to the subscription KEY, beside its own plan."""
    told = told_of(quantity, price, term, plan_version)
    with _writing(at) as (tx, writing):
        made = operations.add(
            tx, key, plan, _day(on, "on"), name=name, told=told, reason=reason, writing=writing
        )
    tell(made, as_json)


@subscription.command()
@click.argument("key")
@click.argument("name")
@click.option(
    "--on", help="First local day without it; the end of its period or term when not given."
)
@_KEEP_PAID
@_BREAK
@_REASON
@_AT
@json_option
def drop(
    key: str,
    name: str,
    on: str | None,
    keep_paid: bool,
    break_term: bool,
    reason: str,
    at: str | None,
    as_json: bool,
) -> None:
    """End the add-on NAME of the subscription KEY."""
    when = When(_day(on, "on"), keep_paid, break_term)
    with _writing(at) as (tx, writing):
        made = operations.drop(tx, key, name, when, reason=reason, writing=writing)
    tell(made, as_json)


@subscription.command()
@click.argument("customer")
@click.argument("plan")
@click.option("--on", help="Local day of the sale; today when not given.")
@click.option("--key", help="Its name; CUSTOMER/PLAN/DAY when not given.")
@_QUANTITY
@_PRICE
@json_option
def sell(
    customer: str,
    plan: str,
    on: str | None,
    key: str | None,
    quantity: tuple[str, ...],
    price: tuple[str, ...],
    as_json: bool,
) -> None:
    """Sell CUSTOMER once what PLAN sells: a contract of one day."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        now = app.clock()
        found = customers.by_name(tx, customer)
        sold_on = _day(on, "on") or local_date(now, found.time_zone)
        order = sale(found, plan, sold_on, key, told_of(quantity, price))
        (made,) = operations.start(
            tx, [order], at=now, recorded_at=now, actor=app.settings.actor, ids=app.ids
        )
    emit(as_data(made), as_json, lambda: click.echo(f"sold {plan} to {found.key} on {sold_on}"))


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
    tell(made, as_json)


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
    tell(made, as_json)


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
    tell(made, as_json)


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


for command in (show, list_, ending):
    subscription.add_command(command)
