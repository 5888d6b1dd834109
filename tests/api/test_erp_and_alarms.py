"""/v1/erp/… and /v1/alarms/… on a real server, beside a fake ERP as a real process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from everycent.alarms.alarm import Condition, Severity
from everycent.alarms.operations import Writer, reflect, take_turn
from everycent.app.wiring import random_ids, utc_now
from everycent.integrations.erp_http import HttpErp
from everycent.messages import queries as messages
from everycent.tenants import operations as tenants
from tests.api.serving import make_key, served
from tests.conftest import NOW, Place
from tests.erp import books
from tests.erp.fake import FakeErp, running_erp
from tests.erp.test_over_http import adapter
from tests.store import books as stored

FILE = "erp: {name: books, kind: file, folder: unused, since: 2026-01-01}\n"
ERP_READ, ERP_WRITE = "erp:read", "erp:write"
READ, WRITE = "alarms:read", "alarms:write"
SCOPES = (ERP_READ, ERP_WRITE, READ, WRITE)


class Api(NamedTuple):
    """A server with keys by scope, and the ERP that its documents were handed over to."""

    place: Place
    client: httpx2.Client
    keys: dict[str, str]
    fake: FakeErp
    erp: HttpErp

    def asked(self, verb: str, path: str, scope: str, told: Any = None) -> httpx2.Response:
        headers = {"authorization": f"Bearer {self.keys[scope]}"}
        return self.client.request(verb, path, headers=headers, json=told)

    def data(self, path: str, scope: str = ERP_READ) -> Any:
        answer = self.asked("GET", path, scope)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def done(self, path: str, scope: str, told: Any = None) -> Any:
        answer = self.asked("POST", path, scope, told)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def walked(self, path: str, name: str, scope: str = ERP_READ) -> list[Any]:
        """A field of all that is listed, page by page to the end."""
        found: list[Any] = []
        at: str | None = path
        while at is not None:
            page = self.data(at, scope)
            found += [one[name] for one in page["items"]]
            at = page["next"]
        return found


@pytest.fixture(scope="module")
def api(server, tmp_path_factory) -> Iterator[Api]:
    """Seven documents in batches of two, of which the ERP has refused the last one."""
    home: Path = tmp_path_factory.mktemp("home")
    (home / "erp.yaml").write_text(FILE, "utf-8")
    with (
        stored.fresh(server, "test_api_erp") as place,
        running_erp(tmp_path_factory.mktemp("erp")) as fake,
    ):
        books.open_shop(place, 7)
        erp = adapter(fake, batch=2)
        fake.fault("reject:period_closed", where={"reference": "default/INV-000007"}, times=1)
        books.handed_over(place, erp)
        keys = {
            scope: make_key(place.database, place.tenant_id, scope.replace(":", "-"), (scope,))
            for scope in SCOPES
        }
        with served(
            place,
            EVERYCENT_HOME=str(home),
            EVERYCENT_ALARM_MAIL="ops@example.com",
            EVERYCENT_SMTP_URL="smtp://127.0.0.1:9",
            EVERYCENT_MAIL_FROM="Billing <b@example.com>",
        ) as found:
            yield Api(place, found.client, keys, fake, erp)


def test_documents_are_walked_in_order_of_their_batches_each_once(api):
    everything = api.walked("/v1/erp/documents?size=3", "reference")
    assert everything == [f"default/INV-{number:06d}" for number in range(1, 8)]
    registered = api.walked("/v1/erp/documents?state=registered&size=2", "reference")
    assert registered == everything[:6]
    (refused,) = api.data("/v1/erp/documents?state=aborted")["items"]
    assert (refused["reference"], refused["batch"], refused["place"], refused["bill"]) == (
        "default/INV-000007", 4, 1, None,
    )  # fmt: skip


def test_a_request_that_comes_twice_hands_over_once(api):
    path = "/v1/erp/documents/INV-000001/requeue"
    headers = {"authorization": f"Bearer {api.keys[ERP_WRITE]}", "idempotency-key": "twice"}
    answers = [
        api.client.post(path, headers=headers, json={"reason": "x"}).json()["code"]
        for _ in range(2)
    ]
    assert answers == ["erp.not_stuck"] * 2


def test_how_many_documents_stand_where_is_told(api):
    told = api.data("/v1/erp/status")
    assert told["erp"] == "books"
    assert told["documents"] == {"aborted": 1, "registered": 6}
    (trouble,) = told["in_trouble"]
    assert (trouble["reference"], trouble["reason"]) == ("default/INV-000007", "period_closed")


def test_batches_are_walked_from_the_newest_on(api):
    assert api.walked("/v1/erp/batches?size=1", "batch") == [4, 3, 2, 1]
    newest, before = api.data("/v1/erp/batches?size=2")["items"]
    assert (newest["documents"], newest["previous"]) == (1, before["digest"])


def test_a_document_has_its_trail_and_every_answer_word_for_word(api):
    told = api.data("/v1/erp/documents/INV-000001")
    assert (told["erp"], told["state"]) == ("books", "registered")
    assert [step["event"] for step in told["trail"]] == ["batched", "acknowledged", "registered"]
    answers = [step["answer"] for step in told["trail"] if step["answer"] is not None]
    for answer in answers:
        said = api.data(f"/v1/erp/answers/{answer}")
        assert (said["answer"], said["status"]) == (answer, 200)
        assert told["bill"] in said["raw"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/erp/documents/INV-999999", 404, "invoice.unknown"),
        ("/v1/erp/answers/00000000-0000-0000-0000-000000000000", 404, "erp.no_answer"),
        ("/v1/erp/answers/x", 400, "id.malformed"),
        ("/v1/erp/documents?state=lost", 400, "request.bad_parameter"),
        ("/v1/erp/documents?after=7", 400, "request.bad_parameter"),
        ("/v1/erp/documents?after=99999999999.1", 400, "request.bad_parameter"),
        ("/v1/erp/documents?size=501", 400, "request.bad_parameter"),
        ("/v1/erp/documents?page=2", 400, "request.unknown_parameter"),
        ("/v1/erp/batches?after=0", 400, "request.bad_parameter"),
    ],
)
def test_a_question_about_the_erp_that_makes_no_sense_is_refused(api, path, status, code):
    answer = api.asked("GET", path, ERP_READ)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


BODIES = [
    ({"reason": ""}, "request.bad_field"),
    ({"reason": " "}, "request.bad_field"),
    ({"reason": "x" * 501}, "request.bad_field"),
    ({"reason": "a\nb"}, "request.bad_field"),
    ({"reason": 1}, "request.bad_field"),
    ({"reason": "x", "force": True}, "request.unknown_field"),
    ({}, "request.field_missing"),
    (None, "request.field_missing"),
]


@pytest.mark.parametrize(("body", "code"), BODIES)
@pytest.mark.parametrize(
    ("path", "scope"),
    [("/v1/erp/documents/INV-000007/requeue", ERP_WRITE), ("/v1/alarms/alm_x/resolve", WRITE)],
)
def test_nothing_is_changed_without_a_reason(api, path, scope, body, code):
    answer = api.asked("POST", path, scope, body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert api.data("/v1/erp/documents/INV-000007")["state"] == "aborted"


@pytest.mark.parametrize(
    ("verb", "path", "needed"),
    [
        ("GET", "/v1/erp/documents", ERP_READ),
        ("GET", "/v1/erp/documents/INV-000001", ERP_READ),
        ("GET", "/v1/erp/batches", ERP_READ),
        ("GET", "/v1/erp/status", ERP_READ),
        ("POST", "/v1/erp/compare", ERP_WRITE),
        ("GET", "/v1/erp/answers/x", ERP_READ),
        ("POST", "/v1/erp/documents/INV-000001/requeue", ERP_WRITE),
        ("GET", "/v1/alarms", READ),
        ("GET", "/v1/alarms/alm_x", READ),
        ("POST", "/v1/alarms/alm_x/acknowledge", WRITE),
        ("POST", "/v1/alarms/alm_x/resolve", WRITE),
    ],
)
def test_a_key_opens_what_its_scope_names_and_nothing_else(api, verb, path, needed):
    for scope in SCOPES:
        answer = api.asked(verb, path, scope, {"reason": "x", "nothing": 1})
        is_refused = answer.status_code == 403 and answer.json()["code"] == "key.missing_scope"
        assert is_refused == (scope != needed), (scope, answer.text)
    assert api.client.request(verb, path, json={"reason": "x"}).status_code == 401


def test_nobody_sees_documents_and_alarms_of_another_tenant(api):
    other = tenants.create(api.place.database, "other-erp", "Other", NOW)
    key = make_key(api.place.database, other, "other-erp", SCOPES)
    headers = {"authorization": f"Bearer {key}"}
    (alarm,) = api.data("/v1/alarms?kind=erp.aborted", READ)["items"]
    assert api.client.get("/v1/erp/documents", headers=headers).json()["items"] == []
    assert api.client.get("/v1/alarms?state=all", headers=headers).json()["items"] == []
    for path in ("/v1/erp/documents/INV-000001", f"/v1/alarms/{alarm['alarm']}"):
        assert api.client.get(path, headers=headers).status_code == 404
    for path, body in (("acknowledge", {}), ("resolve", {"reason": "x"})):
        answer = api.client.post(f"/v1/alarms/{alarm['alarm']}/{path}", headers=headers, json=body)
        assert answer.status_code == 404


def test_a_refused_document_is_handed_over_anew_once(api):
    path = "/v1/erp/documents/INV-000007/requeue"
    told = api.done(path, ERP_WRITE, {"reason": "the period is open again"})
    assert (told["state"], told["tries"]) == ("initiated", 0)
    again = api.asked("POST", path, ERP_WRITE, {"reason": "once more"})
    assert (again.status_code, again.json()["code"]) == (409, "erp.not_stuck")
    step = api.data("/v1/erp/documents/INV-000007")["trail"][-1]
    assert (step["event"], step["reason"], step["actor"][:4]) == (
        "requeued", "the period is open again", "key_",
    )  # fmt: skip
    books.handed_over(api.place, api.erp, rounds=(0, 10))
    assert api.data("/v1/erp/documents/INV-000007")["state"] == "registered"
    assert api.data("/v1/alarms?kind=erp.aborted", READ)["items"] == []
    (over,) = api.data("/v1/alarms?kind=erp.aborted&state=all", READ)["items"]
    assert (over["state"], over["resolved_by"]) == ("resolved", "recovery")


def raise_some(api: Api, source: str, conditions: list[Condition]) -> None:
    with api.place.database.transaction(api.place.tenant_id) as tx:
        take_turn(tx, source)
        reflect(tx, source, conditions, Writer(utc_now(), "test", random_ids))


def test_alarms_are_walked_from_the_newest_on_by_kind_and_severity(api):
    raise_some(
        api, "walk",
        [
            Condition(f"walk.{kind}", f"s{n}", severity, "x")
            for n in range(3)
            for kind, severity in (("a", Severity.WARNING), ("b", Severity.CRITICAL))
        ],
    )  # fmt: skip
    subjects = api.walked("/v1/alarms?kind=walk.a&size=2", "subject", READ)
    assert sorted(subjects) == ["s0", "s1", "s2"]
    critical = api.walked("/v1/alarms?severity=critical&size=1", "kind", READ)
    assert critical.count("walk.b") == 3
    assert "walk.a" not in critical
    raise_some(api, "walk", [])
    assert api.data("/v1/alarms?kind=walk.a", READ)["items"] == []
    told = api.walked("/v1/alarms?state=all&kind=walk.a&size=1", "state", READ)
    assert told == ["resolved"] * 3


def test_an_alarm_is_seen_and_ended_by_people_and_both_are_told(api):
    raise_some(api, "seen", [Condition("seen.here", "it", Severity.CRITICAL, "broken")])
    (raised,) = api.data("/v1/alarms?kind=seen.here", READ)["items"]
    path = f"/v1/alarms/{raised['alarm']}"
    for _ in range(2):
        seen = api.done(f"{path}/acknowledge", WRITE)
        assert (seen["state"], seen["acknowledged_by"][:4]) == ("acknowledged", "key_")
    over = api.done(f"{path}/resolve", WRITE, {"reason": "mended"})
    assert (over["state"], over["reason"]) == ("resolved", "mended")
    assert api.data(path, READ) == over
    again = api.asked("POST", f"{path}/resolve", WRITE, {"reason": "x"})
    assert (again.status_code, again.json()["code"]) == (409, "alarm.not_open")
    with api.place.database.snapshot(api.place.tenant_id) as tx:
        sent = [one for one in messages.listed(tx) if raised["alarm"] in one.message.occasion]
    assert [one.message.to for one in sent] == ["ops@example.com"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/alarms/alm_x", 400, "id.malformed"),
        ("/v1/alarms/alm_00000000000000000000000000", 404, "alarm.unknown"),
        ("/v1/alarms?after=alm_00000000000000000000000000", 404, "alarm.unknown"),
        ("/v1/alarms?state=resolved", 400, "request.bad_parameter"),
        ("/v1/alarms?severity=loud", 400, "request.bad_parameter"),
    ],
)
def test_a_question_about_alarms_that_makes_no_sense_is_refused(api, path, status, code):
    answer = api.asked("GET", path, READ)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_without_an_erp_a_question_about_it_says_so(place, tmp_path):
    key = make_key(place.database, place.tenant_id, "reader", (ERP_READ,))
    with served(place, EVERYCENT_HOME=str(tmp_path)) as found:
        answer = found.client.get("/v1/erp/batches", headers={"authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json()["code"]) == (409, "erp.none")
