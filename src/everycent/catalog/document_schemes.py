"""How a price is written: its scheme, its limits and its roundings, checked and with every place named."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from everycent.catalog.document_matrix import MatrixShape, matrix
from everycent.catalog.document_refusals import (
    Strict,
    amount,
    check_text,
    money_amount,
    not_negative,
    wrong,
)
from everycent.catalog.document_tiers import (
    MAX_COUNT,
    BlockTiersShape,
    TiersShape,
    block_tiers,
    positive,
    tiers,
)
from everycent.catalog.price import (
    Commitment,
    Dynamic,
    Flat,
    Graduated,
    Package,
    Percentage,
    PerUnit,
    QuantityRounding,
    Scheme,
    Volume,
    needs_events,
)
from everycent.kernel.money import Rounding

_MAX_PLACES = 12
"""Quantities are rounded to so many decimals at most, or with a minus to as large a power of ten."""
_MAX_UNIT = 40


class QuantityRoundingShape(Strict):
    """How the quantity is rounded before it is priced."""

    places: int
    mode: Rounding = Rounding.HALF_UP
    divide_by: str | None = None
    unit: str | None = None


class FlatShape(Strict):
    """A fixed amount for each period."""

    amount: str


class PerUnitShape(Strict):
    """An amount for each unit; those that are included are free."""

    unit_amount: str
    included: str = "0"


class PackageShape(Strict):
    """An amount for each begun package of a size."""

    size: str
    amount: str
    included: str = "0"


class PercentageShape(Strict):
    """A part of a quantity that is money."""

    percent: str
    fixed_amount: str = "0"
    free_events: int | None = None
    free_total: str | None = None
    minimum: str | None = None
    maximum: str | None = None


class DynamicShape(Strict):
    """The amount that each event carries in a dimension."""

    dimension: str = "amount"
    multiplier: str = "1"


class CommitmentShape(Strict):
    """A minimum or a maximum of what a contract is charged for a period."""

    minimum: str | None = None
    maximum: str | None = None
    prices: tuple[str, ...] = ()


class SchemesShape(Strict):
    """The schemes of which a price has exactly one."""

    flat: FlatShape | None = None
    per_unit: PerUnitShape | None = None
    graduated: TiersShape | None = None
    volume: TiersShape | None = None
    package: PackageShape | None = None
    block_tiers: BlockTiersShape | None = None
    percentage: PercentageShape | None = None
    dynamic: DynamicShape | None = None
    matrix: MatrixShape | None = None
    commitment: CommitmentShape | None = None


class TermsShape(SchemesShape):
    """What decides the amount of a price."""

    quantity_rounding: QuantityRoundingShape | None = None
    amount_rounding: Rounding = Rounding.HALF_UP
    minimum: str | None = None
    maximum: str | None = None
    prorate_limits: bool = True


SCHEMES = SchemesShape.__struct_fields__


class Terms(msgspec.Struct, frozen=True):
    """The checked terms of a price, and the name of its scheme in the file."""

    name: str
    scheme: Scheme
    quantity_rounding: QuantityRounding | None
    minimum: str | None
    maximum: str | None


def terms(given: TermsShape, place: str) -> Terms:
    """The terms of a price. Raises Invalid with the place of what is wrong."""
    named = [name for name in SCHEMES if getattr(given, name) is not None]
    if len(named) != 1:
        raise wrong(place, "a price needs exactly one scheme", f"one of {', '.join(SCHEMES)}")
    name = named[0]
    scheme = _scheme(given, name, f"{place}.{name}")
    low, high = _limits(given.minimum, given.maximum, place)
    for field in ("minimum", "maximum"):
        if getattr(given, field) is not None and name in _WITHOUT_LIMITS:
            raise wrong(f"{place}.{field}", f"a {name} price has no limits", _WITHOUT_LIMITS[name])
    rounding = _quantity_rounding(given.quantity_rounding, scheme, f"{place}.quantity_rounding")
    return Terms(name, scheme, rounding, low, high)


_WITHOUT_LIMITS = {
    "flat": "change the amount itself",
    "matrix": "each cell is a line of its own; write prices over segments to limit them",
    "commitment": "write them inside the commitment",
}


def _limits(minimum: str | None, maximum: str | None, place: str) -> tuple[str | None, str | None]:
    low = _limit(minimum, f"{place}.minimum")
    high = _limit(maximum, f"{place}.maximum")
    if low is not None and high is not None and Decimal(low) > Decimal(high):
        raise wrong(f"{place}.minimum", f"it is more than the maximum of {high}")
    return low, high


def _limit(text: str | None, place: str) -> str | None:
    return None if text is None else not_negative(money_amount(text, place), place)


def _quantity_rounding(
    given: QuantityRoundingShape | None, scheme: Scheme, place: str
) -> QuantityRounding | None:
    if given is None:
        return None
    if isinstance(scheme, Flat | Commitment):
        raise wrong(place, "there is no metered quantity to round")
    if needs_events(scheme):
        raise wrong(place, "this price looks at each event, not at a quantity to round")
    if not -_MAX_PLACES <= given.places <= _MAX_PLACES:
        raise wrong(
            f"{place}.places",
            f"-{_MAX_PLACES} to {_MAX_PLACES} decimals",
            "2 is to hundredths, 0 to whole units, -2 to hundreds",
        )
    if given.divide_by is not None:
        positive(given.divide_by, f"{place}.divide_by", "nothing can be divided by it")
    if given.unit is not None:
        if given.divide_by is None:
            raise wrong(f"{place}.unit", "the unit changes only where divide_by converts it")
        check_text(given.unit, f"{place}.unit", "a unit")
        if len(given.unit) > _MAX_UNIT:
            raise wrong(f"{place}.unit", f"a unit has up to {_MAX_UNIT} characters")
    return QuantityRounding(given.places, given.mode, given.divide_by, given.unit)


def _scheme(given: TermsShape, name: str, place: str) -> Scheme:
    if given.flat is not None:
        return Flat(money_amount(given.flat.amount, f"{place}.amount"))
    if given.per_unit is not None:
        unit_amount = money_amount(given.per_unit.unit_amount, f"{place}.unit_amount")
        return PerUnit(unit_amount, _included(given.per_unit.included, place))
    if given.package is not None:
        size = positive(given.package.size, f"{place}.size", "a package holds more than nothing")
        included = _included(given.package.included, place)
        return Package(size, money_amount(given.package.amount, f"{place}.amount"), included)
    if given.block_tiers is not None:
        return block_tiers(given.block_tiers, place)
    if given.percentage is not None:
        return _percentage(given.percentage, place)
    if given.dynamic is not None:
        check_text(given.dynamic.dimension, f"{place}.dimension", "the name of a dimension")
        multiplier = amount(given.dynamic.multiplier, f"{place}.multiplier")
        return Dynamic(given.dynamic.dimension, multiplier)
    if given.matrix is not None:
        return matrix(given.matrix, place)
    if given.commitment is not None:
        return _commitment(given.commitment, place)
    found = tiers((given.graduated or given.volume or TiersShape([])).tiers, f"{place}.tiers")
    return Graduated(found) if name == "graduated" else Volume(found)


def _commitment(given: CommitmentShape, place: str) -> Commitment:
    low, high = _limits(given.minimum, given.maximum, place)
    if low is None and high is None:
        raise wrong(place, "it has a minimum, or a maximum, or both")
    if len(set(given.prices)) != len(given.prices):
        raise wrong(f"{place}.prices", "a price stands twice")
    return Commitment(low, high, tuple(sorted(given.prices)))


def _included(text: str, place: str) -> str:
    return not_negative(amount(text, f"{place}.included"), f"{place}.included")


def _percentage(given: PercentageShape, place: str) -> Percentage:
    told = {
        field: None if text is None else not_negative(money_amount(text, spot), spot)
        for field in ("fixed_amount", "free_total", "minimum", "maximum")
        for text, spot in [(getattr(given, field), f"{place}.{field}")]
    }
    if given.free_events is not None and not 0 <= given.free_events <= MAX_COUNT:
        raise wrong(f"{place}.free_events", "a number of events from 0 to 10^12")
    low, high = told["minimum"], told["maximum"]
    if low is not None and high is not None and Decimal(low) > Decimal(high):
        raise wrong(f"{place}.minimum", f"it is more than the maximum of {high}")
    return Percentage(
        money_amount(given.percent, f"{place}.percent"),
        told["fixed_amount"] or "0",
        given.free_events,
        told["free_total"],
        low,
        high,
    )
