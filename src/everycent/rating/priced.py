"""What a price makes of a quantity or of events: scheme, then maximum, then minimum; nothing rounded."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from everycent.catalog.price import Commitment, Flat, Price
from everycent.consumption.usage import Event
from everycent.kernel.money import Money, major, rounded
from everycent.rating.charge import Limit, Step
from everycent.rating.events import steps_of_events
from everycent.rating.schemes import steps

_ALL = Fraction(1)
_NOTHING = Fraction(0)


class Priced(NamedTuple):
    """The steps, their exact sum `amount`, and the `exact` amount that is owed: the share of a flat
    amount, or the limit that is in force. All in major units."""

    steps: tuple[Step, ...]
    amount: Decimal
    exact: Decimal | Fraction
    limit: Limit | None = None


def priced(
    price: Price,
    used: Decimal | Sequence[Event],
    share: Fraction = _ALL,
    *,
    is_last: bool = True,
    is_agreed: bool = False,
) -> Priced:
    """What the use costs. `share` is the part of a full period that is billed; a quantity that `is_agreed`
    for the whole of it costs that part.

    The minimum is due for the whole period, so it is left out where the period goes on after this bill
    (not `is_last`). Raises what the schemes raise.
    """
    if isinstance(used, Decimal):
        found, amount = steps(price.scheme, used)
    else:
        found, amount = steps_of_events(price.scheme, used)
    return limited(price, found, amount, share, is_last=is_last, is_agreed=is_agreed)


def limited(
    price: Price,
    found: tuple[Step, ...],
    amount: Decimal,
    share: Fraction = _ALL,
    *,
    is_last: bool = True,
    is_agreed: bool = False,
) -> Priced:
    """What is owed where the steps of the scheme come to an amount: maximum first, then minimum. Of a
    commitment what leads from the amount to its limit."""
    exact: Decimal | Fraction = amount
    if share != 1 and is_fee(price, is_agreed=is_agreed):
        exact = Fraction(amount) * share
    if isinstance(price.scheme, Flat):
        return Priced(found, amount, exact)
    high, low = limit_of(price, Limit.MAXIMUM, share), limit_of(price, Limit.MINIMUM, share)
    base = Fraction(amount) if isinstance(price.scheme, Commitment) else _NOTHING
    if high is not None and exact > high:
        return Priced(found, amount, high - base, Limit.MAXIMUM)
    if low is not None and exact < low and is_last:
        return Priced(found, amount, low - base, Limit.MINIMUM)
    return Priced(found, amount, Fraction(exact) - base if base else exact)


def by_daily_rate(price: Price, made: Priced, part: tuple[int, int], currency: str) -> Priced:
    """The same fee with the price of one unit of time rounded before it is multiplied. A limit that is in
    force stays as it is."""
    if made.limit is not None:
        return made
    units, whole = part
    rate = daily_rate(price, Fraction(made.amount), whole, currency)
    return made._replace(exact=Fraction(major(rate)) * units)


def daily_rate(price: Price, amount: Fraction, whole: int, currency: str) -> Money:
    """The price of one of the `whole` units of time of a full period, rounded as the price says."""
    return rounded(amount / whole, currency, price.amount_rounding)


def limit_of(price: Price, limit: Limit, share: Fraction) -> Fraction | None:
    """The limit for a part of a period; None where the price has none."""
    told = price.scheme if isinstance(price.scheme, Commitment) else price
    text = told.minimum if limit is Limit.MINIMUM else told.maximum
    if text is None:
        return None
    return Fraction(text) * share if price.prorate_limits else Fraction(text)


def is_fee(price: Price, *, is_agreed: bool) -> bool:
    """Whether the price is for a span of time, and not for what was used in it."""
    return is_agreed or isinstance(price.scheme, Flat)


def has_share(price: Price, *, is_agreed: bool) -> bool:
    """Whether the part of the period plays a part in what the price comes to."""
    if is_fee(price, is_agreed=is_agreed):
        return True
    limits = (limit_of(price, limit, _ALL) for limit in Limit)
    return price.prorate_limits and any(limit is not None for limit in limits)
