"""Rounds: what each kind of worker does over and over, for a process that does one of them or all.

`begin(tenant_id)` makes the round, once the database is there; the round says how long to rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from everycent.app import alarming, erps, posting, reporting
from everycent.app.measuring import worker
from everycent.app.staying import Health, Round, Staying
from everycent.app.time import agreed
from everycent.flows import bill, bill_alarms
from everycent.flows.build_report import build_due
from everycent.flows.deliver import deliver
from everycent.flows.hand_over import hand_over
from everycent.flows.post_webhooks import post_webhooks

_TICK_SECONDS = 2.0
_SLOW_TICK_SECONDS = 5.0

Begin = Callable[[int], Round]


def reports(here: Staying, counts: Counter[str], rest: float | None = None) -> Begin:
    """Builds the reports whose time has come."""

    def begin(tenant_id: int) -> Round:
        clock = agreed(here.app.database, tenant_id, here.app.clock)
        desk = reporting.desk(here.app, tenant_id)._replace(clock=clock)

        def one_round() -> float:
            for outcome in build_due(desk, is_stopped=here.stop.is_set):
                counts[outcome.what] += 1
                if outcome.what != "elsewhere":
                    here.say(f"report of {outcome.name}: {outcome.what}")
            return rest or _SLOW_TICK_SECONDS

        return one_round

    return begin


def bills(
    here: Staying,
    counts: Counter[str],
    terms: bill.Terms,
    *,
    again: timedelta,
    rest: float | None = None,
) -> Begin:
    """Bills what is due; what could not be billed once in `again`. A chunk that fails in a way nobody
    foresaw raises an alarm, while its customers are billed one by one."""
    app = here.app

    def begin(tenant_id: int) -> Round:
        health = Health(app, tenant_id, "bill chunk", here.say)
        clock = agreed(app.database, tenant_id, app.clock)
        left: set[UUID] = set()
        tried_at = datetime(1970, 1, 1, tzinfo=UTC)

        def reflect() -> None:
            with app.database.transaction(tenant_id) as tx:
                bill_alarms.reflect(tx, alarming.writer(app))

        def one_round() -> float:
            nonlocal left, tried_at
            now = clock()
            due = bill.due(app.database, tenant_id, now)
            is_retried = bool(due) and now >= tried_at + again
            if due <= left and not is_retried and not bill.is_open(app.database, tenant_id):
                reflect()  # somebody may have billed by hand
                return rest or _SLOW_TICK_SECONDS
            failed: list[Exception] = []

            def on_failed(error: Exception) -> None:
                failed.append(error)
                health.broken(error)

            for result in bill.run(
                app.database, tenant_id, now, clock=app.clock, ids=app.ids, terms=terms,
                on_failed=on_failed, on_progress=lambda _: here.stop.move(),
            ):  # fmt: skip
                counts["invoices"] += result.progress.invoices
                counts["parked"] += result.progress.parked
            health.well()
            left, tried_at = bill.due(app.database, tenant_id, now), now
            reflect()
            return 0.0 if failed else rest or _SLOW_TICK_SECONDS

        return one_round

    return begin


def handing_over(here: Staying, counts: Counter[str], rest: float | None = None) -> Begin:
    """Hands documents over to the ERP that is set up."""

    def begin(tenant_id: int) -> Round:
        desk = erps.desk(here.app, tenant_id)._replace(holder=worker(), can_wait=here.can_wait)

        def one_round() -> float:
            counts.update(hand_over(desk, is_stopped=here.stop.is_set))
            return rest or _TICK_SECONDS

        return one_round

    return begin


def messages(here: Staying, counts: Counter[str], rest: float | None = None) -> Begin:
    """Sends messages as their time comes."""
    app = here.app
    by_kind = alarming.senders(app.settings)

    def begin(tenant_id: int) -> Round:
        def one_round() -> float:
            counts.update(
                deliver(
                    app.database, tenant_id, by_kind, clock=app.clock, ids=app.ids,
                    actor=app.settings.actor, channels=alarming.channels(app.settings),
                    is_stopped=here.stop.is_set, can_wait=here.can_wait,
                )
            )  # fmt: skip
            return rest or _TICK_SECONDS

        return one_round

    return begin


def webhooks(here: Staying, counts: Counter[str], rest: float | None = None) -> Begin:
    """Tells endpoints what happens, as it happens."""

    def begin(tenant_id: int) -> Round:
        desk = posting.desk(here.app, tenant_id)._replace(can_wait=here.can_wait)

        def one_round() -> float:
            counts.update(post_webhooks(desk, is_stopped=here.stop.is_set))
            return rest or _TICK_SECONDS

        return one_round

    return begin
