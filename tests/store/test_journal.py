"""Streams are gapless and chained, readers skip nothing, and whatever was tampered with is named."""

import random
import threading
import time
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import msgspec
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from everycent.db import migrate as migrations
from everycent.db.connection import Database
from everycent.db.migrate import migrate
from everycent.journal import audit, chain, queries, types
from everycent.journal import operations as journal
from everycent.journal.checkpoint import Checkpoint, digest_of
from everycent.journal.event import START, Cursor, stream_of
from everycent.journal.types import EventType
from everycent.kernel import ids
from everycent.kernel.errors import Broken, Conflict, NotFound, Unavailable
from everycent.tenants import operations as tenants
from tests.conftest import NOW
from tests.store import books
from tests.store.books import draft, note, refused

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OURS = KEY.public_key().public_bytes_raw()


def broken(place):
    with place.database.snapshot(place.tenant_id) as tx:
        return list(audit.broken_links(tx))


def broken_seals(place, trusted_key=OURS):
    with place.database.snapshot(place.tenant_id) as tx:
        return list(audit.broken_checkpoints(tx, trusted_key))


def seal(place):
    with place.database.transaction(place.tenant_id) as tx:
        return journal.checkpoint(tx, KEY, NOW)


# --- appending ----------------------------------------------------------------------------------


def test_events_of_a_stream_get_versions_from_one_on_and_an_unbroken_chain(place):
    with place.database.transaction(place.tenant_id) as tx:
        first = note(tx, "a", "b")
        note(tx, "x", stream="note:other")
    with place.database.transaction(place.tenant_id) as tx:
        second = note(tx, "c")
        rows = queries.stream(tx, "note:a")
        assert queries.count(tx) == 4
        assert [row.version for row in queries.stream(tx, "note:a", version=2, limit=1)] == [2]
    assert [row.version for row in rows] == [1, 2, 3]
    assert [(row.event_id, bytes(row.hash)) for row in rows] == [
        (event.event_id, event.hash) for event in (*first, *second)
    ]
    assert broken(place) == []


def test_an_event_reads_back_as_it_was_written(place):
    cause = ids.derived("cause")
    written = draft("a", stream_of("note", "a"), NOW - timedelta(days=9), "ana")
    with place.database.transaction(place.tenant_id) as tx:
        journal.append(tx, [written._replace(cause=cause)], NOW)
        row = queries.event(tx, ids.derived("a"))
        with pytest.raises(NotFound) as unknown:
            queries.event(tx, ids.derived("b"))
    assert unknown.value.code == "journal.event_unknown"
    assert row[:9] == (
        ids.derived("a"), "note:a", 1, "test.noted", 1, NOW - timedelta(days=9), NOW, "ana", cause
    )  # fmt: skip
    assert types.decode(books.NOTED, row.schema_version, row.payload) == books.Noted("a")


def test_interleaved_streams_are_numbered_each_by_itself(place):
    with place.database.transaction(place.tenant_id) as tx:
        events = journal.append(tx, [draft(f"e{n}", f"note:{'ab'[n % 2]}") for n in range(6)], NOW)
    assert [(event.stream, event.version) for event in events] == [
        ("note:a", 1), ("note:b", 1), ("note:a", 2), ("note:b", 2), ("note:a", 3), ("note:b", 3)
    ]  # fmt: skip
    assert broken(place) == []


@pytest.mark.parametrize("minutes", [-210, 0, 60])
def test_the_chain_holds_whatever_time_zone_the_writer_thought_in(place, minutes):
    there = timezone(timedelta(minutes=minutes))
    with place.database.transaction(place.tenant_id) as tx:
        journal.append(tx, [draft("a", at=NOW.astimezone(there))], NOW.astimezone(there))
        journal.checkpoint(tx, KEY, NOW.astimezone(there))
    assert broken(place) == []
    assert broken_seals(place) == []


