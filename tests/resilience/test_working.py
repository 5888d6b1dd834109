"""Workers start without their database, go on when it is back, and end what they have begun on SIGTERM."""

import signal

import pytest

from tests.dunning.post import SECRET, hook
from tests.erp import books
from tests.erp.fake import KEY, running_erp
from tests.resilience.own import running, until

WORKERS = [
    ("erp", "work"),
    ("message", "work"),
    ("collect", "work"),
    ("usage", "watch"),
    ("measurement", "run", "--watch"),
]
ERP = """\
erp:
  name: books
  kind: http
  url: {url}
  key: ERP_KEY
  since: 2026-01-01
  batch: 2
  deadline: 20s
"""
PROVIDERS = """\
providers:
  psp:
    kind: http
    url: http://127.0.0.1:1
    key: PSP_KEY
    webhook_secret: PSP_HOOK
    idempotent_for: 24h
    looks_up: true
    latest_commit: 2m
"""


@pytest.fixture
def erp(tmp_path):
    """The ERP's process."""
    with running_erp(tmp_path) as fake:
        yield fake


@pytest.fixture
def environ(own, erp):
    """What all workers need to begin."""
    own.home.mkdir()
    (own.home / "erp.yaml").write_text(ERP.format(url=erp.url))
    (own.home / "providers.yaml").write_text(PROVIDERS)
    return own.environ(ERP_KEY=KEY, PSP_KEY="sk", PSP_HOOK=SECRET, EVERYCENT_WEBHOOK_SECRET=SECRET)


def references(erp):
    return [one["reference"].rpartition("/")[2] for one in erp.documents()]


@pytest.mark.parametrize("command", WORKERS, ids=" ".join)
def test_a_worker_starts_without_its_database_and_ends_when_it_is_told(own, environ, command):
    own.stop()
    with running(environ, *command) as worker:
        until(worker.complaints, "it says that the database is away")
        assert worker.ended_by(signal.SIGTERM) == 0, worker.complaints()
        (said,) = worker.complaints()
        assert said.startswith("the database is away, trying again")


def is_connected(own):
    return own.sql(
        "select 1 from pg_stat_activity where pid <> pg_backend_pid()"
        " and backend_type = 'client backend' and datname = 'everycent'"
    )


@pytest.mark.parametrize("command", WORKERS, ids=" ".join)
def test_a_worker_tells_once_that_the_database_is_away_and_lives_on(own, environ, command):
    own.run("up")
    with running(environ, *command) as worker:
        for _ in range(2):
            before = len(worker.complaints())
            until(lambda: is_connected(own), f"it is connected; it says {worker.complaints()}")
            own.stop(signal.SIGQUIT)
            until(lambda n=before: len(worker.complaints()) > n, "it says so")
            own.start()
            until(lambda n=before: len(worker.complaints()) > n + 1, "it says that it is back")
        assert worker.process.poll() is None
        assert worker.ended_by(signal.SIGTERM) == 0
        said = [line.split(":")[0] for line in worker.complaints()]
        assert [one for one in said if one != "an alarm about the database waits"] == 2 * [
            "the database is away, trying again", "the database is there again",
        ]  # fmt: skip
    assert {(one.kind, one.state) for one in own.alarms()} == {("database.away", "resolved")}


def test_documents_are_handed_over_when_the_database_is_back(own, environ, erp):
    own.run("up")
    with own.place() as place:
        books.open_shop(place, 9)
    with running(environ, "erp", "work") as worker:
        until(erp.documents, "it has begun")
        own.stop(signal.SIGQUIT)
        until(worker.complaints, "it has noticed")
        own.start()
        until(lambda: len(references(erp)) == 9, "all are there")
        until(
            lambda: own.sql("select count(*) = 9 from everycent.erp_state where status = 'registered'")
            == [(True,)],
            "all are registered",
        )  # fmt: skip
        assert worker.ended_by(signal.SIGTERM) == 0
    assert sorted(references(erp)) == [f"INV-{n:06d}" for n in range(1, 10)]
    assert not any(one["findings"] for one in [own.run("erp", "compare", ERP_KEY=KEY)])


def test_what_is_on_its_way_to_the_erp_is_written_down_before_a_worker_ends(own, environ, erp):
    own.run("up")
    with own.place() as place:
        books.open_shop(place, 6)
    erp.fault("slow", times=1, where={"path": "/batches"}, seconds=3)
    with running(environ, "erp", "work") as worker:
        until(
            lambda: (
                own.sql(
                    "select count(*) > 0 from everycent.erp_claim where claimed_until > clock_timestamp()"
                )
                == [(True,)]
            ),
            "it is sending",
        )
        assert worker.ended_by(signal.SIGTERM) == 0
    rows = own.sql("select status, count(*) from everycent.erp_state group by 1 order by 1")
    assert rows == [("acknowledged", 2), ("initiated", 4)]
    assert own.sql(
        "select count(*) from everycent.erp_claim where claimed_until > clock_timestamp()"
    ) == [(0,)]


def test_messages_are_sent_as_their_time_comes(own, environ):
    own.run("up")
    with hook(204) as taking:
        settings = environ | {"EVERYCENT_ALARM_WEBHOOK": taking.url}
        with running(settings, "message", "work") as worker:
            until(lambda: own.sql("select 1 from everycent.tenant"), "it works")
            own.stop()
            until(lambda: len(taking.got) == 1, "the alarm is told")
            own.start()
            until(lambda: len(taking.got) == 2, "it is told that it is right again")
            assert worker.ended_by(signal.SIGTERM) == 0
