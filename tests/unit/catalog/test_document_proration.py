"""What a plan may say of parts of periods and of its trial, and how it is refused."""

import json

import pytest

from everycent.catalog.document import parse
from everycent.catalog.proration import DayCount, Proration, Trial, TrialMode, Unit
from everycent.flows.plan_told import lines
from everycent.kernel.errors import Invalid


def catalogue(price=None, **fields):
    told = {"key": "fee", "product": "p", "flat": {"amount": "1"}, **(price or {})}
    plan = {"currency": "EUR", "prices": [told], **fields}
    entities = parse(json.dumps({"products": {"p": {"name": "P"}}, "plans": {"a": plan}}))
    return entities[-1].content


def test_a_price_has_its_own_rule_or_the_plans():
    plan = catalogue(proration={"unit": "second"})
    assert plan.rule(plan.items[0]) == Proration(unit=Unit.SECOND)
    plan = catalogue({"proration": {"day_count": "30"}}, proration={"unit": "second"})
    assert plan.rule(plan.items[0]) == Proration(day_count=DayCount.THIRTY)


def test_a_trial_is_read():
    plan = catalogue(trial={"days": "14", "mode": "days_off_first_period"})
    assert plan.trial == Trial(14, mode=TrialMode.DAYS_OFF)


def test_a_plan_tells_what_it_says():
    plan = catalogue(
        {"proration": {"unit": "none"}},
        proration={"unit": "second", "day_count": "30", "denominator": "plan", "round_per_line": "false"},
        changes={"unused": "nothing"},
        trial={"until": "2026-03-01", "usage": "billed", "mode": "days_off_first_period"},
    )  # fmt: skip
    told = dict(lines(plan))
    assert told["proration"] == (
        "counted by seconds, every month has 30 days, the first part is one of a full length from its"
        " start on, credit and charge of a change are rounded together"
    )
    assert told["changes"] == "unused nothing"
    assert told["trial"] == (
        "until 2026-03-01 without fees, usage is billed, taken off the period in which it ends"
    )
    assert "of a part of a period every part is billed in full" in told["fee"]


@pytest.mark.parametrize(
    ("price", "fields", "code", "field"),
    [
        ({}, {"proration": {"unit": "hour"}}, "catalog.wrong_shape", "plans.a.proration.unit"),
        ({}, {"proration": {"units": "day"}}, "catalog.wrong_shape", "plans.a.proration"),
        ({}, {"proration": {"unit": "second", "day_count": "30/360"}},
         "catalog.wrong_value", "plans.a.proration.day_count"),
        ({"proration": {"unit": "none", "complement": "true"}}, {},
         "catalog.wrong_value", "plans.a.prices.fee.proration.complement"),
        ({}, {"changes": {"decrease": "never"}}, "catalog.wrong_shape", "plans.a.changes.decrease"),
        ({}, {"trial": {}}, "catalog.wrong_value", "plans.a.trial"),
        ({}, {"trial": {"days": "3", "until": "2026-01-01"}}, "catalog.wrong_value", "plans.a.trial"),
        ({}, {"trial": {"days": "0"}}, "catalog.wrong_value", "plans.a.trial.days"),
        ({}, {"trial": {"days": "3661"}}, "catalog.wrong_value", "plans.a.trial.days"),
        ({}, {"changes": {"unused": "lost"}}, "catalog.wrong_shape", "plans.a.changes.unused"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_with_its_place(price, fields, code, field):
    with pytest.raises(Invalid) as refused:
        catalogue(price, **fields)
    assert (refused.value.code, refused.value.field) == (code, field)