def test_ten_thousand_events_are_appended_in_one_go(place):
    with place.database.transaction(place.tenant_id) as tx:
        events = journal.append(tx, [draft(f"e{n}", f"note:{n % 100}") for n in range(10_000)], NOW)
    assert {event.version for event in events} == set(range(1, 101))
    with place.database.snapshot(place.tenant_id) as tx:
        rows, _ = queries.since(tx, START, 20_000)
        assert [row.event_id for row in rows] == [event.event_id for event in events]
        progress: list[int] = []
        assert list(audit.broken_links(tx, progress.append)) == []
    assert progress == [5_000, 10_000]


def test_many_events_may_be_appended_several_times_in_a_transaction(place):
    with place.database.transaction(place.tenant_id) as tx:
        with suppress(ZeroDivisionError), tx.savepoint():
            note(tx, *(f"undone {n}" for n in range(30)))
            raise ZeroDivisionError
        for part in range(3):
            note(tx, *(f"{part} {n}" for n in range(30)))
        assert queries.count(tx) == 90
    assert broken(place) == []


def test_a_second_writer_to_a_stream_is_told_to_try_again(place):
    with place.database.transaction(place.tenant_id) as tx:
        note(tx, "first")
    told: list[Conflict] = []

    def second() -> None:
        try:
            with place.database.transaction(place.tenant_id) as tx:
                note(tx, "loser")
        except Conflict as conflict:
            told.append(conflict)

    with place.database.transaction(place.tenant_id) as tx:
        note(tx, "winner")
        thread = threading.Thread(target=second)
        thread.start()
        wait_for_a_waiter(place)
    thread.join()
    assert [conflict.code for conflict in told] == ["journal.concurrent_append"]
    with place.database.transaction(place.tenant_id) as tx:
        assert [row.event_id for row in queries.stream(tx, "note:a")] == [
            ids.derived("first"),
            ids.derived("winner"),
        ]


def wait_for_a_waiter(place):
    """Returns when some backend of the place's database waits for a lock."""
    with psycopg.connect(place.conninfo, autocommit=True) as watcher:
        deadline = time.monotonic() + 10
        while not watcher.execute(
            "select count(*) from pg_stat_activity"
            " where datname = current_database() and wait_event_type = 'Lock'"
        ).fetchone()[0]:
            assert time.monotonic() < deadline
            time.sleep(0.005)


# --- what the database refuses ------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared(server):
    """A journal of three notes that no test here changes."""
    with books.fresh(server, "test_journal") as place:
        with place.database.transaction(place.tenant_id) as tx:
            note(tx, "one", "two", "three")
            journal.checkpoint(tx, KEY, NOW)
        yield place


def insert_event(tx, **changed):
    """An event as a row, without asking Python for its place and hash."""
    row = {
        "tenant_id": tx.tenant_id, "stream": "note:a", "version": 4, "event_id": ids.derived("raw"),
        "type": "test.noted", "schema_version": 1, "at": NOW, "recorded_at": NOW, "actor": "test",
        "payload": "{}", "hash": bytes(32), **changed,
    }  # fmt: skip
    names = ", ".join(row)
    values = ", ".join(f"%({name})s" for name in row)
    tx.run(f"insert into journal_event ({names}) values ({values})", row)


@pytest.mark.parametrize(
    ("changed", "constraint"),
    [
        ({"version": 5}, "journal_stream_gapless"),
        ({"stream": "note:new", "version": 2}, "journal_stream_gapless"),
        ({"version": 3}, "journal_event_pkey"),
        ({"version": 0}, "journal_event_version_check"),
        ({"event_id": ids.derived("one")}, "journal_event_tenant_id_event_id_key"),
        ({"stream": "no kind"}, "journal_event_stream_check"),
        ({"stream": "note:a\n"}, "journal_event_stream_check"),
        ({"stream": "note:" + "x" * 101}, "journal_event_stream_check"),
        ({"type": "noted"}, "journal_event_type_check"),
        ({"schema_version": 0}, "journal_event_schema_version_check"),
        ({"at": "infinity"}, "journal_event_at_check"),
        ({"recorded_at": "-infinity"}, "journal_event_recorded_at_check"),
        ({"actor": ""}, "journal_event_actor_check"),
        ({"hash": bytes(31)}, "journal_event_hash_check"),
    ],
)
def test_a_row_that_is_no_event_is_refused(shared, changed, constraint):
    assert refused(shared, lambda tx: insert_event(tx, **changed)).constraint_name == constraint


