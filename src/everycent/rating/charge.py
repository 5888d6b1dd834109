"""Charge: an amount that is owed and not yet invoiced, together with how it came about.

The derivation is data: support can show it, `verify` can compute it again, and it is frozen into the
event that issues the invoice. Exact numbers are plain decimal text.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from fractions import Fraction

import msgspec

from everycent.catalog.meter import Formula, Measure, Series
from everycent.catalog.plan import Product
from everycent.catalog.price import Price, QuantityRounding
from everycent.catalog.proration import Proration, Unit
from everycent.consumption.register import Reading
from everycent.consumption.usage import Request
from everycent.exchange.rate import Exchange, factor
from everycent.kernel.period import Period


class RegisterStretch(msgspec.Struct, frozen=True, omit_defaults=True):
    """Consumption of one register between two readings."""

    opening: Reading
    closing: Reading
    consumption: str
    rolled_over: bool = False


class UsagePart(msgspec.Struct, frozen=True, omit_defaults=True):
    """One series behind a quantity, sealed: which records (subject, series, span, and everything folded
    up to `fold_id`), how many, their sum, the digest over them, and the value they gave.

    `input` is the name under which a formula knows the value; `exact` is the value as a fraction
    ('1/3') where its decimals do not end and `value` is cut after 18. Counters count records in
    (start, end] of a contract that began at `since`. What is weighed by time is weighed against `whole`,
    from the start to the end of the full period where this is a part of one, on the clock of `zone`.
    `counted` windows, records or units were there where the value is made of such; `opening_level` is
    the level, or the number of units, at the start.
    """

    subject: str
    series: Series
    subject_id: int
    meter_id: int
    starts_at: datetime
    ends_at: datetime
    fold_id: int
    records: int
    total: str
    digest: str
    value: str
    input: str = ""
    peak_at: datetime | None = None
    stretches: tuple[RegisterStretch, ...] = ()
    opening: Reading | None = None
    closing: Reading | None = None
    counted: int | None = None
    opening_level: str | None = None
    exact: str | None = None
    since: datetime | None = None
    whole: tuple[datetime, datetime] | None = None
    zone: str = "UTC"


class InnerFormula(msgspec.Struct, frozen=True):
    """A formula that is an input of another one."""

    unit: str
    expression: str


class Quantity(msgspec.Struct, frozen=True, omit_defaults=True):
    """A quantity and where it comes from: parts, the formula over them if any, the rounding if any.

    What is agreed and not metered has no parts. `inner` are the formulas within the formula, by the path
    of names under which they are known.
    `exact` is before the rounding, in `exact_unit` where the rounding converts to another `unit`.
    """

    exact: str
    value: str
    unit: str
    parts: tuple[UsagePart, ...]
    expression: str | None = None
    rounding: QuantityRounding | None = None
    inner: dict[str, InnerFormula] = {}
    exact_unit: str | None = None


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One product of the calculation: `quantity` × `unit_amount` + `flat_amount` = `amount`, or with
    `percent` in place of the unit amount."""

    what: str
    amount: str
    quantity: str | None = None
    unit_amount: str | None = None
    flat_amount: str | None = None
    percent: str | None = None


class Limit(StrEnum):
    """Which limit of a price is in force."""

    MINIMUM = "minimum"
    MAXIMUM = "maximum"


class Charge(msgspec.Struct, frozen=True, omit_defaults=True):
    """`amount` is the exact sum of the steps; `net` (minor units) is what `price.amount_rounding` makes of
    it once, or of the `limit` that stands in its place.

    `share` is the part of a full period as [days, days of the full period], told where it plays a part:
    the amount of a flat price, or of a quantity that is agreed, is multiplied by it, and so are limits
    that are prorated. It was counted by the `proration`, told where that is another one than the
    default; its units need not be days.
    `is_open` says that the minimum is left to a later part of the same period.

    With an `exchange` the price, the steps and their sum are in the plan's currency, and what is owed is
    converted before it is rounded: `net` is in the contract's.
    """

    product: Product
    price: Price
    steps: tuple[Step, ...]
    amount: str
    net: int
    quantity: Quantity | None = None
    share: tuple[int, int] | None = None
    limit: Limit | None = None
    proration: Proration | None = None
    is_open: bool = False
    exchange: Exchange | None = None


def exact_amount(charge: Charge) -> Fraction:
    """The exact sum of the steps in the currency in which the charge is owed."""
    amount = Fraction(charge.amount)
    return amount if charge.exchange is None else amount * factor(charge.exchange)


def priced_in(charge: Charge, currency: str) -> str:
    """The currency of the price and its steps, of a charge that is owed in another one or in the same."""
    return currency if charge.exchange is None else charge.exchange.of


def unit_of(charge: Charge) -> str:
    """The unit of time in which its share of a period is counted."""
    return (Unit.DAY if charge.proration is None else charge.proration.unit).value


def is_agreed(quantity: Quantity | None) -> bool:
    """Whether it is a quantity that a contract agrees on."""
    return quantity is not None and not quantity.parts and quantity.expression is None


def measure_of(quantity: Quantity) -> Measure:
    """What was measured, as it was frozen."""
    if quantity.expression is None:
        return quantity.parts[0].series
    tree = Formula(quantity.exact_unit or quantity.unit, quantity.expression, {})
    for path in sorted(quantity.inner):
        inner = quantity.inner[path]
        _put(tree, path, Formula(inner.unit, inner.expression, {}))
    for part in quantity.parts:
        _put(tree, part.input, part.series)
    return tree


def _put(tree: Formula, path: str, measure: Measure) -> None:
    *outer, name = path.split(".")
    for step in outer:
        inner = tree.inputs[step]
        assert isinstance(inner, Formula), "only formulas have inputs"
        tree = inner
    tree.inputs[name] = measure


def request_of(part: UsagePart) -> Request:
    """What was asked of metering for the part."""
    whole = None if part.whole is None else Period(*part.whole)
    period = Period(part.starts_at, part.ends_at)
    return Request(part.subject, part.series, period, part.since, whole, part.zone)
