"""The fake ERP is a judge to rely on: it keeps what it answered, checks what it is sent, lies on demand."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from everycent.fakes.erp_faults import KINDS
from everycent.fakes.erp_mutations import MUTATIONS, OF_DELIVERIES, OF_LISTS, UNSEEN, mutated
from everycent.fakes.erp_words import digest, digest_of_all
from tests.erp.fake import batch_digest, delivery, document, running_erp

PAGE = Path(__file__).parents[2] / "docs" / "fake-erp.md"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with running_erp(tmp_path_factory.mktemp("erp")) as started:
        yield started


@pytest.fixture
def erp(running):
    """The fake ERP without faults, all periods open."""
    running.clear()
    running.settings(mode="now")
    running.close_period(None)
    return running


def following(erp, *documents):
    """A delivery of the batch that is next, with documents that nobody has sent so far."""
    number = len(erp.batches()) + 1
    return delivery(number, *(documents or (document(2 * number), document(2 * number + 1))))


def references(body):
    return [one["reference"] for one in body["documents"]]


def test_a_batch_is_registered_and_answered_in_the_order_sent(tmp_path):
    body = delivery(1, document(2), document(1, currency="JPY", net="10", tax="2", gross="12"))
    with running_erp(tmp_path) as erp:
        status, told = erp.deliver(body)
        looked_up = erp.look_up("default/INV-000001", "default/INV-9", "default/INV-000002")
        summary = erp.summary()
    base = {"customer": "acme", "state": "registered", "reason": None}
    first = base | {
        "reference": "default/INV-000002", "currency": "EUR", "net": "10.00", "tax": "2.50",
        "gross": "12.50", "bill": "B-000001",
    }  # fmt: skip
    second = base | {
        "reference": "default/INV-000001", "currency": "JPY", "net": "10", "tax": "2",
        "gross": "12", "bill": "B-000002",
    }  # fmt: skip
    assert (status, told) == (
        200,
        {
            "schema": "everycent-erp/1",
            "batch": 1,
            "control": body["control"]["digest"],
            "documents": [first, second],
        },
    )
    assert looked_up == [second, first]
    assert (summary["registered"], summary["currencies"]["EUR"]["gross"]) == (2, "12.50")


def test_the_same_document_again_has_the_same_bill(erp):
    body = following(erp)
    first = erp.deliver(body)
    assert erp.deliver(body) == first
    part = delivery(body["batch"]["number"], body["documents"][1])
    assert erp.deliver(part)[1]["documents"] == first[1]["documents"][1:]
    assert [len(erp.documents(one)) for one in references(body)] == [1, 1]


def test_other_content_under_a_known_reference_is_rejected_and_the_first_stays(erp):
    body = following(erp)
    first = erp.deliver(body)[1]["documents"]
    other = body["documents"][0] | {"payable": "0.00"}
    (told,) = erp.deliver(following(erp, other))[1]["documents"]
    assert (told["state"], told["bill"], told["reason"]) == (
        "rejected", None, "known with other content",
    )  # fmt: skip
    assert erp.look_up(other["reference"]) == first[:1]


def test_bills_come_later_where_that_is_the_mode(erp):
    erp.settings(mode="later", delay=1)
    body = following(erp)
    before = erp.deliver(body)[1]["documents"]
    time.sleep(1.1)
    after = erp.look_up(*references(body))
    told = [(one["state"], one["bill"] is None) for one in before + after]
    assert told == [("received", True)] * 2 + [("registered", False)] * 2


def test_what_is_rejected_is_decided_on_afresh(erp):
    erp.close_period("2026-01-31")
    body = following(erp, document(9001), document(9002, issued_on="2026-02-01"))
    told = [(one["state"], one["reason"]) for one in erp.deliver(body)[1]["documents"]]
    assert told == [("rejected", "the period is closed"), ("registered", None)]
    erp.close_period(None)
    assert {one["state"] for one in erp.deliver(body)[1]["documents"]} == {"registered"}
    assert [len(erp.documents(one)) for one in references(body)] == [1, 1]


WRONG = [
    # what is changed in the delivery -> status, code
    (lambda b: b.update(schema="everycent-erp/2"), 400, "bad_request"),
    (lambda b: b.update(more=1), 400, "bad_request"),
    (lambda b: b.pop("seller"), 400, "bad_request"),
    (lambda b: b["documents"][0].update(gross=12.5), 400, "bad_request"),
    (lambda b: b["documents"][0].update(gross="1e1"), 400, "bad_request"),
    (lambda b: b["documents"][0].update(number="\ud800"), 400, "bad_request"),
    (lambda b: b["documents"].append(b["documents"][0]), 400, "bad_request"),
    (lambda b: b["control"].update(documents=3), 422, "bad_control"),
    (lambda b: b["control"].update(digest="0" * 64), 422, "bad_control"),
    (lambda b: b["control"]["totals"][0].update(gross="25.01"), 422, "bad_control"),
    (lambda b: b["control"]["totals"].append(b["control"]["totals"][0]), 422, "bad_control"),
    (lambda b: b["control"]["totals"][0].update(gross="25"), 200, None),
    (lambda b: b["documents"][0].update(payable="0.00"), 422, "bad_control"),
    (lambda b: b["batch"].update(previous="f" * 64), 409, "not_linked"),
    (lambda b: b["batch"].update(number=1), 409, "other_batch"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "status", "code"), WRONG)
def test_a_delivery_that_does_not_hold_is_refused_and_stores_nothing(erp, change, status, code):
    if not erp.batches():
        erp.deliver(following(erp))
    body = following(erp)
    change(body)
    was, told = erp.deliver(body)
    assert (was, told.get("error", {}).get("code")) == (status, code)
    assert bool(erp.look_up(*references(body)[:1])) == (status == 200)


def test_batches_come_in_any_order_and_those_that_are_missing_are_told(tmp_path):
    with running_erp(tmp_path) as erp:
        assert erp.deliver(delivery(3, document(3)))[0] == 200
        assert erp.summary()["missing_batches"] == {"default": [1, 2]}
        other = delivery(2, document(2), digest="f" * 64)
        assert erp.deliver(other)[1]["error"]["code"] == "not_linked"
        assert [erp.deliver(delivery(n, document(n)))[0] for n in (2, 1)] == [200, 200]
        assert erp.summary()["missing_batches"] == {}


def test_net_and_tax_have_to_be_the_gross(erp):
    wrong = document(9100, gross="12.51")
    assert erp.deliver(following(erp, wrong))[1]["error"]["code"] == "bad_sum"


def test_nothing_is_told_without_the_key(erp):
    assert erp.answered("POST", "/batches", following(erp))[0] == 401
    assert erp.answered("GET", "/documents?seller=default")[0] == 401


@pytest.mark.parametrize(
    "query", [{}, {"after": "0"}, {"seller": "default", "after": "x"}, [("reference", "x")] * 51]
)
def test_a_question_that_makes_no_sense_is_refused(erp, query):
    assert erp.asked(query)[0] == 400


def test_the_list_has_every_document_in_order_of_arrival(tmp_path):
    sent = [document(number) for number in range(1, 1002)]
    with running_erp(tmp_path) as erp:
        erp.deliver(delivery(1, *sent))
        cursor, found, sizes = "0", [], []
        while cursor is not None:
            page = erp.asked({"seller": "default", "after": cursor})[1]
            found += [one["reference"] for one in page["documents"]]
            cursor, count = page["next"], page["count"]
            sizes.append(len(page["documents"]))
        other = erp.asked({"seller": "other"})[1]
    assert found == [one["reference"] for one in sent]
    assert (sizes, count) == ([500, 500, 1], 1001)
    assert (other["documents"], other["next"], other["count"]) == ([], None, 0)


def test_what_was_answered_survives_sigkill(tmp_path):
    body = delivery(1, document(1), document(2))
    with running_erp(tmp_path, mode="later", delay="0.1") as erp:
        erp.deliver(body)
        erp.close_period("2025-12-31")
        erp.lose("default/INV-000002")
        before = erp.batches(), erp.documents()[0]["id"], erp.summary()["closed_until"]
        erp.restart()
        assert (erp.batches(), erp.documents()[0]["id"], erp.summary()["closed_until"]) == before
        assert erp.deliver(body)[1]["documents"][0]["bill"] == "B-000001"


def test_a_document_can_be_lost_doubled_and_changed_by_hand(erp):
    body = following(erp)
    erp.deliver(body)
    first, second = references(body)
    erp.lose(first)
    erp.double(second)
    erp.change(second, gross="99.99")
    found = erp.look_up(first, second)
    assert [one["gross"] for one in found] == ["99.99", "12.50"]
    assert len({one["bill"] for one in found}) == 2
    assert erp.summary()["more_than_once"][second] == 2


STORED = {  # fault -> status (None: no answer), how often the document is there afterwards
    "close_before": (None, 0), "close_after": (None, 1), "hang_before": (None, 0),
    "hang_after": (None, 1), "error_500_before": (500, 0), "error_500_after": (500, 1),
    "exception_page": (500, 1), "error_503": (503, 0), "rate_limit": (429, 0),
    "truncated": (None, 1), "garbage": (None, 1), "html": (200, 1), "huge_body": (200, 1),
    "gzip_bomb": (200, 1), "slow_loris": (None, 1), "redirect_307": (307, 0), "slow": (200, 1),
    "amnesia": (200, 0), "twice": (200, 2), "reject:no such customer": (200, 1),
    "mutate:gross_off": (200, 1), "refuse_connection": (None, 0), "late_commit": (None, 1),
}  # fmt: skip


def status_of(erp, body):
    """The status of a delivery; None where no whole answer comes within a second."""
    with closing(http.client.HTTPConnection("127.0.0.1", erp.port)) as connection:
        connection.connect()
        impatience = threading.Timer(1, connection.sock.shutdown, [socket.SHUT_RDWR])
        impatience.start()
        try:
            headers = {"Authorization": f"Bearer {erp.key}"}
            connection.request("POST", "/batches", json.dumps(body), headers)
            response = connection.getresponse()
            if "content-length" in response.headers:
                response.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            impatience.cancel()
        return response.status


def test_every_fault_is_tried():
    assert {name.partition(":")[0] for name in STORED} == set(KINDS)


@pytest.mark.parametrize("fault", STORED)
def test_a_fault_does_what_it_says_once(erp, fault):
    status, stored = STORED[fault]
    body = following(erp, document(5000 + list(STORED).index(fault)))
    (reference,) = references(body)
    more = {"seconds": 0.2} if fault in ("slow", "late_commit") else {}
    erp.fault(fault, **more)
    assert status_of(erp, body) == status
    time.sleep(0.3 if fault == "late_commit" else 0)
    assert len(erp.documents(reference)) == stored
    assert erp.deliver(body)[0] == 200
    assert len(erp.documents(reference)) == max(stored, 1)


@pytest.mark.parametrize(
    ("where", "lost"),
    [({"reference": "default/INV-009201"}, [0, 1]), ({"path": "GET /documents"}, [1, 1])],
)
def test_a_fault_can_be_restricted(erp, where, lost):
    body = following(erp, document(9201), document(9202))
    for reference in references(body):
        if erp.documents(reference):
            erp.lose(reference)
    erp.fault("amnesia", where=where)
    erp.deliver(body)
    assert [len(erp.documents(one)) for one in references(body)] == lost


@pytest.mark.parametrize(
    "told",
    [
        {"fault": "nothing"}, {"fault": "mutate:nothing"}, {"fault": "reject"}, {"fault": "html:x"},
        {"fault": "html", "where": {"payer": "x"}}, {"fault": "html", "times": -1}, {"fault": 1},
        {"fault": "html", "chance": 2}, {"fault": "html", "more": 1},
    ],
)  # fmt: skip
def test_a_fault_that_there_is_not_is_refused(erp, told):
    assert erp.answered("POST", "/admin/faults", told)[0] == 400


def answer(*numbers):
    found = [
        {
            "reference": f"default/INV-{n}", "customer": "acme", "currency": "EUR", "net": "10.00",
            "tax": "2.50", "gross": "12.50", "state": "registered", "bill": f"B-{n}", "reason": None,
        }
        for n in numbers
    ]  # fmt: skip
    head = {"schema": "everycent-erp/1", "batch": 1, "control": "a" * 64}
    return head | {"documents": found, "next": None, "count": len(found)}


@pytest.mark.parametrize("name", MUTATIONS)
@pytest.mark.parametrize("numbers", [(), (1,), (1, 2)])
def test_every_mutation_spoils_every_answer(name, numbers):
    if not numbers and name in ("missing_document", "empty_list"):
        return  # there is nothing to take away
    true = answer(*numbers)
    spoiled = mutated(name, true)
    assert spoiled != json.dumps(true, ensure_ascii=False).encode()
    assert true == answer(*numbers)


SPOILED = {  # mutation -> what stands in the answer
    "gross_as_number": '"gross": 12.50,', "gross_as_float": '"gross": 12.5000000000000001,',
    "gross_thousands": '"gross": "0,012.50"', "gross_comma": '"gross": "12,50"',
    "gross_exponent": '"gross": "1.250E+1"', "gross_trailing_zeros": '"gross": "12.5000"',
    "gross_negative": '"gross": "-12.50"', "gross_off": '"gross": "12.51"',
    "gross_underscore": '"gross": "0_012.50"', "gross_arabic_digits": '"gross": "١٢.٥٠"',
    "gross_nan_literal": '"gross": NaN,', "lone_surrogate": r'"bill": "B-\ud800"',
    "gross_key_twice": '"gross": "0.01", "gross": "12.50"', "batch_as_float": '"batch": 1.0,',
    "documents_key_twice": '"documents": [], "documents": [', "nul_in_text": r'"bill": "B-\u0000"',
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILED)
def test_a_mutation_spoils_what_it_names(name):
    assert SPOILED[name] in mutated(name, answer(1)).decode()


def test_a_mutation_spoils_the_document_that_is_named(erp):
    body = following(erp)
    first, second = references(body)
    erp.fault("mutate:gross_off", where={"reference": second})
    found = erp.deliver(body)[1]["documents"]
    assert [one["gross"] for one in found] == ["12.50", "12.51"]
    assert [one["gross"] for one in erp.look_up(first, second)] == ["12.50", "12.50"]


def test_the_documentation_lists_every_fault_and_every_mutation():
    text = PAGE.read_text("utf-8")
    rows = dict(re.findall(r"^\| `([a-z0-9_]+)` \| (.+) \|$", text, re.MULTILINE))
    whats = {name: mutation.what for name, mutation in MUTATIONS.items()}
    assert rows.items() >= (KINDS | whats).items()
    assert set(MUTATIONS) >= OF_DELIVERIES | OF_LISTS | UNSEEN


def test_the_page_shows_what_happened_and_takes_faults(erp):
    erp.deliver(following(erp))
    erp.double(erp.documents()[-1]["reference"])
    erp.call("POST", "/admin/faults", {"fault": "mutate:empty_list", "times": 3})
    status, page = erp.answered("GET", "/")
    assert status == 200
    for told in (b"default/INV-", b"mutate:empty_list", b"alarm", batch_digest(1)[:16].encode()):
        assert told in page


def test_the_digest_of_a_request_is_one_that_others_can_work_out():
    """Expected is what sha256sum makes of the two texts, and of its own two lines."""
    digests = [digest({"a": "é", "b": 1}), digest({"b": 1})]
    expected = "4ac2e46018ffe922c8692ed334f642459d170f8dae991d08f42e25e1a2661a7a"
    assert digest_of_all(digests) == expected
