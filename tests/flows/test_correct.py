"""A correction is looked at before it is made: what is told is what happens, and looking leaves nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from everycent.corrections import queries
from everycent.corrections.operations import By
from everycent.corrections.scope import Scope
from everycent.db.connection import Database
from everycent.flows import archive_usage, correct
from everycent.flows.correct import Action
from everycent.flows.correction_effect import NOTE, REGISTER_NOTE, Effect, as_data
from everycent.flows.verify import reasons_of_usage, verify
from everycent.integrations.usage_archive import ArchiveFolder
from everycent.invoicing import operations as invoicing
from everycent.kernel import clock
from everycent.kernel.errors import Conflict, NotFound, Refusal, Unavailable
from everycent.kernel.period import Period
from everycent.metering.record import UsageRecord
from tests.conftest import Place
from tests.flows import world
from tests.flows.world import midnight, sell

JANUARY = Period(midnight(date(2026, 1, 1)), midnight(date(2026, 2, 1)))
WINTER = Period(JANUARY.start, midnight(date(2026, 3, 1)))


def calls(record_id: str, value: str, month: int, day: int, subject: str = "a") -> UsageRecord:
    at = datetime(2026, month, day, 12, tzinfo=UTC)
    return UsageRecord("app", record_id, subject, "calls", at, value)


def reading(value: str, month: int, day: int) -> UsageRecord:
    at = datetime(2026, month, day, 6, tzinfo=UTC)
    return UsageRecord("app", f"r{month}/{day}", "p", "register", at, value)


@pytest.fixture
def seller(place: Place) -> Place:
    """Two customers of calls, one of a register; January is billed (b, a, p), February is not.

    Customer a: 150 calls in January, 100 × 0.05 + 50 × 0.0333 = 6.67 (rounded), and the fee of 9.90.
    """
    sell(place, [("a", "api"), ("b", "api"), ("p", "power")])
    world.use(
        place,
        [
            calls("1", "60", 1, 10), calls("2", "50", 1, 11), calls("3", "40", 1, 12),
            calls("4", "7", 2, 3), calls("5", "30", 1, 10, "b"),
            reading("100", 1, 1), reading("200", 1, 31), reading("350", 2, 20),
        ],
    )  # fmt: skip
    world.run(place, midnight(date(2026, 2, 1)))
    return place


def by(place: Place, reason: str = "the counter was broken") -> By:
    return By("test", reason, place.now, place.ids)


def void(place: Place, *ids: str) -> Action:
    return correct.void([("app", text) for text in ids], by(place))


def backfill(place: Place, period: Period, *records: UsageRecord, **more: Any) -> Action:
    scope = Scope(("a",), ("calls",), period, more.get("source"))
    return correct.backfill(scope, records, by(place))


def preview(place: Place, action: Action) -> Effect:
    """Looks, and sees to it that nothing is left of it."""
    before = everything(place)
    found = correct.preview(place.database, place.tenant_id, action)
    assert everything(place) == before
    return found


def apply(place: Place, action: Action) -> Effect:
    return correct.apply(place.database, place.tenant_id, action)


def both(place: Place, action: Action) -> Effect:
    """Looks, does it, and has seen the same."""
    seen = preview(place, action)
    done = apply(place, action)
    assert done.correction_id is not None
    assert told(seen) == told(done)
    assert proved(place) == []
    return done


def told(effect: Effect) -> dict[str, Any]:
    """Everything that is told of an effect but whether it is one."""
    data = as_data(effect)
    assert data.pop("is_preview") is (data.pop("correction") is None)
    return data


def everything(place: Place) -> dict[str, list[Any]]:
    """Every row of every table of usage, and what `world.state` tells."""
    found = world.state(place.database, place.tenant_id)
    with place.database.snapshot(place.tenant_id) as tx:
        tables = tx.tuples(
            "select relname, has_table_privilege(oid, 'select') from pg_class"
            " where relnamespace = 'everycent'::regnamespace and relkind in ('r', 'p')"
            " and relname like 'usage%' order by 1"
        )
        found["tables"] = tables
        for name in (name for name, is_open in tables if is_open):
            rows = tx.tuples(f"select t::text from {name} t", binary=False)
            found[name] = sorted(text for (text,) in rows)
    return found


def proved(place: Place) -> list[str]:
    with place.database.snapshot(place.tenant_id) as tx:
        checks = verify(tx, trusted_key=None, with_replay=True)
        return [violator for check in checks for violator in check.violators]


def lines(effect: Effect) -> list[tuple[str, int, str, str, int, int]]:
    """Each changed line: invoice, line, quantity before and after, net before and after."""
    found = []
    for one in effect.invoices:
        for line in one.lines:
            was, now = line.before, line.after
            assert not isinstance(was, Refusal)
            assert not isinstance(now, Refusal)
            assert was.quantity is not None
            assert now.quantity is not None
            found.append((one.invoice.name, line.line.line_no, was.quantity.value,
                          now.quantity.value, was.net, now.net))  # fmt: skip
    return found


def unbilled(effect: Effect) -> list[tuple[str, date, str | None, str | None]]:
    return [
        (one.subscription, one.period.end.date(), one.before, one.after) for one in effect.unbilled
    ]


def test_a_voided_record_shows_what_its_invoice_would_have_been(seller: Place) -> None:
    done = both(seller, void(seller, "2"))
    assert (done.voided, done.restored, done.added, done.unchanged) == (1, 0, 0, 0)
    assert lines(done) == [("INV-000002", 1, "150", "100", 667, 500)]
    (one,) = done.invoices
    # 20 % of 16.57 are 3.31, of 14.90 they are 2.98.
    assert (one.net, one.tax, one.gross) == (-167, -33, -200)
    assert done.totals() == {("a", "EUR"): (-167, -33)}
    assert done.notes() == [NOTE]
    assert unbilled(done) == []
    with seller.database.snapshot(seller.tenant_id) as tx:
        assert reasons_of_usage(tx)["voided_after_bill"] == 1
    assert world.issued(seller)[1].lines[0].charge.net == 667


def test_what_is_not_billed_yet_changes_its_quantity_and_no_money(seller: Place) -> None:
    done = both(seller, correct.replace([calls("4", "9", 2, 3)], by(seller)))
    assert (done.voided, done.added) == (1, 1)
    assert done.invoices == ()
    assert unbilled(done) == [("a", date(2026, 2, 28), "7", "9")]
    assert done.notes() == []


def test_a_record_that_moves_to_another_month_changes_both(seller: Place) -> None:
    done = both(seller, correct.replace([calls("2", "50", 2, 11)], by(seller)))
    assert lines(done) == [("INV-000002", 1, "150", "100", 667, 500)]
    assert unbilled(done) == [("a", date(2026, 2, 28), "7", "57")]


def test_a_backfill_is_previewed_applied_and_undone(seller: Place) -> None:
    file = [calls("1", "60", 1, 10), calls("2", "55", 1, 11), calls("new", "100", 2, 4)]
    done = both(seller, backfill(seller, WINTER, *file))
    assert (done.voided, done.restored, done.added, done.unchanged) == (3, 0, 2, 1)
    assert lines(done) == [("INV-000002", 1, "150", "115", 667, 550)]
    assert unbilled(done) == [("a", date(2026, 2, 28), "7", "100")]
    assert done.correction_id is not None
    undone = both(seller, correct.undo(done.correction_id, by(seller)))
    assert (undone.voided, undone.restored, undone.added) == (2, 3, 0)
    assert lines(undone) == [("INV-000002", 1, "115", "150", 550, 667)]
    assert undone.totals() == {("a", "EUR"): (117, 23)}
    assert world.usage_of(seller, "a", "calls", JANUARY).total == 150
    world.run(seller, midnight(date(2026, 3, 1)))
    assert world.issued(seller)[4].lines[0].charge.net == 35


def test_what_was_late_before_is_not_told_as_the_work_of_the_correction(seller: Place) -> None:
    world.use(seller, [calls("late", "50", 1, 20)], fold=False)
    done = both(seller, void(seller, "1"))
    assert lines(done) == [("INV-000002", 1, "200", "140", 833, 633)]
    (line,) = as_data(done)["invoices"][0]["lines"]
    assert line["billed"] == {"quantity": "150", "net": "6.67"}
    assert line["difference"] == "-2.00"


def test_a_reading_that_is_corrected_moves_use_into_the_period_that_is_not_billed(
    seller: Place,
) -> None:
    assert [line.charge.net for line in world.issued(seller)[2].lines] == [2500]
    done = both(seller, correct.replace([reading("190", 1, 31)], by(seller)))
    assert lines(done) == [("INV-000003", 1, "100", "90", 2500, 2250)]
    # The bill of February stands on the 200 that were billed, so nothing is lost: 150, as before.
    assert unbilled(done) == []
    assert done.notes() == [NOTE, REGISTER_NOTE]


def test_readings_that_make_no_sense_any_more_are_told_instead_of_an_amount(seller: Place) -> None:
    done = both(seller, correct.replace([reading("90", 1, 31)], by(seller)))
    ((line,),) = [one.lines for one in done.invoices]
    assert isinstance(line.after, Refusal)
    assert line.after.code == "register.runs_backwards"
    assert line.difference is None
    assert (done.invoices[0].net, done.invoices[0].gross) == (0, 0)
    told = as_data(done)["invoices"][0]["lines"][0]
    assert told["after"]["refusal"]["code"] == "register.runs_backwards"
    assert told["difference"] is None


def test_a_line_after_one_whose_readings_are_gone_stands_on_none_that_was_taken_back(
    seller: Place,
) -> None:
    world.run(seller, midnight(date(2026, 3, 1)))
    done = both(seller, void(seller, "r1/1", "r1/31"))
    assert lines(done) == [
        ("INV-000003", 1, "100", "0", 2500, 0),
        ("INV-000006", 1, "150", "0", 3750, 0),
    ]


def test_the_neighbour_of_a_line_that_comes_out_the_same_loses_a_reading_that_was_taken_back(
    seller: Place,
) -> None:
    world.run(seller, midnight(date(2026, 3, 1)))
    apply(seller, void(seller, "r1/1"))
    # January shows nothing with the reading at its end, which only opens, and nothing without it.
    done = both(seller, void(seller, "r1/31"))
    assert lines(done) == [("INV-000006", 1, "150", "0", 3750, 0)]
    assert done.same_lines == 1


def test_an_invoice_that_was_taken_back_is_left_out(seller: Place) -> None:
    with seller.database.transaction(seller.tenant_id) as tx:
        invoicing.credit(
            tx, "INV-000002", reason="goodwill", time_zone="UTC", **world.at_year_end(seller)
        )
    done = both(seller, void(seller, "2"))
    assert done.invoices == ()


def test_a_correction_that_changes_no_quantity_says_how_many_lines_stay(seller: Place) -> None:
    moved = calls("2", "50", 1, 13)
    done = both(seller, correct.replace([moved], by(seller)))
    assert (done.invoices, done.unbilled, done.same_lines) == ((), (), 1)


def test_a_preview_of_names_and_months_never_heard_of_leaves_neither(seller: Place) -> None:
    period = Period(datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC))
    scope = Scope(("nobody",), ("calls",), period)
    new = UsageRecord("new source", "1", "nobody", "calls", period.start, "3", '{"new":"set"}')
    done = both(seller, correct.backfill(scope, [new], by(seller)))
    assert (done.added, done.invoices, done.unbilled) == (1, (), ())


def test_a_preview_takes_one_connection_and_an_undone_transaction_is_enough(seller: Place) -> None:
    world.use(seller, [calls("late", "50", 1, 20)], fold=False)
    action = correct.replace(
        [calls("1", "9", 2, 3)._replace(dimensions='{"new":"set"}')], by(seller)
    )
    before = everything(seller)
    single = Database(seller.database.conninfo, max_size=1)
    try:
        looks = [correct.preview(single, seller.tenant_id, action)]
        with single.rehearsal(seller.tenant_id) as tx:
            looks.append(correct.preview_in(tx, action))
    finally:
        single.close()
    assert everything(seller) == before
    done = apply(seller, action)
    assert [told(look) for look in looks] == [told(done)] * 2


@pytest.mark.parametrize(
    ("action", "error", "code"),
    [
        (lambda p: void(p, "9"), NotFound, "usage.unknown_record"),
        (lambda p: correct.undo(p.ids("x"), by(p)), NotFound, "correction.unknown"),
        (lambda p: correct.void([("app", "1")], by(p, " ")), Refusal, "correction.no_reason"),
    ],
)
def test_a_preview_is_refused_as_the_correction_would_be(
    seller: Place, action: Callable[[Place], Action], error: type[Refusal], code: str
) -> None:
    before = everything(seller)
    for do in (correct.preview, correct.apply):
        with pytest.raises(error) as refused:
            do(seller.database, seller.tenant_id, action(seller))
        assert refused.value.code == code
    assert everything(seller) == before


def test_of_two_corrections_of_one_record_at_once_one_is_refused(seller: Place) -> None:
    answers: list[str] = []

    def one() -> None:
        try:
            apply(seller, void(seller, "2"))
            answers.append("done")
        except Conflict as refusal:
            answers.append(refusal.code)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == ["done", *["usage.voided_already"] * 3]
    assert proved(seller) == []


def test_a_correction_waits_for_a_preview_and_both_tell_the_same(seller: Place) -> None:
    inside, seen = threading.Event(), []
    slow = void(seller, "2")

    def slowly(database: Any, tx: Any) -> Any:
        done = slow.do(database, tx)
        inside.set()
        time.sleep(0.5)
        return done

    def look() -> None:
        found = correct.preview(seller.database, seller.tenant_id, slow._replace(do=slowly))
        seen.append(found)

    thread = threading.Thread(target=look)
    thread.start()
    assert inside.wait(30)
    done = apply(seller, void(seller, "2"))
    thread.join(30)
    assert list(map(told, seen)) == [told(done)]


def test_what_is_in_the_archive_is_refused_until_it_is_put_back(
    seller: Place, tmp_path: Path
) -> None:
    early = apply(seller, correct.replace([calls("3", "41", 1, 12)], by(seller)))
    assert early.correction_id is not None
    files = ArchiveFolder(tmp_path / "archive")
    terms = archive_usage.Terms(clock.fixed(datetime(2026, 5, 2, tzinfo=UTC)), seller.ids, "test")
    archive_usage.archive(seller.database, "default", date(2026, 2, 1), files, terms)
    february = Period(datetime(2026, 2, 1, tzinfo=UTC), WINTER.end)
    for action in (
        void(seller, "1"),
        void(seller, "4", "1"),
        correct.replace([calls("4", "9", 1, 3)], by(seller)),
        backfill(seller, WINTER, calls("4", "9", 2, 3)),
        correct.undo(early.correction_id, by(seller)),
    ):
        for do in (correct.preview, correct.apply):
            with pytest.raises(Unavailable) as refused:
                do(seller.database, seller.tenant_id, action)
            assert refused.value.code == "usage.archived"
            assert "everycent usage restore" in str(refused.value.hint)
            assert "2026-01" in str(refused.value.value)
    done = apply(seller, backfill(seller, february, calls("4", "9", 2, 3)))
    assert unbilled(done) == [("a", date(2026, 2, 28), "7", "9")]
    archive_usage.restore(seller.database, seller.tenant_id, date(2026, 1, 1), files, terms)
    done = apply(seller, void(seller, "1"))
    assert lines(done) == [("INV-000002", 1, "151", "91", 670, 455)]


@pytest.mark.parametrize("is_billed", [True, False])
def test_what_can_be_rated_neither_before_nor_after_is_told_and_not_counted_as_the_same(
    seller: Place, tmp_path: Path, is_billed: bool
) -> None:
    """February begins on 31 January by the world's clock, and the records of that day are away."""
    world.use(seller, [calls("edge", "5", 1, 31)])
    if is_billed:
        world.run(seller, midnight(date(2026, 3, 1)))
    files = ArchiveFolder(tmp_path / "archive")
    terms = archive_usage.Terms(clock.fixed(datetime(2026, 5, 2, tzinfo=UTC)), seller.ids, "test")
    archive_usage.archive(seller.database, "default", date(2026, 2, 1), files, terms)
    done = both(seller, void(seller, "4"))
    data = as_data(done)
    if is_billed:
        assert [one.invoice.name for one in done.invoices] == ["INV-000005"]
        (line,) = data["invoices"][0]["lines"]
        refusals = [line["before"]["refusal"], line["after"]["refusal"]]
        assert line["difference"] is None
    else:
        assert done.invoices == ()
        (open_period,) = [one for one in data["unbilled"] if one["starts_at"] < "2026-02"]
        assert (open_period["before"], open_period["after"]) == (None, None)
        refusals = [open_period["refusal"]]
    assert {one["code"] for one in refusals} == {"usage.archived"}
    assert {one["value"] for one in refusals} == {"2026-01"}
    assert data["lines_that_stay_the_same"] == 0
    assert done.correction_id is not None
    archive_usage.restore(seller.database, seller.tenant_id, date(2026, 1, 1), files, terms)
    undone = apply(seller, correct.undo(done.correction_id, by(seller)))
    assert [quantities[2:4] for quantities in lines(undone)] == [("0", "7")] * is_billed
    assert [quantities[2:4] for quantities in unbilled(undone)] == [("0", "7")] * (not is_billed)


