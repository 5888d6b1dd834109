"""Amounts of money as people and programs tell them: decimal numbers as text."""

from __future__ import annotations

from everycent.kernel import currency as currencies
from everycent.kernel.errors import Invalid
from everycent.kernel.money import MINOR_LIMIT
from everycent.kernel.quantity import parse_decimal


def positive_minor(text: str, currency: str, field: str) -> int:
    """An amount in minor units: above nothing, and with no more decimals than the currency has. Raises
    Invalid `payment.bad_amount`, and what a malformed number raises."""
    places = currencies.exponent(currency)
    told = parse_decimal(text, field).scaleb(places)
    if told <= 0 or told != told.to_integral_value() or told >= MINOR_LIMIT:
        raise Invalid(
            "payment.bad_amount",
            f"{text[:40]} is no amount of {currency} above nothing",
            field=field,
            value=text,
            hint=f"{currency} has {places} decimals",
        )
    return int(told)
