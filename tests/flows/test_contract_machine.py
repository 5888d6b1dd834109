"""Contracts under random changes: planned, in the past, withdrawn, billed in between.

Beside the product runs a model that knows no phases: it asks for every single day what holds on it, from
the changes that are agreed. What the product takes must be free of contradictions in the model, what it
refuses as a clash must not be, and when all is over every day has been charged for exactly as it was lived.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from everycent.customers import operations as customers
from everycent.customers.customer import Customer
from everycent.kernel.calendar import local_date
from everycent.kernel.errors import Refusal
from everycent.subscriptions import operations as contracts
from everycent.subscriptions.changing import When
from everycent.subscriptions.clash import Rule
from everycent.subscriptions.order import Order
from everycent.subscriptions.subscription import Subscription
from everycent.subscriptions.timeline import MAIN, OF, Pause, Resume
from everycent.subscriptions.told import NOTHING_TOLD
from tests.conftest import Place
from tests.flows import world
from tests.flows.test_contracts import sound
from tests.flows.world import midnight

CATALOGUE = """
meters: {calls: {unit: call}}
products: {p: {name: P}, q: {name: Q}}
plans:
  basic:
    {currency: EUR, interval: 30 days, changes: {upgrade: now, downgrade: period_end}, prices: [
      {key: fee, product: p, flat: {amount: 30}, timing: in_advance},
      {key: calls, product: q, meter: calls, per_unit: {unit_amount: 0.01}}]}
  plus:
    {currency: EUR, interval: 30 days, prices: [
      {key: fee, product: p, flat: {amount: 60}, timing: in_advance},
      {key: calls, product: q, meter: calls, per_unit: {unit_amount: 0.02}}]}
  team:
    {currency: EUR, interval: 30 days, prices: [
      {key: seats, product: p, per_unit: {unit_amount: 30}, timing: in_advance,
       agreed: {unit: seat, quantity: 2, least: 1, most: 9}}]}
  gold:
    {currency: EUR, interval: 30 days, term: {length: 60 days, notice: 10 days}, prices: [
      {key: fee, product: p, flat: {amount: 90}, timing: in_advance}]}
  storage:
    {currency: EUR, interval: 30 days, adds_to: [plus, team], prices: [
      {key: disk, product: p, flat: {amount: 15}, timing: in_advance}]}
