"""Wrong records are taken back and replaced, spans sent again, and all of it undone: nothing is edited."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import psycopg
import pytest

from everycent.corrections import audit as corrections_audit
from everycent.corrections import operations as corrections
from everycent.corrections import queries
from everycent.corrections.correction import Corrected
from everycent.corrections.operations import By
from everycent.corrections.scope import Scope
from everycent.db.connection import Tx
from everycent.flows.verify import reasons_of_usage, verify
from everycent.kernel.errors import Conflict, Invalid, NotFound, Refusal
from everycent.kernel.period import Period
from everycent.metering import audit
from everycent.metering.operations import Names, fold
from everycent.metering.record import UsageRecord, key_of
from tests.conftest import Place
from tests.flows import world
from tests.flows.world import midnight, sell

JANUARY = Period(midnight(date(2026, 1, 1)), midnight(date(2026, 2, 1)))
SCOPE = Scope(("a",), ("calls",), JANUARY)


def record(record_id: str, value: str, day: int = 10, subject: str = "a") -> UsageRecord:
    """A record of January."""
    return UsageRecord(
        "app", record_id, subject, "calls", datetime(2026, 1, day, 12, tzinfo=UTC), value
    )


@pytest.fixture
def seller(place: Place) -> Place:
    """Two customers, and four records of January of which three are customer a's."""
    sell(place, [("a", "api"), ("b", "api")])
    world.use(
        place,
        [
            record("1", "10"),
            record("2", "20", 11),
            record("3", "30", 12),
            record("4", "5", 10, "b"),
        ],
    )
    return place


def by(place: Place, reason: str = "the counter was broken") -> By:
    return By("test", reason, place.now, place.ids)


def correct(place: Place, action: Callable[[Tx], Corrected]) -> Corrected:
    """Does it in a transaction of its own; afterwards the roll-ups equal what counts."""
    with place.database.transaction(place.tenant_id) as tx:
        done = action(tx)
    assert sound(place) == []
    return done


def sound(place: Place) -> list[str]:
    with place.database.snapshot(place.tenant_id) as tx:
        return [found for check in audit.CHECKS for found in audit.violations(tx, check)]


def used(place: Place, subject: str = "a") -> tuple[int, Decimal, Decimal | None]:
    """How many records count in January, their sum, and the highest."""
    usage = world.usage_of(place, subject, "calls", JANUARY)
    return usage.records, usage.total, usage.high


def void(place: Place, *ids: str) -> Corrected:
    return correct(
        place, lambda tx: corrections.void(tx, [("app", text) for text in ids], by(place))
    )


def replace(place: Place, *records: UsageRecord) -> Corrected:
    return correct(
        place,
        lambda tx: corrections.replace(place.database, tx, list(records), Names(), by(place)),
    )


def backfill(place: Place, *records: UsageRecord, scope: Scope = SCOPE) -> Corrected:
    return correct(
        place,
        lambda tx: corrections.backfill(
            place.database, tx, scope, list(records), Names(), by(place)
        ),
    )


def undo(place: Place, correction: Corrected) -> Corrected:
    return correct(place, lambda tx: corrections.undo(tx, correction.correction_id, by(place)))


def test_a_voided_record_no_longer_counts_and_can_be_put_back(seller: Place) -> None:
    assert used(seller) == (3, Decimal(60), Decimal(30))
    done = void(seller, "3")
    assert (done.voided, done.restored, done.added) == (1, 0, 0)
    assert used(seller) == (2, Decimal(30), Decimal(20))
    undone = undo(seller, done)
    assert used(seller) == (3, Decimal(60), Decimal(30))
    undo(seller, undone)
    assert used(seller) == (2, Decimal(30), Decimal(20))
    void(seller, "1", "2")
    assert used(seller) == (0, Decimal(0), None)
    assert used(seller, "b") == (1, Decimal(5), Decimal(5))


def test_a_replaced_record_counts_as_it_was_said_last(seller: Place) -> None:
    first = replace(seller, record("1", "11"), record("2", "22", 11))
    assert (first.voided, first.added) == (2, 2)
    assert used(seller) == (3, Decimal(63), Decimal(30))
    second = replace(seller, record("1", "12"))
    assert used(seller) == (3, Decimal(64), Decimal(30))
    back = replace(seller, record("1", "10"))
    assert (back.voided, back.restored, back.added) == (1, 1, 0)
    assert used(seller) == (3, Decimal(62), Decimal(30))
    with pytest.raises(Conflict, match="later correction") as refused:
        undo(seller, second)
    assert refused.value.code == "correction.superseded"
    undo(seller, back)
    undo(seller, second)
    undo(seller, first)
    assert used(seller) == (3, Decimal(60), Decimal(30))


