"""Wallets in real time, caps, and top-ups that are due once per crossing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from everycent.credits import operations
from everycent.credits.allowance import Reason
from everycent.credits.grant import Scope
from everycent.credits.wallet import Caps, TopUpRule
from everycent.customers import queries as customers
from everycent.flows import wallets
from everycent.flows.paying import let_pay
from everycent.flows.wallets import Checked, Standing
from everycent.kernel.errors import Invalid, NotFound
from tests.conftest import NOW, Place
from tests.flows.test_credit import balances, bill, grant, holds, left, open_wallet, writing
from tests.flows.world import calls, midnight, sell, use

MIDDLE = datetime(2026, 1, 20, tzinfo=UTC)


@pytest.fixture
def sold(place: Place) -> Place:
    """`a` has used 100 calls in January: 5.00 and a fee of 9.90, with 20 % 17.88."""
    sell(place, [("a", "api"), ("b", "api")])
    use(place, [calls("a", 100, date(2026, 1, 10))], fold=False)
    open_wallet(place, "w")
    return place


def standing(place: Place, as_of: datetime = MIDDLE) -> dict[str, Standing]:
    with place.database.snapshot(place.tenant_id) as tx:
        owners = [customers.by_name(tx, key) for key in ("a", "b")]
        return {one.wallet.key: one for one in wallets.standings(tx, owners, as_of)}


def check(place: Place, as_of: datetime = MIDDLE, **later: int) -> Checked:
    return wallets.check(place.database, place.tenant_id, as_of, writing(place, as_of, **later))


def set_rule(place: Place, below: int, amount: int, **later: int) -> None:
    with place.database.transaction(place.tenant_id) as tx:
        operations.set_rule(tx, "w", TopUpRule(below, amount), writing(place, NOW, **later))


BALANCES = [
    # granted, usable from           usable waiting reserved missing balance
    (5000, None, 5000, 0, 1788, 0, 3212),
    (1000, None, 1000, 0, 1000, 788, -788),
    (5000, MIDDLE + timedelta(days=1), 0, 5000, 0, 1788, -1788),
]


@pytest.mark.parametrize(
    ("amount", "since", "usable", "waiting", "reserved", "missing", "balance"), BALANCES
)
def test_the_real_time_balance_is_what_is_left_after_the_running_cost(
    sold: Place,
    amount: int,
    since: datetime | None,
    usable: int,
    waiting: int,
    reserved: int,
    missing: int,
    balance: int,
) -> None:
    grant(sold, "w", amount, effective_at=since)
    one = standing(sold)["w"]
    assert (one.usable, one.waiting, one.reserved, one.missing, one.balance) == (
        usable, waiting, reserved, missing, balance,
    )  # fmt: skip
    assert left(sold) == {"w": amount}


def test_what_was_reserved_is_what_the_invoice_draws(sold: Place) -> None:
    grant(sold, "w", 5000)
    reserved = standing(sold)["w"].reserved
    (invoice,) = [i for i in bill(sold) if i.customer.key == "a"]
    assert invoice.prepaid == reserved == 1788
    assert standing(sold, midnight(date(2026, 2, 1)))["w"].balance == 5000 - 1788


def test_cost_outside_the_scope_of_a_wallet_is_not_missing_there(sold: Place) -> None:
    open_wallet(sold, "calls", scope=Scope(prices=("calls",)))
    found = standing(sold)
    assert {key: one.missing for key, one in found.items()} == {"w": 1788, "calls": 600}


def test_a_top_up_is_due_once_however_often_it_is_looked_at(sold: Place) -> None:
    grant(sold, "w", 2000)
    set_rule(sold, 500, 3000)
    (due,) = check(sold).due
    assert (due[1].due_no, due[1].balance, due[1].rule.amount) == (1, 212, 3000)
    assert check(sold, hours=1).due == []
    assert balances(sold)["prepaid_credit"] == -2000
    with sold.database.transaction(sold.tenant_id) as tx:
        operations.pay_top_up(tx, "w", "payment 2", writing(sold, MIDDLE, hours=2))
    assert left(sold) == {"w": 5000}
    assert check(sold, hours=3).due == []
    with sold.database.transaction(sold.tenant_id) as tx:
        operations.void(tx, "w", 2, "charged back", writing(sold, MIDDLE, hours=4))
    assert [due.due_no for _, due in check(sold, hours=5).due] == [2]
    holds(sold)


def test_a_top_up_is_due_once_whoever_looks_at_the_same_time(sold: Place) -> None:
    set_rule(sold, 500, 3000)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: check(sold, hours=n), range(4)))
    assert sum(len(one.due) for one in found) == 1
    holds(sold)


def test_a_withdrawn_top_up_is_not_due_again_until_the_rule_is_set_anew(sold: Place) -> None:
    set_rule(sold, 500, 3000)
    assert len(check(sold).due) == 1
    with sold.database.transaction(sold.tenant_id) as tx:
        operations.withdraw_top_up(tx, "w", "declined", writing(sold, MIDDLE, hours=1))
    assert check(sold, hours=2).due == []
    with pytest.raises(NotFound) as nothing, sold.database.transaction(sold.tenant_id) as tx:
        operations.pay_top_up(tx, "w", "late", writing(sold, MIDDLE, hours=3))
    assert nothing.value.code == "wallet.nothing_due"
    set_rule(sold, 500, 4000, hours=4)
    assert [due.rule.amount for _, due in check(sold, hours=5).due] == [4000]
    holds(sold)


def test_a_check_expires_and_renews_but_bills_come_first(sold: Place) -> None:
    grant(sold, "w", 2000, expires_at=midnight(date(2026, 2, 1)) + timedelta(days=9))
    late = datetime(2026, 2, 20, tzinfo=UTC)
    found = check(sold, late)
    assert [one.key for one in found.unbilled] == ["w"]
    assert (found.settled, left(sold)) == ([], {"w": 2000})
    bill(sold)
    found = check(sold, late, hours=1)
    assert [(one.movement.amount, one.movement.kind.value) for one in found.settled] == [
        (212, "expired")
    ]
    assert balances(sold)["breakage"] == -212
    assert check(sold, late, hours=2).settled == []
    holds(sold)


CAPS = [
    # soft  hard   allowed  reason
    (None, None, True, Reason.NO_CAP),
    (100, 0, True, Reason.WITHIN),
    (300, 0, True, Reason.SOFT_CAP),
    (300, 212, False, Reason.HARD_CAP),
]


@pytest.mark.parametrize(("soft", "hard", "allowed", "reason"), CAPS)
def test_caps_are_met_by_the_real_time_balance(
    sold: Place, soft: int | None, hard: int | None, allowed: bool, reason: Reason
) -> None:
    grant(sold, "w", 2000)
    with sold.database.transaction(sold.tenant_id) as tx:
        operations.set_caps(tx, "w", Caps(soft, hard), writing(sold, NOW))
    answer = standing(sold)["w"].allowance
    assert (answer.is_allowed, answer.reason) == (allowed, reason)
    with sold.database.snapshot(sold.tenant_id) as tx:
        assert wallets.may_use(tx, customers.by_name(tx, "a"), MIDDLE) == answer
        assert wallets.may_use(tx, customers.by_name(tx, "b"), MIDDLE).reason is Reason.NO_CAP
    holds(sold)


def test_caps_and_rules_that_make_no_sense_are_refused(sold: Place) -> None:
    attempts: list[Any] = [
        lambda tx: operations.set_caps(tx, "w", Caps(1, 2), writing(sold)),
        lambda tx: operations.set_rule(tx, "w", TopUpRule(1, 0), writing(sold)),
    ]
    codes = []
    for attempt in attempts:
        with pytest.raises(Invalid) as refused, sold.database.transaction(sold.tenant_id) as tx:
            attempt(tx)
        codes.append(refused.value.code)
    assert codes == ["wallet.bad_caps", "wallet.bad_top_up"]


def test_a_customer_that_cannot_be_rated_is_told_and_makes_nothing_due(
    sold: Place, monkeypatch: Any
) -> None:
    from everycent.flows import rate_due

    def refuses(*_: object) -> None:
        raise Invalid("usage.odd", "it can't be rated")

    set_rule(sold, 500, 3000)
    monkeypatch.setattr(rate_due, "charges", refuses)
    found = check(sold)
    assert [one.refusal.code for one in found.standings if one.refusal] == ["usage.odd"]
    assert found.due == []


PAYING = [
    # from          missing in a's wallet, in b's
    (date(2026, 1, 1), 0, 1788 + 1188),
    (date(2026, 2, 1), 1788, 1188),
]


@pytest.mark.parametrize(("since", "of_a", "of_b"), PAYING)
def test_a_balance_holds_what_its_owner_pays_for_others(
    sold: Place, since: date, of_a: int, of_b: int
) -> None:
    open_wallet(sold, "v", "b")
    with sold.database.transaction(sold.tenant_id) as tx:
        let_pay(
            tx, customers.by_name(tx, "a"), customers.by_name(tx, "b"), since, reason="",
            writing=writing(sold),
        )  # fmt: skip
    assert {key: one.missing for key, one in standing(sold).items()} == {"w": of_a, "v": of_b}
    found = {invoice.customer.key: invoice.gross for invoice in bill(sold)}
    assert found == ({"a": of_a} if of_a else {}) | {"b": of_b}
