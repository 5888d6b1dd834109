"""What a price makes of a quantity or of events: scheme, then maximum, then minimum; nothing rounded."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from everycent.catalog.price import Flat, Price
from everycent.consumption.usage import Event
from everycent.kernel.money import Money, major, rounded
from everycent.rating.charge import Limit, Step
from everycent.rating.events import steps_of_events
from everycent.rating.schemes import steps

_ALL = Fraction(1)


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
) -> Priced:
    """What the use costs. `share` is the part of a full period that is billed.

    The minimum is due for the whole period, so it is left out where the period goes on after this bill
    (not `is_last`). Raises what the schemes raise.
    """
    if isinstance(used, Decimal):
        found, amount = steps(price.scheme, used)
    else:
        found, amount = steps_of_events(price.scheme, used)
    return limited(price, found, amount, share, is_last=is_last)


def limited(
    price: Price,
    found: tuple[Step, ...],
    amount: Decimal,
    share: Fraction = _ALL,
    *,
    is_last: bool = True,
) -> Priced:
    """What is owed where the steps of the scheme come to an amount: maximum first, then minimum."""
    if isinstance(price.scheme, Flat):
        exact = Fraction(amount) * share if share != 1 else amount
        return Priced(found, amount, exact)
    high, low = limit_of(price, Limit.MAXIMUM, share), limit_of(price, Limit.MINIMUM, share)
    if high is not None and amount > high:
        return Priced(found, amount, high, Limit.MAXIMUM)
    if low is not None and amount < low and is_last:
        return Priced(found, amount, low, Limit.MINIMUM)
    return Priced(found, amount, amount)


def by_daily_rate(price: Price, made: Priced, part: tuple[int, int], currency: str) -> Priced:
    """The same with the price of one unit of time rounded before it is multiplied. Usage and its limits
    stay as they are."""
    if not isinstance(price.scheme, Flat):
        return made
    units, whole = part
    rate = daily_rate(price, Fraction(made.amount), whole, currency)
    return made._replace(exact=Fraction(major(rate)) * units)


def daily_rate(price: Price, amount: Fraction, whole: int, currency: str) -> Money:
    """The price of one of the `whole` units of time of a full period, rounded as the price says."""
    return rounded(amount / whole, currency, price.amount_rounding)


def limit_of(price: Price, limit: Limit, share: Fraction) -> Fraction | None:
    """The limit for a part of a period; None where the price has none."""
    text = price.minimum if limit is Limit.MINIMUM else price.maximum
    if text is None:
        return None
    return Fraction(text) * share if price.prorate_limits else Fraction(text)


def has_share(price: Price) -> bool:
    """Whether the part of the period plays a part in what the price comes to."""
    if isinstance(price.scheme, Flat):
        return True
    return price.prorate_limits and (price.minimum is not None or price.maximum is not None)
