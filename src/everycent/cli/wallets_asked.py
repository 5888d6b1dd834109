"""everycent wallet allowance and try: questions about credit that change nothing."""

from __future__ import annotations

from typing import Any

import click

from everycent.cli import wallets_shown
from everycent.cli.common import emit, instant, json_option, opened
from everycent.credits.trial import tried
from everycent.customers import queries as customers
from everycent.flows import wallets as flow
from everycent.flows import wallets_told
from everycent.kernel.errors import Invalid


@click.command()
@click.argument("customer")
@click.option("--as-of", help="As it stands then (date or instant); now when not given.")
@json_option
def allowance(customer: str, as_of: str | None, as_json: bool) -> None:
    """Whether CUSTOMER may use more, by the caps of all its wallets together, and why.

    Ends with exit code 3 when nothing more may be used.
    """
    with opened() as (app, tenant_id), app.database.snapshot(tenant_id) as tx:
        owner = customers.by_name(tx, customer)
        at = instant(as_of, owner.time_zone, app.clock(), "as_of")
        answer = flow.may_use(tx, owner, at)
    data = wallets_told.allowance_data(answer, owner.currency)
    emit({"customer": owner.key, **data}, as_json, lambda: click.echo(
        f"{owner.key}: {wallets_shown.REASONS[answer.reason]}"))  # fmt: skip
    if not answer.is_allowed:
        raise SystemExit(3)


@click.command()
@click.argument("file", type=click.File(encoding="utf-8"), default="-")
@json_option
def try_(file: Any, as_json: bool) -> None:
    """Draw grants down without a wallet or a database: JSON in, what is left and why out.

    FILE (standard input when not given) holds grants and uses; docs/wallets.md shows one.
    """
    try:
        found = tried(file.read())
    except UnicodeDecodeError as error:
        raise Invalid("credit.bad_trial", f"it is not UTF-8 text: {error}", field="file") from error
    emit(found, as_json, lambda: wallets_shown.show_trial(found))
