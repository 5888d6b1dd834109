"""The catalogue file: YAML or JSON in, checked and resolved entities out.

All scalars are read as text, so `0.041145` stays exactly that. Unknown fields, names that point
nowhere and keys that stand twice are refused with their place in the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple, TypeVar

import msgspec
import yaml

from everycent.catalog import bands as band_rules
from everycent.catalog import formula
from everycent.catalog.bands import Bands
from everycent.catalog.meter import Aggregation, Formula, Measure, Series
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
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Rounding
from everycent.kernel.quantity import parse_decimal, plain

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,79}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that no text on an invoice may have; lines and tabs it may."""
_T = TypeVar("_T")
_MAX_BYTES = 10_000_000
_MAX_NESTED_FORMULAS = 10
_MAX_MEASURES = 500
"""A formula over formulas is written out in full: ten levels of ten names would fill any memory."""


class Entity(NamedTuple):
    """A thing of the catalogue under its kind ('meter', 'bands', 'tax', 'product', 'plan') and key."""

    kind: str
    key: str
    content: Any


class _Strict(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    pass


class _Meter(_Strict):
    unit: str | None = None
    aggregation: Aggregation | None = None
    of: str | None = None
    band: str | None = None
    formula: str | None = None
    window_minutes: int | None = None
    distinct: str | None = None
    digits: int | None = None


class _Bands(_Strict):
    time_zone: str
    bands: dict[str, list[str]]
    rest: str


class _TaxRate(_Strict):
    since: date
    percent: str


class _Tax(_Strict):
    rates: list[_TaxRate]
    rounding: Rounding = Rounding.HALF_UP


class _Product(_Strict):
    name: str
    tax: str = UNTAXED


class _QuantityRounding(_Strict):
    places: int
    mode: Rounding = Rounding.HALF_UP


class _Flat(_Strict):
    amount: str


class _PerUnit(_Strict):
    unit_amount: str


class _Tier(_Strict):
    up_to: str | None = None
    unit_amount: str = "0"
    flat_amount: str = "0"


class _Tiers(_Strict):
    tiers: list[_Tier]


class _Package(_Strict):
    size: str
    amount: str
    included: str = "0"


class _Price(_Strict):
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


class _Plan(_Strict):
    currency: str
    prices: list[_Price]
    name: str | None = None
    interval: str = "month"
    anchor_day: int | None = None


_SHAPES = {
    "meters": _Meter,
    "bands": _Bands,
    "taxes": _Tax,
    "products": _Product,
    "plans": _Plan,
}


class _Document(msgspec.Struct):
    meters: dict[str, _Meter] = {}
    bands: dict[str, _Bands] = {}
    taxes: dict[str, _Tax] = {}
    products: dict[str, _Product] = {}
    plans: dict[str, _Plan] = {}


class _Loader(yaml.BaseLoader):
    """Reads every scalar as text and refuses a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.ScalarNode):
                if key_node.value in seen:
                    line = key_node.start_mark.line + 1
                    raise Invalid(
                        "catalog.key_twice",
                        f"line {line}: the key {key_node.value!r} stands twice",
                        field=key_node.value,
                    )
                seen.add(key_node.value)
        return super().construct_mapping(node, deep)

    def construct_scalar(self, node: yaml.ScalarNode) -> Any:
        if _CONTROL.search(node.value):
            line = node.start_mark.line + 1
            raise Invalid(
                "catalog.control_character",
                f"line {line}: the text {node.value[:40]!r} has a control character",
                field=f"line {line}",
                value=ascii(node.value[:40]),
            )
        return super().construct_scalar(node)

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise Invalid("catalog.alias", "aliases (*name) are not accepted; write the value out")
        return super().compose_node(parent, index)


def parse(text: str) -> list[Entity]:
    """The entities of a catalogue file, each complete in itself: plans hold their meters resolved.

    Raises Invalid with the place in the file.
    """
    if len(text) > _MAX_BYTES:
        raise Invalid("catalog.too_large", "the catalogue file is larger than 10 MB")
    try:
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a BaseLoader: makes text only
    except (yaml.YAMLError, RecursionError) as error:
        raise Invalid(
            "catalog.unreadable", f"the file is not YAML or JSON: {' '.join(str(error).split())}"
        ) from error
    sections = _converted({} if data is None else data, dict[str, Any], "")
    document = _Document()
    for section, entries in sections.items():
        if section not in _SHAPES:
            raise _wrong_shape(f"Object contains unknown field `{section}`", "")
        held = getattr(document, section)
        for key, entry in _converted(entries, dict[str, Any], section).items():
            _check_key(key, f"{section}.{key}")
            held[key] = _converted(entry, _SHAPES[section], f"{section}.{key}")
    return _resolve(document)


def _converted(data: Any, shape: Any, place: str) -> Any:
    try:
        return msgspec.convert(data, shape, strict=False)
    except msgspec.ValidationError as error:
        message, _, inner = str(error).partition(" - at `$")
        raise _wrong_shape(message, f"{place}{inner.rstrip('`')}".lstrip(".")) from error


def _wrong_shape(message: str, place: str) -> Invalid:
    return Invalid(
        "catalog.wrong_shape",
        f"{place or 'the file'}: {message}",
        field=place or None,
        hint="docs/catalog.md lists every field",
    )


def _resolve(document: _Document) -> list[Entity]:
    bands = {key: _bands(key, given) for key, given in document.bands.items()}
    meters = {key: _measure(document, bands, key, ()) for key in document.meters}
    taxes = {key: _tax(key, given) for key, given in document.taxes.items()}
    products = {key: _product(key, given, taxes) for key, given in document.products.items()}
    plans = {key: _plan(key, given, meters, products) for key, given in document.plans.items()}
    by_kind: dict[str, dict[str, Any]] = {
        "bands": bands,
        "meter": meters,
        "tax": taxes,
        "product": products,
        "plan": plans,
    }
    return [Entity(kind, key, held[key]) for kind, held in by_kind.items() for key in held]


def _check_key(key: str, place: str) -> None:
    if not _KEY.fullmatch(key):
        raise Invalid(
            "catalog.bad_key",
            f"{place}: {key[:60]!r} can't be a key",
            field=place,
            value=key,
            hint="use up to 80 letters, digits, dots, dashes, colons and underscores",
        )


def _unknown(place: str, kind: str, name: str) -> Invalid:
    return Invalid(
        "catalog.unknown_name",
        f"{place}: there is no {kind} {name!r} in this file",
        field=place,
        value=name,
    )


def _wrong(place: str, why: str, hint: str | None = None) -> Invalid:
    return Invalid("catalog.wrong_value", f"{place}: {why}", field=place, hint=hint)


def _placed(place: str, check: Callable[..., _T], *given: Any) -> _T:
    """What `check` makes of its arguments; a refusal of it is told with the place in the file."""
    try:
        return check(*given)
    except Invalid as refusal:
        refusal.field, refusal.message = place, f"{place}: {refusal.message}"
        raise


def _bands(key: str, given: _Bands) -> Bands:
    place = f"bands.{key}"
    _placed(f"{place}.time_zone", calendar.zone, given.time_zone)
    rules: list[band_rules.BandRule] = []
    for band, texts in given.bands.items():
        _check_key(band, f"{place}.bands.{band}")
        for text in texts:
            rules.extend(band_rules.parse_rules(band, text, f"{place}.bands.{band}"))
    _check_key(given.rest, f"{place}.rest")
    return Bands(key, given.time_zone, tuple(rules), given.rest)


def _measure(
    document: _Document, bands: dict[str, Bands], key: str, above: tuple[str, ...]
) -> Measure:
    place = f"meters.{key}"
    given = document.meters.get(key)
    if given is None:
        raise _unknown(f"meters.{above[-1]}" if above else place, "meter", key)
    if key in above or len(above) > _MAX_NESTED_FORMULAS:
        raise _wrong(place, f"it goes back to itself: {' → '.join((*above, key))}")
    if given.formula is not None:
        for field in ("aggregation", "of", "band", "window_minutes", "distinct", "digits"):
            if getattr(given, field) is not None:
                raise _wrong(place, f"a formula has no {field}")
        parsed = _placed(f"{place}.formula", formula.parse, given.formula)
        needed = sorted(formula.names(parsed))
        inputs = {name: _measure(document, bands, name, (*above, key)) for name in needed}
        measure = Formula(_unit(given.unit, place), given.formula, inputs)
        if _size(measure) > _MAX_MEASURES:
            raise _wrong(f"{place}.formula", f"it stands on more than {_MAX_MEASURES} meters")
        return measure
    if given.of is None:
        series = Series(key, _unit(given.unit, place), given.aggregation or Aggregation.SUM)
    else:
        base = _measure(document, bands, given.of, (*above, key))
        if not isinstance(base, Series):
            raise _wrong(f"{place}.of", f"{given.of} is a formula and has no records of its own")
        series = msgspec.structs.replace(
            base,
            unit=_unit(given.unit or base.unit, place),
            aggregation=given.aggregation or base.aggregation,
        )
    return _detailed(series, given, bands, place)


def _size(measure: Measure) -> int:
    inner = measure.inputs.values() if isinstance(measure, Formula) else ()
    return 1 + sum(_size(part) for part in inner)


def _unit(unit: str | None, place: str) -> str:
    if not unit or len(unit) > 40:
        raise _wrong(f"{place}.unit", "a unit is needed, such as kWh", "at most 40 characters")
    return unit


def _detailed(series: Series, given: _Meter, bands: dict[str, Bands], place: str) -> Series:
    if given.band is not None:
        held = {f"{b.key}.{band}": (b, band) for b in bands.values() for band in b.names()}
        if given.band not in held:
            raise _unknown(f"{place}.band", "band", given.band)
        of, band = held[given.band]
        series = msgspec.structs.replace(series, bands=of, band=band)
    details = {
        "window_minutes": (Aggregation.PEAK, given.window_minutes),
        "distinct": (Aggregation.UNIQUE, given.distinct),
        "digits": (Aggregation.COUNTER, given.digits),
    }
    for field, (aggregation, value) in details.items():
        if value is None:
            continue
        if series.aggregation is not aggregation:
            raise _wrong(f"{place}.{field}", f"it belongs to the aggregation {aggregation}")
        series = msgspec.structs.replace(series, **{field: value})
    if series.aggregation is Aggregation.PEAK and (
        series.window_minutes not in (15, 30, 60, 120, 180, 240, 360, 480, 720, 1440)
    ):
        raise _wrong(
            f"{place}.window_minutes",
            "a peak needs a window",
            "one of 15, 30, 60, 120, 180, 240, 360, 480, 720 or 1440 minutes",
        )
    if series.aggregation is Aggregation.UNIQUE and not series.distinct:
        raise _wrong(f"{place}.distinct", "a unique count needs the dimension that is counted")
    if series.aggregation is Aggregation.COUNTER:
        if series.band is not None:
            raise _wrong(f"{place}.band", "a register's difference can't be split into bands")
        if series.digits is not None and not 1 <= series.digits <= 18:
            raise _wrong(f"{place}.digits", "a register has 1 to 18 digits")
    return series


def _tax(key: str, given: _Tax) -> Tax:
    place = f"taxes.{key}"
    if key == UNTAXED:
        raise _wrong(place, f"{UNTAXED!r} is the category without tax and takes no rates")
    if not given.rates:
        raise _wrong(f"{place}.rates", "at least one rate is needed")
    rates: list[TaxRate] = []
    for rate in sorted(given.rates, key=lambda rate: rate.since):
        percent = parse_decimal(rate.percent, f"{place}.rates.percent")
        if not 0 <= percent <= 100:
            raise _wrong(f"{place}.rates", f"{rate.percent} is not a percentage from 0 to 100")
        if rates and rates[-1].since == rate.since:
            raise _wrong(f"{place}.rates", f"two rates start on {rate.since.isoformat()}")
        rates.append(TaxRate(rate.since, plain(percent)))
    return Tax(key, tuple(rates), given.rounding)


def _product(key: str, given: _Product, taxes: dict[str, Tax]) -> Product:
    if given.tax != UNTAXED and given.tax not in taxes:
        raise _unknown(f"products.{key}.tax", "tax", given.tax)
    if not given.name.strip() or len(given.name) > 200:
        raise _wrong(f"products.{key}.name", "a name has 1 to 200 characters")
    return Product(key, given.name, given.tax)


def _plan(key: str, given: _Plan, meters: dict[str, Measure], products: dict[str, Product]) -> Plan:
    place = f"plans.{key}"
    _placed(f"{place}.currency", currencies.exponent, given.currency)
    interval = _placed(f"{place}.interval", calendar.parse_interval, given.interval)
    sample = (date(2024, 1, 1), interval, given.anchor_day, "UTC")
    _placed(f"{place}.anchor_day", calendar.anchored, *sample)
    if not given.prices:
        raise _wrong(f"{place}.prices", "a plan needs at least one price")
    if len(given.prices) > 1000:
        raise _wrong(f"{place}.prices", "a plan has at most 1000 prices")
    items: list[Item] = []
    for price in given.prices:
        spot = f"{place}.prices.{price.key}"
        _check_key(price.key, spot)
        if any(item.price.key == price.key for item in items):
            raise _wrong(spot, "the key stands twice in this plan")
        if price.product not in products:
            raise _unknown(f"{spot}.product", "product", price.product)
        if price.meter is not None and price.meter not in meters:
            raise _unknown(f"{spot}.meter", "meter", price.meter)
        measure = None if price.meter is None else meters[price.meter]
        items.append(Item(_price(price, products, spot), products[price.product], measure))
    name = given.name or key
    return Plan(key, name, given.currency, given.interval, tuple(items), given.anchor_day)


def _price(given: _Price, products: dict[str, Product], place: str) -> Price:
    schemes = [
        s for s in ("flat", "per_unit", "graduated", "volume", "package") if getattr(given, s)
    ]
    if len(schemes) != 1:
        raise _wrong(
            place,
            "a price needs exactly one scheme",
            "one of flat, per_unit, graduated, volume, package",
        )
    scheme = _scheme(given, schemes[0], f"{place}.{schemes[0]}")
    if given.meter is None and not isinstance(scheme, Flat):
        raise _wrong(f"{place}.meter", f"{schemes[0]} needs a meter that gives the quantity")
    if given.meter is not None and isinstance(scheme, Flat):
        raise _wrong(f"{place}.meter", "a flat price has no quantity and takes no meter")
    if given.timing not in ("in_advance", "in_arrears"):
        raise _wrong(f"{place}.timing", "it is in_advance or in_arrears")
    in_advance = given.timing == "in_advance"
    if in_advance and given.meter is not None:
        raise _wrong(f"{place}.timing", "usage is known when the period has ended: in_arrears")
    rounding = None
    if given.quantity_rounding is not None:
        if given.meter is None:
            raise _wrong(f"{place}.quantity_rounding", "there is no metered quantity to round")
        if not 0 <= given.quantity_rounding.places <= 12:
            raise _wrong(f"{place}.quantity_rounding.places", "0 to 12 decimals")
        rounding = QuantityRounding(given.quantity_rounding.places, given.quantity_rounding.mode)
    description = given.description or products[given.product].name
    return Price(given.key, scheme, description, given.amount_rounding, in_advance, rounding)


def _scheme(given: _Price, name: str, place: str) -> Scheme:
    if given.flat:
        return Flat(_amount(given.flat.amount, f"{place}.amount"))
    if given.per_unit:
        return PerUnit(_amount(given.per_unit.unit_amount, f"{place}.unit_amount"))
    if given.package:
        size = _amount(given.package.size, f"{place}.size")
        if parse_decimal(size, f"{place}.size") <= 0:
            raise _wrong(f"{place}.size", "a package holds more than nothing")
        included = _amount(given.package.included, f"{place}.included")
        if parse_decimal(included, f"{place}.included") < 0:
            raise _wrong(f"{place}.included", "it can't be negative")
        return Package(size, _amount(given.package.amount, f"{place}.amount"), included)
    tiers = _tiers((given.graduated or given.volume or _Tiers([])).tiers, f"{place}.tiers")
    return Graduated(tiers) if name == "graduated" else Volume(tiers)


def _tiers(given: list[_Tier], place: str) -> tuple[Tier, ...]:
    if not given or given[-1].up_to is not None:
        raise _wrong(place, "the last tier must be without up_to, so that every quantity has one")
    floor = parse_decimal("0", place)
    tiers = []
    for number, tier in enumerate(given, start=1):
        spot = f"{place}[{number}]"
        if tier.up_to is not None:
            bound = parse_decimal(tier.up_to, f"{spot}.up_to")
            if bound <= floor:
                raise _wrong(f"{spot}.up_to", "each tier must end above the one before")
            floor = bound
        elif number < len(given):
            raise _wrong(spot, "only the last tier may be without up_to")
        tiers.append(
            Tier(
                tier.up_to,
                _amount(tier.unit_amount, f"{spot}.unit_amount"),
                _amount(tier.flat_amount, f"{spot}.flat_amount"),
            )
        )
    return tuple(tiers)


def _amount(text: str, place: str) -> str:
    parse_decimal(text, place)
    return text
