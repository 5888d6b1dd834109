"""One self-contained HTML page of what another catalogue would have changed: sums, a histogram, tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from everycent.invoicing import whatif
from everycent.invoicing.whatif import Bin, Of, OfCustomer, OfMonth, OfPrice, Simulation, Totals
from everycent.kernel.calendar import add_months
from everycent.kernel.money import Money, plain

_TEMPLATES = Path(__file__).with_name("templates")
_WIDTH, _HEIGHT, _TOP, _FOOT = 812, 230, 26, 44
_GAP = 10
_LEAST = 3
_THIN = 1
_LABEL = 48
_NEVER = date(2000, 1, 1)
_WIDEST = 10_000


class Bar(NamedTuple):
    """A bar of the histogram in pixels, with its number above and its span below."""

    x: int
    y: int
    width: int
    height: int
    middle: int
    tone: str
    customers: int
    label: str


class Pair(NamedTuple):
    """What a month came to, and would, as two bars; each is (x, y, height) in pixels, `width` wide. The
    label is empty where there is no room for one."""

    old: tuple[int, int, int]
    new: tuple[int, int, int]
    width: int
    middle: int
    tone: str
    label: str
    title: str


class Row(NamedTuple):
    """A line of a table: the amounts as text, and the change as a bar."""

    name: str
    note: str
    currency: str
    old: str
    new: str
    more: str
    percent: str
    tone: str
    width: str


class Months(NamedTuple):
    """Revenue over time: `base` is where nothing is."""

    pairs: list[Pair]
    base: int
    rows: list[Row]


class Shown(NamedTuple):
    """Everything that the page tells of one currency."""

    totals: Totals
    old: str
    new: str
    more: str
    percent: str
    tone: str
    bars: list[Bar]
    months: Months
    winners: list[Row]
    losers: list[Row]
    prices: list[Row]


def page(found: Simulation, title: str, most: int) -> str:
    """The page; `title` says what was compared, `most` is how many customers it names on each side."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["apart"] = lambda number: f"{number:,}".replace(",", "\u202f")
    compared = [_shown(found, totals, most) for totals in whatif.totals(found.customers)]
    return environment.get_template("simulation.html").render(
        title=title,
        start=found.start,
        end=found.end,
        shown=compared,
        left_out=_rows(found.left_out),
        width=_WIDTH,
        height=_TOP + _HEIGHT + _FOOT,
        base=_TOP + _HEIGHT,
        months_height=_TOP + _HEIGHT + _FOOT // 2 + 8,
    )


def _shown(found: Simulation, totals: Totals, most: int) -> Shown:
    currency = totals.currency
    own = [one for one in found.customers if one.currency == currency]
    winners = [one for one in own if one.sums.more < 0][:most]
    losers = [one for one in reversed(own) if one.sums.more > 0][:most]
    sums = totals.sums
    return Shown(
        totals,
        _money(sums.old, currency),
        _money(sums.new, currency),
        _signed(sums.more, currency),
        _percent(sums),
        _tone(sums),
        bars(whatif.histogram(own)),
        _months([one for one in found.months if one.currency == currency]),
        _rows(winners),
        _rows(losers),
        _rows([one for one in found.prices if one.currency == currency]),
    )


def bars(bins: Sequence[Bin]) -> list[Bar]:
    """The bars of a histogram; where there is anybody, there is something to be seen."""
    highest = max((one.customers for one in bins), default=0) or 1
    slot = _WIDTH // max(len(bins), 1)
    found = []
    for number, one in enumerate(bins):
        height = max(one.customers * _HEIGHT // highest, _LEAST) if one.customers else 0
        x = number * slot + _GAP // 2
        found.append(
            Bar(
                x,
                _TOP + _HEIGHT - height,
                slot - _GAP,
                height,
                x + (slot - _GAP) // 2,
                {-1: "less", 0: "same", 1: "more"}[one.side],
                one.customers,
                one.label,
            )
        )
    return found


def _months(found: Sequence[OfMonth]) -> Months:
    """The bars of months from left to right, and their table; a month without anything has its place."""
    known = {one.month: one for one in found}
    first, last = (min(known), max(known)) if known else (_NEVER, _NEVER)
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    edges = [0, *(amount for one in found for amount in one.sums[1:])]
    low, high = min(edges), max(edges)
    scale = max(high - low, 1)
    base = _TOP + high * _HEIGHT // scale
    slot = max(_WIDTH // count, 3)
    every = -(-_LABEL // slot)  # so many months share the room of a label
    pairs = []
    for number in range(count):
        month = add_months(first, number)
        if month not in known:
            continue
        one = known[month]
        width = max((slot - min(_GAP, slot // 3)) // 2, 1)
        x = number * slot + (slot - 2 * width) // 2
        _, old, new = one.sums
        told = f"{_money(old, one.currency)} → {_money(new, one.currency)} {one.currency}"
        label = f"{month:%b %y}" if number % every == 0 else ""
        title = f"{month:%B %Y}: {told} ({_percent(one.sums)})"
        pairs.append(
            Pair(
                _pair_bar(old, x, base, scale),
                _pair_bar(new, x + width, base, scale),
                width,
                x + width,
                _tone(one.sums),
                label,
                title,
            )
        )
    return Months(pairs, base, _rows(found))


def _pair_bar(amount: int, x: int, base: int, scale: int) -> tuple[int, int, int]:
    """Up from the base, or down where less than nothing is told."""
    height = max(abs(amount) * _HEIGHT // scale, _THIN if amount else 0)
    return x, base - height if amount > 0 else base, height


def _price_name(one: OfPrice) -> tuple[str, str]:
    note = "" if one.state is whatif.State.PRICED else one.state.value
    return f"{one.plan} / {one.price}", f"{note}: {one.why}" if one.why else note


def _name(one: OfCustomer | OfPrice | OfMonth) -> tuple[str, str]:
    match one:
        case OfCustomer():
            return one.name, one.key
        case OfPrice():
            return _price_name(one)
        case OfMonth():
            return f"{one.month:%B %Y}", ""


def _rows(
    found: Sequence[OfCustomer] | Sequence[OfPrice] | Sequence[OfMonth],
) -> list[Row]:
    highest = max((abs(one.sums.more) for one in found), default=0) or 1
    told = []
    for one in found:
        name, note = _name(one)
        hundredths = abs(one.sums.more) * _WIDEST // highest
        told.append(
            Row(
                name,
                note,
                one.currency,
                _money(one.sums.old, one.currency),
                _money(one.sums.new, one.currency),
                _signed(one.sums.more, one.currency),
                _percent(one.sums),
                _tone(one.sums),
                f"{hundredths // 100}.{hundredths % 100:02d}%",
            )
        )
    return told


def _percent(sums: Of) -> str:
    return whatif.percent_text(sums).replace("-", "−")


def _tone(sums: Of) -> str:
    return "less" if sums.more < 0 else "more" if sums.more > 0 else "same"


def _money(minor: int, currency: str) -> str:
    """Minor units as people read them, with thin spaces: '1 234.50'."""
    text = plain(Money(abs(minor), currency))
    whole, dot, places = text.partition(".")
    sign = "−" if minor < 0 else ""
    return sign + f"{int(whole):,}".replace(",", "\u202f") + dot + places


def _signed(minor: int, currency: str) -> str:
    return f"+{_money(minor, currency)}" if minor > 0 else _money(minor, currency)
