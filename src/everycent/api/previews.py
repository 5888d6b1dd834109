"""/v1/customers/…/preview: the next documents of a customer, and what a change of a contract would make
of them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from everycent.api.contracts import (
    Plan,
    Prices,
    Quantities,
    TermTold,
    Version,
    day_or_none,
    told_of,
    writing,
)
from everycent.api.invoices import Document
from everycent.api.operation import Asked, doing
from everycent.api.parameters import instant
from everycent.api.shapes import (
    Amount,
    Body,
    Called,
    Currency,
    Day,
    Instant,
    Name,
    Query,
    Shown,
    Zone,
)
from everycent.customers import queries as customers
from everycent.flows import preview as flow
from everycent.flows.bill import PAYMENT_DAYS, Terms
from everycent.flows.preview import Adding, Planned
from everycent.flows.preview import Quantities as Other
from everycent.subscriptions.changing import When
from everycent.subscriptions.timeline import MAIN, Cancel, End, Pause, Resume

_FirstDay = Annotated[Day | None, Meta(description="The first local day; as agreed when left out.")]


class _Tried(Body, kw_only=True):
    on: _FirstDay = None
    keep_paid: bool = False
    break_term: bool = False
    subscription: Annotated[Name | None, Meta(description="Which, if there are several.")] = None


class TrySwitch(_Tried, tag="switch", kw_only=True):
    """Another plan."""

    plan: Plan
    quantities: Quantities = msgspec.field(default_factory=dict)
    prices: Prices = msgspec.field(default_factory=dict)
    term: TermTold = None
    plan_version: Version = None


class TryAddOn(_Tried, tag="add", kw_only=True):
    """An add-on."""

    plan: Plan
    name: Called | None = None
    quantities: Quantities = msgspec.field(default_factory=dict)
    prices: Prices = msgspec.field(default_factory=dict)
    term: TermTold = None
    plan_version: Version = None


class TryDrop(_Tried, tag="drop", kw_only=True):
    """The contract without an add-on."""

    add_on: Name


class TryQuantities(_Tried, tag="quantities", kw_only=True):
    """Other quantities, of the plan's prices or of an add-on's."""

    quantities: Annotated[dict[str, Amount], Meta(min_length=1)]
    add_on: Name | None = None


class TryCancel(_Tried, tag="cancel"):
    """The end of the contract."""


class TryPause(_Tried, tag="pause"):
    """Nothing is billed from then on."""


class TryResume(_Tried, tag="resume", kw_only=True):
    """It goes on."""

    on: Day


Try = TrySwitch | TryAddOn | TryDrop | TryQuantities | TryCancel | TryPause | TryResume


class PreviewWanted(Body):
    """As of when, and with which change; as they are due next when nothing is told."""

    as_of: Annotated[
        Instant | None, Meta(description="What is due by then; now or next when left out.")
    ] = None
    zone: Annotated[
        Zone | None, Meta(description="Whose date `as_of` and documents carry; the customer's.")
    ] = None
    payment_days: Annotated[int, Meta(ge=0, le=365)] = PAYMENT_DAYS
    change: Try | None = None


class PreviewedDocument(Document):
    """A document as it would be issued, without what numbering adds."""


class PaidBySpan(Shown):
    """Who gets the invoices for what the customer has agreed to, and for which days."""

    payer: str
    since: date
    until: date | None


class Previewed(Shown):
    """What would be issued; and `without` the change, where one is tried: `effect` is how much more is to
    be paid with it."""

    customer: str
    as_of: str
    paid_by: list[PaidBySpan]
    documents: list[PreviewedDocument]
    without: list[PreviewedDocument] | None
    effect: Amount | None
    currency: Currency


def preview_documents(asked: Asked[Query, PreviewWanted]) -> dict[str, Any]:
    """The next documents of a customer, by the very code that would write them, as they are or as a change
    of a contract would make them. Nothing is written. What a billing run would refuse is refused."""
    wanted, app = asked.body, asked.app
    zone = wanted.zone
    if zone is None:
        with app.database.snapshot(asked.who.tenant_id) as tx:
            zone = customers.by_name(tx, asked.path["customer"]).time_zone
    as_of = None if wanted.as_of is None else instant(wanted.as_of, zone, "as_of")
    found = flow.preview(
        app.database,
        asked.who.tenant_id,
        asked.path["customer"],
        as_of,
        writing=writing(asked),
        terms=Terms(asked.who.actor, zone, wanted.payment_days),
        planned=None if wanted.change is None else _planned(wanted.change),
    )
    return flow.as_data(found)


OPERATIONS = [
    doing(
        "POST", "/v1/customers/{customer}/preview", "invoices:read", preview_documents, Previewed,
        PreviewWanted,
    ),
]  # fmt: skip


def _planned(wanted: Try) -> Planned:
    when = When(day_or_none(wanted.on, "on"), wanted.keep_paid, wanted.break_term)
    only = wanted.subscription
    match wanted:
        case TrySwitch():
            return Planned(wanted.plan, when, only, told_of(wanted))
        case TryAddOn():
            return Planned(Adding(wanted.plan, wanted.name), when, only, told_of(wanted))
        case TryDrop():
            return Planned(End(wanted.add_on), when, only)
        case TryQuantities():
            return Planned(Other(wanted.quantities, wanted.add_on or MAIN), when, only)
        case TryCancel():
            return Planned(Cancel(), when, only)
        case TryPause():
            return Planned(Pause(), when, only)
        case TryResume():
            return Planned(Resume(), when, only)
