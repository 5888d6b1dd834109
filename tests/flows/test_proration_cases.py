"""Published parts of periods, changes, trials and credits, lived through the product: contracts started and
changed by its operations, billed by its billing run before, at and after every step.

The same cases run through a model of a contract's life in tests/unit/subscriptions/test_proration_cases.py;
`BEYOND` are those that only that one can live, with the reason.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count
from typing import Any

from everycent.catalog import document
from everycent.catalog import operations as catalog
from everycent.customers import operations as customers
from everycent.customers.customer import Customer
from everycent.kernel.calendar import local_date
from everycent.kernel.money import Money, plain
from everycent.kernel.quantity import plain as as_text
from everycent.metering.record import UsageRecord
from everycent.subscriptions import operations as contracts
from everycent.subscriptions.changing import When
from everycent.subscriptions.order import Order
from everycent.subscriptions.timeline import Pause, Resume
from everycent.tenants import operations as tenants
from tests.conftest import Place
from tests.flows import world
from tests.flows.test_contracts import sound
from tests.unit.subscriptions.test_proration_cases import CASES, SECTIONS, instant, plans_of

_INSTANT = timedelta(microseconds=1)
_tenants = count()
_WITHIN_A_DAY = "a contract changes as a day begins"
BEYOND = {
    **dict.fromkeys(
        ["PR-008", "PR-009", "PR-010", "PR-011", "PR-012", "PR-014", "PR-015", "PR-017", "PR-057"],
        _WITHIN_A_DAY,
    ),
    "PR-046": "the anchor day is that of the plan: tests/stories/PR-046.yaml",
    "PR-058": "the periods of an invoice that is taken back stay billed",
    "PR-032 2": "where a part of a period costs a whole one, so does the part with more seats",
    "PR-032 3": "where a part of a period costs a whole one, so does the part with more seats",
    "PR-033 1": "nothing is billed before a period ends because a threshold is reached",
    "PR-035 1": "nothing is billed before a period ends because a threshold is reached",
    "PR-064 3": "coupons are for documents, and not for prices within a change of quantities",
    "PR-064 4": "coupons are for documents, and not for prices within a change of quantities",
}
"""Cases, or runs of them, that can't be told to the product, with the reason."""


def runs(what: str) -> dict[str, dict[str, Any]]:
    """The runs of a kind that can be told, by case and number."""
    return {
        f"{case['id']} {number}": run
        for case in CASES
        for number, run in enumerate(case["runs"], start=1)
        if run["what"] == what and not {case["id"], f"{case['id']} {number}"} & BEYOND.keys()
    }


def lived(place: Place, run: dict[str, Any]) -> Place:
    """Books of their own in which the run was lived."""
    tenant_id = tenants.create(place.database, f"case-{next(_tenants)}", "Case", place.now)
    place = place._replace(tenant_id=tenant_id)
    zone, told = run["zone"], plans_of(run)
    start = run["start"]["on"]
    entities = document.parse(json.dumps({**SECTIONS, "plans": run["plans"]}))
    sold = [one for one in entities if one.kind != "plan"]
    sold += [one._replace(content=told[one.key, 1]) for one in entities if one.kind == "plan"]
    currency = told[run["start"]["plan"], 1].currency
    owner = Customer(place.ids("customer/c"), "c", "C", currency, zone)
    with place.database.transaction(place.tenant_id) as tx:
        catalog.apply(tx, sold, **world.writing(place))
        customers.create(tx, [owner], **world.writing(place))
        order = Order(owner, run["start"]["plan"], "c", date.fromisoformat(start))
        contracts.start(tx, [order], **world.writing(place))
    meters = {
        item.measure.meter
        for plan in told.values()
        for item in plan.items
        if item.measure is not None
    }
    world.use(place, [
        UsageRecord("m", f"{meter}/{number}", "c", meter, instant(at, zone), as_text(Decimal(value)))
        for meter in meters
        for number, (at, value) in enumerate(run.get("used", []))
    ])  # fmt: skip
    for step in run["steps"]:
        at = instant(step["on"], zone)
        world.run(place, at if step["on"] == start else at - _INSTANT)
        change(place, step, at)
        world.run(place, at)
    world.run(place, instant(run["as_of"], zone))
    return place


def change(place: Place, step: dict[str, Any], at: datetime) -> None:
    when = When(date.fromisoformat(step["on"]))
    more: Any = {"reason": "", "writing": {**world.writing(place), "at": at}}
    with place.database.transaction(place.tenant_id) as tx:
        if "switch" in step:
            contracts.switch(tx, "c", step["switch"], when, **more)
        elif "seats" in step:
            waits = step[
                "waits"
            ]  # for the next period: the plan's rule says so where no day is told
            contracts.agree(tx, "c", {"seats": step["seats"]}, When() if waits else when, **more)
        elif "cancel" in step:
            contracts.cancel(tx, "c", when, **more)
        else:
            contracts.change(tx, "c", Pause() if "pause" in step else Resume(), when, **more)


