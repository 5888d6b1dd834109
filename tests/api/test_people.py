"""People come with tokens of an identity provider: true ones open what the role allows, others nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from everycent.access.roles import ROLES
from everycent.fakes.identity_service import ALGORITHMS, LIES, TROUBLES
from everycent.tenants import operations as tenants
from tests.api.asking import Asking, asking
from tests.api.signing import Signing, beside, member, signing
from tests.conftest import NOW, Place

MANY = {"EVERYCENT_REFUSED_PER_SECOND": "0"}


@pytest.fixture(scope="module")
def provider() -> Iterator[Signing]:
    with signing() as found:
        yield found


@pytest.fixture(scope="module")
def api(module_place: Place, provider: Signing) -> Iterator[Asking]:
    place, issuer = module_place, provider.issuer
    for subject, role in (("p-olive", "owner"), ("p-finn", "finance"), ("p-rita", "read-only")):
        member(place, issuer, subject, role)
    other = tenants.create(place.database, "other", "Other", NOW)
    for subject in ("p-finn", "p-dev"):
        member(place, issuer, subject, "developer", other)
    with asking(place, **provider.environment, **MANY) as found:
        yield found


def told(api: Asking, token: str, path: str = "/v1/me", method: str = "GET", **more: Any) -> Any:
    """The status and the code of a refusal, or the data."""
    answer = api.send(method, path, key=token, **more)
    data = answer.json()
    return data if answer.status_code < 300 else (answer.status_code, data["code"])


@pytest.mark.parametrize("use", ["id", "access"])
def test_a_person_is_let_in_with_the_role_that_it_has(api: Asking, provider: Signing, use: str):
    me = told(api, provider.token("p-olive", use))
    assert (me["tenant"], me["role"]) == ("default", "owner")
    assert set(me["scopes"]) == ROLES["owner"]
    assert me["actor"].startswith("mem_")


def test_a_key_is_told_who_it_is_too(api: Asking):
    me = api.with_scopes("usage:read").get("/v1/me")
    assert (me["role"], me["scopes"], me["tenant"]) == (None, ["usage:read"], "default")


def test_what_a_role_does_not_allow_is_refused(api: Asking, provider: Signing):
    token = provider.token("p-rita")
    assert told(api, token, "/v1/keys") == (403, "member.may_not")
    assert told(api, token, "/v1/alarms")["items"] == []
    answer = told(api, token, "/v1/keys", "POST", json={"name": "a", "scopes": ["usage:read"]})
    assert answer == (403, "member.may_not")


def test_somebody_who_is_no_member_may_do_nothing(api: Asking, provider: Signing):
    assert told(api, provider.token("p-nemo")) == (403, "member.none")


@pytest.mark.parametrize(
    ("person", "tenant", "expected"),
    [
        ("p-finn", None, (400, "member.tenant_needed")),
        ("p-finn", "default", "finance"),
        ("p-finn", "other", "developer"),
        ("p-finn", "nowhere", (403, "member.none")),
        ("p-dev", None, "developer"),
        ("p-olive", "other", (403, "member.none")),
    ],
)
def test_a_person_names_the_tenant(
    api: Asking, provider: Signing, person: str, tenant: str | None, expected: Any
):
    headers = {} if tenant is None else {"everycent_tenant": tenant}
    found = told(api, provider.token(person), **headers)
    assert (found["role"] if isinstance(found, dict) else found) == expected


def test_a_key_opens_no_tenant_but_its_own(api: Asking):
    assert told(api, api.key, everycent_tenant="default")["tenant"] == "default"
    assert told(api, api.key, everycent_tenant="other") == (403, "key.other_tenant")


EXPIRED, REFUSED = (401, "token.expired"), (401, "token.refused")


@pytest.mark.parametrize("lie", sorted(set(LIES) - {"unverified"}))
@pytest.mark.parametrize("use", ["id", "access"])
def test_a_false_token_opens_nothing(api: Asking, provider: Signing, lie: str, use: str):
    token = provider.token("p-olive", use, lie=lie)
    assert told(api, token) == (EXPIRED if lie == "expired" else REFUSED)


@pytest.mark.parametrize(
    ("claims", "is_let_in"),
    [
        ({"aud": ["a", "everycent"]}, True),
        ({"aud": ["a", "b"]}, False),
        ({"aud": []}, False),
        ({"aud": None}, False),
        ({"aud": None, "client_id": "everycent"}, False),
        ({"aud": None, "client_id": "everycent", "token_use": "access"}, True),
        ({"aud": None, "client_id": "a", "token_use": "access"}, False),
        ({"token_use": "id"}, True),
        ({"token_use": "refresh"}, False),
        ({"exp": None}, False),
        ({"exp": "9999999999"}, False),
        ({"exp": 10**18}, False),
        ({"sub": None}, False),
        ({"sub": ""}, False),
        ({"sub": 7}, False),
        ({"iss": None}, False),
        ({"nbf": 9_999_999_999}, False),
    ],
)
def test_a_token_says_whom_it_is_for_and_until_when(
    api: Asking, provider: Signing, claims: dict[str, Any], is_let_in: bool
):
    found = told(api, provider.token("p-olive", claims=claims))
    assert (found["role"] if isinstance(found, dict) else found) == (
        "owner" if is_let_in else REFUSED
    )


@pytest.mark.parametrize(
    "text",
    ["-", "a.b", "a.b.c", "..", "é.b.c", "ec_a.b.c", "x" * 20_000, "a." + "b" * 17_000 + ".c"],
)
def test_what_is_no_token_at_all_opens_nothing(api: Asking, text: str):
    headers = [(b"authorization", b"Bearer " + text.encode())]
    answer = api.client.request("GET", "/v1/me", headers=headers)
    assert answer.status_code == 401


def test_access_tokens_of_amazon_cognito_are_known(api: Asking):
    with signing("--manner", "cognito") as cognito:
        member(api.place, cognito.issuer, "p-sue", "support")
        with beside(api, **cognito.environment, **MANY) as own:
            for use in ("id", "access"):
                assert told(own, cognito.token("p-sue", use))["role"] == "support"
            wrong = cognito.token("p-sue", "access", lie="wrong_audience")
            assert told(own, wrong) == REFUSED


def test_keys_rotate_and_nobody_can_make_us_fetch(api: Asking):
    with signing("--algorithm", "ES256") as provider:
        member(api.place, provider.issuer, "p-olive", "owner")
        with beside(api, **provider.environment, **MANY) as own:
            for lie in ["unknown_kid"] * 20:
                assert told(own, provider.token("p-olive", lie=lie)) == REFUSED
            assert provider.asked("/jwks") == 1
            assert told(own, provider.token("p-olive"))["role"] == "owner"
            assert provider.asked("/jwks") == 1


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_tokens_may_be_signed_in_these_ways(api: Asking, algorithm: str):
    with signing("--algorithm", algorithm) as provider:
        member(api.place, provider.issuer, "p-olive", "owner")
        with beside(api, **provider.environment, **MANY) as own:
            assert told(own, provider.token("p-olive"))["role"] == "owner"
            assert told(own, provider.token("p-olive", lie="hs256")) == REFUSED


@pytest.mark.parametrize("trouble", sorted(TROUBLES))
def test_a_provider_in_trouble_opens_no_door_and_holds_up_no_key(
    api: Asking, provider: Signing, trouble: str
):
    token = provider.token("p-olive")
    with beside(api, **provider.environment, **MANY) as own:
        provider.admin("settings", trouble=trouble, seconds=20)
        try:
            with ThreadPoolExecutor(8) as pool:
                waiting = [pool.submit(told, own, token) for _ in range(8)]
                began = time.monotonic()
                for _ in range(20):
                    assert told(own, own.key)["tenant"] == "default"
                took = time.monotonic() - began
                answers = [one.result() for one in waiting]
                if trouble == "slow":
                    assert any(not one.done() for one in waiting) or took < 4
            assert set(answers) == {(503, "identity.unavailable")}
        finally:
            provider.admin("settings", trouble=None)


def test_a_provider_that_went_away_is_not_needed_for_keys_that_are_known(
    api: Asking, provider: Signing
):
    token = provider.token("p-olive")
    with beside(api, **provider.environment, **MANY) as own:
        assert told(own, token)["role"] == "owner"
        provider.admin("settings", trouble="down")
        try:
            assert told(own, provider.token("p-olive"))["role"] == "owner"
        finally:
            provider.admin("settings", trouble=None)


def test_without_a_provider_no_token_opens_anything(api: Asking, provider: Signing):
    with beside(api) as own:
        assert told(own, provider.token("p-olive")) == (401, "key.refused")
        assert own.refused("GET", "/v1/sign-in") == (404, "identity.none")


def test_one_is_told_where_to_sign_in(api: Asking, provider: Signing):
    found = api.client.get("/v1/sign-in").json()
    assert found == {"issuer": provider.issuer, "client_ids": ["another", "everycent"]}
