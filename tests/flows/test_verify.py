"""Verify names what was changed behind its back: a superuser with all triggers off, one row at a time."""

from __future__ import annotations

from datetime import date

import psycopg
import pytest

from everycent.flows.credit_lines import credit_lines
from everycent.flows.verify import verify
from everycent.invoicing import operations as invoicing
from tests.conftest import Place
from tests.flows import world
from tests.flows.world import calls, midnight, sell, use

PLANTED = [
    # what the superuser does                                            the promises that then fail
    ("update journal_event set payload = replace(payload, '9.90', '9.80') where type = 'catalog.versioned'",
     {"every event stands on the one before it", "the journal rebuilds every table, byte for byte"}),
    ("delete from journal_event where type = 'invoice.issued' and version = 4",
     {"every event stands on the one before it",
      "every entry has the event that caused it",
      "every invoice has its event, and every event its invoice",
      "the journal rebuilds every table, byte for byte"}),
    ("update ledger_posting set amount = amount + 1 where account_id = 20",
     {"every entry balances in every currency", "every reversal mirrors its original",
      "the journal rebuilds every table, byte for byte"}),
    ("update ledger_posting set amount = amount * 2",
     {"every invoice is booked in the ledger with its gross",
      "receivables are what is open of documents",
      "the journal rebuilds every table, byte for byte"}),
    ("delete from ledger_entry where kind = 'invoice'",
     {"every posting belongs to an entry", "every invoice is booked in the ledger with its gross",
       "the journal rebuilds every table, byte for byte"}),
    ("update invoice_line set net = net + 1 where line_no = 1",
     {"every invoice is the sum of its lines and taxes",
      "every tax stands on the lines of its category",
      "every billed period has its line, and every line its period",
      "no more is credited of a line, or of its period, than was charged",
      "the journal rebuilds every table, byte for byte"}),
    ("update invoice_tax set amount = amount + 1, base = base + 1",
     {"every invoice is the sum of its lines and taxes",
      "every tax stands on the lines of its category",
      "the journal rebuilds every table, byte for byte"}),
    ("update invoice set number = 99 where series = 'INV' and number = 3",
     {"numbers run from 1 without a gap", "the journal rebuilds every table, byte for byte"}),
    ("update invoice set issued_on = '2020-01-01' where number = 2",
     {"numbers follow the date", "the journal rebuilds every table, byte for byte"}),
    ("delete from billed_period where starts_at = (select min(starts_at) from billed_period)",
     {"no period is billed twice and none left out",
      "every billed period has its line, and every line its period",
      "the journal rebuilds every table, byte for byte"}),
    ("update customer set name = 'Somebody else' where key = 'a'",
     {"the journal rebuilds every table, byte for byte"}),
    ("update usage_day set total = total + 1", {"every roll-up equals its records"}),
    ("update usage_record set value = value + 1",
     {"every roll-up equals its records", "every record says what was taken in",
      "every line counted the records it says"}),
    ("delete from usage_record",
     {"every roll-up equals its records", "every record is stored once, with its key",
      "every line counted the records it says", "every record is billed or has a reason"}),
    ("update invoice_usage set digest = sha256('x')",
     {"every line counted the records it says", "the journal rebuilds every table, byte for byte"}),
]  # fmt: skip

CREDITED = [
    ("update line_credit set credited_after = credited_after - 1 where line_no = 2 and step = 2",
     {"every billed period has its line, and every line its period",
      "no more is credited of a line, or of its period, than was charged",
      "the journal rebuilds every table, byte for byte"}),
    ("update line_credit set step = 3 where step = 2",
     {"no more is credited of a line, or of its period, than was charged",
      "the journal rebuilds every table, byte for byte"}),
    ("delete from line_credit where step = 1 and credited_after < total",
     {"every billed period has its line, and every line its period",
      "no more is credited of a line, or of its period, than was charged",
      "the journal rebuilds every table, byte for byte"}),
    (("insert into period_correction (tenant_id, subscription_id, item_no, starts_at, step, ends_before,"
     " ends_at, charged_before, charged, prepaid_before, prepaid, taken_back, invoice_id, line_no)"
     " select b.tenant_id, b.subscription_id, b.item_no, b.starts_at, 1,"
     " b.ends_at, b.ends_at, b.charged, 0, 0, 0, false, b.invoice_id, b.line_no from billed_period b"
     " join line_credit c on c.invoice_id = b.invoice_id and c.line_no = b.line_no"
     " where c.step = 2"),
     {"no more is credited of a line, or of its period, than was charged",
      "the journal rebuilds every table, byte for byte"}),
    (("update journal_event set payload = replace(payload, '\"note_no\":2', '\"note_no\":3')"
     " where type = 'invoice.lines_credited' and payload like '%\"note_no\":2%'"),
     {"every event stands on the one before it",
      "every credit note over lines is what it leaves less of its invoice"}),
    ("update invoice set net = net - 1, tax = tax + 1 where reduces is not null",
     {"every invoice is the sum of its lines and taxes",
      "every credit note over lines is what it leaves less of its invoice",
      "the journal rebuilds every table, byte for byte"}),
]  # fmt: skip


@pytest.fixture
def billed(place: Place) -> Place:
    sell(place, [("a", "api"), ("b", "api")])
    use(place, [calls("a", 150, date(2026, 1, 10)), calls("b", 10, date(2026, 1, 11))])
    world.run(place, midnight(date(2026, 3, 1)))
    with place.database.transaction(place.tenant_id) as tx:
        invoicing.credit(tx, "INV-000001", reason="x", time_zone="UTC", **world.at_year_end(place))
    return place


@pytest.fixture
def credited(place: Place) -> Place:
    """An invoice of which parts of lines were given back."""
    sell(place, [("a", "api")])
    use(place, [calls("a", 150, date(2026, 1, 10))])
    world.run(place, midnight(date(2026, 2, 1)))
    for lines in (["2=4.00"], ["2=10%", "1"]):
        with place.database.transaction(place.tenant_id) as tx:
            credit_lines(tx, "INV-000001", lines, reason="x", time_zone="UTC",
                         writing=world.at_year_end(place))  # fmt: skip
    return place


def failing(place: Place) -> set[str]:
    with place.database.snapshot(place.tenant_id) as tx:
        checks = list(verify(tx, trusted_key=None, with_replay=True))
    return {check.promise for check in checks if check.violators}


def test_books_that_nobody_touched_hold(billed: Place) -> None:
    assert failing(billed) == set()


@pytest.mark.parametrize(("statement", "promises"), PLANTED, ids=[s[:50] for s, _ in PLANTED])
@pytest.mark.not_recounted
def test_what_was_changed_is_named(billed: Place, statement: str, promises: set[str]) -> None:
    with psycopg.connect(billed.conninfo) as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute("set search_path = everycent")
        assert admin.execute(statement.encode()).rowcount > 0
    assert failing(billed) == promises


def test_books_with_credited_lines_hold(credited: Place) -> None:
    assert failing(credited) == set()


@pytest.mark.parametrize(("statement", "promises"), CREDITED, ids=[s[:50] for s, _ in CREDITED])
@pytest.mark.not_recounted
def test_what_was_changed_of_credited_lines_is_named(
    credited: Place, statement: str, promises: set[str]
) -> None:
    with psycopg.connect(credited.conninfo) as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute("set search_path = everycent")
        assert admin.execute(statement.encode()).rowcount > 0
    assert failing(credited) == promises
