"""Endpoints are told what the journal says, in its order, each event at least once under one id."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest

from everycent.alarms import queries as alarms
from everycent.flows.post_webhooks import reflect, take_in
from everycent.kernel.errors import Invalid
from everycent.webhooks import endpoint, operations, operations_posting, queries
from everycent.webhooks.course import Answer
from everycent.webhooks.endpoint import Disabled
from tests.conftest import Place
from tests.store import books
from tests.webhooks.hooks import SECRET, URL, Shop, Taker, subject_of

SECOND, MINUTE, HOUR, DAY = (
    timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days")
)
OTHER = b"another secret for tests, longer"


@pytest.fixture
def shop(place: Place) -> Shop:
    return Shop(place)


def open_alarms(shop: Shop) -> list[tuple[str, str]]:
    return [(one.kind, one.subject) for one in shop.see(alarms.listed)]


def test_an_endpoint_is_told_what_happens_from_now_on_and_nothing_else(shop):
    shop.note("a", "before")
    shop.add("crm", "test.noted")
    shop.note("a", "one", "two")
    shop.note("b", "three")
    taker = Taker()
    assert shop.post(taker) == {"delivered": 3}
    assert shop.post(taker) == {}
    assert sorted(taker.numbers) == [1, 2, 3]
    by_number = sorted(taker.got, key=lambda one: one.number)
    assert [subject_of(one) for one in by_number] == ["a", "a", "b"]
    assert len({one.name for one in taker.got}) == 3
    assert shop.violations() == {}


def test_an_endpoint_can_be_told_all_that_the_journal_holds(shop):
    shop.note("a", "one", "two")
    shop.add(from_start=True)
    taker = Taker()
    assert shop.post(taker) == {"delivered": 2}


def test_a_thin_event_says_what_happened_to_whom_and_not_more(shop):
    shop.add()
    shop.note("a")
    taker = Taker()
    shop.post(taker)
    (posting,) = taker.got
    body = json.loads(posting.body)
    assert set(body) == {"type", "timestamp", "sequence", "data"}
    assert (body["type"], body["sequence"]) == ("test.noted", 1)
    assert body["data"] == {
        "id": body["data"]["id"], "subject": {"kind": "note", "id": "a"}, "version": 1,
        "at": "2026-01-01T12:00:00Z",
    }  # fmt: skip
    assert body["data"]["id"].startswith("evt_")
    assert posting.name.startswith("whd_")
    assert posting.secrets == (SECRET,)


@pytest.mark.parametrize(("length", "is_whole"), [(10, True), (15_000, True), (25_000, False)])
def test_an_event_is_sent_whole_where_it_is_wanted_and_not_too_long(shop, length, is_whole):
    shop.add(with_payload=True)
    with shop.place.database.transaction(shop.place.tenant_id) as tx:
        books.note(tx, "x" * length, stream="note:a")
    taker = Taker()
    shop.post(taker)
    data = json.loads(taker.got[0].body)["data"]
    assert ("payload" in data) is is_whole
    assert not is_whole or data["payload"] == {"text": "x" * length}
    assert len(taker.got[0].body) <= 20_000


@pytest.mark.parametrize("type_", ["api_key.created", "member.added", "message.queued"])
def test_what_is_known_of_keys_members_and_letters_is_never_sent(type_):
    assert not endpoint.may_be_whole(type_)


@pytest.mark.parametrize(
    ("types", "told"),
    [
        (("test.noted",), 1), (("test.*",), 1), (("*",), 1), (("other.*", "test.noted"), 1),
        (("tes.*",), 0), (("test.note",), 0), (("other.*",), 0),
    ],
)  # fmt: skip
def test_an_endpoint_gets_the_types_that_it_wants(shop, types, told):
    shop.add("crm", *types)
    shop.note("a")
    taker = Taker()
    shop.post(taker)
    mine = [one for one in taker.got if json.loads(one.body)["type"] == "test.noted"]
    assert len(mine) == told
    assert shop.violations() == {}


def test_a_failing_event_holds_back_its_subject_and_no_other(shop):
    shop.add()
    shop.note("a", "1", "2")
    shop.note("b", "3", "4")
    shop.note("a", "5")
    taker = Taker(a=[500, 500, 204])
    assert shop.post(taker) == {"delivered": 2, "waiting": 1}
    assert [subject_of(one) for one in taker.got].count("a") == 1
    shop.at += 7 * SECOND
    assert shop.post(taker) == {"waiting": 1}
    shop.at += MINUTE
    assert shop.post(taker) == {"delivered": 3}
    told = [one.number for one in taker.got if subject_of(one) == "a"]
    assert told == [1, 1, 1, 2, 5]
    assert len({one.name for one in taker.got if one.number == 1}) == 1
    assert shop.violations() == {}


def test_an_event_is_given_up_after_days_and_the_next_one_follows(shop):
    shop.add()
    shop.note("a", "poison", "next")
    shop.note("b")
    taker = Taker(a=[500] * 13 + [204])
    begun = shop.at
    for _ in range(12):
        shop.post(taker)
        waiting = [one for one in shop.see(queries.deliveries, "crm") if one.tries]
        shop.at = next(one.next_at for one in waiting if one.number == 1)
    assert timedelta(days=4) < shop.at - begun < timedelta(days=6)
    shop.note("b")  # somebody else is told all the while
    assert shop.post(taker) == {"failed": 1, "delivered": 2}
    assert open_alarms(shop) == [("webhook.given_up", "crm")]
    shop.change(operations_posting.replay, "crm", 1, 1, shop.at)
    assert shop.post(taker) == {"delivered": 1}
    assert open_alarms(shop) == []
    assert shop.violations() == {}


def test_who_is_gone_is_told_nothing_any_more_until_somebody_says_so(shop):
    shop.add()
    shop.note("a", "1", "2")
    assert shop.post(Taker(every=[410])) == {"waiting": 1}
    assert shop.standing().endpoint.disabled is Disabled.GONE
    assert open_alarms(shop) == [("webhook.disabled", "crm")]
    shop.at += DAY
    shop.note("b")
    taker = Taker()
    assert shop.post(taker) == {}
    shop.change(operations.enable, "crm", shop.writer)
    reflect(shop.desk(taker))
    assert open_alarms(shop) == [("webhook.disabled", "crm")]  # nothing came through yet
    assert shop.post(taker) == {"delivered": 3}
    assert open_alarms(shop) == []
    assert sorted(taker.numbers) == [1, 2, 3]
    assert shop.violations() == {}


def test_an_endpoint_to_which_nothing_came_through_for_days_is_disabled(shop):
    shop.add()
    taker = Taker(every=[500])
    for day in range(6):
        shop.note(f"s{day}")
        shop.post(taker)
        shop.at += DAY
    assert shop.standing().endpoint.disabled is Disabled.FAILING
    assert open_alarms(shop)[0] == ("webhook.disabled", "crm")
    assert len(taker.got) < 30


def test_a_person_who_disables_an_endpoint_closes_its_alarm(shop):
    shop.add()
    shop.note("a")
    shop.post(Taker(every=[410]))
    shop.change(operations.disable, "crm", "moved", shop.writer)
    shop.post(Taker())
    assert open_alarms(shop) == []
    assert shop.standing().endpoint.disabled is Disabled.PERSON


def test_an_endpoint_that_fails_in_a_row_rests_and_is_then_tried_by_one(shop):
    shop.add()
    for number in range(20):
        shop.note(f"s{number}")
    taker = Taker(every=[500])
    shop.post(taker, of_one=1)
    assert len(taker.got) == 5
    shop.at += 10 * SECOND
    assert shop.post(taker) == {}
    shop.at += 30 * SECOND
    assert shop.post(taker) == {"waiting": 1}
    shop.at += HOUR
    well = Taker()
    assert shop.post(well)["delivered"] == 20
    assert shop.standing().failures == 0


@pytest.mark.parametrize(
    ("answer", "after", "is_tried"),
    [
        (Answer(429, "busy", 3600), 59 * MINUTE, False),
        (Answer(429, "busy", 3600), 61 * MINUTE, True),
        (Answer(503, "busy", 10**9), 23 * HOUR, False),
        (Answer(503, "busy", 10**9), 25 * HOUR, True),
        (Answer(500, "busy", 3600), MINUTE, True),
        (Answer(429, "busy", -5), MINUTE, True),
    ],
)
def test_a_receiver_that_asks_us_to_wait_is_left_alone_for_a_day_at_most(
    shop, answer, after, is_tried
):
    shop.add()
    shop.note("a")
    shop.post(Taker(every=[answer]))
    shop.note("b")
    shop.at += after
    assert bool(shop.post(Taker())) is is_tried


def test_five_who_send_at_once_send_each_event_once_and_in_order(shop):
    shop.add()
    for number in range(40):
        shop.note(f"s{number % 7}")
    taker = Taker()
    with ThreadPoolExecutor(5) as threads:
        found = list(threads.map(lambda _: shop.post(taker), range(5)))
    while more := shop.post(taker):
        found.append(more)
    assert sum(found, Counter()) == {"delivered": 40}
    assert sorted(taker.numbers) == list(range(1, 41))
    for subject in {subject_of(one) for one in taker.got}:
        told = [one.number for one in taker.got if subject_of(one) == subject]
        assert told == sorted(told)
    assert shop.violations() == {}


def test_who_was_too_slow_says_nothing_about_what_somebody_else_has_in_hand(shop):
    shop.add()
    shop.note("a")
    take_in(shop.desk(Taker()))
    told = {"at": shop.at, "lease": 0 * SECOND, "at_once": 1, "limit": 1}
    (slow,) = shop.change(operations_posting.claim, **told)
    (quick,) = shop.change(operations_posting.claim, **told)
    assert (slow.claims, quick.claims) == (1, 2)
    record = operations_posting.record
    assert shop.change(record, slow, Answer(410), 0, shop.writer) == "elsewhere"
    assert shop.standing().endpoint.disabled is None
    assert shop.change(record, quick, Answer(204), 0, shop.writer) == "delivered"
    assert shop.change(record, slow, Answer(500), 0, shop.writer) == "elsewhere"
    (kept,) = shop.see(queries.deliveries, "crm")
    assert (kept.status, kept.tries, kept.answered) == ("delivered", 1, 204)


def test_endpoints_have_numbers_ids_and_secrets_of_their_own(shop):
    shop.add("one")
    shop.note("a")
    shop.add("two", url="https://other.example.com/")
    shop.note("a")
    taker = Taker()
    assert shop.post(taker) == {"delivered": 3}
    assert sorted((one.url, one.number) for one in taker.got) == [
        (URL, 1), (URL, 2), ("https://other.example.com/", 1),
    ]  # fmt: skip
    assert len({one.name for one in taker.got}) == 3


def test_an_event_of_a_transaction_that_lasts_is_told_in_its_place_and_not_missed(shop):
    shop.add()
    with psycopg.connect(shop.place.conninfo) as slow:
        slow.execute("select pg_current_xact_id()")  # holds the fence where it is
        shop.note("a")
        taker = Taker()
        assert shop.post(taker) == {}
    assert shop.post(taker) == {"delivered": 1}
    assert shop.violations() == {}


def test_what_was_missed_can_be_read_by_number_and_sent_again_under_its_id(shop):
    shop.add()
    shop.note("a", *"123")
    shop.note("b", *"456")
    taker = Taker()
    shop.post(taker)
    names = {one.number: one.name for one in taker.got}
    told = shop.see(queries.told, "crm", after=2, limit=3)
    assert [(number, row.stream) for number, row in told] == [
        (3, "note:a"), (4, "note:b"), (5, "note:b"),
    ]  # fmt: skip
    shop.change(operations_posting.replay, "crm", 3, 4, shop.at)
    again = Taker()
    assert shop.post(again) == {"delivered": 2}
    assert {one.number: one.name for one in again.got} == {n: names[n] for n in (3, 4)}
    assert shop.see(queries.number_of, "crm", names[5]) == 5
    assert shop.violations() == {}


@pytest.mark.parametrize(("first", "last"), [(0, 1), (2, 1), (1, 4), (4, 4)])
def test_what_was_never_told_can_not_be_sent_again(shop, first, last):
    shop.add()
    shop.note("a", *"123")
    shop.post(Taker())
    with pytest.raises(Invalid) as refusal:
        shop.change(operations_posting.replay, "crm", first, last, shop.at)
    assert refusal.value.code == "webhook.bad_range"


def test_numbers_go_on_when_an_endpoint_wants_something_else(shop):
    shop.add("crm", "test.*")
    shop.note("a", "1", "2")
    taker = Taker()
    shop.post(taker)
    shop.change(operations.update, "crm", shop.sealing(), shop.writer, types=["other.*"])
    shop.note("a", "3")
    shop.post(taker)
    shop.change(operations.update, "crm", shop.sealing(), shop.writer, types=["test.noted"])
    shop.note("a", "4")
    shop.post(taker)
    assert sorted(taker.numbers) == [1, 2, 3]
    assert [number for number, _ in shop.see(queries.told, "crm")] == [1, 2, 3]
    assert [number for number, _ in shop.see(queries.told, "crm", after=2)] == [3]
    assert shop.violations() == {}


def test_numbers_are_counted_again_from_marks_however_many_there_are(shop):
    shop.add()
    shop.note("a", *map(str, range(2_500)))
    taker = Taker()
    desk = shop.desk(taker)
    with shop.place.database.transaction(shop.place.tenant_id) as tx:
        endpoint_id = queries.to_read(tx)[0]
        while operations_posting.take_in(tx, endpoint_id, desk.clock()):
            pass
    assert shop.standing().number == 2_500
    (found,) = shop.see(queries.told, "crm", after=2_344, limit=1)
    assert (found[0], found[1].version) == (2_345, 2_345)
    assert shop.violations() == {}


def test_no_more_than_so_many_are_on_their_way_and_the_rest_follows(shop):
    shop.add()
    shop.note("a", *map(str, range(25)))
    taker = Taker()
    assert shop.post(taker, window=10) == {"delivered": 25}
    assert taker.numbers == list(range(1, 26))


def test_what_came_through_is_forgotten_but_the_last(shop):
    shop.add()
    shop.note("a", *map(str, range(250)))
    shop.post(Taker())
    shop.note("a")
    shop.post(Taker())
    kept = shop.see(queries.deliveries, "crm", limit=1000)
    assert [one.number for one in kept] == list(range(251, 51, -1))
    shop.change(operations_posting.replay, "crm", 7, 8, shop.at)
    taker = Taker()
    assert shop.post(taker) == {"delivered": 2}
    assert shop.violations() == {}


def test_who_has_nothing_to_read_is_moved_on_past_what_others_write(shop):
    shop.add()
    shop.note("a")
    shop.post(Taker())
    before = position(shop)
    with psycopg.connect(shop.place.conninfo, autocommit=True) as other:
        for _ in range(1_100):
            other.execute("select pg_current_xact_id()")
    assert shop.post(Taker()) == {}
    assert position(shop) > before + 1_000
    shop.note("a")
    taker = Taker()
    assert shop.post(taker) == {"delivered": 1}
    assert taker.numbers == [2]
    assert shop.violations() == {}


def position(shop: Shop) -> int:
    """How far the endpoint has read."""
    with shop.place.database.snapshot(shop.place.tenant_id) as tx:
        return int(tx.value("select xid::text::bigint from webhook_progress"))
