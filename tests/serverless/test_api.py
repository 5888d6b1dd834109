"""The function `api` as a process that is begun once, frozen between invocations, and killed."""

from __future__ import annotations

import base64
import gzip
import json
import re
import signal
import threading

import psycopg
import pytest

from everycent.serverless.environment import Environment
from everycent.serverless.functions import settings
from tests.api.serving import make_key, record, stored
from tests.flows import world
from tests.resilience.own import until
from tests.serverless import events
from tests.serverless.runtime import begun

PAYLOADS = [events.http_api, events.rest_api]


@pytest.fixture
def headers(place):
    """A tenant that sells calls, and what opens its books."""
    world.sell(place, [])
    key = make_key(place.database, place.tenant_id, "main")
    return [("Authorization", f"Bearer {key}"), ("Content-Type", "application/json")]


@pytest.fixture
def runtime(place, tmp_path):
    with begun("api", place.conninfo, tmp_path) as found:
        yield found


def posted(of, headers, *records, compressed: bool = False):
    """Usage, as a gateway hands it on."""
    body = json.dumps(list(records)).encode()
    if not compressed:
        return of("POST", "/v1/usage", headers=headers, body=body)
    squeezed = [*headers, ("Content-Encoding", "gzip")]
    return of("POST", "/v1/usage", headers=squeezed, body=gzip.compress(body), in_base64=True)


def json_of(told):
    body = told["body"]
    return json.loads(base64.b64decode(body) if told["isBase64Encoded"] else body)


@pytest.mark.parametrize("of", PAYLOADS)
def test_an_environment_answers_one_invocation_after_the_other(of, runtime, headers):
    for path, status in (("/livez", 200), ("/readyz", 200), ("/nothing", 404), ("/livez", 200)):
        told = runtime(of("GET", path))
        assert told["statusCode"] == status, told
    problem = runtime(of("POST", "/v1/usage", headers=headers[1:], body=b"{}"))
    assert (problem["statusCode"], json_of(problem)["code"]) == (401, "key.refused")
    shown = problem.get("headers") or {
        name: texts[0] for name, texts in problem["multiValueHeaders"].items()
    }
    assert shown["content-type"] == "application/problem+json"
    assert problem["isBase64Encoded"] is False


@pytest.mark.parametrize("of", PAYLOADS)
@pytest.mark.parametrize("compressed", [False, True])
def test_usage_is_stored_once_however_often_it_is_sent(of, compressed, runtime, place, headers):
    event = posted(of, headers, record("one"), record("two", "2.5"), compressed=compressed)
    first, again = runtime(event), runtime(event)
    assert (first["statusCode"], again["statusCode"]) == (200, 200)
    assert [json_of(told)["accepted"] for told in (first, again)] == [2, 0]
    assert json_of(again)["duplicates"] == 2
    assert stored(place, "") == {("one", "1"): 1, ("two", "2.5"): 1}


def test_what_was_answered_is_durable_though_the_environment_is_killed_at_once(
    place, headers, tmp_path
):
    for number in range(5):
        with begun("api", place.conninfo, tmp_path) as runtime:
            assert (
                runtime(posted(events.http_api, headers, record(f"n{number}")))["statusCode"] == 200
            )
            runtime.process.send_signal(signal.SIGKILL)
    assert sum(stored(place, "n").values()) == 5


def test_nothing_is_open_while_it_is_frozen(runtime, place, headers):
    for number in range(3):
        runtime(posted(events.http_api, headers, record(f"n{number}")))
        with psycopg.connect(place.conninfo) as admin:
            open_ones = admin.execute(
                "select count(*) from pg_stat_activity where datname = current_database()"
                " and pid <> pg_backend_pid() and state <> 'idle'"
            ).fetchone()
            locks = admin.execute(
                "select count(*) from pg_locks l join pg_stat_activity a using (pid)"
                " where a.datname = current_database() and l.locktype = 'advisory'"
            ).fetchone()
        assert (open_ones, locks) == ((0,), (0,))


def test_no_thread_works_beside_requests(place, headers, tmp_path):
    environ = {"EVERYCENT_DATABASE_URL": place.conninfo, "EVERYCENT_HOME": str(tmp_path)}
    before = set(threading.enumerate())
    environment = Environment(settings(environ), print)
    try:
        told = environment.answer(posted(events.http_api, headers, record("one")))
        assert told["statusCode"] == 200
        kinds = {re.split("[-_]", thread.name)[0] for thread in set(threading.enumerate()) - before}
    finally:
        environment.close()
    # Storing threads wait for an offer, the pool's for a connection to make or close.
    assert kinds <= {"intake", "pool", "request", "AnyIO worker thread"}
    assert not {thread for thread in set(threading.enumerate()) - before if thread.is_alive()}


def test_a_database_that_goes_and_comes_is_told_and_found_again(runtime, place, headers):
    assert runtime(events.http_api("GET", "/readyz"))["statusCode"] == 200
    name = psycopg.conninfo.conninfo_to_dict(place.conninfo)["dbname"]
    admin = psycopg.conninfo.make_conninfo(place.conninfo, dbname="postgres")

    def allow(text: str) -> None:
        with psycopg.connect(admin, autocommit=True) as server:
            server.execute(f"alter database {name} allow_connections {text}".encode())
            server.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = %s and pid <> pg_backend_pid()",
                (name,),
            )

    allow("false")
    event = posted(events.http_api, headers, record("one"))
    away = [runtime(event) for _ in range(3)]
    assert {told["statusCode"] for told in away} == {503}
    assert all("retry-after" in told["headers"] for told in away)
    assert runtime(events.http_api("GET", "/livez"))["statusCode"] == 200
    allow("true")
    until(lambda: runtime(event)["statusCode"] == 200, "it is found again")
    with psycopg.connect(place.conninfo) as owner:
        count = owner.execute("select count(*) from everycent.usage_record").fetchone()
    assert count == (1,)


def test_a_schema_that_is_missing_is_made_with_the_first_request(server, tmp_path):
    name = "t_function_empty"
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
        admin.execute(f"drop database if exists {name} with (force)".encode())
        admin.execute(f"create database {name}".encode())
    try:
        with begun("migrate", server.conninfo(name), tmp_path) as job:
            assert len(job({})["migrations"]) > 5
            assert job({}) == {"migrations": []}
        with begun("api", server.conninfo(name), tmp_path) as runtime:
            assert runtime(events.http_api("GET", "/readyz"))["statusCode"] == 200
    finally:
        with psycopg.connect(server.conninfo("postgres"), autocommit=True) as admin:
            admin.execute(f"drop database {name} with (force)".encode())


def test_without_a_database_it_says_what_is_missing(tmp_path):
    with begun("api", "", tmp_path) as runtime:
        told = runtime(events.http_api("GET", "/livez"))
    assert told["errorType"] == "Unavailable"
    assert "EVERYCENT_DATABASE_URL is not set" in told["errorMessage"]


def test_nothing_is_kept_on_a_disk_that_goes_with_the_environment(server, tmp_path):
    nowhere = server.conninfo("t_nowhere")
    with begun("api", nowhere, tmp_path, EVERYCENT_USAGE_SPOOL="disk") as runtime:
        told = runtime(
            posted(events.http_api, [("Content-Type", "application/json")], record("one"))
        )
        assert (told["statusCode"], json_of(told)["code"]) == (503, "database.unavailable")
        assert runtime(events.http_api("GET", "/livez"))["statusCode"] == 200
    assert not (tmp_path / "usage-spool").exists()
