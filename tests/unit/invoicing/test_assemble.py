"""Invoices out of charges: numbered lines, the day of supply, the rates, the sums and their limits."""

from datetime import date, timedelta

import msgspec
import pytest

from everycent.invoicing.assemble import finished, refuse_currency
from everycent.invoicing.invoice import Invoice, TaxAmount, name_of
from everycent.kernel import ids
from everycent.kernel.canonical import encode
from everycent.kernel.errors import Conflict, Invalid
from everycent.kernel.money import Rounding
from tests.unit.invoicing.made import ANA, DUE_AT, JANUARY, days, drafted, due, tax

CHANGING = {"vat": tax("vat", ("2015-01-01", "25"), ("2026-07-01", "20"))}


def test_an_invoice_numbers_its_lines_and_adds_up():
    made = drafted(due("10"), due("0.33", item_no=2), due("5", "none", item_no=3))
    assert [
        (line.line_no, line.item_no, line.tax_percent, line.charge.net) for line in made.lines
    ] == [
        (1, 1, "25", 1000),
        (2, 2, "25", 33),
        (3, 3, None, 500),
    ]
    assert {(line.starts_at, line.ends_at) for line in made.lines} == {JANUARY}
    assert made.taxes == (TaxAmount("vat", "25", date(2015, 1, 1), Rounding.HALF_UP, 1033, 258),)
    assert (made.net, made.tax, made.gross) == (1533, 258, 1791)
    assert (made.customer, made.currency, made.due_at) == (ANA, "EUR", DUE_AT)


@pytest.mark.parametrize(
    ("first", "last", "in_advance", "percent"),
    [
        (date(2026, 6, 1), date(2026, 7, 1), False, "25"),
        (date(2026, 6, 1), date(2026, 7, 2), False, "20"),
        (date(2026, 7, 1), date(2026, 8, 1), False, "20"),
        (date(2026, 6, 30), date(2026, 7, 30), True, "25"),
        (date(2026, 7, 1), date(2026, 8, 1), True, "20"),
        (date(2026, 1, 1), date(2027, 1, 1), False, "20"),
        (date(2026, 1, 1), date(2027, 1, 1), True, "25"),
    ],
)
def test_the_rate_is_that_of_the_last_day_or_of_the_first_in_advance(
    first, last, in_advance, percent
):
    made = drafted(due("100", period=days(first, last), in_advance=in_advance), taxes=CHANGING)
    assert [(t.percent, t.amount) for t in made.taxes] == [(percent, int(percent) * 100)]


def test_a_change_of_the_rate_makes_two_amounts_on_one_invoice():
    june, july = (
        days(date(2026, 6, 1), date(2026, 7, 1)),
        days(date(2026, 7, 1), date(2026, 8, 1)),
    )
    made = drafted(
        due("100", period=june), due("100", period=july, in_advance=True, item_no=2), taxes=CHANGING
    )
    assert [(t.percent, t.base, t.amount) for t in made.taxes] == [
        ("25", 10000, 2500),
        ("20", 10000, 2000),
    ]
    assert made.gross == 24500


def test_a_renewed_rate_makes_one_amount_on_one_invoice():
    renewed = {"vat": tax("vat", ("2015-01-01", "25"), ("2026-07-01", "25"))}
    june, july = (
        days(date(2026, 6, 1), date(2026, 7, 1)),
        days(date(2026, 7, 1), date(2026, 8, 1)),
    )
    made = drafted(
        due("0.33", period=june), due("0.33", period=july, in_advance=True), taxes=renewed
    )
    assert [(t.percent, t.base, t.amount) for t in made.taxes] == [("25", 66, 17)]


@pytest.mark.parametrize("taxes", [{}, {"vat": tax("vat", ("2026-02-01", "25"))}])
def test_a_line_without_a_rate_on_its_day_is_refused(taxes):
    with pytest.raises(Conflict) as refused:
        drafted(due("1", "none"), due("10"), taxes=taxes)
    assert refused.value.code == "tax.no_rate"
    assert "2026-01-31" in refused.value.message


