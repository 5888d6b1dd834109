"""What a customer's prepaid credit pays of an invoice: docs/wallets.md, to the letter. Amounts are minor
units."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, NamedTuple

from everycent.recount.clock import instant
from everycent.recount.exact import shared_out
from everycent.recount.settle import Settled
from everycent.recount.sold import Plain, Sold
from everycent.recount.tax import Tax, taxes_on

_NEVER = datetime.max.replace(tzinfo=UTC)


class Lot(NamedTuple):
    """A grant and the wallet in which it lies, as they are told, and what is left of it."""

    wallet: Plain
    grant: Plain
    left: int


class Drawn(NamedTuple):
    """What an invoice takes out of a grant, what is left of that then, and what was granted; before taxes
    by number of the line for which it is."""

    grant_id: str
    amount: int
    left: int
    granted: int
    lines: tuple[tuple[int, int], ...] = ()


class Paid(NamedTuple):
    """By number of a line what is paid of it before taxes, the base and amount of each tax on what is left,
    and everything that is drawn."""

    before: dict[int, int]
    taxes: dict[Tax, tuple[int, int]]
    drawn: list[Drawn]


def paid(
    invoice: Plain, lines: Sequence[Sold], settled: Settled, lots: Sequence[Lot], as_of: datetime
) -> Paid:
    """What credit pays of an invoice that was made as of an instant: before taxes, and then of the whole.

    Where taxes of several rates are set off against each other, an invoice may come to less than what would
    be paid of it before taxes: what is beyond is left alone. What a correction gives back of what was paid
    stands as it is told, and to which grants; it is there again before anything is paid.
    """
    at = fell_due(invoice, as_of)
    bases = {line["line_no"]: settled.rest[line["line_no"]][0] for line in invoice["lines"]}
    back = {
        line["line_no"]: line["prepaid"] for line in invoice["lines"] if line.get("prepaid", 0) < 0
    }
    net, beyond = sum(bases.values()) - sum(back.values()), 0
    taxes = _taxes_after(invoice, lines, settled, back)
    lots, returned = _returned(invoice, lots)
    if net + _sum(taxes) <= 0 or not lots:
        return Paid(back, taxes, returned)
    gives = {line.line_no for line in lines if line.amount < 0}
    owed = _left_of(bases, back, gives)
    while True:
        own, drawn = _pay(invoice, _owed(owed, beyond), lots, at, before_tax=True)
        before = back | own
        taxes = _taxes_after(invoice, lines, settled, before)
        over = sum(own.values()) - net - _sum(taxes)
        if over <= 0:
            break
        beyond += over
    rests = {number: base - before.get(number, 0) for number, base in bases.items()}
    _, more = _pay(invoice, _owed(_with_taxes(rests, lines, taxes)), lots, at, before_tax=False)
    return Paid(before, taxes, returned + drawn + more)


def _returned(invoice: Plain, lots: Sequence[Lot]) -> tuple[list[Lot], list[Drawn]]:
    """The grants after what the invoice says that it gives back to them, and its draws of that. A grant of
    which nothing was left is not among the lots: what is left of it then is what is given back."""
    told = {str(draw["grant_id"]): draw for draw in invoice.get("draws", ()) if draw["amount"] < 0}
    found = []
    for lot in lots:
        draw = told.get(str(lot.grant["grant_id"]))
        found.append(lot if draw is None else lot._replace(left=lot.left - draw["amount"]))
    left = {str(lot.grant["grant_id"]): lot.left for lot in found}
    drawn = [
        Drawn(
            name,
            draw["amount"],
            left.get(name, -draw["amount"]),
            draw["granted"],
            tuple(map(tuple, draw.get("lines", ()))),
        )
        for name, draw in told.items()
    ]
    return found, drawn


def _left_of(
    amounts: Mapping[int, int], back: Mapping[int, int], gives: Collection[int]
) -> dict[int, int]:
    """What is to be paid of lines: nothing of one that gives back, of which credit is taken off first."""
    return {
        number: min(0, amount - back.get(number, 0)) if number in gives else amount
        for number, amount in amounts.items()
    }


def fell_due(invoice: Plain, as_of: datetime) -> datetime:
    """When the charges fell due: in advance as their periods began, the others as those ended. What is
    given back falls due when its contract changed, and late usage alone when it is billed."""
    lines = invoice["lines"]
    charged = [line for line in lines if line.get("corrects") is None]
    if charged:
        in_advance = [line["charge"]["price"].get("in_advance", False) for line in charged]
        pairs = zip(charged, in_advance, strict=True)
        return max(instant(line["starts_at" if early else "ends_at"]) for line, early in pairs)
    ends = [(instant(line["ends_at"]), instant(line["corrects"]["ends_at"])) for line in lines]
    return min((now for now, before in ends if now < before), default=as_of)


def _taxes_after(
    invoice: Plain, lines: Sequence[Sold], settled: Settled, before: Mapping[int, int]
) -> dict[Tax, tuple[int, int]]:
    """The taxes on what was not paid before them."""
    if not any(before.values()):
        return settled.taxes
    rest = {
        number: (whole - before.get(number, 0), exact - before.get(number, 0))
        for number, (whole, exact) in settled.rest.items()
    }
    in_order = sorted(lines, key=lambda line: line.order)
    return taxes_on(invoice, in_order, rest, are_net=True)[1]


def _sum(taxes: Mapping[Tax, tuple[int, int]]) -> int:
    return sum(amount for _, amount in taxes.values())


def _with_taxes(
    rests: Mapping[int, int], lines: Sequence[Sold], taxes: Mapping[Tax, tuple[int, int]]
) -> dict[int, int]:
    """What is left of each line with its share of each tax."""
    gross = dict(rests)
    for (category, percent, has_tax), (base, amount) in taxes.items():
        of = [
            line.line_no for line in lines
            if (category, percent) in line.rates and line.has_tax == has_tax
        ]  # fmt: skip
        if not amount:
            continue
        shares = [amount]  # only roundings are left of a tax without a base
        if base:
            shares = shared_out(amount, [Fraction(amount * rests[number], base) for number in of])
        for number, share in zip(of, shares, strict=False):
            gross[number] += share
    return gross


def _owed(amounts: Mapping[int, int], beyond: int = 0) -> dict[int, int]:
    """What may be paid of each line: negative ones, and `beyond`, come off the others first, in order."""
    off = beyond - sum(amount for amount in amounts.values() if amount < 0)
    owed = {}
    for number, amount in amounts.items():
        owed[number] = max(0, amount - off) if amount > 0 else 0
        off -= max(0, amount) - owed[number]
    return owed


def _pay(
    invoice: Plain,
    owed: Mapping[int, int],
    lots: Sequence[Lot],
    at: datetime,
    *,
    before_tax: bool,
) -> tuple[dict[int, int], list[Drawn]]:
    """What the wallets that pay before taxes, or the others, pay of each line, one after the other."""
    rests = dict(owed)
    drawn = []
    usable = [
        lot for lot in lots
        if lot.wallet.get("before_tax", False) is before_tax
        and lot.wallet["currency"] == invoice["currency"] and _is_usable(lot, at)
    ]  # fmt: skip
    for wallet in sorted({_place_of(lot) for lot in usable}):
        own = sorted((lot for lot in usable if _place_of(lot) == wallet), key=_order)
        while own:
            lot = own.pop(0)
            left, paid_lines = lot.left, {}
            for line in sorted(
                (line for line in invoice["lines"] if _covers(lot.wallet, line)),
                key=lambda line: sum(_covers(later.grant, line) for later in own),
            ):
                if _covers(lot.grant, line):
                    amount = min(left, rests[line["line_no"]])
                    left, rests[line["line_no"]] = left - amount, rests[line["line_no"]] - amount
                    paid_lines[line["line_no"]] = amount
            if left < lot.left:
                drawn.append(_drawn(lot, left, paid_lines if before_tax else {}))
    return {n: owed[n] - rest for n, rest in rests.items() if rest != owed[n]}, drawn


def _drawn(lot: Lot, left: int, lines: Mapping[int, int]) -> Drawn:
    told = tuple(sorted((number, amount) for number, amount in lines.items() if amount))
    return Drawn(str(lot.grant["grant_id"]), lot.left - left, left, lot.grant["amount"], told)


def _is_usable(lot: Lot, at: datetime) -> bool:
    """Whether a grant pays at an instant: from its first one on, and no longer at the one of its expiry."""
    ends = lot.grant.get("expires_at")
    expires_at = _NEVER if ends is None else instant(ends)
    return lot.left > 0 and instant(lot.grant["effective_at"]) <= at < expires_at


def _place_of(lot: Lot) -> tuple[int, str]:
    return lot.wallet.get("priority", 0), lot.wallet["key"]


def _order(lot: Lot) -> tuple[Any, ...]:
    """By priority, by expiry where the wallet says so, and then by what came in first."""
    grant, ends = lot.grant, _NEVER
    if lot.wallet.get("order", "priority_then_expiry") == "priority_then_expiry":
        ends = _NEVER if grant.get("expires_at") is None else instant(grant["expires_at"])
    return grant["priority"], ends, grant["number"], instant(grant["effective_at"])


def _covers(told: Plain, line: Plain) -> bool:
    """Whether the scope of a wallet or a grant has room for a line."""
    scope = told.get("scope", {})
    products, prices = scope.get("products", ()), scope.get("prices", ())
    charge = line["charge"]
    return (
        not (products or prices)
        or charge["product"]["key"] in products
        or charge["price"]["key"] in prices
    )