@pytest.mark.parametrize("column", ["epoch", "xid", "seq"])
def test_a_writer_does_not_choose_where_readers_meet_its_event(shared, column):
    assert refused(shared, lambda tx: insert_event(tx, **{column: "1"})).sqlstate == "42501"


def test_the_application_starts_no_epoch(shared):
    attack = "insert into journal_epoch values (2, now())"
    assert refused(shared, lambda tx: tx.run(attack)).sqlstate == "42501"


IMMUTABLE = ("journal_event", "journal_checkpoint")
CHANGES = (
    "update {} set tenant_id = tenant_id", "delete from {}", "truncate {} cascade",
)  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("table", IMMUTABLE)
def test_the_application_may_not_change_what_happened(shared, table, change):
    assert refused(shared, lambda tx: tx.run(change.format(table))).sqlstate == "42501"


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("table", IMMUTABLE)
def test_not_even_the_owner_changes_what_happened(shared, table, change):
    with (
        pytest.raises(psycopg.errors.RestrictViolation, match="is immutable"),
        books.owner(shared) as connection,
    ):
        connection.execute(change.format(table))


# --- tampering ----------------------------------------------------------------------------------


def tamper(place, *statements):
    with books.intruder(place) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount > 0


@pytest.fixture
def written(place):
    """Five events in one stream and two in another, under a checkpoint."""
    with place.database.transaction(place.tenant_id) as tx:
        note(tx, "1", "2", "3", "4", "5")
        note(tx, "x", "y", stream="note:b")
    seal(place)
    assert broken(place) == []
    assert broken_seals(place) == []
    return place


@pytest.mark.parametrize(
    ("statements", "named"),
    [
        (["update journal_event set payload = '{\"text\":\"9\"}' where stream = 'note:a' and version = 3"],
         ["note:a version 3 (test.noted): content does not match its hash"]),
        (["update journal_event set payload = payload || ' ' where stream = 'note:a' and version = 5"],
         ["note:a version 5 (test.noted): content does not match its hash"]),
        (["update journal_event set hash = sha256('x') where version = 2"],
         ["note:a version 2 (test.noted): content does not match its hash",
          "note:b version 2 (test.noted): content does not match its hash"]),
        (["update journal_event set recorded_at = now() where stream = 'note:a' and version = 2"],
         ["note:a version 2 (test.noted): content does not match its hash"]),
        (["update journal_event set at = at - interval '1 day' where stream = 'note:a' and version = 1"],
         ["note:a version 1 (test.noted): content does not match its hash"]),
        (["update journal_event set actor = 'nobody' where stream = 'note:b' and version = 1"],
         ["note:b version 1 (test.noted): content does not match its hash"]),
        (["update journal_event set cause = event_id where stream = 'note:a' and version = 4"],
         ["note:a version 4 (test.noted): content does not match its hash"]),
        (["update journal_event set event_id = gen_random_uuid() where stream = 'note:a' and version = 4"],
         ["note:a version 4 (test.noted): content does not match its hash"]),
        (["update journal_event set type = 'test.other' where stream = 'note:a' and version = 4"],
         ["note:a version 4 (test.other): content does not match its hash"]),
        (["update journal_event set schema_version = 2 where stream = 'note:a' and version = 4"],
         ["note:a version 4 (test.noted): content does not match its hash"]),
        (["delete from journal_event where stream = 'note:a' and version = 3"],
         ["note:a: version 3 is missing (found 4)"]),
        (["delete from journal_event where stream = 'note:a' and version = 1"],
         ["note:a: version 1 is missing (found 2)"]),
        (["update journal_event set version = 99 where stream = 'note:a' and version = 2",
          "update journal_event set version = 2 where stream = 'note:a' and version = 3",
          "update journal_event set version = 3 where stream = 'note:a' and version = 99"],
         ["note:a version 2 (test.noted): content does not match its hash"]),
        (["update journal_event set stream = 'note:c' where stream = 'note:b'"],
         ["note:c version 1 (test.noted): content does not match its hash"]),
    ],
    ids=[
        "payload", "payload by a space", "hash", "recorded_at", "at", "actor", "cause", "event_id",
        "type", "schema_version", "deleted in the middle", "deleted at the start", "swapped",
        "moved to another stream",
    ],
)  # fmt: skip
def test_an_event_that_was_tampered_with_is_named(written, statements, named):
    tamper(written, *statements)
    assert broken(written) == named


