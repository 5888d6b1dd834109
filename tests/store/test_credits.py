"""The database keeps credit by itself: no draw takes out more than went in, or what another one took."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest

from everycent.flows.verify import verify
from tests.conftest import NOW, Place
from tests.flows.test_credit import bill, grant, open_wallet
from tests.flows.world import calls, sell, use
from tests.store import books
from tests.store.books import refused

OVERDRAWN = "no grant is overdrawn, and every grant is drawn, expired or left"
UNBALANCED = "every wallet holds what the ledger owes"
UNDOCUMENTED = "every draw has its invoice or its reason, and every invoice its draws"
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


def test_a_draw_that_can_be_is_taken(drawn: Place) -> None:
    with drawn.database.transaction(drawn.tenant_id) as tx:
        draw(tx)


def test_a_document_is_paid_by_what_was_drawn_for_it(drawn: Place) -> None:
    def more(tx: Any) -> None:
        document = tx.value("select invoice_id from invoice")
        draw(tx, kind="invoice", document_id=document)

    assert refused(drawn, more).constraint_name == "invoice_prepaid_is_sum_of_draws"


def test_grants_and_draws_are_never_changed(drawn: Place) -> None:
    for table in ("credit_grant", "credit_draw"):
        attack = f"update {table} set event_id = event_id"
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


PLANTED = [
    # what a superuser does                                               the promises that then fail
    ("update credit_draw set amount = amount + 1, left_after = left_after - 1 where draw_no = 1",
     {UNBALANCED, UNDOCUMENTED, REBUILT}),
    ("update credit_draw set left_before = left_before - 1, left_after = left_after - 1 where amount > 0",
     {OVERDRAWN, REBUILT}),
    ("update credit_grant set amount = amount + 1", {OVERDRAWN, UNBALANCED, REBUILT}),
    ("delete from credit_draw where kind = 'invoice'", {UNBALANCED, UNDOCUMENTED, REBUILT}),
    ("update invoice set prepaid = prepaid - 1",
     {UNDOCUMENTED, REBUILT, "every invoice is booked in the ledger with its gross"}),
    ("update ledger_posting set amount = amount - 1 where account_id = 13 and amount < 0",
     {UNBALANCED, REBUILT, "every entry balances in every currency"}),
    ("update credit_draw set event_id = gen_random_uuid() where kind = 'invoice'",
     {UNDOCUMENTED, REBUILT}),
    ("update wallet set key = 'other'", {REBUILT}),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "promises"), PLANTED, ids=[s[:40] for s, _ in PLANTED])
def test_what_was_changed_behind_its_back_is_named(
    drawn: Place, statement: str, promises: set[str]
) -> None:
    with books.intruder(drawn) as connection:
        assert connection.execute(statement.encode()).rowcount > 0
    with drawn.database.snapshot(drawn.tenant_id) as tx:
        checks = list(verify(tx, trusted_key=None, with_replay=True))
    assert {check.promise for check in checks if check.violators} == promises
