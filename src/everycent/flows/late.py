"""Usage that came, or was taken back, after its time was billed: what the bill says about it then.

By the policy of its meter the period is rated again as it was agreed, over what counts now, and the
difference is charged or given back: new − what was charged for the period so far.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from everycent.catalog import queries as catalog
from everycent.catalog.intake import AfterInvoice
from everycent.consumption.register import Reading
from everycent.customers import queries as customer_queries
from everycent.customers.payer import payer_at
from everycent.db.connection import Database, Tx
from everycent.flows.rerate import Issued, rerate
from everycent.invoicing import operations as invoicing
from everycent.invoicing import queries as invoices
from everycent.invoicing.assemble import DueCharge
from everycent.invoicing.invoice import InvoiceLine, amount_of
from everycent.invoicing.queries import LateLine
from everycent.kernel.errors import Refusal
from everycent.kernel.period import Period
from everycent.metering import queries as metering
from everycent.rating.charge import Charge

_BILLED = (AfterInvoice.NEXT_INVOICE, AfterInvoice.NOTE)

Ways = Mapping[int, AfterInvoice]
"""By number of a meter: how late usage of it is billed. Meters without a way are left alone."""


class LateCharge(NamedTuple):
    """A period to be charged otherwise. `is_apart`: on a document of its own. `is_last`: the contract has
    ended, or somebody else pays for it by now, so that no invoice of it may follow to wait for."""

    due: DueCharge
    is_apart: bool
    is_last: bool


class Untold(NamedTuple):
    """A contract of which it can't be told what late usage changes, and why."""

    subscription_id: UUID
    subscription: str
    refusal: Refusal


class Late(NamedTuple):
    """By customer what late usage changes, or why it can't be told. `closings` are the readings on which
    bills of registers end with that, by subscription, item and input: the next ones begin there."""

    charges: dict[UUID, list[LateCharge]]
    refused: dict[UUID, Untold]
    closings: dict[tuple[UUID, int, str], Reading]

    def with_more_to_come(self, subscription_ids: Set[UUID]) -> Late:
        """The same where invoices of some contracts are to follow, although they may have ended."""
        if not subscription_ids:
            return self
        charges = {
            who: [
                one._replace(
                    is_last=one.is_last and one.due.subscription_id not in subscription_ids
                )
                for one in own
            ]
            for who, own in self.charges.items()
        }
        return self._replace(charges=charges)


NOTHING = Late({}, {}, {})


def ways(tx: Tx) -> dict[int, AfterInvoice]:
    """The meters whose late usage is billed."""
    told = {
        ("meter", meter): policy.after_invoice
        for meter, policy in catalog.intake_policies(tx).items()
        if policy.after_invoice in _BILLED
    }
    numbers = metering.known_numbers(tx, sorted(told))
    return {numbers[name]: way for name, way in told.items() if name in numbers}


def customers(tx: Tx) -> list[UUID]:
    """Everybody on whose bills late usage may change something."""
    return invoices.late_customers(tx, sorted(ways(tx)))


def keep_up(database: Database, tenant_id: int) -> None:
    """Looks for late usage in what was folded since that was done last, so that little is left to look at
    for who bills or asks for the running cost. Safe to leave out."""
    with database.transaction(tenant_id) as tx:
        invoicing.mark_late(tx, sorted(ways(tx)))


def late(
    tx: Tx,
    how: Ways,
    between: tuple[UUID, UUID],
    as_of: datetime,
    *,
    also: Sequence[UUID] = (),
    is_live: bool = False,
) -> Late:
    """What late usage changes on the bills of customers whose ids lie between the two, both included; and
    the readings on which bills of theirs and of the contracts `also` end now. Call it in a `snapshot`.
    `is_live` counts what was not marked or folded yet too."""
    look = invoices.late_lines_live if is_live else invoices.late_lines
    lines = look(tx, sorted(how), *between, also)
    found = _rated(tx, lines, how, as_of, is_live=is_live)
    first, last = between
    charges = {who: own for who, own in found.charges.items() if first <= who <= last}
    refused = {who: one for who, one in found.refused.items() if first <= who <= last}
    return Late(charges, refused, found.closings)


