"""Credit notes over parts of an invoice's lines."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import psycopg
import pytest

from everycent.flows.credit_lines import credit_lines
from everycent.flows.explain import explain
from everycent.flows.verify import verify
from everycent.invoicing import operations, queries
from everycent.invoicing.line_note import LineNote
from everycent.kernel.errors import Refusal
from tests.conftest import Place
from tests.flows import world
from tests.flows.world import calls, midnight, sell, use


@pytest.fixture
def billed(place: Place) -> Place:
    """INV-000001: 6.67 for calls and 9.90, with 20 % tax; INV-000002: 9.90 with it."""
    sell(place, [("a", "api")])
    use(place, [calls("a", 150, date(2026, 1, 10))])
    world.run(place, midnight(date(2026, 3, 1)))
    return place


def give(place: Place, *wanted: str, name: str = "INV-000001") -> LineNote:
    with place.database.transaction(place.tenant_id) as tx:
        return credit_lines(
            tx, name, wanted, reason="sorry", time_zone="UTC",
            writing=world.at_year_end(place),  # type: ignore[arg-type]
        )  # fmt: skip


def refused(place: Place, *wanted: str, name: str = "INV-000001") -> str:
    with pytest.raises(Refusal) as refusal:
        give(place, *wanted, name=name)
    return refusal.value.code


def open_of(place: Place, name: str) -> int:
    with place.database.snapshot(place.tenant_id) as tx:
        row = queries.document(tx, name)
        (found,) = queries.open_of(tx, [row.invoice_id])
    return found.left


def violations(place: Place) -> list[str]:
    with place.database.snapshot(place.tenant_id) as tx:
        checks = list(verify(tx, trusted_key=None, with_replay=True))
    return [f"{check.promise}: {found}" for check in checks for found in check.violators]


def test_a_part_of_a_line_is_given_back_with_its_tax_and_set_off(billed: Place) -> None:
    note = give(billed, "2=4.00")
    assert (note.name, note.credits) == ("CN-000001", "INV-000001")
    assert (note.net, note.tax, note.gross) == (400, 80, 480)
    (line,) = note.lines
    assert (line.line_no, line.amount, line.before, line.of, line.step) == (2, 400, 0, 990, 1)
    assert open_of(billed, "INV-000001") == 1988 - 480
    assert open_of(billed, "CN-000001") == 0
    assert violations(billed) == []


def test_what_is_given_back_in_parts_comes_to_the_invoice(billed: Place) -> None:
    notes = [give(billed, "2=3.33"), give(billed, "1=0.01", "2=0.01"), give(billed)]
    assert sum(note.gross for note in notes) == 1988
    assert sum(note.tax for note in notes) == 331
    assert open_of(billed, "INV-000001") == 0
    assert refused(billed) == "invoice.nothing_left"
    assert violations(billed) == []


REFUSED = [
    # what is wanted                        code
    (["3=0.01"], "invoice.line_unknown"),
    (["2=9.91"], "invoice.credit_too_large"),
    (["2=0.00"], "invoice.credit_too_large"),
    (["2=-0.01"], "invoice.bad_line"),
    (["2=0.001"], "invoice.bad_line"),
    (["2=101%"], "invoice.bad_line"),
    (["two"], "invoice.bad_line"),
    (["2=0.01", "2=0.01"], "invoice.line_twice"),
]


@pytest.mark.parametrize(("wanted", "code"), REFUSED)
def test_what_can_not_be_given_back_is_refused(billed: Place, wanted: list[str], code: str) -> None:
    assert refused(billed, *wanted) == code
    assert violations(billed) == []


def test_the_whole_is_not_given_back_after_a_part_nor_a_part_after_the_whole(billed: Place) -> None:
    give(billed, "2=0.01")
    with pytest.raises(Refusal) as whole:
        world.credit(billed, "INV-000001")
    assert whole.value.code == "invoice.lines_credited"
    world.credit(billed, "INV-000002")
    assert refused(billed, "2=0.01", name="INV-000002") == "invoice.credited_before"
    assert refused(billed, "2=0.01", name="CN-000001") == "invoice.not_an_invoice"
    assert violations(billed) == []


def test_notes_at_once_give_no_more_back_than_the_line_was_charged(billed: Place) -> None:
    def one(_: int) -> int:
        try:
            return give(billed, "2=3.00").net
        except Refusal:
            return 0

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(one, range(8))) == 900
    assert violations(billed) == []


CHAIN = """
    insert into line_credit (tenant_id, invoice_id, line_no, step, credited_before, credited_after, total,
                             subscription_id, item_no, starts_at, note_id)
    select tenant_id, invoice_id, line_no, {}, subscription_id, item_no, starts_at, note_id
    from line_credit where line_no = 2"""
PAST = [
    # step, before, after, total          constraint
    ("1, 0, 1, 990", "line_credit_pkey"),
    ("2, 0, 500, 990", "line_credit_chain"),
    ("2, 400, 991, 990", "line_credit_within"),
    ("2, 400, 991, 991", "line_credit_chain"),
    ("3, 400, 500, 990", "line_credit_chain"),
]


@pytest.mark.parametrize(("values", "constraint"), PAST)
def test_the_database_takes_no_step_past_the_line(
    billed: Place, values: str, constraint: str
) -> None:
    give(billed, "2=4.00")
    with pytest.raises(psycopg.Error) as wrong, billed.database.transaction(billed.tenant_id) as tx:
        tx.run(CHAIN.format(values))
    cause = wrong.value if wrong.value.diag.constraint_name else wrong.value.__cause__
    assert isinstance(cause, psycopg.Error)
    assert cause.diag.constraint_name == constraint


def test_a_paid_invoice_leaves_the_note_to_the_customers_credit(billed: Place) -> None:
    with billed.database.transaction(billed.tenant_id) as tx:
        found = queries.invoice(tx, "INV-000001").invoice
        operations.write_off(tx, {found.invoice_id: 1888}, "x", world.at_year_end(billed))  # type: ignore[arg-type]
    give(billed, "2=4.00")
    assert open_of(billed, "INV-000001") == 0
    assert open_of(billed, "CN-000001") == -380
    assert violations(billed) == []


def test_a_line_of_a_note_says_what_it_credits_by_whom_and_why(billed: Place) -> None:
    give(billed, "2=10%", "1")
    note = give(billed, "2=1.00")
    with billed.database.snapshot(billed.tenant_id) as tx:
        tree, line = explain(tx, note.name), explain(tx, note.name, 2)
        invoice = explain(tx, "INV-000001", 2)
        with pytest.raises(Refusal, match="credits nothing of a line 1"):
            explain(tx, note.name, 1)
    assert tree.kind == "credit_note"
    assert (tree.value, tree.facts["reason"], tree.facts["actor"]) == ("-1.20 EUR", "sorry", "test")
    (told,) = [node for node in line.children if node.kind == "line"]
    assert told.detail.startswith(
        "credits line 2 of INV-000001, 1 Jan – 31 Jan 2026; by test, recorded"
    )
    assert told.detail.endswith("because: sorry")
    assert [(node.what, node.value) for node in told.children] == [
        ("Charged with", "9.90 EUR"),
        ("Taken off before", "-0.99 EUR"),
        ("Left of it", "7.91 EUR"),
    ]
    (told,) = [node for node in invoice.children if node.kind == "line"]
    assert [(n.what, n.value) for n in told.children if n.kind == "credited"] == [
        ("Taken off by CN-000001", "-0.99 EUR"),
        ("Taken off by CN-000002", "-1.00 EUR"),
    ]
    (tax,) = [node for node in tree.children if node.kind == "tax"]
    assert (tax.value, tax.detail) == (
        "-0.20 EUR",
        "of -1.00 EUR: 1.78 EUR before, 1.58 EUR after, each rounded as on the invoice",
    )


def test_an_explanation_of_a_note_that_was_changed_is_refused(billed: Place) -> None:
    note = give(billed, "2=1.00")
    with psycopg.connect(billed.conninfo) as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute(
            "update everycent.journal_event set payload = replace(payload, 'sorry', 'why not')"
            " where type = 'invoice.lines_credited'"
        )
    with billed.database.snapshot(billed.tenant_id) as tx, pytest.raises(Refusal) as wrong:
        explain(tx, note.name)
    assert wrong.value.code == "explain.event_changed"
