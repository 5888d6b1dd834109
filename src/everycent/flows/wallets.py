"""Wallets in real time: what is left once everything is paid that was used and is not billed yet.

The running cost is drafted as one invoice as of now, by the very functions that bill, and paid by the very
functions that pay. What nobody pays comes off every wallet that may pay it, so that a balance below
nothing says how much is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from everycent.catalog import queries as catalog
from everycent.coupons import queries as coupons
from everycent.credits import operations
from everycent.credits import queries as wallets
from everycent.credits.allowance import Allowance, allowance, strictest
from everycent.credits.bounds import check_renewals
from everycent.credits.drawdown import Part
from everycent.credits.operations import Writing
from everycent.credits.purse import Billed, Purse, Settled, Stakes, settled
from everycent.credits.wallet import Caps, Due, Wallet
from everycent.customers import operations as customers
from everycent.customers.customer import Customer
from everycent.db.connection import Database, Tx
from everycent.flows import prepay
from everycent.flows.ahead import check_periods
from everycent.flows.outstanding import outstanding
from everycent.flows.rate_due import Selling
from everycent.flows.running import Line, State
from everycent.invoicing.assemble import draft
from everycent.invoicing.prepaid import prepaid
from everycent.kernel.errors import Refusal
from everycent.subscriptions import queries as subscriptions

_BATCH = 500


class Standing(NamedTuple):
    """How a wallet stands. `usable` is what may be used now, `waiting` what may be used later; `reserved`
    is what the running cost would draw, `missing` what of that cost nothing pays. Minor units. With a
    `refusal` the running cost can't be worked out, and is left out."""

    wallet: Wallet
    usable: int
    waiting: int
    reserved: int
    missing: int
    refusal: Refusal | None = None

    @property
    def balance(self) -> int:
        """The real-time balance."""
        return self.usable - self.reserved - self.missing

    @property
    def allowance(self) -> Allowance:
        """Whether more may be used."""
        return allowance(self.balance, self.wallet.caps)


class Checked(NamedTuple):
    """What a check found: how all wallets stand, what became due, how many grants expired or came again,
    and whose credit was left alone because something is to be billed first."""

    standings: list[Standing]
    due: list[tuple[Wallet, Due]]
    settled: list[Settled]
    unbilled: list[Wallet]


def standings(tx: Tx, owners: Sequence[Customer], as_of: datetime) -> list[Standing]:
    """How the wallets of some customers stand, in order of customer and wallet. Call it in a `snapshot`.

    What expired by then is left out, and what came again is in, written down or not.
    """
    ids = sorted(owner.customer_id for owner in owners)
    if not ids:
        return []
    held = {one.wallet_id: one for one in wallets.wallets(tx, customer_ids=ids, limit=_ALL)}
    lines, refused = _costs(tx, sorted({one.customer_id for one in held.values()}), as_of)
    there, stakes = prepay.held(tx, _given_back(lines.values()), ids[0], ids[-1])
    purses = {purse.wallet.wallet_id: purse for purse in there}
    own: dict[UUID, list[Purse]] = {}
    for wallet in held.values():
        own.setdefault(wallet.customer_id, []).append(
            purses.get(wallet.wallet_id, Purse(wallet, []))
        )
    selling = Selling(
        catalog.newest_taxes(tx),
        coupons.held(tx, ids[0], ids[-1]),
        catalog.policies(tx),
    )
    found = []
    for owner in sorted(owners, key=lambda owner: owner.customer_id):
        if owner.customer_id in own:
            cost, refusal = lines.get(owner.customer_id, []), refused.get(owner.customer_id)
            found += _standings(
                owner, own[owner.customer_id], cost, refusal, selling, as_of, stakes
            )
    return found


def _given_back(costs: Iterable[Iterable[Line]]) -> list[Billed]:
    """The billed periods of which something is to be given back that credit paid before taxes."""
    return [
        (line.subscription_id, line.item_no, line.period.start)
        for lines in costs
        for line in lines
        if line.owed.credit_back
    ]


_ALL = 1_000_000


def _costs(
    tx: Tx, customer_ids: Sequence[UUID], as_of: datetime
) -> tuple[dict[UUID, list[Line]], dict[UUID, Refusal]]:
    """What each customer has to pay and has not been billed for, and why that can't be said of some."""
    found = outstanding(tx, subscriptions.payable(tx, customer_ids), as_of)
    lines: dict[UUID, list[Line]] = {}
    for line in found.lines:
        if line.state is not State.BILLED:
            lines.setdefault(line.payer_id, []).append(line)
    return lines, {payer: one.refusal for one in found.refused for payer in one.payer_ids}


