"""everycent payment method: how customers can be charged."""

from __future__ import annotations

import click

from everycent.app import accounts, providers
from everycent.cli.common import day, emit, json_option, opened, table
from everycent.customers import queries as customers
from everycent.kernel import ids
from everycent.kernel.calendar import local_date
from everycent.kernel.errors import Invalid
from everycent.methods import mandate as mandates
from everycent.methods import method as methods
from everycent.methods import operations, queries
from everycent.methods.mandate import Mandate
from everycent.methods.method import Method
from everycent.methods.operations import New
from everycent.methods.shown import method_data


@click.group()
def method() -> None:
    """How customers can be charged: the provider's tokens, and never a card number."""


@method.command()
@click.argument("customer")
@click.argument("token", metavar="TOKEN|IBAN")
@click.option("--provider", required=True, help="Its name in providers.yaml.")
@click.option("--payer", help="The provider's name for the customer; its key when not given.")
@click.option("--label", default="", help="Shown to people: 'Visa, ends in 4242'.")
@click.option("--expires-on", help="The last day on which it can be charged.")
@click.option("--mandate", help="For direct debits: the name of the mandate (its reference).")
@click.option("--signed-on", help="The day on which the mandate was signed.")
@click.option("--holder", help="Who owns the account; the customer's name when not given.")
@click.option("--bic", help="The account's bank, where ours wants that.")
@click.option("--used", is_flag=True, help="Somebody has collected by the mandate before.")
@json_option
def add(
    customer: str,
    token: str,
    provider: str,
    payer: str | None,
    label: str,
    expires_on: str | None,
    mandate: str | None,
    signed_on: str | None,
    holder: str | None,
    bic: str | None,
    used: bool,
    as_json: bool,
) -> None:
    """Add the payment method TOKEN to CUSTOMER. It is charged when those before it can't be.

    For SEPA direct debits name the account of ours that collects (--provider), the customer's IBAN, and the
    mandate that the customer signed."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        owner = customers.by_name(tx, customer)
        until = None if expires_on is None else day(expires_on, "expires_on")
        _check_way(provider, mandate, is_debit=provider in accounts.configured(app.settings))
        is_set_up = providers.check_known(app.settings, provider)
        told = New(owner.customer_id, provider, payer or owner.key, token, label, until)
        if mandate is not None:
            if signed_on is None:
                raise Invalid(
                    "payment_method.mandate_missing",
                    "a mandate has the day on which it was signed",
                    field="signed_on",
                )
            signed = mandates.checked(
                Mandate(
                    mandate, day(signed_on, "signed_on"), holder or owner.name, token, bic, used
                ),
                local_date(app.clock(), owner.time_zone),
            )
            shown = label or f"account, ends in {signed.iban[-4:]}"
            told = told._replace(token=signed.iban, label=shown, mandate=signed)
        (made,) = operations.add(tx, [told], at=app.clock(), actor=app.settings.actor, ids=app.ids)
    emit(
        method_data(made),
        as_json,
        lambda: _tell_added(made, owner.key, is_set_up=is_set_up),
    )


def _tell_added(made: Method, owner: str, *, is_set_up: bool) -> None:
    click.echo(f"{_name(made)}: number {made.rank} of {owner}")
    if not is_set_up:
        click.secho(
            f"no provider is set up yet: write {providers.FILE}, and {made.provider} into it"
            " (docs/collecting.md)",
            fg="yellow",
        )


def _check_way(provider: str, mandate: str | None, *, is_debit: bool) -> None:
    if is_debit and mandate is None:
        raise Invalid(
            "payment_method.mandate_missing",
            f"{provider} collects by direct debit, for which the customer signs a mandate",
            field="mandate",
            hint="give --mandate and --signed-on",
        )
    if mandate is not None and not is_debit:
        raise Invalid(
            "payment_method.no_account",
            f"{provider[:40]!r} is no account of ours that collects by direct debit",
            field="provider",
            value=provider,
            hint="set it up in providers.yaml with kind: sepa",
        )


@method.command(name="list")
@click.argument("customer")
@json_option
def list_command(customer: str, as_json: bool) -> None:
    """List the payment methods of CUSTOMER: the first active one is charged."""
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        owner = customers.by_name(tx, customer)
        found = queries.of_customers(tx, [owner.customer_id])
    emit(
        [method_data(one) for one in found],
        as_json,
        lambda: table(
            ["method", "provider", "token", "label", "state", "~why"],
            [[_name(o), o.provider, o.token, o.label, o.state, o.why] for o in found],
        ),
    )


@method.command()
@click.argument("name", metavar="METHOD")
@click.option("--reason", default="removed", show_default=True)
@json_option
def remove(name: str, reason: str, as_json: bool) -> None:
    """Take METHOD away: it is not charged any more."""
    with opened() as (app, tenant_id), app.database.transaction(tenant_id) as tx:
        gone = operations.remove(
            tx, ids.parse(methods.PREFIX, name, "method"), reason=reason, at=app.clock(),
            actor=app.settings.actor, ids=app.ids,
        )  # fmt: skip
    emit(method_data(gone), as_json, lambda: click.echo(f"{name} is removed"))


def _name(one: Method) -> str:
    return ids.show(methods.PREFIX, one.method_id)
