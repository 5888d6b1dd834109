"""Plans: what a customer signs. A plan version holds everything needed to bill it, resolved."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

import msgspec

from everycent.catalog.feature import Included
from everycent.catalog.meter import Measure
from everycent.catalog.price import Price
from everycent.catalog.proration import DEFAULT, DEFAULT_CHANGES, ChangePolicy, Proration, Trial
from everycent.catalog.term import Term
from everycent.kernel.money import Rounding


class Product(msgspec.Struct, frozen=True):
    """What stands on the invoice, and its tax category; of several taxes the keys joined: 'state+city'."""

    key: str
    name: str
    tax_category: str


class Agreed(msgspec.Struct, frozen=True, omit_defaults=True):
    """A quantity that is agreed and not metered, such as seats: so many of `unit`. In a plan `quantity` is
    what a contract has that says nothing else (None: each says it); it is from `least` to `most`."""

    unit: str
    quantity: str | None = None
    least: str = "0"
    most: str | None = None


class Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """One price of a plan; `measure` gives its quantity, or it is `agreed`; without either it is 1."""

    price: Price
    product: Product
    measure: Measure | None = None
    agreed: Agreed | None = None

    @property
    def has_course(self) -> bool:
        """Whether its periods, or what is agreed of it, are not those of its plan."""
        return self.agreed is not None or self.price.is_once or self.price.interval is not None


class PricesIn(msgspec.Struct, frozen=True):
    """What a plan costs in a further currency: a price for each of its items, in their order."""

    currency: str
    prices: tuple[Price, ...]


class Conversion(StrEnum):
    """Whether a plan may be billed in a currency in which it has no prices (currency.conversion)."""

    REFUSED = "refused"
    CONVERTED = "converted"


class Plan(msgspec.Struct, frozen=True, omit_defaults=True):
    """`interval` is text such as 'month'; `anchor_day` where periods are cut (None: the day of start).
    Parts of periods are counted by `proration` where a price has no rule of its own. A plan that
    `adds_to` others is an add-on to contracts for one of those, and no contract by itself.

    The prices of the items are in `currency`; `also` holds those in further ones. `conversion` stands in
    the place of the tenant's policy (None: as that says). `term` is how long it is agreed for (None: as
    long as nobody ends it).
    """

    key: str
    name: str
    currency: str
    interval: str
    items: tuple[Item, ...]
    anchor_day: int | None = None
    proration: Proration = DEFAULT
    changes: ChangePolicy = DEFAULT_CHANGES
    trial: Trial | None = None
    adds_to: tuple[str, ...] = ()
    features: tuple[Included, ...] = ()
    also: tuple[PricesIn, ...] = ()
    conversion: Conversion | None = None
    term: Term | None = None

    @property
    def currencies(self) -> tuple[str, ...]:
        """The currencies in which it has prices, its own first."""
        return self.currency, *(told.currency for told in self.also)

    def priced_in(self, currency: str) -> str:
        """The currency of the prices by which a contract in `currency` is billed: that one, or the plan's
        own where it has none in that one."""
        if currency == self.currency or currency in self.currencies:
            return currency
        return self.currency

    def item(self, number: int, currency: str) -> Item:
        """Item `number` (from 1) with the price by which a contract in `currency` is billed."""
        found = self.items[number - 1]
        if currency == self.currency:
            return found
        for told in self.also:
            if told.currency == currency:
                return msgspec.structs.replace(found, price=told.prices[number - 1])
        return found

    def in_currency(self, currency: str) -> Plan:
        """The plan as a contract in `currency` knows it: with those prices only."""
        items = tuple(self.item(number, currency) for number in range(1, len(self.items) + 1))
        told = self.priced_in(currency)
        return msgspec.structs.replace(self, currency=told, items=items, also=())

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
