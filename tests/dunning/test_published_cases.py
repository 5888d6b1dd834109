"""Cases that others published, each under the conventions of its source: tests/data/cases/dunning.json."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from uuid import UUID

from everycent.app import processes
from everycent.catalog import document as catalogue
from everycent.catalog import operations as catalog
from everycent.charging import queries as charging
from everycent.charging.policy import Policies
from everycent.customers import operations as customers
from everycent.customers.customer import Customer
from everycent.dunning import document, queries
from everycent.dunning.campaign import Account, Due, Owed, Taken, decided
from everycent.flows import bill
from everycent.flows.collect import start, work
from everycent.flows.collect.desk import Desk
from everycent.invoicing import queries as invoicing
from everycent.kernel import clock
from everycent.methods import operations as methods
from everycent.methods.operations import New
from everycent.payments.failure import Failure
from everycent.payments.provider import Answer, Outcome, Traits
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.changing import When
from everycent.subscriptions.order import Order
from everycent.subscriptions.timeline import Cancel, Pause, Resume
from tests.collecting import shop
from tests.dunning import debts

DATA = Path(__file__).parents[1] / "data" / "cases" / "dunning.json"
CASES = {case["id"]: case for case in json.loads(DATA.read_text("utf-8"))}


def cents(text: str) -> int:
    return int(Fraction(text) * 100)


class Scripted:
    """A provider that answers what is scripted, one answer for an attempt."""

    name = "psp"
    traits = Traits(timedelta(hours=24), looks_up=True, latest_commit=timedelta(0), concurrency=4,
                    deadline=timedelta(seconds=5))  # fmt: skip

    def __init__(self, results: list[str]) -> None:
        self.results = results

    async def send(self, ask):
        if self.results.pop(0) == "failed":
            return Answer(Outcome.FAILED, Failure.DECLINED, reference=ask.reference)
        return Answer(
            Outcome.DONE, None, f"ch_{ask.reference}", ask.reference, ask.amount, ask.currency
        )

    async def look_up(self, ask):
        return Answer(Outcome.ABSENT)

    def heard(self, headers, body, now):
        return []

    async def close(self):
        return None


def sold(
    place, price: str, currency: str, day: date, interval: str = "month", group: str | None = None
) -> None:
    """A customer with a plan paid in advance and billed on its first day, at midnight UTC."""
    text = f"""
products: {{base: {{name: Base}}, other: {{name: Other}}}}
plans:
  plan:
    currency: {currency}
    interval: {interval}
    prices: [{{key: fee, product: base, flat: {{amount: {price}}}, timing: in_advance}}]
