"""Days of grace, and the date of an invoice by policy: billed, previewed, explained, counted again."""

from __future__ import annotations

import json
import random
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from everycent.flows import explain, wallets
from everycent.flows.preview import preview
from everycent.flows.stories.actions import FORMS
from everycent.flows.stories.document import parse
from everycent.flows.stories.play import play
from everycent.invoicing.dating import date_told
from everycent.invoicing.invoice import Invoice
from everycent.ledger import queries as ledger
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.changing import When
from everycent.subscriptions.operations import Writing
from everycent.subscriptions.timeline import Cancel
from tests.conftest import Place
from tests.flows import world
from tests.flows.test_agreed import at
from tests.flows.test_contracts import sound
from tests.flows.test_credit import FOREVER, grant, left, open_wallet
from tests.flows.test_payers import pay
from tests.flows.world import calls, later, midnight, use

DATA = Path(__file__).parents[1] / "data" / "cases" / "dates.json"
CASES = {case["id"]: case for case in json.loads(DATA.read_text("utf-8"))}
ROWS = list(
    zip(CASES["PD-023"]["inputs"]["rows"], CASES["PD-023"]["expected"]["dates"], strict=True)
)
YEAR = 2026
NOV = date(YEAR, 11, 1)
DATES = {"first day of the next period": "next_day", "last day of the period": "last_day"}

PLANS = """
meters: {calls: {unit: call}}
intake: {calls: {after_invoice: next_invoice}}
products: {p: {name: P}}
plans:
  used:
    currency: EUR
    anchor_day: 1
    prices: [{key: calls, product: p, meter: calls, per_unit: {unit_amount: 1}}]
  mixed:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: fee, product: p, flat: {amount: 30}, timing: in_advance}
      - {key: calls, product: p, meter: calls, per_unit: {unit_amount: 1}}
  ahead:
    currency: EUR
    anchor_day: 1
    prices: [{key: fee, product: p, flat: {amount: 30}, timing: in_advance}]
  larger:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: fee, product: p, flat: {amount: 60}, timing: in_advance}
      - {key: calls, product: p, meter: calls, per_unit: {unit_amount: 1}}
  daily:
    currency: EUR
    interval: day
    prices: [{key: fee, product: p, flat: {amount: 1}}]
  weekly:
    currency: EUR
    interval: week
    prices: [{key: fee, product: p, flat: {amount: 7}, timing: in_advance}]
"""


def catalogue(dated: str = "run", grace: int = 0) -> str:
    return f"policies: {{invoice.date: {dated}, invoice.grace_days: {grace}}}\n{PLANS}"


def dates(place: Place) -> list[str]:
    return [f"{one.issued_on:%m-%d}" for one in sorted(world.issued(place), key=lambda o: o.name)]


def run(place: Place, day: date) -> int:
    """The billing run at the beginning of a day, and how many invoices it made."""
    return world.run(place, midnight(day)).progress.invoices


def days(after: date, number: int) -> date:
    return after + timedelta(days=number)


@pytest.mark.parametrize(("row", "expected"), ROWS)
def test_pd_023_an_october_is_dated_as_the_published_table_says(
    place: Place, row: dict[str, str], expected: str
) -> None:
    first, last = (
        date.fromisoformat(f"{YEAR}-{day}") for day in CASES["PD-023"]["inputs"]["period"]
    )
    keeps = row["adjustment"] == "keep the anchor date"
    dated = DATES[row["anchor"]] if keeps else "run"
    grace = int(row["grace_days"])
    world.sell(place, [("a", "used")], text=catalogue(dated, grace), starts_on=first)
    use(place, [calls("a", 5, last)])
    made = [run(place, days(last, 1 + number)) for number in range(4)]  # a run every day
    assert made == [int(number == grace) for number in range(4)]
    (invoice,) = world.issued(place)
    assert [(str(x.starts_at), str(x.ends_at)) for x in invoice.lines] == [
        (str(midnight(first)), str(midnight(days(last, 1))))
    ]
    assert f"{invoice.issued_on:%m-%d}" == expected
    assert invoice.due_on == days(invoice.issued_on, 14)
    with place.database.snapshot(place.tenant_id) as tx:
        facts = explain.explain(tx, invoice.name).facts
    assert facts.get("dated", "") == date_told(invoice)
    assert bool(facts.get("dated")) is keeps
    sound(place)


