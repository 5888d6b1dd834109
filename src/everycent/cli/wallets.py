"""everycent wallet: prepaid credit, what is in it, and what may still be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click

from everycent.app.wiring import App
from everycent.cli import wallets_shown
from everycent.cli.common import (
    END_OF_TIME,
    day,
    emit,
    instant,
    json_option,
    money,
    opened,
    past_instant,
    table,
)
from everycent.cli.wallets_asked import allowance, try_
from everycent.credits import grant as grants
from everycent.credits import operations, queries
from everycent.credits.grant import Basis, Grant, Order, Renewal, Rollover, Scope
from everycent.credits.operations import Offer, Terms, Writing
from everycent.credits.wallet import Caps, TopUpRule, Wallet
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.flows import wallets as flow
from everycent.flows import wallets_told
from everycent.kernel.calendar import local_date, parse_interval
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Money, plain

_AT = click.option("--at", help="When it holds (date or instant); now when not given.")
_REASON = click.option("--reason", default="", help="Why, for whoever reads the journal.")
_PRODUCTS = click.option(
    "--product", "products", multiple=True, help="Pays only lines of this product; may be repeated."
)
_PRICES = click.option(
    "--price", "prices", multiple=True, help="Pays only lines of this price; may be repeated."
)


def writing(app: App, at: datetime | None = None) -> Writing:
    """The arguments of everything that writes, as of now unless told."""
    now = app.clock()
    return {"at": at or now, "recorded_at": now, "actor": app.settings.actor, "ids": app.ids}


@contextmanager
def _wallet(key: str, at: str | None = None) -> Iterator[tuple[Tx, Wallet, str, Writing]]:
    """A transaction, the wallet, its customer's time zone, and what is written with."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        found = queries.wallet(tx, key)
        zone = customers.by_ids(tx, [found.customer_id])[found.customer_id].time_zone
        when = past_instant(at, zone, app.clock(), "at")
        yield tx, found, zone, writing(app, when)


@click.group()
def wallet() -> None:
    """Prepaid credit: open wallets, put credit in, and see what is left."""


@wallet.command("open")
@click.argument("customer")
@click.option("--key", help="Its name; the customer's key when not given.")
@click.option("--unit", help="Tell it in a unit of your own, such as credits.")
@click.option("--unit-price", help="What one such unit costs, in the customer's currency.")
@click.option("--priority", type=int, default=0, help="Of several wallets the lowest pays first.")
@click.option(
    "--order",
    type=click.Choice([order.value for order in Order]),
    help="Which grant pays first; as the policy credits.order says when not given.",
)
@click.option(
    "--before-tax/--after-tax",
    default=None,
    help="Pay lines before taxes, or the whole after them; else as the policy credits.before_tax says.",
)
@_PRODUCTS
@_PRICES
@json_option
def open_(
    customer: str,
    key: str | None,
    unit: str | None,
    unit_price: str | None,
    priority: int,
    order: str | None,
    before_tax: bool | None,
    products: tuple[str, ...],
    prices: tuple[str, ...],
    as_json: bool,
) -> None:
    """Open an empty wallet for CUSTOMER, in its currency."""
    if (unit is None) != (unit_price is None):
        raise Invalid(
            "wallet.bad_unit", "a unit needs a name and a price", field="unit", hint="give both"
        )
    told = None if unit is None or unit_price is None else grants.checked_unit(unit, unit_price)
    wanted = None if order is None else Order(order)
    terms = Terms(priority, Scope(products, prices), told, wanted, before_tax)
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        owner = customers.by_name(tx, customer)
        made = operations.open_wallet(tx, owner, key or owner.key, terms, writing(app))
    emit(
        wallets_told.wallet_data(made),
        as_json,
        lambda: click.echo(f"opened {made.key} for {owner.key}, in {made.currency}"),
    )


@wallet.command()
@click.argument("key")
@click.argument("amount", required=False)
@click.option("--due", is_flag=True, help="The top-up that is due was paid; it says the amount.")
@click.option("--reference", required=True, help="The payment, or the agreement when --owed.")
@click.option("--owed", is_flag=True, help="Not paid yet: the customer owes it from now on.")
@click.option("--effective", help="Usable from then on; from --at on when not given.")
@click.option("--expires", help="First instant (or local day) at which it is gone.")
@click.option("--priority", type=int, default=50, show_default=True, help="The lowest pays first.")
@_PRODUCTS
@_PRICES
@_AT
@json_option
def topup(
    key: str,
    amount: str | None,
    due: bool,
    reference: str,
    owed: bool,
    effective: str | None,
    expires: str | None,
    priority: int,
    products: tuple[str, ...],
    prices: tuple[str, ...],
    at: str | None,
    as_json: bool,
) -> None:
    """Put credit that was paid for into the wallet KEY: AMOUNT in its unit or currency."""
    if due == (amount is not None):
        raise Invalid(
            "wallet.which_amount",
            "a top-up is of an amount, or the one that is due",
            field="amount",
            hint="give AMOUNT or --due",
        )
    with _wallet(key, at) as (tx, found, zone, write):
        if amount is None:
            made = operations.pay_top_up(tx, key, reference, write)
        else:
            offer = Offer(
                grants.worth(amount, found.unit, found.currency), Basis.PAID, reference, priority,
                _when(effective, zone, "effective"), _when(expires, zone, "expires"),
                Scope(products, prices), is_owed=owed,
            )  # fmt: skip
            made = operations.grant(tx, key, offer, write)
    _tell_grant(found, made, as_json)


