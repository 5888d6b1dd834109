"""One self-contained HTML page of what another catalogue would have changed: sums, a histogram, tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from everycent.invoicing import whatif
from everycent.invoicing.whatif import Bin, Of, OfCustomer, OfPrice, Simulation, Totals
from everycent.kernel.money import Money, plain

_TEMPLATES = Path(__file__).with_name("templates")
_WIDTH, _HEIGHT, _TOP, _FOOT = 812, 230, 26, 44
_GAP = 10
_LEAST = 3
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


class Shown(NamedTuple):
    """Everything that the page tells of one currency."""

    totals: Totals
    old: str
    new: str
    more: str
    percent: str
    tone: str
    bars: list[Bar]
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


def _customer_name(one: OfCustomer) -> tuple[str, str]:
    return one.name, one.key


def _price_name(one: OfPrice) -> tuple[str, str]:
    note = "" if one.state is whatif.State.PRICED else one.state.value
    return f"{one.plan} / {one.price}", f"{note}: {one.why}" if one.why else note


def _rows(found: Sequence[OfCustomer] | Sequence[OfPrice]) -> list[Row]:
    highest = max((abs(one.sums.more) for one in found), default=0) or 1
    told = []
    for one in found:
        name, note = _customer_name(one) if isinstance(one, OfCustomer) else _price_name(one)
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
