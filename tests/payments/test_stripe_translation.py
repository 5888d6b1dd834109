"""Stripe's amounts, words and events, in ours: the tables row by row, and what can't be read."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from everycent.integrations import stripe_answers as answers
from everycent.integrations.stripe_amounts import from_stripe, scale, to_stripe
from everycent.integrations.stripe_answers import Said
from everycent.integrations.stripe_codes import CODES, REFUND_REASONS
from everycent.integrations.stripe_notices import EVENTS, check_signature, notice
from everycent.integrations.stripe_requests import creation, listing
from everycent.kernel.currency import codes, exponent
from everycent.kernel.errors import Forbidden, Invalid
from everycent.payments.failure import MAYBE, Failure, Moved, moved
from everycent.payments.provider import Ask, Kind, NoticeKind, Outcome


def words_of_the_sdk(module):
    """The quoted words in a module of the SDK, whose types name what Stripe's API knows."""
    text = Path(stripe.__file__).with_name(module).read_text("utf-8")
    return set(re.findall(r'"([a-z_.]+)"', text))


NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
INTENT = {
    "object": "payment_intent",
    "id": "pi_1",
    "amount": 1234,
    "amount_received": 0,
    "currency": "eur",
    "status": "processing",
    "metadata": {"everycent_reference": "ref-1"},
}
REFUND = {
    "object": "refund",
    "id": "re_1",
    "amount": 1234,
    "currency": "eur",
    "status": "succeeded",
    "payment_intent": "pi_1",
    "metadata": {"everycent_reference": "ref-2"},
}
DISPUTE = {
    "object": "dispute",
    "id": "du_1",
    "amount": 1234,
    "currency": "eur",
    "status": "needs_response",
    "reason": "fraudulent",
    "payment_intent": "pi_1",
    "metadata": {},
}
ASK = Ask(Kind.CHARGE, "ref-1", 1234, "EUR", "pm_1", "cus_1", "Invoice INV-1")


# --- amounts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "currency", "there"),
    [
        (1234, "EUR", 1234),
        (1, "USD", 1),
        (500, "JPY", 500),
        (5, "ISK", 500),
        (5, "UGX", 500),
        (1045, "HUF", 1045),  # whole units are wanted in payouts only
        (1045, "TWD", 1045),
        (10_000, "MGA", 100),  # two decimals after ISO, none at Stripe
        (10_050, "MGA", Failure.REFUSED),
        (5120, "KWD", 5120),
        (5124, "KWD", Failure.REFUSED),  # the last digit must be zero, and we round nothing
        (1000, "BHD", 1000),
        (100, "CLP", 100),
        (
            1000,
            "IQD",
            Failure.CURRENCY_REFUSED,
        ),  # three decimals, and not in Stripe's list of those
        (1000, "LYD", Failure.CURRENCY_REFUSED),
        (10_000, "CLF", Failure.CURRENCY_REFUSED),
        (100, "UYI", Failure.CURRENCY_REFUSED),
        (100, "XXX", Failure.CURRENCY_REFUSED),
        (100, "eur", Failure.CURRENCY_REFUSED),
        (0, "EUR", Failure.REFUSED),
        (-1, "EUR", Failure.REFUSED),
    ],
)
def test_amounts_are_counted_as_stripe_counts_them(amount, currency, there):
    assert to_stripe(amount, currency) == there


@pytest.mark.parametrize(
    ("there", "currency", "amount"),
    [
        (500, "ISK", 5),
        (550, "ISK", None),
        (500, "UGX", 5),
        (100, "MGA", 10_000),
        (5120, "KWD", 5120),
        (7, "JPY", 7),
        (7, "EUR", 7),
        (7, "LYD", None),
        (7, "???", None),
    ],
)
def test_stripes_amounts_come_back_as_iso_counts_them(there, currency, amount):
    assert from_stripe(there, currency) == amount


@given(st.sampled_from(codes()), st.integers(1, 10**9))
def test_what_stripe_takes_comes_back_as_it_was(currency, amount):
    there = to_stripe(amount, currency)
    if isinstance(there, int):
        assert from_stripe(there, currency) == amount
        assert there % scale(currency).step == 0
        assert there * 10 ** exponent(currency) == amount * 10 ** scale(currency).decimals


