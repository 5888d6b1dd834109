"""everycent customer: who is billed."""

from __future__ import annotations

import csv
from typing import Any

import click

from everycent.cli.common import counted, day, emit, instant, json_option, opened, table
from everycent.customers import operations, queries
from everycent.customers.customer import Customer, TaxStatus, from_data
from everycent.customers.shown import as_data, payers_data
from everycent.flows.paying import let_pay
from everycent.kernel import ids
from everycent.kernel.errors import Invalid, Refusal
from everycent.subscriptions.operations import Writing

_BATCH = 5_000
_tax_status = click.option(
    "--tax-status",
    type=click.Choice([status.value for status in TaxStatus]),
    help="Whether taxes are added; taxed when not given.",
)

_group = click.option(
    "--group", help="Which customers it is like when it does not pay: docs/dunning.md."
)


@click.group()
def customer() -> None:
    """Customers and what is printed about them."""


@customer.command()
@click.argument("key")
@click.option("--name", required=True)
@click.option("--currency", required=True, help="ISO 4217, such as EUR.")
@click.option("--time-zone", required=True, help="Where its days begin, such as Europe/Zagreb.")
@click.option("--email")
@click.option("--address", help="As printed; \\n breaks lines.")
@click.option("--tax-id", help="Its VAT number.")
@_tax_status
@click.option("--tax-reason", help="Printed where no tax is added.")
@_group
@click.option("--at", help="When it holds (date or instant); now when not given.")
@json_option
def add(key: str, at: str | None, as_json: bool, **told: str | None) -> None:
    """Create the customer KEY."""
    if told["address"]:
        told["address"] = told["address"].replace("\\n", "\n")
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        now = app.clock()
        made = from_data({"key": key, **told}, app.ids(f"customer/{key}"))
        operations.create(
            tx,
            [made],
            at=instant(at, made.time_zone, now, "at"),
            recorded_at=now,
            actor=app.settings.actor,
            ids=app.ids,
        )
    emit(as_data(made), as_json, lambda: click.echo(f"created customer {key}"))


@customer.command()
@click.argument("key")
@click.option("--name")
@click.option("--time-zone")
@click.option("--email")
@click.option("--address")
@click.option("--tax-id")
@_tax_status
@click.option("--tax-reason", help="Printed where no tax is added.")
@_group
@json_option
def update(key: str, as_json: bool, **told: str | None) -> None:
    """Change the data of the customer KEY from now on. Issued invoices keep what they say."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        known = queries.by_name(tx, key)
        given = {name: value for name, value in told.items() if value is not None}
        changed = operations.changed(known, given)
        now = app.clock()
        done = operations.update(
            tx, changed, at=now, recorded_at=now, actor=app.settings.actor, ids=app.ids
        )
    emit(
        as_data(changed),
        as_json,
        lambda: click.echo(f"{'changed' if done else 'nothing to change for'} customer {key}"),
    )


@customer.command()
@click.argument("key")
@click.argument("payer", required=False)
@click.option("--nobody", is_flag=True, help="The customer pays itself again.")
@click.option("--from", "starts_on", required=True, help="First local day, such as 2026-03-01.")
@click.option("--reason", default="", help="Why, for whoever reads the journal.")
@json_option
def payer(
    key: str, payer: str | None, nobody: bool, starts_on: str, reason: str, as_json: bool
) -> None:
    """Let the customer PAYER pay for all that the customer KEY has agreed to, from a day on. PAYER gets the
    invoices, together with its own."""
    if nobody == (payer is not None):
        raise Invalid(
            "customer.payer_unclear", "name a payer, or say --nobody: one of the two", field="payer"
        )
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        now = app.clock()
        writing = Writing(at=now, recorded_at=now, actor=app.settings.actor, ids=app.ids)
        told = let_pay(
            tx,
            queries.by_name(tx, key),
            None if payer is None else queries.by_name(tx, payer),
            day(starts_on, "from"),
            reason=reason,
            writing=writing,
        )
    emit(
        {"customer": key, "payer": payer, "from": str(told.starts_on)},
        as_json,
        lambda: click.echo(f"{payer or key} pays for {key} from {told.starts_on} on"),
    )


@customer.command()
@click.argument("key")
@json_option
def payers(key: str, as_json: bool) -> None:
    """Who pays for the customer KEY, and from when to when."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        told = payers_data(queries.payers_named(tx, queries.by_name(tx, key)))
    rows = [list(one.values()) for one in told]
    emit(told, as_json, lambda: table(["payer", "from", "until", "reason"], rows))


@customer.command("import")
@click.argument("file", type=click.File(encoding="utf-8-sig"))
@click.option("--at", help="When it holds (date or instant); now when not given.")
@json_option
def import_(file: Any, at: str | None, as_json: bool) -> None:
    """Create the customers of a CSV FILE with the columns key, name, currency, time_zone and, if
    wanted, email, address, tax_id, tax_status, tax_reason, group. Those that exist with the same data are
    left alone."""
    created = kept = 0
    with opened() as (app, tenant_id):
        now = app.clock()
        rows: list[Customer] = []
        reader = csv.DictReader(file)
        for row in reader:
            if None in row:
                raise Invalid("customer.long_row", f"line {reader.line_num} has too many cells")
            try:
                rows.append(from_data(dict(row), app.ids(f"customer/{row.get('key')}")))
            except Refusal as refusal:
                refusal.message = f"line {reader.line_num}: {refusal.message}"
                raise
        with app.database.transaction(tenant_id) as tx:
            for start in range(0, len(rows), _BATCH):
                batch = rows[start : start + _BATCH]
                fresh = operations.bring(
                    tx,
                    batch,
                    at=instant(at, "UTC", now, "at"),
                    recorded_at=now,
                    actor=app.settings.actor,
                    ids=app.ids,
                )
                created += len(fresh)
                kept += len(batch) - len(fresh)
    emit(
        {"created": created, "unchanged": kept},
        as_json,
        lambda: click.echo(f"{counted(created, 'customer')} created, {kept:,} there already"),
    )


@customer.command("list")
@click.option("--after", default="", help="Begin after this key.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(min=1))
@json_option
def list_(after: str, limit: int, as_json: bool) -> None:
    """List customers by key."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        found = queries.page(tx, after=after, limit=limit)
    emit(
        [as_data(each) for each in found],
        as_json,
        lambda: table(
            ["key", "name", "currency", "time zone", "id"],
            [
                [c.key, c.name, c.currency, c.time_zone, ids.show(ids.CUSTOMER, c.customer_id)]
                for c in found
            ],
        ),
    )
