"""Addresses that are not there, and methods that an address does not take: what is said of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.asking import Asking, asking
from tests.conftest import Place


@pytest.fixture(scope="module")
def api(module_place: Place) -> Iterator[Asking]:
    with asking(module_place) as found:
        yield found


METHODS = [
    # sent                            all that it takes
    ("DELETE", "/v1/customers/x", "GET, HEAD, PATCH"),
    ("PUT", "/v1/customers", "GET, HEAD, POST"),
    ("PATCH", "/livez", "GET, HEAD"),
]


@pytest.mark.parametrize(("method", "path", "allowed"), METHODS)
def test_a_method_that_is_not_taken_is_answered_with_all_that_are(
    api: Asking, method: str, path: str, allowed: str
):
    answer = api.send(method, path)
    told = answer.status_code, answer.headers["allow"], answer.json()["hint"]
    assert told == (405, allowed, f"it takes {allowed}")


UNKNOWN = [
    # asked                                  meant
    ("/", "/v1/docs"),
    ("/v1", "/v1/docs"),
    ("/v1/", "/v1/docs"),
    ("/docs", "/v1/docs"),
    ("/openapi.json", "/v1/openapi.json"),
    ("/health", "/readyz"),
    ("/healthz", "/readyz"),
    ("/customers", "/v1/customers"),
    ("/v1/custmers", "/v1/customers"),
    ("/v1/customer/acme", "/v1/customers/{customer}"),
    ("/invoices/7/trail", "/v1/invoices/{invoice}/trail"),
    ("/v1/zzzzzzzzzzzz", None),
    ("/" + "a/" * 50, None),
    ("/v1/" + "x" * 5000, None),
]


@pytest.mark.parametrize(("path", "meant"), UNKNOWN)
def test_an_unknown_address_is_answered_with_where_all_are_listed(
    api: Asking, path: str, meant: str | None
):
    answer = api.send("GET", path)
    assert (answer.status_code, answer.json()["code"]) == (404, "http.not_found")
    hint = answer.json()["hint"]
    assert "/v1/docs" in hint
    assert "/v1/openapi.json" in hint
    assert hint.startswith(f"did you mean {meant}?") == (meant is not None)
    assert ("did you mean" in hint) == (meant is not None)
