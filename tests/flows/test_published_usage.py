"""Usage that others published, with what must be billed for it, through real contracts and a billing run.

The facts are in tests/data/cases/metering.json under `billed`; a record is [instant, value, dimensions,
meter], an expected line [meter, first day, day after the last, quantity, amount].
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from everycent.catalog import document
from everycent.catalog import operations as catalog
from everycent.customers import operations as customers
from everycent.customers.customer import Customer
from everycent.flows.verify import verify
from everycent.kernel import calendar
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Money, plain
from everycent.metering.record import UsageRecord, canonical_dimensions, canonical_value
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.order import Order
from tests.conftest import Place
from tests.flows import world
from tests.unit.rating.test_published_cases import cases

CASES = [case for case in cases("metering.json") if "billed" in case]
AS_OF = datetime(2025, 1, 1, tzinfo=UTC)


def catalogue() -> str:
    """All cases' meters and prices in one file; the keys begin with the case."""
    told: dict[str, Any] = {"meters": {}, "segments": {}, "plans": {}, "products": {}}
    told["products"]["p"] = {"name": "P"}
    for case in CASES:
        billed, prefix = case["billed"], case["id"]
        told["segments"] |= {
            f"{prefix}-{key}": found for key, found in billed.get("segments", {}).items()
        }
        for key, meter in billed["meters"].items():
            own = {"of": f"{prefix}-{meter['of']}"} if "of" in meter else {}
            part = {"segment": f"{prefix}-{meter['segment']}"} if "segment" in meter else {}
            told["meters"][f"{prefix}-{key}"] = meter | own | part
        told["plans"][prefix] = {
            "currency": billed.get("currency", "EUR"),
            "anchor_day": billed.get("anchor_day", 1),
            "prices": [
                price | {"meter": f"{prefix}-{price['meter']}"} for price in billed["prices"]
            ],
        }
    return json.dumps(told)


def contracts() -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any], str]]:
    """Each contract with the key of its customer, its case's facts and the case's name."""
    for case in CASES:
        for number, contract in enumerate(case["billed"]["contracts"], start=1):
            yield f"{case['id']}-{number}", contract, case["billed"], case["id"]


def sell(place: Place) -> None:
    with place.database.transaction(place.tenant_id) as tx:
        catalog.apply(tx, document.parse(catalogue()), **world.writing(place))
        orders = []
        for key, contract, billed, plan in contracts():
            owner = Customer(
                place.ids(f"customer/{key}"), key, key, billed.get("currency", "EUR"),
                billed.get("zone", "UTC"),
            )  # fmt: skip
            # Without an end of its own the contract ends with what was published of it.
            end = contract.get("end") or max(line[2] for line in contract["expected"])
            ends_on = None if "cancel" in contract else date.fromisoformat(end)
            starts_on = date.fromisoformat(contract["start"])
            orders.append(Order(owner, plan, key, starts_on, ends_on=ends_on))
        customers.create(tx, [order.customer for order in orders], **world.writing(place))
        subscriptions.start(tx, orders, **world.writing(place))


def cancel(place: Place) -> None:
    with place.database.transaction(place.tenant_id) as tx:
        for key, contract, _, _ in contracts():
            if "cancel" in contract:
                day = date.fromisoformat(contract["cancel"])
                subscriptions.cancel(
                    tx,
                    key,
                    subscriptions.When(day),
                    reason="as published",
                    writing=world.writing(place),
                )


def use(place: Place) -> dict[str, list[str]]:
    """Takes all records in; returns the refusals of each contract."""
    taken: list[UsageRecord] = []
    refused: dict[str, list[str]] = {}
    for key, contract, billed, case in contracts():
        zone = ZoneInfo(billed.get("zone", "UTC"))
        for number, (at, value, *more) in enumerate(contract["records"]):
            instant = datetime.fromisoformat(at)
            if instant.tzinfo is None:
                instant = instant.replace(tzinfo=zone)
            dimensions, meter = [*more, *({}, "m")[len(more) :]]
            try:
                taken.append(
                    UsageRecord(
                        "test", f"{key}/{number}", key, f"{case}-{meter}",
                        instant.astimezone(UTC), canonical_value(value),
                        canonical_dimensions(dimensions),
                    )
                )  # fmt: skip
            except Invalid as refusal:
                refused.setdefault(key, []).append(refusal.code)
    world.use(place, taken)
    return refused


def lines(place: Place) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    for invoice in world.issued(place):
        for line in invoice.lines:
            period = [
                calendar.local_date(at, invoice.customer.time_zone)
                for at in (line.starts_at, line.ends_at)
            ]
            assert line.charge.quantity is not None
            found.setdefault(invoice.customer.key, []).append(
                [
                    line.charge.price.key, *map(str, period), line.charge.quantity.value,
                    plain(Money(line.charge.net, invoice.currency)),
                ]
            )  # fmt: skip
    return found


def told(found: Sequence[Sequence[str]], expected: Sequence[Sequence[str]]) -> list[list[str]]:
    """The lines of the meters and periods that were published."""
    wanted = {tuple(line[:3]) for line in expected}
    return sorted(list(line) for line in found if tuple(line[:3]) in wanted)


def test_published_usage_is_billed_as_published(place: Place) -> None:
    sell(place)
    refused = use(place)
    cancel(place)
    world.run(place, AS_OF)
    assert world.state(place.database, place.tenant_id)["billing_parked"] == []
    found = lines(place)
    for key, contract, _, _ in contracts():
        assert refused.get(key, []) == contract.get("refused", []), key
        assert told(found[key], contract["expected"]) == sorted(contract["expected"]), key
        end = contract.get("cancel") or max(line[2] for line in contract["expected"])
        assert max(line[2] for line in found[key]) == end, key
    with place.database.snapshot(place.tenant_id) as tx:
        for check in verify(tx, trusted_key=None, with_replay=True):
            assert check.violators == [], check.promise
