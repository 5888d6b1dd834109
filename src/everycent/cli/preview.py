"""everycent preview: the next invoice of a customer, and what a change of a contract would make of it."""

from __future__ import annotations

from datetime import date

import click

from everycent.cli.common import day, emit, instant, json_option, money, opened, suggested
from everycent.cli.invoices import render
from everycent.cli.told import pairs, told_of
from everycent.flows import preview as flow
from everycent.flows.bill import PAYMENT_DAYS, Terms
from everycent.flows.preview import Adding, Planned, Preview, Quantities
from everycent.kernel.errors import Invalid
from everycent.kernel.period import instant_text
from everycent.subscriptions.changing import When
from everycent.subscriptions.operations import Writing
from everycent.subscriptions.timeline import MAIN, Action, Cancel, End, Pause, Resume

_Change = str | Adding | Quantities | Action
_ACTIONS: dict[str, Action] = {"cancel": Cancel(), "pause": Pause(), "resume": Resume()}


@click.command()
@click.argument("customer")
@click.option("--as-of", help="What is due by then (date or instant); now or next when not given.")
@click.option(
    "--zone", default="UTC", show_default=True, help="Whose date --as-of and invoices carry."
)
@click.option("--switch", metavar="PLAN", help="Try: go over to another plan.")
@click.option("--add", metavar="PLAN", help="Try: an add-on.")
@click.option("--drop", metavar="ADD-ON", help="Try: without the add-on.")
@click.option("--quantity", "quantities", multiple=True, metavar="PRICE=QUANTITY",
              help="Try: other quantities; with --switch and --add those at first.")  # fmt: skip
@click.option("--of", "track", default=MAIN, metavar="ADD-ON", help="Of which the quantities are.")
@click.option("--price", "prices", multiple=True, metavar="PRICE=TERMS",
              help="A price of its own, with --switch or --add.")  # fmt: skip
@click.option("--term", help="A term of its own, with --switch or --add.")
@click.option("--plan-version", "version", type=click.IntRange(min=1),
              help="Which version, with --switch or --add.")  # fmt: skip
@click.option("--break-term", is_flag=True, help="Although a term would not allow it.")
@click.option("--cancel", is_flag=True, help="Try: end the contract.")
@click.option("--pause", is_flag=True, help="Try: bill nothing from then on.")
@click.option("--resume", is_flag=True, help="Try: go on.")
@click.option("--on", help="First local day of the change; as with `subscription` when not given.")
@click.option("--keep-paid", is_flag=True, help="The change gives nothing back.")
@click.option("--subscription", metavar="KEY", help="Which contract, if there are several.")
@click.option("--payment-days", default=PAYMENT_DAYS, show_default=True,
              type=click.IntRange(0, 365), help="Days from issue to the due date.")  # fmt: skip
@json_option
def preview(
    customer: str,
    as_of: str | None,
    zone: str,
    switch: str | None,
    add: str | None,
    drop: str | None,
    quantities: tuple[str, ...],
    track: str,
    prices: tuple[str, ...],
    term: str | None,
    version: int | None,
    on: str | None,
    subscription: str | None,
    payment_days: int,
    *,
    cancel: bool,
    pause: bool,
    resume: bool,
    keep_paid: bool,
    break_term: bool,
    as_json: bool,
) -> None:
    """The next invoice of CUSTOMER, by the very code that would write it. Nothing is written.

    With --switch, --add, --drop, --quantity, --cancel, --pause or --resume: as it would be after that
    change of a contract.
    """
    asked = {"cancel": cancel, "pause": pause, "resume": resume}
    wanted: list[_Change] = [_ACTIONS[name] for name, is_asked in asked.items() if is_asked]
    if switch is not None:
        wanted.append(switch)
    if add is not None:
        wanted.append(Adding(add))
    if drop is not None:
        wanted.append(End(drop))
    if quantities and switch is None and add is None:
        wanted.append(Quantities(pairs(quantities, "quantity"), track))
    first = None if on is None else day(on, "on")
    planned = _planned(wanted, When(first, keep_paid, break_term), subscription, resume=resume)
    told = told_of(quantities, prices, term, version)
    if planned is not None and (switch is not None or add is not None):
        planned = planned._replace(told=told)
    elif prices or term is not None or version is not None:
        raise Invalid(
            "preview.no_plan",
            "a price, a term or a version is told, and no plan that would begin with it",
            field="change",
            hint="add --switch PLAN or --add PLAN",
        )
    with opened() as (app, tenant_id):
        now = app.clock()
        found = flow.preview(
            app.database,
            tenant_id,
            customer,
            None if as_of is None else instant(as_of, zone, now, "as_of"),
            writing=Writing(at=now, recorded_at=now, actor=app.settings.actor, ids=app.ids),
            terms=Terms(app.settings.actor, zone, payment_days),
            planned=planned,
        )
    emit(flow.as_data(found), as_json, lambda: _render(found))


def _planned(
    wanted: list[_Change], when: When, subscription: str | None, *, resume: bool
) -> Planned | None:
    if len(wanted) > 1:
        raise Invalid(
            "preview.one_change",
            "one change is tried at a time",
            field="change",
            hint="choose one of --switch, --add, --drop, --quantity, --cancel, --pause, --resume",
        )
    if wanted and resume and when.on is None:
        raise Invalid(
            "preview.no_day", "nothing says when to resume", field="on", hint="add --on DATE"
        )
    if wanted:
        return Planned(wanted[0], when, subscription)
    for option, given in (
        ("on", when.on), ("keep_paid", when.keeps_paid), ("subscription", subscription),
    ):  # fmt: skip
        _refuse_alone(option, given)
    return None


def _refuse_alone(option: str, given: date | bool | str | None) -> None:
    if given:
        raise Invalid(
            "preview.no_change",
            f"--{option.replace('_', '-')} says something about a change, and none is tried",
            field=option,
            hint="add a change to try, such as --switch PLAN or --cancel, or leave it out",
        )


def _render(found: Preview) -> None:
    click.echo(f"as of {instant_text(found.as_of)}, with the usage that is there now")
    for payer, since, until in found.paid_by:
        until_text = "" if until is None else f" until {until}"
        see = suggested(f"`everycent preview {payer}`")
        click.echo(f"{payer} pays for {found.customer.key} from {since}{until_text}: see {see}")
    if not found.documents:
        click.echo("nothing is due")
    for document in found.documents:
        click.echo()
        render(document, title=flow.title_of(document))
    more = flow.effect(found)
    if found.without is None or more is None:
        return
    currency = found.customer.currency
    click.echo()
    before = flow.to_pay(found.without)
    for label, amount in (
        ("without the change", before), ("with it", before + more), ("difference", more),
    ):  # fmt: skip
        click.echo(f"  {label:<44}{money(amount, currency):>22}")
