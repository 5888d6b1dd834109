"""Prices in several currencies, invoices in the home currency too, and converted ones: by frozen rates."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest

from everycent.catalog import document
from everycent.exchange import operations as exchange
from everycent.exchange.rate import Pair, Told
from everycent.flows import bill, deciding, explain, running
from everycent.flows.deciding import Known, Reading
from everycent.flows.preview import preview
from everycent.flows.replay import replay
from everycent.flows.reprice import Span
from everycent.flows.simulate import simulate
from everycent.flows.stories.actions import FORMS
from everycent.flows.stories.document import parse
from everycent.flows.stories.play import Played, play
from everycent.flows.verify import verify
from everycent.invoicing import operations as invoicing
from everycent.invoicing.invoice import Invoice
from everycent.invoicing.runs import Chunk
from everycent.kernel import clock, ids
from everycent.kernel.errors import Conflict
from everycent.kernel.money import Money, plain
from everycent.subscriptions import operations as subscriptions
from tests.conftest import Place
from tests.flows import world

HEAD = """
name: Currencies
time_zone: Europe/Zagreb
catalog:
  meters:
    calls: {{unit: call}}
  intake:
    calls: {{after_invoice: next_invoice}}
  taxes:
    vat: {{rates: [{{since: 2020-01-01, percent: 25}}]}}
  products:
    api: {{name: API, tax: vat}}
    base: {{name: Base, tax: vat}}
  policies: {{{policies}}}
  plans:
    basic:
      currency: EUR
      anchor_day: 1
      prices:
        - {{key: fee, product: base, flat: {{amount: 100}}}}
        - {{key: calls, product: api, meter: calls, per_unit: {{unit_amount: 0.10}}}}
      currencies:
        USD: {{prices: {{fee: {{flat: {{amount: 120}}}}, calls: {{per_unit: {{unit_amount: 0.12}}}}}}}}
        JPY: {{prices: {{fee: {{flat: {{amount: 16000}}}}, calls: {{per_unit: {{unit_amount: 16.5}}}}}}}}
    paid:
      currency: EUR
      anchor_day: 1
      prices: [{{key: fee, product: base, flat: {{amount: 31}}, timing: in_advance}}]
      currencies: {{USD: {{prices: {{fee: {{flat: {{amount: 62}}}}}}}}}}
    large:
      currency: EUR
      anchor_day: 1
      conversion: converted
      prices: [{{key: fee, product: base, flat: {{amount: 93}}, timing: in_advance}}]
    euro:
      currency: EUR
      anchor_day: 1
      prices:
        - {{key: fee, product: base, flat: {{amount: 100}}}}
        - {{key: calls, product: api, meter: calls, per_unit: {{unit_amount: 0.10}}}}