"""
PLANS = ("basic", "plus", "team", "gold")
FEE = {"basic": 100, "plus": 200, "team": 0, "gold": 300}
"""Cents a day; a seat is another 100, the storage 50."""
CALL = {"basic": 1, "plus": 2}
START = date(2026, 1, 1)
LAST = date(2026, 12, 27)
"""Up to which everything is billed and was lived."""
HORIZON = date(2027, 12, 27)
"""No change is agreed for a later day."""
OF_TERMS = {
    Rule.WITHIN_TERM, Rule.NOTICE_LATE, Rule.PLAN_BELOW_TERM, Rule.QUANTITY_BELOW_TERM,
}  # fmt: skip
"""What the model knows nothing of."""
AFTER = st.integers(-4, 20).map(lambda count: timedelta(days=5 * count))
"""From today on, or before; few enough days for changes to meet."""
WHEN = st.one_of(st.none(), AFTER, AFTER)


class Step(NamedTuple):
    """A change as the model knows it."""

    number: int
    day: date | None
    what: str
    plan: str = ""
    seats: int | None = None

    @property
    def touches(self) -> str:
        if self.what in ("pause", "resume", "cancel"):
            return "*"
        return {"add": "storage", "drop": "storage", "seats": "seats"}.get(self.what, "plan")


class Day(NamedTuple):
    """What holds on a day."""

    plan: str
    seats: int
    has_storage: bool


def days(steps: Sequence[Step]) -> dict[date, Day]:
    """What holds on each day up to the horizon; days on which nothing does are left out. Raises
    AssertionError where the changes contradict each other."""
    plan, seats, has_storage, is_paused, is_over = "", 0, False, False, False
    found = {}
    waiting = sorted(steps, key=lambda step: (step.day, step.number))
    day = START
    while day < HORIZON:
        today = [step for step in waiting if step.day == day]
        same = [step.touches for step in today]
        assert len(same) == len(set(same)), "two changes to one thing on a day"
        cancels = any(step.what == "cancel" for step in today)
        assert not cancels or all(step.what in ("cancel", "drop") for step in today)
        for step in today:
            assert not is_over, "over by then"
            if step.what == "switch":
                before = seats if plan == "team" else 0
                assert "seats" not in same or (step.plan == "team" and step.seats is None)
                assert plan != step.plan or step.seats not in (None, before), "so already"
                plan = step.plan
                seats = (step.seats or before or 2) if plan == "team" else 0
            elif step.what == "seats":
                assert plan == "team", "no seats"
                assert step.seats is not None
                assert step.seats != seats, "so already"
                assert "plan" not in same[: same.index("seats")], "seats begin with the plan"
                seats = step.seats
            elif step.what in ("add", "drop"):
                assert has_storage is (step.what == "drop")
                has_storage = not has_storage
            elif step.what in ("pause", "resume"):
                assert is_paused is (step.what == "resume")
                is_paused = not is_paused
            else:
                is_over = True
        if not is_over and not is_paused:
            assert not has_storage or plan in ("plus", "team"), "no add-on to that"
            found[day] = Day(plan, seats, has_storage)
        day += timedelta(days=1)
    return found


class Contract(RuleBasedStateMachine):
    """One contract of a customer of its own."""

    place: Place
    made = 0

    @initialize(plan=st.sampled_from(PLANS))
    def start(self, plan: str) -> None:
        Contract.made += 1
        self.key = f"c{Contract.made}"
        self.today = self.billed = START
        self.steps = [Step(0, START, "switch", plan, None)]
        self.calls: dict[date, int] = {}
        self.is_over = False
        place = self.place
        customer = Customer(place.ids(f"customer/{self.key}"), self.key, "C", "EUR", world.ZONE)
        with place.database.transaction(place.tenant_id) as tx:
            customers.create(tx, [customer], **world.writing(place))
            (self.held,) = contracts.start(
                tx, [Order(customer, plan, self.key, START)], **world.writing(place)
            )

    def do(self, step: Step, do: Callable[..., Subscription], *given: Any, **named: Any) -> None:
        """Asks for a change; the model is told of it if it is taken."""
        place, number = self.place, self.held.changes_made
        writing = {**world.writing(place), "at": midnight(self.today)}
        try:
            with place.database.transaction(place.tenant_id) as tx:
                self.held = do(tx, self.key, *given, **named, reason="asked", writing=writing)
        except Refusal as refusal:
            if refusal.code == "subscription.clash" and refusal.value not in OF_TERMS and step.day:
                with pytest.raises(AssertionError):
                    days([*self.steps, step._replace(number=number)])
            self.check_unchanged()
        else:
            (made,) = [one for one in self.held.changes if one.change_no == number]
            day = local_date(made.effective_at, world.ZONE)
            self.steps.append(step._replace(number=number, day=day))

    def check_unchanged(self) -> None:
        """Nothing was written of what was refused."""
        with self.place.database.snapshot(self.place.tenant_id) as tx:
            assert contracts.get(tx, self.key) == self.held

    def day(self, after: timedelta | None) -> date | None:
        """So long after today, but never before the start."""
        return None if after is None else max(START, self.today + after)

    def has(self, *what: str) -> bool:
        """Whether a change of one of these kinds, or a plan, is agreed."""
        return any({step.what, step.plan} & set(what) for step in self.steps)

    @rule(
        plan=st.sampled_from(PLANS),
        on=WHEN,
        seats=st.sampled_from([None, None, 1, 4]),
        breaks=st.booleans(),
    )
    def switch(self, plan: str, on: timedelta | None, seats: int | None, breaks: bool) -> None:
        day = self.day(on)
        seats = seats if plan == "team" else None
        told = (
            NOTHING_TOLD
            if seats is None
            else NOTHING_TOLD._replace(quantities={"seats": str(seats)})
        )
        when = When(day, breaks_term=breaks)
        self.do(Step(0, day, "switch", plan, seats), contracts.switch, plan, when, told=told)

    @precondition(lambda self: self.has("team"))
    @rule(count=st.integers(1, 9), on=WHEN, breaks=st.booleans())
    def agree(self, count: int, on: timedelta | None, breaks: bool) -> None:
        day = self.day(on)
        when = When(day, breaks_term=breaks)
        self.do(Step(0, day, "seats", "", count), contracts.agree, {"seats": str(count)}, when)

    @rule(on=AFTER)
    def pause(self, on: timedelta) -> None:
        day = self.day(on)
        self.do(Step(0, day, "pause"), contracts.change, Pause(), When(day))

    @precondition(lambda self: self.has("pause"))
    @rule(on=AFTER)
    def resume(self, on: timedelta) -> None:
        day = self.day(on)
        self.do(Step(0, day, "resume"), contracts.change, Resume(), When(day))

    @precondition(lambda self: len(self.steps) > 4)
    @rule(on=WHEN, breaks=st.booleans())
    def cancel(self, on: timedelta | None, breaks: bool) -> None:
        day = self.day(on)
        self.do(Step(0, day, "cancel"), contracts.cancel, When(day, breaks_term=breaks))

    @precondition(lambda self: self.has("plus", "team"))
    @rule(on=AFTER)
    def add(self, on: timedelta) -> None:
        day = self.day(on)
        self.do(Step(0, day, "add"), contracts.add, "storage", day, name="storage")

    @precondition(lambda self: self.has("add"))
    @rule(on=WHEN)
    def drop(self, on: timedelta | None) -> None:
        day = self.day(on)
        self.do(Step(0, day, "drop"), contracts.drop, "storage", When(day))

    @precondition(lambda self: len(self.steps) > 1)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        self.take_back(data.draw(st.sampled_from([one.number for one in self.steps[1:]])))

    def take_back(self, number: int) -> None:
        """Withdraws a change; the model forgets it if that is taken."""
        left = [one for one in self.steps if one.number != number]
        writing = {**world.writing(self.place), "at": midnight(self.today)}
        try:
            with self.place.database.transaction(self.place.tenant_id) as tx:
                self.held = contracts.withdraw(tx, self.key, number, reason="", writing=writing)
        except Refusal as refusal:
            if refusal.code == "subscription.clash" and refusal.value not in OF_TERMS:
                with pytest.raises(AssertionError):
                    days(left)
            self.check_unchanged()
        else:
            self.steps = left

    @rule(after=st.integers(0, 60), count=st.integers(1, 50))
    def use(self, after: int, count: int) -> None:
        """Usage is told of days that are not billed yet."""
        day = self.billed + timedelta(days=after)
        if day in self.calls or day >= LAST:
            return
        self.calls[day] = count
        world.use(self.place, [world.calls(self.key, count, day)])

    @rule(later=st.integers(1, 45))
    def bill(self, later: int) -> None:
        day = min(self.billed + timedelta(days=later), LAST)
        world.run(self.place, midnight(day))
        self.billed = self.today = day

    @invariant()
    def every_day_is_as_the_model_knows_it(self) -> None:
        expected = days(self.steps)
        found: dict[date, Day] = {}
        for track in (MAIN, f"{MAIN}{OF}seats", "storage"):
            for phase in self.held.phases:
                if phase.track != track or not phase.takes_place:
                    continue
                day = local_date(phase.starts_at, world.ZONE)
                end = HORIZON if phase.ends_at is None else local_date(phase.ends_at, world.ZONE)
                while day < min(end, HORIZON):
                    if track == MAIN:
                        assert day not in found, "two plans on a day"
                        found[day] = Day(phase.plan_key, 0, has_storage=False)
                    elif track == "storage":
                        assert not found[day].has_storage, "an add-on twice"
                        found[day] = found[day]._replace(has_storage=True)
                    else:
                        assert not found[day].seats, "seats twice"
                        found[day] = found[day]._replace(seats=int(phase.items[0].quantity or 0))
                    day += timedelta(days=1)
        assert found == expected

    def teardown(self) -> None:
        """Everything is billed, and comes to what the days cost."""
        if not hasattr(self, "held"):
            return
        self.billed = self.today = LAST
        for step in sorted(self.steps, key=lambda step: (step.day, step.number), reverse=True):
            if step.day >= LAST:
                self.take_back(step.number)
        if self.held.ends_on is None:
            self.do(Step(0, LAST, "cancel"), contracts.cancel, When(LAST, breaks_term=True))
        assert self.held.ends_on is not None
        world.run(self.place, midnight(LAST + timedelta(days=40)))
        lived = days(self.steps)
        wanted = sum(
            FEE[day.plan] + 100 * day.seats + 50 * day.has_storage for day in lived.values()
        )
        wanted += sum(
            CALL.get(lived[day].plan, 0) * count
            for day, count in self.calls.items()
            if day in lived
        )
        with self.place.database.snapshot(self.place.tenant_id) as tx:
            (net,) = tx.tuples(
                "select coalesce(sum(net), 0)::bigint from invoice"
                " join customer using (tenant_id, customer_id) where key = %(key)s",
                {"key": self.key},
            )[0]
        assert net == wanted


def test_no_changes_make_a_contract_that_contradicts_itself(place: Place) -> None:
    world.apply(place, CATALOGUE)
    Contract.place = place
    run_state_machine_as_test(
        Contract,
        settings=settings(
            max_examples=60, stateful_step_count=25, deadline=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
    sound(place)
