"""Usage that comes, or is taken back, after its time was billed: by the policy of its meter it is billed
on the next invoice, on a document of its own, or not at all; by the difference that it makes."""

from __future__ import annotations

from datetime import date

import pytest

from everycent.flows import bill, late, verify
from everycent.kernel import clock
from everycent.kernel.calendar import local_date
from everycent.metering.record import UsageRecord
from everycent.subscriptions import operations as contracts
from everycent.subscriptions.changing import When
from everycent.subscriptions.timeline import Cancel
from tests.conftest import Place
from tests.flows import world
from tests.flows.test_contracts import sound
from tests.flows.world import calls, midnight, use

CATALOGUE = """
meters:
  calls: {unit: call}
intake:
  calls: {after_invoice: %s}
products: {api: {name: API, tax: vat}, base: {name: Base}}
taxes: {vat: {rounding: half_up, rates: [{since: 2020-01-01, percent: 20}]}}
plans:
  basic:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: fee, product: base, flat: {amount: 10}}
      - key: calls
        product: api
        meter: calls
        graduated: {tiers: [{up_to: 100, unit_amount: 1}, {unit_amount: 0.50}]}
        minimum: 30
"""
REGISTER = """
meters:
  register: {unit: kWh, aggregation: counter, digits: 5}
intake:
  register: {after_invoice: next_invoice}
products: {energy: {name: Energy}}
plans:
  metered:
    currency: EUR
    anchor_day: 1
    prices: [{key: energy, product: energy, meter: register, per_unit: {unit_amount: 0.10}}]
"""
JAN, FEB, MAR, APR, MAY = (date(2026, month, 1) for month in (1, 2, 3, 4, 5))


def opened(place: Place, policy: str) -> Place:
    world.sell(place, [("acme", "basic")], text=CATALOGUE % policy, starts_on=JAN)
    use(place, [calls("acme", 80, date(2026, 1, 10))])
    world.run(place, midnight(FEB))
    return place


@pytest.fixture
def seller(place: Place) -> Place:
    return opened(place, "next_invoice")


def papers(place: Place) -> list[tuple[str, list[tuple[str, date, int]], int]]:
    """(number, lines as (price, first day, net), gross) of every document, in order of issue."""
    found = []
    for paper in world.issued(place):
        zone = paper.customer.time_zone
        lines = [
            (line.charge.price.key, local_date(line.starts_at, zone), line.net)
            for line in paper.lines
        ]
        found.append((paper.name, lines, paper.gross))
    return found


def reasons(place: Place) -> dict[str, int]:
    with place.database.snapshot(place.tenant_id) as tx:
        return verify.reasons_of_usage(tx)


def test_late_usage_stands_on_the_next_invoice_with_the_period_in_which_it_was_used(seller):
    use(seller, [calls("acme", 40, date(2026, 1, 20)), calls("acme", 50, date(2026, 2, 5))])
    assert reasons(seller) == {"billed": 1, "not_yet_billed": 1, "too_late": 1}
    world.run(seller, midnight(MAR))
    # 120 calls come to 100 × 1 + 20 × 0.50; 80.00 were charged
    assert papers(seller)[1:] == [
        ("INV-000002", [("fee", FEB, 1000), ("calls", FEB, 5000), ("calls", JAN, 3000)], 10600),
    ]
    assert reasons(seller) == {"billed": 3}
    world.run(seller, midnight(APR))
    assert papers(seller)[2:] == [("INV-000003", [("fee", MAR, 1000), ("calls", MAR, 3000)], 4600)]
    sound(seller)


def test_what_comes_again_and_again_is_billed_by_what_each_time_adds(seller):
    for month, day, more in ((MAR, date(2026, 1, 11), 10), (APR, date(2026, 1, 12), 20)):
        use(seller, [calls("acme", more, day)])
        world.run(seller, midnight(month))
    late = [line for _, lines, _ in papers(seller)[1:] for line in lines if line[1] == JAN]
    assert late == [("calls", JAN, 1000), ("calls", JAN, 1500)]  # 80 → 90 → 110 calls
    sound(seller)


def test_usage_that_is_taken_back_gives_back_no_more_than_the_minimum_leaves(seller):
    world.void(seller, "acme", date(2026, 1, 10))
    world.run(seller, midnight(MAR))
    assert papers(seller)[1:] == [
        ("CN-000001", [("fee", FEB, 1000), ("calls", FEB, 3000), ("calls", JAN, 3000 - 8000)], -1400),
    ]  # fmt: skip
    sound(seller)


def test_late_usage_waits_for_an_invoice_to_stand_on(seller):
    use(seller, [calls("acme", 40, date(2026, 1, 20))])
    world.run(seller, midnight(date(2026, 2, 10)))
    assert len(papers(seller)) == 1


def test_late_usage_of_a_contract_that_ended_stands_on_an_invoice_of_its_own(seller):
    with seller.database.transaction(seller.tenant_id) as tx:
        contracts.change(
            tx, "acme", Cancel(), When(FEB), reason="left", writing=world.writing(seller)
        )
    use(seller, [calls("acme", 40, date(2026, 1, 20))])
    world.run(seller, midnight(MAR))
    assert papers(seller)[1:] == [("INV-000002", [("calls", JAN, 3000)], 3600)]
    world.run(seller, midnight(APR))
    assert len(papers(seller)) == 2
    sound(seller)


