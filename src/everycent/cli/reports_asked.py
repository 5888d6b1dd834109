"""everycent report events, usage, chart, resources: what sub-services say right now."""

from __future__ import annotations

import click
import msgspec

from everycent.app import reporting
from everycent.cli.common import emit, json_option, opened, suggested, table
from everycent.flows import ask_services
from everycent.flows.report_told import behind_data
from everycent.kernel.period import Period, parse_instant
from everycent.kernel.period import period as checked
from everycent.kernel.quantity import shown
from everycent.reports import config as configs

_BAR = 40


@click.command()
@click.argument("period")
@click.argument("service")
@click.option("--customer", required=True, metavar="KEY")
@click.option("--item", required=True)
@json_option
def events(period: str, service: str, customer: str, item: str, as_json: bool) -> None:
    """Show the raw events behind what the report of PERIOD bills a customer for an item of SERVICE. They
    have to come to what the report says; exits with 3 where they don't any more."""
    with opened() as (app, tenant_id):
        found = ask_services.events(reporting.desk(app, tenant_id), period, service, customer, item)
    data = behind_data(found)

    def render() -> None:
        table(
            ["when", "event", "~resource", ">quantity", "unit"],
            [
                [one.at, one.event, one.resource, shown(one.quantity), one.unit]
                for one in found.events
            ],
        )
        if found.found == found.told:
            click.echo(f"together {shown(found.found)}, which is what the report says was used")
            return
        again = suggested(f"`everycent report compare {period}`")
        click.secho(
            f"together {shown(found.found)}, but the report says that {shown(found.told)} was used:"
            f" {service} says something else by now; {again} shows which lines differ",
            fg="yellow",
        )

    emit(data, as_json, render)
    if found.found != found.told:
        raise SystemExit(3)


@click.command()
@click.option("--customer", required=True, metavar="KEY")
@json_option
def usage(customer: str, as_json: bool) -> None:
    """Show what a customer has used in the month that runs, of every sub-service."""
    with opened() as (app, tenant_id):
        desk = reporting.desk(app, tenant_id)
        found = ask_services.usage(desk, ask_services.active(desk), customer)
    rows = [
        [
            one.service, used.resource, used.item, shown(used.used), shown(used.included),
            shown(used.billable), used.unit,
        ]
        for one in found
        for used in one.usage
    ]  # fmt: skip
    columns = ["sub-service", "~resource", "item", ">used", ">included", ">billable", "unit"]
    emit(msgspec.to_builtins(found), as_json, lambda: table(columns, rows))


@click.command()
@click.argument("service")
@click.option("--item", required=True)
@click.option("--from", "from_", required=True, help="Such as 2026-01-01T00:00:00Z.")
@click.option("--to", required=True)
@click.option(
    "--step", type=click.Choice(["hour", "day", "month"]), default="day", show_default=True
)
@click.option("--customer", metavar="KEY")
@click.option("--resource", metavar="NAME")
@json_option
def chart(
    service: str,
    item: str,
    from_: str,
    to: str,
    step: str,
    customer: str | None,
    resource: str | None,
    as_json: bool,
) -> None:
    """Show use of an item of SERVICE over time."""
    narrow = {"customer": customer, "resource": resource}
    with opened() as (app, tenant_id):
        desk = reporting.desk(app, tenant_id)
        found = ask_services.chart(
            desk, ask_services.service_of(ask_services.active(desk), service), item,
            _span(from_, to), step, {name: text for name, text in narrow.items() if text},
        )  # fmt: skip
    most = max((float(point.used) for point in found.points), default=0.0)
    rows = [
        [
            point.at, shown(point.used),
            "█" * round(_BAR * float(point.used) / most) if most else "",
        ]
        for point in found.points
    ]  # fmt: skip
    columns = ["from", f">{item} ({found.unit})", ""]
    emit(msgspec.to_builtins(found), as_json, lambda: table(columns, rows))


@click.command()
@click.argument("period")
@click.argument("service")
@json_option
def resources(period: str, service: str, as_json: bool) -> None:
    """List what SERVICE has for customers in PERIOD."""
    with opened() as (app, tenant_id):
        desk = reporting.desk(app, tenant_id)
        config = ask_services.active(desk)
        span = configs.period_of(config, period)
        found = ask_services.resources(desk, ask_services.service_of(config, service), span)
    rows = [
        [one.resource, one.kind, one.name, one.customer, one.since, one.until or ""]
        for one in found
    ]
    columns = ["~resource", "kind", "~name", "~customer", "since", "until"]
    emit(msgspec.to_builtins(found), as_json, lambda: table(columns, rows))


def _span(from_: str, to: str) -> Period:
    return checked(parse_instant(from_, "from"), parse_instant(to, "to"))