steps:
"""
HOME = "currency.home: EUR"
CONVERTED = "currency.conversion: converted"


def told(steps: str, policies: str = HOME) -> str:
    return HEAD.format(policies=policies) + steps


def played(place: Place, steps: str, policies: str = HOME) -> Played:
    """The story, in which everything comes out as it expects."""
    story = parse(told(steps, policies), FORMS, str)
    found = play(place.database, place.tenant_id, story)
    assert [(one.step.line, one.differences) for one in found.steps if one.differences] == []
    assert found.broken == ()
    assert len(found.steps) == len(story.steps), found.steps[-1].refused
    return found


def sound(place: Place) -> None:
    """Every promise holds, and the journal gives every row again."""
    with place.database.snapshot(place.tenant_id) as tx:
        checks = list(verify(tx, trusted_key=None, with_replay=True))
        assert {one.promise: one.violators for one in checks if one.violators} == {}
    for invoice in world.issued(place):
        with place.database.snapshot(place.tenant_id) as tx:
            explain.explain(tx, invoice.name)


def at_home(invoice: Invoice) -> tuple[str, str, str, str]:
    """Net, tax, rounding and gross at home, as text."""
    home = invoice.home
    assert home is not None
    parts = (home.net, home.tax, home.rounding, home.gross)
    net, tax, rounding, gross = (plain(Money(part, home.currency)) for part in parts)
    return net, tax, rounding, gross


def rates_of(invoice: Invoice) -> list[list[str]]:
    assert invoice.home is not None
    return [[quote.rate for quote in part.exchange.quotes] for part in invoice.home.parts]


# --- prices in the customer's currency --------------------------------------------------------------


def test_each_customer_pays_the_prices_of_its_currency(place: Place) -> None:
    played(place, """
  - at: 2026-01-01
    customer: {key: eu, currency: EUR}
  - customer: {key: us, currency: USD}
  - customer: {key: jp, currency: JPY}
  - subscribe: {customer: eu, plan: basic}
  - subscribe: {customer: us, plan: basic}
  - subscribe: {customer: jp, plan: basic}
  - usage: [{subject: eu, meter: calls, value: 77}, {subject: us, meter: calls, value: 77},
            {subject: jp, meter: calls, value: 77}]
  - at: 2026-02-01
    bill:
      expect:
        - {customer: eu, currency: EUR, net: 107.70, tax: 26.93, total: 134.63}   # 7.70
        - {customer: us, currency: USD, net: 129.24, tax: 32.31, total: 161.55}   # 9.24
        - {customer: jp, currency: JPY, net: 17271, tax: 4318, total: 21589}      # 1270.5, 4317.75
  - owed: {eu: 134.63, us: 161.55, jp: 21589}
""", policies="")  # fmt: skip
    sound(place)
    assert [invoice.home for invoice in world.issued(place)] == [None, None, None]


REFUSED = """
  - at: 2026-01-01
    customer: {key: gb, currency: GBP}
  - subscribe: {customer: gb, plan: basic}
    expect_refusal: subscription.currency
"""


def test_a_currency_that_the_plan_does_not_have_is_refused_with_those_that_it_has(
    place: Place,
) -> None:
    found = played(place, REFUSED)
    refusal = found.steps[-1].refused
    assert refusal is not None
    assert str(refusal) == "plan basic has prices in EUR, JPY, USD, and gb is billed in GBP"
    assert "currency.conversion" in (refusal.hint or "")


@pytest.mark.parametrize(
    ("plan", "policies", "code"),
    [
        ("euro", "", "subscription.currency"),
        ("euro", CONVERTED, None),
        ("large", "", None),  # the plan says for itself that it may be converted
        ("large", "currency.conversion: refused", None),
        ("basic", "", None),
    ],
)
def test_a_switch_asks_the_same(place: Place, plan: str, policies: str, code: str | None) -> None:
    refusal = f"\n    expect_refusal: {code}" if code else ""
    played(place, f"""
  - at: 2026-01-01
    exchange: {{rates: {{EUR/USD: 1.1}}}}
  - customer: {{key: us, currency: USD}}
  - subscribe: {{customer: us, plan: paid, key: us}}
  - switch: {{subscription: us, plan: {plan}, on: 2026-02-01}}{refusal}
""", policies)  # fmt: skip


# --- the home currency ------------------------------------------------------------------------------

DAYS = """
  - at: 2026-01-31
    exchange: {rates: {EUR/USD: 1.10}}
  - exchange: {rates: {EUR/USD: 1.25}, on: 2026-02-01}
  - exchange: {rates: {EUR/USD: 1.20}, on: 2026-02-02}
  - customer: {key: us, currency: USD}
  - subscribe: {customer: us, plan: basic, starts_on: 2026-01-01}
  - at: 2026-02-02
    bill:
      expect: [{customer: us, net: 120, tax: 30, total: 150, %s}]
