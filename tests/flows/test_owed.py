"""Who owes how much: now, at any past instant, and as it was known then."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from everycent.flows.owed import explained, owed
from everycent.invoicing import operations as invoicing
from everycent.invoicing import queries as invoices
from everycent.kernel.errors import NotFound
from tests.conftest import NOW, Place
from tests.flows import world
from tests.flows.world import calls, midnight, sell, use

FOREVER = datetime(2999, 1, 1, tzinfo=UTC)


@pytest.fixture
def billed(place: Place) -> Place:
    """Billed for January, February and March; February's invoice of `a` taken back in April."""
    sell(place, [("a", "api"), ("b", "api")])
    use(place, [calls("a", 100, date(2026, 1, 10))])
    for month in (2, 3, 4):
        world.run(place, midnight(date(2026, month, 1)))
    with place.database.transaction(place.tenant_id) as tx:
        writing = world.writing(place) | {
            "at": midnight(date(2026, 4, 10)),
            "recorded_at": NOW + timedelta(days=1),
        }
        invoicing.credit(tx, "INV-000003", reason="x", time_zone="UTC", **writing)
    return place


# a: 100 × 0.05 + 9.90 = 14.90 + 20 % = 17.88 in January, 9.90 + 20 % = 11.88 afterwards
AT = [
    # as of               known at             a      b
    (date(2026, 1, 31), FOREVER, 0, 0),
    (date(2026, 2, 1), FOREVER, 1788, 1188),
    (date(2026, 3, 1), FOREVER, 2976, 2376),
    (date(2026, 4, 9), FOREVER, 4164, 3564),
    (date(2026, 4, 10), FOREVER, None, None),
    (date(2026, 4, 10), NOW + timedelta(hours=1), 4164, 3564),
    (date(2026, 4, 10), NOW - timedelta(hours=1), 0, 0),
]


@pytest.mark.parametrize(("as_of", "known_at", "a", "b"), AT)
def test_what_is_owed_depends_on_when_it_holds_and_when_it_was_known(
    billed: Place, as_of: date, known_at: datetime, a: int | None, b: int | None
) -> None:
    with billed.database.snapshot(billed.tenant_id) as tx:
        found = {o.customer: o.amount.minor for o in owed(tx, midnight(as_of), known_at)}
        credited = invoices.invoice(tx, "INV-000003").invoice
    if a is None:
        expected = {"a": 4164, "b": 3564}
        expected[credited.customer.key] -= credited.gross
    else:
        expected = {key: minor for key, minor in (("a", a), ("b", b)) if minor}
    assert found == expected


def test_the_reasons_add_up_to_what_is_owed(billed: Place) -> None:
    with billed.database.snapshot(billed.tenant_id) as tx:
        for total in owed(tx, FOREVER, FOREVER):
            (one,) = explained(tx, total.customer, FOREVER, FOREVER)
            assert one.amount == total.amount
            assert sum(reason.amount.minor for reason in one.reasons) == total.amount.minor
            assert all(reason.document for reason in one.reasons)


def test_a_customer_without_entries_owes_nothing_and_an_unknown_one_is_refused(
    place: Place,
) -> None:
    sell(place, [("a", "api")])
    with place.database.snapshot(place.tenant_id) as tx:
        assert owed(tx, FOREVER, FOREVER) == []
        (one,) = explained(tx, "a", FOREVER, FOREVER)
        assert (one.amount.minor, one.reasons) == (0, ())
        with pytest.raises(NotFound):
            explained(tx, "b", FOREVER, FOREVER)
