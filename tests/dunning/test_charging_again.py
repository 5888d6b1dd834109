"""A step that charges again: one more attempt for what waits for the customer, none for what waits for
us."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import date, timedelta

import pytest

from everycent.app import processes
from everycent.charging import projection as charging_rows
from everycent.charging.attempt import Status
from everycent.charging.decided import STOPPED, Decided, stream
from everycent.dunning import queries
from everycent.flows.collect import work
from everycent.invoicing import queries as invoicing
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from tests.collecting import shop
from tests.dunning import debts
from tests.dunning.test_published_cases import Scripted, collected, days_of_attempts, sold

START = date(2026, 1, 1)
TERMS = """
failures: {declined: {then: retry, delays: [2d], most: 2, finally: ask_customer}}
campaigns:
  again:
    thresholds: {EUR: 1}
    steps: [{key: again, after_due: 10d, charge: true}, {key: once-more, after_step: 10d, charge: true}]
"""


def owing(place, text: str = TERMS, group: str | None = None):
    debts.set_terms(place, text)
    sold(place, "10.00", "EUR", START, group=group)
    with place.database.snapshot(place.tenant_id) as tx:
        return queries.policies(tx)


def collect_daily(place, provider, policies, days: int) -> None:
    for n in range(days):
        day = START + timedelta(days=n)
        debts.run(place, day)
        collected(place, provider, day, policies, is_first=n == 0)


def test_one_more_attempt_is_made_for_each_such_step_and_no_schedule_of_them(place):
    policies = owing(place)
    provider = Scripted(["failed", "failed", "failed", "ok"])
    collect_daily(place, provider, policies, 40)
    assert days_of_attempts(place) == ["2026-01-01", "2026-01-03", "2026-01-11", "2026-01-21"]
    assert debts.open_sum(place) == 0
    with place.database.snapshot(place.tenant_id) as tx:
        (ended, *_), steps = [queries.steps(tx)[0].why], queries.steps(tx)
    assert ended == "settled"
    assert [one.step.charged for one in steps] == [("INV-000001",), ("INV-000001",)]
    assert debts.violations(place) == []


@pytest.mark.parametrize(
    ("group", "days"),
    [
        (None, ["2026-01-01", "2026-01-03"]),
        ("small", ["2026-01-01", "2026-01-03"]),
        ("large", ["2026-01-01", "2026-01-06", "2026-01-11"]),
    ],
)
def test_a_failure_is_followed_by_the_rule_of_the_customers_group(place, group, days):
    of_large = "{failures: {declined: {then: retry, delays: [5d], most: 3}}}"
    policies = owing(
        place, TERMS.partition("campaigns")[0] + f"groups: {{large: {of_large}}}", group
    )
    provider = Scripted(["failed"] * 9)
    for n in range(20):
        collected(place, provider, START + timedelta(days=n), policies, is_first=n == 0)
    assert days_of_attempts(place) == days


def test_terms_that_are_applied_while_a_process_works_hold_from_its_next_round_on(place):
    owing(place, "schedule: {cron: '0 6 * * *', time_zone: UTC}")
    at = debts.noon(START + timedelta(days=1))
    desk = shop.desk_at(place, Scripted(["failed"] * 9))._replace(clock=lambda: at)
    debts.set_terms(
        place,
        "{schedule: {cron: '0 6 * * *', time_zone: UTC}, failures: {declined: {then: nothing}}}",
    )

    async def one_round() -> None:
        with work.alive(desk):
            await work.on_schedule(desk, processes.is_gone, work.Stop(), Counter(), is_once=True)

    asyncio.run(one_round())
    (one,) = shop.attempts(place)
    assert (one.state.status, one.state.retry_at) == (Status.FAILED, None)


@pytest.mark.parametrize("who", ["person", "rule"])
def test_what_waits_for_one_of_us_is_left_alone(place, who):
    text = TERMS.replace("ask_customer", "ask_operator") if who == "rule" else TERMS
    policies = owing(place, text)
    provider = Scripted(["failed"] * 9)
    collect_daily(place, provider, policies, 5)
    if who == "person":
        with place.database.transaction(place.tenant_id) as tx:
            (row,) = invoicing.listed(tx, limit=10)
            payload = Decided(
                row.invoice_id, "INV-000001", 2, None, is_stopped=True, reason="in court"
            )
            at = debts.noon(date(2026, 1, 6))
            draft = Draft(place.ids("s"), stream(row.invoice_id), STOPPED, at, "test", payload)
            journal.record(tx, [draft], at, charging_rows.decided)
    (step,) = debts.run(place, date(2026, 1, 12)).steps
    assert step.charged == ()
    (why,) = step.left_out.values()
    assert why == "not charged: " + (
        "in court" if who == "person" else "declined: 2 attempts are all that is allowed"
    )
    collected(place, provider, date(2026, 1, 12), policies)
    assert len(days_of_attempts(place)) == 2
