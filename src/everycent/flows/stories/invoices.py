"""What comes of invoices in a story: credit notes, balances, reasons."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from everycent.catalog.document_refusals import Strict
from everycent.customers import queries as customer_queries
from everycent.flows import owed as owing
from everycent.flows import reasons as reasoning
from everycent.flows.credit_lines import credit_lines
from everycent.flows.stories.document import Form, Moment
from everycent.flows.stories.expected import amounts, check_amount
from everycent.flows.stories.world import Action, Came, World
from everycent.invoicing import operations as invoicing
from everycent.kernel.money import Money, plain

_END_OF_TIME = datetime(2999, 1, 1, tzinfo=UTC)


class _Credit(Strict):
    invoice: str
    reason: str
    lines: tuple[str, ...] | None = None


def _credit(world: World, given: _Credit) -> Came:
    with world.database.transaction(world.tenant_id) as tx:
        if given.lines is not None:
            part = credit_lines(
                tx, given.invoice, given.lines, reason=given.reason, time_zone=world.time_zone,
                writing=world.writing,
            )  # fmt: skip
            total = plain(Money(-part.gross, part.currency))
            return Came({"number": part.name, "credits": part.credits, "total": total})
        note = invoicing.credit(tx, given.invoice, reason=given.reason, time_zone=world.time_zone,
                                **world.writing)  # fmt: skip
    original = note.original
    return Came(
        {
            "number": note.name,
            "credits": original.name,
            "total": plain(Money(-original.gross, original.currency)),
        }
    )


def _read_amounts(given: dict[str, str], _: Moment) -> dict[str, str]:
    for name, text in given.items():
        check_amount(text, name)
    return given


def _owed(world: World, given: Mapping[str, str]) -> Came:
    with world.database.snapshot(world.tenant_id) as tx:
        for name in given:
            customer_queries.by_name(tx, name)
        found = {one.customer: plain(one.amount) for one in owing.owed(tx, world.at, _END_OF_TIME)}
    return Came(found, amounts("owed", given, found))


def _reasons(world: World, given: Mapping[str, str]) -> Came:
    with world.database.snapshot(world.tenant_id) as tx:
        found = reasoning.reasons(tx)
    told = {reason.code: str(reason.records) for reason in (*found.stored, *found.offered)}
    return Came(told, amounts("records", given, told))


INVOICES: dict[str, Action] = {
    "credit": Action(_credit, Form(_Credit)),
    "owed": Action(_owed, Form(dict[str, str], read=_read_amounts)),
    "reasons": Action(_reasons, Form(dict[str, str], read=_read_amounts)),
}
"""These actions by name."""
