"""Proof: journal = books = invoices = usage, checked from the rows themselves, naming every violator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from everycent.catalog import queries as catalog
from everycent.catalog.meter import series_of
from everycent.db.connection import Tx
from everycent.flows import replay
from everycent.invoicing import audit as invoicing
from everycent.journal import audit as journal
from everycent.journal import queries as events
from everycent.ledger import audit as ledger
from everycent.metering import audit as metering
from everycent.metering import queries as usage
from everycent.subscriptions import queries as subscriptions


class Check(NamedTuple):
    """One promise: what it says, who violates it (nobody: it holds), and figures worth showing."""

    area: str
    promise: str
    violators: list[str]
    figures: dict[str, int] = {}  # noqa: RUF012 - never changed


OnStart = Callable[[str], None]


def verify(
    tx: Tx,
    *,
    trusted_key: bytes | None,
    with_replay: bool,
    on_start: OnStart = lambda _: None,
) -> Iterator[Check]:
    """Checks every promise in turn. Call it in a `snapshot`: it reads the books as of one instant.

    `trusted_key` is the public key that must have signed the checkpoints.
    """
    tx.sort_in_memory()
    on_start("every event stands on the one before it")
    links = list(journal.broken_links(tx))
    yield Check("journal", "every event stands on the one before it", links,
                {"events": events.count(tx)})  # fmt: skip
    on_start("every checkpoint still holds")
    yield Check(
        "journal",
        "every checkpoint still holds, with our signature",
        list(journal.broken_checkpoints(tx, trusted_key)),
    )
    for promise in ledger.CHECKS:
        on_start(promise)
        yield Check("books", promise, ledger.violations(tx, promise))
    for promise in invoicing.CHECKS:
        on_start(promise)
        yield Check("invoices", promise, invoicing.violations(tx, promise))
    for promise in metering.CHECKS:
        on_start(promise)
        yield Check("usage", promise, metering.violations(tx, promise))
    on_start("every record says what was taken in")
    yield Check("usage", "every record says what was taken in", metering.altered_records(tx))
    on_start("every line counted the records it says")
    yield Check("usage", "every line counted the records it says", invoicing.false_seals(tx))
    on_start("every record is billed or has a reason")
    yield _conservation(tx)
    if with_replay:
        on_start("the journal rebuilds every table")
        rebuilt = replay.replay(tx)
        different = [f"{name} {row}" for name, rows in rebuilt.differences.items() for row in rows]
        figures = {"events": rebuilt.events, "rows": sum(rebuilt.rows.values())}
        yield Check("replay", "the journal rebuilds every table, byte for byte", different, figures)


def _conservation(tx: Tx) -> Check:
    """Received = billed + not billed for a reason, as numbers of records."""
    reasons = invoicing.usage_by_reason(tx, _priced(tx))
    received = usage.counts(tx).records
    violators = [f"{n} records are {name}" for name, n in reasons.items() if n < 0]
    if sum(reasons.values()) != received:
        violators.append(f"{received} records received, {sum(reasons.values())} accounted for")
    return Check("usage", "every record is billed or has a reason", violators, reasons)


def _priced(tx: Tx) -> Iterator[tuple[int, int]]:
    """The (subject, meter) numbers that subscriptions put a price on."""
    listed = subscriptions.listed(tx, limit=10_000_000)
    plans = catalog.plans(tx, {(s.plan_key, s.plan_version) for s in listed})
    meters = {
        key: {
            series.meter
            for item in plan.items
            if item.measure is not None
            for _, series in series_of(item.measure)
        }
        for key, plan in plans.items()
    }
    names = {("subject", s.subject) for s in listed}
    names |= {("meter", meter) for held in meters.values() for meter in held}
    numbers = usage.known_numbers(tx, sorted(names))
    for s in listed:
        for meter in meters[s.plan_key, s.plan_version]:
            pair = (numbers.get(("subject", s.subject)), numbers.get(("meter", meter)))
            if pair[0] is not None and pair[1] is not None:
                yield pair[0], pair[1]
