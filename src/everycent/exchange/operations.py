"""Tell exchange rates, any number at once, and correct them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import groupby, pairwise
from typing import NamedTuple

from everycent.db.connection import Tx
from everycent.exchange import projection, store
from everycent.exchange.rate import SET, Dated, Pair, RatesSet, Told, check_texts, checked
from everycent.exchange.store import Known
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.kernel.errors import Conflict, Invalid
from everycent.kernel.ids import IdSource

_MOST_IN_AN_EVENT = 5_000


class Outcome(NamedTuple):
    """How many rates are new, how many stand in the place of others, and how many were known already."""

    added: int
    corrected: int
    unchanged: int


def set_rates(
    tx: Tx,
    told: Sequence[Told],
    source: str,
    *,
    correction: str = "",
    at: datetime,
    recorded_at: datetime,
    actor: str,
    ids: IdSource,
) -> Outcome:
    """Tells rates. There is one for a pair and day: another one for them is refused, unless a `correction`
    says why it is to stand in the place of the one that is there. What was billed by that stays as it is.

    Raises Invalid `exchange.bad_rate`, `exchange.day_out_of_range`, `exchange.bad_text`,
    `exchange.rate_twice`, Conflict `exchange.rate_known`; then nothing is written.
    """
    check_texts(source, correction)
    wanted = sorted(set(map(checked, told)))
    _check_once(wanted)
    store.lock(tx)
    known = store.find_known(tx, wanted)
    fresh = [one for one in wanted if not _is_known(one, known)]
    corrected = [one for one in fresh if (one.pair, one.on) in known]
    if corrected and not correction:
        raise _known_otherwise(corrected[0], known[corrected[0].pair, corrected[0].on])
    number = store.get_last_number(tx) + 1
    drafts = []
    for pair, dated in _parts(fresh, known):
        drafts.append(
            Draft(
                ids(f"exchange.rates_set/{number}"),
                projection.stream(pair),
                SET,
                at,
                actor,
                RatesSet(pair.base, pair.quote, source, number, tuple(dated), correction),
            )
        )
        number += len(dated)
    if drafts:
        journal.record(tx, drafts, recorded_at, projection.rates_set)
    return Outcome(len(fresh) - len(corrected), len(corrected), len(wanted) - len(fresh))


def _check_once(told: Sequence[Told]) -> None:
    for one, other in pairwise(told):
        if (one.pair, one.on) == (other.pair, other.on):
            raise Invalid(
                "exchange.rate_twice",
                f"two rates of {one.pair} are told for {one.on}: {one.rate} and {other.rate}",
                field="rate",
                value=str(one.pair),
            )


def _is_known(one: Told, known: dict[tuple[Pair, date], Known]) -> bool:
    held = known.get((one.pair, one.on))
    return held is not None and held.rate == one.rate


def _known_otherwise(told: Told, known: Known) -> Conflict:
    return Conflict(
        "exchange.rate_known",
        f"the rate of {told.pair} for {told.on} is {known.rate} ({known.source}), and not {told.rate}",
        field="rate",
        value=told.rate,
        hint="say why it was wrong with --correct; what was billed by it stays as it is",
    )


def _parts(
    fresh: Iterable[Told], known: dict[tuple[Pair, date], Known]
) -> Iterable[tuple[Pair, list[Dated]]]:
    """The rates by pair, in parts that an event can hold."""
    for pair, own in groupby(fresh, key=lambda one: one.pair):
        dated = [
            Dated(one.on, one.rate, known[pair, one.on].step + 1 if (pair, one.on) in known else 1)
            for one in own
        ]
        for start in range(0, len(dated), _MOST_IN_AN_EVENT):
            yield pair, dated[start : start + _MOST_IN_AN_EVENT]
