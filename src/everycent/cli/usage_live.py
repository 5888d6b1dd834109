"""everycent usage running | chart | reasons: what is used and owed at present, and what is not billed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from everycent.app.wiring import App
from everycent.cli.common import emit, instant, json_option, opened, past_instant, suggested, table
from everycent.consumption.slots import By, Chart, name_of, total_of
from everycent.customers import queries as customers
from everycent.flows import chart as charts
from everycent.flows import outstanding as flow
from everycent.flows import reasons as accounts
from everycent.flows.running import Line, Running
from everycent.flows.saying import span_text
from everycent.flows.unseen import Unseen
from everycent.integrations import reasons_page, usage_bars, usage_chart
from everycent.invoicing.reasons import Accounted
from everycent.kernel.calendar import add_months, local_date
from everycent.kernel.errors import Invalid
from everycent.kernel.money import Money, plain
from everycent.kernel.period import instant_text


def add_to(group: click.Group) -> None:
    """Puts the commands of this module into the group `usage`."""
    for command in (running, chart, reasons):
        group.add_command(command)


def warn(found: Sequence[Unseen]) -> None:
    """Says on stderr what was asked for and was never recorded: it may be a typo."""
    for one in found:
        click.secho(f"everycent: {one.message}", err=True, fg="yellow")


@click.command()
@click.argument("customer")
@click.option("--subscription", "key", help="Only this one of the customer's subscriptions.")
@click.option("--at", help="As of this instant or date of the past; now when not given.")
@json_option
def running(customer: str, key: str | None, at: str | None, as_json: bool) -> None:
    """Show what CUSTOMER has used and would owe: every period that has begun and is not billed.

    Everything that was acknowledged counts at once. It is no invoice: a running period may change.
    """
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = customers.by_name(tx, customer)
        now = app.clock()
        as_of = past_instant(at, found.time_zone, now, "at")
        answer = flow.of_customer(tx, found, as_of, key=key, is_now=at is None)
        silent = flow.unseen_in(tx, answer)
    data = flow.as_data(answer, found.key, silent)
    warn(silent)
    emit(data, as_json, lambda: _show_running(answer, data, found.time_zone))


def _show_running(answer: Running, data: dict[str, Any], zone: str) -> None:
    rows = [
        (
            line.subscription,
            line.charge.price.key,
            span_text(line.period.start, line.period.end, zone),
            _state(answer, line),
            "" if line.charge.quantity is None
            else f"{line.charge.quantity.value} {line.charge.quantity.unit}",
            f"{line.records:,}" if line.charge.quantity is not None else "",
            f"{plain(Money(line.net, line.currency))} {line.currency}",
        )
        for line in answer.lines
    ]  # fmt: skip
    columns = ("subscription", "price", "period", "state", ">quantity", ">records", ">net so far")
    table(columns, rows, f"{data['customer']} as of {data['as_of']}")
    for total in data["totals"]:
        click.secho(f"not billed yet: {total['net']} {total['currency']}, net of taxes", bold=True)
    for one in answer.refused:
        refusal = one.refusal
        click.secho(
            f"{one.subscription} can't be rated: {refusal.message} [{refusal.code}]", fg="yellow"
        )
    click.echo(data["note"])


def _state(answer: Running, line: Line) -> str:
    payer = answer.others.get(line.payer_id)
    return line.state.value if payer is None else f"{line.state.value}, {payer} pays"


@click.command()
@click.argument("subject")
@click.argument("meter")
@click.option("--by", type=click.Choice([by.value for by in By]), default=By.DAY.value,
              show_default=True, help="How long a bar is.")  # fmt: skip
@click.option("--from", "from_", help="First instant or date; a month ago when not given.")
@click.option("--to", help="End, not included, as an instant or a date; now when not given.")
@click.option("--dimension", help="Split by the values of this dimension: eight, and the rest.")
@click.option("--zone", help="Whose clock; that of the subject's contract when not given.")
@click.option("--svg", type=click.Path(dir_okay=False), help="Write a picture to this file.")
@json_option
def chart(
    subject: str,
    meter: str,
    by: str,
    from_: str | None,
    to: str | None,
    dimension: str | None,
    zone: str | None,
    svg: str | None,
    as_json: bool,
) -> None:
    """Chart what SUBJECT used of METER by hour, day or month; bars, a picture, or numbers."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        clock = zone or charts.zone_of(tx, subject)
        end = instant(to, clock, app.clock(), "to")
        start = instant(from_, clock, _month_before(end), "from")
        wanted = charts.Wanted(subject, meter, By(by), start, end, dimension)
        found = charts.chart(tx, wanted, clock)
    if svg is not None:
        write_file(svg, usage_chart.svg(found.chart), "svg")
    warn(found.unseen)
    emit(charts.as_data(found), as_json, lambda: _show_chart(found.chart, svg))