# --- charges ----------------------------------------------------------------------------------

ERROR = {"type": "card_error", "code": "card_declined", "decline_code": "lost_card"}


@pytest.mark.parametrize(
    ("changed", "outcome", "failure"),
    [
        ({"status": "succeeded", "amount_received": 1234}, Outcome.DONE, None),
        ({"status": "succeeded", "amount_received": 1000}, Outcome.DONE, None),
        ({"status": "processing"}, Outcome.PENDING, None),
        ({"status": "requires_capture"}, Outcome.PENDING, None),
        ({"status": "requires_action"}, Outcome.PENDING, Failure.AUTHENTICATION_REQUIRED),
        ({"status": "canceled"}, Outcome.FAILED, Failure.CANCELLED),
        (
            {"status": "requires_payment_method", "last_payment_error": ERROR},
            Outcome.FAILED,
            Failure.DECLINED_FOR_GOOD,
        ),
        ({"status": "requires_payment_method"}, Outcome.UNKNOWN, Failure.PROVIDER_ERROR),
        ({"status": "requires_confirmation"}, Outcome.UNKNOWN, Failure.PROVIDER_ERROR),
        ({"status": "canceled", "amount_received": 5}, Outcome.UNKNOWN, Failure.MALFORMED),
        ({"status": "newly_invented"}, Outcome.UNKNOWN, Failure.MALFORMED),
        ({"status": None}, Outcome.UNKNOWN, Failure.MALFORMED),
        ({"status": "succeeded", "amount_received": 12.5}, Outcome.UNKNOWN, Failure.MALFORMED),
        ({"status": "succeeded", "amount_received": True}, Outcome.UNKNOWN, Failure.MALFORMED),
        ({"status": "succeeded", "amount_received": "5"}, Outcome.UNKNOWN, Failure.MALFORMED),
        ({"status": "succeeded", "amount_received": -5}, Outcome.UNKNOWN, Failure.MALFORMED),
        (
            {"status": "succeeded", "amount_received": None},
            Outcome.UNKNOWN,
            Failure.MALFORMED,
        ),
        ({"amount": None}, Outcome.UNKNOWN, Failure.MALFORMED),
        ({"currency": "zzz"}, Outcome.UNKNOWN, Failure.MALFORMED),
        ({"currency": 7}, Outcome.UNKNOWN, Failure.MALFORMED),
        ({"id": ""}, Outcome.UNKNOWN, Failure.MALFORMED),
        ({"object": "charge"}, Outcome.UNKNOWN, Failure.MALFORMED),
    ],
)
def test_every_status_of_a_payment_has_its_outcome(changed, outcome, failure):
    answer = answers.charge(INTENT | changed, Said(200, b"{}"))
    assert (answer.outcome, answer.failure) == (outcome, failure)


def test_a_payment_tells_what_was_received_and_not_what_was_asked_for():
    told = INTENT | {"status": "succeeded", "amount_received": 1000}
    answer = answers.charge(told, Said(200, b"{}"))
    assert answer[2:6] == ("pi_1", "ref-1", 1000, "EUR")


@pytest.mark.parametrize(
    ("action", "url"),
    [
        ({"type": "redirect_to_url", "redirect_to_url": {"url": "https://a"}}, "https://a"),
        ({"verify_with_microdeposits": {"hosted_verification_url": "https://b"}}, "https://b"),
        (
            {"display_bank_transfer_instructions": {"hosted_instructions_url": "https://c"}},
            "https://c",
        ),
        ({"type": "use_stripe_sdk", "use_stripe_sdk": {}}, None),
        (None, None),
        ([], None),
    ],
)
def test_a_payment_that_waits_for_the_customer_tells_where_to_go(action, url):
    told = INTENT | {"status": "requires_action", "next_action": action}
    assert answers.charge(told, Said(200, b"{}")).action_url == url


# --- errors -----------------------------------------------------------------------------------


