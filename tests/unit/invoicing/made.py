"""Charges and invoices made by hand, for the tests of invoicing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

from everycent.catalog.plan import Item, Product, Tax, TaxRate
from everycent.catalog.price import Flat, Price
from everycent.customers.customer import Customer
from everycent.invoicing.assemble import DraftInvoice, DueCharge, draft
from everycent.kernel import ids
from everycent.kernel.calendar import start_of_day
from everycent.kernel.money import Rounding
from everycent.kernel.period import Period
from everycent.rating.rate import charge

ZONE = "Europe/Zagreb"
ANA = Customer(ids.derived("ana"), "ana", "Ana", "EUR", ZONE)
DUE_AT = datetime(2026, 1, 31, 23, tzinfo=UTC)


def days(first: date, last: date, zone: str = ZONE) -> Period:
    """From the start of a local day to the start of another."""
    return Period(start_of_day(first, zone), start_of_day(last, zone))


JANUARY = days(date(2026, 1, 1), date(2026, 2, 1))


def due(
    amount: str,
    category: str = "vat",
    *,
    currency: str = "EUR",
    period: Period = JANUARY,
    in_advance: bool = False,
    item_no: int = 1,
) -> DueCharge:
    """A flat charge that fell due."""
    price = Price(f"k{item_no}", Flat(amount), "K", Rounding.HALF_UP, in_advance)
    made = charge(Item(price, Product("p", "P", category)), {}, currency)
    return DueCharge(
        ids.derived("subscription"), "ana", item_no, in_advance, ZONE, period, DUE_AT, made
    )


def tax(category: str, *rates: tuple[str, str]) -> Tax:
    """A category with its rates as (since, percent)."""
    dated = tuple(TaxRate(date.fromisoformat(since), percent) for since, percent in rates)
    return Tax(category, dated, Rounding.HALF_UP)


def drafted(
    *charges: DueCharge, taxes: Mapping[str, Tax] | None = None, currency: str = "EUR"
) -> DraftInvoice:
    """One invoice over the charges; taxed with 25 % unless said otherwise."""
    known = {"vat": tax("vat", ("2015-01-01", "25"))} if taxes is None else taxes
    customer = Customer(ANA.customer_id, "ana", "Ana", currency, ZONE)
    return draft(customer, DUE_AT, charges, known)
