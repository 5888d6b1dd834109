"""Records with the reason why they are billed or not, one by one and month by month.

`verify.reasons_of_usage` counts all of them at once; here is told which records they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from everycent.catalog import queries as catalog
from everycent.catalog.intake import AfterInvoice
from everycent.catalog.meter import series_of
from everycent.db.connection import Tx
from everycent.invoicing import audit as invoicing
from everycent.invoicing.reasons import Wanted
from everycent.kernel.period import Period
from everycent.metering import queries as usage
from everycent.metering.record import EARLIEST
from everycent.subscriptions import queries as subscriptions

BEFORE_ALL = (EARLIEST, UUID(int=0))
"""Before the first record there can be."""


def by_batch(tx: Tx, span: Period) -> list[tuple[int, str, int]]:
    """How many records of a span each batch has for each reason: (batch, reason, records)."""
    return invoicing.reasons_by_batch(tx, span, priced(tx), written_off(tx))


def with_reason(
    tx: Tx,
    spans: Sequence[Period],
    wanted: Wanted,
    after: tuple[datetime, UUID] = BEFORE_ALL,
    limit: int = 20,
) -> list[UUID]:
    """The keys of the wanted records of some spans, in order of time and key, after one."""
    return invoicing.with_reason(tx, spans, priced(tx), written_off(tx), wanted, after, limit)


def written_off(tx: Tx) -> list[int]:
    """The numbers of meters whose late records are written off without asking."""
    policies = catalog.intake_policies(tx)
    meters = [
        ("meter", meter)
        for meter, policy in policies.items()
        if policy.after_invoice is AfterInvoice.WRITE_OFF
    ]
    return sorted(usage.known_numbers(tx, meters).values())


def priced(tx: Tx) -> Iterator[tuple[int, int]]:
    """The (subject, meter) numbers that subscriptions put a price on."""
    listed = subscriptions.listed(tx, limit=10_000_000)
    plans = catalog.plans(tx, {(p.plan_key, p.plan_version) for s in listed for p in s.phases})
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
        for meter in {m for p in s.phases for m in meters[p.plan_key, p.plan_version]}:
            pair = (numbers.get(("subject", s.subject)), numbers.get(("meter", meter)))
            if pair[0] is not None and pair[1] is not None:
                yield pair[0], pair[1]
