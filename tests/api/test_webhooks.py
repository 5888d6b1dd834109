"""/v1/webhooks on a real server, beside a receiver that only pretends: what it got is really signed."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from standardwebhooks.webhooks import Webhook as Standard
from standardwebhooks.webhooks import WebhookVerificationError

from everycent.access.roles import SCOPES
from everycent.app import posting
from everycent.app.settings import from_environment
from everycent.app.wiring import App, random_ids, utc_now
from everycent.flows.post_webhooks import post_webhooks
from everycent.tenants import operations as tenants
from everycent_client import UnverifiedError, verify
from tests.api.asking import Asking, asking
from tests.api.serving import make_key
from tests.conftest import NOW, Place
from tests.payments.fake import Fake
from tests.webhooks.hooks import running_receiver

EVERYCENT = str(Path(sys.executable).with_name("everycent"))
KEY = base64.b64encode(b"k" * 32).decode()
CRM = "/v1/webhooks/crm"
HEADERS = {"id": "webhook_id", "timestamp": "timestamp", "signature": "signature"}


class Story(NamedTuple):
    """A served place, somebody who takes webhooks, and how they are sent to it."""

    api: Asking
    receiver: Fake
    app: App

    def url(self, name: str) -> str:
        return f"{self.receiver.url}/hooks/{name}"

    def made(self, key: str, *types: str, **more: Any) -> str:
        """Makes an endpoint and gives its secret."""
        body = {"key": key, "url": self.url(key), **more}
        told = self.api.post("/v1/webhooks", body | ({"types": list(types)} if types else {}))
        found: str = told["secret"]
        return found

    def happens(self, key: str) -> None:
        """A customer is made."""
        body = {"key": key, "name": key, "currency": "EUR", "time_zone": "UTC"}
        self.api.post("/v1/customers", body)

    def send(self) -> Counter[str]:
        """One round of whoever sends webhooks."""
        return post_webhooks(posting.desk(self.app, self.api.place.tenant_id))

    def work(self) -> Any:
        """`everycent webhook work --once`."""
        settings = {
            "EVERYCENT_DATABASE_URL": self.api.place.conninfo,
            "EVERYCENT_WEBHOOK_ALLOW": self.app.settings.webhook_allow,
            "EVERYCENT_SECRET_KEY": KEY,
        }
        command = [EVERYCENT, "webhook", "work", "--once", "--json"]
        done = subprocess.run(command, env=os.environ | settings, capture_output=True, check=True)
        return json.loads(done.stdout)

    def came(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.receiver.call("GET", f"/admin/received?name={name}")[
            "received"
        ]
        return found


def headers_of(one: dict[str, Any]) -> dict[str, str]:
    return {f"webhook-{part}": one[at] for part, at in HEADERS.items()}


def is_believed(secret: str, one: dict[str, Any]) -> bool:
    """By our client and by the reference library, which must agree."""
    believed = []
    for look in (
        lambda: verify(secret, headers_of(one), one["body"].encode()),
        lambda: Standard(secret).verify(one["body"].encode(), headers_of(one)),
    ):
        try:
            look()
            believed.append(True)
        except (UnverifiedError, WebhookVerificationError):
            believed.append(False)
    assert believed[0] == believed[1]
    return believed[0]


@pytest.fixture(scope="module")
def story(module_place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with running_receiver(tmp_path_factory.mktemp("received")) as receiver:
        told = {
            "EVERYCENT_WEBHOOK_ALLOW": f"127.0.0.1:{receiver.port}",
            "EVERYCENT_SECRET_KEY": KEY,
        }
        app = App(from_environment(told), module_place.database, utc_now, random_ids)
        with asking(module_place, **told) as api:
            yield Story(api, receiver, app)


def test_what_happens_is_delivered_believed_and_sent_again_under_its_id(story: Story):
    api = story.api
    old = story.made("crm", "customer.*")
    story.happens("acme")
    assert story.work()["delivered"] == 1
    (came,) = story.came("crm")
    assert is_believed(old, came)
    told = verify(old, headers_of(came), came["body"].encode())
    assert (told["type"], told["sequence"]) == ("customer.created", 1)

    new = api.post(f"{CRM}/rotate", {"overlap_hours": 1})["secret"]
    assert new != old
    assert api.post(f"{CRM}/replay", {"from": 1})["events"] == 1
    assert story.send()["delivered"] == 1
    again = story.came("crm")[-1]
    assert (again["webhook_id"], again["sequence"]) == (came["webhook_id"], came["sequence"])
    assert [is_believed(secret, again) for secret in (old, new)] == [True, True]

    last = api.post(f"{CRM}/rotate", {"overlap_hours": 0})["secret"]
    assert api.post(f"{CRM}/replay", {"delivery": came["webhook_id"]})["events"] == 1
    assert story.send()["delivered"] == 1
    newest = story.came("crm")[-1]
    assert newest["webhook_id"] == came["webhook_id"]
    assert [is_believed(secret, newest) for secret in (old, new, last)] == [False, False, True]
    (delivery,) = api.get(f"{CRM}/deliveries")["items"]
    assert (delivery["webhook_id"], delivery["state"]) == (came["webhook_id"], "delivered")
    standing = api.get(CRM)
    assert (standing["number"], standing["waiting"], standing["failed"]) == (1, 0, 0)
    assert len(standing["secrets"]) == 1


def test_a_secret_is_shown_once_and_kept_nowhere(story: Story):
    api = story.api
    body = {"key": "once", "url": story.url("once"), "types": ["invoice.*"]}
    first, second = (
        api.send("POST", "/v1/webhooks", json=body, idempotency_key="once") for _ in range(2)
    )
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json() | {"secret": None}
    path, secret = "/v1/webhooks/once", first.json()["secret"]
    rotated = [
        api.send("POST", f"{path}/rotate", json={}, idempotency_key="turn").json() for _ in "ab"
    ]
    assert rotated[1] == rotated[0] | {"secret": None}
    for read in ("/v1/webhooks", path, "/v1/audit", "/v1/journal/events"):
        shown = api.get(read)
        assert secret not in json.dumps(shown)
    with api.place.database.transaction(api.place.tenant_id) as tx:
        kept = b"".join(bytes(one) for (one,) in tx.tuples("select body from request_answer"))
    assert secret.encode() not in kept
    assert rotated[0]["secret"].encode() not in kept


def test_another_url_gets_another_secret_and_anything_else_does_not(story: Story):
    api = story.api
    before = story.made("moved", "invoice.*")
    path = "/v1/webhooks/moved"
    told = api.send("PATCH", path, json={"types": ["invoice.issued"], "payload": True}).json()
    assert (told["types"], told["payload"], told["secret"]) == (["invoice.issued"], True, None)
    moved = api.send("PATCH", path, json={"url": story.url("elsewhere")}).json()
    assert moved["url"] == story.url("elsewhere")
    assert moved["secret"] not in (None, before)
    assert len(moved["secrets"]) == 1


def test_what_was_missed_is_read_on_from_any_number(story: Story):
    api = story.api
    story.made("reader", "customer.created")
    for key in ("r-1", "r-2", "r-3"):
        story.happens(key)
    story.send()
    walked = api.walk("/v1/webhooks/reader/events")
    assert [one["number"] for one in walked] == [1, 2, 3]
    assert [one["webhook_id"] for one in walked] == [
        one["webhook_id"] for one in sorted(story.came("reader"), key=lambda one: one["sequence"])
    ]
    onward = api.get("/v1/webhooks/reader/events", after=2)
    assert ([one["number"] for one in onward["items"]], onward["next"]) == ([3], None)
    deliveries = api.walk("/v1/webhooks/reader/deliveries", state="delivered")
    assert [one["number"] for one in deliveries] == [3, 2, 1]
    keys = [one["key"] for one in api.walk("/v1/webhooks", size=1)]
    assert keys == sorted(keys)
    assert "reader" in keys


def test_an_endpoint_that_is_off_is_told_later_what_it_missed(story: Story):
    api = story.api
    story.made("resting", "customer.created")
    path = "/v1/webhooks/resting"
    for _ in range(2):
        off = api.post(f"{path}/disable", {"reason": "moving house"})
        assert (off["state"], off["disabled"], off["reason"]) == (
            "disabled", "person", "moving house",
        )  # fmt: skip
    story.happens("meanwhile")
    story.send()
    assert story.came("resting") == []
    for _ in range(2):
        on = api.post(f"{path}/enable")
        assert (on["state"], on["disabled"]) == ("enabled", None)
    story.send()
    assert [one["type"] for one in story.came("resting")] == ["customer.created"]


def test_a_receiver_that_is_gone_raises_an_alarm_until_it_takes_something_again(story: Story):
    api = story.api
    story.made("gone", "customer.created")
    story.receiver.call("POST", "/admin/behaviours", {"name": "gone", "status": 410, "times": 1})
    story.happens("last-straw")
    story.send()
    assert api.get("/v1/webhooks/gone")["disabled"] == "gone"
    (delivery,) = api.get("/v1/webhooks/gone/deliveries")["items"]
    assert (delivery["state"], delivery["answered"], delivery["tries"]) == ("waiting", 410, 1)
    (alarm,) = api.get("/v1/alarms", kind="webhook.disabled")["items"]
    assert alarm["subject"] == "gone"
    api.post("/v1/webhooks/gone/enable")
    assert len(api.get("/v1/alarms", kind="webhook.disabled")["items"]) == 1
    story.send()
    assert api.get("/v1/alarms", kind="webhook.disabled")["items"] == []


def test_a_gone_receiver_that_somebody_turns_off_for_good_is_no_alarm(story: Story):
    api = story.api
    story.made("left", "customer.created")
    story.receiver.call("POST", "/admin/behaviours", {"name": "left", "status": 410, "times": 1})
    story.happens("left-alone")
    story.send()
    assert len(api.get("/v1/alarms", kind="webhook.disabled")["items"]) == 1
    api.post("/v1/webhooks/left/disable", {"reason": "it was replaced"})
    assert api.get("/v1/alarms", kind="webhook.disabled")["items"] == []


def test_a_test_says_what_the_receiver_answers(story: Story):
    api = story.api
    secret = story.made("tried", "invoice.issued")
    told = api.post("/v1/webhooks/tried/test")
    assert (told["taken"], told["answered"], told["reason"]) == (True, 204, "")
    (came,) = story.came("tried")
    assert (came["type"], came["webhook_id"]) == ("webhook.test", told["webhook_id"])
    assert is_believed(secret, came)
    story.receiver.call("POST", "/admin/behaviours", {"name": "tried", "status": 500, "times": 1})
    told = api.post("/v1/webhooks/tried/test")
    assert (told["taken"], told["answered"], told["reason"]) == (False, 500, "answered 500")


def test_events_are_sent_whole_only_for_whoever_may_read_the_journal(story: Story):
    story.made("thin", "customer.created")
    small = story.api.with_scopes("webhooks:read", "webhooks:write")
    body = {"key": "whole", "url": story.url("whole"), "payload": True}
    assert small.refused("POST", "/v1/webhooks", body) == (403, "webhook.wider")
    story.made("whole", "customer.created", payload=True)
    elsewhere = {"url": story.url("mine")}
    for path, change in (("thin", {"payload": True}), ("whole", elsewhere)):
        refused = small.refused("PATCH", f"/v1/webhooks/{path}", change)
        assert refused == (403, "webhook.wider")
    assert story.api.get("/v1/webhooks/whole")["url"] == story.url("whole")
    assert small.send("PATCH", "/v1/webhooks/thin", json=elsewhere).status_code == 200
    assert small.send("PATCH", "/v1/webhooks/whole", json={"payload": False}).status_code == 200


NEW = {"key": "new", "url": "https://hooks.example.com/x"}
REFUSED = [
    # method, path, body                                            status, code
    ("POST", "", NEW | {"key": "NEW"}, 400, "webhook.bad_key"),
    ("POST", "", NEW | {"key": "crm"}, 409, "webhook.exists"),
    ("POST", "", NEW | {"url": "http://hooks.example.com/"}, 400, "webhook.bad_url"),
    ("POST", "", NEW | {"url": "https://10.0.0.1/"}, 400, "webhook.bad_url"),
    ("POST", "", NEW | {"url": "https://127.0.0.1/"}, 400, "webhook.bad_url"),
    ("POST", "", NEW | {"types": ["invoice"]}, 400, "webhook.bad_types"),
    ("POST", "", NEW | {"types": ["custmer.*"]}, 400, "webhook.unknown_type"),
    ("PATCH", "/crm", {"types": ["invoice.isued"]}, 400, "webhook.unknown_type"),
    ("POST", "", NEW | {"types": []}, 400, "request.bad_field"),
    ("POST", "", NEW | {"secret": "mine"}, 400, "request.unknown_field"),
    ("PATCH", "/crm", {"url": "https://a@example.com/"}, 400, "webhook.bad_url"),
    ("POST", "/crm/rotate", {"overlap_hours": 721}, 400, "request.bad_field"),
    ("POST", "/crm/replay", {}, 400, "webhook.bad_replay"),
    ("POST", "/crm/replay", {"to": 1}, 400, "webhook.bad_replay"),
    ("POST", "/crm/replay", {"from": 1, "delivery": "whd_1"}, 400, "webhook.bad_replay"),
    ("POST", "/crm/replay", {"from": 999_999}, 400, "webhook.bad_range"),
    ("POST", "/crm/replay", {"delivery": "x"}, 400, "id.malformed"),
    ("GET", "/crm/events?after=x", None, 400, "request.bad_parameter"),
    ("GET", "/crm/deliveries?after=-1", None, 400, "request.bad_parameter"),
    ("GET", "/crm/deliveries?state=lost", None, 400, "request.bad_parameter"),
    ("GET", "/none", None, 404, "webhook.unknown"),
    ("POST", "/none/test", None, 404, "webhook.unknown"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), REFUSED)
def test_what_can_not_be_is_refused(
    story: Story, method: str, path: str, body: Any, status: int, code: str
):
    if story.api.send("GET", CRM).status_code == 404:
        story.made("crm", "customer.*")
    assert story.api.refused(method, f"/v1/webhooks{path}", body) == (status, code)


def test_endpoints_of_another_tenant_are_not_there(story: Story):
    api = story.api
    story.made("ours")
    other = tenants.create(api.place.database, "hooks-other", "Other", NOW)
    theirs = api._replace(key=make_key(api.place.database, other, "theirs", SCOPES))
    assert theirs.walk("/v1/webhooks") == []
    for method, path, body in [
        ("GET", "", None), ("PATCH", "", {"payload": True}), ("POST", "/enable", None),
        ("POST", "/disable", {}), ("POST", "/rotate", {}), ("GET", "/events", None),
        ("GET", "/deliveries", None), ("POST", "/replay", {"from": 1}), ("POST", "/test", None),
    ]:  # fmt: skip
        refused = theirs.refused(method, f"/v1/webhooks/ours{path}", body)
        assert refused == (404, "webhook.unknown"), path
    told = theirs.post("/v1/webhooks", {"key": "ours", "url": story.url("ours")})
    assert told["endpoint"] != api.get("/v1/webhooks/ours")["endpoint"]
