"""Look subscriptions up, and find what is due."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple, TypedDict
from uuid import UUID

from everycent.catalog.proration import DEFAULT, Proration
from everycent.customers import queries as customers
from everycent.customers.payer import Payer, payer_at
from everycent.db.connection import Tx
from everycent.kernel.calendar import Cycle, Interval, local_date
from everycent.kernel.period import Period
from everycent.subscriptions import store
from everycent.subscriptions.schedule import ALONE, Due, Sides, cut_off, due_periods
from everycent.subscriptions.subscription import Subscription

_INSTANT = timedelta(microseconds=1)


class _Counting(TypedDict, total=False):
    rule: Proration
    sides: Sides


class Charged(NamedTuple):
    """What was charged for a period so far (minor units) and up to when: by line `line_no` of the
    invoice, and by `step` corrections of it; for which `share` of a full period."""

    invoice_id: UUID
    line_no: int
    step: int
    charged: int
    ends_at: datetime
    share: Fraction


class DueItem(NamedTuple):
    """A period of one item that is due; it is item `plan_item_no` of its plan. `starts_at` is since when
    it is billed in its phase, `customer_id` who pays for it; parts of periods are counted by the `rule`
    (None: the default). `before` is what was charged for the period before, if it is due again."""

    customer_id: UUID
    subscription_id: UUID
    subscription_key: str
    plan: tuple[str, int]
    currency: str
    subject: str
    time_zone: str
    item_no: int
    plan_item_no: int
    in_advance: bool
    starts_at: datetime
    due: Due
    rule: Proration | None = None
    before: Charged | None = None


def due_customers(tx: Tx, as_of: datetime) -> list[UUID]:
    """Everybody who may have something to pay that is due by `as_of`, in order of their ids."""
    holders = store.list_due_customers(tx, as_of)
    told = customers.payers(tx, holders)
    paying = {one.payer_id for own in told.values() for one in own if one.payer_id is not None}
    return sorted({*holders, *paying})


def due_items(tx: Tx, first: UUID, last: UUID, as_of: datetime) -> list[DueItem]:
    """Everything due by `as_of` that customers pay whose ids lie between the two, both included, for
    themselves or for others."""
    found = _due(tx, first, last, None, as_of)
    others = [one for one in customers.paid_for(tx, first, last) if not first <= one <= last]
    if others:
        found += _due(tx, store.LOWEST, store.HIGHEST, others, as_of)
    told = customers.payers(tx, sorted({due.customer_id for due in found}))
    if not others and not told and (not found or found[-1].before is None):
        return found  # as the database has sorted it: nothing was added
    if told:
        found = [_paid(due, told) for due in found]
    return sorted(
        (due for due in found if first <= due.customer_id <= last),
        key=lambda due: (due.customer_id, due.subscription_key, due.item_no),
    )


def _paid(due: DueItem, told: Mapping[UUID, Sequence[Payer]]) -> DueItem:
    """The due item with who pays for it: on the first day of a period in advance, on the last of others."""
    period = due.due.period
    at = period.start if due.in_advance else period.end - _INSTANT
    payer_id = payer_at(told.get(due.customer_id, ()), at)
    return due if payer_id is None else due._replace(customer_id=payer_id)


def _due(
    tx: Tx, first: UUID, last: UUID, holders: Sequence[UUID] | None, as_of: datetime
) -> list[DueItem]:
    """What is due of contracts of a range of customers, or of some of them."""
    found = []
    for row in store.list_due_items(tx, first, last, holders, as_of):
        (customer_id, subscription_id, key, plan_key, plan_version, currency, subject, anchor,
         months, days, zone, starts_at, ends_at, item_no, plan_item_no, in_advance,
         covered, rule, follows, is_followed) = row  # fmt: skip
        cycle = Cycle(anchor, Interval(months, days), zone)
        how = _counting(rule, follows, is_followed)
        for due in due_periods(cycle, covered, ends_at, as_of, in_advance=in_advance, **how):
            found.append(
                DueItem(
                    customer_id, subscription_id, key, (plan_key, plan_version), currency, subject,
                    zone, item_no, plan_item_no, in_advance, starts_at, due, store.rule_of(rule),
                )
            )  # fmt: skip
    found += _due_again(store.list_due_corrections(tx, first, last, holders, as_of))
    return found


def due_again(tx: Tx, subscription_ids: Sequence[UUID], as_of: datetime) -> list[DueItem]:
    """What was billed of the subscriptions and is due again by `as_of`, because too much was charged."""
    return _due_again(store.list_corrections_of(tx, subscription_ids, as_of))


def _due_again(rows: Iterable[Sequence[Any]]) -> list[DueItem]:
    """Billed periods in advance that the end of a phase cuts off: they are due again up to there."""
    found = []
    for row in rows:
        (customer_id, subscription_id, key, plan_key, plan_version, currency, subject, anchor,
         months, days, zone, starts_at, ends_at, item_no, plan_item_no, rule, follows, is_followed,
         begins, *before) = row  # fmt: skip
        cycle = Cycle(anchor, Interval(months, days), zone)
        how = _counting(rule, follows, is_followed)
        due, was = (cut_off(cycle, begins, end, **how) for end in (ends_at, before[-1]))
        found.append(
            DueItem(
                customer_id, subscription_id, key, (plan_key, plan_version), currency, subject,
                zone, item_no, plan_item_no, True, starts_at, due, store.rule_of(rule),  # noqa: FBT003
                Charged(*[*before, was.share]),
            )
        )  # fmt: skip
    return found


def _counting(rule: str, follows: bool, is_followed: bool) -> _Counting:
    """How parts of periods are counted; nothing for the default, whose answers are kept together."""
    found = store.rule_of(rule)
    return {} if found is None else {"rule": found, "sides": Sides(follows, is_followed)}


def listed(
    tx: Tx, *, customer_id: UUID | None = None, after: str = "", limit: int = 100
) -> list[Subscription]:
    """Subscriptions in order of their keys."""
    return store.find(tx, customer_id=customer_id, after=after, limit=limit)


def owned(tx: Tx, customer_ids: Sequence[UUID], subjects: Sequence[str]) -> list[Subscription]:
    """The subscriptions of any of the customers and those that bill any of the subjects."""
    return store.find(tx, owners=(customer_ids, subjects))


class OpenItem(NamedTuple):
    """An item with what was billed of it last (None: nothing yet), and how far it is covered."""

    customer_id: UUID
    subscription_id: UUID
    subscription_key: str
    plan: tuple[str, int]
    currency: str
    subject: str
    cycle: Cycle
    starts_at: datetime
    ends_at: datetime | None
    item_no: int
    plan_item_no: int
    in_advance: bool
    billed: Period | None
    covered_until: datetime
    rule: Proration | None = None
    sides: Sides = ALONE

    def due(self, since: datetime, as_of: datetime, *, in_advance: bool) -> tuple[Due, ...]:
        """Its periods from an instant on that are due by another one."""
        rule = DEFAULT if self.rule is None else self.rule
        return due_periods(
            self.cycle,
            since,
            self.ends_at,
            as_of,
            in_advance=in_advance,
            rule=rule,
            sides=self.sides,
        )

    def next_due_at(self) -> datetime | None:
        """When the first period that is not billed falls or fell due; None: there is none."""
        start = self.covered_until
        if self.ends_at is not None and start >= self.ends_at:
            return None
        if self.in_advance:
            return start
        end = self.cycle.period(self.cycle.index(local_date(start, self.cycle.zone))).end
        return end if self.ends_at is None else min(end, self.ends_at)


def due_item(item: OpenItem, due: Due) -> DueItem:
    """A period of an open item as something that is due."""
    return DueItem(
        item.customer_id, item.subscription_id, item.subscription_key, item.plan, item.currency,
        item.subject, item.cycle.zone, item.item_no, item.plan_item_no, item.in_advance,
        item.starts_at, due, item.rule,
    )  # fmt: skip


def open_items(tx: Tx, subscription_ids: Sequence[UUID]) -> list[OpenItem]:
    """The items of the subscriptions with what is billed of them, in order of customer, key and item."""
    found = []
    for row in store.list_open_items(tx, subscription_ids):
        (customer_id, subscription_id, key, plan_key, plan_version, currency, subject, anchor, months,
         days, zone, starts_at, ends_at, item_no, plan_item_no, in_advance, billed_from,
         covered, rule, follows, is_followed) = row  # fmt: skip
        found.append(
            OpenItem(
                customer_id, subscription_id, key, (plan_key, plan_version), currency, subject,
                Cycle(anchor, Interval(months, days), zone), starts_at, ends_at, item_no,
                plan_item_no, in_advance,
                None if billed_from is None else Period(billed_from, covered), covered,
                store.rule_of(rule), Sides(follows, is_followed),
            )
        )  # fmt: skip
    return found
