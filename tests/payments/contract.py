"""The contract that every adapter of a payment provider keeps, as tests over a `Stand`.

An adapter's test module makes a fixture `stand` and a class that inherits from `Contract`:

    @pytest.fixture(scope="module")
    def stand(tmp_path_factory): ...

    class TestMyProvider(Contract):
        pass

The judge is always the provider's own ledger, which the Stand reads past the adapter. Every test uses
references of its own, so that all of them share one provider process.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

import pytest

from everycent.kernel.errors import Forbidden, Invalid
from everycent.payments.failure import MAYBE, Failure
from everycent.payments.provider import RAW_LIMIT, Answer, Ask, Kind, NoticeKind, Outcome, Provider

DEADLINE = timedelta(seconds=1)
"""What a call is given that is to run into it."""
PATIENCE = timedelta(seconds=10)
"""What every other call is given, so that a busy machine does not look like a fault."""
LEEWAY = timedelta(seconds=3)
"""How much later than its deadline a call may come back, on a machine that is busy."""
Webhook = tuple[dict[str, str], bytes]
"""What a provider posted: headers with their names in lower case, and the body."""


class Movement(NamedTuple):
    """One charge or refund that stands in the provider's own ledger, whatever became of it. `is_done`:
    money moved. `amount` is in minor units as ISO 4217 counts them."""

    provider_id: str
    kind: Kind
    reference: str
    amount: int
    currency: str
    is_done: bool


class Case(NamedTuple):
    """A fault and what has to come of it: the answer of `send`, and how many movements of money stand in
    the ledger when the call has come back (and `seconds`, with which the fault is put, have passed)."""

    fault: str
    outcome: Outcome
    failure: Failure | None
    moved: int
    seconds: int | None = None


class Stand(Protocol):
    """A provider for tests: a real process, and what the tests need to know of it and do to it.

    `cannot` names the cases (by fault) that make no sense there, each with the reason; `differing` those
    of which something else comes, with what does. Both are part of what an adapter's author signs.
    `secrets` are what must never be shown, and `declined_method` a method without money, which needs no
    fault to be declined.
    """

    cannot: Mapping[str, str]
    differing: Mapping[str, Case]
    secrets: Sequence[str]
    declined_method: str

    def adapter(self, deadline: timedelta = PATIENCE) -> Provider:
        """A new adapter for the provider; the test closes it."""
        ...

    def ask(self, **changed: object) -> Ask:
        """A charge that the provider takes, under a reference never used; fields can be changed."""
        ...

    def fault(
        self, name: str, ask: Ask, *, look_up: bool = False, seconds: int | None = None
    ) -> None:
        """Puts the fault for the next request of this reference (the next look-up of it, if so told)."""
        ...

    def movements(self, reference: str) -> Sequence[Movement]:
        """What the provider's own ledger has under the reference, oldest first."""
        ...

    def requests(self, reference: str) -> int:
        """How many requests for money came to the provider with this reference."""
        ...

    def webhooks(self, reference: str) -> Sequence[Webhook]:
        """The webhooks that the provider posted about the reference; waits a while for the first one."""
        ...

    def signed(self, body: bytes, at: datetime) -> dict[str, str]:
        """The headers with which the provider would post this body at this instant."""
        ...

    def dispute(self, provider_id: str) -> None:
        """The customer's bank takes the money of a charge back."""
        ...

    def stop(self) -> None:
        """Ends the provider's process, so that nobody listens at its address."""
        ...

    def start(self) -> None:
        """Starts it again, with the same ledger, at the same address."""
        ...


DONE, PENDING, FAILED, UNKNOWN = Outcome.DONE, Outcome.PENDING, Outcome.FAILED, Outcome.UNKNOWN

