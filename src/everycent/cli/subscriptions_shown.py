"""How contracts are shown: one with its phases, changes and terms, or a list of them."""

from __future__ import annotations

from datetime import datetime

import click

from everycent.cli.common import emit, json_option, opened, table
from everycent.customers import queries as customers
from everycent.flows.proration_told import term_text
from everycent.kernel.calendar import local_date
from everycent.subscriptions import operations, queries
from everycent.subscriptions.clash import what
from everycent.subscriptions.folding import fold
from everycent.subscriptions.shown import as_data
from everycent.subscriptions.subscription import Phase, Subscription
from everycent.subscriptions.timeline import OF, Cancel, Pause, Resume, in_order


def _until(found: Subscription) -> str:
    """The first day on which it is over, or since when it is paused."""
    paused = None
    for change in in_order(found.changes):
        if isinstance(change.action, Pause):
            paused = change
        elif isinstance(change.action, Resume | Cancel):
            paused = None
    if paused is None:
        return str(found.ends_on or "")
    return f"paused from {local_date(paused.effective_at, found.time_zone)}"


@click.command()
@click.argument("key")
@json_option
def show(key: str, as_json: bool) -> None:
    """The subscription KEY with all its phases and changes, past and planned."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = operations.get(tx, key)
    tell(found, as_json)


@click.command("list")
@click.option("--customer")
@click.option("--after", default="", help="Begin after this key.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(min=1))
@json_option
def list_(customer: str | None, after: str, limit: int, as_json: bool) -> None:
    """List subscriptions by key."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        customer_id = customers.by_name(tx, customer).customer_id if customer else None
        found = queries.listed(tx, customer_id=customer_id, after=after, limit=limit)
    emit(
        [as_data(each) for each in found],
        as_json,
        lambda: table(
            ["key", "plan", "subject", "from", "until"],
            [
                [s.key, plans(s), s.subject, str(s.starts_on),
                 _until(s)]
                for s in found
            ],
        ),
    )  # fmt: skip


def tell(found: Subscription, as_json: bool) -> None:
    """Prints a contract with its phases, changes and terms."""
    emit(as_data(found), as_json, lambda: _show(found))


def _show(found: Subscription) -> None:
    click.echo(f"{found.key}: usage of {found.subject}, {found.currency}, {found.time_zone}")
    table(
        ["phase", "plan", "of it", "from", "until", "trial until"],
        [
            [str(p.phase_no), f"{p.plan_key} v{p.plan_version}", _part(p), _local(found, p.starts_at),
             _local(found, p.ends_at), _local(found, p.trial_until)]
            for p in found.phases
            if p.takes_place
        ],
    )  # fmt: skip
    table(
        ["change", "what", "from"],
        [
            [str(c.change_no), what(c.action), _local(found, c.effective_at)]
            for c in in_order(found.changes)
        ],
    )
    _show_terms(found)


def _show_terms(found: Subscription) -> None:
    """The terms that were agreed, if any were."""
    by_track = fold(found.changes, found.time_zone).bounds
    rows = [
        [str(bound.change_no), track, str(bound.boundary(0)), str(bound.boundary(1)),
         str(bound.until or ""), term_text(bound.rule)]
        for track, bounds in sorted(by_track.items())
        for bound in bounds
    ]  # fmt: skip
    if rows:
        table(["change", "of", "term from", "first until", "none after", "~agreed"], rows)


def _part(phase: Phase) -> str:
    """The price that a phase is about and how much is agreed of it, and the name of an add-on."""
    name, _, price = phase.track.partition(OF)
    quantity = phase.items[0].quantity if phase.items else None
    told = price if quantity is None else f"{quantity} × {price}"
    own = "" if price else ", ".join(f"own {key}" for key in phase.own_prices)
    if name and name != phase.plan_key:
        told = f"{name}: {told}" if told else name
    return ", ".join(filter(None, (told, own)))


def _local(found: Subscription, at: datetime | None) -> str:
    return "" if at is None else str(local_date(at, found.time_zone))


def plans(found: Subscription) -> str:
    """The plans of the contract in their order, each once."""
    told = [f"{p.plan_key} v{p.plan_version}" for p in found.phases if p.takes_place]
    return ", ".join(dict.fromkeys(told))
