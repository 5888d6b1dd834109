"""Customers who pay for others: whose invoice a period stands on, and who owes."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from everycent.catalog import document
from everycent.customers import queries as customers
from everycent.flows import bill, owed
from everycent.flows.paying import let_pay
from everycent.flows.preview import Planned, Preview, as_data, effect
from everycent.flows.reprice import Span
from everycent.flows.simulate import simulate
from everycent.invoicing.whatif import Simulation
from everycent.kernel.calendar import local_date
from everycent.kernel.errors import Refusal
from everycent.metering.record import UsageRecord
from everycent.subscriptions import operations as contracts
from everycent.subscriptions.changing import When
from everycent.subscriptions.timeline import Cancel
from tests.conftest import Place
from tests.flows import world
from tests.flows.test_contracts import sound
from tests.flows.test_preview import plain, previewed
from tests.flows.world import calls, midnight, use

CATALOGUE = """
meters:
  calls: {unit: call}
intake:
  calls: {after_invoice: next_invoice}
products: {api: {name: API}, base: {name: Base}}
plans:
  calls:
    currency: EUR
    anchor_day: 1
    prices: [{key: calls, product: api, meter: calls, per_unit: {unit_amount: 1}}]
  fixed:
    currency: EUR
    anchor_day: 1
    prices: [{key: fee, product: base, flat: {amount: 31}, timing: in_advance}]
"""
JAN, FEB, MAR, APR = (date(2026, month, 1) for month in (1, 2, 3, 4))
MID = date(2026, 1, 16)


@pytest.fixture
def seller(place: Place) -> Place:
    plans = [("parent", "fixed"), ("child", "calls"), ("other", "fixed"), ("alone", "calls")]
    world.sell(place, plans, text=CATALOGUE, starts_on=JAN)
    use(place, [calls("child", 7, date(2026, 1, 10)), calls("child", 5, date(2026, 2, 10))])
    return place


def pay(place: Place, key: str, payer: str | None, on: date) -> None:
    with place.database.transaction(place.tenant_id) as tx:
        let_pay(
            tx, customers.by_name(tx, key), payer and customers.by_name(tx, payer), on,
            reason="", writing=world.writing(place),
        )  # fmt: skip


def papers(place: Place) -> set[tuple[str, str, date, int]]:
    """(who got it, contract, first day, net) of every line."""
    return {
        (paper.customer.key, line.subscription,
         local_date(line.starts_at, paper.customer.time_zone), line.net)
        for paper in world.issued(place)
        for line in paper.lines
        if line.net
    }  # fmt: skip


def balances(place: Place) -> dict[str, int]:
    with place.database.snapshot(place.tenant_id) as tx:
        return {o.customer: o.amount.minor for o in owed.owed(tx, midnight(APR), midnight(APR))}


def test_a_parent_gets_one_invoice_for_itself_and_its_children(seller):
    pay(seller, "child", "parent", JAN)
    pay(seller, "other", "parent", JAN)
    world.run(seller, midnight(FEB))
    assert papers(seller) == {
        ("parent", "parent", JAN, 3100), ("parent", "other", JAN, 3100),
        ("parent", "child", JAN, 700), ("parent", "parent", FEB, 3100),
        ("parent", "other", FEB, 3100),
    }  # fmt: skip
    assert balances(seller) == {"parent": 13100}
    february = next(
        paper for paper in world.issued(seller)
        if paper.customer.key == "parent" and len({line.subscription for line in paper.lines}) == 3
    )  # fmt: skip
    assert [line.subscription for line in february.lines] == ["child", "other", "parent"]
    sound(seller)


def test_a_period_falls_to_who_pays_at_its_end_and_in_advance_at_its_start(seller):
    pay(seller, "child", "parent", MID)
    pay(seller, "other", "parent", MID)
    pay(seller, "child", None, date(2026, 2, 20))
    world.run(seller, midnight(MAR))
    assert papers(seller) >= {
        ("parent", "child", JAN, 700), ("child", "child", FEB, 500),
        ("other", "other", JAN, 3100), ("parent", "other", FEB, 3100),
    }  # fmt: skip
    sound(seller)


def test_what_is_given_back_goes_to_who_paid(seller):
    pay(seller, "other", "parent", JAN)
    world.run(seller, midnight(JAN))
    pay(seller, "other", None, date(2026, 1, 10))
    with seller.database.transaction(seller.tenant_id) as tx:
        contracts.change(
            tx, "other", Cancel(), When(MID), reason="left", writing=world.writing(seller)
        )
    world.run(seller, midnight(MID))
    assert ("parent", "other", JAN, 1500 - 3100) in papers(seller)
    sound(seller)


def test_late_usage_goes_to_who_got_the_invoice(seller):
    pay(seller, "child", "parent", JAN)
    world.run(seller, midnight(FEB))
    pay(seller, "child", None, FEB)
    use(seller, [calls("child", 3, date(2026, 1, 20))])
    world.run(seller, midnight(MAR))
    assert {("parent", "child", JAN, 300), ("child", "child", FEB, 500)} <= papers(seller)
    sound(seller)


REGISTER = """
meters:
  register: {unit: kWh, aggregation: counter, digits: 5}
