"""What must hold about dunning is kept by the database, and `verify` finds what gets past it."""

from __future__ import annotations

from datetime import date

import psycopg
import pytest

from everycent.dunning import audit
from tests.dunning import debts

STEP = (
    "insert into dunning_step (tenant_id, customer_id, currency, episode, number, campaign, step,"
    " taken_on, amount, at, event_id) select tenant_id, customer_id, currency, {episode}, {number},"
    " campaign, {step}, taken_on + 1, {amount}, at, event_id from dunning_step where number = 1"
)


def connected(place) -> psycopg.Connection:
    return psycopg.connect(place.conninfo, options="-c search_path=everycent")


def two_steps(place) -> None:
    debts.owing(place)
    debts.daily(place, date(2026, 1, 17), date(2026, 1, 26))


@pytest.mark.parametrize(
    ("told", "constraint"),
    [
        ({"number": 2}, "dunning_step_pkey"),
        ({"step": "'reminder'"}, "dunning_step_tenant_id_customer_id_currency_episode_step_key"),
        ({"number": 4}, "dunning_step_tenant_id_customer_id_currency_episode_number_fkey"),
        ({"episode": 2, "number": 1}, "dunning_step_tenant_id_customer_id_currency_episode_before_fkey"),
        ({"amount": 0}, "dunning_step_amount_check"),
    ],
)  # fmt: skip
def test_the_database_refuses_a_step_that_can_not_be(place, told, constraint):
    two_steps(place)
    values = {"episode": 1, "number": 3, "step": "'x'", "amount": 1} | told
    with connected(place) as connection, pytest.raises(psycopg.errors.IntegrityError) as refusal:
        connection.execute(STEP.format(**values))
    assert refusal.value.diag.constraint_name == constraint


@pytest.mark.parametrize("table", ["dunning_terms", "dunning_step", "message"])
def test_nobody_changes_what_was_done(place, table):
    two_steps(place)
    with (
        connected(place) as connection,
        pytest.raises(psycopg.Error, match=r"only ever added|refuse|immutable|change"),
    ):
        connection.execute(f"update {table} set at = now()")


def test_an_occasion_has_one_message(place):
    two_steps(place)
    with connected(place) as connection, pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(
            "insert into message (tenant_id, message_id, kind, occasion, recipient, subject, told, at,"
            " event_id) select tenant_id, event_id, kind, occasion, recipient, subject, told, at, event_id"
            " from message limit 1"
        )


FOLLOWS, TOLD, DELIVERED = audit.CHECKS


@pytest.mark.parametrize(
    ("spoiling", "promise"),
    [
        ("update dunning_step set taken_on = taken_on - 30 where number = 2", FOLLOWS),
        ("update dunning_step set episode = 2 where number = 1", FOLLOWS),
        ("delete from message where kind = 'webhook'", TOLD),
        ("delete from message_state", DELIVERED),
    ],
)
def test_verify_finds_what_the_database_did_not_keep_out(place, spoiling, promise):
    two_steps(place)
    assert debts.violations(place) == []
    with connected(place) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(spoiling)
    assert any(found.startswith(promise) for found in debts.violations(place))
