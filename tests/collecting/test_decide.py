"""What people decide about collecting an invoice: charge it again, or do not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from everycent.charging import operations as charging
from everycent.charging import queries
from everycent.charging.attempt import Evidence, Source
from everycent.charging.policy import DEFAULT
from everycent.charging.status import PaymentState
from everycent.flows.collect import decide, start
from everycent.flows.collect.desk import Desk
from everycent.kernel.errors import Conflict, Invalid, NotFound
from everycent.kernel.ids import IdSource
from everycent.payments import operations as payments
from everycent.payments import queries as paid
from everycent.payments.provider import Outcome
from tests.collecting import shop
from tests.conftest import Place
from tests.flows import world
from tests.payments.fake import Fake, running_fake


class Stand(NamedTuple):
    """A shop of three invoices, and a provider that can't be asked what became of a charge."""

    place: Place
    fake: Fake

    def desk(self) -> Desk:
        provider = shop.provider_of(self.fake, "forgetful", looks_up=False)
        return shop.desk_at(self.place, provider, DEFAULT)

    def collect(self, fault: str | None = None) -> None:
        """Collects everything; the fault happens to the first invoice."""
        if fault is not None:
            self.fake.fault(fault, where={"payer": self.state("INV-000001").customer})
        shop.collect(self.desk())

    def state(self, name: str) -> PaymentState:
        with self.place.database.snapshot(self.place.tenant_id) as tx:
            return queries.payment_state(tx, name)

    def requeue(self, name: str) -> bool:
        return decide.requeue(
            self.place.database, self.place.tenant_id, name, at=shop.now(), actor="eve", ids=_ids()
        )[1]

    def stop(self, name: str, reason: str = "the customer pays by transfer") -> bool:
        return decide.stop(
            self.place.database, self.place.tenant_id, name, reason=reason, at=shop.now(),
            actor="eve", ids=_ids(),
        )[1]  # fmt: skip


def _ids() -> IdSource:
    from everycent.app.wiring import random_ids

    return random_ids


@pytest.fixture
def stand(place: Place, tmp_path) -> Iterator[Stand]:
    shop.open_shop(place, 3)
    with running_fake(tmp_path, mode="forgetful", looks_up=False) as fake:
        yield Stand(place, fake)


def test_an_invoice_that_failed_is_charged_again_once_it_is_in_the_queue(stand):
    stand.collect("decline:insufficient_funds")
    failed = stand.state("INV-000001")
    assert (failed.status, failed.tries) == ("FAILED", 1)
    assert failed.retry_at is not None
    assert failed.retry_at > shop.now()
    assert stand.requeue("INV-000001")
    queued = stand.state("INV-000001")
    assert (queued.status, queued.tries, queued.is_stopped) == ("PENDING", 0, False)
    assert not stand.requeue("INV-000001")
    stand.collect()
    assert stand.state("INV-000001").status == "PAID"
    assert len(stand.fake.captured()) == 3
    assert shop.violations(stand.place) == []


def test_what_is_stopped_is_not_charged_until_it_is_put_in_the_queue(stand):
    assert stand.stop("INV-000002")
    assert not stand.stop("INV-000002", "for another reason")
    stand.collect()
    assert stand.state("INV-000002").status == "STOPPED"
    assert stand.state("INV-000002").reason == "the customer pays by transfer"
    assert len(stand.fake.captured()) == 2
    assert stand.requeue("INV-000002")
    stand.collect()
    assert stand.state("INV-000002").status == "PAID"
    assert len(stand.fake.captured()) == 3
    assert shop.violations(stand.place) == []


def credited(stand: Stand) -> str:
    world.credit(stand.place, "INV-000001")
    return "INV-000001"


def credit_note(stand: Stand) -> str:
    world.credit(stand.place, "INV-000001")
    return "CN-000001"


def written_off(stand: Stand) -> str:
    one = stand.state("INV-000001")
    with stand.place.database.transaction(stand.place.tenant_id) as tx:
        tx.run(
            "insert into settlement (tenant_id, document_id, step, kind, amount, open_before,"
            " open_after, owed, at, event_id) values (%s, %s, 1, 'write_off', %s, %s, 0, %s, %s, %s)",
            (stand.place.tenant_id, one.invoice_id, one.owed, one.owed, one.owed, shop.now(),
             stand.place.ids("written off")),
        )  # fmt: skip
    return "INV-000001"


def collected(stand: Stand) -> str:
    stand.collect()
    return "INV-000001"


def after(fault: str) -> Callable[[Stand], str]:
    def collect(stand: Stand) -> str:
        stand.collect(fault)
        return "INV-000001"

    return collect


