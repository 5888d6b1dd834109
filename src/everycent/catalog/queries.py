"""Look up plans, features, taxes, meters, coupons and policies in the catalogue."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from everycent.catalog import store
from everycent.catalog.coupon import Coupon
from everycent.catalog.difference import Known
from everycent.catalog.feature import Feature, Included
from everycent.catalog.intake import IntakePolicy
from everycent.catalog.meter import Formula, Measure
from everycent.catalog.offer import Offer
from everycent.catalog.plan import Plan, Tax
from everycent.catalog.policies import DEFAULTS, OF_TENANT, Policies
from everycent.db.connection import Tx
from everycent.kernel.errors import NotFound
from everycent.kernel.near import meant


def known(tx: Tx) -> dict[tuple[str, str], Known]:
    """The newest version of everything recorded."""
    return {
        (row.kind, row.key): Known(row.version, row.content.encode())
        for row in store.list_newest(tx)
    }


def listed(tx: Tx, kind: str | None = None) -> list[Any]:
    """Rows (kind, key, version, at, content) of the newest versions."""
    return store.list_newest(tx, kind)


def page(tx: Tx, kind: str | None, after: tuple[str, str] | None, limit: int) -> list[Any]:
    """The same in order of kind and key, from behind one of them on."""
    return store.list_page(tx, kind, after, limit)


def versions(tx: Tx, kind: str, key: str, before: int | None, limit: int) -> list[Any]:
    """Rows of the versions of a thing, the newest first, from before one of them on. Raises NotFound
    `catalog.unknown`."""
    get(tx, kind, key)
    return store.list_versions_before(tx, kind, key, before, limit)


def version(tx: Tx, kind: str, key: str, number: int) -> Any:
    """The row of one version. Raises NotFound `catalog.unknown`, `catalog.unknown_version`."""
    newest = get(tx, kind, key)
    found = store.find_version(tx, kind, key, number)
    if found is None:
        raise NotFound(
            "catalog.unknown_version",
            f"there is no version {number} of the {kind} {key!r}",
            field="version",
            value=number,
            hint=f"the newest is {newest.version}",
        )
    return found


def get(tx: Tx, kind: str, key: str) -> Any:
    """The row of one thing's newest version. Raises NotFound `catalog.unknown`."""
    rows = store.list_newest(tx, kind, key)
    if not rows:
        raise NotFound(
            "catalog.unknown",
            f"there is no {kind} {key!r} in the catalogue",
            field=kind,
            value=key,
            hint=_listing(tx, kind, key),
        )
    return rows[0]


def _listing(tx: Tx, kind: str, key: str) -> str:
    """What may have been meant, and where everything is listed."""
    asked = meant(key, [row.key for row in store.list_newest(tx, kind)])
    listing = f"list them with `everycent catalog show {kind}`, or apply a file that has it"
    return f"{asked} {listing}" if asked else listing


def newest_plan(tx: Tx, key: str) -> tuple[int, Plan]:
    """A plan's newest version. Raises NotFound `plan.unknown`."""
    rows = store.list_newest(tx, "plan", key)
    if not rows:
        raise NotFound(
            "plan.unknown",
            f"there is no plan {key!r} in the catalogue",
            field="plan",
            value=key,
            hint=_listing(tx, "plan", key),
        )
    return rows[0].version, msgspec.json.decode(rows[0].content, type=Plan)


def offer(tx: Tx, key: str, version: int | None = None) -> Offer:
    """A plan as it is sold: the newest version, or another one that is named. Raises NotFound
    `plan.unknown`, `plan.unknown_version`."""
    newest, plan = newest_plan(tx, key)
    since = tuple((number, at) for number, at in store.list_versions(tx, "plan", key))
    if version is None:
        return Offer(newest, plan, since)
    if not 0 < version <= newest:
        raise NotFound(
            "plan.unknown_version",
            f"there is no version {version} of the plan {key!r}",
            field="plan_version",
            value=version,
            hint=f"the newest is {newest}",
        )
    return Offer(version, plans(tx, [(key, version)])[key, version], since, is_named=True)


