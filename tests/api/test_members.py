"""Members: invited, known, given other roles and removed; nobody gives more than he has, an owner stays."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from everycent.access.roles import SCOPES
from everycent.flows.replay import replay
from everycent.tenants import operations as tenants
from tests.api.asking import Asking, asking
from tests.api.serving import make_key
from tests.api.signing import Signing, beside, member, signing
from tests.conftest import NOW, Place

MANY = {"EVERYCENT_REFUSED_PER_SECOND": "0"}
WITHIN_SECONDS = 10


@pytest.fixture(scope="module")
def provider() -> Iterator[Signing]:
    with signing("--algorithm", "ES256") as found:
        yield found


@pytest.fixture(scope="module")
def api(module_place: Place, provider: Signing) -> Iterator[Asking]:
    with asking(module_place, **provider.environment, **MANY) as found:
        yield found


def seen(api: Asking, token: str) -> Any:
    """The role of whoever has the token, or the code of the refusal."""
    answer = api.send("GET", "/v1/me", key=token).json()
    return answer.get("code", answer.get("role"))


def soon(api: Asking, token: str, wanted: Any) -> bool:
    """Whether it comes to this, of what was looked up a second ago at most."""
    until = time.monotonic() + WITHIN_SECONDS
    while seen(api, token) != wanted:
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def invited(api: Asking, email: str, role: str) -> Any:
    return api.post("/v1/members", {"email": email, "role": role}, status=201)


def test_a_life_from_the_invitation_to_the_removal(api: Asking, provider: Signing):
    made = invited(api, "Sue@Example.com", "support")
    assert (made["email"], made["bound_at"], made["subject"]) == ("sue@example.com", None, None)
    assert seen(api, provider.token("p-sue", lie="unverified")) == "member.none"
    assert seen(api, provider.token("p-sue", "access")) == "member.none"
    assert soon(api, provider.token("p-sue"), "support")
    assert soon(api, provider.token("p-sue", "access"), "support")
    known = api.get(f"/v1/members/{made['member']}")
    assert (known["subject"], known["issuer"]) == ("p-sue", provider.issuer)
    api.post(f"/v1/members/{made['member']}/role", {"role": "finance"})
    assert soon(api, provider.token("p-sue"), "finance")
    gone = [api.post(f"/v1/members/{made['member']}/remove") for _ in range(2)]
    assert gone[0]["removed_at"] == gone[1]["removed_at"] is not None
    assert soon(api, provider.token("p-sue"), "member.none")
    assert made["member"] not in {one["member"] for one in api.walk("/v1/members")}
    assert made["member"] in {one["member"] for one in api.walk("/v1/members", state="all")}
    again = invited(api, "sue@example.com", "read-only")
    assert soon(api, provider.token("p-sue"), "read-only")
    assert again["member"] != made["member"]


def test_an_address_counts_where_the_provider_has_verified_that_one(api: Asking, provider: Signing):
    made = invited(api, "boss@corp.example", "finance")
    named = {"preferred_username": "Boss@corp.example", "email_verified": True}
    settings = {**provider.environment, **MANY, "EVERYCENT_OIDC_EMAIL_CLAIM": "preferred_username"}
    with beside(api, **settings) as own:
        for email in ("me@evil.example", None):
            token = provider.token("p-rita", claims={"email": email, **named})
            assert seen(own, token) == "member.none"
        token = provider.token("p-olive", claims={"email": "boss@corp.example", **named})
        assert seen(own, token) == "finance"
    api.post(f"/v1/members/{made['member']}/remove")


def test_an_invitation_of_another_tenant_waits_until_it_is_named(api: Asking, provider: Signing):
    strange = tenants.create(api.place.database, "strange", "Strange", NOW)
    scopes = tuple(SCOPES)
    theirs = api._replace(key=make_key(api.place.database, strange, "strange", scopes))
    token = provider.token("p-rita")
    first = invited(api, "rita@example.com", "support")
    assert soon(api, token, "support")
    second = invited(theirs, "rita@example.com", "finance")
    path = f"/v1/members/{second['member']}"
    fresh = provider.token("p-rita", claims={"jti": "another"})
    assert seen(api, fresh) == seen(api, token) == "support"
    assert theirs.get(path)["bound_at"] is None
    taken = api.send("GET", "/v1/me", key=fresh, everycent_tenant="strange").json()
    assert (taken["tenant"], taken["role"]) == ("strange", "finance")
    assert theirs.get(path)["bound_at"] is not None
    for one, asked in ((first, api), (second, theirs)):
        asked.send("POST", f"/v1/members/{one['member']}/remove")


def test_of_several_invitations_one_has_to_be_named(api: Asking, provider: Signing):
    both = []
    for slug in ("one-of-two", "two-of-two"):
        tenant = tenants.create(api.place.database, slug, slug, NOW)
        theirs = api._replace(key=make_key(api.place.database, tenant, slug, tuple(SCOPES)))
        both.append((theirs, invited(theirs, "nemo@example.com", "support")))
    token = provider.token("p-nemo")
    assert seen(api, token) == "member.tenant_needed"
    named = api.send("GET", "/v1/me", key=token, everycent_tenant="two-of-two").json()
    assert named["tenant"] == "two-of-two"
    bound = [theirs.get(f"/v1/members/{one['member']}")["bound_at"] for theirs, one in both]
    assert [one is None for one in bound] == [True, False]


def test_who_did_it_is_the_member(api: Asking, provider: Signing):
    owner = member(api.place, provider.issuer, "p-olive", "owner")
    made = api.send(
        "POST", "/v1/members", json={"email": "devi@example.com", "role": "developer"},
        key=provider.token("p-olive"),
    )  # fmt: skip
    assert made.status_code == 201
    with api.place.database.transaction(api.place.tenant_id) as tx:
        actor = tx.value("select actor from journal_event order by seq desc limit 1")
    assert actor == owner
    assert api.get("/v1/audit", size=1)["items"][0]["actor"] == owner


@pytest.mark.parametrize(
    ("scopes", "body", "expected"),
    [
        (["members:write"], {"email": "a@b.c", "role": "read-only"}, (403, "member.wider")),
        (["members:read"], {"email": "a@b.c", "role": "read-only"}, (403, "key.missing_scope")),
        (None, {"email": "a@b.c", "role": "king"}, (400, "request.bad_field")),
        (None, {"email": "nobody", "role": "owner"}, (400, "member.bad_email")),
        (None, {"role": "owner"}, (400, "member.bad_subject")),
        (None, {"role": "owner", "email": "a@b.c", "subject": "s"}, (400, "member.bad_subject")),
        (None, {"role": "owner", "subject": "\u200b"}, (400, "member.bad_subject")),
        (None, {"role": "owner", "email": "TWICE@example.com"}, (409, "member.exists")),
    ],
)
def test_what_can_not_be_is_refused(
    api: Asking, scopes: list[str] | None, body: dict[str, str], expected: tuple[int, str]
):
    if body.get("email", "").startswith("TWICE"):
        invited(api, "twice@example.com", "read-only")
    who = api if scopes is None else api.with_scopes(*scopes)
    assert who.refused("POST", "/v1/members", body) == expected


def test_whoever_has_less_takes_nobody_a_role_away(api: Asking):
    made = invited(api, "rita@example.com", "finance")
    small = api.with_scopes("members:write", "members:read")
    path = f"/v1/members/{made['member']}"
    assert small.refused("POST", f"{path}/remove") == (403, "member.wider")
    assert small.refused("POST", f"{path}/role", {"role": "read-only"}) == (403, "member.wider")


def test_a_member_of_another_tenant_is_as_unknown_as_nobody(api: Asking, provider: Signing):
    other = tenants.create(api.place.database, "elsewhere", "Elsewhere", NOW)
    theirs = member(api.place, provider.issuer, "p-far", "owner", other)
    for path, body in (("", None), ("/remove", None), ("/role", {"role": "owner"})):
        method = "POST" if path else "GET"
        for named in (theirs, "mem_" + "0" * 26):
            told = api.refused(method, f"/v1/members/{named}{path}", body)
            assert told == (404, "member.unknown")


def test_an_owner_who_came_is_always_left(place: Place):
    with signing("--algorithm", "ES256") as provider, asking(place) as api:
        owners = [member(place, provider.issuer, f"p-{n}", "owner") for n in range(2)]
        later = invited(api, "late@example.com", "owner")["member"]
        assert api.post(f"/v1/members/{owners[0]}/remove")["removed_at"] is not None
        for path, body in (("remove", None), ("role", {"role": "finance"})):
            told = api.refused("POST", f"/v1/members/{owners[1]}/{path}", body)
            assert told == (409, "member.last_owner")
        assert api.post(f"/v1/members/{later}/remove")["removed_at"] is not None
        with (
            pytest.raises(psycopg.errors.CheckViolation) as refused,
            place.database.transaction(place.tenant_id) as tx,
        ):
            tx.run("update member set role = 'support' where removed_at is null")
        assert refused.value.diag.constraint_name == "member_owner_left"
        with place.database.snapshot(place.tenant_id) as tx:
            rebuilt = replay(tx)
        assert (rebuilt.rows["member"], rebuilt.differences) == (3, {})


def test_only_the_function_finds_a_member_of_another_tenant(api: Asking, provider: Signing):
    database, tenant_id = api.place.database, api.place.tenant_id
    far = tenants.create(database, "far", "Far", NOW)
    member(api.place, provider.issuer, "p-hidden", "owner", far)
    with database.transaction(tenant_id) as tx:
        for name, value in (("issuer", provider.issuer), ("subject", "p-hidden")):
            tx.run(f"select set_config('everycent.person_{name}', %s, true)", (value,))
        assert tx.value("select count(*) from member where subject = 'p-hidden'") == 0
        tx.rows("select * from find_members(%s, 'p-hidden', null)", (provider.issuer,))
        assert tx.value("select current_setting('everycent.person_subject')") == ""
    with database.operator() as tx:
        (row,) = tx.rows("select * from find_members(%s, 'p-hidden', null)", (provider.issuer,))
    assert (row.tenant_id, row.slug, row.role) == (far, "far", "owner")
