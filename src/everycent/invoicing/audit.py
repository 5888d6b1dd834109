"""Proofs about invoices, each naming its violators; nothing named is good."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from everycent.catalog import bands
from everycent.catalog.bands import Bands
from everycent.db.connection import Tx
from everycent.invoicing import store
from everycent.kernel.period import Period
from everycent.metering import queries as metering
from everycent.metering.usage import NOTHING

CHECKS = {
    "every invoice is the sum of its lines and taxes": "false_sums",
    "every tax stands on the lines of its category": "false_bases",
    "every tax is its percentage of the base": "false_taxes",
    "every invoice is booked in the ledger with its gross": "unbooked_invoices",
    "every invoice entry has its document": "undocumented_entries",
    "every invoice has its event, and every event its invoice": "invoices_without_events",
    "numbers run from 1 without a gap": "number_gaps",
    "numbers follow the date": "number_order",
    "no period is billed twice and none left out": "broken_tiling",
    "every billed period has its line, and every line its period": "periods_without_lines",
}


class _Banded(msgspec.Struct):
    bands: Bands
    band: str


def violations(tx: Tx, check: str) -> list[str]:
    """The violators of one of `CHECKS`, at most a hundred."""
    return store.list_violations(tx, CHECKS[check])


def false_seals(tx: Tx) -> list[str]:
    """Lines whose count, sum or digest differs from the records they say they counted."""
    rows = []
    for told, start, end in store.list_seal_spans(tx):
        for span in _spans(told, start, end):
            rows.append((told, start, end, span.start, span.end))
    store.recount_seals(tx, rows)
    found = store.list_violations(tx, "false_seals")
    for seal in store.list_counter_seals(tx):
        contents = [content.bytes for content in seal.contents]
        digest = NOTHING
        if contents:
            digest = metering.digest_of(zip(seal.ats, seal.dimensions, contents, strict=True))
        sealed = (seal.records, seal.total, bytes(seal.digest))
        if sealed != (len(contents), seal.sum, digest):
            found.append(f"{seal.name}: {seal.records} readings sealed, {len(contents)} found")
    return found


def _spans(told: str | None, start: datetime, end: datetime) -> tuple[Period, ...]:
    period = Period(start, end)
    if told is None:
        return (period,)
    banded = msgspec.json.decode(told, type=_Banded)
    return bands.spans(banded.bands, banded.band, period)


def usage_by_reason(tx: Tx, priced: Iterable[tuple[int, int]]) -> dict[str, int]:
    """How many records are billed, and how many are not for which reason; together: all of them.

    `priced` are the (subject, meter) numbers that subscriptions put a price on.
    """
    store.stage_priced(tx, sorted(set(priced)))
    billed = store.count_usage(tx, "usage_billed")
    within = store.count_usage(tx, "usage_in_billed_time")
    unpriced = store.count_usage(tx, "unpriced_bands")
    found = {"billed": billed - unpriced, "band_not_priced": unpriced, "too_late": within - billed}
    return {k: v for k, v in (found | store.count_elsewhere(tx)).items() if v}