CHANGED = "checkpoint 1: the journal below it was changed"


@pytest.mark.parametrize(
    ("statement", "then"),
    [
        (
            "delete from journal_event where stream = 'note:a' and version = 5",
            "7 events then, 6 now",
        ),
        (
            "delete from journal_event where stream = 'note:a' and version > 2",
            "7 events then, 4 now",
        ),
        ("delete from journal_event where stream = 'note:b'", "7 events then, 5 now"),
        ("delete from journal_event", "7 events then, 0 now"),
    ],
    ids=["the last event", "a tail", "a whole stream", "everything"],
)
def test_what_was_cut_off_is_missed_by_the_checkpoint_and_only_by_it(written, statement, then):
    tamper(written, statement)
    assert broken(written) == []
    assert broken_seals(written) == [f"{CHANGED} ({then})"]


def test_a_history_that_was_rewritten_with_new_hashes_is_caught_by_the_checkpoint(written):
    with written.database.snapshot(written.tenant_id) as tx:
        *_, before, last = queries.stream(tx, "note:a")
    forged = chain.link(
        bytes(before.hash), written.tenant_id, "note:a", 5, last.event_id, last.type, 1, last.at,
        last.recorded_at, last.actor, last.cause, b"{}",
    )  # fmt: skip
    with books.intruder(written) as connection:
        connection.execute(
            "update journal_event set payload = '{}', hash = %s where event_id = %s",
            (forged, last.event_id),
        )
    assert broken(written) == []
    assert broken_seals(written) == [f"{CHANGED} (7 events then, 7 now)"]


# --- checkpoints --------------------------------------------------------------------------------


def test_checkpoints_count_what_they_cover_and_stand_on_each_other(written):
    with written.database.transaction(written.tenant_id) as tx:
        note(tx, "6")
        unfinished = journal.checkpoint(tx, KEY, NOW)
    assert (unfinished.events, unfinished.streams) == (7, 2)
    third = seal(written)
    assert (third.checkpoint_no, third.events, third.streams) == (3, 8, 2)
    assert third.previous == digest_of(written.tenant_id, unfinished)
    assert broken_seals(written) == []


def test_a_checkpoint_over_nothing_holds(place):
    assert seal(place)[5:] == (0, 0, chain.root([])[0], None)
    with place.database.transaction(place.tenant_id) as tx:
        note(tx, "a")
    assert broken_seals(place) == []


def test_a_checkpoint_that_was_altered_is_named(written):
    tamper(written, "update journal_checkpoint set events = 6")
    assert broken_seals(written) == ["checkpoint 1: its facts do not match its digest"]


