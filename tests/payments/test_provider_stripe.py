"""The Stripe adapter through its SDK, against the stand-in: the contract of all adapters, and its own."""

import asyncio
import itertools
import json
import os
import sys
from datetime import timedelta

import pytest

from everycent.integrations.provider_stripe import StripeProvider
from everycent.integrations.stripe_amounts import from_stripe
from everycent.kernel.errors import Invalid, Unavailable
from everycent.payments.failure import MAYBE, Failure
from everycent.payments.provider import Ask, Kind, NoticeKind, Outcome
from tests.payments.contract import (
    DEADLINE,
    Case,
    Contract,
    Movement,
    done,
    heard,
    looked_up,
    refund_of,
    sent,
)
from tests.payments.fake import Fake, mailbox
from tests.payments.test_stripe_translation import ERRORS, INTENT

KEY = "sk_test_stand"
SECRET = "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cyBvZiBldmVyeWNlbnQ="


class StripeStand:
    """The stand-in as the contract wants it. Every ask has a customer of its own, because faults of a
    look-up are put for the customer: Stripe's lists don't know our references."""

    secrets = (KEY, SECRET)
    declined_method = "pm_card_chargeDeclinedInsufficientFunds"

    def __init__(self, folder, box):
        self.cannot = {}
        # Stripe promises nothing about 503: it may have charged.
        unknown = Case("error_503_not_processed", Outcome.UNKNOWN, Failure.PROVIDER_ERROR, 0)
        self.differing = {unknown.fault: unknown}
        self.box = box
        told = ["--key", KEY, "--webhook", box.url, "--webhook-secret", SECRET]
        self.fake = Fake(folder, told, "stripe")
        self._numbers = itertools.count(1)

    def adapter(self, deadline=timedelta(seconds=10)):
        return StripeProvider(KEY, SECRET, url=self.fake.url, deadline=deadline)

    def ask(self, **changed):
        number = next(self._numbers)
        ask = Ask(
            Kind.CHARGE,
            f"ref-{os.getpid()}-{number:06d}",
            4321,
            "EUR",
            "pm_card_visa",
            f"cus_{number:06d}",
            "Invoice INV-000001",
        )
        return ask._replace(**changed)

    def fault(self, name, ask, *, look_up=False, seconds=None):
        kind = "refunds" if ask.kind is Kind.REFUND else "payment_intents"
        where = {"reference": ask.reference}
        if look_up:
            where = {"payer": ask.payer, "path": f"GET /v1/{kind}"}
        self.fake.fault(name, where=where, seconds=seconds)

    def movements(self, reference):
        ledger = self.fake.call("GET", f"/admin/ledger?reference={reference}")
        return [
            Movement(
                row["id"],
                kind,
                reference,
                from_stripe(row["amount"], row["currency"]),
                row["currency"],
                row["status"] == status,
            )
            for name, kind, status in (
                ("charges", Kind.CHARGE, "captured"),
                ("refunds", Kind.REFUND, "refunded"),
            )
            for row in ledger[name]
        ]

    def requests(self, reference):
        return self.fake.call("GET", f"/admin/ledger?reference={reference}")["requests"][reference]

    def webhooks(self, reference):
        named = {reference, *(movement.provider_id for movement in self.movements(reference))}
        return self.box.wait_for(lambda _, body: any(n.encode() in body for n in named))

    def signed(self, body, at):
        import hashlib
        import hmac

        seconds = str(int(at.timestamp()))
        digest = hmac.new(SECRET.encode(), seconds.encode() + b"." + body, hashlib.sha256)
        return {"stripe-signature": f"t={seconds},v1={digest.hexdigest()}"}

    def dispute(self, provider_id):
        self.fake.call("POST", f"/admin/charges/{provider_id}/dispute", {})

    def stop(self):
        self.fake.kill()

    def start(self):
        self.fake.start()


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    with mailbox() as box:
        stand = StripeStand(tmp_path_factory.mktemp("stripe"), box)
        try:
            yield stand
        finally:
            stand.fake.kill()


