"""The database keeps the books by itself: whoever gets past Python meets constraints, rights, triggers.

And whoever gets past those, as a superuser with triggers off, is named by the audit.
"""

from datetime import timedelta

import psycopg
import pytest

from everycent.db.connection import Tx
from everycent.kernel import ids
from everycent.kernel.errors import NotFound
from everycent.ledger import audit, queries
from everycent.ledger.account import CHART, CUSTOMER_CREDIT, RECEIVABLE, REVENUE, TAX_PAYABLE
from everycent.ledger.entry import balanced, credit, debit, reversal
from everycent.tenants import operations as tenants
from tests.conftest import NOW
from tests.store import books
from tests.store.books import Booking, book, note, refused

ANA = ids.derived("ana")
EVER = NOW + timedelta(days=36500)
SALE = balanced(
    "invoice",
    [
        debit(RECEIVABLE, 119, "EUR", ANA),
        credit(REVENUE, 100, "EUR"),
        credit(TAX_PAYABLE, 19, "EUR"),
    ],
    ids.derived("paper"),
)


@pytest.fixture(scope="module")
def ledger(server):
    """Books with one sale, its reversal and another sale; no test here changes them."""
    with books.fresh(server, "test_ledger") as place:
        with place.database.transaction(place.tenant_id) as tx:
            book(
                tx,
                [
                    Booking("sale", SALE),
                    Booking("undone", reversal("credit_note", SALE, ids.derived("sale"), None)),
                    Booking("other", SALE),
                ],
            )
        yield place


def insert_entry(tx, name, *postings, reverses=None):
    """An entry as rows, without asking Python whether it is one."""
    tx.run(
        "insert into ledger_entry (tenant_id, entry_id, kind, at, recorded_at, reverses)"
        " values (%s, %s, 'test', %s, %s, %s)",
        (tx.tenant_id, ids.derived(name), NOW, NOW, reverses),
    )
    if postings:
        insert_postings(tx, name, *postings)


def insert_postings(tx, name, *postings, first=1):
    rows = [
        (tx.tenant_id, ids.derived(name), number, account_id, currency, amount)
        for number, (account_id, currency, amount) in enumerate(postings, start=first)
    ]
    tx.run(
        "insert into ledger_posting"
        " (tenant_id, entry_id, posting_no, account_id, currency, amount) values "
        + ", ".join(["(%s, %s, %s, %s, %s, %s)"] * len(rows)),
        [value for row in rows for value in row],
    )


PAIR = ((1, "EUR", 100), (20, "EUR", -100))


def test_rows_that_make_an_entry_are_taken(place):
    with place.database.transaction(place.tenant_id) as tx:
        note(tx, "raw")
        insert_entry(tx, "raw", *PAIR)
    with place.database.transaction(place.tenant_id) as tx:
        assert [leg.amount for leg in queries.entry(tx, ids.derived("raw")).entry.postings] == [
            100,
            -100,
        ]


@pytest.mark.parametrize(
    "postings",
    [
        pytest.param(((1, "EUR", 100), (20, "EUR", -99)), id="unbalanced"),
        pytest.param(((1, "EUR", 100), (20, "USD", -100)), id="across currencies"),
        pytest.param((*PAIR, (1, "JPY", 1)), id="one currency off"),
        pytest.param(((1, "EUR", 100),), id="single posting"),
    ],
)
def test_an_entry_that_does_not_balance_is_refused_and_leaves_nothing(ledger, postings):
    def attack(tx):
        note(tx, "raw")
        insert_entry(tx, "raw", *postings)

    said = refused(ledger, attack)
    assert (said.sqlstate, said.constraint_name) == ("23514", "ledger_entry_balanced")
    check_nothing_booked(ledger)


@pytest.mark.parametrize("tenant", [0, 1])
def test_an_entry_without_postings_is_refused_at_commit_whatever_the_tenant_is_by_then(
    ledger, tenant
):
    steps = []

    def attack(tx):
        note(tx, "raw")
        insert_entry(tx, "raw")
        tx.acting_for(ledger.tenant_id + tenant)
        steps.append("reached the end")

    said = refused(ledger, attack)
    assert steps == ["reached the end"]
    assert (said.sqlstate, said.constraint_name) == ("23503", "ledger_entry_has_postings")
    check_nothing_booked(ledger)


def check_nothing_booked(ledger):
    with ledger.database.transaction(ledger.tenant_id) as tx:
        with pytest.raises(NotFound):
            queries.entry(tx, ids.derived("raw"))
        assert tx.value("select count(*) from ledger_posting") == 9


