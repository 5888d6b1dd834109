"""Entitlements: may this customer use this feature now? Answered from contracts and live use.

A handful of look-ups: the customer's contracts with their phases, what their plans include, and for what
is metered the use of its window, folded or not. Nothing is remembered between two questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from everycent.catalog import queries as catalog
from everycent.catalog.feature import Kind
from everycent.catalog.meter import Series, series_of
from everycent.consumption import queries as consumption
from everycent.consumption.usage import (
    QUARTER,
    Request,
    Service,
    Usage,
    Used,
    answered,
    is_level,
    opened,
    quarter_end,
    request_for,
)
from everycent.credits import queries as credit
from everycent.customers import queries as customers
from everycent.customers.customer import Customer
from everycent.customers.payer import payer_at
from everycent.db.connection import Tx
from everycent.entitlements.answer import Answer, Question, check_amount, decide
from everycent.entitlements.pools import Counted, Pool, Source, pools
from everycent.entitlements.standing import Standing, standings
from everycent.entitlements.window import cut_at
from everycent.flows import wallets
from everycent.flows.outstanding import check_named
from everycent.flows.running import up_to
from everycent.kernel.errors import Broken, Refusal
from everycent.kernel.money import Money
from everycent.kernel.money import plain as money_text
from everycent.kernel.period import Period
from everycent.rating.quantity import quantity
from everycent.subscriptions import queries as contracts

_INSTANT = timedelta(microseconds=1)
_UNUSED = Usage(0, 0, 0)
_ALL = 1_000_000


class Who(NamedTuple):
    """Whose entitlements are asked for: a customer's, by all contracts or by the one that is named."""

    customer: Customer
    subscription: str | None = None


class When(NamedTuple):
    """As of when. With `is_now` (also for an instant to come) every record counts that is there, else only
    those up to the end of the quarter hour in which `at` lies."""

    at: datetime
    is_now: bool = True


def check(tx: Tx, who: Who, key: str, when: When, amount: Decimal | None = None) -> Answer:
    """Whether a feature may be used, and with an `amount` whether so much (more) may. Call it in a
    `snapshot`.

    Raises NotFound `feature.unknown`, `subscription.unknown`, Invalid `entitlement.bad_amount`, and what
    reading usage raises.
    """
    found, by_feature = _given(tx, who, when.at)
    sources = by_feature.get(key, [])
    feature = sources[-1].included.feature if sources else catalog.feature(tx, key)
    check_amount(feature, amount)
    asked = Question(feature, when.at, amount)
    return _answers(tx, who, when, found, [(asked, sources)])[0]


def listed(tx: Tx, who: Who, when: When) -> list[Answer]:
    """The same for every feature of the catalogue, in order of their keys."""
    found, by_feature = _given(tx, who, when.at)
    asked = [
        (Question(feature, when.at), by_feature.get(feature.key, []))
        for feature in catalog.features(tx)
    ]
    return _answers(tx, who, when, found, asked)


def _given(tx: Tx, who: Who, at: datetime) -> tuple[list[Standing], dict[str, list[Source]]]:
    """How the contracts stand, and by feature what their plans include."""
    keys = None if who.subscription is None else [who.subscription]
    held = contracts.listed(tx, customer_id=who.customer.customer_id, keys=keys, limit=_ALL)
    if who.subscription is not None:
        check_named(who.subscription, [one.key for one in held])
    found = standings(held, at)
    included = catalog.included(tx, {one.plan for one in found})
    by_feature: dict[str, list[Source]] = {}
    for one in found:
        for what in included[one.plan]:
            by_feature.setdefault(what.feature.key, []).append(Source(one, what))
    return found, by_feature


def _answers(
    tx: Tx,
    who: Who,
    when: When,
    found: Sequence[Standing],
    asked: Sequence[tuple[Question, list[Source]]],
) -> list[Answer]:
    held: dict[str, list[Pool]] = {}
    for question, sources in asked:
        running = [source for source in sources if source.standing.runs]
        if question.feature.kind is Kind.METERED and running:
            held[question.feature.key] = pools(running, when.at)
    counted = _counted(tx, held, when)
    caps = _caps(tx, who.customer, when.at) if held else []
    return [
        decide(question, found, sources, counted.get(question.feature.key, ()), caps)
        for question, sources in asked
    ]


def _counted(tx: Tx, held: Mapping[str, Sequence[Pool]], when: When) -> dict[str, list[Counted]]:
    """What was used of every pool; all of them are read at once."""
    if not held:
        return {}
    tx.look_up_by_key()
    asked = {key: [(pool, _requests(pool, when)) for pool in own] for key, own in held.items()}
    wanted = [one for own in asked.values() for _, requests in own for one in requests.values()]
    answers = consumption.read(tx, wanted, is_live=True)
    return {
        key: [Counted(pool, _used(pool, requests, answers)) for pool, requests in own]
        for key, own in asked.items()
    }


def _requests(pool: Pool, when: When) -> dict[str, Request]:
    """What is to be read of a pool, by the paths of its measure: what a bill of the window would ask."""
    period = cut_at(pool.window, when.at)
    whole = pool.window.whole or period
    service = Service(period, whole, period.start, pool.time_zone)
    found = {}
    for path, series in series_of(pool.measure):
        if _stands(pool, series):
            end = quarter_end(when.at + _INSTANT)  # what changes at this very instant counts
            found[path] = Request(pool.subject, series, Period(end, end + QUARTER))
        else:
            request = request_for(service, pool.subject, series)
            found[path] = up_to(request, when.at, is_now=when.is_now)
    return found


def _stands(pool: Pool, series: Series) -> bool:
    """Whether what counts of a level is what is there at the end of the quarter hour: nothing resets it."""
    return is_level(series) and pool.window.whole is None


def _used(
    pool: Pool, requests: Mapping[str, Request], answers: Mapping[Request, Usage | Refusal]
) -> Decimal:
    used = {}
    for path, request in requests.items():
        answer = answers[request]
        if isinstance(answer, Broken) and answer.code == "usage.unknown_name":
            answer = _UNUSED  # a name gets its number with its first record
        usage = opened(answered(answer))
        if _stands(pool, request.series):
            usage = usage._replace(value=Fraction(usage.opening_level or 0))
        used[path] = Used(request, usage)
    return quantity(pool.measure, used, None)[1]


def _caps(tx: Tx, customer: Customer, at: datetime) -> list[str]:
    """What there is to say of wallets at whose hard caps nothing more may be used: those of who pays for
    the customer then. Raises the refusal for which their balance can't be worked out."""
    capped = {
        wallet.customer_id
        for wallet in credit.wallets_behind(tx, customer.customer_id)
        if wallet.caps.hard is not None
    }
    if not capped:
        return []
    told = customers.payers(tx, [customer.customer_id]).get(customer.customer_id, ())
    payer_id = payer_at(told, at) or customer.customer_id
    if payer_id not in capped:
        return []
    owner = customers.by_ids(tx, [payer_id])[payer_id]
    found = []
    for one in wallets.standings(tx, [owner], at):
        hard = one.wallet.caps.hard
        if hard is None:
            continue
        if one.refusal is not None:
            raise one.refusal
        if not one.allowance.is_allowed:
            balance, cap = (
                f"{money_text(Money(minor, one.wallet.currency))} {one.wallet.currency}"
                for minor in (one.balance, hard)
            )
            found.append(
                f"the balance of wallet {one.wallet.key} of {owner.key} is {balance}, and its hard cap"
                f" {cap}: nothing more may be used"
            )
    return found