"""


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("issue", "home_net: 100, home_tax: 25, home_total: 125"),         # ÷ 1.20
        ("supply", "home_net: 109.09, home_tax: 27.27, home_total: 136.36"),  # ÷ 1.10
        ("due", "home_net: 96, home_tax: 24, home_total: 120"),            # ÷ 1.25
    ],
)  # fmt: skip
def test_the_policy_names_the_day_of_the_rate(place: Place, policy: str, expected: str) -> None:
    played(place, DAYS % expected, f"{HOME}, exchange.day: {policy}")
    sound(place)
    (invoice,) = world.issued(place)
    assert invoice.policies["exchange.day"] == policy
    assert invoice.policies["currency.home"] == "EUR"


def test_a_document_in_the_home_currency_and_one_over_nothing_need_no_rate(place: Place) -> None:
    played(place, """
  - at: 2026-01-01
    customer: {key: eu, currency: EUR}
  - customer: {key: free, currency: USD}
  - subscribe: {customer: eu, plan: basic}
  - catalog:
      products: {base: {name: Base}}
      plans: {free: {currency: USD, anchor_day: 1, prices: [{key: fee, product: base, flat: {amount: 0}}]}}
  - subscribe: {customer: free, plan: free}
  - at: 2026-02-01
    bill: {expect: [{customer: eu, total: 125}, {customer: free, total: 0}]}
""")  # fmt: skip
    sound(place)
    assert [invoice.home for invoice in world.issued(place)] == [None, None]


def test_who_has_no_rate_is_parked_and_billed_when_there_is_one(place: Place) -> None:
    played(place, """
  - at: 2026-01-01
    customer: {key: eu, currency: EUR}
  - customer: {key: us, currency: USD}
  - subscribe: {customer: eu, plan: basic}
  - subscribe: {customer: us, plan: basic}
  - at: 2026-02-01
    bill:
      expect:
        - {customer: eu, total: 125}
        - {customer: us, parked: exchange.no_rate}
  - exchange: {rates: {EUR/USD: 1.10}, on: 2026-01-24}
  - bill: {expect: [{customer: us, parked: exchange.rate_too_old}]}
  - exchange: {rates: {EUR/USD: 1.20}, on: 2026-01-25}
  - bill: {expect: [{customer: us, number: INV-000002, home_total: 125}]}
""")  # fmt: skip
    sound(place)


def test_a_rate_may_come_over_a_third_currency(place: Place) -> None:
    # 150 ÷ 1.20 × 4.25 = 531.25; 120 → 425, 30 → 106.25
    played(place, """
  - at: 2026-02-01
    exchange: {rates: {EUR/USD: 1.20, EUR/PLN: 4.25}}
  - customer: {key: us, currency: USD}
  - subscribe: {customer: us, plan: basic, starts_on: 2026-01-01}
  - bill: {expect: [{customer: us, home_net: 425, home_tax: 106.25, home_total: 531.25}]}
""", "currency.home: PLN, exchange.derived: cross")  # fmt: skip
    sound(place)
    (invoice,) = world.issued(place)
    assert rates_of(invoice) == [["1.2", "4.25"]]
    assert invoice.policies["exchange.base"] == "EUR"


def test_yen_are_told_in_euro_and_dinars_to_the_fils(place: Place) -> None:
    # 16000 ÷ 162.35 = 98.5525, 4000 ÷ 162.35 = 24.6381, 20000 ÷ 162.35 = 123.1906
    steps = """
  - at: 2026-02-01
    exchange: {rates: {EUR/JPY: 162.35, JPY/KWD: 0.0019}}
  - customer: {key: jp, currency: JPY}
  - subscribe: {customer: jp, plan: basic, starts_on: 2026-01-01}
  - bill: {expect: [{customer: jp, total: 20000, %s}]}
"""
    played(place, steps % "home_net: 98.55, home_tax: 24.64, home_total: 123.19")
    sound(place)
    (invoice,) = world.issued(place)
    assert at_home(invoice) == ("98.55", "24.64", "0.00", "123.19")


# --- what takes something back ----------------------------------------------------------------------


def test_a_credit_note_over_an_invoice_has_its_rate(place: Place) -> None:
    played(place, """
  - at: 2026-02-01
    exchange: {rates: {EUR/USD: 1.10}}
  - customer: {key: us, currency: USD}
  - subscribe: {customer: us, plan: basic, starts_on: 2026-01-01}
  - bill: {expect: [{customer: us, home_net: 109.09, home_total: 136.36}]}
  - at: 2026-02-20
    exchange: {rates: {EUR/USD: 1.30}}
  - credit: {invoice: INV-000001, reason: never used}
