"""The journal read with a cursor, and the proof of the books, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import msgspec
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from everycent.flows import verify as flow
from everycent.journal import operations as journal
from everycent.journal import queries
from everycent.journal.event import START
from everycent.tenants import operations as tenants
from tests.api.asking import Asking, asking
from tests.api.serving import make_key
from tests.conftest import NOW, Place
from tests.flows.world import midnight, run, sell
from tests.store.books import intruder, note

KEYS = [f"c{n}" for n in range(3)]


@pytest.fixture(scope="module")
def api(module_place: Place) -> Iterator[Asking]:
    sell(module_place, [(key, "advance") for key in KEYS])
    run(module_place, midnight(date(2026, 1, 1)))
    with asking(module_place) as found:
        yield found


def test_all_that_happened_is_walked_in_order_each_event_once(api: Asking):
    with api.place.database.snapshot(api.place.tenant_id) as tx:
        rows, _ = queries.since(tx, START, 100_000)
    walked = api.walk("/v1/journal/events", size=3)
    assert [one["hash"] for one in walked] == [bytes(row.hash).hex() for row in rows]
    assert {"customer.created", "invoice.issued"} <= {one["type"] for one in walked}


def test_a_cursor_goes_on_with_what_came_since_and_nothing_else(api: Asking):
    everything = api.get("/v1/journal/events", size=500)
    assert everything["next"] is None
    after = everything["cursor"]
    nothing = api.get("/v1/journal/events", after=after)
    assert (nothing["items"], nothing["cursor"], nothing["next"]) == ([], after, None)
    with api.place.database.transaction(api.place.tenant_id) as tx:
        note(tx, "one", "two", stream="note:cursor")
    new = api.get("/v1/journal/events", after=after)
    assert [one["payload"] for one in new["items"]] == [{"text": "one"}, {"text": "two"}]
    assert api.get("/v1/journal/events", after=new["cursor"])["items"] == []


def test_what_is_not_committed_yet_stays_behind_the_cursor(api: Asking):
    after = api.get("/v1/journal/events", size=500)["cursor"]
    tenant_id, database = api.place.tenant_id, api.place.database
    with database.transaction(tenant_id) as slow:
        note(slow, "slow", stream="note:slow")
        with database.transaction(tenant_id) as quick:
            note(quick, "quick", stream="note:quick")
        assert api.get("/v1/journal/events", after=after)["items"] == []
    found = api.get("/v1/journal/events", after=after)
    assert [one["payload"]["text"] for one in found["items"]] == ["slow", "quick"]


TOLD = [
    # scopes beside journal:read    whose payloads are told: keys', members'
    ((), (False, False)),
    (("keys:read",), (True, False)),
    (("members:read",), (False, True)),
    (("keys:read", "members:read"), (True, True)),
]


@pytest.mark.parametrize(("scopes", "expected"), TOLD)
def test_the_journal_tells_of_keys_and_members_whoever_may_read_them(api: Asking, scopes, expected):
    email = f"m{len(scopes)}{''.join(scopes)[:1]}@example.com"
    api.post("/v1/members", {"email": email, "role": "support"}, status=201)
    reader = api.with_scopes("journal:read", *scopes)
    for type_, is_told in zip(("api_key.created", "member.added"), expected, strict=True):
        for one in reader.walk("/v1/journal/events", type=type_, size=50):
            again = reader.get(f"/v1/journal/events/{one['event_id']}")
            assert (one["payload"] is not None, again == one) == (is_told, True)
    assert reader.walk("/v1/journal/events", type="invoice.issued")[0]["payload"]["lines"]


def test_events_are_found_by_subject_and_by_type(api: Asking):
    issued = api.walk("/v1/journal/events", type="invoice.issued")
    assert [one["type"] for one in issued] == ["invoice.issued"] * 3
    both = api.walk("/v1/journal/events", type="invoice.issued,customer.created")
    assert sorted({one["type"] for one in both}) == ["customer.created", "invoice.issued"]
    stream = issued[1]["stream"]
    own = api.walk("/v1/journal/events", subject=stream, size=1)
    assert [one["version"] for one in own] == list(range(1, len(own) + 1))
    assert issued[1] in own
    assert api.get("/v1/journal/events", subject=stream, type="message.queued")["items"] == []
    assert api.get(f"/v1/journal/events/{issued[0]['event_id']}") == issued[0]
    customer = api.get(f"/v1/customers/{stream.removeprefix('customer:')}")["key"]
    assert api.walk("/v1/journal/events", subject=f"customer:{customer}") == own


@pytest.mark.parametrize(
    ("subject", "refusal"),
    [
        ("customer:nobody", (404, "customer.unknown")),
        ("acme", (400, "journal.bad_subject")),
        ("customer:", (400, "journal.bad_subject")),
        ("invoice:INV-000001", (400, "journal.bad_subject")),
        ("subscription:acme", (400, "journal.bad_subject")),
    ],
)
def test_a_subject_that_nothing_is_told_of_is_refused(api: Asking, subject, refusal):
    assert api.refused("GET", "/v1/journal/events", subject=subject) == refusal


def test_a_rare_type_is_looked_for_a_part_at_a_time(api: Asking, monkeypatch):
    monkeypatch.setattr(queries, "LOOKED_AT", 2)
    with api.place.database.snapshot(api.place.tenant_id) as tx:
        every, _ = queries.since(tx, START, 100_000)
        wanted = [row.event_id for row in every if row.type == "invoice.issued"]
        found, cursor, is_more, pages = [], START, True, 0
        while is_more:
            rows, cursor, is_more = queries.found(tx, cursor, types=["invoice.issued"], limit=1)
            found += [row.event_id for row in rows]
            pages += 1
    assert found == wanted
    assert pages > len(wanted)


def test_a_checkpoint_can_be_checked_by_whoever_has_the_answer(api: Asking):
    key = Ed25519PrivateKey.generate()
    with api.place.database.transaction(api.place.tenant_id) as tx:
        journal.checkpoint(tx, key, NOW)
    (told,) = api.get("/v1/journal/checkpoints")["items"]
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(told["public_key"]))
    public.verify(bytes.fromhex(told["signature"]), bytes.fromhex(told["digest"]))
    assert (told["checkpoint_no"], told["previous"]) == (1, None)
    assert told["events"] > 0


def test_the_books_are_proved(api: Asking):
    listed = [one["promise"] for one in api.get("/v1/verify")["items"]]
    told = api.post("/v1/verify")
    assert (told["holds"], told["is_whole"], told["left"]) == (True, True, [])
    checked = [one["promise"] for one in told["checks"]]
    assert checked == [one for one in listed if one not in (flow.COUNTED_AGAIN, flow.REBUILT)]
    whole = api.post("/v1/verify", {"replay": True, "recount_percent": 100})
    assert [one["promise"] for one in whole["checks"]] == listed
    figures = {one["promise"]: one["figures"] for one in whole["checks"]}
    assert figures[flow.COUNTED_AGAIN]["invoices"] == 3


def test_some_promises_are_checked_by_their_names(api: Asking):
    some = [flow.CHAINED, flow.REBUILT]
    told = api.post("/v1/verify", {"promises": some})
    assert [one["promise"] for one in told["checks"]] == some
    assert api.refused("POST", "/v1/verify", {"promises": ["all is well"]}) == (
        404, "verify.no_such_promise",
    )  # fmt: skip


def test_a_proof_that_has_no_time_tells_what_it_did_not_come_to(api: Asking):
    with psycopg.connect(api.place.conninfo, options="-c search_path=everycent") as connection:
        connection.execute("lock table ledger_posting in access exclusive mode")
        told = api.post("/v1/verify", {"seconds": 1})
        connection.rollback()
    listed = api.get("/v1/verify")["items"]
    left = [one["promise"] for one in told["left"]]
    checked = [one["promise"] for one in told["checks"]]
    assert (told["holds"], told["is_whole"]) == (True, False)
    assert checked + left == [one["promise"] for one in listed][: len(checked + left)]
    assert flow.CONSERVED in left
    again = api.post("/v1/verify", {"promises": left})
    assert (again["holds"], again["is_whole"]) == (True, True)


@pytest.mark.not_recounted
def test_who_violates_a_promise_is_named(api: Asking):
    place = api.place
    tenant_id = tenants.create(place.database, "spoiled", "Spoiled", NOW)
    theirs = place._replace(tenant_id=tenant_id)
    with place.database.transaction(tenant_id) as tx:
        note(tx, "spoiled")
    with intruder(theirs) as connection:
        connection.execute(
            "update journal_event set payload = %s where tenant_id = %s",
            (msgspec.json.encode({"text": "other"}).decode(), tenant_id),
        )
    key = make_key(place.database, tenant_id, "spoiled", ["books:read"])
    told = api._replace(key=key).post("/v1/verify", {"promises": [flow.CHAINED]})
    assert told["holds"] is False
    (check,) = told["checks"]
    assert "note:a" in check["violators"][0]
    assert api.post("/v1/verify", {"promises": [flow.CHAINED]})["holds"] is True


@pytest.mark.parametrize(
    ("method", "path", "body", "refusal"),
    [
        ("GET", "/v1/journal/events?after=7", None, (400, "journal.bad_cursor")),
        ("GET", "/v1/journal/events?after=1.2.x", None, (400, "journal.bad_cursor")),
        ("GET", "/v1/journal/events?after=9999999999.1.1", None, (400, "journal.bad_cursor")),
        ("GET", f"/v1/journal/events?after=1.{'9' * 19}.1", None, (400, "journal.bad_cursor")),
        ("GET", "/v1/journal/events?size=501", None, (400, "request.bad_parameter")),
        ("GET", "/v1/journal/events/evt_1", None, (400, "id.malformed")),
        ("GET", f"/v1/journal/events/evt_{'0' * 26}", None, (404, "journal.event_unknown")),
        ("POST", "/v1/verify", {"seconds": 601}, (400, "request.bad_field")),
        ("POST", "/v1/verify", {"fix": True}, (400, "request.unknown_field")),
    ],
)
def test_what_makes_no_sense_is_refused(api: Asking, method, path, body, refusal):
    assert api.refused(method, path, body) == refusal


def test_another_tenant_and_another_scope_see_nothing(api: Asking):
    (event, *_) = api.get("/v1/journal/events", type="invoice.issued")["items"]
    tenant_id = tenants.create(api.place.database, "journal-other", "Other", NOW)
    key = make_key(api.place.database, tenant_id, "journal-other", ["journal:read"])
    other = api._replace(key=key)
    assert other.refused("GET", f"/v1/journal/events/{event['event_id']}")[0] == 404
    assert other.get("/v1/journal/events", subject=event["stream"])["items"] == []
    assert other.get("/v1/journal/checkpoints")["items"] == []
    assert other.refused("POST", "/v1/verify") == (403, "key.missing_scope")
