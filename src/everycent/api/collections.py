"""/v1/collections: runs that charge what is due: opened, watched, paused, resumed, aborted."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from msgspec import Meta

from everycent.api.operation import Asked, changing, reading
from everycent.api.parameters import at_or_now
from everycent.api.shapes import (
    Amount,
    Body,
    Currency,
    Instant,
    Name,
    Page,
    Paged,
    Query,
    Shown,
    Zone,
)
from everycent.app import providers
from everycent.charging import operations_runs as running
from everycent.charging import queries
from everycent.charging.run import ABORTED, OPEN, PAUSED, RunKind
from everycent.charging.shown import list_data, run_data
from everycent.db.connection import Tx
from everycent.flows.collect import start
from everycent.invoicing import queries as invoicing
from everycent.kernel.calendar import zone as known_zone

_READ, _WRITE = "payments:read", "payments:write"
_STATES = Literal["open", "paused", "aborted", "finished"]


class Collection(Shown):
    """A run that charges what is due, and how far it is."""

    run_id: str
    kind: RunKind
    due_by: date
    state: _STATES
    started_at: datetime
    finished_at: datetime | None
    invoices: Annotated[int, Meta(description="How many it has.")]
    through: Annotated[int, Meta(description="With how many of them it is through.")]
    states: Annotated[dict[str, int], Meta(description="How many are in which state.")]
    outcomes: Annotated[
        dict[str, int], Meta(description="What became of those it is through with.")
    ]


class LeftOut(Shown):
    """An invoice that was asked for and is not on a run's list, and why in a word."""

    invoice: str
    why: str


class CollectionSum(Shown):
    """What some of its invoices come to: those that a provider charges, or that nothing is charged of now
    and why, in a word."""

    provider: str | None
    why: str | None
    currency: Currency
    invoices: int
    amount: Annotated[
        Amount, Meta(description="What is due; credit that customers have pays of it first.")
    ]


class OpenedCollection(Collection):
    """A run that was opened, what it comes to, and what of the invoices that were asked for it leaves
    out."""

    sums: list[CollectionSum]
    digest: Annotated[str, Meta(description="Stands for its invoices, amounts and methods.")]
    left_out: list[LeftOut]


class NewCollection(Body):
    """What is to be charged."""

    due_by: Annotated[
        Instant | None, Meta(description="What is due by this day; by today when left out.")
    ] = None
    zone: Annotated[Zone, Meta(description="Whose day it is.")] = "UTC"
    invoices: (
        Annotated[
            list[Name],
            Meta(min_length=1, max_length=1000, description="These alone, where they are due."),
        ]
        | None
    ) = None


class Wanted(Paged):
    """Which runs are wanted."""

    state: Annotated[
        Literal["going", "over"] | None, Meta(description="Those that go on or rest, or are over.")
    ] = None


def list_collections(tx: Tx, asked: Asked[Wanted, None]) -> Page[dict[str, Any]]:
    """Runs that charge what is due, the newest first, each with how far it is."""
    wanted = asked.query
    before = None if wanted.after is None else queries.run(tx, wanted.after).run_id
    is_open = None if wanted.state is None else wanted.state == "going"
    found = queries.runs(tx, wanted.size + 1, is_open=is_open, before=before)
    told = [run_data(one, queries.progress(tx, one.run_id)) for one in found]
    return asked.page(told, lambda last: str(last["run_id"]))


def get_collection(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """One run, and how far it is."""
    found = queries.run(tx, asked.path["run"])
    return run_data(found, queries.progress(tx, found.run_id))


def start_collection(tx: Tx, asked: Asked[Query, NewCollection]) -> dict[str, Any]:
    """Opens a run of all that is due, or of some invoices alone. `everycent work` charges what is on its
    list; nothing is charged twice, however many runs there are."""
    wanted = asked.body
    known_zone(wanted.zone)
    until = at_or_now(wanted.due_by, wanted.zone, asked.now, "due_by")
    invoices = None
    if wanted.invoices is not None:
        invoices = [invoicing.invoice(tx, name).invoice.invoice_id for name in wanted.invoices]
    known = providers.entries(asked.app.settings)
    names = frozenset(name for name, told in known.items() if told.get("kind") != providers.SEPA)
    run = start.opened(
        tx, due_by=until, time_zone=wanted.zone, invoices=invoices, names=names, at=asked.now,
        ids=asked.app.ids,
    )  # fmt: skip
    left = queries.left_out(tx, run, invoices or [], asked.now, names)
    told = run_data(run, queries.progress(tx, run.run_id))
    told |= list_data(queries.work_list(tx, run), asked.now, names)
    return told | {"left_out": [one._asdict() for one in left]}


def _effect_of(told: dict[str, Any]) -> dict[str, Any]:
    """What of an opened run tells what it would do."""
    return {name: told[name] for name in ("due_by", "sums", "digest", "left_out")}


def pause_collection(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """Begins nothing new of a run. What is under way comes to its end; another run may charge the same
    invoices."""
    return _switched(tx, asked, PAUSED)


def resume_collection(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """Lets a run that was paused go on."""
    return _switched(tx, asked, OPEN)


def abort_collection(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """Ends a run. What waits is not charged, what is under way comes to its end."""
    return _switched(tx, asked, ABORTED)


OPERATIONS = [
    reading("/v1/collections", _READ, list_collections, Page[Collection], Wanted),
    changing(
        "POST",
        "/v1/collections",
        _WRITE,
        start_collection,
        OpenedCollection,
        NewCollection,
        status=201,
        is_planned=True,
        told_effect=_effect_of,
    ),
    reading("/v1/collections/{run}", _READ, get_collection, Collection),
    changing("POST", "/v1/collections/{run}/pause", _WRITE, pause_collection, Collection),
    changing("POST", "/v1/collections/{run}/resume", _WRITE, resume_collection, Collection),
    changing("POST", "/v1/collections/{run}/abort", _WRITE, abort_collection, Collection),
]


def _switched(tx: Tx, asked: Asked[Query, None], to: str) -> dict[str, Any]:
    found = running.switch_run(tx, queries.run(tx, asked.path["run"]), to, asked.now)
    return run_data(found, queries.progress(tx, found.run_id))