def test_a_record_that_is_named_in_two_ways_is_taken_back_once(seller: Place) -> None:
    replace(seller, record("1", "11"))
    done = void(seller, "1", "1~2", "1")
    assert (done.voided, done.restored, done.added) == (1, 0, 0)
    assert used(seller) == (2, Decimal(50), Decimal(30))


def test_what_is_said_of_a_record_is_read_in_its_order_whichever_saying_is_named(
    seller: Place,
) -> None:
    for value in ("11", "12"):
        replace(seller, record("1", value))
    with seller.database.snapshot(seller.tenant_id) as tx:
        for named in (["1"], ["1~3"], ["1~2", "1"]):
            said = queries.said_of(tx, "app", named)
            assert [(one.record_id, one.is_counted) for one in said] == [
                ("1", False), ("1~2", False), ("1~3", True),
            ]  # fmt: skip
        assert queries.said_of(tx, "app", ["9"]) == []
    with pytest.raises(Conflict) as refused:
        void(seller, "1~2")
    assert refused.value.hint == "what counts in its place is 1~3"


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("delete from usage_reversal where record_id = '1'",
         ["2 sayings of the record {key} of ? count"]),
        (("insert into usage_reversal (tenant_id, key, reversal_no, sign, batch_id, correction_id,"
         " subject_id, meter_id, dimensions_id, at, value, content, source_id, record_id)"
         " select tenant_id, key, 2, 1, batch_id, correction_id, subject_id, meter_id, dimensions_id, at,"
         " value, content, source_id, record_id from usage_reversal where record_id = '1'"),
         ["2 sayings of the record 1 of app count"]),
        ("delete from usage_saying",
         ["the record 1~2 takes the place of another one, and is linked to none"]),
        ("update usage_saying set saying_no = 3", ["the record 1~2 is linked as saying 3"]),
        (("insert into usage_saying (tenant_id, first_key, saying_no, key)"
         " select tenant_id, key, 2, first_key from usage_saying"),
         ["saying 2 of {key} hangs on another saying", "saying 2 of {other} hangs on another saying"]),
    ],
)  # fmt: skip
def test_verify_tells_of_records_that_count_twice_or_hang_together_wrongly(
    seller: Place, statement: str, told: list[str]
) -> None:
    replace(seller, record("1", "11"))
    first, other = (str(UUID(bytes=key_of("app", text))) for text in ("1", "1~2"))
    with seller.database.snapshot(seller.tenant_id) as tx:
        assert corrections_audit.violations(tx) == []
    with psycopg.connect(seller.admin_conninfo, options="-c search_path=everycent") as admin:
        admin.execute("set session_replication_role = replica")
        assert admin.execute(statement).rowcount > 0
    with seller.database.snapshot(seller.tenant_id) as tx:
        checks = {c.promise: c.violators for c in verify(tx, trusted_key=None, with_replay=False)}
    wanted = {text.format(key=first, other=other) for text in told}
    assert wanted <= set(checks[corrections_audit.COUNTS_ONCE])


def test_a_backfill_makes_a_span_say_what_the_file_says_and_is_undone_as_one(seller: Place) -> None:
    done = backfill(seller, record("1", "10"), record("2", "25", 11), record("new", "7", 31))
    assert (done.voided, done.restored, done.added) == (2, 0, 2)
    assert used(seller) == (3, Decimal(42), Decimal(25))
    assert used(seller, "b") == (1, Decimal(5), Decimal(5))
    undo(seller, done)
    assert used(seller) == (3, Decimal(60), Decimal(30))
    again = backfill(seller, record("1", "10"), record("2", "25", 11), record("new", "7", 31))
    assert (again.voided, again.restored, again.added) == (2, 2, 0)
    assert used(seller) == (3, Decimal(42), Decimal(25))


