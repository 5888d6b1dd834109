"""Proofs about reports, each naming its violators; nothing named is good."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

from everycent.db.connection import Tx
from everycent.reports import store
from everycent.reports.contract import Line, digest_of

COMPLETE = "every report has every part of its configuration, and every line that its parts say"
AS_TOLD = "every line of a report is as the sub-service told it"
CHECKS = (COMPLETE, AS_TOLD)
_MOST = 100


def violations(tx: Tx, check: str) -> list[str]:
    """The violators of one of `CHECKS`, at most a hundred."""
    if check == COMPLETE:
        return store.list_violations(tx, "incomplete")
    return list(_changed(tx))[:_MOST]


def _changed(tx: Tx) -> Iterator[str]:
    """Parts whose lines have another digest than they had."""
    told = store.part_digests(tx)
    seen: set[tuple[str, str]] = set()
    rows: Iterator[Any] = store.part_lines(tx)
    for key, lines in groupby(rows, key=itemgetter(0, 1)):
        seen.add(key)
        found: list[Line] = [line for _, _, line in lines]
        if told.get(key) != (len(found), digest_of(found)):
            yield f"{key[0]} {key[1]}"
    for key, (count, _) in told.items():
        if count and key not in seen:
            yield f"{key[0]} {key[1]}"
