"""Winners, losers and the histogram, and the page that shows them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycent.integrations import simulation_page
from everycent.invoicing import whatif
from everycent.invoicing.whatif import Of, OfCustomer, OfPrice, Simulation, State

AMOUNTS = st.integers(-(10**12), 10**12)


def customer(old: int, new: int, key: str = "a") -> OfCustomer:
    return OfCustomer(key, f"<{key}>", "EUR", Of(1, old, new))


@pytest.mark.parametrize(
    ("old", "new", "number", "text"),
    [
        (1000, 1034, "3.4", "+3.4 %"),
        (1000, 966, "-3.4", "-3.4 %"),
        (1000, 1000, "0.0", "0 %"),
        (100_000, 100_001, "0.0", "+< 0.1 %"),
        (100_000, 99_999, "0.0", "-< 0.1 %"),
        (100_000, 100_050, "0.1", "+0.1 %"),
        (0, 5, None, "–"),
        (0, 0, None, "0 %"),
        (-1000, -500, "50.0", "+50.0 %"),
        (1000, 0, "-100.0", "-100.0 %"),
    ],
)
def test_a_change_in_percent(old: int, new: int, number: str | None, text: str) -> None:
    assert whatif.percent(Of(1, old, new)) == number
    assert whatif.percent_text(Of(1, old, new)) == text


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        (100, 49, 0), (100, 50, 1), (100, 79, 1), (100, 80, 2), (100, 90, 3), (100, 95, 4),
        (100, 99, 4), (100, 100, 5), (100, 101, 6), (100, 105, 6), (100, 106, 7), (100, 111, 8),
        (100, 150, 9), (100, 151, 10), (0, 1, 10), (0, -1, 0), (0, 0, 5),
    ],
)  # fmt: skip
def test_a_customer_stands_in_one_span(old: int, new: int, place: int) -> None:
    found = whatif.histogram([customer(old, new)])
    assert [number for number, one in enumerate(found) if one.customers] == [place]
    assert [one.side for one in found] == [-1] * 5 + [0] + [1] * 5
    assert found[4].label == found[6].label == "0 – 5 %"
    assert found[0].label == found[10].label == "over 50 %"
    assert len(found) == 11


@given(st.lists(st.tuples(AMOUNTS, AMOUNTS), min_size=1))
def test_the_sums_are_those_of_the_customers(pairs: list[tuple[int, int]]) -> None:
    everybody = [customer(old, new) for old, new in pairs]
    (told,) = whatif.totals(everybody)
    assert told.sums == Of(len(pairs), sum(o for o, _ in pairs), sum(n for _, n in pairs))
    assert told.winners + told.losers + told.unchanged == len(pairs)
    bins = whatif.histogram(everybody)
    assert sum(one.customers for one in bins) == len(pairs)
    assert sum(one.customers for one in bins if one.side < 0) == told.winners
    ordered = whatif.in_order(everybody)
    assert [one.sums.more for one in ordered] == sorted(one.sums.more for one in everybody)


def page(*customers: OfCustomer, left_out: int = 0) -> str:
    prices = [OfPrice("basic", "fee", "EUR", State.PRICED, "", Of(1, 100, 90))] * bool(customers)
    out = [OfPrice("old", "fee", "USD", State.REFUSED, "usage.archived", Of(1, 123456, 0))]
    found = Simulation(date(2026, 1, 1), date(2026, 2, 1), whatif.in_order(customers), prices,
                       out * left_out, [])  # fmt: skip
    return simulation_page.page(found, "Under <new>", 1)


def test_the_page_names_the_first_on_each_side_and_escapes_them() -> None:
    told = page(customer(1000, 800, "a"), customer(1000, 900, "b"), customer(1000, 1300, "c"),
                customer(1000, 1100, "d"), customer(1000, 1000, "e"))  # fmt: skip
    assert "Under &lt;new&gt;" in told
    assert "&lt;a&gt;" in told
    assert "&lt;c&gt;" in told
    assert "&lt;b&gt;" not in told
    assert "&lt;d&gt;" not in told
    assert told.count("<rect") == 11
    assert "−20.0 %" in told
    assert "Left out" not in told


def test_the_page_says_when_there_is_nothing_and_what_is_left_out() -> None:
    told = page(left_out=1)
    assert "Nothing that was billed for these days can be compared" in told
    assert "can&#39;t be priced: usage.archived" in told
    assert "1\u202f234.56 USD" in told


def test_somebody_is_always_to_be_seen() -> None:
    crowd = [customer(100, 100)] * 10_000
    found = simulation_page.bars(whatif.histogram([*crowd, customer(100, 101)]))
    assert [bar.height for bar in found if bar.customers] == [230, 3]
