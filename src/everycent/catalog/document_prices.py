"""The sections `taxes`, `products` and `plans`: what is sold and at what price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from everycent.catalog.document_currencies import (
    CurrencyShape,
    check_currency,
    check_keys,
    overlaid,
)
from everycent.catalog.document_matrix import cells_of
from everycent.catalog.document_proration import check_proration, check_trial
from everycent.catalog.document_refusals import Strict, check_key, placed, unknown, wrong
from everycent.catalog.document_schemes import TermsShape, terms
from everycent.catalog.document_sources import (
    AgreedShape,
    Timing,
    agreed,
    check_source,
    check_timing,
)
from everycent.catalog.document_term import TermShape, term
from everycent.catalog.meter import Aggregation, Measure, Series
from everycent.catalog.plan import (
    AND,
    UNTAXED,
    Conversion,
    Item,
    Plan,
    PricesIn,
    Product,
    Tax,
    TaxRate,
)
from everycent.catalog.price import Commitment, Dynamic, Matrix, Price, needs_events
from everycent.catalog.proration import DEFAULT, DEFAULT_CHANGES, ChangePolicy, Proration, Trial
from everycent.kernel import calendar
from everycent.kernel import currency as currencies
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Rounding
from everycent.kernel.quantity import parse_decimal, plain

_MAX_PRICES = 1000


class _TaxRate(Strict):
    since: date
    percent: str


class TaxShape(Strict):
    """An entry of `taxes`."""

    rates: list[_TaxRate]
    rounding: Rounding | None = None


class ProductShape(Strict):
    """An entry of `products`."""

    name: str
    tax: str | list[str] = UNTAXED


class PriceShape(TermsShape, kw_only=True):
    """An entry of a plan's `prices`."""

    key: str
    product: str
    description: str | None = None
    meter: str | None = None
    agreed: AgreedShape | None = None
    interval: str | None = None
    timing: str = "in_arrears"
    proration: Proration | None = None
    includes_tax: bool | None = None


class PlanShape(Strict):
    """An entry of `plans`."""

    currency: str
    prices: list[PriceShape]
    name: str | None = None
    interval: str = "month"
    anchor_day: int | None = None
    proration: Proration = DEFAULT
    changes: ChangePolicy = DEFAULT_CHANGES
    trial: Trial | None = None
    prices_include_tax: bool = False
    term: TermShape | None = None
    adds_to: tuple[str, ...] = ()
    features: dict[str, Any] = msgspec.field(default_factory=dict)
    currencies: dict[str, CurrencyShape] = msgspec.field(default_factory=dict)
    conversion: Conversion | None = None


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
    """A product, whose taxes must be known."""
    told = [given.tax] if isinstance(given.tax, str) else given.tax
    for name in told:
        if name not in taxes and told != [UNTAXED]:
            raise unknown(f"products.{key}.tax", "tax", name, taxes)
        if told.count(name) > 1:
            raise wrong(f"products.{key}.tax", f"{name} stands twice")
    if not given.name.strip() or len(given.name) > 200:
        raise wrong(f"products.{key}.name", "a name has 1 to 200 characters")
    return Product(key, given.name, AND.join(sorted(told)) or UNTAXED)


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
    if len(given.prices) > _MAX_PRICES:
        raise _too_many(place)
    items = _items(given.prices, given, meters, products, place)
    name = given.name or key
    check_proration(given.proration, f"{place}.proration")
    if given.trial is not None:
        check_trial(given.trial, f"{place}.trial")
    also = _in_further_currencies(given, meters, products, place)
    return Plan(
        key, name, given.currency, given.interval, tuple(items), given.anchor_day, given.proration,
        given.changes, given.trial, tuple(sorted(given.adds_to)), also=tuple(also),
        conversion=given.conversion,
        term=None if given.term is None else term(given.term, f"{place}.term"),
    )  # fmt: skip


