"""The catalogue in the database: versions that never change, and contracts that stay on theirs."""

from __future__ import annotations

import threading
from datetime import date

import pytest

from everycent.catalog import operations as catalog
from everycent.catalog import queries
from everycent.catalog.difference import Change, Verb
from everycent.catalog.document import parse
from everycent.catalog.intake import AfterInvoice, IntakePolicy
from everycent.catalog.price import Flat
from everycent.customers import operations as customers
from everycent.customers.customer import Customer
from everycent.kernel import ids
from everycent.kernel.errors import NotFound
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.order import Order
from everycent.tenants import operations as tenants
from tests.conftest import NOW, Place
from tests.store import books
from tests.store.books import refused

TEXT = """
meters:
  m: {unit: kWh}
  day: {of: m, aggregation: max}
  f: {unit: kWh, formula: m + day}
taxes:
  vat: {rates: [{since: 2015-01-01, percent: 25}]}
products:
  p: {name: Power, tax: vat}
plans:
  a: {currency: EUR, prices: [{key: k, product: p, flat: {amount: 10}}]}
"""
DEARER = TEXT.replace("amount: 10", "amount: 12")
ANA = Customer(ids.derived("ana"), "ana", "Ana", "EUR", "Europe/Zagreb")


def apply(place: Place, text: str) -> list[Change]:
    with place.database.transaction(place.tenant_id) as tx:
        return catalog.apply(tx, parse(text), **place.writing)


def versions(place: Place) -> list[tuple[str, str, int]]:
    with place.database.transaction(place.tenant_id) as tx:
        rows = tx.rows("select kind, key, version from catalog_version order by 1, 2, 3")
        events = tx.value("select count(*) from journal_event where type = 'catalog.versioned'")
    assert events == len(rows)
    return [tuple(row) for row in rows]


FIRST = [("meter", "day", 1), ("meter", "f", 1), ("meter", "m", 1), ("plan", "a", 1),
         ("product", "p", 1), ("tax", "vat", 1)]  # fmt: skip


def test_applying_a_file_twice_does_nothing_the_second_time(place):
    assert {change.verb for change in apply(place, TEXT)} == {Verb.CREATE}
    assert versions(place) == FIRST
    assert {change.verb for change in apply(place, TEXT)} == {Verb.KEEP}
    assert versions(place) == FIRST


def test_a_change_makes_the_next_version_of_what_it_touches_and_of_nothing_else(place):
    apply(place, TEXT)
    found = {(c.kind, c.key): (c.verb, c.version) for c in apply(place, DEARER)}
    assert found.pop(("plan", "a")) == (Verb.CHANGE, 2)
    assert set(found.values()) == {(Verb.KEEP, 1)}
    assert versions(place) == sorted([*FIRST, ("plan", "a", 2)])
    assert apply(place, TEXT)[-1][:4] == (Verb.CHANGE, "plan", "a", 3)  # back is forward, too


def test_what_a_file_leaves_out_stays(place):
    apply(place, TEXT)
    assert [c.verb for c in apply(place, "meters: {n: {unit: GB}}")] == [Verb.CREATE]
    assert versions(place) == sorted([*FIRST, ("meter", "n", 1)])


def test_running_contracts_stay_on_the_version_they_were_made_on(place):
    apply(place, TEXT)
    with place.database.transaction(place.tenant_id) as tx:
        customers.create(tx, [ANA], **place.writing)
        old = subscriptions.start(tx, [Order(ANA, "a", "old", date(2026, 1, 1))], **place.writing)
    apply(place, DEARER)
    with place.database.transaction(place.tenant_id) as tx:
        new = subscriptions.start(tx, [Order(ANA, "a", "new", date(2026, 1, 1))], **place.writing)
        found = queries.plans(tx, [("a", s.phases[0].plan_version) for s in (*old, *new)])
        version, newest = queries.newest_plan(tx, "a")
        assert subscriptions.get(tx, "old") == old[0]
    amounts = {key: plan.items[0].price.scheme for key, plan in found.items()}
    assert amounts == {("a", 1): Flat("10"), ("a", 2): Flat("12")}
    assert [s.phases[0].plan_version for s in (*old, *new)] == [1, 2]
    assert (version, newest) == (2, found["a", 2])


