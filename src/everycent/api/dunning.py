"""/v1/dunning: when money is collected, what follows failures, and campaigns about what stays open."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from everycent.api import money
from everycent.api.operation import Asked, changing, doing, reading
from everycent.api.parameters import past
from everycent.api.shapes import (
    Amount,
    Body,
    Currency,
    Instant,
    Page,
    Paged,
    Query,
    Shown,
)
from everycent.api.writing import writing
from everycent.charging.policy import Rule
from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.dunning import document, operations, queries
from everycent.dunning.campaign import Account, Due, Over
from everycent.dunning.schedule import Schedule, next_instant
from everycent.dunning.shown import ended_data, step_data
from everycent.dunning.step import Why
from everycent.dunning.terms import Campaign, Letter, Step
from everycent.flows import dun as flow
from everycent.payments.failure import Failure

_READ, _WRITE = "dunning:read", "dunning:write"


class DunningCampaign(Shown):
    """What is done about customers who owe too much for too long."""

    key: str
    thresholds: Annotated[dict[str, Amount], Meta(description="By currency.")]
    steps: list[Step]
    customers: list[str]
    groups: list[str]
    language: str


class DunningTerms(Shown):
    """The terms that hold. Version 0 are the product's own, before any are set."""

    version: int
    since: datetime | None
    next_collection: datetime | None
    schedule: Schedule
    failures: dict[Failure, Rule]
    groups: dict[str, dict[Failure, Rule]]
    campaigns: list[DunningCampaign]
    letters: dict[str, dict[str, Letter]]
    sender: str
    pay_link: str


class NewTerms(Body):
    """The terms as YAML, as the command line takes them."""

    LONGEST_TEXT: ClassVar[int] = 500_000

    text: Annotated[str, Meta(max_length=500_000)]


class AppliedTerms(Shown):
    """Which version holds, and whether it is new."""

    version: int
    is_new: bool


class DunningStep(Shown):
    """A step that was taken, and what it did; what it could not do is left out, and why."""

    customer: str
    currency: Currency
    campaign: str
    episode: int
    number: int
    step: str
    on: date
    amount: Amount
    invoices: list[str]
    is_last: bool
    paused: list[str]
    charged: list[str]
    written_off: dict[str, Amount]
    messages: list[str]
    left_out: dict[str, str]


class ListedStep(DunningStep):
    """The same, with why and when its episode ended, if it did."""

    ended: Why | None
    ended_on: date | None


class EndedEpisode(Shown):
    """The end of an episode."""

    customer: str
    currency: Currency
    why: Why
    resumed: list[str]
    left_out: dict[str, str]


class DunningDone(Shown):
    """What was done: steps, episodes that ended, and how many messages are to be sent."""

    steps: list[DunningStep]
    ended: list[EndedEpisode]
    messages: int


class PlannedStep(Shown):
    """What would be done about what a customer owes: a step is taken, or the episode ends."""

    customer: str
    currency: Currency
    does: Literal["step", "end"]
    campaign: str | None
    step: str | None
    amount: Amount | None
    why: Why | None


class DunningRun(Body):
    """As of when; now when left out."""

    as_of: Instant | None = None


class PlanWanted(Paged):
    """As of when; now when left out."""

    as_of: Instant | None = None


class StepsWanted(Paged):
    """Whose steps are wanted."""

    customer: str | None = None


