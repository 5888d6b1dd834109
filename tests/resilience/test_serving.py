"""The server starts without its database, stays up while it is away, and goes on when it is back."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import psycopg
import pytest

from everycent.access import keys
from everycent.api import server
from everycent.db import embedded
from tests.api.serving import make_key, record
from tests.flows import world
from tests.resilience.own import serving, until

KEYLESS = ["/readyz", "/v1/healthz", "/rest/health"]
OTHERS = sorted(
    (one.method, one.path.replace("{", "").replace("}", "").replace(":path", ""))
    for one in server.OPERATIONS
    if one.path != "/livez"
)


def unavailable(answer: httpx2.Response) -> tuple[int, bool, str]:
    return answer.status_code, "retry-after" in answer.headers, answer.json().get("code", "")


AWAY = (503, True, "database.unavailable")


@pytest.fixture
def key(own):
    """A key of a tenant that sells calls."""
    own.run("up")
    with own.place() as place:
        world.sell(place, [])
        scopes = ("usage:write", "usage:read", "entitlements:read", "payments:read")
        return make_key(place.database, place.tenant_id, "main", scopes)


def posted(api, key, name):
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    return api.client.post("/v1/usage", json=record(name), headers=headers)


def test_a_server_starts_without_its_database_and_is_ready_when_it_comes(own):
    own.stop()
    with serving(own.environ()) as api:
        assert api.status("/livez") == 200
        assert [unavailable(api.get(path)) for path in KEYLESS] == [AWAY] * 3
        assert unavailable(posted(api, keys.text_of("x" * 43), "early")) == AWAY
        own.start()
        until(lambda: api.status("/readyz") == 200, "the server is ready")
        assert own.sql("select count(*) > 10 from everycent.migration") == [(True,)]
        assert api.status("/v1/healthz") == 200
        assert posted(api, keys.text_of("x" * 43), "early").status_code == 401
        assert api.running.ended_by(signal.SIGTERM) == 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
def test_every_route_says_at_once_that_the_database_is_away_and_works_when_it_is_back(
    own, key, how
):
    with serving(own.environ()) as api:
        assert posted(api, key, "before").json()["accepted"] == 1
        own.stop(how)
        until(lambda: api.status("/readyz") == 503, "the server knows")
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        for _ in range(20):  # more than there are connections and threads
            found = [
                api.client.request(method, path, headers=headers, content=b"[]", timeout=5)
                for method, path in OTHERS
            ]
            assert {
                (method, path): unavailable(answer)
                for (method, path), answer in zip(OTHERS, found, strict=True)
            } == dict.fromkeys(OTHERS, AWAY)
        assert api.status("/livez") == 200
        own.start()
        until(lambda: api.status("/readyz") == 200, "the server is ready")
        until(lambda: posted(api, key, "after").status_code == 200, "usage is taken in")
        said = [line for line in api.running.complaints() if line.startswith("the database")]
        assert [line.split(":")[0] for line in said] == [
            "the database is away, trying again", "the database is there again",
        ]  # fmt: skip
        assert api.running.ended_by(signal.SIGTERM) == 0
    assert own.sql("select record_id from everycent.usage_record order by 1") == [
        ("after",), ("before",),
    ]  # fmt: skip


def test_whoever_waits_for_a_lock_when_the_database_goes_is_answered(own, key):
    with serving(own.environ()) as api, ThreadPoolExecutor(8) as threads:
        assert posted(api, key, "first").status_code == 200
        holding = psycopg.connect(own.url)
        holding.execute("lock table everycent.usage_key in exclusive mode")
        waiting = [threads.submit(posted, api, key, f"held-{n}") for n in range(8)]
        until(
            lambda: own.sql("select count(*) > 0 from pg_locks where not granted") == [(True,)],
            "somebody waits",
        )
        assert [api.status(path) for path in ("/livez", "/readyz")] == [200, 200]
        own.stop(signal.SIGQUIT)
        holding.close()
        found = [answer.result() for answer in waiting]
        assert {answer.status_code for answer in found} == {503}
        assert {answer.json()["code"] for answer in found} <= {
            "database.unavailable", "usage.not_stored",
        }  # fmt: skip
        own.start()
        until(lambda: api.status("/readyz") == 200, "the server is ready")
        sent_again = [posted(api, key, f"held-{n}").json()["accepted"] for n in range(8)]
        assert sent_again == [1] * 8


def test_a_backend_that_is_killed_costs_nobody_more_than_to_ask_again(own, key):
    with serving(own.environ()) as api:
        for n in range(3):
            posted(api, key, f"warm-{n}")
            own.sql(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where backend_type = 'client backend' and pid <> pg_backend_pid()"
            )
            until(lambda n=n: posted(api, key, f"again-{n}").status_code == 200, "it works")
        assert api.running.ended_by(signal.SIGTERM) == 0


def test_a_server_that_is_told_to_stop_while_the_database_is_away_ends(own):
    own.stop()
    with serving(own.environ()) as api:
        assert api.running.ended_by(signal.SIGTERM) == 0


def test_the_embedded_server_is_started_at_first_and_after_a_crash_and_not_when_it_was_stopped(
    own_of_module, tmp_path
):
    tmp_path.chmod(0o755)
    home = own_of_module.home.with_name("embedded")
    environ = own_of_module.environ(EVERYCENT_DATABASE_URL="", EVERYCENT_HOME=str(home))
    with serving(environ) as api:
        try:
            assert api.status("/readyz") == 200
            pid = embedded.status(home).pid
            os.kill(pid, signal.SIGKILL)
            until(lambda: api.status("/readyz") == 503, "it has crashed")
            until(lambda: api.status("/readyz") == 200, "it is started again")
            assert embedded.status(home).pid != pid
            embedded.down(home)
            until(lambda: api.status("/readyz") == 503, "it was stopped")
            for _ in range(20):
                assert api.status("/livez") == 200
                time.sleep(0.2)
            assert not embedded.status(home).running
            embedded.up(home)
            until(lambda: api.status("/readyz") == 200, "it is there again")
        finally:
            embedded.down(home)