def test_what_was_parsed_reads_back_the_same(place):
    apply(place, TEXT)
    wanted = {(e.kind, e.key): e.content for e in parse(TEXT)}
    with place.database.transaction(place.tenant_id) as tx:
        assert queries.newest_plan(tx, "a") == (1, wanted["plan", "a"])
        assert queries.taxes(tx, queries.tax_versions(tx)) == {"vat": wanted["tax", "vat"]}
        assert queries.raw_meters(tx) == {"m"}
        assert [row.key for row in queries.listed(tx, "meter")] == ["day", "f", "m"]


PARTS = """
calendars:
  hr: {yearly: [01-01], easter: [1]}
bands:
  tou: {time_zone: Europe/Zagreb, bands: {day: ["mon-fri 07:00-21:00"]}, rest: night, holidays: hr}
segments:
  region: {segments: {eu: [{region: [eu-1, eu-2]}]}, rest: elsewhere}
meters:
  m: {unit: kWh}
  eu_day: {of: m, band: tou.day, segment: region.eu, aggregation: percentile, percentile: 95}
intake:
  m: {value: {max: 500}, accept_days: 60}
"""


def test_calendars_segments_and_intake_policies_are_versions_like_all_others(place):
    kinds = ["calendar", "bands", "segments", "meter", "meter", "intake"]
    assert [change.kind for change in apply(place, PARTS)] == kinds
    assert {change.verb for change in apply(place, PARTS)} == {Verb.KEEP}
    changed = {
        f"{c.kind}.{c.key}": c.version
        for c in apply(place, PARTS.replace("01-01", "12-25"))
        if c.verb is not Verb.KEEP
    }
    # A meter holds its bands with their days, so that what was sold stays as it was.
    assert changed == {"calendar.hr": 2, "bands.tou": 2, "meter.eu_day": 2}
    with place.database.transaction(place.tenant_id) as tx:
        assert [row.version for row in queries.listed(tx, "calendar")] == [2]


def test_the_newest_intake_policy_of_every_meter_is_found(place):
    with place.database.transaction(place.tenant_id) as tx:
        assert queries.intake_policies(tx) == {}
    apply(place, PARTS)
    apply(place, PARTS.replace("accept_days: 60", "after_invoice: write_off"))
    with place.database.transaction(place.tenant_id) as tx:
        assert queries.intake_policies(tx) == {
            "m": IntakePolicy("m", value_max="500", after_invoice=AfterInvoice.WRITE_OFF)
        }


def test_an_unknown_plan_is_not_found(place):
    with place.database.transaction(place.tenant_id) as tx, pytest.raises(NotFound) as unknown:
        queries.newest_plan(tx, "nothing")
    assert unknown.value.code == "plan.unknown"


@pytest.mark.parametrize(
    "change", ["update catalog_version set content = '{}'", "delete from catalog_version"]
)
def test_a_version_never_changes(place, change):
    apply(place, TEXT)
    assert refused(place, lambda tx: tx.run(change)).sqlstate == "42501"
    with books.owner(place) as owner, pytest.raises(Exception, match="is immutable"):
        owner.execute(change)


def test_a_version_is_written_once(place):
    apply(place, TEXT)
    again = """insert into catalog_version (tenant_id, kind, key, version, at, content)
        values (%s, 'plan', 'a', 1, now(), '{}')"""
    said = refused(place, lambda tx: tx.run(again, [place.tenant_id]))
    assert said.constraint_name == "catalog_version_pkey"


def test_another_tenants_catalogue_is_not_there(place):
    apply(place, TEXT)
    other = tenants.create(place.database, "other", "Other", NOW)
    with place.database.transaction(other) as tx:
        assert queries.listed(tx) == []
        assert {c.verb for c in catalog.apply(tx, parse(DEARER), **place.writing)} == {Verb.CREATE}
    assert versions(place) == FIRST


def test_two_who_apply_the_same_file_at_once_make_one_version(place):
    barrier, verbs = threading.Barrier(2), []

    def run() -> None:
        barrier.wait()
        verbs.append({change.verb for change in apply(place, TEXT)})

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(verbs, key=str) == [{Verb.CREATE}, {Verb.KEEP}]
    assert versions(place) == FIRST
