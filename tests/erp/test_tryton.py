"""Documents handed over to a real Tryton, which is killed, cut off and set up wrongly; its books judge."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest

from everycent.erp import judge, queries
from everycent.erp.told import Party
from everycent.integrations.erp_tryton import TrytonErp
from everycent.kernel import points
from tests.conftest import Place
from tests.erp import books
from tests.erp.books import handed_over, standing
from tests.erp.door import Door, body_of, once, remade
from tests.erp.tryton import Tryton, day, decimal, running_tryton
from tests.erp.tryton_told import PLAIN, TAXES, TO, adapter, document, parcel, sent
from tests.flows import world

FORK = multiprocessing.get_context("fork")
LATER = (10, 60, 400, 1_500)


@pytest.fixture(scope="module")
def running(server, tmp_path_factory):
    with running_tryton(server, tmp_path_factory.mktemp("tryton")) as started:
        yield started


@pytest.fixture
def tryton(running):
    """A Tryton with nothing in its books."""
    running.empty()
    return running


@pytest.fixture
def erp(tryton):
    return adapter(tryton)


@pytest.fixture
def at_points():
    """Puts a function at the named points, until the test is over."""
    yield points.on_reach
    points.on_reach(None)


def in_step(place: Place, erp: TrytonErp, tryton: Tryton) -> None:
    """Tryton has every document posted once, under the number that it told, and nothing differs."""
    with place.database.snapshot(place.tenant_id) as tx:
        here = {one.reference: one.state.bill for one in queries.listed(tx, erp.name)}
    posted = "select reference, number from account_invoice where state = 'posted'"
    assert dict(tryton.rows(posted)) == here
    assert set(standing(place, erp).values()) == {"registered"}
    assert tryton.rows("select count(*) from account_invoice") == [len(here)]
    assert books.compared(place, erp).findings == ()
    assert books.violations(place) == []


def test_documents_are_posted_under_the_numbers_of_tryton(place, tryton):
    books.open_shop(place, 2)
    erp = adapter(tryton, batch=1)
    assert handed_over(place, erp) == {"batches": 2, "acknowledged": 2, "registered": 2}
    world.credit(place, "INV-000001")
    books.credit_parts(place, "INV-000002", "1=10.00")
    assert handed_over(place, erp) == {"batches": 2, "acknowledged": 2, "registered": 2}
    in_step(place, erp, tryton)
    assert tryton.invoices() == [
        ("default/INV-000001", "posted", True, 31, Decimal("6.20"), Decimal("37.20")),
        ("default/INV-000002", "posted", True, 31, Decimal("6.20"), Decimal("37.20")),
        ("default/CN-000001", "posted", True, -31, Decimal("-6.20"), Decimal("-37.20")),
        ("default/CN-000002", "posted", True, -10, -2, -12),
    ]
    parties = "select code, count(*) from party_party where code like 'default/%' group by 1"
    assert sorted(tryton.rows(parties)) == [("default/c0000", 1), ("default/c0001", 1)]


FITS = [
    # taxes, lines, currency -> what is booked in euros on which account
    ("vat 20 10.00 2.00", "base 10.00 20", "EUR", "1400 12.00, 1776 -2.00, 8400 -10.00"),
    (
        "vat 20 30.00 6.00, low 7 10.00 0.70", "base 20.00 20, energy 10.00 20, energy 10.00 7", "EUR",
        "1400 46.70, 1776 -6.70, 8400 -20.00, 8410 -20.00",
    ),
    ("vat 20 7.50 1.50", "base 10.00 20", "EUR", "1400 9.00, 1776 -1.50, 8400 -10.00, 8700 2.50"),
    ("", "gift 5.00 -", "EUR", "1400 5.00, 8400 -5.00"),
    ("exempt 0 5.00 0.00", "base 5.00 0", "EUR", "1400 5.00, 8400 -5.00"),
    (
        "low 7 100.00 7.00, local 2.5 100.00 2.50", "base 100.00 7+2.5", "EUR",
        "1400 109.50, 1776 -9.50, 8400 -100.00",
    ),
    (
        "low 7 80.00 5.60, local 2.5 80.00 2.00", "base 100.00 7+2.5", "EUR",
        "1400 87.60, 1776 -7.60, 8400 -100.00, 8700 20.00",
    ),
    (
        "low 7 10.00 0.70, state 7 5.00 0.35", "base 10.00 7, base 5.00 7", "EUR",
        "1400 16.05, 1776 -1.05, 8400 -15.00",
    ),
    ("vat 20 10.00 2.00", "base 10.00 20", "USD", "1400 9.60, 1776 -1.60, 8400 -8.00"),
    ("vat 20 -10.00 -2.00", "base -10.00 20", "EUR", "1400 -12.00, 1776 2.00, 8400 10.00"),
    ("vat 20 -10.00 -2.00", "base -12.50 20, base 2.50 20", "USD", "1400 -9.60, 1776 1.60, 8400 8.00"),
    ("vat 20 0.00 0.00", "base 10.00 20", "EUR", "8400 -10.00, 8700 10.00"),
]  # fmt: skip


def test_tryton_books_what_was_printed(tryton, erp):
    documents = [
        document(n, taxes, lines, currency=currency)
        for n, (taxes, lines, currency, _) in enumerate(FITS, start=1)
    ]
    told = dict(zip([one.reference for one in documents], sent(erp, *documents), strict=True))
    assert {name: said for name, said in told.items() if said != "registered "} == {}
    booked = tryton.rows(
        "select i.reference, string_agg(b.code || ' ' || b.sum, ', ' order by b.code) "
        "from account_invoice i join (select l.move, a.code, sum(l.debit - l.credit) "
        " from account_move_line l join account_account a on a.id = l.account "
        " group by 1, 2 having sum(l.debit - l.credit) <> 0) b on b.move = i.move group by 1"
    )
    wanted = {one.reference: row[-1] for one, row in zip(documents, FITS, strict=True)}
    assert dict(booked) == wanted
    assert tryton.rows("select count(*) from party_party where code like 'default/%'") == [1]
    assert sent(erp, *documents) == ["registered "] * len(FITS)
    assert tryton.rows("select count(*) from account_invoice") == [len(FITS)]


DECLINED = [
    # taxes, lines, currency, day -> why
    ("luxury 20 10.00 2.00", "base 10.00 20", "EUR", "2026-01-31", "'luxury 20'"),
    ("vat 20 10.00 2.00", "base 10.00 20", "XTS", "2026-01-31", "no currency XTS"),
    ("vat 20 10.00 2.00", "base 10.00 20", "EUR", "2025-01-31", "Tryton: To continue"),
    (
        "low 7 70.00 4.90, local 2.5 60.00 1.50", "base 50.00 7+2.5, base 50.00 7", "EUR",
        "2026-01-31", "which of its lines",
    ),
    ("vat 20 10.00 2.00", "base 10.00 25", "EUR", "2026-01-31", "which tax a line of 25 %"),
    (
        "vat 20 5.00 1.00, luxe 20 5.00 1.00", "base 5.00 20, energy 5.00 20", "EUR", "2026-01-31",
        "several taxes and several accounts",
    ),
]  # fmt: skip


def test_what_tryton_can_not_have_as_it_was_printed_is_refused_and_nothing_is_booked(tryton):
    erp = adapter(tryton, TO._replace(taxes=TAXES | {"luxe 20": "VAT 25"}))
    documents = [
        document(n, taxes, lines, currency=currency, issued=day)
        for n, (taxes, lines, currency, day, _) in enumerate(DECLINED, start=1)
    ]
    told = sent(erp, *documents)
    for said, (*_, why) in zip(told, DECLINED, strict=True):
        assert said.startswith("aborted")
        assert why in said
    assert tryton.rows("select count(*) from account_move") == [0]


def test_what_tryton_counts_otherwise_is_not_posted_until_it_is_mended_there(tryton, erp):
    (tax,) = tryton.ids("account.tax", ["name", "=", "VAT 20"])
    tryton.write("account.tax", [tax], rate=decimal("0.19"))
    try:
        other = document(2, "vat 25 10.00 2.50", "base 10.00 25")
        assert sent(erp, PLAIN, other) == [
            "mismatch tax gross it says something else than what was sent", "registered ",
        ]  # fmt: skip
    finally:
        tryton.write("account.tax", [tax], rate=decimal("0.20"))
    states = "select state from account_invoice order by reference"
    assert tryton.rows(states) == ["draft", "posted"]
    assert sent(erp, PLAIN, other) == ["registered ", "registered "]
    assert tryton.rows(states) == ["posted", "posted"]


def test_a_cent_that_is_rounded_otherwise_is_refused_or_adopted_as_it_was_said(tryton, erp):
    half = document(1, "vat 25 0.50 0.13", "base 0.50 25")  # 0.125, which Tryton rounds to 0.12
    assert sent(erp, half) == ["mismatch tax gross it says something else than what was sent"]
    adopting = adapter(tryton, TO._replace(cents="adopt"))
    assert sent(adopting, half) == ["registered "]
    more = document(2, "vat 25 0.50 0.15", "base 0.50 25")
    assert sent(adopting, more) == ["mismatch tax gross it says something else than what was sent"]
    booked = [
        ("default/INV-000001", "posted", True, Decimal("0.50"), Decimal("0.13"), Decimal("0.63")),
        ("default/INV-000002", "draft", False, None, None, None),
    ]
    assert tryton.invoices() == booked


@pytest.mark.parametrize("point", ["erp_tryton.created", "erp_tryton.posted"])
def test_a_tryton_that_is_killed_has_every_document_once(place, tryton, erp, at_points, point):
    books.open_shop(place, 2)

    def kill(reached: str) -> None:
        if reached == point:
            points.on_reach(None)
            tryton.kill()

    at_points(kill)
    assert handed_over(place, erp) == {"batches": 1, "lost": 2}
    tryton.start()
    handed_over(place, erp, rounds=LATER)
    in_step(place, erp, tryton)


def test_a_worker_that_is_killed_leaves_a_draft_that_is_finished(tryton, erp):
    def die(reached: str) -> None:
        if reached == "erp_tryton.created":
            os.kill(os.getpid(), signal.SIGKILL)

    def work() -> None:
        points.on_reach(die)
        sent(erp, PLAIN)

    process = FORK.Process(target=work)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert tryton.rows("select state from account_invoice") == ["draft"]
    assert sent(erp, PLAIN) == ["registered "]
    assert tryton.rows("select state from account_invoice") == ["posted"]


@pytest.mark.parametrize("part", ["POST /tryton_books/rest/model/account.invoice?", "/post?"])
def test_an_answer_that_is_lost_books_nothing_twice(tryton, part):
    with Door(tryton.port, once(part, lambda answer: b"")) as door:
        erp = adapter(tryton, url=door.url)
        assert [said.partition(" ")[0] for said in sent(erp, PLAIN)] == ["lost"]
        assert sent(erp, PLAIN) == ["registered "]
    assert tryton.rows("select state from account_invoice") == ["posted"]


SPOILED = [
    # what is made of an answer -> trouble
    (lambda a: a[: len(a) - 9], "lost"),
    (lambda a: remade(a, body_of(a)[:-9]), "malformed"),
    (lambda a: remade(a, b"<html>"), "malformed"),
    (lambda a: remade(a, body_of(a), more=b"Content-Encoding: gzip"), "malformed"),
    (lambda a: remade(a, body_of(a).replace(b'"2.00"', b'"NaN"')), "malformed"),
    (lambda a: remade(a, body_of(a).replace(b'"2.00"', b'"1e999"')), "malformed"),
    (lambda a: remade(a, body_of(a).replace(b'"number"', b'"name"')), "unavailable"),
    (lambda a: remade(a, b"{}"), "unavailable"),
    (lambda a: remade(a, b"", first=b"HTTP/1.0 302 Found", more=b"Location: /"), "refused"),
    (lambda a: remade(a, b"", first=b"HTTP/1.0 500 No"), "threw"),
    (lambda a: remade(a, b"", first=b"HTTP/1.0 503 No"), "unavailable"),
    (lambda a: remade(a, b"", first=b"HTTP/1.0 404 No"), "unavailable"),
    (lambda a: b"garbage", "malformed"),
    (lambda a: remade(a, body_of(a).replace(b'"12.00"', b'"12.01"')), "mismatch"),
    (lambda a: remade(a, body_of(a).replace(b"/acme", b"/emca")), "mismatch"),
    (lambda a: remade(a, body_of(a).replace(b"default/acme", b"acme")), "mismatch"),
    (lambda a: remade(a, body_of(a).replace(b"INV-0", b"INV-9")), "mismatch"),
    (lambda a: remade(a, body_of(a).replace(b'"posted"', b'"cancelled"')), "unavailable"),
    (lambda a: remade(a, body_of(a).replace(b'"posted"', b'"draft"')), "acknowledged"),
]


def test_no_answer_that_was_spoiled_on_its_way_is_believed(tryton):
    assert sent(adapter(tryton), PLAIN) == ["registered "]
    for n, (spoil, trouble) in enumerate(SPOILED):
        with Door(tryton.port, once("account.invoice?d=", spoil)) as door:
            reply = adapter(tryton, url=door.url).ask([PLAIN.reference])
        said = judge.of_asked({PLAIN.reference: PLAIN}, reply)[PLAIN.reference]
        assert (said.trouble or said.status) == trouble, (n, said)


def test_many_who_hand_the_same_documents_over_at_once_book_them_once(tryton):
    documents = [document(n, "vat 20 10.00 2.00", "base 10.00 20") for n in range(1, 5)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: sent(adapter(tryton), *documents), range(3)))
    assert sent(adapter(tryton), *documents) == ["registered "] * 4
    moves = "select count(*), count(distinct i.number) from account_invoice i join account_move m"
    assert tryton.rows(f"{moves} on m.origin = 'account.invoice,' || i.id") == [(4, 4)]
    assert tryton.rows("select state from account_invoice") == ["posted"] * 4


def test_a_draft_that_comes_late_is_removed_and_never_posted(tryton, erp, at_points):
    def late(reached: str) -> None:
        if reached == "erp_tryton.created":
            points.on_reach(None)
            (there,) = tryton.ids("account.invoice")
            (copy,) = tryton.call("model.account.invoice.copy", [there])
            tryton.write("account.invoice", [copy], reference=PLAIN.reference)

    at_points(late)
    assert sent(erp, PLAIN) == ["registered "]
    assert tryton.rows("select state from account_invoice") == ["posted"]


def test_what_is_closed_in_tryton_keeps_its_words_until_a_person_sends_the_document_anew(
    place, tryton, erp
):
    books.open_shop(place, 1)
    try:
        with tryton.closed(1):
            assert handed_over(place, erp) == {"batches": 1, "aborted": 1}
        books.requeue(place, erp, "INV-000001")
        assert handed_over(place, erp) == {"aborted": 1}
    finally:
        tryton.open_journals()
    with place.database.snapshot(place.tenant_id) as tx:
        (period,), (journal,) = tx.tuples(
            "select convert_from(raw, 'utf8') from erp_answer order by at"
        )
    assert "the period" in period
    assert "403" in journal
    assert tryton.rows("select state from account_invoice") == ["draft"]
    books.requeue(place, erp, "INV-000001")
    handed_over(place, erp)
    in_step(place, erp, tryton)


def test_what_is_older_than_the_last_number_is_posted_when_a_person_dates_the_draft(tryton, erp):
    late = document(2, "vat 20 5.00 1.00", "base 5.00 20", issued="2026-02-10")
    assert sent(erp, late, PLAIN) == ["registered ", "registered "]  # by date, not as they came
    older = document(3, "vat 20 5.00 1.00", "base 5.00 20")
    assert sent(erp, older)[0].startswith("aborted Tryton: To number")
    (draft,) = tryton.ids("account.invoice", ["state", "=", "draft"])
    tryton.write("account.invoice", [draft], invoice_date=day("2026-02-10"))
    assert sent(erp, older) == ["registered "]
    moves = "select m.date::text from account_invoice i join account_move m on m.id = i.move"
    assert tryton.rows(f"{moves} order by i.id") == ["2026-01-31", "2026-02-10", "2026-01-31"]


def test_whoever_is_not_let_in_or_does_not_come_through_loses_nothing(tryton):
    with Door(tryton.port, lambda line, answer: answer) as door:
        nobody = door.url
    table = [
        # what is wrong, what is meant -> trouble, whether what there is can be listed
        ({"key": "no" * 32}, TO, ["unavailable"], False),
        ({"database": "nowhere"}, TO, ["unavailable"], False),
        ({"url": nobody}, TO, ["unreachable"], False),
        ({"deadline": timedelta(milliseconds=1)}, TO, ["timed_out", "unreachable"], False),
        ({}, TO._replace(company="Nobody"), ["unavailable"], False),
        ({}, TO._replace(revenue="1400"), ["unavailable"], True),
        ({}, TO._replace(receivable="8400"), ["unavailable"], True),
        ({}, TO._replace(journal="EXP"), ["unavailable"], True),
        ({}, TO._replace(taxes={"vat 20": "VAT"}), ["unavailable"], True),
    ]  # fmt: skip
    for changed, to, troubles, is_listed in table:
        erp = adapter(tryton, to, **changed)
        assert sent(erp, PLAIN)[0].partition(" ")[0] in troubles, (changed, to)
        page = judge.of_page(erp.listed("default", None))
        assert isinstance(page, judge.Page) == is_listed
    assert tryton.rows("select count(*) from account_invoice") == [0]


def test_a_comparison_finds_what_is_lost_doubled_changed_and_unknown(place, tryton):
    books.open_shop(place, 4)
    erp = adapter(tryton, page=2)
    handed_over(place, erp)
    ids = dict(tryton.rows("select reference, id from account_invoice"))
    cancelled, deleted, doubled, changed = names = sorted(ids)
    tryton.execute("update account_invoice set state = 'cancelled' where id = %s", ids[cancelled])
    tryton.execute("delete from account_invoice where id = %s", ids[deleted])
    tryton.execute("update account_invoice set total_amount_cache = 99 where id = %s", ids[changed])
    for reference in (doubled, "default/BY-HAND"):
        (copy,) = tryton.call("model.account.invoice.copy", [ids[doubled]])
        tryton.write("account.invoice", [copy], reference=reference)
    assert sorted(books.found(place, erp)) == [
        ("BY-HAND", "unknown"), ("INV-000001", "lost"), ("INV-000002", "lost"),
        ("INV-000003", "doubled"), ("INV-000004", "changed"),
    ]  # fmt: skip
    handed_over(place, erp)
    booked = "select reference from account_invoice where state = 'posted' order by 1"
    assert tryton.rows(booked) == names


def test_parties_are_those_of_tryton_where_they_are_shared(tryton):
    there = tryton.new("party.party", name="Known", code="c0000", addresses=[])
    erp = adapter(tryton, TO._replace(parties="shared", receivable="1410"))
    customer = Party("c0000", "Other name")
    assert sent(erp, msgspec.structs.replace(PLAIN, customer=customer)) == ["registered "]
    assert tryton.rows("select party from account_invoice") == [there]
    assert tryton.rows(
        "select a.code from account_invoice i join account_account a on a.id = i.account"
    ) == ["1410"]


def test_the_evidence_is_what_tryton_said_and_shows_no_key(tryton, erp):
    kept = json.loads(erp.send("default", parcel(PLAIN)).evidence)
    assert kept["read"]["documents"][0]["bill"] in kept["tryton"][-1]["body"]
    assert kept["tryton"][-1]["call"].endswith("/post")
    assert tryton.key not in json.dumps(kept)
    assert tryton.key not in repr(erp)