def error(kind="card_error", **more):
    return {"error": {"type": kind, "message": "m"} | more}


FAILED, UNKNOWN, DONE, PENDING = (
    Outcome.FAILED, Outcome.UNKNOWN, Outcome.DONE, Outcome.PENDING,
)  # fmt: skip
OPEN = INTENT | {"status": "requires_payment_method"}
ERRORS = [
    (402, error(code="card_declined", decline_code="insufficient_funds"), FAILED, Failure.DECLINED),
    (402, error(code="card_declined", decline_code="stolen_card"), FAILED, Failure.DECLINED_FOR_GOOD),
    (402, error(code="expired_card", decline_code="expired_card"), FAILED, Failure.EXPIRED_METHOD),
    (402, error(code="authentication_required"), FAILED, Failure.AUTHENTICATION_REQUIRED),
    (402, error(code="card_declined"), FAILED, Failure.DECLINED),
    (402, error(code="card_declined", decline_code="newly_invented"), FAILED, Failure.DECLINED),
    (
        402,
        error(code="card_declined", decline_code="do_not_honor", advice_code="do_not_try_again"),
        FAILED,
        Failure.DECLINED_FOR_GOOD,
    ),
    (
        402,
        error(code="expired_card", advice_code="do_not_try_again"),
        FAILED,
        Failure.EXPIRED_METHOD,
    ),
    (402, error(code="card_declined", decline_code="currency_not_supported"), FAILED,
     Failure.CURRENCY_REFUSED),
    (402, error(code="card_declined", charge="ch_1", payment_intent=OPEN), FAILED, Failure.DECLINED),
    (402, error(payment_intent=INTENT | {"status": "succeeded", "amount_received": 1234}), DONE, None),
    (402, error(payment_intent=INTENT), PENDING, None),
    (400, error("invalid_request_error", code="resource_missing", param="customer"), FAILED,
     Failure.CUSTOMER_UNKNOWN),
    (400, error("invalid_request_error", code="resource_missing", param="payment_method"), FAILED,
     Failure.CUSTOMER_UNKNOWN),
    (404, error("invalid_request_error", code="resource_missing", param="payment_intent"), FAILED,
     Failure.REFUSED),
    (400, error("invalid_request_error", param="currency"), FAILED, Failure.CURRENCY_REFUSED),
    (400, error("invalid_request_error", code="payment_method_currency_mismatch"), FAILED,
     Failure.CURRENCY_REFUSED),
    (400, error("invalid_request_error", code="amount_too_small", param="amount"), FAILED, Failure.REFUSED),
    (400, error("invalid_request_error", code="charge_already_refunded"), FAILED, Failure.REFUSED),
    (400, error("invalid_request_error"), FAILED, Failure.REFUSED),
    (401, error("invalid_request_error"), FAILED, Failure.REFUSED),
    (403, error("invalid_request_error"), FAILED, Failure.REFUSED),
    (429, error("invalid_request_error", code="rate_limit"), FAILED, Failure.RATE_LIMITED),
    (429, error("rate_limit_error"), FAILED, Failure.RATE_LIMITED),
    (429, error("invalid_request_error", code="lock_timeout"), UNKNOWN, Failure.PROVIDER_ERROR),
    (400, error("idempotency_error"), UNKNOWN, Failure.PROVIDER_ERROR),
    (409, error("idempotency_error", code="idempotency_key_in_use"), UNKNOWN, Failure.PROVIDER_ERROR),
    (409, error("invalid_request_error"), UNKNOWN, Failure.PROVIDER_ERROR),
    (400, error("api_error"), UNKNOWN, Failure.PROVIDER_ERROR),
    (402, error("newly_invented"), UNKNOWN, Failure.PROVIDER_ERROR),
    (500, error("api_error"), UNKNOWN, Failure.PROVIDER_ERROR),
    (500, {}, UNKNOWN, Failure.PROVIDER_ERROR),
    (500, error(code="card_declined"), UNKNOWN, Failure.PROVIDER_ERROR),
    (409, error(code="card_declined"), UNKNOWN, Failure.PROVIDER_ERROR),
    (503, error("api_error"), UNKNOWN, Failure.PROVIDER_ERROR),
    (500, error("invalid_request_error"), UNKNOWN, Failure.PROVIDER_ERROR),
    (404, {"message": "not Stripe"}, UNKNOWN, Failure.MALFORMED),
    (404, {"error": "invalid_grant"}, UNKNOWN, Failure.MALFORMED),
    (307, {}, UNKNOWN, Failure.MALFORMED),
]  # fmt: skip


