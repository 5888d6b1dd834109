"""Collection runs as programs get them, on the command line and over HTTP."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from everycent.charging.collectable import Candidate, reason_against
from everycent.charging.run import Progress, Run
from everycent.kernel import ids
from everycent.kernel.money import Money, plain
from everycent.kernel.period import instant_text


def run_data(run: Run, done: Progress) -> dict[str, Any]:
    """A run, and how far it is."""
    return {
        "run_id": ids.show(ids.RUN, run.run_id),
        "kind": run.kind.value,
        "due_by": run.due_by.isoformat(),
        "state": run.state,
        "started_at": instant_text(run.started_at),
        "finished_at": None if run.finished_at is None else instant_text(run.finished_at),
        "invoices": done.total,
        "through": done.through,
        "states": done.states,
        "outcomes": done.outcomes,
    }


def list_data(listed: Sequence[Candidate], at: datetime, names: Iterable[str]) -> dict[str, Any]:
    """What a run's invoices come to: what is charged now by which provider, what is not and why, and a
    digest over all of them."""
    known = frozenset(names)
    whys = [reason_against(one, at, known) for one in listed]
    totals: Counter[tuple[str, str, str]] = Counter()
    counts: Counter[tuple[str, str, str]] = Counter()
    found = hashlib.sha256()
    for one, why in zip(listed, whys, strict=True):
        provider = one.method.provider if one.method is not None and why is None else ""
        group = (why or "", provider, one.currency)
        totals[group] += one.due
        counts[group] += 1
        method = one.method.method_id if one.method is not None else ""
        found.update(f"{one.invoice} {one.currency} {one.due} {why} {method}\n".encode())
    sums = [
        {
            "provider": provider or None, "why": why or None, "currency": currency,
            "invoices": counts[why, provider, currency], "amount": plain(Money(minor, currency)),
        }
        for (why, provider, currency), minor in sorted(totals.items())
    ]  # fmt: skip
    return {"sums": sums, "digest": found.hexdigest()}
