"""A document in the home currency, worked out by hand: each amount converted exactly and rounded once."""

from dataclasses import dataclass

import msgspec
import pytest

from everycent.invoicing.home import at_home, exchange_of, parts_of
from everycent.invoicing.invoice import Correction, HomePart
from everycent.kernel import ids
from everycent.kernel.money import Rounding
from tests.unit.exchange.made import exchange
from tests.unit.invoicing.made import DUE_AT, drafted, due, tax

HALF_UP, DOWN = Rounding.HALF_UP, Rounding.DOWN


@dataclass
class Way:
    """How one currency becomes another."""

    into: str
    quotes: list[tuple[str, str]]

    def of(self, currency: str):
        return exchange(currency, self.into, *self.quotes)


EUR = Way("EUR", [("EUR/USD", "1.0842")])
YEN = Way("EUR", [("EUR/JPY", "162.35")])
DINAR = Way("EUR", [("KWD/EUR", "3.0012")])
ZLOTY = Way("PLN", [("EUR/PLN", "4.253")])
OVER = Way("PLN", [("EUR/USD", "1.0842"), ("EUR/PLN", "4.2553")])


@pytest.mark.parametrize(
    # the net in its currency, with 25 % of tax; the rates; the rounding → net, tax, rounding, gross
    ("amount", "currency", "way", "mode", "expected"),
    [
        # 100 ÷ 1.0842 = 92.2339, 25 ÷ 1.0842 = 23.0585, 125 ÷ 1.0842 = 115.2924
        ("100", "USD", EUR, HALF_UP, (9223, 2306, 0, 11529)),
        # 4.253, 1.06325, 5.31625: the parts, each rounded, miss the gross by a cent
        ("1", "EUR", ZLOTY, HALF_UP, (425, 106, 1, 532)),
        ("1", "EUR", ZLOTY, DOWN, (425, 106, 0, 531)),
        ("-1", "EUR", ZLOTY, HALF_UP, (-425, -106, -1, -532)),
        # 1000 yen and 250 of tax: 6.15953, 1.53988, 7.69941
        ("1000", "JPY", YEN, HALF_UP, (616, 154, 0, 770)),
        # 10.000 dinars and 2.500: 30.012, 7.503, 37.515
        ("10", "KWD", DINAR, HALF_UP, (3001, 750, 1, 3752)),
        # into yen: 9.90 × 162.35 = 1607.265; 2.48 × 162.35 = 402.628; 12.38 × 162.35 = 2009.893
        ("9.90", "EUR", Way("JPY", [("EUR/JPY", "162.35")]), HALF_UP, (1607, 403, 0, 2010)),
        # into dinars: 9.90 × 0.3332 = 3.29868; 2.48 × 0.3332 = 0.826336; 12.38 × 0.3332 = 4.125016
        ("9.90", "EUR", Way("KWD", [("EUR/KWD", "0.3332")]), HALF_UP, (3299, 826, 0, 4125)),
        # over the euro: 425.53 ÷ 1.0842 = 392.4829; 106.3825 ÷ 1.0842 = 98.1207; 490.6037
        ("100", "USD", OVER, HALF_UP, (39248, 9812, 0, 49060)),
    ],
)  # fmt: skip
def test_a_document_is_told_in_the_home_currency(amount, currency, way, mode, expected):
    document = drafted(due(amount, currency=currency), currency=currency)
    home = at_home(document, (HomePart(way.of(currency)),), way.into, mode)
    assert (home.net, home.tax, home.rounding, home.gross) == expected
    assert home.currency == way.into
    ((category, percent, base, taxed),) = [
        (tax.category, tax.percent, tax.base, tax.amount) for tax in home.taxes
    ]
    assert (category, percent, base, taxed) == ("vat", "25", expected[0], expected[1])


def test_every_tax_is_rounded_for_itself():
    taxes = {"a": tax("a", ("2015-01-01", "20")), "b": tax("b", ("2015-01-01", "5"))}
    document = drafted(due("10", "a", currency="USD"), due("30", "b", currency="USD", item_no=2),
                       taxes=taxes, currency="USD")  # fmt: skip
    home = at_home(document, (HomePart(EUR.of("USD")),), "EUR", HALF_UP)
    # 10 ÷ 1.0842 = 9.2234, 2 ÷ 1.0842 = 1.8447; 30 ÷ 1.0842 = 27.6702, 1.50 ÷ 1.0842 = 1.3835
    assert [(t.category, t.base, t.amount) for t in home.taxes] == [
        ("a", 922, 184),
        ("b", 2767, 138),
    ]
    # 40 ÷ 1.0842 = 36.8936; 43.50 ÷ 1.0842 = 40.1217
    assert (home.net, home.tax, home.rounding, home.gross) == (3689, 322, 1, 4012)


def mixed():
    """100 for itself, and 40 given back of a line of another document."""
    document = drafted(
        due("100", currency="USD"), due("-40", currency="USD", item_no=2), currency="USD"
    )
    own, other = document.lines
    corrects = Correction("INV-000001", ids.derived("before"), 7, 1, 0, DUE_AT)
    lines = (own, msgspec.structs.replace(other, corrects=corrects))
    return document._replace(lines=lines)


def test_what_is_corrected_keeps_the_rate_of_its_document():
    document = mixed()
    now = exchange("USD", "EUR", ("EUR/USD", "1.10"))
    then = exchange("USD", "EUR", ("EUR/USD", "1.00"))
    parts = parts_of(document.lines, now, {(ids.derived("before"), 7): then})
    assert parts == (HomePart(now, (1,)), HomePart(then, (2,)))
    assert [exchange_of(parts, number) for number in (1, 2)] == [now, then]
    home = at_home(document, parts, "EUR", HALF_UP)
    # net 100 ÷ 1.1 − 40 = 50.9091; tax 25 ÷ 1.1 − 10 = 12.7273; gross 125 ÷ 1.1 − 50 = 63.6364
    assert (home.net, home.tax, home.rounding, home.gross) == (5091, 1273, 0, 6364)
    assert home.taxes[0].base == 5091


@pytest.mark.parametrize(
    ("corrected", "own", "expected"),
    [
        (False, "now", [("now", ())]),      # no line corrects anything that has a rate
        (True, None, [("then", (2,))]),
    ],
)  # fmt: skip
def test_lines_without_a_rate_of_another_document_have_that_of_their_own(corrected, own, expected):
    rates = {
        "now": exchange("USD", "EUR", ("EUR/USD", "1.10")),
        "then": exchange("USD", "EUR", ("EUR/USD", "1.00")),
    }
    before = {(ids.derived("before"), 7): rates["then"]} if corrected else {}
    lines = mixed().lines if own else mixed().lines[1:]
    found = parts_of(lines, rates.get(own), before)
    told = [(next(k for k, v in rates.items() if v == p.exchange), p.lines) for p in found]
    assert told == [(name, () if len(expected) == 1 else numbers) for name, numbers in expected]
