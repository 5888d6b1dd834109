"""Policy: what follows a failure, by its kind, and when unknown outcomes are looked up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import msgspec

from everycent.payments.failure import Failure, Moved, moved

_MINUTE = 60
_HOUR = 3600
_DAY = 86_400


class Then(StrEnum):
    """What follows a failure. RETRY: another attempt at a later time. OTHER_METHOD: the method is not used
    again, and the customer's next one is charged at once; without one the customer is asked. ASK_CUSTOMER,
    ASK_OPERATOR: nothing is sent until somebody did something. NOTHING: there is nothing left to do."""

    RETRY = "retry"
    OTHER_METHOD = "other_method"
    ASK_CUSTOMER = "ask_customer"
    ASK_OPERATOR = "ask_operator"
    NOTHING = "nothing"


class Rule(msgspec.Struct, frozen=True, omit_defaults=True, rename={"finally_": "finally"}):
    """What follows a kind of failure. Attempt n + 1 is made `delays[n - 1]` seconds after attempt n failed,
    the last delay again for all further ones; after `most` attempts `finally` follows."""

    then: Then
    delays: tuple[int, ...] = ()
    most: int = 0
    finally_: Then = Then.ASK_OPERATOR


class Policy(msgspec.Struct, frozen=True):
    """The rules by kind of failure, and when an unknown outcome is looked up: seconds after it became
    unknown, then after the look-up before, the last one again for ever. `pending` is the same for payments
    that the provider has in hand. A sender whose death nobody can prove is waited for `quarantine` seconds,
    and a provider's latest commit for `margin` seconds more than it promises.
    """

    rules: dict[Failure, Rule]
    looks: tuple[int, ...] = (5 * _MINUTE, _HOUR, _DAY)
    pending: tuple[int, ...] = (_HOUR, _DAY)
    quarantine: int = 12 * _HOUR
    margin: int = 10


class Policies(NamedTuple):
    """A tenant's policies: what holds for customers of a group comes before what holds for everybody."""

    for_all: Policy
    of_groups: Mapping[str, Policy]

    def of(self, group: str) -> Policy:
        """The policy for customers of a group, "" for none."""
        return self.of_groups.get(group, self.for_all)


_SOON = Rule(Then.RETRY, (_MINUTE, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR), most=8)
_OTHER = Rule(Then.OTHER_METHOD)

DEFAULT = Policy(
    {
        Failure.UNREACHABLE: _SOON,
        Failure.UNAVAILABLE: _SOON,
        Failure.RATE_LIMITED: Rule(Then.RETRY, (_MINUTE,), most=100),
        Failure.NOT_FOUND: Rule(Then.RETRY, (0,), most=8),
        Failure.DECLINED: Rule(
            Then.RETRY, (3 * _DAY, 5 * _DAY, 7 * _DAY), most=4, finally_=Then.ASK_CUSTOMER
        ),
        Failure.DECLINED_FOR_GOOD: _OTHER,
        Failure.EXPIRED_METHOD: _OTHER,
        Failure.CUSTOMER_UNKNOWN: _OTHER,
        Failure.AUTHENTICATION_REQUIRED: Rule(Then.ASK_CUSTOMER),
        Failure.NO_METHOD: Rule(Then.ASK_CUSTOMER),
        Failure.CANCELLED: Rule(Then.ASK_CUSTOMER),
        Failure.CURRENCY_REFUSED: Rule(Then.ASK_OPERATOR),
        Failure.REFUSED: Rule(Then.ASK_OPERATOR),
        Failure.AMOUNT_MISMATCH: Rule(Then.ASK_OPERATOR),
        Failure.CURRENCY_MISMATCH: Rule(Then.ASK_OPERATOR),
        Failure.DEFECT: Rule(Then.RETRY, (_MINUTE, 30 * _MINUTE), most=3),
        Failure.STALE: Rule(Then.NOTHING),
    }
)
"""What the product does unless the tenant says otherwise. Declines are tried again as card networks allow;
delays of look-ups are those of Kill Bill's janitor (killbill, PaymentConfig: 5m, 1h, 1d …)."""


class Next(NamedTuple):
    """What follows: `retry_at` when another attempt may be made at the earliest (None: not by itself), and
    the rule in words."""

    then: Then
    retry_at: datetime | None
    why: str

    @property
    def is_stopped(self) -> bool:
        """Whether nothing is sent until somebody did something."""
        return self.retry_at is None


def after(
    policy: Policy, failure: Failure, tries: int, at: datetime, retry_after: int | None = None
) -> Next:
    """What follows attempt number `tries`, which failed at `at`. A provider that asks for more patience
    (`retry_after`, seconds) gets it. Only failures that moved no money have a rule of their own."""
    if moved(failure) is Moved.MAYBE:
        raise ValueError(f"nothing may follow {failure} but evidence")
    rule = policy.rules[failure]
    then = rule.then
    if then is Then.RETRY and rule.most and tries >= rule.most:
        return Next(rule.finally_, None, f"{failure}: {tries} attempts are all that is allowed")
    if then is Then.RETRY:
        delay = rule.delays[min(tries, len(rule.delays)) - 1]
        delay = max(delay, min(retry_after or 0, _DAY))
        limit = f" of at most {rule.most}" if rule.most else ""
        why = f"{failure}: attempt {tries + 1}{limit} after {_span(delay)}"
        return Next(then, at + timedelta(seconds=delay), why)
    if then is Then.OTHER_METHOD:
        return Next(then, at, f"{failure}: this method is not charged again")
    return Next(then, None, f"{failure}: {then.value.replace('_', ' ')}")


def _span(seconds: int) -> str:
    """So many seconds as people read them: 3 days, 12:00:00, 1 day, 0:30:00."""
    text = str(timedelta(seconds=seconds))
    return text.removesuffix(", 0:00:00")


def look_at(delays: tuple[int, ...], looks: int, at: datetime) -> datetime:
    """When to look next, after so many looks."""
    return at + timedelta(seconds=delays[min(looks, len(delays) - 1)])