""")  # fmt: skip
    sound(place)
    with place.database.snapshot(place.tenant_id) as tx:
        rows = tx.tuples(
            "select h.net, h.tax, h.rounding, h.gross, t.base, t.amount, r.rate::text"
            " from invoice_home h join invoice_home_tax t using (tenant_id, invoice_id)"
            " join invoice_rate r using (tenant_id, invoice_id) order by h.net desc"
        )
    assert rows == [
        (10909, 2727, 0, 13636, 10909, 2727, "1.1"),
        (-10909, -2727, 0, -13636, -10909, -2727, "1.1"),
    ]


def test_what_is_given_back_has_the_rate_of_its_invoice(place: Place) -> None:
    # 62.00 at 1.10 in January; 32.00 of it back in February, when the rate is 1.30: still ÷ 1.10
    played(place, """
  - at: 2026-01-01
    exchange: {rates: {EUR/USD: 1.10}}
  - customer: {key: us, currency: USD}
  - subscribe: {customer: us, plan: paid, key: us}
  - bill: {expect: [{customer: us, net: 62, home_net: 56.36, home_tax: 14.09, home_total: 70.45}]}
  - at: 2026-01-16
    exchange: {rates: {EUR/USD: 1.30}}
  - cancel: {subscription: us, on: 2026-01-16}
  - bill:
      expect:
        - {customer: us, number: CN-000001, net: -32, tax: -8, total: -40,
           home_net: -29.09, home_tax: -7.27, home_total: -36.36}
""")  # fmt: skip
    sound(place)
    assert [rates_of(invoice) for invoice in world.issued(place)] == [[["1.1"]], [["1.1"]]]


def test_an_invoice_that_gives_back_and_charges_has_both_rates(place: Place) -> None:
    # given back: 32.00 at 1.10 → 29.0909, tax 8 → 7.2727; charged: 93 euro × 16/31 × 1.30 = 62.40 dollars
    # at 1.30 → 48.00, tax 15.60 → 12.00. Net 18.9091, tax 4.7273, gross 23.6364.
    played(place, """
  - at: 2026-01-01
    exchange: {rates: {EUR/USD: 1.10}}
  - customer: {key: us, currency: USD}
  - subscribe: {customer: us, plan: paid, key: us}
  - bill: {expect: [{customer: us, home_total: 70.45}]}
  - at: 2026-01-16
    exchange: {rates: {EUR/USD: 1.30}}
  - switch: {subscription: us, plan: large, on: 2026-01-16}
  - bill:
      expect:
        - customer: us
          lines: [{amount: -32}, {amount: 62.40}]
          net: 30.40
          tax: 7.60
          total: 38
          home_net: 18.91
          home_tax: 4.73
          home_total: 23.64
""")  # fmt: skip
    sound(place)
    _, invoice = world.issued(place)
    assert sorted(rates_of(invoice)) == [["1.1"], ["1.3"]]
    assert invoice.home is not None
    assert {part.lines for part in invoice.home.parts} == {(1,), (2,)}


def test_a_document_from_before_there_was_a_home_currency_has_no_rate_to_keep(place: Place) -> None:
    played(place, """
  - at: 2026-01-01
    customer: {key: us, currency: USD}
  - subscribe: {customer: us, plan: paid, key: us}
  - bill: {expect: [{customer: us, total: 77.50}]}
  - catalog: {policies: {currency.home: EUR}}
  - at: 2026-01-16
    exchange: {rates: {EUR/USD: 1.25}}
  - cancel: {subscription: us, on: 2026-01-16}
  - bill: {expect: [{customer: us, total: -40, home_total: -32}]}
