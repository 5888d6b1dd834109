"""GET /v1/usage/running, /chart and /reasons on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

import httpx2
import pytest

from tests.api.serving import Served, make_key, record, served
from tests.flows import world
from tests.store import books


@pytest.fixture(scope="module")
def api(server) -> Iterator[Served]:
    with books.fresh(server, "test_api_live") as place:
        world.sell(place, [("acme", "api")])
        with served(place) as found:
            offered = [
                record(f"r{n}", 10, dimensions={"region": "eu" if n % 2 else "us"})
                for n in range(3)
            ]
            assert found.post(offered).json()["accepted"] == 3
            yield found


def get(api: Served, path: str, scopes: tuple[str, ...] = ("usage:read",), **headers: str):
    name = "".join(scope[-4:] for scope in scopes)
    if name not in _keys:
        _keys[name] = make_key(api.place.database, api.place.tenant_id, name, scopes)
    told = {"authorization": f"Bearer {_keys[name]}"} | headers
    return api.client.get(f"/v1/usage/{path}", headers=told)


_keys: dict[str, str] = {}
DAYS = "subject=acme&meter=calls&from=2026-01-05&to=2026-01-07"


def ok(answer: httpx2.Response):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def test_what_was_acknowledged_is_in_the_running_cost_at_once(api):
    data = ok(get(api, "running?customer=acme&subscription=acme"))
    first = min(data["lines"], key=lambda line: (line["item_no"], line["starts_at"]))
    assert (first["price"], first["quantity"], first["net"]) == ("calls", "30", "1.50")
    assert data["is_invoice"] is False
    past = ok(get(api, "running?customer=acme&at=2026-01-03"))
    assert [line["quantity"] for line in past["lines"]] == ["0", None]


def test_a_chart_comes_as_numbers_or_as_a_picture(api):
    data = ok(get(api, f"chart?{DAYS}"))
    assert data["time_zone"] == "Europe/Zagreb"
    assert data["series"] == [{"kind": "all", "name": "all records", "values": ["30", None]}]
    split = ok(get(api, f"chart?{DAYS}&by=hour&dimension=region&zone=UTC"))
    assert [(row["name"], row["values"][12]) for row in split["series"]] == [
        ("us", "20"),
        ("eu", "10"),
    ]
    picture = get(api, f"chart?{DAYS}", accept="image/svg+xml")
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert ET.fromstring(picture.text).tag.endswith("svg")


def test_reasons_account_for_every_record(api):
    data = ok(get(api, "reasons"))
    assert data["records"] == sum(row["records"] for row in data["stored"]) == 3


REFUSED = [
    ("running", 400, "request.parameter_missing"),
    ("running?customer=nobody", 404, "customer.unknown"),
    ("running?customer=acme&subscription=none", 404, "subscription.unknown"),
    ("running?customer=acme&at=2199-01-01", 400, "date.in_the_future"),
    ("running?customer=acme&at=yesterday", 400, "time.malformed"),
    ("running?customer=acme&at=2026-13-01", 400, "date.malformed"),
    ("chart?subject=acme", 400, "request.parameter_missing"),
    (f"chart?{DAYS}&by=year", 400, "chart.unknown_slots"),
    (f"chart?{DAYS}&zone=Mars", 400, "zone.unknown"),
    (f"chart?{DAYS.replace('calls', 'none')}", 404, "meter.unknown"),
    (f"chart?{DAYS.replace('from=2026', 'from=1990')}&by=hour", 400, "chart.too_many_slots"),
]


@pytest.mark.parametrize(("path", "status", "code"), REFUSED)
def test_a_bad_question_is_refused(api, path, status, code):
    answer = get(api, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("path", ["running?customer=acme", f"chart?{DAYS}", "reasons"])
def test_a_key_that_may_only_write_reads_nothing(api, path):
    assert get(api, path, ("usage:write",)).json()["code"] == "key.missing_scope"
    assert api.client.get(f"/v1/usage/{path}").status_code == 401
