"""Thresholds: told once per period, however often, by however many, and in whatever order records come."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everycent.catalog import document
from everycent.catalog import operations as catalog
from everycent.customers import queries as customers
from everycent.flows import archive_usage, replay, watch, watched
from everycent.flows.watching import Tick, tick
from everycent.integrations.usage_archive import ArchiveFolder
from everycent.kernel import clock
from everycent.kernel.errors import Invalid, NotFound
from everycent.metering import operations as metering
from everycent.subscriptions import operations as subscriptions
from everycent.subscriptions.order import Order
from everycent.watching import operations, queries
from everycent.watching.threshold import checked
from tests.conftest import Place
from tests.flows import world

CATALOGUE = """
meters:
  calls: {unit: call}
  doubled: {unit: half, formula: calls * 2}
  stored: {unit: GB, aggregation: weighted_sum, granularity: second, level: sets}
  register: {unit: kWh, aggregation: counter}
taxes:
  vat: {rates: [{since: 2000-01-01, percent: 20}]}
products:
  thing: {name: Thing, tax: vat}
plans:
  api:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: calls, product: thing, meter: calls, per_unit: {unit_amount: 0.05}}
      - {key: base, product: thing, flat: {amount: 10}, timing: in_advance}
  more:
    currency: EUR
    anchor_day: 1
    prices:
      - {key: stored, product: thing, meter: stored, per_unit: {unit_amount: 1}}
      - {key: energy, product: thing, meter: register, per_unit: {unit_amount: 1}}