""", "")  # fmt: skip
    sound(place)


# --- converted prices -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        # 100 euro and 7.70 euro, each times the rate and rounded; 25 % of the sum
        ("supply", "{amount: 110}, {amount: 8.47}"),    # × 1.10, of 31 January
        ("start", "{amount: 90}, {amount: 6.93}"),      # × 0.90, of 1 January
        ("issue", "{amount: 120}, {amount: 9.24}"),     # × 1.20, of 2 February
    ],
)  # fmt: skip
def test_what_the_plans_prices_come_to_is_converted(
    place: Place, policy: str, expected: str
) -> None:
    played(place, f"""
  - at: 2026-01-01
    exchange: {{rates: {{EUR/USD: 0.90}}}}
  - customer: {{key: us, currency: USD}}
  - subscribe: {{customer: us, plan: euro}}
  - usage: {{subject: us, meter: calls, value: 77}}
  - at: 2026-02-02
    exchange: {{rates: {{EUR/USD: 1.10}}, on: 2026-01-31}}
  - exchange: {{rates: {{EUR/USD: 1.20}}}}
  - bill: {{expect: [{{customer: us, currency: USD, lines: [{expected}]}}]}}
""", f"{CONVERTED}, currency.conversion_day: {policy}")  # fmt: skip
    sound(place)
    (invoice,) = world.issued(place)
    assert invoice.policies["currency.conversion_day"] == policy
    made = [line.charge for line in invoice.lines]
    assert [(one.amount, one.exchange is not None) for one in made] == [
        ("100", True),
        ("7.7", True),
    ]


def test_a_converted_contract_without_a_rate_is_parked(place: Place) -> None:
    played(place, """
  - at: 2026-01-01
    customer: {key: us, currency: USD}
  - subscribe: {customer: us, plan: euro}
  - at: 2026-02-01
    bill: {expect: [{customer: us, parked: exchange.no_rate}]}
""", CONVERTED)  # fmt: skip


def test_what_was_agreed_while_prices_were_converted_goes_on(place: Place) -> None:
    played(place, """
  - at: 2026-01-31
    exchange: {rates: {EUR/USD: 2}}
  - customer: {key: us, currency: USD}
  - subscribe: {customer: us, plan: euro, starts_on: 2026-01-01}
  - catalog: {policies: {currency.conversion: refused}}
  - at: 2026-02-01
    bill: {expect: [{customer: us, net: 200}]}
""", CONVERTED)  # fmt: skip


def test_late_usage_and_what_is_given_back_keep_the_rate_of_their_line(place: Place) -> None:
    # 10 euro of calls at 1.10; 5 euro more come late, when the rate is 1.30: 15 × 1.10 − 11 = 5.50.
    played(place, """
  - at: 2026-01-01
    exchange: {rates: {EUR/USD: 1.10}, on: 2026-01-31}
  - customer: {key: us, currency: USD}
  - subscribe: {customer: us, plan: euro, key: us}
  - usage: {subject: us, meter: calls, value: 100}
  - at: 2026-02-01
    bill: {expect: [{customer: us, lines: [{amount: 110}, {amount: 11}]}]}
  - at: 2026-02-28
    exchange: {rates: {EUR/USD: 1.30}}
  - usage: {subject: us, meter: calls, value: 50, at: 2026-01-10}
  - at: 2026-03-01
    bill: {expect: [{customer: us, lines: [{amount: 130}, {amount: 0}, {amount: 5.50}]}]}
""", CONVERTED)  # fmt: skip
    sound(place)


def test_a_converted_fee_in_advance_is_given_back_at_its_rate(place: Place) -> None:
    # 93 × 1.10 = 102.30; 15 of 31 days stay: 45 × 1.10 = 49.50; 52.80 back, although the rate is 1.30
    played(place, """
  - at: 2026-01-01
    exchange: {rates: {EUR/USD: 1.10}}
  - customer: {key: us, currency: USD}
  - subscribe: {customer: us, plan: large, key: us}
  - bill: {expect: [{customer: us, net: 102.30}]}
  - at: 2026-01-16
    exchange: {rates: {EUR/USD: 1.30}}
  - cancel: {subscription: us, on: 2026-01-16}
  - bill: {expect: [{customer: us, net: -52.80}]}
