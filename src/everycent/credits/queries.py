"""Look wallets and their grants up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import json

from everycent.credits import store
from everycent.credits.grant import Grant
from everycent.credits.purse import Billed, Purse, Stakes
from everycent.credits.store import Held
from everycent.credits.wallet import Due, TopUpRule, Wallet
from everycent.db.connection import Tx
from everycent.kernel.errors import NotFound


def wallet(tx: Tx, key: str) -> Wallet:
    """A wallet by key. Raises NotFound `wallet.unknown`."""
    found = store.find_wallets(tx, keys=[key])
    if not found:
        raise NotFound(
            "wallet.unknown",
            f"there is no wallet {key!r}",
            field="wallet",
            value=key,
            hint="list them with `everycent wallet list`",
        )
    return found[0]


def wallets(
    tx: Tx, *, customer_ids: Sequence[UUID] | None = None, after: str = "", limit: int = 100
) -> list[Wallet]:
    """Wallets in order of their keys, of everybody or of some customers."""
    return store.find_wallets(tx, customer_ids=customer_ids, after=after, limit=limit)


def wallets_behind(tx: Tx, customer_id: UUID) -> list[Wallet]:
    """The wallets of a customer, and of all who pay for it at any time."""
    return store.list_wallets_behind(tx, customer_id)


def purses(tx: Tx, first: UUID, last: UUID, grant_ids: Sequence[UUID] = ()) -> list[Purse]:
    """The wallets of a range of customers, both ends included, that hold anything or will; with some
    grants of theirs that may be used up."""
    return store.list_purses(tx, first, last, grant_ids)


def stakes(tx: Tx, billed: Sequence[Billed]) -> Stakes:
    """What of credit stands for billed periods, paid before taxes and not given back."""
    return store.list_stakes(tx, billed) if billed else {}


def lots_of(tx: Tx, held_in: Wallet, number: int) -> list[Held]:
    """The grants of a wallet with a number: one, or all of a series. Raises NotFound `credit.unknown`."""
    rows = store.list_history(tx, held_in.wallet_id)
    wanted = [row.grant_id for grant, row in rows if grant.number == number and row.draw_no == 0]
    found = store.list_lots(tx, wanted)
    if not found:
        raise NotFound(
            "credit.unknown",
            f"{held_in.key} has no grant {number}",
            field="number",
            value=number,
            hint="list them with `everycent wallet show`",
        )
    return found


class Told(NamedTuple):
    """A wallet and a grant of it as they are told (plain data), and what is left of the grant."""

    wallet: dict[str, Any]
    grant: dict[str, Any]
    left: int


def left_before(tx: Tx, asked: Sequence[tuple[UUID, UUID | None]]) -> list[list[Told]]:
    """Of each customer the grants that there were before an event of theirs, or (None) that there are now,
    with what was left of them."""
    found: list[list[Told]] = [[] for _ in asked]
    customer_ids, event_ids = [one for one, _ in asked], [event for _, event in asked]
    for place, wallet, grant, left in store.list_left_before(tx, customer_ids, event_ids):
        found[place - 1].append(Told(json.decode(wallet), json.decode(grant), left))
    return found


def history(tx: Tx, held_in: Wallet) -> list[tuple[Grant, Any]]:
    """The grants of a wallet in order of number and time, each with every draw on it."""
    return store.list_history(tx, held_in.wallet_id)


def last_top_ups(tx: Tx, wallet_ids: Sequence[UUID]) -> dict[UUID, Any]:
    """The newest due top-up of each of the wallets that ever had one."""
    return store.last_top_ups(tx, wallet_ids)


def open_top_up(tx: Tx, held_in: Wallet) -> Due:
    """The top-up of a wallet that is due. Raises NotFound `wallet.nothing_due`."""
    row = store.last_top_ups(tx, [held_in.wallet_id]).get(held_in.wallet_id)
    if row is None or row.state != "open":
        raise NotFound(
            "wallet.nothing_due",
            f"no top-up of {held_in.key} is due",
            field="wallet",
            value=held_in.key,
            hint="`everycent wallet check` makes one due when its rule says so",
        )
    return Due(
        held_in.wallet_id, held_in.customer_id, held_in.currency, row.due_no,
        TopUpRule(row.below, row.amount, row.rule_version), row.balance, row.as_of,
    )  # fmt: skip
