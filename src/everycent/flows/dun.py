"""Dun: takes the steps of campaigns that are due, once each, however many do it at once and whenever it is
stopped.

The customers concerned are worked on in chunks, each in one transaction: they are locked, what they owe and
what was done is read, `campaign.decided` says what follows, and that is recorded with all its effects. Who
comes second waits for the lock and finds the step taken; a step that is half done does not exist. Mails and
webhooks are put in the queue of messages there, and delivered by `flows/deliver.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from everycent.customers import operations as customers
from everycent.customers import queries as who
from everycent.db.connection import Database, Tx
from everycent.dunning import operations, queries
from everycent.dunning.campaign import Account, Due, Over, decided, write_offs
from everycent.dunning.queries import Held
from everycent.dunning.step import ENDED, STEP_TAKEN, Ended, Paused, StepTaken, Why, stream
from everycent.flows import dun_contracts, dun_messages
from everycent.flows.dun_contracts import Contracts
from everycent.invoicing import operations as invoicing
from everycent.invoicing import queries as invoices
from everycent.journal.event import Draft
from everycent.journal.types import EventType
from everycent.kernel import points
from everycent.kernel.calendar import local_date
from everycent.kernel.clock import Clock
from everycent.kernel.ids import IdSource
from everycent.subscriptions.operations import Writing

_CHUNK = 200


class Did(NamedTuple):
    """What a run did: steps, episodes that ended, messages that wait to be delivered."""

    steps: tuple[StepTaken, ...] = ()
    ended: tuple[Ended, ...] = ()
    messages: int = 0

    def __add__(self, other: object) -> Did:
        assert isinstance(other, Did), "runs are added to runs"
        return Did(
            self.steps + other.steps, self.ended + other.ended, self.messages + other.messages
        )


def run(
    database: Database,
    tenant_id: int,
    as_of: datetime,
    *,
    clock: Clock,
    ids: IdSource,
    actor: str,
    chunk: int = _CHUNK,
    on_progress: Callable[[int, int], None] = lambda _, __: None,
) -> Did:
    """Takes every step that is due at an instant, at most one per customer and currency."""
    with database.snapshot(tenant_id) as tx:
        concerned = queries.concerned(tx, as_of)
    did = Did()
    for start in range(0, len(concerned), chunk):
        points.reach("dun.begin")
        with database.transaction(tenant_id) as tx:
            writing = Writing(at=as_of, recorded_at=clock(), actor=actor, ids=ids)
            did += _worked_on(tx, concerned[start : start + chunk], writing)
            points.reach("dun.commit")
        points.reach("dun.committed")
        on_progress(min(start + chunk, len(concerned)), len(concerned))
    return did


def planned(tx: Tx, as_of: datetime) -> list[tuple[Account, Due | Over]]:
    """What a run would do at an instant; nothing is written."""
    held = queries.held(tx)
    return list(_decisions(tx, queries.concerned(tx, as_of), held, as_of))


def _worked_on(tx: Tx, concerned: Sequence[UUID], writing: Writing) -> Did:
    customers.lock(tx, sorted({*concerned, *_paid_for(tx, concerned)}))
    held = queries.held(tx)
    found = queries.accounts(tx, writing["at"], concerned, held.terms)
    invoicing.lock_open(tx, [one.invoice_id for account in found for one in account.owed])
    # Read once more: what was charged or paid meanwhile is seen now, and can't change any more.
    decisions = list(_decisions(tx, concerned, held, writing["at"]))
    told = _told(tx, decisions)
    contracts = _contracts(tx, decisions, told)
    drafts: list[Draft] = []
    did = Did()
    for account, decision in decisions:
        before = [told[one.event_id] for one in account.taken if one.event_id in told]
        if isinstance(decision, Over):
            did += _end(tx, account, decision, before, contracts, writing, drafts)
            continue
        did += _take(tx, account, decision, held, contracts, writing, drafts)
        if decision.step.uncollectable:  # nothing is left that the episode could go on about
            over = Over(decision.episode, decision.number, Why.WRITTEN_OFF)
            did += _end(tx, account, over, [*before, did.steps[-1]], contracts, writing, drafts)
    operations.record(tx, drafts, writing["recorded_at"])
    return did


def _decisions(
    tx: Tx, concerned: Sequence[UUID], held: Held, as_of: datetime
) -> Iterator[tuple[Account, Due | Over]]:
    accounts = queries.accounts(tx, as_of, concerned, held.terms) if concerned else []
    given_up = _given_up(tx, accounts)
    for account in accounts:
        today = local_date(as_of, account.time_zone)
        is_written_off = (account.customer_id, account.currency) in given_up
        decision = decided(account, held.terms, today, is_written_off=is_written_off)
        if decision is not None:
            yield account, decision


def _given_up(tx: Tx, accounts: Sequence[Account]) -> set[tuple[UUID, str]]:
    """The accounts of whose episodes something is written off and stays so."""
    events = [taken.event_id for one in accounts for taken in one.taken if taken.event_id]
    told = queries.steps_told(tx, events)
    documents = sorted({invoice for step in told.values() for invoice in step.invoices})
    gone = invoices.written_off(tx, documents) if documents else {}
    return {
        (step.customer_id, step.currency)
        for step in told.values()
        if any(invoice in gone for invoice in step.invoices)
    }


def _told(tx: Tx, decisions: Sequence[tuple[Account, Due | Over]]) -> dict[UUID, StepTaken]:
    """What the steps did of episodes that end."""
    events = [
        taken.event_id
        for account, decision in decisions
        if isinstance(decision, Over) or decision.step.uncollectable
        for taken in account.taken
        if taken.event_id is not None
    ]
    return queries.steps_told(tx, events)


def _contracts(
    tx: Tx, decisions: Sequence[tuple[Account, Due | Over]], told: dict[UUID, StepTaken]
) -> Contracts:
    pausing = {
        account.customer_id
        for account, decision in decisions
        if isinstance(decision, Due) and decision.step.pause
    }
    resuming = {step.customer_id for step in told.values() if step.paused}
    return dun_contracts.contracts_of(tx, sorted(pausing | resuming))


def _take(
    tx: Tx,
    account: Account,
    due: Due,
    held: Held,
    contracts: Contracts,
    writing: Writing,
    drafts: list[Draft],
) -> Did:
    """A step with everything that it does; events go to `drafts`."""
    step, left_out = due.step, dict[str, str]()
    place = _place(account, due.episode, str(due.number))
    reason = f"dunning: {due.campaign.key}, {step.key}"
    paused: tuple[Paused, ...] = ()
    if step.pause:
        paused = dun_contracts.pause(tx, account, contracts, reason, writing, left_out)
    given_up = {}
    if step.uncollectable:
        given_up = invoicing.write_off(tx, write_offs(due), reason, writing)
    charged: tuple[str, ...] = ()
    if step.charge:
        charged = dun_messages.charge_again(due, reason, writing, drafts, left_out)
    messages = dun_messages.of_step(
        account, due, held.terms, place, writing, drafts, left_out, has_paused=bool(paused)
    )
    taken = StepTaken(
        account.customer_id, account.currency, due.episode, due.number, due.campaign.key, step,
        held.version, due.facts, tuple(one.invoice_id for one in due.overdue), due.is_last,
        paused, charged, given_up, messages, left_out,
    )  # fmt: skip
    drafts.append(_draft(account, STEP_TAKEN, taken, place, writing))
    return Did((taken,), (), len(messages))


def _end(
    tx: Tx,
    account: Account,
    over: Over,
    steps: Sequence[StepTaken],
    contracts: Contracts,
    writing: Writing,
    drafts: list[Draft],
) -> Did:
    """The end of an episode. Its contracts go on where what was owed is settled."""
    left_out: dict[str, str] = {}
    resumed: tuple[str, ...] = ()
    if over.why is Why.SETTLED:
        pauses = [one for step in steps for one in step.paused]
        resumed = dun_contracts.resume(tx, pauses, contracts, writing, left_out)
    on = local_date(writing["at"], account.time_zone)
    place = _place(account, over.episode, "end")
    messages = dun_messages.of_end(account, over, steps, place, writing, drafts)
    end = Ended(
        account.customer_id, account.currency, over.episode, over.steps, over.why, on, resumed,
        messages, left_out,
    )  # fmt: skip
    drafts.append(_draft(account, ENDED, end, place, writing))
    return Did((), (end,), len(messages))


def _draft(
    account: Account, kind: EventType, payload: StepTaken | Ended, place: str, writing: Writing
) -> Draft:
    event_id = writing["ids"](f"{kind.name}/{place}")
    target = stream(account.customer_id, account.currency)
    return Draft(event_id, target, kind, writing["at"], writing["actor"], payload)


def _place(account: Account, episode: int, what: str) -> str:
    return f"{account.customer_id}/{account.currency}/{episode}/{what}"


def _paid_for(tx: Tx, payers: Sequence[UUID]) -> set[UUID]:
    """Those for whom any of the customers pays at any time: their contracts may be paused too."""
    others = who.paid_for(tx, payers[0], payers[-1])
    told = who.payers(tx, others)
    wanted = set(payers)
    return {one for one, own in told.items() if any(each.payer_id in wanted for each in own)}
