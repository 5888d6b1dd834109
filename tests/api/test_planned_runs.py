"""A billing run that is applied as planned, beside everything else that goes on meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import httpx2
import psycopg
import pytest

from everycent.access.roles import SCOPES
from everycent.flows import verify
from tests.api.asking import Asking, asking
from tests.api.serving import make_key, start
from tests.conftest import Place
from tests.flows import world
from tests.flows.test_late import CATALOGUE, FEB, JAN, MAR, papers
from tests.flows.world import calls, midnight, use

JANUARY = {"as_of": "2026-02-01", "zone": "Europe/Zagreb"}
NAMES = [f"c{n}" for n in range(6)]
WAITS_FOR_NUMBER = (
    "select exists (select from pg_locks l join pg_class c on c.oid = l.relation"
    " where not l.granted and c.relname = 'number_series')"
)
ALL_FOLDED = "select not exists (select from usage_batch where fold_id is null)"
PATIENCE_SECONDS = 20


class Thread:
    """Something that is done beside; what came of it, or the error."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._found: Any = None

        def do() -> None:
            try:
                self._found = work()
            except Exception as error:  # noqa: BLE001 - it is looked at
                self._found = error

        self._thread = threading.Thread(target=do)
        self._thread.start()

    def result(self) -> Any:
        self._thread.join()
        return self._found


@contextmanager
def numbers_held(place: Place) -> Iterator[None]:
    """Nobody gets a number of a document before the block ends: the last lock of who bills."""
    with psycopg.connect(place.conninfo, options="-c search_path=everycent") as other:
        other.execute("lock table number_series in share mode")
        yield
        other.rollback()


def until(place: Place, sql: str) -> None:
    with psycopg.connect(
        place.conninfo, options="-c search_path=everycent", autocommit=True
    ) as admin:
        end = time.monotonic() + PATIENCE_SECONDS
        while not admin.execute(sql.encode()).fetchall()[0][0]:
            assert time.monotonic() < end, sql
            time.sleep(0.05)


def ask(api: Asking, plan: str | None) -> Thread:
    """A request for the run of January, planned or not, that is waited for elsewhere."""
    params = {} if plan is None else {"plan": plan}
    return Thread(lambda: api.send("POST", "/v1/runs", json=JANUARY, params=params))


def begun(place: Place, api: Asking, plan: str) -> Thread:
    """An applier that has decided everything and waits for the numbers of its documents."""
    found = ask(api, plan)
    until(place, WAITS_FOR_NUMBER)
    return found


@pytest.fixture
def api(place: Place) -> Iterator[Asking]:
    with asking(place) as found:
        yield found


def sell_usage(place: Place) -> None:
    world.sell(place, [("acme", "basic")], text=CATALOGUE % "next_invoice", starts_on=JAN)
    use(place, [calls("acme", 80, date(2026, 1, 10))])


def billed_of_january(place: Place) -> list[tuple[str, date, int]]:
    """What January comes to on all invoices, after two more months were billed."""
    for as_of in (MAR, date(2026, 4, 1)):
        world.run(place, midnight(as_of))
    return [line for _, lines, _ in papers(place) for line in lines if line[1] == JAN]


def test_usage_that_comes_while_it_is_applied_is_billed_by_the_next_run(place: Place, api: Asking):
    sell_usage(place)
    plan = api.post("/v1/runs", JANUARY, plan="show")["plan"]
    with numbers_held(place):
        applier = begun(place, api, plan)
        api.post("/v1/usage", {
            "id": "late", "source": "x", "subject": "acme", "meter": "calls",
            "at": "2026-01-20T12:00:00Z", "value": "40",
        })  # fmt: skip
        until(place, ALL_FOLDED)  # the server folds by itself, and looks for late usage after that
        time.sleep(1)
    assert applier.result().status_code == 202
    found = billed_of_january(place)
    assert found == [("fee", JAN, 1000), ("calls", JAN, 8000), ("calls", JAN, 3000)]
    with place.database.snapshot(place.tenant_id) as tx:
        assert verify.reasons_of_usage(tx) == {"billed": 2}


