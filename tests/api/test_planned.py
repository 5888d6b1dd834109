"""A plan stands for all that would be recorded: it is done once, and not when anything of it has moved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.api.asking import Asking, asking
from tests.collecting import shop
from tests.conftest import Place
from tests.flows import world

DEARER = world.CATALOGUE.replace("amount: 9.90", "amount: 99.00")


@pytest.fixture
def api(place: Place) -> Iterator[Asking]:
    world.sell(place, [("ana", "api"), ("ben", "api")])
    with asking(place) as found:
        yield found


def agreed(**more: Any) -> dict[str, Any]:
    return {"customer": "ana", "plan": "api", "starts_on": "2027-01-01", "key": "second", **more}


def test_a_plan_does_not_hold_when_the_price_behind_it_is_another(api: Asking):
    plan = api.post("/v1/subscriptions", agreed(), plan="show")
    assert plan["documents"] == []
    api.post("/v1/catalog/apply", {"yaml": DEARER})
    refused = api.refused("POST", "/v1/subscriptions", agreed(), plan=plan["plan"])
    assert refused == (409, "plan.moved")
    assert len(api.walk("/v1/subscriptions")) == 2


def test_a_plan_holds_while_others_do_other_things(api: Asking):
    plan = api.post("/v1/subscriptions", agreed(), plan="show")
    api.post("/v1/subscriptions", agreed(customer="ben", key="third"))
    made = api.post("/v1/subscriptions", agreed(), plan=plan["plan"])
    assert made["key"] == plan["answer"]["key"] == "second"


def test_a_plan_is_done_once_however_often_its_token_comes(api: Asking):
    body = {"customer": "ana", "amount": "10.00", "reference": "t-1", "way": "cash"}
    plan = api.post("/v1/payments", body, plan="show")
    answers = [api.send("POST", "/v1/payments", json=body, params=plan_of(plan)) for _ in range(3)]
    assert {one.status_code for one in answers} == {201}
    assert len({one.content for one in answers}) == 1
    assert ["idempotency-replayed" in one.headers for one in answers] == [False, True, True]
    keyed = api.send(
        "POST", "/v1/payments", json=body, params=plan_of(plan), idempotency_key="other"
    )
    assert keyed.content == answers[0].content
    assert len(api.walk("/v1/payments")) == 1


def test_what_others_recorded_is_no_part_of_a_plan(place: Place):
    from everycent.flows import effect
    from everycent.journal import queries

    with place.database.rehearsal(place.tenant_id) as tx:
        assert queries.written(tx) == []
    world.sell(place, [("ana", "api")])
    with place.database.rehearsal(place.tenant_id) as tx:
        assert effect.so_far(tx).events == {}


@pytest.mark.parametrize("told", ["", "\x00", "show ", "plan_x", "plan_" + "0" * 300, "é"])
def test_what_is_no_plan_is_refused_and_never_taken_for_a_key(api: Asking, told: str):
    refused = api.refused("POST", "/v1/subscriptions", agreed(), plan=told)
    assert refused == (400, "request.bad_parameter")
    assert len(api.walk("/v1/subscriptions")) == 2


def plan_of(plan: dict[str, Any]) -> dict[str, str]:
    return {"plan": plan["plan"]}


RECORD = {
    "id": "r1", "source": "probe", "subject": "ana", "meter": "calls", "at": "2026-01-05T10:00:00Z",
    "value": "130",
}  # fmt: skip
VOID = {"source": "probe", "ids": ["r1"], "reason": "metered twice"}


def test_a_correction_is_planned_with_what_it_changes_and_done_once(api: Asking):
    api.post("/v1/usage", RECORD)
    plan = api.post("/v1/usage/corrections/void", VOID, plan="show")
    assert plan["answer"]["records"]["voided"] == 1
    assert plan["events"] == {"usage.corrected": 1}
    assert api.walk("/v1/usage/corrections") == []
    api.post("/v1/usage", RECORD | {"id": "of another", "subject": "ben"})
    for _ in range(2):
        done = api.post("/v1/usage/corrections/void", VOID, plan=plan["plan"])
        assert done["records"] == plan["answer"]["records"]
    assert len(api.walk("/v1/usage/corrections")) == 1


def test_a_correction_that_would_change_another_amount_by_now_is_not_done(api: Asking):
    api.post("/v1/usage", RECORD)
    plan = api.post("/v1/usage/corrections/void", VOID, plan="show")
    api.post("/v1/usage", RECORD | {"id": "r2", "value": "7"})
    refused = api.refused("POST", "/v1/usage/corrections/void", VOID, plan=plan["plan"])
    assert refused == (409, "plan.moved")
    assert api.walk("/v1/usage/corrections") == []


def test_contracts_are_moved_together_as_planned_or_not_at_all(api: Asking):
    api.post("/v1/catalog/apply", {"yaml": DEARER})
    body = {"on": "2027-01-01"}
    plan = api.post("/v1/plans/api/move", body, plan="show")
    assert (plan["answer"]["moved"], plan["events"]) == (2, {"subscription.changed": 2})
    api.post("/v1/subscriptions/ben/cancel", {"on": "2026-12-01"})
    refused = api.refused("POST", "/v1/plans/api/move", body, plan=plan["plan"])
    assert refused == (409, "plan.moved")
    assert versions(api) == {1}
    again = api.post("/v1/plans/api/move", body, plan="show")
    done = [api.post("/v1/plans/api/move", body, plan=again["plan"]) for _ in range(2)]
    assert done == 2 * [again["answer"]]


def versions(api: Asking) -> set[int]:
    return {one["phases"][-1]["plan_version"] for one in api.walk("/v1/subscriptions")}


def test_to_plan_a_correction_leaves_nothing_not_even_names(api: Asking):
    api.post("/v1/usage", RECORD)
    new = RECORD | {"id": "n1", "at": "2025-03-05T10:00:00Z", "dimensions": {"new": "name"}}
    span = {
        "subjects": ["ana"], "meters": ["calls"], "from": "2025-03-01", "to": "2025-04-01",
        "source": "probe", "reason": "never sent", "records": [new],
    }  # fmt: skip
    before = kept(api)
    plan = api.post("/v1/usage/corrections/backfill", span, plan="show")
    assert (plan["answer"]["records"]["added"], plan["answer"]["correction"]) == (1, None)
    assert kept(api) == before
    done = api.post("/v1/usage/corrections/backfill", span, plan=plan["plan"])
    assert done["records"] == plan["answer"]["records"]
    assert kept(api) != before


def kept(api: Asking) -> tuple[int, int]:
    """How many names and partitions there are."""
    with api.place.database.snapshot(api.place.tenant_id) as tx:
        parts = "select count(*) from pg_class where relname like 'usage_record_%%'"
        return tx.value("select count(*) from usage_name"), tx.value(parts)


def test_what_is_recorded_is_known_though_others_were_done_meanwhile(place: Place):
    from everycent.customers import operations as customers
    from everycent.customers.customer import Customer
    from everycent.journal import queries

    new = [Customer(place.ids("ana"), "ana", "Ana", "EUR", "UTC")]
    with place.database.transaction(place.tenant_id) as tx:
        with tx.savepoint():
            customers.create(tx, new, **place.writing)
        with place.database.transaction(place.tenant_id) as other:
            assert other.value("select pg_current_xact_id()")
        assert [row.type for row in queries.written(tx)] == ["customer.created"]


JANUARY = {"as_of": "2026-02-01", "zone": "Europe/Zagreb"}


def test_a_billing_run_is_shown_with_all_its_documents_and_then_billed_so(api: Asking):
    api.post("/v1/usage", RECORD)
    plan = api.post("/v1/runs", JANUARY, plan="show")
    assert [(one["customer"], one["gross"]) for one in plan["documents"]] == [
        ("ana", "19.08"),  # (9.90 + 100 × 0.05 + 30 × 0.0333) × 1.2
        ("ben", "11.88"),
    ]
    january = ("2025-12-31T23:00:00Z", "2026-01-31T23:00:00Z")
    assert {(one["starts_at"], one["ends_at"]) for one in plan["documents"]} == {january}
    assert (api.walk("/v1/runs"), api.walk("/v1/invoices")) == ([], [])
    done = [api.post("/v1/runs", JANUARY, plan=plan["plan"]) for _ in range(2)]
    assert done[0] == done[1]
    assert done[0]["finished_at"] is not None
    assert (done[0]["customers"], done[0]["invoices"], done[0]["chunks_done"]) == (2, 2, 1)
    billed = [(one["customer"], one["gross"]) for one in api.walk("/v1/invoices")]
    assert sorted(billed) == [("ana", "19.08"), ("ben", "11.88")]
    assert api.get(f"/v1/runs/{done[0]['run_id']}")["invoices"] == 2
    assert api.post("/v1/verify")["holds"]
    assert api.post("/v1/runs", JANUARY, plan="show")["documents"] == []


def test_a_billing_run_is_not_done_as_planned_when_usage_came_meanwhile(api: Asking):
    plan = api.post("/v1/runs", JANUARY, plan="show")
    api.post("/v1/usage", RECORD)
    assert api.refused("POST", "/v1/runs", JANUARY, plan=plan["plan"]) == (409, "plan.moved")
    assert (api.walk("/v1/runs"), api.walk("/v1/invoices")) == ([], [])


def test_a_plan_of_a_billing_run_says_who_can_not_be_billed(api: Asking):
    without(api, "ana")
    plan = api.post("/v1/runs", JANUARY, plan="show")
    assert [one["customer"] for one in plan["documents"]] == ["ben"]
    told = [(one["customer"], one["code"]) for one in plan["answer"]["parked_customers"]]
    assert told == [("ana", "billing.unexpected")]
    done = api.post("/v1/runs", JANUARY, plan=plan["plan"])
    assert done["parked_customers"] == plan["answer"]["parked_customers"]
    parked = api.walk(f"/v1/runs/{done['run_id']}/parked")
    assert parked == done["parked_customers"]
    assert api.post("/v1/verify")["holds"]


def test_a_run_of_nothing_is_over_at_once_and_stands_in_nobodys_way(api: Asking):
    begun = api.post("/v1/runs", {"as_of": "2025-06-01"})
    assert (begun["customers"], begun["finished_at"] is None) == (0, False)
    assert len(api.post("/v1/runs", JANUARY, plan="show")["documents"]) == 2


def test_a_billing_run_is_not_planned_beside_one_that_goes_on(api: Asking):
    plan = api.post("/v1/runs", JANUARY, plan="show")
    begun = api.post("/v1/runs", JANUARY)
    for told in ("show", plan["plan"]):
        refused = api.refused("POST", "/v1/runs", JANUARY, plan=told)
        assert refused == (409, "billing.run_open")
    assert begun["finished_at"] is None
    assert begun["parked_customers"] == []


def without(api: Asking, customer: str) -> None:
    """Lets the database refuse every invoice of a customer."""
    place = api.place
    refused = place.ids(f"customer/{customer}")
    with psycopg.connect(place.conninfo, autocommit=True) as admin:
        admin.execute(
            f"alter table everycent.invoice add check (customer_id <> '{refused}')".encode()
        )


@pytest.fixture
def owing(place: Place) -> Iterator[Asking]:
    """Three customers that owe an invoice each."""
    shop.open_shop(place, 3)
    with asking(place) as found:
        yield found


def test_a_collection_run_is_shown_with_what_it_comes_to_and_opened_so(owing: Asking):
    plan = owing.post("/v1/collections", {}, plan="show")
    (found,) = plan["answer"]["sums"]
    assert (found["why"], found["invoices"]) == ("no_provider", 3)
    assert owing.walk("/v1/collections") == []
    done = [owing.post("/v1/collections", {}, plan=plan["plan"]) for _ in range(2)]
    assert done[0] == done[1]
    assert (done[0]["sums"], done[0]["digest"]) == (
        plan["answer"]["sums"],
        plan["answer"]["digest"],
    )
    assert len(owing.walk("/v1/collections")) == 1


def test_a_collection_run_is_not_opened_as_planned_when_somebody_has_paid(owing: Asking):
    plan = owing.post("/v1/collections", {}, plan="show")
    (first, *_) = owing.walk("/v1/invoices")
    owing.post("/v1/payments", {
        "customer": first["customer"], "amount": "1.00", "reference": "t", "way": "cash",
        "invoices": [{"invoice": first["number"], "amount": "1.00"}],
    })  # fmt: skip
    refused = owing.refused("POST", "/v1/collections", {}, plan=plan["plan"])
    assert refused == (409, "plan.moved")
    assert owing.walk("/v1/collections") == []