@pytest.mark.parametrize(
    ("amounts", "taxes"),
    [
        (("10", "0.33", "7.77"), None),
        (("0.02",), None),
        (("-0.02", "0.06"), None),
        (("1", "2.5"), CHANGING),
    ],
)
def test_negative_lines_mirror_positive_ones_exactly(amounts, taxes):
    plus = drafted(*(due(amount) for amount in amounts), taxes=taxes)
    minus = drafted(*(due(negated(a)) for a in amounts), taxes=taxes)
    assert (minus.net, minus.tax, minus.gross) == (-plus.net, -plus.tax, -plus.gross)
    assert [(t.base, t.amount) for t in minus.taxes] == [(-t.base, -t.amount) for t in plus.taxes]


def negated(amount):
    return amount[1:] if amount.startswith("-") else f"-{amount}"


@pytest.mark.parametrize(
    ("currency", "amount", "net", "tax_amount", "places"),
    [
        ("JPY", "999.5", 1000, 250, 0),
        ("JPY", "2", 2, 1, 0),
        ("EUR", "9.995", 1000, 250, 2),
        ("BHD", "1.0005", 1001, 250, 3),
        ("KWD", "0.002", 2, 1, 3),
        ("CLF", "1.00005", 10001, 2500, 4),
    ],
)
def test_a_currency_has_its_own_smallest_unit(currency, amount, net, tax_amount, places):
    made = drafted(due(amount, currency=currency), currency=currency)
    assert (made.net, made.tax, made.gross) == (net, tax_amount, net + tax_amount)
    invoice = finished(made, ids.derived("i"), 7, date(2026, 2, 1), 14, None)
    assert (invoice.currency, invoice.places) == (currency, places)


LARGE = "9999999999999999.99"


@pytest.mark.parametrize(
    "charges",
    [
        (due(LARGE, "none"), due("0.01", "none")),
        (due(LARGE, "none"), due(LARGE, "none")),
        (due(LARGE),),
        (due(f"-{LARGE}"),),
        (due(LARGE), due(LARGE), due(LARGE), due(LARGE)),
        (due(LARGE), due(LARGE), due(f"-{LARGE}", "none"), due(f"-{LARGE}", "none")),
    ],
)
def test_sums_that_can_not_be_booked_are_refused(charges):
    full = {"vat": tax("vat", ("2015-01-01", "100"))}
    with pytest.raises(Invalid) as refused:
        drafted(*charges, taxes=full)
    assert refused.value.code == "money.too_large"


def test_large_lines_that_cancel_out_are_billed():
    made = drafted(due(LARGE, "none"), due(f"-{LARGE}", "none"))
    assert (made.net, made.gross) == (0, 0)


def test_the_finished_invoice_takes_its_number_and_dates():
    made = drafted(due("10"))
    invoice = finished(made, ids.derived("i"), 42, date(2026, 2, 1), 14, ids.derived("run"))
    assert (invoice.series, invoice.number, invoice.name) == ("INV", 42, "INV-000042")
    assert (invoice.issued_on, invoice.due_on) == (date(2026, 2, 1), date(2026, 2, 15))
    assert (invoice.lines, invoice.taxes, invoice.gross) == (made.lines, made.taxes, 1250)
    assert msgspec.json.decode(encode(invoice), type=Invoice) == invoice


@pytest.mark.parametrize(
    ("number", "name"), [(1, "INV-000001"), (999999, "INV-999999"), (1000000, "INV-1000000")]
)
def test_a_number_is_printed_with_its_series(number, name):
    assert name_of("INV", number) == name


@pytest.mark.parametrize(
    ("currency", "code"), [("HRK", "currency.withdrawn"), ("XXX", "currency.unknown")]
)
def test_a_currency_out_of_use_is_told_and_not_raised(currency, code):
    day = date(2023, 1, 1)
    assert refuse_currency(currency, day).code == code
    assert refuse_currency("EUR", day) is None
    assert refuse_currency("HRK", day - timedelta(days=1)) is None
