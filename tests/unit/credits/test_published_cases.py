"""Draw-downs that others published, each under the conventions of its source.

All cases about credit that are at hand are there: tests/data/cases/credits.json.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path

import pytest
from msgspec.structs import replace

from everycent.credits.drawdown import Kind, Policy, draw_down
from everycent.credits.grant import Order, Scope, worth
from everycent.credits.purse import Purse
from everycent.invoicing.prepaid import prepaid
from everycent.kernel.money import Money, plain
from tests.unit.credits.made import after, every, left_of, lot, use, wallet
from tests.unit.invoicing.made import DUE_AT, drafted, due, tax

DATA = Path(__file__).parents[2] / "data" / "cases" / "credits.json"
CASES = {case["id"]: case for case in json.loads(DATA.read_text("utf-8"))}


def cents(text: str) -> int:
    return int(Fraction(text) * 100)


def at(text: str) -> datetime:
    """A published time: a date is midnight UTC, and seconds may be missing."""
    found = datetime.fromisoformat(text.replace("Z", ""))
    return found.replace(tzinfo=UTC)


def priced(amount: str, price: str):
    """A charge of a price of that key."""
    made = due(amount)
    item = made.charge.price
    return made._replace(charge=replace(made.charge, price=replace(item, key=price)))


def test_a_wallet_pays_with_taxes_what_is_in_its_scope_and_nothing_else():
    told, expected = CASES["DT-013"]["inputs"], CASES["DT-013"]["expected"]["invoices"]
    names = [name.removeprefix("metric ") for name in told["wallet_scope"]]
    held = lot("a", cents(told["wallet"]), effective_at=DUE_AT)
    purses = [Purse(wallet(scope=Scope(prices=tuple(names))), [held])]
    taxes = {"vat": tax("vat", ("2015-01-01", "24"))}
    for event, wanted in zip(told["events_in_advance"], expected, strict=True):
        draft = drafted(priced(event.get("price", "10.00"), event["metric"]), taxes=taxes)
        found, purses, _ = prepaid(draft, purses)
        assert plain(Money(found.prepaid, "EUR")).replace("0.00", "0") == wanted["prepaid"]
        if "with_tax" in wanted:
            assert found.gross == cents(wanted["with_tax"])
            assert found.gross - found.prepaid == cents(wanted["total"])
            assert purses[0].left == cents(wanted["wallet"])


def test_a_top_up_with_a_long_tail_is_rounded_to_cents():
    case = CASES["DT-015"]
    assert worth(case["inputs"]["paid_credits"], None, "EUR") == cents(case["expected"]["amount"])


def test_what_is_left_of_a_commitment_expires():
    told, expected = CASES["DT-022"]["inputs"], CASES["DT-022"]["expected"]
    held = lot("a", cents(told["commitment"]), days=365)
    found = draw_down([held], [use(cents(told["consumed"]), after(days=100))], after(days=365))
    (expired,) = [m for m in found.movements if m.kind is Kind.EXPIRED]
    assert expired.amount == cents(expected["expired"])
    assert left_of(found, "a") == [cents(expected["balance"])]


@pytest.mark.parametrize("is_variant", [False, True])
def test_a_weekly_grant_comes_again_and_takes_effect_when_it_says(is_variant):
    told, expected = CASES["DT-063"]["inputs"], CASES["DT-063"]["expected"]
    first, second = told["grants"]
    grants = [
        lot("g1", int(first["amount"]), int(first["balance_at_start"]),
            effective_at=at(first["effective"]), priority=first["priority"]),
        lot("g2", int(second["amount"]), effective_at=at(second["effective"]), number=2,
            priority=second["priority"], renewal=every("week", date(2024, 1, 4))),
    ]  # fmt: skip
    uses = [(when, amount) for when, amount in told["use"]]
    if is_variant:
        uses.append(tuple(told["variant_extra_use"]))
    until, wanted = list(expected.items())[is_variant]
    found = draw_down(
        grants,
        [use(int(amount), at(when)) for when, amount in uses],
        at(until.removeprefix("variant_").removeprefix("at_")),
        Policy(Order.EXPIRY),
    )
    assert left_of(found, "g1", "g2") == [int(wanted["g1"]), int(wanted["g2"])]


def test_of_a_hundred_thousand_grants_the_one_that_expires_first_pays():
    expected = CASES["DT-065"]["expected"]
    many = [lot(f"g{n}", days=30, number=n + 1) for n in range(1, 100_000)]
    found = draw_down(
        [*many, lot("g0", days=29, number=99)], [use(99, after(hours=1))], after(days=1)
    )
    lefts = left_of(found, "g0", *(f"g{n}" for n in range(1, 100_000)))
    assert lefts[0] == int(expected["early_grant"])
    assert set(lefts[1:]) == {int(expected["all_others"])}
