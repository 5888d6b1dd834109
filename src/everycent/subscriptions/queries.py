"""Look subscriptions up, and find what is due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple, TypedDict
from uuid import UUID

from everycent.catalog.proration import DEFAULT, Proration
from everycent.customers import payer
from everycent.customers import queries as customers
from everycent.customers.payer import Payer
from everycent.db.connection import Tx
from everycent.kernel.calendar import Cycle, Interval, local_date
from everycent.kernel.errors import NotFound
from everycent.kernel.period import Period
from everycent.subscriptions import store
from everycent.subscriptions.ending import Ending, endings
from everycent.subscriptions.schedule import ALONE, Due, Sides, cut_off, due_periods
from everycent.subscriptions.subscription import NOTHING_OWN, OwnTerms, Subscription
from everycent.subscriptions.term import after

_FOR_EVER = datetime(2200, 1, 1, tzinfo=UTC)

Told = Mapping[UUID, Sequence[Payer]]
"""By customer who pays for it, in order of time."""
_INSTANT = timedelta(microseconds=1)
_DAY = timedelta(days=1)
_MANY = 1000


class _Counting(TypedDict, total=False):
    rule: Proration
    sides: Sides


class Charged(NamedTuple):
    """What was charged for a period so far (minor units) and up to when: by line `line_no` of the
    invoice, and by `step` corrections of it; for which `share` of a full period. Credit stands for
    `prepaid` of it, paid before taxes."""

    invoice_id: UUID
    line_no: int
    step: int
    charged: int
    prepaid: int
    ends_at: datetime
    share: Fraction


class DueItem(NamedTuple):
    """A period of one item that is due; it is item `plan_item_no` of its plan. `starts_at` is since when
    it is billed in its phase, `customer_id` who pays for it; `own` is what it has that is not the plan's.
    `before` is what was charged for the period before, if it is due again. `is_shared`: at some time
    somebody else pays for the contract. It is on the `track` of the plan or of an add-on."""

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
    own: OwnTerms = NOTHING_OWN
    before: Charged | None = None
    is_shared: bool = False
    track: str = ""
    is_commitment: bool = False

    @property
    def rule(self) -> Proration | None:
        """How parts of periods are counted; None: the default."""
        return self.own.proration


def due_customers(tx: Tx, as_of: datetime) -> list[UUID]:
    """Everybody who may have something to pay that is due by `as_of`, in order of their ids."""
    return store.list_due_customers(tx, as_of)


def due_items(tx: Tx, first: UUID, last: UUID, as_of: datetime) -> list[DueItem]:
    """Everything due by `as_of` that customers pay whose ids lie between the two, both included, for
    themselves or for others. A period waits until the one before it is billed, where somebody else pays
    that."""
    found = _due(tx, first, last, None, as_of)
    told = customers.payers_around(tx, first, last)
    others = [holder for holder in told if not first <= holder <= last]
    if others:
        found += _due(tx, store.LOWEST, store.HIGHEST, others, as_of)
    if not told and (not found or found[-1].before is None):
        return found  # as the database has sorted it: nothing was added
    if told:
        found, _ = _in_turn(_paid(due, told) for due in found)
    return sorted(
        (due for due in found if first <= due.customer_id <= last),
        key=lambda due: (due.customer_id, due.subscription_key, due.item_no),
    )


def _paid(due: DueItem, told: Told) -> DueItem:
    """The due item with who pays for it."""
    if due.customer_id not in told:
        return due
    who = payer_of(told, due.customer_id, due.due.period, in_advance=due.in_advance)
    return due._replace(customer_id=who, is_shared=True)


def _in_turn(dues: Iterable[DueItem]) -> tuple[list[DueItem], list[DueItem]]:
    """What can be billed now, of periods in order, and what waits: each goes on from the one before it. A
    commitment waits until all that it counts is billed, or is with it."""
    turns: dict[tuple[UUID, int], UUID | None] = {}
    now, waiting, commitments = [], [], []
    for due in dues:
        key = (due.subscription_id, due.item_no)
        if due.is_commitment:
            commitments.append(due)
        elif due.before is not None or turns.setdefault(key, due.customer_id) == due.customer_id:
            now.append(due)
        else:
            waiting.append(due)
            turns[key] = None
    payers: dict[UUID, set[UUID | None]] = {}
    for due in now:
        payers.setdefault(due.subscription_id, set()).add(due.customer_id)
    for due in waiting:
        payers.setdefault(due.subscription_id, set()).add(None)
    for due in commitments:
        key = (due.subscription_id, due.item_no)
        is_next = turns.setdefault(key, due.customer_id) == due.customer_id
        if is_next and payers.get(due.subscription_id, set()) <= {due.customer_id}:
            now.append(due)
        else:
            waiting.append(due)
            turns[key] = None
    return now, waiting


def next_in_turn(tx: Tx, as_of: datetime) -> list[DueItem]:
    """What is due by `as_of` of who pays for others, or is paid for, and waits for nobody."""
    holders = customers.paid_for(tx, store.LOWEST, store.HIGHEST)
    if not holders:
        return []
    told = customers.payers(tx, holders)
    dues = _due(tx, store.LOWEST, store.HIGHEST, holders, as_of)
    now, _ = _in_turn(_paid(due, told) for due in dues)
    return now


def waits_for(tx: Tx, customer_id: UUID, as_of: datetime) -> set[UUID]:
    """Who is billed before a customer can be billed for periods that are due by `as_of` and wait; nobody
    where nothing waits."""
    holders = [customer_id, *customers.paid_for(tx, customer_id, customer_id)]
    told = customers.payers(tx, holders)
    if not told:
        return set()
    dues = _due(tx, store.LOWEST, store.HIGHEST, holders, as_of)
    now, waiting = _in_turn(_paid(due, told) for due in dues)
    if all(due.customer_id != customer_id for due in waiting):
        return set()
    return {due.customer_id for due in now}


def payer_of(told: Told, customer_id: UUID, period: Period, *, in_advance: bool) -> UUID:
    """Who pays for a period of a customer's contract: on its first day where it is billed in advance, on
    its last one else. `told` is who pays for customers, as `customers.payers` finds it."""
    own = told.get(customer_id, ())
    return payer.payer_of(own, period, in_advance=in_advance) or customer_id


def _due(
    tx: Tx, first: UUID, last: UUID, holders: Sequence[UUID] | None, as_of: datetime
) -> list[DueItem]:
    """What is due of contracts of a range of customers, or of some of them."""
    found = []
    for row in store.list_due_items(tx, first, last, holders, as_of):
        (customer_id, subscription_id, key, plan_key, plan_version, currency, subject, anchor,
         months, days, zone, starts_at, ends_at, item_no, plan_item_no, in_advance,
         covered, own_text, follows, is_followed, is_kept, track, is_commitment) = row  # fmt: skip
        own = store.own_of(own_text)
        cycle = Cycle(anchor, Interval(months, days), zone)
        how = _counting(own.proration, follows, is_followed)
        dues = due_periods(
            cycle, covered, ends_at, as_of, in_advance=in_advance, is_kept=is_kept, **how
        )
        for due in dues:
            found.append(
                DueItem(
                    customer_id, subscription_id, key, (plan_key, plan_version), currency, subject,
                    zone, item_no, plan_item_no, in_advance, starts_at, due, own, None, False, track,  # noqa: FBT003
                    is_commitment,
                )
            )  # fmt: skip
    found += _due_again(store.list_due_corrections(tx, first, last, holders, as_of))
    found += _committed_again(store.list_commitments_again(tx, first, last, holders, as_of), as_of)
    return found


def due_again(tx: Tx, held: Sequence[Subscription], as_of: datetime) -> list[DueItem]:
    """What was billed of the subscriptions and is due again by `as_of`, because too much was charged."""
    if not held:
        return []
    owned_by = [(one.customer_id, one.subscription_id) for one in held]
    return _due_again(store.list_corrections_of(tx, owned_by, as_of))


def _due_again(rows: Iterable[Sequence[Any]]) -> list[DueItem]:
    """Billed periods in advance that the end of a phase cuts off: they are due again up to there."""
    found = []
    for row in rows:
        (customer_id, subscription_id, key, plan_key, plan_version, currency, subject, anchor,
         months, days, zone, starts_at, ends_at, item_no, plan_item_no, own_text, follows, is_followed,
         begins, *before, track) = row  # fmt: skip
        own = store.own_of(own_text)
        cycle = Cycle(anchor, Interval(months, days), zone)
        how = _counting(own.proration, follows, is_followed)
        due, was = (cut_off(cycle, begins, end, **how) for end in (ends_at, before[-1]))
        found.append(
            DueItem(
                customer_id, subscription_id, key, (plan_key, plan_version), currency, subject,
                zone, item_no, plan_item_no, True, starts_at, due, own,  # noqa: FBT003
                Charged(*[*before, was.share]), False, track,  # noqa: FBT003
            )
        )  # fmt: skip
    return found


def _committed_again(rows: Iterable[Sequence[Any]], as_of: datetime) -> list[DueItem]:
    """Billed periods of commitments as if they were due again."""
    found = []
    for row in rows:
        (customer_id, subscription_id, key, plan_key, plan_version, currency, subject, anchor,
         months, days, zone, starts_at, item_no, plan_item_no, own_text, begins, *before) = row  # fmt: skip
        own = store.own_of(own_text)
        cycle = Cycle(anchor, Interval(months, days), zone)
        due = cut_off(cycle, begins, before[-1], **_counting(own.proration, False, False))  # noqa: FBT003
        found.append(
            DueItem(
                customer_id, subscription_id, key, (plan_key, plan_version), currency, subject,
                zone, item_no, plan_item_no, False, starts_at, due._replace(due_at=as_of), own,  # noqa: FBT003
                Charged(*[*before, due.share]),
            )
        )  # fmt: skip
    return found


class Counting(NamedTuple):
    """A span of time within which the charges of a contract are counted."""

    subscription_id: UUID
    starts_at: datetime
    ends_at: datetime


def counted(tx: Tx, wanted: Sequence[Counting]) -> dict[Counting, dict[str, int]]:
    """What was charged so far in each span, by key of the price, in minor units."""
    found: dict[Counting, dict[str, int]] = {one: {} for one in wanted}
    for number, key, amount in store.list_counted(tx, wanted) if wanted else ():
        found[wanted[number - 1]][key] = amount
    return found


def next_due(tx: Tx, customer_id: UUID, since: datetime) -> datetime | None:
    """The first instant after another one at which anything falls due that a customer pays, for itself or
    for others; or is given back. None: nothing is agreed that would."""
    held = payable(tx, [customer_id])
    told = customers.payers(tx, sorted({one.customer_id for one in held}))
    ids = [one.subscription_id for one in held]
    falls = [_falls_due(item, told, customer_id, since) for item in open_items(tx, ids)]
    again = (_paid(due, told) for due in due_again(tx, held, _FOR_EVER))
    falls += [due.due.due_at for due in again if due.customer_id == customer_id]
    return min((at for at in falls if at is not None and at > since), default=None)


def _falls_due(item: OpenItem, told: Told, customer_id: UUID, since: datetime) -> datetime | None:
    """When the first period of an item falls due after an instant that is the customer's to pay."""
    settled = max((one.starts_at for one in told.get(item.customer_id, ())), default=since)
    for period, due_at in item.following():
        if due_at > since:
            who = payer_of(told, item.customer_id, period, in_advance=item.in_advance)
            if who == customer_id:
                return due_at
            if period.start >= settled:
                return None  # whoever pays by then pays from there on
    return None


