"""Usage while the database is away: refused, or on disk before it is answered, and stored once."""

import gzip
import json
import signal
import subprocess
import threading

import httpx2
import pytest

from everycent.access import keys, operations
from tests.api.serving import key_id, make_key, record
from tests.flows import world
from tests.resilience.own import EVERYCENT, serving, until

SPOOL = {"EVERYCENT_USAGE_SPOOL": "disk"}


@pytest.fixture
def key(own):
    """A key of a tenant that sells calls."""
    own.run("up")
    with own.place() as place:
        world.sell(place, [])
        make_key(place.database, place.tenant_id, "reader", ("usage:read",))
        return make_key(place.database, place.tenant_id, "main")


def post(api, key, body, kind="application/json", path="/v1/usage", **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    told = {"authorization": f"Bearer {key}", "content-type": kind} | headers
    return api.client.post(path, content=content, headers=told)


def is_ready(api):
    return api.status("/readyz") == 200


def stored(own):
    return [name for (name,) in own.sql("select record_id from everycent.usage_record order by 1")]


def look(own):
    """What `usage spool` says, and its exit code."""
    done = subprocess.run(
        [EVERYCENT, "usage", "spool", "--json"], env=own.environ(**SPOOL), capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    return json.loads(done.stdout), done.returncode


def away(own, api):
    own.stop()
    until(lambda: not is_ready(api), "the server knows")


def drained(own, api):
    own.start()
    until(lambda: is_ready(api), "the database is back")
    until(lambda: look(own)[0]["waiting"] == 0, "the spool is empty")


def test_what_is_kept_is_stored_once_in_every_form_when_the_database_is_back(own, key):
    event = {
        "specversion": "1.0", "id": "event", "source": "gw", "type": "calls", "subject": "acme",
        "time": "2026-01-05T12:00:00Z", "data": {"value": "2"},
    }  # fmt: skip
    binary = {f"ce-{name}": str(text) for name, text in event.items() if name != "data"}
    with serving(own.environ(**SPOOL)) as api:
        assert post(api, key, record("before")).status_code == 200
        away(own, api)
        answers = [
            post(api, key, record("plain")),
            post(api, key, [record("a"), record("b")]),
            post(api, key, gzip.compress(json.dumps(record("gz")).encode()),
                 **{"content-encoding": "gzip"}),
            post(api, key, event, "application/cloudevents+json"),
            post(api, key, {"value": "3"}, **binary | {"ce-id": "binary"}),
            post(api, key, record("before")),
        ]  # fmt: skip
        assert [answer.status_code for answer in answers] == [202] * 6
        assert [answer.json()["spooled"] for answer in answers] == [1, 2, 1, 1, 1, 1]
        assert look(own)[0]["waiting"] == 6
        drained(own, api)
        assert look(own) == ({**look(own)[0], "waiting": 0, "size_bytes": 0, "rejected": []}, 0)
        assert stored(own) == ["a", "b", "before", "binary", "event", "gz", "plain"]
        assert post(api, key, record("plain")).json()["duplicates"] == 1


def test_without_a_spool_usage_is_refused_while_the_database_is_away(own, key):
    with serving(own.environ()) as api:
        assert post(api, key, record("before")).status_code == 200
        away(own, api)
        answer = post(api, key, record("during"))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert not (own.home / "usage-spool").exists()


def test_only_keys_that_were_admitted_before_may_leave_something(own, key):
    with own.place() as place:
        other = make_key(place.database, place.tenant_id, "other")
    reader = keys.text_of("reader".rjust(43, "x"))
    with serving(own.environ(**SPOOL)) as api:
        assert post(api, key, record("before")).status_code == 200
        assert post(api, reader, record("before")).status_code == 403
        away(own, api)
        found = {
            name: (answer.status_code, answer.json().get("code"))
            for name, answer in {
                "admitted": post(api, key, record("a")),
                "never seen": post(api, other, record("b")),
                "may not write": post(api, reader, record("c")),
                "no key": post(api, "ec_none", record("d")),
                "no JSON": post(api, key, b"{"),
                "no form": post(api, key, b"x", "text/plain"),
            }.items()
        }
    assert found == {
        "admitted": (202, None),
        "never seen": (503, "database.unavailable"),
        "may not write": (403, "key.missing_scope"),
        "no key": (401, "key.refused"),
        "no JSON": (400, "usage.bad_json"),
        "no form": (415, "request.unsupported_type"),
    }


def test_what_is_not_taken_when_it_is_drained_is_kept_with_the_reasons_and_an_alarm(own, key):
    with own.place() as place:
        doomed = make_key(place.database, place.tenant_id, "doomed")
    with serving(own.environ(**SPOOL)) as api:
        assert post(api, key, record("before", 1)).status_code == 200
        assert post(api, doomed, record("too")).status_code == 200
        away(own, api)
        batches = [
            post(api, key, [record("before", 2), record("good")]).json()["batch"],
            post(api, key, [record("naive", at="2026-01-05T12:00:00"), record("x")],
                 path="/v1/usage?atomic=true").json()["batch"],
            post(api, doomed, record("of a revoked key")).json()["batch"],
        ]  # fmt: skip
        api.running.process.kill()
    own.start()
    with own.place() as place, place.database.transaction(place.tenant_id) as tx:
        operations.revoke_key(tx, key_id("doomed"), **place.writing)
    with serving(own.environ(**SPOOL)) as api:
        until(lambda: look(own)[0]["waiting"] == 0, "the spool is empty")
        told, code = look(own)
        assert code == 3
        assert [one["batch"] for one in told["rejected"]] == batches
        assert [
            (one["accepted"], sorted(said["code"] for said in one["results"]))
            for one in told["rejected"]
        ] == [
            (1, ["usage.conflict"]),
            (0, ["time.naive", "usage.batch_refused"]),
            (0, ["usage.spool_key"]),
        ]
        assert stored(own) == ["before", "good", "too"]
        (alarm,) = [one for one in own.alarms() if one.kind == "usage.spool_rejected"]
        assert alarm.state == "raised"
    for batch in batches:
        subprocess.run(
            [EVERYCENT, "usage", "spool", "--discard", batch], env=own.environ(**SPOOL),
            capture_output=True, timeout=60, check=False,
        )  # fmt: skip
    assert look(own)[1] == 0
    (alarm,) = [one for one in own.alarms() if one.kind == "usage.spool_rejected"]
    assert alarm.state == "resolved"


def test_what_waits_is_shown_where_the_spool_is_not_set_up_any_more(own, key):
    with serving(own.environ(**SPOOL)) as api:
        assert post(api, key, record("before")).status_code == 200
        away(own, api)
        assert post(api, key, record("kept")).status_code == 202
        api.running.process.kill()
    own.start()
    command = [EVERYCENT, "usage", "spool"]
    done = subprocess.run(
        command, env=own.environ(), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.startswith("1 batch waiting")) == (0, True)
    assert "nothing drains what waits here" in done.stderr
    with serving(own.environ(**SPOOL)):
        until(lambda: look(own)[0]["waiting"] == 0, "the spool is empty")
    done = subprocess.run(
        command, env=own.environ(), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage.no_spool" in done.stderr


def test_a_full_spool_says_so_and_keeps_what_it_has(own, key):
    with serving(own.environ(**SPOOL, EVERYCENT_USAGE_SPOOL_MB="1")) as api:
        assert post(api, key, record("before")).status_code == 200
        away(own, api)
        long = "x" * 150
        answers = [
            post(api, key, [record(f"{n}-{i}-{long}") for i in range(1000)]) for n in range(6)
        ]
        codes = [answer.status_code for answer in answers]
        assert codes == sorted(codes)
        assert set(codes) == {202, 507}
        refused = answers[-1]
        assert (refused.json()["code"], refused.headers["retry-after"]) == (
            "usage.spool_full",
            "60",
        )
        drained(own, api)
        assert len(stored(own)) == 1 + 1000 * codes.count(202)


def test_nothing_that_was_answered_is_lost_or_doubled_whenever_server_and_database_are_killed(
    own, key
):
    acknowledged: set[str] = set()
    for round_no in range(4):
        with serving(own.environ(**SPOOL)) as api:
            until(lambda: is_ready(api), "it is ready")
            post(api, key, record(f"warm-{round_no}"))
            acknowledged.add(f"warm-{round_no}")
            over = threading.Event()

            def send(n, api=api, over=over, round_no=round_no):
                for i in range(10_000):
                    name = f"{round_no}-{n}-{i}"
                    try:
                        if post(api, key, record(name)).status_code in (200, 202):
                            acknowledged.add(name)
                    except httpx2.HTTPError:
                        return
                    if over.wait(0.005):
                        return

            senders = [threading.Thread(target=send, args=(n,)) for n in range(4)]
            for sender in senders:
                sender.start()
            over.wait(0.3)
            own.stop(signal.SIGKILL if round_no % 2 else signal.SIGQUIT)
            over.wait(1.0)
            if round_no % 2:
                own.start()  # it dies while it drains
                until(lambda: is_ready(api), "the database is back")
                over.wait(0.2)
            api.running.process.kill()
            over.set()
            for sender in senders:
                sender.join()
        own.start()
    with serving(own.environ(**SPOOL)) as api:
        until(lambda: look(own)[0]["waiting"] == 0, "the spool is empty")
        found = stored(own)
    assert len(acknowledged) > 200
    assert len(found) == len(set(found))
    assert acknowledged - set(found) == set()
    assert look(own)[0]["rejected"] == []
