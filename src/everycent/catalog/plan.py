"""Plans: what a customer signs. A plan version holds everything needed to bill it, resolved."""

from __future__ import annotations

from datetime import date

import msgspec

from everycent.catalog.meter import Measure
from everycent.catalog.price import Price
from everycent.catalog.proration import DEFAULT, DEFAULT_CHANGES, ChangePolicy, Proration, Trial
from everycent.kernel.money import Rounding


class Product(msgspec.Struct, frozen=True):
    """What stands on the invoice, and its tax category; of several taxes the keys joined: 'state+city'."""

    key: str
    name: str
    tax_category: str


class Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """One price of a plan; `measure` gives its quantity, without one the quantity is 1."""

    price: Price
    product: Product
    measure: Measure | None = None


class Plan(msgspec.Struct, frozen=True, omit_defaults=True):
    """`interval` is text such as 'month'; `anchor_day` where periods are cut (None: the day of start).
    Parts of periods are counted by `proration` where a price has no rule of its own."""

    key: str
    name: str
    currency: str
    interval: str
    items: tuple[Item, ...]
    anchor_day: int | None = None
    proration: Proration = DEFAULT
    changes: ChangePolicy = DEFAULT_CHANGES
    trial: Trial | None = None

    def rule(self, item: Item) -> Proration:
        """How a part of a period is counted for an item."""
        return self.proration if item.price.proration is None else item.price.proration


class TaxRate(msgspec.Struct, frozen=True):
    """The percentage that applies from a day on."""

    since: date
    percent: str


class Tax(msgspec.Struct, frozen=True):
    """The dated rates of a tax category, oldest first, and how its amount is rounded (None: as the
    policy tax.rounding_mode says)."""

    category: str
    rates: tuple[TaxRate, ...]
    rounding: Rounding | None


UNTAXED = "none"
"""The category of what carries no tax; it needs no rates."""
AND = "+"
"""Stands between the taxes of what carries several; no key has it."""


def rate_on(tax: Tax, day: date) -> TaxRate | None:
    """The rate in force on `day`, or None before the first."""
    found = [rate for rate in tax.rates if rate.since <= day]
    return found[-1] if found else None
