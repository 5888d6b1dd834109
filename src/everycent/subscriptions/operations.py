"""Start subscriptions, change them now or at any other time, and withdraw planned changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple, TypedDict

import msgspec

from everycent.catalog import queries as catalog
from everycent.catalog.meter import series_of
from everycent.catalog.plan import Plan
from everycent.catalog.proration import TakesEffect
from everycent.customers import operations as customers
from everycent.customers.customer import Customer
from everycent.customers.customer import stream as customer_stream
from everycent.customers.payer import Payer
from everycent.db.connection import Tx
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.kernel import calendar
from everycent.kernel.errors import Conflict, Invalid, NotFound
from everycent.kernel.ids import IdSource
from everycent.kernel.period import instant_text
from everycent.metering import operations as metering
from everycent.metering.record import check_name
from everycent.subscriptions import projection, store
from everycent.subscriptions.phases import ends_of, phases_of, told
from everycent.subscriptions.proration import ended_at
from everycent.subscriptions.subscription import CHANGED, STARTED, Changed, Phase, Subscription
from everycent.subscriptions.terms import switched, takes_effect, terms_of
from everycent.subscriptions.timeline import MAIN, Action, Begin, Cancel, Change
from everycent.subscriptions.trial import first_trial

_FIRST_DAY = date(2000, 1, 1)
_LAST_DAY = date(2199, 12, 31)
"""Usage is taken for these years, and the calendar can count on from there."""


class Writing(TypedDict):
    """Who writes, when it holds from, when it is written, and where ids come from."""

    at: datetime
    recorded_at: datetime
    actor: str
    ids: IdSource


class Order(NamedTuple):
    """What somebody wants to subscribe to. `key` names the subscription and must be unique.

    Without `subject` the usage of the customer's own key is billed; without `anchor_day` the plan's
    rule decides where periods are cut.
    """

    customer: Customer
    plan_key: str
    key: str
    starts_on: date
    subject: str | None = None
    anchor_day: int | None = None
    ends_on: date | None = None


def start(
    tx: Tx,
    orders: Sequence[Order],
    *,
    at: datetime,
    recorded_at: datetime,
    actor: str,
    ids: IdSource,
) -> list[Subscription]:
    """Starts subscriptions, any number at once, each on the newest version of its plan.

    Raises NotFound `plan.unknown`, Conflict `subscription.exists`, Invalid.
    """
    plans = {key: catalog.newest_plan(tx, key) for key in sorted({o.plan_key for o in orders})}
    customers.lock(tx, sorted({order.customer.customer_id for order in orders}))
    _check_keys(tx, [order.key for order in orders])
    drafts = []
    for order in orders:
        version, plan = plans[order.plan_key]
        subscription = decide(order, version, plan, ids)
        drafts.append(
            Draft(
                ids(f"subscription.started/{order.key}"),
                customer_stream(order.customer.customer_id),
                STARTED,
                at,
                actor,
                subscription,
            )
        )
    _know_names(tx, {draft.payload.subject for draft in drafts}, [p for _, p in plans.values()])
    journal.record(tx, drafts, recorded_at, projection.started)
    return [draft.payload for draft in drafts]


def _know_names(tx: Tx, subjects: set[str], plans: Sequence[Plan]) -> None:
    """Gives numbers to everything whose usage will be asked for."""
    meters = {
        series.meter
        for plan in plans
        for item in plan.items
        if item.measure is not None
        for _, series in series_of(item.measure)
    }
    metering.know_names(tx, subjects, meters)


def decide(order: Order, version: int, plan: Plan, ids: IdSource) -> Subscription:
    """The subscription that an order makes. Raises Invalid."""
    customer = order.customer
    _check_currency(plan, customer.currency, customer.key)
    if not 0 < len(order.key) <= 200 or not order.key.isprintable():
        raise Invalid("subscription.bad_key", "a key has 1 to 200 visible characters", field="key")
    if order.subject is not None:
        check_name(order.subject, "subject")
    for field, day in (("starts_on", order.starts_on), ("ends_on", order.ends_on)):
        if day is not None:
            _check_day(day, field)
    if order.ends_on is not None and order.ends_on <= order.starts_on:
        raise Invalid(
            "subscription.ends_before_start",
            f"it would end on {order.ends_on}, before it starts on {order.starts_on}",
            field="ends_on",
            value=order.ends_on,
        )
    anchor_day = plan.anchor_day if order.anchor_day is None else order.anchor_day
    zone = customer.time_zone
    starts_at = calendar.start_of_day(order.starts_on, zone)
    trial = first_trial(plan.trial, order.starts_on, zone)
    terms = terms_of(plan, version, order.starts_on, anchor_day, zone, trial)
    changes = [Change(0, starts_at, Begin(terms))]
    if order.ends_on is not None:
        changes.append(Change(1, calendar.start_of_day(order.ends_on, zone), Cancel()))
    phases = phases_of(changes, (), {(plan.key, version): plan})
    return Subscription(
        ids(f"subscription/{order.key}"), customer.customer_id, order.key, plan.currency,
        order.subject or customer.key, zone, order.starts_on, starts_at, tuple(changes), phases,
        len(changes), order.ends_on, ends_of(phases),
    )  # fmt: skip


def _check_currency(plan: Plan, currency: str, whose: str) -> None:
    if plan.currency != currency:
        raise Invalid(
            "subscription.currency",
            f"plan {plan.key} is priced in {plan.currency}, {whose} is billed in {currency}",
            field="plan",
            value=plan.key,
        )


def _check_day(day: date, field: str) -> None:
    if not _FIRST_DAY <= day <= _LAST_DAY:
        raise Invalid(
            "subscription.day_out_of_range",
            f"{day} is not between the years 2000 and 2199",
            field=field,
            value=day,
        )


def _check_keys(tx: Tx, keys: Sequence[str]) -> None:
    taken = {found.key for found in store.find(tx, keys=keys)}
    seen: set[str] = set()
    for key in keys:
        if key in taken or key in seen:
            raise Conflict(
                "subscription.exists",
                f"there is a subscription {key!r} already",
                field="key",
                value=key,
                hint="choose another --key; several subscriptions of one customer need their own",
            )
        seen.add(key)


class When(NamedTuple):
    """When a change takes effect: at the start of a local day, or (None) when the period ends that runs
    as it is agreed. What was paid beyond is given back, unless it `keeps_paid`."""

    on: date | None = None
    keeps_paid: bool = False


def change(
    tx: Tx, key: str, wanted: Action, when: When, *, reason: str, writing: Writing
) -> Subscription:
    """Changes a contract from an instant on, in the past or planned; the whole of it must hold together.

    Raises NotFound `subscription.unknown`, `plan.unknown`, Conflict `subscription.clash`,
    `subscription.billed_beyond`, Invalid.
    """
    held = _locked(tx, key)
    day = when.on or end_of_period(held, writing["at"])
    _check_day(day, "on")
    if day <= held.starts_on and not isinstance(wanted, Begin):
        raise _before_start(day, held.starts_on)
    at = calendar.start_of_day(day, held.time_zone)
    if isinstance(wanted, Cancel) and when.on is not None:
        running = held.phase_at(at) or _last(held)
        at = ended_at(day, _plan_of(tx, running).proration, held.time_zone)
    made = Change(held.changes_made, at, wanted, when.keeps_paid)
    return _changed(
        tx,
        held,
        (*held.changes, made),
        Changed(held, made, len(held.phases), reason=reason),
        writing,
    )


def switch(
    tx: Tx, key: str, plan_key: str, when: When, *, reason: str, writing: Writing
) -> Subscription:
    """Goes over to the newest version of another plan. Without a day, what the plan that is left says of
    upgrades and downgrades decides when; it also decides whether periods go on as they were cut."""
    held = _locked(tx, key)
    version, plan = catalog.newest_plan(tx, plan_key)
    _check_currency(plan, held.currency, held.key)
    day = when.on or _day_of_switch(tx, held, plan, writing["at"])
    _check_day(day, "on")
    running = held.phase_at(calendar.start_of_day(day, held.time_zone)) or _last(held)
    left = _plan_of(tx, running)
    terms = switched(plan, version, day, held.time_zone, running, left, held.starts_on)
    _know_names(tx, {held.subject}, [plan])
    return change(tx, key, Begin(terms), when._replace(on=day), reason=reason, writing=writing)


def _day_of_switch(tx: Tx, held: Subscription, plan: Plan, at: datetime) -> date:
    """The day on which a change of plan takes effect that was asked for without one."""
    running = held.phase_at(max(at, held.starts_at)) or _last(held)
    if takes_effect(plan, _plan_of(tx, running)) is TakesEffect.NOW:
        return max(calendar.local_date(at, held.time_zone), held.starts_on)
    return end_of_period(held, at)


def _plan_of(tx: Tx, phase: Phase) -> Plan:
    key = phase.plan_key, phase.plan_version
    return catalog.plans(tx, [key])[key]


def withdraw(tx: Tx, key: str, change_no: int, *, reason: str, writing: Writing) -> Subscription:
    """Takes a change back that nothing was billed by. Raises NotFound `subscription.change_unknown`,
    Conflict `subscription.clash`, `subscription.billed_beyond`."""
    held = _locked(tx, key)
    found = next((c for c in held.changes if c.change_no == change_no), None)
    if found is None or change_no == 0:
        raise NotFound(
            "subscription.change_unknown",
            f"{key} has no change {change_no} that could be withdrawn",
            field="change",
            value=change_no,
            hint="list them with `everycent subscription show`; the start is cancelled, not withdrawn",
        )
    left = tuple(change for change in held.changes if change is not found)
    return _changed(
        tx,
        held,
        left,
        Changed(held, found, len(held.phases), is_withdrawn=True, reason=reason),
        writing,
    )


def cancel(tx: Tx, key: str, when: When, *, reason: str, writing: Writing) -> Subscription:
    """Ends a subscription; `when` is the first local day that is no longer billed. Raises as `change`."""
    return change(tx, key, Cancel(), when, reason=reason, writing=writing)


def let_pay(
    tx: Tx,
    customer: Customer,
    payer: Customer | None,
    starts_on: date,
    *,
    reason: str,
    writing: Writing,
) -> Payer:
    """From a day on a customer pays for all that another one has agreed to; None: it pays itself again.

    A period in advance falls to who pays on its first day, any other to who pays on its last. Raises
    Conflict `customer.billed_beyond`, and what `customers.set_payer` raises.
    """
    _check_day(starts_on, "starts_on")
    starts_at = calendar.start_of_day(starts_on, customer.time_zone)
    both = [customer.customer_id, *([payer.customer_id] if payer is not None else [])]
    customers.lock(tx, sorted(set(both)))
    key = store.find_paid_beyond(tx, customer.customer_id, starts_at)
    if key is not None:
        raise Conflict(
            "customer.billed_beyond",
            f"{key} is billed beyond {starts_on}: who pays for that can't be changed any more",
            field="starts_on",
            value=starts_on,
            hint="choose a later day",
        )
    told = Payer(
        customer.customer_id,
        None if payer is None else payer.customer_id,
        starts_on,
        starts_at,
        reason,
    )
    customers.set_payer(tx, told, **writing)
    return told


def end_of_period(held: Subscription, at: datetime) -> date:
    """The first day after the period of the plan that runs at an instant, or that runs first."""
    phase = held.phase_at(max(at, held.starts_at)) or _last(held)
    cycle = phase.cycle(held.time_zone)
    today = max(
        calendar.local_date(at, cycle.zone), calendar.local_date(phase.starts_at, cycle.zone)
    )
    return cycle.boundary(cycle.index(today) + 1)


def _last(held: Subscription) -> Phase:
    return max((p for p in held.phases if p.track == MAIN), key=lambda phase: phase.starts_at)


def _locked(tx: Tx, key: str) -> Subscription:
    """The contract, which nobody changes or bills up to the end of the transaction."""
    customers.lock(tx, [get(tx, key).customer_id])
    return get(tx, key)


def _before_start(day: date, starts_on: date) -> Invalid:
    return Invalid(
        "subscription.before_start",
        f"{day} is not after the start on {starts_on}",
        field="on",
        value=day,
    )


def _changed(
    tx: Tx, held: Subscription, changes: tuple[Change, ...], what: Changed, writing: Writing
) -> Subscription:
    """Records the contract with these changes, unless they would touch what was billed."""
    wanted = {
        (c.action.terms.plan_key, c.action.terms.plan_version)
        for c in changes
        if isinstance(c.action, Begin)
    }
    phases = phases_of(changes, held.phases, catalog.plans(tx, wanted))
    _check_billed(tx, held, phases, what.change)
    ends_at = ends_of(phases)
    ends_on = None if ends_at is None else calendar.local_date(ends_at, held.time_zone)
    number = what.change.change_no
    made = msgspec.structs.replace(
        held, changes=changes, phases=phases, changes_made=max(held.changes_made, number + 1),
        ends_on=ends_on, ends_at=ends_at,
    )  # fmt: skip
    verb = "withdrawn" if what.is_withdrawn else "changed"
    journal.record(
        tx,
        [
            Draft(
                writing["ids"](f"subscription.{verb}/{held.key}/{number}"),
                customer_stream(held.customer_id),
                CHANGED,
                writing["at"],
                writing["actor"],
                msgspec.structs.replace(what, subscription=made),
            )
        ],
        writing["recorded_at"],
        projection.changed,
    )
    return made


def _check_billed(tx: Tx, held: Subscription, phases: Sequence[Phase], change: Change) -> None:
    """No change touches usage that is billed, and none needs time again that was given back. Time that is
    paid in advance may be cut off."""
    before = {phase.phase_no: phase.ends_at for phase in held.phases}
    ends = {phase.phase_no: phase.ends_at for phase in phases}
    for phase_no, until in store.given_back(tx, held.subscription_id).items():
        end = ends[phase_no]
        if end is None or end > until:
            raise Conflict(
                "subscription.given_back",
                f"what was paid beyond {instant_text(until)} was given back; {told(change)} would need it",
                field="change",
                value=str(change.change_no),
                hint="leave that change, and agree a new one that goes on from there",
            )
    for phase_no, until in store.billed_until(tx, held.subscription_id):
        end = ends[phase_no]
        if end is not None and end != before[phase_no] and until > end:
            raise Conflict(
                "subscription.billed_beyond",
                f"its usage is billed up to {instant_text(until)}, beyond {told(change)}",
                field="on",
                value=instant_text(end),
                hint="choose a later day, and credit the invoice if the customer should not pay it",
            )


def get(tx: Tx, key: str) -> Subscription:
    """A subscription by key. Raises NotFound `subscription.unknown`."""
    found = store.find(tx, keys=[key])
    if not found:
        raise NotFound(
            "subscription.unknown",
            f"there is no subscription {key!r}",
            field="key",
            value=key,
            hint="list them with `everycent subscription list`",
        )
    return found[0]
