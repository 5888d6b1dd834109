"""/v1/entitlements: whether a customer may use a feature, or which of all, and why.

A feature that may not be used is an answer like any other (200): `allowed` says it.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from everycent.api.operation import Answer, Asked, reading
from everycent.api.parameters import instant
from everycent.api.shapes import Amount, Query, Shown
from everycent.catalog.feature import Kind
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.entitlements.answer import Reason
from everycent.entitlements.shown import as_data
from everycent.entitlements.standing import State
from everycent.flows import entitled as flow
from everycent.flows.entitled import When, Who
from everycent.kernel.quantity import parse_decimal
from everycent.metering.record import check_name

_SCOPE = "entitlements:read"
_NOW = {"Cache-Control": "no-store"}  # an answer takes nothing away, and is old at once


class EntitlementReason(Shown):
    """A reason in words, and the phase of a contract that it is about, if it is about one."""

    code: Reason
    message: str
    subscription: str | None = None
    plan: str | None = None
    plan_version: int | None = None
    phase: int | None = None
    state: State | None = None


class EntitlementWindow(Shown):
    """Where use is counted: of which subject, from when to when."""

    subject: str
    starts_at: str
    ends_at: str | None
    limit: Amount | None
    used: Amount | None


class Entitlement(Shown):
    """Whether a feature may be used, what is left of it, and why; the first of the reasons decides. `limit`
    is null where there is none (`unlimited`), and for what has none."""

    customer: str
    feature: str
    name: str
    kind: Kind
    at: str
    amount: Amount | None
    allowed: bool
    code: Reason
    unlimited: bool
    soft: Annotated[bool, Meta(description="The limit does not end use.")]
    limit: Amount | None
    used: Amount | None
    left: Amount | None
    over: Amount | None
    unit: str | None
    resets_at: Annotated[str | None, Meta(description="When some of it is counted anew.")]
    grade: str | None
    windows: list[EntitlementWindow]
    reasons: list[EntitlementReason]


class Entitlements(Shown):
    """All features of the catalogue, each with what a customer may use of it."""

    customer: str
    entitlements: list[Entitlement]


class WhoAndWhen(Query):
    """Of which customer, by one contract only, as of an instant or a date."""

    customer: str
    subscription: str | None = None
    at: Annotated[str | None, Meta(description="Now when left out.")] = None


class HowMuch(WhoAndWhen, kw_only=True):
    """The same, and how much is wanted."""

    amount: Annotated[
        str | None,
        Meta(description="Whether so much more may be used; of a limit: so many in all."),
    ] = None


def list_entitlements(tx: Tx, asked: Asked[WhoAndWhen, None]) -> Answer:
    """Says of every feature what a customer may use of it, and why."""
    who, when = _question(tx, asked)
    key = who.customer.key
    found = [as_data(one, key) for one in flow.listed(tx, who, when)]
    return Answer({"customer": key, "entitlements": found}, 200, _NOW)


def check_entitlement(tx: Tx, asked: Asked[HowMuch, None]) -> Answer:
    """Says whether a customer may use a feature now, how much is left of it, and why. Every record of usage
    counts that was acknowledged before."""
    told = asked.query.amount
    amount = None if told is None else parse_decimal(told, "amount")
    feature = check_name(asked.path["feature"], "feature")
    who, when = _question(tx, asked)
    return Answer(as_data(flow.check(tx, who, feature, when, amount), who.customer.key), 200, _NOW)


OPERATIONS = [
    reading(
        "/v1/entitlements", _SCOPE, list_entitlements, Entitlements, WhoAndWhen, is_frequent=True
    ),
    reading(
        "/v1/entitlements/{feature}",
        _SCOPE,
        check_entitlement,
        Entitlement,
        HowMuch,
        is_frequent=True,
    ),
]


def _question(tx: Tx, asked: Asked[Any, None]) -> tuple[Who, When]:
    wanted: WhoAndWhen = asked.query
    found = customers.by_name(tx, check_name(wanted.customer, "customer"))
    only = wanted.subscription
    as_of = asked.now if wanted.at is None else instant(wanted.at, found.time_zone, "at")
    return (
        Who(found, None if only is None else check_name(only, "subscription")),
        When(as_of, as_of >= asked.now),
    )
