"""The words of explanations: the nodes of a derivation, and dates, amounts and rules as people say them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import msgspec

from everycent.catalog.bands import HOLIDAY, BandRule, Bands
from everycent.catalog.plan import Item
from everycent.invoicing.invoice import Invoice
from everycent.kernel.calendar import local_date, start_of_day, zone
from everycent.kernel.errors import Broken
from everycent.kernel.money import EXACT, Rounding
from everycent.kernel.quantity import as_decimal, plain

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
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
    """Some of the records behind a part of a line, and the cursor to go on from, if there are more.
    `missing` says why none can be shown."""

    records: tuple[Shown, ...]
    after: str | None
    missing: str = ""


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
    """'rounded to 2 decimals, half up'; 'rounded to multiples of 100 kWh' for -2 places."""
    if places < 0:
        digits = f"multiples of {10**-places} {unit}".rstrip()
    elif places == 0:
        digits = f"whole {unit or 'units'}"
    else:
        digits = f"{places} decimal{'s' if places > 1 else ''}"
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
    days = [day for day in rule.days if day != HOLIDAY]
    told = [_DAYS[day] for day in days]
    if len(days) == 7:
        told = []
    elif len(days) > 2 and days == list(range(days[0], days[-1] + 1)):
        told = [f"{_DAYS[days[0]]}–{_DAYS[days[-1]]}"]
    if HOLIDAY in rule.days and told:
        told.append("holidays")
    elif days == [] and HOLIDAY in rule.days:
        told = ["holidays"]
    return f"{', '.join(told)} {hours}" if told else hours


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


def plural(count: str) -> str:
    """The ending of a word that is counted."""
    return "" if count == "1" else "s"
