"""A flood: more clients than the server can serve. Its memory stays bounded; nobody is lost silently."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.api.serving import JSON, Served, held, record, served, stored
from tests.conftest import Place
from tests.flows import world

CLIENTS = 60
RECORDS = 1000
SECONDS = 8
MAX_RSS_MB = 300


def batch(name: str) -> bytes:
    """Records with ids that begin with the name."""
    dimensions = {"region": "eu-1", "user": name}
    return json.dumps(
        [record(f"{name}-{n}", n, dimensions=dimensions) for n in range(RECORDS)]
    ).encode()


@contextmanager
def watched(process_id: int) -> Iterator[list[int]]:
    """The resident memory of the process in MB, every twentieth of a second."""
    seen: list[int] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            status = Path(f"/proc/{process_id}/status").read_text()
            seen.append(int(status.split("VmRSS:")[1].split()[0]) // 1024)

    thread = threading.Thread(target=watch)
    thread.start()
    yield seen
    done.set()
    thread.join()


def flood(api: Served, client: int, until: float) -> tuple[list[str], list[str]]:
    """Posts batches until the time is over; the names of those that were stored, and of those that
    were refused."""
    taken, refused = [], []
    n = 0
    while time.monotonic() < until:
        name = f"f{client}-{n}"
        answer = api.post(batch(name))
        if answer.status_code == 200:
            assert answer.json() == {
                "accepted": RECORDS, "duplicates": 0, "conflicts": 0, "rejected": 0, "results": [],
            }  # fmt: skip
            taken.append(name)
        else:
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "1"
            assert answer.json()["code"] in ("usage.busy", "server.busy")
            refused.append(name)
            time.sleep(0.2)
        n += 1
    return taken, refused


def test_a_flood_is_answered_within_bounded_memory_and_loses_nothing(place: Place):
    world.sell(place, [])
    with served(place) as api, watched(api.process.pid) as memory:
        until = time.monotonic() + SECONDS
        with ThreadPoolExecutor(CLIENTS) as pool:
            flooding = [pool.submit(flood, api, n, until) for n in range(CLIENTS)]
            time.sleep(2)
            with held(place):  # for some seconds the database stores nothing at all
                time.sleep(3)
            results = [future.result() for future in flooding]
        taken = [name for names, _ in results for name in names]
        refused = [name for _, names in results for name in names]
        assert len(taken) > CLIENTS
        assert refused, "nobody was refused: this was no flood"
        found: Counter[str] = Counter()
        for (record_id, _), times in stored(place, "f").items():
            assert times == 1, record_id
            found[record_id.rpartition("-")[0]] += 1
        assert found == dict.fromkeys(taken, RECORDS)
        again = [api.post(batch(name)).json()["accepted"] for name in refused[:20]]
        assert set(again) == {RECORDS}
    assert max(memory) < MAX_RSS_MB


def test_a_few_very_large_bodies_are_refused_rather_than_held(place: Place):
    world.sell(place, [])
    body = b"[" + b" " * 15_000_000 + b"]"
    with served(place) as api, watched(api.process.pid) as memory, ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda _: api.post(body, JSON), range(60)))
        assert {answer.status_code for answer in answers} <= {200, 503}
        assert api.post(record("after")).json()["accepted"] == 1
    assert max(memory) < MAX_RSS_MB
