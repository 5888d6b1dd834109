"""A plan with every scheme, limits and a conversion: billed, explained, rated again and proved.

The contract begins on 16 January, so that its first period is 16 of 31 days.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest

from everycent.customers import queries as customers
from everycent.flows import explain, outstanding
from everycent.flows.rerate import Issued, rerate
from everycent.flows.saying import Node
from everycent.flows.verify import verify
from everycent.integrations import explain_page
from everycent.invoicing import queries as invoices
from everycent.invoicing.invoice import Invoice
from everycent.kernel.money import Money, plain
from everycent.metering.record import UsageRecord, canonical_dimensions
from everycent.rating.charge import Charge
from tests.conftest import Place
from tests.flows import world
from tests.flows.world import midnight

CATALOGUE = """
meters:
  calls: {unit: call}
  paid: {unit: EUR}
  orders: {unit: order, aggregation: count}
  traffic: {unit: GB}
products:
  p: {name: P}
plans:
  all:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: included, product: p, meter: calls, per_unit: {unit_amount: "0.10", included: "100"}}
      - {key: share, product: p, meter: paid, percentage: {percent: "1.5"}}
      - {key: fees, product: p, meter: paid,
         percentage: {percent: "2.9", fixed_amount: "0.30", free_events: 2, free_total: "50",
                      minimum: "0.50", maximum: "20"}}
      - {key: own, product: p, meter: orders, dynamic: {dimension: price, multiplier: "1.2"}}
      - key: blocks
        product: p
        meter: calls
        block_tiers: {tiers: [{block_size: "100", block_amount: "1", max_blocks: 2},
                              {block_size: "1000", block_amount: "5"}]}
      - key: top
        product: p
        meter: calls
        block_tiers: {mode: top, tiers: [{block_size: "100", block_amount: "1", max_blocks: 2},
                                         {block_size: "1000", block_amount: "5"}]}
      - key: cells
        product: p
        meter: traffic
        matrix: {dimensions: [region, class], default: "0.08",
                 cells: [{values: [eu, hot], unit_amount: "0.05"},
                         {values: [eu, cold], unit_amount: "0.01"}]}
      - {key: thousands, product: p, meter: calls, per_unit: {unit_amount: "10"},
         quantity_rounding: {divide_by: "1000", places: 0, mode: up, unit: thousand}}
      - {key: tiers, product: p, meter: paid,
         graduated: {tiers: [{up_to: "100", percent: "3"}, {percent: "2", flat_amount: "1"}]}}
      - {key: least, product: p, meter: calls, per_unit: {unit_amount: "0.001"}, minimum: "30"}
      - {key: most, product: p, meter: calls, per_unit: {unit_amount: "1"}, maximum: "31",
         prorate_limits: false}
