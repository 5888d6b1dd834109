"""Answer: whether a customer may use a feature, what is left of it, and the reasons in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import reduce
from typing import NamedTuple

from everycent.catalog.feature import Feature, Kind
from everycent.entitlements import words
from everycent.entitlements.pools import Counted, Source, added
from everycent.entitlements.standing import Standing, State
from everycent.kernel.errors import Invalid
from everycent.kernel.money import EXACT
from everycent.kernel.quantity import plain

_ZERO = Decimal(0)


class Reason(StrEnum):
    """Why the answer is as it is. Use is allowed with INCLUDED, UNLIMITED, WITHIN_LIMIT and
    OVER_SOFT_LIMIT (the limit is used up, and does not end use); with all others it is not.

    LIMIT_REACHED: nothing is left. BEYOND_LIMIT: less is left than is asked for. HARD_CAP: the balance of
    a wallet is at its hard cap. PAUSED, NOT_STARTED, ENDED: a plan would include the feature, and does not
    run. NOT_INCLUDED: no plan that runs includes it. NO_CONTRACT: the customer has none.
    """

    INCLUDED = "included"
    UNLIMITED = "unlimited"
    WITHIN_LIMIT = "within_limit"
    OVER_SOFT_LIMIT = "over_soft_limit"
    LIMIT_REACHED = "limit_reached"
    BEYOND_LIMIT = "beyond_limit"
    HARD_CAP = "hard_cap"
    PAUSED = "paused"
    NOT_STARTED = "not_started"
    ENDED = "ended"
    NOT_INCLUDED = "not_included"
    NO_CONTRACT = "no_contract"


ALLOWING = (
    Reason.INCLUDED, Reason.UNLIMITED, Reason.WITHIN_LIMIT, Reason.OVER_SOFT_LIMIT,
)  # fmt: skip
"""With these a feature may be used."""


class Told(NamedTuple):
    """A reason as a sentence, and the phase of a contract that it is about, if it is about one."""

    code: Reason
    message: str
    standing: Standing | None = None


class Question(NamedTuple):
    """What is asked: of which feature, as of when, and whether so much (more) would be allowed."""

    feature: Feature
    at: datetime
    amount: Decimal | None = None


class Answer(NamedTuple):
    """The answer. The first of the reasons decides.

    `limit` and `used` are in the meter's unit; the limit is None where there is none, and for what has
    none. `counted` is where the use comes from. `grade` is the best that is included.
    """

    asked: Question
    reasons: tuple[Told, ...]
    limit: Decimal | None = None
    used: Decimal | None = None
    is_soft: bool = False
    grade: str | None = None
    counted: tuple[Counted, ...] = ()

    @property
    def code(self) -> Reason:
        """The reason that decides."""
        return self.reasons[0].code

    @property
    def is_allowed(self) -> bool:
        """Whether the feature may be used, by the amount that is asked for."""
        return self.code in ALLOWING

    @property
    def is_unlimited(self) -> bool:
        """Whether there is a number of it, and no limit to it."""
        return self.limit is None and self.asked.feature.kind in (Kind.LIMIT, Kind.METERED)

    @property
    def left(self) -> Decimal | None:
        """What of a meter may be used before the limit is reached: used + left = limit + over."""
        if self.limit is None or self.asked.feature.kind is not Kind.METERED:
            return None
        if self.used is None:  # nothing is included, so nothing was counted
            return self.limit
        return max(_ZERO, EXACT.subtract(self.limit, self.used))

    @property
    def over(self) -> Decimal | None:
        """What is used beyond the limit."""
        if self.limit is None or self.used is None:
            return None
        return max(_ZERO, EXACT.subtract(self.used, self.limit))

    @property
    def resets_at(self) -> datetime | None:
        """When some of the use is counted anew; None: never, or nothing is counted."""
        ends = [one.pool.window.resets_at for one in self.counted]
        return min((end for end in ends if end is not None), default=None)


def check_amount(feature: Feature, amount: Decimal | None) -> None:
    """Refuses an amount that makes no question, with Invalid `entitlement.bad_amount`."""
    if amount is None:
        return
    has_amount = feature.kind in (Kind.LIMIT, Kind.METERED)
    if not has_amount or amount <= 0:
        why = "an amount is above 0" if has_amount else f"a {feature.kind} has no amount"
        raise Invalid(
            "entitlement.bad_amount",
            f"{why}, and {plain(amount)} of {feature.key} is asked for",
            field="amount",
            value=plain(amount),
            hint="leave it out, or ask for an amount of what is metered or limited",
        )


def decide(
    asked: Question,
    standings: Sequence[Standing],
    sources: Sequence[Source],
    counted: Sequence[Counted] = (),
    caps: Sequence[str] = (),
) -> Answer:
    """The answer. `standings` are all phases of the customer's contracts, and `sources` those of them whose
    plans include the feature; `counted` is the use of what is metered. `caps` are sentences about wallets
    that end all metered use.

    Raises Invalid `entitlement.bad_amount`.
    """
    check_amount(asked.feature, asked.amount)
    running = [source for source in sources if source.standing.runs]
    if not running:
        return Answer(asked, _refused(asked, standings, sources), *_nothing(asked.feature))
    given = [Told(Reason.INCLUDED, words.gives(one), one.standing) for one in running]
    match asked.feature.kind:
        case Kind.SWITCH:
            return Answer(asked, tuple(given))
        case Kind.GRADE:
            best = max(range(len(running)), key=lambda place: (_rank(running[place]), -place))
            given.insert(0, given.pop(best))
            return Answer(asked, tuple(given), grade=running[best].included.grade)
        case Kind.LIMIT:
            limit = reduce(added, [one.limit for one in running])
            return Answer(asked, (_within(asked, limit), *given), limit)
        case Kind.METERED:
            return _metered(asked, counted, given, caps)


def _nothing(feature: Feature) -> tuple[Decimal | None]:
    """The limit of what is not included: 0, which can't be taken for none."""
    return (_ZERO if feature.kind in (Kind.LIMIT, Kind.METERED) else None,)


