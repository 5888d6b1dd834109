"""/v1/measurements, /v1/rate and previews on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from everycent.access.roles import SCOPES
from everycent.app.measuring import poller
from everycent.app.wiring import random_ids, utc_now
from everycent.flows import measure
from everycent.flows.measure_interval import Terms
from everycent.tenants import operations as tenants
from tests.api.asking import Asking, asking
from tests.api.selling import open_shop
from tests.api.serving import make_key
from tests.conftest import NOW, Place

FILE = """
measurements:
  hours:
    meter: calls
    every: 1 day
    starts_at: 2026-01-01
    ends_at: 2026-01-04
    time: {unit: hours, subjects: [room-1]}
  nights:
    meter: calls
    every: 1 day
    starts_at: 2026-01-01
    time: {unit: days, subjects: [room-2]}
"""
ASKS = {
    "http": {"url": "http://127.0.0.1/{start}/{end}"},
    "sql": {"query": "select %(start)s, %(end)s", "connection_env": "EVERYCENT_DATABASE_URL"},
}


@pytest.fixture(scope="module")
def api(module_place: Place) -> Iterator[Asking]:
    open_shop(module_place)
    with asking(module_place) as found:
        yield found


def test_measurements_are_defined_measured_paused_and_told(api: Asking):
    made = api.post("/v1/measurements/apply", {"yaml": FILE})
    assert [(one["verb"], one["key"]) for one in made["items"]] == [
        ("create", "hours"), ("create", "nights"),
    ]  # fmt: skip
    sections = yaml.load(FILE, Loader=yaml.BaseLoader)
    again = api.post("/v1/measurements/apply", sections)
    assert {one["verb"] for one in again["items"]} == {"keep"}
    assert [one["key"] for one in api.walk("/v1/measurements", size=1)] == ["hours", "nights"]
    path = "/v1/measurements/nights"
    assert api.post(f"{path}/pause", {"reason": "no guests"})["is_paused"]
    place = api.place
    terms = Terms(utc_now, random_ids, "test", poller(), "test")
    measure.run(place.database, place.tenant_id, utc_now(), terms)
    assert api.get(path)["taken"] == 0
    told = api.get("/v1/measurements/hours", intervals=2)
    assert (told["taken"], told["total"], told["next_due_at"]) == (3, "72", None)
    assert [(one["starts_at"], one["total"]) for one in told["intervals"]] == [
        ("2026-01-03T00:00:00Z", "24"), ("2026-01-02T00:00:00Z", "24"),
    ]  # fmt: skip
    assert told["definition"]["kind"]["subjects"] == ["room-1"]
    for _ in range(2):
        assert not api.post(f"{path}/resume")["is_paused"]


@pytest.mark.parametrize("kind", ASKS)
def test_what_asks_other_systems_is_defined_by_the_operator_only(api: Asking, kind: str):
    asks = {"meter": "calls", "every": "1 day", "starts_at": "2026-01-01", kind: ASKS[kind]}
    refused = api.refused("POST", "/v1/measurements/apply", {"measurements": {"out": asks}})
    assert refused == (403, "measurement.operator_only")


REFUSED = [
    # method, path           body                                              status, code
    ("POST", "/apply", {}, 400, "measurement.not_told"),
    ("POST", "/apply", {"yaml": "a: ["}, 400, "measurement.unreadable"),
    ("POST", "/apply", {"measurements": {"x": {}}}, 400, "measurement.wrong_shape"),
    ("POST", "/apply", {"yaml": FILE.replace("calls", "none")}, 400, "measurement.unknown_meter"),
    ("GET", "/none", None, 404, "measurement.unknown"),
    ("GET", "/hours?intervals=0", None, 400, "request.bad_parameter"),
    ("POST", "/none/pause", {}, 404, "measurement.unknown"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), REFUSED)
def test_what_makes_no_sense_is_refused(
    api: Asking, method: str, path: str, body: Any, status: int, code: str
):
    assert api.refused(method, f"/v1/measurements{path}", body) == (status, code)


def test_another_tenant_measures_other_things(api: Asking):
    other = tenants.create(api.place.database, "measuring-other", "Other", NOW)
    theirs = api._replace(key=make_key(api.place.database, other, "theirs", SCOPES))
    assert theirs.walk("/v1/measurements") == []
    for method, path in (("GET", ""), ("POST", "/pause"), ("POST", "/resume")):
        refused = theirs.refused(method, f"/v1/measurements/hours{path}")
        assert refused == (404, "measurement.unknown")