def _items(
    prices: Sequence[PriceShape],
    given: PlanShape,
    meters: Mapping[str, Measure],
    products: Mapping[str, Product],
    place: str,
) -> list[Item]:
    """The items that the prices make; `place` is where they stand."""
    items: list[Item] = []
    for price in prices:
        spot = f"{place}.prices.{price.key}"
        check_key(price.key, spot)
        if price.product not in products:
            raise unknown(f"{spot}.product", "product", price.product, products)
        if price.meter is not None and price.meter not in meters:
            raise unknown(f"{spot}.meter", "meter", price.meter, meters)
        measure = None if price.meter is None else meters[price.meter]
        includes_tax = price.includes_tax
        if includes_tax is None:
            includes_tax = given.prices_include_tax
        made_price = _price(price, products, includes_tax, spot)
        item = Item(
            made_price, products[price.product], measure, agreed(price.agreed, f"{spot}.agreed")
        )
        check_events(item, spot)
        for made in cells_of(item, spot):
            if any(other.price.key == made.price.key for other in items):
                raise wrong(f"{place}.prices.{made.price.key}", "the key stands twice in this plan")
            items.append(made)
    if len(items) > _MAX_PRICES:
        raise _too_many(place)
    _check_counted(items, place)
    return items


def _in_further_currencies(
    given: PlanShape, meters: Mapping[str, Measure], products: Mapping[str, Product], place: str
) -> list[PricesIn]:
    """The prices in further currencies, in order of their codes."""
    found = []
    for currency, told in sorted(given.currencies.items()):
        spot = f"{place}.currencies.{currency}"
        check_currency(currency, given.currency, spot)
        check_keys(told.prices, [price.key for price in given.prices], f"{spot}.prices")
        laid = [
            msgspec.structs.replace(
                price, **overlaid(price, told.prices[price.key], f"{spot}.prices.{price.key}")
            )
            for price in given.prices
        ]
        items = _items(laid, given, meters, products, spot)
        found.append(PricesIn(currency, tuple(item.price for item in items)))
    return found


def _check_counted(items: Sequence[Item], place: str) -> None:
    """Refuses a commitment that counts what is no price of the plan, another commitment, or amounts with
    taxes beside some without."""
    known = {item.price.key: item.price for item in items}
    for item in items:
        if not isinstance(item.price.scheme, Commitment):
            continue
        spot = f"{place}.prices.{item.price.key}"
        for key in item.price.scheme.prices:
            if key not in known:
                raise unknown(f"{spot}.commitment.prices", "price", key, known)
            if isinstance(known[key].scheme, Commitment):
                raise wrong(f"{spot}.commitment.prices", f"{key} is a commitment itself")
        if any(price.includes_tax is not item.price.includes_tax for price in known.values()):
            raise wrong(
                f"{spot}.includes_tax",
                "all prices of a plan with a commitment include taxes, or none",
            )


def check_adds_to(key: str, made: Plan, plans: Mapping[str, Plan]) -> None:
    """Refuses an add-on to plans that are not in the file, or are add-ons themselves."""
    place = f"plans.{key}.adds_to"
    for name in made.adds_to:
        if name not in plans:
            raise unknown(place, "plan", name, plans)
        if plans[name].adds_to:
            raise wrong(place, f"{name} is an add-on itself")


def _too_many(place: str) -> Invalid:
    return wrong(f"{place}.prices", f"a plan has at most {_MAX_PRICES} prices")


def check_events(item: Item, place: str) -> None:
    """Refuses a price that looks at each record where the meter makes something else of them."""
    scheme, measure = item.price.scheme, item.measure
    if not needs_events(scheme) or isinstance(scheme, Matrix):
        return
    fitting = [Aggregation.SUM, *([Aggregation.COUNT] if isinstance(scheme, Dynamic) else [])]
    if not isinstance(measure, Series) or measure.aggregation not in fitting:
        raise Invalid(
            "catalog.needs_events",
            f"{place}.meter: the price looks at each record, and this meter makes something else of them",
            field=f"{place}.meter",
            hint=f"use a meter with the aggregation {' or '.join(fitting)}",
        )


def _price(
    given: PriceShape, products: Mapping[str, Product], includes_tax: bool, place: str
) -> Price:
    told = terms(given, place)
    check_source(
        told, place, is_metered=given.meter is not None, is_agreed=given.agreed is not None
    )
    timing = check_timing(told, given.timing, given.interval, given.meter, place)
    if given.proration is not None:
        check_proration(given.proration, f"{place}.proration")
    return Price(
        given.key,
        told.scheme,
        given.description or products[given.product].name,
        given.amount_rounding,
        timing is not Timing.IN_ARREARS,
        told.quantity_rounding,
        told.minimum,
        told.maximum,
        given.prorate_limits,
        given.proration,
        includes_tax,
        timing is Timing.ONCE,
        given.interval,
    )
