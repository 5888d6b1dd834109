"""Every example of docs/prices.md comes to what the page says."""

import json
import re
from pathlib import Path

import pytest
import yaml

from everycent.catalog.document import parse as catalogue
from everycent.catalog.document_schemes import SCHEMES
from everycent.rating.answer import rate, trace
from everycent.rating.request import parse

PAGE = (Path(__file__).parents[3] / "docs" / "prices.md").read_text("utf-8")
EXAMPLES = re.findall(r"```json\n(.*?)```\n\n→ (-?[0-9.]+)\n", PAGE, re.DOTALL)


@pytest.mark.parametrize(("text", "amount"), EXAMPLES)
def test_an_example_comes_to_what_the_page_says(text, amount):
    (request,) = parse(text)
    assert trace(rate(request))["amount"] == amount


def test_every_scheme_and_every_example_is_among_them():
    assert len(EXAMPLES) == PAGE.count("```json")
    shown = {name for text, _ in EXAMPLES for name in json.loads(text)["price"]}
    assert set(SCHEMES) <= shown


@pytest.mark.parametrize("recipe", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_a_recipe_is_a_plan(recipe):
    plan = {"currency": "EUR", **yaml.safe_load(recipe)}
    sections = {
        "meters": {"traffic": {"unit": "GB"}, "calls": {"unit": "call"}},
        "products": {"p": {"name": "P"}, "api": {"name": "API"}},
        "plans": {"a": plan},
    }
    assert [entity.kind for entity in catalogue(json.dumps(sections))][-1] == "plan"