def resign(place, key, **changed):
    """What a superuser can do: forge the facts and sign them again."""
    with books.intruder(place) as connection:
        names = ", ".join(Checkpoint._fields).replace("xid", "xid::text::bigint")
        row = connection.execute(f"select {names} from journal_checkpoint").fetchone()
        facts = Checkpoint(*row)._replace(**changed)
        digest = digest_of(place.tenant_id, facts)
        connection.execute(
            "update journal_checkpoint set events = %s, streams = %s, root = %s, digest = %s,"
            " public_key = %s, signature = %s",
            (facts.events, facts.streams, facts.root, digest,
             key.public_key().public_bytes_raw(), key.sign(digest)),
        )  # fmt: skip


def test_a_journal_cut_off_under_a_checkpoint_signed_by_another_key_is_caught_by_the_key(written):
    tamper(written, "delete from journal_event where stream = 'note:b'")
    with written.database.snapshot(written.tenant_id) as tx:
        head = bytes(queries.stream(tx, "note:a")[-1].hash)
    root, streams, events = chain.root([("note:a", 5, head)])
    resign(written, Ed25519PrivateKey.generate(), root=root, streams=streams, events=events)
    assert broken(written) == []
    assert broken_seals(written, None) == []
    assert broken_seals(written, OURS) == ["checkpoint 1: was signed by a key that is not ours"]


def test_a_signature_that_is_not_of_the_key_beside_it_is_named(written):
    tamper(written, "update journal_checkpoint set signature = sha512('x')")
    assert broken_seals(written) == ["checkpoint 1: the signature is not valid"]


def test_a_checkpoint_that_was_taken_out_is_missed_by_the_next(written):
    seal(written)
    seal(written)
    tamper(written, "delete from journal_checkpoint where checkpoint_no = 2")
    assert broken_seals(written) == ["checkpoint 3: does not continue the checkpoint before it"]


# --- readers ------------------------------------------------------------------------------------


def read_from(place, cursor, limit=1000):
    with place.database.transaction(place.tenant_id) as tx:
        rows, cursor = queries.since(tx, cursor, limit)
    return [row.event_id for row in rows], cursor


def test_a_reader_does_not_pass_a_transaction_that_is_still_running(place):
    early, late, later = (ids.derived(name) for name in ("early", "late", "later"))
    with ExitStack() as stack:
        slow = stack.enter_context(place.database.transaction(place.tenant_id))
        note(slow, "early", stream="note:slow")
        with place.database.transaction(place.tenant_id) as tx:
            note(tx, "late", stream="note:quick")
        assert read_from(place, START) == ([], START)
    rows, cursor = read_from(place, START)
    assert rows == [early, late]
    assert read_from(place, cursor) == ([], cursor)
    with place.database.transaction(place.tenant_id) as tx:
        note(tx, "later", stream="note:slow")
    assert read_from(place, cursor)[0] == [later]
    assert read_from(place, START)[0] == [early, late, later]


def test_a_reader_is_not_held_up_by_a_transaction_that_was_undone(place):
    with suppress(ZeroDivisionError), place.database.transaction(place.tenant_id) as tx:
        note(tx, "undone")
        raise ZeroDivisionError
    with place.database.transaction(place.tenant_id) as tx:
        note(tx, "done")
    assert read_from(place, START)[0] == [ids.derived("done")]


def test_readers_meet_a_stream_in_its_order_though_an_older_transaction_wrote_the_later_event(
    place,
):
    with place.database.transaction(place.tenant_id) as older:
        older.run("select pg_current_xact_id()")
        with place.database.transaction(place.tenant_id) as younger:
            note(younger, "first")
        note(older, "second")
        note(older, "aside", stream="note:b")
        note(older, "third")
    expected = [ids.derived(name) for name in ("first", "second", "aside", "third")]
    assert read_from(place, START)[0] == expected
    assert broken(place) == []