def _standings(
    owner: Customer,
    purses: Iterable[Purse],
    lines: Sequence[Line],
    refusal: Refusal | None,
    selling: Selling,
    as_of: datetime,
    stakes: Stakes,
) -> list[Standing]:
    held, _ = settled(purses, as_of)
    after: list[Purse] = held
    unpaid: list[Part] = []
    if lines:
        try:
            held_coupons = selling.coupons.get(owner.customer_id, ())
            cost = draft(
                owner, as_of, [line.owed for line in lines], selling.taxes, held_coupons, selling.policies
            )  # fmt: skip
            _, after, unpaid = prepaid(cost, held, stakes)
            after, _ = settled(after, as_of)  # what was given back to a grant that expired is gone
        except Refusal as error:
            refusal = error
    left = {purse.wallet.wallet_id: purse.left for purse in after}
    found = []
    for wallet, lots in sorted(held, key=lambda purse: purse.wallet.key):
        usable = sum(lot.left for lot in lots if lot.pays(as_of))
        whole = sum(lot.left for lot in lots)
        missing = sum(p.amount for p in unpaid if wallet.scope.covers(p.product, p.price))
        reserved = whole - left[wallet.wallet_id]
        found.append(Standing(wallet, usable, whole - usable, reserved, missing, refusal))
    return found


def check_reach(tx: Tx, owner: Customer, as_of: datetime) -> None:
    """Refuses to look further ahead than can be worked out soon. Raises Invalid
    `credit.too_many_renewals`, `billing.too_many_periods`."""
    held = wallets.purses(tx, owner.customer_id, owner.customer_id)
    check_renewals([lot for purse in held for lot in purse.lots], as_of, "as_of")
    known = subscriptions.payable(tx, [owner.customer_id])
    check_periods(tx, [one.subscription_id for one in known], as_of)


def may_use(tx: Tx, owner: Customer, as_of: datetime) -> Allowance:
    """Whether a customer may use more, by the caps of all its wallets. Call it in a `snapshot`.

    Raises the refusal for which the running cost can't be worked out, where a cap stands on it.
    """
    found = standings(tx, [owner], as_of)
    for one in found:
        if one.refusal is not None and one.wallet.caps != Caps():
            raise one.refusal
    return strictest(one.allowance for one in found)


def check(database: Database, tenant_id: int, as_of: datetime, writing: Writing) -> Checked:
    """Looks at every wallet: writes down what expired and came again, and which top-ups are due.

    A rule makes a top-up due when the balance is below its bound and none is open: once, whoever checks
    and however often. One that was withdrawn keeps the rule at rest until it is set anew. Where something
    is to be billed first, nothing expires: it is paid out of the credit that was there when it fell due.
    """
    found = Checked([], [], [], [])
    with database.snapshot(tenant_id) as tx:
        owners = sorted({one.customer_id for one in wallets.wallets(tx, limit=_ALL)})
        unbilled = set(subscriptions.due_customers(tx, as_of)).intersection(owners)
    for first in range(0, len(owners), _BATCH):
        _check(database, tenant_id, owners[first : first + _BATCH], unbilled, as_of, writing, found)
    return found


def _check(
    database: Database,
    tenant_id: int,
    customer_ids: Sequence[UUID],
    unbilled: Set[UUID],
    as_of: datetime,
    writing: Writing,
    found: Checked,
) -> None:
    with database.transaction(tenant_id) as tx:
        owners = customers.lock(tx, customer_ids)
        with database.snapshot(tenant_id) as reader:  # as of after the lock: nobody bills meanwhile
            standing = standings(reader, owners, as_of)
        purses = [
            purse
            for purse in wallets.purses(tx, customer_ids[0], customer_ids[-1])
            if purse.wallet.customer_id not in unbilled
        ]
        _, happened = settled(purses, as_of)
        operations.record_settled(tx, happened, writing)
        due = _due(tx, standing, as_of)
        operations.record_due(tx, due, writing)
    found.standings.extend(standing)
    found.due.extend(due)
    found.settled.extend(happened)
    found.unbilled.extend(one.wallet for one in standing if one.wallet.customer_id in unbilled)


def _due(tx: Tx, standing: Iterable[Standing], as_of: datetime) -> list[tuple[Wallet, Due]]:
    """The top-ups that rules make due now."""
    below = [
        one
        for one in standing
        if one.refusal is None
        and one.wallet.top_up is not None
        and one.balance < one.wallet.top_up.below
    ]
    known = wallets.last_top_ups(tx, [one.wallet.wallet_id for one in below])
    found = []
    for one in below:
        wallet, rule, last = one.wallet, one.wallet.top_up, known.get(one.wallet.wallet_id)
        assert rule is not None
        rests = last is not None and (
            last.state == "open"
            or (last.state == "withdrawn" and last.rule_version == rule.version)
        )
        if not rests:
            number = 1 if last is None else last.due_no + 1
            due = Due(
                wallet.wallet_id, wallet.customer_id, wallet.currency, number, rule, one.balance, as_of
            )  # fmt: skip
            found.append((wallet, due))
    return found
