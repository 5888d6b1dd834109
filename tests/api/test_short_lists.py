"""Short lists, which are read as a whole, come in pages like the others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.asking import Asking, asking
from tests.api.selling import open_shop, subscribed
from tests.conftest import Place


@pytest.fixture(scope="module")
def api(module_place: Place) -> Iterator[Asking]:
    open_shop(module_place)
    with asking(module_place) as found:
        contract = subscribed(found, "paged")
        for seats in ("2", "3", "4"):
            body = {"quantities": {"seats": seats}, "on": f"2026-0{seats}-01"}
            found.post(f"{contract}/quantities", body)
        for name in ("one", "two", "three"):
            found.post("/v1/keys", {"name": name, "scopes": ["usage:read"]})
        yield found


LISTS = [
    # asked                                  at least so many
    ("/v1/ledger/accounts", 5),
    ("/v1/verify", 5),
    ("/v1/keys", 4),
    ("/v1/subscriptions/paged/changes", 3),
    ("/v1/usage/meters", 1),
    ("/v1/customers/paged/payers", 0),
    ("/v1/customers/paged/payment-methods", 0),
    ("/v1/dunning/plan", 0),
    ("/v1/journal/checkpoints", 0),
    ("/v1/owed/paged", 0),
    ("/v1/report-configs", 0),
    ("/v1/usage/archives", 0),
    ("/v1/usage/rejections", 0),
]


@pytest.mark.parametrize(("path", "least"), LISTS)
def test_a_list_has_the_same_things_in_pages_as_in_one(api: Asking, path: str, least: int):
    whole = api.get(path)
    assert (len(whole["items"]) >= least, whole["next"]) == (True, None)
    for size in (1, 2):
        assert api.walk(path, size=size) == whole["items"]


def test_a_place_that_no_list_has_is_refused(api: Asking):
    told = api.send("GET", "/v1/ledger/accounts", params={"after": "none"})
    assert (told.status_code, told.json()["code"]) == (400, "request.bad_parameter")
    assert told.json()["field"] == "after"