def late_of(tx: Tx, subjects: Iterable[str], as_of: datetime) -> Late:
    """What late usage of some subjects changes on anybody's bills, with all that was acknowledged. Call it
    in a `snapshot`."""
    how = ways(tx)
    if not how:
        return NOTHING
    numbers = metering.known_numbers(tx, [("subject", name) for name in sorted(set(subjects))])
    lines = invoices.late_lines_of(tx, sorted(how), sorted(numbers.values()))
    return _rated(tx, lines, how, as_of, is_live=True)


def _rated(tx: Tx, lines: Sequence[LateLine], how: Ways, as_of: datetime, *, is_live: bool) -> Late:
    if not lines:
        return NOTHING
    found = Late({}, {}, {})
    told = customer_queries.payers(tx, sorted({one.holder_id for one in lines}))
    for one, rated in zip(lines, rerate(tx, _issued(lines), is_live=is_live), strict=True):
        if isinstance(rated, Refusal):
            untold = Untold(one.line.subscription_id, one.line.subscription, rated)
            found.refused.setdefault(one.customer_id, untold)
            continue
        for part in () if rated.quantity is None else rated.quantity.parts:
            if part.closing is not None:  # of the newest period in the end: they come in order
                found.closings[one.line.subscription_id, one.line.item_no, part.input] = (
                    part.closing
                )
        if not _is_same(one, rated):
            payer = payer_at(told.get(one.holder_id, ()), as_of) or one.holder_id
            charge = _charge(one, rated, how, as_of, is_others=payer != one.customer_id)
            found.charges.setdefault(one.customer_id, []).append(charge)
    return found


def _issued(lines: Iterable[LateLine]) -> list[Issued]:
    return [Issued(one.invoice, one.line) for one in lines]


def _is_same(one: LateLine, rated: Charge) -> bool:
    """Whether nothing would be said that was not said: the quantity and the amount are as they were."""
    was, now = one.line.charge.quantity, rated.quantity
    values = (None if was is None else was.value, None if now is None else now.value)
    return values[0] == values[1] and not amount_of(rated, one.corrects)


def _charge(
    one: LateLine, rated: Charge, how: Ways, as_of: datetime, *, is_others: bool
) -> LateCharge:
    line = one.line
    due = DueCharge(
        line.subscription_id, line.subscription, line.item_no, rated.price.in_advance,
        one.time_zone, Period(line.starts_at, line.ends_at), as_of, rated, "", line.part_off, one.corrects,
    )  # fmt: skip
    ended = one.contract_ends_at is not None and one.contract_ends_at <= as_of
    return LateCharge(due, AfterInvoice.NOTE in _ways_of(line, how), ended or is_others)


def _ways_of(line: InvoiceLine, how: Ways) -> set[AfterInvoice]:
    quantity = line.charge.quantity
    parts = () if quantity is None else quantity.parts
    return {how[part.meter_id] for part in parts if part.meter_id in how}


Groups = dict[tuple[datetime, str], list[DueCharge]]
"""Charges by document: the instant at which they fell due, and what sets a document apart."""


def documents(due: Sequence[DueCharge], late_: Sequence[LateCharge]) -> Groups:
    """Which charges stand together: all that fell due at one instant; late usage on the newest of them,
    or apart. Without an invoice to stand on it waits for one, unless none of the contract may follow.
    Nothing is issued only to say that nothing changes."""
    found: Groups = {}
    for charge in due:
        found.setdefault((charge.due_at, ""), []).append(charge)
    if not late_:
        return found
    apart: Groups = {}
    for one in late_:
        if one.is_apart and one.due.amount:
            assert one.due.corrects is not None, "late usage corrects what was billed"
            apart.setdefault((one.due.due_at, one.due.corrects.invoice), []).append(one.due)
    along = [one for one in late_ if not one.is_apart or not one.due.amount]
    if found:
        found[max(found)].extend(one.due for one in along)
    elif any(one.is_last and one.due.amount for one in along):
        apart[late_[0].due.due_at, ""] = [one.due for one in along]
    return found | apart
