"""Workers that die at a named point: a child process per worker, killed (SIGKILL) by itself."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from everycent.app import processes
from everycent.app.wiring import random_ids
from everycent.charging.policy import Policies
from everycent.db.connection import Database
from everycent.flows.collect import start, work
from everycent.flows.collect.desk import Desk, Pace
from everycent.integrations.provider_http import HttpProvider
from everycent.kernel import points
from tests.collecting import shop
from tests.payments.fake import KEY, WEBHOOK_SECRET

FORK = multiprocessing.get_context("fork")


class Set(NamedTuple):
    """Where a worker works: the database, the provider and its promises; on which machine, as far as others
    can tell, where not on this one."""

    conninfo: str
    tenant_id: int
    url: str
    mode: str
    looks_up: bool
    concurrency: int = 8
    deadline: float = 0.4
    latest_commit: float = 1.0
    lease: float = 1.0
    host: str = ""


class Job(NamedTuple):
    """What a worker is to do: open a run for these invoices (None: only recover and go on with what is
    open), and die at `point` when it is come to for the `nth` time."""

    invoices: tuple[UUID, ...] | None
    point: str | None = None
    nth: int = 1
    rounds: int = 3


def provider_for(where: Set) -> HttpProvider:
    """The adapter, with the promises of the provider's mode."""
    return HttpProvider(
        url=where.url, key=KEY, webhook_secret=WEBHOOK_SECRET, name="psp",
        looks_up=where.looks_up,
        idempotent_for=timedelta(hours=24) if where.mode == "idempotent" else None,
        latest_commit=timedelta(seconds=where.latest_commit), concurrency=where.concurrency,
        deadline=timedelta(seconds=where.deadline),
    )  # fmt: skip


def killed_at(where: Set, job: Job) -> bool:
    """Does the job in a process of its own; whether it was killed on the way."""
    process = FORK.Process(target=_work, args=(where, job, None), daemon=True)
    process.start()
    process.join(60)
    if process.is_alive():
        process.kill()
        process.join()
        raise AssertionError(f"a worker hangs: {job}")
    assert process.exitcode in (0, -signal.SIGKILL), (job, process.exitcode)
    return process.exitcode == -signal.SIGKILL


def points_of(where: Set, job: Job) -> list[str]:
    """The points that the job comes to, in order, each as often as it does."""
    receiving, sending = FORK.Pipe(duplex=False)
    process = FORK.Process(target=_work, args=(where, job, sending), daemon=True)
    process.start()
    sending.close()
    found: list[str] = receiving.recv()
    process.join(60)
    assert process.exitcode == 0
    return found


def work_and_stop(where: Set, job: Job) -> None:
    """Does the job, and stops itself (SIGSTOP) at its point, until somebody lets it go on."""
    _work(where, job, None, signal.SIGSTOP)


def work_until_asked(where: Set, job: Job) -> None:
    """Does the job until it is asked to stop (SIGTERM): what it began comes to its end."""
    _work(where, job, None)


def wait_until_stopped(pid: int) -> None:
    """Waits until the process has stopped itself."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        if state == "T":
            return
        time.sleep(0.01)
    raise AssertionError("the process did not come to its point")


def _work(where: Set, job: Job, told: Any, at_point: signal.Signals = signal.SIGKILL) -> None:
    seen: Counter[str] = Counter()
    order: list[str] = []

    def reach(name: str) -> None:
        seen[name] += 1
        order.append(name)
        if name == job.point and seen[name] == job.nth:
            os.kill(os.getpid(), at_point)

    database = Database(where.conninfo)
    process = processes.this_process(random_ids(""))
    if where.host:
        process = process._replace(host=where.host)
    provider = provider_for(where)
    desk = Desk(
        database, where.tenant_id, {"psp": provider}, Policies(shop.PROMPT, {}), shop.now,
        random_ids, "test", process, Pace(timedelta(seconds=where.lease), timedelta(seconds=5)),
    )  # fmt: skip
    points.on_reach(reach)
    asyncio.run(_done(desk, job))
    points.on_reach(None)
    database.close()
    if told is not None:
        told.send(order)
    os._exit(0)


async def _done(desk: Desk, job: Job) -> None:
    stop = work.Stop()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.ask)
    with work.alive(desk):
        if job.invoices is not None:
            start.on_demand(desk, due_by=shop.now(), time_zone="UTC", invoices=job.invoices)
        for _ in range(job.rounds):
            if stop.is_asked:
                break
            await work.on_everything(desk, processes.is_gone, stop, Counter())
            start.of_retries(desk)
        if not stop.is_asked:
            await work.on_everything(desk, processes.is_gone, stop, Counter())
        for provider in desk.providers.values():
            await provider.close()


def several(where: Set, jobs: Sequence[Job]) -> list[multiprocessing.process.BaseProcess]:
    """Workers side by side, started and not waited for."""
    started = [FORK.Process(target=_work, args=(where, job, None), daemon=True) for job in jobs]
    for process in started:
        process.start()
    return list(started)