@pytest.mark.parametrize(
    ("attack", "constraint"),
    [
        (lambda tx: insert_entry(tx, "raw", (1, "EUR", 0), (20, "EUR", 0)),
         "ledger_posting_amount_check"),
        (lambda tx: insert_entry(tx, "raw", (1, "EUR", 10**18), (20, "EUR", -(10**18))),
         "ledger_posting_amount_check"),
        (lambda tx: insert_entry(tx, "raw", (1, "eur", 1), (20, "eur", -1)),
         "ledger_posting_currency_check"),
        (lambda tx: insert_entry(tx, "raw", (99, "EUR", 1), (20, "EUR", -1)),
         "ledger_posting_account"),
        (lambda tx: insert_entry(tx, "uncaused", *PAIR), "ledger_entry_event"),
        (lambda tx: insert_postings(tx, "raw", *PAIR), "ledger_posting_entry"),
        (lambda tx: insert_postings(tx, "sale", *PAIR, first=4), "ledger_entry_complete"),
        (lambda tx: insert_postings(tx, "sale", (1, "EUR", 1), first=4), "ledger_entry_complete"),
        (lambda tx: [insert_entry(tx, "raw", *PAIR), insert_postings(tx, "raw", *PAIR, first=3)],
         "ledger_entry_complete"),
        (lambda tx: insert_postings(tx, "sale", *PAIR), "ledger_posting_pkey"),
        (lambda tx: insert_entry(tx, "sale", *PAIR), "ledger_entry_pkey"),
        (lambda tx: insert_entry(tx, "raw", *PAIR, reverses=ids.derived("sale")),
         "ledger_entry_tenant_id_reverses_key"),
        (lambda tx: insert_entry(tx, "raw", *PAIR, reverses=ids.derived("unknown")),
         "ledger_entry_tenant_id_reverses_fkey"),
    ],
    ids=[
        "amount of zero", "amount beyond the limit", "currency in small letters",
        "unknown account", "entry without event", "posting without entry",
        "balanced postings to a booked entry", "single posting to a booked entry",
        "second helping in one transaction", "posting twice", "second entry of an event",
        "reversing twice", "reversing the unknown",
    ],
)  # fmt: skip
def test_rows_that_make_no_entry_are_refused(ledger, attack, constraint):
    assert refused(ledger, lambda tx: (note(tx, "raw"), attack(tx))).constraint_name == constraint


IMMUTABLE = ("ledger_account", "ledger_entry", "ledger_posting")
CHANGES = ("update {} set tenant_id = tenant_id", "delete from {}", "truncate {} cascade")


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("table", IMMUTABLE)
def test_the_application_may_not_change_what_is_booked(ledger, table, change):
    assert refused(ledger, lambda tx: tx.run(change.format(table))).sqlstate == "42501"


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("table", IMMUTABLE)
def test_not_even_the_owner_changes_what_is_booked(ledger, table, change):
    with (
        pytest.raises(psycopg.errors.RestrictViolation, match="is immutable"),
        books.owner(ledger) as connection,
    ):
        connection.execute(change.format(table))


def test_another_tenants_books_are_not_there(ledger):
    other = tenants.create(ledger.database, "other", "Other", NOW)
    with ledger.database.transaction(other) as tx:
        assert queries.trial_balance(tx, EVER, EVER) == []
        assert list(queries.entries(tx, EVER)) == []
        assert queries.customer_balances(tx, EVER, EVER) == []
        assert queries.statement(tx, ANA, EVER, EVER) == []
        with pytest.raises(NotFound) as unknown:
            queries.entry(tx, ids.derived("sale"))
        assert unknown.value.code == "ledger.entry_unknown"
        for table in ("ledger_entry", "ledger_posting"):
            assert tx.value(f"select count(*) from {table}") == 0
        assert tx.value("select count(*) from ledger_account") == len(CHART)


def test_balances_are_as_of_any_time_and_as_known_at_any_time(place):
    january, february, march = (NOW + timedelta(days=days) for days in (0, 31, 59))
    paid = balanced("credit", [debit(RECEIVABLE, 20, "EUR", ANA),
                               credit(CUSTOMER_CREDIT, 20, "EUR", ANA)])  # fmt: skip
    with place.database.transaction(place.tenant_id) as tx:
        book(tx, [Booking("early", SALE, january)], january)
        book(tx, [Booking("late", SALE, february), Booking("paid", paid, march)], march)
        owed = {
            (as_of.month, known_at.month): sum(
                row.balance
                for row in queries.trial_balance(tx, as_of, known_at)
                if row.code == "receivable"
            )
            for as_of in (january, february, march)
            for known_at in (january, february, march)
        }
        rows = queries.trial_balance(tx, march, march)
        customer = queries.customer_balances(tx, march, march, ANA)
        lines = queries.statement(tx, ANA, march, march)
    assert owed == {
        (1, 1): 119, (1, 2): 119, (1, 3): 119,
        (2, 1): 119, (2, 2): 119, (2, 3): 238,
        (3, 1): 119, (3, 2): 119, (3, 3): 258,
    }  # fmt: skip
    assert [(row.code, row.debit, row.credit, row.balance) for row in rows] == [
        ("receivable", 258, 0, 258),
        ("tax_payable", 0, 38, -38),
        ("customer_credit", 0, 20, -20),
        ("revenue", 0, 200, -200),
    ]
    assert [(row.customer_id, row.currency, row.balance) for row in customer] == [(ANA, "EUR", 238)]
    assert [(row.entry_id, row.amount) for row in lines] == [
        (ids.derived("early"), 119),
        (ids.derived("late"), 119),
        (ids.derived("paid"), 0),
    ]