def payable(tx: Tx, customer_ids: Sequence[UUID]) -> list[Subscription]:
    """The contracts of which some customers may have to pay anything at any time: their own, and those of
    customers for whom they pay."""
    if not customer_ids:
        return []
    wanted = set(customer_ids)
    others = customers.paid_for(tx, min(wanted), max(wanted))
    told = customers.payers(tx, others)
    paid_for = {who for who, own in told.items() if any(one.payer_id in wanted for one in own)}
    return owned(tx, sorted(wanted | paid_for), [])


def _counting(rule: Proration | None, follows: bool, is_followed: bool) -> _Counting:
    """How parts of periods are counted; nothing for the default, whose answers are kept together."""
    return {} if rule is None else {"rule": rule, "sides": Sides(follows, is_followed)}


def listed(
    tx: Tx,
    *,
    customer_id: UUID | None = None,
    keys: Sequence[str] | None = None,
    after: str = "",
    limit: int = 100,
) -> list[Subscription]:
    """Subscriptions in order of their keys, of everybody or of a customer, and of some keys only."""
    return store.find(tx, keys=keys, customer_id=customer_id, after=after, limit=limit)


def ending(tx: Tx, at: datetime, within: Interval) -> list[Ending]:
    """The terms that end, or of which the reminder or the last day of notice comes up, from an instant on
    within a span of time, on the clocks of their contracts; in order of that day and of the keys."""
    day = at.astimezone(UTC).date()
    keys = store.list_terms_coming_up(tx, day - _DAY, after(day, within) + _DAY)
    found: list[Ending] = []
    for start in range(0, len(keys), _MANY):
        for held in store.find(tx, keys=keys[start : start + _MANY]):
            today = local_date(at, held.time_zone)
            found.extend(endings(held, today, after(today, within)))
    return sorted(found, key=lambda one: (one.day, one.subscription.key, one.track))


