"""Runs over HTTP while they go, and webhooks of providers, against a real server and the fake provider."""

from __future__ import annotations

import json

import pytest

from everycent.flows.collect import start
from everycent.kernel import ids
from tests.api.serving import make_key, served
from tests.collecting import shop
from tests.payments.fake import KEY, WEBHOOK_SECRET, mailbox, running_fake

SCOPES = ("payments:read", "payments:write")


def asking(server, place, scopes=SCOPES, name="asks"):
    key = make_key(place.database, place.tenant_id, name, scopes)
    return {"authorization": f"Bearer {key}"}


def test_a_run_is_watched_paused_resumed_and_aborted(place, tmp_path):
    shop.open_shop(place, 3)
    with running_fake(tmp_path) as fake, served(place) as server:
        told = asking(server, place)
        desk = shop.desk_at(place, shop.provider_of(fake))
        run = start.on_demand(desk, due_by=shop.now(), time_zone="UTC")
        path = f"/v1/collections/{ids.show(ids.RUN, run.run_id)}"
        first = server.client.get(path, headers=told).json()
        assert (first["state"], first["states"], first["through"]) == ("open", {"waiting": 3}, 0)
        steps = [("pause", "paused"), ("pause", "paused"), ("resume", "open"), ("abort", "aborted")]
        for action, state in steps:
            assert server.client.post(f"{path}/{action}", headers=told).json()["state"] == state
        over = server.client.post(f"{path}/resume", headers=told)
        assert (over.status_code, over.json()["code"]) == (409, "collection.run_is_over")
        last = server.client.get(path, headers=told).json()
        assert last["outcomes"] == {"aborted": 3}
        listed = server.client.get("/v1/collections", headers=told).json()["items"]
        assert [one["run_id"] for one in listed] == [ids.show(ids.RUN, run.run_id)]
        assert fake.charges() == []


@pytest.mark.parametrize(
    ("method", "path", "scopes", "status", "code"),
    [
        ("GET", "/v1/collections/run_00000000000000000000000000", SCOPES, 404, "collection.run_unknown"),
        ("GET", "/v1/collections/what", SCOPES, 400, "id.malformed"),
        ("GET", "/v1/collections?size=0", SCOPES, 400, None),
        ("GET", "/v1/collections", ("usage:read",), 403, "key.missing_scope"),
        ("POST", "/v1/collections/run_00000000000000000000000000/pause", ("payments:read",), 403,
         "key.missing_scope"),
        ("PUT", "/v1/collections", SCOPES, 405, None),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(place, method, path, scopes, status, code):
    with served(place) as server:
        answer = server.client.request(method, path, headers=asking(server, place, scopes))
    assert answer.status_code == status
    assert code in (None, answer.json()["code"])


def test_a_providers_webhook_is_believed_by_its_signature_and_followed_once(
    place, tmp_path, monkeypatch
):
    shop.open_shop(place, 1)
    home = tmp_path / "home"
    home.mkdir()
    told = {
        "kind": "http", "url": "http://127.0.0.1:9", "key": "PSP_KEY", "webhook_secret": "PSP_HOOK",
        "idempotent_for": "24h", "looks_up": "true", "latest_commit": "1m",
    }  # fmt: skip
    (home / "providers.yaml").write_text(json.dumps({"providers": {"psp": told}}))
    monkeypatch.setenv("EVERYCENT_HOME", str(home))
    monkeypatch.setenv("PSP_KEY", KEY)
    monkeypatch.setenv("PSP_HOOK", WEBHOOK_SECRET)
    with mailbox() as box, running_fake(tmp_path / "psp", webhook=box.url) as fake:
        shop.collect(shop.desk_at(place, shop.provider_of(fake)))
        fake.call("POST", f"/admin/charges/{fake.captured()[0]['id']}/dispute")
        ((headers, body),) = box.wait_for(lambda _, text: b"dispute.created" in text)
        kept = {name: text for name, text in headers.items() if name.startswith("webhook-")}
        with served(place) as server:
            answers = [
                server.client.post(path, content=content, headers=kept)
                for path, content in [
                    ("/hooks/default/psp", body + b" "),
                    ("/hooks/default/other", body),
                    ("/hooks/nobody/psp", body),
                    (
                        "/hooks/nobody/psp",
                        body + b" ",
                    ),  # without its secret nothing is told of tenants
                    ("/hooks/default/psp", body),
                    ("/hooks/default/psp", body),
                ]
            ]
    assert [one.status_code for one in answers] == [401, 404, 404, 401, 200, 200]
    assert answers[0].json() == answers[3].json()
    assert [one.json()["effects"] for one in answers[4:]] == [["taken back"], ["known"]]
    assert shop.open_amounts(place) == [shop.OWED]
    assert shop.violations(place) == []
