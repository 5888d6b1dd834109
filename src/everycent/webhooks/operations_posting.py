"""Read the journal on for endpoints, take deliveries up, write down what they came to, and send again.

    journal ──take_in──► waiting ──claim──► in somebody's hand ──record──► delivered, failed, or waiting

Nothing is sent here: whoever took something up sends it between two transactions.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from everycent.db.connection import Tx
from everycent.journal import queries as events
from everycent.journal.event import Cursor
from everycent.kernel.errors import Invalid
from everycent.webhooks import course, queries, store
from everycent.webhooks import endpoint as endpoints
from everycent.webhooks.course import GIVEN_UP_AFTER, GONE, IN_A_ROW, Answer
from everycent.webhooks.endpoint import Disabled, Endpoint
from everycent.webhooks.numbering import place_of, take
from everycent.webhooks.operations import Writer, locked, switch_off
from everycent.webhooks.posting import Told

WINDOW = 10_000
"""How many deliveries of an endpoint are on their way at most; the rest stays in the journal."""
MOST_AT_ONCE = 10_000
"""How many are sent again at most by one order."""
_SCAN = 2_000


class Claimed(NamedTuple):
    """A delivery in our hand, the `claims`-th time that somebody takes it up."""

    endpoint: Endpoint
    told: Told
    claims: int
    sealed: tuple[bytes, ...]


def take_in(tx: Tx, endpoint_id: UUID, at: datetime, *, window: int = WINDOW) -> int:
    """Reads the journal on for an endpoint, which is enabled: numbers what it wants, to be sent from now
    on. Returns how many events it read; 0: there are none, or enough are on their way."""
    progress = store.lock_progress(tx, endpoint_id)
    known = store.get_endpoint(tx, endpoint_id)
    room = window - store.count_waiting(tx, endpoint_id)
    if known.disabled is not None or room <= 0:
        return 0
    before = Cursor(progress.epoch, progress.xid, progress.seq)
    fence = events.fence(tx)  # before reading: nothing below it can appear between the two
    headings = events.headings(tx, before, _SCAN)
    taken = take(before, progress.number, known.types, headings, room)
    is_all = len(headings) < _SCAN and (not headings or taken.cursor == place_of(headings[-1]))
    if is_all and queries.is_far_behind(taken.cursor, fence):
        taken = taken._replace(cursor=fence)
    if taken.cursor == before:
        return 0
    if taken.wanted:
        store.put_deliveries(tx, endpoint_id, taken.wanted, at)
    for mark in taken.marks:
        store.put_mark(tx, endpoint_id, mark)
    store.move_progress(tx, endpoint_id, taken.cursor, taken.number)
    if taken.wanted:
        store.prune(tx, endpoint_id)
    return len(headings)


def claim(tx: Tx, *, at: datetime, lease: timedelta, at_once: int, limit: int) -> list[Claimed]:
    """Takes up deliveries whose time has come, which nobody else gets until the lease is over; `at_once` of
    one endpoint."""
    rows = store.claim(tx, at, lease, at_once, limit)
    if not rows:
        return []
    known = {one: store.get_endpoint(tx, one) for one in {row.endpoint_id for row in rows}}
    sealed = _signing(tx, list(known.values()), at)
    found = []
    for row in sorted(rows, key=lambda row: (row.endpoint_id, row.number)):
        endpoint = known[row.endpoint_id]
        told = _told(events.event(tx, row.event_id), row.number, with_payload=endpoint.with_payload)
        found.append(Claimed(endpoint, told, row.claims, sealed[row.endpoint_id]))
    return found


def to_test(tx: Tx, key: str, at: datetime) -> tuple[Endpoint, tuple[bytes, ...]]:
    """An endpoint with the sealed secrets that sign now. Raises NotFound `webhook.unknown`."""
    endpoint = queries.by_key(tx, key).endpoint
    return endpoint, _signing(tx, [endpoint], at)[endpoint.endpoint_id]


def _signing(tx: Tx, known: Sequence[Endpoint], at: datetime) -> dict[UUID, tuple[bytes, ...]]:
    """The sealed secrets with which each endpoint signs now."""
    kept: dict[UUID, dict[str, bytes]] = {one.endpoint_id: {} for one in known}
    for endpoint_id, fingerprint, secret in store.list_secrets(tx, list(kept)):
        kept[endpoint_id][fingerprint] = secret
    return {
        one.endpoint_id: tuple(
            kept[one.endpoint_id][signing.fingerprint]
            for signing in endpoints.live(one.signing, at)
            if signing.fingerprint in kept[one.endpoint_id]
        )
        for one in known
    }


def record(tx: Tx, done: Claimed, answer: Answer, chance: int, writer: Writer) -> str:
    """Writes down what a try came to: `delivered`, `waiting` or `failed`; `elsewhere` where somebody else
    has taken it up since, who says it. An endpoint that is gone, or that failed for days, is disabled."""
    endpoint_id, number = done.endpoint.endpoint_id, done.told.number
    progress = store.lock_progress(tx, endpoint_id)
    before = store.lock_delivery(tx, endpoint_id, number, done.claims)
    if before is None:
        return "elsewhere"
    tries, at = before + 1, writer.at
    failures = course.in_a_row(answer, tries, progress.failures)
    following = course.after(answer, tries, failures, at, chance)
    store.set_delivery(
        tx, endpoint_id, number, status=following.status.value, tries=tries,
        next_at=following.next_at, answered=answer.status, reason=course.told(answer), at=at,
    )  # fmt: skip
    if answer.is_taken:
        store.set_health(tx, endpoint_id, succeeded_at=at, is_troubled=False)
        if progress.failures >= IN_A_ROW:
            store.hurry(tx, endpoint_id, at)
        return following.status.value
    since = progress.failing_since or at
    why = None
    if answer.status == GONE:
        why = Disabled.GONE
    elif at - since >= GIVEN_UP_AFTER:
        why = Disabled.FAILING
    known = store.get_endpoint(tx, endpoint_id)
    is_ended = why is not None and known.disabled is None and known.url == done.endpoint.url
    if why is not None and is_ended:
        switch_off(tx, known, why, course.told(answer), writer)
    store.set_health(
        tx, endpoint_id, failures=failures, failing_since=since, rests_until=following.rests_until,
        succeeded_at=progress.succeeded_at, is_troubled=progress.is_troubled or is_ended,
    )  # fmt: skip
    return following.status.value


def replay(tx: Tx, key: str, first: int, last: int, at: datetime) -> int:
    """Sends the events numbered `first` to `last` again, under the ids that they had, in their order.
    Returns how many. Raises NotFound `webhook.unknown`, Invalid `webhook.bad_range`."""
    known, progress = locked(tx, key)
    if not 1 <= first <= last <= progress.number or last - first >= MOST_AT_ONCE:
        raise Invalid(
            "webhook.bad_range",
            f"{first} to {last} can't be sent again",
            field="from",
            value=first,
            hint=f"it was told 1 to {progress.number}; up to {MOST_AT_ONCE:,} at a time",
        )
    wanted = queries.numbered_events(tx, known.endpoint_id, first, last - first + 1)
    store.put_deliveries(tx, known.endpoint_id, wanted, at)
    return len(wanted)


def _told(row: Any, number: int, *, with_payload: bool) -> Told:
    is_whole = with_payload and endpoints.may_be_whole(row.type)
    return Told(
        number, row.event_id, row.stream, row.version, row.type, row.at, row.recorded_at,
        row.payload if is_whole else None,
    )  # fmt: skip