def test_by_the_policy_note_the_difference_has_a_document_of_its_own_at_once(place):
    opened(place, "note")
    use(place, [calls("acme", 40, date(2026, 1, 20))])
    world.run(place, midnight(date(2026, 2, 10)))
    assert papers(place)[1:] == [("INV-000002", [("calls", JAN, 3000)], 3600)]
    world.void(place, "acme", date(2026, 1, 10))
    world.run(place, midnight(date(2026, 2, 11)))
    # 40 calls are left: 40.00 in the place of 110.00
    assert papers(place)[2:] == [("CN-000001", [("calls", JAN, 4000 - 11000)], -8400)]
    sound(place)


def test_usage_that_changes_no_amount_makes_no_document(place):
    opened(place, "note")
    world.void(place, "acme", date(2026, 1, 10))
    use(place, [calls("acme", 25, date(2026, 1, 20))])
    world.run(place, midnight(date(2026, 2, 10)))  # 80.00 becomes the minimum of 30.00
    use(place, [calls("acme", 1, date(2026, 1, 21))])
    world.run(place, midnight(date(2026, 2, 11)))
    assert papers(place)[1:] == [("CN-000001", [("calls", JAN, 3000 - 8000)], -6000)]
    sound(place)


@pytest.mark.parametrize(
    ("policy", "reason"), [("review", "too_late"), ("write_off", "written_off")]
)
def test_other_policies_bill_nothing_of_it(place, policy, reason):
    opened(place, policy)
    use(place, [calls("acme", 40, date(2026, 1, 20))])
    world.run(place, midnight(MAR))
    assert papers(place)[1:] == [
        ("INV-000002", [("fee", FEB, 1000), ("calls", FEB, 3000)], 4600),
    ]
    assert reasons(place)[reason] == 1


def test_a_policy_that_is_agreed_later_bills_what_came_late_before(place):
    opened(place, "review")
    use(place, [calls("acme", 40, date(2026, 1, 20))])
    world.run(place, midnight(MAR))
    world.apply(place, CATALOGUE % "next_invoice")
    world.run(place, midnight(APR))
    assert ("calls", JAN, 3000) in papers(place)[2][1]
    sound(place)


def test_what_was_taken_back_with_its_invoice_is_not_corrected_any_more(seller):
    world.credit(seller, "INV-000001")
    use(seller, [calls("acme", 40, date(2026, 1, 20))])
    world.run(seller, midnight(MAR))
    assert papers(seller)[1:] == [
        ("INV-000002", [("fee", FEB, 1000), ("calls", FEB, 3000)], 4600),
    ]
    sound(seller)


def test_late_usage_is_not_passed_over_while_a_run_is_open(seller):
    """What a chunk has read may be older than what is folded by then, and stands in no table yet."""
    settings = {"clock": clock.fixed(seller.now), "ids": seller.ids, "terms": world.TERMS}
    bill.start(seller.database, seller.tenant_id, midnight(MAR), **settings)
    use(seller, [calls("acme", 40, date(2026, 1, 20))])
    late.keep_up(seller.database, seller.tenant_id)
    with seller.database.snapshot(seller.tenant_id) as tx:
        assert tx.value("select count(*) from late_usage") == 0
        before = tx.value("select fold_id from late_mark")
    world.run(seller, midnight(MAR))
    late.keep_up(seller.database, seller.tenant_id)
    with seller.database.snapshot(seller.tenant_id) as tx:
        assert tx.value("select fold_id from late_mark") > before
    world.run(seller, midnight(APR))
    assert (
        sum(net for _, lines, _ in papers(seller) for _, day, net in lines if day == JAN) == 12000
    )
    sound(seller)


def reading(value: int, day: date, *, name: str = "") -> UsageRecord:
    record_id = name or f"acme/{day}"
    return UsageRecord("test", record_id, "acme", "register", midnight(day), str(value))


@pytest.fixture
def metered(place: Place) -> Place:
    world.sell(place, [("acme", "metered")], text=REGISTER, starts_on=JAN)
    use(place, [reading(1000, JAN), reading(1100, FEB), reading(1300, MAR)])
    return place


def test_a_corrected_reading_moves_consumption_from_one_line_to_its_neighbour(metered):
    world.run(metered, midnight(MAR))
    world.void(metered, "acme", FEB)
    use(metered, [reading(1150, FEB, name="right"), reading(1600, APR)])
    world.run(metered, midnight(APR))
    assert papers(metered)[2:] == [
        ("INV-000003", [
            ("energy", MAR, 3000), ("energy", JAN, 1500 - 1000), ("energy", FEB, 1500 - 2000),
        ], 3000),
    ]  # fmt: skip
    sound(metered)


def test_the_next_bill_stands_on_the_reading_that_was_billed_last_as_it_was_corrected(metered):
    world.run(metered, midnight(MAR))
    world.void(metered, "acme", MAR)
    use(metered, [reading(1290, MAR, name="right"), reading(1600, APR)])
    world.run(metered, midnight(APR))
    use(metered, [reading(1700, MAY)])
    world.run(metered, midnight(MAY))
    bills = papers(metered)
    # the run of April decides both at once: March from the reading that stood, February corrected
    assert sum(net for _, lines, _ in bills for _, _, net in lines) == 7000
    sound(metered)
