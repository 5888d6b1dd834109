"""/v1/usage/…: records found, corrected, watched and counted on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from everycent.access.roles import SCOPES
from everycent.tenants import operations as tenants
from tests.api.asking import Asking, asking
from tests.api.serving import make_key, record
from tests.conftest import NOW, Place
from tests.flows import world

CATALOGUE = world.CATALOGUE.replace(
    "taxes:",
    "intake:\n  calls: {value: {max: 1000}, expected_every: 1d, grace: 1h}\ntaxes:",
    1,
)
DAY = {"from": "2026-01-05", "to": "2026-01-06"}
CORRECTIONS = "/v1/usage/corrections"


@pytest.fixture(scope="module")
def api(module_place: Place) -> Iterator[Asking]:
    world.sell(module_place, [("acme", "api"), ("silent", "api")], text=CATALOGUE)
    with asking(module_place) as found:
        offered = [
            record(f"r{n}", 10 * n, at=f"2026-01-05T1{n}:00:00Z", dimensions={"region": "eu"})
            for n in range(5)
        ]
        found.post("/v1/usage", offered)
        yield found


@pytest.fixture(scope="module")
def other(api: Asking) -> str:
    """The key of another tenant."""
    tenant = tenants.create(api.place.database, "usage-other", "Other", NOW)
    return make_key(api.place.database, tenant, "theirs", SCOPES)


def values(api: Asking) -> str:
    (row,) = api.get("/v1/usage/totals", **DAY, subject="acme", meter="calls")["meters"]
    return str(row["total"])


def said(name: str, value: str, **changed: Any) -> dict[str, Any]:
    return record(name, value, at="2026-01-05T11:00:00Z", dimensions={"region": "eu"}) | changed


# --- records ------------------------------------------------------------------------------------


def test_records_are_found_by_subject_in_order_of_time_page_by_page(api: Asking):
    api.post("/v1/usage", [record(f"page{n}", subject="pages") for n in range(5)])
    found = api.walk("/v1/usage/records", subject="pages")
    assert sorted(one["record_id"] for one in found) == [f"page{n}" for n in range(5)]
    assert {one["is_counted"] for one in found} == {True}
    none = api.get("/v1/usage/records", subject="pages", **{"from": "2027-01-01"})
    assert none == {"items": [], "next": None, "archived": []}


def test_a_record_is_found_by_its_source_and_id(api: Asking):
    (found,) = api.get("/v1/usage/records", source="gw", record_id="r1")["items"]
    assert (found["subject"], found["meter"], found["value"]) == ("acme", "calls", "10")
    assert (found["at"], found["dimensions"]) == ("2026-01-05T11:00:00Z", {"region": "eu"})


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({}, 400, "find.what"),
        ({"record_id": "r1"}, 400, "find.source_and_id"),
        ({"source": "gw", "record_id": "r1", "meter": "calls"}, 400, "find.what"),
        ({"source": "gw", "record_id": "none"}, 404, "usage.unknown_record"),
        ({"subject": "acme", "reason": "bilked"}, 400, "find.bad_reason"),
        ({"subject": "acme", "zone": "Mars"}, 400, "zone.unknown"),
        ({"subject": "acme", "from": "2026-02-01", "to": "2026-01-01"}, 400, "period.empty"),
        ({"subject": "acme", "after": "x"}, 400, "page.bad_cursor"),
        ({"subject": "a\0b"}, 400, "request.bad_parameter"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(api: Asking, query, status, code):
    assert api.refused("GET", "/v1/usage/records", **query) == (status, code)


def test_what_is_not_billed_is_found_by_its_reason(api: Asking):
    api.post("/v1/usage", record("nobody", subject="nobody"))
    found = api.walk("/v1/usage/records", subject="nobody", reason="no_subscription")
    assert [one["record_id"] for one in found] == ["nobody"]
    counted = {one["reason"]: one["records"] for one in api.get("/v1/usage/reasons")["stored"]}
    assert counted["no_subscription"] >= 1


def test_what_was_rejected_is_counted_by_door_and_code(api: Asking):
    told = api.post("/v1/usage", record("large", 1001))
    assert told["rejected"] == 1
    code = told["results"][0]["code"]
    found = api.get("/v1/usage/rejections")["items"]
    assert [(one["door"], one["records"]) for one in found if one["code"] == code] == [("http", 1)]


def test_meters_are_told_with_the_bounds_of_their_records(api: Asking):
    found = {one["meter"]: one for one in api.get("/v1/usage/meters")["items"]}
    assert set(found) == {"calls", "users", "register"}
    bounds = found["calls"]
    assert (bounds["unit"], bounds["value_max"], bounds["every_minutes"]) == ("call", "1000", 1440)
    assert found["users"]["value_max"] is None


def test_stored_records_and_archives_are_counted(api: Asking):
    counts = api.get("/v1/usage/counts")
    assert counts["records"] >= 5
    assert counts["open_records"] <= counts["records"]
    assert api.get("/v1/usage/archives") == {"items": [], "next": None}


def test_all_or_nothing_is_stored_when_it_is_asked_for(api: Asking):
    bad = [record("atomic-1", subject="atomic"), record("atomic-2", "x", subject="atomic")]
    told = api.post("/v1/usage", bad, atomic="true")
    assert (told["accepted"], told["rejected"]) == (0, 2)
    assert api.get("/v1/usage/records", subject="atomic")["items"] == []


# --- corrections --------------------------------------------------------------------------------


def test_records_are_taken_back_after_a_look_once_and_put_back(api: Asking):
    before = values(api)
    body = {"source": "gw", "ids": ["r4"], "reason": "metered twice"}
    look = api.post(f"{CORRECTIONS}/void/preview", body)
    assert (look["correction"], look["is_preview"], look["records"]["voided"]) == (None, True, 1)
    assert [one["after"] for one in look["unbilled"]] == ["60"]
    assert values(api) == before == "100"
    first, again = (
        api.send("POST", f"{CORRECTIONS}/void", json=body, idempotency_key="void-1")
        for _ in range(2)
    )
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert first.json() == look | {"correction": first.json()["correction"], "is_preview": False}
    assert values(api) == "60"
    (found,) = api.get("/v1/usage/records", source="gw", record_id="r4")["items"]
    assert (found["is_counted"], found["kind"], found["reason"]) == (False, "void", "metered twice")
    undone = f"{CORRECTIONS}/{first.json()['correction']}/undo"
    assert api.post(f"{undone}/preview", {"reason": "is it?"})["records"]["restored"] == 1
    assert values(api) == "60"
    assert api.post(undone, {"reason": "it was right"})["records"]["restored"] == 1
    assert values(api) == before
    assert api.refused("POST", undone, {"reason": "again"})[0] == 409


def test_records_are_replaced_and_the_correction_tells_which(api: Asking):
    before = int(values(api))
    body = {"records": [said("r1", "7.5")], "reason": "read wrongly"}
    look = api.post(f"{CORRECTIONS}/replace/preview", body)
    assert values(api) == str(before)
    done = api.post(f"{CORRECTIONS}/replace", body)
    assert done == look | {"correction": done["correction"], "is_preview": False}
    assert (done["kind"], done["records"]["added"], done["records"]["voided"]) == ("replace", 1, 1)
    assert values(api) == str(before - 10 + 7.5)
    address = f"{CORRECTIONS}/{done['correction']}"
    assert api.get(address)["reason"] == "read wrongly"
    touched = api.walk(f"{address}/records", size=1)
    assert sorted((one["what"], one["record_id"], one["value"]) for one in touched) == [
        ("added", "r1~2", "7.5"), ("voided", "r1", "10"),
    ]  # fmt: skip
    api.post(f"{address}/undo", {"reason": "back"})
    assert values(api) == str(before)


def test_a_span_is_made_to_say_what_is_told(api: Asking):
    span = {"from": "2026-02-01", "to": "2026-02-02", "subjects": ["fill"], "meters": ["calls"]}
    records = [
        record(f"fill{n}", "2", subject="fill", at=f"2026-02-01T0{n}:00:00Z") for n in range(3)
    ]
    body = span | {"records": records, "source": None, "reason": "outage"}
    assert api.post(f"{CORRECTIONS}/backfill/preview", body)["records"]["added"] == 3
    assert api.post(f"{CORRECTIONS}/backfill", body)["records"]["added"] == 3
    again = body | {"records": records[:2]}
    told = api.post(f"{CORRECTIONS}/backfill", again)["records"]
    assert told == {"voided": 1, "restored": 0, "added": 0, "unchanged": 2}
    kinds = [one["kind"] for one in api.walk(CORRECTIONS)]
    assert kinds[:2] == ["backfill", "backfill"]


def test_as_many_previews_at_once_as_there_are_connections_are_all_answered(api: Asking):
    body = {"records": [said("r1", "3", dimensions={"new": "name"})], "reason": "what if"}
    with ThreadPoolExecutor(8) as pool:
        looks = list(
            pool.map(lambda _: api.post(f"{CORRECTIONS}/replace/preview", body), range(16))
        )
    assert [one["records"]["added"] for one in looks] == [1] * 16
    assert api.post("/v1/usage", [record("beside", subject="beside")])["accepted"] == 1


GOOD = {"source": "gw", "ids": ["r0"], "reason": "x"}
NEVER = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("void", GOOD | {"ids": ["none"]}, 404, "usage.unknown_record"),
        ("void", GOOD | {"ids": []}, 400, "request.bad_field"),
        ("void", GOOD | {"reason": ""}, 400, "request.bad_field"),
        ("void", GOOD | {"id": "r0"}, 400, "request.unknown_field"),
        ("replace", {"records": [said("none", "1")], "reason": "x"}, 404, "usage.unknown_record"),
        ("replace", {"records": [said("r1", "1e9")], "reason": "x"}, 400, "correction.bad_rows"),
        ("replace", {"records": [said("r1", "1001")], "reason": "x"}, 400, "correction.bad_rows"),
        (f"{NEVER}/undo", {"reason": "x"}, 404, "correction.unknown"),
        (f"{NEVER}/undo/preview", {"reason": "x"}, 404, "correction.unknown"),
        ("void/preview", GOOD | {"ids": ["none"]}, 404, "usage.unknown_record"),
        (
            "replace/preview",
            {"records": [said("r1", "1001")], "reason": "x"},
            400,
            "correction.bad_rows",
        ),
        ("nothing/undo", {"reason": "x"}, 400, "correction.bad_id"),
    ],
)
def test_a_correction_that_can_not_be_is_refused(api: Asking, path, body, status, code):
    before = values(api)
    assert api.refused("POST", f"{CORRECTIONS}/{path}", body) == (status, code)
    assert values(api) == before


# --- what is watched ----------------------------------------------------------------------------

THRESHOLDS = "/v1/usage/thresholds"


def put(api: Asking, key: str, body: Any) -> Any:
    return api.send("PUT", f"{THRESHOLDS}/{key}", json=body).json()


def test_thresholds_are_set_anew_listed_and_removed(api: Asking):
    told = {"value": "5.00", "subject": "acme", "meter": "calls"}
    first = put(api, "t-1", told)
    assert first == {
        "key": "t-1", "version": 1, "customer": None, "subject": "acme", "meter": "calls",
        "value": "5",
    }  # fmt: skip
    assert put(api, "t-1", told)["version"] == 1
    assert put(api, "t-1", told | {"value": "6"})["version"] == 2
    for n in range(2, 5):
        put(api, f"t-{n}", {"value": "10", "customer": "acme"})
    assert [one["key"] for one in api.walk(THRESHOLDS)] == ["t-1", "t-2", "t-3", "t-4"]
    assert api.get(f"{THRESHOLDS}/t-2")["customer"] == "acme"
    assert api.post(f"{THRESHOLDS}/t-2/remove")["is_removed"] is True
    assert api.refused("GET", f"{THRESHOLDS}/t-2") == (404, "threshold.unknown")
    assert api.refused("POST", f"{THRESHOLDS}/t-2/remove") == (404, "threshold.unknown")
    assert api.walk("/v1/usage/crossings", threshold="t-1") == []


@pytest.mark.parametrize(
    ("key", "body", "status", "code"),
    [
        ("t", {"value": "1"}, 400, "threshold.bad_owner"),
        ("t", {"value": "0", "subject": "acme"}, 400, "threshold.not_positive"),
        ("t", {"value": "1e999999", "subject": "acme"}, 400, "number.malformed"),
        ("-t", {"value": "1", "subject": "acme"}, 400, "threshold.bad_key"),
        ("t", {"value": "1", "subject": "free"}, 404, "threshold.no_subscription"),
        ("t", {"value": "1", "subject": "acme", "meter": "none"}, 404, "meter.unknown"),
        ("t", {"value": "1", "customer": "none"}, 404, "customer.unknown"),
    ],
)
def test_a_threshold_that_can_not_be_is_refused(api: Asking, key, body, status, code):
    assert api.refused("PUT", f"{THRESHOLDS}/{key}", body) == (status, code)


def test_gaps_are_looked_for_listed_and_accepted(api: Asking):
    opened = api.post("/v1/usage/gaps/check")["opened"]
    found = api.walk("/v1/usage/gaps", size=1)
    assert opened == len(found) >= 2
    assert {one["outcome"] for one in found} == {"open"}
    gap = {name: found[0][name] for name in ("subject", "meter", "starts_at")}
    closed = api.post("/v1/usage/gaps/accept", gap | {"reason": "nothing was used"})
    assert closed == gap | {"outcome": "accepted"}
    again = api.refused("POST", "/v1/usage/gaps/accept", gap | {"reason": "again"})
    assert again == (404, "gap.unknown")
    assert len(api.walk("/v1/usage/gaps")) == opened - 1
    states = [one["outcome"] for one in api.walk("/v1/usage/gaps", size=1, state="all")]
    assert states == ["open"] * (opened - 1) + ["accepted"]


# --- of others ----------------------------------------------------------------------------------


def test_nothing_of_another_tenant_is_seen_or_changed(api: Asking, other: str):
    put(api, "t-own", {"value": "10", "customer": "acme"})
    done = api.post(f"{CORRECTIONS}/void", GOOD | {"ids": ["r3"]})["correction"]
    before = values(api)
    asked = [
        ("GET", f"{THRESHOLDS}/t-own", None, "threshold.unknown"),
        ("POST", f"{THRESHOLDS}/t-own/remove", None, "threshold.unknown"),
        ("GET", f"{CORRECTIONS}/{done}", None, "correction.unknown"),
        ("GET", f"{CORRECTIONS}/{done}/records", None, "correction.unknown"),
        ("POST", f"{CORRECTIONS}/{done}/undo", {"reason": "x"}, "correction.unknown"),
        ("POST", f"{CORRECTIONS}/void", GOOD, "usage.unknown_record"),
        ("GET", "/v1/usage/records?source=gw&record_id=r0", None, "usage.unknown_record"),
        ("GET", "/v1/usage/running?customer=acme", None, "customer.unknown"),
    ]
    for method, path, body, code in asked:
        answer = api.send(method, path, json=body, key=other)
        assert (answer.status_code, answer.json()["code"]) == (404, code), path
    for path in ("records?subject=acme", "thresholds", "gaps", "crossings", "corrections"):
        answer = api.send("GET", f"/v1/usage/{path}", key=other)
        assert answer.json()["items"] == [], path
    assert values(api) == before


def test_the_document_says_how_usage_is_sent(api: Asking):
    told = api.client.get("/v1/openapi.json").json()["paths"]["/v1/usage"]["post"]
    assert set(told["requestBody"]["content"]) == {
        "application/json", "application/x-ndjson", "application/cloudevents+json",
        "application/cloudevents-batch+json",
    }  # fmt: skip
    assert [one["name"] for one in told["parameters"]] == ["atomic"]
    assert {"200", "202"} <= set(told["responses"])
