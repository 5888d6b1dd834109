"""Once: each part of the work done a single time, for a scheduler that starts it again and again.

It is what `app/rounds.py` does over and over, without waiting: for `everycent work --once` and for
functions that a cloud starts by the clock. Whoever is started twice, late, or beside somebody else does
nothing twice.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from everycent.app import alarming, collecting, erps, posting, processes, providers, reporting
from everycent.app.measuring import poller, worker
from everycent.app.settings import Settings
from everycent.app.staying import Health, Say
from everycent.app.time import agreed
from everycent.app.wiring import App
from everycent.db.connection import AWAY, first_line, is_lost
from everycent.flows import bill, bill_alarms, measure, watching
from everycent.flows.build_report import build_due
from everycent.flows.collect import work
from everycent.flows.collect.recover import IsGone
from everycent.flows.deliver import deliver
from everycent.flows.hand_over import hand_over
from everycent.flows.measure_interval import Terms as MeasureTerms
from everycent.flows.post_webhooks import post_webhooks
from everycent.invoicing.runs import Progress

PARTS = ("report", "bill", "erp", "collect", "message", "webhook")
"""What `everycent work` does, in the order in which one leads to the next."""

_LOOK_SECONDS = 0.1


class Turn(NamedTuple):
    """Whose work it is, on which terms, and whether it is to end after what it has begun; `is_gone` says
    which processes that charged are provably gone."""

    app: App
    tenant_id: int
    terms: bill.Terms
    is_stopped: Callable[[], bool] = lambda: False
    is_gone: IsGone = processes.is_gone


class Done(NamedTuple):
    """What parts came to, and why others came to nothing."""

    counts: dict[str, dict[str, int]]
    failed: dict[str, str]


def do(turn: Turn, parts: Sequence[str], say: Say) -> Done:
    """Does parts one after the other. One that fails holds up no other: it is told, and has an alarm
    `work.broken` until it goes well. Raises what says that the database is away."""
    done = Done({}, {})
    for part in parts:
        if turn.is_stopped():
            break
        health = Health(turn.app, turn.tenant_id, f"work {part}", say)
        try:
            done.counts[part] = dict(ROUNDS[part](turn))
            health.well()
        except Exception as error:
            if is_lost(error):
                raise
            done.failed[part] = first_line(error)
            if isinstance(error, AWAY):
                health.broken_off(error)
            else:
                health.broken(error)
    return done


def set_up(settings: Settings) -> tuple[str, ...]:
    """The parts for which there is all that they need."""
    lacking = {
        "erp": not (settings.home / erps.FILE).exists(),
        "collect": not (settings.home / providers.FILE).exists(),
        "message": not alarming.senders(settings),
    }
    return tuple(part for part in PARTS if not lacking.get(part, False))


def check(part: str, settings: Settings) -> None:
    """Says what is wrong with a part before anything is waited for. Raises as `erps.needed` and
    `providers.needed`."""
    if part == "erp":
        erps.needed(settings)
    elif part == "collect":
        providers.needed(settings)


def measurements(turn: Turn) -> Counter[str]:
    """Measures every interval that is due and not covered yet."""
    app = turn.app
    terms = MeasureTerms(app.clock, app.ids, app.settings.actor, poller(), worker())
    counts: Counter[str] = Counter()
    for outcome in measure.run(app.database, turn.tenant_id, app.clock(), terms):
        counts["intervals"] += outcome.taken
        counts["records"] += outcome.records
        counts["failures"] += outcome.failure is not None
    return counts


def watch(turn: Turn) -> Counter[str]:
    """Folds what came in, and writes down which thresholds are crossed and which series are silent."""
    app, before = turn.app, watching.Tick()
    counts: Counter[str] = Counter()
    while not turn.is_stopped():
        now = app.clock()
        before = watching.tick(
            app.database,
            turn.tenant_id,
            now,
            {"at": now, "recorded_at": now, "actor": app.settings.actor, "ids": app.ids},
            before,
        )
        counts["folded"] += before.folded
        counts["crossed"] += len(before.crossed)
        counts["gaps"] += len(before.opened)
        if not before.folded:
            break
    return counts


def reports(turn: Turn) -> Counter[str]:
    """Builds the reports whose time has come."""
    clock = agreed(turn.app.database, turn.tenant_id, turn.app.clock)
    desk = reporting.desk(turn.app, turn.tenant_id)._replace(clock=clock)
    return Counter(one.what for one in build_due(desk, is_stopped=turn.is_stopped))


def bills(turn: Turn) -> Counter[str]:
    """Bills what is due. A run that somebody else left is finished first."""
    app, counts = turn.app, Counter[str]()
    now = agreed(app.database, turn.tenant_id, app.clock)()

    def on_progress(progress: Progress) -> None:
        if turn.is_stopped():  # between two chunks: all that is done is committed
            counts.update(invoices=progress.invoices, parked=progress.parked)
            raise _StoppedError

    with suppress(_StoppedError):
        for result in bill.run(
            app.database, turn.tenant_id, now, clock=app.clock, ids=app.ids, terms=turn.terms,
            on_progress=on_progress,
        ):  # fmt: skip
            counts["invoices"] += result.progress.invoices
            counts["parked"] += result.progress.parked
    with app.database.transaction(turn.tenant_id) as tx:
        bill_alarms.reflect(tx, alarming.writer(app))
    return counts


class _StoppedError(Exception):
    """It is to end now; the next round goes on with the run."""


def documents(turn: Turn) -> Counter[str]:
    """Hands documents over to the ERP that is set up."""
    desk = erps.desk(turn.app, turn.tenant_id)._replace(holder=worker())
    return hand_over(desk, is_stopped=turn.is_stopped)


def charges(turn: Turn) -> Counter[str]:
    """Charges what can be charged now, and asks about outcomes that are unknown."""
    counts: Counter[str] = Counter()
    collecting.run(_charged(turn, counts))
    return counts


async def _charged(turn: Turn, counts: Counter[str]) -> None:
    desk = collecting.desk(turn.app, turn.tenant_id)
    stop = work.Stop()

    async def watch_out() -> None:
        while not turn.is_stopped():
            await asyncio.sleep(_LOOK_SECONDS)
        stop.ask()

    watching_out = asyncio.create_task(watch_out())
    try:
        with work.alive(desk):
            await work.on_schedule(desk, turn.is_gone, stop, counts, is_once=True)
    finally:
        watching_out.cancel()
        for provider in desk.providers.values():
            await provider.close()


def messages(turn: Turn) -> Counter[str]:
    """Sends the messages whose time has come."""
    app = turn.app
    return deliver(
        app.database, turn.tenant_id, alarming.senders(app.settings), clock=app.clock, ids=app.ids,
        actor=app.settings.actor, channels=alarming.channels(app.settings),
        is_stopped=turn.is_stopped,
    )  # fmt: skip


def webhooks(turn: Turn) -> Counter[str]:
    """Tells endpoints what happened."""
    return post_webhooks(posting.desk(turn.app, turn.tenant_id), is_stopped=turn.is_stopped)


ROUNDS: dict[str, Callable[[Turn], Counter[str]]] = {
    "measure": measurements,
    "watch": watch,
    "report": reports,
    "bill": bills,
    "erp": documents,
    "collect": charges,
    "message": messages,
    "webhook": webhooks,
}
"""Every part by its name."""