def paid_beyond(tx: Tx, customer_id: UUID, at: datetime) -> str | None:
    """A contract of which something was billed that falls to who pays from an instant on, or None."""
    return store.find_paid_beyond(tx, customer_id, at)


def on_older_versions(
    tx: Tx, plan_key: str, version: int, at: datetime, keys: Sequence[str] | None = None
) -> list[str]:
    """The keys of contracts that have or will have a version of a plan before another one, from an instant
    on; those of one customer beside one another. Only of `keys`, if they are told."""
    return store.list_on_older_versions(tx, plan_key, version, at, keys)


def check_known(tx: Tx, keys: Sequence[str]) -> None:
    """Refuses keys that no contract has, with NotFound `subscription.unknown`."""
    missing = sorted(set(keys) - {found.key for found in store.find(tx, keys=keys)})
    if missing:
        raise NotFound(
            "subscription.unknown",
            f"there is no subscription {missing[0]!r}",
            field="subscription",
            value=missing[0],
            hint="list them with `everycent subscription list`",
        )


def owned(tx: Tx, customer_ids: Sequence[UUID], subjects: Sequence[str]) -> list[Subscription]:
    """The subscriptions of any of the customers and those that bill any of the subjects."""
    return store.find_owned(tx, customer_ids, subjects)


