"""A shop with invoices to collect, and a desk that charges them: for the tests of collecting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from everycent.app import processes
from everycent.app.wiring import random_ids
from everycent.charging import operations_decisions as decisions
from everycent.charging import queries as charging
from everycent.charging.attempt import FINAL, Stage
from everycent.charging.instalments import Instalment
from everycent.charging.policy import DEFAULT, Policies, Policy, Rule, Then
from everycent.charging.run import Run
from everycent.customers import queries as customers
from everycent.flows import bill
from everycent.flows.collect import reopen, start, work
from everycent.flows.collect.desk import Desk, Pace
from everycent.flows.verify import verify
from everycent.integrations.provider_http import HttpProvider
from everycent.invoicing import queries as invoicing
from everycent.kernel import clock, ids
from everycent.ledger import queries as ledger
from everycent.ledger.account import CLEARING, CUSTOMER_CREDIT, RECEIVABLE
from everycent.methods import operations as methods
from everycent.methods import queries as method_queries
from everycent.methods.operations import New
from everycent.payments import payment as paid
from everycent.payments import queries as payments
from everycent.payments.failure import Failure
from tests.conftest import Place
from tests.flows.world import midnight, sell
from tests.payments.fake import KEY, WEBHOOK_SECRET, Fake

OWED = 3720
"""What every invoice of the shop comes to: 31.00 and 20 % tax, in cents."""
DUE = midnight(date(2026, 1, 15))

PROMPT = Policy(
    {
        failure: Rule(Then.RETRY, (0,), most=rule.most or 4) if rule.then is Then.RETRY else rule
        for failure, rule in DEFAULT.rules.items()
    },
    looks=(0,),
    pending=(0,),
    quarantine=3,
    margin=0,
)
"""The usual policy, without its waiting."""


PATIENT = PROMPT.__class__(PROMPT.rules, looks=(1,), pending=(1,), quarantine=3, margin=0)
"""The same, and outcomes that are unknown are left alone for a second."""
PACE = Pace(timedelta(seconds=1.5), timedelta(seconds=5))


def open_shop(place: Place, count: int, token: str | None = "tok_ok") -> list[str]:
    """Customers who owe one invoice each, with a method where a token is given; returns their keys."""
    keys = [f"c{n:04d}" for n in range(count)]
    sell(place, [(key, "advance") for key in keys])
    bill.run(
        place.database, place.tenant_id, midnight(date(2026, 1, 1)),
        clock=clock.fixed(place.now), ids=place.ids, terms=bill.Terms("test", "Europe/Zagreb"),
    )  # fmt: skip
    if token is not None:
        give_methods(place, dict.fromkeys(keys, token))
    return keys


def give_methods(place: Place, tokens: Mapping[str, str]) -> None:
    """A method for each of the customers."""
    with place.database.transaction(place.tenant_id) as tx:
        known = customers.by_keys(tx, list(tokens))
        methods.add(
            tx, [New(known[key].customer_id, "psp", key, token) for key, token in tokens.items()],
            at=place.now, actor="test", ids=place.ids,
        )  # fmt: skip


def tokens(place: Place) -> dict[str, str]:
    """The tokens of customers, by key."""
    owners = payers(place)
    with place.database.snapshot(place.tenant_id) as tx:
        found = method_queries.of_customers(tx, [customer_id for customer_id, _ in owners])
    return {one.payer: one.token for one in found}


def open_invoices(place: Place) -> list[UUID]:
    """The invoices that are open."""
    with place.database.snapshot(place.tenant_id) as tx:
        return [row.invoice_id for row in invoicing.open_of_customer(tx, None)]


def provider_of(
    fake: Fake, mode: str = "idempotent", *, looks_up: bool = True, **changed: Any
) -> HttpProvider:
    """The adapter for the fake provider, with the promises of its mode."""
    told: dict[str, Any] = {
        "latest_commit": timedelta(seconds=3),
        "concurrency": 8,
        "deadline": timedelta(seconds=1),
    }
    return HttpProvider(
        url=fake.url, key=KEY, webhook_secret=WEBHOOK_SECRET, name="psp", looks_up=looks_up,
        idempotent_for=timedelta(hours=24) if mode == "idempotent" else None, **(told | changed),
    )  # fmt: skip


def now() -> datetime:
    """The time of day: what is collected is collected now."""
    return datetime.now(UTC)


def desk_at(
    place: Place,
    provider: HttpProvider,
    policy: Policy = PROMPT,
    pace: Pace = PACE,
    of_groups: Mapping[str, Policy] | None = None,
) -> Desk:
    """A desk of this process."""
    worker = processes.this_process(random_ids("worker"))
    return Desk(
        place.database, place.tenant_id, {provider.name: provider}, Policies(policy, of_groups or {}), now,
        random_ids, "test", worker, pace,
    )  # fmt: skip


async def collected(desk: Desk, *, rounds: int = 1) -> Run:
    """Collects everything that is due, and what is to be tried again, so many times."""
    stop = work.Stop()
    with work.alive(desk):
        run = start.on_demand(desk, due_by=now(), time_zone="UTC")
        await work.on_run(desk, run.run_id, processes.is_gone, stop)
        for _ in range(rounds - 1):
            await work.one_round(desk, processes.is_gone, work.Stop())
            again = start.of_retries(desk)
            if again is not None:
                await work.on_run(desk, again.run_id, processes.is_gone, stop)
    for provider in desk.providers.values():
        await provider.close()
    return run


def collect(desk: Desk, *, rounds: int = 1) -> Run:
    """The same, from where no loop runs."""
    return asyncio.run(collected(desk, rounds=rounds))


def attempts(place: Place, statuses: Sequence[str] | None = None) -> list[Stage]:
    """Attempts as they stand, oldest first."""
    from everycent.charging import store

    with place.database.snapshot(place.tenant_id) as tx:
        return store.list_attempts(tx, statuses=statuses)


def payers(place: Place) -> list[tuple[UUID, str]]:
    """The customers, by id and by the name that the provider knows them by."""
    with place.database.snapshot(place.tenant_id) as tx:
        return [(one.customer_id, one.key) for one in customers.page(tx, limit=100_000)]


def open_amounts(place: Place) -> list[int]:
    """What is open of every invoice."""
    with place.database.snapshot(place.tenant_id) as tx:
        return [row.open for row in invoicing.open_of_customer(tx, None)]


def balance(place: Place, account: Any) -> int:
    """The balance of an account in the ledger, in minor units."""
    far = datetime(2100, 1, 1, tzinfo=UTC)
    with place.database.snapshot(place.tenant_id) as tx:
        rows = ledger.trial_balance(tx, far, far)
    return sum(row.balance for row in rows if row.account_id == account.account_id)


def violations(place: Place) -> list[str]:
    """What `verify` finds, with replay."""
    with place.database.snapshot(place.tenant_id) as tx:
        return [
            f"{check.promise}: {found}"
            for check in verify(tx, trusted_key=None, with_replay=True)
            for found in check.violators
        ]


def trail(place: Place, invoice_id: UUID) -> list[str]:
    """The names of the stages of an invoice's attempts."""
    with place.database.snapshot(place.tenant_id) as tx:
        return [step.event for step in charging.trail(tx, invoice_id)]


