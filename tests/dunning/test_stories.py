"""Stories with dates: what a campaign does, day by day."""

from datetime import date

import msgspec
import pytest

from everycent.customers import operations as customers
from everycent.dunning import queries
from everycent.dunning.step import Why
from everycent.entitlements.standing import paused_since
from everycent.flows import bill
from everycent.flows.paying import let_pay
from everycent.invoicing import operations as invoicing
from everycent.invoicing import queries as invoices
from everycent.kernel import clock
from everycent.payments import operations as payments
from everycent.payments.payment import Payment, Way
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.changing import When
from everycent.subscriptions.timeline import Resume
from tests.dunning import debts
from tests.dunning.debts import OWED

JAN, FEB, MAR, APR = (date(2026, month, 1) for month in (1, 2, 3, 4))


def is_paused(place, day: date) -> bool:
    with place.database.snapshot(place.tenant_id) as tx:
        return paused_since(subscriptions.get(tx, "c000"), debts.noon(day)) is not None


def test_nobody_pays_and_every_step_comes_on_its_day(place):
    debts.owing(place)
    assert debts.daily(place, date(2026, 1, 10), date(2026, 3, 15)) == [
        ("2026-01-18", "reminder"),
        ("2026-01-25", "warning"),
        ("2026-02-01", "pause"),
        ("2026-03-03", "give-up"),
        ("2026-03-03", "ended: written_off"),
    ]
    assert is_paused(place, date(2026, 2, 2))
    assert debts.open_sum(place) == 0
    told = [
        (held.message.kind.value, held.message.to, held.message.subject)
        for held in debts.queued(place)
    ]
    assert told == [
        ("mail", "c000@example.com", "Reminder: 37.20 EUR is overdue"),
        ("mail", "c000@example.com", "Second reminder: 37.20 EUR is overdue since 2026-01-15"),
        ("webhook", "https://example.com/hook", "dunning.step_taken"),
        ("mail", "c000@example.com", "Your contracts are paused: 37.20 EUR is overdue"),
        ("webhook", "https://example.com/hook", "dunning.ended"),
    ]
    assert debts.violations(place) == []


def test_who_pays_after_the_pause_goes_on_and_begins_anew_with_the_next_debt(place):
    (customer,) = debts.owing(place)
    assert len(debts.daily(place, date(2026, 1, 10), date(2026, 2, 4))) == 3
    assert is_paused(place, date(2026, 2, 4))
    debts.pay(place, customer, OWED, date(2026, 2, 4))
    did = debts.run(place, date(2026, 2, 5))
    (end,) = did.ended
    assert (end.why, end.steps, end.resumed, end.left_out) == (Why.SETTLED, 3, ("c000",), {})
    assert not is_paused(place, date(2026, 2, 5))
    debts.bill_month(place, MAR)
    assert debts.open_sum(place) > 0
    assert debts.daily(place, date(2026, 2, 6), date(2026, 3, 18)) == [("2026-03-18", "reminder")]
    assert debts.violations(place) == []


def test_less_than_the_threshold_begins_nothing_and_the_exact_cent_does(place):
    debts.owing(place, text=debts.TERMS.replace("37.20", "37.21"))
    assert debts.daily(place, date(2026, 1, 10), date(2026, 3, 1)) == []
    debts.set_terms(place)
    assert debts.daily(place, MAR, MAR) == [("2026-03-01", "reminder")]


def test_a_part_that_is_paid_does_not_end_an_episode_and_all_of_it_does(place):
    (customer,) = debts.owing(place)
    assert debts.daily(place, JAN, date(2026, 1, 18)) == [("2026-01-18", "reminder")]
    debts.pay(place, customer, OWED - 1, date(2026, 1, 20))
    assert debts.daily(place, date(2026, 1, 19), date(2026, 1, 25)) == [("2026-01-25", "warning")]
    assert debts.queued(place)[1].message.subject.startswith("Second reminder: 0.01 EUR")
    debts.pay(place, customer, 1, date(2026, 1, 26), number=2)
    assert debts.daily(place, date(2026, 1, 26), MAR) == [("2026-01-26", "ended: settled")]


def test_money_on_account_counts_as_paid(place):
    (customer,) = debts.owing(place)
    with place.database.transaction(place.tenant_id) as tx:
        payment = Payment(
            place.ids("p"), customer.customer_id, "EUR", OWED, Way.TRANSFER, "bank", "x", JAN
        )
        payments.receive(tx, payment, [], debts.writing(place, JAN))
    assert debts.daily(place, JAN, MAR) == []


def test_after_an_outage_steps_come_in_order_and_keep_their_distances(place):
    debts.owing(place)
    assert debts.daily(place, MAR, date(2026, 4, 30)) == [
        ("2026-03-01", "reminder"),
        ("2026-03-08", "warning"),
        ("2026-03-15", "pause"),
        ("2026-04-14", "give-up"),
        ("2026-04-14", "ended: written_off"),
    ]


def test_two_runs_on_one_day_take_one_step(place):
    debts.owing(place)
    assert len(debts.run(place, MAR).steps) == 1
    assert debts.run(place, MAR).steps == ()
    assert debts.run(place, FEB).steps == ()  # nor one as of a day before