"""
    at = datetime.combine(day, datetime.min.time(), UTC)
    writing = {"at": at, "recorded_at": at, "actor": "test", "ids": place.ids}
    with place.database.transaction(place.tenant_id) as tx:
        catalog.apply(tx, catalogue.parse(text), **writing)
        made = Customer(place.ids("customer/acme"), "acme", "Acme", currency, "UTC", group=group)
        customers.create(tx, [made], **writing)
        subscriptions.start(tx, [Order(made, "plan", "acme", day)], **writing)
        methods.add(tx, [New(made.customer_id, "psp", "acme", "tok")], at=at, actor="test",
                    ids=place.ids)  # fmt: skip
    billed(place, at)


def billed(place, at: datetime) -> None:
    bill.run(place.database, place.tenant_id, at, clock=clock.fixed(at), ids=place.ids,
             terms=bill.Terms("test", "UTC", payment_days=0))  # fmt: skip


def collected(
    place, provider: Scripted, day: date, policies: Policies, *, is_first: bool = False
) -> None:
    """Collects what is due on the first day, and on others what is to be tried again by noon."""
    at = debts.noon(day)
    desk = shop.desk_at(place, provider)._replace(policies=policies, clock=lambda: at)
    asyncio.run(_collected(desk, at, is_first=is_first))


async def _collected(desk: Desk, at: datetime, *, is_first: bool) -> None:
    with work.alive(desk):
        if is_first:
            run = start.on_demand(desk, due_by=at, time_zone="UTC")
        else:
            run = start.of_retries(desk)
        if run is not None:
            await work.on_run(desk, run.run_id, processes.is_gone, work.Stop())


def days_of_attempts(place) -> list[str]:
    with place.database.snapshot(place.tenant_id) as tx:
        (row,) = invoicing.listed(tx, limit=10)
        stages = charging.attempts_of(tx, row.invoice_id)
    return [stage.state.claimed_at.date().isoformat() for stage in stages]


def policies_of(place, text: str):
    debts.set_terms(place, text)
    with place.database.snapshot(place.tenant_id) as tx:
        return queries.policies(tx)


def test_pd_006_a_failed_payment_works_eight_days_later(place):
    case = CASES["PD-006"]
    given, expected = case["inputs"], case["expected"]
    day = date.fromisoformat(given["date"])
    delays = ", ".join(f"{n}d" for n in given["retry_days"])
    policies = policies_of(place, f"failures: {{declined: {{then: retry, delays: [{delays}]}}}}")
    sold(place, given["invoice"], case["currency"], day)
    provider = Scripted(list(given["results"]))
    balances = []
    for n in range(12):
        collected(place, provider, day + timedelta(days=n), policies, is_first=n == 0)
        balances.append(debts.open_sum(place))
    assert days_of_attempts(place) == expected["dates"]
    assert list(dict.fromkeys(balances)) == [cents(text) for text in expected["balance"]]
    assert provider.results == []
    assert debts.violations(place) == []


def test_pd_022_four_retries_and_no_further_one(place):
    given, expected = CASES["PD-022"]["inputs"], CASES["PD-022"]["expected"]
    first = datetime.fromisoformat(given["first_failure"]).date()
    delays = ", ".join(f"{n}d" for n in given["intervals_days"])
    policies = policies_of(
        place, f"failures: {{declined: {{then: retry, delays: [{delays}], finally: nothing}}}}"
    )
    sold(place, "10.00", "EUR", first)
    provider = Scripted(["failed"] * 99)
    for n in range(60):
        collected(place, provider, first + timedelta(days=n), policies, is_first=n == 0)
    assert days_of_attempts(place) == [first.isoformat(), *expected["retries"]]
    assert len(provider.results) == 99 - 5


def test_pd_021_thresholds_and_attempts_are_those_of_each_currency():
    """The source lets more than two days pass between two attempts, which are three days of ours, and
    counts an invoice as overdue from the instant it says so: here from the day after it is due. It runs at
    10 o'clock, and the second invoice comes at 18 o'clock on 5 January."""
    case = CASES["PD-021"]
    given, expected = case["inputs"], case["expected"]
    thresholds = given["campaign"]["thresholds"]
    gap = given["campaign"]["days_between"] + 1
    steps = ["{key: n1, after_due: 1d, charge: true}"]
    for n in range(2, given["campaign"]["max_attempts"] + 1):
        steps.append(f"{{key: n{n}, after_step: {gap}d, charge: true}}")
    told = ", ".join(f"{code}: {amount}" for code, amount in thresholds.items())
    terms = document.parse(
        f"campaigns: {{c: {{thresholds: {{{told}}}, steps: [{', '.join(steps)}]}}}}"
    )
    requests: dict[str, list[str]] = {}
    last: dict[str, str] = {}
    for run in given["daily_runs_at"]:
        for currency in thresholds:
            owed = tuple(
                Owed(UUID(int=n), f"I{n}", date.fromisoformat(one["date"]), cents(one[currency]))
                for n, one in enumerate(given["overdue"])
                if currency in one and one["date"] <= run
            )
            taken = tuple(
                Taken(f"n{n}", date.fromisoformat(day))
                for n, day in enumerate(requests.get(currency, []), start=1)
            )
            account = Account(
                UUID(int=1), "acme", "Acme", None, None, "UTC", currency, owed, 0,
                1 if taken else 0, taken,
            )  # fmt: skip
            found = decided(account, terms, date.fromisoformat(run))
            if isinstance(found, Due):
                requests.setdefault(currency, []).append(run)
                if found.is_last:
                    last[currency] = run
    assert requests == expected["payment_requests"]
    assert f"once, {max(last.values())}" == expected["finished"]


def test_pd_015_a_pause_for_a_debt_and_the_rest_of_a_year_are_credited(place):
    """The source blocks the account from one day to another and gives both the blocked days and, when the
    plan is replaced, the rest of the year back. Here the pause gives back all that it cuts off, and the
    resumption charges what follows it: the sums are the same when each is billed."""
    case = CASES["PD-015"]
    given, expected = case["inputs"], case["expected"]
    start_on, paused, resumed, left = (
        date.fromisoformat(text)
        for text in (given["period"][0], *given["blocked"], given["replaced_from"])
    )
    sold(place, given["annual"], case["currency"], start_on, "year")
    assert debts.open_sum(place) == cents(given["annual"])
    charged = [cents(given["annual"])]
    for action, day in ((Pause(), paused), (Resume(), resumed), (Cancel(), left)):
        at = datetime.combine(day, datetime.min.time(), UTC)
        writing = {"at": at, "recorded_at": at, "actor": "test", "ids": place.ids}
        with place.database.transaction(place.tenant_id) as tx:
            subscriptions.change(tx, "acme", action, When(day), reason="overdue", writing=writing)
        billed(place, at)
        with place.database.snapshot(place.tenant_id) as tx:
            charged.append(sum(row.gross for row in invoicing.listed(tx, limit=99)))
    blocked, rest = charged[2] - charged[0], charged[3] - charged[2]
    assert [str(Decimal(sum_) / 100) for sum_ in (blocked, rest)] == expected["credit_lines"]
    assert charged[0] - charged[3] == cents(expected["account_credit"])


def test_every_case_of_the_file_is_run_here():
    assert sorted(CASES) == ["PD-006", "PD-015", "PD-021", "PD-022"]
