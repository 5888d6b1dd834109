"""Stories: the shipped ones and the published cases pass, a wrong expectation is told exactly, and the
same story comes out the same every time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from everycent.examples import data
from everycent.flows.stories.actions import ACTIONS, FORMS
from everycent.flows.stories.document import parse
from everycent.flows.stories.expected import ExpectedInvoice, ExpectedLine
from everycent.flows.stories.play import Played, load, play
from everycent.tenants import operations as tenants
from tests.conftest import NOW, Place

PUBLISHED = sorted((Path(__file__).parents[1] / "stories").glob("*.yaml"))
SHIPPED = [data.story(name) for name in data.STORIES]
PAGE = (Path(__file__).parents[2] / "docs" / "stories.md").read_text("utf-8")

SOLD = """
name: Calls
time_zone: Europe/Zagreb
catalog:
  meters: {calls: {unit: call}}
  taxes: {vat: {rates: [{since: 2026-01-01, percent: 25}]}}
  products: {api: {name: API, tax: vat}, base: {name: Base}}
  plans:
    api:
      currency: EUR
      anchor_day: 1
      prices:
        - {key: fee, product: base, description: Fee, flat: {amount: 30}, timing: in_advance}
        - {key: calls, product: api, description: Calls, meter: calls, per_unit: {unit_amount: 0.1}}
steps:
  - at: 2026-01-01
    customer: ana
  - subscribe: {customer: ana, plan: api, key: ana}
"""


def played(place: Place, more: str, sold: str = SOLD) -> Played:
    return play(place.database, place.tenant_id, parse(sold + more.lstrip("\n"), FORMS, str))


def told(found: Played) -> list[tuple[int, str, str, str, str]]:
    return [(one.step.line, *each) for one in found.steps for each in one.differences]


@pytest.mark.parametrize("path", [*SHIPPED, *PUBLISHED], ids=lambda path: path.stem)
def test_a_story_comes_out_as_it_says(place: Place, path: Path) -> None:
    found = play(place.database, place.tenant_id, load(path))
    assert told(found) == []
    assert found.broken == ()
    assert len(found.steps) == len(found.story.steps)
    assert any(one.step.action in ("bill", "owed") and one.step.given for one in found.steps)


def test_every_story_in_the_package_is_offered_by_name_and_every_case_has_its_source() -> None:
    assert {path.stem for path in data.story("x").parent.glob("*.yaml")} == set(data.STORIES)
    assert [path.stem for path in PUBLISHED if not load(path).source] == []
    assert len(PUBLISHED) >= 18


def test_a_wrong_expectation_is_told_with_both_sides(place: Place) -> None:
    found = played(place, """
  - usage: {subject: ana, meter: calls, every: 1d, times: 31, value: 10}
  - bill: {expect: [{customer: ana, total: 30.01}]}
  - at: 2026-02-01
    bill:
      expect:
        - customer: ana
          lines:
            - {what: Calls, quantity: 311 call, amount: 31}
            - {what: Fee, period: 2026-02-01 to 2026-02-28, amount: 30.00}
          tax: 7.75
  - owed: {ana: 98.74}
  - reasons: {billed: 30}
""")  # fmt: skip
    assert told(found) == [
        (20, "ana INV-000001", "total", "30.01", "30.00"),
        (22, "ana INV-000002 line 2", "quantity", "311 call", "310 call"),
        (29, "owed", "ana", "98.74", "98.75"),
        (30, "records", "billed", "30", "31"),
    ]
    assert found.differences == 4


def test_a_step_that_is_refused_ends_the_story_unless_it_is_expected(place: Place) -> None:
    found = played(place, """
  - bill:
  - at: 2026-01-10
    pause: {subscription: ana, on: 2025-01-15}
    expect_refusal: subscription.before_start
  - cancel: {subscription: nobody, on: 2026-01-15}
  - bill:
