"""Whatever a bank tells: no amount is invented, none is applied twice, and the order of open invoices, of
payers and of collections changes nothing."""

from collections import Counter
from datetime import date, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from everycent.kernel.errors import Invalid
from everycent.payments.matching import Certainty, match
from everycent.payments.open_items import Collection, OpenInvoice
from everycent.payments.references import creditor_reference
from everycent.payments.statement import Booking, StatementEntry, Transaction, expanded

DAY = date(2026, 3, 2)
CUSTOMERS = [UUID(int=n) for n in (1, 2, 3)]
NAMES = ["Ana Horvat", "Bo Lind", "Bo Lind"]
IBANS = ["IBAN-0", "IBAN-1", "IBAN-2", None]
CURRENCIES = st.sampled_from(["EUR", "EUR", "USD"])
AMOUNTS = st.integers(1, 30)


@st.composite
def books(draw):
    invoices = []
    for number in range(1, draw(st.integers(1, 8)) + 1):
        owner = draw(st.integers(0, 2))
        invoices.append(
            OpenInvoice(
                UUID(int=100 + number),
                f"INV-{number:06d}",
                CUSTOMERS[owner],
                f"c{owner}",
                NAMES[owner],
                draw(AMOUNTS),
                draw(CURRENCIES),
                DAY + timedelta(days=draw(st.integers(0, 5))),
            )
        )
    collections = [
        Collection(
            f"EC-{n}",
            CUSTOMERS[n],
            draw(AMOUNTS),
            "EUR",
            tuple(one.invoice_id for one in invoices if one.customer_id == CUSTOMERS[n]),
        )
        for n in range(2)
    ]
    return invoices, collections


@st.composite
def entries(draw):
    named = draw(st.lists(st.integers(1, 10), max_size=3))
    form = draw(st.sampled_from(["INV-{:06d}", "inv {}", "invoice {}", "{}", "reference"]))
    words = [
        creditor_reference(f"INV-{number:06d}") if form == "reference" else form.format(number)
        for number in named
    ]
    return StatementEntry(
        draw(st.integers(0, 60)),
        draw(CURRENCIES),
        draw(st.sampled_from([True, True, True, False])),
        DAY,
        DAY,
        "B",
        "B",
        end_to_end_id=draw(st.sampled_from([None, None, None, "EC-0", "EC-1"])),
        text=", ".join(words),
        name=draw(st.sampled_from([None, *NAMES])),
        iban=draw(st.sampled_from(IBANS)),
        reason=draw(st.sampled_from([None, None, None, "AC04"])),
    )


@given(books(), st.lists(entries(), max_size=12))
def test_nothing_is_paid_beyond_what_is_open_or_what_came(book, paid):
    invoices, collections = book
    payers = dict(zip(IBANS[:2], CUSTOMERS[:2], strict=True))
    found = match(paid, invoices, collections=collections, payers=payers)
    again = match(
        paid, invoices[::-1], collections=collections[::-1], payers=dict(reversed(payers.items()))
    )
    assert found == again
    assert [one.entry for one in found] == paid
    by_id = {one.invoice_id: one for one in invoices}
    booked: Counter[UUID] = Counter()
    for one in found:
        applied = sum(share.amount for share in one.allocations)
        if one.certainty is Certainty.UNMATCHED or one.is_return:
            assert (one.allocations, one.unapplied) == ((), 0)
        else:
            assert applied + one.unapplied == one.entry.amount > 0
            assert one.entry.is_credit
            assert one.entry.reason is None
        for share in one.allocations:
            invoice = by_id[share.invoice_id]
            assert invoice.currency == one.entry.currency
            assert 0 < share.amount <= invoice.left - booked[share.invoice_id]
        assert len({share.invoice_id for share in one.allocations}) == len(one.allocations)
        if one.certainty is Certainty.CERTAIN:
            booked.update({share.invoice_id: share.amount for share in one.allocations})
            assert one.customer_id is not None or not one.unapplied
        assert one.reason
    assert all(booked[one.invoice_id] <= one.left for one in invoices)


@given(
    st.lists(st.tuples(st.integers(0, 100), st.booleans()), min_size=2, max_size=8),
    st.integers(-300, 300),
)
def test_a_batch_comes_to_its_booking_or_is_refused(told, total):
    booking = Booking(abs(total), "EUR", is_credit=total >= 0, booked_on=DAY)
    transactions = [Transaction(amount, "EUR", is_credit) for amount, is_credit in told]
    real = sum(amount if is_credit else -amount for amount, is_credit in told)
    try:
        found = expanded(booking, transactions, "B")
    except Invalid:
        assert real != total
    else:
        assert real == total
        assert [(entry.amount, entry.is_credit) for entry in found] == told
        assert len({entry.reference for entry in found}) == len(told)
