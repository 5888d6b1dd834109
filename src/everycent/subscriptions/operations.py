"""Start subscriptions, change them now or at any other time, and withdraw planned changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TypedDict

import msgspec

from everycent.catalog import queries as catalog
from everycent.catalog.meter import series_of
from everycent.catalog.offer import check_offer
from everycent.catalog.plan import Plan
from everycent.customers import operations as customers
from everycent.customers.customer import stream as customer_stream
from everycent.db.connection import Tx
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.kernel import calendar
from everycent.kernel.errors import Invalid, NotFound
from everycent.kernel.ids import IdSource
from everycent.metering import operations as metering
from everycent.subscriptions import projection, store
from everycent.subscriptions.agreeing import (
    NOTHING_BILLED,
    Billed,
    agreed,
    versions_of,
    withdrawn,
)
from everycent.subscriptions.changing import (
    When,
    addition,
    day_of,
    day_of_drop,
    day_of_quantity,
    day_of_switch,
    going_on,
    last,
    no_track,
    terms_at,
    today,
)
from everycent.subscriptions.currencies import check_currency, is_below
from everycent.subscriptions.leaving import binds_plan, check_notice, check_reason
from everycent.subscriptions.moving import Moved, Wanted, moved
from everycent.subscriptions.order import Order, check_alone, check_day, check_keys, decide
from everycent.subscriptions.phases import Plans
from everycent.subscriptions.proration import ended_at
from everycent.subscriptions.subscription import CHANGED, STARTED, Changed, Phase, Subscription
from everycent.subscriptions.terms import switched
from everycent.subscriptions.timeline import (
    MAIN,
    OF,
    Action,
    Agree,
    Begin,
    Cancel,
    Change,
    End,
)
from everycent.subscriptions.told import NOTHING_TOLD, Told, agreed_quantity


class Writing(TypedDict):
    """Who writes, when it holds from, when it is written, and where ids come from."""

    at: datetime
    recorded_at: datetime
    actor: str
    ids: IdSource


def start(
    tx: Tx,
    orders: Sequence[Order],
    *,
    at: datetime,
    recorded_at: datetime,
    actor: str,
    ids: IdSource,
) -> list[Subscription]:
    """Starts subscriptions, any number at once, each on the newest version of its plan or on one that it
    names.

    Raises NotFound `plan.unknown`, `plan.unknown_version`, Conflict `subscription.exists`,
    `subscription.clash`, `plan.version_later`, Invalid.
    """
    offers = {
        (key, version): catalog.offer(tx, key, version)
        for key, version in dict.fromkeys((o.plan_key, o.told.version) for o in orders)
    }
    policies = catalog.policies(tx)
    customers.lock(tx, sorted({order.customer.customer_id for order in orders}))
    keys = [order.key for order in orders]
    check_keys(keys, {found.key for found in store.find(tx, keys=keys)})
    drafts = []
    for order in orders:
        offer = offers[order.plan_key, order.told.version]
        subscription = decide(order, offer, ids, policies)
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
    plans = [offer.plan for offer in offers.values()]
    _know_names(tx, {draft.payload.subject for draft in drafts}, plans)
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


def change(
    tx: Tx, key: str, wanted: Action, when: When, *, reason: str, writing: Writing
) -> Subscription:
    """Changes a contract from an instant on, in the past or planned; the whole of it must hold together.

    Raises NotFound `subscription.unknown`, `plan.unknown`, Conflict `subscription.clash`,
    `subscription.billed_beyond`, Invalid.
    """
    held = _locked(tx, key)
    day = when.on or day_of(held, wanted, writing["at"], breaks_term=when.breaks_term)
    check_day(day, "on")
    at = calendar.start_of_day(day, held.time_zone)
    running = held.phase_at(at) or last(held)
    if isinstance(wanted, Cancel) and when.on is not None:
        at = ended_at(day, _plan_of(tx, running).proration, held.time_zone)
    if at < held.starts_at or (at == held.starts_at and not isinstance(wanted, Begin)):
        raise _before_start(day, held.starts_on)
    made = Change(held.changes_made, at, wanted, when.keeps_paid, when.breaks_term)
    check_reason(made, reason)
    track = wanted.track if isinstance(wanted, End) else MAIN
    check_notice(held, made, held.phase_at(at, track) or running, writing["at"])
    changes = (*held.changes, made)
    return _record(tx, [agreed(held, made, *_known(tx, held, changes), reason)], writing)


def switch(
    tx: Tx,
    key: str,
    plan_key: str,
    when: When,
    *,
    reason: str,
    writing: Writing,
    told: Told = NOTHING_TOLD,
) -> Subscription:
    """Goes over to the newest version of another plan. Without a day, what the plan that is left says of
    upgrades and downgrades decides when; it also decides whether periods go on as they were cut.

    Quantities that are not `told` go on where both plans have a price of the same key. To another version
    of the same plan prices of the contract's own go on too, and nothing is sold once more.
    """
    held = _locked(tx, key)
    offer = catalog.offer(tx, plan_key, told.version)
    version, plan, *_ = offer
    check_currency(plan, held.currency, held.key, catalog.policies(tx))
    check_alone(plan)
    at = max(writing["at"], held.starts_at)
    day = when.on or day_of_switch(held, plan, _plan_of(tx, held.phase_at(at) or last(held)), at)
    if when.on is None and not when.breaks_term:
        day = _end_of_term(tx, held, plan, day)
    check_day(day, "on")
    check_offer(offer, day, held.time_zone)
    running = held.phase_at(calendar.start_of_day(day, held.time_zone)) or last(held)
    left = _plan_of(tx, running)
    is_same = running.plan_key == plan.key
    if is_same:
        told = going_on(held, running, left, told)
    terms = switched(plan, version, day, held.time_zone, running, left, held.starts_on, told=told)
    _know_names(tx, {held.subject}, [plan])
    wanted = Begin(terms, new_term=told.begins_term, goes_on=is_same)
    return change(tx, key, wanted, when._replace(on=day), reason=reason, writing=writing)


def _end_of_term(tx: Tx, held: Subscription, plan: Plan, day: date) -> date:
    """The day itself, or the end of the term that runs then if that binds to a plan that is not cheaper."""
    ran = binds_plan(held, day)
    if ran is None:
        return day
    at = calendar.start_of_day(ran.starts_on, held.time_zone)
    first = terms_at(held, at)
    key = first.plan_key, first.plan_version
    if plan.key == first.plan_key or not is_below(
        plan, catalog.plans(tx, [key])[key], held.currency
    ):
        return day
    return ran.ends_on


def agree(
    tx: Tx,
    key: str,
    quantities: Mapping[str, str],
    when: When,
    *,
    track: str = MAIN,
    reason: str,
    writing: Writing,
) -> Subscription:
    """Changes quantities that are agreed, of the plan's prices or those of the add-on on a track.

    Without a day the plan's rules for upgrades and downgrades say when; with `decrease: keep` less begins
    when the period ends that is paid for. Raises as `change`, and Invalid `subscription.quantity`,
    `subscription.decrease_kept`.
    """
    held = _locked(tx, key)
    for price_key, text in quantities.items():
        held = _agree(tx, held, Agree(price_key, text, track), when, reason, writing)
    return held


def _agree(
    tx: Tx, held: Subscription, wanted: Agree, when: When, reason: str, writing: Writing
) -> Subscription:
    asked = max(held.starts_at, writing["at"])
    if when.on is not None:
        asked = calendar.start_of_day(when.on, held.time_zone)
    phase = held.phase_at(asked, wanted.track)
    if phase is None:
        raise no_track(held, wanted.track)
    plan = _plan_of(tx, phase)
    quantity = agreed_quantity(plan, wanted.price_key, wanted.quantity)
    running = held.phase_at(asked, f"{wanted.track}{OF}{wanted.price_key}")
    if running is not None:
        when = when._replace(on=day_of_quantity(held, plan, running, quantity, asked, when))
    action = msgspec.structs.replace(wanted, quantity=quantity)
    return change(tx, held.key, action, when, reason=reason, writing=writing)


def add(
    tx: Tx,
    key: str,
    plan_key: str,
    on: date | None,
    *,
    name: str | None = None,
    told: Told = NOTHING_TOLD,
    reason: str,
    writing: Writing,
) -> Subscription:
    """Adds the newest version of a plan to a contract, from today on or from another day, under the key of
    the plan or another name. Raises as `change` and `changing.addition`."""
    held = _locked(tx, key)
    offer = catalog.offer(tx, plan_key, told.version)
    version, plan, *_ = offer
    check_currency(plan, held.currency, held.key, catalog.policies(tx))
    day = on or today(held, writing["at"])
    check_day(day, "on")
    check_offer(offer, day, held.time_zone)
    wanted = addition(held, plan, version, name, day, told)
    _know_names(tx, {held.subject}, [plan])
    return change(tx, key, wanted, When(day), reason=reason, writing=writing)


def drop(tx: Tx, key: str, name: str, when: When, *, reason: str, writing: Writing) -> Subscription:
    """Ends an add-on; without a day when its period ends that runs. Raises as `change`, and NotFound
    `subscription.no_add_on`."""
    ends_on = day_of_drop(_locked(tx, key), name, writing["at"])
    return change(tx, key, End(name), when._replace(on=when.on or ends_on), reason=reason,
                  writing=writing)  # fmt: skip


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
    made = withdrawn(held, found, *_known(tx, held, held.changes), reason)
    return _record(tx, [made], writing)


def cancel(tx: Tx, key: str, when: When, *, reason: str, writing: Writing) -> Subscription:
    """Ends a subscription; `when` is the first local day that is no longer billed. Raises as `change`."""
    return change(tx, key, Cancel(), when, reason=reason, writing=writing)


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
        hint=f"choose a day after {starts_on}",
    )


def _known(tx: Tx, held: Subscription, changes: Sequence[Change]) -> tuple[Plans, Billed]:
    """The plans of a contract with these changes, and what is billed of it."""
    billed = store.billed(tx, [held.subscription_id])
    return catalog.plans(tx, versions_of(changes)), billed.get(held.subscription_id, NOTHING_BILLED)


def move(
    tx: Tx, keys: Sequence[str], wanted: Wanted, *, reason: str, writing: Writing, is_trial: bool
) -> list[Moved]:
    """Lets contracts go over to the newest version of the plan that they have, and says what became of
    each; those that clash are left as they are. With `is_trial` nothing is written."""
    if not is_trial:
        ids = {found.customer_id for found in store.find(tx, keys=keys)}
        customers.lock(tx, sorted(ids))
    held = store.find(tx, keys=keys)
    billed = store.billed(tx, [one.subscription_id for one in held])
    plans = {
        **catalog.plans(tx, {key for one in held for key in versions_of(one.changes)}),
        (wanted.plan.key, wanted.version): wanted.plan,
    }
    found = [
        moved(
            one,
            wanted,
            plans,
            billed.get(one.subscription_id, NOTHING_BILLED),
            writing["at"],
            reason,
        )
        for one in held
    ]
    made = [change for one in found for change in one.changes]
    if made and not is_trial:
        _know_names(tx, {one.subject for one in held}, [wanted.plan])
        _record(tx, made, writing)
    return found


def _record(tx: Tx, made: Sequence[Changed], writing: Writing) -> Subscription:
    """Writes changes and withdrawals down; gives the contract of the last one."""
    drafts = []
    for one in made:
        held, number = one.subscription, one.change.change_no
        verb = "withdrawn" if one.is_withdrawn else "changed"
        drafts.append(
            Draft(
                writing["ids"](f"subscription.{verb}/{held.key}/{number}"),
                customer_stream(held.customer_id),
                CHANGED,
                writing["at"],
                writing["actor"],
                one,
            )
        )
    journal.record(tx, drafts, writing["recorded_at"], projection.changed)
    return made[-1].subscription


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