CASES = [
    Case("none", DONE, None, 1),
    Case("close_before_charge", UNKNOWN, Failure.CONNECTION_LOST, 0),
    Case("close_after_charge", UNKNOWN, Failure.CONNECTION_LOST, 1),
    Case("hang_before_charge", UNKNOWN, Failure.TIMED_OUT, 0),
    Case("hang_after_charge", UNKNOWN, Failure.TIMED_OUT, 1),
    Case("late_commit", UNKNOWN, Failure.TIMED_OUT, 1, seconds=2),
    Case("error_500_before", UNKNOWN, Failure.PROVIDER_ERROR, 0),
    Case("error_500_after", UNKNOWN, Failure.PROVIDER_ERROR, 1),
    Case("error_502", UNKNOWN, Failure.PROVIDER_ERROR, 0),
    Case("error_503_not_processed", FAILED, Failure.UNAVAILABLE, 0),
    Case("rate_limit", FAILED, Failure.RATE_LIMITED, 0),
    Case("slow_loris", UNKNOWN, Failure.TIMED_OUT, 1),
    Case("truncated", UNKNOWN, Failure.CONNECTION_LOST, 1),
    Case("garbage", UNKNOWN, Failure.MALFORMED, 1),
    Case("html", UNKNOWN, Failure.MALFORMED, 1),
    Case("huge_body", UNKNOWN, Failure.MALFORMED, 1),
    Case("gzip_bomb", UNKNOWN, Failure.MALFORMED, 1),
    Case("duplicate_key_json", UNKNOWN, Failure.MALFORMED, 1),
    Case("redirect_307", UNKNOWN, Failure.MALFORMED, 0),
    Case("wrong_amount", DONE, None, 1),
    Case("wrong_amount_charged", DONE, None, 1),
    Case("wrong_currency", DONE, None, 1),
    Case("partial", DONE, None, 1),
    Case("pending", PENDING, None, 0),
    Case("authentication", PENDING, Failure.AUTHENTICATION_REQUIRED, 0),
    Case("decline:insufficient_funds", FAILED, Failure.DECLINED, 0),
    Case("decline:card_declined", FAILED, Failure.DECLINED, 0),
    Case("decline:stolen_card", FAILED, Failure.DECLINED_FOR_GOOD, 0),
    Case("decline:expired_card", FAILED, Failure.EXPIRED_METHOD, 0),
    Case("decline:authentication_required", FAILED, Failure.AUTHENTICATION_REQUIRED, 0),
]
REFUND_FAULTS = [
    "close_before_charge", "close_after_charge", "hang_after_charge", "error_500_after", "garbage",
    "truncated", "error_503_not_processed", "rate_limit",
]  # fmt: skip
LYING = {"wrong_amount", "wrong_amount_charged", "wrong_currency", "partial"}
"""Faults after which the provider says something else than it was asked for."""


def wanted(stand: Stand, name: str) -> Case:
    """What has to come of the fault at this stand; skips with the stand's reason where it has none."""
    if name in stand.cannot:
        pytest.skip(f"{name}: {stand.cannot[name]}")
    return stand.differing.get(name) or next(case for case in CASES if case.fault == name)


async def closing(provider: Provider, work: Callable[[Provider], Awaitable[Answer]]) -> Answer:
    """The answer of some work with the adapter, which is closed afterwards."""
    try:
        return await work(provider)
    finally:
        await provider.close()


def sent(stand: Stand, ask: Ask, deadline: timedelta = PATIENCE) -> Answer:
    """The answer to one `send`."""
    return asyncio.run(closing(stand.adapter(deadline), lambda provider: provider.send(ask)))


def looked_up(stand: Stand, ask: Ask, deadline: timedelta = PATIENCE) -> Answer:
    """The answer to one `look_up`."""
    return asyncio.run(closing(stand.adapter(deadline), lambda provider: provider.look_up(ask)))


def done(stand: Stand, reference: str) -> list[Movement]:
    """The movements of money under the reference."""
    return [movement for movement in stand.movements(reference) if movement.is_done]


def refund_of(stand: Stand, charge: Answer, ask: Ask, **changed: object) -> Ask:
    """A request that gives the whole charge back."""
    assert charge.provider_id is not None
    fresh = stand.ask()
    return ask._replace(
        kind=Kind.REFUND, reference=fresh.reference, charge=charge.provider_id, **changed
    )


