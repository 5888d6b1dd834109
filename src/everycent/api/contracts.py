"""What questions and changes of contracts share: what is sent of prices, terms and days, what is shown."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from msgspec import Meta

from everycent.api.operation import Asked
from everycent.api.parameters import day_or_none as day_or_none
from everycent.api.shapes import Amount, Body, Currency, Day, Instant, Reason, Shown, Zone
from everycent.api.writing import writing as writing
from everycent.api.writing import writing_from
from everycent.catalog.document_schemes import TermsShape
from everycent.catalog.document_term import TermShape
from everycent.subscriptions.changing import When
from everycent.subscriptions.subscription import Phase
from everycent.subscriptions.timeline import Change
from everycent.subscriptions.told import Told


class Subscription(Shown):
    """A contract. Its phases follow from the changes that hold; `changes` has them in the order in which
    they were agreed, those that are planned too. A phase that ends where it starts does not take place."""

    subscription_id: str
    customer_id: str
    key: str
    currency: Currency
    subject: Annotated[str, Meta(description="Whose usage is billed.")]
    time_zone: Zone
    starts_on: date
    starts_at: datetime
    changes: list[Change]
    phases: list[Phase]
    changes_made: Annotated[int, Meta(description="The number of the next change.")]
    ends_on: Annotated[date | None, Meta(description="The first day that is not billed.")] = None
    ends_at: datetime | None = None


Quantities = Annotated[
    dict[str, Amount],
    Meta(description="How much of a price is agreed, by its key.", examples=[{"seats": "12"}]),
]
Prices = Annotated[
    dict[str, TermsShape],
    Meta(
        description="What stands in place of prices of the plan, by their keys.",
        examples=[{"fee": {"flat": {"amount": "8.50"}}}],
    ),
]
TermTold = Annotated[
    str | TermShape | None,
    Meta(description="How long it is agreed for ('year', 'none'); as the plan says when left out."),
]
Version = (
    Annotated[
        int,
        Meta(ge=1, le=1_000_000, description="Which version of the plan; else the newest."),
    ]
    | None
)
Plan = Annotated[str, Meta(min_length=1, max_length=200, description="The key of a plan.")]
FirstDay = Annotated[
    Day | None,
    Meta(
        description="The first local day of it; when left out as the plan's rules and its term say, or the"
        " end of the period that runs."
    ),
]


class Agreement(Body):
    """Why something is agreed, and when it was; now when that is left out."""

    reason: Reason | None = None
    at: Instant | None = None


class ContractChange(Agreement, kw_only=True):
    """A change, from when on, and what becomes of what is paid in advance beyond."""

    on: FirstDay = None
    keep_paid: Annotated[bool, Meta(description="Nothing is given back.")] = False
    break_term: Annotated[
        bool, Meta(description="Although a term would not allow it; needs a reason.")
    ] = False


def told_of(wanted: Any) -> Told:
    """What a body says in place of the plan; it may have fewer of the fields."""
    term = getattr(wanted, "term", None)
    return Told(
        wanted.quantities,
        wanted.prices,
        term=TermShape(length=term) if isinstance(term, str) else term,
        version=getattr(wanted, "plan_version", None),
    )


def when_of(wanted: ContractChange) -> When:
    """When a change takes effect, and how."""
    return When(day_or_none(wanted.on, "on"), wanted.keep_paid, wanted.break_term)


def why(asked: Asked[Any, Any]) -> dict[str, Any]:
    """The reason of a change, and who writes it, when."""
    told: Agreement = asked.body
    return {"reason": told.reason or "", "writing": writing_from(asked, told.at)}
