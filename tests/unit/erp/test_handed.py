"""Where a document stands after what the ERP said of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from everycent.erp import handed
from everycent.erp.handed import Difference, Said, State, Status, Trouble

NOW = datetime(2026, 2, 1, 6, tzinfo=UTC)
INI, ACK, REG, ABO, PAR = (
    Status.INITIATED, Status.ACKNOWLEDGED, Status.REGISTERED, Status.ABORTED, Status.PARKED,
)  # fmt: skip


def standing(status: Status, tries: int = 0, claimed: str | None = None) -> State:
    """A document that stands there."""
    next_at = NOW if status in (INI, ACK) else None
    bill = "B-1" if status is REG else None
    return State(status, 1, tries, next_at, bill=bill, claimed=claimed)


@pytest.mark.parametrize(
    ("before", "said", "event", "status"),
    [
        (INI, Said(ACK), "erp.acknowledged", ACK),
        (INI, Said(REG, "B-1"), "erp.acknowledged", ACK),
        (INI, Said(ABO, None, "period closed"), "erp.aborted", ABO),
        (ACK, Said(ACK), "erp.asked", ACK),
        (ACK, Said(REG, "B-1"), "erp.asked", ACK),
        (ACK, Said(ABO, None, "period closed"), "erp.aborted", ABO),
        (REG, Said(REG, "B-1"), None, REG),
        (REG, Said(ACK), None, REG),
        (REG, Said(ABO, None, "too late"), None, REG),
        (REG, Said(REG, "B-2"), "erp.failed", REG),
        (ABO, Said(ABO, None, "again"), None, ABO),
        (ABO, Said(REG, "B-1"), "erp.acknowledged", ACK),
        (PAR, Said(REG, "B-1"), "erp.acknowledged", ACK),
        (PAR, Said(ACK), "erp.acknowledged", ACK),
        (INI, Said(None, trouble=Trouble.UNREACHABLE), "erp.failed", INI),
        (ACK, Said(None, trouble=Trouble.MALFORMED), "erp.failed", ACK),
        (ACK, Said(None, trouble=Trouble.ABSENT), "erp.lost", INI),
        (REG, Said(None, trouble=Trouble.MISMATCH), None, REG),
        (ABO, Said(None, trouble=Trouble.THREW), None, ABO),
        (PAR, Said(None, trouble=Trouble.THREW), None, PAR),
    ],
)
def test_what_is_said_leads_a_document_on_and_never_back(before, said, event, status):
    found = handed.after(standing(before), said, NOW)
    if event is None:
        assert found is None
        return
    assert found is not None
    assert (found[0].name, found[1].status) == (event, status)


@pytest.mark.parametrize(
    ("trouble", "tries", "status", "is_alone"),
    [
        (Trouble.UNREACHABLE, 50, INI, False),
        (Trouble.UNAVAILABLE, 50, INI, False),
        (Trouble.TIMED_OUT, 2, INI, False),
        (Trouble.TIMED_OUT, 50, INI, True),
        (Trouble.LOST, 50, INI, True),
        (Trouble.THREW, 0, INI, False),
        (Trouble.THREW, 1, INI, True),
        (Trouble.THREW, 6, INI, True),
        (Trouble.THREW, 7, PAR, True),
        (Trouble.REFUSED, 7, PAR, True),
        (Trouble.MALFORMED, 7, PAR, True),
        (Trouble.MISMATCH, 7, PAR, True),
    ],
)
def test_a_document_is_tried_alone_and_then_parked_unless_the_erp_is_away(
    trouble, tries, status, is_alone
):
    found = handed.after(standing(INI, tries), Said(None, trouble=trouble), NOW)
    assert found is not None
    state = found[1]
    assert (state.status, state.is_alone) == (status, is_alone)
    assert (state.next_at is None) == (status is PAR)


def test_what_the_erp_asks_for_is_waited_for():
    said = Said(None, trouble=Trouble.UNAVAILABLE, not_before=timedelta(minutes=20))
    found = handed.after(standing(INI), said, NOW)
    assert found is not None
    assert found[1].next_at == NOW + timedelta(minutes=20)


def test_a_second_id_of_a_registered_document_is_told_once():
    twice = handed.after(standing(REG), Said(REG, "B-2"), NOW)
    assert twice is not None
    assert twice[1].trouble is Trouble.TWICE
    assert twice[1].bill == "B-1"
    assert twice[1].differences == (Difference("bill", "B-1", "B-2"),)
    assert handed.after(twice[1], Said(REG, "B-2"), NOW) is None


@pytest.mark.parametrize(
    ("said", "event", "status", "trouble"),
    [
        (Said(REG, "B-1"), "erp.registered", REG, None),
        (Said(REG, "B-2"), "erp.failed", ACK, Trouble.MISMATCH),
        (Said(ACK), "erp.failed", ACK, Trouble.MISMATCH),
        (Said(ABO, None, "no"), "erp.aborted", ABO, None),
    ],
)
def test_an_id_is_believed_when_two_answers_in_a_row_say_it(said, event, status, trouble):
    found = handed.after(standing(ACK, claimed="B-1"), said, NOW)
    assert found is not None
    assert (found[0].name, found[1].status, found[1].trouble) == (event, status, trouble)
    if trouble is not None and said.bill is not None:
        again = handed.after(found[1], said, NOW)
        assert again is not None
        assert (again[1].status, again[1].bill) == (REG, said.bill)