def _month_before(end: datetime) -> datetime:
    day = add_months(local_date(end, "UTC"), -1)
    return end.replace(year=day.year, month=day.month, day=day.day)


def write_file(path: str, text: str, option: str) -> None:
    """Writes a file that an option names. Raises Invalid `file.unwritable`."""
    try:
        Path(path).write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise Invalid(
            "file.unwritable",
            f"{path} can't be written: {error.strerror}",
            field=option,
            hint="name another file",
        ) from error


def _show_chart(found: Chart, svg: str | None) -> None:
    total = total_of(found)
    added = "" if total is None else f"; {total:f} {found.unit} in all"
    click.echo(
        f"{found.meter} of {found.subject}, {found.what} per {found.by.value} in {found.unit},"
        f" on the clock of {found.time_zone}{added}"
    )
    if found.dimension is not None:
        for number, row in enumerate(found.rows, start=1):
            click.echo(f"  {number % 10} = {name_of(row, found.dimension)}")
    table((found.by.value, f">{found.unit}", ""), usage_bars.bars(found))
    if svg is not None:
        click.echo(f"the picture is in {svg}")


@click.command()
@click.option("--html", type=click.Path(dir_okay=False), help="Write a page to this file as well.")
@json_option
def reasons(html: str | None, as_json: bool) -> None:
    """Count every record by the reason why it is billed or not, and say what to do about it."""
    with opened() as (app, tenant_id):
        with app.database.snapshot(tenant_id) as tx:
            found = accounts.reasons(tx)
        if html is not None:
            write_file(html, _page(app, found), "html")
    emit(accounts.as_data(found), as_json, lambda: _show_reasons(found, html))


def _page(app: App, found: Accounted) -> str:
    as_of = instant_text(app.clock().replace(microsecond=0))
    return reasons_page.page(found, f"Usage of {app.settings.tenant}", as_of)


def _show_reasons(found: Accounted, html: str | None) -> None:
    rows = [
        (
            reason.code,
            f"{reason.records:,}",
            reasons_page.share_text(reason.records, found.records),
            reason.told.sentence,
            suggested(reason.told.advice),
        )
        for reason in found.stored
    ]
    table(("reason", ">records", ">share", "~why", "~what to do"), rows)
    click.echo(f"{found.records:,} records, each under exactly one reason")
    if found.records:
        click.echo(suggested("`everycent usage find --reason REASON` shows which records they are"))
    if found.archived:
        told = ", ".join(f"{reason.records:,} {reason.code}" for reason in found.archived)
        click.echo(f"of those in the archive, when their months were written: {told}")
    for reason in found.offered:
        click.echo(f"{reason.code}: {reason.records:,} not stored. {reason.told.sentence}")
    if found.rejected:
        columns = ("rejected with", "door", ">records", "first day", "last day")
        told_rows = [
            (row.code, row.door, f"{row.records:,}", str(row.first_day), str(row.last_day))
            for row in found.rejected
        ]
        table(columns, told_rows, "rejected at the door, each time it was offered")
        click.echo("what a code means: docs/reference/errors.md")
    if html is not None:
        click.echo(f"the page is in {html}")
