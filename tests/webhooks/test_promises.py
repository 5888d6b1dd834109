"""What verify promises of webhooks is named when a superuser has changed it."""

from __future__ import annotations

import psycopg
import pytest

from everycent.flows.verify import verify
from everycent.webhooks import operations
from tests.conftest import Place
from tests.flows import world
from tests.webhooks.hooks import Shop, Taker

FINAL = "no webhook endpoint has read beyond what is final in the journal"
NUMBERED = "every webhook tells an event that its endpoint wants, numbered in order without a gap"
SEALED = "every webhook endpoint signs with the secrets that the journal tells of"
REBUILT = "the journal rebuilds every table, byte for byte"


@pytest.fixture
def told(place: Place) -> Place:
    """An endpoint that was told of customers, has another secret by now, and wants contracts too."""
    shop = Shop(place)
    shop.add("crm", "customer.*", from_start=True)
    world.sell(place, [("a", "api"), ("b", "api")])
    shop.post(Taker())
    other = shop.sealing(b"another secret for tests, longer")
    shop.change(operations.rotate, "crm", operations.LONGEST_OVERLAP, other, shop.writer)
    types = ["customer.*", "subscription.*"]
    shop.change(operations.update, "crm", other, shop.writer, types=types)
    world.sell(place, [("c", "api"), ("d", "api")])
    shop.post(Taker(every=[500]))
    return place


def failing(place: Place) -> set[str]:
    with place.database.snapshot(place.tenant_id) as tx:
        checks = list(verify(tx, trusted_key=None, with_replay=True))
    return {check.promise for check in checks if check.violators}


PLANTED = [
    # what the superuser does                                              the promises that then fail
    ("update webhook_progress set xid = (xid::text::bigint + 1000000)::text::xid8", {FINAL}),
    ("update webhook_progress set epoch = epoch + 1", {FINAL}),
    ("update webhook_progress set number = number + 1", {NUMBERED}),
    ("update webhook_mark set number = number + 1 where number > 0", {NUMBERED}),
    ("update webhook_mark set types = 'invoice.*' where number > 0", {NUMBERED}),
    ("update webhook_delivery set number = number + 50 where number = 2", {NUMBERED}),
    ("update webhook_delivery set stream = 'customer:x' where number = 2", {NUMBERED}),
    ("update webhook_delivery set type = 'customer.other' where number = 2", {NUMBERED}),
    ("update webhook_delivery set event_id = gen_random_uuid() where number = 3", {NUMBERED}),
    ("update webhook_secret set fingerprint = repeat('0', 16)", {SEALED}),
    ("delete from webhook_secret", {SEALED}),
    ("update webhook_endpoint set url = 'https://evil.example.com/'", {REBUILT}),
]  # fmt: skip


def test_what_nobody_touched_holds(told: Place) -> None:
    assert failing(told) == set()


@pytest.mark.not_recounted
@pytest.mark.parametrize(("statement", "promises"), PLANTED, ids=[one[0] for one in PLANTED])
def test_what_was_changed_is_named(told: Place, statement: str, promises: set[str]) -> None:
    with psycopg.connect(told.conninfo, options="-c search_path=everycent") as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute("alter table webhook_secret drop constraint if exists webhook_secret_pkey")
        assert admin.execute(statement.encode()).rowcount > 0
    assert failing(told) == promises


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("update webhook_progress set seq = 0, xid = '0'", "webhook_progress_forward"),
        ("update webhook_progress set number = number - 1", "webhook_progress_forward"),
        ("update webhook_delivery set stream = 'x:y'", "webhook_delivery_frozen"),
        (
            "update webhook_endpoint set url = 'https://evil.example.com/'",
            "webhook_secret_url",
        ),
    ],
)
def test_the_database_keeps_out_what_the_application_may_not(told, statement, constraint) -> None:
    with (
        pytest.raises(psycopg.errors.IntegrityError) as refused,
        told.database.transaction(told.tenant_id) as tx,
    ):
        tx.run(statement)
    assert refused.value.diag.constraint_name == constraint