@wallet.command()
@click.argument("key")
@click.argument("amount")
@click.option("--reason", required=True, help="Why it is given away.")
@click.option("--effective", help="Usable from then on; from --at on when not given.")
@click.option("--expires", help="First instant (or local day) at which it is gone.")
@click.option("--priority", type=int, default=50, show_default=True, help="The lowest pays first.")
@click.option("--every", help="It comes again every day, week, month, quarter, year, or '2 weeks'.")
@click.option(
    "--anchor", help="A local day on which it comes again; that of the grant if not given."
)
@click.option("--keep-least", default="0", help="When it comes again, at least this is left over.")
@click.option(
    "--keep-most", default="0", help="When it comes again, at most this rolls over; or 'all'."
)
@_PRODUCTS
@_PRICES
@_AT
@json_option
def grant(
    key: str,
    amount: str,
    reason: str,
    effective: str | None,
    expires: str | None,
    priority: int,
    every: str | None,
    anchor: str | None,
    keep_least: str,
    keep_most: str,
    products: tuple[str, ...],
    prices: tuple[str, ...],
    at: str | None,
    as_json: bool,
) -> None:
    """Give credit away into the wallet KEY: AMOUNT in its unit or currency, once or again and again."""
    with _wallet(key, at) as (tx, found, zone, write):
        minor = grants.worth(amount, found.unit, found.currency)
        begins = _when(effective, zone, "effective") or write["at"]
        first = local_date(begins, zone) if anchor is None else day(anchor, "anchor")
        renewal = None
        if every is not None:
            renewal = Renewal(minor, first, *parse_interval(every), zone)
        rollover = Rollover(
            _minor(found, keep_least, "keep_least"),
            None if keep_most == "all" else _minor(found, keep_most, "keep_most"),
        )
        offer = Offer(
            minor, Basis.PROMOTIONAL, reason, priority, begins, _when(expires, zone, "expires"),
            Scope(products, prices), rollover=rollover, renewal=renewal,
        )  # fmt: skip
        made = operations.grant(tx, key, offer, write)
    _tell_grant(found, made, as_json)


def _when(text: str | None, zone: str, field: str) -> datetime | None:
    return None if text is None else instant(text, zone, END_OF_TIME, field)


def _minor(found: Wallet, text: str, field: str) -> int:
    return grants.minor_of(text, found.unit, found.currency, field)


def _tell_grant(found: Wallet, made: Grant, as_json: bool) -> None:
    amount = wallets_shown.told(found, made.amount, made.unit)
    emit(
        wallets_told.grant_data(found, made),
        as_json,
        lambda: click.echo(f"grant {made.number} of {amount} in {found.key}"),
    )


@wallet.command()
@click.argument("key")
@click.argument("number", type=int)
@_REASON
@_AT
@json_option
def void(key: str, number: int, reason: str, at: str | None, as_json: bool) -> None:
    """Take away what is left of grant NUMBER of the wallet KEY; it comes no more."""
    with _wallet(key, at) as (tx, found, _, write):
        taken = operations.void(tx, key, number, reason, write)
    amount = sum(draw.amount for draw in taken.draws)
    emit(
        {"wallet": key, "number": number, "voided": plain(Money(amount, found.currency))},
        as_json,
        lambda: click.echo(f"{money(amount, found.currency)} of grant {number} are taken away"),
    )


