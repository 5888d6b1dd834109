"""Exchange rates in the database: told once, corrected in steps, numbered without a gap, never changed."""

from __future__ import annotations

from datetime import date
from typing import Any

import psycopg
import pytest

from everycent.exchange import audit, operations, queries
from everycent.exchange.lookup import Rule, Wanted
from everycent.exchange.operations import Outcome
from everycent.exchange.rate import Pair, Told
from everycent.flows.replay import replay
from everycent.kernel.errors import Conflict, Invalid, Refusal
from tests.conftest import Place
from tests.store.books import refused

USD, PLN = Pair("EUR", "USD"), Pair("EUR", "PLN")
RULE = Rule(7, "cross", "EUR")


def march(day: int) -> date:
    return date(2026, 3, day)


def tell(place: Place, *told: Told, correction: str = "", source: str = "ECB") -> Outcome:
    with place.database.transaction(place.tenant_id) as tx:
        return operations.set_rates(tx, told, source, correction=correction, **place.writing)


def listed(place: Place, **narrowed: Any) -> list[tuple[int, str, date, str, str]]:
    with place.database.snapshot(place.tenant_id) as tx:
        return [
            (row.number, f"{row.base}/{row.quote}", row.day, str(row.rate), row.reason)
            for row in queries.listed(tx, **narrowed)
        ]


def used(place: Place, of: str, into: str, day: int, upto: int | None = None) -> list[str]:
    wanted = Wanted(of, into, march(day))
    with place.database.snapshot(place.tenant_id) as tx:
        table = queries.table(tx, [wanted], RULE, upto)
    return [str(quote) for quotes in table.values() for quote in quotes]


def test_rates_are_numbered_and_found_again(place: Place) -> None:
    done = tell(
        place,
        Told(USD, march(3), "1.0900"),
        Told(PLN, march(2), "4.2553"),
        Told(USD, march(2), "1.0842"),
        Told(USD, march(2), "1.08420"),
    )
    assert done == Outcome(3, 0, 0)
    assert listed(place) == [
        (3, "EUR/USD", march(3), "1.09", ""),
        (1, "EUR/PLN", march(2), "4.2553", ""),
        (2, "EUR/USD", march(2), "1.0842", ""),
    ]
    assert listed(place, pair=USD, until=march(2)) == [(2, "EUR/USD", march(2), "1.0842", "")]
    assert listed(place, since=march(3)) == [(3, "EUR/USD", march(3), "1.09", "")]
    assert sorted(used(place, "USD", "PLN", 4)) == [
        "1 EUR = 1.0842 USD", "1 EUR = 1.09 USD", "1 EUR = 4.2553 PLN",
    ]  # fmt: skip


def test_a_rate_that_is_known_is_passed_over_and_another_one_needs_a_reason(place: Place) -> None:
    tell(place, Told(USD, march(2), "1.0842"))
    assert tell(place, Told(USD, march(2), "1.08420")) == Outcome(0, 0, 1)
    with pytest.raises(Conflict) as caught:
        tell(place, Told(PLN, march(2), "4.2"), Told(USD, march(2), "1.0848"))
    assert caught.value.code == "exchange.rate_known"
    assert "is 1.0842 (ECB), and not 1.0848" in str(caught.value)
    assert len(listed(place)) == 1  # nothing of it was written
    assert tell(place, Told(USD, march(2), "1.0848"), correction="misread") == Outcome(0, 1, 0)
    assert tell(place, Told(USD, march(2), "1.0842"), correction="not at all") == Outcome(0, 1, 0)
    assert listed(place) == [
        (3, "EUR/USD", march(2), "1.0842", "not at all"),
        (2, "EUR/USD", march(2), "1.0848", "misread"),
        (1, "EUR/USD", march(2), "1.0842", ""),
    ]


def test_who_knows_a_number_finds_what_was_told_by_then(place: Place) -> None:
    tell(place, Told(USD, march(2), "1.0842"))
    tell(place, Told(USD, march(2), "1.0848"), correction="misread")
    tell(place, Told(USD, march(3), "1.09"))
    assert used(place, "EUR", "USD", 3, upto=0) == []
    assert used(place, "EUR", "USD", 3, upto=1) == ["1 EUR = 1.0842 USD"]
    assert used(place, "EUR", "USD", 3, upto=2) == ["1 EUR = 1.0848 USD"]
    assert used(place, "EUR", "USD", 3) == ["1 EUR = 1.0848 USD", "1 EUR = 1.09 USD"]


