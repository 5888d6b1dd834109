"""What past periods would have come to under another catalogue: sums, winners and losers; pure.

All amounts are nets in minor units: before coupons, without taxes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple
from uuid import UUID


class State(StrEnum):
    """What became of a line. Those from NO_PLAN on can't be compared and count nowhere."""

    PRICED = "priced"
    NEW = "new price"
    GONE = "price is gone"
    NO_PLAN = "plan is not in the file"
    INTERVAL = "other interval"
    CURRENCY = "other currency"
    REFUSED = "can't be priced"


COMPARED = (State.PRICED, State.NEW, State.GONE)


class Repriced(NamedTuple):
    """A line under the other catalogue, who pays it, and the local day on which its period begins; of one
    that can't be priced `why` is the code."""

    payer_id: UUID
    begins_on: date
    currency: str
    plan: str
    price: str
    state: State
    old: int
    new: int
    why: str = ""


class Of(NamedTuple):
    """What lines come to together: by customer, or by price."""

    lines: int
    old: int
    new: int

    @property
    def more(self) -> int:
        """How much more it is than it was."""
        return self.new - self.old


class OfCustomer(NamedTuple):
    """What a customer has paid and would pay."""

    key: str
    name: str
    currency: str
    sums: Of


class OfPrice(NamedTuple):
    """What a price of a plan has come to and would."""

    plan: str
    price: str
    currency: str
    state: State
    why: str
    sums: Of


class OfMonth(NamedTuple):
    """What the periods that begin in a month, told by its first day, have come to and would."""

    month: date
    currency: str
    sums: Of


class Simulation(NamedTuple):
    """The periods of local days [start, end) under another catalogue: `customers` from the one who saves
    most to the one who pays most on top; prices by currency, plan and key; `left_out` can't be compared.
    `months` are those in which anything began that can, by currency."""

    start: date
    end: date
    customers: list[OfCustomer]
    prices: list[OfPrice]
    left_out: list[OfPrice]
    months: list[OfMonth]


class Totals(NamedTuple):
    """All of one currency: revenue, and how many customers would pay less (`winners`), more (`losers`) or
    the same."""

    currency: str
    sums: Of
    winners: int
    losers: int
    unchanged: int


PriceKey = tuple[str, str, str, State, str]
"""Currency, plan, price, state and code."""

MonthKey = tuple[str, date]
"""Currency, and the month's first day."""


def added(before: Of | None, line: Repriced) -> Of:
    """The sums with one line more."""
    lines, old, new = before or Of(0, 0, 0)
    return Of(lines + 1, old + line.old, new + line.new)


def in_order(customers: Iterable[OfCustomer]) -> list[OfCustomer]:
    """From the one who saves most to the one who pays most on top."""
    return sorted(customers, key=lambda one: (one.currency, one.sums.more, one.key))


def of_prices(found: Iterable[tuple[PriceKey, Of]], *, compared: bool) -> list[OfPrice]:
    """The rows of prices that can be compared, or of those that can't."""
    return [
        OfPrice(plan, price, currency, state, why, sums)
        for (currency, plan, price, state, why), sums in sorted(found)
        if (state in COMPARED) is compared
    ]


def of_months(found: Iterable[tuple[MonthKey, Of]]) -> list[OfMonth]:
    """The rows of months, by currency and in order of time."""
    return [OfMonth(month, currency, sums) for (currency, month), sums in sorted(found)]


def totals(customers: Sequence[OfCustomer]) -> list[Totals]:
    """The sums by currency."""
    found = []
    for currency in sorted({one.currency for one in customers}):
        own = [one.sums for one in customers if one.currency == currency]
        sums = Of(sum(s.lines for s in own), sum(s.old for s in own), sum(s.new for s in own))
        winners = sum(s.more < 0 for s in own)
        losers = sum(s.more > 0 for s in own)
        found.append(Totals(currency, sums, winners, losers, len(own) - winners - losers))
    return found


def part(sums: Of) -> Fraction | None:
    """The change as a part of what it was; None where it was nothing."""
    return Fraction(sums.more, abs(sums.old)) if sums.old else None


def percent(sums: Of) -> str | None:
    """The change in percent with one decimal, half away from zero: '-3.4'; None where it was nothing."""
    found = part(sums)
    if found is None:
        return None
    tenths = int(abs(found) * 1000 + Fraction(1, 2))
    return f"{'-' if found < 0 and tenths else ''}{tenths // 10}.{tenths % 10}"


def percent_text(sums: Of) -> str:
    """The change for people: '+3.4 %', '0 %'; never 0 for some, and '–' of nothing."""
    told = percent(sums)
    if told is None:
        return "–" if sums.more else "0 %"
    if not sums.more:
        return "0 %"
    sign = "+" if sums.more > 0 else "-"
    return f"{sign}{'< 0.1' if told == '0.0' else told.lstrip('-')} %"


_EDGES = (50, 20, 10, 5)


class Bin(NamedTuple):
    """So many customers whose change lies in a span of percents; `side` is -1 for less, 1 for more."""

    label: str
    side: int
    customers: int


def histogram(customers: Sequence[OfCustomer]) -> list[Bin]:
    """Customers of one currency by how much less or more they would pay, in percent of what they paid."""
    counts = [0] * (2 * len(_EDGES) + 3)
    middle = len(_EDGES) + 1
    for one in customers:
        counts[middle + _place(one.sums)] += 1
    spans = [
        "0 – 5 %",
        *(f"{low} – {high} %" for high, low in zip(_EDGES[-2::-1], _EDGES[:0:-1], strict=True)),
        "over 50 %",
    ]
    less = [Bin(text, -1, 0) for text in reversed(spans)]
    empty = [*less, Bin("same", 0, 0), *(Bin(text, 1, 0) for text in spans)]
    return [one._replace(customers=count) for one, count in zip(empty, counts, strict=True)]


def _place(sums: Of) -> int:
    """How many spans from the middle the change lies; where there was nothing it lies at the end."""
    if not sums.more:
        return 0
    found = part(sums)
    steps = len(_EDGES) + 1
    if found is not None:
        steps = 1 + sum(abs(found) * 100 > edge for edge in _EDGES)
    return steps if sums.more > 0 else -steps
