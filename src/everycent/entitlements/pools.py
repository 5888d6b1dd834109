"""Pools: what contracts allow of a metered feature, put together where it covers the same use."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from everycent.catalog.feature import Included
from everycent.catalog.meter import Measure, series_of
from everycent.consumption.usage import is_level
from everycent.entitlements.standing import Standing
from everycent.entitlements.window import Window, window
from everycent.kernel.money import EXACT


class Source(NamedTuple):
    """A phase of a contract, and what its plan includes of a feature."""

    standing: Standing
    included: Included

    @property
    def limit(self) -> Decimal | None:
        """How much is included; None: no limit."""
        return None if self.included.limit is None else Decimal(self.included.limit)


class Pool(NamedTuple):
    """What may be used of a meter by a subject in a window; limits of several sources are added up.
    `limit` None: no limit. With `is_soft` use goes on beyond it."""

    subject: str
    measure: Measure
    time_zone: str
    window: Window
    limit: Decimal | None
    is_soft: bool

    @property
    def is_standing(self) -> bool:
        """Whether what is there now is what counts: nothing resets a level."""
        return self.window.whole is None and any(is_level(s) for _, s in series_of(self.measure))


class Counted(NamedTuple):
    """A pool with what was used in its window."""

    pool: Pool
    used: Decimal


def pools(sources: Iterable[Source], at: datetime) -> list[Pool]:
    """The pools of sources that run at an instant.

    Sources share a pool when they look at the same use (a subject's, of a meter) in the same whole
    window, which begins with the oldest of them. Else each counts the use by itself.
    """
    found: list[Pool] = []
    for source in sources:
        made = _pool(source, at)
        shared = [place for place, other in enumerate(found) if _is_same_use(made, other)]
        if shared:
            found[shared[0]] = _together(found[shared[0]], made)
        else:
            found.append(made)
    return found


def _pool(source: Source, at: datetime) -> Pool:
    contract, included = source.standing.contract, source.included
    measure = included.feature.measure
    assert measure is not None, "what is metered has a meter"
    cut = window(included.feature, source.standing, at)
    return Pool(
        contract.subject, measure, contract.time_zone, cut, source.limit, included.is_soft
    )  # fmt: skip


def _is_same_use(one: Pool, other: Pool) -> bool:
    return (one.subject, one.time_zone, one.window.whole, one.measure) == (
        other.subject, other.time_zone, other.window.whole, other.measure,
    )  # fmt: skip


def _together(one: Pool, other: Pool) -> Pool:
    starts_at = min(one.window.starts_at, other.window.starts_at)
    return one._replace(
        window=one.window._replace(starts_at=starts_at),
        limit=added(one.limit, other.limit),
        is_soft=one.is_soft or other.is_soft,
    )


def added(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    """Two limits together; without a limit where one has none."""
    return None if one is None or other is None else EXACT.add(one, other)