def get_dunning_terms(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """The terms that hold: the schedule, what follows failures, campaigns and letters."""
    held = queries.held(tx)
    terms = held.terms
    return {
        "version": held.version,
        "since": money.instant_or_none(held.at),
        "next_collection": money.instant_or_none(next_instant(terms.schedule, asked.now)),
        "schedule": terms.schedule,
        "failures": terms.failures,
        "groups": terms.groups,
        "campaigns": [_campaign(one) for one in terms.campaigns],
        "letters": terms.letters,
        "sender": terms.sender,
        "pay_link": terms.pay_link,
    }


def apply_dunning_terms(tx: Tx, asked: Asked[Query, NewTerms]) -> dict[str, Any]:
    """Sets the terms as a new version. Those that hold already are left as they are."""
    wanted = document.parse(asked.body.text)
    before = queries.held(tx).version
    held = operations.apply(tx, wanted, **writing(asked))
    return {"version": held.version, "is_new": held.version != before}


def list_dunning_steps(tx: Tx, asked: Asked[StepsWanted, None]) -> Page[dict[str, Any]]:
    """The steps that were taken, the newest first."""
    wanted = asked.query
    owner = None if wanted.customer is None else customers.by_name(tx, wanted.customer).customer_id
    behind = None
    if wanted.after is not None:
        behind = queries.place_of(tx, wanted.after)
    found = queries.steps(tx, owner, wanted.size + 1, behind=behind)
    told = [
        step_data(one.step, one.customer) | {"ended": one.why, "ended_on": one.ended_on}
        for one in found
    ]
    return asked.page(told, _place)


def plan_dunning(tx: Tx, asked: Asked[PlanWanted, None]) -> Page[dict[str, Any]]:
    """What a run would do, without doing it."""
    at = past(asked.query.as_of, "UTC", asked.now, "as_of")
    return asked.part([_planned(*one) for one in flow.planned(tx, at)])


def run_dunning(asked: Asked[Query, DunningRun]) -> dict[str, Any]:
    """Takes the steps of campaigns that are due, each once, however often it is asked for."""
    at = past(asked.body.as_of, "UTC", asked.now, "as_of")
    app, tenant_id = asked.app, asked.who.tenant_id
    did = flow.run(app.database, tenant_id, at, clock=app.clock, ids=app.ids, actor=asked.who.actor)
    concerned = {one.customer_id for one in did.steps} | {one.customer_id for one in did.ended}
    with app.database.snapshot(tenant_id) as tx:
        keys = {one: found.key for one, found in customers.by_ids(tx, sorted(concerned)).items()}
    return {
        "steps": [step_data(one, keys[one.customer_id]) for one in did.steps],
        "ended": [ended_data(one, keys[one.customer_id]) for one in did.ended],
        "messages": did.messages,
    }


OPERATIONS = [
    reading("/v1/dunning/terms", _READ, get_dunning_terms, DunningTerms),
    changing(
        "PUT",
        "/v1/dunning/terms",
        _WRITE,
        apply_dunning_terms,
        AppliedTerms,
        NewTerms,
        is_planned=True,
    ),
    reading("/v1/dunning/steps", _READ, list_dunning_steps, Page[ListedStep], StepsWanted),
    reading("/v1/dunning/plan", _READ, plan_dunning, Page[PlannedStep], PlanWanted),
    doing("POST", "/v1/dunning/run", _WRITE, run_dunning, DunningDone, DunningRun),
]


def _campaign(one: Campaign) -> dict[str, Any]:
    return {
        "key": one.key,
        "thresholds": {
            currency: money.amount(minor, currency) for currency, minor in one.thresholds.items()
        },
        "steps": one.steps,
        "customers": one.customers,
        "groups": one.groups,
        "language": one.language,
    }


def _place(last: dict[str, Any]) -> str:
    return f"{last['customer']}~{last['currency']}~{last['episode']}~{last['number']}"


def _planned(account: Account, decision: Due | Over) -> dict[str, Any]:
    is_step = isinstance(decision, Due)
    return {
        "customer": account.customer,
        "currency": account.currency,
        "does": "step" if is_step else "end",
        "campaign": decision.campaign.key if isinstance(decision, Due) else None,
        "step": decision.step.key if isinstance(decision, Due) else None,
        "amount": money.amount(decision.facts.amount, account.currency)
        if isinstance(decision, Due)
        else None,
        "why": None if isinstance(decision, Due) else decision.why,
    }