def test_what_was_replaced_is_still_a_duplicate_or_a_conflict_when_it_is_sent_again(
    seller: Place,
) -> None:
    replace(seller, record("1", "11"))
    names = Names()
    again = world.ingest(seller, [record("1", "10"), record("1", "11"), record("1", "12")], names)
    assert (again.accepted, again.duplicates) == (0, (0,))
    assert [(c.position, c.stored.value if c.stored else None) for c in again.conflicts] == [
        (1, "10"),
        (2, "10"),
    ]
    fold(seller.database, seller.tenant_id)
    assert used(seller) == (3, Decimal(61), Decimal(30))


@pytest.mark.parametrize(
    ("action", "error", "code"),
    [
        (lambda p: replace(p, record("1", "1"), record("1", "2")), Invalid, "correction.id_twice"),
        (lambda p: replace(p, record("1~2", "1")), Invalid, "usage.reserved_id"),
        (lambda p: backfill(p, record("1~2", "1")), Invalid, "usage.reserved_id"),
        (lambda p: (replace(p, record("1", "11")), replace(p, record("1", "12")), void(p, "1~2")),
         Conflict, "usage.voided_already"),
        (lambda p: void(p, "9"), NotFound, "usage.unknown_record"),
        (lambda p: (void(p, "1"), void(p, "1")), Conflict, "usage.voided_already"),
        (lambda p: replace(p, record("1", "10")), Invalid, "correction.nothing_to_do"),
        (lambda p: replace(p, record("9", "10")), NotFound, "usage.unknown_record"),
        (lambda p: backfill(p, record("1", "10", subject="b")), Invalid, "backfill.outside"),
        (lambda p: backfill(p, record("1", "1"), record("1", "2")), Invalid, "backfill.id_twice"),
        (lambda p: (d := void(p, "1"), undo(p, d), undo(p, d)), Conflict, "correction.undone_already"),
        (lambda p: correct(p, lambda tx: corrections.void(tx, [("app", "1")], by(p, " "))),
         Invalid, "correction.no_reason"),
    ],
)  # fmt: skip
def test_a_correction_is_refused_with_its_reason(
    seller: Place, action: Callable[[Place], object], error: type[Refusal], code: str
) -> None:
    with pytest.raises(error) as refused:
        action(seller)
    assert refused.value.code == code
    assert sound(seller) == []


def test_what_was_billed_stays_proved_when_its_records_are_taken_back(seller: Place) -> None:
    world.run(seller, midnight(date(2026, 2, 1)))
    void(seller, "1")
    replace(seller, record("2", "25", 11))
    with seller.database.snapshot(seller.tenant_id) as tx:
        checks = list(verify(tx, trusted_key=None, with_replay=True))
        assert {c.promise: c.violators for c in checks if c.violators} == {}
        (reasons,) = [c.figures for c in checks if c.promise.startswith("every record is billed")]
        assert reasons == {"billed": 2, "too_late": 1, "voided_after_bill": 2}
        assert [row.kind for row in queries.newest(tx)] == ["replace", "void"]


def test_a_record_that_was_billed_taken_back_and_put_back_counts_as_billed(seller: Place) -> None:
    world.run(seller, midnight(date(2026, 2, 1)))
    undo(seller, void(seller, "1"))
    with seller.database.snapshot(seller.tenant_id) as tx:
        assert reasons_of_usage(tx) == {"billed": 4}


def test_an_undo_is_refused_when_the_id_counts_in_another_saying_by_now(seller: Place) -> None:
    voided = void(seller, "3")
    backfill(seller, record("1", "10"), record("2", "20", 11), record("3", "33", 12))
    assert used(seller) == (3, Decimal(63), Decimal(33))
    with pytest.raises(Conflict) as refused:
        undo(seller, voided)
    assert refused.value.code == "correction.counts_twice"
    assert used(seller) == (3, Decimal(63), Decimal(33))
    assert sound(seller) == []


def test_a_backfill_is_refused_when_an_id_counts_outside_of_its_scope(seller: Place) -> None:
    february = Period(midnight(date(2026, 2, 1)), midnight(date(2026, 3, 1)))
    moved = record("3", "31", 12)._replace(at=datetime(2026, 2, 12, 12, tzinfo=UTC))
    with pytest.raises(Conflict) as refused:
        backfill(seller, moved, scope=SCOPE._replace(period=february))
    assert refused.value.code == "correction.counts_twice"
    assert used(seller) == (3, Decimal(60), Decimal(30))