@pytest.mark.parametrize(("status", "told", "outcome", "failure"), ERRORS)
def test_every_error_is_classified(status, told, outcome, failure):
    answer = answers.refused(told, Said(status, b"{}"))
    assert (answer.outcome, answer.failure) == (outcome, failure)
    assert answer.outcome is not UNKNOWN or answer.failure in MAYBE


def test_stripes_patience_is_passed_on():
    told = error("invalid_request_error", code="rate_limit")
    assert answers.refused(told, Said(429, b"{}", 7)).retry_after == 7


def test_an_error_tells_the_most_telling_word_and_the_payment_it_is_about():
    told = error(
        code="card_declined", decline_code="lost_card", payment_intent=INTENT | {"status": "x"}
    )
    answer = answers.refused(told, Said(402, b"{}"))
    assert (answer.code, answer.provider_id, answer.reference) == ("lost_card", "pi_1", "ref-1")


@pytest.mark.parametrize("code", sorted(CODES))
def test_no_word_for_a_decline_stands_for_money_that_may_have_moved(code):
    told = error(code="card_declined", decline_code=code)
    answer = answers.refused(told, Said(402, b"{}"))
    assert (answer.outcome, answer.failure, answer.code) == (FAILED, CODES[code], code)
    assert moved(CODES[code]) is Moved.NO


def test_codes_of_errors_are_ones_that_the_sdk_knows():
    prefixes = (
        "payment_",
        "bank_",
        "card_d",
        "charge_",
        "expired_",
        "india_",
        "invalid_expiry",
        "sepa_",
    )
    listed = {code for code in CODES if code.startswith(prefixes)}
    assert len(listed) > 15
    assert listed <= words_of_the_sdk("_payment_intent.py")


# --- refunds ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "outcome", "failure"),
    [
        ({}, DONE, None),
        ({"status": "pending"}, PENDING, None),
        ({"status": "requires_action"}, PENDING, Failure.AUTHENTICATION_REQUIRED),
        ({"status": "canceled"}, FAILED, Failure.CANCELLED),
        ({"status": "failed"}, FAILED, Failure.DECLINED),
        *(
            ({"status": "failed", "failure_reason": reason}, FAILED, failure)
            for reason, failure in REFUND_REASONS.items()
        ),
        ({"status": None}, UNKNOWN, Failure.MALFORMED),
        ({"status": "newly_invented"}, UNKNOWN, Failure.MALFORMED),
        ({"amount": 1.5}, UNKNOWN, Failure.MALFORMED),
    ],
)
def test_every_status_of_a_refund_has_its_outcome(changed, outcome, failure):
    answer = answers.refund(REFUND | changed, Said(200, b"{}"))
    assert (answer.outcome, answer.failure) == (outcome, failure)


# --- requests ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"amount": 0}, Failure.REFUSED),
        ({"amount": 5124, "currency": "KWD"}, Failure.REFUSED),
        ({"currency": "XXX"}, Failure.CURRENCY_REFUSED),
        ({"payer": ""}, Failure.CUSTOMER_UNKNOWN),
        ({"method": ""}, Failure.NO_METHOD),
        ({"reference": ""}, Failure.REFUSED),
        ({"reference": "x" * 256}, Failure.REFUSED),
        ({"reference": "a\nb"}, Failure.REFUSED),
        ({"reference": "Rechnung-Ä"}, Failure.REFUSED),
        ({"kind": Kind.REFUND}, Failure.REFUSED),
        ({"kind": Kind.REFUND, "charge": "in_1"}, Failure.REFUSED),
        ({"kind": Kind.REFUND, "charge": "pi_"}, Failure.REFUSED),
    ],
)
def test_what_stripe_cannot_take_is_refused_before_anything_is_sent(changed, why):
    assert creation(ASK._replace(**changed)) is why


