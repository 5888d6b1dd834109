"""What stands open for a customer is what its next invoice says: with late usage, and by who pays."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everycent.corrections import operations as corrections
from everycent.customers import queries as customers
from everycent.flows import late
from everycent.flows.outstanding import as_data, of_customer
from everycent.flows.running import Running, State
from everycent.invoicing.invoice import Invoice
from everycent.kernel.calendar import start_of_day
from everycent.kernel.errors import Refusal
from everycent.metering import operations as metering
from everycent.metering.record import UsageRecord
from everycent.subscriptions import operations as contracts
from everycent.subscriptions.operations import Order
from everycent.tenants import operations as tenants
from tests.conftest import Place
from tests.flows import world
from tests.flows.test_late import CATALOGUE, REGISTER, opened, papers, reading
from tests.flows.test_payers import pay
from tests.flows.test_preview import previewed
from tests.flows.world import calls, midnight, use

JAN, FEB, MAR, APR = (date(2026, month, 1) for month in (1, 2, 3, 4))


def open_of(place: Place, key: str, as_of: datetime, **more: Any) -> Running:
    with place.database.snapshot(place.tenant_id) as tx:
        return of_customer(tx, customers.by_name(tx, key), as_of, **more)


def lines_of(found: Running) -> Counter[tuple[str, str, datetime, int]]:
    """What is still to be billed to the customer, as (contract, price, since, net); without periods of
    which only the quantity has changed, which make no document of their own."""
    return Counter(
        (line.subscription, line.charge.price.key, line.period.start, line.net)
        for line in found.lines
        if line.state is not State.BILLED and line.payer_id not in found.others
        if line.net or line.state is not State.LATE
    )


def lines_on(documents: list[Invoice]) -> Counter[tuple[str, str, datetime, int]]:
    """The same of invoices."""
    return Counter(
        (line.subscription, line.charge.price.key, line.starts_at, line.net)
        for document in documents
        for line in document.lines
        if line.net or line.corrects is None
    )


def late_of(found: Running) -> list[tuple[int, int]]:
    """(right now, to be said on the next invoice) of every late line."""
    return [(line.charge.net, line.net) for line in found.lines if line.state is State.LATE]


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("mark", [False, True])
@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("next_invoice", [(11000, 3000)]),
        ("note", [(11000, 3000)]),
        ("review", []),
        ("write_off", []),
    ],
)
def test_late_usage_is_told_as_the_policy_of_its_meter_bills_it(place, policy, said, fold, mark):
    opened(place, policy)
    use(place, [calls("acme", 40, date(2026, 1, 20))], fold=fold)
    if mark:
        late.keep_up(place.database, place.tenant_id)
    found = open_of(place, "acme", midnight(date(2026, 2, 10)))
    assert late_of(found) == said
    assert found.totals() == {"EUR": 4000 + sum(more for _, more in said)}
    ours = open_of(place, "acme", midnight(MAR))
    assert lines_of(ours) == lines_on(previewed(place, "acme", as_of=midnight(MAR)).documents)


def test_what_is_taken_back_or_replaced_counts_before_it_is_billed(place):
    opened(place, "next_invoice")
    world.void(place, "acme", date(2026, 1, 10))
    assert late_of(open_of(place, "acme", midnight(MAR))) == [(3000, -5000)]
    use(place, [calls("acme", 90, date(2026, 1, 10), name="again")], fold=False)
    found = open_of(place, "acme", midnight(MAR))
    assert late_of(found) == [(9000, 1000)]
    world.run(place, midnight(MAR))
    assert ("calls", JAN, 1000) in papers(place)[1][1]
    assert late_of(open_of(place, "acme", midnight(MAR))) == []


def test_as_of_the_past_only_periods_that_had_ended_are_told_anew(place):
    opened(place, "next_invoice")
    use(place, [calls("acme", 40, date(2026, 1, 20))])
    assert late_of(open_of(place, "acme", midnight(FEB), is_now=False)) == [(11000, 3000)]
    assert late_of(open_of(place, "acme", midnight(date(2026, 1, 25)), is_now=False)) == []


def test_a_register_goes_on_from_the_reading_as_it_is_now(place):
    world.sell(place, [("acme", "metered")], text=REGISTER, starts_on=JAN)
    use(place, [reading(1000, JAN), reading(1100, FEB)])
    world.run(place, midnight(FEB))
    world.void(place, "acme", FEB)
    use(place, [reading(1150, FEB, name="right"), reading(1600, MAR)], fold=False)
    found = open_of(place, "acme", midnight(MAR))
    assert late_of(found) == [(1500, 500)]
    assert found.totals() == {"EUR": 500 + 4500}
    assert lines_of(found) == lines_on(previewed(place, "acme", as_of=midnight(MAR)).documents)


def test_what_can_not_be_told_of_late_usage_is_refused_as_it_would_be_billed(place):
    world.sell(place, [("acme", "metered")], text=REGISTER, starts_on=JAN)
    use(place, [reading(1000, JAN), reading(1100, FEB)])
    world.run(place, midnight(FEB))
    use(place, [reading(500, date(2026, 1, 20), name="odd")], fold=False)
    found = open_of(place, "acme", midnight(MAR))
    with pytest.raises(Refusal) as refused:
        previewed(place, "acme", as_of=midnight(MAR))
    assert {one.refusal.code for one in found.refused} == {refused.value.code}


def test_what_somebody_else_pays_is_shown_to_both_and_counts_for_who_pays(place):
    plans = [("child", "basic"), ("parent", "basic")]
    world.sell(place, plans, text=CATALOGUE % "next_invoice", starts_on=JAN)
    use(place, [calls("child", 50, date(2026, 1, 10))])
    pay(place, "child", "parent", FEB)
    child, parent = (open_of(place, key, midnight(FEB)) for key in ("child", "parent"))
    assert child.totals() == {"EUR": 6000}
    assert parent.totals() == {"EUR": 4000}
    now = midnight(date(2026, 2, 10))
    child, parent = (open_of(place, key, now) for key in ("child", "parent"))
    assert child.totals() == {"EUR": 6000}  # January; February is the parent's
    assert parent.totals() == {"EUR": 4000 + 2 * 4000}
    told = as_data(child, "child", [])["lines"]
    assert [(one["starts_at"][:7], one["paid_by"]) for one in told] == [
        ("2025-12", None), ("2026-01", "parent"), ("2025-12", None), ("2026-01", "parent"),
    ]  # fmt: skip
    assert {one["paid_by"] for one in as_data(parent, "parent", [])["lines"]} == {None}
    assert {line.subscription for line in parent.lines} == {"child", "parent"}


def test_a_period_after_one_without_readings_goes_on_from_those_that_came_late(place):
    world.sell(place, [("acme", "metered")], text=REGISTER, starts_on=JAN)
    world.run(place, midnight(FEB))
    use(
        place,
        [reading(1000, JAN), reading(1566, date(2026, 1, 9)), reading(1800, date(2026, 2, 9))],
    )
    found = open_of(place, "acme", midnight(MAR))
    assert late_of(found) == [(5660, 5660)]
    assert found.totals() == {"EUR": 5660 + 2340}
    world.run(place, midnight(MAR))
    assert late_of(open_of(place, "acme", midnight(MAR))) == []


MANY = """
meters:
  calls: {unit: call}
  users: {unit: user, aggregation: unique, distinct: user}
  stored: {unit: GB, aggregation: weighted_sum, granularity: second, level: sets}
  register: {unit: kWh, aggregation: counter, digits: 5}
  quiet: {unit: call}
