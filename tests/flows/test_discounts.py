"""Coupons and taxes from the catalogue to the books: applied, billed, explained, credited, proved."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import psycopg
import pytest

from everycent.coupons import operations as coupons
from everycent.coupons import queries as held
from everycent.customers import operations as customers
from everycent.customers import queries as who
from everycent.customers.customer import TaxStatus
from everycent.flows import explain, replay, verify
from everycent.integrations import explain_page
from everycent.invoicing import operations as invoicing
from everycent.invoicing.invoice import Invoice
from everycent.kernel.errors import Conflict, Invalid, NotFound, Refusal
from everycent.ledger import queries as ledger
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.changing import When
from everycent.subscriptions.order import Order
from tests.conftest import Place
from tests.flows import world
from tests.flows.world import midnight

CATALOGUE = """
{policies}
taxes:
  vat: {{rates: [{{since: 2000-01-01, percent: 20}}]}}
  state: {{rates: [{{since: 2000-01-01, percent: 4}}]}}
  city: {{rates: [{{since: 2000-01-01, percent: 2.5}}]}}
products:
  base: {{name: Base fee, tax: vat}}
  extra: {{name: Extra, tax: vat}}
  local: {{name: Local thing, tax: [state, city]}}
  gift: {{name: Untaxed thing}}
plans:
  basic:
    currency: EUR
    anchor_day: 1
    prices:
      - {{key: fee, product: base, flat: {{amount: 100}}}}
      - {{key: seats, product: extra, flat: {{amount: 33.33}}}}
      - {{key: gift, product: gift, flat: {{amount: 10}}}}
  consumer:
    currency: EUR
    anchor_day: 1
    prices_include_tax: true
    prices:
      - {{key: fee, product: base, flat: {{amount: 120}}}}
      - {{key: local, product: local, flat: {{amount: 10}}}}
coupons:
  quarter: {{name: A quarter off, percent: 25, times: 2}}
  ten: {{name: Ten off, amount: 10, currency: EUR, priority: 1}}
  big: {{name: Welcome, amount: 200, currency: EUR, times: 1, limit: 2}}
  seats: {{percent: 50, products: [extra], lasts: 1 month}}
  alone: {{percent: 10, combinable: false}}
  soon: {{percent: 10, valid_from: 2026-03-01, valid_until: 2026-04-01}}
  dollars: {{amount: 1, currency: USD}}