def rows(place: Place, run: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(day, price, amount) of what was billed, charges and credits apart unless the source nets them."""
    zone = run["zone"]
    left_out = {
        (str(local_date(instant(at, zone), zone)), key) for at, key in run.get("leave_out", [])
    }
    since = str(local_date(instant(run["since"], zone), zone)) if "since" in run else ""
    found: Counter[tuple[str, str, bool]] = Counter()
    for invoice in world.issued(place):
        for line in invoice.lines:
            begins = line.charge.price.in_advance and line.corrects is None
            day = str(local_date(line.starts_at if begins else line.ends_at, zone))
            is_credit = line.corrects is not None and not run.get("is_netted", False)
            if day >= since and (day, line.charge.price.key) not in left_out:
                found[day, line.charge.price.key, is_credit] += line.net
    return sorted(
        (day, key, plain(Money(net, "USD"))) for (day, key, _), net in found.items() if net
    )


def test_published_contracts_are_billed_as_published(place: Place) -> None:
    found, expected = {}, {}
    for name, run in runs("life").items():
        if run["expected"] is None:
            continue
        held = lived(place, run)
        found[name], zone = rows(held, run), run["zone"]
        expected[name] = sorted(
            (str(local_date(instant(at, zone), zone)), key, amount)
            for at, key, amount in run["expected"]
        )
        sound(held)
    assert len(found) > 40
    assert found == expected


def with_commitment(run: dict[str, Any]) -> dict[str, Any]:
    """The run with use at 1 a unit, and a commitment that counts it with the fee."""
    amount, periods = run["commitment"]
    more = [
        {"key": "used", "product": "p", "meter": "used", "per_unit": {"unit_amount": "1"}},
        {"key": "missing", "product": "p", "commitment": {"minimum": amount}},
    ]
    plans = {key: plan | {"prices": plan["prices"] + more} for key, plan in run["plans"].items()}
    ends = str(date.fromisoformat(run["as_of"]) + timedelta(days=40))
    used = [[start, used] for start, used, _ in periods]
    return run | {"plans": plans, "used": used, "as_of": ends}


def test_published_commitments_are_trued_up_as_published(place: Place) -> None:
    told = {name: run for name, run in runs("life").items() if "commitment" in run}
    assert [name.partition(" ")[0] for name in told] == ["PR-029", "PR-030"]
    for run in told.values():
        held = lived(place, with_commitment(run))
        found = [
            (str(local_date(line.starts_at, run["zone"])), plain(Money(line.net, "USD")))
            for invoice in world.issued(held)
            for line in invoice.lines
            if line.charge.price.key == "missing"
        ]
        assert found[: len(run["commitment"][1])] == [
            (start, missing) for start, _, missing in run["commitment"][1]
        ]
        sound(held)


def quantities(run: dict[str, Any]) -> dict[str, Any]:
    """The changes of a quantity as those of a contract in February, of which what is left is a share; where
    nothing is said of parts of a period a change costs whole ones."""
    parts = [(quantity, Fraction(share)) for quantity, share in run["moves"]]
    is_whole = all(share == 1 for _, share in parts)
    days = [28 - int(share * 28) if share != 1 else 7 * n for n, (_, share) in enumerate(parts)]
    price = {
        "key": "seats", "product": "p", "per_unit": {"unit_amount": run["unit_price"]},
        "timing": "in_advance", "agreed": {"unit": "seat", "quantity": run["moves"][0][0]},
    }  # fmt: skip
    plan = {
        "currency": "USD", "anchor_day": 1, "prices": [price],
        "changes": {"upgrade": "now", "downgrade": "now", "decrease": run.get("decrease", "credit")},
        "proration": {"unit": "none" if is_whole else "day"},
    }  # fmt: skip
    first = date(2026, 2, 1)
    keeps = run.get("decrease") == "keep"
    steps = [
        {
            "on": str(first + timedelta(days=day)),
            "seats": quantity,
            "waits": keeps and Decimal(quantity) < Decimal(before),
        }
        for day, (before, _), (quantity, _) in zip(days[1:], parts, parts[1:], strict=False)
    ]
    return {
        "plans": {"p": plan}, "zone": "UTC", "start": {"on": str(first), "plan": "p"}, "steps": steps,
        "as_of": str(first + timedelta(days=27)),
    }  # fmt: skip


OWN_MOVES = [
    # unit, moves [quantity, part of the period that is left], policy, amounts
    ("10", [["10", "1"], ["5", "1/2"], ["15", "1/4"]], "credit", ["100.00", "-25.00", "25.00"]),
    ("10", [["10", "1"], ["5", "1/2"], ["15", "1/4"]], "keep", ["100.00", "0.00", "12.50"]),
]


def test_published_changes_of_a_quantity_cost_what_was_published(place: Place) -> None:
    told = list(runs("moves").values())
    told += [
        {"unit_price": unit, "moves": moves, "decrease": policy, "expected": expected}
        for unit, moves, policy, expected in OWN_MOVES
    ]
    assert len(told) == 3
    for run in told:
        life = quantities(run)
        held = lived(place, life)
        nets: Counter[str] = Counter()
        for invoice in world.issued(held):
            for line in invoice.lines:
                nets[str(line.ends_at if line.corrects else line.starts_at)[:10]] += line.net
        days = [life["start"]["on"], *(step["on"] for step in life["steps"])]
        assert [plain(Money(nets[day], "USD")) for day in days] == run["expected"], run
        sound(held)