def test_an_entry_reads_back_as_it_was_booked(ledger):
    with ledger.database.transaction(ledger.tenant_id) as tx:
        single = [queries.entry(tx, ids.derived(name)) for name in ("sale", "undone", "other")]
        assert [one.entry for one in single] == [
            SALE,
            reversal("credit_note", SALE, ids.derived("sale"), None),
            SALE,
        ]
        assert sorted(queries.entries(tx, EVER)) == sorted(single)
        assert list(queries.entries(tx, NOW - timedelta(seconds=1))) == []


# --- the audit ----------------------------------------------------------------------------------


def violated(place):
    with place.database.snapshot(place.tenant_id) as tx:
        return {check: found for check in audit.CHECKS if (found := audit.violations(tx, check))}


def test_the_audit_finds_nothing_in_books_that_nobody_touched(ledger):
    assert violated(ledger) == {}


BALANCES = "every entry balances in every currency"
TWO_LEGS = "every entry has at least two postings"
CAUSED = "every entry has the event that caused it"
BELONGS = "every posting belongs to an entry"
MIRRORS = "every reversal mirrors its original"
MOVE_POSTING = """update ledger_posting set entry_id = {other}, posting_no = 9
    where entry_id = {sale} and posting_no = 1"""


@pytest.mark.parametrize(
    ("tampering", "checks"),
    [
        ("update ledger_posting set amount = amount + 1 where entry_id = {other} and posting_no = 1",
         {BALANCES}),
        ("update ledger_posting set currency = 'USD' where entry_id = {other} and posting_no = 1",
         {BALANCES}),
        (MOVE_POSTING,
         {BALANCES, MIRRORS}),
        ("delete from ledger_posting where entry_id = {other} and posting_no = 1", {BALANCES}),
        ("delete from ledger_posting where entry_id = {other}", {TWO_LEGS}),
        ("delete from ledger_posting where entry_id = {other} and posting_no > 1",
         {BALANCES, TWO_LEGS}),
        ("delete from ledger_entry where entry_id = {other}", {BELONGS}),
        ("delete from journal_event where event_id = {other}", {CAUSED}),
        ("update ledger_entry set at = at - interval '1 day' where entry_id = {other}", {CAUSED}),
        ("update ledger_entry set recorded_at = now() where entry_id = {other}", {CAUSED}),
        ("update ledger_posting set amount = 2 * amount where entry_id = {undone}", {MIRRORS}),
        ("update ledger_posting set amount = 2 * amount where entry_id = {sale}", {MIRRORS}),
        ("update ledger_posting set customer_id = null where entry_id = {undone}", {MIRRORS}),
        ("update ledger_posting set account_id = 21 where entry_id = {sale} and account_id = 20",
         {MIRRORS}),
        ("delete from ledger_entry where entry_id = {sale}", {BELONGS}),
        ("delete from ledger_posting where entry_id = {sale}", {TWO_LEGS, MIRRORS}),
    ],
)  # fmt: skip
def test_the_audit_names_what_a_superuser_changed(ledger, tampering, checks):
    id_of = {name: f"'{ids.derived(name)}'::uuid" for name in ("sale", "undone", "other")}
    shown = {name: text[1:37] for name, text in id_of.items()}
    with books.intruder(ledger) as connection:
        assert connection.execute(tampering.format(**id_of)).rowcount > 0
        connection.execute("set role everycent_app")
        connection.execute(
            "select set_config('everycent.tenant', %s, true)", [str(ledger.tenant_id)]
        )
        inside = Tx(connection, ledger.tenant_id)
        found = {
            check: names for check in audit.CHECKS if (names := audit.violations(inside, check))
        }
        connection.rollback()
    assert set(found) == checks
    touched = [text for name, text in shown.items() if "{" + name + "}" in tampering]
    related = [*touched, shown["undone"]]
    assert all(any(text in name for text in related) for names in found.values() for name in names)
    assert violated(ledger) == {}
