"""Published cases of single payments; those of dunning and retries are in tests/dunning."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

from everycent.invoicing.settlement import Open
from everycent.payments.payment import MoveKind, Part, Way, applied, moved, received
from everycent.payments.payment import Payment as Paid
from tests.collecting import shop

CASES = {
    case["id"]: case
    for case in json.loads((Path(__file__).parents[1] / "data/cases/payments.json").read_text())
}


def minor(text: str) -> int:
    return int(Decimal(text) * 100)


def paid(amount: int) -> Paid:
    return Paid(
        shop.random_ids(""), shop.random_ids(""), "USD", amount, Way.OTHER, "x", "1",
        shop.now().date(),
    )  # fmt: skip


def test_pd_001_a_provider_that_takes_a_part_leaves_the_rest_open():
    case = CASES["PD-001"]
    owed = minor(case["inputs"]["invoice"])
    document = Open(shop.random_ids(""), 0, owed, owed)
    balances = []
    for payment in case["inputs"]["payments"]:
        if "second" not in payment.get("invoice", ""):
            taken = minor(payment["taken"])
            _, standing = received(paid(taken))
            _, (step,), _ = applied(standing, [Part(document, taken)])
            document = document._replace(step=step.step, left=step.open_after)
        balances.append(document.left)
    assert balances == [minor(text) for text in case["expected"]["balance_first_invoice"]]


def test_pd_004_a_chargeback_opens_the_invoice_and_its_reversal_closes_it():
    case = CASES["PD-004"]
    owed = minor(case["inputs"]["invoice"])
    document = Open(shop.random_ids(""), 0, owed, owed)
    balances = []
    _, standing = received(paid(owed))
    for amount, kind in ((owed, None), (-owed, MoveKind.DISPUTE), (owed, MoveKind.DISPUTE_WON)):
        if kind is MoveKind.DISPUTE_WON:
            _, standing = moved(standing, kind, owed)
        _, (step,), standing = applied(standing, [Part(document, amount)])
        if kind is MoveKind.DISPUTE:
            _, standing = moved(standing, kind, owed)
        document = document._replace(step=step.step, left=step.open_after)
        balances.append(document.left)
    assert balances == [minor(text) for text in case["expected"]["invoice_balance"]]