"""
NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)


@pytest.fixture
def seller(place: Place) -> Place:
    world.sell(place, [("acme", "api"), ("beta", "api")], text=CATALOGUE)
    return place


def define(place: Place, key: str, value: str, **what: str | None) -> None:
    with place.database.transaction(place.tenant_id) as tx:
        owner = what.get("customer")
        customer_id = None if owner is None else customers.by_name(tx, owner).customer_id
        wanted = checked(key, value, what.get("meter"), what.get("subject"), customer_id)
        watch.define(tx, wanted, writing(place))


def writing(place: Place, at: datetime | None = None) -> operations.Writing:
    now = at or place.now
    return {"at": now, "recorded_at": now, "actor": "test", "ids": place.ids}


def check(place: Place, as_of: datetime = NOON, noticed: watch.Noticed | None = None):
    return watch.check(
        place.database, place.tenant_id, as_of, writing(place, as_of), noticed or watch.Noticed()
    )


def told(found: watch.Checked) -> list[tuple[str, str]]:
    return [(one.key, one.reached) for one in found.crossed]


def crossings(place: Place) -> list[tuple[str, int, str]]:
    with place.database.snapshot(place.tenant_id) as tx:
        return sorted((c.key, c.version, c.reached) for c in queries.crossings(tx))


def use(place: Place, key: str, amount: int, day: int, *, fold: bool = False) -> None:
    world.use(place, [world.calls(key, amount, date(2026, 1, day))], fold=fold)


def test_a_threshold_is_told_when_it_is_reached_and_not_before(seller):
    define(seller, "big", "100", subject="acme", meter="calls")
    use(seller, "acme", 99, 2)
    assert told(check(seller)) == []
    use(seller, "acme", 1, 3)
    (one,) = check(seller).crossed
    assert (one.reached, one.value, one.unit, one.as_of) == ("100", "100", "call", NOON)
    assert one.starts_at == world.midnight(date(2026, 1, 1))
    assert one.ends_at == world.midnight(date(2026, 2, 1))


def test_it_is_told_once_in_a_period_and_again_in_the_next(seller):
    define(seller, "big", "100", subject="acme", meter="calls")
    use(seller, "acme", 150, 2)
    assert told(check(seller)) == [("big", "150")]
    use(seller, "acme", 150, 3)
    assert told(check(seller)) == []
    world.use(seller, [world.calls("acme", 300, date(2026, 2, 2))])
    assert told(check(seller, datetime(2026, 2, 3, tzinfo=UTC))) == [("big", "300")]
    assert len(crossings(seller)) == 2


def test_falling_back_below_and_reaching_it_again_is_not_told_twice(seller):
    define(seller, "big", "100", subject="acme", meter="calls")
    negative = world.calls("acme", 100, date(2026, 1, 4))._replace(value="-100")
    for record in (world.calls("acme", 120, date(2026, 1, 2)), negative,
                   world.calls("acme", 120, date(2026, 1, 5))):  # fmt: skip
        world.use(seller, [record])
        check(seller)
    assert crossings(seller) == [("big", 1, "120")]


WATCHED = [
    # what                                       value   reached by 150 calls, if it is
    ({"subject": "acme", "meter": "calls"}, "150", "150"),
    ({"subject": "acme", "meter": "doubled"}, "300", "300"),
    ({"subject": "acme", "meter": "doubled"}, "300.01", None),
    ({"customer": "acme", "meter": "calls"}, "1", "150"),
    ({"customer": "acme"}, "17.50", "17.5"),
    ({"customer": "acme"}, "17.51", None),
    ({"subject": "acme"}, "17", "17.5"),
    ({"subject": "beta", "meter": "calls"}, "1", None),
]


@pytest.mark.parametrize(("what", "value", "reached"), WATCHED)
@pytest.mark.parametrize("is_billed", [False, True], ids=["open", "fee billed"])
def test_usage_and_cost_are_watched(seller, what, value, reached, is_billed):
    if is_billed:
        world.run(seller, world.midnight(date(2026, 1, 1)))
    define(seller, "it", value, **what)
    use(seller, "acme", 150, 2)
    assert told(check(seller)) == ([] if reached is None else [("it", reached)])


def test_cost_of_an_unbilled_period_before_is_not_this_periods(seller):
    define(seller, "cost", "11", customer="acme")
    use(seller, "acme", 1000, 2)
    assert told(check(seller, datetime(2026, 2, 3, tzinfo=UTC))) == []


def test_all_subscriptions_of_a_customer_add_up(seller):
    with seller.database.transaction(seller.tenant_id) as tx:
        acme = customers.by_name(tx, "acme")
        orders = [Order(acme, "api", f"line {n}", world.START, f"line-{n}") for n in (1, 2)]
        subscriptions.start(tx, orders, **world.writing(seller))
    define(seller, "calls", "30", customer="acme", meter="calls")
    define(seller, "cost", "31", customer="acme")
    use(seller, "line-1", 10, 2)
    use(seller, "acme", 19, 2)
    assert told(check(seller)) == [("cost", "31.45")]
    use(seller, "line-2", 1, 3)
    assert told(check(seller)) == [("calls", "30")]


def test_a_register_counts_from_the_start_of_the_period(seller):
    with seller.database.transaction(seller.tenant_id) as tx:
        order = Order(customers.by_name(tx, "acme"), "more", "power", world.START, "power")
        subscriptions.start(tx, [order], **world.writing(seller))
    define(seller, "energy", "50", subject="power", meter="register")
    for at, value in ((datetime(2025, 12, 1, tzinfo=UTC), "10"),
                      (datetime(2026, 1, 31, 20, tzinfo=UTC), "55"),
                      (datetime(2026, 2, 3, tzinfo=UTC), "100")):  # fmt: skip
        record = world.calls("power", 0, date(2026, 1, 1), name=str(at))
        world.use(seller, [record._replace(meter="register", at=at, value=value)])
    assert told(check(seller, datetime(2026, 2, 4, tzinfo=UTC))) == []
    record = world.calls("power", 0, date(2026, 1, 1), name="last")
    at = datetime(2026, 2, 5, tzinfo=UTC)
    world.use(seller, [record._replace(meter="register", at=at, value="105")])
    assert told(check(seller, datetime(2026, 2, 6, tzinfo=UTC))) == [("energy", "50")]


ARCHIVED_OPENINGS = [
    # readings; months put back; the month that is told; reached once January is back, if it is
    # Without the opening of 55 the first reading of February would open, and nothing be told.
    (["10", "55", "100", "110"], [], "2025-12", "55"),
    # With the older one, which is back alone, 60 would be told.
    (["10", "55", "70"], [date(2025, 12, 1)], "2026-01", None),
]


@pytest.mark.parametrize(("values", "restored", "told_month", "reached"), ARCHIVED_OPENINGS)
def test_a_register_whose_opening_may_be_in_the_archive_is_refused_and_crosses_nothing(
    seller, tmp_path, values, restored, told_month, reached
):
    with seller.database.transaction(seller.tenant_id) as tx:
        order = Order(customers.by_name(tx, "acme"), "more", "power", world.START, "power")
        subscriptions.start(tx, [order], **world.writing(seller))
    define(seller, "energy", "50", subject="power", meter="register")
    days = (datetime(2025, 12, 31, tzinfo=UTC), datetime(2026, 1, 28, 20, tzinfo=UTC),
            datetime(2026, 2, 3, tzinfo=UTC), datetime(2026, 2, 4, tzinfo=UTC))  # fmt: skip
    for at, value in zip(days, values, strict=False):
        record = world.calls("power", 0, date(2026, 1, 1), name=str(at))
        world.use(seller, [record._replace(meter="register", at=at, value=value)])
    world.run(seller, world.midnight(date(2026, 2, 1)))
    files = ArchiveFolder(tmp_path / "archive")
    terms = archive_usage.Terms(clock.fixed(datetime(2026, 5, 2, tzinfo=UTC)), seller.ids, "test")
    archive_usage.archive(seller.database, "default", date(2026, 2, 1), files, terms)
    as_of = datetime(2026, 2, 6, tzinfo=UTC)
    for month in restored:
        archive_usage.restore(seller.database, seller.tenant_id, month, files, terms)
    found = check(seller, as_of)
    assert [(one.key, why.code, why.value) for one, why in found.refused] == [
        ("energy", "usage.archived", told_month)
    ]
    assert crossings(seller) == []
    archive_usage.restore(seller.database, seller.tenant_id, date(2026, 1, 1), files, terms)
    again = check(seller, as_of, found.noticed)
    assert again.refused == []
    assert told(again) == ([] if reached is None else [("energy", reached)])


def test_a_level_crosses_as_time_goes_by_without_a_new_record(seller):
    with seller.database.transaction(seller.tenant_id) as tx:
        order = Order(customers.by_name(tx, "acme"), "more", "disk", world.START, "disk")
        subscriptions.start(tx, [order], **world.writing(seller))
    define(seller, "disk", "5", subject="disk", meter="stored")
    start = world.midnight(date(2026, 1, 1))
    record = world.calls("disk", 31, date(2026, 1, 1), name="disk")
    world.use(seller, [record._replace(meter="stored", at=start)])
    before = check(seller, start + timedelta(days=5, minutes=-20))
    assert told(before) == []
    assert told(check(seller, start + timedelta(days=5), before.noticed)) == [("disk", "5")]


def test_a_level_is_weighed_against_the_full_period_as_on_the_bill(seller):
    with seller.database.transaction(seller.tenant_id) as tx:
        acme = customers.by_name(tx, "acme")
        order = Order(acme, "more", "disk", date(2026, 1, 16), "disk", 1)
        subscriptions.start(tx, [order], **world.writing(seller))
    define(seller, "disk", "15.5", subject="disk", meter="stored")
    record = world.calls("disk", 31, date(2026, 1, 1), name="disk")
    world.use(seller, [record._replace(meter="stored")])
    day = timedelta(days=1)
    start = world.midnight(date(2026, 1, 16))
    assert told(check(seller, start + 15 * day)) == []
    assert told(check(seller, start + 15.5 * day)) == [("disk", "15.5")]


def test_usage_that_nothing_happened_to_is_not_read_again(seller, monkeypatch):
    define(seller, "acme", "100", subject="acme", meter="calls")
    define(seller, "beta", "100", subject="beta", meter="calls")
    use(seller, "acme", 1, 2)
    noticed = check(seller).noticed
    read: list[str] = []
    genuine = watched.consumption.read

    def noting(tx, requests, **more):
        wanted = list(requests)
        read.extend(request.subject for request in wanted)
        return genuine(tx, wanted, **more)

    monkeypatch.setattr(watched.consumption, "read", noting)
    noticed = check(seller, noticed=noticed).noticed
    assert read == []
    use(seller, "beta", 1, 2)
    noticed = check(seller, noticed=noticed).noticed
    assert read == ["beta"]
    metering.fold(seller.database, seller.tenant_id)
    noticed = check(seller, noticed=noticed).noticed
    assert read == ["beta"]
    use(seller, "acme", 1, 3, fold=True)
    check(seller, noticed=noticed)
    assert read == ["beta", "acme"]


def test_a_contract_that_begins_is_seen_by_a_watcher_that_runs(seller):
    define(seller, "all", "100", customer="acme", meter="calls")
    use(seller, "acme", 60, 2)
    use(seller, "line", 60, 2)
    noticed = check(seller).noticed
    with seller.database.transaction(seller.tenant_id) as tx:
        order = Order(customers.by_name(tx, "acme"), "api", "line", world.START, "line")
        subscriptions.start(tx, [order], **world.writing(seller))
    assert told(check(seller, noticed=noticed)) == [("all", "120")]


def test_a_meter_that_changes_is_seen_by_a_watcher_that_runs(seller):
    define(seller, "big", "300", subject="acme", meter="doubled")
    use(seller, "acme", 100, 2)
    noticed = check(seller).noticed
    with seller.database.transaction(seller.tenant_id) as tx:
        text = CATALOGUE.replace("calls * 2", "calls * 3")
        catalog.apply(tx, document.parse(text), **world.writing(seller))
    assert told(check(seller, noticed=noticed)) == [("big", "300")]


def test_a_batch_that_is_committed_out_of_its_order_is_not_passed_over(seller):
    define(seller, "big", "100", subject="acme", meter="calls")
    with seller.database.transaction(seller.tenant_id) as slow:
        slow.run("select nextval('usage_batch_seq')")  # a number is taken before others commit
        number = slow.value("select currval('usage_batch_seq')")
        use(seller, "beta", 1, 2)
        before = check(seller)
    assert number not in before.noticed.seen.batches
    use(seller, "acme", 100, 2)
    metering.fold(seller.database, seller.tenant_id)
    assert told(check(seller, noticed=before.noticed)) == [("big", "100")]


def test_many_checkers_at_once_tell_it_once(seller):
    for n in range(5):
        define(seller, f"t{n}", "100", subject="acme", meter="calls")
    use(seller, "acme", 100, 2)
    together = threading.Barrier(4)

    def look(n: int) -> watch.Checked:
        together.wait()
        return check(seller, NOON + timedelta(seconds=n))

    with ThreadPoolExecutor(4) as threads:
        found = [one for checked_ in threads.map(look, range(4)) for one in checked_.crossed]
    assert sorted(one.key for one in found) == [f"t{n}" for n in range(5)]
    assert len(crossings(seller)) == 5


def test_the_table_itself_refuses_a_second_crossing(seller):
    define(seller, "big", "100", subject="acme", meter="calls")
    use(seller, "acme", 100, 2)
    check(seller)
    again = "insert into usage_crossing select * from usage_crossing"
    with (
        pytest.raises(psycopg.errors.UniqueViolation, match="usage_crossing_pkey"),
        seller.database.transaction(seller.tenant_id) as tx,
    ):
        tx.run(again)


def test_a_threshold_that_is_set_anew_may_be_crossed_anew(seller):
    define(seller, "big", "100", subject="acme", meter="calls")
    use(seller, "acme", 150, 2)
    check(seller)
    define(seller, "big", "100.0", subject="acme", meter="calls")  # the same
    assert told(check(seller)) == []
    define(seller, "big", "120", subject="acme", meter="calls")
    assert told(check(seller)) == [("big", "150")]
    assert crossings(seller) == [("big", 1, "150"), ("big", 2, "150")]


def test_a_threshold_that_is_removed_is_not_told_any_more(seller):
    define(seller, "big", "100", subject="acme", meter="calls")
    use(seller, "acme", 150, 2)
    with seller.database.transaction(seller.tenant_id) as tx:
        operations.remove_threshold(tx, "big", **writing(seller))
    assert told(check(seller)) == []
    with pytest.raises(NotFound), seller.database.transaction(seller.tenant_id) as tx:
        operations.remove_threshold(tx, "big", **writing(seller))
    define(seller, "big", "100", subject="acme", meter="calls")
    assert told(check(seller)) == [("big", "150")]


def test_a_crossing_of_a_threshold_that_changed_meanwhile_is_dropped(seller):
    define(seller, "big", "100", subject="acme", meter="calls")
    use(seller, "acme", 150, 2)
    (stale,) = check(seller).crossed
    define(seller, "big", "200", subject="acme", meter="calls")
    later = type(stale)(
        "big", 1, world.midnight(date(2026, 2, 1)), world.midnight(date(2026, 3, 1)), "100", "150",
        "call", NOON,
    )  # fmt: skip
    with seller.database.transaction(seller.tenant_id) as tx:
        assert operations.cross(tx, [later], **writing(seller)) == []


def test_outside_the_term_of_a_contract_nothing_is_watched(seller):
    define(seller, "cost", "1", customer="acme")
    assert told(check(seller, datetime(2025, 12, 1, tzinfo=UTC))) == []
    with seller.database.transaction(seller.tenant_id) as tx:
        subscriptions.cancel(
            tx,
            "acme",
            subscriptions.When(date(2026, 1, 5)),
            reason="",
            writing=world.writing(seller),
        )
    assert told(check(seller)) == []


BAD = [
    # key        value   meter    subject  customer  refusal
    ("-x", "1", "calls", "acme", None, "threshold.bad_key"),
    ("x", "0", "calls", "acme", None, "threshold.not_positive"),
    ("x", "-1", "calls", "acme", None, "threshold.not_positive"),
    ("x", "many", "calls", "acme", None, "number.malformed"),
    ("x", "1", "calls", None, None, "threshold.bad_owner"),
    ("x", "1", "calls", "acme", "acme", "threshold.bad_owner"),
    ("x", "1", "nothing", "acme", None, "meter.unknown"),
    ("x", "1", "calls", "nobody", None, "threshold.no_subscription"),
]


@pytest.mark.parametrize(("key", "value", "meter", "subject", "owner", "code"), BAD)
def test_a_bad_threshold_is_refused(seller, key, value, meter, subject, owner, code):
    what = {"meter": meter, "subject": subject, "customer": owner}
    with pytest.raises((Invalid, NotFound)) as refused:
        define(seller, key, value, **what)
    assert refused.value.code == code


def test_what_can_not_be_worked_out_is_told_once_and_stops_nobody(seller):
    with seller.database.transaction(seller.tenant_id) as tx:
        order = Order(customers.by_name(tx, "acme"), "more", "power", world.START, "power")
        subscriptions.start(tx, [order], **world.writing(seller))
    define(seller, "a", "1", subject="power", meter="register")
    define(seller, "b", "100", subject="beta", meter="calls")
    record = world.calls("power", 500, date(2026, 1, 2), name="high")
    low = world.calls("power", 100, date(2026, 1, 3), name="low")
    world.use(seller, [record._replace(meter="register"), low._replace(meter="register")])
    use(seller, "beta", 100, 2)
    first = look(seller, Tick(), NOON)
    assert [(one.key, why.code) for one, why in first.refused] == [("a", "register.runs_backwards")]
    assert [one.key for one in first.crossed] == ["b"]
    assert look(seller, first, NOON + timedelta(seconds=1)).refused == ()


def look(place: Place, before: Tick, as_of: datetime) -> Tick:
    return tick(place.database, place.tenant_id, as_of, writing(place, as_of), before)


def test_the_journal_rebuilds_thresholds_and_crossings(seller):
    define(seller, "big", "100", subject="acme", meter="calls")
    define(seller, "cost", "1.50", customer="beta")
    use(seller, "acme", 150, 2)
    check(seller)
    define(seller, "big", "100.5", subject="acme", meter="calls")
    check(seller)
    with seller.database.transaction(seller.tenant_id) as tx:
        operations.remove_threshold(tx, "big", **writing(seller))
    with seller.database.snapshot(seller.tenant_id) as tx:
        rebuilt = replay.replay(tx)
    assert rebuilt.differences == {}
    assert (rebuilt.rows["usage_threshold"], rebuilt.rows["usage_crossing"]) == (2, 3)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(
        st.tuples(st.integers(-60, 60), st.booleans(), st.booleans()), min_size=1, max_size=8
    )
)
def test_it_is_told_exactly_when_it_was_reached_at_any_check(seller, steps):
    """Whatever comes in, folded or not, and whenever somebody looks, with memory or without."""
    test_it_is_told_exactly_when_it_was_reached_at_any_check.runs += 1
    number = test_it_is_told_exactly_when_it_was_reached_at_any_check.runs
    month = date(2026 + number // 12, number % 12 + 1, 1)
    key = f"t{number}"
    define(seller, key, "100", subject="acme", meter="calls")
    as_of = datetime(month.year, month.month, 10, tzinfo=UTC)
    noticed = watch.Noticed()
    total = 0
    reached = None
    for n, (amount, folds, forgets) in enumerate(steps):
        record = world.calls("acme", 0, month.replace(day=2), name=f"{key}/{n}")
        world.use(seller, [record._replace(value=str(amount))], fold=folds)
        total += amount
        found = check(seller, as_of, watch.Noticed() if forgets else noticed)
        noticed = found.noticed
        if reached is None and total >= 100:
            reached = total
            assert told(found) == [(key, str(total))]
        else:
            assert told(found) == []
    with seller.database.transaction(seller.tenant_id) as tx:
        operations.remove_threshold(tx, key, **writing(seller))


test_it_is_told_exactly_when_it_was_reached_at_any_check.runs = 0