def test_a_charge_is_asked_for_in_stripes_words():
    assert creation(ASK._replace(amount=5, currency="ISK")) == {
        "amount": 500,
        "currency": "isk",
        "customer": "cus_1",
        "payment_method": "pm_1",
        "description": "Invoice INV-1",
        "confirm": True,
        "off_session": True,
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        "metadata": {"everycent_reference": "ref-1"},
    }


@pytest.mark.parametrize(
    ("charge", "name"), [("pi_1", "payment_intent"), ("ch_1", "charge"), ("py_1", "charge")]
)
def test_a_refund_names_what_it_gives_back(charge, name):
    ask = ASK._replace(kind=Kind.REFUND, charge=charge)
    assert creation(ask)[name] == charge
    assert listing(ask) == {name: charge, "limit": 100}


# --- evidence ---------------------------------------------------------------------------------


def test_evidence_holds_no_secret_and_is_capped():
    body = (
        json.dumps(
            {
                "client_secret": "pi_1_secret_abcDEF123",
                "message": "Invalid API Key provided: sk_live_abc123",
            }
        ).encode()
        + b"x" * 100_000
    )
    kept = answers.evidence(body, "another-secret")
    assert b"abcDEF123" not in kept
    assert b"abc123" not in kept
    assert b"pi_1_secret_..." in kept
    assert len(kept) <= 16_384
    assert answers.evidence(b"my another-secret", "another-secret") == b"my ..."


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b'"x"', b'{"a":1,"a":2}', b'{"a":NaN}', b"\xff", b"[" * 99_999, b"{"],
)
def test_what_is_no_json_object_is_not_read(body):
    assert answers.parsed(body) is None


# --- webhooks ---------------------------------------------------------------------------------


def event(kind, about, **changed):
    return {
        "id": "evt_1",
        "object": "event",
        "type": kind,
        "created": 1_795_262_400,
        "data": {"object": about},
    } | changed


def without_reference(told):
    return told | {"metadata": {}}


PAID = INTENT | {"status": "succeeded", "amount_received": 1234}
BROKEN = INTENT | {"status": "requires_payment_method", "last_payment_error": ERROR}


@pytest.mark.parametrize(
    ("kind", "about", "wanted", "outcome", "provider_id"),
    [
        ("payment_intent.succeeded", PAID, NoticeKind.CHARGE, DONE, "pi_1"),
        ("payment_intent.succeeded", without_reference(PAID), NoticeKind.OTHER, DONE, "pi_1"),
        ("payment_intent.payment_failed", BROKEN, NoticeKind.CHARGE, FAILED, "pi_1"),
        ("payment_intent.processing", INTENT, NoticeKind.CHARGE, PENDING, "pi_1"),
        ("payment_intent.canceled", INTENT | {"status": "canceled"}, NoticeKind.CHARGE, FAILED, "pi_1"),
        ("payment_intent.requires_action", INTENT | {"status": "requires_action"}, NoticeKind.CHARGE,
         PENDING, "pi_1"),
        ("payment_intent.amount_capturable_updated", INTENT | {"status": "requires_capture"},
         NoticeKind.CHARGE, PENDING, "pi_1"),
        ("payment_intent.created", INTENT, NoticeKind.OTHER, UNKNOWN, None),
        ("refund.created", REFUND, NoticeKind.REFUND, DONE, "re_1"),
        ("refund.updated", REFUND, NoticeKind.REFUND, DONE, "re_1"),
        ("refund.failed", REFUND | {"status": "failed"}, NoticeKind.REFUND, FAILED, "re_1"),
        ("refund.created", without_reference(REFUND), NoticeKind.REFUNDED_THERE, DONE, "re_1"),
        ("refund.failed", without_reference(REFUND) | {"status": "failed"}, NoticeKind.REFUNDED_THERE,
         FAILED, "re_1"),
        ("charge.refunded", {"object": "charge"}, NoticeKind.OTHER, UNKNOWN, None),
        ("charge.dispute.created", DISPUTE, NoticeKind.OTHER, UNKNOWN, None),
        ("charge.dispute.funds_withdrawn", DISPUTE, NoticeKind.DISPUTED, DONE, "du_1"),
        ("charge.dispute.funds_reinstated", DISPUTE, NoticeKind.DISPUTE_WON, DONE, "du_1"),
        ("charge.dispute.closed", DISPUTE, NoticeKind.OTHER, UNKNOWN, None),
        ("customer.created", {"object": "customer"}, NoticeKind.OTHER, UNKNOWN, None),
    ],
)  # fmt: skip
def test_every_event_becomes_its_notice(kind, about, wanted, outcome, provider_id):
    found = notice(event(kind, about), b"raw")
    assert (found.kind, found.answer.outcome, found.answer.provider_id) == (
        wanted,
        outcome,
        provider_id,
    )
    assert (found.event_id, found.at) == ("evt_1", datetime(2026, 11, 21, 12, tzinfo=UTC))
    if wanted in (NoticeKind.DISPUTED, NoticeKind.REFUND, NoticeKind.REFUNDED_THERE):
        assert found.charge == "pi_1"


