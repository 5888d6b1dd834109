"""everycent rate: one price on a quantity or on events, without a database."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import click

from everycent.cli.common import emit, json_option, money, table
from everycent.kernel.errors import Invalid
from everycent.rating.answer import Rated, exact_text, trace
from everycent.rating.answer import rate as rated_of
from everycent.rating.charge import Step
from everycent.rating.request import parse


@click.command()
@click.argument("file", type=click.File(encoding="utf-8"), default="-")
@json_option
def rate(file: Any, as_json: bool) -> None:
    """Work out what a price makes of a quantity or of events, with every step.

    FILE (standard input when not given) holds JSON: {"price": {as in a catalogue file}, "currency": "EUR",
    "quantity": "12.5"}, or a list of such. docs/prices.md shows every price and all that can be told.
    """
    try:
        requests = parse(file.read())
    except UnicodeDecodeError as error:
        raise Invalid("rate.unreadable", f"the file is not UTF-8 text: {error}") from error
    found = [rated_of(request) for request in requests]
    traces = [trace(one) for one in found]
    # A list is answered by a list, also one of a single request.
    is_list = not requests or requests[0].place != ""
    emit(traces if is_list else traces[0], as_json, lambda: _render_all(found))


def _render_all(found: Sequence[Rated]) -> None:
    for one in found:
        _render(one)


def _render(rated: Rated) -> None:
    request, found = rated.request, rated.found
    currency, price = request.currency, request.price
    rows = [_row(step) for step in found.after.steps]
    if len(rows) > 1:
        rows.append(["sum", "", "", "", exact_text(found.after.amount)])
    if found.after.limit is not None:
        limit = price.minimum if found.after.limit == "minimum" else price.maximum
        share = "" if request.share == 1 or not price.prorate_limits else f" × {request.share}"
        told = f"{found.after.limit.value} of {limit}{share} is in force"
        rows.append([told, "", "", "", exact_text(found.after.exact)])
    elif Fraction(found.after.exact) != Fraction(found.after.amount):
        told = f"× {request.share} of the period"
        rows.append([told, "", "", "", exact_text(found.after.exact)])
    rule = price.amount_rounding.value.replace("_", " ")
    rows.append(
        [f"rounded {rule}", "", "", "", money(found.net.minor + found.billed.minor, currency)]
    )
    if found.billed.minor or found.before is not None:
        rows.append(["billed before", "", "", "", money(-found.billed.minor, currency)])
        rows.append(["to bill now", "", "", "", money(found.net.minor, currency)])
    table(["~step", ">quantity", ">price", ">flat", ">amount"], rows, title=_title(rated))


def _title(rated: Rated) -> str:
    price, amount = rated.request.price, rated.found.net
    told = f"{price.key}: {money(amount.minor, amount.currency)}"
    if rated.quantity is None:
        return told
    converted = "" if rated.quantity == rated.measured else f" from {exact_text(rated.measured)}"
    return f"{told} for {exact_text(rated.quantity)}{converted}"


def _row(step: Step) -> list[str]:
    factor = step.unit_amount or "" if step.percent is None else f"{step.percent} %"
    return [step.what, step.quantity or "", factor, step.flat_amount or "", step.amount]
