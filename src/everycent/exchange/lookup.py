"""Which rate applies on a day: the newest one told for the day or before it, by the tenant's policies.

| way | from A into B | when |
| --- | --- | --- |
| direct | × A/B | always |
| inverse | ÷ B/A | `exchange.derived` is `inverse` or `cross` |
| cross | A → X → B, each direct or inverse | `exchange.derived` is `cross`; X is `exchange.base` |

Of all ways the one with the newest day wins; of one day the first of the table. Both rates of a cross are
of the same day. A rate that is older than `exchange.max_age_days` is refused.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import product
from typing import NamedTuple

from everycent.catalog.policies import BASE, DERIVED, MAX_AGE, Policies
from everycent.exchange.rate import Exchange, Pair, Quote
from everycent.kernel.errors import Conflict

_NONE, _CROSS = "none", "cross"

Table = Mapping[Pair, Sequence[Quote]]
"""Rates of some pairs in order of their days, one for a day."""


class Rule(NamedTuple):
    """How rates are looked up: how old they may be, and what may be worked out of them."""

    max_age_days: int
    derived: str
    base: str


class Wanted(NamedTuple):
    """A rate that is asked for."""

    of: str
    into: str
    day: date


def deciding(policies: Policies) -> tuple[str, ...]:
    """The names of the policies that decide which rate is found."""
    return MAX_AGE, DERIVED, *(BASE,) * (policies[DERIVED] == _CROSS)


def rule_of(policies: Policies) -> Rule:
    """The rule that the policies make."""
    return Rule(int(policies[MAX_AGE]), policies[DERIVED], policies[BASE])


def table_of(quotes: Iterable[Quote]) -> Table:
    """Quotes as a table, whatever order they come in."""
    found: dict[Pair, list[Quote]] = {}
    for quote in sorted(quotes, key=lambda quote: quote.on):
        found.setdefault(quote.pair, []).append(quote)
    return found


def ways(of: str, into: str, rule: Rule) -> list[tuple[Pair, ...]]:
    """The pairs whose rates lead from one currency into another, each way in its order."""
    found: list[tuple[Pair, ...]] = [(Pair(of, into),)]
    if rule.derived != _NONE:
        found.append((Pair(into, of),))
    if rule.derived == _CROSS and rule.base not in (of, into):
        legs = [(Pair(a, b), Pair(b, a)) for a, b in ((of, rule.base), (rule.base, into))]
        found += list(product(*legs))
    return found


def pairs_of(wanted: Iterable[Wanted], rule: Rule) -> list[Pair]:
    """Every pair whose rates may be needed."""
    told = {(one.of, one.into) for one in wanted}
    return sorted({pair for of, into in told for way in ways(of, into, rule) for pair in way})


def found(table: Table, wanted: Wanted, rule: Rule) -> Exchange:
    """The exchange that applies.

    Raises Conflict `exchange.no_rate` where none was told up to the day, `exchange.rate_too_old` where the
    newest one is older than it may be.
    """
    of, into, day = wanted
    best: tuple[Quote, ...] | None = None
    for way in ways(of, into, rule):
        quotes = _on_one_day([table.get(pair, ()) for pair in way], day)
        if quotes is not None and (best is None or quotes[0].on > best[0].on):
            best = quotes
    if best is None:
        raise Conflict(
            "exchange.no_rate",
            f"there is no exchange rate from {of} into {into} for {day} or before",
            field="rate",
            value=f"{of}/{into}",
            hint=f"tell one with `everycent exchange set {of}/{into} RATE --on {day} --source WHO`",
        )
    if day - best[0].on > timedelta(days=rule.max_age_days):
        raise Conflict(
            "exchange.rate_too_old",
            f"the newest exchange rate from {of} into {into} for {day} is of {best[0].on}, and it may be"
            f" {rule.max_age_days} days old",
            field="rate",
            value=f"{of}/{into}",
            hint=f"tell a newer one, or set the policy {MAX_AGE}",
        )
    return Exchange(of, into, day, best)


def _on_one_day(listed: Sequence[Sequence[Quote]], day: date) -> tuple[Quote, ...] | None:
    """The quotes of the newest day up to `day` that is in each of the lists."""
    while True:
        newest = []
        for quotes in listed:
            place = bisect_right(quotes, day, key=lambda quote: quote.on)
            if not place:
                return None
            newest.append(quotes[place - 1])
        first = min(quote.on for quote in newest)
        if all(quote.on == first for quote in newest):
            return tuple(newest)
        day = first