def plans(tx: Tx, wanted: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Plan]:
    """The given versions of plans."""

    def read(missing: set[tuple[str, int]]) -> dict[tuple[str, int], Plan]:
        found = {}
        for key, version in missing:
            content = store.find_content(tx, "plan", key, version)
            assert content is not None, "a subscription names a plan version that was recorded"
            found[key, version] = msgspec.json.decode(content, type=Plan)
        return found

    return tx.unchanging("plan", wanted, read)


class _Including(msgspec.Struct):
    """What is read of a plan where only its features are wanted: a long list of prices is passed over."""

    features: tuple[Included, ...] = ()


_including = msgspec.json.Decoder(_Including)


def included(
    tx: Tx, wanted: Collection[tuple[str, int]]
) -> dict[tuple[str, int], tuple[Included, ...]]:
    """The features that the given versions of plans include."""

    def read(missing: set[tuple[str, int]]) -> dict[tuple[str, int], tuple[Included, ...]]:
        return {
            (key, version): _including.decode(content).features
            for key, version, content in store.list_plans(tx, sorted(missing))
        }

    return tx.unchanging("included", wanted, read) if wanted else {}


def features(tx: Tx) -> list[Feature]:
    """The newest versions of all features, in order of their keys."""
    rows = store.list_newest(tx, "feature")
    return [msgspec.json.decode(row.content, type=Feature) for row in rows]


def feature(tx: Tx, key: str) -> Feature:
    """A feature's newest version. Raises NotFound `feature.unknown`."""
    rows = store.list_newest(tx, "feature", key)
    if not rows:
        raise NotFound(
            "feature.unknown",
            f"there is no feature {key!r} in the catalogue",
            field="feature",
            value=key,
            hint=_listing(tx, "feature", key),
        )
    return msgspec.json.decode(rows[0].content, type=Feature)


def tax_versions(tx: Tx) -> dict[str, int]:
    """The number of the newest version of every tax category's table, by its key."""
    return {row.key: row.version for row in store.list_terms(tx, "tax")}


def newest_taxes(tx: Tx) -> dict[str, Tax]:
    """The newest tables of all tax categories, by their keys."""
    rows = store.list_terms(tx, "tax")
    return {row.key: msgspec.json.decode(row.content, type=Tax) for row in rows}


def taxes(tx: Tx, wanted: Mapping[str, int]) -> dict[str, Tax]:
    """The tables of tax categories in the given versions, by their keys."""
    found = {}
    for key, version in wanted.items():
        content = store.find_content(tx, "tax", key, version)
        assert content is not None, "a run names versions of tax tables that were recorded"
        found[key] = msgspec.json.decode(content, type=Tax)
    return found


def intake_policies(tx: Tx) -> dict[str, IntakePolicy]:
    """The newest intake policy of every raw meter that has one, by the meter's key."""
    return {
        row.key: msgspec.json.decode(row.content, type=IntakePolicy)
        for row in store.list_terms(tx, "intake")
    }


_Meter = msgspec.json.Decoder(Measure)


def raw_meters(tx: Tx) -> set[str]:
    """The keys of the meters that take records."""
    return set(raw_units(tx))


def raw_units(tx: Tx) -> dict[str, str]:
    """The meters that take records, each with its unit."""
    found = {}
    for row in store.list_newest(tx, "meter"):
        measure = _Meter.decode(row.content)
        if not isinstance(measure, Formula) and measure.meter == row.key:
            found[row.key] = measure.unit
    return found


def policies(tx: Tx) -> Policies:
    """The policies that the tenant has chosen; what it leaves open has its default."""
    rows = [row for row in store.list_terms(tx, "policies") if row.key == OF_TENANT]
    return msgspec.json.decode(rows[0].content, type=Policies) if rows else DEFAULTS


def newest_coupon(tx: Tx, key: str) -> tuple[int, Coupon]:
    """A coupon's newest version. Raises NotFound `coupon.unknown`."""
    rows = store.list_newest(tx, "coupon", key)
    if not rows:
        raise NotFound(
            "coupon.unknown",
            f"there is no coupon {key!r} in the catalogue",
            field="coupon",
            value=key,
            hint=_listing(tx, "coupon", key),
        )
    return rows[0].version, msgspec.json.decode(rows[0].content, type=Coupon)
