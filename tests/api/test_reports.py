"""Reports and their configurations over HTTP, pulled from real sub-services."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from everycent.reports import queries
from everycent.tenants import operations as tenants
from tests.api.asking import Asking, asking
from tests.api.serving import make_key
from tests.conftest import NOW, Place
from tests.reports.services import KEY, Running, html, running, set_up

VERSIONS = "/v1/report-configs/versions"
NOBODY = "00000000-0000-0000-0000-000000000000"


class Scene(NamedTuple):
    """Two sub-services, and a server that knows their key."""

    api: Asking
    services: dict[str, Running]


@pytest.fixture(scope="module")
def scene(module_place: Place) -> Iterator[Scene]:
    with running("compute", "storage") as services:
        set_up(module_place, services)
        with asking(module_place, SUB_KEY=KEY) as api:
            yield Scene(api, services)


@pytest.fixture(scope="module")
def built(scene: Scene) -> dict[str, Any]:
    """The report of January."""
    return scene.api.post("/v1/reports/2026-01/build")


def content(scene: Scene, name: str, **more: Any) -> dict[str, Any]:
    told = {
        "schema": "everycent-reports/1", "name": name, "since": "2026-01-01", "after": "1h",
        "deadline": "10s", "services": {one.name: one.file for one in scene.services.values()},
    }  # fmt: skip
    return told | more


def test_a_report_is_built_once(scene: Scene, built: dict[str, Any]):
    assert (built["outcome"], built["problems"]) == ("built", [])
    assert (built["report"]["lines"], built["report"]["billed"]) == (4, 4)
    again = scene.api.post("/v1/reports/2026-01/build")
    assert again == built | {"outcome": "there"}
    told = scene.api.get("/v1/reports/2026-01")
    assert (told["state"], told["report"]) == ("built", built["report"])


def test_its_lines_are_walked_with_what_they_became(scene: Scene, built: dict[str, Any]):
    path = "/v1/reports/2026-01/lines"
    found = scene.api.walk(path, size=1)
    assert [(one["service"], one["line_no"], one["used"], one["value"]) for one in found] == [
        ("compute", 1, "5400", "1.5"),
        ("compute", 2, "5400", "1.5"),
        ("storage", 1, "7", "7"),
        ("storage", 2, "7", "7"),
    ]
    own = scene.api.walk(path, customer="acme")
    assert {one["customer"] for one in own} == {"acme"}
    assert len(own) == 2
    (step, *_) = scene.api.get("/v1/reports/2026-01/trail")["items"]
    assert (step["event"], step["actor"][:4]) == ("report.begun", "key_")


def test_what_is_missing_is_told_with_the_reason(scene: Scene, built: dict[str, Any]):
    scene.services["storage"].broken = html()
    try:
        refused = scene.api.post("/v1/reports/2026-02/build")
        compared = scene.api.post("/v1/reports/2026-01/compare")
    finally:
        scene.services["storage"].broken = None
    assert refused["outcome"] == "refused"
    (problem,) = refused["problems"]
    assert (problem["service"], problem["trouble"]) == ("storage", "malformed")
    said = scene.api.get(f"/v1/reports/answers/{problem['evidence']}")
    assert (said["service"], said["raw"]) == ("storage", "<html>maintenance</html>")
    missing = {
        one["period"]: one["stands"] for one in scene.api.get("/v1/reports/missing")["items"]
    }
    assert "2026-01" not in missing
    assert missing["2026-02"]["problems"] == refused["problems"]
    assert missing["2026-03"] is None
    assert [one["service"] for one in compared["problems"]] == ["storage"]
    state = scene.api.get("/v1/reports/2026-02")
    assert (state["state"], state["report"], state["tries"]) == ("refused", None, 1)
    assert [one["period"] for one in scene.api.walk("/v1/reports", size=1)] == [
        "2026-02", "2026-01",
    ]  # fmt: skip
    assert scene.api.refused("GET", "/v1/reports/2026-02/lines") == (404, "report.not_built")


def test_a_report_that_is_pulled_again_is_the_same(scene: Scene, built: dict[str, Any]):
    told = scene.api.post("/v1/reports/2026-01/compare")
    assert told == {
        "name": "2026-01", "digest": built["report"]["digest"], "differing": [], "problems": [],
        "lines": [],
    }  # fmt: skip


def test_sub_services_are_asked_what_they_say_now(scene: Scene, built: dict[str, Any]):
    asked = {"service": "compute", "customer": "acme", "item": "time"}
    behind = scene.api.post("/v1/reports/2026-01/events", asked)
    assert (behind["used"], behind["events_come_to"], len(behind["events"])) == ("5400", "5400", 1)
    usage = scene.api.post("/v1/reports/usage", {"customer": "acme"})["services"]
    assert [one["service"] for one in usage] == ["compute", "storage"]
    span = {"from": "2026-01-01", "to": "2026-03-01", "step": "month"}
    chart = scene.api.post(
        "/v1/reports/chart", {"service": "compute", "item": "time", "customer": "acme"} | span
    )
    assert [one["used"] for one in chart["points"]] == ["5400", "5400"]
    found = scene.api.post("/v1/reports/2026-01/resources", {"service": "storage"})
    assert [one["customer"] for one in found["resources"]] == ["acme", "zeta"]


def test_versions_are_recorded_rolled_out_and_rolled_back(scene: Scene, built: dict[str, Any]):
    api = scene.api
    body = {"configuration": content(scene, "v2", deadline="20s"), "activate": True, "reason": "x"}
    made = api.post("/v1/report-configs", body, status=201)
    assert (made["name"], made["is_new"], made["is_active"]) == ("v2", True, True)
    again = api.post("/v1/report-configs", body, status=201)
    assert again == made | {"is_new": False}
    assert api.get("/v1/report-configs/active") == api.get(f"{VERSIONS}/v2")
    found = {one["name"]: one["state"] for one in api.get("/v1/report-configs")["items"]}
    assert found == {"v1": "was active", "v2": "active"}
    differs = api.get("/v1/report-configs/diff", before="v1", after="v2")
    assert differs["differences"] == [{"place": "deadline", "before": "10", "after": "20"}]
    back = api.post("/v1/report-configs/rollback", {"reason": "it was wrong"})
    assert (back["name"], back["before"], back["number"]) == ("v1", "v2", 3)
    forth = api.post(f"{VERSIONS}/v2/activate")
    assert (forth["name"], forth["before"]) == ("v2", "v1")
    history = api.walk("/v1/report-configs/history", size=1)
    assert [(one["number"], one["name"], one["reason"]) for one in history] == [
        (4, "v2", ""), (3, "v1", "it was wrong"), (2, "v2", "x"), (1, "v1", ""),
    ]  # fmt: skip
    assert api.refused("POST", f"{VERSIONS}/v2/activate") == (409, "config.active")


@pytest.mark.parametrize(
    "changed",
    [
        {"url": "http://169.254.169.254/latest", "key": "SUB_KEY"},
        {"url": None, "key": "EVERYCENT_WEBHOOK_SECRET"},
    ],
)
def test_nobody_leads_a_secret_of_the_server_elsewhere(scene: Scene, changed: dict[str, Any]):
    told = content(scene, "elsewhere")
    service = told["services"]["compute"]
    told["services"]["compute"] = service | {k: v for k, v in changed.items() if v is not None}
    body = {"configuration": told, "activate": True}
    assert scene.api.refused("POST", "/v1/report-configs", body) == (403, "config.new_address")
    with scene.api.place.database.snapshot(scene.api.place.tenant_id) as tx:
        assert "elsewhere" not in [one.config.name for one in queries.versions(tx)]


@pytest.mark.parametrize(
    ("method", "path", "body", "refusal"),
    [
        ("GET", "/v1/reports/2031-01", None, (404, "report.unknown")),
        ("GET", "/v1/reports/2031-01/trail", None, (404, "report.unknown")),
        ("GET", "/v1/reports/2026-01/lines?after=x", None, (400, "request.bad_parameter")),
        ("GET", "/v1/reports/answers/x", None, (400, "id.malformed")),
        ("GET", f"/v1/reports/answers/{NOBODY}", None, (404, "report.no_answer")),
        ("POST", "/v1/reports/2199-01/build", None, (400, "report.too_early")),
        ("POST", "/v1/reports/January/build", None, (400, "report.bad_period")),
        ("POST", "/v1/reports/2031-01/compare", None, (404, "report.unknown")),
        ("POST", "/v1/reports/usage", {}, (400, "request.field_missing")),
        ("POST", "/v1/reports/2026-01/resources", {"service": "x"}, (404, "report.unknown_service")),
        ("POST", "/v1/reports/chart",
         {"service": "compute", "item": "time", "from": "2026-02-01", "to": "2026-01-01"},
         (400, "period.empty")),
        ("GET", f"{VERSIONS}/none", None, (404, "config.unknown")),
        ("GET", "/v1/report-configs/diff?before=v1", None, (400, "request.parameter_missing")),
        ("GET", "/v1/report-configs/history?after=x", None, (400, "request.bad_parameter")),
        ("POST", f"{VERSIONS}/none/activate", None, (404, "config.unknown")),
        ("POST", "/v1/report-configs", {"configuration": {"name": "x"}}, (400, "request.bad_field")),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(scene: Scene, built, method, path, body, refusal):
    assert scene.api.refused(method, path, body) == refusal


def test_another_tenant_has_reports_of_its_own(scene: Scene, built: dict[str, Any]):
    place = scene.api.place
    tenant_id = tenants.create(place.database, "reports-other", "Other", NOW)
    key = make_key(place.database, tenant_id, "reports-other", ["reports:read"])
    other = scene.api._replace(key=key)
    for path in ("/v1/reports/2026-01", "/v1/reports/2026-01/lines", f"{VERSIONS}/v1"):
        assert other.refused("GET", path)[0] == 404
    assert other.refused("GET", "/v1/reports/missing") == (404, "config.none_active")
    for path in ("/v1/reports", "/v1/report-configs", "/v1/report-configs/history"):
        assert other.get(path)["items"] == []
    assert other.refused("POST", "/v1/reports/2026-01/build") == (403, "key.missing_scope")
