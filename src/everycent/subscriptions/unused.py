"""Time that was paid for in advance and will not be used: what of it is given back.

Amounts are minor units.
"""

from __future__ import annotations

from fractions import Fraction

from everycent.catalog.proration import Credit, Proration, Unused
from everycent.kernel.money import Money, major, rounded
from everycent.rating.charge import Charge, exact_amount


def given_back(
    now: Charge, before: int, shares: tuple[Fraction, Fraction], rule: Proration, currency: str
) -> int:
    """What is credited where `before` was charged for a period of which less is used; never more than
    that.

    `now` is the charge as it is right with the shorter period. `shares` are the part of a full period that
    was charged and the part that is used now. By `proration.credit`: DIFFERENCE is before − now,
    UNUSED_PART the price × what is not used, PAID_PART before × what is not used of what was charged.
    """
    was, used = shares
    if was == used:
        return 0
    match rule.credit:
        case Credit.DIFFERENCE:
            found = before - now.net
        case Credit.UNUSED_PART:
            exact = exact_amount(now) * (was - used)
            found = rounded(exact, currency, now.price.amount_rounding).minor
        case Credit.PAID_PART:
            exact = Fraction(major(Money(before, currency))) * (was - used) / was
            found = rounded(exact, currency, now.price.amount_rounding).minor
    return capped(found, before)


def capped(potential: int, charged: int) -> int:
    """A credit, at most what is charged for the period so far, credits taken off."""
    return max(0, min(potential, charged))


def is_given_back(policy: Unused, key: str, keys_after: frozenset[str]) -> bool:
    """Whether unused time of a price is given back when the contract goes on with prices of these keys."""
    return policy is Unused.CREDIT or (policy is Unused.SAME_ITEM and key in keys_after)


def exact_credit(now: Charge, shares: tuple[Fraction, Fraction]) -> Fraction:
    """The unused part of a price before any rounding, in major units."""
    return exact_amount(now) * (shares[0] - shares[1])
