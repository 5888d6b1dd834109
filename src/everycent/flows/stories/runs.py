"""What bills in a story: a run at one instant, the days that pass, and a look at the next invoice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from everycent.catalog.document_refusals import Strict
from everycent.credits import queries as wallet_queries
from everycent.db.connection import Tx
from everycent.flows import bill, late, wallets, watch
from everycent.flows.stories.document import Form, Moment
from everycent.flows.stories.expected import (
    Difference,
    ExpectedInvoice,
    amounts,
    check_amount,
    checked,
    differences,
    invoice_told,
    unforeseen,
)
from everycent.flows.stories.world import Action, Came, World
from everycent.invoicing import queries as invoices
from everycent.kernel import clock
from everycent.kernel.calendar import local_date, start_of_day
from everycent.kernel.money import Money, plain
from everycent.subscriptions import queries as subscriptions

_DAY, _INSTANT = timedelta(days=1), timedelta(microseconds=1)


class _Bill(Strict):
    expect: list[ExpectedInvoice] | None = None


def _read_bill(given: _Bill, _: Moment) -> _Bill:
    checked(given.expect or ())
    return given


def _bill(world: World, given: _Bill) -> Came:
    made, parked = _billed(world, world.at)
    data = {"invoices": made, "parked": list(parked.values())}
    return Came(data, _differences(given.expect, made, parked))


def _billed(world: World, at: datetime) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """Bills what is due by an instant: the invoices, and by customer why somebody can't be billed."""
    results = bill.run(
        world.database, world.tenant_id, at, clock=clock.fixed(at), ids=world.ids,
        terms=bill.Terms(world.actor, world.time_zone, world.payment_days),
    )  # fmt: skip
    with world.database.snapshot(world.tenant_id) as tx:
        made = [invoice_told(invoices.issued(tx, event).invoice) for event in _fresh(world, tx)]
        parked = {
            row.customer: row._asdict()
            for result in results
            for row in invoices.parked(tx, result.run.run_id)
        }
    return made, parked


def _differences(
    expect: Sequence[ExpectedInvoice] | None,
    made: Sequence[Mapping[str, Any]],
    parked: Mapping[str, Mapping[str, Any]],
) -> list[Difference]:
    codes = {customer: row["code"] for customer, row in parked.items()}
    return unforeseen(codes) if expect is None else differences(expect, made, codes)


def _fresh(world: World, tx: Tx) -> list[UUID]:
    """The events of the invoices that were not there before, in order of their numbers."""
    rows = [row for row in invoices.listed(tx, limit=100_000) if not (row.credits or row.reduces)]
    found = [row.event_id for row in sorted(rows, key=lambda row: (row.series, row.number))]
    fresh = [event for event in found if event not in world.seen]
    world.seen.update(fresh)
    return fresh


class _Run(_Bill):
    crossed: list[str] | None = None
    due: dict[str, str] | None = None


def _read_run(given: _Run, moment: Moment) -> _Run:
    _read_bill(given, moment)
    for wallet, amount in (given.due or {}).items():
        check_amount(amount, f"due.{wallet}")
    return given


def _run(world: World, given: _Run) -> Came:
    """Days pass from the step before: whatever an installation does by itself is done when it is time."""
    made: list[dict[str, Any]] = []
    parked: dict[str, dict[str, Any]] = {}
    crossed: list[str] = []
    due: dict[str, str] = {}
    until = world.at
    for at in _moments(world.since, until, world.time_zone):
        _look(
            world, at - _INSTANT, crossed, due
        )  # a day belongs to its period up to its last moment
        if _is_due(world, at):
            world.at = at
            issued, left = _billed(world, at)
            made += issued
            billed = {one["customer"] for one in issued}
            parked = {who: row for who, row in parked.items() if who not in billed} | left
    _look(world, until, crossed, due)
    world.at = until
    data = {"invoices": made, "parked": list(parked.values()), "crossed": crossed, "due": due}
    found = _differences(given.expect, made, parked)
    if given.crossed is not None:
        wanted, came = (", ".join(sorted(keys)) or "none" for keys in (given.crossed, crossed))
        found += [Difference("thresholds", "crossed", wanted, came)] if wanted != came else []
    return Came(data, [*found, *amounts("top-up", given.due or {}, due)])


def _moments(since: datetime, until: datetime, zone: str) -> Iterator[datetime]:
    """An instant, the beginnings of the days after it up to another one, and that one."""
    yield since
    day = local_date(since, zone) + _DAY
    while (at := start_of_day(day, zone)) < until:
        yield at
        day += _DAY
    if until > since:
        yield until


def _is_due(world: World, at: datetime) -> bool:
    late.keep_up(world.database, world.tenant_id)
    with world.database.snapshot(world.tenant_id) as tx:
        return bool(subscriptions.due_customers(tx, at) or late.customers(tx))


def _look(world: World, at: datetime, crossed: list[str], due: dict[str, str]) -> None:
    """Looks at thresholds and wallets; `crossed` and `due` get what happened."""
    world.at = at
    looked = watch.check(world.database, world.tenant_id, at, world.writing)
    crossed += [one.key for one in looked.crossed]
    with world.database.snapshot(world.tenant_id) as tx:
        if not wallet_queries.wallets(tx, limit=1):
            return
    found = wallets.check(world.database, world.tenant_id, at, world.writing)
    due |= {w.key: plain(Money(one.rule.amount, w.currency)) for w, one in found.due}


RUNS: dict[str, Action] = {
    "bill": Action(_bill, Form(_Bill, read=_read_bill)),
    "run": Action(_run, Form(_Run, read=_read_run)),
}
"""These actions by name."""
