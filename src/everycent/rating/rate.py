"""The one entrance: an item of a plan, what was used, and the period → a Charge."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from everycent.catalog.plan import Item
from everycent.catalog.price import Flat
from everycent.consumption.usage import Used
from everycent.kernel.money import rounded
from everycent.kernel.quantity import plain
from everycent.rating.charge import Charge
from everycent.rating.quantity import quantity
from everycent.rating.schemes import steps

_ONE = Decimal(1)


def charge(
    item: Item,
    used: Mapping[str, Used],
    currency: str,
    share: Fraction = Fraction(1),
) -> Charge:
    """What the item costs for the period.

    `share` is the part of a full period that is billed; it applies to flat prices, since usage is
    already limited to the period. The amount is exact until it is rounded once to the currency.
    """
    price = item.price
    derived = None
    value = _ONE
    if item.measure is not None:
        derived, value = quantity(item.measure, used, price.quantity_rounding)
    found, amount = steps(price.scheme, value)
    prorated = isinstance(price.scheme, Flat) and share != 1
    exact = Fraction(amount) * share if prorated else amount
    net = rounded(exact, currency, price.amount_rounding)
    return Charge(
        item.product,
        price,
        found,
        plain(amount),
        net.minor,
        derived,
        (share.numerator, share.denominator) if prorated else None,
    )
