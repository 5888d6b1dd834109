"""The status of an invoice's payment: every situation has one, and what follows an attempt."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product
from uuid import UUID

import pytest

from everycent.charging.attempt import By, State, Status
from everycent.charging.status import (
    Closed,
    Facts,
    Follows,
    PaymentStatus,
    follows,
    parse_status,
    situations,
    status_of,
)
from everycent.kernel.errors import Invalid

OPEN, PAID = Closed.OPEN, Closed.PAID
FOUND = [
    # closed, attempt, tried, stopped → status
    (OPEN, None, False, False, "PENDING"),
    (OPEN, Status.FAILED, False, False, "PENDING"),  # put in the queue by hand
    (OPEN, Status.CANCELLED, True, False, "PENDING"),  # a claim that was given back
    (OPEN, Status.SUCCEEDED, True, False, "PENDING"),  # paid in part, or taken back since
    (OPEN, Status.CLAIMED, True, False, "UNDER_WAY"),
    (OPEN, Status.SENDING, True, False, "UNDER_WAY"),
    (OPEN, Status.PENDING, True, False, "UNDER_WAY"),
    (OPEN, Status.ANSWERED, True, False, "UNDER_WAY"),
    (OPEN, Status.UNKNOWN, True, False, "UNKNOWN"),
    (PAID, Status.UNKNOWN, True, False, "UNKNOWN"),  # by transfer, while nobody knows of the card
    (OPEN, Status.MISMATCHED, True, True, "MISMATCHED"),
    (OPEN, Status.FAILED, True, False, "FAILED"),
    (OPEN, Status.FAILED, True, True, "FAILED"),
    (OPEN, None, False, True, "STOPPED"),
    (OPEN, Status.FAILED, False, True, "STOPPED"),  # by hand, after it failed
    (
        OPEN,
        Status.SUCCEEDED,
        True,
        True,
        "STOPPED",
    ),  # another amount came: it pays nothing by itself
    (PAID, None, False, False, "PAID"),
    (PAID, Status.SUCCEEDED, True, False, "PAID"),
    (PAID, Status.FAILED, True, True, "PAID"),
    (Closed.CREDITED, Status.FAILED, True, False, "CREDITED"),
    (Closed.WRITTEN_OFF, Status.FAILED, True, True, "WRITTEN_OFF"),
]


@pytest.mark.parametrize(("closed", "attempt", "tried", "stopped", "status"), FOUND)
def test_an_invoice_has_the_status_that_its_facts_say(closed, attempt, tried, stopped, status):
    facts = Facts(closed, attempt, tried, stopped)
    assert status_of(facts) is PaymentStatus(status)
    assert facts.situation in situations(PaymentStatus(status))


def test_every_situation_belongs_to_one_status():
    every = [one for status in PaymentStatus for one in situations(status)]
    known = product(Closed, (None, *Status), (False, True), (False, True))
    assert sorted(every) == sorted({Facts(*facts).situation for facts in known})


@pytest.mark.parametrize("word", ["PENDING", "pending", "Under_Way", "written_off"])
def test_a_status_is_read_in_capitals_or_not(word):
    assert parse_status(word).lower() == word.lower()


@pytest.mark.parametrize(
    "word", ["", "PAYD", "pa\N{LATIN SMALL LETTER DOTLESS I}d", "PAID ", "PAID;--"]
)
def test_another_word_is_refused_with_those_that_there_are(word):
    with pytest.raises(Invalid) as refused:
        parse_status(word)
    assert refused.value.code == "collection.bad_status"
    assert all(status in str(refused.value.hint) for status in PaymentStatus)


NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 1, 2, tzinfo=UTC)
AFTER = [
    # status, retry_at, look_at → what follows, when
    (Status.SENDING, None, None, Follows.ANSWER, None),
    (Status.ANSWERED, None, None, Follows.ANSWER, None),
    (Status.FAILED, LATER, None, Follows.RETRY, LATER),
    (Status.FAILED, None, None, Follows.SOMEBODY, None),
    (Status.UNKNOWN, None, LATER, Follows.LOOK_UP, LATER),
    (Status.UNKNOWN, None, None, Follows.SOMEBODY, None),
    (Status.PENDING, None, LATER, Follows.LOOK_UP, LATER),
    (Status.MISMATCHED, None, None, Follows.SOMEBODY, None),
    (Status.SUCCEEDED, None, None, Follows.NOTHING, None),
    (Status.CANCELLED, None, None, Follows.NOTHING, None),
]


@pytest.mark.parametrize(("status", "retry_at", "look_at", "then", "at"), AFTER)
def test_what_follows_an_attempt_is_told_with_its_time(status, retry_at, look_at, then, at):
    by = By(UUID(int=1), "worker", 1)
    state = State(status, by, NOW, NOW, retry_at=retry_at, look_at=look_at)
    assert follows(state) == (then, at)
