"""everycent subscription ending: terms that end soon, and what happens then."""

from __future__ import annotations

import re
from typing import Any

import click

from everycent.cli.common import emit, instant, json_option, opened, table
from everycent.kernel.calendar import Interval, parse_interval
from everycent.kernel.errors import Invalid
from everycent.subscriptions import queries
from everycent.subscriptions.ending import Ending, Sign, Then
from everycent.subscriptions.timeline import MAIN

_DAYS = re.compile(r"([0-9]{1,3})d")
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
    span = _span(within)
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        since = instant(at, "UTC", app.clock(), "at")
        found = queries.ending(tx, since, span)
    emit([_data(one) for one in found], as_json, lambda: _show(found))


def _span(text: str) -> Interval:
    days = _DAYS.fullmatch(text)
    if days is not None:
        return Interval(0, int(days[1]))
    try:
        return parse_interval(text)
    except Invalid as refusal:
        refusal.field = "within"
        raise


def _data(one: Ending) -> dict[str, Any]:
    return {
        "subscription": one.subscription.key,
        "add_on": one.track or None,
        "plan": one.plan_key,
        "term_from": one.ran.starts_on,
        "term_until": one.ran.ends_on,
        "comes_up": one.sign.value,
        "on": one.day,
        "notice_before": None if one.ran.rule.notice is None else one.ran.notice_begins,
        "then": one.then.value,
        "renews_until": one.renews_until,
    }


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