def test_what_a_transaction_has_seen_of_other_streams_stands_before_its_own_events(place):
    with place.database.transaction(place.tenant_id) as older:
        older.run("select pg_current_xact_id()")
        with place.database.transaction(place.tenant_id) as younger:
            note(younger, "first", stream="note:a")
        note(older, "second", stream="note:b")
    assert read_from(place, START)[0] == [ids.derived("first"), ids.derived("second")]
    assert broken(place) == []


def test_pages_of_a_reader_join_without_gap_or_overlap(place):
    names = [f"e{n}" for n in range(25)]
    with place.database.transaction(place.tenant_id) as tx:
        note(tx, *names)
    found, cursor = [], START
    while True:
        page, cursor = read_from(place, cursor, limit=7)
        if not page:
            break
        found += page
    assert found == [ids.derived(name) for name in names]


def test_a_polling_reader_meets_every_event_once_and_every_stream_in_order(place):
    """Five writers that begin, dawdle, undo and collide; one reader that takes small pages."""
    database = Database(place.conninfo, max_size=12)
    written: list[UUID] = []
    failures: list[BaseException] = []

    def write(number: int) -> None:
        dice = random.Random(number)
        try:
            for turn in range(25):
                try:
                    with database.transaction(place.tenant_id) as tx:
                        if dice.random() < 0.5:
                            tx.run("select pg_current_xact_id()")
                        time.sleep(dice.random() / 200)
                        events = [
                            event
                            for part in range(dice.randint(1, 3))
                            for event in note(
                                tx, f"{number} {turn} {part}", stream=f"note:{dice.randint(1, 5)}"
                            )
                        ]
                        time.sleep(dice.random() / 200)
                        if dice.random() < 0.2:
                            raise ZeroDivisionError
                    written.extend(event.event_id for event in events)
                except (Conflict, ZeroDivisionError, psycopg.errors.DeadlockDetected):
                    continue
        except BaseException as error:
            failures.append(error)
            raise

    writers = [threading.Thread(target=write, args=(number,)) for number in range(5)]
    for writer in writers:
        writer.start()
    seen, cursor = [], START
    while True:
        finished = not any(writer.is_alive() for writer in writers)
        with database.transaction(place.tenant_id) as tx:
            rows, cursor = queries.since(tx, cursor, 4)
        seen += rows
        if finished and not rows:
            break
    for writer in writers:
        writer.join()
    with database.transaction(place.tenant_id) as tx:
        again, _ = queries.since(tx, START, 10_000)
    database.close()

    assert failures == []
    assert len(written) > 50
    assert sorted(row.event_id for row in seen) == sorted(written)
    assert [row.event_id for row in again] == [row.event_id for row in seen]
    versions: dict[str, int] = {}
    for row in seen:
        versions[row.stream] = versions.get(row.stream, 0) + 1
        assert row.version == versions[row.stream]
    assert broken(place) == []


def test_other_tenants_events_are_not_there(place):
    other = tenants.create(place.database, "other", "Other", NOW)
    with place.database.transaction(place.tenant_id) as tx:
        note(tx, "a")
    seal(place)
    with place.database.transaction(other) as tx:
        note(tx, "b")
        assert queries.count(tx) == 1
        assert [row.event_id for row in queries.stream(tx, "note:a")] == [ids.derived("b")]
        with pytest.raises(NotFound):
            queries.event(tx, ids.derived("a"))
        assert tx.value("select count(*) from journal_checkpoint") == 0
    with place.database.transaction(other) as tx:
        assert [row.event_id for row in queries.since(tx, START, 10)[0]] == [ids.derived("b")]


# --- restored into a younger cluster ------------------------------------------------------------


def pretend_restored(place):
    """As after a restore: the events carry transaction ids that this cluster has not reached."""
    tamper(place, "update journal_event set xid = (xid::text::bigint + 1000000000)::text::xid8")


def epochs(place):
    with place.database.transaction(place.tenant_id) as tx:
        return tx.value("select array_agg(epoch order by epoch) from journal_epoch")