FEBRUARY = Period(datetime(2026, 2, 1, tzinfo=UTC), WINTER.end)


def newest(place: Place) -> Any:
    """The id of the newest correction."""
    with place.database.snapshot(place.tenant_id) as tx:
        return queries.newest(tx)[0].correction_id


@pytest.fixture
def january_is_away(seller: Place, tmp_path: Path) -> Place:
    """The seller, of whose months January is in the archive: record 4 was said first in January (a
    mistake), then in February; late records of January came after it."""
    world.use(seller, [calls("x", "1", 1, 9)])
    apply(seller, correct.replace([calls("x", "2", 2, 9)], by(seller)))
    files = ArchiveFolder(tmp_path / "archive")
    terms = archive_usage.Terms(clock.fixed(datetime(2026, 5, 2, tzinfo=UTC)), seller.ids, "test")
    archive_usage.archive(seller.database, "default", date(2026, 2, 1), files, terms)
    world.use(seller, [calls("late", "3", 1, 20), calls("late b", "3", 1, 20, "b")])
    return seller


def test_a_saying_in_the_archive_hides_no_later_one(january_is_away: Place) -> None:
    done = both(january_is_away, correct.replace([calls("x", "5", 2, 9)], by(january_is_away)))
    assert (done.voided, done.added) == (1, 1)
    assert unbilled(done) == [("a", date(2026, 2, 28), "9", "12")]
    with january_is_away.database.snapshot(january_is_away.tenant_id) as tx:
        said = queries.said_of(tx, "app", ["x"])
    assert [(one.record_id, one.is_counted, one.record is None) for one in said] == [
        ("x", False, True), ("x~2", False, False), ("x~3", True, False),
    ]  # fmt: skip
    done = both(january_is_away, void(january_is_away, "x"))
    assert unbilled(done) == [("a", date(2026, 2, 28), "12", "7")]
    assert done.correction_id is not None
    both(january_is_away, correct.undo(done.correction_id, by(january_is_away)))


