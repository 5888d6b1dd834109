"""Endpoints: their secrets, where they stand, and what is refused of them."""

from __future__ import annotations

import json
from datetime import timedelta

import psycopg
import pytest

from everycent.figures import queries as figures
from everycent.flows.post_webhooks import send_test
from everycent.integrations.sealing import Safe
from everycent.kernel.errors import Broken, Conflict, Invalid, NotFound
from everycent.webhooks import operations, queries
from everycent.webhooks.target import allowed_of
from tests.conftest import Place
from tests.webhooks.hooks import HERE, SAFE, SECRET, Shop, Taker

SECOND, MINUTE, HOUR, DAY = (
    timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days")
)
OTHER = b"another secret for tests, longer"


@pytest.fixture
def shop(place: Place) -> Shop:
    return Shop(place)


def test_two_secrets_sign_while_one_is_exchanged_for_another(shop):
    shop.add()
    changed = shop.change(operations.rotate, "crm", DAY, shop.sealing(OTHER), shop.writer)
    assert len(changed.signing) == 2
    for hours, secrets in ((0, (SECRET, OTHER)), (23, (SECRET, OTHER)), (2, (OTHER,))):
        shop.at += hours * HOUR
        shop.note("a")
        taker = Taker()
        shop.post(taker)
        assert taker.got[0].secrets == secrets
    assert shop.violations() == {}


def test_a_secret_that_got_out_can_be_made_worthless_at_once(shop):
    shop.add()
    shop.change(operations.rotate, "crm", 0 * DAY, shop.sealing(OTHER), shop.writer)
    shop.note("a")
    taker = Taker()
    shop.post(taker)
    assert taker.got[0].secrets == (OTHER,)
    assert shop.violations() == {}


def test_a_new_receiver_gets_nothing_that_the_one_before_it_could_check(shop):
    shop.add()
    shop.note("a")
    shop.change(
        operations.update, "crm", shop.sealing(OTHER), shop.writer, url="https://new.example.com/"
    )
    taker = Taker()
    shop.post(taker)
    (posting,) = taker.got
    assert (posting.url, posting.secrets) == ("https://new.example.com/", (OTHER,))
    assert shop.violations() == {}


def test_the_database_keeps_secrets_of_one_receiver_from_another(shop):
    shop.add()
    with (
        pytest.raises(psycopg.errors.ForeignKeyViolation) as refused,
        shop.place.database.transaction(shop.place.tenant_id) as tx,
    ):
        tx.run("update webhook_endpoint set url = 'https://evil.example.com/'")
    assert refused.value.diag.constraint_name == "webhook_secret_url"


def test_a_secret_stands_nowhere_as_it_is_and_can_be_read_in_its_place_only(shop):
    shop.add("one")
    shop.add("two", url="https://other.example.com/")
    with psycopg.connect(shop.place.conninfo, options="-c search_path=everycent") as admin:
        text = str(admin.execute("select * from webhook_secret").fetchall())
        text += str(admin.execute("select payload from journal_event").fetchall())
        assert SECRET.decode() not in text
        assert SECRET.hex() not in text
        admin.execute(
            "update webhook_secret s set sealed = (select o.sealed from webhook_secret o"
            " where o.endpoint_id <> s.endpoint_id)"
        )
    with pytest.raises(Broken) as refusal:
        send_test(shop.desk(Taker()), "one")
    assert refusal.value.code == "secret.unreadable"
    shop.note("a")
    taker = Taker()
    assert shop.post(taker) == {"waiting": 2}
    assert taker.got == []


def test_another_key_reads_no_secret():
    sealed = SAFE.seal(SECRET, "place")
    assert SAFE.unseal(sealed, "place") == SECRET
    for other in (Safe(lambda: b"o" * 32),):
        with pytest.raises(Broken):
            other.unseal(sealed, "place")
    for spoiled in (b"", b"\x01", sealed[:-1], b"\x02" + sealed[1:], sealed + b"x"):
        with pytest.raises(Broken):
            SAFE.unseal(spoiled, "place")
    assert SAFE.seal(SECRET, "place") != sealed