def test_usage_that_is_taken_back_while_it_is_applied_is_given_back_by_the_next_run(
    place: Place, api: Asking
):
    sell_usage(place)
    plan = api.post("/v1/runs", JANUARY, plan="show")["plan"]
    with numbers_held(place):
        applier = begun(place, api, plan)
        void = {"source": "test", "ids": ["acme/2026-01-10"], "reason": "metered twice"}
        api.post("/v1/usage/corrections/void", void)
        api.post("/v1/usage", {
            "id": "n", "source": "x", "subject": "acme", "meter": "calls",
            "at": "2026-05-20T12:00:00Z", "value": "1",
        })  # fmt: skip
        until(place, ALL_FOLDED)
        time.sleep(1)
    assert applier.result().status_code == 202
    # without usage the minimum of 30.00 is left
    found = billed_of_january(place)
    assert found == [("fee", JAN, 1000), ("calls", JAN, 8000), ("calls", JAN, -5000)]


@pytest.fixture
def six(place: Place, api: Asking) -> Asking:
    world.sell(place, [(one, "api") for one in NAMES])
    return api


def test_a_plan_that_is_shown_beside_shows_what_is_left_then(place: Place, six: Asking):
    plan = six.post("/v1/runs", JANUARY, plan="show")["plan"]
    with numbers_held(place):
        applier = begun(place, six, plan)
        show = ask(six, "show")
        time.sleep(1)
    assert applier.result().status_code == 202
    answer = show.result()
    assert answer.status_code == 200, answer.text
    assert (answer.json()["documents"], answer.json()["answer"]["parked_customers"]) == ([], [])


@pytest.mark.parametrize("other", ["the same plan", "another plan", "no plan", "the command line"])
def test_who_bills_beside_bills_nothing_twice(place: Place, six: Asking, other: str):
    plans = [six.post("/v1/runs", JANUARY, plan="show")["plan"] for _ in range(2)]
    with numbers_held(place):
        applier = begun(place, six, plans[0])
        second = {
            "the same plan": lambda: ask(six, plans[0]),
            "another plan": lambda: ask(six, plans[1]),
            "no plan": lambda: ask(six, None),
            "the command line": lambda: Thread(lambda: world.run(place, midnight(FEB))),
        }[other]()
        time.sleep(1)
    assert applier.result().status_code == 202
    assert not isinstance(second.result(), Exception)
    world.run(place, midnight(FEB))
    numbers = sorted(one["number"] for one in six.walk("/v1/invoices"))
    assert numbers == [f"INV-{n:06d}" for n in range(1, len(NAMES) + 1)]
    assert six.post("/v1/verify")["holds"]


def test_usage_is_taken_in_while_many_wait_for_plans(place: Place, six: Asking):
    with numbers_held(place):
        shows = [ask(six, "show") for _ in range(5)]
        until(place, WAITS_FOR_NUMBER)
        record = {
            "id": "r", "source": "x", "subject": "c1", "meter": "calls", "at": "2026-01-20T12:00:00Z",
            "value": "1",
        }  # fmt: skip
        assert six.post("/v1/usage", record)["accepted"] == 1
    assert {one.result().status_code for one in shows} <= {200, 503}


def test_a_server_that_is_killed_over_it_leaves_nothing_and_the_plan_still_holds(place: Place):
    world.sell(place, [(one, "api") for one in NAMES])
    key = make_key(place.database, place.tenant_id, "all", SCOPES)
    process, told = start(place.conninfo)

    def send(address: str, plan: str) -> httpx2.Response:
        return httpx2.post(
            f"{address}/v1/runs", json=JANUARY, params={"plan": plan}, timeout=60,
            headers={"authorization": f"Bearer {key}"},
        )  # fmt: skip

    plan = send(told["address"], "show").json()["plan"]
    with numbers_held(place):
        applier = Thread(lambda: send(told["address"], plan))
        until(place, WAITS_FOR_NUMBER)
        process.kill()
        process.communicate()
        assert isinstance(applier.result(), httpx2.HTTPError)
    assert world.issued(place) == []
    process, told = start(place.conninfo)
    try:
        assert send(told["address"], plan).json()["invoices"] == len(NAMES)
    finally:
        process.kill()
        process.communicate()
