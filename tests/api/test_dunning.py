"""/v1/dunning: terms, what a run would do, what it did."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from everycent.tenants import operations as tenants
from tests.api.asking import Asking, asking
from tests.api.serving import make_key
from tests.conftest import NOW, Place
from tests.dunning import debts

SCOPES = ("dunning:read", "dunning:write", "payments:write")


@pytest.fixture(scope="module")
def api(module_place: Place) -> Iterator[Asking]:
    """Three who owe 37.20 each since 15 January 2026."""
    debts.owing(module_place, 3)
    with asking(module_place, SCOPES) as found:
        yield found


def test_terms_are_told_planned_and_set_once(api: Asking):
    found = api.get("/v1/dunning/terms")
    (campaign,) = found["campaigns"]
    assert (found["version"], found["sender"]) == (1, "Example Ltd")
    assert (campaign["key"], campaign["thresholds"]) == ("usual", {"EUR": "37.20"})
    assert [one["key"] for one in campaign["steps"]] == ["reminder", "warning", "pause", "give-up"]
    text = debts.TERMS.replace("Example Ltd", "Sample Ltd")
    plan = api.send("PUT", "/v1/dunning/terms", json={"text": text}, params={"plan": "show"})
    assert plan.json()["events"] == {"dunning.terms_set": 1}
    assert api.get("/v1/dunning/terms")["version"] == 1
    again = [api.send("PUT", "/v1/dunning/terms", json={"text": text}).json() for _ in range(2)]
    assert again == [{"version": 2, "is_new": True}, {"version": 2, "is_new": False}]
    assert api.get("/v1/dunning/terms")["sender"] == "Sample Ltd"


def test_a_run_does_what_was_planned_and_each_step_once(api: Asking):
    planned = api.get("/v1/dunning/plan", as_of="2026-01-19T12:00:00Z")["items"]
    told = [(one["customer"], one["does"], one["step"], one["amount"]) for one in planned]
    assert sorted(told) == [(f"c00{n}", "step", "reminder", "37.20") for n in range(3)]
    assert api.get("/v1/dunning/steps")["items"] == []
    did = [api.post("/v1/dunning/run", {"as_of": "2026-01-19T12:00:00Z"}) for _ in range(2)]
    assert [sorted(one["customer"] for one in each["steps"]) for each in did] == [
        ["c000", "c001", "c002"], [],
    ]  # fmt: skip
    assert [each["messages"] for each in did] == [3, 0]
    api.post("/v1/dunning/run", {"as_of": "2026-01-26T12:00:00Z"})
    steps = api.walk("/v1/dunning/steps", size=2)
    assert [one["step"] for one in steps] == ["warning"] * 3 + ["reminder"] * 3
    assert [one["on"] for one in steps] == ["2026-01-26"] * 3 + ["2026-01-19"] * 3
    assert sorted(one["customer"] for one in steps[:3]) == ["c000", "c001", "c002"]
    of_one = api.walk("/v1/dunning/steps", size=1, customer="c001")
    assert [(one["number"], one["episode"], one["ended"]) for one in of_one] == [
        (2, 1, None), (1, 1, None),
    ]  # fmt: skip


def test_an_episode_ends_when_it_is_paid(api: Asking):
    with api.place.database.transaction(api.place.tenant_id) as tx:
        owner = debts.who.by_name(tx, "c002")
    debts.pay(api.place, owner, debts.OWED, date(2026, 1, 27))
    (planned,) = [
        one
        for one in api.get("/v1/dunning/plan", as_of="2026-01-28T12:00:00Z")["items"]
        if one["customer"] == "c002"
    ]
    assert (planned["does"], planned["why"], planned["step"]) == ("end", "settled", None)
    done = api.post("/v1/dunning/run", {"as_of": "2026-01-28T12:00:00Z"})
    assert [(one["customer"], one["why"]) for one in done["ended"]] == [("c002", "settled")]
    last = api.get("/v1/dunning/steps", customer="c002")["items"][0]
    assert (last["ended"], last["ended_on"]) == ("settled", "2026-01-28")


REFUSED = [
    # method, path, body → status, code
    ("PUT", "/v1/dunning/terms", {"text": "campaigns: [x]"}, 400, None),
    ("PUT", "/v1/dunning/terms", {"text": "schedule: {cron: nonsense}"}, 400, "dunning.bad_cron"),
    ("GET", "/v1/dunning/plan?as_of=2199-01-01", None, 400, "date.in_the_future"),
    ("GET", "/v1/dunning/steps?customer=nobody", None, 404, "customer.unknown"),
    ("GET", "/v1/dunning/steps?after=nothing", None, 404, "dunning.step_unknown"),
    ("POST", "/v1/dunning/run", {"as_of": "soon"}, 400, "time.malformed"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), REFUSED)
def test_what_makes_no_sense_is_refused(api: Asking, method, path, body, status, code):
    told = api.refused(method, path, body)
    assert told[0] == status
    assert code in (None, told[1])


def test_another_tenant_has_terms_of_its_own(api: Asking):
    other = tenants.create(api.place.database, "dunning-other", "Other", NOW)
    theirs = api._replace(key=make_key(api.place.database, other, "theirs", SCOPES))
    assert theirs.get("/v1/dunning/terms")["version"] == 0
    assert theirs.get("/v1/dunning/steps")["items"] == []
    assert theirs.refused("GET", "/v1/dunning/steps?customer=c000") == (404, "customer.unknown")
    reader = api.with_scopes("dunning:read")
    assert reader.refused("POST", "/v1/dunning/run", {}) == (403, "key.missing_scope")