def test_usage_that_comes_within_the_days_of_grace_is_on_the_invoice(place: Place) -> None:
    world.sell(place, [("a", "used")], text=catalogue(grace=2), starts_on=date(YEAR, 10, 1))
    use(place, [calls("a", 5, date(YEAR, 10, 30))])
    assert run(place, NOV) == 0
    use(place, [calls("a", 2, date(YEAR, 10, 31))])
    assert run(place, days(NOV, 1)) == 0
    assert run(place, days(NOV, 2)) == 1
    (invoice,) = world.issued(place)
    assert invoice.gross == 700
    assert run(place, days(NOV, 2)) == 0


def test_what_falls_due_at_one_instant_waits_as_one_invoice_and_a_fee_alone_does_not(
    place: Place,
) -> None:
    sold = [("both", "mixed"), ("alone", "ahead")]
    world.sell(place, sold, text=catalogue(grace=3), starts_on=date(YEAR, 10, 1))
    assert run(place, date(YEAR, 10, 1)) == 2  # October in advance: nothing is waited for
    assert run(place, NOV) == 1
    assert run(place, days(NOV, 2)) == 0
    assert run(place, days(NOV, 3)) == 1
    assert [(one.customer.key, len(one.lines)) for one in world.issued(place)[2:]] == [
        ("alone", 1),
        ("both", 2),
    ]
    sound(place)


def test_a_change_stands_on_one_invoice_with_what_it_gives_back(place: Place) -> None:
    world.sell(place, [("a", "mixed")], text=catalogue("next_day", 2), starts_on=date(YEAR, 10, 1))
    run(place, date(YEAR, 10, 1))
    middle = date(YEAR, 10, 16)
    at(place, middle, subscriptions.switch, "a", "larger", When(middle))
    assert [run(place, days(middle, number)) for number in range(3)] == [0, 0, 1]
    invoice = world.issued(place)[-1]
    assert sorted(line.amount for line in invoice.lines) == [-1548, 0, 3097]
    assert invoice.issued_on == middle
    sound(place)


def test_who_is_billed_late_keeps_the_dates_of_his_periods_until_another_number_is_later(
    place: Place,
) -> None:
    sold = [("a", "used"), ("b", "used")]
    world.sell(place, sold, text=catalogue("last_day"), starts_on=date(YEAR, 9, 1))
    run(place, days(NOV, 10))
    assert dates(place) == ["09-30", "09-30", "10-31", "10-31"]
    made = [(one.name, one.customer.key) for one in world.issued(place)]
    assert [name for name, _ in made] == [f"INV-00000{n}" for n in range(1, 5)]
    assert sorted(who for _, who in made[:2]) == ["a", "b"]
    world.apply(place, catalogue())
    run(place, date(YEAR, 12, 5))
    world.apply(place, catalogue("last_day"))
    with place.database.transaction(place.tenant_id) as tx:
        subscriptions.change(
            tx, "a", Cancel(), When(date(YEAR, 12, 4)), reason="x",
            writing=Writing(**{**world.writing(place), "at": midnight(date(YEAR, 12, 4))}),
        )  # fmt: skip
    run(place, date(YEAR, 12, 6))
    moved = world.issued(place)[-1]
    assert (moved.policy_date, moved.issued_on) == (date(YEAR, 12, 3), date(YEAR, 12, 5))
    assert "a document of that date with a lower number" in date_told(moved)
    with place.database.snapshot(place.tenant_id) as tx:
        assert explain.explain(tx, moved.name).facts["dated"] == date_told(moved)
    sound(place)


def test_what_only_gives_back_is_dated_the_day_of_the_run(place: Place) -> None:
    world.sell(place, [("a", "ahead")], text=catalogue("last_day"), starts_on=date(YEAR, 10, 1))
    run(place, days(NOV, 4))
    at(place, date(YEAR, 11, 6), subscriptions.change, "a", Cancel(), When(date(YEAR, 11, 6)))
    run(place, days(NOV, 8))
    found = [(one.name, one.policy_date, f"{one.issued_on:%m-%d}") for one in world.issued(place)]
    assert sorted(found) == [
        ("CN-000001", None, "11-09"),
        ("INV-000001", date(YEAR, 10, 1), "10-01"),
        ("INV-000002", NOV, "11-01"),
    ]
    sound(place)


