"""Crash enumeration: the worker is killed (SIGKILL) at every named point there is, in each mode of the
provider and for each thing that can happen to a call, and started again. The provider's own ledger is the
judge: never a second charge, nothing lost, the books equal to it.

The whole product of points, modes and outcomes, and the ordered pairs of points (a second crash during the
recovery from the first), are `pytest -m soak tests/collecting` (docs/collecting.md has the last result).
What runs here is every point in every mode, and every outcome at the points around the call.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from everycent.charging.attempt import FINAL, Evidence, Source, Stage, Status
from everycent.charging.course import Terms
from everycent.flows.collect import decide
from everycent.invoicing import queries as invoicing
from everycent.kernel.errors import Conflict
from everycent.payments.provider import Outcome
from tests.collecting import shop
from tests.collecting.crash import Job, Set, killed_at, points_of, provider_for
from tests.conftest import Place
from tests.payments.fake import Fake, running_fake

MODES = {
    "idempotent": ("idempotent", True),
    "idempotent, no look-up": ("idempotent", False),
    "forgetful": ("forgetful", True),
    "forgetful, no look-up": ("forgetful", False),
}
OUTCOMES: dict[str, list[dict[str, Any]]] = {
    "charged": [],
    "declined, then charged": [{"name": "decline:insufficient_funds"}],
    "answer lost": [{"name": "close_after_charge"}],
    "request lost": [{"name": "close_before_charge"}],
    "timed out, charged": [{"name": "hang_after_charge"}],
    "timed out, not charged": [{"name": "hang_before_charge"}],
    "charged after our deadline": [{"name": "late_commit", "seconds": 0.6}],
    "failed after the charge": [{"name": "error_500_after"}],
    "failed before the charge": [{"name": "error_500_before"}],
    "cut off in the middle": [{"name": "truncated"}],
    "turned away": [{"name": "rate_limit"}],
    "another amount in the answer": [{"name": "wrong_amount"}],
    "somebody else's answer": [{"name": "garbage"}],
}
PARTS = 12
"""The pairs of points are cut into so many tests, so that they run side by side."""
AROUND_THE_CALL = ("send.committed", "wire.sending", "wire.sent", "call.end", "hear.committed")


class Stand(NamedTuple):
    """A shop with many invoices, and a provider in one of its modes."""

    place: Place
    fake: Fake
    where: Set
    fresh: Iterator[tuple[UUID, str]]


def stand(place: Place, fake: Fake, mode: str, count: int) -> Stand:
    """The shop; every case takes a fresh invoice, of a customer of its own."""
    shop.open_shop(place, count)
    told, looks_up = MODES[mode]
    where = Set(
        place.conninfo, place.tenant_id, fake.url, told, looks_up, deadline=0.3, latest_commit=0.9
    )
    with place.database.snapshot(place.tenant_id) as tx:
        rows = invoicing.open_of_customer(tx, None)
    owners = dict(shop.payers(place))
    return Stand(place, fake, where, iter([(r.invoice_id, owners[r.customer_id]) for r in rows]))


def put(stand: Stand, payer: str, outcome: str) -> None:
    """What is to happen to the first call for this customer."""
    for fault in OUTCOMES[outcome]:
        stand.fake.fault(**fault, where={"payer": payer})


def settle(stand: Stand, invoice_id: UUID) -> list[Stage]:
    """Restarts the worker until nothing of the invoice is under way; what only a person can know is then
    told by a person who looks into the provider's books."""
    until = time.monotonic() + 8
    while time.monotonic() < until:
        assert not killed_at(stand.where, Job(None, rounds=1))
        found = attempts_of(stand, invoice_id)
        open_ones = [one for one in found if one.state.status not in FINAL]
        if not open_ones and found and found[-1].state.status is Status.SUCCEEDED:
            return found
        if not found:
            assert not killed_at(stand.where, Job((invoice_id,), rounds=1))
        stuck = [one for one in open_ones if one.state.look_at is None]
        if stuck and time.monotonic() > until - 7.5:
            tell(stand, stuck[0])
        time.sleep(0.1)
    raise AssertionError(f"not settled: {[(s.state.status, s.state.why) for s in found]}")


def tell(stand: Stand, stage: Stage) -> None:
    """A person looks the charge up at the provider and says what is there."""
    charges = stand.fake.captured(stage.attempt.reference)
    said = Evidence(Source.PERSON, Outcome.ABSENT, reason="not in the provider's books")
    if charges:
        said = Evidence(
            Source.PERSON, Outcome.DONE, None, charges[0]["id"], stage.attempt.reference,
            charges[0]["amount"], charges[0]["currency"], charges[0]["fee"],
            reason="seen in the provider's books",
        )  # fmt: skip
    terms = Terms(provider_for(stand.where).traits, shop.PROMPT)
    try:
        decide.resolve(
            stand.place.database, stand.place.tenant_id, stage.attempt.reference, said,
            lambda _: terms, at=shop.now(), actor="a person", ids=stand.place.ids,
        )  # fmt: skip
    except Conflict as early:
        if early.code != "payment_attempt.may_still_charge":  # asked again a moment later
            raise


