"""Derivation of an amount: the price as a person would say it, and each step of its calculation.

Pure. Every product is done again on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from everycent.catalog.plan import UNTAXED
from everycent.catalog.price import (
    BlockMode,
    BlockTier,
    BlockTiers,
    Commitment,
    Dynamic,
    Flat,
    Graduated,
    Matrix,
    Package,
    Percentage,
    PerUnit,
    Price,
    Tier,
    Volume,
)
from everycent.flows.saying import Node, Origin, Setting, agree, exact_text, plural
from everycent.kernel.money import EXACT
from everycent.kernel.quantity import plain
from everycent.rating.charge import Charge, Limit, Step
from everycent.rating.step import product_of

_LIMITS = {Limit.MINIMUM: "at least", Limit.MAXIMUM: "at most"}


def limit_node(
    charge: Charge, limit: Limit, amount: Decimal, exact: Decimal | Fraction, setting: Setting
) -> Node:
    """The limit that stands in the place of what the steps come to."""
    price, currency = charge.price, setting.currency
    of = price.scheme if isinstance(price.scheme, Commitment) else price
    agreed = of.minimum if limit is Limit.MINIMUM else of.maximum
    told = f"{_LIMITS[limit]} {agreed} {currency} for a period"
    if charge.share is not None:
        told += f", {agreed} {currency} × {charge.share[0]}/{charge.share[1]} for this part of one"
    if of is not price:
        what = "Missing to the minimum" if limit is Limit.MINIMUM else "Beyond the maximum"
        value = f"{exact_text(exact)} {currency}"
        return Node("limit", what, value, told, {"counted": plain(amount)})
    gap = exact_text(abs(Fraction(amount) - Fraction(exact)))
    side = "less" if limit is Limit.MINIMUM else "more"
    return Node(
        "limit",
        f"The {limit.value} is in force",
        f"{exact_text(exact)} {currency}",
        f"{told}; the steps come to {plain(amount)} {currency}, {gap} {currency} {side}",
        {"steps": plain(amount), "limit": exact_text(exact)},
    )


def steps_nodes(charge: Charge, value: Decimal, unit: str, setting: Setting) -> list[Node]:
    """The steps, under their sum where there are several."""
    told = [_step_node(step, charge.price, value, unit, setting) for step in charge.steps]
    if len(told) <= 1:
        return told
    kind = "tiers" if _has_tiers(charge.price) else "steps"
    amount = f"{charge.amount} {setting.currency}"
    return [Node("sum", f"Sum of {len(told)} {kind}", amount, children=tuple(told))]


def _has_tiers(price: Price) -> bool:
    return isinstance(price.scheme, Graduated | Volume | BlockTiers)


def _step_node(step: Step, price: Price, value: Decimal, unit: str, setting: Setting) -> Node:
    """One product of the calculation, checked."""
    currency, scheme = setting.currency, price.scheme
    amount = f"{step.amount} {currency}"
    if step.quantity is None:
        if isinstance(scheme, Commitment):
            return Node("step", f"Charged for {_counted_text(scheme)}", amount)
        return Node("step", f"Fixed amount: {amount}", amount)
    agree(f"{price.key}, {step.what}", step.amount, plain(product_of(step)))
    what, detail = f"{step.quantity} {unit} × {_rate(step, currency)}", ""
    if step.flat_amount is not None:
        what += f" + {step.flat_amount} {currency}"
        detail = f"{step.flat_amount} {currency} is due once the tier is entered"
    match scheme:
        case PerUnit() if scheme.included != "0":
            detail = f"{plain(value)} {unit} less the {scheme.included} {unit} included"
        case Package():
            what = f"{step.quantity} package{plural(step.quantity)} × {scheme.amount} {currency}"
            detail = f"of {scheme.size} {unit} each; a begun one counts whole"
            if scheme.included != "0":
                beyond = plain(max(EXACT.subtract(value, Decimal(scheme.included)), Decimal(0)))
                detail = (
                    f"for {beyond} {unit} beyond the {scheme.included} {unit} included, {detail}"
                )
        case Graduated(tiers) | Volume(tiers):
            number = int(step.what.removeprefix("tier "))
            reach = _tier_text(tiers, number, unit)
            if isinstance(scheme, Volume):
                reach = (
                    f"all {step.quantity} {unit} at the tier in which the quantity ends: {reach}"
                )
            what = f"Tier {number}: {what}"
            detail = f"{reach}; {detail}" if detail else reach
        case BlockTiers(tiers, mode):
            number = int(step.what.removeprefix("tier "))
            blocks = f"{step.quantity} block{plural(step.quantity)}"
            what = f"Tier {number}: {blocks} × {_rate(step, currency)}"
            detail = f"{_block_text(tiers[number - 1], unit)}; a begun one counts whole"
            if mode is BlockMode.TOP:
                detail = f"all {plain(value)} {unit} at the tier in which they end: {detail}"
        case Percentage() | Dynamic() if step.what != "percentage":
            what = f"{_capital(step.what)}: {step.quantity} × {_rate(step, currency)}"
        case _:
            pass
    return Node("step", what, amount, detail)


def _counted_text(scheme: Commitment) -> str:
    return ", ".join(scheme.prices) or "all prices of the contract"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _rate(step: Step, currency: str) -> str:
    return f"{step.unit_amount} {currency}" if step.percent is None else f"{step.percent} %"


def _tier_text(tiers: Sequence[Tier], number: int, unit: str) -> str:
    floor = None if number == 1 else tiers[number - 2].up_to
    bound = tiers[number - 1].up_to
    match floor, bound:
        case None, None:
            return "every quantity"
        case None, _:
            return f"up to {bound} {unit}"
        case _, None:
            return f"above {floor} {unit}"
    return f"above {floor} up to {bound} {unit}"


def _block_text(tier: BlockTier, unit: str) -> str:
    held = "blocks" if tier.max_blocks is None else f"up to {tier.max_blocks} blocks"
    return f"{held} of {tier.block_size} {unit}"


# --- the price ------------------------------------------------------------------------------------


def price_node(charge: Charge, setting: Setting, origin: Origin | None) -> Node:
    """The price as it was agreed, with its tiers and limits."""
    price = charge.price
    unit = "" if charge.quantity is None else charge.quantity.unit
    shape, text, tiers = scheme_text(price, unit, setting.currency)
    if origin is None:
        detail = "frozen in the event that issued the invoice"
    else:
        detail = f"version {origin.version} of plan {origin.plan}, frozen in the invoice's event"
    facts = {
        "price": price.key,
        "scheme": shape,
        "billed": timing_text(price),
        "product": charge.product.key,
        "tax": "none" if charge.product.tax_category == UNTAXED else charge.product.tax_category,
    }
    for name, limit in (("minimum", price.minimum), ("maximum", price.maximum)):
        if limit is not None:
            whole = "" if price.prorate_limits else ", also for a part of a period"
            facts[name] = f"{limit} {setting.currency}{whole}"
    if origin is not None:
        facts |= {"plan": origin.plan, "version": str(origin.version)}
    return Node("price", f"Price {price.key}, {shape}", text, detail, facts, tiers)


def timing_text(price: Price) -> str:
    """When a price is billed."""
    if price.is_once:
        return "once"
    told = "in advance" if price.in_advance else "in arrears"
    return told if price.interval is None else f"{told}, for each {price.interval}"


def scheme_text(price: Price, unit: str, currency: str) -> tuple[str, str, tuple[Node, ...]]:
    """What kind of price it is, its amounts, and a node for each of its tiers."""
    match price.scheme:
        case Flat(amount):
            return "a fixed amount", f"{amount} {currency}", ()
        case PerUnit(unit_amount, included):
            free = "" if included == "0" else f", {included} {unit} included"
            return "per unit", f"{unit_amount} {currency} per {unit}{free}", ()
        case Package(size, amount, included):
            free = "" if included == "0" else f", {included} {unit} included"
            return "per package", f"{amount} {currency} per {size} {unit}{free}", ()
        case Graduated(tiers):
            return "graduated tiers", f"{len(tiers)} tiers", _tier_nodes(tiers, unit, currency)
        case Volume(tiers):
            return "volume tiers", f"{len(tiers)} tiers", _tier_nodes(tiers, unit, currency)
        case BlockTiers(tiers, mode):
            blocks = tuple(
                Node(
                    "tier",
                    f"Tier {number}: {_block_text(tier, unit)}",
                    f"{tier.block_amount} {currency} per block",
                )
                for number, tier in enumerate(tiers, start=1)
            )
            return f"tiers of blocks, {mode.value}", f"{len(tiers)} tiers", blocks
        case Percentage(percent):
            return "percentage", f"{percent} % of {unit}{_per_event(price.scheme, currency)}", ()
        case Dynamic(dimension, multiplier):
            return "dynamic", f"{dimension} of each event × {multiplier}", ()
        case Commitment(minimum, maximum):
            told = [f"at least {minimum} {currency}"] * (minimum is not None)
            told += [f"at most {maximum} {currency}"] * (maximum is not None)
            of = _counted_text(price.scheme)
            return "commitment", f"{', '.join(told)} for {of} in a period", ()
        case Matrix(dimensions):
            return "matrix", f"by {' and '.join(dimensions)}", ()


def _per_event(scheme: Percentage, currency: str) -> str:
    told = []
    if scheme.fixed_amount != "0":
        told.append(f"{scheme.fixed_amount} {currency} per event")
    if scheme.free_events is not None:
        told.append(f"{scheme.free_events} events free")
    if scheme.free_total is not None:
        told.append(f"{scheme.free_total} in all free")
    if scheme.minimum is not None:
        told.append(f"at least {scheme.minimum} {currency} per event")
    if scheme.maximum is not None:
        told.append(f"at most {scheme.maximum} {currency} per event")
    return "".join(f", {text}" for text in told)


def _tier_nodes(tiers: Sequence[Tier], unit: str, currency: str) -> tuple[Node, ...]:
    found = []
    for number, tier in enumerate(tiers, start=1):
        text = f"{tier.unit_amount} {currency} per {unit}"
        if tier.percent is not None:
            text = f"{tier.percent} %"
        if tier.flat_amount != "0":
            text += f" + {tier.flat_amount} {currency}"
        found.append(Node("tier", f"Tier {number}: {_tier_text(tiers, number, unit)}", text))
    return tuple(found)
