"""Terms in the catalogue file, and those that a contract has in their place."""

from __future__ import annotations

import pytest

from everycent.catalog import own_term
from everycent.catalog.document import parse
from everycent.catalog.document_term import term
from everycent.catalog.term import Leaving, Term
from everycent.flows.proration_told import term_text
from everycent.kernel.errors import Invalid

FILE = """
products: {p: {name: P}}
plans:
  a: {currency: EUR, term: %s, prices: [{key: fee, product: p, flat: {amount: 1}}]}
"""
ANY = Leaving.ANY_TIME
OF_PLAN = Term("year", "month", "3 months", "60 days")


def in_file(text):
    return next(e.content for e in parse(FILE % text) if e.kind == "plan").term


@pytest.mark.parametrize(
    ("text", "expected", "told"),
    [
        ("{length: year}", Term("year", "year"), "year, then year by year"),
        ("{length: 2 years, renews: month, notice: month}", Term("2 years", "month", "month"),
         "2 years, then month by month, notice month"),
        ("{length: year, renews: never, reminder: 60 days}", Term("year", None, None, "60 days"),
         "year, then the contract ends, reminder 60 days before that"),
        ("{length: year, leave: any_time, decrease: end_of_term}",
         Term("year", "year", leave=ANY, downgrade=ANY, decrease=Leaving.END_OF_TERM),
         "year, then year by year, leave any time, decrease end of term"),
        ("{length: year, renews: never, leave: any_time, notice: 14 days}",
         Term("year", None, "14 days", leave=ANY, downgrade=ANY),
         "year, then the contract ends, notice 14 days, leave any time"),
    ],
)  # fmt: skip
def test_a_term_is_read(text, expected, told):
    assert in_file(text) == expected
    assert term_text(expected) == told


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        ("{}", "catalog.wrong_value", "plans.a.term.length"),
        ("{length: none}", "catalog.wrong_value", "plans.a.term.length"),
        ("{length: forever}", "interval.unknown", "plans.a.term.length"),
        ("{length: -1 year}", "interval.unknown", "plans.a.term.length"),
        ("{length: 0 days}", "interval.unknown", "plans.a.term.length"),
        ("{length: 99 years}", "catalog.wrong_value", "plans.a.term.length"),
        ("{length: 999999999 years}", "interval.unknown", "plans.a.term.length"),
        ("{length: year, renews: sometimes}", "interval.unknown", "plans.a.term.renews"),
        ("{length: year, renews: 120 years}", "catalog.wrong_value", "plans.a.term.renews"),
        ("{length: year, notice: soon}", "interval.unknown", "plans.a.term.notice"),
        ("{length: year, notice: never}", "interval.unknown", "plans.a.term.notice"),
        ("{length: year, reminder: 1e9 days}", "interval.unknown", "plans.a.term.reminder"),
        ("{length: year, renews: never, notice: month}", "catalog.wrong_value", "plans.a.term.notice"),
        ("{length: year, leave: sometimes}", "catalog.wrong_shape", "plans.a.term.leave"),
        ("{length: year, lenght: year}", "catalog.wrong_shape", "plans.a.term"),
        ("year", "catalog.wrong_shape", "plans.a.term"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_place(text, code, field):
    with pytest.raises(Invalid) as refused:
        in_file(text)
    assert (refused.value.code, refused.value.field) == (code, field)


@pytest.mark.parametrize(
    ("text", "of_plan", "expected"),
    [
        ("year", None, Term("year", "year")),
        ("2 years", OF_PLAN, Term("2 years", "month", "3 months", "60 days")),
        ("none", OF_PLAN, None),
        ("{renews: never}", OF_PLAN, Term("year", None, None, "60 days")),
        ("{notice: week, leave: any_time}", OF_PLAN,
         Term("year", "month", "week", "60 days", ANY, ANY)),
        ("{leave: any_time, downgrade: end_of_term}", OF_PLAN,
         Term("year", "month", "3 months", "60 days", ANY)),
        ("{length: month, renews: never}", None, Term("month", None)),
    ],
)  # fmt: skip
def test_a_contract_says_what_is_other_than_in_the_plan(text, of_plan, expected):
    assert term(own_term.parse(text, "term"), "term", of_plan) == expected


@pytest.mark.parametrize(
    ("text", "of_plan", "field"),
    [
        ("none", None, "term.length"),
        ("{renews: month}", None, "term.length"),
        ("[year]", OF_PLAN, "term"),
        ("{length: [year]}", OF_PLAN, "term.length"),
        ("{renews: never, notice: week}", OF_PLAN, "term.notice"),
    ],
)
def test_a_contract_can_not_say(text, of_plan, field):
    with pytest.raises(Invalid) as refused:
        term(own_term.parse(text, "term"), "term", of_plan)
    assert refused.value.field == field
