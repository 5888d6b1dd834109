"""Coupons: what is taken off before tax, of which lines, how often and for how long."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec

from everycent.kernel.calendar import add_months, parse_interval


class Coupon(msgspec.Struct, frozen=True, omit_defaults=True):
    """Takes `percent` off, or `amount` (major units) of a `currency`: one of the two.

    It reaches the lines of these plans, products and prices: each list that is not empty must hold the
    line's. `times` is on how many invoices, `lasts` how long from the day it is applied for (None: no
    bound). It may be applied for days from `valid_from` on and before `valid_until`, and `limit` times
    in all. A lower `priority` comes first. One that is not `combinable` stands alone.
    """

    key: str
    name: str
    percent: str | None = None
    amount: str | None = None
    currency: str | None = None
    times: int | None = None
    lasts: str | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    limit: int | None = None
    priority: int = 100
    combinable: bool = True
    plans: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    prices: tuple[str, ...] = ()


def reaches(coupon: Coupon, plan: str, product: str, price: str) -> bool:
    """Whether a line of the plan, product and price is within the coupon's scope. A price with a matrix
    is meant with all of its cells (`calls` reaches `calls.eu`)."""
    return (
        (not coupon.plans or plan in coupon.plans)
        and (not coupon.products or product in coupon.products)
        and (
            not coupon.prices
            or any(price == key or price.startswith(f"{key}.") for key in coupon.prices)
        )
    )


def ends_on(coupon: Coupon, starts_on: date) -> date | None:
    """The first day on which a coupon that holds from `starts_on` no longer does; None: no end."""
    if coupon.lasts is None:
        return None
    interval = parse_interval(coupon.lasts)
    if interval.months:
        return add_months(starts_on, interval.months)
    return starts_on + timedelta(days=interval.days)