class OpenItem(NamedTuple):
    """An item with what was billed of it last (None: nothing yet), and how far it is covered. Of one that
    `is_kept` nothing is given back when its phase ends."""

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
    own: OwnTerms = NOTHING_OWN
    sides: Sides = ALONE
    is_kept: bool = False

    @property
    def rule(self) -> Proration:
        """How parts of periods are counted."""
        return DEFAULT if self.own.proration is None else self.own.proration

    def due(self, since: datetime, as_of: datetime, *, in_advance: bool) -> tuple[Due, ...]:
        """Its periods from an instant on that are due by another one."""
        return due_periods(
            self.cycle,
            since,
            self.ends_at,
            as_of,
            in_advance=in_advance,
            rule=self.rule,
            sides=self.sides,
            is_kept=self.is_kept,
        )

    def following(self) -> Iterator[tuple[Period, datetime]]:
        """Its periods that are not billed, and when each falls or fell due; without an end where the
        contract has none."""
        start = self.covered_until
        while self.ends_at is None or start < self.ends_at:
            end = self.cycle.period(self.cycle.index(local_date(start, self.cycle.zone))).end
            if self.ends_at is not None and not self.is_kept:
                end = min(end, self.ends_at)
            yield Period(start, end), start if self.in_advance else end
            start = end


def due_item(item: OpenItem, due: Due) -> DueItem:
    """A period of an open item as something that is due."""
    return DueItem(
        item.customer_id, item.subscription_id, item.subscription_key, item.plan, item.currency,
        item.subject, item.cycle.zone, item.item_no, item.plan_item_no, item.in_advance,
        item.starts_at, due, item.own,
    )  # fmt: skip


def open_items(tx: Tx, subscription_ids: Sequence[UUID]) -> list[OpenItem]:
    """The items of the subscriptions with what is billed of them, in order of customer, key and item."""
    found = []
    for row in store.list_open_items(tx, subscription_ids):
        (customer_id, subscription_id, key, plan_key, plan_version, currency, subject, anchor, months,
         days, zone, starts_at, ends_at, item_no, plan_item_no, in_advance, billed_from,
         covered, own, follows, is_followed, is_kept) = row  # fmt: skip
        found.append(
            OpenItem(
                customer_id, subscription_id, key, (plan_key, plan_version), currency, subject,
                Cycle(anchor, Interval(months, days), zone), starts_at, ends_at, item_no,
                plan_item_no, in_advance,
                None if billed_from is None else Period(billed_from, covered), covered,
                store.own_of(own), Sides(follows, is_followed), is_kept,
            )
        )  # fmt: skip
    return found


class Frame(NamedTuple):
    """How the periods of an item are counted: from which anchor, by which interval, on whose clock; since
    when it is billed in its phase, which ends, and whose usage it bills. Parts of periods are counted by
    the rule of its `own`, between the `sides` of the phase. `customer_id` has agreed to it."""

    customer_id: UUID
    anchor: date
    months: int
    days: int
    zone: str
    starts_at: datetime
    ends_at: datetime | None
    subject: str
    own: OwnTerms
    sides: Sides


def frames(tx: Tx, items: Sequence[tuple[UUID, int]]) -> dict[tuple[UUID, int], Frame]:
    """How the periods of some items, given by subscription and number, are counted."""
    rows = store.list_item_frames(tx, items) if items else []
    return {(row[0], row[1]): _frame(*row[2:]) for row in rows}


def _frame(*row: Any) -> Frame:
    customer_id, anchor, months, days, zone, starts_at, ends_at, subject, own, *sides = row
    return Frame(
        customer_id, anchor, months, days, zone, starts_at, ends_at, subject, store.own_of(own),
        Sides(*sides),
    )  # fmt: skip
