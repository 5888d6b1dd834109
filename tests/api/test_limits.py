"""How often one may ask: told on every answer, refused beyond, and free for the database."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from everycent.access import keys
from everycent.api.limits import Buckets, neighbourhood
from everycent.kernel.errors import Unavailable
from tests.api.asking import Asking, asking
from tests.api.signing import beside
from tests.conftest import Place

FEW = {"EVERYCENT_RATE_PER_SECOND": "1", "EVERYCENT_RATE_BURST": "5"}


@pytest.fixture(scope="module")
def api(module_place: Place) -> Iterator[Asking]:
    with asking(module_place, **FEW) as found:
        yield found


def test_every_answer_tells_what_is_left_until_nothing_is(api: Asking):
    asks = api.with_scopes("alarms:read")
    answers = [asks.send("GET", "/v1/me") for _ in range(8)]
    allowed = [one for one in answers if one.status_code == 200]
    refused = [one for one in answers if one.status_code == 429]
    assert 5 <= len(allowed) < 8
    assert allowed[0].headers["ratelimit-policy"] == '"requests";q=5;w=5'
    assert allowed[0].headers["ratelimit"] == '"requests";r=4;t=1'
    assert {one.json()["code"] for one in refused} == {"request.rate_limited"}
    assert {one.headers["retry-after"] for one in refused} == {"1"}
    assert all(one.headers["ratelimit"].startswith('"requests";r=0;t=') for one in refused)


def test_one_who_asks_too_often_takes_nothing_from_others(api: Asking):
    greedy, modest = api.with_scopes("usage:read"), api.with_scopes("runs:read")
    while greedy.send("GET", "/v1/me").status_code != 429:
        pass
    assert modest.send("GET", "/v1/me").status_code == 200


def test_unknown_keys_cost_the_database_nothing_after_a_few(api: Asking):
    assert api.send("GET", "/v1/me").status_code == 200
    unknown = [keys.text_of(str(n).rjust(43, "z")) for n in range(60)]
    answers = [api.send("GET", "/v1/me", key=text) for text in unknown]
    codes = [one.json()["code"] for one in answers]
    assert codes[0] == "key.refused"
    assert codes[-1] == "request.rate_limited"
    assert answers[-1].headers["ratelimit-policy"] == '"refused";q=20;w=4'


def test_a_key_that_was_let_in_is_let_in_beside_one_who_guesses(api: Asking):
    with beside(api, **FEW) as own:
        with_key = own.with_scopes("wallets:read")
        assert with_key.send("GET", "/v1/me").status_code == 200
        for letter in "yw":
            for n in range(60):
                own.send("GET", "/v1/me", key=keys.text_of(f"{n}".rjust(43, letter)))
            time.sleep(1.1)  # what was looked up is not fresh any more
            answer = with_key.send("GET", "/v1/me")
            assert answer.status_code == 200


def test_a_key_opens_only_from_its_networks(api: Asking):
    body = {"scopes": ["usage:read"], "name": "far", "networks": ["192.0.2.0/24"]}
    with beside(api) as more:
        made = more.post("/v1/keys", body, status=201)
        near = more.post(
            "/v1/keys", body | {"name": "near", "networks": ["127.0.0.0/8", "2001:db8::/32"]}
        )
        assert near["networks"] == ["127.0.0.0/8", "2001:db8::/32"]
        refused = more.send("GET", "/v1/me", key=made["key"])
        assert (refused.status_code, refused.json()["code"]) == (403, "key.elsewhere")
        assert more.send("GET", "/v1/me", key=near["key"]).status_code == 200
        told = more.refused("POST", "/v1/keys", body | {"networks": ["192.0.2.1/24"]})
        assert told == (400, "key.bad_network")


def test_buckets_do_not_grow_without_end():
    buckets = Buckets("few", 1, 1)
    for number in range(30_000):
        buckets.take(str(number))
    assert len(buckets._full_at) <= 10_000
    with pytest.raises(Unavailable):
        buckets.take("29999")


def test_without_a_rate_nothing_is_counted():
    buckets = Buckets("any", 0, 5)
    assert [buckets.take("one") for _ in range(100)] == [()] * 100
    assert not buckets.is_empty("one")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_neighbours_in_ipv6_are_one(address: str, expected: str):
    assert neighbourhood(address) == expected
