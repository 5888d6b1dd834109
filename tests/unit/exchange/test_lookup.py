"""Which rate applies: the newest up to the day, by what may be worked out, and not older than it may be."""

from datetime import date

import pytest

from everycent.catalog.policies import Policies
from everycent.exchange.lookup import Rule, Wanted, deciding, found, pairs_of, rule_of, table_of
from everycent.exchange.rate import Pair, formula
from everycent.kernel.errors import Conflict
from tests.unit.exchange.made import quote


def march(day: int) -> date:
    return date(2026, 3, day)


TOLD = [
    quote("EUR/USD", "1.08", march(2)),
    quote("EUR/USD", "1.09", march(4)),
    quote("EUR/PLN", "4.20", march(2)),
    quote("EUR/PLN", "4.30", march(3)),
    quote("GBP/EUR", "1.20", march(2)),
    quote("USD/EUR", "0.90", march(2)),
]
TABLE = table_of(reversed(TOLD))


@pytest.mark.parametrize(
    # from, into, the day, what may be worked out            what is done
    ("of", "into", "day", "derived", "expected"),
    [
        ("EUR", "USD", 2, "none", "× 1.08"),
        ("EUR", "USD", 3, "none", "× 1.08"),      # the newest up to the day
        ("EUR", "USD", 4, "none", "× 1.09"),
        ("EUR", "USD", 9, "none", "× 1.09"),
        ("USD", "EUR", 2, "none", "× 0.90"),
        ("USD", "EUR", 4, "none", "× 0.90"),
        ("USD", "EUR", 2, "inverse", "× 0.90"),   # of one day the direct one
        ("USD", "EUR", 4, "inverse", "÷ 1.09"),   # a newer inverse before an older direct one
        ("PLN", "EUR", 5, "inverse", "÷ 4.30"),
        ("USD", "PLN", 2, "cross", "× 0.90 × 4.20"),
        ("USD", "PLN", 3, "cross", "× 0.90 × 4.20"),  # both of the 2nd: no rate of USD on the 3rd
        ("PLN", "USD", 4, "cross", "÷ 4.20 × 1.08"),
        ("GBP", "PLN", 4, "cross", "× 1.20 × 4.20"),
        ("EUR", "PLN", 3, "cross", "× 4.30"),
    ],
)  # fmt: skip
def test_the_newest_rate_up_to_the_day_applies(of, into, day, derived, expected):
    made = found(TABLE, Wanted(of, into, march(day)), Rule(7, derived, "EUR"))
    assert formula(made) == expected
    assert (made.of, made.into, made.day) == (of, into, march(day))


@pytest.mark.parametrize(
    ("of", "into", "day", "rule", "code"),
    [
        ("EUR", "USD", 1, Rule(7, "cross", "EUR"), "exchange.no_rate"),
        ("PLN", "EUR", 3, Rule(7, "none", "EUR"), "exchange.no_rate"),
        ("USD", "PLN", 3, Rule(7, "inverse", "EUR"), "exchange.no_rate"),
        ("USD", "PLN", 3, Rule(7, "cross", "GBP"), "exchange.no_rate"),
        ("EUR", "USD", 11, Rule(7, "none", "EUR"), None),
        ("EUR", "USD", 12, Rule(7, "none", "EUR"), "exchange.rate_too_old"),
        ("EUR", "USD", 4, Rule(0, "none", "EUR"), None),
        ("EUR", "USD", 5, Rule(0, "none", "EUR"), "exchange.rate_too_old"),
        ("USD", "PLN", 10, Rule(7, "cross", "EUR"), "exchange.rate_too_old"),
    ],
)
def test_what_is_not_there_or_too_old_is_refused(of, into, day, rule, code):
    wanted = Wanted(of, into, march(day))
    if code is None:
        found(TABLE, wanted, rule)
        return
    with pytest.raises(Conflict) as caught:
        found(TABLE, wanted, rule)
    assert caught.value.code == code


def test_a_rate_that_is_too_old_is_refused_with_its_day_and_the_bound():
    with pytest.raises(Conflict) as caught:
        found(TABLE, Wanted("EUR", "USD", march(31)), Rule(7, "none", "EUR"))
    assert str(caught.value) == (
        "the newest exchange rate from EUR into USD for 2026-03-31 is of 2026-03-04, and it may be 7"
        " days old"
    )


def test_the_policies_make_the_rule():
    assert rule_of(Policies()) == Rule(7, "inverse", "EUR")
    told = Policies(
        {"exchange.max_age_days": "31", "exchange.derived": "cross", "exchange.base": "GBP"}
    )
    assert rule_of(told) == Rule(31, "cross", "GBP")
    assert deciding(Policies()) == ("exchange.max_age_days", "exchange.derived")
    assert deciding(told)[-1] == "exchange.base"


@pytest.mark.parametrize(
    ("derived", "expected"),
    [
        ("none", {"USD/PLN"}),
        ("inverse", {"USD/PLN", "PLN/USD"}),
        ("cross", {"USD/PLN", "PLN/USD", "USD/EUR", "EUR/USD", "EUR/PLN", "PLN/EUR"}),
    ],
)
def test_the_pairs_that_may_be_needed_are_known_beforehand(derived, expected):
    wanted = [Wanted("USD", "PLN", march(2)), Wanted("USD", "PLN", march(3))]
    assert {str(pair) for pair in pairs_of(wanted, Rule(7, derived, "EUR"))} == expected
    assert all(isinstance(pair, Pair) for pair in pairs_of(wanted, Rule(7, derived, "EUR")))
