"""/v1/verify: the proof that journal = books = invoices = usage, checked from the rows themselves.

A proof reads everything there is and takes as long as there is much: one at a time and no longer than it is
given. What was not checked in that time is told, and can be asked for by itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import psycopg
from msgspec import Meta

from everycent.api.operation import Asked, doing, reading
from everycent.api.shapes import (
    Body,
    Page,
    Paged,
    Query,
    Shown,
)
from everycent.app import wiring
from everycent.db.connection import Tx
from everycent.flows import verify as flow
from everycent.flows.verify import Promise
from everycent.kernel.errors import NotFound, Unavailable
from everycent.kernel.near import meant

_USUAL_SECONDS, _MOST_SECONDS = 60, 600
_MOST_VIOLATORS = 1_000
_SECOND, _MILLISECOND = 1_000_000_000, 1_000_000
_under_way = threading.Lock()


class Promised(Shown):
    """Something that holds at all times; its text is its name."""

    area: str
    promise: str


class PromiseCheck(Promised):
    """A promise that was checked. It holds where there are no violators."""

    violators: Annotated[list[str], Meta(description="Who violates it, a thousand at most.")]
    figures: Annotated[dict[str, int], Meta(description="How many were looked at, and such.")]
    milliseconds: int


class Verified(Shown):
    """What was checked; `holds` where nothing is violated, and `is_whole` where all was checked that was
    asked for."""

    holds: bool
    is_whole: bool
    checks: list[PromiseCheck]
    left: Annotated[list[Promised], Meta(description="What was not checked in the time given.")]


class WantedProof(Body):
    """What is to be checked: all promises, or some."""

    promises: (
        Annotated[
            list[Annotated[str, Meta(max_length=200)]],
            Meta(max_length=200, description="Only these, by their texts."),
        ]
        | None
    ) = None
    replay: Annotated[
        bool, Meta(description="Also rebuild every table from the journal and compare.")
    ] = False
    recount_percent: Annotated[
        int,
        Meta(ge=0, le=100, description="Count so many invoices again with the second engine."),
    ] = 0
    seconds: Annotated[
        int, Meta(ge=1, le=_MOST_SECONDS, description="How long it may take, about.")
    ] = _USUAL_SECONDS


def list_promises(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, str]]:
    """The promises that can be checked, in the order in which they are."""
    found = flow.promises(tx, trusted_key=None, with_replay=True, recount_percent=100)
    return asked.part([_named(one) for one in found], lambda last: last["promise"])


def verify(asked: Asked[Query, WantedProof]) -> dict[str, Any]:
    """Proves that journal = books = invoices = usage, as of one instant, and names whatever violates a
    promise. Nothing is changed. It takes a minute for a few hundred thousand invoices, and is given
    `seconds`: `left` is what it did not come to, to be asked for by itself with `promises`. Files of the
    archive are not read (`everycent verify --archives` does), and only one proof is made at a time."""
    wanted, app = asked.body, asked.app
    trusted = wiring.known_public_key(app.settings)
    ends_at = time.monotonic_ns() + wanted.seconds * _SECOND
    checks, left = [], []
    with _alone(), app.database.snapshot(asked.who.tenant_id) as tx:
        tx.sort_in_memory()
        every = flow.promises(
            tx,
            trusted_key=trusted,
            with_replay=wanted.replay or wanted.promises is not None,
            recount_percent=wanted.recount_percent or (100 if wanted.promises is not None else 0),
        )
        for one in _wanted(list(every), wanted.promises):
            began = time.monotonic_ns()
            found = (
                None if began >= ends_at else _checked(tx, one, (ends_at - began) // _SECOND + 1)
            )
            if found is None:
                left.append(_named(one))
                continue
            took = (time.monotonic_ns() - began) // _MILLISECOND
            checks.append(
                _named(one)
                | {
                    "violators": found.violators[:_MOST_VIOLATORS],
                    "figures": found.figures,
                    "milliseconds": took,
                }
            )
    return {
        "holds": not any(one["violators"] for one in checks),
        "is_whole": not left,
        "checks": checks,
        "left": left,
    }


OPERATIONS = [
    reading("/v1/verify", "books:read", list_promises, Page[Promised], Paged),
    doing("POST", "/v1/verify", "books:read", verify, Verified, WantedProof),
]


def _checked(tx: Tx, one: Promise, seconds: int) -> flow.Check | None:
    """None when the database took too long over it."""
    tx.give_up_after(seconds)
    try:
        with tx.savepoint():
            return one.check()
    except psycopg.errors.QueryCanceled:
        return None


def _wanted(every: list[Promise], names: list[str] | None) -> list[Promise]:
    """Raises NotFound `verify.no_such_promise`."""
    if names is None:
        return every
    known = {one.text for one in every}
    for name in names:
        if name not in known:
            raise NotFound(
                "verify.no_such_promise", f"nobody promised {name[:60]!r}", field="promises",
                value=name, hint=meant(name, known) or "GET /v1/verify lists the promises",
            )  # fmt: skip
    return [one for one in every if one.text in names]


def _named(one: Promise) -> dict[str, str]:
    return {"area": one.area, "promise": one.text}


@contextmanager
def _alone() -> Iterator[None]:
    """Raises Unavailable `server.busy_reading` while another proof is made."""
    if not _under_way.acquire(blocking=False):
        raise Unavailable(
            "server.busy_reading", "a proof is being made already", hint="ask again in a minute"
        )
    try:
        yield
    finally:
        _under_way.release()
