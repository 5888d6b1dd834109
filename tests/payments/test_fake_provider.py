"""The fake provider is a judge to rely on: its ledger survives SIGKILL, and it does what it says."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import random
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urljoin

import pytest

from everycent.integrations.provider_http_webhooks import check, notice_of
from everycent.kernel.errors import Forbidden
from everycent.payments.failure import Failure
from everycent.payments.provider import Ask, Kind, NoticeKind, Outcome
from tests.payments.fake import KEY, WEBHOOK_SECRET, mailbox, running_fake
from tests.payments.stand_http import http_provider

PAGE = Path(__file__).parents[2] / "docs" / "fake-provider.md"
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}


def body(name, /, **changed):
    told = {
        "reference": name, "amount": 1000, "currency": "EUR", "method": "tok_ok",
        "payer": "acme", "description": "INV-000001",
    }  # fmt: skip
    return told | changed


def charge(fake, name, /, **changed):
    headers = AUTHORIZED | {"Idempotency_Key": name}
    return fake.answered("POST", "/charges", body(name, **changed), **headers)


def refund(fake, reference, charge_id, amount=1000, currency="EUR"):
    told = {
        "reference": reference, "charge": charge_id, "amount": amount, "currency": currency,
    }  # fmt: skip
    return fake.answered("POST", "/refunds", told, **AUTHORIZED | {"Idempotency_Key": reference})


@pytest.fixture(scope="module")
def box():
    with mailbox() as opened:
        yield opened


@pytest.fixture(scope="module")
def fake(tmp_path_factory, box):
    with running_fake(tmp_path_factory.mktemp("fake"), webhook=box.url) as running:
        yield running


@pytest.fixture(autouse=True)
def as_it_was(fake, box):
    yield
    fake.clear()
    fake.settings(
        mode="idempotent", looks_up=True, latency=0, strict=False, window=86_400,
        fee_basis_points=0,
        webhook={"url": box.url, "duplicate": 1, "shuffle": False, "drop": False, "delay": 0,
                 "sign_wrongly": False, "attempts": 8, "gap": 500},
    )  # fmt: skip


# --- the ledger on the disk -----------------------------------------------------------------------


def test_nothing_that_was_answered_is_lost_by_sigkill(tmp_path):
    chance = random.Random(5)
    answered, lock = {}, threading.Lock()

    def charge_until_it_dies(fake, worker, turn):
        number = 0
        while True:
            reference = f"r-{turn}-{worker}-{number}"
            try:
                status, told = charge(fake, reference)
            except (OSError, http.client.HTTPException):
                return
            assert status == 200
            with lock:
                answered[reference] = told["id"]
            number += 1

    with running_fake(tmp_path) as fake:
        for turn in range(5):
            with ThreadPoolExecutor(8) as threads:
                for worker in range(8):
                    threads.submit(charge_until_it_dies, fake, worker, turn)
                time.sleep(0.1 + chance.random() / 5)
                fake.kill()
            fake.start()
            kept = {one["reference"]: one["id"] for one in fake.captured()}
            assert answered.items() <= kept.items()
            assert len(kept) == len(fake.captured())
        assert len(answered) > 50
        sums = fake.summary()
        assert sums["currencies"]["EUR"]["captured"] == 1000 * len(fake.captured())


def test_a_torn_last_line_is_cut_off_and_the_rest_is_kept(tmp_path):
    with running_fake(tmp_path) as fake:
        charge(fake, "r1")
        charge(fake, "r2")
        before = fake.ledger()
        fake.kill()
        path = tmp_path / "ledger.jsonl"
        whole = path.read_bytes()
        for size in (1, 30, 200):
            path.write_bytes(whole + whole[:size].replace(b"\n", b""))
            fake.start()
            assert fake.ledger() == before
            fake.kill()
            assert path.read_bytes() == whole
        fake.start()
        assert charge(fake, "r3")[1]["id"] == "ch_00000003"


# --- the protocol ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": -1}, "amount"),
        ({"amount": "1000"}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": 10.5}, "amount"),
        ({"amount": 2**63}, "amount"),
        ({"currency": "eur"}, "currency"),
        ({"currency": None}, "currency"),
        ({"method": ""}, "method"),
        ({"payer": 7}, "payer"),
        ({"description": None}, "description"),
        ({"reference": ""}, "reference"),
        ({"reference": "\ud800"}, "reference"),
    ],
)
def test_a_request_that_is_none_is_refused_with_its_field(fake, changed, field):
    before = fake.summary()["charges"]
    status, told = charge(fake, "bad-1", **changed)
    assert (status, told["error"]["code"], told["field"]) == (400, "bad_request", field)
    assert fake.summary()["charges"] == before


def test_a_request_without_the_key_is_refused(fake):
    for headers in ({}, {"Authorization": "Bearer other"}, {"Authorization": f"Basic {KEY}"}):
        assert fake.answered("POST", "/charges", body("r"), **headers)[0] == 401
        assert fake.answered("GET", "/charges?reference=r", **headers)[0] == 401


def test_the_idempotent_mode_answers_again_what_it_answered(fake):
    first = charge(fake, "idem-1")
    assert charge(fake, "idem-1") == first
    status, told = charge(fake, "idem-1", amount=1)
    assert (status, told["error"]["code"]) == (409, "key_reused")
    declined = charge(fake, "idem-2", method="tok_insufficient_funds")
    assert charge(fake, "idem-2", method="tok_insufficient_funds") == declined
    fake.restart()
    assert charge(fake, "idem-1") == first
    fake.settings(window=0)
    assert charge(fake, "idem-1")[1]["id"] != first[1]["id"]
    assert fake.summary()["charged_more_than_once"]["idem-1"] == 2


def test_the_forgetful_mode_charges_again(fake):
    fake.settings(mode="forgetful")
    assert charge(fake, "twice-1")[1]["id"] != charge(fake, "twice-1")[1]["id"]
    assert len(fake.captured("twice-1")) == 2


def test_the_same_request_many_times_at_once_is_one_charge(fake):
    with ThreadPoolExecutor(16) as threads:
        told = list(threads.map(lambda _: charge(fake, "crowd-1")[1]["id"], range(32)))
    assert len(set(told)) == 1
    assert len(fake.charges("crowd-1")) == 1
    assert fake.ledger()["requests"]["crowd-1"] == 32


def test_accounts_pay_what_they_hold_in_their_own_currency(fake):
    fake.customer("antaeus", "DKK", 1500)
    steps = [
        (charge(fake, "acc-1", payer="antaeus")[1], "currency_mismatch"),
        (charge(fake, "acc-2", payer="antaeus", currency="DKK")[1], None),
        (charge(fake, "acc-3", payer="antaeus", currency="DKK")[1], "insufficient_funds"),
        (charge(fake, "acc-4", payer="antaeus", currency="DKK", amount=500)[1], None),
    ]
    assert [told.get("error", {}).get("code") for told, _ in steps] == [code for _, code in steps]
    refund(fake, "acc-5", steps[1][0]["id"], 300, "DKK")
    (customer,) = [c for c in fake.ledger()["customers"] if c["id"] == "antaeus"]
    assert customer["balance"] == 300


def test_the_strict_fake_refuses_who_is_not_known(fake):
    fake.settings(strict=True)
    status, told = charge(fake, "strict-1", payer="nobody")
    assert (status, told["error"]["code"]) == (404, "customer_unknown")
    fake.settings(strict=False)
    assert charge(fake, "strict-2", payer="nobody")[0] == 200
    assert charge(fake, "strict-3", method="tok_method_unknown")[1]["error"]["code"] == (
        "method_unknown"
    )


def test_no_more_is_given_back_than_was_taken(fake):
    taken = charge(fake, "back-1")[1]["id"]
    declined = charge(fake, "back-2", method="tok_card_declined")[1]["id"]
    table = [
        (refund(fake, "b-1", "ch_none"), 404, "charge_unknown"),
        (refund(fake, "b-2", declined), 409, "not_captured"),
        (refund(fake, "b-3", taken, currency="USD"), 409, "currency_mismatch"),
        (refund(fake, "b-4", taken, 1001), 409, "too_much"),
        (refund(fake, "b-5", taken, 400), 200, None),
        (refund(fake, "b-6", taken, 601), 409, "too_much"),
        (refund(fake, "b-7", taken, 600), 200, None),
        (refund(fake, "b-8", taken, 1), 409, "already_refunded"),
    ]
    for (status, told), wanted, code in table:
        assert (status, told.get("error", {}).get("code")) == (wanted, code)
    assert (
        fake.answered("GET", "/refunds?reference=b-5", **AUTHORIZED)[1]["refunds"][0]["amount"]
        == 400
    )


def test_the_fee_is_whole_and_never_more_than_its_part(fake):
    fake.settings(fee_basis_points=149)
    assert charge(fake, "fee-1", amount=9999)[1]["fee"] == 148  # 148.98, down


# --- faults ---------------------------------------------------------------------------------------


def test_a_fault_happens_as_often_as_it_was_put_and_only_where(fake):
    fake.fault("error_500_before", times=2, where={"payer": "unlucky"})
    codes = [charge(fake, f"f-{n}", payer="unlucky")[0] for n in range(3)]
    assert codes == [500, 500, 200]
    fake.fault("error_502", times=None, where={"reference": "f-9"})
    assert [charge(fake, "f-9")[0], charge(fake, "f-9")[0], charge(fake, "f-8")[0]] == [
        502,
        502,
        200,
    ]
    number = fake.call("GET", "/admin/faults")["faults"][-1]["id"]
    fake.call("DELETE", f"/admin/faults/{number}")
    assert charge(fake, "f-9")[0] == 200
    assert fake.answered("DELETE", "/admin/faults/99999")[0] == 404


def test_a_pending_charge_is_settled_by_the_clock_even_over_a_restart(fake, box):
    fake.fault("pending", seconds=1, where={"reference": "p-1"})
    fake.fault("pending", seconds=1, code="stolen_card", where={"reference": "p-2"})
    assert charge(fake, "p-1")[1]["status"] == "pending"
    assert charge(fake, "p-2")[1]["status"] == "pending"
    fake.restart()
    until = time.monotonic() + 5
    while fake.charges("p-2")[0]["status"] == "pending" and time.monotonic() < until:
        time.sleep(0.05)
    (first,), (second,) = fake.charges("p-1"), fake.charges("p-2")
    assert (first["status"], second["status"], second["code"]) == (
        "captured", "failed", "stolen_card",
    )  # fmt: skip
    captured = box.wait_for(lambda _, content: b"p-1" in content and b"charge.captured" in content)
    assert captured
    assert b"charge.pending" in box.about("p-1")[0][1]


def test_what_is_pending_can_be_settled_by_hand(fake):
    fake.fault("authentication", where={"reference": "hand-1"})
    status, told = charge(fake, "hand-1")
    assert (status, told["status"], told["error"]["code"]) == (
        202, "pending", "authentication_required",
    )  # fmt: skip
    assert told["action_url"].startswith("https://")
    fake.call("POST", f"/admin/charges/{told['id']}/capture")
    assert len(fake.captured("hand-1")) == 1
    assert fake.answered("POST", f"/admin/charges/{told['id']}/fail")[0] == 409
    assert fake.answered("POST", "/admin/charges/ch_none/fail")[0] == 404


def test_a_late_commit_charges_although_the_client_is_gone_and_once_if_asked_again(fake):
    fake.fault("late_commit", seconds=1, where={"reference": "late-1"})

    async def impatient():
        provider = http_provider(fake, deadline=timedelta(milliseconds=200))
        ask = Ask(Kind.CHARGE, "late-1", 1000, "EUR", "tok_ok", "acme", "INV-000001")
        try:
            return await provider.send(ask), await provider.look_up(ask)
        finally:
            await provider.close()

    answer, found = asyncio.run(impatient())
    assert (answer.failure, found.outcome) == (Failure.TIMED_OUT, Outcome.ABSENT)
    status, again = charge(fake, "late-1")
    time.sleep(1.2)
    assert status == 200
    assert [one["id"] for one in fake.captured("late-1")] == [again["id"]]


def test_partial_and_wrong_amounts_are_in_the_ledger_as_they_were_taken(fake):
    table = [
        ("partial", {"amount": 300}, 300, 300),
        ("partial", {}, 500, 500),
        ("wrong_amount_charged", {"amount": 1200}, 1200, 1200),
        ("wrong_amount_charged", {}, 1001, 1001),
        ("wrong_amount", {}, 1001, 1000),
    ]
    for number, (name, told, said, taken) in enumerate(table):
        reference = f"amount-{number}"
        fake.fault(name, where={"reference": reference}, **told)
        assert charge(fake, reference)[1]["amount"] == said
        assert fake.captured(reference)[0]["amount"] == taken


def test_a_look_up_can_forget(fake):
    charge(fake, "forget-1")
    fake.fault("forget_lookup", where={"reference": "forget-1"})
    found = [
        fake.answered("GET", "/charges?reference=forget-1", **AUTHORIZED)[1]["charges"]
        for _ in range(2)
    ]
    assert list(map(len, found)) == [0, 1]


def test_calls_under_way_are_counted(fake):
    fake.settings(latency=300)
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda n: charge(fake, f"open-{n}"), range(6)))
    told = fake.summary()
    assert told["open_calls"] == 0
    assert told["most_open_calls"] >= 6


# --- webhooks -------------------------------------------------------------------------------------


def heard(taken):
    return [json.loads(content) for _, content in taken]


def test_events_tell_everything_that_happens_to_a_charge(fake, box):
    made = charge(fake, "story-1")[1]["id"]
    refund(fake, "story-2", made, 100)
    fake.call("POST", f"/admin/charges/{made}/refund", {"amount": 50})
    fake.call("POST", f"/admin/charges/{made}/dispute")
    fake.call("POST", f"/admin/charges/{made}/win")
    about = box.wait_for(lambda _, content: made.encode() in content, 5)
    events = sorted(heard(about), key=lambda event: event["id"])
    assert [event["type"] for event in events] == [
        "charge.captured", "refund.done", "refund.created_there", "dispute.created", "dispute.won",
    ]  # fmt: skip
    notices = [notice_of(content) for _, content in about]
    there = next(notice for notice in notices if notice.kind is NoticeKind.REFUNDED_THERE)
    assert (there.charge, there.answer.amount) == (made, 50)
    assert fake.answered("POST", f"/admin/charges/{made}/win")[0] == 409
    assert fake.answered("POST", f"/admin/charges/{made}/refund", {"amount": 5000})[0] == 409


def test_an_event_is_sent_again_until_it_is_taken_even_over_a_restart(fake, box):
    fake.settings(webhook={"gap": 50})
    box.status = 500
    charge(fake, "again-1")
    assert len(box.about("again-1", 3)) >= 3
    fake.kill()
    box.status = 200
    before = len(box.about("again-1"))
    fake.start()
    deliveries = box.about("again-1", before + 1)
    assert len({headers["webhook-id"] for headers, _ in deliveries}) == 1
    time.sleep(0.6)
    after = len(box.about("again-1"))
    fake.restart()
    time.sleep(0.5)
    assert len(box.about("again-1")) == after, "what was taken is not sent again"


def test_webhooks_can_be_duplicated_dropped_shuffled_and_wrongly_signed(fake, box):
    fake.settings(webhook={"duplicate": 3})
    charge(fake, "dup-1")
    assert len(box.about("dup-1", 3)) == 3
    fake.settings(webhook={"duplicate": 1, "drop": True})
    dropped = charge(fake, "drop-1")[1]["id"]
    fake.settings(webhook={"drop": False, "shuffle": True})
    for number in range(12):
        charge(fake, f"shuf-{number:02d}")
    order = [event["data"]["reference"] for event in heard(box.about("shuf-", 12))]
    assert len(order) == 12
    assert order != sorted(order)
    assert not [c for _, c in box.taken if dropped.encode() in c]
    fake.settings(webhook={"shuffle": False, "sign_wrongly": True})
    charge(fake, "sign-1")
    ((headers, content),) = box.about("sign-1")
    at = datetime.now(UTC)
    with pytest.raises(Forbidden):
        check(base64.b64decode(WEBHOOK_SECRET[6:]), headers, content, at)


def test_events_of_the_ledger_can_be_sent_once_more(fake, box):
    charge(fake, "more-1")
    ((_, content),) = box.about("more-1")
    event_id = json.loads(content)["id"]
    sent = fake.call("POST", "/admin/webhooks/send", {"events": [event_id], "duplicate": 2})
    assert sent == {"sent": 1}
    assert [c for _, c in box.about("more-1", 3)] == [content] * 3


@pytest.mark.parametrize(
    "told",
    [{"mode": "careless"}, {"latency": -1}, {"latency": "1"}, {"colour": 1}, {"webhook": 7},
     {"webhook": {"duplicate": "x"}}, {"webhook": {"url": "ftp://x"}},
     {"webhook": {"secret": "whsec_?"}}, {"looks_up": 1}],
)  # fmt: skip
def test_a_setting_that_makes_no_sense_is_refused_and_nothing_changes(fake, told):
    before = fake.call("GET", "/admin/settings")
    status, answer = fake.answered("POST", "/admin/settings", told)
    assert (status, answer["error"]["code"].partition(".")[0]) == (400, "fake")
    assert fake.call("GET", "/admin/settings") == before


def test_no_secret_is_shown_by_the_admin_api_or_the_page(fake):
    shown = json.dumps(fake.call("GET", "/admin/settings")) + fake.answered("GET", "/")[1].decode()
    assert KEY not in shown
    assert WEBHOOK_SECRET not in shown


# --- the page and the command ---------------------------------------------------------------------


def test_the_page_shows_the_ledger_and_its_forms_switch(fake):
    charge(fake, "<b>page-1</b>")
    text = fake.answered("GET", "/")[1].decode()
    assert "&lt;b&gt;page-1&lt;/b&gt;" in text
    assert "10.00 EUR" in text
    assert "http" not in re.sub(r"http-equiv", "", text), "nothing is fetched from elsewhere"
    form(
        fake, "/page/faults", "fault=decline%3Alost_card&times=&seconds=1.5&chance=0.5&reference=zz"
    )
    (fault,) = fake.call("GET", "/admin/faults")["faults"]
    assert (fault["fault"], fault["times"], fault["seconds"], fault["chance"], fault["where"]) == (
        "decline:lost_card", None, "1.5", "0.5", {"reference": "zz"},
    )  # fmt: skip
    assert "decline:lost_card" in fake.answered("GET", "/")[1].decode()
    form(fake, f"/page/faults/{fault['id']}", "")
    assert fake.call("GET", "/admin/faults")["faults"] == []
    form(fake, "/page/settings", "mode=forgetful&looks_up=&latency=5&strict=1")
    told = fake.call("GET", "/admin/settings")
    assert (told["mode"], told["looks_up"], told["latency"], told["strict"]) == (
        "forgetful", False, 5, True,
    )  # fmt: skip
    fake.settings(strict=False)
    made = charge(fake, "page-2")[1]["id"]
    form(fake, f"/page/charges/{made}/dispute", "")
    assert f"page/charges/{made}/win" in fake.answered("GET", "/")[1].decode()


def form(fake, path, content):
    connection = http.client.HTTPConnection("127.0.0.1", fake.port)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", path, content, kind)
    response = connection.getresponse()
    assert response.status == 303, response.read()
    assert urljoin(path, response.headers["location"]) == "/"
    connection.close()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--webhook", "http://127.0.0.1:1", "--webhook-secret", "whsec_?"], "fake.bad_secret"),
        (["--webhook", "gopher://x"], "fake.bad_setting"),
        (["--host", "203.0.113.1"], "fake.no_address"),
    ],
)
def test_the_command_refuses_what_makes_no_sense(tmp_path, options, code):
    command = [str(Path(sys.executable).with_name("everycent")), "fake", "provider", "--port", "0"]
    done = subprocess.run(
        [*command, "--data", str(tmp_path), "--json", *options],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert json.loads(done.stderr)["error"]["code"] == code


# --- the documentation ----------------------------------------------------------------------------


def test_the_examples_of_the_documentation_are_answered_as_they_say(tmp_path):
    examples = [
        json.loads(text) for text in re.findall("```json\n(.*?)\n```", PAGE.read_text("utf-8"))
    ]
    ask, answer, back, given, fault, event = examples
    headers = {name: AUTHORIZED | {"Idempotency_Key": name} for name in ("inv-12-1", "back-12-1")}
    with mailbox() as box, running_fake(tmp_path, webhook=box.url) as fake:
        status, told = fake.answered("POST", "/charges", ask, **headers["inv-12-1"])
        assert (status, told | {"created": answer["created"]}) == (200, answer)
        status, told = fake.answered("POST", "/refunds", back, **headers["back-12-1"])
        assert (status, told | {"created": given["created"]}) == (200, given)
        first = json.loads(box.about("inv-12-1")[0][1])
        assert [first["id"], first["type"], first.keys()] == [
            event["id"],
            event["type"],
            event.keys(),
        ]
        fake.call("POST", "/admin/faults", fault)
        with pytest.raises((OSError, http.client.HTTPException)):
            fake.answered("POST", "/charges", ask, **headers["inv-12-1"])