def check_consistent(answer: Answer) -> None:
    """What holds for every answer, whatever happened."""
    assert len(answer.raw) <= RAW_LIMIT
    if answer.outcome is Outcome.UNKNOWN:
        assert answer.failure in MAYBE, "an unknown outcome may not look as if nothing had moved"
    if answer.outcome is Outcome.FAILED:
        assert answer.failure is not None
        assert answer.failure not in MAYBE
    if answer.outcome in (Outcome.DONE, Outcome.ABSENT):
        assert answer.failure is None
    assert answer.amount is None or type(answer.amount) is int


def given(case: Case) -> timedelta:
    """The deadline of a call that meets the fault."""
    return DEADLINE if case.failure is Failure.TIMED_OUT else PATIENCE


def wait_for_moved(stand: Stand, ask: Ask, case: Case) -> None:
    """Waits for what a fault does later, then checks the ledger."""
    until = time.monotonic() + (case.seconds or 0) + 2
    while len(done(stand, ask.reference)) < case.moved and time.monotonic() < until:
        time.sleep(0.05)
    assert len(done(stand, ask.reference)) == case.moved


class Contract:
    """The tests. Inherit from it in a module that has a fixture `stand`."""

    # --- charges ---------------------------------------------------------------------------------

    @pytest.mark.parametrize("name", [case.fault for case in CASES])
    def test_every_fault_is_classified_sent_once_and_never_called_failed_when_money_moved(
        self, stand: Stand, name: str
    ) -> None:
        case = wanted(stand, name)
        ask = stand.ask()
        if name != "none":
            stand.fault(name, ask, seconds=case.seconds)
        began = time.monotonic()
        answer = sent(stand, ask, given(case))
        took = timedelta(seconds=time.monotonic() - began)
        assert (answer.outcome, answer.failure) == (case.outcome, case.failure), answer
        assert took < given(case) + LEEWAY
        check_consistent(answer)
        wait_for_moved(stand, ask, case)
        assert stand.requests(ask.reference) <= 1
        assert not (done(stand, ask.reference) and answer.outcome is Outcome.FAILED)

    @pytest.mark.parametrize(
        "name", [case.fault for case in CASES if case.moved and case.fault not in LYING]
    )
    def test_a_look_up_finds_what_was_charged_whatever_the_answer_was(
        self, stand: Stand, name: str
    ) -> None:
        case = wanted(stand, name)
        ask = stand.ask()
        if name != "none":
            stand.fault(name, ask, seconds=case.seconds)
        sent(stand, ask, given(case))
        wait_for_moved(stand, ask, case)
        found = looked_up(stand, ask)
        assert found.outcome is Outcome.DONE
        assert (found.reference, found.amount, found.currency) == ask[1:4]
        assert [movement.provider_id for movement in done(stand, ask.reference)] == [
            found.provider_id
        ]

    def test_a_charge_tells_id_reference_amount_and_currency_as_the_ledger_has_them(
        self, stand: Stand
    ) -> None:
        ask = stand.ask()
        answer = sent(stand, ask)
        (movement,) = stand.movements(ask.reference)
        assert answer[:6] == (
            Outcome.DONE, None, movement.provider_id, ask.reference, ask.amount, ask.currency,
        )  # fmt: skip
        assert movement[1:5] == (Kind.CHARGE, ask.reference, ask.amount, ask.currency)

    @pytest.mark.parametrize("name", sorted(LYING))
    def test_another_amount_or_currency_is_passed_on_as_the_provider_says_it(
        self, stand: Stand, name: str
    ) -> None:
        wanted(stand, name)
        ask = stand.ask()
        stand.fault(name, ask)
        answer = sent(stand, ask)
        assert answer.reference == ask.reference
        assert (answer.amount, answer.currency) != (ask.amount, ask.currency)

    def test_answers_that_were_swapped_are_not_taken_for_ones_own(self, stand: Stand) -> None:
        if "crossed" in stand.cannot:
            pytest.skip(stand.cannot["crossed"])
        asks = [stand.ask(), stand.ask(amount=7654)]
        for ask in asks:
            stand.fault("crossed", ask)

        async def both() -> list[Answer]:
            provider = stand.adapter()
            try:
                return await asyncio.gather(*map(provider.send, asks))
            finally:
                await provider.close()

        answers = asyncio.run(both())
        assert [answer.reference for answer in answers] == [asks[1].reference, asks[0].reference]
        assert not [answer for answer in answers if answer.outcome is Outcome.FAILED]

    def test_a_decline_that_speaks_of_another_request_is_no_decline(self, stand: Stand) -> None:
        if "crossed" in stand.cannot:
            pytest.skip(stand.cannot["crossed"])
        asks = [stand.ask(), stand.ask(method=stand.declined_method)]
        for ask in asks:
            stand.fault("crossed", ask)

        async def both() -> list[Answer]:
            provider = stand.adapter()
            try:
                return await asyncio.gather(*map(provider.send, asks))
            finally:
                await provider.close()

        answers = asyncio.run(both())
        assert done(stand, asks[0].reference)
        assert (answers[0].outcome, answers[0].failure) == (UNKNOWN, Failure.REFERENCE_MISMATCH)

    def test_a_reference_used_again_for_something_else_does_not_look_unpaid(
        self, stand: Stand
    ) -> None:
        ask = stand.ask()
        sent(stand, ask)
        answer = sent(stand, ask._replace(amount=ask.amount + 1))
        assert answer.outcome is not Outcome.FAILED, "money moved under this reference"
        check_consistent(answer)

    def test_nothing_is_sent_when_nobody_listens(self, stand: Stand) -> None:
        ask = stand.ask()
        stand.stop()
        try:
            answer = sent(stand, ask, DEADLINE)
            asked = looked_up(stand, ask, DEADLINE)
        finally:
            stand.start()
        assert (answer.outcome, answer.failure) == (FAILED, Failure.UNREACHABLE)
        assert asked.outcome is UNKNOWN, "that nobody can be asked is not an answer"
        check_consistent(asked)
        assert not stand.movements(ask.reference)
        assert stand.requests(ask.reference) == 0

    def test_a_connection_reset_on_arrival_charges_nothing(self, stand: Stand) -> None:
        if "refuse_connection" in stand.cannot:
            pytest.skip(stand.cannot["refuse_connection"])
        ask = stand.ask()
        stand.fault("refuse_connection", ask)
        answer = sent(stand, ask, DEADLINE)
        assert (answer.outcome, answer.failure) in {
            (FAILED, Failure.UNREACHABLE),
            (UNKNOWN, Failure.CONNECTION_LOST),  # the reset came when the request was under way
        }
        assert not stand.movements(ask.reference)

    def test_one_connection_after_another_serves_many_calls_each_sent_once(
        self, stand: Stand
    ) -> None:
        asks = [stand.ask() for _ in range(40)]

        async def all_of_them() -> list[Answer]:
            provider = stand.adapter()
            try:
                return await asyncio.gather(*map(provider.send, asks))
            finally:
                await provider.close()

        answers = asyncio.run(all_of_them())
        assert [answer.outcome for answer in answers] == [Outcome.DONE] * len(asks)
        assert [answer.reference for answer in answers] == [ask.reference for ask in asks]
        assert [stand.requests(ask.reference) for ask in asks] == [1] * len(asks)

    def test_a_connection_that_the_provider_closed_meanwhile_is_not_used_again(
        self, stand: Stand
    ) -> None:
        asks = [stand.ask(), stand.ask()]

        async def with_a_restart_between() -> list[Answer]:
            provider = stand.adapter()
            try:
                first = await provider.send(asks[0])
                await asyncio.to_thread(stand.stop)
                await asyncio.to_thread(stand.start)
                return [first, await provider.send(asks[1])]
            finally:
                await provider.close()

        answers = asyncio.run(with_a_restart_between())
        assert [answer.outcome for answer in answers] == [Outcome.DONE, Outcome.DONE]

    # --- look-ups --------------------------------------------------------------------------------

    def test_what_was_never_sent_is_absent(self, stand: Stand) -> None:
        assert looked_up(stand, stand.ask()).outcome is Outcome.ABSENT

    def test_a_declined_charge_is_found_as_failed_or_not_at_all(self, stand: Stand) -> None:
        ask = stand.ask()
        stand.fault("decline:insufficient_funds", ask)
        sent(stand, ask)
        found = looked_up(stand, ask)
        assert found.outcome in (Outcome.FAILED, Outcome.ABSENT)
        check_consistent(found)

    @pytest.mark.parametrize(
        "name",
        ["error_500_before", "error_503_not_processed", "rate_limit", "hang_before_charge",
         "close_before_charge", "garbage", "html", "truncated", "huge_body", "slow_loris"],
    )  # fmt: skip
    def test_a_look_up_that_goes_wrong_says_nothing(self, stand: Stand, name: str) -> None:
        case = wanted(stand, name)
        ask = stand.ask()
        sent(stand, ask)
        stand.fault(name, ask, look_up=True)
        found = looked_up(stand, ask, given(case))
        assert found.outcome is UNKNOWN, found
        check_consistent(found)
        assert looked_up(stand, ask).outcome is Outcome.DONE

    # --- refunds ---------------------------------------------------------------------------------

    def test_a_refund_gives_back_what_it_is_told_and_is_found(self, stand: Stand) -> None:
        ask = stand.ask()
        refund = refund_of(stand, sent(stand, ask), ask, amount=ask.amount - 1)
        answer = sent(stand, refund)
        assert answer[:2] == (Outcome.DONE, None)
        assert answer[3:6] == (refund.reference, ask.amount - 1, ask.currency)
        (movement,) = stand.movements(refund.reference)
        assert movement[:5] == (
            answer.provider_id, Kind.REFUND, refund.reference, refund.amount, refund.currency,
        )  # fmt: skip
        found = looked_up(stand, refund)
        assert found[:6] == answer[:6]

    def test_more_than_was_charged_is_not_given_back(self, stand: Stand) -> None:
        ask = stand.ask()
        refund = refund_of(stand, sent(stand, ask), ask, amount=ask.amount + 1)
        answer = sent(stand, refund)
        assert (answer.outcome, answer.failure) == (FAILED, Failure.REFUSED)
        assert not done(stand, refund.reference)

    def test_a_refund_that_was_never_sent_is_absent(self, stand: Stand) -> None:
        ask = stand.ask()
        refund = refund_of(stand, sent(stand, ask), ask)
        assert looked_up(stand, refund).outcome is Outcome.ABSENT

    @pytest.mark.parametrize("name", REFUND_FAULTS)
    def test_faults_of_refunds_are_classified_as_those_of_charges(
        self, stand: Stand, name: str
    ) -> None:
        case = wanted(stand, name)
        ask = stand.ask()
        refund = refund_of(stand, sent(stand, ask), ask)
        stand.fault(name, refund, seconds=case.seconds)
        answer = sent(stand, refund, given(case))
        assert (answer.outcome, answer.failure) == (case.outcome, case.failure), answer
        check_consistent(answer)
        wait_for_moved(stand, refund, case)
        assert stand.requests(refund.reference) <= 1

    # --- webhooks --------------------------------------------------------------------------------

    def test_a_webhook_tells_of_a_charge_what_the_answer_told(self, stand: Stand) -> None:
        ask = stand.ask()
        answer = sent(stand, ask)
        notices = heard(stand, stand.webhooks(ask.reference))
        (charge,) = [
            notice
            for notice in notices
            if notice.kind is NoticeKind.CHARGE and notice.answer.outcome is Outcome.DONE
        ]
        assert charge.answer[:6] == answer[:6]
        assert charge.event_id

    def test_a_dispute_is_told_with_the_charge_it_is_about(self, stand: Stand) -> None:
        if "dispute" in stand.cannot:
            pytest.skip(stand.cannot["dispute"])
        ask = stand.ask()
        charge = sent(stand, ask)
        assert charge.provider_id is not None
        stand.dispute(charge.provider_id)
        until = time.monotonic() + 5
        disputes = []
        while not disputes and time.monotonic() < until:
            notices = heard(stand, stand.webhooks(ask.reference))
            disputes = [notice for notice in notices if notice.kind is NoticeKind.DISPUTED]
        assert disputes
        assert disputes[0].charge == charge.provider_id
        assert (disputes[0].answer.amount, disputes[0].answer.currency) == ask[2:4]

    @pytest.mark.parametrize(
        "spoil",
        ["no headers", "other body", "other signature", "old", "from the future", "no signature",
         "garbage", "not ascii"],
    )  # fmt: skip
    def test_a_webhook_that_is_not_the_providers_is_refused(self, stand: Stand, spoil: str) -> None:
        ask = stand.ask()
        sent(stand, ask)
        _, body = stand.webhooks(ask.reference)[0]
        now = datetime.now(UTC)
        at = now + {"old": timedelta(seconds=-301), "from the future": timedelta(seconds=301)}.get(
            spoil, timedelta()
        )
        headers = stand.signed(body, at)
        name = next(name for name in headers if name.endswith("signature"))
        if spoil == "no headers":
            headers = {}
        elif spoil == "other body":
            body = body.replace(b"1", b"2")
        elif spoil == "other signature":
            headers = headers | {name: stand.signed(body + b" ", at)[name]}
        elif spoil == "no signature":
            del headers[name]
        elif spoil == "garbage":
            headers = headers | {name: "v1,====,t=x,,v1="}
        elif spoil == "not ascii":
            headers = headers | {name: headers[name] + "€"}
        refused = spoil_refused(stand, headers, body, now)
        assert refused.code == "payment.bad_signature"

    @pytest.mark.parametrize(
        "body",
        [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"id": 1}', b"[" * 100_000,
         b'{"id": "a", "id": "b"}', json.dumps({"id": "evt_1", "type": 7}).encode()],
    )  # fmt: skip
    def test_a_signed_body_that_cannot_be_read_is_refused_as_such(
        self, stand: Stand, body: bytes
    ) -> None:
        now = datetime.now(UTC)
        provider = stand.adapter()
        with pytest.raises(Invalid) as refused:
            provider.heard(stand.signed(body, now), body, now)
        assert refused.value.code == "payment.bad_notice"
        asyncio.run(provider.close())

    def test_a_webhook_is_taken_up_to_five_minutes_late(self, stand: Stand) -> None:
        ask = stand.ask()
        sent(stand, ask)
        _, body = stand.webhooks(ask.reference)[0]
        now = datetime.now(UTC)
        provider = stand.adapter()
        assert provider.heard(stand.signed(body, now - timedelta(minutes=4)), body, now)
        asyncio.run(provider.close())

    # --- secrets ---------------------------------------------------------------------------------

    def test_no_secret_is_shown(self, stand: Stand) -> None:
        assert stand.secrets
        provider = stand.adapter()
        answer = sent(stand, stand.ask())
        for secret in stand.secrets:
            assert secret not in repr(provider)
            assert secret.encode() not in answer.raw
        asyncio.run(provider.close())


def heard(stand: Stand, webhooks: Sequence[Webhook]) -> list:
    """The notices of the webhooks, as the adapter reads them."""
    provider = stand.adapter()
    notices = [
        notice
        for headers, body in webhooks
        for notice in provider.heard(headers, body, datetime.now(UTC))
    ]
    asyncio.run(provider.close())
    return notices


def spoil_refused(stand: Stand, headers: dict[str, str], body: bytes, now: datetime) -> Forbidden:
    """The refusal with which the adapter meets a webhook that is not the provider's."""
    provider = stand.adapter()
    with pytest.raises(Forbidden) as refused:
        provider.heard(headers, body, now)
    asyncio.run(provider.close())
    return refused.value
