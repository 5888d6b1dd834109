"""The price of what comes on top: price(after) − price(before), or less what was billed already.

Each side is rounded to money before they are subtracted, so that the parts of a period add up to the
cent to what the whole of it costs, however it is split.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from everycent.catalog.price import Price
from everycent.consumption.usage import Event
from everycent.kernel.money import Money, rounded
from everycent.rating.priced import Priced, priced

_ALL = Fraction(1)

Used = Decimal | Sequence[Event]
"""A quantity, or the events one by one."""


class Marginal(NamedTuple):
    """`net` is owed now: what `after` comes to, less `billed` before. `before` is None where nothing was
    billed, or an amount was given in its place."""

    before: Priced | None
    after: Priced
    billed: Money
    net: Money


def marginal(
    price: Price,
    before: Used | Money | None,
    after: Used,
    currency: str,
    share: Fraction = _ALL,
    *,
    is_last: bool = True,
) -> Marginal:
    """The difference that use in addition makes: `after` is all use of the period so far, `before` what
    was there when it was billed last, or the Money that was billed for the period so far; None when
    nothing was. (No use at all is billed at a quantity of zero, which a tier's flat amount may cost.)

    A price per event in advance bills each event like this; so does a period in several lines. A
    minimum is due with the last line of a period (`is_last`) only, a maximum counts for them together.
    Raises what pricing and rounding raise.
    """
    whole = priced(price, after, share, is_last=is_last)
    total = rounded(whole.exact, currency, price.amount_rounding)
    if before is None:
        return Marginal(None, whole, Money(0, currency), total)
    if isinstance(before, Money):
        return Marginal(None, whole, before, total - before)
    earlier = priced(price, before, share, is_last=False)
    billed = rounded(earlier.exact, currency, price.amount_rounding)
    return Marginal(earlier, whole, billed, total - billed)
