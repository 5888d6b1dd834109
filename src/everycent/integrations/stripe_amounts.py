"""Amounts as Stripe counts them. Its minor units are not always those of ISO 4217.

Source: https://docs.stripe.com/currencies, sections "Zero-decimal", "Three-decimal" and "Special cases"
(read in October 2026). Two decimals unless listed here. UGX stands in two of those sections; the special
case is the one about charges, so it holds. HUF and TWD are whole units in payouts only, and can be charged
with two decimals, so they are not listed.
"""

from __future__ import annotations

from typing import NamedTuple

from everycent.kernel.currency import exponent
from everycent.kernel.errors import Invalid
from everycent.payments.failure import Failure


class Scale(NamedTuple):
    """How Stripe counts a currency: decimals of its minor unit, and the step that amounts must keep to."""

    decimals: int
    step: int


_USUAL = Scale(2, 1)
_LISTED = {
    Scale(0, 1): "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF",
    Scale(2, 100): "ISK UGX",  # whole units, written with two decimals
    Scale(3, 10): "BHD JOD KWD OMR TND",  # the last digit must be zero
}
_SCALES = {currency: scale for scale, listed in _LISTED.items() for currency in listed.split()}


def scale(currency: str) -> Scale | None:
    """How Stripe counts the currency; None for what is no currency of ISO 4217, and for a currency of other
    than two decimals that Stripe does not list, because then its minor unit there is not known."""
    try:
        decimals = exponent(currency)
    except Invalid:
        return None
    return _SCALES.get(currency, _USUAL if decimals == _USUAL.decimals else None)


def to_stripe(amount: int, currency: str) -> int | Failure:
    """The amount (ISO minor units) in Stripe's minor units, or why it can't be taken. Nothing is rounded,
    as a rounded charge is another charge."""
    there = scale(currency)
    if there is None:
        return Failure.CURRENCY_REFUSED
    more, fewer = _powers(there.decimals - exponent(currency))
    converted, lost = divmod(amount * more, fewer)
    if amount <= 0 or lost or converted % there.step:
        return Failure.REFUSED
    return converted


def from_stripe(amount: int, currency: str) -> int | None:
    """An amount of Stripe's in ISO minor units; None where ISO has no such amount or currency."""
    there = scale(currency)
    if there is None:
        return None
    more, fewer = _powers(exponent(currency) - there.decimals)
    converted, lost = divmod(amount * more, fewer)
    return None if lost else converted


def _powers(places: int) -> tuple[int, int]:
    """What to multiply with and what to divide by, to move a decimal point by so many places."""
    step: int = 10 ** abs(places)
    return (step, 1) if places >= 0 else (1, step)
