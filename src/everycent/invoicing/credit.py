"""The tax of credit notes over parts of an invoice: each rounded by itself, and the last one takes what is
left, so that all together give back what was charged, to the cent."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from everycent.invoicing.invoice import TaxAmount
from everycent.kernel.errors import Conflict
from everycent.kernel.money import rounded_minor


def taxes_on_credits(tax: TaxAmount, bases: Sequence[int]) -> list[int]:
    """The tax that each of some credit notes gives back, in their order, for what they take off the base
    (minor units). Never more than is left of the tax; the one that uses the base up takes all of it.

    Raises Conflict `credit.beyond_the_invoice` when they take off more than there is.
    """
    left_base, left_tax = tax.base, tax.amount
    found = []
    for base in bases:
        if not 0 < base <= left_base:
            raise Conflict(
                "credit.beyond_the_invoice",
                f"{base} can't be taken off, of {tax.base} there are {left_base} left",
                field="base",
                value=base,
            )
        exact = Fraction(tax.percent) * base / 100
        rounded = min(rounded_minor(exact, tax.rounding, tax.step), left_tax)
        amount = left_tax if base == left_base else rounded
        found.append(amount)
        left_base -= base
        left_tax -= amount
    return found