@pytest.mark.parametrize(
    "told",
    [
        None,
        {},
        event("payment_intent.succeeded", PAID, id=7),
        event("payment_intent.succeeded", PAID, type=None),
        event("payment_intent.succeeded", PAID, created="now"),
        event("payment_intent.succeeded", PAID, created=True),
        event("payment_intent.succeeded", PAID, created=10**18),
        event("payment_intent.succeeded", PAID, data=[]),
        event("payment_intent.succeeded", PAID | {"amount_received": "1"}),
        event("refund.created", {}),
    ],
)
def test_an_event_that_cannot_be_read_is_refused(told):
    with pytest.raises(Invalid) as refused:
        notice(told, b"raw")
    assert refused.value.code == "payment.bad_notice"


def test_events_are_ones_that_the_sdk_knows():
    assert set(EVENTS) <= words_of_the_sdk("_event.py")


SECRET = "whsec_test"
BODY = b'{"id":"evt_1"}'


def header(body=BODY, at=NOW, secret=SECRET):
    return stripe.WebhookSignature.generate_signature_header(
        body.decode(), secret, timestamp=int(at.timestamp())
    )


@pytest.mark.parametrize("seconds", [0, 299, 300, -300])
def test_a_signature_made_by_the_sdk_is_taken_within_five_minutes(seconds):
    check_signature(header(at=NOW - timedelta(seconds=seconds)), BODY, SECRET, NOW)


def test_one_of_several_signatures_is_enough_while_secrets_change():
    changing = header() + ",v1=" + "0" * 64
    check_signature(changing, BODY, SECRET, NOW)
    check_signature(changing.replace("t=", "v0=abc,t="), BODY, SECRET, NOW)


@pytest.mark.parametrize(
    ("told", "secret"),
    [
        (header(at=NOW - timedelta(seconds=301)), SECRET),
        (header(at=NOW + timedelta(seconds=301)), SECRET),
        (header(secret="whsec_other"), SECRET),
        (header(body=b"{}"), SECRET),
        (header().replace("v1=", "v0="), SECRET),
        (header().replace("t=", "t=1"), SECRET),
        (header().replace("t=", "t=-"), SECRET),
        (header().replace("t=", "x="), SECRET),
        (header() + "€", SECRET),
        ("", SECRET),
        ("t=,v1=", SECRET),
        ("t=9" + "9" * 99 + ",v1=" + "0" * 64, SECRET),
        ("t=²,v1=x", SECRET),
        ("v1,====,t=x,,v1=", SECRET),
        (header(secret=" "), ""),
    ],
)
def test_any_other_signature_is_refused(told, secret):
    with pytest.raises(Forbidden) as refused:
        check_signature(told, BODY, secret, NOW)
    assert refused.value.code == "payment.bad_signature"
    assert "whsec" not in str(refused.value.as_dict())
