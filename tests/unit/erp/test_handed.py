"""Where a document stands after what the ERP said of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from everycent.erp import handed
from everycent.erp.handed import Difference, Said, State, Status, Trouble

NOW = datetime(2026, 2, 1, 6, tzinfo=UTC)
I, A, R, X, P = (
    Status.INITIATED, Status.ACKNOWLEDGED, Status.REGISTERED, Status.ABORTED, Status.PARKED,
)  # fmt: skip


def standing(status: Status, tries: int = 0) -> State:
    """A document that stands there."""
    next_at = NOW if status in (I, A) else None
    return State(status, 1, tries, next_at, bill="B-1" if status is R else None)


@pytest.mark.parametrize(
    ("before", "said", "event", "status"),
    [
        (I, Said(A), "erp.acknowledged", A),
        (I, Said(R, "B-1"), "erp.registered", R),
        (I, Said(X, None, "period closed"), "erp.aborted", X),
        (A, Said(A), "erp.asked", A),
        (A, Said(R, "B-1"), "erp.registered", R),
        (A, Said(X, None, "period closed"), "erp.aborted", X),
        (R, Said(R, "B-1"), None, R),
        (R, Said(A), None, R),
        (R, Said(X, None, "too late"), None, R),
        (R, Said(R, "B-2"), "erp.failed", R),
        (X, Said(X, None, "again"), None, X),
        (X, Said(R, "B-1"), "erp.registered", R),
        (P, Said(R, "B-1"), "erp.registered", R),
        (P, Said(A), "erp.acknowledged", A),
        (I, Said(None, trouble=Trouble.UNREACHABLE), "erp.failed", I),
        (A, Said(None, trouble=Trouble.MALFORMED), "erp.failed", A),
        (A, Said(None, trouble=Trouble.ABSENT), "erp.lost", I),
        (R, Said(None, trouble=Trouble.MISMATCH), None, R),
        (X, Said(None, trouble=Trouble.THREW), None, X),
        (P, Said(None, trouble=Trouble.THREW), None, P),
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
        (Trouble.UNREACHABLE, 50, I, False),
        (Trouble.UNAVAILABLE, 50, I, False),
        (Trouble.TIMED_OUT, 2, I, False),
        (Trouble.TIMED_OUT, 50, I, True),
        (Trouble.LOST, 50, I, True),
        (Trouble.THREW, 0, I, False),
        (Trouble.THREW, 1, I, True),
        (Trouble.THREW, 6, I, True),
        (Trouble.THREW, 7, P, True),
        (Trouble.REFUSED, 7, P, True),
        (Trouble.MALFORMED, 7, P, True),
        (Trouble.MISMATCH, 7, P, True),
    ],
)
def test_a_document_is_tried_alone_and_then_parked_unless_the_erp_is_away(
    trouble, tries, status, is_alone
):
    found = handed.after(standing(I, tries), Said(None, trouble=trouble), NOW)
    assert found is not None
    state = found[1]
    assert (state.status, state.is_alone) == (status, is_alone)
    assert (state.next_at is None) == (status is P)


def test_what_the_erp_asks_for_is_waited_for():
    said = Said(None, trouble=Trouble.UNAVAILABLE, not_before=timedelta(minutes=20))
    found = handed.after(standing(I), said, NOW)
    assert found is not None
    assert found[1].next_at == NOW + timedelta(minutes=20)


def test_a_second_id_of_a_registered_document_is_told_once():
    twice = handed.after(standing(R), Said(R, "B-2"), NOW)
    assert twice is not None
    assert twice[1].trouble is Trouble.TWICE
    assert twice[1].bill == "B-1"
    assert twice[1].differences == (Difference("bill", "B-1", "B-2"),)
    assert handed.after(twice[1], Said(R, "B-2"), NOW) is None
