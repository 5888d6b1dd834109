"""One customer, or one seller, with many subscriptions: what is read grows with them and no faster."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from everycent.customers import queries as customers
from everycent.flows import running, watch, watched
from everycent.invoicing import queries as invoices
from everycent.kernel.period import Period
from everycent.metering.record import UsageRecord
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions import queries as subscribed
from everycent.subscriptions.order import Order
from everycent.watching import queries as watching
from everycent.watching.threshold import checked
from tests.conftest import Place
from tests.flows import world
from tests.flows.world import midnight


def test_an_invoice_is_read_once_however_many_registers_it_bills(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.sell(place, [("a", "power")])
    meters = [f"a{n}" for n in range(5)]
    with place.database.transaction(place.tenant_id) as tx:
        owner = customers.by_name(tx, "a")
        orders = [Order(owner, "power", key, world.START, key) for key in meters]
        subscriptions.start(tx, orders, **world.writing(place))
    readings = [
        UsageRecord("m", f"{key}/{day}", key, "register", midnight(day), str(value + n))
        for n, key in enumerate(meters)
        for day, value in ((date(2026, 1, 1), 100), (date(2026, 2, 1), 200))
    ]
    world.use(place, readings)
    world.run(place, midnight(date(2026, 2, 1)))
    decoded = []
    decode = invoices.decode

    def counted(*told: Any) -> Any:
        decoded.append(told)
        return decode(*told)

    monkeypatch.setattr(invoices, "decode", counted)
    with place.database.snapshot(place.tenant_id) as tx:
        held = subscribed.listed(tx, customer_id=owner.customer_id, limit=100)
        found = invoices.closing_readings(tx, [(one.subscription_id, 1) for one in held])
    keys = {one.subscription_id: one.key for one in held}
    assert {keys[item]: str(reading.value) for (item, _, _), reading in found.items()} == {
        key: str(200 + n) for n, key in enumerate(meters)
    }
    assert len(decoded) == 1


class _Counted(list[running.Line]):
    """A list that counts how often it is gone through."""

    times = 0

    def __iter__(self) -> Iterator[running.Line]:
        self.times += 1
        return super().__iter__()


def test_lines_are_gone_through_once_however_many_thresholds_watch_cost(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = ["a", "b", "c"]
    world.sell(place, [(key, "advance") for key in keys])
    as_of = datetime(2026, 1, 10, 12, tzinfo=UTC)
    period = Period(midnight(date(2026, 1, 1)), midnight(date(2026, 2, 1)))
    lines = _Counted()

    def counting(*told: Any) -> running.Running:
        found = running.running(*told)
        lines.extend(found.lines)
        return found._replace(lines=lines)

    monkeypatch.setattr(watched, "running", counting)
    with place.database.transaction(place.tenant_id) as tx:
        for key in keys:
            owner = customers.by_name(tx, key).customer_id
            watch.define(tx, checked(key, "1", None, None, owner), world.writing(place))
    with place.database.snapshot(place.tenant_id) as tx:
        due = []
        for one in watching.thresholds(tx):
            own = subscribed.listed(tx, customer_id=one.customer_id, limit=10)
            due.append(watched.Watched(one, period, tuple(own)))
        reached, refused = watched.reached_by(tx, due, {}, as_of)
    assert refused == []
    assert [(str(value), unit) for _, value, unit in reached] == [("31.00", "EUR")] * 3
    assert lines.times == 1