products: {energy: {name: Energy}, base: {name: Base}}
plans:
  metered:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: energy, product: energy, meter: register, per_unit: {unit_amount: 0.10}}
      - {key: fee, product: base, flat: {amount: 31}, timing: in_advance}
  fixed:
    currency: EUR
    anchor_day: 1
    prices: [{key: fee, product: base, flat: {amount: 10}, timing: in_advance}]
"""


def reading(value: int, day: date) -> UsageRecord:
    return UsageRecord("test", f"acme/{day}", "acme", "register", midnight(day), str(value))


@pytest.mark.parametrize("chunk_size", [1, 1000])
@pytest.mark.parametrize("payers", [("p1", "p2"), ("p2", "p1"), ("p1", "p1"), ("p1", None)])
def test_what_several_pay_one_after_the_other_is_billed_in_order_at_one_go(
    place, payers, chunk_size
):
    """Whoever's turn comes first by its id: a register goes on from where the one before has paid to."""
    world.sell(place, [(key, "metered") for key in ("acme", "p1", "p2")], text=REGISTER)
    values = zip((1000, 1100, 1300, 1600), (JAN, FEB, MAR, APR), strict=True)
    use(place, [reading(value, day) for value, day in values])
    pay(place, "acme", payers[0], FEB)
    pay(place, "acme", payers[1], MAR)
    expected = {
        ("acme", JAN, 1000), (payers[0], FEB, 2000), (payers[1] or "acme", MAR, 3000),
        ("acme", JAN, 3100), (payers[0], FEB, 3100), (payers[1] or "acme", MAR, 3100),
        (payers[1] or "acme", APR, 3100),
    }  # fmt: skip
    everybody = ("acme", "p1", "p2")
    ours = {key: previewed(place, key, as_of=midnight(APR)).documents for key in everybody}
    world.run(place, midnight(APR), terms=bill.Terms("test", world.ZONE, chunk_size=chunk_size))
    assert {(who, day, net) for who, key, day, net in papers(place) if key == "acme"} == expected
    theirs = {key: [one for one in world.issued(place) if one.customer.key == key] for key in ours}
    assert {key: sorted(map(str, map(plain, own))) for key, own in ours.items()} == {
        key: sorted(map(str, map(plain, own))) for key, own in theirs.items()
    }
    assert sum(len(own) for own in theirs.values()) == len(world.issued(place))
    sound(place)


def test_who_can_not_be_billed_holds_up_only_what_goes_on_from_there(place):
    taxed = REGISTER.replace("{name: Energy}", "{name: Energy, tax: vat}")
    text = "taxes: {vat: {rates: [{since: %s, percent: 0}]}}" + taxed
    world.sell(place, [("acme", "metered"), ("p1", "fixed")], text=text % FEB)
    use(place, [reading(1000, JAN), reading(1100, FEB), reading(1300, MAR)])
    pay(place, "acme", "p1", FEB)
    found = world.run(place, midnight(MAR))
    assert found.progress.parked == 1  # acme, whose energy of January has no tax rate
    assert papers(place) == {("p1", "p1", day, 1000) for day in (JAN, FEB, MAR)}
    assert len(previewed(place, "p1", as_of=midnight(MAR)).documents) == 0
    world.apply(place, text % JAN)
    world.run(place, midnight(MAR))
    assert ("acme", "acme", JAN, 1000) in papers(place)
    assert ("p1", "acme", FEB, 2000) in papers(place)
    sound(place)


