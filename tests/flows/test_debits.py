"""Direct debits from the file to the statement: each is asked for once, pays once, and comes back once."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from everycent.charging import queries as charging
from everycent.charging.attempt import Evidence, Source, Status
from everycent.charging.course import Terms
from everycent.charging.policy import DEFAULT
from everycent.debits import audit, operations, queries
from everycent.debits.file import Account, Days
from everycent.flows import bank, bank_sums, debits
from everycent.flows.collect import decide
from everycent.flows.debits import Wanted
from everycent.integrations import bank_sepa
from everycent.integrations.bank_sepa import Version
from everycent.kernel.errors import Conflict, Invalid
from everycent.ledger.account import (
    CASH,
    CLEARING,
    CUSTOMER_CREDIT,
    PAYMENT_FEES,
    RECEIVABLE,
    SUSPENSE,
)
from everycent.methods import mandate as mandates
from everycent.methods import operations as methods
from everycent.methods.mandate import Mandate
from everycent.methods.operations import New
from everycent.payments import identifiers
from everycent.payments import operations as payments
from everycent.payments import payment as paid
from everycent.payments.direct_debit import Creditor, DirectDebitFile, Scheme
from everycent.payments.payment import MoveKind
from everycent.payments.provider import PROMISES_NOTHING, Outcome
from everycent.payments.statement import Statement, StatementEntry
from tests.collecting import shop
from tests.conftest import Place

HOUSE = "HR1723600001101234565"
ACCOUNT = Account(
    "house", Creditor("Waterworks Ltd", HOUSE, "DE98ZZZ09999999999"), Scheme.CORE, 1,
    Version.V08.value,
)  # fmt: skip
SENT = date(2026, 2, 2)
COLLECTED = date(2026, 2, 3)


NOWHERE: Any = SimpleNamespace(url="http://127.0.0.1:9")
"""Where no provider is."""


def iban(number: int) -> str:
    body = f"37040044{number:010d}"
    return f"DE{identifiers.check_digits(body, 'DE')}{body}"


def mandate(number: int, **changed: Any) -> Mandate:
    told: dict[str, Any] = {
        "mandate_id": f"M-{number}", "signed_on": date(2025, 12, 1), "holder": f"Äna {number}",
        "iban": iban(number),
    }  # fmt: skip
    return mandates.checked(Mandate(**(told | changed)), SENT)


def sign(place: Place, key: str, one: Mandate) -> None:
    with place.database.transaction(place.tenant_id) as tx:
        owner = shop.customers.by_name(tx, key)
        methods.add(
            tx, [New(owner.customer_id, "house", key, one.iban, mandate=one)], at=shop.now(),
            actor="test", ids=shop.random_ids,
        )  # fmt: skip


def give_a_card(place: Place, debit: Any) -> None:
    with place.database.transaction(place.tenant_id) as tx:
        methods.add(
            tx, [New(debit.customer_id, "psp", "payer", "tok_ok")], at=shop.now(), actor="test",
            ids=shop.random_ids,
        )  # fmt: skip


def open_shop(place: Place, count: int) -> list[str]:
    """Customers who owe one invoice each, and signed a mandate."""
    keys = shop.open_shop(place, count, token=None)
    for number, key in enumerate(keys, start=1):
        sign(place, key, mandate(number))
    return keys


def render(message: DirectDebitFile, created_at: datetime, form: str) -> bytes:
    return bank_sepa.write(message, created_at, Version(form))


TODAY = Wanted(SENT, SENT)


def write(place: Place, wanted: Wanted = TODAY, at: datetime | None = None) -> Any:
    return debits.write(
        place.database, place.tenant_id, ACCOUNT, wanted, render, at=at or shop.now(), actor="test",
        ids=shop.random_ids,
    )  # fmt: skip


def came(debit: Any, reference: str = "B1", **changed: Any) -> StatementEntry:
    told = StatementEntry(
        debit.amount, "EUR", True, COLLECTED, COLLECTED, reference, reference,
        end_to_end_id=debit.reference, name=debit.debtor_name, iban=debit.debtor_iban,
    )  # fmt: skip
    return told._replace(**changed)


def went_back(debit: Any, reason: str | None, reference: str = "R1", charge: int = 0) -> Any:
    return came(
        debit, reference, is_credit=False, reason=reason, amount=debit.amount + charge,
        booked_on=COLLECTED + timedelta(days=2),
    )  # fmt: skip


def taken(place: Place, *entries: StatementEntry) -> list[tuple[str, bool]]:
    """What became of entries: the outcome, and whether a payment is concerned."""
    told = Statement("camt.053.001.08", HOUSE, "1", "EUR", None, None, SENT, SENT, entries)
    with place.database.transaction(place.tenant_id) as tx:
        found = bank.take_in(tx, [told], **shop.writing())
    return [(one.outcome, one.payment is not None) for one in found]


def statuses(place: Place) -> dict[str, int]:
    return dict(Counter(stage.state.status.value for stage in shop.attempts(place)))


def books(place: Place) -> dict[str, int]:
    accounts = (CASH, CLEARING, RECEIVABLE, CUSTOMER_CREDIT, PAYMENT_FEES)
    return {one.code: amount for one in accounts if (amount := shop.balance(place, one))}


def state_of(place: Place, invoice: str) -> Any:
    with place.database.snapshot(place.tenant_id) as tx:
        return charging.payment_state(tx, invoice)


# --- files -------------------------------------------------------------------------------------------


def test_what_is_due_goes_into_one_file_and_is_under_way_from_then_on(place):
    open_shop(place, 3)
    done = write(place)
    assert (done.file.number, done.file.total) == (3, 3 * shop.OWED)
    assert {one.collect_on for one in done.file.debits} == {COLLECTED}
    assert {one.sequence.value for one in done.file.debits} == {"FRST"}
    assert sorted(one.remittance for one in done.file.debits) == [
        "INV-000001", "INV-000002", "INV-000003",
    ]  # fmt: skip
    assert statuses(place) == {"pending": 3}
    assert state_of(place, "INV-000001").status == "UNDER_WAY"
    assert books(place) == {"receivable": 3 * shop.OWED}
    assert shop.violations(place) == []


def test_a_second_file_takes_nothing_of_which_an_attempt_is_alive(place):
    open_shop(place, 2)
    write(place)
    again = write(place)
    assert (again.file, again.content, again.left) == (None, b"", ())
    assert statuses(place) == {"pending": 2}


def test_a_file_that_was_lost_after_it_was_written_down_is_made_again_byte_for_byte(place):
    open_shop(place, 2)
    done = write(place)
    with place.database.snapshot(place.tenant_id) as tx:
        found, content = debits.again(tx, done.file.message_id, render)
    assert content == done.content
    assert content.count(b"<EndToEndId>ATT-") == 2
    assert found == done.file


def test_nothing_is_written_down_when_the_file_can_not_be_made(place):
    open_shop(place, 1)

    def broken(*_: object) -> bytes:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        debits.write(
            place.database, place.tenant_id, ACCOUNT, Wanted(SENT, SENT), broken, at=shop.now(),
            actor="test", ids=shop.random_ids,
        )  # fmt: skip
    assert shop.attempts(place) == []


def test_nobody_is_debited_before_the_invoice_is_due_or_the_day_that_is_wanted(place):
    open_shop(place, 1)
    with place.database.snapshot(place.tenant_id) as tx:
        due_on = tx.value("select due_on from invoice")
    early = due_on - timedelta(days=3)
    assert write(place, Wanted(early, early)).file is None
    done = write(place, Wanted(due_on, early))
    assert done.file.debits[0].collect_on >= due_on


def test_an_invoice_that_is_held_or_waits_for_its_time_is_left_out_and_told(place):
    open_shop(place, 2)
    decide.stop(
        place.database, place.tenant_id, "INV-000001", reason="asked", at=shop.now(), actor="test",
        ids=shop.random_ids,
    )  # fmt: skip
    done = write(place)
    assert [one.invoice for one in done.file.debits] == ["INV-000002"]
    assert [tuple(one) for one in done.left] == [("INV-000001", "stopped")]


def test_an_invoice_in_parts_is_collected_part_by_part(place):
    open_shop(place, 1)
    shop.agree(place, "INV-000001", [(SENT, 1000), (SENT + timedelta(days=28), shop.OWED - 1000)])
    first = write(place)
    assert first.file.total == 1000
    assert taken(place, came(first.file.debits[0])) == [("certain", True)]
    assert write(place).file is None
    later = SENT + timedelta(days=28)
    second = write(place, Wanted(later, later))
    assert (second.file.total, second.file.debits[0].sequence.value) == (shop.OWED - 1000, "RCUR")
    assert taken(place, came(second.file.debits[0], "B2")) == [("certain", True)]
    assert shop.open_amounts(place) == []
    assert shop.violations(place) == []


def test_a_run_of_charges_leaves_mandates_alone_also_while_a_debit_is_under_way(place):
    open_shop(place, 2)
    desk = shop.desk_at(place, shop.provider_of(NOWHERE))
    run = shop.collect(desk)
    with place.database.snapshot(place.tenant_id) as tx:
        assert charging.progress(tx, run.run_id).outcomes == {"by_debit": 2}
    debit, _ = write(place).file.debits
    taken(place, went_back(debit, "AC01"))
    give_a_card(place, debit)
    desk = shop.desk_at(place, shop.provider_of(NOWHERE))
    before = shop.state(place)
    run = shop.collect(desk)
    with place.database.snapshot(place.tenant_id) as tx:
        assert charging.progress(tx, run.run_id).total == 1
    assert statuses(place) == {"pending": 1, "failed": 2}
    assert shop.state(place)["payment"] == before["payment"] == 0
    assert shop.violations(place) == []


# --- mandates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        ({"iban": "DE89370400440532013001"}, "bank.iban", "iban"),
        ({"iban": "US64SVBKUS6S3300958879"}, "bank.iban", "iban"),
        ({"mandate_id": "M_1"}, "bank.identifier", "mandate_id"),
        ({"mandate_id": "M" * 36}, "bank.identifier", "mandate_id"),
        ({"signed_on": SENT + timedelta(days=1)}, "bank.mandate_date", "signed_on"),
        ({"holder": "漢"}, "bank.text", "holder"),
        ({"bic": "X"}, "bank.bic", "bic"),
    ],
)
def test_a_mandate_that_no_bank_would_take_is_refused_with_its_field(changed, code, field):
    with pytest.raises(Invalid) as refused:
        mandate(1, **changed)
    assert (refused.value.code, refused.value.field) == (code, field)


def test_one_mandate_is_one_account_and_one_signature(place):
    keys = shop.open_shop(place, 3, token=None)
    sign(place, keys[0], mandate(1))
    sign(place, keys[1], mandate(1))
    with pytest.raises(Conflict) as refused:
        sign(place, keys[2], mandate(1, iban=iban(2)))
    assert (refused.value.code, refused.value.field) == (
        "payment_method.mandate_differs", "mandate",
    )  # fmt: skip
    assert [one.sequence.value for one in write(place).file.debits] == ["FRST", "RCUR"]


def test_a_mandate_that_somebody_used_before_us_is_not_collected_as_a_first_one(place):
    (key,) = shop.open_shop(place, 1, token=None)
    sign(place, key, mandate(1, is_used=True))
    assert [one.sequence.value for one in write(place).file.debits] == ["RCUR"]


# --- statements --------------------------------------------------------------------------------------


def test_money_that_comes_pays_the_invoice_once_and_is_cash_at_the_bank(place):
    open_shop(place, 2)
    first, second = write(place).file.debits
    assert taken(place, came(first), came(second, "B2")) == [("certain", True)] * 2
    assert taken(place, came(first), came(second, "B2")) == [("known", False)] * 2
    assert statuses(place) == {"succeeded": 2}
    assert shop.open_amounts(place) == []
    assert books(place) == {"cash": 2 * shop.OWED}
    with place.database.snapshot(place.tenant_id) as tx:
        held = [one.payment for one in shop.payments.of_customer(tx, None)]
    assert {(one.way.value, one.received_on, one.provider) for one in held} == {
        ("debit", COLLECTED, "house"),
    }  # fmt: skip
    assert shop.violations(place) == []


@pytest.mark.parametrize(
    ("reason", "failure", "status", "retries", "methods_left"),
    [
        ("AM04", "declined", "FAILED", True, 1),
        ("AC04", "declined_for_good", "FAILED", True, 0),
        ("MS02", "authentication_required", "FAILED", False, 1),
        ("AG02", "refused", "FAILED", False, 1),
        ("ZZ99", "refused", "FAILED", False, 1),
    ],
)
def test_what_goes_back_before_it_came_fails_with_what_follows_from_the_reason(
    place, reason, failure, status, retries, methods_left
):
    open_shop(place, 1)
    (debit,) = write(place).file.debits
    assert taken(place, went_back(debit, reason, charge=300)) == [("failed", False)]
    (stage,) = shop.attempts(place)
    found = state_of(place, "INV-000001")
    assert (stage.state.failure.value, found.status) == (failure, status)
    assert (stage.state.retry_at is not None) is retries
    assert len(shop.tokens(place)) == 1
    assert found.has_method is bool(methods_left)
    assert books(place) == {"receivable": shop.OWED, "payment_fees": 300, "cash": -300}
    assert taken(place, went_back(debit, reason, charge=300)) == [("known", False)]
    assert shop.violations(place) == []


def test_what_goes_back_after_it_came_opens_the_invoice_again_and_holds_it(place):
    open_shop(place, 1)
    (debit,) = write(place).file.debits
    taken(place, came(debit))
    assert taken(place, went_back(debit, "MD06", charge=250)) == [("taken_back", True)]
    found = state_of(place, "INV-000001")
    assert (found.left, found.is_stopped) == (shop.OWED, True)
    assert found.reason.startswith("returned: MD06, the customer claimed")
    assert books(place) == {"receivable": shop.OWED, "payment_fees": 250, "cash": -250}
    assert taken(place, came(debit), went_back(debit, "MD06", charge=250)) == [
        ("known", False), ("known", False),
    ]  # fmt: skip
    assert [tuple(one) for one in write(place).left] == [("INV-000001", "stopped")]
    assert shop.violations(place) == []


def test_what_was_given_back_to_the_customer_and_goes_back_once_more_is_lost(place):
    open_shop(place, 1)
    (debit,) = write(place).file.debits
    taken(place, came(debit))
    with place.database.transaction(place.tenant_id) as tx:
        (held,) = shop.payments.of_customer(tx, None)
        payments.take_back(
            tx, held.payment.payment_id, paid.REFUND_REQUESTED, MoveKind.REFUND, 1000,
            shop.writing(), reason="kind",
        )  # fmt: skip
    assert taken(place, went_back(debit, "MD06")) == [("taken_back", True)]
    assert books(place)["cash"] == -1000
    assert shop.open_amounts(place) == [shop.OWED]
    assert shop.violations(place) == []


@pytest.mark.parametrize("files", ["one", "two"])
def test_what_comes_and_goes_back_in_the_wrong_order_cancels_out(place, files):
    open_shop(place, 1)
    (debit,) = write(place).file.debits
    back, there = went_back(debit, "AM04"), came(debit)
    if files == "one":
        assert taken(place, back, there) == [("taken_back", True), ("certain", True)]
    else:
        assert taken(place, back) == [("failed", False)]
        assert taken(place, there) == [("cancelled_out", False)]
    assert books(place) == {"receivable": shop.OWED}
    assert shop.open_amounts(place) == [shop.OWED]
    assert shop.violations(place) == []


def test_a_debit_that_failed_is_collected_again_when_its_time_has_come(place):
    open_shop(place, 1)
    (debit,) = write(place).file.debits
    taken(place, went_back(debit, "AM04"))
    assert [tuple(one) for one in write(place).left] == [("INV-000001", "waits")]
    again = write(place, at=shop.now() + timedelta(days=3, minutes=1))
    (second,) = again.file.debits
    assert second.reference != debit.reference
    assert second.sequence.value == "FRST"
    assert taken(place, came(second)) == [("certain", True)]
    assert shop.open_amounts(place) == []
    assert shop.violations(place) == []


def test_other_money_under_our_reference_waits_for_a_person(place):
    open_shop(place, 1)
    (debit,) = write(place).file.debits
    assert taken(place, came(debit, amount=debit.amount - 1)) == [("proposed", True)]
    assert taken(place, came(debit, "B2")) == [("certain", True)]
    assert taken(place, came(debit, "B3")) == [("proposed", True)]
    assert taken(place, went_back(debit, None)) == [("proposed", False)]
    assert books(place)["cash"] == 3 * debit.amount - 1
    assert shop.open_amounts(place) == []
    assert shop.violations(place) == []


def test_an_invoice_that_was_paid_meanwhile_leaves_the_debit_as_the_customers_credit(place):
    open_shop(place, 1)
    (debit,) = write(place).file.debits
    transfer = StatementEntry(
        shop.OWED, "EUR", True, COLLECTED, COLLECTED, "T1", "T1", text="INV-000001"
    )
    assert taken(place, transfer) == [("certain", True)]
    assert taken(place, came(debit)) == [("certain", True)]
    assert books(place) == {"cash": 2 * shop.OWED, "customer_credit": -shop.OWED}
    assert shop.violations(place) == []


LIVES = {
    # what the bank tells of a debit   what is cash then, what is open, what waits in suspense (in debits)
    "": (0, 1, 0),
    "c": (1, 0, 0),
    "b": (0, 1, 0),
    "cb": (0, 1, 0),
    "cc": (2, 0, 1),
    "cbc": (1, 1, 1),
}


@pytest.mark.parametrize("seed", range(6))
def test_in_whatever_order_and_files_entries_come_the_books_say_what_the_bank_has(place, seed):
    chance = random.Random(seed)
    open_shop(place, 8)
    lives = {debit: chance.choice(list(LIVES)) for debit in write(place).file.debits}
    entries = [
        came(debit, f"{debit.reference}/{number}")
        if kind == "c"
        else went_back(debit, "AM04", f"{debit.reference}/{number}")
        for debit, life in lives.items()
        for number, kind in enumerate(life)
    ]
    chance.shuffle(entries)
    while entries:
        count = chance.randint(1, 5)
        told, entries = entries[:count], entries[count:]
        taken(place, *told)
        before = shop.state(place)
        assert {outcome for outcome, _ in taken(place, *told, *told[:1])} == {"known"}
        assert shop.state(place) == before
    found = books(place)
    wanted = [LIVES[life] for life in lives.values()]
    assert found.get("cash", 0) == shop.OWED * sum(cash for cash, *_ in wanted)
    assert sum(shop.open_amounts(place)) == shop.OWED * sum(left for _, left, _ in wanted)
    assert shop.balance(place, SUSPENSE) == -shop.OWED * sum(waits for *_, waits in wanted)
    assert shop.violations(place) == []


# --- people ------------------------------------------------------------------------------------------


def withdraw(place: Place, message_id: str, reason: str = "the bank's upload was closed") -> Any:
    with place.database.transaction(place.tenant_id) as tx:
        return debits.withdraw(
            tx, message_id, reason, at=shop.now(), actor="clerk", ids=shop.random_ids
        )


def resolve(place: Place, said: Evidence, reference: str) -> Any:
    """What a person says two days after the file."""
    return decide.resolve(
        place.database, place.tenant_id, reference, said,
        lambda _: Terms(PROMISES_NOTHING, DEFAULT), at=shop.now() + timedelta(days=2),
        actor="clerk", ids=shop.random_ids,
    )  # fmt: skip


def test_a_file_that_never_went_is_withdrawn_and_its_invoices_can_be_collected_at_once(place):
    open_shop(place, 2)
    first = write(place).file
    assert {one.state.failure.value for one in withdraw(place, first.message_id)} == {"cancelled"}
    second = write(place).file
    assert (second.number, second.message_id != first.message_id) == (2, True)
    assert {one.sequence.value for one in second.debits} == {"FRST"}
    assert taken(place, came(second.debits[0])) == [("certain", True)]
    with place.database.snapshot(place.tenant_id) as tx:
        found = queries.overview(tx, first.message_id)
    assert (found.withdrawn, found.failed) == ("the bank's upload was closed", 2)
    assert shop.violations(place) == []


def test_money_of_a_file_that_was_withdrawn_all_the_same_is_the_customers_and_nobody_asks_again(
    place,
):
    open_shop(place, 1)
    (debit,) = (told := write(place).file).debits
    withdraw(place, told.message_id)
    assert taken(place, came(debit)) == [("contradicted", True)]
    with place.database.snapshot(place.tenant_id) as tx:
        assert len(charging.needing_attention(tx)) == 1
    assert books(place) == {
        "cash": shop.OWED, "receivable": shop.OWED, "customer_credit": -shop.OWED,
    }  # fmt: skip
    assert write(place).file is None
    assert books(place) == {"cash": shop.OWED}
    assert shop.violations(place) == []


@pytest.mark.parametrize("seen", ["came", "other money", "returned", "resolved"])
def test_a_file_of_which_anything_was_heard_can_not_be_withdrawn(place, seen):
    open_shop(place, 2)
    told = write(place).file
    debit = told.debits[0]
    if seen == "came":
        taken(place, came(debit))
    elif seen == "other money":
        taken(place, came(debit, amount=1))
    elif seen == "returned":
        taken(place, went_back(debit, "AM04"))
    else:
        (stage, _) = shop.attempts(place)
        said = Evidence(Source.PERSON, Outcome.ABSENT, said_by="clerk", reason="told by the bank")
        resolve(place, said, stage.attempt.reference)
    with pytest.raises(Conflict) as refused:
        withdraw(place, told.message_id)
    assert refused.value.code == "debits.reached_the_bank"


def test_a_file_is_withdrawn_once_and_with_a_reason(place):
    open_shop(place, 1)
    told = write(place).file
    with pytest.raises(Invalid) as silent:
        withdraw(place, told.message_id, " ")
    withdraw(place, told.message_id)
    with pytest.raises(Conflict) as twice:
        withdraw(place, told.message_id)
    assert (silent.value.code, twice.value.code) == (
        "debits.no_reason", "debits.withdrawn_before",
    )  # fmt: skip


def test_a_person_can_say_that_a_debit_paid_which_the_bank_booked_in_one_sum(place):
    open_shop(place, 1)
    (debit,) = write(place).file.debits
    (stage,) = shop.attempts(place)
    said = Evidence(
        Source.PERSON, Outcome.DONE, None, "B1/1", stage.attempt.reference, debit.amount, "EUR",
        said_by="clerk", reason="part of B1",
    )  # fmt: skip
    after = resolve(place, said, stage.attempt.reference)
    assert after.state.status is Status.SUCCEEDED
    assert books(place) == {"cash": shop.OWED}
    assert taken(place, went_back(debit, "MD06")) == [("taken_back", True)]
    assert shop.violations(place) == []


def booked_in_one(place: Place, amount: int, reference: str = "S1") -> Any:
    """What a bank tells that books a block as one amount."""
    told = StatementEntry(
        amount, "EUR", True, COLLECTED, COLLECTED, reference, reference, text="SEPA DD BATCH"
    )
    statement = Statement("camt.053.001.08", HOUSE, "1", "EUR", None, None, SENT, SENT, (told,))
    with place.database.transaction(place.tenant_id) as tx:
        (found,) = bank.take_in(tx, [statement], **shop.writing())
    return found


def split(place: Place, payment_id: Any, message_id: str) -> dict[str, str]:
    with place.database.transaction(place.tenant_id) as tx:
        _, parts = bank_sums.split(
            tx, payment_id, message_id, "the bank's list",
            debits.writer(shop.now(), "clerk", shop.random_ids),
        )  # fmt: skip
    return {one.debit.invoice: one.effect.value for one in parts}


def test_a_sum_without_its_parts_waits_until_a_person_says_which_file_it_is(place):
    open_shop(place, 3)
    told = write(place).file
    first, second, third = told.debits
    taken(place, went_back(third, "AM04"))
    whole = booked_in_one(place, told.total)
    assert whole.outcome == "unmatched"
    assert split(place, whole.payment.payment_id, told.message_id) == {
        first.invoice: "booked", second.invoice: "booked", third.invoice: "cancelled_out",
    }  # fmt: skip
    assert books(place) == {"cash": 2 * shop.OWED, "receivable": shop.OWED}
    assert shop.balance(place, SUSPENSE) == 0
    assert booked_in_one(place, told.total).outcome == "known"
    parts = [came(one, f"S1/{n}", booking="S1") for n, one in enumerate(told.debits, start=1)]
    assert taken(place, *parts) == [("known", False)] * 3
    assert taken(place, went_back(first, "MD06", "R2")) == [("taken_back", True)]
    assert shop.violations(place) == []


@pytest.mark.parametrize("wrong", ["amount", "assigned", "paid"])
def test_a_sum_that_is_not_of_the_file_is_not_split(place, wrong):
    keys = open_shop(place, 2)
    told = write(place).file
    whole = booked_in_one(place, told.total - (wrong == "amount"))
    if wrong == "assigned":
        with place.database.transaction(place.tenant_id) as tx:
            owner = shop.customers.by_name(tx, keys[0])
            payments.assign(
                tx, whole.payment.payment_id, owner.customer_id, [], shop.writing()
            )  # fmt: skip
    elif wrong == "paid":
        taken(place, came(told.debits[0]))
    with pytest.raises(Conflict) as refused:
        split(place, whole.payment.payment_id, told.message_id)
    code = "debits.paid_before" if wrong == "paid" else "debits.no_sum"
    assert refused.value.code == code
    assert shop.violations(place) == []


def test_what_can_not_be_collected_takes_no_place_away(place):
    open_shop(place, 4)
    for name in ("INV-000001", "INV-000002"):
        decide.stop(
            place.database, place.tenant_id, name, reason="asked", at=shop.now(), actor="test",
            ids=shop.random_ids,
        )  # fmt: skip
    found = []
    for _ in range(3):
        with place.database.transaction(place.tenant_id) as tx:
            among = operations.due(tx, ACCOUNT, SENT, shop.now(), most=1)
            done = operations.write(
                tx, ACCOUNT, among, SENT, Days(SENT, None, 1), render, debits.terms(tx),
                debits.writer(shop.now(), "test", shop.random_ids),
            )  # fmt: skip
        found.append((done.file and done.file.debits[0].invoice, len(done.left), done.is_more))
    assert found == [("INV-000003", 0, True), ("INV-000004", 0, False), (None, 1, False)]


def test_two_who_take_the_same_statement_in_at_once_book_it_once(place):
    open_shop(place, 6)
    entries = [
        came(one, f"B{number}") for number, one in enumerate(write(place).file.debits, start=1)
    ]
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda _: taken(place, *entries), range(4)))
    assert Counter(outcome for one in done for outcome, _ in one) == {"certain": 6, "known": 18}
    assert books(place) == {"cash": 6 * shop.OWED}
    assert shop.violations(place) == []


def test_two_who_write_at_once_ask_for_everything_once(place):
    open_shop(place, 12)
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda _: write(place), range(4)))
    files = [one.file for one in done if one.file is not None]
    assert sum(one.number for one in files) == 12
    assert len({debit.invoice for one in files for debit in one.debits}) == 12
    assert shop.violations(place) == []


def test_files_of_which_nothing_is_heard_are_told(place):
    open_shop(place, 1)
    told = write(place).file
    with place.database.snapshot(place.tenant_id) as tx:
        assert queries.silent(tx, COLLECTED - timedelta(days=1)) == []
        (found,) = queries.silent(tx, COLLECTED)
    assert (found.message_id, found.pending) == (told.message_id, 1)


# --- promises ----------------------------------------------------------------------------------------

FALSE_SUMS, STRAYS, FALSE_EFFECTS = audit.CHECKS


@pytest.mark.parametrize(
    ("statement", "promise"),
    [
        ("update debit_file set total = total + 1", FALSE_SUMS),
        ("delete from debit where sequence = 'FRST'", STRAYS),
        ("update debit set amount = amount + 1", STRAYS),
        ("update debit_entry set effect = 'taken_back' where effect = 'booked'", FALSE_EFFECTS),
        ("update debit_entry set entry = 'B9' where effect = 'booked'", FALSE_EFFECTS),
        ("update payment_attempt set status = 'pending', failure = null where status = 'failed'",
         FALSE_EFFECTS),
        ("insert into debit_withdrawal select tenant_id, file_id, 'x', at, event_id from debit_file",
         FALSE_EFFECTS),
    ],
)  # fmt: skip
@pytest.mark.not_recounted
def test_verify_finds_what_the_database_did_not_keep_out(place, statement, promise):
    open_shop(place, 3)
    first, second, _ = write(place).file.debits
    taken(place, came(first), went_back(second, "AM04"))
    with psycopg.connect(place.conninfo, options="-c search_path=everycent") as admin:
        admin.execute("set session_replication_role = replica")
        assert admin.execute(statement).rowcount > 0
    assert promise in violated(place)


def violated(place: Place) -> list[str]:
    with place.database.snapshot(place.tenant_id) as tx:
        return [promise for promise in audit.CHECKS if audit.violations(tx, promise)]


ENTRY = (
    "insert into debit_entry select tenant_id, account, {entry}, {attempt}, file_id, booked_on, amount,"
    " is_return, code, charge, effect, at, event_id from debit_entry"
)
DEBIT = (
    "insert into debit select tenant_id, attempt_id, file_id, 'X', account, 'M', 'RCUR', 1, 'EUR',"
    " collect_on from debit"
)
SAME_FILE = (
    "insert into debit_file select tenant_id, event_id, message_id, account, sent_on, 1, 1, digest, at,"
    " event_id from debit_file"
)


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        (SAME_FILE, "debit_file_tenant_id_message_id_key"),
        (DEBIT, "debit_pkey"),
        (ENTRY.format(entry="entry", attempt="attempt_id"), "debit_entry_pkey"),
        (ENTRY.format(entry="'B2'", attempt="file_id"), "debit_entry_tenant_id_attempt_id_file_id_fkey"),
    ],
)  # fmt: skip
def test_the_database_refuses_what_can_not_be(place, statement, constraint):
    open_shop(place, 1)
    (debit,) = write(place).file.debits
    taken(place, came(debit))
    options = f"-c search_path=everycent -c everycent.tenant={place.tenant_id}"
    with (
        psycopg.connect(place.conninfo, options=options) as admin,
        pytest.raises(psycopg.errors.IntegrityError) as refused,
    ):
        admin.execute(statement)
    assert refused.value.diag.constraint_name == constraint


@pytest.mark.parametrize("table", ["debit_file", "debit", "debit_entry", "debit_withdrawal"])
def test_nobody_changes_what_was_handed_over_or_said(place, table):
    with (
        psycopg.connect(place.conninfo, options="-c search_path=everycent") as admin,
        pytest.raises(psycopg.Error, match=r"only ever added|refuse|immutable|change"),
    ):
        admin.execute(f"update {table} set tenant_id = tenant_id")
