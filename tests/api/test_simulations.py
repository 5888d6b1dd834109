"""/v1/simulate on a real server: past periods under another catalogue, and nothing of it is written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import yaml

from everycent.catalog import document
from everycent.flows.reprice import Span
from everycent.flows.simulate import as_data, simulate
from everycent.tenants import operations as tenants
from tests.api.asking import Asking, asking
from tests.api.serving import make_key
from tests.conftest import NOW, Place
from tests.flows import world
from tests.flows.test_preview import tables
from tests.flows.world import calls, midnight

PATH = "/v1/simulate"
DEARER = world.CATALOGUE.replace("amount: 9.90", "amount: 19.90")
NOTED: dict[str, Any] = {"api_key_use": None}  # when a key was used, whatever for
YEAR = {"from": "2026-01-01", "to": "2027-01-01"}


@pytest.fixture(scope="module")
def api(module_place: Place) -> Iterator[Asking]:
    world.sell(module_place, [("a", "api"), ("b", "api"), ("c", "advance")])
    world.use(module_place, [calls("a", 150, date(2026, 1, 5)), calls("b", 20, date(2026, 1, 5))])
    for month in (2, 3):
        world.run(module_place, midnight(date(2026, month, 1)))
    with asking(module_place) as found:
        yield found


def test_it_is_told_who_would_pay_more_and_nothing_is_written(api: Asking):
    place = api.place
    before = tables(place) | NOTED
    told = api.post(PATH, {"yaml": DEARER, **YEAR}, status=200)
    (total,) = told["totals"]
    assert (total["difference"], total["losers"], total["unchanged"]) == ("40.00", 2, 1)
    assert {one["customer"]: one["difference"] for one in told["customers"]} == {
        "a": "20.00", "b": "20.00", "c": "0.00",
    }  # fmt: skip
    assert [one["month"] for one in told["months"]] == ["2026-01", "2026-02", "2026-03"]
    assert tables(place) | NOTED == before


def test_it_is_what_the_command_line_tells(api: Asking):
    told = api.post(PATH, {"yaml": DEARER, **YEAR})
    found = simulate(
        api.place.database, api.place.tenant_id, document.parse(DEARER),
        Span(date(2026, 1, 1), date(2027, 1, 1)),
    )  # fmt: skip
    assert told == as_data(found)


def test_it_takes_json_some_days_and_some_customers(api: Asking):
    sections = yaml.load(DEARER, Loader=yaml.BaseLoader)
    body = {"catalog": sections, "from": "2026-02-01", "to": "2026-03-01", "customers": ["a"]}
    told = api.post(PATH, body)
    assert [(one["customer"], one["difference"]) for one in told["customers"]] == [("a", "10.00")]


LARGE = "".join(
    f"\n      - {{key: k{n}, product: base, flat: {{amount: 1}}, description: {'x' * 900}}}"
    for n in range(400)
)
REFUSED: list[tuple[dict[str, Any], tuple[int, str]]] = [
    ({}, (400, "request.field_missing")),
    (YEAR, (400, "catalog.not_told")),
    ({"yaml": "plans: {}", **YEAR}, (400, "simulate.no_plans")),
    ({"yaml": DEARER, "from": "2026-02-01", "to": "2026-02-01"}, (400, "simulate.empty_span")),
    ({"yaml": DEARER, "from": "2026", "to": "2027-01-01"}, (400, "date.malformed")),
    ({"yaml": DEARER, "customers": ["nobody"], **YEAR}, (404, "customer.unknown")),
    ({"yaml": DEARER, "customers": ["a"] * 501, **YEAR}, (400, "request.bad_field")),
    ({"yaml": DEARER, "top": 3, **YEAR}, (400, "request.unknown_field")),
    ({"yaml": f"{DEARER.rstrip()}\n  large:\n    currency: EUR\n    prices:{LARGE}\n", **YEAR},
     (400, "simulate.too_much")),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), REFUSED)
def test_what_can_not_be_simulated_is_refused(
    api: Asking, body: dict[str, Any], expected: tuple[int, str]
):
    assert api.refused("POST", PATH, body) == expected


def test_others_see_nothing_of_it(api: Asking):
    other = tenants.create(api.place.database, "simulate-other", "Other", NOW)
    key = make_key(api.place.database, other, "simulate-other", ["invoices:read"])
    theirs = api._replace(key=key)
    assert theirs.post(PATH, {"yaml": DEARER, **YEAR})["customers"] == []
    body = {"yaml": DEARER, "customers": ["a"], **YEAR}
    assert theirs.refused("POST", PATH, body) == (404, "customer.unknown")
    assert api.with_scopes("catalog:read").refused("POST", PATH, body) == (
        403, "key.missing_scope",
    )  # fmt: skip
