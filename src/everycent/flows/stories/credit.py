"""What a story gives and sells in advance: coupons, wallets, and the credit in them."""

from __future__ import annotations

from datetime import date, datetime

from everycent.catalog.document_refusals import Strict
from everycent.coupons import operations as coupons
from everycent.coupons import queries as coupon_queries
from everycent.credits import grant as grants
from everycent.credits import operations as wallets
from everycent.credits import queries as wallet_queries
from everycent.credits.grant import Basis, Order, Renewal, Rollover, Scope
from everycent.credits.operations import Offer, Terms
from everycent.credits.wallet import Wallet
from everycent.customers import queries as customers
from everycent.flows.stories.document import Form, Moment
from everycent.flows.stories.times import instant, wrong
from everycent.flows.stories.world import Action, Came, World
from everycent.kernel.calendar import local_date, parse_interval
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Money, plain
from everycent.subscriptions import operations as subscriptions


class _Coupon(Strict):
    code: str
    customer: str | None = None
    subscription: str | None = None
    starts_on: date | None = None


def _read_coupon(given: _Coupon, _: Moment) -> _Coupon:
    if (given.customer is None) == (given.subscription is None):
        raise wrong("a coupon is for a customer, or for one subscription", field="customer")
    return given


def _coupon(world: World, given: _Coupon) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        only = None
        if given.subscription is not None:
            found = subscriptions.get(tx, given.subscription)
            only = (found.subscription_id, found.key)
            owner = customers.by_ids(tx, [found.customer_id])[found.customer_id]
        else:
            owner = customers.by_name(tx, given.customer or "")
        starts_on = given.starts_on or local_date(world.at, owner.time_zone)
        made = coupons.apply(tx, given.code, owner.customer_id, starts_on=starts_on,
                             subscription=only, **world.writing)  # fmt: skip
    return Came({"coupon": made.name, "customer": owner.key, "starts_on": str(made.starts_on)})


class _RemoveCoupon(Strict):
    coupon: str
    on: date | None = None
    reason: str = ""


def _remove_coupon(world: World, given: _RemoveCoupon) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        held = coupon_queries.by_name(tx, given.coupon)
        owner = customers.by_ids(tx, [held.customer_id])[held.customer_id]
        on = given.on or local_date(world.at, owner.time_zone)
        coupons.remove(tx, given.coupon, on=on, reason=given.reason, **world.writing)
    return Came({"coupon": given.coupon, "customer": owner.key, "on": str(on)})


class _Wallet(Strict):
    customer: str
    key: str | None = None
    unit: str | None = None
    unit_price: str | None = None
    priority: int = 0
    order: Order | None = None
    before_tax: bool | None = None
    products: tuple[str, ...] = ()
    prices: tuple[str, ...] = ()


def _read_wallet(given: _Wallet, _: Moment) -> _Wallet:
    if (given.unit is None) != (given.unit_price is None):
        field = "unit" if given.unit is None else "unit_price"
        raise wrong("a unit needs a name and a price", field=field)
    return given


def _wallet(world: World, given: _Wallet) -> Came:
    unit = None
    if given.unit is not None and given.unit_price is not None:
        unit = grants.checked_unit(given.unit, given.unit_price)
    scope = Scope(given.products, given.prices)
    terms = Terms(given.priority, scope, unit, given.order, given.before_tax)
    with world.database.transaction(world.tenant_id) as tx:
        owner = customers.by_name(tx, given.customer)
        made = wallets.open_wallet(tx, owner, given.key or owner.key, terms, world.writing)
    return Came(
        {
            "wallet": made.key,
            "currency": made.currency,
            "order": made.order.value,
            "before_tax": made.before_tax,
        }
    )


class _Credit(Strict):
    wallet: str
    effective: str | None = None
    expires: str | None = None
    priority: int = 50
    products: tuple[str, ...] = ()
    prices: tuple[str, ...] = ()


class _TopUp(_Credit, kw_only=True):
    reference: str
    amount: str | None = None
    due: bool = False
    owed: bool = False


class _Grant(_Credit, kw_only=True):
    amount: str
    reason: str
    every: str | None = None
    anchor: date | None = None
    keep_least: str = "0"
    keep_most: str = "0"


def _read_credit(given: _Credit, moment: Moment) -> _Credit:
    for field in ("effective", "expires"):
        try:
            _instant(getattr(given, field), moment.time_zone)
        except Invalid as refusal:
            refusal.field = field
            raise
    return given


def _read_top_up(given: _TopUp, moment: Moment) -> _TopUp:
    if given.due == (given.amount is not None):
        raise wrong("a top-up is of an amount, or with `due` the one that is due", field="amount")
    _read_credit(given, moment)
    return given


def _instant(text: str | None, zone: str) -> datetime | None:
    return None if text is None else instant(text, zone)


def _top_up(world: World, given: _TopUp) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        found = wallet_queries.wallet(tx, given.wallet)
        if given.amount is None:
            return _told(found, wallets.pay_top_up(tx, found.key, given.reference, world.writing))
        offer = Offer(
            grants.worth(given.amount, found.unit, found.currency), Basis.PAID, given.reference,
            given.priority, _instant(given.effective, world.time_zone),
            _instant(given.expires, world.time_zone), Scope(given.products, given.prices),
            is_owed=given.owed,
        )  # fmt: skip
        made = wallets.grant(tx, found.key, offer, world.writing)
    return _told(found, made)


def _grant(world: World, given: _Grant) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        found = wallet_queries.wallet(tx, given.wallet)
        zone = customers.by_ids(tx, [found.customer_id])[found.customer_id].time_zone
        amount = grants.worth(given.amount, found.unit, found.currency)
        begins = _instant(given.effective, world.time_zone) or world.at
        renewal = None
        if given.every is not None:
            first = given.anchor or local_date(begins, zone)
            renewal = Renewal(amount, first, *parse_interval(given.every), zone)
        offer = Offer(
            amount, Basis.PROMOTIONAL, given.reason, given.priority, begins,
            _instant(given.expires, world.time_zone), Scope(given.products, given.prices),
            rollover=_rollover(found, given), renewal=renewal,
        )  # fmt: skip
        made = wallets.grant(tx, found.key, offer, world.writing)
    return _told(found, made)


def _rollover(found: Wallet, given: _Grant) -> Rollover:
    least, most = given.keep_least, given.keep_most
    return Rollover(
        grants.minor_of(least, found.unit, found.currency, "keep_least"),
        None if most == "all" else grants.minor_of(most, found.unit, found.currency, "keep_most"),
    )


def _told(found: Wallet, made: grants.Grant) -> Came:
    amount = plain(Money(made.amount, found.currency))
    return Came({"wallet": found.key, "number": made.number, "amount": amount})


CREDIT: dict[str, Action] = {
    "coupon": Action(_coupon, Form(_Coupon, read=_read_coupon)),
    "remove_coupon": Action(_remove_coupon, Form(_RemoveCoupon, short="coupon")),
    "wallet": Action(_wallet, Form(_Wallet, short="customer", read=_read_wallet)),
    "topup": Action(_top_up, Form(_TopUp, read=_read_top_up)),
    "grant": Action(_grant, Form(_Grant, read=_read_credit)),
}
"""These actions by name."""
