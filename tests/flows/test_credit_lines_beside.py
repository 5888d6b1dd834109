"""Credited lines beside everything else that gives something back: corrections of usage, time that is given
back, coupons, prepaid credit, the home currency. Together never more than the line was charged."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from typing import Any

import psycopg
import pytest

from everycent.customers import queries as customers
from everycent.flows.explain import explain
from everycent.flows.outstanding import of_customer
from everycent.integrations import explain_page
from everycent.invoicing import queries
from everycent.kernel.errors import Refusal
from everycent.subscriptions import operations as contracts
from everycent.subscriptions.changing import When
from everycent.subscriptions.timeline import Cancel
from tests.conftest import Place
from tests.flows import test_credit as credit
from tests.flows import test_currencies as currencies
from tests.flows import test_discounts as discounts
from tests.flows import test_given_back as given_back
from tests.flows import world
from tests.flows.test_credit_lines import give, open_of, refused, violations
from tests.flows.test_late import APR, FEB, MAR, opened, papers
from tests.flows.world import calls, midnight, use


def explained(place: Place) -> None:
    for invoice in world.issued(place):
        with place.database.snapshot(place.tenant_id) as tx:
            explain_page.page(invoice, explain(tx, invoice.name), {})


USED_UP = [
    # credited, calls that are right  what the correction of 80.00 gives back
    ("30.00", 60, -2000),  # 60.00 is right: within the 50.00 that are left of the line
    ("30.00", 0, -5000),  # 30.00, the minimum, is right: 50.00 of 80.00 back, as many as are left
    ("40.00", 0, -4000),  # 10.00 less than the difference: the note gave them back
    ("80.00", 0, 0),
]


@pytest.mark.parametrize(("amount", "right", "back"), USED_UP)
def test_a_correction_gives_back_no_more_than_credit_notes_have_left(
    place: Place, amount: str, right: int, back: int
) -> None:
    opened(place, "next_invoice")
    give(place, f"2={amount}")
    world.void(place, "acme", date(2026, 1, 10))
    if right:
        use(place, [calls("acme", right, date(2026, 1, 11))])
    with place.database.snapshot(place.tenant_id) as tx:
        running = of_customer(tx, customers.by_name(tx, "acme"), midnight(MAR))
    told = [line.net for line in running.lines if line.period.start == midnight(date(2026, 1, 1))]
    world.run(place, midnight(MAR))
    lines = [net for *_, net in papers(place)[1][1]]
    assert lines[2:] == [back]
    assert told == [back]
    explained(place)
    assert violations(place) == []


def test_a_correction_charges_what_came_late_whatever_was_credited(place: Place) -> None:
    opened(place, "next_invoice")
    give(place, "2=50%")
    use(place, [calls("acme", 40, date(2026, 1, 20))])
    world.run(place, midnight(MAR))
    assert papers(place)[1][1][2] == ("calls", date(2026, 1, 1), 3000)  # as without the note
    give(place, "3", name="INV-000002")
    assert violations(place) == []


def test_what_a_limited_correction_kept_is_not_given_back_by_the_next_one(place: Place) -> None:
    opened(place, "next_invoice")
    give(place, "2=60.00")
    world.void(place, "acme", date(2026, 1, 10))
    world.run(place, midnight(MAR))
    use(place, [calls("acme", 50, date(2026, 1, 20))])
    world.run(place, midnight(APR))
    lines = [
        (price, net) for _, own, _ in papers(place)[1:] for price, day, net in own if day.month == 1
    ]
    # 80.00 were charged, 60.00 are credited: 20.00 go back; then 50.00 are right, less than the 60.00
    assert lines == [("calls", -2000), ("calls", 0)]
    assert violations(place) == []


def test_a_note_gives_back_no_more_than_corrections_have_left(place: Place) -> None:
    opened(place, "next_invoice")
    world.void(place, "acme", date(2026, 1, 10))
    world.run(place, midnight(MAR))
    assert refused(place, "2=30.01") == "invoice.credit_too_large"
    note = give(place, "2")
    assert [line.amount for line in note.lines] == [3000]
    assert refused(place, "2") == "invoice.nothing_left"
    assert refused(place, "3", name="CN-000001") == "invoice.not_an_invoice"
    assert violations(place) == []


def test_time_that_is_given_back_ends_where_the_notes_began(place: Place) -> None:
    world.sell(place, [("acme", "small")], text=given_back.CATALOGUE, starts_on=date(2026, 1, 1))
    world.run(place, midnight(date(2026, 1, 1)))
    give(place, "1=21.00")
    given_back.change(place, Cancel(), date(2026, 1, 16))
    world.run(place, midnight(date(2026, 1, 16)))
    # 16 of 31 days are 16.00; of the 31.00 that were charged 10.00 are left
    assert [line.net for paper in world.issued(place)[1:] for line in paper.lines] == [-1000]
    explained(place)
    assert violations(place) == []


def test_the_database_refuses_a_correction_beyond_what_notes_have_left(place: Place) -> None:
    opened(place, "review")
    give(place, "2=60.00")
    with pytest.raises(psycopg.Error) as wrong, place.database.transaction(place.tenant_id) as tx:
        tx.run(
            "insert into period_correction (tenant_id, subscription_id, item_no, starts_at, step,"
            " ends_before, ends_at, charged_before, charged, prepaid_before, prepaid, taken_back,"
            " invoice_id, line_no) select b.tenant_id, b.subscription_id, b.item_no, b.starts_at, 1,"
            " b.ends_at, b.ends_at, b.charged, 5999, 0, 0, false, b.invoice_id, b.line_no"
            " from billed_period b where b.charged = 8000"
        )
    told = [wrong.value, wrong.value.__cause__]
    names = {one.diag.constraint_name for one in told if isinstance(one, psycopg.Error)}
    assert "period_correction_credited" in names


@pytest.mark.parametrize("amount", ["20.00", "45.00", "80.00"])
def test_a_note_and_the_run_that_corrects_its_line_at_once_give_back_no_more(
    place: Place, amount: str
) -> None:
    opened(place, "next_invoice")
    world.void(place, "acme", date(2026, 1, 10))

    def note() -> None:
        with suppress(Refusal):
            give(place, f"2={amount}")

    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(note), pool.submit(world.run, place, midnight(MAR))]
        for one in done:
            one.result()
    world.run(place, midnight(MAR))
    given = [net for _, lines, _ in papers(place)[1:] for *_, net in lines if net < 0]
    assert sum(given) >= -8000
    assert violations(place) == []


# --- coupons and taxes ------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["line", "rate", "tax", "invoice"])
@pytest.mark.parametrize("plan", ["basic", "consumer"])
def test_coupons_and_taxes_go_back_with_their_lines(place: Place, plan: str, level: str) -> None:
    text = discounts.catalogue(tax__rounding_level=level, discount__split="exact")
    world.sell(place, [("ana", plan)], text=text)
    discounts.give(place, "quarter")
    discounts.give(place, "ten")
    invoice = discounts.bill(place, 2)
    for lines in (["1=33.33"], ["2=10%", "1=0.07"], []):
        give(place, *lines)
    with place.database.snapshot(place.tenant_id) as tx:
        notes = queries.issued_line_notes(tx, invoice.invoice_id)
    for name in ("net", "tax", "gross", "discount"):
        assert sum(getattr(one.note, name) for one in notes) == getattr(invoice, name)
    assert discounts.books(place).get("receivable", 0) == 0
    assert {code: amount for code, amount in discounts.books(place).items() if amount} == {}
    discounts.prove(place)


# --- credit -----------------------------------------------------------------------------------------


def prepaid(place: Place, amount: int, **terms: Any) -> None:
    world.sell(place, [("a", "advance")])
    credit.open_wallet(place, "w", **terms)
    credit.grant(place, "w", amount)
    world.run(place, midnight(date(2026, 1, 1)))  # 31.00 and 20 %: 37.20


def test_of_what_credit_paid_after_taxes_nothing_is_given_back_in_money(place: Place) -> None:
    prepaid(place, 720)
    assert give(place, "1=20.00").gross == 2400
    assert open_of(place, "INV-000001") == 600
    assert refused(place, "1") == "invoice.paid_by_credit"
    assert give(place, "1=5.00").gross == 600
    assert open_of(place, "INV-000001") == 0
    assert violations(place) == []


def test_an_invoice_that_credit_paid_before_taxes_is_credited_as_a_whole(place: Place) -> None:
    prepaid(place, 720, before_tax=True)
    assert refused(place, "1=1.00") == "invoice.prepaid_before_taxes"
    world.credit(place, "INV-000001")
    assert violations(place) == []


# --- the home currency ------------------------------------------------------------------------------


def test_a_note_has_the_rates_of_its_invoice_and_all_of_them_its_sums_at_home(place: Place) -> None:
    currencies.played(place, """
  - at: 2026-02-01
    exchange: {rates: {EUR/USD: 1.10}}
  - customer: {key: us, currency: USD}
  - subscribe: {customer: us, plan: basic, starts_on: 2026-01-01}
  - bill: {expect: [{customer: us, home_net: 109.09, home_total: 136.36}]}
  - at: 2026-02-20
    exchange: {rates: {EUR/USD: 1.30}}
  - credit: {invoice: INV-000001, reason: sorry, lines: ["1=33.33"]}
  - credit: {invoice: INV-000001, reason: sorry, lines: ["1=10%"]}
  - credit: {invoice: INV-000001, reason: sorry, lines: []}
  - owed: {us: 0}
