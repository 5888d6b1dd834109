"""GET /v1/usage/running, /chart, /totals, /gaps, /thresholds and /reasons on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, as_completed, wait
from datetime import UTC, date, datetime
from urllib.parse import quote
from xml.etree import ElementTree as ET

import httpx2
import psycopg
import pytest

from everycent.api import problems
from everycent.flows import archive_usage, watch
from everycent.integrations.usage_archive import ArchiveFolder
from everycent.kernel import clock, ids
from everycent.kernel.errors import Unavailable
from everycent.watching.threshold import checked
from tests.api.serving import Served, make_key, record, served
from tests.flows import world
from tests.store import books


def test_what_is_in_the_archive_is_refused_without_asking_to_try_again(server, tmp_path):
    with books.fresh(server, "test_api_archived") as place:
        world.sell(place, [("acme", "api")])
        world.use(place, [world.calls("acme", 5, date(2026, 1, 10))])
        in_may = archive_usage.Terms(
            clock.fixed(datetime(2026, 5, 2, tzinfo=UTC)), ids.derived, "archivist"
        )
        archive_usage.archive(
            place.database, "default", date(2026, 2, 1), ArchiveFolder(tmp_path), in_may,
            even_unbilled=True,
        )  # fmt: skip
        told = {
            "authorization": f"Bearer {make_key(place.database, place.tenant_id, 'away', READ)}"
        }
        with served(place) as api:
            answer = api.client.get(f"/v1/usage/chart?{NOON}", headers=told)
    assert (answer.status_code, answer.json()["code"]) == (409, "usage.archived")
    assert "everycent usage restore 2026-01" in answer.json()["hint"]
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize(
    ("code", "status", "seconds"),
    [
        ("database.unavailable", 503, "1"),
        ("usage.not_stored", 503, "1"),
        ("usage.busy", 503, "1"),
        ("usage.closing", 503, "1"),
        ("server.busy", 503, "1"),
        ("server.busy_reading", 503, "1"),
        ("server.too_slow", 503, "1"),
        ("read.too_slow", 503, "30"),
        ("usage.archived", 409, None),
        ("archive.missing", 409, None),
    ],
)
def test_only_what_passes_by_itself_says_when_to_try_again(code, status, seconds):
    answer = problems.response_of(Unavailable(code, "not now"))
    assert (answer.status_code, answer.headers.get("retry-after")) == (status, seconds)


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
READ = ("usage:read",)
NOON = "subject=acme&meter=calls&from=2026-01-10&to=2026-01-11&by=hour"
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


def test_reasons_tell_what_was_rejected_at_the_door_apart(api):
    before = {row["code"]: row["records"] for row in ok(get(api, "reasons"))["rejected"]}
    api.post([record("bad-1", "x"), record("bad-2", "y"), record("bad-3", meter="none")])
    data = ok(get(api, "reasons"))
    found = {row["code"]: row["records"] - before.get(row["code"], 0) for row in data["rejected"]}
    assert (found["number.malformed"], found["usage.unknown_meter"]) == (2, 1)
    assert {row["door"] for row in data["rejected"]} == {"http"}
    assert data["records"] == 3


def test_totals_are_those_of_everything_that_was_acknowledged(api):
    span = "from=2026-01-01&to=2026-02-01&zone=Europe/Zagreb"
    assert ok(get(api, f"totals?{span}")) == {
        "meters": [{"meter": "calls", "subjects": 1, "records": 3, "total": "30"}], "unseen": [],
    }  # fmt: skip
    split = ok(get(api, f"totals?{span}&subject=acme&meter=calls&dimension=region"))
    assert [(one["value"], one["records"], one["total"]) for one in split["groups"]] == [
        ("eu", 1, "10"), ("us", 2, "20"),
    ]  # fmt: skip
    for named in ("subject=acme", "subject=acme&meter=calls"):
        of_one = ok(get(api, f"totals?{span}&{named}"))
        assert [(row["meter"], row["total"]) for row in of_one["meters"]] == [("calls", "30")]
    missed = ok(get(api, f"totals?{span}&subject=amce&meter=calls&dimension=region"))
    assert (missed["groups"], missed["unseen"][0]["near"]) == ([], ["acme"])


def test_gaps_and_thresholds_are_listed(api):
    with api.place.database.transaction(api.place.tenant_id) as tx:
        watch.define(tx, checked("t", "25", "calls", "acme", None), world.writing(api.place))
    data = ok(get(api, "thresholds"))
    assert [(one["key"], one["subject"], one["value"]) for one in data["items"]] == [
        ("t", "acme", "25")
    ]
    assert ok(get(api, "crossings"))["items"] == []
    assert ok(get(api, "gaps")) == ok(get(api, "gaps?state=all")) == {"items": [], "next": None}


def test_a_typo_does_not_look_like_an_empty_answer(api):
    data = ok(get(api, f"chart?{DAYS.replace('acme', 'amce')}"))
    assert (data["series"], data["unseen"]) == ([], [{
        "field": "subject", "value": "amce", "near": ["acme"],
        "message": "no usage of the subject 'amce' was ever recorded; near: acme",
    }])  # fmt: skip
    assert ok(get(api, "running?customer=acme"))["unseen"] == []


PATHS = [
    "running?customer=acme", f"chart?{DAYS}", "totals?from=2026-01-01&to=2026-02-01", "gaps",
    "thresholds", "reasons",
]  # fmt: skip
REFUSED = [
    ("running", 400, "request.parameter_missing"),
    ("running?customer=nobody", 404, "customer.unknown"),
    ("running?customer=acme&subscription=none", 404, "subscription.unknown"),
    ("running?customer=acme&at=2199-01-01", 400, "date.in_the_future"),
    ("running?customer=acme&at=yesterday", 400, "time.malformed"),
    ("running?customer=acme&at=2026-13-01", 400, "date.malformed"),
    ("chart?subject=acme", 400, "request.parameter_missing"),
    (f"chart?{DAYS}&by=year", 400, "request.bad_parameter"),
    (f"chart?{DAYS}&zone=Mars", 400, "zone.unknown"),
    (f"chart?{DAYS.replace('calls', 'none')}", 404, "meter.unknown"),
    (f"chart?{DAYS.replace('from=2026', 'from=2020')}&by=hour", 400, "chart.too_many_slots"),
]


@pytest.mark.parametrize(("path", "status", "code"), REFUSED)
def test_a_bad_question_is_refused(api, path, status, code):
    answer = get(api, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("path", PATHS)
def test_a_key_that_may_only_write_reads_nothing(api, path):
    assert get(api, path, ("usage:write",)).json()["code"] == "key.missing_scope"
    assert api.client.get(f"/v1/usage/{path}").status_code == 401


TIMES = [
    "0001-01-01", "9999-12-31", "1999-12-30", "2201-01-02", "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-02-30", "-026-01-01", "", "\0",
    "2026-01-01T00:00", "1e400", "9" * 400, "\u0662026-1-1",
]  # fmt: skip
NAMES = ["", "\0", "a\0b", "x" * 10_000, "\u202e", "\ud800", "\n"]
ZONES = ["", "\0", "../etc/passwd", "x" * 10_000, "Factory", "UTC+99:00", "Europe", "\udcff"]
QUESTIONS = {
    "running": {"customer": "acme", "subscription": "acme", "at": "2026-01-03"},
    "chart": {
        "subject": "acme", "meter": "calls", "from": "2026-01-05", "to": "2026-01-07",
        "dimension": "region", "zone": "UTC", "by": "day",
    },
    "totals": {
        "from": "2026-01-01", "to": "2026-02-01", "zone": "UTC", "subject": "acme", "meter": "calls",
        "dimension": "region",
    },
    "gaps": {"state": "all"},
    "thresholds": {},
    "reasons": {},
}  # fmt: skip
BAD = {"at": TIMES, "from": TIMES, "to": TIMES, "zone": ZONES, "by": ["", "year", "DAY", "\0"],
       "state": ["", "1", "closed", "\0"]}  # fmt: skip


def asked(path: str, told: dict[str, str]) -> str:
    return f"{path}?" + "&".join(
        f"{name}={quote(value, errors='surrogatepass')}" for name, value in told.items()
    )


@pytest.mark.parametrize(
    ("path", "name"), [(path, name) for path, told in QUESTIONS.items() for name in told]
)
def test_no_value_of_a_parameter_is_answered_with_a_fault_of_ours(api, path, name):
    assert ok(get(api, asked(path, QUESTIONS[path])))
    for value in BAD.get(name, NAMES):
        answer = get(api, asked(path, QUESTIONS[path] | {name: value}))
        # What is no text arrives as signs of replacement, which are a name that nothing has.
        is_name = value == "\ud800"
        assert answer.status_code in ((404, 200) if is_name else (400,)), (value, answer.text)
        if answer.status_code == 400:
            assert answer.json()["field"] in (name, "time_zone"), answer.text


@pytest.mark.parametrize("path", QUESTIONS)
def test_what_is_no_parameter_is_refused_with_those_that_are(api, path):
    told = QUESTIONS[path]
    answer = get(api, asked(path, told | {"frm": "2026-01-01"}))
    assert (answer.status_code, answer.json()["code"]) == (400, "request.unknown_parameter")
    assert all(name in answer.json()["hint"] for name in told)
    for name, value in told.items():
        answer = get(api, asked(path, told) + f"&{name}={value}")
        assert (answer.status_code, answer.json()["code"]) == (400, "request.repeated_parameter")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("totals?from=2026-02-01&to=2026-02-01", "to"),
        ("totals?from=2026-01-01&to=2026-02-01&subject=acme&dimension=region", "meter"),
        ("totals?from=2026-01-01T00:07:00Z&to=2026-02-01&subject=acme", "from"),
        ("totals?from=2026-01-01&to=2026-02-01&meter=calls&dimension=region", "subject"),
        (f"chart?{DAYS.replace('to=2026', 'to=2025')}", "to"),
    ],
)
def test_a_question_that_makes_no_sense_says_what_is_wrong(api, path, field):
    answer = get(api, path)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_questions_that_hang_stop_no_usage_and_end(server, monkeypatch):
    monkeypatch.setenv("EVERYCENT_READ_SECONDS", "2")
    with books.fresh(server, "test_api_slow") as place:
        world.sell(place, [("acme", "api")])
        key = make_key(place.database, place.tenant_id, "slow", ("usage:read",))
        told = {"authorization": f"Bearer {key}"}
        with (
            served(place) as slow,
            ThreadPoolExecutor(60) as pool,
            psycopg.connect(place.conninfo, options="-c search_path=everycent") as blocker,
        ):
            assert slow.post([record("before")]).status_code == 200
            blocker.execute("lock table subscription in access exclusive mode")
            asking = [
                pool.submit(slow.client.get, "/v1/usage/running?customer=acme", headers=told)
                for _ in range(60)
            ]
            turned_away, _ = wait(asking, return_when=FIRST_COMPLETED)
            assert slow.post([record("between")]).json()["accepted"] == 1
            assert not all(one.done() for one in asking)  # usage came in while questions hang
            answered = (one.result().json().get("code") for one in as_completed(asking))
            next(code for code in answered if code == "read.too_slow")
            blocker.rollback()
            answers = [one.result() for one in asking]
        assert {one.result().json()["code"] for one in turned_away} == {"server.busy_reading"}
        codes = {answer.json().get("code") for answer in answers if answer.status_code == 503}
        assert codes == {"server.busy_reading", "read.too_slow"}
        assert all(answer.headers["retry-after"] for answer in answers if answer.status_code == 503)
        assert {answer.status_code for answer in answers} <= {200, 503}