""")  # fmt: skip
    ((line, where, field, expected, came_out),) = told(found)
    assert (line, where, field, expected) == (23, "cancel", "refused", "–")
    assert came_out.startswith("subscription.unknown: ")
    assert [one.step.action for one in found.steps][-1] == "cancel"


def test_a_refusal_that_does_not_come_is_a_difference(place: Place) -> None:
    found = played(
        place,
        """
  - customer: bob
    expect_refusal: customer.exists
  - customer: bob
    expect_refusal: customer.bad_key
""",
    )
    differences = told(found)
    assert differences[0] == (19, "customer", "refused", "customer.exists", "–")
    assert differences[1][:4] == (21, "customer", "refused", "customer.bad_key")
    assert differences[1][4].startswith("customer.exists: ")


def test_a_customer_who_can_not_be_billed_is_told(place: Place) -> None:
    early = SOLD.replace("since: 2026-01-01", "since: 2026-06-01")
    found = played(place, "\n  - at: 2026-02-01\n    bill:\n", early)
    assert told(found) == [(20, "ana", "parked", "–", "tax.no_rate")]


def test_the_same_story_comes_out_the_same_every_time(place: Place) -> None:
    other = tenants.create(place.database, "other", "Other", NOW)
    story = load(data.story("hotel"))
    one, two = (play(place.database, tenant, story) for tenant in (place.tenant_id, other))
    assert [step.data for step in one.steps] == [step.data for step in two.steps]
    sql = "select event_id, stream, at, recorded_at from journal_event order by stream, version"
    with place.database.snapshot(place.tenant_id) as tx:
        rows = tx.tuples(sql)
    with place.database.snapshot(other) as tx:
        assert tx.tuples(sql) == rows
    assert rows[0][2] == rows[0][3] == story.steps[0].at


def test_usage_is_voided_replaced_by_id_and_an_invoice_is_taken_back(place: Place) -> None:
    found = played(place, """
  - at: 2026-01-05
    usage: {subject: ana, meter: calls, value: 100, id: first}
  - usage: {subject: ana, meter: calls, value: 100, id: first}
  - usage: {subject: ana, meter: calls, value: 7, id: first}
    expect_refusal: usage.conflict
  - usage: {subject: ana, meter: cals}
    expect_refusal: usage.unknown_meter
  - void: {ids: [first], reason: counted twice}
  - at: 2026-02-01
    bill: {expect: [{customer: ana}, {customer: ana, lines: [{}, {what: Calls, amount: 0}]}]}
  - credit: {invoice: INV-000001, reason: a gift}
  - owed: {ana: 30}
  - reasons: {voided: 1, duplicate: 1, conflict: 1, billed: 0}
""")  # fmt: skip
    assert told(found) == []


def test_the_first_story_of_the_page_passes_and_differs_as_the_page_says(place: Place) -> None:
    examples = re.findall(r"```yaml\n(name:.*?)```", PAGE, re.DOTALL)
    assert len(examples) == 1
    story = parse(examples[0], FORMS, str)
    assert told(play(place.database, place.tenant_id, story)) == []
    wrong = parse(examples[0].replace("total: 46.88", "total: 46.87"), FORMS, str)
    other = tenants.create(place.database, "other", "Other", NOW)
    (difference,) = told(play(place.database, other, wrong))
    assert " ".join(map(str, difference)) in " ".join(PAGE.split()).replace(" 2026-05-01", "")


def test_the_page_tells_every_action_and_every_field_of_it() -> None:
    for name, action in ACTIONS.items():
        section = re.search(rf"^### {name}\n(.*?)(?=^##)", PAGE, re.DOTALL | re.MULTILINE)
        assert section is not None, name
        shape = get_args(action.form.shape)[:1] or (action.form.shape,)
        shapes = [*shape, *((ExpectedInvoice, ExpectedLine) if name == "bill" else ())]
        for field in (f for each in shapes for f in getattr(each, "__struct_fields__", ())):
            assert f"`{field}`" in section[1], f"{name}: {field}"