class TestStripe(Contract):
    """The contract of all adapters."""


# --- payment methods --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "outcome", "failure"),
    [
        ("pm_card_visa", Outcome.DONE, None),
        ("pm_card_mastercard", Outcome.DONE, None),
        ("pm_card_chargeDeclined", Outcome.FAILED, Failure.DECLINED),
        ("pm_card_chargeDeclinedInsufficientFunds", Outcome.FAILED, Failure.DECLINED),
        ("pm_card_chargeDeclinedProcessingError", Outcome.FAILED, Failure.DECLINED),
        ("pm_card_chargeDeclinedVelocityLimitExceeded", Outcome.FAILED, Failure.DECLINED),
        ("pm_card_chargeDeclinedLostCard", Outcome.FAILED, Failure.DECLINED_FOR_GOOD),
        ("pm_card_chargeDeclinedStolenCard", Outcome.FAILED, Failure.DECLINED_FOR_GOOD),
        ("pm_card_chargeDeclinedFraudulent", Outcome.FAILED, Failure.DECLINED_FOR_GOOD),
        ("pm_card_chargeDeclinedIncorrectCvc", Outcome.FAILED, Failure.DECLINED_FOR_GOOD),
        ("pm_card_chargeDeclinedExpiredCard", Outcome.FAILED, Failure.EXPIRED_METHOD),
        ("pm_card_authenticationRequired", Outcome.FAILED, Failure.AUTHENTICATION_REQUIRED),
        ("pm_nobody_has_this", Outcome.FAILED, Failure.CUSTOMER_UNKNOWN),
    ],
)
def test_a_test_method_does_what_its_name_says(stand, method, outcome, failure):
    answer = sent(stand, stand.ask(method=method))
    assert (answer.outcome, answer.failure) == (outcome, failure)


def test_a_customer_that_stripe_does_not_know_is_told(stand):
    ask = stand.ask(payer="cus_unknown")
    answer = sent(stand, ask)
    assert (answer.outcome, answer.failure) == (Outcome.FAILED, Failure.CUSTOMER_UNKNOWN)
    assert answer.code == "resource_missing"


def test_a_payment_that_takes_its_time_is_pending_and_then_told_and_found(stand):
    ask = stand.ask()
    stand.fault("pending", ask, seconds=1)
    assert sent(stand, ask).outcome is Outcome.PENDING
    assert looked_up(stand, ask).outcome is Outcome.PENDING
    told = stand.box.wait_for(
        lambda _, body: b"payment_intent.succeeded" in body and ask.reference.encode() in body
    )
    (notice,) = heard(stand, told)
    assert (notice.kind, notice.answer.outcome) == (NoticeKind.CHARGE, Outcome.DONE)
    assert looked_up(stand, ask)[:6] == notice.answer[:6]


@pytest.mark.parametrize(
    ("method", "failure"),
    [
        ("pm_usBankAccount_insufficientFunds", Failure.DECLINED),
        ("pm_usBankAccount_accountClosed", Failure.DECLINED_FOR_GOOD),
    ],
)
def test_a_bank_account_can_decline_later(stand, method, failure):
    ask = stand.ask(method=method, currency="USD")
    assert sent(stand, ask).outcome is Outcome.PENDING
    told = stand.box.wait_for(
        lambda _, body: b"payment_failed" in body and ask.reference.encode() in body
    )
    (notice,) = heard(stand, told)
    assert (notice.answer.outcome, notice.answer.failure) == (Outcome.FAILED, failure)
    assert looked_up(stand, ask).failure is failure


# --- amounts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "currency", "there"),
    [(5, "ISK", 500), (7, "JPY", 7), (10_000, "MGA", 100), (5120, "KWD", 5120), (5, "UGX", 500)],
)
def test_a_charge_comes_to_the_same_amount_at_stripe_and_back(stand, amount, currency, there):
    ask = stand.ask(amount=amount, currency=currency)
    answer = sent(stand, ask)
    assert (answer.outcome, answer.amount, answer.currency) == (Outcome.DONE, amount, currency)
    (row,) = stand.fake.charges(ask.reference)
    assert row["amount"] == there


