"""`everycent serve --processes`: several that share a port, and one that looks after them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest

from tests.api.serving import COMMAND, make_key, record, start, stored
from tests.conftest import Place
from tests.flows import world

PATIENCE_SECONDS = 30


class Several(NamedTuple):
    """Two processes that serve, and their parent."""

    parent: subprocess.Popen[str]
    address: str

    def children(self) -> set[int]:
        """The process ids of those that serve."""
        told = Path(f"/proc/{self.parent.pid}/task/{self.parent.pid}/children").read_text()
        return {int(pid) for pid in told.split()}

    def answers(self) -> list[int]:
        """How some requests are answered, each over a connection of its own."""
        return [httpx2.get(f"{self.address}/readyz").status_code for _ in range(12)]


@contextmanager
def two(conninfo: str) -> Iterator[Several]:
    parent, told = start(conninfo, "--processes", "2")
    several = Several(parent, told["address"])
    children = several.children()
    try:
        yield several
    finally:
        parent.kill()
        parent.communicate()
        until(lambda: not any(is_there(pid) for pid in children))


def is_there(pid: int) -> bool:
    """Whether a process lives."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)


def sockets_of(pid: int, port: int) -> int:
    """How many sockets of a process listen on a port."""
    listening = {
        words[9]
        for words in map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
        if words[3] == "0A" and int(words[1].rpartition(":")[2], 16) == port
    }
    found = 0
    for one in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found += str(one.readlink()).removeprefix("socket:[").removesuffix("]") in listening
        except FileNotFoundError:
            continue
    return found


def test_all_answer_and_each_has_connections_of_its_own(place):
    with two(place.conninfo) as several:
        port = int(several.address.rpartition(":")[2])
        first, second = several.children()
        assert several.answers() == [200] * 12
        assert (sockets_of(first, port), sockets_of(second, port)) == (1, 1)


def test_usage_that_both_take_in_is_counted_once(place):
    world.sell(place, [])
    key = make_key(place.database, place.tenant_id, "both")
    records = [record(f"r{n}") for n in range(40)]
    with two(place.conninfo) as several:
        for first in [*range(0, 40, 10)] * 4:
            answer = httpx2.post(
                f"{several.address}/v1/usage", json=records[first : first + 10],
                headers={"authorization": f"Bearer {key}"},
            )  # fmt: skip
            assert answer.status_code == 200, answer.text
    assert stored(place, "r") == {(f"r{n}", "1"): 1 for n in range(40)}


def test_one_that_dies_is_started_again(place):
    with two(place.conninfo) as several:
        dead = min(several.children())
        os.kill(dead, signal.SIGKILL)
        until(lambda: len(several.children() - {dead}) == 2)
        assert several.answers() == [200] * 12


def test_sigterm_ends_all_of_them_and_frees_the_port(place):
    with two(place.conninfo) as several:
        children = several.children()
        several.parent.terminate()
        assert several.parent.wait(PATIENCE_SECONDS) == 0
        assert not any(is_there(pid) for pid in children)
        port = several.address.rpartition(":")[2]
        again, _ = start(place.conninfo, "--port", port)
        again.kill()
        again.communicate()


def test_they_end_when_their_parent_is_killed(place):
    with two(place.conninfo) as several:
        children = several.children()
        several.parent.kill()
        until(lambda: not any(is_there(pid) for pid in children))


def test_a_port_on_which_others_listen_is_refused_though_it_could_be_shared(place):
    with two(place.conninfo) as several:
        port = several.address.rpartition(":")[2]
        for processes in ("1", "2"):
            refused = failed(place, "--port", port, "--processes", processes)
            assert '"code": "server.no_address"' in refused.stderr


def test_what_can_not_begin_is_told_once(place):
    refused = failed(place, "--processes", "3", EVERYCENT_ALARM_MAIL="a@example.org")
    assert refused.stderr.count('"error"') == 1


def failed(place: Place, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*COMMAND, *options], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
        env=os.environ | {"EVERYCENT_DATABASE_URL": place.conninfo} | environment,
    )  # fmt: skip
    assert done.returncode == 2, done
    return done


@pytest.mark.parametrize(
    ("processes", "said"),
    [
        (1, ["the database is away"]),
        (2, ["process 0: the database is away", "process 1: the database is away"]),
    ],
)
def test_what_several_say_has_their_number(tmp_path: Path, processes: int, said: list[str]):
    nobody = {
        "EVERYCENT_DATABASE_URL": "postgresql://127.0.0.1:1/x",
        "EVERYCENT_HOME": str(tmp_path),
    }
    process = subprocess.Popen(
        [*COMMAND, "--processes", str(processes)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=os.environ | nobody,
    )  # fmt: skip
    assert process.stdout is not None
    assert "address" in process.stdout.readline()
    process.terminate()
    _, told = process.communicate(timeout=PATIENCE_SECONDS)
    assert sorted(line.partition(", trying")[0] for line in told.splitlines()) == said