def test_a_journal_from_the_future_begins_a_new_epoch_and_cursors_go_on_increasing(written):
    before, old = read_from(written, START)
    pretend_restored(written)
    assert read_from(written, START) == ([], START)
    with pytest.raises(Unavailable, match="restored from a dump"):
        migrations.check(written.conninfo)

    assert migrate(written.conninfo) == []
    migrations.check(written.conninfo)
    assert epochs(written) == [1, 2]
    found, cursor = read_from(written, START)
    assert found == before
    assert cursor > old
    with written.database.transaction(written.tenant_id) as tx:
        note(tx, "6", "7")
    fresh, later = read_from(written, cursor)
    assert fresh == [ids.derived("6"), ids.derived("7")]
    assert later > cursor
    assert later.epoch == 2
    assert broken(written) == []
    seal(written)
    assert broken_seals(written)[1:] == []  # the first was made before the ids were moved

    migrate(written.conninfo)
    assert epochs(written) == [1, 2]


def test_a_journal_of_this_cluster_begins_no_epoch(written):
    assert migrate(written.conninfo) == []
    assert epochs(written) == [1]


def test_an_owner_that_is_no_superuser_sees_the_future_too(written):
    pretend_restored(written)
    with psycopg.connect(written.conninfo) as connection:
        connection.execute("set role everycent_owner")
        migrations._start_epoch_after_restore(connection)
    assert epochs(written) == [1, 2]


# --- payloads -----------------------------------------------------------------------------------


class Price(msgspec.Struct):
    """The newest shape of a payload that has changed twice."""

    amount: Decimal
    currency: str
    since: datetime
    by: UUID


PRICED = EventType(
    "test.priced",
    3,
    Price,
    {
        1: lambda data: {"amount": data["cents"] + ".00", "since": data["since"], "by": data["by"]},
        2: lambda data: data | {"currency": "EUR"},
    },
)
SINCE = {"since": "2026-01-01T00:00:00Z", "by": str(ids.derived("ana"))}
NEWEST = Price(Decimal("5.00"), "EUR", datetime(2026, 1, 1, tzinfo=UTC), ids.derived("ana"))


@pytest.mark.parametrize(
    ("version", "payload"),
    [
        (1, {"cents": "5", **SINCE}),
        (2, {"amount": "5.00", **SINCE}),
        (3, {"amount": "5.00", "currency": "EUR", **SINCE}),
    ],
)
def test_a_payload_of_any_version_is_read_as_the_newest(version, payload):
    assert types.decode(PRICED, version, msgspec.json.encode(payload)) == NEWEST
    assert types.decode(PRICED, version, msgspec.json.encode(payload).decode()) == NEWEST


@pytest.mark.parametrize(
    ("version", "payload", "code"),
    [
        (4, b"{}", "journal.event_from_the_future"),
        (3, b"{}", "journal.payload_unreadable"),
        (3, b"", "journal.payload_unreadable"),
        (3, b"[]", "journal.payload_unreadable"),
        (3, b"\xff", "journal.payload_unreadable"),
        (1, b"{}", "journal.payload_unreadable"),
        (2, b'{"amount": "much"}', "journal.payload_unreadable"),
        (0, b"{}", "journal.payload_unreadable"),
    ],
)
def test_a_payload_that_does_not_fit_its_version_is_refused(version, payload, code):
    with pytest.raises(Broken) as refusal:
        types.decode(PRICED, version, payload)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("left", "right", "order"),
    [
        (START, Cursor(1, 1, 1), -1),
        (Cursor(1, 10**9, 5), Cursor(2, 700, 6), -1),
        (Cursor(1, 700, 9), Cursor(1, 701, 3), -1),
        (Cursor(1, 700, 3), Cursor(1, 700, 9), -1),
    ],
)
def test_cursors_are_ordered_by_epoch_then_transaction_then_number(left, right, order):
    assert (left > right) - (left < right) == order
