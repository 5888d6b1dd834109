"""Customers in the database: created, changed, found; what identifies them never changes."""

from __future__ import annotations

import msgspec
import psycopg
import pytest

from everycent.customers import operations as customers
from everycent.customers import queries
from everycent.customers.customer import Customer, from_data, stream
from everycent.journal import queries as journal
from everycent.kernel import ids
from everycent.kernel.errors import Conflict, Invalid, NotFound
from everycent.tenants import operations as tenants
from tests.conftest import NOW, Place
from tests.store.books import refused


def customer(key: str = "ana", **more: str | None) -> Customer:
    facts = {"name": f"{key} Ltd", "currency": "EUR", "time_zone": "Europe/Zagreb"} | more
    return Customer(ids.derived(f"customer/{key}"), key, **facts)  # type: ignore[arg-type]


def create(place: Place, *new: Customer) -> None:
    with place.database.transaction(place.tenant_id) as tx:
        customers.create(tx, new, **place.writing)


def update(place: Place, changed: Customer) -> bool:
    with place.database.transaction(place.tenant_id) as tx:
        return customers.update(tx, changed, **place.writing)


def changed(known: Customer, **fields: str | None) -> Customer:
    return msgspec.structs.replace(known, **fields)


def history(place: Place, known: Customer) -> list[tuple[str, str]]:
    """The customer's events: their types, and the name that each one holds."""
    with place.database.transaction(place.tenant_id) as tx:
        rows = journal.stream(tx, stream(known.customer_id))
    return [(row.type, msgspec.json.decode(row.payload, type=Customer).name) for row in rows]


CREATED = ("customer.created", "ana Ltd")


def test_customers_are_found_by_key_by_id_and_in_order(place):
    full = customer("zoe", email="zoe@example.org", address="Ilica 1\nZagreb", tax_id="HR1")
    create(place, full, customer("ana"), customer("Ärger & Söhne"))
    with place.database.transaction(place.tenant_id) as tx:
        assert queries.by_name(tx, "zoe") == full
        assert queries.by_name(tx, ids.show(ids.CUSTOMER, full.customer_id)) == full
        assert queries.by_keys(tx, ["zoe", "nobody"]) == {"zoe": full}
        assert queries.by_ids(tx, [full.customer_id]) == {full.customer_id: full}
        first = queries.page(tx, limit=2)
        rest = queries.page(tx, after=first[-1].key, limit=2)
    assert {found.key for found in [*first, *rest]} == {"zoe", "ana", "Ärger & Söhne"}
    assert [len(first), len(rest)] == [2, 1]
    assert history(place, full) == [("customer.created", "zoe Ltd")]


@pytest.mark.parametrize("name", ["nobody", "cus_", "cus_00000000000000000000000000", "", "zoe'--"])
def test_an_unknown_customer_is_not_found(place, name):
    with place.database.transaction(place.tenant_id) as tx, pytest.raises(NotFound) as unknown:
        queries.by_name(tx, name)
    assert unknown.value.code == "customer.unknown"


def test_a_key_is_taken_once(place):
    create(place, customer("ana"))
    other = changed(customer("bob"), key="ana")
    for new in ([other], [customer("bob"), changed(customer("eve"), key="bob")]):
        with pytest.raises(Conflict) as taken:
            create(place, *new)
        assert taken.value.code == "customer.exists"
    with place.database.transaction(place.tenant_id) as tx:
        assert [found.key for found in queries.page(tx)] == ["ana"]


def test_keys_of_another_tenant_are_free(place):
    create(place, customer("ana"))
    other = tenants.create(place.database, "other", "Other", NOW)
    with place.database.transaction(other) as tx:
        customers.create(tx, [changed(customer("ana"), name="Another")], **place.writing)
        assert [found.name for found in queries.page(tx)] == ["Another"]
    with place.database.transaction(place.tenant_id) as tx:
        assert [found.name for found in queries.page(tx)] == ["ana Ltd"]


def test_data_change_and_the_journal_keeps_what_they_were(place):
    ana = customer()
    create(place, ana)
    new = changed(ana, name="Ana d.o.o.", email="ana@example.org", time_zone="UTC")
    assert update(place, new) is True
    assert update(place, new) is False
    with place.database.transaction(place.tenant_id) as tx:
        assert queries.by_name(tx, "ana") == new
    assert history(place, ana) == [CREATED, ("customer.updated", "Ana d.o.o.")]


