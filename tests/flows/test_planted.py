"""Every promise of verify was seen to fail: for each there is a violation that a superuser planted, here or
in the tests of its slice. Who adds a promise adds a violation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from everycent.flows import build_report
from everycent.flows.verify import Check, verify
from everycent.integrations.usage_archive import ArchiveFolder
from everycent.journal import operations as journal
from tests.collecting import test_planted_books
from tests.conftest import Place
from tests.dunning import test_promises
from tests.erp import books
from tests.erp.fake import running_erp
from tests.erp.test_over_http import adapter
from tests.flows import (
    test_archive_usage,
    test_corrections,
    test_currencies,
    test_debits,
    test_discounts,
    test_verify,
    world,
)
from tests.flows.world import midnight
from tests.reports import services
from tests.store import test_credits, test_ledger
from tests.webhooks import test_promises as test_webhook_promises

KEY = Ed25519PrivateKey.generate()
SEALED = "every checkpoint still holds, with our signature"
TAXED = "every tax is its percentage of the base"
TAKEN_OFF = "every discount is booked in the ledger and on an invoice"
DOCUMENTED = "every invoice entry has its document"
ALLOWED = "no coupon is used more often than it may be"
APART = "of one track of a contract one phase runs at a time"
TAKEN_BACK = "every record that was taken back says why"
ONE_COUNTS = "of all that was said of a record at most one counts"
AGAIN = "every invoice comes to the same when counted again from raw records"
LINKED = "every batch for the ERP names the one before it and has the documents it says"
COMES_TO = "every batch for the ERP comes to what its documents come to"
AFTER = "no credit note went to the ERP before its invoice"
STANDS = "every document that was handed over stands somewhere"
WORD_FOR_WORD = "what is said of a document in the ERP is there word for word"
WHOLE = "every report has every part of its configuration, and every line that its parts say"
AS_TOLD = "every line of a report is as the sub-service told it"
TOLD = "of every document with which the ERP needs a person somebody was told"


def checks(place: Place, **more: Any) -> list[Check]:
    trusted = KEY.public_key().public_bytes_raw()
    with place.database.snapshot(place.tenant_id) as tx:
        return list(verify(tx, trusted_key=trusted, with_replay=True, recount_percent=100, **more))


def failing(place: Place) -> dict[str, list[str]]:
    return {check.promise: check.violators for check in checks(place) if check.violators}


def sealed(place: Place) -> Place:
    with place.database.transaction(place.tenant_id) as tx:
        journal.checkpoint(tx, KEY, place.now)
    return place


@pytest.fixture
def discounted(place: Place) -> Place:
    """An invoice with a discount, and a checkpoint over it."""
    world.sell(place, [("ana", "basic")], text=test_discounts.catalogue())
    test_discounts.give(place, "quarter")
    test_discounts.bill(place, 2)
    return sealed(place)


@pytest.fixture
def corrected(place: Place) -> Place:
    """An invoice over records of which one took the place of another."""
    world.sell(place, [("a", "api")])
    world.use(place, [test_corrections.record("1", "10"), test_corrections.record("2", "20", 11)])
    test_corrections.replace(place, test_corrections.record("1", "11"))
    world.run(place, midnight(date(2026, 2, 1)))
    return sealed(place)


@pytest.fixture
def handed(place: Place, tmp_path: Path) -> Place:
    """Documents in two batches, of which the ERP has refused one; and a credit note after its invoice."""
    books.open_shop(place, 3)
    with running_erp(tmp_path) as fake:
        fake.fault("reject:no", where={"reference": "default/INV-000003"})
        books.handed_over(place, adapter(fake))
        world.credit(place, "INV-000001")
        books.handed_over(place, adapter(fake), rounds=[10])
    return sealed(place)


@pytest.fixture
def reported(place: Place) -> Place:
    """A report out of three sub-services."""
    with services.running() as some:
        services.set_up(place, some)
        build_report.build(services.desk_at(place), "2026-01")
    return sealed(place)


PLANTED = [
    # what there is   what the superuser does                                  the promise that then fails
    ("discounted", "update journal_checkpoint set root = sha256('x')", SEALED),
    ("discounted", "update journal_checkpoint set signature = repeat('x', 64)::bytea", SEALED),
    ("discounted", "update journal_checkpoint set public_key = repeat('x', 32)::bytea", SEALED),
    ("discounted", "update invoice_tax set percent = percent + 5", TAXED),
    ("discounted", "update invoice set discount = discount + 1", TAKEN_OFF),
    ("discounted", "update coupon_use set invoice_id = gen_random_uuid()", TAKEN_OFF),
    ("discounted", "update ledger_entry set document_id = gen_random_uuid()", DOCUMENTED),
    ("discounted", "delete from invoice", DOCUMENTED),
    ("discounted", "update coupon_use set times = 9", ALLOWED),
    (
        "discounted",
        (
            "insert into subscription_phase select tenant_id, subscription_id, phase_no + 1, track,"
            " change_no, plan_key, plan_version, anchor, interval_months, interval_days,"
            " starts_at + interval '9 days' from subscription_phase"
        ),
        APART,
    ),
    ("corrected", "update usage_reversal set value = value + 1", TAKEN_BACK),
    ("corrected", "delete from usage_correction", TAKEN_BACK),
    ("corrected", "delete from usage_reversal", ONE_COUNTS),
    ("corrected", "delete from usage_saying", ONE_COUNTS),
    ("corrected", "update usage_record set value = value + 1", AGAIN),
    ("handed", "update erp_batch set previous = repeat('1', 64) where batch_no = 2", LINKED),
    ("handed", "update erp_batch set documents = documents + 1", LINKED),
    ("handed", "update erp_document set digest = repeat('a', 64) where place = 2", COMES_TO),
    ("handed", "update erp_batch set told = replace(told, '37.20', '37.30')", COMES_TO),
    ("handed", "update invoice set gross = gross + 1, net = net + 1 where number = 2", COMES_TO),
    ("handed", "update erp_batch set digest = repeat('b', 64) where batch_no = 2", COMES_TO),
    ("handed", "update erp_document set batch_no = 1, place = 9 where batch_no = 2", AFTER),
    ("handed", "delete from erp_state where bill is not null", STANDS),
    ("handed", "update erp_state set batch_no = 7", STANDS),
    ("handed", "delete from erp_answer", WORD_FOR_WORD),
    ("handed", "delete from alarm", TOLD),
    ("handed", "update alarm set subject = 'somebody else'", TOLD),
    ("reported", "delete from report_part where service = 'storage'", WHOLE),
    ("reported", "delete from report_line where line_no = 1", WHOLE),
    ("reported", "update report set services = 2", WHOLE),
    ("reported", "update report_line set resource = 'another' where line_no = 1", AS_TOLD),
    ("reported", "update report_part set digest = repeat('c', 64)", AS_TOLD),
]  # fmt: skip


@pytest.mark.parametrize("name", ["discounted", "corrected", "handed", "reported"])
def test_books_that_nobody_touched_hold(name: str, request: pytest.FixtureRequest) -> None:
    assert failing(request.getfixturevalue(name)) == {}


@pytest.mark.not_recounted
@pytest.mark.parametrize(
    ("name", "statement", "promise"), PLANTED, ids=[statement[:60] for _, statement, _ in PLANTED]
)
def test_what_was_changed_is_named(
    name: str, statement: str, promise: str, request: pytest.FixtureRequest
) -> None:
    place: Place = request.getfixturevalue(name)
    with psycopg.connect(place.conninfo, options="-c search_path=everycent") as admin:
        admin.execute("set session_replication_role = replica")
        assert admin.execute(statement.encode()).rowcount > 0
    assert promise in failing(place)


ELSEWHERE = (
    test_archive_usage.test_what_a_superuser_does_to_the_books_of_the_archive_is_told,
    test_credits.test_what_was_changed_behind_its_back_is_named,
    test_credits.test_what_was_changed_about_lines_that_credit_paid_is_named,
    test_currencies.test_what_was_changed_behind_its_back_is_named,
    test_debits.test_verify_finds_what_the_database_did_not_keep_out,
    test_ledger.test_the_audit_names_what_a_superuser_changed,
    test_planted_books.test_what_was_changed_is_named,
    test_promises.test_verify_finds_what_the_database_did_not_keep_out,
    test_verify.test_what_was_changed_is_named,
    test_verify.test_what_was_changed_of_credited_lines_is_named,
    test_webhook_promises.test_what_was_changed_is_named,
)
"""Tests whose tables have a planted violation and the promises that it breaks."""


def texts(value: Any) -> Iterator[str]:
    """All texts in the arguments of a test."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple | set | frozenset):
        for part in value:
            yield from texts(part)


def test_for_every_promise_somebody_planted_a_violation(place: Place, tmp_path: Path) -> None:
    promised = [check.promise for check in checks(place, files=ArchiveFolder(tmp_path))]
    assert len(promised) == len(set(promised)) >= 50
    marks = [
        mark
        for test in (*ELSEWHERE, test_what_was_changed_is_named)
        for mark in test.pytestmark  # type: ignore[attr-defined]
    ]
    planted = {text for mark in marks for text in texts(mark.args)}
    assert [promise for promise in promised if promise not in planted] == []