def test_late_usage_stands_on_an_invoice_without_moving_its_date(place: Place) -> None:
    world.sell(place, [("a", "used")], text=catalogue("last_day"), starts_on=date(YEAR, 9, 1))
    run(place, date(YEAR, 10, 1))
    use(place, [calls("a", 4, date(YEAR, 9, 30))])
    run(place, days(NOV, 3))
    invoice = world.issued(place)[-1]
    assert (invoice.gross, invoice.issued_on) == (400, date(YEAR, 10, 31))
    sound(place)


def test_late_usage_waits_for_the_last_invoice_of_an_ended_contract(place: Place) -> None:
    world.sell(place, [("a", "used")], text=catalogue(grace=5), starts_on=date(YEAR, 9, 1))
    run(place, date(YEAR, 10, 6))
    at(place, NOV, subscriptions.change, "a", Cancel(), When(NOV))
    use(place, [calls("a", 4, date(YEAR, 9, 30))])
    assert run(place, days(NOV, 1)) == 0
    assert run(place, days(NOV, 5)) == 1
    assert [len(one.lines) for one in world.issued(place)] == [1, 2]
    sound(place)


def test_a_day_that_has_not_come_yet_for_the_seller_is_no_date(place: Place) -> None:
    world.sell(place, [("a", "used")], text=catalogue("next_day"), starts_on=date(YEAR, 10, 1))
    world.run(place, midnight(NOV), terms=world.TERMS._replace(time_zone="America/New_York"))
    (invoice,) = world.issued(place)
    assert (invoice.policy_date, invoice.issued_on) == (NOV, date(YEAR, 10, 31))
    assert "as that comes first" in date_told(invoice)


@pytest.mark.parametrize("dated", ["run", "next_day", "last_day"])
def test_a_preview_tells_when_the_next_invoice_comes_and_its_date(place: Place, dated: str) -> None:
    world.sell(place, [("a", "mixed")], text=catalogue(dated, 2), starts_on=date(YEAR, 9, 1))
    run(place, date(YEAR, 9, 1))
    use(place, [calls("a", 3, date(YEAR, 9, 20))])

    def facts(one: Invoice) -> tuple[object, ...]:
        return one.issued_on, one.due_on, one.policy_date, one.gross, len(one.lines)

    for now in (date(YEAR, 9, 10), date(YEAR, 10, 1), date(YEAR, 10, 2)):
        writing = Writing(at=midnight(now), recorded_at=place.now, actor="test", ids=place.ids)
        found = preview(place.database, place.tenant_id, "a", None, writing=writing,
                        terms=world.TERMS)  # fmt: skip
        assert found.as_of == midnight(date(YEAR, 10, 3))
    run(place, date(YEAR, 10, 3))
    assert [facts(one) for one in found.documents] == [facts(world.issued(place)[-1])]


