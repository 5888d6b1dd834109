"""Proofs about webhooks, each naming its violators; nothing named is good."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from everycent.db.connection import Tx
from everycent.webhooks import queries, store
from everycent.webhooks.numbering import Mark, place_of

FINAL = "no webhook endpoint has read beyond what is final in the journal"
NUMBERED = "every webhook tells an event that its endpoint wants, numbered in order without a gap"
SEALED = "every webhook endpoint signs with the secrets that the journal tells of"
CHECKS = (FINAL, NUMBERED, SEALED)
_MOST = 100


def violations(tx: Tx, promise: str) -> list[str]:
    """The violators of one of `CHECKS`, at most a hundred."""
    if promise == FINAL:
        return store.list_beyond_the_fence(tx)
    if promise == SEALED:
        return false_secrets(tx)
    return false_numbers(tx)


def false_secrets(tx: Tx) -> list[str]:
    """Endpoints with another set of secrets than the journal says."""
    known = [one for one, _ in store.list_endpoints(tx)]
    kept: dict[Any, set[str]] = {one.endpoint_id: set() for one in known}
    for endpoint_id, fingerprint, _ in store.list_secrets(tx, list(kept)):
        kept[endpoint_id].add(fingerprint)
    return [
        one.key
        for one in known
        if kept[one.endpoint_id] != {signing.fingerprint for signing in one.signing}
    ][:_MOST]


def false_numbers(tx: Tx) -> list[str]:
    """Deliveries, marks and endpoints whose number is not the one that counting comes to."""
    found: list[str] = []
    for standing in queries.listed(tx):
        found += list(_false_numbers_of(tx, standing))
        if len(found) >= _MOST:
            break
    return found[:_MOST]


def _false_numbers_of(tx: Tx, standing: queries.Standing) -> Iterator[str]:
    key, endpoint_id = standing.endpoint.key, standing.endpoint.endpoint_id
    kept = {
        one.number: (one.event_id, one.stream, one.type)
        for one in queries.deliveries(tx, key, limit=2**62)
    }
    marks = store.list_marks(tx, endpoint_id, 1)
    last = 0
    for number, row in queries.every_numbered(tx, endpoint_id):
        place = place_of(row)
        while marks and marks[0].cursor < place:
            yield from _false_mark(key, marks.pop(0), last)
        last = number
        told = kept.pop(number, None)
        if told is not None and told != (row.event_id, row.stream, row.type):
            yield f"{key} number {number} is not what the journal says"
    for mark in marks:
        yield from _false_mark(key, mark, last)
    if last != standing.number:
        yield f"{key} has come to number {standing.number}, the journal to {last}"
    yield from (f"{key} number {number} is no event that it wants" for number in sorted(kept))


def _false_mark(key: str, mark: Mark, number: int) -> Iterator[str]:
    if mark.number != number:
        yield f"{key} counts on from {mark.number} where it is {number}"
