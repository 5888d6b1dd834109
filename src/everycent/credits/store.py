"""Wallets, grants and what is left of them out of the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from everycent.credits.drawdown import Lot
from everycent.credits.grant import Grant
from everycent.credits.purse import Billed, Purse, Stake, standing
from everycent.credits.wallet import Wallet
from everycent.db import statements
from everycent.db.connection import Tx

SQL = statements.beside(__file__)

_wallet = msgspec.json.Decoder(Wallet)
_grant = msgspec.json.Decoder(Grant)


class Held(NamedTuple):
    """A grant as it stands, its wallet, and whether the customer owes what it cost."""

    wallet: Wallet
    lot: Lot
    is_owed: bool


def find_wallets(
    tx: Tx,
    *,
    keys: Sequence[str] | None = None,
    customer_ids: Sequence[UUID] | None = None,
    after: str = "",
    limit: int = 1_000_000,
) -> list[Wallet]:
    """Wallets in order of their keys."""
    params = {
        "tenant_id": tx.tenant_id,
        "keys": None if keys is None else list(keys),
        "customer_ids": None if customer_ids is None else list(customer_ids),
        "after": after,
        "limit": limit,
    }
    return [_wallet.decode(told) for (told,) in tx.tuples(SQL["find_wallets"], params)]


def list_wallets_behind(tx: Tx, customer_id: UUID) -> list[Wallet]:
    """The wallets of a customer, and of all who pay for it at any time."""
    params = {"tenant_id": tx.tenant_id, "customer_id": customer_id}
    return [_wallet.decode(told) for (told,) in tx.tuples(SQL["wallets_behind"], params)]


def list_purses(tx: Tx, first: UUID, last: UUID, grant_ids: Sequence[UUID]) -> list[Purse]:
    """The wallets of a range of customers that hold anything, or will; with some grants of theirs."""
    params = {"tenant_id": tx.tenant_id, "first": first, "last": last, "also": list(grant_ids)}
    found: dict[UUID, Purse] = {}
    for wallet, told, left, draw_no in tx.tuples(SQL["open_lots"], params):
        grant = _grant.decode(told)
        if grant.wallet_id not in found:
            found[grant.wallet_id] = Purse(_wallet.decode(wallet), [])
        purse = found[grant.wallet_id]
        if grant.series_id in purse.wallet.ended:
            grant = msgspec.structs.replace(grant, renewal=None)
        purse.lots.append(Lot(grant, left, draw_no))
    return list(found.values())


def list_stakes(tx: Tx, billed: Sequence[Billed]) -> dict[Billed, tuple[Stake, ...]]:
    """What stands of all that was drawn for billed periods before taxes."""
    params = {
        "tenant_id": tx.tenant_id,
        "subscriptions": [subscription_id for subscription_id, _, _ in billed],
        "items": [item_no for _, item_no, _ in billed],
        "starts": [starts_at for _, _, starts_at in billed],
    }
    drawn: dict[Billed, list[Stake]] = {}
    for row in tx.tuples(SQL["draws_of_periods"], params):
        drawn.setdefault((row[0], row[1], row[2]), []).append(Stake(row[3], row[4]))
    return {period: standing(stakes) for period, stakes in drawn.items()}


def list_lots(tx: Tx, grant_ids: Sequence[UUID]) -> list[Held]:
    """Grants by id."""
    params = {"tenant_id": tx.tenant_id, "grant_ids": list(grant_ids)}
    return [
        Held(_wallet.decode(wallet), Lot(_grant.decode(told), left, draw_no), is_owed)
        for wallet, told, left, draw_no, is_owed in tx.tuples(SQL["lots"], params)
    ]


def list_left_before(
    tx: Tx, customer_ids: Sequence[UUID], event_ids: Sequence[UUID | None]
) -> list[tuple[int, str, str, int]]:
    """The place of a customer, counted from 1, a wallet and a grant as they are told, and what was left of
    the grant before an event of the customer's; None: what is left now."""
    params = {
        "tenant_id": tx.tenant_id,
        "customer_ids": list(customer_ids),
        "event_ids": list(event_ids),
    }
    return tx.tuples(SQL["left_before"], params)


def last_number(tx: Tx, wallet_id: UUID) -> int:
    """The number of the newest grant of a wallet, 0 without one."""
    return int(tx.value(SQL["last_number"], {"tenant_id": tx.tenant_id, "wallet_id": wallet_id}))


def booked_before(tx: Tx, wallet_id: UUID, reference: str) -> int | None:
    """The number of the grant that a payment was put into a wallet with, if it was."""
    params = {"tenant_id": tx.tenant_id, "wallet_id": wallet_id, "reference": reference}
    found = tx.tuples(SQL["booked_before"], params)
    return found[0][0] if found else None


def list_history(tx: Tx, wallet_id: UUID) -> list[tuple[Grant, Any]]:
    """The grants of a wallet, each with every draw on it."""
    params = {"tenant_id": tx.tenant_id, "wallet_id": wallet_id}
    return [(_grant.decode(row.told), row) for row in tx.rows(SQL["history"], params)]


def last_top_ups(tx: Tx, wallet_ids: Sequence[UUID]) -> dict[UUID, Any]:
    """The newest due top-up of each of the wallets that ever had one."""
    params = {"tenant_id": tx.tenant_id, "wallet_ids": list(wallet_ids)}
    return {row.wallet_id: row for row in tx.rows(SQL["last_top_ups"], params)}


def list_violations(tx: Tx, check: str) -> list[str]:
    """What a checking statement finds; empty is good."""
    return [text for (text,) in tx.tuples(SQL[check], {"tenant_id": tx.tenant_id})]
