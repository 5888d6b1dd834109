"""/rest/v1/… on a real server, with the fake provider's own ledger as the judge."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import UUID

import httpx2
import pytest

from everycent.app import processes
from everycent.charging import queries
from everycent.charging.policy import DEFAULT, Policy
from everycent.charging.status import PaymentStatus
from everycent.flows.collect import decide, start, work
from everycent.flows.collect.desk import Desk
from everycent.kernel import ids
from everycent.methods import operations as methods
from everycent.methods import queries as known_methods
from everycent.tenants import operations as tenants
from tests.api.serving import Served, make_key, served
from tests.collecting import shop
from tests.conftest import NOW, Place
from tests.flows import world
from tests.payments.fake import Fake, running_fake
from tests.store import books

FAULTS = {
    # invoice → what happens to the call
    2: "decline:insufficient_funds",
    3: "decline:stolen_card",
    4: "hang_after_charge",
    5: "wrong_amount",
    6: "pending",
}
STATUSES = {
    1: "PAID", 2: "FAILED", 3: "FAILED", 4: "UNKNOWN", 5: "MISMATCHED", 6: "UNDER_WAY",
    7: "STOPPED", 8: "CREDITED", 9: "WRITTEN_OFF", 10: "PENDING", 11: "PENDING",
}  # fmt: skip
READ, WRITE = "payments:read", "payments:write"


class Api(NamedTuple):
    """A server, and keys by their scope."""

    server: Served
    keys: dict[str, str]

    @property
    def place(self) -> Place:
        return self.server.place

    def get(self, path: str, key: str | None = None) -> httpx2.Response:
        return self.asked("GET", path, key or self.keys[READ])

    def requeue(self, name: object) -> httpx2.Response:
        return self.asked("POST", f"/rest/v1/invoices/{name}/requeue", self.keys[WRITE])

    def asked(self, verb: str, path: str, key: str) -> httpx2.Response:
        return self.server.client.request(verb, path, headers={"authorization": f"Bearer {key}"})

    def data(self, path: str) -> Any:
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def numbers(self, path: str) -> list[int]:
        """The numbers of all invoices, walked page by page to the end."""
        found: list[int] = []
        at: str | None = path
        while at is not None:
            page = self.data(at)
            found += [one["id"] for one in page["invoices"]]
            at = page["next"]
        return found

    def customer_of(self, number: int) -> str:
        return str(self.data(f"/rest/v1/invoices/{number}")["customer"])


@contextmanager
def serving(place: Place) -> Iterator[Api]:
    keys = {
        scope: make_key(place.database, place.tenant_id, scope.replace(":", "-"), (scope,))
        for scope in (READ, WRITE)
    }
    with served(place) as found:
        yield Api(found, keys)


def desk_of(place: Place, fake: Fake, policy: Policy = DEFAULT) -> Desk:
    return shop.desk_at(place, shop.provider_of(fake, "forgetful", looks_up=False), policy)


def invoice_id(place: Place, number: int) -> UUID:
    with place.database.snapshot(place.tenant_id) as tx:
        return queries.payment_state(tx, f"INV-{number:06d}").invoice_id


def write_off(place: Place, number: int) -> None:
    with place.database.transaction(place.tenant_id) as tx:
        one = queries.payment_state(tx, f"INV-{number:06d}")
        tx.run(
            "insert into settlement (tenant_id, document_id, step, kind, amount, open_before,"
            " open_after, owed, at, event_id) values (%s, %s, 1, 'write_off', %s, %s, 0, %s, %s, %s)",
            (place.tenant_id, one.invoice_id, one.owed, one.owed, one.owed, NOW, place.ids("w")),
        )  # fmt: skip


@pytest.fixture(scope="module")
def api(server, tmp_path_factory) -> Iterator[Api]:
    """A server over a shop with an invoice in every status."""
    with (
        books.fresh(server, "test_api_founding") as place,
        running_fake(tmp_path_factory.mktemp("fake"), mode="forgetful", looks_up=False) as fake,
    ):
        shop.open_shop(place, 11)
        with serving(place) as found:
            for number, fault in FAULTS.items():
                fake.fault(fault, where={"payer": found.customer_of(number)})
            desk = desk_of(place, fake)
            decide.stop(
                place.database, place.tenant_id, "INV-000007", reason="in court", at=shop.now(),
                actor="test", ids=desk.ids,
            )  # fmt: skip
            world.credit(place, "INV-000008")
            write_off(place, 9)
            due = [invoice_id(place, number) for number in range(1, 10)]
            asyncio.run(_collect(desk, due))
            yield found


async def _collect(desk: Desk, due: list[UUID]) -> None:
    with work.alive(desk):
        run = start.on_demand(desk, due_by=shop.now(), time_zone="UTC", invoices=due)
        await work.on_run(desk, run.run_id, processes.is_gone, work.Stop())
    for provider in desk.providers.values():
        await provider.close()


def test_every_invoice_is_listed_under_its_status_and_under_no_other(api):
    found = {status: api.numbers(f"/rest/v1/invoices/status/{status}") for status in PaymentStatus}
    assert {number: status for status, one in found.items() for number in one} == STATUSES
    assert sum(map(len, found.values())) == len(STATUSES)
    assert api.numbers("/rest/v1/invoices/status/failed?size=1") == [2, 3]
    assert api.numbers("/rest/v1/invoices?size=4") == sorted(STATUSES)


def test_an_invoice_of_which_nobody_knows_has_the_reason(api):
    (listed,) = api.data("/rest/v1/invoices/status/unknown")["invoices"]
    assert listed["reason"] == api.data("/rest/v1/invoices/4")["reason"]
    assert listed["reason"] == "timed_out: money may have moved"
    assert "amount_mismatch" in api.data("/rest/v1/invoices/5")["reason"]


def test_an_invoice_says_where_it_stands(api):
    paid = api.data("/rest/v1/invoices/1")
    assert paid["attempt"].startswith("att_")
    assert paid["attempted_at"] > "2026"
    same = {
        "id": 1, "name": "INV-000001", "amount": {"value": "37.20", "currency": "EUR"},
        "open": {"value": "0.00", "currency": "EUR"}, "status": "PAID", "is_stopped": False,
        "has_method": True,
    }  # fmt: skip
    assert paid | same == paid
    assert api.data("/rest/v1/invoices/INV-000001") == paid
    assert api.data("/rest/v1/invoices/000001") == paid
    assert api.data(f"/rest/v1/invoices/{paid['invoice_id']}") == paid
    stopped = api.data("/rest/v1/invoices/7")
    assert (stopped["status"], stopped["reason"]) == ("STOPPED", "in court")
    assert not api.data("/rest/v1/invoices/3")["has_method"]  # a stolen card is not charged again
    note = api.data("/rest/v1/invoices/CN-000001")
    assert (note["id"], note["name"], note["amount"]["value"]) == (None, "CN-000001", "-37.20")


WRONG = [
    # invoice, failure, code, stage, follows, whether by itself
    (2, "declined", "insufficient_funds", "failed", "retry", True),
    (3, "declined_for_good", "stolen_card", "failed", "retry", True),
    (4, "timed_out", "timed_out", "unknown", "somebody", False),
    (5, "amount_mismatch", None, "mismatched", "somebody", False),
]


@pytest.mark.parametrize(("number", "failure", "code", "stage", "then", "is_timed"), WRONG)
def test_a_failure_is_told_with_its_reason_its_time_and_what_follows(
    api, number, failure, code, stage, then, is_timed
):
    data = api.data(f"/rest/v1/invoices/failed/{number}")
    assert data | api.data(f"/rest/v1/invoices/{number}") == data
    (one,) = data["attempts"]
    found = [
        one[name] for name in ("failure", "provider_code", "stage", "status", "follows", "try")
    ]
    assert found == [failure, code, stage, stage, then, 1]
    assert (one["attempt"], one["provider"]) == (data["attempt"], "psp")
    assert one["claimed_at"] <= one["failed_at"]
    assert (one["follows_at"] is not None) is is_timed
    assert one["amount"] == {"value": "37.20", "currency": "EUR"}


@pytest.mark.parametrize("number", [1, 6, 10])
def test_an_invoice_that_never_failed_has_no_failures(api, number):
    assert api.data(f"/rest/v1/invoices/failed/{number}")["attempts"] == []


REFUSED = [
    # invoice, code, why
    (1, "collection.paid", "INV-000001 is paid"),
    (4, "collection.under_way", "is unknown since"),
    (5, "collection.under_way", "is mismatched since"),
    (6, "collection.under_way", "is pending since"),
    (8, "collection.nothing_open", "taken back by a credit note"),
    ("CN-000001", "collection.nothing_open", "is a credit note"),
    (9, "collection.nothing_open", "written off"),
]


@pytest.mark.parametrize(("name", "code", "why"), REFUSED)
def test_an_invoice_that_may_be_paid_is_not_put_in_the_queue(api, name, code, why):
    before = api.data(f"/rest/v1/invoices/{name}")
    answer = api.requeue(name)
    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert why in answer.json()["detail"]
    assert api.data(f"/rest/v1/invoices/{name}") == before


def test_health_and_customers_are_told(api):
    assert api.server.client.get("/rest/health").json() == {"status": "ok"}
    first = api.data("/rest/v1/customers?size=2")
    assert [one["id"] for one in first["customers"]] == ["c0000", "c0001"]
    rest = api.data(first["next"].replace("size=2", "size=500"))
    assert [one["id"] for one in rest["customers"]] == [f"c{n:04d}" for n in range(2, 11)]
    assert rest["next"] is None
    one = api.data("/rest/v1/customers/c0003")
    assert one == api.data(f"/rest/v1/customers/{one['customer_id']}")
    assert (one["name"], one["currency"]) == ("Customer c0003", "EUR")


def test_pages_are_numbered_as_in_the_founding_project_too(api):
    pages = [api.data(f"/rest/v1/invoices?size=4&page={page}") for page in (1, 2, 3, 4)]
    assert [[one["id"] for one in page["invoices"]] for page in pages] == [
        [1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11], [],
    ]  # fmt: skip
    assert pages[0]["next"] == "/rest/v1/invoices?size=4&after=4"


BAD = [
    # verb, path → status, code
    ("GET", "/rest/v1/invoices/status/PAYD", 400, "collection.bad_status"),
    ("GET", "/rest/v1/invoices/status/%C5%BDelim", 400, "collection.bad_status"),
    ("GET", "/rest/v1/invoices/status/PAID'%20or%201=1--", 400, "collection.bad_status"),
    ("GET", "/rest/v1/invoices?page=-1", 400, "request.bad_parameter"),
    ("GET", "/rest/v1/invoices?page=0", 400, "request.bad_parameter"),
    ("GET", "/rest/v1/invoices?page=1001", 400, "request.bad_parameter"),
    ("GET", "/rest/v1/invoices?page=%D9%A1", 400, "request.bad_parameter"),
    ("GET", "/rest/v1/invoices?size=0", 400, "request.bad_parameter"),
    ("GET", "/rest/v1/invoices?size=1000000000", 400, "request.bad_parameter"),
    ("GET", "/rest/v1/invoices?size=" + "9" * 5000, 400, "request.bad_parameter"),
    ("GET", "/rest/v1/invoices?size=", 400, "request.bad_parameter"),
    ("GET", "/rest/v1/invoices?after=INV-1", 400, "request.bad_parameter"),
    ("GET", "/rest/v1/invoices?page=2&after=3", 400, "request.bad_parameter"),
    ("GET", "/rest/v1/invoices?pages=2", 400, "request.unknown_parameter"),
    ("GET", "/rest/v1/invoices?size=2&size=3", 400, "request.repeated_parameter"),
    ("GET", "/rest/v1/invoices/status/paid?status=paid", 400, "request.unknown_parameter"),
    ("GET", "/rest/v1/customers?page=2", 400, "request.unknown_parameter"),
    ("GET", "/rest/v1/customers?after=%00", 400, "request.bad_parameter"),
    ("GET", "/rest/v1/customers/%00", 404, "request.no_such_name"),
    ("GET", "/rest/v1/customers/nobody", 404, "customer.unknown"),
    ("GET", "/rest/v1/customers/17", 404, "customer.unknown"),
    ("GET", "/rest/v1/customers/x'%20or%20'1'='1", 404, "customer.unknown"),
    ("GET", "/rest/v1/invoices/999", 404, "invoice.unknown"),
    ("GET", "/rest/v1/invoices/0", 404, "invoice.unknown"),
    ("GET", "/rest/v1/invoices/-1", 404, "invoice.unknown"),
    ("GET", "/rest/v1/invoices/" + "9" * 400, 404, "request.no_such_name"),
    ("GET", "/rest/v1/invoices/%D9%A1", 404, "invoice.unknown"),
    ("GET", "/rest/v1/invoices/%00", 404, "request.no_such_name"),
    ("GET", "/rest/v1/invoices/1;%20drop%20table%20invoice", 404, "invoice.unknown"),
    ("GET", "/rest/v1/invoices/inv_00000000000000000000000000", 404, "invoice.unknown"),
    ("GET", "/rest/v1/invoices/failed/999", 404, "invoice.unknown"),
    ("GET", "/rest/v1/invoices/failed/1'--", 404, "invoice.unknown"),
    ("POST", "/rest/v1/invoices/999/requeue", 404, "invoice.unknown"),
    ("POST", "/rest/v1/invoices/1'--/requeue", 404, "invoice.unknown"),
    ("POST", "/rest/v1/invoices/10/requeue?force=true", 400, "request.unknown_parameter"),
    ("GET", "/rest/v1/invoices/10/requeue", 405, "http.method_not_allowed"),
    ("POST", "/rest/v1/invoices", 405, "http.method_not_allowed"),
    ("DELETE", "/rest/v1/invoices/10", 405, "http.method_not_allowed"),
    ("GET", "/rest/v1/nothing", 404, "http.not_found"),
]


@pytest.mark.parametrize(("verb", "path", "status", "code"), BAD)
def test_bad_input_is_a_problem_with_its_code_and_changes_nothing(api, verb, path, status, code):
    both = make_once(api, (READ, WRITE))
    before = api.data("/rest/v1/invoices")
    answer = api.asked(verb, path, both)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert api.data("/rest/v1/invoices") == before


def test_an_unknown_status_is_refused_with_the_words_there_are(api):
    answer = api.get("/rest/v1/invoices/status/PAYD").json()
    assert answer["field"] == "paymentstatus"
    assert all(status in answer["hint"] for status in PaymentStatus)
    assert "did you mean PAID" in answer["hint"]


def make_once(api: Api, scopes: tuple[str, ...], tenant_id: int | None = None) -> str:
    name = f"{len(scopes)}-{tenant_id or 'own'}"
    if name not in api.keys:
        owner = tenant_id or api.place.tenant_id
        api.keys[name] = make_key(api.place.database, owner, name, scopes)
    return api.keys[name]


PATHS = [
    ("GET", "/rest/v1/invoices"),
    ("GET", "/rest/v1/invoices/1"),
    ("GET", "/rest/v1/invoices/status/paid"),
    ("GET", "/rest/v1/invoices/failed/2"),
    ("POST", "/rest/v1/invoices/10/requeue"),
    ("GET", "/rest/v1/customers"),
    ("GET", "/rest/v1/customers/c0000"),
]


@pytest.mark.parametrize(("verb", "path"), PATHS)
def test_without_the_right_key_nothing_is_told(api, verb, path):
    other = WRITE if verb == "GET" else READ
    none = api.server.client.request(verb, path)
    assert (none.status_code, none.json()["code"]) == (401, "key.refused")
    for key in (api.keys[other], api.server.key):
        wrong = api.asked(verb, path, key)
        assert (wrong.status_code, wrong.json()["code"]) == (403, "key.missing_scope")


def test_another_tenants_invoice_is_as_unknown_as_one_that_never_was(api):
    mine = api.data("/rest/v1/invoices/10")
    customer = api.data("/rest/v1/customers/c0000")["customer_id"]
    other = tenants.create(api.place.database, "other", "Other", NOW)
    key = make_once(api, (READ, WRITE), other)
    never = ids.show(ids.INVOICE, UUID(int=1))
    nobody = ids.show(ids.CUSTOMER, UUID(int=1))
    for verb, path in (
        ("GET", "/rest/v1/invoices/{}"),
        ("GET", "/rest/v1/invoices/failed/{}"),
        ("POST", "/rest/v1/invoices/{}/requeue"),
    ):
        for own, unknown in ((mine["invoice_id"], never), ("INV-000010", "INV-000999")):
            there = api.asked(verb, path.format(own), key)
            nowhere = api.asked(verb, path.format(unknown), key)
            assert there.status_code == nowhere.status_code == 404
            assert there.text.replace(own, "…") == nowhere.text.replace(unknown, "…")
    there = api.asked("GET", f"/rest/v1/customers/{customer}", key)
    nowhere = api.asked("GET", f"/rest/v1/customers/{nobody}", key)
    assert there.status_code == 404
    assert there.text.replace(customer, "…") == nowhere.text.replace(nobody, "…")
    assert api.asked("GET", "/rest/v1/invoices", key).json() == {"invoices": [], "next": None}
    assert api.data("/rest/v1/invoices/10") == mine


# --- while invoices change ----------------------------------------------------------------------


class Worker:
    """A process's worth of collecting in a thread: what is to be tried again, over and over."""

    def __init__(self, place: Place, fake: Fake) -> None:
        self.desk = desk_of(place, fake)
        self.stop = work.Stop()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._work()))

    async def _work(self) -> None:
        with work.alive(self.desk):
            while not self.stop.is_asked:
                await work.one_round(self.desk, processes.is_gone, work.Stop())
                run = start.of_retries(self.desk)
                if run is not None:
                    await work.on_run(self.desk, run.run_id, processes.is_gone, self.stop)
                await asyncio.sleep(0.01)
        for provider in self.desk.providers.values():
            await provider.close()

    def __enter__(self) -> Worker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.ask()
        self._thread.join()


