"""What one request needs and is not there refuses that request and none of the others."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from everycent.catalog.meter import Aggregation, Series
from everycent.consumption import queries as consumption
from everycent.consumption.usage import Request, Usage
from everycent.customers import queries as customers
from everycent.flows import archive_usage, bill
from everycent.flows import running as flow
from everycent.integrations.usage_archive import ArchiveFolder
from everycent.invoicing import queries as invoices
from everycent.kernel import clock, ids
from everycent.kernel.errors import Refusal
from everycent.kernel.period import Period
from everycent.subscriptions import queries as subscriptions
from tests.conftest import Place
from tests.flows import world

CATALOGUE = """
meters:
  calls: {unit: call}
  power: {unit: kW, of: calls, aggregation: peak, window_minutes: 60}
taxes:
  vat: {rates: [{since: 2000-01-01, percent: 20}]}
products:
  energy: {name: Energy, tax: vat}
plans:
  peak:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: power, product: energy, meter: power, per_unit: {unit_amount: 1}}
"""
FEBRUARY, MARCH, APRIL = (world.midnight(date(2026, month, 1)) for month in (2, 3, 4))
POWER = Series("calls", "kW", Aggregation.PEAK, window_minutes=60)


@pytest.fixture
def seller(place: Place, tmp_path: Path) -> Place:
    """Three customers in one chunk, of whom one has records in a month that is in the archive."""
    plans = [(key, "peak") for key in "abc"]
    world.sell(place, plans, text=CATALOGUE, starts_on=date(2026, 2, 1))
    world.use(place, [
        world.calls("a", 5, date(2026, 3, 10)), world.calls("b", 7, date(2026, 2, 10)),
        world.calls("c", 9, date(2026, 3, 11)),
    ])  # fmt: skip
    terms = archive_usage.Terms(clock.fixed(datetime(2026, 5, 2, tzinfo=UTC)), ids.derived, "test")
    folder = ArchiveFolder(tmp_path / "archive")
    archive_usage.archive(
        place.database, "default", date(2026, 3, 1), folder, terms, even_unbilled=True
    )
    return place


def told(answer: Usage | Refusal) -> object:
    return answer.code if isinstance(answer, Refusal) else answer.peak


@pytest.mark.parametrize("is_live", [False, True])
def test_a_request_over_an_archived_month_is_refused_alone(seller: Place, is_live: bool) -> None:
    march, february = Period(MARCH, APRIL), Period(FEBRUARY, MARCH)
    wanted = [
        *(Request(subject, POWER, period) for subject in "ab" for period in (february, march)),
        Request("nobody", POWER, march),
    ]
    with seller.database.snapshot(seller.tenant_id) as tx:
        found = consumption.read(tx, wanted, is_live=is_live)
    assert [told(found[request]) for request in wanted] == [
        None, 5, "usage.archived", None, "usage.unknown_name",
    ]  # fmt: skip


def test_a_billing_run_parks_whom_it_can_not_answer_and_bills_the_chunk_at_once(
    seller: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def carefully(*_: object) -> None:
        raise AssertionError("the chunk failed as a whole")

    monkeypatch.setattr(bill, "_bill_carefully", carefully)
    done = world.run(seller, APRIL)
    assert (done.progress.parked, done.progress.invoices) == (1, 4)
    with seller.database.snapshot(seller.tenant_id) as tx:
        (row,) = tx.rows("select customer_id, code from billing_parked")
        assert row == (customers.by_name(tx, "b").customer_id, "usage.archived")
        assert {one.customer for one in invoices.listed(tx, limit=10)} == {"a", "c"}


def test_running_cost_tells_it_of_that_subscription_and_shows_the_others(seller: Place) -> None:
    with seller.database.snapshot(seller.tenant_id) as tx:
        owners = [customers.by_name(tx, key).customer_id for key in "abc"]
        found = flow.running(tx, subscriptions.owned(tx, owners, []), APRIL)
    assert [(one.subscription, one.refusal.code) for one in found.refused] == [
        ("b", "usage.archived")
    ]
    assert {line.subscription for line in found.lines} == {"a", "c"}
