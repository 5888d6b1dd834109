"""everycent dunning: how what is owed is collected, and what is done about debts that stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from everycent.cli.common import (
    counted,
    emit,
    json_option,
    money,
    opened,
    past_instant,
    print_lines,
    table,
)
from everycent.customers import queries as customers
from everycent.dunning import document, operations, queries
from everycent.dunning.campaign import Account, Due, Over
from everycent.dunning.queries import Held
from everycent.dunning.schedule import next_instant
from everycent.dunning.shown import ended_data, step_data
from everycent.dunning.step import StepTaken
from everycent.dunning.terms import Terms
from everycent.flows import dun as flow
from everycent.kernel.errors import Invalid
from everycent.kernel.period import instant_text


@click.group()
def dunning() -> None:
    """When money is collected, what follows failures, and campaigns about what stays open."""


@dunning.command("apply")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="Only say whether the file is sound; write nothing.")
@json_option
def apply_(file: Path, check: bool, as_json: bool) -> None:
    """Set the terms that FILE says, as a new version. See docs/dunning.md."""
    wanted = document.parse(_text(file))
    with opened() as (app, tenant_id):
        if check:
            with app.database.snapshot(tenant_id) as tx:
                held = queries.held(tx)
            is_new = not held.version or held.terms != wanted
            told = f"{file.name} is sound" + ("" if is_new else ", and holds already")
        else:
            with app.database.transaction(tenant_id) as tx:
                before = queries.held(tx).version
                now = app.clock()
                held = operations.apply(
                    tx, wanted, at=now, recorded_at=now, actor=app.settings.actor, ids=app.ids
                )
            is_new = held.version != before
            told = f"version {held.version} {'holds from here on' if is_new else 'holds already'}"
    data = {"file": str(file), "version": held.version, "is_new": is_new, "written": not check}
    emit(data, as_json, lambda: click.echo(told))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(
            "dunning.not_text", f"{file.name} is not UTF-8 text: {error}", field="file"
        ) from error


@dunning.command()
@json_option
def show(as_json: bool) -> None:
    """Show the terms that hold: all of them with --json."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        held, now = queries.held(tx), app.clock()
    following = next_instant(held.terms.schedule, now)
    data: dict[str, Any] = {
        "version": held.version,
        "since": held.at,
        "next_collection": following,
        **msgspec.to_builtins(held.terms),
        "schedule": msgspec.to_builtins(held.terms.schedule),
    }
    emit(data, as_json, lambda: print_lines(_lines(held, following)))


def _lines(held: Held, following: Any) -> list[tuple[str, str]]:
    terms: Terms = held.terms
    lines = [
        ("version", str(held.version) if held.version else "none: the product's own terms"),
        ("schedule", f"{terms.schedule.cron} ({terms.schedule.time_zone})"),
        ("next", "never" if following is None else instant_text(following)),
        ("failures", ", ".join(f"{kind}: {rule.then}" for kind, rule in terms.failures.items())),
    ]
    lines += [
        (f"group {key}", ", ".join(f"{kind}: {rule.then}" for kind, rule in rules.items()))
        for key, rules in terms.groups.items()
    ]
    for one in terms.campaigns:
        who = ", ".join((*one.customers, *one.groups)) or "everybody else"
        steps = " → ".join(step.key for step in one.steps)
        lines.append((f"campaign {one.key}", f"{who}: {steps}"))
    return lines


@dunning.command()
@click.option("--as-of", help="Take the steps due by then (date or instant); now when not given.")
@click.option("--check", is_flag=True, help="Only say what would be done; write nothing.")
@json_option
def run(as_of: str | None, check: bool, as_json: bool) -> None:
    """Take the steps of campaigns that are due, each once. Run it daily, on any number of machines."""
    with opened() as (app, tenant_id):
        at = past_instant(as_of, "UTC", app.clock(), "as_of")
        if check:
            with app.database.snapshot(tenant_id) as tx:
                found = flow.planned(tx, at)
            _tell_plan(found, as_json)
            return
        did = flow.run(
            app.database, tenant_id, at, clock=app.clock, ids=app.ids, actor=app.settings.actor
        )
        with app.database.snapshot(tenant_id) as tx:
            concerned = {one.customer_id for one in did.steps} | {
                one.customer_id for one in did.ended
            }
            known = customers.by_ids(tx, sorted(concerned))
    names = {customer_id: one.key for customer_id, one in known.items()}
    data = {
        "steps": [step_data(one, names[one.customer_id]) for one in did.steps],
        "ended": [
            ended_data(one, names[one.customer_id]) for one in did.ended
        ],
        "messages": did.messages,
    }  # fmt: skip

    def render() -> None:
        click.echo(
            f"{counted(len(did.steps), 'step')} taken, {counted(len(did.ended), 'campaign')} ended,"
            f" {counted(did.messages, 'message')} to be sent"
        )
        rows = [_row(one, names[one.customer_id]) for one in did.steps]
        if rows:
            table(_COLUMNS, rows)

    emit(data, as_json, render)


def _tell_plan(found: list[tuple[Account, Due | Over]], as_json: bool) -> None:
    rows = [
        (account.customer, decision.campaign.key, decision.step.key,
         money(decision.facts.amount, account.currency))
        if isinstance(decision, Due)
        else (account.customer, "", f"ends: {decision.why}", "")
        for account, decision in found
    ]  # fmt: skip
    names = ("customer", "campaign", "step", "amount")
    emit(
        [dict(zip(names, row, strict=True)) for row in rows],
        as_json,
        lambda: table(["customer", "campaign", "step", ">amount"], [list(row) for row in rows]),
    )


@dunning.command("list")
@click.option("--customer", help="Only those of this one.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(min=1))
@json_option
def list_(customer: str | None, limit: int, as_json: bool) -> None:
    """List the steps that were taken, the newest first."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        owner = None if customer is None else customers.by_name(tx, customer).customer_id
        found = queries.steps(tx, owner, limit)
    data = [
        step_data(one.step, one.customer) | {"ended": one.why, "ended_on": one.ended_on}
        for one in found
    ]
    rows = [[*_row(one.step, one.customer), one.why or ""] for one in found]
    emit(data, as_json, lambda: table([*_COLUMNS, "ended"], rows))


_COLUMNS = ["day", "customer", "campaign", ">episode", "step", ">amount", "~did"]


def _row(one: StepTaken, customer: str) -> list[str]:
    did = [
        f"paused {', '.join(each.subscription for each in one.paused)}" if one.paused else "",
        f"charge {', '.join(one.charged)}" if one.charged else "",
        f"wrote off {', '.join(one.written_off)}" if one.written_off else "",
        counted(len(one.messages), "message") if one.messages else "",
        *(f"not {what}: {why}" for what, why in one.left_out.items()),
    ]
    return [
        one.facts.on.isoformat(), customer, one.campaign, str(one.episode), one.step.key,
        money(one.facts.amount, one.currency), "; ".join(part for part in did if part),
    ]  # fmt: skip
