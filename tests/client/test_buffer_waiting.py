"""The usage buffer when something goes wrong: only the server's word that a record is wrong refuses it."""

from __future__ import annotations

import resource
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from everycent_client import Client, EverycentError, UsageBuffer
from tests.client.filler import record
from tests.client.misbehaving import Reply, misbehaving

HTML = {"content-type": "text/html"}
JSON = {"content-type": "application/json"}
PATIENCE = 60


def taken(count: int) -> Reply:
    return Reply(200, {"accepted": count, "duplicates": 0, "results": []})


def problem(status: int, code: str) -> Reply:
    return Reply(status, {"code": code, "detail": "why"})


@pytest.mark.parametrize(
    ("reply", "refused"),
    [
        (problem(400, "usage.bad_json"), 1),
        (problem(413, "usage.too_many_records"), 1),
        (problem(413, "request.too_large"), 1),
        (problem(400, "request.bad_body"), 1),
        (problem(422, "request.unknown_field"), 1),
        (problem(400, "request.bad_length"), 0),
        (problem(400, "request.bad_parameter"), 0),
        (problem(401, "key.refused"), 0),
        (problem(403, "key.missing_scope"), 0),
        (problem(408, "request.too_slow"), 0),
        (problem(409, "usage.archived"), 0),
        (problem(415, "request.unsupported_type"), 0),
        (problem(422, "request.key_reused"), 0),
        (problem(429, "request.rate_limited"), 0),
        (problem(503, "usage.busy"), 0),
        (problem(507, "usage.spool_full"), 0),
        (Reply(400, {"detail": "no code"}), 0),
        (Reply(400, {"code": "usage.bad_json"}, JSON), 0),
        (Reply(400, b"<h1>Bad Request</h1>", HTML), 0),
        (Reply(413, b"<h1>Request Entity Too Large</h1>", HTML), 0),
        (Reply(302, b"", {"location": "/login"}), 0),
        (Reply(200, b"<h1>Sign in</h1>", HTML), 0),
        (Reply(200, {"status": "ok"}), 0),
        (Reply(200, {"accepted": 0, "results": []}), 0),
        (Reply(200, {"accepted": 0, "results": [{"position": 7, "status": "duplicate"}]}), 0),
        (Reply(200, {"accepted": 0, "results": [7]}), 0),
        (Reply(202, {"spooled": 0}), 0),
    ],
)
def test_a_record_is_refused_only_if_the_server_says_that_it_is_wrong(
    reply: Reply, refused: int, tmp_path: Path
):
    with (
        misbehaving(reply) as there,
        Client(there.address, "k", tries=1) as billing,
        UsageBuffer(tmp_path / "b", billing) as buffer,
    ):
        buffer.add(record(1))
        if refused:
            assert buffer.flush().refused == 1
        else:
            with pytest.raises(EverycentError):
                buffer.flush()
        told = buffer.state()
        assert (told.waiting, told.refused, told.failures) == (1 - refused, refused, 1 - refused)
        assert (told.error is None) == bool(refused)


@pytest.mark.parametrize(
    "too_large", [problem(413, "request.too_large"), Reply(413, b"<h1>413</h1>", HTML)]
)
def test_a_batch_that_is_too_large_is_halved_until_it_passes(too_large: Reply, tmp_path: Path):
    with (
        misbehaving(too_large, too_large, taken(2), taken(4), taken(2)) as there,
        Client(there.address, "k") as billing,
        UsageBuffer(tmp_path / "b", billing, batch=8) as buffer,
    ):
        buffer.add(*(record(n) for n in range(8)))
        assert buffer.flush() == (8, 0, 0)
        assert sizes(there.seen) == [8, 4, 2, 4, 2]


def test_a_batch_never_grows_over_what_was_asked_for(tmp_path: Path):
    with (
        misbehaving(taken(2)) as there,
        Client(there.address, "k") as billing,
        UsageBuffer(tmp_path / "b", billing, batch=2) as buffer,
    ):
        buffer.add(*(record(n) for n in range(8)))
        assert buffer.flush() == (8, 0, 0)
        assert sizes(there.seen) == [2, 2, 2, 2]


