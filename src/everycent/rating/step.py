"""One product of a calculation, told in plain decimal text beside its exact amount."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import reduce

from everycent.kernel.money import EXACT
from everycent.kernel.quantity import plain
from everycent.rating.charge import Step

Steps = tuple[tuple[Step, ...], Decimal]
"""The steps of a calculation and their exact sum in major units."""


def per_unit_step(
    what: str, quantity: Decimal, unit_amount: str, flat_amount: str = "0"
) -> tuple[Step, Decimal]:
    """quantity × unit_amount + flat_amount."""
    amount = EXACT.fma(quantity, Decimal(unit_amount), Decimal(flat_amount))
    return Step(what, plain(amount), plain(quantity), unit_amount, _flat(flat_amount)), amount


def percent_step(
    what: str, quantity: Decimal, percent: str, flat_amount: str = "0"
) -> tuple[Step, Decimal]:
    """quantity × percent ÷ 100 + flat_amount."""
    amount = EXACT.fma(quantity, hundredth(percent), Decimal(flat_amount))
    step = Step(what, plain(amount), plain(quantity), None, _flat(flat_amount), percent)
    return step, amount


def product_of(step: Step) -> Decimal:
    """What the step's own numbers give; its amount where it is no product."""
    if step.quantity is None:
        return Decimal(step.amount)
    factor = Decimal(step.unit_amount or "0") if step.percent is None else hundredth(step.percent)
    return EXACT.fma(Decimal(step.quantity), factor, Decimal(step.flat_amount or "0"))


def sum_of(steps: Iterable[Step]) -> Decimal:
    """What the steps' own numbers come to together."""
    return reduce(EXACT.add, map(product_of, steps), Decimal(0))


def hundredth(percent: str) -> Decimal:
    """The percentage as a factor, exactly."""
    return Decimal(percent).scaleb(-2, EXACT)


def _flat(amount: str) -> str | None:
    return None if amount == "0" else amount
