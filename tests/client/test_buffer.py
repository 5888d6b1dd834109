"""The usage buffer: what `add` has returned for arrives and counts once, whatever is killed."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from everycent_client import Client, UnavailableError, UsageBuffer
from tests.api.asking import Asking, asking
from tests.api.serving import make_key, start, stored
from tests.client.filler import record
from tests.client.misbehaving import Reply, misbehaving
from tests.conftest import Place
from tests.flows import world


@pytest.fixture
def shop(place: Place) -> Place:
    """A tenant with the meter that is reported."""
    world.apply(place, world.CATALOGUE)
    return place


@pytest.fixture
def api(shop: Place) -> Iterator[Asking]:
    with asking(shop) as found:
        yield found


def test_records_wait_on_the_disk_until_the_server_has_them(api: Asking, tmp_path: Path):
    with Client(api.address, api.key) as billing:
        with UsageBuffer(tmp_path / "b", billing) as buffer:
            buffer.add(*(record(n) for n in range(2500)))
            assert buffer.waiting() == 2500
        with UsageBuffer(tmp_path / "b", billing) as again:
            assert again.waiting() == 2500
            assert again.flush() == (2500, 0, 0)
            assert again.waiting() == 0
            again.add(record(1))
            assert again.flush() == (0, 1, 0)
    assert sum(stored(api.place, "r").values()) == 2500


def test_what_is_refused_for_good_is_kept_apart(api: Asking, tmp_path: Path):
    with Client(api.address, api.key) as billing, UsageBuffer(tmp_path / "b", billing) as buffer:
        buffer.add(record(1), record(2) | {"meter": "unknown"}, record(1) | {"value": 7}, record(3))
        assert buffer.flush() == (2, 0, 2)
        assert [(one["code"], one["record"]["id"]) for one in buffer.refused()] == [
            ("usage.unknown_meter", "r2"), ("usage.conflict", "r1"),
        ]  # fmt: skip
        assert buffer.waiting() == 0


def taken(count: int) -> Reply:
    return Reply(200, {"accepted": count, "duplicates": 0, "results": []})


def test_nothing_leaves_the_buffer_while_the_server_is_away(tmp_path: Path):
    away = Reply(503, {"code": "database.unavailable"})
    with (
        misbehaving(away) as there,
        Client(there.address, "k", tries=1) as billing,
        UsageBuffer(tmp_path / "b", billing) as buffer,
    ):
        buffer.add(record(1))
        with pytest.raises(UnavailableError):
            buffer.flush()
        assert (buffer.waiting(), buffer.refused()) == (1, [])


def test_a_record_that_makes_a_whole_batch_unreadable_is_found(tmp_path: Path):
    bad = Reply(400, {"code": "usage.malformed", "detail": "not to be read"})
    with (
        misbehaving(bad, bad, bad, taken(1), taken(2)) as there,
        Client(there.address, "k") as billing,
        UsageBuffer(tmp_path / "b", billing) as buffer,
    ):
        buffer.add(*(record(n) for n in range(4)))  # 4 and 2 and then the first one are refused
        assert buffer.flush().refused == 1
        assert [one["record"]["id"] for one in buffer.refused()] == ["r0"]
        assert buffer.waiting() == 0
        sent = [body.count(b'"id"') for _, _, _, body in there.seen]
        assert sent[:3] == [4, 2, 1]


def killed(place: Place, folder: Path, kills: int, seed: int) -> tuple[int, int]:
    """Kills the client and the server by turns, so often; how many records `add` had returned for, and how
    many are stored."""
    choice = random.Random(seed)
    key = make_key(place.database, place.tenant_id, "filler")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    address, path = f"http://127.0.0.1:{port}", str(folder / "buffer")
    server, _ = start(place.conninfo, "--port", port)
    promised: set[int] = set()
    client, first = fill(path, address, key, 0)
    try:
        for turn in range(kills):
            time.sleep(choice.uniform(0.05, 0.4))
            if turn % 2:
                os.killpg(server.pid, signal.SIGKILL)
                server.communicate()
                server, _ = start(place.conninfo, "--port", port)
            else:
                promised |= ended(client)
                first = max(promised, default=-1) + 1_000
                client, first = fill(path, address, key, first)
        time.sleep(0.5)
        promised |= ended(client)
        with Client(address, key) as billing, UsageBuffer(path, billing) as buffer:
            buffer.flush()
            assert (buffer.waiting(), buffer.refused()) == (0, [])
    finally:
        for process in (server, client):
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
    found = stored(place, "r")
    assert max(found.values()) == 1
    lost = promised - {int(name.removeprefix("r")) for name, _ in found}
    assert lost == set()
    return len(promised), len(found)


def fill(path: str, address: str, key: str, first: int) -> tuple[subprocess.Popen[str], int]:
    words = [sys.executable, "-m", "tests.client.filler", path, address, key, str(first)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True), first


def ended(client: subprocess.Popen[str]) -> set[int]:
    """Kills it; the records that `add` has returned for."""
    client.kill()
    said, _ = client.communicate()
    return {int(line) for line in said.splitlines() if line.isdecimal()}


def test_nothing_is_lost_or_counted_twice_when_client_and_server_are_killed(
    shop: Place, tmp_path: Path
):
    promised, found = killed(shop, tmp_path, kills=6, seed=1)
    assert found >= promised > 0


@pytest.mark.soak
def test_nothing_is_lost_or_counted_twice_over_fifty_kills(shop: Place, tmp_path: Path):
    promised, found = killed(shop, tmp_path, kills=50, seed=2)
    print(f"50 kills: {promised} records promised, {found} stored, 0 lost, 0 twice")
    assert found >= promised > 0
