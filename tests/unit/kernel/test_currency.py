"""Currencies are those of ISO 4217, with their minor units and the day on which they ended."""

from datetime import date

import pytest

from everycent.kernel import currency
from everycent.kernel.errors import Invalid


@pytest.mark.parametrize(
    ("code", "places"),
    [
        ("JPY", 0),
        ("KRW", 0),
        ("ISK", 0),
        ("CLP", 0),
        ("UGX", 0),
        ("XOF", 0),
        ("EUR", 2),
        ("USD", 2),
        ("HUF", 2),
        ("MRU", 2),
        ("XCG", 2),
        ("ZWG", 2),
        ("HRK", 2),
        ("BHD", 3),
        ("KWD", 3),
        ("TND", 3),
        ("CLF", 4),
        ("UYW", 4),
    ],
)
def test_a_currency_has_the_decimal_places_of_iso_4217(code, places):
    assert currency.exponent(code) == places


@pytest.mark.parametrize(
    "code", ["", "eur", "EURO", " EUR", "EUR\n", "XXX", "XAU", "XTS", "ＥＵＲ", "E" * 500]
)
def test_a_code_that_nobody_can_be_billed_in_is_refused(code):
    with pytest.raises(Invalid) as refused:
        currency.exponent(code)
    assert refused.value.code == "currency.unknown"
    assert refused.value.field == "currency"
    assert len(refused.value.message) < 80


@pytest.mark.parametrize(
    ("code", "last_day", "first_day_without"),
    [
        ("HRK", "2022-12-31", "2023-01-01"),
        ("BGN", "2025-12-31", "2026-01-01"),
        ("ANG", "2025-06-30", "2025-07-01"),
        ("EEK", "2010-12-31", "2011-01-01"),
    ],
)
def test_a_withdrawn_currency_is_refused_from_its_end_on(code, last_day, first_day_without):
    currency.check_in_use(code, date.fromisoformat(last_day))
    with pytest.raises(Invalid) as refused:
        currency.check_in_use(code, date.fromisoformat(first_day_without))
    assert refused.value.code == "currency.withdrawn"
    assert first_day_without in refused.value.message


def test_a_currency_in_use_is_accepted_and_an_unknown_one_is_not():
    currency.check_in_use("EUR", date(2026, 1, 1))
    with pytest.raises(Invalid) as refused:
        currency.check_in_use("XXX", date(2026, 1, 1))
    assert refused.value.code == "currency.unknown"


def test_every_code_is_three_capitals_and_listed_once_in_order():
    codes = currency.codes()
    assert codes == sorted(set(codes))
    assert all(len(code) == 3 and code.isascii() and code.isupper() for code in codes)
    assert len(codes) > 160
