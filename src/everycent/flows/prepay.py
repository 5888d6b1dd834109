"""Credit in the billing run: the wallets of a chunk's customers pay what is drafted for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from everycent.credits import queries as wallets
from everycent.credits.purse import Purse
from everycent.db.connection import Tx
from everycent.invoicing.assemble import DraftInvoice
from everycent.invoicing.prepaid import prepaid


def of_drafts(
    tx: Tx, drafts: Sequence[DraftInvoice], first: UUID, last: UUID
) -> list[DraftInvoice]:
    """The drafts of a range of customers with what their credit pays. The customers must be locked."""
    return pay(drafts, wallets.purses(tx, first, last)) if drafts else []


def pay(drafts: Iterable[DraftInvoice], purses: Iterable[Purse]) -> list[DraftInvoice]:
    """The drafts, each paid out of what those before it have left; they must be in order of time."""
    held: dict[UUID, list[Purse]] = {}
    for purse in purses:
        held.setdefault(purse.wallet.customer_id, []).append(purse)
    found = []
    for draft in drafts:
        own = held.get(draft.customer.customer_id)
        if own:
            draft, held[draft.customer.customer_id], _ = prepaid(draft, own)
        found.append(draft)
    return found