def writing() -> dict[str, Any]:
    """Who writes, now."""
    return {"at": now(), "recorded_at": now(), "actor": "test", "ids": random_ids}


def state(place: Place) -> dict[str, int]:
    """How many rows the tables have that money stands in."""
    names = (
        "journal_event",
        "payment",
        "payment_move",
        "settlement",
        "ledger_posting",
        "collection",
    )
    with place.database.snapshot(place.tenant_id) as tx:
        return {name: tx.value(f"select count(*) from {name}") for name in names}


def alive(place: Place) -> list[Stage]:
    """Attempts of which the outcome is open, and refunds that are to be tried again."""
    among = attempts(place)
    open_ones = [one for one in among if one.state.status not in FINAL]
    last = {(one.attempt.payment_id, one.attempt.move_no): one for one in among}
    due = [
        one
        for (payment_id, _), one in last.items()
        if payment_id is not None and one.state.retry_at is not None and one not in open_ones
    ]
    return open_ones + due


def until(wanted: Callable[[], bool], seconds: float = 10) -> None:
    """Tries again and again, until what is wanted holds or the time is up."""
    end = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < end, "it does not come to that"
        time.sleep(0.1)


def payment_names(tx: Any) -> list[str]:
    """The payments, as people see them, oldest first."""
    return [
        ids.show(paid.PREFIX, held.payment.payment_id) for held in payments.of_customer(tx, None)
    ]


def agree(place: Place, name: str, parts: Sequence[tuple[date, int]]) -> None:
    """Lets an invoice be charged in parts."""
    with place.database.transaction(place.tenant_id) as tx:
        invoice = invoicing.invoice(tx, name).invoice
        decisions.agree(
            tx, invoice.invoice_id, [Instalment(on, amount) for on, amount in parts], "asked",
            at=now(), actor="test", ids=random_ids,
        )  # fmt: skip


__all__ = [
    "CLEARING",
    "CUSTOMER_CREDIT",
    "RECEIVABLE",
    "Failure",
    "charging",
    "customers",
    "payments",
    "processes",
    "random_ids",
    "reopen",
]
