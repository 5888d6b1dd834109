"""The sections `taxes`, `products` and `plans`: what is sold and at what price."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from everycent.catalog.document_refusals import Strict, amount, check_key, placed, unknown, wrong
from everycent.catalog.meter import Measure
from everycent.catalog.plan import UNTAXED, Item, Plan, Product, Tax, TaxRate
from everycent.catalog.price import (
    Flat,
    Graduated,
    Package,
    PerUnit,
    Price,
    QuantityRounding,
    Scheme,
    Tier,
    Volume,
)
from everycent.kernel import calendar
from everycent.kernel import currency as currencies
from everycent.kernel.money import Rounding
from everycent.kernel.quantity import parse_decimal, plain

_MAX_PLACES = 12
"""Quantities are rounded to so many decimals at most, or with a minus to as large a power of ten."""


class _TaxRate(Strict):
    since: date
    percent: str


class TaxShape(Strict):
    """An entry of `taxes`."""

    rates: list[_TaxRate]
    rounding: Rounding = Rounding.HALF_UP


class ProductShape(Strict):
    """An entry of `products`."""

    name: str
    tax: str = UNTAXED


class _QuantityRounding(Strict):
    places: int
    mode: Rounding = Rounding.HALF_UP


class _Flat(Strict):
    amount: str


class _PerUnit(Strict):
    unit_amount: str


class _Tier(Strict):
    up_to: str | None = None
    unit_amount: str = "0"
    flat_amount: str = "0"


class _Tiers(Strict):
    tiers: list[_Tier]


class _Package(Strict):
    size: str
    amount: str
    included: str = "0"


class _Price(Strict):
    key: str
    product: str
    description: str | None = None
    meter: str | None = None
    timing: str = "in_arrears"
    flat: _Flat | None = None
    per_unit: _PerUnit | None = None
    graduated: _Tiers | None = None
    volume: _Tiers | None = None
    package: _Package | None = None
    quantity_rounding: _QuantityRounding | None = None
    amount_rounding: Rounding = Rounding.HALF_UP


class PlanShape(Strict):
    """An entry of `plans`."""

    currency: str
    prices: list[_Price]
    name: str | None = None
    interval: str = "month"
    anchor_day: int | None = None


def tax(key: str, given: TaxShape) -> Tax:
    """A tax category with its rates in order of time."""
    place = f"taxes.{key}"
    if key == UNTAXED:
        raise wrong(place, f"{UNTAXED!r} is the category without tax and takes no rates")
    if not given.rates:
        raise wrong(f"{place}.rates", "at least one rate is needed")
    rates: list[TaxRate] = []
    for rate in sorted(given.rates, key=lambda rate: rate.since):
        percent = parse_decimal(rate.percent, f"{place}.rates.percent")
        if not 0 <= percent <= 100:
            raise wrong(f"{place}.rates", f"{rate.percent} is not a percentage from 0 to 100")
        if rates and rates[-1].since == rate.since:
            raise wrong(f"{place}.rates", f"two rates start on {rate.since.isoformat()}")
        rates.append(TaxRate(rate.since, plain(percent)))
    return Tax(key, tuple(rates), given.rounding)


def product(key: str, given: ProductShape, taxes: Mapping[str, Tax]) -> Product:
    """A product, whose tax category must be known."""
    if given.tax != UNTAXED and given.tax not in taxes:
        raise unknown(f"products.{key}.tax", "tax", given.tax, taxes)
    if not given.name.strip() or len(given.name) > 200:
        raise wrong(f"products.{key}.name", "a name has 1 to 200 characters")
    return Product(key, given.name, given.tax)


def plan(
    key: str, given: PlanShape, meters: Mapping[str, Measure], products: Mapping[str, Product]
) -> Plan:
    """A plan, complete with the meters and products of its prices."""
    place = f"plans.{key}"
    placed(f"{place}.currency", currencies.exponent, given.currency)
    interval = placed(f"{place}.interval", calendar.parse_interval, given.interval)
    sample = (date(2024, 1, 1), interval, given.anchor_day, "UTC")
    placed(f"{place}.anchor_day", calendar.anchored, *sample)
    if not given.prices:
        raise wrong(f"{place}.prices", "a plan needs at least one price")
    if len(given.prices) > 1000:
        raise wrong(f"{place}.prices", "a plan has at most 1000 prices")
    items: list[Item] = []
    for price in given.prices:
        spot = f"{place}.prices.{price.key}"
        check_key(price.key, spot)
        if any(item.price.key == price.key for item in items):
            raise wrong(spot, "the key stands twice in this plan")
        if price.product not in products:
            raise unknown(f"{spot}.product", "product", price.product, products)
        if price.meter is not None and price.meter not in meters:
            raise unknown(f"{spot}.meter", "meter", price.meter, meters)
        measure = None if price.meter is None else meters[price.meter]
        items.append(Item(_price(price, products, spot), products[price.product], measure))
    name = given.name or key
    return Plan(key, name, given.currency, given.interval, tuple(items), given.anchor_day)


def _price(given: _Price, products: Mapping[str, Product], place: str) -> Price:
    schemes = [
        s for s in ("flat", "per_unit", "graduated", "volume", "package") if getattr(given, s)
    ]
    if len(schemes) != 1:
        raise wrong(
            place,
            "a price needs exactly one scheme",
            "one of flat, per_unit, graduated, volume, package",
        )
    scheme = _scheme(given, schemes[0], f"{place}.{schemes[0]}")
    if given.meter is None and not isinstance(scheme, Flat):
        raise wrong(f"{place}.meter", f"{schemes[0]} needs a meter that gives the quantity")
    if given.meter is not None and isinstance(scheme, Flat):
        raise wrong(f"{place}.meter", "a flat price has no quantity and takes no meter")
    if given.timing not in ("in_advance", "in_arrears"):
        raise wrong(f"{place}.timing", "it is in_advance or in_arrears")
    in_advance = given.timing == "in_advance"
    if in_advance and given.meter is not None:
        raise wrong(f"{place}.timing", "usage is known when the period has ended: in_arrears")
    rounding = None
    if given.quantity_rounding is not None:
        if given.meter is None:
            raise wrong(f"{place}.quantity_rounding", "there is no metered quantity to round")
        if not -_MAX_PLACES <= given.quantity_rounding.places <= _MAX_PLACES:
            raise wrong(
                f"{place}.quantity_rounding.places",
                f"-{_MAX_PLACES} to {_MAX_PLACES} decimals",
                "2 is to hundredths, 0 to whole units, -2 to hundreds",
            )
        rounding = QuantityRounding(given.quantity_rounding.places, given.quantity_rounding.mode)
    description = given.description or products[given.product].name
    return Price(given.key, scheme, description, given.amount_rounding, in_advance, rounding)


def _scheme(given: _Price, name: str, place: str) -> Scheme:
    if given.flat:
        return Flat(amount(given.flat.amount, f"{place}.amount"))
    if given.per_unit:
        return PerUnit(amount(given.per_unit.unit_amount, f"{place}.unit_amount"))
    if given.package:
        size = amount(given.package.size, f"{place}.size")
        if parse_decimal(size, f"{place}.size") <= 0:
            raise wrong(f"{place}.size", "a package holds more than nothing")
        included = amount(given.package.included, f"{place}.included")
        if parse_decimal(included, f"{place}.included") < 0:
            raise wrong(f"{place}.included", "it can't be negative")
        return Package(size, amount(given.package.amount, f"{place}.amount"), included)
    tiers = _tiers((given.graduated or given.volume or _Tiers([])).tiers, f"{place}.tiers")
    return Graduated(tiers) if name == "graduated" else Volume(tiers)


def _tiers(given: list[_Tier], place: str) -> tuple[Tier, ...]:
    if not given or given[-1].up_to is not None:
        raise wrong(place, "the last tier must be without up_to, so that every quantity has one")
    floor = parse_decimal("0", place)
    tiers = []
    for number, tier in enumerate(given, start=1):
        spot = f"{place}[{number}]"
        if tier.up_to is not None:
            bound = parse_decimal(tier.up_to, f"{spot}.up_to")
            if bound <= floor:
                raise wrong(f"{spot}.up_to", "each tier must end above the one before")
            floor = bound
        elif number < len(given):
            raise wrong(spot, "only the last tier may be without up_to")
        tiers.append(
            Tier(
                tier.up_to,
                amount(tier.unit_amount, f"{spot}.unit_amount"),
                amount(tier.flat_amount, f"{spot}.flat_amount"),
            )
        )
    return tuple(tiers)
