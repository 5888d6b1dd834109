"""Purse: a wallet with what is in it, and how several of them pay one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from everycent.credits.drawdown import Kind, Lot, Movement, Part, Use, pay, settle
from everycent.credits.wallet import Draw, Wallet


class Purse(NamedTuple):
    """A wallet and its grants that are not used up, or come again."""

    wallet: Wallet
    lots: list[Lot]

    @property
    def left(self) -> int:
        """All that is left in it, minor units, usable already or not."""
        return sum(lot.left for lot in self.lots)


class Settled(NamedTuple):
    """Something that happened to a wallet by itself: credit expired, or a grant came again."""

    wallet: Wallet
    movement: Movement


class Paid(NamedTuple):
    """What purses paid of some parts: the purses as they are then, the draws, and by part how much."""

    purses: list[Purse]
    draws: list[Draw]
    parts: list[int]


def in_order(purses: Iterable[Purse]) -> list[Purse]:
    """Purses as they pay: by the priority of their wallets, then by key."""
    return sorted(purses, key=lambda purse: (purse.wallet.priority, purse.wallet.key))


def settled(purses: Iterable[Purse], until: datetime) -> tuple[list[Purse], list[Settled]]:
    """The purses after all that happens by itself up to an instant, and what that was."""
    found, happened = [], []
    for purse in purses:
        lots, movements = settle(purse.lots, until)
        found.append(Purse(purse.wallet, lots))
        happened += [Settled(purse.wallet, movement) for movement in movements]
    return found, happened


def paid(
    purses: Iterable[Purse],
    parts: Sequence[Part],
    currency: str,
    at: datetime,
    *,
    before_tax: bool,
) -> Paid:
    """What those of the purses in the currency pay that pay before taxes, or the others."""
    rests = [part.amount for part in parts]
    found, draws = [], []
    for purse in in_order(purses):
        wallet = purse.wallet
        if wallet.before_tax is not before_tax or wallet.currency != currency or not any(rests):
            found.append(purse)
            continue
        open_parts = tuple(
            part._replace(amount=rest if wallet.scope.covers(part.product, part.price) else 0)
            for part, rest in zip(parts, rests, strict=True)
        )
        lots, movements, _ = pay(purse.lots, Use("", at, open_parts), wallet.order)
        for movement in movements:
            rests = [rest - gone for rest, gone in zip(rests, movement.parts, strict=True)]
            draws.append(draw(wallet, movement))
        found.append(Purse(wallet, lots))
    return Paid(found, draws, [p.amount - rest for p, rest in zip(parts, rests, strict=True)])


def draw(wallet: Wallet, movement: Movement) -> Draw:
    """A movement out of a grant as it stands in events."""
    assert movement.kind is not Kind.GRANTED
    grant = movement.lot.grant
    return Draw(
        wallet.wallet_id, wallet.key, grant.grant_id, movement.lot.draws, movement.amount,
        movement.lot.left, grant.amount, grant.basis,
    )  # fmt: skip