def test_of_days_before_those_that_count_only_the_newest_is_read(place: Place) -> None:
    tell(place, *(Told(USD, march(day), f"1.{day:02d}") for day in (1, 2, 3, 20)))
    assert used(place, "EUR", "USD", 20) == ["1 EUR = 1.03 USD", "1 EUR = 1.2 USD"]
    assert used(place, "EUR", "USD", 31) == ["1 EUR = 1.2 USD"]


@pytest.mark.parametrize(
    ("told", "source", "code"),
    [
        ([Told(USD, march(2), "0")], "ECB", "exchange.bad_rate"),
        ([Told(USD, march(2), "x")], "ECB", "number.malformed"),
        ([Told(USD, march(2), "1"), Told(USD, march(2), "2")], "ECB", "exchange.rate_twice"),
        ([Told(USD, march(2), "1")], "", "exchange.bad_text"),
    ],
)
def test_what_can_not_be_told_writes_nothing(
    place: Place, told: list[Told], source: str, code: str
) -> None:
    with pytest.raises(Invalid) as caught:
        tell(place, Told(PLN, march(2), "4.2"), *told, source=source)
    assert caught.value.code == code
    assert listed(place) == []


def test_thousands_of_rates_are_one_command_and_a_few_events(place: Place) -> None:
    days = [date.fromordinal(march(1).toordinal() - number) for number in range(6000)]
    told = [Told(pair, day, "1.5") for pair in (USD, PLN) for day in days]
    assert tell(place, *told) == Outcome(12000, 0, 0)
    with place.database.snapshot(place.tenant_id) as tx:
        events = tx.value("select count(*) from journal_event where type = 'exchange.rates_set'")
        assert events == 4
        assert audit.violations(tx) == []
        assert replay(tx).differences == {}


ROW = (
    "insert into exchange_rate (tenant_id, number, base, quote, day, step, rate, source, event_id)"
    " values (%(tenant_id)s, {number}, '{base}', '{quote}', '2026-03-02', {step}, {rate}, 'x',"
    " gen_random_uuid())"
)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"number": 3}, "exchange_rate_tenant_id_number_before_fkey"),
        ({"number": 1}, "exchange_rate_pkey"),
        ({"step": 1, "quote": "USD"}, "exchange_rate_tenant_id_base_quote_day_step_key"),
        ({"step": 3, "quote": "USD"}, "exchange_rate_tenant_id_base_quote_day_step_before_fkey"),
        ({"rate": 0}, "exchange_rate_rate_check"),
        ({"rate": "'NaN'"}, "exchange_rate_rate_check"),
        ({"quote": "EUR"}, "exchange_rate_check"),
        ({"quote": "usd"}, "exchange_rate_quote_check"),
    ],
)
def test_the_database_refuses_a_rate_that_does_not_continue_the_log(
    place: Place, change: dict[str, Any], constraint: str
) -> None:
    tell(place, Told(USD, march(2), "1.0842"))
    row = {"number": 2, "base": "EUR", "quote": "GBP", "step": 1, "rate": 2} | change
    said = refused(place, lambda tx: tx.run(ROW.format(**row), {"tenant_id": tx.tenant_id}))
    assert said.constraint_name == constraint


@pytest.mark.parametrize(
    "statement", ["update exchange_rate set rate = 2", "delete from exchange_rate"]
)
def test_what_was_told_is_never_changed(place: Place, statement: str) -> None:
    tell(place, Told(USD, march(2), "1.0842"))
    with psycopg.connect(place.conninfo) as admin:
        admin.execute("set search_path = everycent")
        with pytest.raises(psycopg.errors.RestrictViolation):
            admin.execute(statement.encode())


def test_two_who_tell_rates_at_once_take_turns(place: Place) -> None:
    with place.database.transaction(place.tenant_id) as first:
        operations.set_rates(first, [Told(USD, march(2), "1.1")], "a", **place.writing)
        with place.database.transaction(place.tenant_id) as second:
            second.run("select set_config('lock_timeout', '50ms', true)")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                operations.set_rates(second, [Told(PLN, march(2), "4")], "b", **place.writing)
    assert len(listed(place)) == 1


def test_without_a_rate_the_refusal_says_how_to_tell_one(place: Place) -> None:
    with (
        place.database.snapshot(place.tenant_id) as tx,
        pytest.raises(Refusal) as caught,
    ):
        queries.exchange(tx, Wanted("USD", "EUR", march(2)), RULE)
    assert caught.value.code == "exchange.no_rate"
    assert "exchange set USD/EUR RATE --on 2026-03-02" in (caught.value.hint or "")
