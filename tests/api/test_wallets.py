"""/v1/wallets: credit from the opening of a wallet to its end, and questions about it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest

from everycent.tenants import operations as tenants
from tests.api.asking import Asking, asking
from tests.api.serving import make_key
from tests.conftest import NOW, Place
from tests.flows import world

SCOPES = ("wallets:read", "wallets:write")


@pytest.fixture(scope="module")
def api(module_place: Place) -> Iterator[Asking]:
    """Customers whose contracts cost nothing before 2027."""
    keys = ("ana", "ben", "cleo", "dora")
    world.sell(module_place, [(key, "advance") for key in keys], starts_on=date(2027, 1, 1))
    with asking(module_place, SCOPES) as found:
        yield found


def opened(api: Asking, key: str, **more: object) -> str:
    body = {"customer": key.partition("-")[0], "key": key, **more}
    assert api.post("/v1/wallets", body, status=201)["wallet"] == key
    return f"/v1/wallets/{key}"


def test_credit_is_put_in_counted_and_taken_away(api: Asking):
    path = opened(api, "ana", unit="credit", unit_price="0.01")
    paid = {"amount": "1000", "reference": "tr-1"}
    first, second = (
        api.send("POST", f"{path}/top-ups", json=paid, idempotency_key="t-1") for _ in range(2)
    )
    assert (first.status_code, second.json()) == (201, first.json())
    assert (first.json()["amount"], first.json()["units"], first.json()["basis"]) == (
        "10.00", "1000", "paid",
    )  # fmt: skip
    gift = api.post(
        f"{path}/grants", {"amount": "500", "reason": "sorry", "every": "month"}, status=201
    )
    assert (gift["number"], gift["renews"]["every"], gift["renews"]["amount"]) == (
        2, "month", "5.00",
    )  # fmt: skip
    found = api.get(path)
    assert (found["balance"], found["balance_units"], found["usable"]) == ("15.00", "1500", "15.00")
    assert [(one["number"], one["left"], one["reference"]) for one in found["grants"]] == [
        (1, "10.00", "tr-1"), (2, "5.00", "sorry"),
    ]  # fmt: skip
    void = api.post(f"{path}/grants/2/void", {"reason": "enough"})
    assert void == {"wallet": "ana", "number": 2, "voided": "5.00", "currency": "EUR"}
    assert api.get(path)["balance"] == "10.00"


def test_a_payment_is_credit_once_however_often_and_at_once_it_is_told(api: Asking):
    path = opened(api, "ben-twice")
    paid = {"amount": "5", "reference": "t1"}
    with ThreadPoolExecutor(10) as several:
        answers = list(
            several.map(lambda _: api.send("POST", f"{path}/top-ups", json=paid), range(10))
        )
    assert sorted(one.status_code for one in answers) == [201] + [409] * 9
    told = {one.json()["code"] for one in answers if one.status_code == 409}
    assert told == {"credit.booked_before"}
    assert api.refused("POST", f"{path}/top-ups", paid) == (409, "credit.booked_before")
    assert api.get(path)["usable"] == "5.00"
    for _ in range(2):  # an agreement, not a payment
        api.post(f"{path}/top-ups", paid | {"owed": True}, status=201)
    assert api.get(path)["usable"] == "15.00"


def test_a_grant_is_planned_with_what_it_posts(api: Asking):
    path = opened(api, "ben-plan")
    body = {"amount": "20", "reference": "tr-2"}
    plan = api.post(f"{path}/top-ups", body, plan="show")
    assert plan["events"] == {"credit.granted": 1}
    assert sorted(one["amount"] for one in plan["postings"]) == ["-20.00", "20.00"]
    assert api.get(path)["grants"] == []
    api.post(f"{path}/top-ups", body, plan=plan["plan"], status=201)
    assert api.get(path)["usable"] == "20.00"


def test_a_rule_makes_a_top_up_due_once_which_is_paid_or_withdrawn(api: Asking):
    path = opened(api, "cleo")
    ruled = api.send("PUT", f"{path}/top-up-rule", json={"below": "5", "amount": "25"}).json()
    assert ruled["top_up"] == {"below": "5.00", "amount": "25.00"}
    checked = [api.post("/v1/wallets/check", {}) for _ in range(2)]
    assert [[one["wallet"] for one in each["due"]] for each in checked] == [["cleo"], []]
    assert api.get(path)["due"] == "25.00"
    api.post(f"{path}/top-ups", {"reference": "tr-3"}, status=201)
    assert (api.get(path)["due"], api.get(path)["balance"]) == (None, "25.00")
    assert api.refused("POST", f"{path}/withdraw-top-up", {"reason": "x"}) == (
        404, "wallet.nothing_due",
    )  # fmt: skip
    assert api.send("DELETE", f"{path}/top-up-rule").json()["top_up"] is None


def test_caps_say_who_may_use_more(api: Asking):
    path = opened(api, "dora")
    assert api.get("/v1/customers/dora/allowance")["reason"] == "no_cap"
    capped = api.send("PUT", f"{path}/caps", json={"soft": "10", "hard": "0"}).json()
    assert capped["caps"] == {"soft": "10.00", "hard": "0.00"}
    assert api.get("/v1/customers/dora/allowance") == {
        "customer": "dora", "is_allowed": False, "reason": "hard_cap", "left": "0.00",
    }  # fmt: skip
    api.post(f"{path}/top-ups", {"amount": "8", "reference": "tr-4"}, status=201)
    allowed = api.get("/v1/customers/dora/allowance")
    assert (allowed["is_allowed"], allowed["reason"], allowed["left"]) == (True, "soft_cap", "8.00")
    met = api.post("/v1/wallets/check", {})["caps_met"]
    assert [(one["wallet"], one["reason"]) for one in met] == [("dora", "soft_cap")]


def test_wallets_are_listed_page_by_page(api: Asking):
    for number in range(3):
        opened(api, f"ben-{number}")
    keys = [one["wallet"] for one in api.walk("/v1/wallets", size=2)]
    assert keys == sorted(keys)
    assert {"ben-0", "ben-1", "ben-2"} <= set(keys)
    assert {one["customer"] for one in api.walk("/v1/wallets", customer="ben", size=1)} == {"ben"}


def test_draw_downs_are_tried_without_a_wallet(api: Asking):
    body = {
        "grants": [
            {"id": "gift", "amount": "5", "expires_at": "2026-02-01T00:00:00Z"},
            {"id": "bought", "amount": "10", "priority": 1},
        ],
        "uses": [{"id": "u", "at": "2026-01-10T00:00:00Z", "amount": "7"}],
        "until": "2026-03-01T00:00:00Z",
    }
    found = api.post("/v1/wallets/try", body)
    assert found["left"] == {"gift": "0", "bought": "8"}
    assert [(one["grant"], one["amount"]) for one in found["movements"]][:2] == [
        ("gift", "5"), ("bought", "2"),
    ]  # fmt: skip


DAILY = {"amount": "1", "effective_at": "2000-01-01T00:00:00Z", "every": "day"}
FAR = {
    "many grants": ([DAILY | {"id": f"{n}"} for n in range(40)], [], "2199-01-01T00:00:00Z"),
    "one grant": ([DAILY | {"id": "g"}], [], "2199-01-01T00:00:00Z"),
    "many uses of one": (
        [DAILY | {"id": "g", "keep_most": None}],
        [{"at": f"2025-01-01T00:{n // 60:02}:{n % 60:02}Z", "amount": "1"} for n in range(3000)],
        "2026-01-01T00:00:00Z",
    ),
}


@pytest.mark.parametrize("name", FAR)
def test_what_would_come_again_too_often_is_not_tried(api: Asking, name):
    grants, uses, until = FAR[name]
    body = {"grants": grants, "uses": uses, "until": until, "carry_overage": "over_resets"}
    assert api.refused("POST", "/v1/wallets/try", body) == (400, "credit.too_many_renewals")


def test_a_wallet_is_not_looked_at_further_ahead_than_it_comes_again(api: Asking):
    path = opened(api, "cleo-daily")
    gift = {"amount": "1", "reason": "daily", "every": "day"}
    api.post(f"{path}/grants", gift, status=201)
    far = (400, "credit.too_many_renewals")
    assert api.refused("GET", f"{path}?as_of=2199-01-01") == far
    assert api.refused("GET", "/v1/customers/cleo/allowance?as_of=2199-01-01") == far
    assert api.get(f"{path}?as_of=2028-01-01")["wallet"] == "cleo-daily"


REFUSED = [
    # method, path, body → status, code
    ("GET", "/v1/wallets/none", None, 404, "wallet.unknown"),
    ("GET", "/v1/customers/none/allowance", None, 404, "customer.unknown"),
    ("POST", "/v1/wallets", {"customer": "none"}, 404, "customer.unknown"),
    ("POST", "/v1/wallets", {"customer": "ana", "key": "ana"}, 409, "wallet.exists"),
    ("POST", "/v1/wallets", {"customer": "ana", "key": "b", "unit": "c"}, 400, "wallet.bad_unit"),
    ("POST", "/v1/wallets", {"customer": "ana", "order": "any"}, 400, "request.bad_field"),
    ("POST", "/v1/wallets/ana/top-ups", {"amount": "-1", "reference": "x"}, 400, "credit.not_positive"),
    ("POST", "/v1/wallets/ana/top-ups", {"amount": 1, "reference": "x"}, 400, "request.bad_field"),
    ("POST", "/v1/wallets/ana/top-ups", {"reference": "x"}, 404, "wallet.nothing_due"),
    ("POST", "/v1/wallets/ana/grants/99/void", {"reason": "x"}, 404, "credit.unknown"),
    ("POST", "/v1/wallets/ana/grants/x/void", {"reason": "x"}, 404, "credit.unknown"),
    ("PUT", "/v1/wallets/ana/caps", {"soft": "0", "hard": "5"}, 400, "wallet.bad_caps"),
    ("POST", "/v1/wallets/check", {"as_of": "2199-01-01"}, 400, "date.in_the_future"),
    ("POST", "/v1/wallets/try", {"grants": [], "uses": [], "until": "soon"}, 400, "time.malformed"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), REFUSED)
def test_what_makes_no_sense_is_refused(api: Asking, method, path, body, status, code):
    assert api.refused(method, path, body) == (status, code)


def test_another_tenant_knows_no_wallet_of_ours(api: Asking):
    other = tenants.create(api.place.database, "wallets-other", "Other", NOW)
    theirs = api._replace(key=make_key(api.place.database, other, "theirs", SCOPES))
    assert theirs.get("/v1/wallets")["items"] == []
    assert theirs.refused("GET", "/v1/wallets/ana") == (404, "wallet.unknown")
    paid = {"amount": "1", "reference": "x"}
    assert theirs.refused("POST", "/v1/wallets/ana/top-ups", paid) == (404, "wallet.unknown")
    reader = api.with_scopes("wallets:read")
    assert reader.refused("POST", "/v1/wallets/ana/top-ups", paid) == (403, "key.missing_scope")
