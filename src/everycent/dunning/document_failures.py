"""The section `failures` of the collecting file: what follows a failure, by its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everycent.catalog.document_refusals import Strict, converted, seconds, wrong
from everycent.charging.policy import DEFAULT, Rule, Then
from everycent.kernel.near import meant
from everycent.payments.failure import Failure, Moved, moved

_MOST = 100
_ABOUT_THE_METHOD = frozenset(
    {
        Failure.DECLINED,
        Failure.DECLINED_FOR_GOOD,
        Failure.EXPIRED_METHOD,
        Failure.CUSTOMER_UNKNOWN,
        Failure.AUTHENTICATION_REQUIRED,
        Failure.CURRENCY_REFUSED,
    }
)
_KINDS = frozenset(kind.value for kind in Failure)
_KNOWN = "kinds that can have a rule are " + ", ".join(
    sorted(kind for kind in DEFAULT.rules if moved(kind) is Moved.NO)
)
_NEVER_AGAIN = frozenset({Failure.DECLINED_FOR_GOOD, Failure.CUSTOMER_UNKNOWN, Failure.STALE})


class RuleFields(Strict, rename={"finally_": "finally"}):
    """An entry of `failures`."""

    then: Then
    delays: tuple[str, ...] = ()
    most: int | None = None
    finally_: Then | None = None


def rules(given: Mapping[str, Any], place: str) -> dict[Failure, Rule]:
    """The rules of a section. Raises Invalid `catalog.wrong_value`, `catalog.wrong_shape` with the place in
    the file."""
    found = {}
    for name, data in given.items():
        spot = f"{place}.{name}"
        if name not in _KINDS:
            raise wrong(spot, "there is no such kind of failure", meant(name, _KINDS) or _KNOWN)
        found[Failure(name)] = _rule(Failure(name), converted(data, RuleFields, spot), spot)
    return found


def _rule(kind: Failure, given: RuleFields, place: str) -> Rule:
    if moved(kind) is not Moved.NO:
        raise wrong(
            place,
            "money may have moved, so that nothing may follow but evidence",
            _KNOWN,
        )
    if given.then is not Then.RETRY:
        if given.delays or given.most is not None or given.finally_ is not None:
            raise wrong(
                place, f"delays, most and finally are for {Then.RETRY}, not for {given.then}"
            )
        if given.then is Then.OTHER_METHOD and kind not in _ABOUT_THE_METHOD:
            raise wrong(
                f"{place}.then",
                f"{kind} says nothing about the method, which would never be charged again",
            )
        return Rule(given.then)
    if kind in _NEVER_AGAIN:
        raise wrong(f"{place}.then", f"what is {kind} is not tried again: it can't succeed")
    return _retry(given, place)


def _retry(given: RuleFields, place: str) -> Rule:
    if not given.delays:
        raise wrong(f"{place}.delays", "nothing says when to try again", "such as [3d, 5d, 7d]")
    most = len(given.delays) + 1 if given.most is None else given.most
    if not 2 <= most <= _MOST:
        raise wrong(
            f"{place}.most", f"{most} is not from 2 to {_MOST}", "the first attempt counts too"
        )
    if most <= len(given.delays):
        raise wrong(f"{place}.most", f"{most} attempts have no use for {len(given.delays)} delays")
    last = Then.ASK_OPERATOR if given.finally_ is None else given.finally_
    if last in (Then.RETRY, Then.OTHER_METHOD):
        raise wrong(f"{place}.finally", f"{last} is no end")
    delays = tuple(seconds(text, f"{place}.delays") for text in given.delays)
    return Rule(Then.RETRY, delays, most, last)