""", "")  # fmt: skip
    sound(place)


# --- the same, beside the story ---------------------------------------------------------------------

TWO = """
  - at: 2026-01-01
    exchange: {rates: {EUR/USD: 1.10}, on: 2026-01-31}
  - customer: {key: us, currency: USD}
  - customer: {key: conv, currency: USD}
  - subscribe: {customer: us, plan: basic, key: us}
  - subscribe: {customer: conv, plan: euro, key: conv}
  - usage: [{subject: us, meter: calls, value: 77}, {subject: conv, meter: calls, value: 77}]
  - at: 2026-02-01
    bill:
"""
BOTH = f"{HOME}, {CONVERTED}"
FEBRUARY = datetime(2026, 2, 1, 12, tzinfo=UTC)
MARCH = datetime(2026, 2, 28, 23, tzinfo=UTC)


def now(place: Place, at: datetime) -> dict[str, Any]:
    return {"at": at, "recorded_at": at, "actor": "test", "ids": place.ids}


def tell(place: Place, on: date, rate: str, correction: str = "") -> None:
    with place.database.transaction(place.tenant_id) as tx:
        exchange.set_rates(
            tx, [Told(Pair("EUR", "USD"), on, rate)], "ECB", correction=correction,
            **now(place, FEBRUARY),
        )  # fmt: skip


def test_a_preview_is_the_invoice(place: Place) -> None:
    played(place, TWO, BOTH)
    tell(place, date(2026, 2, 28), "1.15")
    writing = subscriptions.Writing(**now(place, MARCH))
    terms = bill.Terms("test", "Europe/Zagreb")
    shown = {
        key: preview(place.database, place.tenant_id, key, MARCH, writing=writing, terms=terms)
        for key in ("us", "conv")
    }
    bill.run(place.database, place.tenant_id, MARCH, clock=clock.fixed(MARCH), ids=ids.derived,
             terms=terms)  # fmt: skip
    for invoice in world.issued(place)[2:]:
        (document_,) = shown[invoice.customer.key].documents
        assert document_.home == invoice.home
        assert (document_.net, document_.gross) == (invoice.net, invoice.gross)
    sound(place)


def test_of_days_to_come_a_preview_takes_todays_rate(place: Place) -> None:
    played(place, TWO, BOTH)
    writing = subscriptions.Writing(**now(place, FEBRUARY))
    found = preview(place.database, place.tenant_id, "conv", MARCH, writing=writing,
                    terms=bill.Terms("test", "Europe/Zagreb"))  # fmt: skip
    (invoice,) = found.documents
    made = invoice.lines[0].charge.exchange
    assert made is not None
    assert (made.day, made.quotes[0].rate) == (date(2026, 2, 1), "1.1")


def test_the_running_cost_is_in_the_contracts_currency(place: Place) -> None:
    played(place, TWO, BOTH)
    with place.database.snapshot(place.tenant_id) as tx:
        held = [subscriptions.get(tx, key) for key in ("conv", "us")]
        found = running.running(tx, held, FEBRUARY)
    assert found.refused == []
    assert {(line.subscription, line.currency, line.net) for line in found.lines} == {
        ("conv", "USD", 11000), ("conv", "USD", 0), ("us", "USD", 12000), ("us", "USD", 0),
    }  # fmt: skip
    with place.database.snapshot(place.tenant_id) as tx:
        late = running.running(tx, held, datetime(2026, 2, 20, tzinfo=UTC))
    assert [(one.subscription, one.refusal.code) for one in late.refused] == [
        ("conv", "exchange.rate_too_old")
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("", ""), {"us": (12924, 12924), "conv": (11847, 11847)}),
        # the plan's own price, converted: 0.20 × 77 × 1.10 = 16.94
        (
            ("unit_amount: 0.10", "unit_amount: 0.20"),
            {"us": (12924, 12924), "conv": (11847, 12694)},
        ),
        # the price in dollars
        (
            ("unit_amount: 0.12", "unit_amount: 0.24"),
            {"us": (12924, 13848), "conv": (11847, 11847)},
        ),
    ],
)
def test_past_periods_are_priced_again_at_the_rates_of_then(
    place: Place, change: tuple[str, str], expected: dict[str, tuple[int, int]]
) -> None:
    played(place, TWO, BOTH)
    tell(place, date(2026, 2, 28), "1.50")
    text = told("", BOTH)
    catalogue = text[text.index("catalog:\n") + 9 : text.index("steps:")]
    lines = [line[2:] for line in catalogue.splitlines()]
    span = Span(date(2026, 1, 1), date(2026, 2, 1))
    entities = document.parse("\n".join(lines).replace(*change) if change[0] else "\n".join(lines))
    found = simulate(place.database, place.tenant_id, entities, span)
    assert {one.key: (one.sums.old, one.sums.new) for one in found.customers} == expected
    assert found.left_out == []


def test_a_run_keeps_the_rates_with_which_it_was_opened(place: Place) -> None:
    played(place, TWO, BOTH)
    tell(place, date(2026, 2, 28), "1.15")
    terms = bill.Terms("test", "Europe/Zagreb")
    bill.start(place.database, place.tenant_id, MARCH, clock=clock.fixed(MARCH), ids=ids.derived,
               terms=terms)  # fmt: skip
    tell(place, date(2026, 2, 28), "9.99", correction="a slip")
    later = clock.fixed(datetime(2026, 3, 1, tzinfo=UTC))
    resumed, _ = bill.run(place.database, place.tenant_id, MARCH, clock=later, ids=ids.derived,
                          terms=terms)  # fmt: skip
    assert resumed.was_resumed
    assert [rates_of(invoice) for invoice in world.issued(place)[2:]] == [[["1.15"]], [["1.15"]]]
    sound(place)


def test_a_document_whose_date_moved_away_from_its_rate_is_not_issued(place: Place) -> None:
    """Somebody issues a document of a later date after the run has looked the rate up."""
    played(place, TWO, HOME + ", " + CONVERTED)
    tell(place, date(2026, 2, 28), "1.15")
    with place.database.transaction(place.tenant_id) as tx:
        run = deciding.run_of(tx, ids.derived("run"), MARCH, time_zone="Europe/Zagreb",
                              payment_days=14, started_at=MARCH)  # fmt: skip
        owners = [invoice.customer for invoice in world.issued(place)]
        chunk = Chunk(1, min(o.customer_id for o in owners), max(o.customer_id for o in owners))
        reading = Reading(lambda: place.database.snapshot(place.tenant_id))
        decided = deciding.decide(tx, run, chunk, owners, Known(), reading)
        assert [draft.dated for draft in decided.drafts] == [date(2026, 3, 1)] * 2
        prepared = invoicing.prepare(tx, decided.drafts, ids.derived)
        with pytest.raises(Conflict) as caught:
            invoicing.issue(
                tx, prepared, time_zone="Europe/Zagreb", payment_days=14,
                at=datetime(2026, 3, 2, tzinfo=UTC), recorded_at=MARCH, actor="test",
                ids=ids.derived, run_id=None,
            )  # fmt: skip
    assert caught.value.code == "invoice.date_moved"


# --- proofs -----------------------------------------------------------------------------------------

TWICE = """
  - at: 2026-02-01
    exchange: {rates: {EUR/USD: 1.10}, on: 2026-01-31}
  - customer: {key: us, currency: USD}
  - customer: {key: conv, currency: USD}
  - subscribe: {customer: us, plan: basic, starts_on: 2026-01-01, key: us}
  - subscribe: {customer: conv, plan: euro, starts_on: 2026-01-01, key: conv}
  - bill:
  - credit: {invoice: INV-000001, reason: x}
