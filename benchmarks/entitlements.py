"""Entitlements: how long it takes to say whether a customer may use a feature."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

import psycopg

from benchmarks import seller
from benchmarks.figure import Figure, Say
from everycent.app.wiring import random_ids, utc_now
from everycent.credits import operations as credit
from everycent.credits.operations import Terms
from everycent.credits.wallet import Caps
from everycent.customers import queries as customers
from everycent.db.connection import Database, Params, Tx
from everycent.flows import entitled
from everycent.flows.entitled import When, Who
from everycent.metering import operations as metering
from everycent.metering.record import UsageRecord

CATALOGUE = (
    seller.CATALOGUE.replace(
        "plans:\n",
        """features:
  sso: {kind: switch}
  projects: {kind: limit}
  calls: {kind: metered, meter: calls}
  storage: {kind: metered, meter: storage, reset: day}
plans:
""",
    )
    + "    features: {sso: on, projects: 10, calls: 10000, storage: 100}\n"
)
_AT = seller.START + timedelta(days=20)
_QUESTIONS = 1_000
_WARM_UP = 100
_UNFOLDED = 5_000
_CAPPED = 1_000
_QUESTION = Callable[[Tx, str], Any]


class _Counting(Tx):
    """Counts the statements that go through it."""

    statements = 0

    def run(self, sql: str, params: Params = None) -> int:
        """Counted, like all others."""
        self.statements += 1
        return super().run(sql, params)

    def rows(self, sql: str, params: Params = None) -> list[Any]:
        """Counted."""
        self.statements += 1
        return super().rows(sql, params)

    def tuples(self, sql: str, params: Params = None, *, binary: bool = True) -> list[Any]:
        """Counted."""
        self.statements += 1
        return super().tuples(sql, params, binary=binary)

    def value(self, sql: str, params: Params = None) -> Any:
        """Counted."""
        self.statements += 1
        return super().value(sql, params)


def measure(conninfo: str, size: int, say: Say) -> Iterator[Figure]:
    """All figures, over `size` customers with a contract and three records each, and as many again that no
    fold has counted for some of them."""
    say(f"preparing {size:,} customers")
    database, tenant_id, own = seller.fresh(conninfo, "everycent_bench")
    seller.open_shop(database, tenant_id, size, catalogue=CATALOGUE)
    _leave_unfolded(database, tenant_id, size)
    capped = give_wallets(database, tenant_id, size)
    with psycopg.connect(own, autocommit=True) as admin:
        admin.execute("vacuum (analyze)")
        admin.execute("checkpoint")
    picked = Random(7)  # the same customers every time
    anybody = [f"c{picked.randrange(size):08d}" for _ in range(_QUESTIONS)]
    for what, keys, asking in (
        ("is a switch on", anybody, _asking("sso")),
        ("what is left of a meter this period", anybody, _asking("calls")),
        ("the same of a meter by days", anybody, _asking("storage")),
        ("the same under a wallet's hard cap", [picked.choice(capped) for _ in anybody],
         _asking("calls")),
        ("all four features", anybody, _listing),
    ):  # fmt: skip
        say(what)
        yield _figure(database, tenant_id, what, f"{size:,} customers", keys, asking)
    seller.drop(conninfo, "everycent_bench", database)


def _leave_unfolded(database: Database, tenant_id: int, size: int) -> None:
    """Records of the present that came in since the last fold, as there always are some."""
    now = [
        UsageRecord("bench", f"now-{n}", f"c{n * 7919 % size:08d}", "calls", _AT, "1")
        for n in range(_UNFOLDED)
    ]
    metering.ingest(database, tenant_id, now, utc_now(), metering.Names())


def give_wallets(
    database: Database, tenant_id: int, size: int, start: datetime = seller.START
) -> list[str]:
    """Some customers get a wallet with a hard cap; tells which."""
    keys = [f"c{n:08d}" for n in range(min(size, _CAPPED))]
    with database.transaction(tenant_id) as tx:
        for key, owner in customers.by_keys(tx, keys).items():
            writing: Any = {"at": start, "recorded_at": utc_now(), "actor": "bench",
                            "ids": random_ids}  # fmt: skip
            credit.open_wallet(tx, owner, key, Terms(), writing)
            credit.set_caps(tx, key, Caps(hard=-100_000), writing)
    return keys


def _asking(feature: str) -> _QUESTION:
    def question(tx: Tx, key: str) -> Any:
        answer = entitled.check(tx, Who(customers.by_name(tx, key)), feature, When(_AT))
        assert answer.is_allowed, answer
        return answer

    return question


def _listing(tx: Tx, key: str) -> Any:
    found = entitled.listed(tx, Who(customers.by_name(tx, key)), When(_AT))
    assert all(answer.is_allowed for answer in found), found
    return found


def _figure(
    database: Database, tenant_id: int, what: str, size: str, keys: list[str], question: _QUESTION
) -> Figure:
    with database.snapshot(tenant_id) as tx:
        counting = _Counting(tx.connection, tenant_id)
        question(counting, keys[0])

    def bare(tx: Tx, _key: str) -> None:
        for _ in range(counting.statements):
            tx.value("select 1")

    asked = _samples(database, tenant_id, keys, question)
    limit = _samples(database, tenant_id, keys, bare)
    p50, p99 = asked[len(asked) // 2], asked[len(asked) * 99 // 100]
    note = (
        f"p99 {p99 * 1000:.1f} ms; {counting.statements} statements, as many round trips alone:"
        f" p50 {limit[len(limit) // 2] * 1000:.1f} ms, p99 {limit[len(limit) * 99 // 100] * 1000:.1f} ms"
    )
    return Figure(
        what, size, p50, len(asked) / sum(asked), "answers", len(limit) / sum(limit), note
    )  # fmt: skip


def _samples(
    database: Database, tenant_id: int, keys: list[str], question: _QUESTION
) -> list[float]:
    """Seconds of each question, in a snapshot of its own, in order of length."""
    taken = []
    for key in keys[:_WARM_UP] + keys:
        started = time.perf_counter()
        with database.snapshot(tenant_id) as tx:
            question(tx, key)
        taken.append(time.perf_counter() - started)
    return sorted(taken[_WARM_UP:])
