"""The one entrance: an item of a plan, what was used, and the period → a Charge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from everycent.catalog.plan import Item
from everycent.catalog.price import Commitment, needs_events
from everycent.catalog.proration import DEFAULT, Minimum, Proration
from everycent.consumption.usage import Event, Used
from everycent.exchange.rate import Exchange, factor
from everycent.kernel.money import rounded
from everycent.kernel.quantity import plain
from everycent.rating.charge import Charge
from everycent.rating.priced import by_daily_rate, has_share, is_fee, priced
from everycent.rating.quantity import agreed, quantity

_ONE = Decimal(1)
_ZERO = Decimal(0)


def charge(
    item: Item,
    used: Mapping[str, Used],
    currency: str,
    share: Fraction = Fraction(1),
    *,
    units: int = 1,
    rule: Proration = DEFAULT,
    is_last: bool = True,
    counted: Decimal = _ZERO,
    exchange: Exchange | None = None,
) -> Charge:
    """What the item costs for the period.

    `share` is the part of a full period that is billed; it applies to flat prices, to quantities that are
    agreed and to limits, since usage is already limited to the period. It was counted by the `rule`, in
    units of time of which a full period has `units`. A part that is not the last (`is_last`) of its period
    leaves a minimum that is due once to the one that is. The amount is exact until it is rounded once to
    the currency, into which `exchange` converts it where the price is in another one. A commitment
    looks at what was `counted` for the contract, in major units.
    """
    price = item.price
    is_agreed = item.agreed is not None
    derived = None
    priced_by: Decimal | Sequence[Event] = _ONE
    if isinstance(price.scheme, Commitment):
        priced_by = counted
    elif item.agreed is not None:
        derived, priced_by = agreed(item.agreed, price.quantity_rounding)
    elif item.measure is not None:
        derived, value = quantity(item.measure, used, price.quantity_rounding)
        priced_by = used[""].usage.events if needs_events(price.scheme) else value
    is_open = not is_last and rule.minimum is Minimum.LAST_PART and price.minimum is not None
    told = priced(price, priced_by, share, is_last=not is_open, is_agreed=is_agreed)
    part = None
    if share != 1 and has_share(price, is_agreed=is_agreed):
        part = part_of(share, units)
    if part is not None and rule.round_daily_rate and is_fee(price, is_agreed=is_agreed):
        told = by_daily_rate(price, told, part, currency if exchange is None else exchange.of)
    exact = told.exact if exchange is None else Fraction(told.exact) * factor(exchange)
    net = rounded(exact, currency, price.amount_rounding)
    return Charge(
        item.product,
        price,
        told.steps,
        plain(told.amount),
        net.minor,
        derived,
        part,
        told.limit,
        rule if (part is not None or is_open) and rule != DEFAULT else None,
        is_open,
        exchange,
    )


def part_of(share: Fraction, units: int) -> tuple[int, int]:
    """The share in units of time of which a full period has so many; in its lowest terms where it is no
    whole number of them."""
    if units % share.denominator:
        return share.numerator, share.denominator
    return share.numerator * (units // share.denominator), units
