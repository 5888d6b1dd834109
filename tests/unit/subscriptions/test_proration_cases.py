"""Parts of periods, changes, trials and credits as others have published them (tests/data/cases).

Each contract is lived through from its plans as a catalogue file tells them, each under the conventions of
its source; here by a model of a contract's life, which knows instants within a day too, and in
tests/flows/test_proration_cases.py by contracts and billing runs. Rows of what is expected are [day or
instant, price, amount]; a credit has a minus. `adapted` says where a case is not taken word for word.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from everycent.catalog.document import parse
from everycent.consumption.levels import Change as LevelChange
from everycent.consumption.levels import Weighing, weighted_sum
from everycent.consumption.usage import Request, Usage, Used
from everycent.kernel.calendar import local_date, start_of_day
from everycent.kernel.money import Money, Rounding, plain, rounded, split
from everycent.subscriptions.phases import phases_of
from everycent.subscriptions.proration import ended_at
from everycent.subscriptions.terms import switched, terms_of
from everycent.subscriptions.timeline import Begin, Cancel, Change, Pause, Resume
from everycent.subscriptions.trial import first_trial
from everycent.subscriptions.unused import capped
from tests.oracle.life import Agreed, charged_again, life

CASES = json.loads(
    (Path(__file__).parents[2] / "data" / "cases" / "proration.json").read_text("utf-8")
)
SECTIONS = {
    "meters": {
        "used": {"unit": "unit"},
        "level": {"unit": "unit", "aggregation": "weighted_sum", "granularity": "day"},
    },
    "products": {"p": {"name": "P"}},
}
ACCEPTED = 43
"""The cases of the collection that are marked `accept`."""


def runs(what):
    return [
        pytest.param(run, id=f"{case['id']} {number}")
        for case in CASES
        for number, run in enumerate(case["runs"], start=1)
        if run["what"] == what
    ]


def instant(text, zone):
    """A local day, or an instant with its offset."""
    if "T" in text:
        return datetime.fromisoformat(text)
    return start_of_day(date.fromisoformat(text), zone)


def discounted(amounts, discount):
    """What is left of amounts in major units: a percentage off each, or a fixed amount spread over all."""
    minor = [int(Decimal(amount) * 100) for amount in amounts]
    if discount is None:
        off = [0 for _ in minor]
    elif "percent" in discount:
        off = [int(amount * Decimal(discount["percent"]) / 100) for amount in minor]
    else:
        off = split(int(Decimal(discount["fixed"]) * 100), minor)
    return [Decimal(a - b) / 100 for a, b in zip(minor, off, strict=True)]


def plans_of(run):
    """The plans by key and version 1, as a catalogue file makes them."""
    told = json.loads(json.dumps(run["plans"]))
    for key, discount in run.get("discounts", {}).items():
        prices = told[key]["prices"]
        left = discounted([price["flat"]["amount"] for price in prices], discount)
        for price, amount in zip(prices, left, strict=True):
            price["flat"]["amount"] = str(amount)
    entities = parse(json.dumps({**SECTIONS, "plans": told}))
    return {(e.key, 1): e.content for e in entities if e.kind == "plan"}


def agreed_of(run, plans):
    """The start and every step as changes, as the contract would take them."""
    zone, start = run["zone"], run["start"]
    at, plan = instant(start["on"], zone), plans[start["plan"], 1]
    day = local_date(at, zone)
    trial = first_trial(plan.trial, day, zone)
    terms = terms_of(plan, 1, day, plan.anchor_day, zone, trial)
    agreed = [Agreed(at, Change(0, at, Begin(terms)))]
    phases = phases_of([agreed[0].change], (), plans, zone, plan.currency)
    for number, step in enumerate(run["steps"], start=1):
        at = instant(step["on"], zone)
        left = plans[phases[-1].plan_key, 1]
        action = Pause() if "pause" in step else Resume()
        if "switch" in step:
            plan = plans[step["switch"], 1]
            action = Begin(
                switched(plan, 1, local_date(at, zone), zone, phases[-1], left, day,
                         step.get("anchor_day"))
            )  # fmt: skip
        elif "cancel" in step:
            action = Cancel()
            if "T" not in step["on"]:
                at = ended_at(date.fromisoformat(step["on"]), left.proration, zone)
        agreed.append(Agreed(at, Change(number, at, action)))
        phases = phases_of([one.change for one in agreed], phases, plans, zone, plan.currency)
    return agreed


def usage_of(run):
    """What was used in a period: a sum, or a level weighed by days."""
    events = [(instant(at, run["zone"]), Decimal(value)) for at, value in run.get("used", [])]

    def used(item, due):
        series = item.measure
        if series is None:
            return {}
        inside = [(at, value) for at, value in events if due.period.contains(at)]
        usage = Usage(1, 2, 3, len(inside), sum((value for _, value in inside), Decimal(0)))
        if series.level is not None:
            opening = sum((value for at, value in events if at < due.period.start), Decimal(0))
            changes = [LevelChange(at, value) for at, value in inside]
            weighing = Weighing(due.period, due.whole, series.granularity, run["zone"])
            usage = usage._replace(value=weighted_sum(opening, changes, weighing, series.level))
        return {"": Used(Request("s", series, due.period), usage)}

    return used


def lived(run):
    plans = plans_of(run)
    zone = run["zone"]
    lines = life(agreed_of(run, plans), plans, zone, instant(run["as_of"], zone), usage_of(run))
    voided = run.get("voided", {})
    return charged_again(lines, {instant(a, zone): instant(b, zone) for a, b in voided.items()})


def rows_of(run, lines):
    """(day, price, amount) in order, with charges and credits apart unless the source nets them."""
    zone = run["zone"]
    leave_out = {(instant(at, zone), key) for at, key in run.get("leave_out", [])}
    since = instant(run["since"], zone) if "since" in run else None
    found = defaultdict(int)
    for line in lines:
        if (since is None or line.at >= since) and line.net:
            is_credit = line.is_credit and not run.get("is_netted", False)
            found[line.at, line.price_key, is_credit] += line.net
    return sorted(
        (str(local_date(at, zone)), key, plain(Money(net, "USD")))
        for (at, key, _), net in found.items()
        if not any(key == k and local_date(at, zone) == local_date(a, zone) for a, k in leave_out)
    )


@pytest.mark.parametrize("run", runs("life"))
def test_a_published_contract_is_billed_as_published(run):
    zone = run["zone"]
    lines = lived(run)
    if run["expected"] is not None:
        assert rows_of(run, lines) == sorted(
            (str(local_date(instant(at, zone), zone)), key, amount)
            for at, key, amount in run["expected"]
        )
    if "periods" in run:
        charged = [line.period for line in lines if not line.is_credit]
        if "at" in run:
            charged = [period for period in charged if period.contains(instant(run["at"], zone))]
        days = [[str(local_date(at, zone)) for at in period] for period in charged]
        assert days[: len(run["periods"])] == run["periods"]
    for net, percent, gross in run.get("gross", []):
        taxed = rounded(Fraction(net) * (100 + int(percent)) / 100, "EUR", Rounding.HALF_UP)
        assert plain(taxed) == gross
    if "billed_before" in run:
        at, before, total = run["billed_before"]
        due = sum(line.net for line in lines if line.at == instant(at, zone))
        assert due - int(Decimal(before) * 100) == int(Decimal(total) * 100)


@pytest.mark.parametrize("run", runs("cap"))
def test_a_credit_is_capped_as_published(run):
    charged = int(run["paid"]) - int(run["credited"])
    assert capped(int(run["potential"]), charged) == int(run["expected"])


def test_every_accepted_case_is_run():
    assert len({case["id"] for case in CASES}) == len(CASES) == ACCEPTED
    assert all(source.get("path") or source.get("url") for c in CASES for source in c["source"])
    assert {run["what"] for case in CASES for run in case["runs"]} == {
        "life",
        "moves",
        "cap",
        "interim",
    }
