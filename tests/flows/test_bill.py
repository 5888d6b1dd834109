"""Billing runs: due work is derived, every period is billed once, one bad customer stops nobody."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import psycopg
import pytest

from everycent.app.wiring import random_ids, utc_now
from everycent.catalog import document
from everycent.catalog import operations as catalog
from everycent.customers.customer import Customer
from everycent.flows import bill
from everycent.flows.replay import replay
from everycent.flows.verify import verify
from everycent.invoicing import operations as invoicing
from everycent.invoicing import queries as invoices
from everycent.kernel import calendar
from everycent.kernel.errors import Conflict, Invalid, NotFound
from everycent.metering.record import UsageRecord
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.order import Order
from tests.conftest import Place
from tests.flows import world
from tests.flows.world import calls, midnight, sell, state, use


def assert_proven(place: Place) -> None:
    with place.database.snapshot(place.tenant_id) as tx:
        for check in verify(tx, trusted_key=None, with_replay=True):
            assert check.violators == [], check.promise


def lines(place: Place) -> list[tuple[int, str, str, str, int, int]]:
    """(number, customer, price, first day of the line, net, gross of the invoice)"""
    return [
        (
            invoice.number,
            invoice.customer.key,
            line.charge.price.key,
            str(calendar.local_date(line.starts_at, world.ZONE)),
            line.charge.net,
            invoice.gross,
        )
        for invoice in world.issued(place)
        for line in invoice.lines
    ]


def test_a_month_is_billed_when_it_has_ended_and_not_before(place: Place) -> None:
    sell(place, [("a", "api")])
    use(place, [calls("a", 150, date(2026, 1, 10)), calls("a", 7, date(2026, 2, 1))])
    assert (
        world.run(place, world.later(midnight(date(2026, 2, 1)), seconds=-1)).progress.invoices == 0
    )
    assert world.run(place, midnight(date(2026, 2, 1))).progress.invoices == 1
    # 100 × 0.05 + 50 × 0.0333 = 6.665 → 6.67; net 16.57; 20 % → 3.31
    assert lines(place) == [
        (1, "a", "calls", "2026-01-01", 667, 1988),
        (1, "a", "fee", "2026-01-01", 990, 1988),
    ]
    assert_proven(place)


def test_running_again_bills_nothing_twice(place: Place) -> None:
    sell(place, [("a", "api"), ("b", "api"), ("c", "advance")])
    world.run(place, midnight(date(2026, 3, 1)))
    before = state(place.database, place.tenant_id)
    assert world.run(place, midnight(date(2026, 3, 1))).progress.invoices == 0
    assert world.run(place, midnight(date(2026, 2, 1))).progress.invoices == 0
    assert state(place.database, place.tenant_id) == before


def test_an_outage_of_months_is_caught_up_with_one_invoice_for_each_month(place: Place) -> None:
    sell(place, [("a", "api")])
    result = world.run(place, midnight(date(2026, 5, 1)))
    assert result.progress.invoices == 4
    assert [line[3] for line in lines(place) if line[2] == "fee"] == [
        "2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01",
    ]  # fmt: skip
    assert_proven(place)


def test_billing_month_by_month_or_all_at_once_comes_to_the_same_lines(place: Place) -> None:
    sell(place, [("a", "api"), ("b", "advance")])
    for month in (2, 3, 4):
        world.run(place, midnight(date(2026, month, 1)))
    stepwise = sorted(line[1:5] for line in lines(place))
    with place.database.operator() as tx:
        other = tx.value(
            "insert into tenant (slug, name, created_at) values ('o', 'o', now()) returning tenant_id"
        )
        from everycent.ledger import operations as ledger

        ledger.open_books(tx.acting_for(other))
    elsewhere = place._replace(tenant_id=other)
    sell(elsewhere, [("a", "api"), ("b", "advance")])
    world.run(elsewhere, midnight(date(2026, 4, 1)))
    assert sorted(line[1:5] for line in lines(elsewhere)) == stepwise


def test_a_price_in_advance_is_billed_when_its_period_begins(place: Place) -> None:
    sell(place, [("a", "advance")], starts_on=date(2026, 1, 10))
    assert world.run(place, midnight(date(2026, 1, 10))).progress.invoices == 1
    assert world.run(place, midnight(date(2026, 1, 31))).progress.invoices == 0
    world.run(place, midnight(date(2026, 2, 1)))
    # 22 of 31 days of 31.00
    assert [line[2:5] for line in lines(place)] == [
        ("fee", "2026-01-10", 2200),
        ("fee", "2026-02-01", 3100),
    ]
    assert_proven(place)


def test_several_subscriptions_of_a_customer_come_on_one_invoice(place: Place) -> None:
    sell(place, [("a", "api")])
    with place.database.transaction(place.tenant_id) as tx:
        from everycent.customers import queries as customers

        owner = customers.by_name(tx, "a")
        subscriptions.start(
            tx,
            [Order(owner, "api", "a/second", world.START, subject="a-second")],
            **world.writing(place),
        )
    use(place, [calls("a", 10, date(2026, 1, 5)), calls("a-second", 20, date(2026, 1, 5))])
    world.run(place, midnight(date(2026, 2, 1)))
    (invoice,) = world.issued(place)
    assert [(line.subscription, line.charge.net) for line in invoice.lines] == [
        ("a", 50), ("a", 990), ("a/second", 100), ("a/second", 990),
    ]  # fmt: skip


def test_a_cancelled_subscription_is_billed_up_to_its_end(place: Place) -> None:
    sell(place, [("a", "api")])
    with place.database.transaction(place.tenant_id) as tx:
        subscriptions.cancel(
            tx,
            "a",
            subscriptions.When(date(2026, 2, 15)),
            reason="moved",
            writing=world.writing(place),
        )
    world.run(place, midnight(date(2026, 6, 1)))
    # 14 of 28 days of 9.90
    assert [line[2:5] for line in lines(place) if line[2] == "fee"] == [
        ("fee", "2026-01-01", 990),
        ("fee", "2026-02-01", 495),
    ]
    assert_proven(place)


def test_the_tax_rate_is_the_one_of_the_day_of_supply(place: Place) -> None:
    sell(place, [("a", "api")], starts_on=date(2026, 6, 1))
    world.run(place, midnight(date(2026, 8, 1)))
    assert [invoice.taxes[0].percent for invoice in world.issued(place)] == ["20", "21"]


def test_a_customer_whose_tax_has_no_rate_is_parked_and_the_others_are_billed(place: Place) -> None:
    late = world.CATALOGUE.replace("since: 2000-01-01", "since: 2026-06-01")
    sell(place, [("a", "api"), ("b", "api")], text=late)
    with place.database.transaction(place.tenant_id) as tx:
        extra = world.CATALOGUE.replace("tax: vat", "tax: none").replace("  api:\n", "  free:\n")
        catalog.apply(tx, document.parse(extra), **world.writing(place))
        from everycent.customers import operations as customers

        c = Customer(place.ids("customer/c"), "c", "Customer c", "EUR", world.ZONE)
        customers.create(tx, [c], **world.writing(place))
        subscriptions.start(tx, [Order(c, "free", "c", world.START)], **world.writing(place))
        # The file above brought the early rate back: take it away again.
        catalog.apply(tx, document.parse(late), **world.writing(place))
    result = world.run(place, midnight(date(2026, 2, 1)))
    with place.database.snapshot(place.tenant_id) as tx:
        parked = invoices.parked(tx, result.run.run_id)
    assert [(row.customer, row.code) for row in parked] == [
        ("a", "tax.no_rate"),
        ("b", "tax.no_rate"),
    ]
    assert [invoice.customer.key for invoice in world.issued(place)] == ["c"]
    with place.database.transaction(place.tenant_id) as tx:
        catalog.apply(tx, document.parse(world.CATALOGUE), **world.writing(place))
    assert world.run(place, midnight(date(2026, 2, 1))).progress.invoices == 2
    assert_proven(place)


def test_a_customer_whose_register_runs_backwards_is_parked_with_the_reason(place: Place) -> None:
    sell(place, [("a", "power"), ("b", "power")])
    use(
        place,
        [
            UsageRecord("m", f"{key}{n}", key, "register", midnight(day), value)
            for key, values in (("a", ("100", "90")), ("b", ("99990", "15")))
            for n, (day, value) in enumerate(
                zip((date(2026, 1, 1), date(2026, 2, 1)), values, strict=True)
            )
        ],
    )
    result = world.run(place, midnight(date(2026, 2, 1)))
    with place.database.snapshot(place.tenant_id) as tx:
        (parked,) = invoices.parked(tx, result.run.run_id)
    assert (parked.customer, parked.code) == ("a", "register.runs_backwards")
    # 25 kWh through the roll-over from 99990 to 00015
    assert [line[1:5] for line in lines(place)] == [("b", "energy", "2026-01-01", 625)]


def test_a_customer_the_database_refuses_is_parked_and_its_chunk_is_billed(
    place: Place, server: object
) -> None:
    sell(place, [(key, "api") for key in "abcde"])
    bad = place.ids("customer/c")
    with psycopg.connect(place.conninfo, autocommit=True) as admin:
        admin.execute(
            "create function everycent.refuse_c() returns trigger language plpgsql as $$ begin"
            f" if new.customer_id = '{bad}' then raise check_violation using message = 'no c'; end if;"
            " return new; end $$"
        )
        admin.execute(
            "create trigger refuse_c before insert on everycent.invoice"
            " for each row execute function everycent.refuse_c()"
        )
    result = world.run(place, midnight(date(2026, 2, 1)))
    assert (result.progress.invoices, result.progress.parked) == (4, 1)
    assert sorted(i.customer.key for i in world.issued(place)) == ["a", "b", "d", "e"]
    assert_proven(place)
    with psycopg.connect(place.conninfo, autocommit=True) as admin:
        admin.execute("drop trigger refuse_c on everycent.invoice")
    assert world.run(place, midnight(date(2026, 2, 1))).progress.invoices == 1
    assert_proven(place)


@pytest.mark.parametrize(("chunk_size", "workers"), [(1, 1), (2, 3), (100, 1), (4, 2)])
def test_the_result_does_not_depend_on_chunks_or_workers(
    place: Place, chunk_size: int, workers: int
) -> None:
    keys = [f"c{n:02d}" for n in range(11)]
    others = [place, _second_tenant(place)]
    for each in others:
        sell(each, [(key, "api") for key in keys])
        use(each, [calls(key, 10 * n, date(2026, 1, 3)) for n, key in enumerate(keys, start=1)])
    world.run(others[0], midnight(date(2026, 3, 1)), terms=world.TERMS._replace(chunk_size=3))
    world.run(
        others[1],
        midnight(date(2026, 3, 1)),
        terms=world.TERMS._replace(chunk_size=chunk_size),
        workers=workers,
    )
    assert lines(others[0]) == lines(others[1])


def _second_tenant(place: Place) -> Place:
    from everycent.tenants import operations as tenants

    other = tenants.create(place.database, "second", "Second", place.now)
    return place._replace(tenant_id=other)


def test_a_run_that_was_left_open_is_finished_before_the_next_one(place: Place) -> None:
    from everycent.flows import bill
    from everycent.kernel import clock

    sell(place, [(key, "api") for key in "abcdefg"])
    settings = {"clock": clock.fixed(place.now), "ids": place.ids, "terms": world.TERMS}
    first, is_new = bill.start(
        place.database, place.tenant_id, midnight(date(2026, 2, 1)), **settings
    )
    assert is_new
    results = bill.run(place.database, place.tenant_id, midnight(date(2026, 3, 1)), **settings)
    assert [(r.run.as_of, r.was_resumed, r.progress.invoices) for r in results] == [
        (first.as_of, True, 7),
        (midnight(date(2026, 3, 1)), False, 7),
    ]
    assert_proven(place)


def test_a_credit_note_takes_an_invoice_back_once(place: Place) -> None:
    sell(place, [("a", "api")])
    world.run(place, midnight(date(2026, 2, 1)))

    def credit() -> None:
        with place.database.transaction(place.tenant_id) as tx:
            invoicing.credit(
                tx, "INV-000001", reason="wrong", time_zone="UTC", **world.at_year_end(place)
            )

    credit()
    with pytest.raises(Conflict, match="CN-000001") as refused:
        credit()
    assert refused.value.code == "invoice.credited_before"
    with place.database.snapshot(place.tenant_id) as tx:
        rows = invoices.listed(tx)
        assert sum(row.gross for row in rows) == 0
        with pytest.raises(NotFound):
            invoices.invoice(tx, "INV-000009")
    assert_proven(place)


def test_late_usage_changes_no_invoice_and_is_counted_as_too_late(place: Place) -> None:
    sell(place, [("a", "api")])
    use(place, [calls("a", 10, date(2026, 1, 5))])
    world.run(place, midnight(date(2026, 2, 1)))
    before = state(place.database, place.tenant_id)
    use(
        place,
        [
            calls("a", 5, date(2026, 1, 6), name="late"),
            calls("x", 1, date(2026, 1, 6)),
            calls("a", 5, date(2025, 12, 6), name="early"),
            calls("a", 8, date(2026, 2, 6)),
        ],
    )
    assert world.run(place, midnight(date(2026, 2, 1))).progress.invoices == 0
    assert state(place.database, place.tenant_id) == before
    with place.database.snapshot(place.tenant_id) as tx:
        checks = {c.promise: c for c in verify(tx, trusted_key=None, with_replay=False)}
    assert checks["every record is billed or has a reason"].figures == {
        "billed": 1, "too_late": 1, "no_subscription": 1, "outside_term": 1, "not_yet_billed": 1,
    }  # fmt: skip
    assert all(check.violators == [] for check in checks.values())


def test_replay_rebuilds_everything_after_changes_of_every_kind(place: Place) -> None:
    from everycent.customers import operations as customers
    from everycent.customers import queries as customer_queries

    sell(place, [("a", "api"), ("b", "advance"), ("c", "power")])
    world.run(place, midnight(date(2026, 2, 1)))
    with place.database.transaction(place.tenant_id) as tx:
        a = customer_queries.by_name(tx, "a")
        import msgspec

        customers.update(tx, msgspec.structs.replace(a, name="New name"), **world.writing(place))
        subscriptions.cancel(
            tx, "b", subscriptions.When(None), reason="", writing=world.writing(place)
        )
        invoicing.credit(tx, "INV-000002", reason="x", time_zone="UTC", **world.at_year_end(place))
    world.run(place, midnight(date(2026, 4, 1)))
    with place.database.snapshot(place.tenant_id) as tx:
        rebuilt = replay(tx)
    assert rebuilt.differences == {}
    assert rebuilt.rows["customer"] == 3
    assert rebuilt.rows["invoice"] > 5


def test_the_first_readings_of_a_register_may_come_late_and_no_use_is_lost(place: Place) -> None:
    sell(place, [("a", "power")])
    world.run(place, midnight(date(2026, 2, 1)))
    use(
        place,
        [
            UsageRecord("m", str(day), "a", "register", midnight(day), value)
            for day, value in (
                (date(2026, 1, 5), "100"), (date(2026, 1, 25), "300"), (date(2026, 2, 25), "500"),
            )
        ],
    )  # fmt: skip
    world.run(place, midnight(date(2026, 3, 1)))
    # 500 − 100 = 400 kWh at 0.25
    assert [line[4] for line in lines(place)] == [0, 10000]


def test_a_time_that_no_run_could_finish_is_refused_before_a_run_is_opened(place: Place) -> None:
    sell(place, [("a", "api")])
    for as_of in (datetime(9999, 12, 31, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)):
        with pytest.raises(Invalid):
            world.run(place, as_of)
    assert world.run(place, midnight(date(2026, 2, 1))).progress.invoices == 1


def test_customers_with_few_and_many_invoices_are_billed_side_by_side(place: Place) -> None:
    """Rows of very different sizes in one chunk keep their order on the way into the journal."""
    text = (
        world.CATALOGUE
        + """
  heavy:
    currency: EUR
    interval: day
    prices:
      - {key: a, product: gift, meter: calls, per_unit: {unit_amount: 1}}
      - {key: b, product: gift, meter: calls, per_unit: {unit_amount: 2}}
      - {key: c, product: gift, meter: calls, per_unit: {unit_amount: 3}}
  light:
    currency: EUR
    prices:
      - {key: a, product: gift, flat: {amount: 1}}
"""
    )
    plans = [(f"c{n:03d}", "heavy" if n // 10 % 2 else "light") for n in range(40)]
    sell(place, plans, text=text)
    result = world.run(
        place, midnight(date(2026, 4, 1)), terms=world.TERMS._replace(chunk_size=10), workers=2
    )
    assert (result.progress.parked, result.progress.invoices) == (0, 20 * 90 + 20 * 3)
    with place.database.snapshot(place.tenant_id) as tx:
        assert not tx.rows(
            "select 1 from (select seq, lag(seq) over (partition by stream order by version) as before"
            " from journal_event) x where seq < before"
        )
    assert_proven(place)


def test_runs_that_overlap_all_end_well(place: Place) -> None:
    sell(place, [(f"c{n}", "api") for n in range(6)])
    months = [midnight(date(2026, month, 1)) for month in (2, 3, 4, 5)]
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda as_of: bill_once(place, as_of), months * 3))
    assert len(world.issued(place)) == 6 * 4
    assert_proven(place)


def bill_once(place: Place, as_of: datetime) -> None:
    bill.run(
        place.database, place.tenant_id, as_of, clock=utc_now, ids=random_ids, terms=world.TERMS
    )
