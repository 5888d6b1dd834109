"""Money that went back although the books believed otherwise, or beyond what stood: it is booked as it
is."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from everycent.charging import operations as charging
from everycent.charging import operations_refunds as refunds
from everycent.charging import queries as charges
from everycent.charging.attempt import NOBODY, Attempt, By, Evidence, Source, Status
from everycent.charging.course import Terms
from everycent.charging.operations import Heard
from everycent.charging.operations_writing import Writer
from everycent.charging.policy import DEFAULT
from everycent.flows.collect import decide, listen, start
from everycent.flows.collect.desk import ended, register
from everycent.flows.collect.recover import take_over
from everycent.kernel.errors import Conflict
from everycent.ledger.account import PAYMENT_LOSSES
from everycent.payments import operations as payments
from everycent.payments import payment as paid
from everycent.payments import queries
from everycent.payments.failure import Failure
from everycent.payments.provider import (
    PROMISES_NOTHING,
    Answer,
    Kind,
    Notice,
    NoticeKind,
    Outcome,
)
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


def say(place, desk, notice):
    """What follows from an event that the provider told."""
    with desk.step("notice") as tx:
        return listen._follow(tx, desk, "psp", notice)


def test_a_refund_that_comes_back_after_it_was_done_is_the_customers_again(place, tmp_path):
    shop.open_shop(place, 1)
    with running_fake(tmp_path) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        ask(place, 1000)
        worked(shop.desk_at(place, shop.provider_of(fake)))
        stage = last_refund(place)
        desk = shop.desk_at(place, shop.provider_of(fake))
        failed = Answer(
            Outcome.FAILED, Failure.DECLINED_FOR_GOOD, stage.state.provider_id,
            stage.attempt.reference, 1000, "EUR",
        )  # fmt: skip
        other = failed._replace(provider_id="re_of_another")
        for answer, left in ((other, 0), (failed, 1000), (failed, 1000)):
            notice = Notice(shop.random_ids("").hex, NoticeKind.REFUND, answer, shop.now())
            effect = say(place, desk, notice)
            assert standing(place)[0] == left, effect
    assert shop.balance(place, shop.CLEARING) == shop.OWED
    assert shop.violations(place) == []


def test_a_refund_made_there_counts_when_it_is_done_and_not_before(place, tmp_path):
    shop.open_shop(place, 1)
    with running_fake(tmp_path) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        desk = shop.desk_at(place, shop.provider_of(fake))
        charge = fake.captured()[0]["id"]
        backs = []
        for outcome in (Outcome.PENDING, Outcome.FAILED, Outcome.DONE, Outcome.FAILED):
            answer = Answer(outcome, None, "re_9", None, 1000, "EUR")
            name = shop.random_ids("").hex
            effect = say(
                place, desk, Notice(name, NoticeKind.REFUNDED_THERE, answer, shop.now(), charge)
            )
            backs.append(standing(place)[1])
        assert (backs, "a person has to look" in effect) == ([0, 0, 1000, 1000], True)


@pytest.mark.parametrize("order", ["rdw", "drw"])
def test_a_refund_and_a_won_dispute_end_the_same_in_every_order(place, tmp_path, order):
    shop.open_shop(place, 1)
    with running_fake(tmp_path) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        desk = shop.desk_at(place, shop.provider_of(fake))
        charge = fake.captured()[0]["id"]
        told = {
            "r": (NoticeKind.REFUNDED_THERE, "re_1"),
            "d": (NoticeKind.DISPUTED, "dp_1"),
            "w": (NoticeKind.DISPUTE_WON, "dp_1"),
        }
        for letter in order:
            kind, name = told[letter]
            answer = Answer(Outcome.DONE, None, name, None, shop.OWED, "EUR")
            say(place, desk, Notice(f"evt_{letter}", kind, answer, shop.now(), charge))
    assert standing(place) == (0, shop.OWED, 0)
    assert shop.open_amounts(place) == [shop.OWED]
    assert shop.balance(place, PAYMENT_LOSSES) == 0
    assert shop.violations(place) == []


def test_a_won_dispute_pays_what_the_dispute_took_and_not_what_a_person_took_off(place, tmp_path):
    shop.open_shop(place, 1)
    with running_fake(tmp_path) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
    with place.database.transaction(place.tenant_id) as tx:
        (held,) = queries.of_customer(tx, None)
        payments.unapply(tx, held.payment.payment_id, None, shop.writing(), "by a person")
        payments.taken_there(
            tx, held.payment.payment_id, paid.DISPUTED, paid.MoveKind.DISPUTE, 1000,
            shop.writing(), reason="disputed", external_id="dp_1",
        )  # fmt: skip
        payments.won_back(tx, held.payment.payment_id, 1000, "dp_1", shop.writing())
    assert standing(place) == (shop.OWED, 0, 0)
    assert shop.open_amounts(place) == [shop.OWED]


def test_an_attempt_at_a_state_in_which_its_invoice_is_not_is_refused_by_the_database(place):
    shop.open_shop(place, 1)
    (invoice_id,) = shop.open_invoices(place)
    for step, left in ((0, 99_999_999), (7, shop.OWED)):
        attempt = Attempt(
            shop.random_ids(""), Kind.CHARGE, shop.payers(place)[0][0], "psp", "tok", "c0000", left,
            "EUR", "x", invoice_id=invoice_id, invoice="INV-000001", step=step, left=left,
        )  # fmt: skip
        writer = Writer(By(NOBODY, "test"), "test", shop.now(), shop.random_ids)
        with (
            pytest.raises(psycopg.errors.ForeignKeyViolation, match="the state in which"),
            place.database.transaction(place.tenant_id) as tx,
        ):
            refunds.ask_for(tx, attempt, writer)


def test_a_charge_that_cannot_be_booked_does_not_keep_its_run_open(place, tmp_path, monkeypatch):
    shop.open_shop(place, 2)
    real = charging._booked

    def unbookable(tx, answered, writer):
        if any(stage.attempt.invoice == "INV-000001" for stage in answered):
            raise ValueError("a defect of ours")
        return real(tx, answered, writer)

    monkeypatch.setattr(charging, "_booked", unbookable)
    with running_fake(tmp_path) as fake:
        run = shop.collect(shop.desk_at(place, shop.provider_of(fake)))
    with place.database.snapshot(place.tenant_id) as tx:
        assert charges.find_run(tx, run.run_id).state == "finished"
        assert [one.attempt.invoice for one in charges.needing_attention(tx)] == ["INV-000001"]


def test_no_run_of_retries_is_opened_for_what_is_under_way(place, tmp_path):
    shop.open_shop(place, 1)
    with running_fake(tmp_path) as fake:
        fake.fault("decline:insufficient_funds", times=1)
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        fake.fault("pending", seconds=60)
        assert start.of_retries(shop.desk_at(place, shop.provider_of(fake))) is not None
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        found = [start.of_retries(shop.desk_at(place, shop.provider_of(fake))) for _ in range(3)]
        assert found == [None, None, None]
