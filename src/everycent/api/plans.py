"""/v1/plans: plans with their prices, and contracts that go over to a new version of theirs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta

from everycent.api.catalog import told
from everycent.api.operation import Asked, doing, reading
from everycent.api.parameters import day_or_none
from everycent.api.shapes import Body, Day, Instant, Name, Page, Paged, Query, Reason, Shown
from everycent.api.writing import writing_from
from everycent.catalog import queries
from everycent.catalog.plan import Plan
from everycent.db.connection import Tx
from everycent.flows import move as flow

_READ, _WRITE = "catalog:read", "subscriptions:write"
_MOST_KEYS = 1000


class SoldPlan(Plan, frozen=True, omit_defaults=True):
    """A plan with all that is needed to bill it: its prices with their meters and products, how parts of
    periods are counted, its term and its features."""


class PlanEntry(Shown):
    """A version of a plan, and what it says in words."""

    kind: Literal["plan"]
    key: str
    version: int
    at: datetime
    content: SoldPlan
    told: dict[str, str]


class WhichVersion(Query):
    """Which version is wanted."""

    version: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None


class PlanMove(Body):
    """Which contracts are to go over to the newest version, and from when on."""

    from_version: (
        Annotated[int, Meta(ge=1, le=1_000_000, description="Only contracts on this version.")]
        | None
    ) = None
    on: Annotated[
        Day | None,
        Meta(description="The first local day; for each the end of its period when left out."),
    ] = None
    subscriptions: (
        Annotated[list[Name], Meta(min_length=1, max_length=_MOST_KEYS, description="Only these.")]
        | None
    ) = None
    dry_run: Annotated[bool, Meta(description="Only say what would become of it.")] = False
    reason: Reason | None = None
    at: Instant | None = None


class LeftAlone(Shown):
    """A contract that can't go over, and why."""

    subscription: str
    code: str
    message: str
    field: str | None = None
    value: str | None = None
    hint: str | None = None


class PlanMoved(Shown):
    """What became of the contracts, or would. A contract with add-ons of the plan may count for several
    versions; `differences` tells what the newest has otherwise than each."""

    plan: str
    version: int
    dry_run: bool
    moved: int
    from_versions: dict[str, int]
    unchanged: int
    left_alone: list[LeftAlone]
    differences: dict[str, list[str]]


def list_plans(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """Plans in their newest versions with their prices."""
    wanted = asked.query
    after = None if wanted.after is None else ("plan", wanted.after)
    found = [told(tx, row) for row in queries.page(tx, "plan", after, wanted.size + 1)]
    return asked.page(found, lambda last: str(last["key"]))


def get_plan(tx: Tx, asked: Asked[WhichVersion, None]) -> dict[str, Any]:
    """A plan with its prices, in its newest version or another one."""
    key, number = asked.path["plan"], asked.query.version
    newest = queries.get(tx, "plan", key)
    return told(tx, newest if number is None else queries.version(tx, "plan", key, number))


def move_contracts(asked: Asked[Query, PlanMove]) -> dict[str, Any]:
    """Lets contracts on older versions of a plan go over to the newest, add-ons included. Quantities and
    prices of their own go on. Those that can't go over are left alone and told with the reason. It may be
    asked for again: it goes on where it stopped."""
    found = flow.move(
        asked.app.database, asked.who.tenant_id, _wanted(asked),
        writing=writing_from(asked, asked.body.at),
    )  # fmt: skip
    return flow.as_data(found, asked.path["plan"], is_trial=asked.body.dry_run)


def _move_together(tx: Tx, asked: Asked[Query, PlanMove]) -> dict[str, Any]:
    found = flow.move_in(tx, _wanted(asked), writing=writing_from(asked, asked.body.at))
    return flow.as_data(found, asked.path["plan"], is_trial=asked.body.dry_run)


def _wanted(asked: Asked[Query, PlanMove]) -> flow.Move:
    told = asked.body
    return flow.Move(
        asked.path["plan"], day_or_none(told.on, "on"), told.from_version, told.subscriptions,
        told.reason or "", told.dry_run,
    )  # fmt: skip


OPERATIONS = [
    reading("/v1/plans", _READ, list_plans, Page[PlanEntry], Paged),
    reading("/v1/plans/{plan}", _READ, get_plan, PlanEntry, WhichVersion),
    doing(
        "POST",
        "/v1/plans/{plan}/move",
        _WRITE,
        move_contracts,
        PlanMoved,
        PlanMove,
        in_one=_move_together,
    ),
]