def test_a_batch_of_nothing_is_no_batch(tmp_path: Path):
    with (
        Client("http://localhost", "k") as billing,
        pytest.raises(ValueError, match="at least one"),
    ):
        UsageBuffer(tmp_path / "b", billing, batch=0)


def test_the_thread_goes_on_after_whatever_the_server_answers_and_tells_it(tmp_path: Path):
    replies = [Reply(400, b"<h1>no</h1>", HTML), Reply(200, {"status": "ok"}), Reply(0), taken(1)]
    told: list[str] = []
    with (
        misbehaving(*replies) as there,
        Client(there.address, "k", tries=1) as billing,
        UsageBuffer(
            tmp_path / "b", billing, on_error=lambda error: told.append(type(error).__name__)
        ) as buffer,
    ):
        buffer.add(record(1))
        buffer.start(0.01)
        until(lambda: buffer.waiting() == 0)
        assert told == ["InvalidError", "NoAnswerError", "NoAnswerError"]
        until(lambda: buffer.state() == (0, 0, 0, None))


def test_the_thread_goes_on_after_its_file_could_not_be_read(tmp_path: Path):
    failed = threading.Event()
    with (
        misbehaving(taken(1)) as there,
        Client(there.address, "k") as billing,
        UsageBuffer(tmp_path / "b", billing, on_error=lambda _: failed.set()) as buffer,
    ):
        buffer.add(record(1))
        rename(tmp_path / "b", "waiting", "elsewhere")
        buffer.start(0.01)
        assert failed.wait(PATIENCE)
        rename(tmp_path / "b", "elsewhere", "waiting")
        until(lambda: buffer.waiting() == 0)
        until(lambda: buffer.state() == (0, 0, 0, None))


def test_nothing_is_lost_on_a_full_disk_and_the_thread_goes_on(tmp_path: Path):
    failed: list[Exception] = []
    conflict = {"position": 0, "status": "conflict", "code": "usage.conflict", "message": "why"}
    with (
        misbehaving(Reply(200, {"accepted": 0, "results": [conflict]})) as there,
        Client(there.address, "k") as billing,
        UsageBuffer(tmp_path / "b", billing, on_error=failed.append) as buffer,
    ):
        buffer.add(record(1))
        with full_disk((tmp_path / "b-wal").stat().st_size):
            with pytest.raises(sqlite3.Error):
                buffer.add(record(2))
            buffer.start(0.01)
            until(lambda: bool(failed))
            told = buffer.state()
            assert isinstance(failed[0], sqlite3.Error)
            assert (told.waiting, told.refused) == (1, 0)
            assert told.error is not None
            assert told.failures > 0
        until(lambda: buffer.waiting() == 0)
        assert [one["record"]["id"] for one in buffer.refused()] == ["r1"]


def test_the_thread_goes_on_when_telling_fails_and_logs_where_nobody_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    def fails(_: Exception) -> None:
        raise RuntimeError("telling failed")

    for name, on_error, said in (
        ("a", fails, "telling failed"),
        ("b", None, "usage waits on the disk"),
    ):
        with (
            misbehaving(problem(503, "usage.busy"), taken(1)) as there,
            Client(there.address, "k", tries=1) as billing,
            UsageBuffer(tmp_path / name, billing, on_error=on_error) as buffer,
        ):
            buffer.add(record(1))
            buffer.start(0.01)
            until(lambda buffer=buffer: buffer.waiting() == 0)
        assert said in caplog.text


def sizes(seen: list[tuple[str, str, dict[str, str], bytes]]) -> list[int]:
    return [body.count(b'"id"') for _, _, _, body in seen]


def until(is_so: Callable[[], bool]) -> None:
    """Returns when it is so."""
    for _ in range(PATIENCE * 100):
        if is_so():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never came to be so")


def rename(path: Path, old: str, new: str) -> None:
    store = sqlite3.connect(path, timeout=30)
    store.execute(f"alter table {old} rename to {new}")
    store.close()


@contextmanager
def full_disk(most: int) -> Iterator[None]:
    """No file of this process grows over so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
