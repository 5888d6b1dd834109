"""Purse: a wallet with what is in it, how several of them pay one after the other, and how they get back
what they paid before taxes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

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


class Stake(NamedTuple):
    """What a grant has paid of something before taxes, and was not given back yet."""

    grant_id: UUID
    amount: int


Billed = tuple[UUID, int, datetime]
"""A billed period: its subscription, its item, and when it starts."""
Stakes = Mapping[Billed, Sequence[Stake]]
"""By billed period what stands for it, in the order in which it was drawn."""
NO_STAKES: Stakes = {}


class Back(NamedTuple):
    """An `amount` (positive) that a line gives back, out of these stakes."""

    line_no: int
    amount: int
    stakes: Sequence[Stake]


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
    """What those of the purses in the currency pay that pay before taxes, or the others. The parts are
    those of a document's lines, in order."""
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


def standing(drawn: Iterable[Stake]) -> tuple[Stake, ...]:
    """What stands of all that was drawn, in order; a negative one was given back: of what its grant had
    paid, the last first."""
    found: list[Stake] = []
    for grant_id, amount in drawn:
        if amount > 0:
            found.append(Stake(grant_id, amount))
            continue
        for place in reversed(range(len(found))):
            if found[place].grant_id == grant_id:
                taken = min(found[place].amount, -amount)
                found[place] = Stake(grant_id, found[place].amount - taken)
                amount += taken
    return tuple(stake for stake in found if stake.amount)


def returned(purses: Sequence[Purse], backs: Iterable[Back]) -> tuple[list[Purse], list[Draw]]:
    """The purses after what lines give back, and its draws: what was drawn last goes back first, each to
    its grant. What came from grants that are in none of the purses is left out."""
    shares: dict[UUID, dict[int, int]] = {}
    for line_no, amount, stakes in backs:
        for stake in reversed(stakes):
            taken = min(stake.amount, amount)
            if taken:
                own = shares.setdefault(stake.grant_id, {})
                own[line_no] = own.get(line_no, 0) - taken
                amount -= taken
    if not shares:
        return list(purses), []
    found = [Purse(purse.wallet, list(purse.lots)) for purse in purses]
    places = {
        lot.grant.grant_id: (purse, place)
        for purse in found
        for place, lot in enumerate(purse.lots)
        if lot.grant.grant_id in shares
    }
    draws = []
    for grant_id, lines in shares.items():
        if grant_id in places:
            purse, place = places[grant_id]
            lot, amount = purse.lots[place], sum(lines.values())
            purse.lots[place] = Lot(lot.grant, lot.left - amount, lot.draws + 1)
            told = tuple(sorted(lines.items()))
            draws.append(_draw(purse.wallet, purse.lots[place], amount, told))
    return found, draws


def draw(wallet: Wallet, movement: Movement) -> Draw:
    """A movement out of a grant as it stands in events."""
    assert movement.kind is not Kind.GRANTED
    lines = enumerate(movement.parts if wallet.before_tax else (), start=1)
    paid_lines = tuple((number, amount) for number, amount in lines if amount)
    return _draw(wallet, movement.lot, movement.amount, paid_lines)


def _draw(wallet: Wallet, lot: Lot, amount: int, lines: tuple[tuple[int, int], ...]) -> Draw:
    grant = lot.grant
    return Draw(
        wallet.wallet_id, wallet.key, grant.grant_id, lot.draws, amount, lot.left, grant.amount,
        grant.basis, lines,
    )  # fmt: skip
