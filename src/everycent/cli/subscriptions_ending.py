"""everycent subscription ending: terms that end soon, and what happens then."""

from __future__ import annotations

import click

from everycent.cli.common import emit, instant, json_option, opened, table
from everycent.subscriptions import queries
from everycent.subscriptions.ending import Ending, Sign, Then, parse_within
from everycent.subscriptions.shown import ending_data
from everycent.subscriptions.timeline import MAIN

_SIGNS = {
    Sign.REMINDER: "reminder",
    Sign.NOTICE: "last day of notice",
    Sign.END: "the term is over",
}


@click.command()
@click.option("--within", default="60d", show_default=True, metavar="TIME",
              help="How far to look ahead: 60d, '2 months' …")  # fmt: skip
@click.option("--at", help="Look ahead from then on; now when not given.")
@json_option
def ending(within: str, at: str | None, as_json: bool) -> None:
    """List terms that end soon, or of which the reminder or the last day of notice comes up."""
    span = parse_within(within)
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        since = instant(at, "UTC", app.clock(), "at")
        found = queries.ending(tx, since, span)
    emit([ending_data(one) for one in found], as_json, lambda: _show(found))


def _show(found: list[Ending]) -> None:
    table(
        ["on", "what comes up", "subscription", "plan", "term from", "until", "then"],
        [
            [str(one.day), _SIGNS[one.sign], _name(one), one.plan_key, str(one.ran.starts_on),
             str(one.ran.ends_on), _then(one)]
            for one in found
        ],
    )  # fmt: skip


def _name(one: Ending) -> str:
    key = one.subscription.key
    return key if one.track == MAIN else f"{key}: {one.track}"


def _then(one: Ending) -> str:
    if one.then is Then.RENEWS:
        return f"renews until {one.renews_until}"
    if one.then is Then.GOES_ON:
        return "goes on without a term"
    return one.then.value