def test_who_pays_for_others_waits_too_and_nobody_is_billed_twice(place: Place) -> None:
    sold = [("holding", "ahead"), ("workshop", "daily")]
    world.sell(place, sold, text=catalogue(grace=2), starts_on=date(YEAR, 10, 1))
    pay(place, "workshop", "holding", date(YEAR, 10, 4))
    for number in range(12):
        run(place, days(date(YEAR, 10, 1), number))
    run(place, date(YEAR, 10, 20))
    found = [(one.customer.key, line) for one in world.issued(place) for line in one.lines]
    begun = sorted((line.starts_at, who) for who, line in found if line.subscription == "workshop")
    assert begun == [
        (midnight(days(date(YEAR, 10, 1), n)), "workshop" if n < 3 else "holding")
        for n in range(17)
    ]
    sound(place)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_grace_and_whenever_runs_each_period_is_billed_once(
    place: Place, seed: int
) -> None:
    drawn = random.Random(seed)
    plans = ["mixed", "daily", "weekly", "used", "ahead"]
    sold = [(f"c{n}", plan) for n, plan in enumerate(plans)]
    start = date(YEAR, 9, 14)
    world.sell(place, sold, text=catalogue(), starts_on=start)
    pay(place, "c1", "c0", date(YEAR, 9, 20))
    pay(place, "c2", "c0", date(YEAR, 9, 17))
    day = start
    while day < date(YEAR, 11, 10):
        dated = drawn.choice(["run", "next_day", "last_day"])
        grace = drawn.choice([0, 1, 2, 5, 40])
        world.apply(place, catalogue(dated, grace))
        world.run(place, later(midnight(day), hours=drawn.choice([0, 0, 11])))
        day = days(day, drawn.randint(0, 6))
    world.apply(place, catalogue())
    run(place, date(YEAR, 11, 10))
    billed: dict[tuple[str, int], list[tuple[object, object]]] = {}
    for one in world.issued(place):
        for line in one.lines:
            key = (line.subscription, line.item_no)
            billed.setdefault(key, []).append((line.starts_at, line.ends_at))
    assert len(billed) == 6
    for own in billed.values():
        own.sort()
        assert own[0][0] == midnight(start)
        assert all(one[1] == following[0] for one, following in pairwise(own))
    assert len(billed["c1", 1]) == (date(YEAR, 11, 10) - start).days
    sound(place)


def test_credit_that_expires_within_the_days_of_grace_pays_what_fell_due_before(
    place: Place,
) -> None:
    world.sell(place, [("a", "used")], text=catalogue("last_day", 3), starts_on=date(YEAR, 10, 1))
    use(place, [calls("a", 10, date(YEAR, 10, 20))])
    open_wallet(place, "w")
    grant(place, "w", 600, expires_at=midnight(days(NOV, 1)))
    checked = Writing(at=midnight(days(NOV, 2)), recorded_at=place.now, actor="t", ids=place.ids)
    wallets.check(place.database, place.tenant_id, midnight(days(NOV, 2)), checked)
    assert left(place) == {"w": 600}
    run(place, days(NOV, 3))
    (invoice,) = world.issued(place)
    assert (invoice.gross, invoice.prepaid, invoice.issued_on) == (1000, 600, date(YEAR, 10, 31))
    sound(place)  # and the second engine draws the same (conftest)


def test_an_invoice_is_booked_on_its_date(place: Place) -> None:
    world.sell(place, [("a", "used")], text=catalogue("last_day", 2), starts_on=date(YEAR, 10, 1))
    use(place, [calls("a", 10, date(YEAR, 10, 20))])
    run(place, days(NOV, 2))
    with place.database.snapshot(place.tenant_id) as tx:
        books = [
            sum(
                row.balance
                for row in ledger.trial_balance(tx, midnight(day), FOREVER)
                if row.balance > 0
            )
            for day in (date(YEAR, 10, 30), NOV)
        ]
    assert books == [0, 1000]


HOME_RATES = """
name: Dates
time_zone: Europe/Zagreb
catalog:
  products: {p: {name: P}}
  policies: {currency.home: EUR, exchange.max_age_days: 0, exchange.day: issue, invoice.date: %s}
  plans:
    dollars:
      currency: USD
      anchor_day: 1
      prices: [{key: fee, product: p, flat: {amount: 100}}]
steps:
  - at: 2026-10-01
    customer: {key: us, currency: USD}
  - subscribe: {customer: us, plan: dollars}
  - at: 2026-11-02 18:00
    exchange: {rates: {USD/EUR: 0.8}, on: 2026-10-31}
  - exchange: {rates: {USD/EUR: 0.9}, on: 2026-11-02}
  - bill: {expect: [{customer: us, issued_on: %s, total: 100, home_total: 90}]}
"""


@pytest.mark.parametrize(("dated", "day"), [("run", "2026-11-02"), ("last_day", "2026-10-31")])
def test_the_rate_of_the_day_of_issue_stays_that_of_the_run(
    place: Place, dated: str, day: str
) -> None:
    found = play(place.database, place.tenant_id, parse(HOME_RATES % (dated, day), FORMS, str))
    assert [one.differences for one in found.steps if one.differences] == []
    assert found.broken == ()
    sound(place)
