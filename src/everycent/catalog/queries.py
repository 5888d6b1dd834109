"""Look up plans, taxes, meters, coupons and policies in the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from everycent.catalog import store
from everycent.catalog.coupon import Coupon
from everycent.catalog.difference import Known
from everycent.catalog.intake import IntakePolicy
from everycent.catalog.meter import Formula, Measure
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


def plans(tx: Tx, wanted: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Plan]:
    """The given versions of plans."""
    found = {}
    for key, version in set(wanted):
        content = store.find_content(tx, "plan", key, version)
        assert content is not None, "a subscription names a plan version that was recorded"
        found[key, version] = msgspec.json.decode(content, type=Plan)
    return found


def tax_versions(tx: Tx) -> dict[str, int]:
    """The number of the newest version of every tax category's table, by its key."""
    return {row.key: row.version for row in store.list_newest(tx, "tax")}


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
        for row in store.list_newest(tx, "intake")
    }


_Meter = msgspec.json.Decoder(Measure)


def raw_meters(tx: Tx) -> set[str]:
    """The keys of the meters that take records."""
    found = set()
    for row in store.list_newest(tx, "meter"):
        measure = _Meter.decode(row.content)
        if not isinstance(measure, Formula) and measure.meter == row.key:
            found.add(row.key)
    return found


def policies(tx: Tx) -> Policies:
    """The policies that the tenant has chosen; what it leaves open has its default."""
    rows = store.list_newest(tx, "policies", OF_TENANT)
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
