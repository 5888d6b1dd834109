"""The credit that there was to pay an invoice that is counted again: what was left of each grant."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec

from everycent.credits import queries as wallets
from everycent.credits.queries import Told
from everycent.db.connection import Tx
from everycent.invoicing.assemble import DraftInvoice
from everycent.invoicing.queries import Made
from everycent.recount.credit import Lot
from everycent.recount.invoice import Credit


def before(tx: Tx, issued: Sequence[Made]) -> list[Credit]:
    """What customers had before their invoices were issued."""
    asked = [(made.invoice.customer.customer_id, made.event_id) for made in issued]
    held = wallets.left_before(tx, asked)
    return [
        Credit([Lot(*told) for told in own], made.as_of)
        for made, own in zip(issued, held, strict=True)
    ]


def of_drafts(tx: Tx, drafts: Sequence[DraftInvoice]) -> list[Credit]:
    """What customers have now, and what is left of it for each draft: the drafts before it take theirs, and
    what happens to credit by itself is read as it will be written."""
    owners = sorted({draft.customer.customer_id for draft in drafts})
    now = wallets.left_before(tx, [(customer_id, None) for customer_id in owners])
    held: dict[UUID, dict[str, Told]] = {
        customer_id: {str(told.grant["grant_id"]): told for told in own}
        for customer_id, own in zip(owners, now, strict=True)
    }
    found = []
    for draft in drafts:
        own = held[draft.customer.customer_id]
        for wallet, movement in draft.settled:
            grant = msgspec.to_builtins(movement.lot.grant)
            told = Told(msgspec.to_builtins(wallet), grant, movement.lot.left)
            own[grant["grant_id"]] = told
        lots = [Lot(*told) for told in own.values() if told.left]
        found.append(Credit(lots, draft.due_at))
        for draw in draft.draws:
            grant_id = str(draw.grant_id)
            own[grant_id] = own[grant_id]._replace(left=draw.left)
    return found
