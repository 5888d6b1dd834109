"""everycent owed: who owes how much and why."""

from __future__ import annotations

import click

from everycent.cli.common import END_OF_TIME, emit, instant, json_option, money, opened, table
from everycent.flows import owed as flow
from everycent.flows import owed_told
from everycent.flows.owed import Owed
from everycent.kernel.period import instant_text


@click.command()
@click.option("--customer", help="One customer, with every entry that made it so.")
@click.option("--as-of", help="As it stood then (date or instant); now when not given.")
@click.option("--known-at", help="As it was known then: entries recorded later do not count.")
@click.option("--zone", default="UTC", show_default=True, help="Whose midnight a date stands for.")
@json_option
def owed(
    customer: str | None, as_of: str | None, known_at: str | None, zone: str, as_json: bool
) -> None:
    """Who owes how much, now or at any past instant, and why."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        at = instant(as_of, zone, app.clock(), "as_of")
        known = instant(known_at, zone, END_OF_TIME, "known_at")
        if customer is None:
            found = flow.owed(tx, at, known)
        else:
            found = flow.explained(tx, customer, at, known)
    emit(
        [owed_told.with_reasons(o) for o in found],
        as_json,
        lambda: _render(found, detailed=customer is not None),
    )


def _render(found: list[Owed], *, detailed: bool) -> None:
    if detailed:
        for o in found:
            click.secho(f"{o.name} ({o.customer}) owes {money(*o.amount)}", bold=True)
            table(
                ["at", "recorded", "why", "document", ">change", ">owed"],
                [
                    [instant_text(r.at), instant_text(r.recorded_at)[:19], r.kind.replace("_", " "),
                     r.document or "", money(*r.amount), money(*r.balance)]
                    for r in o.reasons
                ],
            )  # fmt: skip
        return
    table(
        ["customer", "name", ">entries", ">owed"],
        [[o.customer, o.name, str(o.entries), money(*o.amount)] for o in found],
    )
    sums: dict[str, int] = {}
    for o in found:
        sums[o.amount.currency] = sums.get(o.amount.currency, 0) + o.amount.minor
    for currency, minor in sorted(sums.items()):
        click.echo(f"together {money(minor, currency)}")