""")  # fmt: skip
    currencies.sound(place)
    with place.database.snapshot(place.tenant_id) as tx:
        rows = tx.tuples(
            "select i.kind, sum(h.net)::int, sum(h.tax)::int, sum(h.rounding)::int, sum(h.gross)::int,"
            " (select string_agg(distinct rate::text, ',') from invoice_rate) from invoice_home h"
            " join invoice i using (tenant_id, invoice_id) group by 1 order by 1"
        )
    assert rows == [
        ("credit_note", -10909, -2727, 0, -13636, "1.1"),
        ("invoice", 10909, 2727, 0, 13636, "1.1"),
    ]


def test_a_note_is_shown_with_its_invoice(place: Place) -> None:
    opened(place, "review")
    note = give(place, "2=10%")
    with place.database.snapshot(place.tenant_id) as tx:
        assert queries.line_note(tx, note.name) == note
        invoice = queries.invoice(tx, "INV-000001").invoice
        (row,) = queries.line_notes(tx, invoice.invoice_id)
    assert (row.series, row.number, row.gross) == ("CN", 1, 960)


def cancel(place: Place, on: date) -> None:
    with place.database.transaction(place.tenant_id) as tx:
        contracts.change(
            tx, "acme", Cancel(), When(on), reason="asked", writing=world.writing(place)
        )


def test_a_last_bill_of_a_contract_knows_what_was_credited(place: Place) -> None:
    opened(place, "next_invoice")
    give(place, "2=70.00")
    world.void(place, "acme", date(2026, 1, 10))
    cancel(place, FEB)
    world.run(place, midnight(MAR))
    assert [net for _, lines, _ in papers(place)[1:] for *_, net in lines] == [-1000]
    assert violations(place) == []
