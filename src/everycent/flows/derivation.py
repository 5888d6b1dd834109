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
from everycent.catalog.price import Commitment, needs_events
from everycent.exchange.rate import factor
from everycent.flows.derivation_price import limit_node, price_node, steps_nodes
from everycent.flows.derivation_usage import exact_value, part_node
from everycent.flows.exchange_told import exchange_nodes, price_setting
from everycent.flows.proration_told import rule_text
from everycent.flows.saying import (
    Node,
    Origin,
    Page,
    Setting,
    agree,
    exact_text,
    moment,
    money,
    rounding_text,
    span_text,
)
from everycent.invoicing.invoice import InvoiceLine
from everycent.kernel.money import EXACT, Rounding, round_decimal
from everycent.kernel.quantity import as_decimal, plain
from everycent.rating.charge import Charge, Quantity, Step, is_agreed, measure_of, unit_of
from everycent.rating.priced import by_daily_rate, is_fee, limited, priced
from everycent.rating.quantity import converted, divided
from everycent.rating.step import sum_of

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
        *_before_nodes(line, setting),
        *_amount_nodes(charge, setting, where),
        price_node(charge, price_setting(charge, setting), origin),
    ]
    quantity = ""
    if charge.quantity is not None:
        children.append(_quantity_node(charge.quantity, line, setting, pages))
        quantity = f"{charge.quantity.value} {charge.quantity.unit}"
    taxed = "untaxed" if line.tax_percent is None else f"{line.tax_percent} %"
    return Node(
        "line",
        f"Line {line.line_no}  {charge.price.description}",
        money(line.net, setting),
        _charged_text(line, setting),
        {
            "line": str(line.line_no),
            **({"quantity": quantity} if quantity else {}),
            "product": charge.product.name,
            "subscription": line.subscription,
            "tax": taxed if line.tax_percent is None else f"{charge.product.tax_category} {taxed}",
        },
        tuple(children),
    )


def _charged_text(line: InvoiceLine, setting: Setting) -> str:
    """For which time the line stands, and in the place of which one."""
    if line.starts_at == line.ends_at:
        text = f"nothing from {moment(line.starts_at, setting.time_zone)} on"
    else:
        text = span_text(line.starts_at, line.ends_at, setting.time_zone)
    if line.corrects is not None:
        text += f", in the place of line {line.corrects.line_no} of {line.corrects.invoice}"
    return text


def _before_nodes(line: InvoiceLine, setting: Setting) -> list[Node]:
    """What was charged for the time before, and what is right in its place."""
    before = line.corrects
    if before is None:
        return []
    span = span_text(line.starts_at, before.ends_at, setting.time_zone)
    told = f"{before.invoice}, line {before.line_no}"
    if before.step > 1:
        told += ", as it was corrected last"
    right = money(line.charge.net, setting)
    rest = before.charged - before.credited
    limit = [
        Node(
            "credited",
            "Taken off by credit notes before",
            money(before.credited, setting),
            f"so at most the rest of what was charged is given back: {money(rest, setting)}",
        )
    ]
    return [
        *(limit if before.credited and line.amount == -rest else []),
        Node("before", "Charged before", money(-before.charged, setting), f"{told}: {span}"),
        Node("right", "Right in its place", right, "as follows"),
    ]


def _amount_nodes(charge: Charge, setting: Setting, where: str) -> list[Node]:
    """Rounding, exchange, share of the period, and the steps that the amount is made of: top down."""
    price, inner = charge.price, price_setting(charge, setting)
    value = Decimal(1) if charge.quantity is None else Decimal(charge.quantity.value)
    if isinstance(price.scheme, Commitment):
        value = Decimal(
            charge.amount
        )  # what was counted is frozen; its lines are told by the contract
    share = Fraction(1) if charge.share is None else Fraction(*charge.share)
    if needs_events(price.scheme):  # steps are done again; rating anew reads the events
        made = limited(price, charge.steps, sum_of(charge.steps), share, is_last=not charge.is_open)
    else:
        made = priced(
            price, value, share, is_last=not charge.is_open, is_agreed=is_agreed(charge.quantity)
        )
    rule, is_span = charge.proration, is_fee(price, is_agreed=is_agreed(charge.quantity))
    if rule is not None and rule.round_daily_rate and charge.share is not None and is_span:
        made = by_daily_rate(price, made, charge.share, inner.currency)
    exact = made.exact
    owed = exact if charge.exchange is None else Fraction(exact) * factor(charge.exchange)
    agree(f"{where}, the steps of the price", _told(charge.steps), _told(made.steps))
    agree(f"{where}, the exact amount", charge.amount, plain(made.amount))
    agree(f"{where}, the limit in force", charge.limit, made.limit)
    net = round_decimal(owed, setting.places, price.amount_rounding)
    agree(f"{where}, the rounded amount", charge.net, int(net.scaleb(setting.places, EXACT)))
    found = [_rounding_node(owed, net, price.amount_rounding, setting)]
    found += exchange_nodes(charge.exchange, exact)
    if made.limit is not None:
        found.append(limit_node(charge, made.limit, made.amount, exact, inner))
    elif charge.share is not None and is_span:
        found.append(_share_node(charge, made.amount, exact, inner))
    unit = "" if charge.quantity is None else charge.quantity.unit
    return [*found, *steps_nodes(charge, value, unit, inner)]


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
    charge: Charge, amount: Decimal, exact: Decimal | Fraction, setting: Setting
) -> Node:
    assert charge.share is not None, "only a part of a period is told"
    part, whole = charge.share
    rule = rule_text(charge.proration)
    times = f"{plain(amount)} {setting.currency} × {part}/{whole}"
    return Node(
        "share",
        f"{part} of the period's {whole} {unit_of(charge)}s",
        f"{exact_text(exact)} {setting.currency}",
        f"{times}; {rule}" if rule else times,
    )


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
    again = plain(converted(exact, rule))
    if rule is None:
        agree(f"{where}, the quantity", quantity.value, again)
        what, detail = "Quantity", "as agreed" if is_agreed(quantity) else "not rounded"
    else:
        agree(f"{where}, the rounded quantity", quantity.value, again)
        told = rounding_text(rule.mode, rule.places, quantity.unit)
        what, detail = "Quantity", f"nothing to round; the rule would be: {told}"
        before = divided(exact, rule)
        if Fraction(before) != Fraction(again):
            what = f"Quantity, {told}"
            detail = f"from exactly {exact_text(before)} {quantity.unit}"
        if rule.divide_by is not None:
            detail += f"; {exact_text(exact)} {_exact_unit(quantity)} ÷ {rule.divide_by}"
    parts = tuple(
        part_node(part, setting, f"{where}, part {number}", number, pages.get(number))
        for number, part in enumerate(quantity.parts, start=1)
    )
    return Node("quantity", what, value, detail, {"exact": quantity.exact}, (*formulas, *parts))


def _exact_unit(quantity: Quantity) -> str:
    """The unit of what was measured, before the price converts it."""
    return quantity.exact_unit or quantity.unit


def _as_shown(value: Decimal | Fraction) -> Decimal:
    return value if isinstance(value, Decimal) else as_decimal(value)


def _exact_quantity(quantity: Quantity) -> tuple[Decimal | Fraction, tuple[Node, ...]]:
    """The quantity before its rounding, with the formulas that lead to it, outermost first."""
    if is_agreed(quantity):
        return Decimal(quantity.exact), ()
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
