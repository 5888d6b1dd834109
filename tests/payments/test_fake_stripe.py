"""The stand-in for Stripe's API, asked by the SDK with the SDK's own carrier and none of the adapter."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
import stripe

from everycent.fakes.stripe_form import decoded
from everycent.fakes.stripe_service import signature
from tests.payments.fake import Fake

KEY = "sk_test_stand"
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def fake(tmp_path_factory):
    fake = Fake(tmp_path_factory.mktemp("stripe"), ["--key", KEY], "stripe")
    yield fake
    fake.kill()


@pytest.fixture(scope="module")
def api(fake):
    return client(fake).v1


def client(fake, key=KEY):
    return stripe.StripeClient(key, base_addresses={"api": fake.url}, max_network_retries=0)


def params(**changed):
    return {
        "amount": 1234,
        "currency": "eur",
        "customer": f"cus_{next(NUMBERS)}",
        "payment_method": "pm_card_visa",
        "confirm": True,
        "off_session": True,
        "metadata": {"everycent_reference": f"ref-{next(NUMBERS)}"},
    } | changed


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", {}),
        ("amount=5&currency=eur", {"amount": "5", "currency": "eur"}),
        ("metadata[a]=%C3%A4+b%26&metadata[b]=", {"metadata": {"a": "ä b&", "b": ""}}),
        ("a[b][c]=1&a[b][d]=2", {"a": {"b": {"c": "1", "d": "2"}}}),
        ("created[gte]=7", {"created": {"gte": "7"}}),
    ],
)
def test_forms_become_objects(text, told):
    assert decoded(text) == told


@pytest.mark.parametrize("text", ["a", "a=1&a=2", "a=1&a[b]=2", "a[b=1", "[a]=1", "a=1&&b=2"])
def test_what_is_no_form_is_refused(text):
    with pytest.raises(ValueError):
        decoded(text)


def test_a_payment_is_made_confirmed_and_read(api):
    made = api.payment_intents.create(params(confirm=False))
    assert made.status == "requires_confirmation"
    assert made.amount_received == 0
    paid = api.payment_intents.confirm(made.id)
    assert (paid.status, paid.amount_received) == ("succeeded", 1234)
    assert api.payment_intents.retrieve(made.id).to_dict() == paid.to_dict()
    with pytest.raises(stripe.InvalidRequestError, match="succeeded"):
        api.payment_intents.confirm(made.id)
    with pytest.raises(stripe.InvalidRequestError, match="succeeded"):
        api.payment_intents.cancel(made.id)


def test_a_declined_payment_can_be_confirmed_with_another_card(api):
    with pytest.raises(stripe.CardError) as declined:
        api.payment_intents.create(params(payment_method="pm_card_chargeDeclinedLostCard"))
    error = declined.value.error
    assert (error.code, error.decline_code) == ("card_declined", "lost_card")
    assert error.payment_intent.status == "requires_payment_method"
    again = api.payment_intents.confirm(error.payment_intent.id, {"payment_method": "pm_card_visa"})
    assert again.status == "succeeded"


def test_a_payment_can_be_held_and_cancelled(api):
    held = api.payment_intents.create(params(capture_method="manual"))
    assert (held.status, held.amount_capturable) == ("requires_capture", 1234)
    assert api.payment_intents.cancel(held.id).status == "canceled"


@pytest.mark.parametrize(
    ("changed", "param"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": -5}, "amount"),
        ({"amount": "1.5"}, "amount"),
        ({"amount": 100_000_000}, "amount"),
        ({"amount": 5124, "currency": "kwd"}, "amount"),
        ({"amount": 5, "currency": "isk"}, "amount"),
        ({"currency": "EUR"}, "currency"),
        ({"customer": "nobody"}, "customer"),
        ({"payment_method": "pm_nothing"}, "payment_method"),
        ({"metadata": {"a" * 41: "b"}}, "metadata"),
    ],
)
def test_a_request_that_stripe_refuses_is_refused_with_its_parameter(api, changed, param):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.payment_intents.create(params(**changed))
    assert refused.value.param == param


def test_a_list_is_newest_first_in_pages_of_one_customer_since_a_time(api):
    asked = params()
    made = [
        api.payment_intents.create(asked | {"metadata": {"n": str(number)}}) for number in range(5)
    ]
    first = api.payment_intents.list({"customer": asked["customer"], "limit": 2})
    assert [one.id for one in first.data] == [made[4].id, made[3].id]
    assert first.has_more
    assert [one.id for one in first.auto_paging_iter()] == [one.id for one in reversed(made)]
    later = int((datetime.now(UTC) + timedelta(hours=1)).timestamp())
    none = api.payment_intents.list({"customer": asked["customer"], "created": {"gte": later}})
    assert none.data == []


def test_the_same_key_gives_the_same_answer_and_another_request_an_error(api):
    asked, options = params(), {"idempotency_key": f"key-{next(NUMBERS)}"}
    first = api.payment_intents.create(asked, options)
    again = api.payment_intents.create(asked, options)
    assert again.to_dict() == first.to_dict()
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError):
        api.payment_intents.create(asked | {"amount": 1}, options)
    with pytest.raises(stripe.IdempotencyError):
        api.refunds.create({"payment_intent": first.id}, options)


def test_what_was_refused_before_work_began_can_be_asked_again_with_its_key(api):
    asked, options = params(), {"idempotency_key": f"key-{next(NUMBERS)}"}
    with pytest.raises(stripe.InvalidRequestError):
        api.payment_intents.create(asked | {"currency": "EUR"}, options)
    assert api.payment_intents.create(asked, options).status == "succeeded"


def test_a_key_is_forgotten_after_its_window(fake, api):
    asked, options = params(), {"idempotency_key": f"key-{next(NUMBERS)}"}
    first = api.payment_intents.create(asked, options)
    fake.settings(window=0)
    try:
        second = api.payment_intents.create(asked, options)
    finally:
        fake.settings(window=86_400)
    assert first.id != second.id
    reference = asked["metadata"]["everycent_reference"]
    assert fake.summary()["charged_more_than_once"] == {reference: 2}


def test_refunds_never_exceed_what_was_taken(api):
    paid = api.payment_intents.create(params())
    part = api.refunds.create({"payment_intent": paid.id, "amount": 1000})
    assert (part.status, part.charge) == ("succeeded", paid.latest_charge)
    with pytest.raises(stripe.InvalidRequestError, match="greater than"):
        api.refunds.create({"payment_intent": paid.id, "amount": 235})
    rest = api.refunds.create({"charge": paid.latest_charge})
    assert rest.amount == 234
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.refunds.create({"payment_intent": paid.id})
    assert refused.value.code == "charge_already_refunded"
    listed = api.refunds.list({"payment_intent": paid.id})
    assert [one.id for one in listed.data] == [rest.id, part.id]
    assert api.refunds.retrieve(part.id).amount == 1000


@pytest.mark.parametrize("call", ["create", "list", "retrieve"])
def test_another_key_is_refused(fake, call):
    asked = {"create": [params()], "list": [], "retrieve": ["pi_1"]}[call]
    with pytest.raises(stripe.AuthenticationError):
        getattr(client(fake, "sk_test_other").v1.payment_intents, call)(*asked)


def test_what_there_is_not_is_told(api):
    for call in (api.payment_intents.retrieve, api.payment_intents.confirm, api.refunds.retrieve):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            call("pi_nothing")
        assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")


def test_its_webhooks_are_signed_as_the_sdk_checks_them():
    now = int(datetime.now(UTC).timestamp())
    body = b'{"id": "evt_1"}'
    assert stripe.WebhookSignature.verify_header(body, signature("s", now, body), "s", 300)


def test_its_ledger_survives_being_killed(fake, api):
    paid = api.payment_intents.create(params())
    before = fake.ledger()
    fake.restart()
    assert fake.ledger() == before
    assert api.payment_intents.retrieve(paid.id).to_dict() == paid.to_dict()