"""


COUPONS = CATALOGUE[CATALOGUE.index("coupons:") :].replace("{{", "{").replace("}}", "}")


def catalogue(**policies: str) -> str:
    told = ", ".join(f"{name.replace('__', '.')}: {value}" for name, value in policies.items())
    return CATALOGUE.format(policies=f"policies: {{{told}}}")


def give(place: Place, coupon: str, customer: str = "ana", **more: Any) -> Any:
    with place.database.transaction(place.tenant_id) as tx:
        owner = who.by_name(tx, customer)
        more.setdefault("starts_on", date(2026, 1, 1))
        return coupons.apply(tx, coupon, owner.customer_id, **more, **world.writing(place))


def bill(place: Place, month: int) -> Invoice:
    world.run(place, midnight(date(2026, month, 1)))
    return world.issued(place)[-1]


def taken(invoice: Invoice) -> list[tuple[str, int]]:
    return [(discount.name, discount.amount) for discount in invoice.discounts]


def books(place: Place) -> dict[str, int]:
    with place.database.snapshot(place.tenant_id) as tx:
        rows = ledger.trial_balance(tx, world.later(place.now, days=4000), place.now)
    return {row.code: row.balance for row in rows}


def prove(place: Place) -> None:
    """Every promise holds, every table is rebuilt, every invoice explains itself."""
    with place.database.snapshot(place.tenant_id) as tx:
        checks = list(verify.verify(tx, trusted_key=None, with_replay=True))
        assert [(check.promise, check.violators) for check in checks if check.violators] == []
        for invoice in world.issued(place):
            explain.explain(tx, invoice.name)


def test_coupons_take_by_priority_and_then_as_they_were_applied(place: Place) -> None:
    world.sell(place, [("ana", "basic")], text=catalogue())
    give(place, "quarter")
    give(place, "ten")
    january = bill(place, 2)
    assert taken(january) == [("ten-1", 1000), ("quarter-1", 3333)]
    assert [(line.net, line.discount) for line in january.lines] == [
        (10000, 3023),
        (3333, 1007),
        (1000, 303),
    ]
    assert (january.discount, january.net, january.tax, january.gross) == (4333, 10000, 1861, 11861)
    assert january.policies == {
        "discount.rest": "lost",
        "discount.split": "largest_remainder",
        "tax.rounding_level": "rate",
        "tax.rounding_mode": "half_up",
        "tax.rounding_step": "minor_unit",
    }
    prove(place)


def test_a_coupon_is_used_as_often_as_it_may_be_also_within_one_run(place: Place) -> None:
    world.sell(place, [("ana", "basic")], text=catalogue())
    give(place, "quarter")
    world.run(place, midnight(date(2026, 5, 1)))
    found = [(taken(i), [d.redemption_no for d in i.discounts]) for i in world.issued(place)]
    assert found == [
        ([("quarter-1", 3583)], [1]),
        ([("quarter-1", 3583)], [2]),
        ([], []),
        ([], []),
    ]
    prove(place)


@pytest.mark.parametrize(
    ("rest", "amounts", "rests"),
    [("lost", [14333, 0, 0], [0]), ("carried", [14333, 5667, 0], [5667, 0])],
)
def test_the_rest_of_a_large_coupon_is_lost_or_carried(
    place: Place, rest: str, amounts: list[int], rests: list[int]
) -> None:
    world.sell(place, [("ana", "basic")], text=catalogue(discount__rest=rest))
    give(place, "big")
    invoices = [bill(place, month) for month in (2, 3, 4)]
    assert [invoice.discount for invoice in invoices] == amounts
    assert [d.rest for invoice in invoices for d in invoice.discounts] == rests
    assert {d.redemption_no for invoice in invoices for d in invoice.discounts} == {1}
    assert (invoices[0].net, invoices[0].tax, invoices[0].gross) == (0, 0, 0)
    prove(place)


def test_a_scope_a_time_and_a_subscription_bound_what_is_reached(place: Place) -> None:
    world.sell(place, [("ana", "basic")], text=catalogue())
    with place.database.transaction(place.tenant_id) as tx:
        ana = who.by_name(tx, "ana")
        orders = [Order(ana, "basic", "second", date(2026, 1, 1))]
        subscriptions.start(tx, orders, **world.writing(place))
        second = subscriptions.get(tx, "second")
    give(place, "seats", subscription=(second.subscription_id, second.key))
    january, february = bill(place, 2), bill(place, 3)
    assert [(line.subscription, line.discount) for line in january.lines if line.discount] == [
        ("second", 1667)
    ]
    assert february.discounts == ()  # its day of supply is no longer within the month
    prove(place)


def test_a_coupon_is_used_on_a_document_that_gives_back_more_than_it_charges(place: Place) -> None:
    text = (
        catalogue()
        + """
  advance:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: fee, product: base, flat: {amount: 100}, timing: in_advance}
      - {key: seats, product: extra, flat: {amount: 31}}
