"""A plan's prices in a further currency: what is money in each price, told anew; all else stays.

What is told is laid over the price as it stands in the plan, and the outcome is checked as any price is.
Quantities, bounds of tiers and percentages are the same in every currency, except where the quantity is
money itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from everycent.catalog.document_refusals import Strict, placed, unknown, wrong
from everycent.catalog.document_schemes import SCHEMES, TermsShape
from everycent.kernel import currency as currencies
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Rounding

_Shape = TypeVar("_Shape", bound=msgspec.Struct)


class _Flat(Strict):
    amount: str | None = None


class _PerUnit(Strict):
    unit_amount: str | None = None


class _Tier(Strict):
    unit_amount: str | None = None
    flat_amount: str | None = None
    up_to: str | None = None


class _Tiers(Strict):
    tiers: tuple[_Tier, ...] = ()


class _Package(Strict):
    amount: str | None = None


class _Block(Strict):
    block_amount: str | None = None


class _Blocks(Strict):
    tiers: tuple[_Block, ...] = ()


class _Percentage(Strict):
    fixed_amount: str | None = None
    free_total: str | None = None
    minimum: str | None = None
    maximum: str | None = None


class _Dynamic(Strict):
    pass


class _Cell(Strict):
    values: list[str]
    unit_amount: str | None = None


class _Matrix(Strict):
    cells: tuple[_Cell, ...] = ()
    default: str | None = None


class _Commitment(Strict):
    minimum: str | None = None
    maximum: str | None = None


class MoneyShape(Strict):
    """What of a price is money: of its own scheme, of its limits, and how the amount is rounded."""

    flat: _Flat | None = None
    per_unit: _PerUnit | None = None
    graduated: _Tiers | None = None
    volume: _Tiers | None = None
    package: _Package | None = None
    block_tiers: _Blocks | None = None
    percentage: _Percentage | None = None
    dynamic: _Dynamic | None = None
    matrix: _Matrix | None = None
    commitment: _Commitment | None = None
    minimum: str | None = None
    maximum: str | None = None
    amount_rounding: Rounding | None = None


class CurrencyShape(Strict):
    """An entry of a plan's `currencies`."""

    prices: dict[str, MoneyShape]


_EMPTY: Mapping[str, Strict] = {
    "flat": _Flat(),
    "per_unit": _PerUnit(),
    "graduated": _Tiers(),
    "volume": _Tiers(),
    "package": _Package(),
    "block_tiers": _Blocks(),
    "percentage": _Percentage(),
    "dynamic": _Dynamic(),
    "matrix": _Matrix(),
    "commitment": _Commitment(),
}


def check_currency(currency: str, own: str, place: str) -> None:
    """Refuses a currency that there is none of, and the plan's own. Raises Invalid."""
    placed(place, currencies.exponent, currency)
    if currency == own:
        raise wrong(place, f"the plan's own prices are in {own}", "leave it out")


def check_keys(told: Mapping[str, MoneyShape], keys: Sequence[str], place: str) -> None:
    """Refuses prices that the plan does not have, and a price of it that is not told. Raises Invalid."""
    for key in told:
        if key not in keys:
            raise unknown(f"{place}.{key}", "price", key, keys)
    for key in keys:
        if key not in told:
            raise _missing(f"{place}.{key}")


def overlaid(given: TermsShape, told: MoneyShape, place: str) -> dict[str, Any]:
    """The fields of a price that are others in this currency. Raises Invalid with the place of what is
    missing or does not belong to the price."""
    name = next((name for name in SCHEMES if getattr(given, name) is not None), "")
    for other in SCHEMES:
        if other != name and getattr(told, other) is not None:
            raise wrong(f"{place}.{other}", f"the price is `{name}` in the plan")
    spot = f"{place}.{name}"
    base, money = getattr(given, name), getattr(told, name) or _EMPTY[name]
    if isinstance(money, _Tiers):
        scheme = _tiers(base, money, spot)
    elif isinstance(money, _Blocks):
        _check_count(base.tiers, money.tiers, f"{spot}.tiers")
        scheme = msgspec.structs.replace(
            base, tiers=_each(base.tiers, money.tiers, f"{spot}.tiers")
        )
    elif isinstance(money, _Matrix):
        scheme = _matrix(base, money, spot)
    else:
        scheme = _laid(base, money, spot)
    found: dict[str, Any] = {name: scheme}
    for field in ("minimum", "maximum"):
        value = getattr(told, field)
        if value is None and getattr(given, field) is not None:
            raise _missing(f"{place}.{field}")
        found[field] = value
    return found | {"amount_rounding": told.amount_rounding or given.amount_rounding}


def _missing(place: str) -> Invalid:
    return wrong(
        place,
        "it is told in the plan's own currency, and not in this one",
        "every price needs its amounts in every currency; `{}` where it has none of its own",
    )


def _laid(base: _Shape, money: Strict, place: str) -> _Shape:
    """The fields of `money` in place of those of the same names; each that is there has to be told."""
    told = {}
    for field in money.__struct_fields__:
        value, was = getattr(money, field), getattr(base, field)
        if value is None and was not in (None, "0"):
            raise _missing(f"{place}.{field}")
        if value is not None:
            told[field] = value
    return msgspec.structs.replace(base, **told)


def _check_count(base: Sequence[Any], told: Sequence[Any], place: str) -> None:
    if len(base) != len(told):
        raise wrong(place, f"the plan has {len(base)} tiers here, and these are {len(told)}")


def _each(base: Sequence[_Shape], money: Sequence[Strict], place: str) -> list[_Shape]:
    return [
        _laid(each, told, f"{place}[{number}]")
        for number, (each, told) in enumerate(zip(base, money, strict=True), start=1)
    ]


def _tiers(base: Any, money: _Tiers, place: str) -> Any:
    """Tiers whose bounds are money where any of them takes a percentage, and quantities elsewhere."""
    _check_count(base.tiers, money.tiers, f"{place}.tiers")
    if any(tier.percent is not None for tier in base.tiers):
        return msgspec.structs.replace(base, tiers=_each(base.tiers, money.tiers, f"{place}.tiers"))
    for number, tier in enumerate(money.tiers, start=1):
        if tier.up_to is not None:
            raise wrong(
                f"{place}.tiers[{number}].up_to",
                "it is a quantity, and the same in every currency",
                "leave it out",
            )
    told = [
        _Tier(tier.unit_amount, tier.flat_amount, own.up_to)
        for tier, own in zip(money.tiers, base.tiers, strict=True)
    ]
    return msgspec.structs.replace(base, tiers=_each(base.tiers, told, f"{place}.tiers"))


def _matrix(base: Any, money: _Matrix, place: str) -> Any:
    """Cells are found by their values."""
    told = {tuple(cell.values): cell.unit_amount for cell in money.cells}
    known = {tuple(cell.values) for cell in base.cells}
    for number, cell in enumerate(money.cells, start=1):
        if tuple(cell.values) not in known:
            raise wrong(f"{place}.cells[{number}].values", "the plan has no such cell here")
    if len(told) != len(money.cells):
        raise wrong(f"{place}.cells", "a cell stands twice")
    cells = []
    for cell in base.cells:
        amount = told.get(tuple(cell.values))
        if amount is None:
            raise _missing(f"{place}.cells.{'-'.join(cell.values)}")
        cells.append(msgspec.structs.replace(cell, unit_amount=amount))
    if money.default is None:
        raise _missing(f"{place}.default")
    return msgspec.structs.replace(base, cells=cells, default=money.default)