def test_an_endpoint_is_tried_at_once_outside_the_sequence(shop):
    shop.add()
    taker = Taker()
    name, answer = send_test(shop.desk(taker), "crm")
    (posting,) = taker.got
    assert (posting.number, posting.name, answer.is_taken) == (None, name, True)
    assert json.loads(posting.body)["type"] == "webhook.test"
    assert shop.standing().number == 0


REFUSED = [
    # key     url                                   types            code
    ("CRM", "https://example.com/", ["*"], "webhook.bad_key"),
    ("crm", "http://example.com/", ["*"], "webhook.bad_url"),
    ("crm", "https://10.0.0.1/", ["*"], "webhook.bad_url"),
    ("crm", "https://example.com/", [], "webhook.bad_types"),
    ("crm", "https://example.com/", ["invoice"], "webhook.bad_types"),
    ("crm", "https://example.com/", ["invoice.%"], "webhook.bad_types"),
    ("crm", "https://example.com/", ["Invoice.issued"], "webhook.bad_types"),
    ("crm", "https://example.com/", [f"a.{'b' * n}" for n in range(1, 102)], "webhook.bad_types"),
]


@pytest.mark.parametrize(("key", "url", "types", "code"), REFUSED)
def test_an_endpoint_that_makes_no_sense_is_refused(shop, key, url, types, code):
    with pytest.raises(Invalid) as refusal:
        shop.change(operations.add, key, url, types, shop.sealing(), shop.writer)
    assert refusal.value.code == code


def test_what_is_not_there_or_there_already_is_refused(shop):
    shop.add()
    with pytest.raises(Conflict) as there:
        shop.add()
    assert there.value.code == "webhook.exists"
    with pytest.raises(NotFound) as missing:
        shop.change(operations.enable, "erp", shop.writer)
    assert missing.value.code == "webhook.unknown"
    with pytest.raises(NotFound) as nothing:
        shop.see(queries.number_of, "crm", "whd_00000000000000000000000000")
    assert nothing.value.code == "webhook.delivery_unknown"


def test_changing_nothing_writes_nothing(shop):
    known = shop.add()
    told = {"url": known.url, "types": known.types, "with_payload": False, "allowed": HERE}
    changed = shop.change(operations.update, "crm", shop.sealing(OTHER), shop.writer, **told)
    assert changed == (known, False)
    assert shop.change(operations.enable, "crm", shop.writer) == known
    shop.change(operations.disable, "crm", "x", shop.writer)
    shop.change(operations.disable, "crm", "y", shop.writer)
    with shop.place.database.snapshot(shop.place.tenant_id) as tx:
        assert tx.value("select count(*) from journal_event where type like 'webhook.%%'") == 2


def test_allowing_is_read_as_it_is_meant():
    found = allowed_of("127.0.0.1:9000 10.1.0.0/16 [fd00::]/8 [::1]:8443 :9443")
    assert [(str(one.network), one.port) for one in found] == [
        ("127.0.0.1/32", 9000), ("10.1.0.0/16", None), ("fd00::/8", None), ("::1/128", 8443),
        ("None", 9443),
    ]  # fmt: skip
    for text in (":", "x", "10.0.0.1/8", "127.0.0.1:0", ":70000", "localhost:1", "1.2.3", "a:b"):
        with pytest.raises(Invalid) as refusal:
            allowed_of(text)
        assert refusal.value.code == "settings.bad_webhook_allow"


def test_what_waits_and_what_was_given_up_are_counted_for_whoever_watches(shop):
    shop.add()
    shop.note("a", "1", "2")
    shop.post(Taker(every=[500]))
    with shop.place.database.transaction(shop.place.tenant_id) as tx:
        tx.run("update webhook_delivery set status = 'failed', next_at = null where number = 2")
    at = shop.at + HOUR
    told, _ = figures.all_of(shop.place.database, at, erp=None, seconds=30)
    found = {(one.name, *one.labels): one.value for one in told}
    assert found["webhooks", "crm", "waiting"] == found["webhooks", "crm", "failed"] == 1
    assert found["webhook_oldest_waiting_seconds", "crm"] == 3600