def test_what_is_written_off_can_be_taken_back_and_is_owed_again(place):
    debts.owing(place)
    name = "INV-000001"
    with place.database.transaction(place.tenant_id) as tx:
        invoice_id = invoices.document(tx, name).invoice_id
        writing = debts.writing(place, FEB)
        done = invoicing.write_off(tx, {invoice_id: 720}, "lost", writing)
        assert done == {name: 720}
        done = invoicing.write_off(tx, {invoice_id: None}, "lost", writing)
        assert done == {name: 3000}
    assert debts.open_sum(place) == 0
    assert debts.violations(place) == []
    with place.database.transaction(place.tenant_id) as tx:
        undone = invoicing.undo_write_off(tx, invoice_id, "found", debts.writing(place, MAR))
    assert undone == OWED == debts.open_sum(place)
    assert debts.violations(place) == []


@pytest.mark.parametrize(("group", "expected"), [("loyal", []), (None, ["reminder"])])
def test_a_group_has_a_campaign_of_its_own(place, group, expected):
    (customer,) = debts.owing(place, text=debts.TERMS + """
  patient:
    thresholds: {EUR: 1000}
    groups: [loyal]
    steps: [{key: call, after_due: 60d, webhook: "https://example.com/"}]
""")  # fmt: skip
    with place.database.transaction(place.tenant_id) as tx:
        changed = msgspec.structs.replace(customer, group=group)
        customers.update(tx, changed, **debts.writing(place, date(2026, 1, 2)))
    assert [step.step.key for step in debts.run(place, date(2026, 1, 18)).steps] == expected


def test_who_pays_on_the_day_of_the_pause_goes_on_that_day(place):
    (customer,) = debts.owing(place)
    debts.daily(place, JAN, date(2026, 2, 1))
    assert is_paused(place, FEB)
    debts.pay(place, customer, OWED, FEB)
    (end,) = debts.run(place, FEB).ended
    assert (end.resumed, end.left_out) == (("c000",), {})
    assert not is_paused(place, FEB)
    assert debts.violations(place) == []


def test_a_contract_that_somebody_resumed_stays_as_it_is(place):
    (customer,) = debts.owing(place)
    debts.daily(place, JAN, FEB)
    day = date(2026, 2, 5)
    with place.database.transaction(place.tenant_id) as tx:
        subscriptions.change(
            tx, "c000", Resume(), When(day), reason="", writing=debts.writing(place, day)
        )
    debts.pay(place, customer, OWED, day)
    (end,) = debts.run(place, date(2026, 2, 6)).ended
    assert end.resumed == ()
    assert list(end.left_out) == ["c000"]


def test_the_contracts_of_those_for_whom_a_debtor_pays_are_paused_too(place):
    payer, child = debts.owing(place, 2)
    day = date(2026, 1, 5)
    with place.database.transaction(place.tenant_id) as tx:
        let_pay(tx, child, payer, date(2026, 1, 10), reason="", writing=debts.writing(place, day))
    debts.pay(place, child, OWED, day)  # only the payer owes anything
    debts.daily(place, JAN, FEB)
    steps = [one for one in all_steps(place) if one.step.pause]
    assert [[each.subscription for each in one.paused] for one in steps] == [["c000", "c001"]]
    debts.pay(place, payer, OWED, date(2026, 2, 2))
    (end,) = debts.run(place, date(2026, 2, 3)).ended
    assert end.resumed == ("c000", "c001")
    assert debts.violations(place) == []


def test_nobody_is_told_of_a_pause_that_there_is_not_and_the_rest_of_the_step_is_done(place):
    debts.owing(place)
    day = date(2026, 1, 20)
    with place.database.transaction(place.tenant_id) as tx:
        subscriptions.cancel(
            tx, "c000", When(date(2026, 2, 1)), reason="", writing=debts.writing(place, day)
        )
    debts.daily(place, JAN, date(2026, 1, 31))
    (step,) = debts.run(place, FEB).steps
    assert (step.step.key, step.paused, step.messages) == ("pause", (), ())
    assert step.left_out == {"mail": "nothing was paused"}


def test_a_customer_without_an_address_gets_no_letter_and_the_campaign_goes_on(place):
    (customer,) = debts.owing(place)
    with place.database.transaction(place.tenant_id) as tx:
        changed = msgspec.structs.replace(customer, email=None)
        customers.update(tx, changed, **debts.writing(place, date(2026, 1, 2)))
    assert len(debts.daily(place, JAN, date(2026, 1, 25))) == 2
    assert [one.left_out for one in all_steps(place)] == [
        {"mail": "the customer has no mail address"}
    ] * 2
    assert [held.message.kind for held in debts.queued(place)] == ["webhook"]


def all_steps(place):
    with place.database.snapshot(place.tenant_id) as tx:
        return [one.step for one in queries.steps(tx)]


def test_what_was_billed_by_a_pause_of_today_goes_on_tomorrow(place):
    (customer,) = debts.owing(place, months=2)
    debts.daily(place, JAN, FEB)
    bill_at_noon(place, FEB)
    debts.pay(place, customer, 2 * OWED, FEB)
    (end,) = debts.run(place, FEB).ended
    assert (end.resumed, end.left_out) == (("c000",), {})
    assert is_paused(place, FEB)
    assert not is_paused(place, date(2026, 2, 2))
    assert debts.violations(place) == []


def bill_at_noon(place, day: date) -> None:
    bill.run(place.database, place.tenant_id, debts.noon(day), clock=clock.fixed(debts.noon(day)),
             ids=place.ids, terms=bill.Terms("test", "Europe/Zagreb"))  # fmt: skip
