"""The one entrance: an item of a plan, what was used, and the period → a Charge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from everycent.catalog.plan import Item
from everycent.catalog.price import needs_events
from everycent.consumption.usage import Event, Used
from everycent.kernel.money import rounded
from everycent.kernel.quantity import plain
from everycent.rating.charge import Charge
from everycent.rating.priced import has_share, priced
from everycent.rating.quantity import quantity

_ONE = Decimal(1)


def charge(
    item: Item,
    used: Mapping[str, Used],
    currency: str,
    share: Fraction = Fraction(1),
) -> Charge:
    """What the item costs for the period.

    `share` is the part of a full period that is billed; it applies to flat prices and to limits, since
    usage is already limited to the period. The amount is exact until it is rounded once to the currency.
    """
    price = item.price
    derived = None
    priced_by: Decimal | Sequence[Event] = _ONE
    if item.measure is not None:
        derived, value = quantity(item.measure, used, price.quantity_rounding)
        priced_by = used[""].usage.events if needs_events(price.scheme) else value
    told = priced(price, priced_by, share)
    net = rounded(told.exact, currency, price.amount_rounding)
    return Charge(
        item.product,
        price,
        told.steps,
        plain(told.amount),
        net.minor,
        derived,
        (share.numerator, share.denominator) if share != 1 and has_share(price) else None,
        told.limit,
    )