def test_late_usage_of_who_pays_no_more_stands_on_an_invoice_of_its_own(seller):
    world.run(seller, midnight(FEB))
    pay(seller, "child", "parent", FEB)
    use(seller, [calls("child", 3, date(2026, 1, 20))])
    world.run(seller, midnight(MAR))
    late = next(paper for paper in world.issued(seller)[-3:] if paper.customer.key == "child")
    assert [(line.corrects is not None, line.net) for line in late.lines] == [(True, 300)]
    sound(seller)


@pytest.mark.parametrize("chunk_size", [1, 1000])
@pytest.mark.parametrize("payer", ["p1", "p2"])
def test_who_pays_now_begins_at_the_reading_with_which_the_one_before_ends_now(
    place, payer, chunk_size
):
    """The wrong reading is corrected after the one before was billed; whoever's turn comes first."""
    text = REGISTER.replace("products:", "intake: {register: {after_invoice: note}}\nproducts:", 1)
    world.sell(place, [(key, "metered") for key in ("acme", "p1", "p2")], text=text)
    use(place, [reading(1000, JAN), reading(1100, FEB)])
    world.run(place, midnight(FEB))
    pay(place, "acme", payer, MAR)
    world.run(place, midnight(date(2026, 2, 10)))
    world.void(place, "acme", FEB)
    right = reading(1150, FEB)._replace(record_id="right")
    use(place, [right, reading(1300, MAR), reading(1600, APR)])
    terms = bill.Terms("test", world.ZONE, chunk_size=chunk_size)
    world.run(place, midnight(APR), terms=terms)
    energy = {line for line in papers(place) if line[1] == "acme" and line[3] != 3100}
    assert energy == {
        ("acme", "acme", JAN, 1000), ("acme", "acme", JAN, 500), ("acme", "acme", FEB, 1500),
        (payer, "acme", MAR, 3000),
    }  # fmt: skip
    sound(place)


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ([("child", "child", JAN)], "customer.pays_itself"),
        ([("child", "parent", JAN), ("parent", "other", FEB)], "customer.payer_of_payer"),
        ([("parent", "other", JAN), ("child", "parent", FEB)], "customer.payer_of_payer"),
        ([("child", "parent", JAN), ("child", None, FEB), ("parent", "other", FEB)], None),
    ],
)
def test_somebody_pays_in_the_end(seller, steps, code):
    for step in steps[:-1]:
        pay(seller, *step)
    if code is None:
        pay(seller, *steps[-1])
        return
    with pytest.raises(Refusal) as refused:
        pay(seller, *steps[-1])
    assert refused.value.code == code


def test_who_paid_what_is_billed_stays(seller):
    world.run(seller, midnight(FEB))
    with pytest.raises(Refusal) as refused:
        pay(seller, "child", "parent", MID)
    assert refused.value.code == "customer.billed_beyond"
    pay(seller, "child", "parent", FEB)


# --- preview and simulation go by who pays --------------------------------------------------------


def next_of(place: Place, key: str, now: datetime) -> Preview:
    return previewed(place, key, now=now)


def share(place: Place) -> None:
    """The parent pays for the child from mid-January to the 20th of February, and for the other one from
    mid-January on."""
    pay(place, "child", "parent", MID)
    pay(place, "other", "parent", MID)
    pay(place, "child", None, date(2026, 2, 20))


@pytest.mark.parametrize(
    ("who", "run_at", "day", "contracts_told"),
    [
        # who       billed to  what falls due next        on which contracts
        ("parent", JAN, FEB, {"parent", "child", "other"}),
        ("child", JAN, MAR, {"child"}),  # January is the parent's
        ("other", JAN, None, set()),  # January is billed, the rest is the parent's
        ("parent", FEB, MAR, {"parent", "other"}),
        ("child", FEB, MAR, {"child"}),
        ("alone", JAN, FEB, {"alone"}),
    ],
)
def test_without_a_day_a_preview_is_of_what_falls_due_to_who_pays(
    seller, who, run_at, day, contracts_told
):
    share(seller)
    world.run(seller, midnight(run_at))
    now = midnight(run_at) + timedelta(hours=1)
    ours = next_of(seller, who, now)
    assert ours.as_of == (now if day is None else midnight(day))
    known = len(world.issued(seller))
    world.run(seller, ours.as_of - timedelta(microseconds=1))
    assert [one for one in world.issued(seller)[known:] if one.customer.key == who] == []
    world.run(seller, ours.as_of)
    theirs = [one for one in world.issued(seller)[known:] if one.customer.key == who]
    assert [plain(one) for one in ours.documents] == [plain(one) for one in theirs]
    assert {line.subscription for one in theirs for line in one.lines} == contracts_told


