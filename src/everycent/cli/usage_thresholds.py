"""everycent usage threshold: values of usage or cost that are told once in every billing period."""

from __future__ import annotations

import click

from everycent.app.wiring import App
from everycent.cli.common import emit, json_option, opened, table
from everycent.customers import queries as customers
from everycent.flows import watch as flow
from everycent.kernel.errors import Invalid
from everycent.kernel.period import instant_text
from everycent.watching import operations
from everycent.watching.operations import Writing
from everycent.watching.threshold import Threshold, checked

_SHOWN = 1000


def writing(app: App) -> Writing:
    """The arguments of everything that writes, as of now."""
    now = app.clock()
    return {"at": now, "recorded_at": now, "actor": app.settings.actor, "ids": app.ids}


@click.group()
def threshold() -> None:
    """Values of usage or cost that are told once in every billing period."""


@threshold.command("set")
@click.argument("key")
@click.option("--customer", help="Watch everything that this customer has subscribed to.")
@click.option("--subject", help="Watch this subject.")
@click.option("--meter", help="The usage of this meter of the catalogue, raw or derived.")
@click.option("--cost", is_flag=True, help="The running cost, net of taxes.")
@click.option("--value", required=True, help="In the meter's unit, or the customer's currency.")
@json_option
def set_(
    key: str,
    customer: str | None,
    subject: str | None,
    meter: str | None,
    cost: bool,
    value: str,
    as_json: bool,
) -> None:
    """Set the threshold KEY, or set it anew: it may then be crossed anew."""
    if cost == (meter is not None):
        raise Invalid(
            "threshold.bad_measure",
            "a threshold watches either a meter or the cost",
            field="meter",
            hint="give --meter METER or --cost",
        )
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        owner = None if customer is None else customers.by_name(tx, customer).customer_id
        made = flow.define(tx, checked(key, value, meter, subject, owner), writing(app))
        names = flow.customer_names(tx, [made])
    emit(
        flow.threshold_data(made, names),
        as_json,
        lambda: click.echo(
            f"{made.key}: {_measure_text(made)} of {flow.owner_text(made, names)} at {made.value}"
        ),
    )


def _measure_text(made: Threshold) -> str:
    return "cost" if made.meter is None else made.meter


@threshold.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List thresholds and when they were crossed last."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = flow.listed(tx)
    newest = {one.key: one for one in reversed(found.crossings)}
    rows = [
        (
            made.key,
            flow.owner_text(made, found.names),
            _measure_text(made),
            made.value,
            instant_text(newest[made.key].as_of) if made.key in newest else "",
        )
        for made in found.thresholds
    ]
    columns = ("threshold", "watches", "meter", ">value", "crossed last")
    emit(flow.as_data(found), as_json, lambda: table(columns, rows))


@threshold.command()
@click.argument("key")
@json_option
def remove(key: str, as_json: bool) -> None:
    """Watch the threshold KEY no longer."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        operations.remove_threshold(tx, key, **writing(app))
    emit({"key": key, "is_removed": True}, as_json, lambda: click.echo(f"{key} is removed"))
