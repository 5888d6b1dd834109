"""The database keeps credit by itself: no draw takes out more than went in, or what another one took."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest

from everycent.flows.verify import verify
from everycent.subscriptions.timeline import Cancel
from tests.conftest import NOW, Place
from tests.flows.test_credit import bill, grant, open_wallet
from tests.flows.test_credit_back import HALF, change, run, sold
from tests.flows.world import calls, sell, use
from tests.store import books
from tests.store.books import refused

OVERDRAWN = "no grant is overdrawn, and every grant is drawn, expired or left"
UNBALANCED = "every wallet holds what the ledger owes"
UNDOCUMENTED = "every draw has its invoice or its reason, and every invoice its draws"
TWICE = "no payment was put into a wallet twice"
PERIODS = "every billed period has its line, and every line its period"
REBUILT = "the journal rebuilds every table, byte for byte"


@pytest.fixture
def drawn(place: Place) -> Place:
    """A grant of 20.00 of which an invoice has drawn 17.88."""
    sell(place, [("a", "api")])
    use(place, [calls("a", 100, date(2026, 1, 10))])
    open_wallet(place, "w")
    grant(place, "w", 2000)
    bill(place)
    return place


def draw(tx: Any, **more: Any) -> None:
    """A further row on the only grant, whatever it says."""
    row = {
        "draw_no": 2, "kind": "void", "amount": 12, "left_before": 212, "left_after": 200,
        "granted": 2000, "document_id": None, "at": NOW,
    } | more  # fmt: skip
    tx.run(
        "insert into credit_draw (tenant_id, grant_id, event_id, "
        + ", ".join(row)
        + ") select tenant_id, grant_id, event_id, "
        + ", ".join(f"%({name})s" for name in row)
        + " from credit_grant",
        row,
    )


ATTACKS = [
    # what is said                                             constraint or state
    ({"amount": 213, "left_after": -1}, "23514"),
    ({"amount": 10}, "23514"),
    ({"left_before": 500, "left_after": 488}, "23503"),
    ({"draw_no": 1}, "23505"),
    ({"draw_no": 3}, "23503"),
    ({"kind": "return", "amount": -2000, "left_after": 2212}, "23514"),
    ({"kind": "grant"}, "23514"),
    ({"kind": "invoice"}, "23514"),
    ({"kind": "return"}, "23514"),
    ({"granted": 3000}, "23503"),
    ({"draw_no": 0, "kind": "grant", "amount": 0, "left_before": None, "left_after": 2000}, "23505"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "state"), ATTACKS)
def test_a_draw_that_cannot_be_is_refused(drawn: Place, said: dict[str, Any], state: str) -> None:
    assert refused(drawn, lambda tx: draw(tx, **said)).sqlstate == state


@pytest.mark.not_recounted
def test_a_draw_that_can_be_is_taken(drawn: Place) -> None:
    with drawn.database.transaction(drawn.tenant_id) as tx:
        draw(tx)


def test_a_document_is_paid_by_what_was_drawn_for_it(drawn: Place) -> None:
    def more(tx: Any) -> None:
        document = tx.value("select invoice_id from invoice")
        draw(tx, kind="invoice", document_id=document)

    assert refused(drawn, more).constraint_name == "invoice_prepaid_is_sum_of_draws"


def test_grants_and_draws_are_never_changed(drawn: Place) -> None:
    for table in ("credit_grant", "credit_draw", "credit_draw_line"):
        attack = f"update {table} set grant_id = grant_id"
        assert refused(drawn, lambda tx, sql=attack: tx.run(sql)).sqlstate == "42501"
        with books.owner(drawn) as connection, pytest.raises(psycopg.Error):
            connection.execute(attack)


def test_of_a_wallet_one_top_up_is_due_at_a_time(drawn: Place) -> None:
    def due(tx: Any, number: int) -> None:
        tx.run(
            "insert into wallet_top_up (tenant_id, wallet_id, due_no, state, rule_version, below,"
            " amount, balance, as_of) select tenant_id, wallet_id, %s, 'open', 1, 0, 1, 0, %s"
            " from wallet",
            (number, datetime(2026, 1, 1, tzinfo=UTC)),
        )

    def twice(tx: Any) -> None:
        due(tx, 1)
        due(tx, 2)

    assert refused(drawn, twice).constraint_name == "wallet_top_up_open"


def test_a_payment_is_credit_once(drawn: Place) -> None:
    def again(tx: Any) -> None:
        tx.run(
            "insert into credit_grant (tenant_id, grant_id, wallet_id, customer_id, number, amount,"
            " effective_at, series, renews, is_owed, basis, reference, told, at, event_id)"
            " select tenant_id, gen_random_uuid(), wallet_id, customer_id, 2, 1, effective_at,"
            " gen_random_uuid(), false, false, 'paid', reference, told, at, event_id from credit_grant"
        )

    assert refused(drawn, again).constraint_name == "credit_grant_booked"


@pytest.fixture
def cut(place: Place) -> Place:
    """A line of 1000.00 of which 400.00 were paid before taxes, half of it given back."""
    sold(place)
    change(place, Cancel(), HALF)
    run(place, HALF)
    return place


LINE_ATTACKS = [
    # what is said about the draw for the second document's only line     state
    ("amount = -20001", "23514"),
    ("amount = -19999", "23514"),
    ("line_no = 2", "23514"),
    ("document_id = gen_random_uuid()", "23514"),
    ("draw_no = 1", "23505"),
    ("draw_no = 3", "23503"),
]


@pytest.mark.parametrize(("said", "state"), LINE_ATTACKS)
def test_what_credit_paid_of_a_line_is_what_was_drawn_for_it(
    cut: Place, said: str, state: str
) -> None:
    column, _, value = said.partition(" = ")
    columns = ["line_no", "place", "grant_id", "draw_no", "document_id", "amount"]
    chosen = ", ".join(value if name == column else name for name in columns)
    with books.intruder(cut) as connection:
        (row,) = connection.execute(
            f"delete from credit_draw_line where draw_no = 2 returning tenant_id, {chosen}"
        ).fetchall()

    def again(tx: Any) -> None:
        names = ", ".join(["tenant_id", *columns])
        tx.run(f"insert into credit_draw_line ({names}) values ({', '.join(['%s'] * 7)})", row)

    assert refused(cut, again).sqlstate == state


CHAIN_ATTACKS = [
    # the credit that stands for the period, before and after a further correction     state
    ("20000", "20001", None),
    ("20000", "-1", "23514"),
    ("20001", "20000", "23503"),
    ("0", "0", "23503"),
]


@pytest.mark.parametrize(("before", "after", "state"), CHAIN_ATTACKS)
def test_what_credit_stands_for_is_a_chain_too(
    cut: Place, before: str, after: str, state: str | None
) -> None:
    def further(tx: Any) -> None:
        tx.run(
            "insert into period_correction (tenant_id, subscription_id, item_no, starts_at, step,"
            " ends_before, ends_at, charged_before, charged, prepaid_before, prepaid, taken_back,"
            " invoice_id, line_no) select tenant_id, subscription_id, item_no, starts_at, step + 1,"
            f" ends_at, ends_at, charged, charged, {before}, {after}, false, invoice_id, line_no + 1"
            " from period_correction"
        )

    if state is None:
        with cut.database.transaction(cut.tenant_id) as tx:
            further(tx)
    else:
        assert refused(cut, further).sqlstate == state


DOCUMENTS = [
    # a document that can't be                          gross, prepaid
    ("an invoice with less than nothing to pay", "invoice", -100, -99),
    ("an invoice over nothing that gives credit back", "invoice", -100, -100),
    ("a credit note over something to pay", "credit_note", -100, -101),
    ("a credit note over nothing", "credit_note", 0, 0),
    ("an invoice of which credit pays too much", "invoice", 100, 101),
]


@pytest.mark.parametrize(
    ("kind", "gross", "prepaid"),
    [case[1:] for case in DOCUMENTS],
    ids=[case[0] for case in DOCUMENTS],
)
def test_a_document_that_cannot_be_is_refused(
    cut: Place, kind: str, gross: int, prepaid: int
) -> None:
    def issue(tx: Any) -> None:
        tx.run(
            "insert into invoice (tenant_id, invoice_id, kind, series, number, customer_id, currency,"
            " issued_on, due_on, at, discount, net, tax, gross, prepaid, event_id)"
            " select tenant_id, gen_random_uuid(), %s, 'X', 1, customer_id, currency, issued_on, due_on,"
            " at, 0, %s, 0, %s, %s, event_id from invoice where kind = 'invoice'",
            (kind, gross, gross, prepaid),
        )

    assert refused(cut, issue).sqlstate == "23514"


PLANTED_BEFORE_TAXES = [
    ("update credit_draw_line set amount = amount - 1", {UNDOCUMENTED, REBUILT}),
    ("delete from credit_draw_line where amount < 0", {UNDOCUMENTED, REBUILT}),
    ("update wallet set told = replace(told, '\"before_tax\":true', '\"before_tax\":false')",
     {UNDOCUMENTED, REBUILT}),
    ("update billed_period set prepaid = prepaid + 1 where starts_at is not null", {PERIODS, REBUILT}),
    ("update period_correction set prepaid = prepaid - 1", {PERIODS, REBUILT}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("statement", "promises"), PLANTED_BEFORE_TAXES, ids=[s[:40] for s, _ in PLANTED_BEFORE_TAXES]
)
@pytest.mark.not_recounted
def test_what_was_changed_about_lines_that_credit_paid_is_named(
    cut: Place, statement: str, promises: set[str]
) -> None:
    with books.intruder(cut) as connection:
        assert connection.execute(statement.encode()).rowcount > 0
    with cut.database.snapshot(cut.tenant_id) as tx:
        checks = list(verify(tx, trusted_key=None, with_replay=True))
    assert {check.promise for check in checks if check.violators} == promises


PLANTED = [
    # what a superuser does                                               the promises that then fail
    ("update credit_draw set amount = amount + 1, left_after = left_after - 1 where draw_no = 1",
     {UNBALANCED, UNDOCUMENTED, REBUILT}),
    ("update credit_draw set left_before = left_before - 1, left_after = left_after - 1 where amount > 0",
     {OVERDRAWN, REBUILT}),
    ("update credit_grant set amount = amount + 1", {OVERDRAWN, UNBALANCED, REBUILT}),
    ("delete from credit_draw where kind = 'invoice'", {UNBALANCED, UNDOCUMENTED, REBUILT}),
    ("update invoice set prepaid = prepaid - 1",
     {UNDOCUMENTED, REBUILT, "every invoice is booked in the ledger with its gross",
      "receivables are what is open of documents"}),
    ("update ledger_posting set amount = amount - 1 where account_id = 13 and amount < 0",
     {UNBALANCED, REBUILT, "every entry balances in every currency"}),
    ("update credit_draw set event_id = gen_random_uuid() where kind = 'invoice'",
     {UNDOCUMENTED, REBUILT}),
    ("update wallet set key = 'other'", {REBUILT}),
    (("drop index credit_grant_booked;"
      "insert into credit_grant select tenant_id, gen_random_uuid(), wallet_id, customer_id, number + 1,"
      " amount, effective_at, expires_at, gen_random_uuid(), renews, is_owed, basis, reference, told, at,"
      " event_id from credit_grant"),
     {TWICE, OVERDRAWN, REBUILT}),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "promises"), PLANTED, ids=[s[:40] for s, _ in PLANTED])
def test_what_was_changed_behind_its_back_is_named(
    drawn: Place, statement: str, promises: set[str]
) -> None:
    with books.intruder(drawn) as connection:
        for part in statement.split(";"):
            done = connection.execute(part.encode())
        assert done.rowcount > 0
    with drawn.database.snapshot(drawn.tenant_id) as tx:
        checks = list(verify(tx, trusted_key=None, with_replay=True))
    assert {check.promise for check in checks if check.violators} == promises