@pytest.mark.parametrize(
    ("changed", "failure"),
    [
        ({"amount": 5124, "currency": "KWD"}, Failure.REFUSED),
        ({"currency": "LYD"}, Failure.CURRENCY_REFUSED),
        ({"payer": ""}, Failure.CUSTOMER_UNKNOWN),
        ({"kind": Kind.REFUND, "charge": None}, Failure.REFUSED),
    ],
)
def test_nothing_is_sent_that_stripe_could_not_take(stand, changed, failure):
    ask = stand.ask(**changed)
    answer = sent(stand, ask)
    assert (answer.outcome, answer.failure) == (Outcome.FAILED, failure)
    assert stand.requests(ask.reference) == 0


# --- the same request again -------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["close_after_charge", "hang_after_charge", "none"])
def test_the_same_request_again_charges_nothing_and_is_answered_as_before(stand, fault):
    ask = stand.ask()
    if fault != "none":
        stand.fault(fault, ask)
    first = sent(stand, ask, DEADLINE)
    again = sent(stand, ask)
    assert again.outcome is Outcome.DONE
    assert fault != "none" or again == first
    assert len(done(stand, ask.reference)) == 1


def test_stripe_remembers_keys_when_its_process_was_killed(stand):
    ask = stand.ask()
    first = sent(stand, ask)
    stand.fake.restart()
    assert sent(stand, ask) == first
    assert len(done(stand, ask.reference)) == 1


def test_a_decline_is_remembered_too(stand):
    ask = stand.ask(method="pm_card_chargeDeclined")
    first = sent(stand, ask)
    assert sent(stand, ask) == first
    assert len(stand.movements(ask.reference)) == 1


def test_an_error_500_that_is_said_again_is_resolved_by_looking(stand):
    ask = stand.ask()
    stand.fault("error_500_after", ask)
    answer = sent(stand, ask)
    assert (answer.outcome, answer.failure) == (Outcome.UNKNOWN, Failure.PROVIDER_ERROR)
    again = sent(stand, ask)
    assert again.outcome is Outcome.DONE
    assert again[:6] == looked_up(stand, ask)[:6]
    assert len(done(stand, ask.reference)) == 1


def test_an_error_500_that_is_said_again_stays_unknown_when_the_list_is_silent(stand):
    ask = stand.ask()
    stand.fault("error_500_after", ask)
    sent(stand, ask)
    stand.fault("forget_lookup", ask, look_up=True)
    answer = sent(stand, ask)
    assert (answer.outcome, answer.failure) == (Outcome.UNKNOWN, Failure.PROVIDER_ERROR)


def test_another_request_under_the_same_key_finds_what_the_first_one_charged(stand):
    ask = stand.ask()
    first = sent(stand, ask)
    assert sent(stand, ask._replace(amount=1))[:6] == first[:6]
    assert len(done(stand, ask.reference)) == 1


def test_another_request_under_the_same_key_is_unknown_when_the_list_is_silent(stand):
    ask = stand.ask()
    sent(stand, ask)
    stand.fault("forget_lookup", ask, look_up=True)
    answer = sent(stand, ask._replace(amount=1))
    assert (answer.outcome, answer.failure) == (Outcome.UNKNOWN, Failure.PROVIDER_ERROR)
    assert answer.code == "idempotency_error"


def test_the_same_request_while_the_first_is_at_work_says_nothing(stand):
    ask = stand.ask()
    stand.fault("late_commit", ask, seconds=3)
    assert sent(stand, ask, DEADLINE).failure is Failure.TIMED_OUT
    answer = sent(stand, ask)
    assert (answer.outcome, answer.code) == (Outcome.UNKNOWN, "idempotency_key_in_use")
    assert stand.fake.charges(ask.reference) == []
    stand.box.about(ask.reference)
    assert sent(stand, ask).outcome is Outcome.DONE
    assert len(done(stand, ask.reference)) == 1


# --- looking up -------------------------------------------------------------------------------


