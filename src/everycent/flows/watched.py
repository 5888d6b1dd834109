"""What a threshold has come to: the usage or the cost of a billing period so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import reduce
from typing import NamedTuple
from uuid import UUID

from everycent.catalog.meter import Measure, Series, series_of
from everycent.consumption import queries as consumption
from everycent.consumption.usage import (
    Answer,
    Request,
    Used,
    answered,
    has_windows,
    is_counter,
    is_level,
    opened,
)
from everycent.db.connection import Tx
from everycent.flows.running import Line, Running, running, up_to
from everycent.kernel.calendar import local_date
from everycent.kernel.errors import Refusal
from everycent.kernel.money import EXACT, Money, major
from everycent.kernel.period import Period
from everycent.rating.quantity import quantity
from everycent.subscriptions.subscription import Subscription
from everycent.watching.threshold import Threshold

_ZERO = Decimal(0)


class Watched(NamedTuple):
    """A threshold in one period, with the subscriptions that it looks at."""

    threshold: Threshold
    period: Period
    held: tuple[Subscription, ...]

    @property
    def name(self) -> tuple[str, int, datetime]:
        """What can be crossed once."""
        return self.threshold.key, self.threshold.version, self.period.start


Reached = list[tuple[Watched, Decimal, str]]
Refused = list[tuple[Threshold, Refusal]]


def reached_by(
    tx: Tx, due: Sequence[Watched], measures: Mapping[str, Measure], as_of: datetime
) -> tuple[Reached, Refused]:
    """What each threshold has come to, with its unit."""
    found: Reached = []
    refused: Refused = []
    by_usage = [one for one in due if one.threshold.meter is not None]
    by_cost = [one for one in due if one.threshold.meter is None]
    usages = _usages(tx, by_usage, measures, as_of)
    costs = _costs(tx, by_cost, as_of)
    refusals = {one.subscription_id: one.refusal for one in costs.refused}
    lines: dict[UUID, list[Line]] = {}
    for line in costs.lines:
        lines.setdefault(line.subscription_id, []).append(line)
    sources: tuple[tuple[Iterable[Watched], Callable[[Watched], tuple[Decimal, str]]], ...] = (
        (by_usage, lambda one: _usage_of(one, measures, usages)),
        (by_cost, lambda one: _cost_of(one, lines, refusals)),
    )
    for wanted, value_of in sources:
        for one in wanted:
            try:
                value, unit = value_of(one)
            except Refusal as refusal:
                refused.append((one.threshold, refusal))
            else:
                found.append((one, value, unit))
    return found, refused


def _usages(
    tx: Tx, wanted: Sequence[Watched], measures: Mapping[str, Measure], as_of: datetime
) -> dict[Request, Answer]:
    asked = {
        request: up_to(request, as_of, is_now=True)
        for one in wanted
        for _, _, request in _requests(one, measures)
    }
    answers = consumption.read(tx, asked.values(), is_live=True)
    return {request: answers[cut] for request, cut in asked.items()}


def _measure_of(one: Watched, measures: Mapping[str, Measure]) -> Measure | None:
    return None if one.threshold.meter is None else measures.get(one.threshold.meter)


def _requests(
    one: Watched, measures: Mapping[str, Measure]
) -> list[tuple[tuple[str, str], str, Request]]:
    """The usage behind a threshold: for every subject once, as ((subject, clock), path, request)."""
    measure = _measure_of(one, measures)
    if measure is None:
        return []
    places = {(held.subject, held.time_zone): held for held in one.held}
    return [
        (place, path, _request(held, series, one.period))
        for place, held in sorted(places.items(), key=lambda item: item[0])
        for path, series in series_of(measure)
    ]


def _request(held: Subscription, series: Series, period: Period) -> Request:
    """What a bill would ask, over the period alone: a register is read from its start on, and a level is
    weighed against the full period even where the contract has only a part of it."""
    zone = held.time_zone
    if is_counter(series):
        return Request(held.subject, series, period, period.start)
    if is_level(series):
        phase = held.phase_at(period.start)
        assert phase is not None, "a period that is watched begins in a phase"
        cycle = phase.cycle(zone)
        whole = cycle.period(cycle.index(local_date(period.start, zone)))
        return Request(held.subject, series, period, None, whole, zone)
    return Request(held.subject, series, period, zone=zone if has_windows(series) else "UTC")


def _usage_of(
    one: Watched, measures: Mapping[str, Measure], usages: Mapping[Request, Answer]
) -> tuple[Decimal, str]:
    measure = _measure_of(one, measures)
    assert measure is not None, "a threshold is set on a meter that exists, and meters stay"
    by_place: dict[tuple[str, str], dict[str, Used]] = {}
    for place, path, request in _requests(one, measures):
        by_place.setdefault(place, {})[path] = Used(request, opened(answered(usages[request])))
    values = [quantity(measure, own, None)[1] for own in by_place.values()]
    return reduce(EXACT.add, values, _ZERO), measure.unit


def _costs(tx: Tx, due: Sequence[Watched], as_of: datetime) -> Running:
    held = {one.subscription_id: one for watched in due for one in watched.held}
    return running(tx, list(held.values()), as_of) if held else Running(as_of, [], [])


def _cost_of(
    one: Watched, lines: Mapping[UUID, Sequence[Line]], refusals: Mapping[UUID, Refusal]
) -> tuple[Decimal, str]:
    """The cost of the period, what is billed of it in advance included. `lines` and `refusals` are by
    subscription."""
    held = {own.subscription_id: None for own in one.held}  # each once, in their order
    for subscription_id in held:
        if subscription_id in refusals:
            raise refusals[subscription_id]
    own_lines = [line for subscription_id in held for line in lines.get(subscription_id, ())]
    minor = sum(line.charge.net for line in own_lines if _is_in(line, one.period))
    currency = one.held[0].currency
    return major(Money(minor, currency)), currency


def _is_in(line: Line, period: Period) -> bool:
    return line.period.start >= period.start
