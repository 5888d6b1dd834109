"""Credit in the billing run: the wallets of a chunk's customers pay what is drafted for them, and get back
what they paid of lines that are corrected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from everycent.credits import queries as wallets
from everycent.credits.purse import Billed, Purse, Stakes
from everycent.db.connection import Tx
from everycent.invoicing.assemble import DraftInvoice
from everycent.invoicing.prepaid import given_back, prepaid


def of_drafts(
    tx: Tx, drafts: Sequence[DraftInvoice], first: UUID, last: UUID
) -> list[DraftInvoice]:
    """The drafts of a range of customers with what their credit pays. The customers must be locked."""
    if not drafts:
        return []
    purses, stakes = held(
        tx, [one for draft in drafts if draft.prepaid for one in given_back(draft)], first, last
    )
    return pay(drafts, purses, stakes)


def held(tx: Tx, periods: Sequence[Billed], first: UUID, last: UUID) -> tuple[list[Purse], Stakes]:
    """The wallets of a range of customers, and what of them stands behind billed periods of which
    something is given back."""
    stakes = wallets.stakes(tx, periods)
    grants = sorted({stake.grant_id for own in stakes.values() for stake in own})
    return wallets.purses(tx, first, last, grants), stakes


def pay(
    drafts: Iterable[DraftInvoice], purses: Iterable[Purse], stakes: Stakes
) -> list[DraftInvoice]:
    """The drafts, each paid out of what those before it have left; they must be in order of time."""
    by_customer: dict[UUID, list[Purse]] = {}
    for purse in purses:
        by_customer.setdefault(purse.wallet.customer_id, []).append(purse)
    found = []
    for draft in drafts:
        own = by_customer.get(draft.customer.customer_id)
        if own:
            draft, by_customer[draft.customer.customer_id], _ = prepaid(draft, own, stakes)
        found.append(draft)
    return found
