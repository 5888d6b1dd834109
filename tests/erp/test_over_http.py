"""Documents handed over to an ERP that answers, lies, throws and is away; its own books are the judge."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from everycent.alarms import queries as alarms
from everycent.fakes.erp_mutations import MUTATIONS, OF_LISTS, UNSEEN
from everycent.integrations.erp_http import HttpErp
from everycent.kernel.errors import Refusal
from tests.erp import books
from tests.erp.books import handed_over, standing
from tests.erp.fake import running_erp
from tests.flows import world

LATER = (0, 10, 60, 400, 1_500)
"""Seconds from now at which it is tried again, long enough for whatever was wrong once."""


def adapter(fake, *, batch: int = 100, seconds: float = 5) -> HttpErp:
    deadline = timedelta(seconds=seconds)
    return HttpErp(name="books", url=fake.url, key=fake.key, batch=batch, deadline=deadline)


def raised(place, *, is_open: bool = True) -> list[tuple[str, str]]:
    """Alarms by kind and subject."""
    with place.database.snapshot(place.tenant_id) as tx:
        return sorted(
            (one.kind, one.subject) for one in alarms.listed(tx, is_open=is_open, limit=1_000)
        )


def in_step(place, erp, fake) -> None:
    """The ERP has every document once, as it was told, and nothing is wrong."""
    assert set(standing(place, erp).values()) == {"registered"}
    names = [one["reference"].rpartition("/")[2] for one in fake.documents()]
    assert sorted(names) == sorted(standing(place, erp))
    assert books.compared(place, erp).findings == ()
    assert raised(place) == []
    assert books.violations(place) == []


def test_documents_are_in_the_books_under_the_ids_that_the_erp_says(place, tmp_path):
    books.open_shop(place, 3)
    with running_erp(tmp_path) as fake:
        erp = adapter(fake, batch=2)
        assert handed_over(place, erp) == {"batches": 2, "acknowledged": 3, "registered": 3}
        assert [one["number"] for one in fake.batches()] == [1, 2]
        world.credit(place, "INV-000001")
        handed_over(place, erp)
        assert standing(place, erp)["CN-000001"] == "registered"
        in_step(place, erp, fake)


def test_what_is_registered_later_is_asked_about(place, tmp_path):
    books.open_shop(place, 2)
    with running_erp(tmp_path, mode="later", delay="0") as fake:
        erp = adapter(fake)
        handed_over(place, erp, rounds=LATER)
        in_step(place, erp, fake)


SEEN = sorted(MUTATIONS.keys() - OF_LISTS - UNSEEN)


def test_no_answer_that_says_something_else_is_believed(place, tmp_path):
    keys = books.open_shop(place, 2 * len(SEEN))
    assert len(SEEN) >= 60
    with running_erp(tmp_path) as fake:
        erp = adapter(fake, batch=2)
        spoiled = {f"INV-{2 * n + 1:06d}": name for n, name in enumerate(SEEN)}
        for number, name in spoiled.items():
            fake.fault(
                f"mutate:{name}",
                times=1,
                where={"reference": f"default/{number}", "path": "/batches"},
            )
        handed_over(place, erp)
        found = standing(place, erp)
        believed = {
            spoiled[number]: found[number]
            for number in spoiled
            if found[number] not in ("initiated malformed", "initiated mismatch")
        }
        assert believed == {}
        told = [one for one in raised(place) if one[0] == "erp.failing"]
        assert len(told) == len(SEEN)
        handed_over(place, erp, rounds=LATER)
        assert len(found) == len(keys)
        in_step(place, erp, fake)


def test_no_answer_to_a_question_is_believed_that_says_something_else(place, tmp_path):
    wanted = sorted(set(SEEN) - {name for name in SEEN if name.startswith(("batch", "control"))})
    wanted = [name for name in wanted if name not in ("head_without_batch", "head_without_control")]
    books.open_shop(place, len(wanted))
    with running_erp(tmp_path) as fake:
        erp = adapter(fake)
        erp.page = 1
        spoiled = {f"INV-{n:06d}": name for n, name in enumerate(wanted, start=1)}
        for number, name in spoiled.items():
            where = {"reference": f"default/{number}", "path": "GET /documents"}
            fake.fault(f"mutate:{name}", times=1, where=where)
        handed_over(place, erp)
        wrongly = {
            name: standing(place, erp)[number]
            for number, name in spoiled.items()
            if standing(place, erp)[number] == "registered"
        }
        assert wrongly == {}
        handed_over(place, erp, rounds=LATER)
        in_step(place, erp, fake)


def test_ids_that_are_swapped_in_one_answer_are_found_by_the_next(place, tmp_path):
    books.open_shop(place, 2)
    with running_erp(tmp_path) as fake:
        fake.fault("mutate:swapped_bills", times=1, where={"path": "/batches"})
        erp = adapter(fake)
        handed_over(place, erp)
        assert set(standing(place, erp).values()) == {"acknowledged mismatch"}
        handed_over(place, erp, rounds=LATER)
        in_step(place, erp, fake)


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        ("refuse_connection", "lost unreachable"),  # by how far the request had come
        ("close_before", "lost"),
        ("close_after", "lost"),
        ("hang_before", "timed_out"),
        ("hang_after", "timed_out"),
        ("late_commit", "timed_out"),
        ("error_500_before", "threw"),
        ("error_500_after", "threw"),
        ("exception_page", "threw"),
        ("error_503", "unavailable"),
        ("rate_limit", "unavailable"),
        ("slow_loris", "timed_out"),
        ("truncated", "lost"),
        ("garbage", "malformed"),
        ("html", "malformed"),
        ("huge_body", "malformed"),
        ("gzip_bomb", "malformed"),
        ("redirect_307", "refused"),
    ],
)
def test_after_whatever_goes_wrong_every_document_is_there_once(place, tmp_path, fault, trouble):
    books.open_shop(place, 2)
    with running_erp(tmp_path) as fake:
        fake.fault(fault, times=1)
        erp = adapter(fake, seconds=1)
        handed_over(place, erp)
        (found,) = set(standing(place, erp).values())
        assert found in [f"initiated {one}" for one in trouble.split()]
        kind = "erp.failing" if trouble in ("threw", "malformed", "refused") else "erp.away"
        assert [one[0] for one in raised(place)] == [kind]
        fake.clear()
        handed_over(place, erp, rounds=LATER)
        in_step(place, erp, fake)
        assert [one[0] for one in raised(place, is_open=False)] == [kind]


def test_an_erp_that_is_away_gets_one_call_a_round_and_everything_when_it_is_back(place, tmp_path):
    books.open_shop(place, 6)
    with running_erp(tmp_path) as fake:
        erp = adapter(fake, batch=2)
        fake.kill()
        assert handed_over(place, erp) == {"batches": 3, "unreachable": 2}
        assert raised(place) == [("erp.away", "books")]
        fake.start()
        handed_over(place, erp, rounds=LATER)
        in_step(place, erp, fake)


def test_a_document_that_the_erp_breaks_at_stops_no_other_and_waits_for_a_person(place, tmp_path):
    books.open_shop(place, 4)
    with running_erp(tmp_path) as fake:
        erp = adapter(fake)
        fake.fault("error_500_before", times=None, where={"reference": "default/INV-000002"})
        handed_over(place, erp, rounds=(0, 10, 60, 400, 1_500, 4_000, 8_000, 12_000, 16_000))
        assert standing(place, erp) == {
            "INV-000001": "registered", "INV-000002": "parked threw",
            "INV-000003": "registered", "INV-000004": "registered",
        }  # fmt: skip
        assert raised(place) == [("erp.parked", "default/INV-000002")]
        fake.clear()
        books.requeue(place, erp, "INV-000002")
        handed_over(place, erp)
        in_step(place, erp, fake)


def test_a_document_that_the_erp_refuses_keeps_its_reason_until_a_person_sends_it_anew(
    place, tmp_path
):
    books.open_shop(place, 1)
    with running_erp(tmp_path) as fake:
        erp = adapter(fake)
        fake.close_period("2026-12-31")
        handed_over(place, erp)
        assert standing(place, erp) == {"INV-000001": "aborted"}
        assert raised(place) == [("erp.aborted", "default/INV-000001")]
        assert handed_over(place, erp, rounds=LATER) == {}
        fake.close_period(None)
        books.requeue(place, erp, "INV-000001")
        handed_over(place, erp)
        in_step(place, erp, fake)
        with pytest.raises(Refusal) as refusal:
            books.requeue(place, erp, "INV-000001")
        assert refusal.value.code == "erp.not_stuck"


def test_a_batch_of_one_at_which_the_erp_breaks_holds_no_other_up(place, tmp_path):
    books.open_shop(place, 3)
    with running_erp(tmp_path) as fake:
        erp = adapter(fake, batch=1)
        fake.fault("error_500_before", times=None, where={"reference": "default/INV-000001"})
        handed_over(place, erp)
        assert standing(place, erp) == {
            "INV-000001": "initiated threw", "INV-000002": "registered", "INV-000003": "registered",
        }  # fmt: skip
        assert fake.summary()["missing_batches"] == {"default": [1]}
        fake.clear()
        handed_over(place, erp, rounds=LATER)
        in_step(place, erp, fake)


def test_documents_at_which_the_erp_hangs_keep_no_other_waiting(place, tmp_path):
    books.open_shop(place, 6)
    with running_erp(tmp_path) as fake:
        erp = adapter(fake, batch=3, seconds=0.3)
        for number in (1, 2):
            where = {"reference": f"default/INV-00000{number}"}
            fake.fault("hang_before", times=None, where=where)
        handed_over(place, erp, rounds=range(0, 400, 20))
        hanging = {"INV-000001": "initiated timed_out", "INV-000002": "initiated timed_out"}
        others = dict.fromkeys(
            ["INV-000003", "INV-000004", "INV-000005", "INV-000006"], "registered"
        )
        assert standing(place, erp) == hanging | others


def test_an_erp_that_can_not_say_yet_and_then_is_away_parks_nothing(place, tmp_path):
    books.open_shop(place, 1)
    with running_erp(tmp_path, mode="later", delay="3600") as fake:
        erp = adapter(fake)
        handed_over(place, erp, rounds=range(0, 40_000, 3_700))
        fake.fault("error_500_before", times=1, where={"path": "GET /documents"})
        handed_over(place, erp, rounds=[50_000])
        assert standing(place, erp) == {"INV-000001": "acknowledged threw"}


def test_an_erp_that_takes_and_loses_a_document_again_and_again_is_left_alone(place, tmp_path):
    books.open_shop(place, 1)
    with running_erp(tmp_path) as fake:
        erp = adapter(fake)
        fake.fault("amnesia", times=None)
        handed_over(place, erp, rounds=range(0, 20_000, 500))
        assert standing(place, erp) == {"INV-000001": "parked absent"}
        assert raised(place) == [("erp.parked", "default/INV-000001")]


def test_what_is_handed_over_while_it_is_compared_is_not_lost(place, tmp_path):
    books.open_shop(place, 2)
    with running_erp(tmp_path) as fake:
        erp = adapter(fake)
        listed = erp.listed

        def meanwhile(seller, after):
            reply = listed(seller, after)
            handed_over(place, erp)
            return reply

        erp.listed = meanwhile
        assert books.found(place, erp) == []
        erp.listed = listed
        in_step(place, erp, fake)


def test_what_a_comparison_and_a_worker_both_see_is_told_by_both(place, tmp_path):
    books.open_shop(place, 2)
    with running_erp(tmp_path, mode="later", delay="3600") as fake:
        erp = adapter(fake)
        handed_over(place, erp)
        fake.double("default/INV-000001")
        assert ("INV-000001", "doubled") in books.found(place, erp)
        handed_over(place, erp, rounds=[10])
        assert [one[0] for one in raised(place)] == ["erp.doubled", "erp.doubled"]


def test_a_comparison_finds_what_is_lost_doubled_changed_and_unknown(place, tmp_path):
    books.open_shop(place, 5)
    with running_erp(tmp_path) as fake:
        erp = adapter(fake)
        handed_over(place, erp)
        fake.lose("default/INV-000001")
        fake.double("default/INV-000002")
        fake.change("default/INV-000003", gross="99.99", net="93.79")
        found = sorted(books.found(place, erp))
        assert found == [
            ("INV-000001", "lost"), ("INV-000002", "doubled"), ("INV-000003", "changed"),
        ]  # fmt: skip
        handed_over(place, erp)
        assert standing(place, erp)["INV-000001"] == "registered"
        assert raised(place) == [
            ("erp.changed", "default/INV-000003"), ("erp.doubled", "default/INV-000002"),
        ]  # fmt: skip


def test_an_erp_that_forgets_what_it_took_gets_it_again(place, tmp_path):
    books.open_shop(place, 2)
    with running_erp(tmp_path) as fake:
        erp = adapter(fake)
        fake.fault("amnesia", times=1)
        handed_over(place, erp)
        assert set(standing(place, erp).values()) <= {"initiated absent", "registered"}
        handed_over(place, erp, rounds=LATER)
        in_step(place, erp, fake)


def test_a_list_that_is_not_whole_is_no_comparison(place, tmp_path):
    books.open_shop(place, 2)
    with running_erp(tmp_path) as fake:
        erp = adapter(fake)
        handed_over(place, erp)
        believed = []
        for name in sorted(OF_LISTS):
            fake.fault(f"mutate:{name}", times=1, where={"path": "GET /documents"})
            with pytest.raises(Refusal, match="can't be read as a whole"):
                believed.append((name, books.compared(place, erp)))
            fake.clear()
        assert believed == []


def test_the_evidence_is_kept_word_for_word_and_shows_no_key(place, tmp_path):
    books.open_shop(place, 1)
    with running_erp(tmp_path) as fake:
        erp = adapter(fake)
        handed_over(place, erp)
    with place.database.snapshot(place.tenant_id) as tx:
        raws = [bytes(raw) for (raw,) in tx.tuples("select raw from erp_answer order by at")]
    assert {json.loads(raw)["schema"] for raw in raws} == {"everycent-erp/1"}
    assert not any(fake.key.encode() in raw for raw in raws)
