"""The HTTP adapter keeps the contract, and each way in which a call can end has its row in a table."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycent.integrations.provider_http import HttpProvider, look_up_of, request_of
from everycent.integrations.provider_http_answers import DECLINES, REFUSALS, answer_of, found_of
from everycent.integrations.wire_connection import End, Reply
from everycent.kernel.errors import Forbidden, Invalid
from everycent.payments.failure import Failure, Moved, moved
from everycent.payments.provider import RAW_LIMIT, Ask, Kind, NoticeKind, Outcome
from tests.payments.contract import Contract, check_consistent
from tests.payments.fake import KEY, WEBHOOK_SECRET, running_fake
from tests.payments.stand_http import http_provider, http_stand, standard_headers


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    with http_stand(tmp_path_factory.mktemp("fake")) as made:
        yield made


class TestHttpProvider(Contract):
    """The contract."""


# --- the translation, row by row ------------------------------------------------------------------

ASK = Ask(Kind.CHARGE, "ref-1", 1234, "EUR", "tok_ok", "acme", "INV-000001")
REFUND = ASK._replace(kind=Kind.REFUND, charge="ch_1")
DONE, PENDING, FAILED, ABSENT, UNKNOWN = (
    Outcome.DONE, Outcome.PENDING, Outcome.FAILED, Outcome.ABSENT, Outcome.UNKNOWN,
)  # fmt: skip
F = Failure
JSON = "application/json"
CHARGE = {
    "id": "ch_1", "reference": "ref-1", "amount": 1234, "currency": "EUR", "status": "captured",
    "fee": 25, "created": "2026-01-01T00:00:00Z",
}  # fmt: skip
BACK = {
    "id": "re_1", "reference": "ref-1", "charge": "ch_1", "amount": 1234, "currency": "EUR",
    "status": "refunded",
}  # fmt: skip


def reply(status, body, kind=JSON, **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(End.ANSWERED, status, {"content-type": kind} | named, content)


def refusal(code, reference="ref-1", **more):
    told = {"error": {"code": code, "message": "no"}} | more
    return told if reference is None else told | {"reference": reference}


def charge(**changed):
    return CHARGE | changed


def without(name, of=None):
    return {key: value for key, value in (of or CHARGE).items() if key != name}


@pytest.mark.parametrize(
    ("came", "outcome", "failure"),
    [
        # no answer
        (Reply(End.NOT_SENT), FAILED, F.UNREACHABLE),
        (Reply(End.SENT_AND_LOST), UNKNOWN, F.CONNECTION_LOST),
        (Reply(End.SENT_AND_LOST, 200, {}, b'{"id":'), UNKNOWN, F.CONNECTION_LOST),
        (Reply(End.TIMED_OUT), UNKNOWN, F.TIMED_OUT),
        (Reply(End.TOO_LARGE, 200), UNKNOWN, F.MALFORMED),
        (Reply(End.GARBLED), UNKNOWN, F.MALFORMED),
        # money
        (reply(200, CHARGE), DONE, None),
        (reply(200, CHARGE, "application/json; charset=utf-8"), DONE, None),
        (reply(200, charge(status="pending")), PENDING, None),
        (reply(202, charge(status="pending", action_url="https://a.example/x",
                           error={"code": "authentication_required"})),
         PENDING, F.AUTHENTICATION_REQUIRED),
        # a 2xx that is none
        (reply(200, charge(status="failed", code="card_declined")), UNKNOWN, F.MALFORMED),
        (reply(200, charge(status="succeeded")), UNKNOWN, F.MALFORMED),
        (reply(200, charge(status="Captured")), UNKNOWN, F.MALFORMED),
        (reply(200, charge(status="refunded")), UNKNOWN, F.MALFORMED),
        (reply(200, charge(status=None)), UNKNOWN, F.MALFORMED),
        (reply(201, CHARGE), UNKNOWN, F.MALFORMED),
        (reply(202, CHARGE), UNKNOWN, F.MALFORMED),
        (reply(202, charge(status="pending")), UNKNOWN, F.MALFORMED),
        (reply(202, charge(status="pending", action_url="javascript:alert(1)",
                           error={"code": "authentication_required"})), UNKNOWN, F.MALFORMED),
        (reply(202, charge(status="pending", error={"code": "authentication_required"})),
         UNKNOWN, F.MALFORMED),
        (reply(204, b""), UNKNOWN, F.MALFORMED),
        *((reply(200, without(name)), UNKNOWN, F.MALFORMED)
          for name in ("id", "amount", "currency", "status", "fee")),
        *((reply(200, charge(amount=wrong)), UNKNOWN, F.MALFORMED)
          for wrong in (True, "1234", 1234.0, 12.34, -1, None, [1234], 2**63, 1e3)),
        *((reply(200, charge(fee=wrong)), UNKNOWN, F.MALFORMED) for wrong in (False, "0", -1, 0.0)),
        *((reply(200, charge(currency=wrong)), UNKNOWN, F.MALFORMED)
          for wrong in ("eur", "EURO", "", 978, "E R", "€UR", "EUR\n")),
        *((reply(200, charge(id=wrong)), UNKNOWN, F.MALFORMED) for wrong in (7, "", None, "x" * 300)),
        *((reply(200, charge(reference=wrong)), UNKNOWN, F.MALFORMED) for wrong in (7, "", ["ref-1"])),
        (reply(200, CHARGE, "text/html"), UNKNOWN, F.MALFORMED),
        (reply(200, CHARGE, ""), UNKNOWN, F.MALFORMED),
        (reply(200, [CHARGE]), UNKNOWN, F.MALFORMED),
        (reply(200, b"null"), UNKNOWN, F.MALFORMED),
        (reply(200, b""), UNKNOWN, F.MALFORMED),
        (reply(200, json.dumps(CHARGE).encode()[:-1]), UNKNOWN, F.MALFORMED),
        (reply(200, json.dumps(CHARGE).encode() + b"}"), UNKNOWN, F.MALFORMED),
        (reply(200, json.dumps(CHARGE).encode()[:-1] + b',"amount":1234}'), UNKNOWN, F.MALFORMED),
        (reply(200, json.dumps(CHARGE).encode()[:-1] + b',"x":NaN}'), UNKNOWN, F.MALFORMED),
        (reply(200, json.dumps(charge(description="é"), ensure_ascii=False).encode("latin-1")),
         UNKNOWN, F.MALFORMED),
        (reply(200, b"[" * 100_000), UNKNOWN, F.MALFORMED),
        # declines
        *((reply(402, refusal(code, id="ch_1")), FAILED, failure)
          for code, failure in DECLINES.items()),
        (reply(402, refusal("a_word_of_next_year")), FAILED, F.DECLINED),
        (reply(402, refusal("card_declined", None)), UNKNOWN, F.MALFORMED),
        (reply(402, refusal("card_declined", "ref-2")), UNKNOWN, F.REFERENCE_MISMATCH),
        (reply(402, {"reference": "ref-1"}), UNKNOWN, F.MALFORMED),
        (reply(402, b"<h1>Payment required</h1>", "text/html"), UNKNOWN, F.MALFORMED),
        # refusals
        *((reply(status, refusal(code)), FAILED, failure)
          for (status, code), failure in REFUSALS.items()),
        (reply(404, refusal("customer_unknown", None)), UNKNOWN, F.MALFORMED),
        (reply(404, refusal("something")), UNKNOWN, F.MALFORMED),
        (reply(404, b"<h1>Not found</h1>", "text/html"), UNKNOWN, F.MALFORMED),
        (reply(409, refusal("currency_mismatch", "ref-2")), UNKNOWN, F.REFERENCE_MISMATCH),
        (reply(409, refusal("key_reused")), UNKNOWN, F.PROVIDER_ERROR),
        (reply(409, refusal("something")), UNKNOWN, F.MALFORMED),
        *((reply(status, refusal("bad_request", None)), FAILED, F.REFUSED)
          for status in (400, 401, 403, 405, 413, 415, 422)),
        (reply(400, b"Bad request", "text/plain"), UNKNOWN, F.MALFORMED),
        (reply(408, refusal("timeout")), UNKNOWN, F.MALFORMED),
        (reply(418, refusal("teapot")), UNKNOWN, F.MALFORMED),
        # patience
        (reply(429, refusal("rate_limited"), retry_after="7"), FAILED, F.RATE_LIMITED),
        (reply(429, b"slow down", "text/plain"), FAILED, F.RATE_LIMITED),
        (reply(503, refusal("not_processed")), FAILED, F.UNAVAILABLE),
        (reply(503, refusal("not_processed", None)), FAILED, F.UNAVAILABLE),
        (reply(503, refusal("not_processed", "ref-2")), UNKNOWN, F.REFERENCE_MISMATCH),
        # trouble
        (reply(503, refusal("overloaded")), UNKNOWN, F.PROVIDER_ERROR),
        (reply(503, b"", ""), UNKNOWN, F.PROVIDER_ERROR),
        (reply(500, refusal("not_processed")), UNKNOWN, F.PROVIDER_ERROR),
        *((reply(status, b"<h1>", "text/html"), UNKNOWN, F.PROVIDER_ERROR)
          for status in (500, 502, 504, 520, 599)),
        *((reply(status, CHARGE), UNKNOWN, F.MALFORMED) for status in (301, 302, 307, 308)),
    ],
)  # fmt: skip
def test_every_end_of_a_charge_means_one_thing(came, outcome, failure):
    answer = answer_of(ASK, came)
    assert (answer.outcome, answer.failure) == (outcome, failure)
    check_consistent(answer)
    assert answer.status == came.status
    assert came.body[:RAW_LIMIT] == answer.raw


def test_what_the_provider_says_of_a_charge_is_passed_on():
    answer = answer_of(ASK, reply(200, charge(reference="other", amount=1, currency="USD")))
    assert answer[:7] == (DONE, None, "ch_1", "other", 1, "USD", 25)
    told = charge(
        status="pending",
        action_url="https://a.example/x?y=z",
        error={"code": "authentication_required"},
    )
    answer = answer_of(ASK, reply(202, told))
    assert (answer.action_url, answer.code) == (
        "https://a.example/x?y=z",
        "authentication_required",
    )
    answer = answer_of(ASK, reply(402, refusal("stolen_card", id="ch_1")))
    assert (answer.code, answer.provider_id, answer.reference) == ("stolen_card", "ch_1", "ref-1")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("999999999", 604_800),
        ("9" * 30, None),
        ("-1", None),
        ("1.5", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("²", None),
        ("", None),
    ],
)
def test_patience_is_told_in_seconds(text, seconds):
    assert answer_of(ASK, reply(429, b"", retry_after=text)).retry_after == seconds
    came = reply(503, refusal("not_processed"), retry_after=text)
    assert answer_of(ASK, came).retry_after == seconds


@pytest.mark.parametrize(
    ("came", "outcome", "failure"),
    [
        (reply(200, BACK), DONE, None),
        (reply(200, BACK | {"status": "pending"}), PENDING, None),
        (reply(200, BACK | {"status": "captured"}), UNKNOWN, F.MALFORMED),
        (reply(200, without("amount", BACK)), UNKNOWN, F.MALFORMED),
        (reply(409, refusal("already_refunded")), FAILED, F.REFUSED),
        (reply(409, refusal("too_much")), FAILED, F.REFUSED),
        (reply(402, refusal("account_closed")), FAILED, F.DECLINED_FOR_GOOD),
        (Reply(End.TIMED_OUT), UNKNOWN, F.TIMED_OUT),
    ],
)
def test_every_end_of_a_refund_means_one_thing(came, outcome, failure):
    answer = answer_of(REFUND, came)
    assert (answer.outcome, answer.failure) == (outcome, failure)
    check_consistent(answer)


def listed(*charges):
    return reply(200, {"charges": list(charges)})


FAILED_CHARGE = charge(id="ch_0", status="failed", code="stolen_card")
PENDING_CHARGE = charge(id="ch_2", status="pending")


@pytest.mark.parametrize(
    ("came", "outcome", "failure", "provider_id"),
    [
        (listed(), ABSENT, None, None),
        (listed(CHARGE), DONE, None, "ch_1"),
        (listed(CHARGE, charge(id="ch_9")), DONE, None, "ch_1"),
        (listed(FAILED_CHARGE, PENDING_CHARGE, CHARGE), DONE, None, "ch_1"),
        (listed(FAILED_CHARGE, PENDING_CHARGE), PENDING, None, "ch_2"),
        (listed(FAILED_CHARGE), FAILED, F.DECLINED_FOR_GOOD, "ch_0"),
        (listed(charge(amount=1)), DONE, None, "ch_1"),
        (listed(charge(reference="other")), UNKNOWN, F.REFERENCE_MISMATCH, None),
        (listed(CHARGE, charge(reference="other")), UNKNOWN, F.REFERENCE_MISMATCH, None),
        (listed(CHARGE, charge(amount="1")), UNKNOWN, F.MALFORMED, None),
        (listed("ch_1"), UNKNOWN, F.MALFORMED, None),
        (listed(charge(status="failed")), UNKNOWN, F.MALFORMED, None),
        (reply(200, {"charges": None}), UNKNOWN, F.MALFORMED, None),
        (reply(200, {}), UNKNOWN, F.MALFORMED, None),
        (reply(200, {"charges": []}, "text/html"), UNKNOWN, F.MALFORMED, None),
        (reply(200, b'{"charges":[],"charges":[]}'), UNKNOWN, F.MALFORMED, None),
        (reply(404, refusal("no_lookup", None)), UNKNOWN, F.PROVIDER_ERROR, None),
        (reply(404, b"<h1>", "text/html"), UNKNOWN, F.MALFORMED, None),
        (reply(401, refusal("unauthorized", None)), UNKNOWN, F.PROVIDER_ERROR, None),
        (reply(429, b"", ""), UNKNOWN, F.PROVIDER_ERROR, None),
        (reply(503, refusal("not_processed", None)), UNKNOWN, F.PROVIDER_ERROR, None),
        (reply(500, b"", ""), UNKNOWN, F.PROVIDER_ERROR, None),
        (reply(307, b"", ""), UNKNOWN, F.MALFORMED, None),
        (Reply(End.NOT_SENT), UNKNOWN, F.CONNECTION_LOST, None),
        (Reply(End.SENT_AND_LOST), UNKNOWN, F.CONNECTION_LOST, None),
        (Reply(End.TIMED_OUT), UNKNOWN, F.TIMED_OUT, None),
        (Reply(End.TOO_LARGE), UNKNOWN, F.MALFORMED, None),
        (Reply(End.GARBLED), UNKNOWN, F.MALFORMED, None),
    ],
)
def test_every_end_of_a_look_up_means_one_thing(came, outcome, failure, provider_id):
    answer = found_of(ASK, came)
    assert (answer.outcome, answer.failure, answer.provider_id) == (outcome, failure, provider_id)
    check_consistent(answer)


WORDS = st.sampled_from(["", "captured", "failed", "ref-1", "EUR", "card_declined", "ch_1", "é"])
PLAIN = st.none() | st.booleans() | st.integers(-1, 3) | st.just(2**70) | st.just(1.5) | WORDS
ANYTHING = PLAIN | st.lists(PLAIN, max_size=2) | st.dictionaries(WORDS | st.just("code"), PLAIN)


@given(
    status=st.integers(100, 999),
    told=st.dictionaries(
        st.sampled_from([*CHARGE, "error", "charges", "code", "action_url"]), ANYTHING
    ),
    kept=st.sets(st.sampled_from(sorted(CHARGE))),
)
def test_no_answer_raises_or_looks_safer_than_it_is(status, told, kept):
    body = {name: CHARGE[name] for name in kept} | told
    came = reply(status, json.dumps(body).encode())
    for answer in (answer_of(ASK, came), answer_of(REFUND, came), found_of(ASK, came)):
        check_consistent(answer)
        if answer.outcome is FAILED:
            assert moved(answer.failure) is Moved.NO


@given(content=st.binary(max_size=200), status=st.sampled_from([200, 202, 402, 404, 409, 500, 503]))
def test_no_bytes_raise(content, status):
    for answer in (answer_of(ASK, reply(status, content)), found_of(ASK, reply(status, content))):
        check_consistent(answer)
        assert answer.outcome is UNKNOWN


# --- requests -------------------------------------------------------------------------------------


def test_a_charge_is_asked_for_in_the_protocols_words():
    request = request_of(ASK, "k")
    assert request[:2] == ("POST", "/charges")
    assert request.headers["Idempotency-Key"] == ASK.reference
    assert request.headers["Authorization"] == "Bearer k"
    assert json.loads(request.body) == {
        "reference": "ref-1", "amount": 1234, "currency": "EUR", "method": "tok_ok",
        "payer": "acme", "description": "INV-000001",
    }  # fmt: skip
    assert json.loads(request_of(REFUND, "k").body) == {
        "reference": "ref-1", "charge": "ch_1", "amount": 1234, "currency": "EUR",
    }  # fmt: skip


def test_a_reference_is_quoted_where_it_stands_in_an_address():
    target = look_up_of(ASK._replace(reference="a b&c=d/é"), "k").target
    assert target == "/charges?reference=a%20b%26c%3Dd%2F%C3%A9"


@pytest.mark.parametrize("key", ["", "a b", "a\n", "a\r\nX: y", "é", "\x7f"])
def test_a_key_that_no_header_can_have_is_refused_and_not_told(key):
    with pytest.raises(Invalid) as refused:
        made(key=key)
    assert refused.value.code == "payment.bad_provider_key"
    assert refused.value.value is None


@pytest.mark.parametrize("secret", ["whsec_", "whsec_?", "whsec_abc", "é"])
def test_a_webhook_secret_that_is_none_is_refused(secret):
    with pytest.raises(Invalid) as refused:
        made(webhook_secret=secret)
    assert refused.value.code == "payment.bad_webhook_secret"


def made(**changed):
    told = {
        "url": "http://127.0.0.1:1", "key": KEY, "webhook_secret": WEBHOOK_SECRET,
        "latest_commit": timedelta(minutes=5), "concurrency": 1, "deadline": timedelta(seconds=1),
        "idempotent_for": None, "looks_up": True,
    }  # fmt: skip
    return HttpProvider(**(told | changed))


# --- webhooks -------------------------------------------------------------------------------------

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def event(kind, data, **changed):
    told = {"id": "evt_1", "type": kind, "created": "2026-11-21T11:59:59Z", "data": data}
    return json.dumps(told | changed).encode()


def heard(body, **changed):
    headers = standard_headers(WEBHOOK_SECRET, "evt_1", NOW, body) | changed
    return made().heard(headers, body, NOW)


DISPUTE = {
    "id": "dp_1", "charge": "ch_1", "reference": "ref-1", "amount": 1234, "currency": "EUR",
    "status": "open",
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "data", "notice", "outcome", "failure", "charge_id"),
    [
        ("charge.captured", CHARGE, NoticeKind.CHARGE, DONE, None, None),
        ("charge.pending", PENDING_CHARGE, NoticeKind.CHARGE, PENDING, None, None),
        ("charge.failed", FAILED_CHARGE, NoticeKind.CHARGE, FAILED, F.DECLINED_FOR_GOOD, None),
        ("refund.done", BACK, NoticeKind.REFUND, DONE, None, "ch_1"),
        ("refund.pending", BACK | {"status": "pending"}, NoticeKind.REFUND, PENDING, None, "ch_1"),
        ("refund.failed", BACK | {"status": "failed", "code": "account_closed"},
         NoticeKind.REFUND, FAILED, F.DECLINED_FOR_GOOD, "ch_1"),
        ("dispute.created", DISPUTE, NoticeKind.DISPUTED, DONE, None, "ch_1"),
        ("dispute.won", DISPUTE, NoticeKind.DISPUTE_WON, DONE, None, "ch_1"),
        ("refund.created_there", BACK, NoticeKind.REFUNDED_THERE, DONE, None, "ch_1"),
        ("payout.made", {}, NoticeKind.OTHER, UNKNOWN, F.MALFORMED, None),
    ],
)  # fmt: skip
def test_every_event_becomes_a_notice(kind, data, notice, outcome, failure, charge_id):
    (found,) = heard(event(kind, data))
    assert (found.event_id, found.kind, found.charge) == ("evt_1", notice, charge_id)
    assert (found.answer.outcome, found.answer.failure) == (outcome, failure)
    assert found.answer.provider_id == data.get("id")
    assert found.at == datetime(2026, 11, 21, 11, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "body",
    [
        event("charge.captured", PENDING_CHARGE),
        event("charge.failed", charge(status="failed")),
        event("charge.captured", charge(amount="1234")),
        event("charge.captured", None),
        event("charge.captured", CHARGE, id=None),
        event("charge.captured", CHARGE, created="yesterday"),
        event("charge.captured", CHARGE, created="2026-11-21T11:59:59"),
        event("refund.done", without("charge", BACK)),
        event("dispute.created", without("charge", DISPUTE)),
        event("dispute.created", DISPUTE | {"amount": 0}),
        event("dispute.created", DISPUTE | {"amount": True}),
        event("dispute.created", DISPUTE | {"currency": "eur"}),
    ],
)
def test_an_event_that_contradicts_itself_is_refused(body):
    with pytest.raises(Invalid) as refused:
        heard(body)
    assert refused.value.code == "payment.bad_notice"


@pytest.mark.parametrize(
    ("signature", "is_taken"),
    [
        ("{right}", True),
        ("v1,AAAA {right}", True),
        ("v2,AAAA {right} v1,", True),
        (" ".join(["v1,AAAA"] * 20) + " {right}", False),
        ("{right}x", False),
        ("v1a,{bare}", False),
        ("{bare}", False),
        ("", False),
    ],
)
def test_one_of_several_signatures_has_to_be_right(signature, is_taken):
    body = event("charge.captured", CHARGE)
    right = standard_headers(WEBHOOK_SECRET, "evt_1", NOW, body)["webhook-signature"]
    told = signature.format(right=right, bare=right.partition(",")[2])
    if is_taken:
        assert heard(body, **{"webhook-signature": told})
        return
    with pytest.raises(Forbidden):
        heard(body, **{"webhook-signature": told})


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("text", ["", "x", "-1", "1e9", "9" * 400])
def test_every_header_is_covered_by_the_signature(name, text):
    with pytest.raises(Forbidden) as refused:
        heard(event("charge.captured", CHARGE), **{name: text})
    assert refused.value.code == "payment.bad_signature"


def test_the_published_example_of_standard_webhooks_is_signed_as_here():
    # the example of the specification's reference libraries
    body = b'{"test": 2432232314}'
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = standard_headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    with pytest.raises(Invalid):  # rightly signed, though nothing that could be read
        made(webhook_secret=secret).heard(headers, body, at)


def test_without_a_secret_no_webhook_is_believed():
    body = event("charge.captured", CHARGE)
    for secret in ("whsec_", "whsec_" + "bm9uZQ=="):  # the bytes that stand in for none
        headers = standard_headers(secret, "evt_1", NOW, body)
        with pytest.raises(Forbidden):
            made(webhook_secret="").heard(headers, body, NOW)


# --- against the fake provider's modes ------------------------------------------------------------


def send_twice(fake, **changed):
    async def twice():
        provider = http_provider(fake)
        try:
            return [await provider.send(ASK), await provider.send(ASK._replace(**changed))]
        finally:
            await provider.close()

    return asyncio.run(twice())


@pytest.mark.parametrize(
    ("mode", "changed", "outcome", "failure", "charges"),
    [
        ("idempotent", {}, DONE, None, 1),
        ("idempotent", {"amount": 99}, UNKNOWN, F.PROVIDER_ERROR, 1),
        ("forgetful", {}, DONE, None, 2),
        ("forgetful", {"amount": 99}, DONE, None, 2),
    ],
)
def test_the_same_reference_sent_again(tmp_path, mode, changed, outcome, failure, charges):
    with running_fake(tmp_path, mode=mode) as fake:
        answers = send_twice(fake, **changed)
        assert (answers[1].outcome, answers[1].failure) == (outcome, failure)
        assert len(fake.captured(ASK.reference)) == charges
        assert fake.summary()["charged_more_than_once"] == ({} if charges == 1 else {"ref-1": 2})
        if charges == 1 and not changed:
            assert answers[0].provider_id == answers[1].provider_id


def test_a_provider_without_look_up_says_nothing(tmp_path):
    with running_fake(tmp_path, looks_up=False) as fake:
        provider = http_provider(fake)

        async def look_up():
            try:
                await provider.send(ASK)
                return await provider.look_up(ASK)
            finally:
                await provider.close()

        found = asyncio.run(look_up())
        assert (found.outcome, found.code) == (UNKNOWN, "no_lookup")


def test_no_more_calls_are_under_way_than_allowed(tmp_path):
    async def crowd(fake):
        provider = http_provider(fake, concurrency=4)
        asks = [ASK._replace(reference=f"ref-{number}") for number in range(24)]
        answers = await asyncio.gather(*map(provider.send, asks))
        await provider.close()
        return answers

    with running_fake(tmp_path, options=("--latency", "30")) as fake:
        assert {answer.outcome for answer in asyncio.run(crowd(fake))} == {DONE}
        assert fake.summary()["most_open_calls"] == 4


def test_a_secret_that_the_provider_repeats_is_not_kept():
    provider = made(key="sk_very_secret")
    answer = answer_of(ASK, reply(500, b"you sent Bearer sk_very_secret", "text/plain"))
    assert provider._without_secrets(answer).raw == b"you sent Bearer ***"
    assert "sk_very_secret" not in repr(provider)
