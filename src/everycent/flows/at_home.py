"""What a run's documents come to in the seller's home currency, where they are in another one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from uuid import UUID

from everycent.catalog.policies import EXCHANGE_DAY, EXCHANGE_ROUNDING, HOME, NO_HOME
from everycent.db.connection import Tx
from everycent.exchange import queries as exchange
from everycent.exchange.lookup import Table, Wanted, deciding, found, rule_of
from everycent.exchange.rate import Exchange
from everycent.flows.converting import Asked
from everycent.flows.rate_due import Decided
from everycent.invoicing import queries as invoices
from everycent.invoicing.assemble import DraftInvoice
from everycent.invoicing.home import at_home, parts_of
from everycent.invoicing.invoice import InvoiceLine
from everycent.invoicing.runs import Parked
from everycent.kernel.calendar import local_date
from everycent.kernel.errors import Refusal
from everycent.kernel.money import Rounding

_INSTANT = timedelta(microseconds=1)
_ISSUE = "issue"

Before = Mapping[tuple[UUID, int], Exchange]
"""The rates of lines that are corrected, by their invoice and number."""


def told_at_home(tx: Tx, decided: Decided, asked: Asked, issued: date) -> Decided:
    """The drafts with their sums in the home currency, by the rates of the policies. `issued` is the day of
    the run, and the date of its documents unless the policy gives them another, or a series holds a later
    one already. Who has no rate is parked."""
    currency = asked.policies[HOME]
    foreign = {
        place: draft
        for place, draft in enumerate(decided.drafts)
        if currency not in (NO_HOME, draft.currency) and _is_some(draft)
    }
    if not foreign:
        return decided
    before = invoices.home_exchanges(tx, _corrected(foreign.values()), currency)
    dates = {
        series: max(issued, invoices.last_dated(tx, series) or issued)
        for series in {draft.series for draft in foreign.values()}
    }
    wanted = {
        place: Wanted(draft.currency, currency, _day(draft, own, dates[draft.series], asked))
        for place, draft in foreign.items()
        if (own := _own_lines(draft, before))
    }
    table = exchange.table(tx, set(wanted.values()), rule_of(asked.policies), asked.upto)
    drafts = list(decided.drafts)
    refused: dict[UUID, Refusal] = {}
    for place, draft in foreign.items():
        try:
            told = _told(draft, wanted.get(place), table, before, asked)
        except Refusal as refusal:
            refused.setdefault(draft.customer.customer_id, refusal)
        else:
            is_of_issue = (
                place in wanted
                and asked.policies[EXCHANGE_DAY] == _ISSUE
                and draft.date_of(issued) == issued
            )
            drafts[place] = told._replace(dated=dates[draft.series] if is_of_issue else None)
    kept = [draft for draft in drafts if draft.customer.customer_id not in refused]
    parked = [Parked(customer_id, refusal) for customer_id, refusal in refused.items()]
    return Decided(kept, [*decided.parked, *parked])


def _is_some(draft: DraftInvoice) -> bool:
    """Whether there is any amount to convert: what comes to nothing needs no rate."""
    amounts = [amount for tax in draft.taxes for amount in (tax.base, tax.amount)]
    return any((draft.net, draft.tax, draft.gross, *amounts))


def _corrected(drafts: Iterable[DraftInvoice]) -> set[tuple[UUID, int]]:
    return {
        (line.corrects.invoice_id, line.corrects.line_no)
        for draft in drafts
        for line in draft.lines
        if line.corrects is not None
    }


def _own_lines(draft: DraftInvoice, before: Before) -> list[InvoiceLine]:
    """The lines that have the document's own rate: all that don't correct one with another."""
    return [
        line
        for line in draft.lines
        if line.corrects is None or (line.corrects.invoice_id, line.corrects.line_no) not in before
    ]


def _day(draft: DraftInvoice, own: Sequence[InvoiceLine], dated: date, asked: Asked) -> date:
    """The day that the policy names (exchange.day), on the customer's clock."""
    zone = draft.customer.time_zone
    match asked.policies[EXCHANGE_DAY]:
        case "supply":
            return asked.on(max(_supply_day(line, zone) for line in own), zone)
        case "due":
            return asked.on(local_date(draft.due_at, zone), zone)
        case _:
            return asked.on(dated, zone)


def _supply_day(line: InvoiceLine, zone: str) -> date:
    first = local_date(line.starts_at, zone)
    if line.charge.price.in_advance:
        return first
    return max(first, local_date(line.ends_at - _INSTANT, zone))


def _told(
    draft: DraftInvoice, wanted: Wanted | None, table: Table, before: Before, asked: Asked
) -> DraftInvoice:
    policies = asked.policies
    own = None if wanted is None else found(table, wanted, rule_of(policies))
    parts = parts_of(draft.lines, own, before)
    home = at_home(draft, parts, policies[HOME], Rounding(policies[EXCHANGE_ROUNDING]))
    used = policies.used(HOME, EXCHANGE_DAY, EXCHANGE_ROUNDING, *deciding(policies))
    return draft._replace(home=home, policies={**draft.policies, **used})