def test_a_payment_is_found_behind_hundreds_of_others_of_the_customer(stand):
    ask = stand.ask()
    others = [stand.ask(payer=ask.payer) for _ in range(220)]

    async def all_of_them():
        provider = stand.adapter()
        try:
            first = await provider.send(ask)
            await asyncio.gather(*map(provider.send, others))
            missing = await provider.look_up(ask._replace(reference="never-sent"))
            return first, await provider.look_up(ask), missing
        finally:
            await provider.close()

    first, found, missing = asyncio.run(all_of_them())
    assert found[:6] == first[:6]
    assert missing.outcome is Outcome.ABSENT


def test_a_look_up_with_the_wrong_key_does_not_say_that_there_is_nothing(stand):
    ask = stand.ask()

    async def look():
        provider = StripeProvider("sk_test_other", SECRET, url=stand.fake.url)
        try:
            return await provider.look_up(ask), await provider.send(ask)
        finally:
            await provider.close()

    looked, answer = asyncio.run(look())
    assert (looked.outcome, looked.failure) == (Outcome.UNKNOWN, Failure.PROVIDER_ERROR)
    assert (answer.outcome, answer.failure) == (Outcome.FAILED, Failure.REFUSED)


def test_a_look_up_ends_at_its_deadline_however_long_the_list_is(stand):
    ask = stand.ask()

    async def look():
        provider = stand.adapter(timedelta(milliseconds=300))
        try:
            return await provider.look_up(ask)
        finally:
            await provider.close()

    stand.fake.settings(latency=1000)
    try:
        answer = asyncio.run(look())
    finally:
        stand.fake.settings(latency=0)
    assert (answer.outcome, answer.failure) == (Outcome.UNKNOWN, Failure.TIMED_OUT)


# --- refunds and disputes ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "outcome"),
    [("pm_card_refundFail", Outcome.FAILED), ("pm_card_pendingRefund", Outcome.PENDING)],
)
def test_a_refund_can_fail_or_wait(stand, method, outcome):
    ask = stand.ask(method=method)
    refund = refund_of(stand, sent(stand, ask), ask)
    assert sent(stand, refund).outcome is outcome


def test_a_refund_made_in_stripes_pages_is_told_once_with_its_payment(stand):
    ask = stand.ask()
    charge = sent(stand, ask)
    stand.fake.call("POST", f"/admin/charges/{charge.provider_id}/refund", {"amount": 1000})
    told = stand.box.wait_for(
        lambda _, body: charge.provider_id.encode() in body and b"refund" in body, count=2
    )
    theirs = [n for n in heard(stand, told) if n.kind is NoticeKind.REFUNDED_THERE]
    assert [(n.charge, n.answer.amount) for n in theirs] == [(charge.provider_id, 1000)]


def test_a_dispute_that_is_won_returns_the_money(stand):
    ask = stand.ask()
    charge = sent(stand, ask)
    for action in ("dispute", "win"):
        stand.fake.call("POST", f"/admin/charges/{charge.provider_id}/{action}", {})
    told = stand.box.wait_for(
        lambda _, body: charge.provider_id.encode() in body and b"dispute" in body, count=4
    )
    kinds = [n.kind for n in heard(stand, told) if n.kind is not NoticeKind.OTHER]
    assert sorted(kinds) == [NoticeKind.DISPUTE_WON, NoticeKind.DISPUTED]


def test_an_inquiry_takes_no_money_and_is_no_dispute(stand):
    ask = stand.ask(method="pm_card_createDisputeInquiry")
    charge = sent(stand, ask)
    told = stand.box.wait_for(
        lambda _, body: charge.provider_id.encode() in body and b"dispute" in body
    )
    assert [n.kind for n in heard(stand, told)] == [NoticeKind.OTHER]


# --- the SDK and its surroundings -------------------------------------------------------------