def attempts_of(stand: Stand, invoice_id: UUID) -> list[Stage]:
    """The attempts to charge the invoice."""
    return [one for one in shop.attempts(stand.place) if one.attempt.invoice_id == invoice_id]


def crash_and_settle(stand: Stand, points: tuple[str, ...], outcome: str) -> bool:
    """One case: killed at each point in turn, then started until all is quiet; whether it was killed at
    every one. Checks that the provider has one charge, which is booked once."""
    invoice_id, payer = next(stand.fresh)
    put(stand, payer, outcome)
    killed = killed_at(stand.where, Job((invoice_id,), points[0]))
    for point in points[1:]:
        killed &= killed_at(stand.where, Job(None, point))
    settle(stand, invoice_id)
    charges = [one for one in stand.fake.captured() if one["payer"] == payer]
    assert [one["amount"] for one in charges] == [shop.OWED], (points, outcome, charges)
    stand.fake.clear()
    return killed


def points_on_the_way(stand: Stand, outcome: str = "charged") -> list[str]:
    """Every point that a worker comes to for one invoice, each once."""
    invoice_id, payer = next(stand.fresh)
    put(stand, payer, outcome)
    found = list(dict.fromkeys(points_of(stand.where, Job((invoice_id,)))))
    settle(stand, invoice_id)
    return found


def points_of_the_recovery(stand: Stand, first: str, outcome: str) -> list[str]:
    """Every point that the next worker comes to after one was killed, each once."""
    invoice_id, payer = next(stand.fresh)
    put(stand, payer, outcome)
    killed_at(stand.where, Job((invoice_id,), first))
    found = list(dict.fromkeys(points_of(stand.where, Job(None))))
    settle(stand, invoice_id)
    stand.fake.clear()
    return found


def check_books(stand: Stand) -> None:
    """Nothing is lost: the books are equal to the provider's, and every proof holds."""
    summary = stand.fake.summary()
    assert summary["charged_more_than_once"] == {}
    fees = sum(one["fee"] for one in stand.fake.captured())
    assert shop.balance(stand.place, shop.CLEARING) == (
        summary["currencies"]["EUR"]["captured"] - fees
    )
    assert shop.violations(stand.place) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_worker_killed_at_any_point_charges_once(place, tmp_path: Path, mode):
    with running_fake(tmp_path, mode=MODES[mode][0], looks_up=MODES[mode][1]) as fake:
        here = stand(place, fake, mode, 90)
        points = points_on_the_way(here)
        assert len(points) >= 40
        for point in points:
            was_killed = crash_and_settle(here, (point,), "charged")
            assert was_killed or point.startswith("renew."), point  # that one comes by the clock
        check_books(here)


@pytest.mark.parametrize("outcome", [name for name in OUTCOMES if name != "charged"])
def test_whatever_becomes_of_the_call_a_killed_worker_charges_once(place, tmp_path, outcome):
    mode = list(MODES)[list(OUTCOMES).index(outcome) % 4]
    with running_fake(tmp_path, mode=MODES[mode][0], looks_up=MODES[mode][1]) as fake:
        here = stand(place, fake, mode, 12)
        for point in AROUND_THE_CALL:
            crash_and_settle(here, (point,), outcome)
        check_books(here)


@pytest.mark.soak
@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("mode", MODES)
def test_every_point_in_every_mode_with_every_outcome(
    place, tmp_path, record_property, mode, outcome
):
    with running_fake(tmp_path, mode=MODES[mode][0], looks_up=MODES[mode][1]) as fake:
        here = stand(place, fake, mode, 120)
        points = points_on_the_way(here, outcome)
        killed = [crash_and_settle(here, (point,), outcome) for point in points]
        check_books(here)
    record_property("points", len(points))
    record_property("killed", sum(killed))


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("mode", MODES)
def test_a_second_crash_during_the_recovery_charges_once(
    place, tmp_path, record_property, mode, part
):
    """The answer to the first call is lost, so that there is much to recover. What the recovery comes to is
    found out for each first point; what it does not come to can't be where it dies."""
    killed = []
    with running_fake(tmp_path, mode=MODES[mode][0], looks_up=MODES[mode][1]) as fake:
        here = stand(place, fake, mode, 600)
        points = points_on_the_way(here, "answer lost")
        for first in points[part::PARTS]:
            for second in points_of_the_recovery(here, first, "answer lost"):
                killed.append(crash_and_settle(here, (first, second), "answer lost"))
        check_books(here)
    record_property("pairs", len(killed))
    record_property("killed twice", sum(killed))
    assert any(killed)