intake:
  calls: {after_invoice: next_invoice}
  users: {after_invoice: note}
  stored: {after_invoice: next_invoice}
  register: {after_invoice: next_invoice}
  quiet: {after_invoice: review}
taxes:
  vat: {rates: [{since: 2000-01-01, percent: 20}]}
products:
  thing: {name: Thing, tax: vat}
plans:
  all:
    currency: EUR
    anchor_day: 1
    prices:
      - key: calls
        product: thing
        meter: calls
        graduated: {tiers: [{up_to: 100, unit_amount: 0.05}, {unit_amount: 0.0333}]}
        minimum: 4
      - {key: users, product: thing, meter: users, per_unit: {unit_amount: 0.77}}
      - {key: stored, product: thing, meter: stored, per_unit: {unit_amount: 1.2345}}
      - {key: energy, product: thing, meter: register, per_unit: {unit_amount: 0.25}}
      - {key: quiet, product: thing, meter: quiet, per_unit: {unit_amount: 1}}
      - {key: base, product: thing, flat: {amount: 31}, timing: in_advance}
"""
METERS = ("calls", "users", "stored", "register", "quiet")
START, DAYS = start_of_day(JAN, world.ZONE), 59


@st.composite
def records(draw: st.DrawFn, name: str) -> list[UsageRecord]:
    """Records of January and February, and readings that only grow."""
    moments = st.integers(0, DAYS * 24 * 60 - 1).map(lambda n: START + timedelta(minutes=n))
    found = []
    for number, at in enumerate(draw(st.lists(moments, max_size=10))):
        meter = draw(st.sampled_from(METERS))
        value = str(draw(st.decimals(0, 500, places=2)))
        if meter == "register":
            value = str(int((at - START) / timedelta(minutes=1)))
        told = f'{{"user":"{draw(st.sampled_from("abc"))}"}}' if meter == "users" else "{}"
        subject = draw(st.sampled_from(["acme", "child"]))
        record_id = f"{name}/{number}"
        found.append(UsageRecord("test", record_id, subject, meter, at, value, told))
    return found


def open_two(place: Place) -> None:
    """Two customers, of whom one pays for the other from February on; January is billed."""
    world.sell(place, [("acme", "all"), ("child", "all")], text=MANY)
    with place.database.transaction(place.tenant_id) as tx:
        acme = customers.by_name(tx, "acme")
        contracts.start(tx, [Order(acme, "all", "second", JAN, "child")], **world.writing(place))
    pay(place, "child", "acme", FEB)


_tenants = count()


def another_tenant(place: Place) -> int:
    """Books of its own for each example."""
    return tenants.create(place.database, f"example-{next(_tenants)}", "Example", place.now)


def take_back(place: Place, ids: list[str]) -> None:
    by = corrections.By("test", "wrong", place.now, place.ids)
    with place.database.transaction(place.tenant_id) as tx:
        corrections.void(tx, [("test", record_id) for record_id in ids], by)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_whatever_comes_late_what_stands_open_is_what_is_billed_next(place, data):
    place = place._replace(tenant_id=another_tenant(place))
    open_two(place)
    first = data.draw(records("first"), label="in time")
    world.use(place, first)
    world.run(place, midnight(FEB))
    if data.draw(st.booleans(), label="billed in March"):
        world.run(place, midnight(MAR))
    again = data.draw(records("again"), label="late")
    use(place, again, fold=data.draw(st.booleans(), label="folded"))
    if data.draw(st.booleans(), label="marked"):
        late.keep_up(place.database, place.tenant_id)
    known = [one.record_id for one in (*first, *again)]
    voided = data.draw(st.lists(st.sampled_from(known), unique=True) if known else st.just([]))
    if voided:
        take_back(place, voided)
    if data.draw(st.booleans(), label="folded at last"):
        metering.fold(place.database, place.tenant_id)
    for as_of in (midnight(APR), midnight(date(2026, 5, 1))):
        before = {key: open_of(place, key, as_of) for key in ("acme", "child")}
        told = len(world.issued(place))
        shown = {}
        for key in before:
            refusals = {one.refusal.code for one in before[key].refused}
            try:
                shown[key] = lines_on(previewed(place, key, as_of=as_of).documents)
            except Refusal as refusal:
                refusals.remove(refusal.code)
            else:
                assert not refusals
        world.run(place, as_of)
        fresh = world.issued(place)[told:]
        for key, ours in shown.items():
            assert lines_of(before[key]) == ours
            assert ours == lines_on([one for one in fresh if one.customer.key == key])
            assert before[key].totals().get("EUR", 0) == sum(
                net * count for (*_, net), count in ours.items()
            )
