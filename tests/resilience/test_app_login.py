"""With EVERYCENT_MIGRATE=off a login that owns nothing is enough, and processes wait for the schema."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.api.serving import record
from tests.flows import world
from tests.resilience.own import EVERYCENT, serving, until
from tests.resilience.test_rolling import newer, take

LOGIN = "everycent_runs"
OFF = {"EVERYCENT_MIGRATE": "off"}


@pytest.fixture
def poor(own):
    """The settings of a process whose login is new, and may only do what everybody may."""
    with psycopg.connect(own.url, autocommit=True) as admin:
        # Those of the product too, which an earlier test made: roles belong to the whole server.
        admin.execute(f"drop role if exists {LOGIN}, everycent_app, everycent_owner")
        admin.execute(
            f"create role {LOGIN} login password 'poor' nosuperuser nocreatedb nocreaterole"
        )
    url = make_conninfo(own.url, user=LOGIN, password="poor")
    return {"EVERYCENT_DATABASE_URL": url, **OFF}


def grant(own):
    """What the login is given, once; nothing of the owner."""
    with psycopg.connect(own.url, autocommit=True) as admin:
        admin.execute(f"grant everycent_app to {LOGIN}")


def refused(own, *command, **environ):
    """The code of what a command refuses, and its hint."""
    done = subprocess.run(
        [EVERYCENT, *command, "--json"], env=own.environ(**environ), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    error = json.loads(done.stderr)["error"]
    return error["code"], error.get("hint")


def test_a_login_that_only_acts_as_the_application_does_everything_but_migrate(own, poor):
    own.run("up")
    grant(own)
    with own.place() as place:
        world.sell(place, [("acme", "api")])
    (held,) = own.sql(
        f"select array_agg(roleid::regrole::text) from pg_auth_members"
        f" where member = '{LOGIN}'::regrole"
    )
    assert held == (["everycent_app"],)
    key = own.run("key", "create", "main", "--scope", "usage:write", **poor)["key"]
    with serving(own.environ(**poor)) as api:
        assert api.status("/readyz") == 200
        assert take(api, key, "a")["accepted"] == 1
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        # A month that has no partition yet: a function of the owner makes it.
        old = record("b") | {"at": "2025-03-01T00:00:00Z"}
        told = api.client.post("/v1/usage", json=old, headers=headers)
        assert told.json()["accepted"] == 1, told.text
    subprocess.run(
        [EVERYCENT, "usage", "watch", "--once"], env=own.environ(**poor), timeout=60, check=True
    )
    own.run("bill", "run", "--workers", "2", **poor)
    done = own.run("work", "--once", **poor)
    assert done["failed"] == {}
    own.run("journal", "checkpoint", **poor)
    own.run("verify", "--replay", **poor)  # which ends with 0 only if every promise holds
    assert own.run("up", **poor)["migrations"] == []
    code, _ = refused(own, "migrate", **poor)
    assert code == "database.insufficient_rights"


def test_processes_wait_for_the_job_that_migrates(own, poor, tmp_path):
    code, hint = refused(own, "verify", **poor)
    assert (code, "everycent migrate" in hint) == ("migration.missing", True)
    assert refused(own, "up", **poor)[0] == "migration.missing"
    with serving(own.environ(**poor)) as first:
        assert (first.status("/livez"), first.status("/readyz")) == (200, 503)
        own.run("migrate")
        grant(own)
        until(lambda: first.status("/readyz") == 200, "the schema is there")
        next_one = newer(tmp_path, "pre")
        with serving(own.environ(**poor | next_one)) as second:
            assert (second.status("/livez"), second.status("/readyz")) == (200, 503)
            (said,) = second.running.complaints()
            assert "the schema lacks" in said
            assert "_pre_newer.sql" in said
            assert refused(own, "bill", "run", **poor | next_one)[0] == "migration.missing"
            assert len(own.run("migrate", **next_one)["migrations"]) == 1
            until(lambda: second.status("/readyz") == 200, "the schema is the newer one")
            assert first.status("/readyz") == 200
    assert own.run("verify", **poor | next_one)


def test_a_login_that_was_given_nothing_is_told_what_it_lacks(own, poor):
    own.run("up")
    code, hint = refused(own, "verify", **poor)
    assert (code, hint) == ("migration.not_granted", "grant everycent_app to it")


def test_a_process_has_no_more_connections_than_it_is_told(own, poor):
    own.run("up")
    grant(own)
    with own.place() as place:
        world.sell(place, [("acme", "api")])
    key = own.run("key", "create", "main", "--scope", "usage:write", **poor)["key"]
    with serving(own.environ(**poor, EVERYCENT_POOL="4")) as api, ThreadPoolExecutor(16) as threads:
        coming = [threads.submit(take, api, key, f"r-{n}") for n in range(200)]
        seen = {0}
        while not all(one.done() for one in coming):
            ((there,),) = own.sql(
                f"select count(*) from pg_stat_activity where usename = '{LOGIN}'"
            )
            seen.add(there)
        assert [one.result()["accepted"] for one in coming] == [1] * 200
    assert 1 < max(seen) <= 5  # four, and the one that watches