@pytest.mark.parametrize(
    "action",
    [
        lambda p: void(p, "late"),
        lambda p: void(p, "4", "late b"),
        lambda p: correct.replace([calls("late", "4", 2, 20)], by(p)),
        lambda p: correct.replace([calls("4", "4", 1, 20)], by(p)),
        lambda p: correct.undo(newest(p), by(p)),
    ],
)
def test_a_late_record_of_an_archived_month_is_refused_with_the_month_and_the_command(
    january_is_away: Place, action: Callable[[Place], Action]
) -> None:
    before = everything(january_is_away)
    for do in (correct.preview, correct.apply):
        with pytest.raises(Unavailable) as refused:
            do(january_is_away.database, january_is_away.tenant_id, action(january_is_away))
        assert (refused.value.code, refused.value.value) == ("usage.archived", "2026-01")
        assert "everycent usage restore 2026-01" in str(refused.value.hint)
    assert everything(january_is_away) == before


def test_twenty_thousand_records_are_sent_again_and_put_back(seller: Place) -> None:
    start = datetime(2026, 2, 2, tzinfo=UTC)

    def file(value: str) -> list[UsageRecord]:
        return [
            UsageRecord("bulk", str(n), "a", "calls", start + timedelta(minutes=n), value)
            for n in range(20_000)
        ]

    world.use(seller, file("1"))
    scope = Scope(("a",), ("calls",), WINTER, "bulk")
    again = correct.backfill(scope, file("2"), by(seller))
    seen = correct.preview(seller.database, seller.tenant_id, again)
    assert world.usage_of(seller, "a", "calls", WINTER).total == 20_157
    done = apply(seller, again)
    assert told(seen) == told(done)
    assert (done.voided, done.added, done.unchanged) == (20_000, 20_000, 0)
    assert unbilled(done) == [("a", date(2026, 2, 28), "20007", "40007")]
    assert world.usage_of(seller, "a", "calls", WINTER).total == 40_157
    assert done.correction_id is not None
    undone = apply(seller, correct.undo(done.correction_id, by(seller)))
    assert unbilled(undone) == [("a", date(2026, 2, 28), "40007", "20007")]
    assert world.usage_of(seller, "a", "calls", WINTER).total == 20_157
