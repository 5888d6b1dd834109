"""Files of exchange rates: the table of the ECB in both forms, a plain one, and what is neither."""

from datetime import date

import pytest

from everycent.exchange.rate import Pair, Told
from everycent.integrations.exchange_files import Limits, parse
from everycent.kernel.errors import Invalid

USD, JPY, BGN = (Pair("EUR", code) for code in ("USD", "JPY", "BGN"))
SECOND, THIRD = date(2026, 3, 2), date(2026, 3, 3)

HISTORY = """Date,USD,JPY,BGN,ROL,
2026-03-03,1.0900,161.9,N/A,N/A,
2026-03-02,1.0842,162.35,1.9558,,
"""
DAILY = "Date, USD, JPY, \n02 March 2026, 1.0842, 162.35, \n"
PLAIN = "date,from,to,rate\n2026-03-02,EUR,USD,1.0842\n\n2026-03-02,USD,EUR,0.9223\n"


@pytest.mark.parametrize(
    ("text", "limits", "expected"),
    [
        (HISTORY, Limits(), [(USD, THIRD, "1.09"), (JPY, THIRD, "161.9"), (USD, SECOND, "1.0842"),
                             (JPY, SECOND, "162.35"), (BGN, SECOND, "1.9558")]),
        ("\ufeff" + HISTORY, Limits(frozenset({"USD"})), [(USD, THIRD, "1.09"), (USD, SECOND, "1.0842")]),
        (HISTORY, Limits(since=THIRD), [(USD, THIRD, "1.09"), (JPY, THIRD, "161.9")]),
        (DAILY, Limits(), [(USD, SECOND, "1.0842"), (JPY, SECOND, "162.35")]),
        (PLAIN, Limits(), [(USD, SECOND, "1.0842"), (Pair("USD", "EUR"), SECOND, "0.9223")]),
        ("Date,USD\r\n2026-03-02,1\r\n", Limits(), [(USD, SECOND, "1")]),
        ("date,from,to,rate\n", Limits(), []),
    ],
)  # fmt: skip
def test_the_rates_of_a_file_are_read(text, limits, expected):
    assert parse(text, limits).told == [Told(*told) for told in expected]


def test_currencies_that_are_not_known_here_are_left_out_and_named():
    assert parse(HISTORY).unknown == ("ROL",)
    assert parse(PLAIN).unknown == ()


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("", "exchange.unknown_layout", "neither layout"),
        ("day,from,to,rate\n", "exchange.unknown_layout", "neither layout"),
        ("Date\n2026-03-02\n", "exchange.unknown_layout", "neither layout"),
        ("Date,usd\n2026-03-02,1\n", "exchange.unknown_layout", "neither layout"),
        ('Date,"USD\n', "exchange.unknown_layout", "not CSV"),
        ("Date,USD\n2026-03-02,1,2,3\n", "exchange.wrong_line", "line 2: it has 4 cells"),
        ("Date,USD\n2026-03-02,1\n2026-13-02,1\n", "exchange.wrong_line", "line 3: '2026-13-02'"),
        ("Date,USD\n2026-03-02,-1\n", "exchange.wrong_line", "line 2: -1 can't be a rate"),
        ("Date,USD\n2026-03-02,1e99999\n", "exchange.wrong_line", "line 2"),
        (PLAIN + "2026-03-02,EUR,EUR,1\n", "exchange.wrong_line", "line 5: 'EUR/EUR'"),
        (PLAIN + "2026-03-02,EUR,XXQ,1\n", "exchange.wrong_line", "line 5: 'XXQ'"),
        (PLAIN + "2026-03-02,EUR,USD\n", "exchange.wrong_line", "line 5: it has 3 cells"),
    ],
)
def test_what_is_no_file_of_rates_is_refused_with_its_line(text, code, said):
    with pytest.raises(Invalid) as caught:
        parse(text)
    assert caught.value.code == code
    assert said in str(caught.value)
