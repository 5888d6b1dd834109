"""What is expected against what came out: only what is written is compared, and told exactly."""

import pytest

from everycent.flows.stories.actions import FORMS
from everycent.flows.stories.document import parse
from everycent.flows.stories.expected import differences

FEE = {"what": "Fee", "price": "fee", "subscription": "ana/a", "period": "2026-02-01 to 2026-02-28",
       "tax_percent": "25", "amount": "30.00"}  # fmt: skip
CALLS = {"what": "Calls", "price": "calls", "subscription": "ana/a",
         "period": "2026-01-01 to 2026-01-31", "quantity": "310 call", "amount": "31.00"}  # fmt: skip
ANA = {"customer": "ana", "number": "INV-000001", "issued_on": "2026-02-01", "due_on": "2026-02-15",
       "lines": [FEE, CALLS], "net": "61.00", "tax": "7.50", "total": "68.50",
       "prepaid": "0.00"}  # fmt: skip
BOB = ANA | {"customer": "bob", "number": "INV-000002", "lines": [FEE], "total": "37.50"}


def compared(expect, came_out=(ANA, BOB), parked=None):
    text = f"name: A\nsteps: [{{at: 2026-02-01, bill: {{expect: {expect}}}}}]"
    given = parse(text, FORMS, str).steps[0].given
    return [tuple(one) for one in differences(given.expect, came_out, parked or {})]


@pytest.mark.parametrize(
    ("expect", "found"),
    [
        ("[{customer: ana}, {customer: bob}]", []),
        ("[{customer: bob}, {customer: ana}]", []),
        ("[{customer: ana, total: 68.5, net: 61, tax: 7.50}, {customer: bob}]", []),
        ("[{customer: ana, number: INV-000001, due_on: 2026-02-15}, {customer: bob}]", []),
        ("[{customer: ana, lines: [{amount: 30}, {amount: 31}]}, {customer: bob}]", []),
        ("[{customer: ana, lines: [{what: Calls, quantity: 310.0}, {what: Fee}]}, {customer: bob}]", []),
        ("[{customer: ana, lines: [{}, {quantity: 310 call}]}, {customer: bob}]", []),
        ("[{customer: ana}]", [("bob", "invoice", "–", "INV-000002: 37.50")]),
        ("[{customer: ana}, {customer: bob}, {customer: cleo, total: 5}]",
         [("cleo", "invoice", "5", "–")]),
        ("[{customer: ana, total: 68.51}, {customer: bob}]",
         [("ana INV-000001", "total", "68.51", "68.50")]),
        ("[{customer: ana, lines: [{what: Calls, amount: 30}, {what: Fee}]}, {customer: bob}]",
         [("ana INV-000001 line 2", "amount", "30", "31.00")]),
        ("[{customer: ana, lines: [{what: Calls, quantity: 310 GB}, {}]}, {customer: bob}]",
         [("ana INV-000001 line 2", "quantity", "310 GB", "310 call")]),
        ("[{customer: ana, lines: [{what: Fee, quantity: 1}, {}]}, {customer: bob}]",
         [("ana INV-000001 line 1", "quantity", "1", "–")]),
        ("[{customer: ana, lines: [{what: Fee}]}, {customer: bob}]",
         [("ana INV-000001 line 2", "line", "–", "Calls, 2026-01-01 to 2026-01-31, 310 call, 31.00")]),
        ("[{customer: ana, lines: [{}, {}, {what: Gift, amount: 0}]}, {customer: bob}]",
         [("ana INV-000001 a line more", "line", "Gift, 0", "–")]),
        ("[{customer: ana, lines: [{what: Fee}, {what: Call, amount: 31}]}, {customer: bob}]",
         [("ana INV-000001 line 2", "what", "Call", "Calls")]),
    ],
)  # fmt: skip
def test_what_differs_is_told_and_nothing_else(expect, found):
    assert compared(expect) == found


@pytest.mark.parametrize(
    ("expect", "parked", "found"),
    [
        ("[{customer: eve, parked: tax.no_rate}]", {"eve": "tax.no_rate"}, []),
        ("[{customer: eve, parked: tax.no_rate}]", {}, [("eve", "parked", "tax.no_rate", "–")]),
        ("[{customer: eve, parked: x.y}]", {"eve": "tax.no_rate"},
         [("eve", "parked", "x.y", "tax.no_rate")]),
        ("[]", {"eve": "tax.no_rate"}, [("eve", "parked", "–", "tax.no_rate")]),
    ],
)  # fmt: skip
def test_a_customer_who_is_parked_must_be_expected(expect, parked, found):
    assert compared(expect, (), parked) == found


def test_two_invoices_of_a_customer_are_compared_in_their_order():
    second = ANA | {"number": "INV-000003", "total": "1.00"}
    assert (
        compared("[{customer: ana, total: 68.50}, {customer: ana, total: 1}]", (ANA, second)) == []
    )
    assert [one[3] for one in compared("[{customer: ana, total: 1}, {customer: ana, total: 68.50}]",
                                       (ANA, second))] == ["68.50", "1.00"]  # fmt: skip