def test_a_hundred_requeues_at_once_make_one_attempt(place, tmp_path):
    shop.open_shop(place, 3)
    with running_fake(tmp_path, mode="forgetful", looks_up=False) as fake, serving(place) as api:
        payer = api.customer_of(2)
        fake.fault("decline:insufficient_funds", where={"payer": payer})
        shop.collect(desk_of(place, fake))
        assert api.data("/rest/v1/invoices/2")["status"] == "FAILED"
        fake.fault("slow", times=None, seconds=0.3)
        with Worker(place, fake), ThreadPoolExecutor(100) as pool:
            answers = list(pool.map(lambda _: api.requeue(2), range(100)))
            until(lambda: api.data("/rest/v1/invoices/2")["status"] == "PAID")
        told = Counter((one.status_code, one.json().get("code")) for one in answers)
        assert told[202, None] == 1
        assert set(told) <= {
            (202, None), (200, None), (409, "collection.under_way"), (409, "collection.paid"),
        }  # fmt: skip
        assert api.requeue(2).json()["code"] == "collection.paid"
        charges = [one for one in fake.captured() if one["payer"] == payer]
        assert [one["amount"] for one in charges] == [shop.OWED]
        assert len(fake.captured()) == 3
    with place.database.snapshot(place.tenant_id) as tx:
        made = queries.attempts_of(tx, invoice_id(place, 2))
    assert [stage.state.status for stage in made] == ["failed", "succeeded"]
    assert shop.violations(place) == []