def test_no_proxy_of_the_environment_is_used(stand, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert sent(stand, stand.ask()).outcome is Outcome.DONE


def test_a_call_that_is_cancelled_leaves_nothing_behind(stand):
    ask = stand.ask()
    stand.fault("hang_before_charge", ask)

    async def cancelled():
        provider = stand.adapter()
        call = asyncio.create_task(provider.send(ask))
        await asyncio.sleep(0.3)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        await provider.close()
        return others

    assert asyncio.run(cancelled()) == []
    assert not stand.movements(ask.reference)


def test_without_the_sdk_the_adapter_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "stripe", None)
    with pytest.raises(Unavailable) as refused:
        StripeProvider(KEY, SECRET)
    assert refused.value.code == "payment.no_sdk"


@pytest.mark.parametrize("key", ["", "sk_test\n", "sk_tést"])
def test_a_key_that_no_header_can_have_is_refused_and_not_told(key):
    with pytest.raises(Invalid) as refused:
        StripeProvider(key, SECRET)
    assert refused.value.code == "payment.bad_provider_key"
    assert "sk_" not in str(refused.value.as_dict())


ASK = Ask(Kind.CHARGE, "ref-1", 1234, "EUR", "pm_1", "cus_1", "")


def said(status, told, work, headers=""):
    """What the adapter makes of an answer that always comes, and the heads of the requests for it."""
    heads = []

    async def answer(reader, writer):
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{headers}"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    async def asked():
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            provider = StripeProvider(KEY, SECRET, url=f"http://127.0.0.1:{port}")
            found = await work(provider)
            await provider.close()
            return found

    return asyncio.run(asked()), heads


@pytest.mark.parametrize(("status", "told", "outcome", "failure"), ERRORS)
def test_every_error_comes_through_the_sdk_as_it_is_classified(status, told, outcome, failure):
    answer, heads = said(status, told, lambda provider: provider.send(ASK))
    assert (answer.outcome, answer.failure) == (outcome, failure)
    assert answer.status == status
    assert json.loads(answer.raw) == told
    assert [head.split()[0] for head in heads].count(b"POST") == 1


def test_stripes_patience_comes_through_the_sdk():
    told = {"error": {"type": "invalid_request_error", "code": "rate_limit"}}
    answer, _ = said(429, told, lambda provider: provider.send(ASK), "retry-after: 17\r\n")
    assert (answer.failure, answer.retry_after) == (Failure.RATE_LIMITED, 17)


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"object": []},
        {"object": "payment_intent"},
        INTENT | {"metadata": []},
        INTENT | {"metadata": {"object": [], "x": {"object": {}}}},
        INTENT | {"amount": 1e3, "status": "succeeded"},
        INTENT | {"status": "succeeded", "amount_received": 10**30, "currency": "jp"},
        {"error": {"type": "card_error"}},
        {"object": "list", "data": {}},
        {"object": "list", "data": [7]},
        {"object": "list", "data": [{"id": None}], "has_more": True},
        b"[]",
        b"null",
        b"",
    ],
)
@pytest.mark.parametrize("verb", ["send", "look_up"])
def test_an_answer_of_another_shape_says_nothing(told, verb):
    answer, _ = said(200, told, lambda provider: getattr(provider, verb)(ASK))
    if answer.outcome is Outcome.PENDING:  # the payment itself can be read
        assert verb == "send"
        assert answer.reference is None
    else:
        assert answer.outcome is Outcome.UNKNOWN
        assert answer.failure in MAYBE


def test_no_secret_of_a_payment_is_kept_as_evidence():
    told = INTENT | {"client_secret": "pi_1_secret_zyxWVU", "description": KEY}
    answer, _ = said(200, told, lambda provider: provider.send(ASK))
    assert b"zyxWVU" not in answer.raw
    assert KEY.encode() not in answer.raw


def test_nothing_about_this_machine_is_told():
    told = {"object": "list", "data": [], "has_more": False}
    answer, (head,) = said(200, told, lambda provider: provider.look_up(ASK))
    assert answer.outcome is Outcome.ABSENT
    names = {line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:] if line}
    assert names == {
        b"host", b"accept-encoding", b"content-length", b"authorization", b"stripe-version",
        b"user-agent",
    }  # fmt: skip
