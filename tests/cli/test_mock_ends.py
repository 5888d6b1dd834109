"""everycent mock beside another one, without its database, and after an end that nobody asked for."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

EVERYCENT = str(Path(sys.executable).with_name("everycent"))
PATIENCE = 120


class Mock(NamedTuple):
    process: subprocess.Popen[str]
    client: httpx2.Client
    data: Path


def plain_environment() -> dict[str, str]:
    """Without the settings of the tests, by which a command would look elsewhere for what runs."""
    return {k: v for k, v in os.environ.items() if not k.startswith("EVERYCENT_")}


def run(*words: str, **settings: str) -> tuple[int, dict[str, Any]]:
    """The exit code of a command and the refusal that it tells, which is all that it says."""
    done = subprocess.run(
        [EVERYCENT, *words, "--json"], capture_output=True, text=True, check=False,
        env=plain_environment() | settings,
    )  # fmt: skip
    return done.returncode, json.loads(done.stderr)["error"] if done.returncode else {}


@contextmanager
def begun(data: Path, *words: str) -> Iterator[Mock]:
    process = subprocess.Popen(
        [EVERYCENT, "mock", "--port", "0", "--json", "--data", str(data), *words],
        stdout=subprocess.PIPE, text=True, env=plain_environment(),
    )  # fmt: skip
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    headers = {"authorization": f"Bearer {told['key']}"}
    try:
        with httpx2.Client(base_url=told["address"], headers=headers, timeout=60) as client:
            yield Mock(process, client, data)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mock]:
    """Without its workers: those that only start now would start a database that was stopped, too."""
    with begun(tmp_path_factory.mktemp("mock") / "kept", "--no-work") as one:
        yield one


def until_answered(mock: Mock, path: str, status: int) -> None:
    ends = time.monotonic() + PATIENCE
    while (found := mock.client.get(path).status_code) != status:
        assert time.monotonic() < ends, f"{path} still answers {found}"
        time.sleep(0.1)


def processes() -> dict[int, tuple[int, str]]:
    """The parent and the state of every process."""
    found = subprocess.run(
        ["ps", "-eo", "pid,ppid,stat"], capture_output=True, text=True, check=True
    )
    lines = (line.split() for line in found.stdout.splitlines()[1:])
    return {int(pid): (int(parent), state) for pid, parent, state in lines}


def test_a_second_one_on_its_folder_is_refused_and_takes_nothing_from_it(mock: Mock):
    code, told = run("mock", "--port", "0", "--data", str(mock.data))
    assert (code, told["code"]) == (2, "mock.data_in_use")
    assert str(mock.process.pid) in told["message"]
    assert mock.client.get("/readyz").status_code == 200
    assert mock.client.get("/v1/customers").status_code == 200
    assert mock.client.get("/fake/provider/").status_code == 200


def test_it_says_at_once_that_its_database_is_away_and_when_it_is_back(mock: Mock):
    home = str(mock.data / "home")
    assert run("down", EVERYCENT_HOME=home) == (0, {})
    until_answered(mock, "/readyz", 503)
    assert mock.client.get("/v1/customers").status_code == 503
    assert mock.client.get("/livez").status_code == 200
    assert run("up", EVERYCENT_HOME=home) == (0, {})
    until_answered(mock, "/readyz", 200)
    assert mock.client.get("/v1/customers").status_code == 200


def test_what_it_started_ends_with_it_when_it_is_killed_and_it_can_be_started_again(tmp_path: Path):
    data = tmp_path / "kept"
    with begun(data) as one:
        mine = {n for n, (parent, _) in processes().items() if parent == one.process.pid}
        assert len(mine) == len(
            ("provider", "erp", "compute", "storage", "mail", "receiver", "work")
        )
        one.process.kill()
        one.process.wait()
    ends = time.monotonic() + PATIENCE
    while found := {n for n, (_, state) in processes().items() if n in mine and state[0] != "Z"}:
        assert time.monotonic() < ends, f"still there: {found}"
        time.sleep(0.1)
    with begun(data) as again:
        assert again.client.get("/readyz").status_code == 200


def test_nothing_is_started_where_its_port_is_taken(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, told = run("mock", "--port", str(port), "--data", str(tmp_path / "kept"))
    assert (code, told["code"]) == (2, "server.no_address")
    assert not (tmp_path / "kept").exists()


def test_what_does_not_start_says_why_and_what_to_do(tmp_path: Path):
    (tmp_path / "erp").mkdir()
    with (tmp_path / "erp" / "erp.jsonl").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        code, told = run("mock", "--port", "0", "--data", str(tmp_path))
    assert (code, told["code"]) == (2, "process.not_started")
    assert told["message"].startswith("`everycent fake erp` did not start: another process works")
    assert told["hint"] == "end it, or choose another folder with --data"
