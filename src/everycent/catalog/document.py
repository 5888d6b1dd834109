"""The catalogue file: YAML or JSON in, checked and resolved entities out.

All scalars are read as text, so `0.041145` stays exactly that. Unknown fields, names that point
nowhere and keys that stand twice are refused with their place in the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import yaml

from everycent.catalog import document_coupons as coupons
from everycent.catalog import document_features as features
from everycent.catalog import document_intake as intake
from everycent.catalog import document_meters as meters
from everycent.catalog import document_parts as parts
from everycent.catalog import document_policies
from everycent.catalog import document_prices as prices
from everycent.catalog.document_refusals import Strict, check_key, converted, wrong_shape
from everycent.catalog.feature import Feature
from everycent.catalog.meter import Measure
from everycent.catalog.plan import Plan, Product
from everycent.catalog.policies import OF_TENANT, Policies
from everycent.kernel.errors import Invalid
from everycent.kernel.near import meant

KINDS = (
    "calendar", "bands", "segments", "meter", "intake", "tax", "product", "feature", "plan", "coupon",
    "policies",
)  # fmt: skip
"""What the catalogue holds, in the order in which one stands on the other."""
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that no text on an invoice may have; lines and tabs it may."""
_MAX_BYTES = 10_000_000


class Entity(NamedTuple):
    """A thing of the catalogue under its kind (one of KINDS) and key."""

    kind: str
    key: str
    content: Any


_SHAPES: Mapping[str, type[Strict]] = {
    "calendars": parts.CalendarShape,
    "bands": parts.BandsShape,
    "segments": parts.SegmentsShape,
    "meters": meters.MeterShape,
    "intake": intake.IntakeShape,
    "taxes": prices.TaxShape,
    "products": prices.ProductShape,
    "features": features.FeatureShape,
    "plans": prices.PlanShape,
    "coupons": coupons.CouponShape,
}
_POLICIES = "policies"


class _Document(msgspec.Struct):
    calendars: dict[str, parts.CalendarShape] = {}
    bands: dict[str, parts.BandsShape] = {}
    segments: dict[str, parts.SegmentsShape] = {}
    meters: dict[str, meters.MeterShape] = {}
    intake: dict[str, intake.IntakeShape] = {}
    taxes: dict[str, prices.TaxShape] = {}
    products: dict[str, prices.ProductShape] = {}
    features: dict[str, features.FeatureShape] = {}
    plans: dict[str, prices.PlanShape] = {}
    coupons: dict[str, coupons.CouponShape] = {}
    policies: dict[str, str] | None = None


class Loader(yaml.BaseLoader):
    """Reads every scalar as text and refuses a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping without a key that stands twice. Raises Invalid `catalog.key_twice`."""
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
        """A text without control characters. Raises Invalid `catalog.control_character`."""
        if CONTROL.search(node.value):
            line = node.start_mark.line + 1
            raise Invalid(
                "catalog.control_character",
                f"line {line}: the text {node.value[:40]!r} has a control character",
                field=f"line {line}",
                value=ascii(node.value[:40]),
            )
        return super().construct_scalar(node)

    def compose_node(self, parent: Any, index: Any) -> Any:
        """A node that is written out. Raises Invalid `catalog.alias`."""
        if self.check_event(yaml.AliasEvent):
            raise Invalid("catalog.alias", "aliases (*name) are not accepted; write the value out")
        return super().compose_node(parent, index)


def parse(text: str) -> list[Entity]:
    """The entities of a catalogue file, each complete in itself: plans hold their meters resolved.

    Raises Invalid with the place in the file.
    """
    return entities(read(text))


def read(text: str) -> Any:
    """What a YAML or JSON text says, with all scalars as text. Raises Invalid with the place in it."""
    if len(text) > _MAX_BYTES:
        raise Invalid("catalog.too_large", "the catalogue file is larger than 10 MB")
    try:
        return yaml.load(text, Loader=Loader)  # noqa: S506 - a BaseLoader: makes text only
    except (yaml.YAMLError, RecursionError) as error:
        raise Invalid(
            "catalog.unreadable", f"the file is not YAML or JSON: {' '.join(str(error).split())}"
        ) from error


def from_json(data: Any) -> Any:
    """What was read as JSON already, with all scalars as text. Raises Invalid
    `catalog.control_character`."""
    if isinstance(data, dict):
        return {_scalar(name): from_json(held) for name, held in data.items()}
    if isinstance(data, list):
        return [from_json(held) for held in data]
    return None if data is None else _scalar(data)


def _scalar(value: str | int) -> str:
    text = value if isinstance(value, str) else str(value).lower()  # true, as in YAML
    if CONTROL.search(text):
        raise Invalid(
            "catalog.control_character",
            f"the text {text[:40]!r} has a control character",
            value=ascii(text[:40]),
        )
    return text


def entities(data: Any) -> list[Entity]:
    """The same of a catalogue that was read already, with all scalars as text."""
    sections = converted({} if data is None else data, dict[str, Any], "")
    document = _Document()
    for section, entries in sections.items():
        if section == _POLICIES:
            document.policies = converted(entries, dict[str, str], section)
            continue
        if section not in _SHAPES:
            asked = meant(section, (*_SHAPES, _POLICIES))
            known = f"a catalogue file has {', '.join((*_SHAPES, _POLICIES))}"
            raise wrong_shape(
                f"there is no section `{section}`", "", f"{asked} " * bool(asked) + known
            )
        held = getattr(document, section)
        for key, entry in converted(entries, dict[str, Any], section).items():
            check_key(key, f"{section}.{key}")
            held[key] = converted(entry, _SHAPES[section], f"{section}.{key}")
    return _resolve(document)


def _resolve(document: _Document) -> list[Entity]:
    """Everything in the order in which it stands on one another, which is that of KINDS."""
    calendars = {key: parts.holidays(key, given) for key, given in document.calendars.items()}
    bands = {key: parts.bands(key, given, calendars) for key, given in document.bands.items()}
    segments = {key: parts.segments(key, given) for key, given in document.segments.items()}
    section = meters.Section(document.meters, bands, segments)
    measures = {key: meters.measure(section, key) for key in document.meters}
    intakes = {key: intake.policy(key, given, measures) for key, given in document.intake.items()}
    taxes = {key: prices.tax(key, given) for key, given in document.taxes.items()}
    products = {key: prices.product(key, given, taxes) for key, given in document.products.items()}
    known = {key: features.feature(key, one, measures) for key, one in document.features.items()}
    plans = {key: _plan(key, one, measures, products, known) for key, one in document.plans.items()}
    for key, made in plans.items():
        prices.check_adds_to(key, made, plans)
    granted = {
        key: coupons.coupon(key, given, products, plans) for key, given in document.coupons.items()
    }
    chosen: dict[str, Policies] = {}
    if document.policies is not None:
        chosen[OF_TENANT] = document_policies.policies(document.policies)
    held = (
        calendars, bands, segments, measures, intakes, taxes, products, known, plans, granted, chosen,
    )  # fmt: skip
    by_kind: dict[str, Mapping[str, Any]] = dict(zip(KINDS, held, strict=True))
    return [Entity(kind, key, found) for kind in KINDS for key, found in by_kind[kind].items()]


def _plan(
    key: str,
    given: prices.PlanShape,
    measures: Mapping[str, Measure],
    products: Mapping[str, Product],
    known: Mapping[str, Feature],
) -> Plan:
    """A plan with its prices and with the features that it includes."""
    made = prices.plan(key, given, measures, products)
    return msgspec.structs.replace(made, features=features.included(key, given.features, known))
