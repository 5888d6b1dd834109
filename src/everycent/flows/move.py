"""Contracts go over to the newest version of their plan, all together: many to a transaction, as often as
need be.

Every contract that has an older version is looked at, in chunks; each chunk is a transaction of its own.
What is done is found done: called again, it goes on where it stopped. A contract for which it clashes is
told with the reason and left as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from everycent.catalog import queries as catalog
from everycent.catalog.difference import fields_between
from everycent.catalog.plan import Plan
from everycent.db.connection import Database
from everycent.kernel.errors import Invalid, Refusal
from everycent.subscriptions import operations as contracts
from everycent.subscriptions import queries
from everycent.subscriptions.moving import Wanted
from everycent.subscriptions.operations import Writing

CHUNK_SIZE = 500
OnProgress = Callable[[int, int], None]


class Move(NamedTuple):
    """What is to be moved: the contracts on older versions of a plan, or on one of them; from a local day
    on, or (None) each when its period ends; only those with these keys, if any are told."""

    plan_key: str
    on: date | None = None
    from_version: int | None = None
    keys: Sequence[str] | None = None
    reason: str = ""
    is_trial: bool = False
    chunk_size: int = CHUNK_SIZE


class LeftAlone(NamedTuple):
    """A contract that stays as it is, and why."""

    key: str
    refusal: Refusal


class Outcome(NamedTuple):
    """What became of it: the version that is the newest, how many contracts went over to it from which
    version (one with add-ons of the same plan may count for several), how many needed nothing, those that
    were left alone, and what differs between each version and the newest, by its number."""

    version: int
    moved: int
    from_versions: dict[int, int]
    unchanged: int
    left_alone: list[LeftAlone]
    differences: dict[int, list[str]]


def move(
    database: Database,
    tenant_id: int,
    wanted: Move,
    *,
    writing: Writing,
    on_progress: OnProgress = lambda _done, _total: None,
) -> Outcome:
    """Moves contracts to the newest version of their plan, or only says what would become of it.

    Raises NotFound `plan.unknown`, `subscription.unknown`, Invalid `plan.not_older`.
    """
    plan, keys = _load(database, tenant_id, wanted, writing["at"])
    counts: Counter[int] = Counter()
    moved = unchanged = 0
    left_alone = []
    on_progress(0, len(keys))
    for start in range(0, len(keys), wanted.chunk_size):
        chunk = keys[start : start + wanted.chunk_size]
        with database.transaction(tenant_id) as tx:
            found = contracts.move(
                tx, chunk, plan, reason=wanted.reason, writing=writing, is_trial=wanted.is_trial
            )
        moved += sum(bool(one.changes) for one in found)
        unchanged += sum(not one.changes and one.refused is None for one in found)
        for one in found:
            counts.update(one.from_versions)
            if one.refused is not None:
                left_alone.append(LeftAlone(one.key, one.refused))
        on_progress(start + len(chunk), len(keys))
    versions = _versions(database, tenant_id, wanted.plan_key, sorted(counts))
    differences = {version: fields_between(old, plan.plan) for version, old in versions.items()}
    return Outcome(
        plan.version, moved, dict(sorted(counts.items())), unchanged, left_alone, differences
    )


def _load(
    database: Database, tenant_id: int, wanted: Move, at: datetime
) -> tuple[Wanted, Sequence[str]]:
    """The newest version, and the keys of the contracts that have an older one."""
    with database.snapshot(tenant_id) as tx:
        offer = catalog.offer(tx, wanted.plan_key)
        version, plan, *_ = offer
        if wanted.from_version is not None and not 0 < wanted.from_version < version:
            raise Invalid(
                "plan.not_older",
                f"version {wanted.from_version} of {plan.key} is none before the newest, {version}",
                field="from_version",
                value=wanted.from_version,
            )
        if wanted.keys is not None:
            queries.check_known(tx, wanted.keys)
        policies = catalog.policies(tx)
        keys = queries.on_older_versions(tx, plan.key, version, at, wanted.keys)
    return Wanted(offer, wanted.on, wanted.from_version, policies), keys


def _versions(
    database: Database, tenant_id: int, plan_key: str, versions: Sequence[int]
) -> dict[int, Plan]:
    with database.snapshot(tenant_id) as tx:
        found = catalog.plans(tx, [(plan_key, version) for version in versions])
    return {version: plan for (_, version), plan in sorted(found.items())}


def as_data(found: Outcome, key: str, *, is_trial: bool) -> dict[str, Any]:
    """What became of the contracts of a plan, as a program gets it."""
    return {
        "plan": key,
        "version": found.version,
        "dry_run": is_trial,
        "moved": found.moved,
        "from_versions": found.from_versions,
        "unchanged": found.unchanged,
        "left_alone": [
            {"subscription": one.key, **one.refusal.as_dict()} for one in found.left_alone
        ],
        "differences": found.differences,
    }