def claimed(stand: Stand) -> str:
    desk = stand.desk()
    run = start.on_demand(desk, due_by=shop.now(), time_zone="UTC")
    with stand.place.database.transaction(stand.place.tenant_id) as tx:
        taken = charging.take(tx, run.run_id, 3)
        charging.claim(tx, run.run_id, taken, desk.names, desk.writer)
    return "INV-000001"


REFUSED = [
    (collected, "collection.paid", "is paid"),
    (credited, "collection.nothing_open", "taken back"),
    (credit_note, "collection.nothing_open", "is a credit note"),
    (written_off, "collection.nothing_open", "written off"),
    (claimed, "collection.under_way", "is claimed since"),
    (after("hang_after_charge"), "collection.under_way", "is unknown since"),
    (after("pending"), "collection.under_way", "is pending since"),
    (after("wrong_amount"), "collection.under_way", "is mismatched since"),
]


@pytest.mark.parametrize(("prepare", "code", "why"), REFUSED)
def test_what_may_be_paid_or_has_nothing_open_is_refused(stand, prepare, code, why):
    name = prepare(stand)
    before = stand.state(name)
    for ask in (stand.requeue, stand.stop):
        with pytest.raises(Conflict) as refused:
            ask(name)
        assert (refused.value.code, why in refused.value.message) == (code, True)
        assert stand.state(name) == before
    if code == "collection.under_way":
        assert before.attempt is not None
        assert before.attempt in refused.value.message


def test_money_that_came_and_pays_nothing_is_not_charged_again(stand):
    stand.collect()
    with stand.place.database.transaction(stand.place.tenant_id) as tx:
        one = queries.payment_state(tx, "INV-000001")
        (held,) = paid.of_customer(tx, one.customer_id)
        writing = payments.Writing(at=shop.now(), recorded_at=shop.now(), actor="eve", ids=_ids())
        payments.unapply(tx, held.payment.payment_id, one.invoice_id, writing, "by mistake")
    with pytest.raises(Conflict) as refused:
        stand.requeue("INV-000001")
    assert refused.value.code == "collection.money_came"
    assert stand.stop("INV-000001")


@pytest.mark.parametrize("name", ["INV-000009", "INV-0", "231", "' or 1=1 --", "\x00", ""])
def test_an_unknown_invoice_is_not_found(stand, name):
    for ask in (stand.requeue, stand.stop):
        with pytest.raises(NotFound) as refused:
            ask(name)
        assert refused.value.code == "invoice.unknown"


@pytest.mark.parametrize("reason", ["", "   ", "a\nb", "x" * 501])
def test_to_stop_needs_a_reason(stand, reason):
    with pytest.raises(Invalid) as refused:
        stand.stop("INV-000001", reason)
    assert refused.value.code == "collection.no_reason"


def test_a_claim_that_waited_for_somebody_stands_after_what_was_decided(stand):
    """A worker takes an item, and waits for the invoice, which somebody is just putting in the queue: the
    worker's transaction is the older one, and yet its event has to come later when all is replayed."""
    place, desk = stand.place, stand.desk()
    run = start.on_demand(desk, due_by=shop.now(), time_zone="UTC")

    def claim() -> None:
        with place.database.transaction(place.tenant_id) as tx:
            tx.run("select pg_current_xact_id()")
            begun.set()
            assert requeued.wait(10)
            taken = charging.take(tx, run.run_id, 3)
            charging.claim(tx, run.run_id, taken, desk.names, desk.writer)

    begun, requeued = threading.Event(), threading.Event()
    worker = threading.Thread(target=claim)
    worker.start()
    assert begun.wait(10)
    assert stand.requeue("INV-000001")
    requeued.set()
    worker.join()
    assert {str(one.state.status) for one in shop.attempts(place)} == {"claimed"}
    assert shop.violations(place) == []


def test_a_charge_of_another_attempt_is_no_answer_about_this_one(stand):
    stand.collect("close_after_charge")
    lost = next(one for one in shop.attempts(stand.place, ["unknown"]))
    others = next(one for one in shop.attempts(stand.place, ["succeeded"]))
    said = Evidence(
        Source.PERSON, Outcome.DONE, None, others.state.provider_id, lost.attempt.reference,
        lost.attempt.amount, lost.attempt.currency, 0, reason="seen",
    )  # fmt: skip
    before = shop.state(stand.place)
    with pytest.raises(Conflict) as refused:
        decide.resolve(
            stand.place.database, stand.place.tenant_id, lost.attempt.reference, said,
            stand.desk().terms_of, at=shop.now(), actor="eve", ids=_ids(),
        )  # fmt: skip
    assert refused.value.code == "payment_attempt.of_another"
    assert shop.state(stand.place) == before
