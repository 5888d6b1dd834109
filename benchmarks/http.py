"""The HTTP interface: usage in batches and one by one, and the reads that programs wait for."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import psycopg

from benchmarks import entitlements, history, ingest, seller, sender
from benchmarks.figure import Figure, Say
from everycent.access import keys, operations
from everycent.access.keys import ApiKey
from everycent.access.roles import SCOPES
from everycent.app.wiring import random_ids, utc_now
from everycent.db.connection import Database

_BATCH = 1_000
_BATCHES = 600
_WARM_UP = 100
_CONNECTIONS = 16
_SINGLE_RATE = 200
_SECONDS = 30
_AT_ONCE = 3_000
_FIRST_SECONDS = 5
_JSON = "application/json"
_NDJSON = "application/x-ndjson"


def measure(conninfo: str, size: int, say: Say) -> Iterator[Figure]:
    """All figures, over a shop with `size` customers."""
    say(f"preparing {size:,} customers")
    database, tenant_id, own = seller.fresh(conninfo, "everycent_bench")
    start = utc_now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    seller.open_shop(database, tenant_id, size, start, entitlements.CATALOGUE)
    holders = entitlements.give_wallets(database, tenant_id, size, start)
    key = _key(database, tenant_id)
    with psycopg.connect(own, autocommit=True) as admin:
        admin.execute("vacuum (analyze)")  # as the server does by itself, some minutes later
    with _serving(own) as port:
        yield _singles(port, key, size, start, say)
        everybody = [f"c{number:08d}" for number in range(size)]
        for what, path, names, rate in (
            ("is a switch on", "/v1/entitlements/sso?customer={}", everybody, 500),
            ("what a customer owes", "/v1/owed/{}", everybody, 500),
            ("what is left of a meter", "/v1/entitlements/calls?customer={}", everybody, 500),
            ("wallets, less what is not billed yet", "/v1/wallets?customer={}", holders, 250),
        ):
            luck = Random(what)
            paths = [path.format(luck.choice(names)) for _ in range(_all(rate))]
            yield _reads(port, key, what, paths, rate, say)
        # Last: to fold what came in goes on for a while.
        yield _batches(own, port, key, size, start, say)
    seller.drop(conninfo, "everycent_bench", database)


def _batches(own: str, port: int, key: str, size: int, start: datetime, say: Say) -> Figure:
    say("batches of 1,000 over HTTP")
    dimensions = history.dimension_sets()
    made = [
        sender.request(
            "POST", "/v1/usage", key,
            b"\n".join(_record(batch * _BATCH + n, size, start, dimensions) for n in range(_BATCH)),
            _NDJSON,
        )
        for batch in range(_WARM_UP + _BATCHES)
    ]  # fmt: skip
    sender.at_once(port, made[:_WARM_UP], _CONNECTIONS)
    sent = sender.at_once(port, made[_WARM_UP:], _CONNECTIONS)
    assert not sent.failed, f"{sent.failed} batches were refused"
    say("the reference for them")
    batches = _BATCHES // ingest.PROCESSES
    limit = ingest.limit_of_rows(own, batches, _BATCH)
    most = ingest.limit(own, batches, _WARM_UP * _BATCH, _BATCH)
    rate = _BATCH * _BATCHES / sent.elapsed
    note = (
        f"a batch: p50 {_ms(sent.p(0.5))}, p99 {_ms(sent.p(0.99))}; {rate / most.rate:.0%} of the reference"
        f" of ingest ({most.rate:,.0f}/s)"
    )
    return Figure(
        f"usage over HTTP, batches of {_BATCH:,}, {_CONNECTIONS} connections",
        f"{_BATCH * _BATCHES:,} records", sent.elapsed, rate, "records", limit.rate, note,
    )  # fmt: skip


def _singles(port: int, key: str, size: int, start: datetime, say: Say) -> Figure:
    say("single records over HTTP")
    dimensions = history.dimension_sets()
    made = [
        sender.request("POST", "/v1/usage", key, _record(10**9 + n, size, start, dimensions), _JSON)
        for n in range(_all(_SINGLE_RATE))
    ]
    return _at_rate(port, f"usage over HTTP, one by one at {_SINGLE_RATE}/s", made, _SINGLE_RATE)


def _reads(port: int, key: str, what: str, paths: Sequence[str], rate: int, say: Say) -> Figure:
    say(what)
    made = [sender.request("GET", path, key) for path in paths]
    found = _at_rate(port, f"{what}, over HTTP at {rate}/s", made, rate)
    sent = sender.at_once(port, made[-_AT_ONCE:], _CONNECTIONS)
    most = len(sent.seconds) / sent.elapsed
    return found._replace(note=f"{found.note}; at most {most:,.0f}/s")


def _at_rate(port: int, what: str, made: Sequence[bytes], rate: int) -> Figure:
    first = rate * _FIRST_SECONDS
    sender.steadily(port, made[:first], rate)
    sent = sender.steadily(port, made[first:], rate)
    assert not sent.failed, f"{what}: {sent.failed} were refused"
    times = ", ".join(
        f"p{share * 100:g} {_ms(sent.p(share))}" for share in (0.5, 0.95, 0.99, 0.999)
    )
    return Figure(what, f"{len(made) - first:,} requests", sent.elapsed,
                  len(sent.seconds) / sent.elapsed, "answers", None, times)  # fmt: skip


def _all(rate: int) -> int:
    return rate * (_FIRST_SECONDS + _SECONDS)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def _record(place: int, size: int, start: datetime, dimensions: Sequence[str]) -> bytes:
    at = start + timedelta(milliseconds=20 * (place % 10**8))
    told = {
        "id": f"h{place:012d}", "source": "bench", "subject": f"c{place * 7919 % size:08d}",
        "meter": "calls", "at": at.isoformat(), "value": 1 + place % 9,
        "dimensions": json.loads(dimensions[place % len(dimensions)]),
    }  # fmt: skip
    return json.dumps(told).encode()


def _key(database: Database, tenant_id: int) -> str:
    text = keys.text_of(secrets.token_urlsafe(32))
    digest = keys.digest_of(text)
    assert digest is not None
    now = utc_now()
    new = ApiKey(random_ids("key"), "bench", digest, SCOPES, now)
    with database.transaction(tenant_id) as tx:
        operations.create_key(tx, new, at=now, recorded_at=now, actor="bench", ids=random_ids)
    return text


@contextmanager
def _serving(own: str) -> Iterator[int]:
    everycent = str(Path(sys.executable).with_name("everycent"))
    processes = ["--processes", str(os.cpu_count())]
    command = [everycent, "serve", "--port", "0", "--json", *processes]
    environment = os.environ | {"EVERYCENT_DATABASE_URL": own}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        yield int(json.loads(process.stdout.readline())["address"].rpartition(":")[2])
        process.terminate()
