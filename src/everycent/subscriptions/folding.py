"""The fold: changes of a contract become one course of time, or what is wrong with them. It is pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from everycent.subscriptions.checks import clash_of
from everycent.subscriptions.clash import Clash
from everycent.subscriptions.state import State
from everycent.subscriptions.term import Bound, Ran
from everycent.subscriptions.timeline import Begin, Change, Stretch, in_order


class Timeline(NamedTuple):
    """The stretches in order of time and track, and every clash; with a clash there are no stretches.
    `bounds` are the terms by track, and `within` the plans that begin inside a term, with that term."""

    stretches: tuple[Stretch, ...]
    clashes: tuple[Clash, ...]
    bounds: dict[str, tuple[Bound, ...]] = {}  # noqa: RUF012 - never changed
    within: tuple[tuple[Change, Ran], ...] = ()


def fold(changes: Iterable[Change], zone: str) -> Timeline:
    """The stretches that the changes amount to, or what is wrong with them. What is sold once lasts the
    day on which it is sold, and a term ends as a day begins, on the clock of `zone`."""
    ordered = in_order(changes)
    state = State(ordered, zone)
    clashes = []
    for change in ordered:
        begins = change.action.track if isinstance(change.action, Begin) else None
        state.run_out(change.effective_at, begins)
        clash = clash_of(state, change)
        if clash is None:
            state.take(change)
        else:
            clashes.append(clash)
    if clashes:
        return Timeline((), tuple(clashes))
    return Timeline(tuple(state.end()), (), state.bounds, tuple(state.within))