"""
AGAIN = "the journal rebuilds every table, byte for byte"
RIGHT = "every sum in the home currency follows from its frozen rate"
TRUE = "every rate by which a document was made is one that was told"
ONCE = "every exchange rate is told once, and each correction stands on the one before"
PLANTED = [
    ("update invoice_home set net = net + 1, rounding = rounding - 1", {RIGHT, AGAIN}),
    ("update invoice_home set gross = gross + 1, rounding = rounding + 1", {RIGHT, AGAIN}),
    ("update invoice_home_tax set amount = amount + 1", {RIGHT, AGAIN}),
    ("update invoice_home_tax set base = base + 1", {RIGHT, AGAIN}),
    ("delete from invoice_home_tax", {RIGHT, AGAIN}),
    ("delete from invoice_rate where line_no = 0", {TRUE, AGAIN}),
    ("update invoice_rate set rate = 1.2", {TRUE, AGAIN}),
    ("update exchange_rate set rate = 1.2", {TRUE, AGAIN}),
    ("update exchange_rate set number = 2", {TRUE, ONCE, AGAIN}),
    ("update exchange_rate set step = 2", {ONCE, AGAIN}),
    ("insert into invoice_home values (1, gen_random_uuid(), 'EUR', 1, 0, 0, 1, '[]')",
     {RIGHT, TRUE, AGAIN}),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "promises"), PLANTED, ids=[s[:60] for s, _ in PLANTED])
def test_what_was_changed_behind_its_back_is_named(
    place: Place, statement: str, promises: set[str]
) -> None:
    played(place, TWICE, BOTH)
    with psycopg.connect(place.conninfo) as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute("set search_path = everycent")
        assert admin.execute(statement.encode()).rowcount > 0
    with place.database.snapshot(place.tenant_id) as tx:
        checks = list(verify(tx, trusted_key=None, with_replay=True))
    assert {one.promise for one in checks if one.violators} == promises


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        (
            "invoice_home select tenant_id, invoice_id, 'PLN', 1, 0, 0, 1, '[]'",
            "invoice_home_pkey",
        ),
        (
            "invoice_home_tax select tenant_id, invoice_id, 'x', 1, false, 1, 1",
            "invoice_home_tax_tenant_id_invoice_id_category_percent_is__fkey",
        ),
        (
            "invoice_rate select tenant_id, invoice_id, 1, 9, 1, 'EUR', 'USD', '2026-01-31', 1.1",
            "invoice_is_final",
        ),
        (
            "invoice_rate select tenant_id, event_id, 1, 1, 1, 'EUR', 'USD', '2026-01-31', 1.2",
            "invoice_rate_tenant_id_number_base_quote_day_rate_fkey",
        ),
        (
            "invoice_home select tenant_id, event_id, 'EUR', 1, 1, 0, 3, '[]'",
            "invoice_home_check",
        ),
    ],
)
def test_the_database_refuses_sums_and_rates_that_can_not_be(
    place: Place, values: str, constraint: str
) -> None:
    played(place, TWICE, BOTH)
    with (
        pytest.raises(psycopg.IntegrityError) as caught,
        place.database.transaction(place.tenant_id) as tx,
    ):
        tx.run(f"insert into {values} from invoice limit 1")
    assert caught.value.diag.constraint_name == constraint


def test_replay_gives_every_row_again(place: Place) -> None:
    played(place, TWICE, BOTH)
    with place.database.snapshot(place.tenant_id) as tx:
        rebuilt = replay(tx)
    assert rebuilt.differences == {}
    counts = {name: rebuilt.rows[name] for name in
              ("exchange_rate", "invoice_home", "invoice_home_tax", "invoice_rate")}  # fmt: skip
    # two invoices and a credit note; the converted one has a rate for each of its two lines as well
    assert counts == {
        "exchange_rate": 1, "invoice_home": 3, "invoice_home_tax": 3, "invoice_rate": 5,
    }  # fmt: skip