"""

EXPECTED = {
    "included": ("1234", "113.40"),  # 1134 × 0.10
    "share": ("1085", "16.28"),  # 1.5 % of 1085, half up
    "fees": ("1085", "21.67"),  # 20 free, 30 × 2.9 % + 0.30, at least 0.50, at most 20.00
    "own": ("2", "3.48"),  # (0.70 + 2.20) × 1.2
    "blocks": ("1234", "12.00"),  # 2 blocks at 1.00, then 2 at 5.00
    "top": ("1234", "10.00"),  # 2 blocks of a thousand
    "cells.eu-hot": ("10", "0.50"),
    "cells.eu-cold": ("5", "0.05"),
    "cells.default": ("8", "0.64"),
    "thousands": ("2", "20.00"),
    "tiers": ("1085", "23.70"),  # 100 × 3 % + 985 × 2 % + 1
    "least": ("1234", "15.48"),  # 1.234, so 30 × 16/31
    "most": ("1234", "31.00"),
}


def record(key: str, meter: str, day: int, value: str, **told: str) -> UsageRecord:
    at = datetime(2026, 1, day, 12, tzinfo=UTC)
    return UsageRecord("test", key, "a", meter, at, value, canonical_dimensions(told))


RECORDS = [
    record("c1", "calls", 17, "1200"),
    record("c2", "calls", 18, "34"),
    record("p1", "paid", 17, "20"),
    record("p2", "paid", 18, "60"),
    record("p3", "paid", 20, "5"),
    record("p4", "paid", 31, "1000"),
    record("o1", "orders", 16, "1", price="0.70"),
    record("o2", "orders", 19, "1", price="2.20"),
    record("t1", "traffic", 17, "10", **{"region": "eu", "class": "hot"}),
    record("t2", "traffic", 17, "5", **{"region": "eu", "class": "cold"}),
    record("t3", "traffic", 18, "7", region="us"),
    record("t4", "traffic", 18, "1"),
]


@pytest.fixture
def sold(place: Place) -> Place:
    world.sell(place, [("a", "all")], text=CATALOGUE, starts_on=date(2026, 1, 16))
    return place


def bill(place: Place) -> Invoice:
    world.use(place, RECORDS)
    done = world.run(place, midnight(date(2026, 2, 1)))
    assert done.progress.parked == 0
    (invoice,) = world.issued(place)
    return invoice


def told_of(charge: Charge) -> tuple[str, str]:
    assert charge.quantity is not None
    return charge.quantity.value, plain(Money(charge.net, "EUR"))


def test_every_scheme_is_billed(sold: Place) -> None:
    invoice = bill(sold)
    assert {line.charge.price.key: told_of(line.charge) for line in invoice.lines} == EXPECTED


def test_what_was_billed_is_what_rating_again_gives_and_proves(sold: Place) -> None:
    invoice = bill(sold)
    with sold.database.snapshot(sold.tenant_id) as tx:
        again = rerate(tx, [Issued(invoice, line) for line in invoice.lines])
    assert again == [line.charge for line in invoice.lines]
    with sold.database.snapshot(sold.tenant_id) as tx:
        for check in verify(tx, trusted_key=None, with_replay=True):
            assert check.violators == [], check.promise


def test_the_running_cost_is_what_will_be_billed(sold: Place) -> None:
    world.use(sold, RECORDS[:6], fold=True)
    world.use(sold, RECORDS[6:], fold=False)
    as_of = midnight(date(2026, 2, 1))
    with sold.database.snapshot(sold.tenant_id) as tx:
        lines = outstanding.of_customer(tx, customers.by_name(tx, "a"), as_of).lines
    found = {line.charge.price.key: told_of(line.charge) for line in lines}
    assert found == EXPECTED


def tree(place: Place) -> Node:
    with place.database.snapshot(place.tenant_id) as tx:
        return explain.explain(tx, "INV-000001", None)


def nodes(node: Node, *kinds: str) -> list[tuple[str, str, str]]:
    own = [(node.what, node.value, node.detail)] if node.kind in kinds else []
    return [*own, *(found for child in node.children for found in nodes(child, *kinds))]


def lines_of(root: Node) -> dict[str, Node]:
    found = [node for node in root.children if node.kind == "line"]
    return dict(zip(EXPECTED, found, strict=True))


STEPS: dict[str, list[Any]] = {
    "included": [("1134 call × 0.10 EUR", "113.4 EUR", "1234 call less the 100 call included")],
    "share": [("1085 EUR × 1.5 %", "16.275 EUR", "")],
    "fees": [
        ("Free of charge: 50 × 0 EUR", "0 EUR", ""),
        ("30 EUR × 2.9 %", "0.87 EUR", ""),
        ("Fixed amount per event: 1 × 0.30 EUR", "0.3 EUR", ""),
        ("Events at the minimum: 1 × 0.50 EUR", "0.5 EUR", ""),
        ("Events at the maximum: 1 × 20 EUR", "20 EUR", ""),
    ],
    "own": [("Amounts of the events: 2.9 × 1.2 EUR", "3.48 EUR", "")],
    "blocks": [
        ("Tier 1: 2 blocks × 1 EUR", "2 EUR", "up to 2 blocks of 100 call; a begun one counts whole"),
        ("Tier 2: 2 blocks × 5 EUR", "10 EUR", "blocks of 1000 call; a begun one counts whole"),
    ],
    "thousands": [("2 thousand × 10 EUR", "20 EUR", "")],
    "tiers": [
        ("Tier 1: 100 EUR × 3 %", "3 EUR", "up to 100 EUR"),
        ("Tier 2: 985 EUR × 2 % + 1 EUR", "20.7 EUR",
         "above 100 EUR; 1 EUR is due once the tier is entered"),
    ],
    "least": [
        ("The minimum is in force", "15.483870967742… EUR",
         ("at least 30 EUR for a period, 30 EUR × 16/31 for this part of one; the steps come to"
         " 1.234 EUR, 14.249870967742… EUR less")),
        ("1234 call × 0.001 EUR", "1.234 EUR", ""),
    ],
    "most": [
        ("The maximum is in force", "31 EUR",
         "at most 31 EUR for a period; the steps come to 1234 EUR, 1203 EUR more"),
        ("1234 call × 1 EUR", "1234 EUR", ""),
    ],
}  # fmt: skip


def test_every_step_is_explained(sold: Place) -> None:
    bill(sold)
    found = lines_of(tree(sold))
    assert {key: nodes(found[key], "step", "limit") for key in STEPS} == STEPS
    (quantity,) = nodes(found["thousands"], "quantity")
    assert quantity == (
        "Quantity, rounded to whole thousand, up, away from zero",
        "2 thousand",
        "from exactly 1.234 thousand; 1234 call ÷ 1000",
    )
    (price,) = nodes(found["fees"], "price")
    assert price[1].startswith("2.9 % of EUR, 0.30 EUR per event, 2 events free, 50 in all free")


def test_the_page_of_the_invoice_shows_every_equation(sold: Place) -> None:
    invoice = bill(sold)
    html = explain_page.page(invoice, tree(sold), {})
    terms = re.findall(r"<b>([^<]*)</b><small>([^<]*)</small>", html)
    for expected in [
        ("1134 call", "beyond 100 included, of 1234"),
        ("1.5 %", "percentage"),
        ("21.67 EUR", "sum of the steps"),
        ("12.00 EUR", "sum of the tiers"),
        ("2 blocks", "begun, for 1234 call"),
        ("2 thousand", "converted from 1234 call"),
        ("15.483870967742 EUR", "the minimum for 16/31 is in force"),
        ("31 EUR", "the maximum is in force"),
    ]:
        assert expected in terms, expected


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (record("x", "paid", 20, "-5"), "price.negative_event"),
        (record("x", "orders", 20, "1"), "price.no_amount"),
        (record("x", "orders", 20, "1", price="much"), "number.malformed"),
    ],
)
def test_a_customer_with_an_event_that_has_no_price_is_parked(
    sold: Place, wrong: UsageRecord, code: str
) -> None:
    world.use(sold, [*RECORDS, wrong])
    done = world.run(sold, midnight(date(2026, 2, 1)))
    with sold.database.snapshot(sold.tenant_id) as tx:
        (parked,) = invoices.parked(tx, done.run.run_id)
    assert parked.code == code
    assert world.issued(sold) == []
