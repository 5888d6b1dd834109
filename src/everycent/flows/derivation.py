"""Derivation: one line of an invoice as a tree, from its amount down to the series of records.

Pure. Reads nothing but the frozen charge, calculates it again, and says each step as a person would.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import msgspec

from everycent.catalog import formula
from everycent.catalog.bands import BandRule, Bands
from everycent.catalog.meter import Aggregation, Formula, Measure
from everycent.catalog.plan import UNTAXED, Item
from everycent.catalog.price import Flat, Graduated, Package, PerUnit, Price, Tier, Volume
from everycent.invoicing.invoice import Invoice, InvoiceLine
from everycent.kernel.calendar import local_date, start_of_day, zone
from everycent.kernel.errors import Broken
from everycent.kernel.money import EXACT, Rounding, round_decimal
from everycent.kernel.quantity import as_decimal, plain
from everycent.metering.register import Reading
from everycent.rating.charge import Charge, Quantity, RegisterStretch, Step, UsagePart
from everycent.rating.schemes import steps

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FUNCTIONS = ("min", "max", "abs")
_ROUNDINGS = {
    Rounding.HALF_EVEN: "half to even",
    Rounding.HALF_UP: "half up",
    Rounding.HALF_DOWN: "half down",
    Rounding.UP: "up, away from zero",
    Rounding.DOWN: "down, towards zero",
    Rounding.CEILING: "up to the next higher",
    Rounding.FLOOR: "down to the next lower",
}


class Node(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of an explanation: `what` it is, the `value` it gives, a sentence of `detail`.

    `facts` are labelled texts for whoever wants to look it up; `children` say where the value comes
    from. `kind` is stable, for programs: invoice, line, rounding, share, step, price, quantity, …
    """

    kind: str
    what: str
    value: str = ""
    detail: str = ""
    facts: dict[str, str] = {}
    children: tuple[Node, ...] = ()


class Shown(NamedTuple):
    """A usage record as a person sees it; `local` is its instant on the customer's clock."""

    record_id: str
    source: str
    at: str
    local: str
    value: str
    dimensions: str


class Page(NamedTuple):
    """Some of the records behind a part of a line, and the cursor to go on from, if there are more."""

    records: tuple[Shown, ...]
    after: str | None


class Origin(NamedTuple):
    """The version of a plan that holds the line's price exactly as it was frozen."""

    plan: str
    version: int
    item: Item


class Setting(NamedTuple):
    """What the words of a line depend on."""

    currency: str
    places: int
    time_zone: str


def setting_of(invoice: Invoice) -> Setting:
    """The setting of all lines of an invoice."""
    return Setting(invoice.currency, invoice.places, invoice.customer.time_zone)


# --- saying it ------------------------------------------------------------------------------------


def money(minor: int, setting: Setting) -> str:
    """Minor units as people write them: '32.44 EUR'."""
    return f"{Decimal(minor).scaleb(-setting.places, EXACT):f} {setting.currency}"


