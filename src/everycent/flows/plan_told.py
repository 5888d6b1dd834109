"""A plan of the catalogue in words: its terms, and each of its prices in one line."""

from __future__ import annotations

from everycent.catalog.document_sources import bounds_text
from everycent.catalog.feature import Included, Kind, Reset
from everycent.catalog.plan import UNTAXED, Item, Plan
from everycent.flows.derivation_price import scheme_text, timing_text
from everycent.flows.meter_told import Lines, summary
from everycent.flows.proration_told import policies_told, rule_text
from everycent.flows.saying import rounding_text
from everycent.kernel import currency


def lines(plan: Plan) -> Lines:
    """Everything that a customer of the plan is charged by, as names and texts."""
    cut = "the day of start" if plan.anchor_day is None else f"day {plan.anchor_day}"
    return [
        ("name", plan.name),
        ("currency", ", ".join(plan.currencies)),
        ("interval", f"{plan.interval}, from {cut} on"),
        *([("add-on to", ", ".join(plan.adds_to))] if plan.adds_to else []),
        *policies_told(plan),
        *((item.price.key, _priced(item, plan.currency)) for item in plan.items),
        *((f"feature {one.feature.key}", included_text(one)) for one in plan.features),
        *(
            (f"{item.price.key} in {code}", _priced(item, code))
            for code in plan.currencies[1:]
            for item in plan.in_currency(code).items
        ),
    ]


def included_text(one: Included) -> str:
    """How much of a feature is included: 'up to 100 call a month, use goes on beyond'."""
    feature = one.feature
    match feature.kind:
        case Kind.SWITCH:
            return "on"
        case Kind.GRADE:
            return one.grade or ""
        case Kind.LIMIT:
            return "unlimited" if one.limit is None else f"up to {one.limit}"
        case Kind.METERED:
            reset = "for ever" if feature.reset is Reset.NEVER else f"a {feature.reset}"
            unit = "" if feature.measure is None else feature.measure.unit
            if one.limit is None:
                return f"unlimited, counted in {unit} {reset}"
            return f"up to {one.limit} {unit} {reset}" + ", use goes on beyond" * one.is_soft


def _priced(item: Item, code: str) -> str:
    price, measure = item.price, item.measure
    unit = "unit" if measure is None else measure.unit
    if item.agreed is not None:
        unit = item.agreed.unit
    rule = price.quantity_rounding
    if rule is not None and rule.unit is not None:
        unit = rule.unit
    shape, text, tiers = scheme_text(price, unit, code)
    if tiers:
        text = ", ".join(f"{tier.what.partition(': ')[2]} {tier.value}" for tier in tiers)
    told = [f"{price.description}: {shape}, {text}"]
    if measure is not None:
        told.append(summary("", measure))  # its own key is not told in a plan
    if item.agreed is not None:
        usual = (
            ""
            if item.agreed.quantity is None
            else f", {item.agreed.quantity} if nothing else is told"
        )
        told.append(f"as many {unit} as agreed, {bounds_text(item.agreed)}{usual}")
    if rule is not None:
        divided = "" if rule.divide_by is None else f"divided by {rule.divide_by}, "
        told.append(f"quantity {divided}{rounding_text(rule.mode, rule.places, unit)}")
    for name, limit in (("at least", price.minimum), ("at most", price.maximum)):
        if limit is not None:
            told.append(f"{name} {limit} {code} for a period")
    told.append(f"amount {rounding_text(price.amount_rounding, currency.exponent(code), code)}")
    told.append(f"billed {timing_text(price)}")
    if rule_text(price.proration):
        told.append(f"of a part of a period {rule_text(price.proration)}")
    tax = item.product.tax_category
    told.append("untaxed" if tax == UNTAXED else f"tax {tax}")
    return "; ".join(told)
