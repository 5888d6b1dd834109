"""What a dunning step does to contracts: it pauses those that a customer pays for, and they go on when what
was owed is settled. It is the same change that a person would make, with its credits and its refusals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from everycent.customers import queries as customers
from everycent.customers.payer import Payer, payer_at
from everycent.db.connection import Tx
from everycent.dunning.campaign import Account
from everycent.dunning.step import Paused
from everycent.kernel.calendar import local_date
from everycent.kernel.errors import Refusal
from everycent.subscriptions import operations, queries
from everycent.subscriptions.changing import When
from everycent.subscriptions.operations import Writing
from everycent.subscriptions.subscription import Subscription
from everycent.subscriptions.timeline import Action, Pause, Resume

_PAID = "dunning: all that was overdue is settled"
_DAY = timedelta(days=1)


class Contracts(NamedTuple):
    """Contracts by key, and who pays for customers for whom anybody else does."""

    by_key: dict[str, Subscription]
    payers: dict[UUID, list[Payer]]


def contracts_of(tx: Tx, customer_ids: Sequence[UUID]) -> Contracts:
    """The contracts that the customers may pay for."""
    found = queries.payable(tx, customer_ids)
    holders = sorted({one.customer_id for one in found})
    return Contracts({one.key: one for one in found}, customers.payers(tx, holders))


def pause(
    tx: Tx,
    account: Account,
    contracts: Contracts,
    reason: str,
    writing: Writing,
    left_out: dict[str, str],
) -> tuple[Paused, ...]:
    """Pauses what runs of the contracts that the customer pays for today, from today on, each on its own
    clock. What is refused is told in `left_out`."""
    paused = []
    for key, held in sorted(contracts.by_key.items()):
        if not _pays(contracts, held, account.customer_id, writing["at"]):
            continue
        if held.phase_at(writing["at"]) is None or _last_pause(held) is not None:
            continue
        changed = _changed(tx, held, Pause(), reason, writing, left_out)
        if changed is not None:
            contracts.by_key[key] = changed
            paused.append(Paused(key, changed.changes[-1].change_no))
    return tuple(paused)


def resume(
    tx: Tx,
    pauses: Iterable[Paused],
    contracts: Contracts,
    writing: Writing,
    left_out: dict[str, str],
) -> tuple[str, ...]:
    """Lets contracts go on from today that an episode has paused, unless somebody changed that since."""
    resumed = []
    for key, change_no in sorted((one.subscription, one.change_no) for one in pauses):
        held = contracts.by_key.get(key)
        if held is None or _last_pause(held) != change_no:
            left_out[key] = "it was resumed, ended or paused anew by somebody else"
            continue
        changed = _resumed(tx, held, change_no, writing, left_out)
        if changed is not None:
            contracts.by_key[key] = changed
            resumed.append(key)
    return tuple(resumed)


def _resumed(
    tx: Tx, held: Subscription, change_no: int, writing: Writing, left_out: dict[str, str]
) -> Subscription | None:
    """The contract as it goes on today. A pause of today is taken back; where something was billed by it
    already, the contract goes on tomorrow."""
    today = local_date(writing["at"], held.time_zone)
    paused_at = next(one.effective_at for one in held.changes if one.change_no == change_no)
    if local_date(paused_at, held.time_zone) < today:
        return _changed(tx, held, Resume(), _PAID, writing, left_out)
    try:
        with tx.savepoint():
            return operations.withdraw(tx, held.key, change_no, reason=_PAID, writing=writing)
    except Refusal:
        return _changed(tx, held, Resume(), _PAID, writing, left_out, today + _DAY)


def _changed(
    tx: Tx,
    held: Subscription,
    wanted: Action,
    reason: str,
    writing: Writing,
    left_out: dict[str, str],
    on: date | None = None,
) -> Subscription | None:
    """The contract with a change from a day on, or from today; None where it is refused."""
    when = When(on or local_date(writing["at"], held.time_zone))
    try:
        with tx.savepoint():
            return operations.change(tx, held.key, wanted, when, reason=reason, writing=writing)
    except Refusal as refusal:
        left_out[held.key] = f"{refusal.code}: {refusal.message}"
        return None


def _pays(contracts: Contracts, held: Subscription, customer_id: UUID, at: datetime) -> bool:
    other = payer_at(contracts.payers.get(held.customer_id, ()), at)
    return (other or held.customer_id) == customer_id


def _last_pause(held: Subscription) -> int | None:
    """The number of the pause that no resumption has ended; None where the contract is not paused."""
    found = None
    for change in sorted(held.changes, key=lambda one: (one.effective_at, one.change_no)):
        if isinstance(change.action, Pause):
            found = change.change_no
        elif isinstance(change.action, Resume):
            found = None
    return found