@wallet.command()
@click.argument("key")
@click.option("--below", help="When the real-time balance falls below this …")
@click.option("--amount", help="… a top-up of this is due.")
@click.option("--off", is_flag=True, help="No automatic top-ups any more.")
@_AT
@json_option
def rule(
    key: str, below: str | None, amount: str | None, off: bool, at: str | None, as_json: bool
) -> None:
    """Top the wallet KEY up automatically: set the rule, set it anew, or take it away."""
    if off == (below is not None) or (below is None) != (amount is None):
        raise Invalid(
            "wallet.which_rule",
            "a rule has a bound and an amount",
            field="below",
            hint="give --below and --amount, or --off",
        )
    with _wallet(key, at) as (tx, found, _, write):
        wanted = None
        if below is not None and amount is not None:
            wanted = TopUpRule(
                _minor(found, below, "below"), grants.worth(amount, found.unit, found.currency)
            )
        made = operations.set_rule(tx, key, wanted, write)
    _tell(made, as_json)


@wallet.command()
@click.argument("key")
@click.option("--soft", help="At this real-time balance somebody is told.")
@click.option("--hard", help="At this one nothing more may be used; below 0 it is an overdraft.")
@_AT
@json_option
def cap(key: str, soft: str | None, hard: str | None, at: str | None, as_json: bool) -> None:
    """Set both spend caps of the wallet KEY; one that is not given is none."""
    with _wallet(key, at) as (tx, found, _, write):
        caps = Caps(
            None if soft is None else _minor(found, soft, "soft"),
            None if hard is None else _minor(found, hard, "hard"),
        )
        made = operations.set_caps(tx, key, caps, write)
    _tell(made, as_json)


@wallet.command()
@click.argument("key")
@_REASON
@_AT
@json_option
def withdraw(key: str, reason: str, at: str | None, as_json: bool) -> None:
    """The top-up of the wallet KEY that is due will not be paid."""
    with _wallet(key, at) as (tx, found, _, write):
        due = operations.withdraw_top_up(tx, key, reason, write)
    emit(
        {"wallet": key, "due": due.due_no, "is_withdrawn": True},
        as_json,
        lambda: click.echo(f"{money(due.rule.amount, found.currency)} are no longer due"),
    )


def _tell(made: Wallet, as_json: bool) -> None:
    data = wallets_told.wallet_data(made)
    emit(data, as_json, lambda: click.echo(wallets_shown.terms_text(made)))


@wallet.command("list")
@click.option("--customer")
@click.option("--after", default="", help="Begin after this key.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(min=1))
@json_option
def list_(customer: str | None, after: str, limit: int, as_json: bool) -> None:
    """List wallets with their real-time balances."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        wanted = None if customer is None else [customers.by_name(tx, customer).customer_id]
        known = queries.wallets(tx, customer_ids=wanted, after=after, limit=limit)
        owners = customers.by_ids(tx, sorted({one.customer_id for one in known}))
        found = flow.standings(tx, list(owners.values()), app.clock())
    shown = {one.key for one in known}
    found = sorted((s for s in found if s.wallet.key in shown), key=lambda s: s.wallet.key)
    names = {owner.customer_id: owner.key for owner in owners.values()}
    data = [wallets_told.standing_data(one, names[one.wallet.customer_id]) for one in found]
    emit(data, as_json, lambda: table(*wallets_shown.standing_table(found, names)))


@wallet.command()
@click.argument("key")
@click.option("--as-of", help="As it stands then (date or instant); now when not given.")
@json_option
def show(key: str, as_of: str | None, as_json: bool) -> None:
    """The wallet KEY: its balance now, every grant, and every draw."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = queries.wallet(tx, key)
        owner = customers.by_ids(tx, [found.customer_id])[found.customer_id]
        at = instant(as_of, owner.time_zone, app.clock(), "as_of")
        (standing,) = [s for s in flow.standings(tx, [owner], at) if s.wallet.key == key]
        history = queries.history(tx, found)
        last = queries.last_top_ups(tx, [found.wallet_id]).get(found.wallet_id)
    due = last if last is not None and last.state == "open" else None
    data: dict[str, Any] = wallets_told.standing_data(standing, owner.key)
    data |= {
        "grants": wallets_told.history_data(found, history),
        "due": None if due is None else plain(Money(due.amount, found.currency)),
    }
    emit(data, as_json, lambda: wallets_shown.show(standing, owner, history, due))


@wallet.command()
@click.option("--as-of", help="Date or instant; now when not given.")
@json_option
def check(as_of: str | None, as_json: bool) -> None:
    """Look at all wallets: expire, renew, make top-ups due, and tell whose caps are met.

    Ends with exit code 3 when a cap is met or a running cost can't be worked out.
    """
    with opened() as (app, tenant_id):
        at = past_instant(as_of, "UTC", app.clock(), "as_of")
        found = flow.check(app.database, tenant_id, at, writing(app, at))
    emit(wallets_told.check_data(found), as_json, lambda: wallets_shown.show_check(found))
    if wallets_told.told_of(found):
        raise SystemExit(3)


wallet.add_command(allowance)
wallet.add_command(try_, "try")