def until(is_so: Any) -> None:
    """Waits, at most ten seconds."""
    over = threading.Event()
    for _ in range(500):
        if is_so():
            return
        over.wait(0.02)
    raise AssertionError("it never came")


def test_paging_loses_and_repeats_nothing_while_invoices_change(place, tmp_path):
    """Half of the invoices are paid while the pending ones are walked; the others have no method, and are
    pending all the time."""
    shop.open_shop(place, 60)
    with running_fake(tmp_path, mode="forgetful", looks_up=False) as fake, serving(place) as api:
        lasting = set(range(1, 61, 2))
        with place.database.transaction(place.tenant_id) as tx:
            states = [queries.payment_state(tx, f"INV-{number:06d}") for number in lasting]
            for method in known_methods.of_customers(tx, [one.customer_id for one in states]):
                methods.remove(
                    tx, method.method_id, reason="gone", at=NOW, actor="test", ids=place.ids
                )
        for number in range(2, 61, 2):
            assert api.requeue(number).status_code == 202
        fake.fault("slow", times=None, seconds=0.05)
        with Worker(place, fake):
            rounds = []
            while not rounds or len(rounds[-1]) > len(lasting):
                rounds.append(api.numbers("/rest/v1/invoices/status/pending?size=7"))
                assert api.numbers("/rest/v1/invoices?size=7") == list(range(1, 61))
            until(lambda: len(api.numbers("/rest/v1/invoices/status/PAID?size=7")) == 30)
        assert len(rounds) > 1
        for found in rounds:
            assert found == sorted(set(found))
            assert lasting <= set(found)
        assert set(rounds[-1]) == lasting
        assert len(fake.captured()) == 30
