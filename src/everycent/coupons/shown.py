"""Coupons in the hands of customers as programs get them, on the command line and over HTTP."""

from __future__ import annotations

from typing import Any

from everycent.coupons.application import Application, Held
from everycent.kernel.money import Money, plain


def as_data(made: Application, customer: str) -> dict[str, Any]:
    """A coupon that a customer, named by its key, was given."""
    return {
        "name": made.name,
        "coupon": made.coupon.key,
        "version": made.version,
        "customer": customer,
        "subscription": made.subscription,
        "percent": made.coupon.percent,
        "amount": made.coupon.amount,
        "currency": made.coupon.currency,
        "times": made.coupon.times,
        "starts_on": made.starts_on,
        "ends_on": made.ends_on,
    }


def listed_data(held: Held, row: Any) -> dict[str, Any]:
    """The same with what it took off so far; the row has the customer, the currency, and what was taken."""
    return as_data(held.application, row.customer) | {
        "invoices": held.uses,
        "redemptions": held.redemptions,
        "taken": plain(Money(row.taken, row.currency)),
        "rest": plain(Money(held.rest, row.currency)),
    }
