"""Money that went back although the books believed otherwise, or beyond what stood: it is booked as it
is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from everycent.charging import operations as charging
from everycent.charging import operations_refunds as refunds
from everycent.charging import queries as charges
from everycent.charging.attempt import NOBODY, By, Evidence, Source, Status
from everycent.charging.course import Terms
from everycent.charging.operations import Heard
from everycent.charging.operations_writing import Writer
from everycent.charging.policy import DEFAULT
from everycent.flows.collect import decide, start
from everycent.flows.collect.desk import ended, register
from everycent.flows.collect.recover import take_over
from everycent.kernel.errors import Conflict
from everycent.ledger.account import PAYMENT_LOSSES
from everycent.payments import operations as payments
from everycent.payments import payment as paid
from everycent.payments import queries
from everycent.payments.failure import Failure
from everycent.payments.provider import PROMISES_NOTHING, Outcome
from tests.collecting import shop
from tests.collecting.test_money_back import ask, heard, in_step, worked
from tests.payments.fake import mailbox, running_fake


def standing(place):
    with place.database.snapshot(place.tenant_id) as tx:
        found = [one for one in queries.of_customer(tx, None) if one.payment.attempt_id]
    return tuple(found[0].standing[1:])


def last_refund(place):
    return [one for one in shop.attempts(place) if one.attempt.payment_id is not None][-1]


def told(stage, amount, *, outcome=Outcome.DONE, source=Source.PERSON, currency="EUR", name="re_1"):
    """Evidence about a refund."""
    return Evidence(
        source, outcome, None, name, stage.attempt.reference, amount, currency,
        said_by="ana", reason="looked into the provider's books",
    )  # fmt: skip


def hear(place, stage, said, *, patient=False):
    """Takes evidence in, and books what follows."""
    terms = Terms(PROMISES_NOTHING, shop.PATIENT if patient else shop.PROMPT)
    writer = Writer(By(NOBODY, "test"), "test", shop.now(), shop.random_ids)
    with place.database.transaction(place.tenant_id) as tx:
        (after,) = charging.hear(tx, [Heard(stage, said)], lambda _: terms, writer)
        return (charging.book(tx, [after], writer) or [after])[0]


def given_up(place, tmp_path, amount):
    """A shop with a refund that failed for good."""
    shop.open_shop(place, 1)
    with running_fake(tmp_path) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        ask(place, amount)
        fake.fault("decline:stolen_card", times=9)
        worked(shop.desk_at(place, shop.provider_of(fake)))
    stage = last_refund(place)
    assert stage.state.status is Status.FAILED
    return stage


@pytest.mark.parametrize(
    ("went", "left", "back", "lost"),
    [
        (1000, 0, 1000, 0),
        (400, 600, 400, 0),
        (shop.OWED, 0, shop.OWED, 0),
        (shop.OWED + 80, 0, shop.OWED, 80),
    ],
)
def test_a_refund_that_went_after_it_was_given_up_is_booked_with_what_went(
    place, tmp_path, went, left, back, lost
):
    stage = given_up(place, tmp_path, 1000)
    if stage.state.is_stopped:
        assert standing(place) == (1000, 0, 0)
    hear(place, stage, told(stage, went))
    assert standing(place) == (left, back, lost)
    assert shop.balance(place, PAYMENT_LOSSES) == lost
    assert shop.balance(place, shop.CLEARING) == shop.OWED - went
    assert shop.violations(place) == []


def test_what_such_a_refund_takes_off_an_invoice_is_not_charged_anew_by_itself(place, tmp_path):
    stage = given_up(place, tmp_path, 1000)
    hear(place, stage, told(stage, 1500))
    assert shop.open_amounts(place) == [1500]
    with running_fake(tmp_path) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        assert len(fake.captured()) == 1


@pytest.mark.parametrize(
    ("went", "left", "back"), [(1000, 0, 1000), (999, 1, 999), (1001, 0, 1001)]
)
def test_a_refund_of_another_amount_than_asked_for_is_booked_with_what_went(
    place, tmp_path, went, left, back
):
    shop.open_shop(place, 1)
    with running_fake(tmp_path) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
    ask(place, 1000)
    stage = last_refund(place)
    writer = Writer(By(NOBODY, "test"), "test", shop.now(), shop.random_ids)
    with place.database.transaction(place.tenant_id) as tx:
        (stage,) = refunds.begin(tx, "psp", 1, 1, timedelta(seconds=5), writer)
    after = hear(place, stage, told(stage, went, source=Source.RESPONSE))
    if went != 1000:
        assert after.state.status is Status.MISMATCHED
        after = hear(place, after, told(stage, went, source=Source.LOOK_UP))
    assert after.state.status is Status.SUCCEEDED
    assert standing(place) == (left, back, 0)
    assert shop.violations(place) == []


def test_a_refund_in_another_currency_stays_open_until_somebody_says_what_it_was(place, tmp_path):
    shop.open_shop(place, 1)
    with running_fake(tmp_path) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        ask(place, 1000)
        fake.fault("close_before_charge", times=9)
        worked(shop.desk_at(place, shop.provider_of(fake), shop.PATIENT))
    stage = last_refund(place)
    assert stage.state.status is Status.UNKNOWN
    after = hear(place, stage, told(stage, 1100, currency="USD"), patient=True)
    assert after.state.status is Status.UNKNOWN
    after = hear(place, after, told(stage, 1000), patient=True)
    assert (after.state.status, standing(place)) == (Status.SUCCEEDED, (0, 1000, 0))


def test_a_refund_that_went_after_all_calls_off_the_one_that_was_to_follow(place, tmp_path):
    shop.open_shop(place, 1)
    with running_fake(tmp_path) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        ask(place, 1000)
        fake.fault("rate_limit", times=1)
        worked(shop.desk_at(place, shop.provider_of(fake), DEFAULT))
    first = last_refund(place)
    tomorrow = shop.now() + timedelta(days=1)
    writer = Writer(By(NOBODY, "test"), "test", tomorrow, shop.random_ids)
    with place.database.transaction(place.tenant_id) as tx:
        again = refunds.try_again(tx, writer)
    hear(place, first, told(first, 1000))
    found = {
        one.attempt.tries: one.state.status
        for one in shop.attempts(place)
        if one.attempt.payment_id is not None
    }
    assert (len(again), found) == (1, {1: Status.SUCCEEDED, 2: Status.CANCELLED})
    assert standing(place) == (0, 1000, 0)
    assert shop.violations(place) == []


@pytest.mark.parametrize("given_back", [0, 1000, shop.OWED])
def test_a_dispute_of_what_was_refunded_is_lost_until_it_is_won(place, tmp_path, given_back):
    shop.open_shop(place, 1)
    with mailbox() as box, running_fake(tmp_path, webhook=box.url) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        if given_back:
            ask(place, given_back)
            worked(shop.desk_at(place, shop.provider_of(fake)))
        charge = fake.captured()[0]
        lost = []
        for action, word in (("dispute", b"dispute.created"), ("win", b"dispute.won")):
            fake.call("POST", f"/admin/charges/{charge['id']}/{action}")
            box.wait_for(lambda _, body, word=word: word in body)
            heard(place, fake, box, shop.desk_at(place, shop.provider_of(fake)))
            lost.append(shop.balance(place, PAYMENT_LOSSES))
            assert shop.violations(place) == []
        disputed = fake.ledger()["disputes"][0]["amount"]
        assert lost == [max(0, given_back + disputed - shop.OWED), 0]
        in_step(place, fake)


def test_a_refund_that_fails_covers_what_was_taken_beyond_the_payment_meanwhile(place, tmp_path):
    shop.open_shop(place, 1)
    with running_fake(tmp_path) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
    ask(place, 1000)
    with place.database.transaction(place.tenant_id) as tx:
        (held,) = queries.of_customer(tx, None)
        payments.taken_there(
            tx, held.payment.payment_id, paid.DISPUTED, paid.MoveKind.DISPUTE, shop.OWED,
            shop.writing(), reason="disputed", external_id="dp_1",
        )  # fmt: skip
    assert standing(place) == (0, shop.OWED, 1000)
    with place.database.transaction(place.tenant_id) as tx:
        payments.refund_failed(
            tx, held.payment.payment_id, last_refund(place).attempt.move_no, 1000,
            shop.writing(), "refused",
        )  # fmt: skip
    assert standing(place) == (0, shop.OWED, 0)
    with place.database.transaction(place.tenant_id) as tx:
        payments.won_back(tx, held.payment.payment_id, shop.OWED, "dp_1", shop.writing())
    assert standing(place) == (0, 0, 0)
    assert shop.open_amounts(place) == []


def test_what_was_sent_to_a_provider_that_is_no_longer_set_up_is_unknown(place, tmp_path):
    shop.open_shop(place, 1)
    with running_fake(tmp_path) as fake:
        desk = shop.desk_at(place, shop.provider_of(fake))
        register(desk)
        run = start.on_demand(desk, due_by=shop.now(), time_zone="UTC")
        with desk.step("claim") as tx:
            taken = charging.take(tx, run.run_id, 1)
            claimed = charging.claim(tx, run.run_id, taken, desk.names, desk.writer)
        with desk.step("send") as tx:
            charging.begin_sending(tx, claimed, 1, timedelta(seconds=5), desk.writer)
        ended(desk)
    other = shop.desk_at(place, shop.provider_of(fake))._replace(providers={})
    counts = take_over(other, lambda *_: True)
    assert counts == {"unknown": 1}
    with place.database.snapshot(place.tenant_id) as tx:
        assert [one.state.status for one in charges.needing_attention(tx)] == [Status.UNKNOWN]


def test_that_nothing_was_charged_is_not_believed_while_it_may_still_be(place, tmp_path):
    shop.open_shop(place, 1)
    with running_fake(tmp_path) as fake:
        fake.fault("close_before_charge", times=9)
        provider = shop.provider_of(fake, "blind", looks_up=False)
        desk = shop.desk_at(place, provider)
        shop.collect(desk)
        (stage,) = shop.attempts(place)
        said = told(stage, None, outcome=Outcome.ABSENT, name=None)

        def resolved(after):
            return decide.resolve(
                place.database, place.tenant_id, stage.attempt.reference, said, desk.terms_of,
                at=shop.now() + after, actor="ana", ids=shop.random_ids,
            )  # fmt: skip

        with pytest.raises(Conflict) as refused:
            resolved(timedelta(0))
        assert refused.value.code == "payment_attempt.may_still_charge"
        done = resolved(timedelta(minutes=5))
        assert (done.state.status, done.state.failure) == (Status.FAILED, Failure.NOT_FOUND)


def test_a_request_that_may_not_be_sent_again_any_more_is_not_asked_about_for_ever(place, tmp_path):
    shop.open_shop(place, 1)
    with running_fake(tmp_path) as fake:
        fake.fault("close_before_charge", times=9)
        desk = shop.desk_at(place, shop.provider_of(fake, looks_up=False))
        shop.collect(desk)
        again = shop.desk_at(place, shop.provider_of(fake, looks_up=False))
        worked(again._replace(clock=lambda: shop.now() + timedelta(days=2)))
        (stage,) = shop.attempts(place)
        assert (stage.state.status, stage.state.look_at) == (Status.UNKNOWN, None)
        with place.database.snapshot(place.tenant_id) as tx:
            assert len(charges.needing_attention(tx)) == 1
