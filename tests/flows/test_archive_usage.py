"""Old months leave the table for the archive and come back, and nobody is told anything else meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
import pytest

from everycent.archives import operations, store
from everycent.archives import queries as archives
from everycent.archives.archive import Place as Where
from everycent.archives.archive import StoredFile
from everycent.catalog import queries as catalog
from everycent.catalog.meter import Aggregation, Series
from everycent.consumption import queries as usage
from everycent.consumption.usage import Request, Usage, answered
from everycent.corrections import operations as corrections
from everycent.customers import queries as customers
from everycent.flows import archive_usage as flow
from everycent.flows import explain as explaining
from everycent.flows import reasons as accounts
from everycent.flows.archive_usage import Outcome
from everycent.flows.verify import ARCHIVE_ADDS_UP, ARCHIVE_IS_THERE, verify
from everycent.integrations.usage_archive import Archive, ArchiveFolder
from everycent.kernel import clock, ids
from everycent.kernel.errors import Broken, Conflict, Invalid, NotFound, Refusal, Unavailable
from everycent.kernel.period import Period, parse_instant
from everycent.measurements import queries as measurements
from everycent.metering import bounds
from everycent.metering import operations as metering
from everycent.metering import queries as usage_ids
from everycent.metering.record import UsageRecord
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.order import Order
from everycent.tenants import operations as tenants
from tests.conftest import Place
from tests.flows import world
from tests.flows.world import calls, midnight, sell, use

JANUARY, FEBRUARY, MARCH = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)
IN_MAY = datetime(2026, 5, 2, tzinfo=UTC)
TERMS = flow.Terms(clock.fixed(IN_MAY), ids.derived, "archivist")
CALLS = Series("calls", "call", Aggregation.SUM)


class Seller(NamedTuple):
    """Two customers with three months of calls, one with a register, all billed up to March; and the
    folder of the archive."""

    place: Place
    files: ArchiveFolder | Archive


@pytest.fixture
def seller(place: Place, tmp_path: Path) -> Seller:
    sell(place, [("a", "api"), ("b", "api"), ("p", "power")])
    use(
        place,
        [calls(key, 90 + month, date(2026, month, 10)) for key in "ab" for month in (1, 2, 3)],
    )
    use(place, [calls("a", 7, date(2026, 1, 20)), reading(1000, date(2026, 1, 1))])
    use(place, [reading(1000 + 100 * month, date(2026, month, 28)) for month in (1, 2, 3)])
    world.run(place, midnight(date(2026, 4, 1)))
    return Seller(place, ArchiveFolder(tmp_path / "archive"))


def reading(value: int, day: date) -> UsageRecord:
    at = datetime(day.year, day.month, day.day, 6, tzinfo=UTC)
    return UsageRecord("test", f"reading/{day}", "p", "register", at, str(value))


def archive(seller: Seller, before: date = MARCH, **more: Any) -> list[flow.Month]:
    tenant = more.pop("tenant", "default")
    files = more.pop("files", seller.files)
    return flow.archive(seller.place.database, tenant, before, files, TERMS, **more)


def restore(seller: Seller, month: date) -> None:
    flow.restore(seller.place.database, seller.place.tenant_id, month, seller.files, TERMS)


def rows(place: Place, tenant_id: int | None = None) -> set[tuple[Any, ...]]:
    with place.database.snapshot(tenant_id or place.tenant_id) as tx:
        found = tx.tuples(
            "select tenant_id, subject_id, meter_id, dimensions_id, at, value::text, key, content,"
            " source_id, batch_id, record_id from usage_record"
        )
    assert len(set(found)) == len(found)
    return set(found)


def partitions(place: Place) -> list[str]:
    with place.database.snapshot(place.tenant_id) as tx:
        return [name for (name,) in tx.tuples(
            "select relname from pg_class where relname ~ '^usage_record_[0-9_]+$' order by 1"
        )]  # fmt: skip


def failing(seller: Seller, *, with_files: bool = True) -> set[str]:
    with seller.place.database.snapshot(seller.place.tenant_id) as tx:
        files = seller.files if with_files else None
        checks = list(verify(tx, trusted_key=None, with_replay=True, files=files))
    assert with_files is (ARCHIVE_IS_THERE in {check.promise for check in checks})
    return {check.promise for check in checks if check.violators}


def reasons(seller: Seller) -> dict[str, int]:
    with seller.place.database.snapshot(seller.place.tenant_id) as tx:
        checks = list(verify(tx, trusted_key=None, with_replay=False))
    return next(c.figures for c in checks if c.promise == "every record is billed or has a reason")


def asked(seller: Seller, subject: str, series: Series, start: date, end: date) -> Usage:
    period = Period(midnight(start), midnight(end))
    request = Request(subject, series, period)
    with seller.place.database.snapshot(seller.place.tenant_id) as tx:
        return answered(usage.read(tx, [request])[request])


def explained(seller: Seller) -> list[explaining.Node]:
    with seller.place.database.snapshot(seller.place.tenant_id) as tx:
        return [explaining.explain(tx, f"INV-{number:06d}") for number in range(1, 10)]


def ingest(place: Place, *records: UsageRecord, tenant_id: int | None = None) -> metering.Intake:
    tenant = tenant_id or place.tenant_id
    found = metering.ingest(place.database, tenant, records, place.now, metering.Names())
    metering.fold(place.database, tenant)
    return found


# --- totals of everybody -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "from_records", "expected"),
    [
        ("2026-01-01T00:00Z", "2026-02-01T00:00Z", False, 5),  # whole days need no records
        ("2026-01-09T18:00Z", "2026-01-10T18:00Z", False, "2026-01"),
        ("2026-01-11T06:00Z", "2026-01-13T06:00Z", False, 0),  # nobody used anything on those days
        ("2026-02-09T22:00Z", "2026-03-31T22:00Z", False, 6),
        ("2026-01-01T00:00Z", "2026-02-01T00:00Z", True, "2026-01"),
        ("2026-03-01T00:00Z", "2026-04-01T00:00Z", True, 3),
    ],
)
def test_totals_that_need_archived_records_are_refused(
    seller: Seller, start: str, end: str, from_records: bool, expected: int | str
) -> None:
    period = Period(parse_instant(start, "start"), parse_instant(end, "end"))
    before = counted_in(seller, period, from_records)
    archive(seller)
    if isinstance(expected, int):
        assert counted_in(seller, period, from_records) == before == expected
    else:
        with pytest.raises(Unavailable) as refused:
            counted_in(seller, period, from_records)
        assert (refused.value.code, refused.value.value) == ("usage.archived", expected)


def counted_in(seller: Seller, period: Period, from_records: bool) -> int:
    with seller.place.database.snapshot(seller.place.tenant_id) as tx:
        return sum(row[2] for row in usage.totals(tx, period, from_records=from_records))


# --- out and back -----------------------------------------------------------------------------------


def test_an_archived_month_leaves_the_table_and_nothing_else(seller: Seller) -> None:
    before = world.state(seller.place.database, seller.place.tenant_id)
    january = asked(seller, "a", CALLS, JANUARY, FEBRUARY)
    done = archive(seller)
    assert [(m.month, m.part.facts.records, m.outcome) for m in done if m.part] == [
        (JANUARY, 5, Outcome.DROPPED),
        (FEBRUARY, 3, Outcome.DROPPED),
    ]
    assert partitions(seller.place) == ["usage_record_2026_03"]
    assert len(rows(seller.place)) == 3
    assert asked(seller, "a", CALLS, JANUARY, FEBRUARY) == january
    after = world.state(seller.place.database, seller.place.tenant_id)
    assert {name for name in after if after[name] != before[name]} == {
        "usage_archive",
        "usage_archive_reason",
        "journal_event",
    }
    assert failing(seller) == set()
    assert failing(seller, with_files=False) == set()
    assert reasons(seller)["archived"] == 8
    assert archive(seller) == []


def test_a_restored_month_is_what_it_was_to_the_byte(seller: Seller) -> None:
    before, trees = rows(seller.place), explained(seller)
    answers = asked(seller, "a", CALLS, JANUARY, FEBRUARY)
    archive(seller)
    restore(seller, JANUARY)
    assert failing(seller) == set()
    restore(seller, FEBRUARY)
    assert rows(seller.place) == before
    assert explained(seller) == trees  # does every calculation again and shows the same records
    assert asked(seller, "a", CALLS, JANUARY, FEBRUARY) == answers
    assert failing(seller) == set()
    assert "archived" not in reasons(seller)
    with pytest.raises(NotFound) as again:
        restore(seller, JANUARY)
    assert again.value.code == "archive.nothing_away"


def test_a_restored_month_is_archived_again_as_a_new_part(seller: Seller) -> None:
    before = rows(seller.place)
    archive(seller, FEBRUARY)
    restore(seller, JANUARY)
    first = next(seller.files.path.iterdir())
    first.unlink()  # nobody needs it any more
    archive(seller, FEBRUARY)
    with seller.place.database.snapshot(seller.place.tenant_id) as tx:
        places = [(part.part_no, part.place) for part in archives.parts(tx, JANUARY)]
    assert places == [(1, Where.RESTORED), (2, Where.FILE)]
    assert failing(seller) == set()
    restore(seller, JANUARY)
    assert rows(seller.place) == before


def test_values_come_back_exactly_however_large_or_fine_they_are(seller: Seller) -> None:
    values = ["99999999999999999999.999999999999999999", "1e19", "-99999999999999999999",
              "0.000000000000000001", "0", "12.5"]  # fmt: skip
    at = datetime(2026, 1, 15, tzinfo=UTC)
    odd = ('"quoted", and comma', "\\N", "NULL", "''", "ends with \\", "漢字 ✓")
    records = [
        UsageRecord(name, name, name, "calls", at, "10000000000000000000" if v == "1e19" else v)
        for v, name in zip(values, odd, strict=True)
    ]
    records.append(records[-1]._replace(record_id="dims", dimensions='{"a":"x, \\"y\\""}'))
    use(seller.place, records)
    before = rows(seller.place)
    archive(seller, FEBRUARY)
    assert failing(seller) == set()
    restore(seller, JANUARY)
    assert rows(seller.place) == before


# --- while it is away -------------------------------------------------------------------------------


def test_what_was_archived_is_still_known_when_it_comes_again(seller: Seller) -> None:
    archive(seller)
    same = calls("a", 91, date(2026, 1, 10))
    found = ingest(seller.place, same, same._replace(value="92"))
    assert (found.accepted, found.duplicates) == (0, (0,))
    assert [(c.position, c.stored) for c in found.conflicts] == [(1, None)]
    refusal = metering.conflict_refusal(same._replace(value="92"), None)
    assert "its month is in the archive" in refusal.message
    assert failing(seller) == set()


def test_a_late_record_of_an_archived_month_is_counted_on_top(seller: Seller) -> None:
    before = rows(seller.place)
    names = metering.Names()  # of an importer that has seen January before it was archived
    seen = calls("a", 91, date(2026, 1, 10))
    metering.ingest(seller.place.database, seller.place.tenant_id, [seen], IN_MAY, names)
    archive(seller, FEBRUARY)
    late = calls("a", 5, date(2026, 1, 10), name="late")
    metering.ingest(seller.place.database, seller.place.tenant_id, [late], IN_MAY, names)
    metering.fold(seller.place.database, seller.place.tenant_id)
    assert "usage_record_2026_01" in partitions(seller.place)
    assert asked(seller, "a", CALLS, JANUARY, FEBRUARY).total == 91 + 7 + 5
    assert failing(seller) == set()
    assert reasons(seller)["too_late"] == 1
    assert [month.part.part_no for month in archive(seller, FEBRUARY) if month.part] == [2]
    assert failing(seller) == set()
    assert not any(row[-1] == "late" for row in rows(seller.place))
    restore(seller, JANUARY)
    after = rows(seller.place)
    assert before < after
    assert [row[-1] for row in after - before] == ["late"]
    assert failing(seller) == set()


def test_what_needs_records_says_which_month_and_how_to_get_it_back(seller: Seller) -> None:
    values = [tree.value for tree in explained(seller)]
    archive(seller)
    counter = Series("register", "kWh", Aggregation.COUNTER, digits=5)
    peak = Series("calls", "call", Aggregation.PEAK, window_minutes=60)
    for ask in (
        lambda: asked(seller, "p", counter, FEBRUARY, MARCH),
        lambda: asked(seller, "b", peak, FEBRUARY, MARCH),
        lambda: record_list(seller),
    ):
        with pytest.raises(Unavailable) as refused:
            ask()
        assert refused.value.code == "usage.archived"
        assert "2026-0" in refused.value.message
        assert "everycent usage restore 2026-0" in str(refused.value.hint)
    # Of March there is everything; and who has nothing in January misses nothing there.
    assert asked(seller, "b", peak, MARCH, date(2026, 4, 1)).peak == 93
    assert asked(seller, "p", peak, JANUARY, FEBRUARY).records == 0
    trees = explained(seller)
    assert [tree.value for tree in trees] == values
    told = [node.detail for tree in trees for node in nodes(tree) if node.kind == "records"]
    assert sum("everycent usage restore 2026-01" in text for text in told) == 3


def record_list(seller: Seller) -> None:
    with seller.place.database.snapshot(seller.place.tenant_id) as tx:
        explaining.records(tx, "INV-000001", 1)


def nodes(tree: explaining.Node) -> Iterator[explaining.Node]:
    yield tree
    for child in tree.children:
        yield from nodes(child)


def test_a_first_bill_of_a_register_whose_opening_is_away_is_parked(
    place: Place, tmp_path: Path
) -> None:
    seller = Seller(place, ArchiveFolder(tmp_path))
    sell(place, [("p", "power")], starts_on=FEBRUARY)
    use(place, [reading(1000, date(2026, 1, 31)), reading(1300, date(2026, 2, 27))])
    archive(seller, FEBRUARY)
    as_of = midnight(MARCH)
    assert world.run(place, as_of).progress.parked == 1
    assert failing(seller) == set()
    restore(seller, JANUARY)
    assert world.run(place, as_of).progress.invoices == 1
    assert [line.charge.net for invoice in world.issued(place) for line in invoice.lines] == [7500]
    archive(seller, FEBRUARY)  # the next bill stands on the reading with which this one ended
    use(place, [reading(1350, date(2026, 3, 27))])
    assert world.run(place, midnight(date(2026, 4, 1))).progress.invoices == 1


def test_a_level_that_was_set_in_an_archived_month_still_holds(seller: Seller) -> None:
    archive(seller)
    use(seller.place, [calls("b", 4, date(2026, 1, 9), name="late")])
    ends = [datetime(2026, month, 27, tzinfo=UTC) for month in (1, 2, 3)]
    with seller.place.database.snapshot(seller.place.tenant_id) as tx:
        held = measurements.levels(tx, "calls", ["a", "b"], ends)
    assert [(held[end]["a"], held[end]["b"]) for end in ends] == [(7, 91), (92, 92), (93, 93)]


def test_a_level_that_the_archive_may_hide_is_not_taken_from_an_older_record(
    seller: Seller,
) -> None:
    ingest(seller.place, calls("b", 5, date(2026, 1, 20), name="later the same day"))
    archive(seller)
    noon = midnight(date(2026, 1, 20)) + timedelta(hours=12)
    with seller.place.database.snapshot(seller.place.tenant_id) as tx:
        assert measurements.levels(tx, "calls", ["a"], [midnight(date(2026, 1, 20))])
        for ends in ([noon], [midnight(date(2026, 3, 1)), noon]):
            with pytest.raises(Unavailable) as refused:
                measurements.levels(tx, "calls", ["b"], ends)
            assert (refused.value.code, refused.value.value) == ("usage.archived", "2026-01")
    restore(seller, JANUARY)
    with seller.place.database.snapshot(seller.place.tenant_id) as tx:
        assert measurements.levels(tx, "calls", ["b"], [noon]) == {noon: {"b": 91}}


def test_records_that_were_voided_after_the_bill_are_in_the_archive_too(seller: Seller) -> None:
    wrong = calls("b", 91, date(2026, 1, 10))
    place = seller.place
    with place.database.transaction(place.tenant_id) as tx:
        by = corrections.By("tester", "wrong meter", place.now, place.ids)
        corrections.void(tx, [(wrong.source, wrong.record_id)], by)
    metering.fold(place.database, place.tenant_id)
    assert shown(seller, "b") == ["b/2026-01-10"]
    archive(seller)
    assert shown(seller, "b") == ["usage.archived"]


def shown(seller: Seller, subject: str) -> list[str]:
    """The records that explain shows for the calls of January on the invoice of a subject."""
    found = []
    with seller.place.database.snapshot(seller.place.tenant_id) as tx:
        for invoice in world.issued(seller.place):
            for line in invoice.lines:
                part = line.charge.quantity.parts[0] if line.charge.quantity else None
                if part and part.subject == subject and part.starts_at == midnight(JANUARY):
                    try:
                        page = explaining.records(tx, f"INV-{invoice.number:06d}", line.line_no)
                    except Unavailable as refusal:
                        return [refusal.code]
                    found += [record.record_id for record in page.records]
    return found


def test_a_closing_reading_on_the_first_instant_of_an_archived_month_is_not_left_out(
    seller: Seller,
) -> None:
    end = datetime(2026, 2, 1, tzinfo=UTC)
    ingest(seller.place, UsageRecord("test", "edge", "p", "register", end, "1105"))
    assert [str(row.value) for row in readings_of_january(seller)] == ["1000", "1100", "1105"]
    archive(seller, even_unbilled=True)
    restore(seller, JANUARY)
    with pytest.raises(Unavailable) as refused:
        readings_of_january(seller)
    assert refused.value.value == "2026-02"


def readings_of_january(seller: Seller) -> list[Any]:
    january = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
    with seller.place.database.snapshot(seller.place.tenant_id) as tx:
        ids = usage_ids.known_numbers(tx, [("subject", "p"), ("meter", "register")])
        return usage.page(
            tx, ids["subject", "p"], ids["meter", "register"], [january], ends_included=True,
            fold_id=10**9,
        )  # fmt: skip


def test_a_counter_series_keeps_its_seals_while_it_is_away(seller: Seller) -> None:
    archive(seller, FEBRUARY)
    with psycopg.connect(seller.place.admin_conninfo, options="-c search_path=everycent") as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute("update invoice_usage set records = records + 1 where ends_included")
    # The line of January can't be counted again without its month; those after it are.
    assert "every line counted the records it says" in failing(seller)


def test_no_record_of_an_archived_month_is_taken_back(seller: Seller) -> None:
    january = next(row for row in rows(seller.place) if row[4].month == 1)
    archive(seller, FEBRUARY)
    tenant_id, subject, meter, dimensions, at, value, key, content, source, batch, name = january
    with (
        pytest.raises(psycopg.errors.RestrictViolation, match="in the archive"),
        seller.place.database.transaction(seller.place.tenant_id) as tx,
    ):
        tx.run(
            "insert into usage_reversal (tenant_id, key, reversal_no, sign, batch_id, correction_id,"
            " subject_id, meter_id, dimensions_id, at, value, content, source_id, record_id)"
            " values (%s, %s, 1, -1, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (tenant_id, key, batch, UUID(int=1), subject, meter, dimensions, at, value, content,
             source, name),
        )  # fmt: skip


# --- what is refused --------------------------------------------------------------------------------


def test_a_month_into_which_records_may_come_is_not_archived(seller: Seller) -> None:
    for before in (date(2026, 6, 1), date(2027, 1, 1)):
        with pytest.raises(Invalid) as refused:
            archive(seller, before)
        assert refused.value.code == "archive.month_open"
    assert [month.month for month in archive(seller, date(2026, 5, 1))] == [
        JANUARY,
        FEBRUARY,
        MARCH,
    ]


def test_months_stay_open_as_long_as_a_meter_takes_late_records(
    place: Place, tmp_path: Path
) -> None:
    text = world.CATALOGUE + "intake: {calls: {accept_days: 40}}\n"
    sell(place, [("a", "api")], text=text)
    use(place, [calls("a", 1, date(2026, 3, 3)), calls("a", 1, date(2026, 2, 3))])
    seller = Seller(place, ArchiveFolder(tmp_path))
    with pytest.raises(Invalid) as refused:  # the 2nd of May less forty days lies in March
        archive(seller, date(2026, 4, 1))
    assert refused.value.message.endswith("2026-03: a meter takes them 40 days late")
    assert refused.value.hint == "--before 2026-03 archives every month that is closed"
    assert [month.month for month in archive(seller, MARCH, even_unbilled=True)] == [FEBRUARY]


def test_a_meter_without_a_bound_on_late_records_keeps_no_month_open_and_takes_them_in(
    place: Place, tmp_path: Path
) -> None:
    sell(place, [("a", "api")], text=world.CATALOGUE + "intake: {calls: {value: {min: 0}}}\n")
    use(place, [calls("a", 1, date(2026, 1, 3))])
    world.run(place, midnight(date(2026, 5, 1)))
    seller = Seller(place, ArchiveFolder(tmp_path))
    assert [month.month for month in archive(seller, date(2026, 5, 1))] == [JANUARY]
    late = calls("a", 5, date(2026, 1, 10))
    with place.database.snapshot(place.tenant_id) as tx:
        policies = catalog.intake_policies(tx)
    assert policies["calls"].accept_days is None
    assert bounds.refusals_of([late], policies, IN_MAY) == {}
    ingest(place, late)
    assert asked(seller, "a", CALLS, JANUARY, FEBRUARY).total == 6
    assert reasons(seller) == {"archived": 1, "too_late": 1}
    assert [month.part.part_no for month in archive(seller, FEBRUARY) if month.part] == [2]
    assert failing(seller) == set()


@pytest.mark.parametrize("keep", [False, True])
def test_a_month_with_usage_that_is_to_be_billed_stays(seller: Seller, *, keep: bool) -> None:
    use(seller.place, [calls(key, 3, date(2026, 4, 10)) for key in "ab"])
    before = rows(seller.place)
    with pytest.raises(Conflict) as refused:
        archive(seller, date(2026, 5, 1), keep=keep)
    assert refused.value.code == "archive.not_billed"
    assert (
        "2026-04 is not billed to the end: 2 records are still to be billed (a, b); that is due"
        in (refused.value.message)
    )
    assert "bill run" in str(refused.value.hint)
    assert {row for row in before if row[4].month == 4} <= rows(seller.place)
    world.run(seller.place, midnight(date(2026, 5, 1)))
    assert [month.month.month for month in archive(seller, date(2026, 5, 1))][-1] == 4
    assert failing(seller) == set()


def test_a_period_that_is_still_open_is_told_with_its_end(place: Place, tmp_path: Path) -> None:
    text = world.CATALOGUE.replace(
        "  api:\n    currency: EUR\n", "  api:\n    currency: EUR\n    interval: year\n"
    )
    sell(place, [("a", "api")], text=text)
    use(place, [calls("a", 1, date(2026, 2, 3))])
    seller = Seller(place, ArchiveFolder(tmp_path))
    with pytest.raises(
        Conflict, match=r"1 record is still to be billed .a.; the period runs until 2027-01-01"
    ):
        archive(seller)


def test_the_reasons_that_records_had_are_told_while_they_are_in_the_archive(
    seller: Seller,
) -> None:
    place = seller.place
    use(place, [calls("a", 3, date(2026, 1, 11)), calls("nobody", 3, date(2026, 2, 11))])
    use(place, [calls("b", 3, date(2026, 4, 10))])
    archive(seller, date(2026, 5, 1), even_unbilled=True)
    with place.database.snapshot(place.tenant_id) as tx:
        found = accounts.reasons(tx)
    assert {reason.code: reason.records for reason in found.stored} == {"archived": 14}
    assert {reason.code: reason.records for reason in found.archived} == {
        "billed": 11, "too_late": 1, "no_subscription": 1, "not_yet_billed": 1,
    }  # fmt: skip
    assert failing(seller) == set()
    restore(seller, JANUARY)
    with place.database.snapshot(place.tenant_id) as tx:
        assert sum(reason.records for reason in accounts.reasons(tx).archived) == 8


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (flip_a_byte, "archive.altered"),
        (lambda path: path.write_bytes(b""), "archive.altered"),
        (Path.unlink, "archive.missing"),
    ],
)
def test_a_file_that_was_harmed_is_not_restored_and_verify_tells(
    seller: Seller, harm: Callable[[Path], object], code: str
) -> None:
    archive(seller, FEBRUARY)
    before = rows(seller.place)
    harm(next(seller.files.path.iterdir()))
    with pytest.raises(Refusal) as refused:
        restore(seller, JANUARY)
    assert refused.value.code == code
    assert rows(seller.place) == before
    assert failing(seller) == {ARCHIVE_IS_THERE}
    assert failing(seller, with_files=False) == set()


def test_a_file_that_was_harmed_keeps_its_month_in_the_table(seller: Seller) -> None:
    archive(seller, FEBRUARY, keep=True)
    flip_a_byte(next(seller.files.path.iterdir()))
    with pytest.raises(Broken) as refused:
        archive(seller, FEBRUARY)
    assert refused.value.code == "archive.altered"
    assert "usage_record_2026_01" in partitions(seller.place)


@pytest.mark.parametrize(
    ("harm", "promise"),
    [
        ("update usage_day set total = total + 1 where bucket < '2026-02-01'", ARCHIVE_IS_THERE),
        ("update usage_archive set records = records + 1", ARCHIVE_ADDS_UP),
        ("update usage_archive set event_id = tenant_id::text::uuid", ARCHIVE_ADDS_UP),
        ("delete from usage_dropped", ARCHIVE_ADDS_UP),
        ("delete from usage_archive_reason where reason = 'billed'", ARCHIVE_ADDS_UP),
        ("delete from usage_archive_batch", "every record is stored once, with its key"),
    ],
)
@pytest.mark.not_recounted
def test_what_a_superuser_does_to_the_books_of_the_archive_is_told(
    seller: Seller, harm: str, promise: str
) -> None:
    archive(seller, FEBRUARY)
    harm = harm.replace("tenant_id::text::uuid", "'00000000-0000-0000-0000-000000000001'")
    with psycopg.connect(seller.place.admin_conninfo, options="-c search_path=everycent") as admin:
        admin.execute("set session_replication_role = replica")
        assert admin.execute(harm).rowcount > 0
    assert promise in failing(seller)


def test_roll_ups_that_differ_from_their_records_are_not_made_the_only_witnesses(
    seller: Seller,
) -> None:
    with psycopg.connect(seller.place.admin_conninfo, options="-c search_path=everycent") as admin:
        admin.execute("update usage_day set total = total + 1 where bucket < '2026-02-01'")
    with pytest.raises(Broken) as refused:
        archive(seller)
    assert refused.value.code == "archive.false_rollups"
    assert not seller.files.path.exists()
    assert len(rows(seller.place)) == 11


# --- crashes, tenants, the database's own check -----------------------------------------------------


class Crashing(NamedTuple):
    """A folder that dies after its `step`."""

    real: ArchiveFolder
    step: str
    location: str = "archive"

    def at(self, _: str) -> Crashing:
        return self

    def pick(self, name: str, keys: Sequence[UUID]) -> dict[UUID, UsageRecord]:
        raise AssertionError(name, keys)

    def write(self, *arguments: Any) -> StoredFile:
        stored = self.real.write(*arguments)
        if self.step == "write":
            raise KeyboardInterrupt
        return stored

    def read(self, name: str) -> Iterator[bytes]:
        pieces = list(self.real.read(name))
        yield pieces[0][: len(pieces[0]) // 2]
        if self.step == "read":
            raise KeyboardInterrupt
        yield pieces[0][len(pieces[0]) // 2 :]
        yield from pieces[1:]

    def look(self, name: str) -> StoredFile:
        if self.step == "look":  # the row is committed, the month is not dropped
            raise KeyboardInterrupt
        return self.real.look(name)


@pytest.mark.parametrize(("step", "recorded"), [("write", 0), ("read", 0), ("look", 1)])
def test_a_crash_anywhere_loses_nothing_and_running_it_again_finishes(
    seller: Seller, step: str, recorded: int
) -> None:
    before = rows(seller.place)
    with pytest.raises(KeyboardInterrupt):
        archive(seller, FEBRUARY, files=Crashing(seller.files, step))
    assert rows(seller.place) == before
    with seller.place.database.snapshot(seller.place.tenant_id) as tx:
        assert len(archives.parts(tx)) == recorded
    assert failing(seller) == set()
    assert [month.outcome for month in archive(seller, FEBRUARY)] == [Outcome.DROPPED]
    assert len(list(seller.files.path.glob("*.parquet"))) == 1  # the same bytes, the same name
    assert not list(seller.files.path.glob(".writing-*"))
    restore(seller, JANUARY)
    assert rows(seller.place) == before


def test_a_month_is_dropped_when_the_last_tenant_has_archived_it(seller: Seller) -> None:
    place = seller.place
    other = tenants.create(place.database, "other", "Other", place.now)
    ingest(place, calls("x", 3, date(2026, 1, 5)), tenant_id=other)
    before, theirs = rows(place), rows(place, other)
    assert [month.outcome for month in archive(seller)] == [Outcome.WAITING, Outcome.DROPPED]
    assert "usage_record_2026_01" in partitions(place)
    assert rows(place, other) == theirs
    assert failing(seller) == set()
    assert "archived" in reasons(seller)  # of February
    assert [month.outcome for month in archive(seller, tenant="other")] == [Outcome.DROPPED]
    assert partitions(place) == ["usage_record_2026_03"]
    assert rows(place, other) == set()
    assert failing(seller) == set()
    restore(seller, JANUARY)
    restore(seller, FEBRUARY)
    assert (rows(place), rows(place, other)) == (before, set())
    flow.restore(place.database, other, JANUARY, seller.files, TERMS)
    assert (rows(place), rows(place, other)) == (before, theirs)
    assert failing(seller) == set()


def test_what_a_tenant_keeps_stays_until_it_archives_it_without_keeping_it(seller: Seller) -> None:
    place = seller.place
    other = tenants.create(place.database, "other", "Other", place.now)
    ingest(place, calls("x", 3, date(2026, 1, 5)), tenant_id=other)
    before = rows(place)
    for keep, outcome in ((False, Outcome.WAITING), (True, Outcome.KEPT), (True, Outcome.KEPT)):
        assert [month.outcome for month in archive(seller, FEBRUARY, keep=keep)] == [outcome]
    theirs = archive(seller, FEBRUARY, tenant="other")
    assert [month.outcome for month in theirs] == [Outcome.WAITING]
    assert rows(place) == before
    assert failing(seller) == set()
    assert [month.outcome for month in archive(seller, FEBRUARY)] == [Outcome.DROPPED]
    restore(seller, JANUARY)
    assert rows(place) == before
    assert [month.outcome for month in archive(seller, FEBRUARY)] == [Outcome.DROPPED]


def test_what_a_tenant_keeps_and_has_to_bill_by_now_is_dropped_by_nobody(seller: Seller) -> None:
    place = seller.place
    other = tenants.create(place.database, "other", "Other", place.now)
    ingest(place, calls("x", 3, date(2026, 1, 5)), tenant_id=other)
    late = [calls("late", day, date(2026, 1, day)) for day in (5, 25)]
    ingest(place, *late)
    archive(seller, FEBRUARY, keep=True)
    with place.database.transaction(place.tenant_id) as tx:
        customer = customers.by_name(tx, "a")
        order = Order(customer, "api", "second", world.START, "late")
        subscriptions.start(tx, [order], **world.writing(place))
    with pytest.raises(Conflict) as refused:
        archive(seller, FEBRUARY)
    assert refused.value.code == "archive.not_billed"
    theirs = archive(seller, FEBRUARY, tenant="other")
    assert [month.outcome for month in theirs] == [Outcome.WAITING]
    again = place._replace(ids=lambda key: ids.derived(f"again/{key}"))
    assert world.run(again, midnight(date(2026, 5, 1))).progress.parked == 0
    assert [month.outcome for month in archive(seller, FEBRUARY)] == [Outcome.DROPPED]


@pytest.mark.parametrize("even_unbilled", [False, True])
def test_a_tenant_that_waited_for_another_is_asked_again_when_the_month_is_dropped(
    seller: Seller, *, even_unbilled: bool
) -> None:
    place = seller.place
    other = tenants.create(place.database, "other", "Other", place.now)
    ingest(place, calls("x", 3, date(2026, 1, 5)), tenant_id=other)
    ingest(place, calls("late", 5, date(2026, 1, 5)))
    mine = archive(seller, FEBRUARY, even_unbilled=even_unbilled)
    assert [month.outcome for month in mine] == [Outcome.WAITING]
    with place.database.transaction(place.tenant_id) as tx:
        order = Order(customers.by_name(tx, "a"), "api", "second", world.START, "late")
        subscriptions.start(tx, [order], **world.writing(place))
    theirs = archive(seller, FEBRUARY, tenant="other")
    if even_unbilled:
        assert [month.outcome for month in theirs] == [Outcome.DROPPED]
        return
    assert [month.outcome for month in theirs] == [Outcome.WAITING]
    with pytest.raises(Conflict) as refused:
        archive(seller, FEBRUARY)
    assert refused.value.code == "archive.not_billed"
    again = place._replace(ids=lambda key: ids.derived(f"again/{key}"))
    assert world.run(again, midnight(date(2026, 5, 1))).progress.parked == 0
    assert [month.outcome for month in archive(seller, FEBRUARY, tenant="other")] == [
        Outcome.DROPPED
    ]
    assert "not_yet_billed" not in reasons(seller)


def test_a_file_of_another_tenant_that_is_not_there_keeps_the_month(
    seller: Seller, tmp_path: Path
) -> None:
    place = seller.place
    other = tenants.create(place.database, "other", "Other", place.now)
    ingest(place, calls("x", 3, date(2026, 1, 5)), tenant_id=other)
    elsewhere = ArchiveFolder(tmp_path / "elsewhere")
    archive(seller, FEBRUARY, tenant="other", files=elsewhere)
    with pytest.raises(Unavailable) as refused:
        archive(seller, FEBRUARY)
    assert refused.value.code == "archive.missing"
    assert len(rows(place, other)) == 1


def test_files_are_found_where_they_were_told_to_be(seller: Seller, tmp_path: Path) -> None:
    place, home = seller.place, tmp_path / "home"
    before = rows(place)
    remembered = Archive(home)
    archive(seller, FEBRUARY, files=remembered)
    archive(seller, MARCH, files=Archive(home, tmp_path / "cold"))
    with place.database.snapshot(place.tenant_id) as tx:
        locations = [part.location for part in archives.parts(tx)]
    assert locations == ["archive", str(tmp_path / "cold")]
    moved = tmp_path / "moved"
    home.rename(moved)
    for folder, failed in ((moved, set()), (home, {ARCHIVE_IS_THERE})):
        assert failing(Seller(place, Archive(folder))) == failed
    (tmp_path / "cold").rename(tmp_path / "colder")
    with pytest.raises(Unavailable, match="cold"):
        flow.restore(place.database, place.tenant_id, FEBRUARY, Archive(moved), TERMS)
    flow.restore(
        place.database, place.tenant_id, FEBRUARY, ArchiveFolder(tmp_path / "colder"), TERMS
    )
    flow.restore(place.database, place.tenant_id, JANUARY, Archive(moved), TERMS)
    assert rows(place) == before


def test_parts_of_a_month_may_lie_in_different_folders(seller: Seller, tmp_path: Path) -> None:
    archive(seller, FEBRUARY, files=Archive(tmp_path / "home"), keep=True)
    ingest(seller.place, calls("a", 5, date(2026, 1, 10), name="late"))
    done = archive(seller, FEBRUARY, files=Archive(tmp_path / "home", tmp_path / "cold"))
    assert [month.outcome for month in done] == [Outcome.DROPPED]


def write(seller: Seller) -> None:
    """What archiving January without `--keep` does before it drops it."""
    archive(seller, FEBRUARY, keep=True)
    with seller.place.database.transaction(seller.place.tenant_id) as tx:
        operations.hold(tx, JANUARY, IN_MAY, is_held=False, even_unbilled=False)


def look(place: Place) -> Any:
    with place.database.snapshot(place.tenant_id) as tx:
        return store.look_at_month(tx, JANUARY)


def drop(place: Place, seen: Any) -> bool:
    with place.database.transaction(place.tenant_id) as tx:
        return store.drop_month(tx, JANUARY, IN_MAY, seen, 1)


def meanwhile_late(seller: Seller) -> None:
    ingest(seller.place, calls("b", 5, date(2026, 1, 10), name="late"))


def meanwhile_another_tenant(seller: Seller) -> None:
    other = tenants.create(seller.place.database, "other", "Other", seller.place.now)
    ingest(seller.place, calls("x", 3, date(2026, 1, 5)), tenant_id=other)


def meanwhile_held(seller: Seller) -> None:
    archive(seller, FEBRUARY, keep=True)


def meanwhile_out_and_back(seller: Seller) -> None:
    archive(seller, FEBRUARY)
    restore(seller, JANUARY)


def meanwhile_out_and_late(seller: Seller) -> None:
    archive(seller, FEBRUARY)
    meanwhile_late(seller)


@pytest.mark.parametrize(
    "happens",
    [
        meanwhile_late,
        meanwhile_another_tenant,
        meanwhile_held,
        meanwhile_out_and_back,
        meanwhile_out_and_late,
    ],
)
def test_what_comes_between_the_look_at_a_month_and_its_lock_keeps_the_month(
    seller: Seller, happens: Callable[[Seller], object]
) -> None:
    write(seller)
    seen = look(seller.place)
    assert seen.keepers == 0
    happens(seller)
    before = rows(seller.place)
    assert drop(seller.place, seen) is False
    assert rows(seller.place) == before
    assert failing(seller) == set()


def test_a_record_that_was_on_its_way_during_the_look_keeps_the_month(seller: Seller) -> None:
    place = seller.place
    write(seller)
    late = calls("b", 5, date(2026, 1, 10), name="late")
    names = metering.Names()
    names.learn(place.database, place.tenant_id, [late])
    with place.database.transaction(place.tenant_id) as tx:
        metering.ingest_within(tx, [late], IN_MAY, names)
        seen = look(place)
        assert seen.keepers == 0
    assert drop(place, seen) is False
    assert len(rows(place)) == 12


def test_what_is_none_of_the_month_does_not_keep_it(seller: Seller) -> None:
    write(seller)
    seen = look(seller.place)
    ingest(seller.place, calls("b", 5, date(2026, 4, 10), name="another month"))
    assert drop(seller.place, seen) is True
    assert "usage_record_2026_01" not in partitions(seller.place)
    assert failing(seller) == set()


def test_nobody_waits_while_a_month_is_counted(seller: Seller) -> None:
    write(seller)
    late = calls("b", 5, date(2026, 1, 10), name="late")
    with seller.place.database.snapshot(seller.place.tenant_id) as counting:
        assert store.look_at_month(counting, JANUARY).keepers == 0
        assert ingest(seller.place, late).accepted == 1
        with seller.place.database.transaction(seller.place.tenant_id) as tx:
            locks = tx.tuples(
                "select mode from pg_locks where relation = 'usage_record'::regclass and granted"
            )
    assert set(locks) == {("AccessShareLock",)}


def test_the_database_drops_no_month_with_a_record_in_no_archive(seller: Seller) -> None:
    place = seller.place
    assert operations.drop(place.database, place.tenant_id, JANUARY, IN_MAY) == 1
    write(seller)
    ingest(place, calls("a", 5, date(2026, 1, 10), name="late"))
    assert operations.drop(place.database, place.tenant_id, JANUARY, IN_MAY) == 1
    assert len(rows(place)) == 12
    with psycopg.connect(place.conninfo) as connection:
        is_secured = connection.execute(
            "select relrowsecurity and relforcerowsecurity from pg_class"
            " where relname = 'usage_record_2026_01'"
        ).fetchone()
    assert is_secured == (True,)
    assert [month.part.part_no for month in archive(seller, FEBRUARY) if month.part] == [2]
    assert len(rows(place)) == 6
    assert operations.drop(place.database, place.tenant_id, JANUARY, IN_MAY) == 0


def test_records_that_no_fold_has_counted_are_not_archived(seller: Seller) -> None:
    use(seller.place, [calls("a", 5, date(2026, 1, 11))], fold=False)
    with (
        seller.place.database.transaction(seller.place.tenant_id) as tx,
        pytest.raises(Conflict) as refused,
    ):
        operations.find_pending(tx, JANUARY)
    assert refused.value.code == "archive.not_folded"
    archive(seller, FEBRUARY)  # folds first
    assert failing(seller) == set()