def day_text(day: date) -> str:
    """'1 Jan 2016'."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def moment(at: datetime, time_zone: str) -> str:
    """'1 Jan 2016 07:15' on the wall; with the offset where the clock shows that time twice."""
    local = at.astimezone(zone(time_zone))
    text = f"{day_text(local.date())} {local:%H:%M}"
    if local.second or local.microsecond:
        text += f"{local:%S.%f}".rstrip("0").rstrip(".").join((":", ""))
    other = local.replace(fold=1 - local.fold)
    if other.utcoffset() != local.utcoffset():
        offset = f"{local:%z}"
        text += f" ({offset[:3]}:{offset[3:5]})"
    return text


def span_text(start: datetime, end: datetime, time_zone: str) -> str:
    """'1 Jan – 31 Jan 2016' for whole local days, else both moments."""
    first, last = (
        local_date(start, time_zone),
        local_date(end - timedelta(microseconds=1), time_zone),
    )
    whole = start_of_day(first, time_zone) == start and (
        start_of_day(last + timedelta(days=1), time_zone) == end
    )
    if not whole:
        return f"{moment(start, time_zone)} – {moment(end, time_zone)}"
    if first == last:
        return day_text(first)
    begins = day_text(first)
    if first.year == last.year:
        begins = begins[:-5]
    return f"{begins} – {day_text(last)}"


def rounding_text(mode: Rounding, places: int, unit: str = "") -> str:
    """'rounded to 2 decimals, half up'."""
    digits = (
        f"{places} decimal{'s' if places > 1 else ''}" if places else f"whole {unit or 'units'}"
    )
    return f"rounded to {digits}, {_ROUNDINGS[mode]}"


def bands_text(bands: Bands, band: str) -> str:
    """'07:00–21:00' or 'Mon–Fri 07:00–21:00, Sat 08:00–12:00', or what is left over by the others."""
    if band == bands.rest:
        others = "; ".join(
            f"{name} ({bands_text(bands, name)})" for name in sorted(bands.names() - {band})
        )
        return f"every hour outside {others}" if others else "every hour"
    spoken = [_rule_text(rule) for rule in bands.rules if rule.band == band]
    return ", ".join(spoken)


def _rule_text(rule: BandRule) -> str:
    hours = "–".join(f"{m // 60:02d}:{m % 60:02d}" for m in (rule.start, rule.end))
    days = rule.days
    if days == tuple(range(7)):
        return hours
    if len(days) > 1 and days == tuple(range(days[0], days[-1] + 1)):
        return f"{_DAYS[days[0]]}–{_DAYS[days[-1]]} {hours}"
    return f"{', '.join(_DAYS[day] for day in days)} {hours}"


def exact_text(value: Decimal | Fraction) -> str:
    """The shortest digits; a number that never ends is cut after twelve decimals and says so."""
    if isinstance(value, Decimal):
        return plain(value)
    shown = as_decimal(value, 12)
    return plain(shown) + ("" if Fraction(shown) == value else "…")


def agree(what: str, stored: object, again: object) -> None:
    """Raises Broken `explain.mismatch` when a calculation done again gives something else."""
    if stored != again:
        raise Broken(
            "explain.mismatch",
            f"{what}: the invoice says {stored}, the calculation done again gives {again}",
            value=stored,
            hint="run `everycent verify`; the stored invoice can't be trusted",
        )


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
        measure = None if origin is None else origin.item.measure
        children.append(_quantity_node(charge.quantity, measure, line, setting, pages))
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
        what = f"{step.quantity} package{_s(step.quantity)} × {scheme.amount} {setting.currency}"
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


def _s(count: str) -> str:
    return "" if count == "1" else "s"


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
    shape, text, tiers = _scheme_text(price, unit, setting)
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


def _scheme_text(price: Price, unit: str, setting: Setting) -> tuple[str, str, tuple[Node, ...]]:
    currency = setting.currency
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
    measure: Measure | None,
    line: InvoiceLine,
    setting: Setting,
    pages: Mapping[int, Page],
) -> Node:
    where = f"line {line.line_no}"
    exact, formulas = _exact_quantity(quantity, measure)
    if exact is None:
        exact = Decimal(quantity.exact)
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
        _part_node(part, setting, f"{where}, part {number}", number, pages.get(number))
        for number, part in enumerate(quantity.parts, start=1)
    )
    return Node("quantity", what, value, detail, {"exact": quantity.exact}, (*formulas, *parts))


def _as_shown(value: Decimal | Fraction) -> Decimal:
    return value if isinstance(value, Decimal) else as_decimal(value)


def _exact_quantity(
    quantity: Quantity, measure: Measure | None
) -> tuple[Decimal | Fraction | None, tuple[Node, ...]]:
    """The quantity before its rounding, with the formulas that lead to it, outermost first.

    A formula within a formula stands in the plan only; without the plan (None) its outcome is
    believed and shown as it is stored.
    """
    parts = {part.input: Fraction(part.value) for part in quantity.parts}
    if quantity.expression is None:
        return Decimal(quantity.parts[0].value), ()
    needed = formula.names(formula.parse(quantity.expression))
    if isinstance(measure, Formula) and measure.expression == quantity.expression:
        made: list[Node] = []
        return _evaluate(measure, "", parts, made), tuple(reversed(made))
    if needed <= parts.keys():
        value = formula.evaluate(formula.parse(quantity.expression), parts)
        return value, (_formula_node("", quantity.expression, parts, value, quantity.unit),)
    text = f"{quantity.exact} {quantity.unit}"
    return None, (Node("formula", quantity.expression, text, "not worked out again here"),)


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


# --- the usage behind a quantity ------------------------------------------------------------------


def _part_node(
    part: UsagePart, setting: Setting, where: str, part_no: int, page: Page | None
) -> Node:
    _check_part(part, where)
    children = [_span_node(part, setting)]
    if part.bands is not None and part.band is not None:
        children.append(_band_node(part.bands, part.band))
    if part.peak_at is not None and part.window_minutes is not None:
        children.append(_peak_node(part, part.peak_at, part.window_minutes, setting))
    children.extend(_stretch_nodes(part, setting))
    children.append(_seal_node(part))
    if page is not None:
        children.append(_records_node(part, page))
    name = f"{part.input} = " if part.input else ""
    facts = {"part": str(part_no), "subject": part.subject, "meter": part.meter}
    facts["aggregation"] = part.aggregation.value
    if part.band is not None:
        facts["band"] = part.band
    return Node(
        "series",
        f"{name}{_aggregation_text(part)}",
        f"{part.value} {part.unit}",
        "",
        facts,
        tuple(children),
    )


def _aggregation_text(part: UsagePart) -> str:
    what = {
        Aggregation.COUNT: f"Number of {part.meter} records",
        Aggregation.SUM: f"Sum of {part.meter}",
        Aggregation.MIN: f"Lowest {part.meter}",
        Aggregation.MAX: f"Highest {part.meter}",
        Aggregation.LATEST: f"Latest {part.meter}",
        Aggregation.UNIQUE: f"Distinct {part.distinct} of {part.meter}",
        Aggregation.COUNTER: f"Difference of the readings of {part.meter}",
        Aggregation.PEAK: f"Highest {part.window_minutes}-minute average of {part.meter}",
    }[part.aggregation]
    band = "" if part.band is None else f" in band {part.band}"
    return f"{what} at {part.subject}{band}"


def _check_part(part: UsagePart, where: str) -> None:
    """What can be worked out again from the frozen numbers alone."""
    match part.aggregation:
        case Aggregation.SUM:
            agree(f"{where}, the sum", part.value, part.total)
        case Aggregation.COUNT:
            agree(f"{where}, the number of records", part.value, str(part.records))
        case Aggregation.COUNTER:
            total = Decimal(0)
            for stretch in part.stretches:
                agree(
                    f"{where}, a stretch", stretch.consumption, plain(_used(stretch, part.digits))
                )
                total = EXACT.add(total, Decimal(stretch.consumption))
            agree(f"{where}, the consumption", part.value, plain(total))
        case _:
            pass  # takes the records themselves: `everycent verify` counts those


def _used(stretch: RegisterStretch, digits: int | None) -> Decimal:
    used = EXACT.subtract(stretch.closing.value, stretch.opening.value)
    if stretch.rolled_over and digits is not None:
        used = EXACT.add(used, Decimal(10) ** digits)
    return used


def _span_node(part: UsagePart, setting: Setting) -> Node:
    start, end = (moment(at, setting.time_zone) for at in (part.starts_at, part.ends_at))
    first, last = ("after", "up to and including")
    if part.aggregation is not Aggregation.COUNTER:
        first, last = ("from", "up to but not including")
    return Node(
        "span",
        span_text(part.starts_at, part.ends_at, setting.time_zone),
        "",
        f"{first} {start} {last} {end}, {setting.time_zone}",
        {"starts_at": part.starts_at.isoformat(), "ends_at": part.ends_at.isoformat()},
    )


def _band_node(bands: Bands, band: str) -> Node:
    return Node(
        "band",
        f"Band {band}: {bands_text(bands, band)}",
        "",
        f"on the clock of {bands.time_zone}",
        {"bands": bands.key, "band": band, "time_zone": bands.time_zone},
    )


def _peak_node(part: UsagePart, at: datetime, minutes: int, setting: Setting) -> Node:
    end = at + timedelta(minutes=minutes)
    energy = exact_text(Fraction(part.value) * minutes / 60)
    return Node(
        "peak",
        f"Reached on {moment(at, setting.time_zone)} – {moment(end, setting.time_zone)[-5:]}",
        f"{part.value} {part.unit}",
        f"{energy} in {minutes} minutes × 60/{minutes}",
        {"at": at.isoformat(), "window_minutes": str(minutes), "sum": energy},
    )


def _stretch_nodes(part: UsagePart, setting: Setting) -> list[Node]:
    found: list[Node] = []
    before: Reading | None = part.opening
    for stretch in part.stretches:
        if before is not None and before.register != stretch.opening.register:
            found.append(_exchange_node(before, stretch.opening, setting))
        found.append(_stretch_node(stretch, part, setting))
        before = stretch.closing
    return found


def _exchange_node(old: Reading, new: Reading, setting: Setting) -> Node:
    return Node(
        "exchange",
        f"Register {old.register} replaced by {new.register} on {moment(new.at, setting.time_zone)}",
        "",
        f"{old.register} was taken out at {plain(old.value)},"
        f" {new.register} put in at {plain(new.value)}",
        {"removed": old.register, "installed": new.register},
    )


def _stretch_node(stretch: RegisterStretch, part: UsagePart, setting: Setting) -> Node:
    opening, closing = stretch.opening, stretch.closing
    register = f"Register {closing.register}: " if closing.register else ""
    detail = f"{_reading_text(opening, setting)} to {_reading_text(closing, setting)}"
    what = f"{register}{plain(closing.value)} − {plain(opening.value)}"
    if stretch.rolled_over and part.digits is not None:
        what += f" + {plain(Decimal(10) ** part.digits)}"
        detail += f"; the register has {part.digits} digits and passed zero"
    return Node("stretch", what, f"{stretch.consumption} {part.unit}", detail)


def _reading_text(reading: Reading, setting: Setting) -> str:
    kind = "estimated" if reading.is_estimate else "actual"
    return f"{kind} {moment(reading.at, setting.time_zone)}"


def _seal_node(part: UsagePart) -> Node:
    count = str(part.records)
    what = f"{count} record{_s(count)}, sum {part.total}"
    if part.aggregation is Aggregation.COUNTER:
        what = f"{count} reading{_s(count)}"  # their sum says nothing
    return Node(
        "seal",
        what,
        "",
        f"sealed: SHA-256 {part.digest[:16]}… over every record, as of fold {part.fold_id}",
        {
            "records": count,
            "sum": part.total,
            "digest": part.digest,
            "fold": str(part.fold_id),
        },
    )


def _records_node(part: UsagePart, page: Page) -> Node:
    shown = tuple(
        Node(
            "record",
            record.local,
            record.value,
            record.record_id,
            {"id": record.record_id, "source": record.source, "at": record.at}
            | ({"dimensions": record.dimensions} if record.dimensions != "{}" else {}),
        )
        for record in page.records
    )
    count = len(shown)
    what = f"The first {count} of {part.records}"
    if count == part.records:
        what = "All of them"
    elif part.peak_at is not None:
        what = f"{count} of {part.records}, from the peak on"
    facts = {"shown": str(count), "records": str(part.records)}
    if page.after is not None:
        facts["after"] = page.after
    return Node("records", what, "", "", facts, shown)
