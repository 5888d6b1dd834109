"""What the simulation (docs/simulation.md) found in the course of an attempt, each as a case of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from everycent.charging import course
from everycent.charging.attempt import Attempt, By, Evidence, Source, Stage, Status
from everycent.charging.course import Terms
from everycent.charging.policy import DEFAULT
from everycent.payments.failure import Failure
from everycent.payments.provider import Kind, Outcome, Traits

AT = datetime(2026, 1, 1, tzinfo=UTC)
NEW = By(UUID(int=2), "newer", 2)
OLD = By(UUID(int=1), "older", 1)
HOUR = timedelta(hours=1)
LATEST = timedelta(minutes=20)
SINCE = timedelta(seconds=5) + LATEST + timedelta(seconds=DEFAULT.margin)
ABSENT = Evidence(Source.LOOK_UP, Outcome.ABSENT)
SHRUG = Evidence(Source.RESPONSE, Outcome.UNKNOWN, Failure.TIMED_OUT)


def terms(idempotent_for: timedelta | None = None) -> Terms:
    traits = Traits(
        idempotent_for, looks_up=True, latest_commit=LATEST, concurrency=1, deadline=HOUR
    )
    return Terms(traits, DEFAULT)


def sending(by: By = NEW) -> Stage:
    attempt = Attempt(
        UUID(int=9), Kind.CHARGE, UUID(int=8), "psp", "tok", "payer", 100, "EUR", "I-1",
        invoice_id=UUID(int=7), invoice="I-1", left=100,
    )  # fmt: skip
    return course.sending(course.claimed(attempt, by, AT), by, AT, AT + timedelta(seconds=10))


def unknown() -> Stage:
    """Its sender gave up five seconds after it began."""
    at = AT + timedelta(seconds=5)
    found = course.heard(sending(), SHRUG, NEW, at, terms(), is_sender=True, is_over=True)
    assert found is not None
    return found


def test_evidence_counts_from_a_process_that_is_older_than_the_last_to_write():
    said = Evidence(
        Source.NOTICE, Outcome.DONE, None, "ch_1", sending().attempt.reference, 100, "EUR"
    )
    answered = course.heard(unknown(), said, OLD, AT + HOUR, terms())
    assert answered is not None
    assert (answered.state.by.worker, answered.state.by.fence) == ("older", 2)
    booked = course.succeeded(answered, OLD, AT + HOUR)
    assert (booked.state.status, booked.state.by.fence) == (Status.SUCCEEDED, 2)


@pytest.mark.parametrize(
    ("asked", "written", "status"),
    [
        (SINCE - timedelta(seconds=1), SINCE, Status.UNKNOWN),
        (timedelta(minutes=5), 9 * HOUR, Status.UNKNOWN),
        (None, 9 * HOUR, Status.UNKNOWN),
        (SINCE, SINCE, Status.FAILED),
        (SINCE, 9 * HOUR, Status.FAILED),
    ],
)
def test_nothing_found_counts_by_when_it_was_asked(asked, written, status):
    said = msgspec.structs.replace(ABSENT, asked_at=None if asked is None else AT + asked)
    after = course.heard(unknown(), said, NEW, AT + written, terms())
    assert after is not None
    assert after.state.status is status


@pytest.mark.parametrize(
    ("remembers", "later", "may"),
    [
        (None, timedelta(0), False),
        (HOUR, timedelta(0), False),  # a sender may be held up for longer
        (timedelta(hours=24), HOUR, True),
        (timedelta(hours=24), timedelta(hours=11, minutes=29), True),
        (timedelta(hours=24), timedelta(hours=11, minutes=30), False),
    ],
)
def test_a_request_is_sent_again_only_while_its_last_copy_is_remembered(remembers, later, may):
    assert course.may_send_again(unknown(), AT + later, terms(remembers)) is may


def test_an_earlier_sender_is_not_forgotten_when_another_one_sends_again():
    day = terms(timedelta(hours=24))
    lost = course.lost(sending(), OLD, AT + HOUR, day, is_proven=False)
    again = course.sending(lost, OLD, AT + 2 * HOUR, AT + 2 * HOUR)
    assert course.absent_counts_from(again, day) is None
    after = course.heard(again, SHRUG, OLD, AT + 2 * HOUR, day, is_sender=True, is_over=True)
    assert after is not None
    quarantine = timedelta(seconds=DEFAULT.quarantine)
    assert after.state.gave_up_at == AT + HOUR + quarantine


@pytest.mark.parametrize(
    "said", [ABSENT, SHRUG, msgspec.structs.replace(SHRUG, source=Source.NOTICE)]
)
def test_while_somebody_sends_nobody_else_who_knows_nothing_is_listened_to(said):
    assert course.heard(sending(), said, OLD, AT + HOUR, terms()) is None


def test_money_that_moved_after_all_stops_the_invoice_until_a_person_has_looked():
    gone = msgspec.structs.replace(ABSENT, asked_at=AT + SINCE)
    failed = course.heard(unknown(), gone, NEW, AT + SINCE, terms())
    assert failed is not None
    said = Evidence(Source.NOTICE, Outcome.DONE, None, "ch_1", failed.attempt.reference, 100, "EUR")
    after = course.heard(failed, said, NEW, AT + HOUR, terms())
    assert after is not None
    assert (after.state.is_contradicted, after.state.is_stopped) == (True, True)