def _rank(source: Source) -> int:
    included = source.included
    return included.feature.grades.index(included.grade or "")


def _within(asked: Question, limit: Decimal | None) -> Told:
    if limit is None:
        return Told(Reason.UNLIMITED, "any number is allowed")
    told = plain(limit)
    if limit == 0:
        return Told(Reason.LIMIT_REACHED, "up to 0 are allowed: none")
    if asked.amount is not None and asked.amount > limit:
        return Told(Reason.BEYOND_LIMIT, f"up to {told} are allowed, and not {plain(asked.amount)}")
    return Told(Reason.WITHIN_LIMIT, f"up to {told} are allowed")


def _metered(
    asked: Question, counted: Sequence[Counted], given: Sequence[Told], caps: Sequence[str]
) -> Answer:
    limit = reduce(added, [one.pool.limit for one in counted])
    used = reduce(EXACT.add, [one.used for one in counted])
    is_soft = any(one.pool.is_soft for one in counted)
    capped = [Told(Reason.HARD_CAP, text) for text in caps]
    text = words.used_up(counted, used, limit)
    first = _left(asked, used, limit, text, is_soft=is_soft)
    reasons = (*capped, first, *given)
    return Answer(asked, reasons, limit, used, is_soft, None, tuple(counted))


def _left(
    asked: Question, used: Decimal, limit: Decimal | None, text: str, *, is_soft: bool
) -> Told:
    if limit is None:
        return Told(Reason.UNLIMITED, f"{text}; any use is allowed")
    left = EXACT.subtract(limit, used)
    wanted = asked.amount
    if left > 0 if wanted is None else wanted <= left:
        return Told(Reason.WITHIN_LIMIT, f"{text}; {plain(left)} left")
    if is_soft:
        return Told(Reason.OVER_SOFT_LIMIT, f"{text}; use goes on beyond the limit")
    if left > 0 and wanted is not None:
        return Told(Reason.BEYOND_LIMIT, f"{text}; {plain(left)} left, and not {plain(wanted)}")
    return Told(Reason.LIMIT_REACHED, f"{text}; nothing left")


def _refused(
    asked: Question, standings: Sequence[Standing], sources: Sequence[Source]
) -> tuple[Told, ...]:
    """Why no plan that runs gives the feature. What is paused, and what comes first, tells most; what is
    over matters where nothing runs."""
    told = [_not_given(one.standing, asked.at) for one in _nearest(sources)]
    missing = [
        Told(Reason.NOT_INCLUDED, words.gives_not(one), one) for one in standings if one.runs
    ]
    by_code = {code: [one for one in told if one.code is code] for code in _ORDER}
    found = [
        *by_code[Reason.PAUSED],
        *by_code[Reason.NOT_STARTED],
        *missing,
        *by_code[Reason.ENDED],
    ]
    if found:
        return tuple(found)
    if standings:
        return (Told(Reason.NOT_INCLUDED, "no plan of the customer's contracts includes it"),)
    return (Told(Reason.NO_CONTRACT, "the customer has no contract"),)


_ORDER = (Reason.PAUSED, Reason.NOT_STARTED, Reason.ENDED)
_CODES = {
    State.PAUSED: Reason.PAUSED, State.PLANNED: Reason.NOT_STARTED, State.ENDED: Reason.ENDED,
}  # fmt: skip


def _not_given(standing: Standing, at: datetime) -> Told:
    return Told(_CODES[standing.state], words.gives_nothing(standing, at), standing)


def _nearest(sources: Sequence[Source]) -> list[Source]:
    """Of every contract what was paused, the next phase and the last one."""
    found: dict[tuple[object, State], Source] = {}
    for source in sorted(sources, key=lambda one: one.standing.phase.starts_at):
        name = source.standing.contract.subscription_id, source.standing.state
        if source.standing.state is State.PLANNED:
            found.setdefault(name, source)
        else:
            found[name] = source
    return list(found.values())
