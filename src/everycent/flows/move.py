"""Contracts go over to the newest version of their plan, all together: many to a transaction, as often as
need be.

Every contract that has an older version is looked at, in chunks; each chunk is a transaction of its own.
What is done is found done: called again, it goes on where it stopped. A contract for which it clashes is
told with the reason and left as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from everycent.catalog import queries as catalog
from everycent.catalog.difference import fields_between
from everycent.catalog.plan import Plan
from everycent.db.connection import Database, Tx
from everycent.kernel.errors import Invalid, Refusal
from everycent.subscriptions import operations as contracts
from everycent.subscriptions import queries
from everycent.subscriptions.moving import Moved, Wanted
from everycent.subscriptions.operations import Writing

CHUNK_SIZE = 500
MOST_TOGETHER = 5000
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
    with database.snapshot(tenant_id) as tx:
        plan, keys = _load(tx, wanted, writing["at"])
    found: list[Moved] = []
    on_progress(0, len(keys))
    for chunk in _chunks(keys, wanted.chunk_size):
        with database.transaction(tenant_id) as tx:
            found += _moved(tx, chunk, plan, wanted, writing)
        on_progress(len(found), len(keys))
    with database.snapshot(tenant_id) as tx:
        return _outcome(tx, plan, found)


def move_in(tx: Tx, wanted: Move, *, writing: Writing) -> Outcome:
    """The same in one transaction, all of it or nothing.

    Raises as `move`, and Invalid `plan.too_many_contracts` for more than are moved together.
    """
    plan, keys = _load(tx, wanted, writing["at"])
    if len(keys) > MOST_TOGETHER:
        raise Invalid(
            "plan.too_many_contracts",
            f"{len(keys)} contracts are on older versions; {MOST_TOGETHER} can be moved together",
            field="subscriptions",
            hint="name some of them, or move them without a plan",
        )
    found: list[Moved] = []
    for chunk in _chunks(keys, wanted.chunk_size):
        found += _moved(tx, chunk, plan, wanted, writing)
    return _outcome(tx, plan, found)


def _chunks(keys: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]


def _moved(
    tx: Tx, keys: Sequence[str], plan: Wanted, wanted: Move, writing: Writing
) -> Sequence[Moved]:
    return contracts.move(
        tx, keys, plan, reason=wanted.reason, writing=writing, is_trial=wanted.is_trial
    )


def _outcome(tx: Tx, plan: Wanted, found: Sequence[Moved]) -> Outcome:
    counts: Counter[int] = Counter()
    for one in found:
        counts.update(one.from_versions)
    versions = _versions(tx, plan.plan.key, sorted(counts))
    return Outcome(
        plan.version,
        sum(bool(one.changes) for one in found),
        dict(sorted(counts.items())),
        sum(not one.changes and one.refused is None for one in found),
        [LeftAlone(one.key, one.refused) for one in found if one.refused is not None],
        {version: fields_between(old, plan.plan) for version, old in versions.items()},
    )


def _load(tx: Tx, wanted: Move, at: datetime) -> tuple[Wanted, Sequence[str]]:
    """The newest version, and the keys of the contracts that have an older one."""
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
    keys = queries.on_older_versions(tx, plan.key, version, at, wanted.keys)
    return Wanted(offer, wanted.on, wanted.from_version, catalog.policies(tx)), keys


def _versions(tx: Tx, plan_key: str, versions: Sequence[int]) -> dict[int, Plan]:
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
