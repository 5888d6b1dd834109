"""Every example of docs/proration.md comes to what the page says, and its table names every policy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_type_hints

import pytest
import yaml

from everycent.catalog.proration import ChangePolicy, Proration, Trial
from tests.unit.subscriptions.test_proration_cases import lived, rows_of

PAGE = (Path(__file__).parents[3] / "docs" / "proration.md").read_text("utf-8")
EXAMPLES = re.findall(r"```yaml\n([^`]*)```\n\n→ ([^\n]*)\n", PAGE)
OWN = {"basic", "plus"}


def plan(key, told, fee):
    amount = told.pop("amount")
    price = {"key": fee or key, "product": "p", "flat": {"amount": amount}}
    if "timing" in told:
        price["timing"] = told.pop("timing")
    anchor = {"anchor_day": "1"} | told
    if anchor["anchor_day"] == "null":
        del anchor["anchor_day"]
    return {"currency": "USD", "prices": [price], **anchor}


def run_of(told):
    """An example as a run of the published cases."""
    steps = []
    if "switch" in told:
        steps.append({"on": told["switch"], "switch": "plus"})
    if "cancel" in told:
        steps.append({"on": told["cancel"], "cancel": True})
    return {
        "plans": {key: plan(key, told[key], told.get("fee")) for key in OWN & told.keys()},
        "zone": told.get("zone", "UTC"),
        "start": {"on": told["start"], "plan": "basic"},
        "steps": steps,
        "as_of": told["until"],
    }


def outcome(told):
    run = run_of(told)
    return [" ".join(row) for row in rows_of(run, lived(run))]


@pytest.mark.parametrize(("text", "told"), EXAMPLES)
def test_an_example_comes_to_what_the_page_says(text, told):
    assert sorted(outcome(yaml.load(text, yaml.BaseLoader))) == sorted(told.split("; "))


def test_every_block_but_the_plan_is_an_example():
    assert len(EXAMPLES) == PAGE.count("```yaml") - 1


def policies():
    """(field, values, default) of every policy of a plan."""
    for name, shape in (("proration", Proration), ("changes", ChangePolicy), ("trial", Trial)):
        default = shape()
        for field, kind in get_type_hints(shape).items():
            if field not in ("days", "until"):
                values = ["true", "false"] if kind is bool else [each.value for each in kind]
                held = getattr(default, field)
                shown = str(held).lower() if kind is bool else held.value
                yield f"{name}.{field}", values, shown


def test_the_table_names_every_policy_with_its_values_and_its_default():
    rows = re.findall(r"^\| `[a-z_.]+` \| `([a-z_.]+)` \| (.*?) \| `(.*?)` \|$", PAGE, re.MULTILINE)
    told = [(field, re.findall(r"`(.*?)`", values), default) for field, values, default in rows]
    assert sorted(told) == sorted(policies())
