"""everycent entitlement check | list: whether a customer may use a feature, what is left of it, and why."""

from __future__ import annotations

import click

from everycent.cli.common import emit, instant, json_option, opened, table
from everycent.customers import queries as customers
from everycent.entitlements.answer import Answer
from everycent.entitlements.shown import as_data
from everycent.flows import entitled as flow
from everycent.flows.entitled import When, Who
from everycent.kernel.period import instant_text
from everycent.kernel.quantity import parse_decimal, plain

_at = click.option("--at", help="As of this instant or date; now when not given.")
_subscription = click.option(
    "--subscription", "key", help="By this one of the customer's subscriptions only."
)


@click.group()
def entitlement() -> None:
    """What customers may use, and how much of it is left."""


@entitlement.command()
@click.argument("customer")
@click.argument("feature")
@click.option("--amount", help="Whether so much more may be used; of a limit: so many in all.")
@_subscription
@_at
@json_option
def check(
    customer: str, feature: str, amount: str | None, key: str | None, at: str | None, as_json: bool
) -> None:
    """Say whether CUSTOMER may use FEATURE, and why. Ends with exit code 3 when not."""
    wanted = None if amount is None else parse_decimal(amount, "amount")
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        owner, now = customers.by_name(tx, customer), app.clock()
        as_of = instant(at, owner.time_zone, now, "at")
        answer = flow.check(tx, Who(owner, key), feature, When(as_of, as_of >= now), wanted)
    emit(as_data(answer, owner.key), as_json, lambda: _show(answer))
    if not answer.is_allowed:
        raise SystemExit(3)


def _show(answer: Answer) -> None:
    feature = answer.asked.feature
    verdict, colour = ("allowed", "green") if answer.is_allowed else ("not allowed", "red")
    click.secho(f"{feature.key}: {verdict} [{answer.code}]", fg=colour, bold=True)
    for told in answer.reasons:
        click.echo(f"  {told.message}")


@entitlement.command("list")
@click.argument("customer")
@_subscription
@_at
@json_option
def list_(customer: str, key: str | None, at: str | None, as_json: bool) -> None:
    """List every feature of the catalogue with what CUSTOMER may use of it."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        owner, now = customers.by_name(tx, customer), app.clock()
        as_of = instant(at, owner.time_zone, now, "at")
        answers = flow.listed(tx, Who(owner, key), When(as_of, as_of >= now))
    data = {"customer": owner.key, "entitlements": [as_data(one, owner.key) for one in answers]}
    emit(data, as_json, lambda: _show_all(answers))


def _show_all(answers: list[Answer]) -> None:
    rows = [
        (
            one.asked.feature.key,
            "yes" if one.is_allowed else "no",
            one.code.value,
            one.grade or ("unlimited" if one.is_unlimited else _number(one, "limit")),
            _number(one, "used"),
            _number(one, "left"),
            "" if one.resets_at is None else instant_text(one.resets_at),
        )
        for one in answers
    ]
    columns = ("feature", "allowed", "why", ">limit", ">used", ">left", "counted anew at")
    table(columns, rows)


def _number(answer: Answer, what: str) -> str:
    value = getattr(answer, what)
    return "" if value is None else plain(value)
