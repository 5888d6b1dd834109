"""What holds of entries and of the books for every set of bookings, checked against a naive model."""

from collections import Counter
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from everycent.kernel import ids
from everycent.kernel.errors import Broken
from everycent.ledger import audit, queries
from everycent.ledger.account import CHART, PREPAID_CREDIT
from everycent.ledger.entry import Entry, Posting, balanced, reversal
from everycent.tenants import operations as tenants
from tests.conftest import NOW
from tests.store.books import Booking, book

CUSTOMERS = [ids.derived(name) for name in ("ana", "boris", "cvita")]
CURRENCIES = ["BHD", "EUR", "JPY"]
INSTANTS = [NOW + timedelta(days=day) for day in range(6)]
LATEST = INSTANTS[-1]

amounts = st.one_of(st.integers(-20, 20), st.integers(-(10**15), 10**15))
postings = st.builds(
    Posting,
    st.sampled_from(CHART),
    amounts,
    st.sampled_from(CURRENCIES),
    st.sampled_from([None, *CUSTOMERS]),
)
instants = st.sampled_from(INSTANTS)


def sums(legs):
    """What is left over per currency."""
    left = Counter()
    for leg in legs:
        left[leg.currency] += leg.amount
    return {currency: amount for currency, amount in left.items() if amount}


def closed(legs):
    """The legs with one more per currency that is off."""
    return [*legs, *(Posting(CHART[7], -left, code) for code, left in sums(legs).items())]


balanced_legs = st.lists(postings, min_size=1, max_size=5).map(closed)


@settings(deadline=None, max_examples=300)
@given(legs=st.one_of(st.lists(postings, max_size=6), balanced_legs))
def test_an_entry_is_built_exactly_when_every_currency_sums_to_zero(legs):
    kept = tuple(leg for leg in legs if leg.amount)
    if sums(legs):
        with pytest.raises(Broken):
            balanced("test", legs)
    else:
        assert balanced("test", legs) == (Entry("test", kept) if kept else None)


@settings(deadline=None)
@given(legs=balanced_legs)
def test_a_reversal_balances_and_reversed_twice_is_the_original(legs):
    entry = balanced("test", legs)
    if entry is None:
        return
    once = reversal("undo", entry, ids.derived("a"), None)
    twice = reversal("redo", once, ids.derived("b"), None)
    assert sums(once.postings) == {}
    assert sums([*entry.postings, *once.postings]) == {}
    assert twice.postings == entry.postings


fresh_slug = (f"t{number}" for number in count())


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    booked=st.lists(st.tuples(balanced_legs, instants, instants), max_size=8),
    as_of=instants,
    known_at=instants,
)
def test_the_books_say_what_a_naive_model_says(place, booked, as_of, known_at):
    tenant_id = tenants.create(place.database, next(fresh_slug), "Tenant", NOW)
    entries = [
        (Booking(f"e{n}", balanced("test", legs), at), recorded_at)
        for n, (legs, at, recorded_at) in enumerate(booked)
    ]
    with place.database.transaction(tenant_id) as tx:
        for booking, recorded_at in entries:
            book(tx, [booking], recorded_at)

    held = [
        posting
        for booking, recorded_at in entries
        if booking.at <= as_of and recorded_at <= known_at and booking.entry is not None
        for posting in booking.entry.postings
    ]
    with place.database.snapshot(tenant_id) as tx:
        found = queries.trial_balance(tx, as_of, known_at)
        owed = queries.customer_balances(tx, as_of, known_at)
        lines = {
            customer: queries.statement(tx, customer, as_of, known_at) for customer in CUSTOMERS
        }
        everything = {entry.entry_id: entry.entry for entry in queries.entries(tx, LATEST)}
        violations = [audit.violations(tx, check) for check in audit.CHECKS]

    debited, credited = Counter(), Counter()
    for account, amount, currency, _ in held:
        side = debited if amount > 0 else credited
        side[account.account_id, currency] += abs(amount)
    assert {(r.account_id, r.currency): (r.debit, r.credit, r.balance) for r in found} == {
        key: (debited[key], credited[key], debited[key] - credited[key])
        for key in debited.keys() | credited.keys()
    }
    assert set(total_per_currency(found).values()) <= {0}

    debts = Counter()
    for account, amount, currency, customer_id in held:
        if customer_id is not None and account != PREPAID_CREDIT:  # owed in services, not in money
            debts[customer_id, currency] += amount
    nonzero = {key: amount for key, amount in debts.items() if amount}
    assert {(r.customer_id, r.currency): r.balance for r in owed} == nonzero
    changes = Counter()
    for customer, rows in lines.items():
        for row in rows:
            changes[customer, row.currency] += row.amount
    assert {key: amount for key, amount in changes.items() if amount} == nonzero

    assert everything == {
        ids.derived(booking.name): booking.entry for booking, _ in entries if booking.entry
    }
    assert violations == [[]] * len(audit.CHECKS)


def total_per_currency(rows):
    """Balances summed per currency."""
    total = Counter()
    for row in rows:
        total[row.currency] += row.balance
    return total
