"""Derivation: one line of an invoice as a tree, from its amount down to the series of records.

Pure. Reads nothing but the frozen charge, calculates it again, and says each step as a person would.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from everycent.catalog import formula
from everycent.catalog.meter import Formula
from everycent.catalog.plan import UNTAXED
from everycent.catalog.price import Flat, Graduated, Package, PerUnit, Price, Tier, Volume
from everycent.flows.derivation_usage import exact_value, part_node
from everycent.flows.saying import (
    Node,
    Origin,
    Page,
    Setting,
    agree,
    exact_text,
    money,
    plural,
    rounding_text,
    span_text,
)
from everycent.invoicing.invoice import InvoiceLine
from everycent.kernel.calendar import local_date
from everycent.kernel.money import EXACT, Rounding, round_decimal
from everycent.kernel.quantity import as_decimal, plain
from everycent.rating.charge import Charge, Quantity, Step, measure_of
from everycent.rating.schemes import steps

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FUNCTIONS = ("min", "max", "abs")


# --- the line ------------------------------------------------------------------------------------


def line_node(
    line: InvoiceLine,
    setting: Setting,
    origin: Origin | None,
    pages: Mapping[int, Page],
) -> Node:
    """A line with everything that made it. `pages` are first records by number of the part."""
    charge = line.charge
    where = f"line {line.line_no}"
    children = [
        *_amount_nodes(charge, line, setting, where),
        _price_node(charge, setting, origin),
    ]
    quantity = ""
    if charge.quantity is not None:
        children.append(_quantity_node(charge.quantity, line, setting, pages))
        quantity = f"{charge.quantity.value} {charge.quantity.unit}"
    taxed = "untaxed" if line.tax_percent is None else f"{line.tax_percent} %"
    return Node(
        "line",
        f"Line {line.line_no}  {charge.price.description}",
        money(charge.net, setting),
        span_text(line.starts_at, line.ends_at, setting.time_zone),
        {
            "line": str(line.line_no),
            **({"quantity": quantity} if quantity else {}),
            "product": charge.product.name,
            "subscription": line.subscription,
            "tax": taxed if line.tax_percent is None else f"{charge.product.tax_category} {taxed}",
        },
        tuple(children),
    )


def _amount_nodes(charge: Charge, line: InvoiceLine, setting: Setting, where: str) -> list[Node]:
    """Rounding, share of the period, and the steps that the amount is made of: top down."""
    scheme = charge.price.scheme
    value = Decimal(1) if charge.quantity is None else Decimal(charge.quantity.value)
    made, amount = steps(scheme, value)
    agree(f"{where}, the steps of the price", _told(charge.steps), _told(made))
    agree(f"{where}, the exact amount", charge.amount, plain(amount))
    exact: Decimal | Fraction = amount
    if charge.share is not None:
        exact = Fraction(amount) * Fraction(*charge.share)
    net = round_decimal(exact, setting.places, charge.price.amount_rounding)
    agree(f"{where}, the rounded amount", charge.net, int(net.scaleb(setting.places, EXACT)))
    found = [_rounding_node(exact, net, charge.price.amount_rounding, setting)]
    if charge.share is not None:
        found.append(_share_node(charge.share, line, amount, exact, setting))
    unit = "" if charge.quantity is None else charge.quantity.unit
    told = [_step_node(step, charge.price, value, unit, setting) for step in charge.steps]
    if len(told) > 1:
        text = f"{plain(amount)} {setting.currency}"
        found.append(Node("sum", f"Sum of {len(told)} tiers", text, children=tuple(told)))
    else:
        found.extend(told)
    return found


def _told(made: Sequence[Step]) -> list[tuple[str, str]]:
    return [(step.what, step.amount) for step in made]


def _rounding_node(
    exact: Decimal | Fraction, net: Decimal, mode: Rounding, setting: Setting
) -> Node:
    value = f"{net:f} {setting.currency}"
    rule = rounding_text(mode, setting.places, setting.currency)
    if Fraction(net) == Fraction(exact):
        return Node("rounding", "Nothing to round", value, f"the rule would be: {rule}")
    shown = f"{exact_text(exact)} {setting.currency}"
    return Node(
        "rounding", f"{rule[0].upper()}{rule[1:]}", value, f"from exactly {shown}", {"exact": shown}
    )


def _share_node(
    share: tuple[int, int],
    line: InvoiceLine,
    amount: Decimal,
    exact: Decimal | Fraction,
    setting: Setting,
) -> Node:
    part, whole = share
    first, last = (local_date(at, setting.time_zone) for at in (line.starts_at, line.ends_at))
    days = (last - first).days
    if days * whole % part == 0:
        part, whole = days, days * whole // part
    return Node(
        "share",
        f"{part} of the period's {whole} days",
        f"{exact_text(exact)} {setting.currency}",
        f"{plain(amount)} {setting.currency} × {part}/{whole}",
    )


def _step_node(step: Step, price: Price, value: Decimal, unit: str, setting: Setting) -> Node:
    """One product of the calculation, checked."""
    amount = f"{step.amount} {setting.currency}"
    if step.quantity is None or step.unit_amount is None:
        return Node("step", f"Fixed amount: {amount}", amount)
    product = EXACT.multiply(Decimal(step.quantity), Decimal(step.unit_amount))
    again = EXACT.add(product, Decimal(step.flat_amount or "0"))
    agree(f"{price.key}, {step.what}", step.amount, plain(again))
    scheme = price.scheme
    what = f"{step.quantity} {unit} × {step.unit_amount} {setting.currency}"
    detail = ""
    if step.flat_amount is not None:
        what += f" + {step.flat_amount} {setting.currency}"
        detail = f"{step.flat_amount} {setting.currency} is due once the tier is entered"
    if isinstance(scheme, Package):
        what = (
            f"{step.quantity} package{plural(step.quantity)} × {scheme.amount} {setting.currency}"
        )
        detail = f"of {scheme.size} {unit} each; a begun one counts whole"
        if scheme.included != "0":
            beyond = plain(max(EXACT.subtract(value, Decimal(scheme.included)), Decimal(0)))
            detail = f"for {beyond} {unit} beyond the {scheme.included} {unit} included, {detail}"
    elif isinstance(scheme, Graduated | Volume):
        number = int(step.what.removeprefix("tier "))
        reach = _tier_text(scheme.tiers, number, unit)
        if isinstance(scheme, Volume):
            reach = f"all {step.quantity} {unit} at the tier in which the quantity ends: {reach}"
        what = f"Tier {number}: {what}"
        detail = f"{reach}; {detail}" if detail else reach
    return Node("step", what, amount, detail)


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


# --- the price ------------------------------------------------------------------------------------


def _price_node(charge: Charge, setting: Setting, origin: Origin | None) -> Node:
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
        "billed": "in advance" if price.in_advance else "in arrears",
        "product": charge.product.key,
        "tax": "none" if charge.product.tax_category == UNTAXED else charge.product.tax_category,
    }
    if origin is not None:
        facts |= {"plan": origin.plan, "version": str(origin.version)}
    return Node("price", f"Price {price.key}, {shape}", text, detail, facts, tiers)


def scheme_text(price: Price, unit: str, currency: str) -> tuple[str, str, tuple[Node, ...]]:
    """What kind of price it is, its amounts, and a node for each of its tiers."""
    match price.scheme:
        case Flat(amount):
            return "a fixed amount", f"{amount} {currency}", ()
        case PerUnit(unit_amount):
            return "per unit", f"{unit_amount} {currency} per {unit}", ()
        case Package(size, amount, included):
            free = "" if included == "0" else f", {included} {unit} included"
            return "per package", f"{amount} {currency} per {size} {unit}{free}", ()
        case Graduated(tiers):
            return "graduated tiers", f"{len(tiers)} tiers", _tier_nodes(tiers, unit, currency)
        case Volume(tiers):
            return "volume tiers", f"{len(tiers)} tiers", _tier_nodes(tiers, unit, currency)


def _tier_nodes(tiers: Sequence[Tier], unit: str, currency: str) -> tuple[Node, ...]:
    found = []
    for number, tier in enumerate(tiers, start=1):
        text = f"{tier.unit_amount} {currency} per {unit}"
        if tier.flat_amount != "0":
            text += f" + {tier.flat_amount} {currency}"
        found.append(Node("tier", f"Tier {number}: {_tier_text(tiers, number, unit)}", text))
    return tuple(found)


# --- the quantity --------------------------------------------------------------------------------


def _quantity_node(
    quantity: Quantity,
    line: InvoiceLine,
    setting: Setting,
    pages: Mapping[int, Page],
) -> Node:
    where = f"line {line.line_no}"
    exact, formulas = _exact_quantity(quantity)
    agree(f"{where}, the exact quantity", quantity.exact, plain(_as_shown(exact)))
    value = f"{quantity.value} {quantity.unit}"
    rule = quantity.rounding
    if rule is None:
        agree(f"{where}, the quantity", quantity.value, plain(_as_shown(exact)))
        what, detail = "Quantity", "not rounded"
    else:
        again = plain(round_decimal(exact, rule.places, rule.mode))
        agree(f"{where}, the rounded quantity", quantity.value, again)
        told = rounding_text(rule.mode, rule.places, quantity.unit)
        what, detail = "Quantity", f"nothing to round; the rule would be: {told}"
        if Fraction(exact) != Fraction(again):
            what = f"Quantity, {told}"
            detail = f"from exactly {exact_text(exact)} {quantity.unit}"
    parts = tuple(
        part_node(part, setting, f"{where}, part {number}", number, pages.get(number))
        for number, part in enumerate(quantity.parts, start=1)
    )
    return Node("quantity", what, value, detail, {"exact": quantity.exact}, (*formulas, *parts))


def _as_shown(value: Decimal | Fraction) -> Decimal:
    return value if isinstance(value, Decimal) else as_decimal(value)


def _exact_quantity(quantity: Quantity) -> tuple[Decimal | Fraction, tuple[Node, ...]]:
    """The quantity before its rounding, with the formulas that lead to it, outermost first."""
    measure = measure_of(quantity)
    if not isinstance(measure, Formula):
        return exact_value(quantity.parts[0]), ()
    made: list[Node] = []
    parts = {part.input: exact_value(part) for part in quantity.parts}
    return _evaluate(measure, "", parts, made), tuple(reversed(made))


def _evaluate(
    measure: Formula, path: str, parts: Mapping[str, Fraction], made: list[Node]
) -> Fraction:
    values = {}
    for name, inner in sorted(measure.inputs.items()):
        inner_path = f"{path}.{name}" if path else name
        if isinstance(inner, Formula):
            values[name] = _evaluate(inner, inner_path, parts, made)
        else:
            values[name] = parts[inner_path]
    value = formula.evaluate(formula.parse(measure.expression), values)
    made.append(_formula_node(path, measure.expression, values, value, measure.unit))
    return value


def _formula_node(
    path: str, expression: str, values: Mapping[str, Fraction], value: Fraction, unit: str
) -> Node:
    def substituted(match: re.Match[str]) -> str:
        name = match[0]
        if name in _FUNCTIONS and name not in values:
            return name
        text = exact_text(values[name])
        return f"({text})" if text.startswith("-") else text

    what = f"{path} = {expression}" if path else expression
    return Node(
        "formula",
        what,
        f"{exact_text(value)} {unit}",
        f"= {_NAME.sub(substituted, expression)}",
        {name: exact_text(number) for name, number in values.items()},
    )
