"""Bank files as banks make them: references that are used again, sums, reversals, entries of nothing."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import pytest

from everycent.flows import bank
from everycent.integrations import bank_camt
from everycent.kernel.errors import Conflict
from everycent.ledger.account import PAYMENT_LOSSES
from everycent.payments import operations as payments
from everycent.payments import payment as paid
from everycent.payments.payment import MoveKind
from everycent.payments.statement import Statement
from tests.collecting import shop
from tests.flows import test_debits as debits
from tests.flows.test_bank import books, entry, taken

ENTRY = """<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd>{more}<Sts><Cd>BOOK</Cd></Sts>
<BookgDt><Dt>2026-02-{day:02}</Dt></BookgDt><AcctSvcrRef>{reference}</AcctSvcrRef>
<NtryDtls><TxDtls>{refs}<RmtInf><Ustrd>{text}</Ustrd></RmtInf>{reason}</TxDtls></NtryDtls></Ntry>"""
FILE = """<?xml version="1.0"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.{kind}.001.08"><Root>
<GrpHdr><MsgId>m</MsgId><CreDtTm>2026-02-02T10:00:00</CreDtTm></GrpHdr>
<{part}><Id>1</Id><Acct><Id><IBAN>HR1723600001101234565</IBAN></Id><Ccy>EUR</Ccy></Acct>{entries}</{part}>
</Root></Document>"""


def told(
    amount: str, reference: str, text: str = "", day: int = 2, *, debit: str = "", reason: str = "",
    reversal: bool = False,
) -> str:  # fmt: skip
    """An entry as a bank writes it; money that goes out has a minus."""
    return ENTRY.format(
        amount=amount.removeprefix("-"), sign="DBIT" if amount.startswith("-") else "CRDT", day=day,
        reference=reference, text=text,
        more="<RvslInd>true</RvslInd>" if reversal else "",
        refs=f"<Refs><EndToEndId>{debit}</EndToEndId></Refs>" if debit else "",
        reason=f"<RtrInf><Rsn><Cd>{reason}</Cd></Rsn></RtrInf>" if reason else "",
    )  # fmt: skip


def take(place, *entries: str, kind: str = "053") -> list[str]:
    """What became of the entries of a file."""
    return [one.outcome for one in took(place, *entries, kind=kind)]


def took(place, *entries: str, kind: str = "053"):
    part = "Stmt" if kind == "053" else "Ntfctn"
    content = FILE.format(kind=kind, part=part, entries="".join(entries)).encode()
    with place.database.transaction(place.tenant_id) as tx:
        return bank.take_in(tx, bank_camt.read(io.BytesIO(content)), **shop.writing())


# --- references that are used again -------------------------------------------------------------------


def test_a_fee_with_the_reference_of_its_payment_makes_no_second_payment_of_it(place):
    shop.open_shop(place, 1)
    credit, fee = told("10.00", "R77", "INV-000001"), told("-0.25", "R77", "fee")
    assert take(place, credit, kind="054") == ["certain"]
    assert take(place, fee, credit) == ["outgoing", "known"]
    assert take(place, credit, fee) == ["known", "outgoing"]
    assert books(place)["cash"] == 1000
    assert shop.violations(place) == []


@pytest.mark.parametrize(("amount", "day", "cash"), [("5.00", 2, 1500), ("10.00", 3, 2000)])
def test_another_payment_with_a_reference_that_is_known_is_booked_too(place, amount, day, cash):
    shop.open_shop(place, 1)
    first, other = told("10.00", "R77", "INV-000001"), told(amount, "R77", "INV-000001", day)
    assert take(place, first) == ["certain"]
    assert take(place, other) == ["certain"]
    assert take(place, other, first) == ["known", "known"]
    assert books(place)["cash"] == cash
    assert shop.violations(place) == []


def test_equal_payments_with_one_reference_in_one_file_stay_two(place):
    shop.open_shop(place, 1)
    one = told("10.00", "R77", "INV-000001")
    assert take(place, one, one) == ["certain", "certain"]
    assert take(place, one, one, one) == ["known", "known", "certain"]
    assert books(place)["cash"] == 3000


def test_a_return_with_the_reference_of_what_came_takes_that_back(place):
    debits.open_shop(place, 1)
    (debit,) = debits.write(place).file.debits
    assert take(place, told("37.20", "B1", debit=debit.reference, day=3)) == ["certain"]
    back = told("-37.20", "B1", debit=debit.reference, day=3, reason="AM04")
    assert take(place, back) == ["taken_back"]
    assert take(place, back) == ["known"]
    assert books(place)["cash"] == 0
    assert shop.open_amounts(place) == [shop.OWED]
    assert shop.violations(place) == []


@pytest.mark.parametrize("second", ["others", "turned", "more"])
def test_debits_with_one_reference_and_amount_are_told_apart_by_their_ids(place, second):
    debits.open_shop(place, 3)
    lines = [
        told("37.20", "BATCH", debit=one.reference, day=3)
        for one in debits.write(place).file.debits
    ]
    assert take(place, *lines[:2]) == ["certain", "certain"]
    files = {"others": lines[2:], "turned": lines[::-1], "more": lines[1:]}
    outcomes = take(place, *files[second])
    assert sorted(outcomes) == ["certain", *["known"] * (len(outcomes) - 1)]
    assert take(place, *files[second], *lines) == ["known"] * (len(outcomes) + 3)
    assert books(place)["cash"] == 3 * shop.OWED
    assert shop.open_amounts(place) == []
    assert shop.violations(place) == []


# --- entries that once refused the whole file ---------------------------------------------------------


def test_an_entry_of_nothing_is_skipped_and_told(place):
    shop.open_shop(place, 1)
    assert take(place, told("0.00", "I1", "interest"), told("37.20", "R77", "INV-000001")) == [
        "skipped", "certain",
    ]  # fmt: skip
    assert books(place)["cash"] == shop.OWED


def test_a_transfer_for_invoices_of_two_customers_is_a_payment_of_each(place):
    shop.open_shop(place, 2)
    both = told("74.40", "A1", "INV-000001 INV-000002")
    found = took(place, both)
    assert [(one.outcome, one.entry.amount) for one in found] == [("certain", shop.OWED)] * 2
    assert len({one.payment.customer_id for one in found}) == 2
    assert take(place, both) == ["known"]
    assert shop.open_amounts(place) == []
    assert books(place)["cash"] == 2 * shop.OWED
    assert shop.violations(place) == []


@pytest.mark.parametrize("is_first", [True, False])
def test_a_transfer_and_a_debit_of_one_invoice_in_one_file_pay_it_once(place, is_first):
    debits.open_shop(place, 1)
    (debit,) = debits.write(place).file.debits
    lines = [told("37.20", "T1", "INV-000001"), told("37.20", "B1", debit=debit.reference)]
    found = took(place, *(lines if is_first else reversed(lines)))
    assert {one.match.collection: one.outcome for one in found}[debit.reference] == "certain"
    assert books(place)["cash"] == 2 * shop.OWED
    assert shop.open_amounts(place) == []
    assert shop.violations(place) == []
    if is_first:
        assert found[0].match.unapplied == shop.OWED
        assert "37.20 EUR is left over" in found[0].match.reason


# --- reversals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "text"), [("R77", "reversal"), ("R78", "INV-000001")], ids=["by bank", "by words"]
)
def test_a_transfer_that_the_bank_reverses_is_taken_off_its_invoice_once(place, reference, text):
    shop.open_shop(place, 1)
    there = told("37.20", "R77", "INV-000001")
    back = told("-37.20", reference, text, day=3, reversal=True)
    assert take(place, there) == ["certain"]
    assert take(place, back) == ["taken_back"]
    assert take(place, there, back) == ["known", "known"]
    assert shop.open_amounts(place) == [shop.OWED]
    assert books(place) == {
        "cash": 0, "receivable": shop.OWED, "customer_credit": 0, "suspense": 0,
    }  # fmt: skip
    assert debits.state_of(place, "INV-000001").is_stopped
    assert shop.violations(place) == []


def test_a_reversal_that_stands_before_what_it_reverses_takes_it_back_too(place):
    shop.open_shop(place, 1)
    lines = [told("-5.00", "R77", "x", reversal=True), told("5.00", "R77", "who knows")]
    assert take(place, *lines) == ["taken_back", "unmatched"]
    assert books(place)["cash"] == 0
    assert books(place)["suspense"] == 0
    assert shop.violations(place) == []


def test_a_reversal_of_what_was_given_back_already_is_a_loss(place):
    shop.open_shop(place, 1)
    (there,) = took(place, told("37.20", "R77", "INV-000001"))
    with place.database.transaction(place.tenant_id) as tx:
        payments.take_back(
            tx, there.payment.payment_id, paid.REFUND_REQUESTED, MoveKind.REFUND, 1000,
            shop.writing(), reason="kind",
        )  # fmt: skip
    assert take(place, told("-37.20", "R77", day=3, reversal=True)) == ["taken_back"]
    assert books(place)["cash"] == -1000
    assert shop.balance(place, PAYMENT_LOSSES) == 1000
    assert shop.violations(place) == []


@pytest.mark.parametrize(
    "back",
    [
        told("-37.20", "R78", "something else", day=3, reversal=True),
        told("-37.00", "R77", "INV-000001", day=3, reversal=True),
        told("-37.20", "R77", "INV-000001", day=1, reversal=True),
        told("-37.20", "R78", "no longer", day=3, reason="AC04"),
    ],
    ids=["other words", "other amount", "before it came", "a return without our id"],
)
def test_a_reversal_that_is_of_nothing_known_is_a_persons_to_say(place, back):
    shop.open_shop(place, 1)
    take(place, told("37.20", "R77", "INV-000001"))
    (found,) = took(place, back)
    assert (found.outcome, found.payment) == ("reversal", None)
    assert "no payment" in found.match.reason
    assert shop.open_amounts(place) == []


def test_a_reversal_that_may_be_of_two_payments_is_a_persons_to_say(place):
    shop.open_shop(place, 1)
    one = told("10.00", "R77", "INV-000001")
    take(place, one, one)
    (found,) = took(place, told("-10.00", "R77", day=3, reversal=True))
    assert (found.outcome, books(place)["cash"]) == ("reversal", 2000)
    assert "several payments" in found.match.reason


# --- locks --------------------------------------------------------------------------------------------


def test_statements_of_two_accounts_that_pay_the_same_invoices_in_other_orders_do_not_deadlock(
    place,
):
    shop.open_shop(place, 30)
    names = [f"INV-{number:06}" for number in range(1, 31)]

    def take_all(account: str, order: list[str]) -> set[str]:
        lines = tuple(entry(100, f"{account}-{name}", name) for name in order)
        told_one = Statement("camt", account, "1", "EUR", None, None, None, None, lines)
        with place.database.transaction(place.tenant_id) as tx:
            return {one.outcome for one in bank.take_in(tx, [told_one], **shop.writing())}

    with ThreadPoolExecutor(2) as threads:
        first, second = (
            threads.submit(take_all, "A", names),
            threads.submit(take_all, "B", names[::-1]),
        )
        assert first.result() == second.result() == {"certain"}
    assert books(place)["cash"] == 60 * 100
    assert shop.violations(place) == []


# --- sums of files that are withdrawn -----------------------------------------------------------------


def test_a_file_can_not_be_withdrawn_while_money_waits_that_may_be_its_sum(place):
    debits.open_shop(place, 3)
    told_file = debits.write(place).file
    whole = debits.booked_in_one(place, told_file.total)
    with pytest.raises(Conflict) as refused:
        debits.withdraw(place, told_file.message_id)
    assert refused.value.code == "debits.sum_waits"
    assert "debits split" in (refused.value.hint or "")
    assert debits.write(place).file is None
    debits.split(place, whole.payment.payment_id, told_file.message_id)
    assert shop.open_amounts(place) == []
    assert shop.violations(place) == []


@pytest.mark.parametrize("other", ["amount", "assigned"])
def test_money_that_is_not_its_sum_keeps_no_file_from_being_withdrawn(place, other):
    keys = debits.open_shop(place, 2)
    told_file = debits.write(place).file
    whole = debits.booked_in_one(place, told_file.total - (other == "amount"))
    if other == "assigned":
        with place.database.transaction(place.tenant_id) as tx:
            owner = shop.customers.by_name(tx, keys[0])
            payments.assign(tx, whole.payment.payment_id, owner.customer_id, [], shop.writing())
    assert len(debits.withdraw(place, told_file.message_id)) == 2


def test_money_that_goes_out_and_is_no_reversal_is_only_told(place):
    shop.open_shop(place, 1)
    assert [one.outcome for one in taken(place, entry(900, "A1", "rent", credit=False))] == [
        "outgoing"
    ]
