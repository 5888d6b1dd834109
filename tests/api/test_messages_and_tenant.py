"""Messages that wait, and the tenant that a key belongs to, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from everycent.kernel import ids
from everycent.messages import operations
from everycent.messages.message import PREFIX, Kind, Outcome
from everycent.tenants import operations as tenants
from tests.api.asking import Asking, asking
from tests.api.serving import make_key
from tests.conftest import NOW, Place
from tests.dunning.test_delivering import mailer, queue, send

SECRETS = {
    "EVERYCENT_SMTP_URL": "smtp://user:canary-password@127.0.0.1:1",
    "EVERYCENT_MAIL_FROM": "Billing <billing@example.com>",
    "EVERYCENT_WEBHOOK_SECRET": "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LWNhbg==",
    "EVERYCENT_ALARM_WEBHOOK": "https://example.com/canary-path",
}


@pytest.fixture(scope="module")
def api(module_place: Place, tmp_path_factory) -> Iterator[Asking]:
    home = str(tmp_path_factory.mktemp("home"))
    with asking(module_place, **SECRETS, EVERYCENT_HOME=home) as found:
        yield found


@pytest.fixture(scope="module")
def names(api: Asking) -> list[str]:
    """Five messages, of which the last could not be delivered and is tried later."""
    return [queue(api.place, subject=f"Hello {n}") for n in range(5)]


def test_messages_are_walked_from_the_newest_on_each_once(api: Asking, names: list[str]):
    found = api.walk("/v1/messages")
    assert sorted(one["message"] for one in found) == sorted(names)
    assert {(one["state"], one["kind"]) for one in found} == {("waiting", "mail")}
    assert api.get("/v1/messages", state="failed")["items"] == []
    assert len(api.walk("/v1/messages", state="waiting", size=3)) == 5


def test_a_message_is_shown_as_it_is_sent(api: Asking, names: list[str]):
    told = api.get(f"/v1/messages/{names[2]}")
    assert (told["to"], told["subject"], told["body"]) == (
        "ann@example.com", "Hello 2", "Hello Ann\n",
    )  # fmt: skip


def test_one_that_waits_is_tried_at_once(api: Asking, names: list[str]):
    send(api.place, mailer("smtp://127.0.0.1:1"))
    path = f"/v1/messages/{names[0]}"
    tried = api.get(path)
    assert (tried["state"], tried["tries"]) == ("waiting", 1)
    told = api.post(f"{path}/retry")
    assert (told["state"], told["tries"], told["reason"]) == ("waiting", 0, tried["reason"])
    (event,) = api.get("/v1/journal/events", type="message.requeued")["items"]
    assert event["actor"].startswith("key_")


@pytest.mark.parametrize(
    ("method", "path", "refusal"),
    [
        ("GET", "/v1/messages/msg_1", (400, "id.malformed")),
        ("GET", f"/v1/messages/msg_{'0' * 26}", (404, "message.unknown")),
        ("POST", f"/v1/messages/msg_{'0' * 26}/retry", (404, "message.unknown")),
        ("GET", f"/v1/messages?after=msg_{'0' * 26}", (404, "message.unknown")),
        ("GET", "/v1/messages?state=lost", (400, "request.bad_parameter")),
    ],
)
def test_what_makes_no_sense_is_refused(api: Asking, method, path, refusal):
    assert api.refused(method, path) == refusal


def test_what_was_delivered_is_not_sent_again(api: Asking):
    name = queue(api.place, subject="Through", kind=Kind.WEBHOOK)
    message_id = ids.parse(PREFIX, name, "message")
    with api.place.database.transaction(api.place.tenant_id) as tx:
        operations.record(tx, {message_id: Outcome(True)}, at=NOW, actor="test", ids=ids.derived)
    assert api.refused("POST", f"/v1/messages/{name}/retry") == (409, "message.delivered")


def test_a_key_sees_its_own_tenant_and_no_secret(api: Asking):
    answer = api.send("GET", "/v1/tenant")
    told = answer.json()
    assert (told["tenant"], told["name"], told["created_at"]) == (
        "default", "Default", "2026-01-01T12:00:00Z",
    )  # fmt: skip
    assert told["policies"]["currency.home"] == "none"
    settings = told["settings"]
    assert settings["mail_from"] == "Billing <billing@example.com>"
    assert (settings["sends_mail"], settings["signs_webhooks"]) == (True, True)
    assert (settings["has_alarm_webhook"], settings["has_erp"]) == (True, False)
    assert "canary" not in answer.text
    assert "Y2FuYXJ5" not in answer.text


def test_another_tenant_sees_its_own_and_nothing_else(api: Asking, names: list[str]):
    tenant_id = tenants.create(api.place.database, "messages-other", "Other", NOW)
    scopes = ["books:read", "dunning:read", "dunning:write"]
    other = api._replace(key=make_key(api.place.database, tenant_id, "messages-other", scopes))
    assert other.get("/v1/tenant")["tenant"] == "messages-other"
    assert other.get("/v1/messages")["items"] == []
    assert other.refused("GET", f"/v1/messages/{names[1]}")[0] == 404
    assert other.refused("POST", f"/v1/messages/{names[1]}/retry")[0] == 404