"""
    )
    world.sell(place, [("ana", "advance")], text=text.replace(COUPONS, "") + COUPONS)
    bill(place, 1)
    give(place, "quarter")
    with place.database.transaction(place.tenant_id) as tx:
        writing = world.writing(place)
        subscriptions.cancel(tx, "ana", When(date(2026, 1, 3)), reason="asked", writing=writing)
    note = bill(place, 2)
    assert (note.series, note.net, taken(note)) == ("CN", -9355 + 150, [("quarter-1", 50)])
    prove(place)


def test_a_removed_coupon_takes_no_more_and_what_it_took_stays(place: Place) -> None:
    world.sell(place, [("ana", "basic")], text=catalogue())
    give(place, "ten")
    january = bill(place, 2)
    with place.database.transaction(place.tenant_id) as tx:
        left = coupons.remove(
            tx, "ten-1", on=date(2026, 2, 1), reason="asked", **world.writing(place)
        )
    assert left.ends_on == date(2026, 2, 1)
    assert (taken(january), taken(bill(place, 3))) == ([("ten-1", 1000)], [])
    with pytest.raises(Conflict) as refused, place.database.transaction(place.tenant_id) as tx:
        coupons.remove(tx, "ten-1", on=date(2026, 2, 1), **world.writing(place))
    assert refused.value.code == "coupon.removed_before"
    with place.database.snapshot(place.tenant_id) as tx:
        ((row, one),) = held.listed(tx)
        assert (row.customer, row.taken, one.uses, one.redemptions) == ("ana", 1000, 1, 1)
    prove(place)


@pytest.mark.parametrize(
    ("before", "coupon", "starts_on", "code"),
    [
        ([], "none", date(2026, 1, 1), "coupon.unknown"),
        ([], "dollars", date(2026, 1, 1), "coupon.other_currency"),
        ([], "soon", date(2026, 2, 28), "coupon.not_valid"),
        ([], "soon", date(2026, 4, 1), "coupon.not_valid"),
        (["big", "big"], "big", date(2026, 1, 1), "coupon.limit_reached"),
        (["ten"], "alone", date(2026, 1, 1), "coupon.not_combinable"),
        (["alone"], "ten", date(2026, 1, 1), "coupon.not_combinable"),
        (["seats"], "alone", date(2026, 1, 31), "coupon.not_combinable"),
        (["seats"], "alone", date(2026, 2, 1), None),
        (["ten"], "ten", date(2026, 1, 1), None),
    ],
)
def test_what_can_not_be_applied_is_refused_and_writes_nothing(
    place: Place, before: list[str], coupon: str, starts_on: date, code: str | None
) -> None:
    world.sell(place, [("ana", "basic")], text=catalogue())
    for each in before:
        give(place, each)
    then = world.state(place.database, place.tenant_id)
    if code is None:
        assert give(place, coupon, starts_on=starts_on).coupon.key == coupon
        return
    with pytest.raises(Refusal) as refused:
        give(place, coupon, starts_on=starts_on)
    assert refused.value.code == code
    assert world.state(place.database, place.tenant_id) == then


def test_an_unknown_application_is_not_found(place: Place) -> None:
    world.sell(place, [("ana", "basic")], text=catalogue())
    for name in ("ten-1", "ten", "ten-0", "-1", "ten-1 "):
        with pytest.raises(NotFound), place.database.snapshot(place.tenant_id) as tx:
            held.by_name(tx, name)


def test_the_coupon_is_kept_as_it_was_when_it_was_applied(place: Place) -> None:
    world.sell(place, [("ana", "basic")], text=catalogue())
    give(place, "ten")
    from everycent.catalog import document
    from everycent.catalog import operations as catalog

    with place.database.transaction(place.tenant_id) as tx:
        changed = catalogue().replace("amount: 10, currency", "amount: 20, currency")
        catalog.apply(tx, document.parse(changed), **world.writing(place))
    assert taken(bill(place, 2)) == [("ten-1", 1000)]


def test_a_run_keeps_the_policies_with_which_it_was_opened(place: Place) -> None:
    from everycent.catalog import document
    from everycent.catalog import operations as catalog
    from everycent.flows import bill as flow
    from everycent.kernel import clock

    world.sell(place, [("ana", "basic")], text=catalogue(tax__rounding_mode="down"))
    settings: dict[str, Any] = {
        "clock": clock.fixed(place.now),
        "ids": place.ids,
        "terms": world.TERMS,
    }
    flow.start(place.database, place.tenant_id, midnight(date(2026, 2, 1)), **settings)
    with place.database.transaction(place.tenant_id) as tx:
        catalog.apply(
            tx, document.parse(catalogue(tax__rounding_mode="up")), **world.writing(place)
        )
    february = bill(place, 3)
    january = world.issued(place)[0]
    assert (january.tax, february.tax) == (2666, 2667)
    assert january.policies["tax.rounding_mode"] == "down"


def test_prices_with_taxes_in_them_are_freed_of_these(place: Place) -> None:
    world.sell(place, [("ana", "consumer")], text=catalogue())
    january = bill(place, 2)
    assert [(line.amount, line.net, line.tax_percent) for line in january.lines] == [
        (12000, 10000, "20"),
        (1000, 939, "2.5+4"),
    ]
    assert [(t.category, t.percent, t.base, t.amount) for t in january.taxes] == [
        ("vat", "20", 10000, 2000),
        ("city", "2.5", 939, 23),
        ("state", "4", 939, 38),
    ]
    assert january.gross == 13000
    give(place, "ten")
    february = bill(place, 3)
    assert taken(february) == [("ten-1", 1000)]
    assert february.gross == 12000
    assert [line.net for line in february.lines] == [10000, 938]
    prove(place)


@pytest.mark.parametrize(
    ("status", "reason", "printed"),
    [
        (TaxStatus.EXEMPT, "Exempt: article 151", "Exempt: article 151"),
        (TaxStatus.REVERSE_CHARGE, None, "Reverse charge"),
    ],
)
def test_a_customer_who_is_not_taxed_pays_the_net(
    place: Place, status: TaxStatus, reason: str | None, printed: str
) -> None:
    world.sell(place, [("ana", "consumer"), ("bob", "basic")], text=catalogue())
    with place.database.transaction(place.tenant_id) as tx:
        for key in ("ana", "bob"):
            changed = msgspec.structs.replace(
                who.by_name(tx, key), tax_id="HR1", tax_status=status, tax_reason=reason
            )
            customers.update(tx, changed, **world.writing(place))
    give(place, "ten")
    bill(place, 2)
    ana, bob = sorted(world.issued(place), key=lambda invoice: invoice.customer.key)
    assert (ana.net, ana.tax, ana.gross) == (10098, 0, 10098)
    assert (bob.net, bob.tax, bob.gross) == (14333, 0, 14333)
    for invoice in (ana, bob):
        assert {(t.percent, t.amount, t.reason) for t in invoice.taxes} == {("0", 0, printed)}
    prove(place)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"tax_status": TaxStatus.EXEMPT}, "customer.no_tax_reason"),
        ({"tax_status": TaxStatus.REVERSE_CHARGE}, "customer.no_tax_id"),
        ({"tax_reason": "because"}, "customer.tax_reason_unused"),
    ],
)
def test_an_invoice_without_tax_needs_what_it_has_to_say(
    place: Place, fields: dict[str, Any], code: str
) -> None:
    world.sell(place, [("ana", "basic")], text=catalogue())
    with place.database.snapshot(place.tenant_id) as tx:
        changed = msgspec.structs.replace(who.by_name(tx, "ana"), **fields)
    with pytest.raises(Invalid) as refused, place.database.transaction(place.tenant_id) as tx:
        customers.update(tx, changed, **world.writing(place))
    assert refused.value.code == code


def test_a_credit_note_takes_discounts_and_taxes_back_and_the_coupon_stays_used(
    place: Place,
) -> None:
    world.sell(place, [("ana", "consumer")], text=catalogue())
    give(place, "quarter")
    january = bill(place, 2)
    assert {"discounts", "revenue", "tax_payable", "receivable"} <= set(books(place))
    with place.database.transaction(place.tenant_id) as tx:
        invoicing.credit(
            tx,
            january.name,
            reason="wrong",
            time_zone=world.ZONE,
            **world.at_year_end(place),
        )
    assert not any(books(place).values())
    with place.database.snapshot(place.tenant_id) as tx:
        ((_, one),) = held.listed(tx)
    assert one.redemptions == 1
    prove(place)


@pytest.mark.parametrize("level", ["rate", "line", "tax", "invoice"])
@pytest.mark.parametrize("split", ["largest_remainder", "exact", "per_line"])
def test_every_choice_of_policies_is_proved_and_explained(
    place: Place, level: str, split: str
) -> None:
    text = catalogue(tax__rounding_level=level, discount__split=split, tax__rounding_step='"0.05"')
    world.sell(place, [("ana", "basic"), ("bob", "consumer")], text=text)
    for key in ("ana", "bob"):
        give(place, "quarter", key)
        give(place, "ten", key)
    bill(place, 2)
    invoices = world.issued(place)
    assert all(i.tax % 5 == 0 and i.discounts for i in invoices)
    prove(place)
    with place.database.snapshot(place.tenant_id) as tx:
        for invoice in invoices:
            page = explain_page.page(invoice, explain.explain(tx, invoice.name), {})
            assert "A quarter off" in page


def test_an_explanation_shows_what_was_taken_and_notices_a_forged_discount(place: Place) -> None:
    world.sell(place, [("ana", "basic")], text=catalogue())
    give(place, "quarter")
    bill(place, 2)
    with place.database.snapshot(place.tenant_id) as tx:
        tree = explain.explain(tx, "INV-000001")
    (discount,) = [node for node in tree.children if node.kind == "discount"]
    assert (discount.what, discount.value, discount.detail) == (
        "Discount A quarter off",
        "-35.83 EUR",
        "25 % of 143.33 EUR",
    )
    line = next(node for node in tree.children if node.kind == "line")
    assert [(n.kind, n.value) for n in line.children][:2] == [
        ("discount", "-25.00 EUR"),
        ("base", "75.00 EUR"),
    ]


ATTACKS = [
    ("use_no = 3", "coupon_use_chain"),
    ("redemption_no = 1", "coupon_use_chain"),
    ("times = 9", "coupon_use_chain"),
    ("redemption_no = 3, use_no = 3", "coupon_use_times"),
    ("amount = -1", "coupon_use_amount_check"),
]


@pytest.mark.parametrize(("forged", "constraint"), ATTACKS)
def test_the_database_refuses_a_use_beyond_what_was_agreed(
    place: Place, forged: str, constraint: str
) -> None:
    world.sell(place, [("ana", "basic")], text=catalogue())
    give(place, "quarter")
    bill(place, 2)
    cells = {"use_no": "2", "redemption_no": "2", "times": "2", "amount": "1"}
    cells |= dict(pair.split(" = ") for pair in forged.split(", "))
    statement = (
        "insert into coupon_use select tenant_id, application_id,"
        f" {cells['use_no']}, {cells['redemption_no']}, {cells['times']},"
        f" gen_random_uuid(), {cells['amount']}, 0 from coupon_use"
    )
    with (
        pytest.raises(psycopg.errors.IntegrityError) as refused,
        place.database.transaction(place.tenant_id) as tx,
    ):
        tx.run(statement)
    assert refused.value.diag.constraint_name == constraint


def test_a_planted_use_is_named_by_verify(place: Place) -> None:
    world.sell(place, [("ana", "basic")], text=catalogue())
    give(place, "quarter")
    bill(place, 2)
    with psycopg.connect(place.conninfo, options="-c search_path=everycent") as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute("update coupon_use set times = 9")
    with place.database.snapshot(place.tenant_id) as tx:
        failing = {
            check.promise
            for check in verify.verify(tx, trusted_key=None, with_replay=True)
            if check.violators
        }
    assert failing == {
        "no coupon is used more often than it may be",
        "the journal rebuilds every table, byte for byte",
    }


def test_workers_and_restarts_change_nothing(place: Place) -> None:
    customers_ = [(f"c{n}", "basic" if n % 2 else "consumer") for n in range(7)]
    world.sell(place, customers_, text=catalogue(discount__split="exact"))
    for key, _ in customers_:
        give(place, "quarter", key)
    bill(place, 4)
    assert all(len(i.discounts) <= 1 for i in world.issued(place))
    with place.database.snapshot(place.tenant_id) as tx:
        assert replay.replay(tx).differences == {}