def test_a_preview_tells_who_else_gets_the_invoices(seller):
    share(seller)
    assert as_data(next_of(seller, "child", midnight(MID)))["paid_by"] == [
        {"payer": "parent", "since": "2026-01-16", "until": "2026-02-20"}
    ]
    assert as_data(next_of(seller, "other", midnight(MID)))["paid_by"] == [
        {"payer": "parent", "since": "2026-01-16", "until": None}
    ]
    assert as_data(next_of(seller, "child", midnight(MAR)))["paid_by"] == []
    assert as_data(next_of(seller, "parent", midnight(MID)))["paid_by"] == []


def test_what_a_planned_end_gives_back_falls_due_to_who_paid(seller):
    pay(seller, "other", "parent", JAN)
    world.run(seller, midnight(JAN))
    pay(seller, "other", None, date(2026, 1, 10))
    with seller.database.transaction(seller.tenant_id) as tx:
        contracts.change(tx, "other", Cancel(), When(MID), reason="", writing=world.writing(seller))
    ours = next_of(seller, "parent", midnight(JAN))
    assert (ours.as_of, [one.net for one in ours.documents]) == (midnight(MID), [1500 - 3100])
    assert next_of(seller, "other", midnight(JAN)).documents == []


def test_who_pays_may_try_a_change_of_what_it_pays_for(seller):
    pay(seller, "other", "parent", JAN)
    world.run(seller, midnight(JAN))
    planned = Planned(Cancel(), When(MID), "other")
    found = previewed(seller, "parent", planned=planned)
    assert effect(found) == 1500 - 3100
    with pytest.raises(Refusal) as refused:
        previewed(seller, "parent", planned=planned._replace(subscription="alone"))
    assert refused.value.code == "subscription.unknown"


YEAR = Span(date(2026, 1, 1), date(2027, 1, 1))


def simulated(place: Place, text: str, **more: object) -> Simulation:
    return simulate(place.database, place.tenant_id, document.parse(text), YEAR, **more)


@pytest.mark.parametrize("at_once", [1, 20_000])
def test_a_simulation_adds_up_for_who_got_the_invoices(seller, at_once):
    share(seller)
    world.run(seller, midnight(APR))
    got: dict[str, int] = {}
    for one in world.issued(seller):
        got[one.customer.key] = got.get(one.customer.key, 0) + one.net
    dearer = CATALOGUE.replace("unit_amount: 1}", "unit_amount: 3}")
    found = {
        one.key: (one.sums.old, one.sums.more)
        for one in simulated(seller, dearer, lines_at_once=at_once).customers
    }
    assert {key: old for key, (old, _) in found.items()} == got
    assert {key: more for key, (_, more) in found.items()} == {
        "parent": 2 * 700, "child": 2 * 500, "other": 0, "alone": 0,
    }  # fmt: skip
    named = simulated(seller, dearer, keys=["parent"], lines_at_once=at_once)
    assert [(one.key, one.sums.more) for one in named.customers] == [("parent", 1400)]
    assert sum(one.sums.old for one in named.prices) == got["parent"]


def test_a_new_price_is_paid_by_who_would_have_paid_it(seller):
    share(seller)
    world.run(seller, midnight(MAR))
    more = CATALOGUE.replace(
        "unit_amount: 1}}",
        "unit_amount: 1}}, {key: late, product: base, flat: {amount: 2}},"
        " {key: early, product: base, flat: {amount: 1}, timing: in_advance}",
    )
    found = {one.key: one.sums.more for one in simulated(seller, more).customers}
    # of the child January's 2.00 are the parent's, 1.00 its own; February the other way round
    assert found == {"parent": 200 + 100, "child": 100 + 200, "other": 0, "alone": 600}