@pytest.mark.parametrize(("field", "value"), [("key", "anna"), ("currency", "USD")])
def test_what_stands_on_invoices_never_changes(place, field, value):
    create(place, customer())
    with pytest.raises(Invalid) as fixed:
        update(place, changed(customer(), **{field: value}))
    assert (fixed.value.code, fixed.value.field) == ("customer.fixed_field", field)
    assert history(place, customer()) == [CREATED]


def test_an_unknown_customer_can_not_be_changed(place):
    with pytest.raises(NotFound) as unknown:
        update(place, customer())
    assert unknown.value.code == "customer.unknown"


BAD = [
    ("key", "", "customer.bad_key"),
    ("key", " ana", "customer.bad_key"),
    ("key", "ana ", "customer.bad_key"),
    ("key", "a\nb", "customer.bad_key"),
    ("key", "a\0b", "customer.bad_key"),
    ("key", "a\0", "customer.bad_key"),
    ("key", "a\u202e", "customer.bad_key"),
    ("key", "a\u202eb", "customer.bad_key"),
    ("key", "a\ud800", "customer.bad_key"),
    ("key", "k" * 201, "customer.bad_key"),
    ("name", "", "customer.bad_text"),
    ("name", "  ", "customer.bad_text"),
    ("name", "a\nb", "customer.bad_text"),
    ("name", "a\x1b[2J", "customer.bad_text"),
    ("name", "a\ud800", "customer.bad_text"),
    ("name", "n" * 201, "customer.bad_text"),
    ("address", "a\0b", "customer.bad_text"),
    ("address", "a" * 2001, "customer.bad_text"),
    ("tax_id", "", "customer.bad_text"),
    ("email", "ana", "customer.bad_email"),
    ("email", "a@b@c", "customer.bad_email"),
    ("email", "a b@c", "customer.bad_email"),
    ("email", "a\0@c", "customer.bad_email"),
    ("email", "a@\ud800", "customer.bad_email"),
    ("currency", "EURO", "currency.unknown"),
    ("currency", "eur", "currency.unknown"),
    ("time_zone", "Zagreb", "zone.unknown"),
    ("time_zone", "UTC+25:00", "zone.unknown"),
    ("time_zone", "../../etc/passwd", "zone.unknown"),
]


def test_data_that_are_not_sound_are_refused_when_created_and_when_changed(place):
    create(place, customer())
    for field, value, code in BAD:
        for write in (create, update):
            with pytest.raises(Invalid) as bad:
                write(place, changed(customer(), **{field: value}))
            assert (bad.value.code, bad.value.field) == (code, field), value
    assert history(place, customer()) == [CREATED]


@pytest.mark.parametrize(
    ("data", "code", "field"),
    [
        ({"nam": "Ana"}, "customer.unknown_field", "nam"),
        ({"customer_id": "x"}, "customer.unknown_field", "customer_id"),
        ({"key": ""}, "customer.missing_field", "key"),
        ({"name": None}, "customer.missing_field", "name"),
        ({"time_zone": ""}, "customer.missing_field", "time_zone"),
        ({"currency": "XX"}, "currency.unknown", "currency"),
    ],
)
def test_a_row_of_a_file_is_refused_with_its_field(data, code, field):
    row = {"key": "ana", "name": "Ana", "currency": "EUR", "time_zone": "UTC"} | data
    with pytest.raises(Invalid) as bad:
        from_data(row, ids.derived("x"))
    assert (bad.value.code, bad.value.field) == (code, field)


def test_a_row_of_a_file_becomes_a_customer_and_empty_cells_nothing():
    row = {"key": "ana", "name": "Ana", "currency": "EUR", "time_zone": "UTC", "email": ""}
    assert from_data(row, ids.derived("x")) == Customer(
        ids.derived("x"), "ana", "Ana", "EUR", "UTC"
    )


def test_two_who_change_a_customer_at_once_take_turns(place):
    create(place, customer())
    with (
        place.database.transaction(place.tenant_id) as first,
        place.database.transaction(place.tenant_id) as second,
    ):
        customers.lock(first, [customer().customer_id])
        second.run("set local lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable), second.savepoint():
            customers.lock(second, [customer().customer_id])


def test_the_database_keeps_keys_unique_and_customers_from_being_dropped(place):
    create(place, customer())
    again = """insert into customer (tenant_id, customer_id, key, name, currency, time_zone,
            tax_status)
        values (%s, %s, 'ana', 'Ana', 'EUR', 'UTC', 'taxed')"""
    facts = [place.tenant_id, ids.derived("other")]
    assert refused(place, lambda tx: tx.run(again, facts)).constraint_name == (
        "customer_tenant_id_key_key"
    )
    assert refused(place, lambda tx: tx.run("delete from customer")).sqlstate == "42501"
