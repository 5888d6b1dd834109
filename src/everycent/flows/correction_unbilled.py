"""What a correction changes in usage that is not billed yet: quantities, and no money.

Periods that began and are not billed are rated by the functions that bill them, before and after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from everycent.catalog import queries as catalog
from everycent.catalog.meter import series_of
from everycent.catalog.plan import Plan
from everycent.consumption import queries as consumption
from everycent.corrections import queries as corrections
from everycent.db.connection import Tx
from everycent.flows import rate_due
from everycent.flows.converting import Asked, exchanges
from everycent.flows.correction_effect import UnbilledEffect
from everycent.flows.rate_due import Basis
from everycent.kernel.errors import Refusal
from everycent.subscriptions import queries as subscriptions
from everycent.subscriptions.queries import DueItem, OpenItem, due_item

_Plans = Mapping[tuple[str, int], Plan]
_Slot = tuple[UUID, int, datetime]
Quantities = dict[_Slot, str | Refusal]


class Concerned(NamedTuple):
    """The periods that a correction may change, with the plans that they are of, and when it was made."""

    dues: Sequence[DueItem]
    plans: _Plans
    at: datetime


def concerned(tx: Tx, correction: Any) -> Concerned:
    """What the correction, given by its row, may change; the transaction holds it."""
    changed = {
        (row.subject, row.meter): row.last_at
        for row in corrections.changed_series(tx, correction.batch_id)
    }
    held = subscriptions.owned(tx, [], sorted({subject for subject, _ in changed}))
    items = subscriptions.open_items(tx, [one.subscription_id for one in held])
    plans = catalog.plans(tx, {item.plan for item in items})
    at = correction.recorded_at
    return Concerned([due for item in items for due in _begun(item, plans, changed, at)], plans, at)


def effects(
    periods: Concerned, before: Quantities, after: Quantities
) -> tuple[UnbilledEffect, ...]:
    """The periods whose quantities differ with the correction; and those that can't be rated without it,
    with it or in both, as nobody knows what it does to them."""
    found = []
    for due in periods.dues:
        was, now = before[_slot(due)], after[_slot(due)]
        if isinstance(was, Refusal) or was != now:
            found.append(_effect(due, periods.plans, was, now))
    return tuple(found)


def _begun(
    item: OpenItem,
    plans: _Plans,
    changed: Mapping[tuple[str, str], datetime],
    recorded_at: datetime,
) -> list[DueItem]:
    """The periods of an item that are not billed and began before the last corrected record, or before
    now; none where the item counts none of the meters that are corrected."""
    measure = plans[item.plan].items[item.plan_item_no - 1].measure
    series = [] if measure is None else [each for _, each in series_of(measure)]
    last = [
        changed[item.subject, each.meter]
        for each in series
        if (item.subject, each.meter) in changed
    ]
    if not last:
        return []
    until = max(*last, recorded_at)
    begun = item.due(item.covered_until, until, in_advance=True)
    return [due_item(item, due) for due in begun]


def _slot(due: DueItem) -> _Slot:
    return due.subscription_id, due.item_no, due.due.period.start


def quantities(tx: Tx, periods: Concerned, *, is_live: bool = False) -> Quantities:
    """The quantity of each period as things stand. A subscription that can't be rated has the reason in
    each. `is_live` counts what no fold has counted yet."""
    dues, plans, at = periods
    usages = consumption.read(tx, rate_due.requests_of(dues, plans), is_live=is_live)
    rates = exchanges(tx, dues, plans, Asked(catalog.policies(tx), at, at))
    basis = Basis(plans, usages, rate_due.closings_of(tx, dues, plans), {}, rates)
    found: Quantities = {}
    for _, group in groupby(dues, key=lambda due: (due.subscription_id, due.item_no)):
        own = list(group)
        try:
            owed = rate_due.charges(own, basis)
        except Refusal as refusal:
            found |= {_slot(due): refusal for due in own}
            continue
        for due, one in zip(own, owed, strict=True):
            quantity = one.charge.quantity
            assert quantity is not None, "only items that measure are asked for"
            found[_slot(due)] = quantity.value
    return found


def _effect(due: DueItem, plans: _Plans, was: str | Refusal, now: str | Refusal) -> UnbilledEffect:
    item = rate_due.item_of(due, plans)
    assert item.measure is not None, "only items that measure are asked for"
    refusals = [each for each in (now, was) if isinstance(each, Refusal)]
    return UnbilledEffect(
        due.subscription_key,
        item.price.description,
        due.due.period,
        due.time_zone,
        item.measure.unit,
        was if isinstance(was, str) else None,
        now if isinstance(now, str) else None,
        refusals[0] if refusals else None,
    )
