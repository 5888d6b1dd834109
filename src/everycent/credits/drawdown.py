"""Drawing down: which grant pays what, what expires, what is left over. Pure, and independent of the
order in which grants and uses are told.

At one instant these things happen one after the other: credit that expires then is gone; grants come
again; resets; grants become effective; overage that was carried is paid; then uses are paid, in order of
their ids. A grant pays from its first instant and no longer at the one at which it expires.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import msgspec

from everycent.credits.grant import Grant, Order
from everycent.kernel import ids
from everycent.kernel.calendar import local_date, start_of_day
from everycent.kernel.period import instant_text

_NEVER = datetime.max.replace(tzinfo=UTC)


class CarryOverage(StrEnum):
    """`credits.carry_overage`: what becomes of a use that no grant pays. NEVER: it is owed in money at
    once (what invoices do). TO_NEXT_GRANT: the next grant pays it first, unless a reset comes before.
    OVER_RESETS: a reset does not forget it either."""

    NEVER = "never"
    TO_NEXT_GRANT = "to_next_grant"
    OVER_RESETS = "over_resets"


class Policy(NamedTuple):
    """How a wallet is drawn down."""

    order: Order = Order.EXPIRY
    carry_overage: CarryOverage = CarryOverage.NEVER


class Lot(NamedTuple):
    """A grant and what is `left` of it; `draws` counts what was written about it."""

    grant: Grant
    left: int
    draws: int = 0

    def pays(self, at: datetime) -> bool:
        """Whether anything can be drawn from it at an instant."""
        grant = self.grant
        return self.left > 0 and grant.effective_at <= at < (grant.expires_at or _NEVER)


class Part(NamedTuple):
    """An amount of one product and price that is to be paid (minor units, not negative)."""

    amount: int
    product: str = ""
    price: str = ""


class Use(NamedTuple):
    """What is to be paid at an instant."""

    use_id: str
    at: datetime
    parts: tuple[Part, ...]


class Kind(StrEnum):
    """Why the credit of a grant changed."""

    GRANTED = "granted"
    DRAWN = "drawn"
    EXPIRED = "expired"


class Movement(NamedTuple):
    """`amount` (positive) of credit came or went; `lot` is how its grant stands then. A draw says for
    which use, and how much of each of its parts."""

    kind: Kind
    at: datetime
    lot: Lot
    amount: int
    use_id: str = ""
    parts: tuple[int, ...] = ()


class Outcome(NamedTuple):
    """The grants as they stand in the end, everything that happened, and what nobody paid by use."""

    lots: list[Lot]
    movements: list[Movement]
    overage: dict[str, int]


def draw_down(
    grants: Iterable[Lot],
    uses: Iterable[Use],
    until: datetime,
    policy: Policy = Policy(),  # noqa: B008 - never changed
    resets: Iterable[datetime] = (),
) -> Outcome:
    """All that happens up to `until`: changes at that instant included, uses before it.

    A reset is of the whole wallet: every grant keeps what its rollover allows, and overage is forgotten
    unless the policy carries it over.
    """
    lots = sorted(grants, key=lambda lot: _received(lot.grant))
    waiting = sorted((use for use in uses if use.at < until), key=lambda use: (use.at, use.use_id))
    reset_at = {at for at in resets if at <= until}
    at_all = {use.at for use in waiting} | reset_at | {until}
    at_all |= {lot.grant.effective_at for lot in lots if lot.grant.effective_at <= until}
    if policy.carry_overage is not CarryOverage.NEVER:
        at_all |= {at for lot in lots for at in _renewals(lot.grant, until)}
    movements: list[Movement] = []
    open_uses: list[Use] = []
    overage: dict[str, int] = {}
    for at in sorted(at_all):
        lots, settled = settle(lots, at)
        movements += settled
        if at in reset_at:
            lots, changed = _reset(lots, at)
            movements += changed
            if policy.carry_overage is not CarryOverage.OVER_RESETS:
                open_uses = []
        while waiting and waiting[0].at == at:
            open_uses.append(waiting.pop(0))
        unpaid = []
        for use in open_uses:
            lots, paid, rests = pay(lots, use._replace(at=at), policy.order)
            movements += paid
            overage[use.use_id] = sum(rests)
            if any(rests):
                parts = zip(use.parts, rests, strict=True)
                unpaid.append(use._replace(parts=tuple(p._replace(amount=r) for p, r in parts)))
        open_uses = [] if policy.carry_overage is CarryOverage.NEVER else unpaid
    return Outcome(lots, movements, {name: rest for name, rest in overage.items() if rest})


def settle(lots: Sequence[Lot], until: datetime) -> tuple[list[Lot], list[Movement]]:
    """What happens by itself up to and including an instant: credit expires, grants come again."""
    if not any(_next_change(lot) <= until for lot in lots):
        return list(lots), []
    by_series: dict[UUID, list[Lot]] = {}
    for lot in lots:
        by_series.setdefault(lot.grant.series_id, []).append(lot)
    found: list[Lot] = []
    movements: list[Movement] = []
    for series in by_series.values():
        held, happened = _settled(series, until)
        found += held
        movements += happened
    movements.sort(key=lambda m: (m.at, _received(m.lot.grant)))
    return found, movements


def _next_change(lot: Lot) -> datetime:
    """When something may happen to a lot by itself."""
    ends = (lot.grant.expires_at or _NEVER) if lot.left else _NEVER
    renewed = _next_renewal(lot.grant)
    return ends if renewed is None else min(ends, renewed)


def _settled(series: Sequence[Lot], until: datetime) -> tuple[list[Lot], list[Movement]]:
    """The lots of one series after their renewals and expiries, oldest first."""
    lots = sorted(series, key=lambda lot: lot.grant.effective_at)
    empty: list[Lot] = []
    movements: list[Movement] = []
    while (at := _next_renewal(lots[-1].grant)) is not None and at <= until:
        newest = lots[-1].grant
        renewal = newest.renewal
        assert renewal is not None
        left = sum(lot.left for lot in lots)
        kept = newest.rollover.kept(left)
        lots, gone = _expired(lots, max(0, left - kept), at)
        amount = renewal.amount + max(0, kept - left)
        lots.append(Lot(_renewed(newest, amount, at), amount))
        movements += [*gone, Movement(Kind.GRANTED, at, lots[-1], amount)]
        empty += [lot for lot in lots[:-1] if not lot.left]
        lots = [*(lot for lot in lots[:-1] if lot.left), lots[-1]]
    ends = lots[-1].grant.expires_at
    if ends is not None and ends <= until:
        lots, gone = _expired(lots, sum(lot.left for lot in lots), ends)
        movements += gone
    return [*empty, *lots], movements


def _renewed(grant: Grant, amount: int, at: datetime) -> Grant:
    """The next grant of a series; its id follows from what it is."""
    return msgspec.structs.replace(
        grant,
        grant_id=ids.derived(f"grant/{grant.series_id}/{instant_text(at)}"),
        amount=amount,
        effective_at=at,
        series=grant.series_id,
    )


def _next_renewal(grant: Grant) -> datetime | None:
    """When the newest grant of a series comes again; None for one that does not, or ends before."""
    if grant.renewal is None:
        return None
    cycle = grant.renewal.cycle
    number = cycle.index(local_date(grant.effective_at, cycle.zone)) + 1
    at = start_of_day(cycle.boundary(number), cycle.zone)
    return None if grant.expires_at is not None and grant.expires_at <= at else at


def _renewals(grant: Grant, until: datetime) -> list[datetime]:
    """All instants up to `until` at which a grant comes again."""
    found = []
    while (at := _next_renewal(grant)) is not None and at <= until:
        found.append(at)
        grant = msgspec.structs.replace(grant, effective_at=at)
    return found


def _expired(lots: Sequence[Lot], amount: int, at: datetime) -> tuple[list[Lot], list[Movement]]:
    """Lots of which the amount has expired, out of the oldest first."""
    found, movements = [], []
    for lot in lots:
        gone = min(lot.left, amount)
        if gone:
            amount -= gone
            lot = lot._replace(left=lot.left - gone, draws=lot.draws + 1)
            movements.append(Movement(Kind.EXPIRED, at, lot, gone))
        found.append(lot)
    return found, movements


def _reset(lots: Sequence[Lot], at: datetime) -> tuple[list[Lot], list[Movement]]:
    """Every grant that is usable is brought within its rollover."""
    found, movements = [], []
    for lot in lots:
        grant = lot.grant
        if grant.effective_at < at < (grant.expires_at or _NEVER):
            kept = grant.rollover.kept(lot.left)
            change = kept - lot.left
            lot = lot._replace(left=kept, draws=lot.draws + (change != 0))
            if change:
                kind = Kind.GRANTED if change > 0 else Kind.EXPIRED
                movements.append(Movement(kind, at, lot, abs(change)))
        found.append(lot)
    return found, movements


def pay(lots: Sequence[Lot], use: Use, order: Order) -> tuple[list[Lot], list[Movement], list[int]]:
    """What the grants pay of a use, in the policy's order, and what is left of each of its parts.

    A grant that may not pay everything is spared for what only it may pay: of the parts that a grant may
    pay, those come first that the fewest of the grants after it may pay, then as they stand.
    """
    rests = [part.amount for part in use.parts]
    changed: dict[UUID, Lot] = {}
    movements = []
    usable = sorted(
        (lot for lot in lots if lot.pays(use.at)), key=lambda lot: _order(lot.grant, order)
    )
    is_scoped = any(lot.grant.scope.products or lot.grant.scope.prices for lot in usable)
    for place, lot in enumerate(usable):
        if not any(rests):
            break
        after = usable[place + 1 :] if is_scoped else ()
        taken = _taken(lot, use.parts, rests, after)
        amount = sum(taken)
        if amount:
            rests = [rest - gone for rest, gone in zip(rests, taken, strict=True)]
            lot = Lot(lot.grant, lot.left - amount, lot.draws + 1)
            changed[lot.grant.grant_id] = lot
            movements.append(Movement(Kind.DRAWN, use.at, lot, amount, use.use_id, tuple(taken)))
    if not changed:
        return list(lots), [], rests
    return [changed.get(lot.grant.grant_id, lot) for lot in lots], movements, rests


def _taken(
    lot: Lot, parts: Sequence[Part], rests: Sequence[int], after: Sequence[Lot]
) -> list[int]:
    """How much of each part the grant pays."""
    taken = [0] * len(parts)
    left = lot.left
    for number in sorted(range(len(parts)), key=lambda n: (_payers(after, parts[n]), n)):
        part = parts[number]
        if left and lot.grant.scope.covers(part.product, part.price):
            taken[number] = min(left, rests[number])
            left -= taken[number]
    return taken


def _payers(lots: Iterable[Lot], part: Part) -> int:
    return sum(lot.grant.scope.covers(part.product, part.price) for lot in lots)


def _received(grant: Grant) -> tuple[int, datetime, int]:
    return grant.number, grant.effective_at, grant.grant_id.int


def _order(grant: Grant, order: Order) -> tuple[object, ...]:
    """What sorts grants in the order in which they pay."""
    if order is Order.RECEIVED:
        return (grant.priority, *_received(grant))
    return (grant.priority, grant.expires_at or _NEVER, *_received(grant))
