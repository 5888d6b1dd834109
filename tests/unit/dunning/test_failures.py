"""The tenant's own rules for failures, as a file says them."""

import pytest

from everycent.charging.policy import DEFAULT, Rule, Then
from everycent.dunning import document
from everycent.dunning.schedule import Schedule
from everycent.dunning.terms import NOTHING_SET, Terms, policy_of
from everycent.kernel.errors import Invalid
from everycent.payments.failure import Failure

DAY = 86_400
TEXT = """
schedule: {cron: "0  7 1,15 * *", time_zone: Europe/Zagreb}
failures:
  declined: {then: retry, delays: [2d, 5d, 7d, 7d], finally: ask_customer}
  unreachable: {then: retry, delays: [30s, 5m, 2h], most: 20}
  currency_refused: {then: ask_customer}
groups:
  enterprise:
    failures:
      declined: {then: ask_operator}
"""


def test_an_empty_file_is_what_the_product_does_by_itself():
    assert document.parse("") == NOTHING_SET == Terms()
    assert policy_of(NOTHING_SET, "any") == DEFAULT
    assert NOTHING_SET.schedule == Schedule("0 6 1 * *", "UTC")


def test_a_group_s_rule_comes_before_the_tenant_s_and_that_before_the_product_s():
    terms = document.parse(TEXT)
    assert terms.schedule == Schedule("0 7 1,15 * *", "Europe/Zagreb")
    usual, special = policy_of(terms, None), policy_of(terms, "enterprise")
    days = tuple(n * DAY for n in (2, 5, 7, 7))
    assert usual.rules[Failure.DECLINED] == Rule(Then.RETRY, days, 5, Then.ASK_CUSTOMER)
    assert usual.rules[Failure.UNREACHABLE] == Rule(Then.RETRY, (30, 300, 7200), 20)
    assert special.rules[Failure.DECLINED] == Rule(Then.ASK_OPERATOR)
    assert special.rules[Failure.CURRENCY_REFUSED] == Rule(Then.ASK_CUSTOMER)
    assert policy_of(terms, "others") == usual
    assert usual.rules[Failure.EXPIRED_METHOD] == DEFAULT.rules[Failure.EXPIRED_METHOD]
    assert usual.rules.keys() == DEFAULT.rules.keys()


@pytest.mark.parametrize(
    ("text", "place", "code"),
    [
        ("failures: {timed_out: {then: retry, delays: [1d]}}", "failures.timed_out",
         "catalog.wrong_value"),
        ("failures: {amount_mismatch: {then: nothing}}", "failures.amount_mismatch",
         "catalog.wrong_value"),
        ("failures: {declined: {then: retry}}", "failures.declined.delays", "catalog.wrong_value"),
        ("failures: {declined: {then: retry, delays: [3 days]}}", "failures.declined.delays",
         "catalog.wrong_value"),
        ("failures: {declined: {then: retry, delays: [367d]}}", "failures.declined.delays",
         "catalog.wrong_value"),
        ("failures: {declined: {then: retry, delays: [1d], most: 1}}", "failures.declined.most",
         "catalog.wrong_value"),
        ("failures: {declined: {then: retry, delays: [1d], finally: retry}}",
         "failures.declined.finally", "catalog.wrong_value"),
        ("failures: {declined: {then: nothing, most: 3}}", "failures.declined",
         "catalog.wrong_value"),
        ("failures: {declined_for_good: {then: retry, delays: [1d]}}",
         "failures.declined_for_good.then", "catalog.wrong_value"),
        ("failures: {unreachable: {then: other_method}}", "failures.unreachable.then",
         "catalog.wrong_value"),
        ("failures: {declined: {then: pray}}", "failures.declined.then", "catalog.wrong_shape"),
        ("failures: {decline: {then: retry}}", "failures.decline", "catalog.wrong_value"),
        ("groups: {a: {rules: {}}}", "groups.a", "catalog.wrong_shape"),
        ("schedule: {cron: '0 6 31 2 *'}", "schedule", "dunning.cron_never"),
        ("schedule: {cron: '* *'}", "schedule", "dunning.bad_cron"),
        ("schedule: {}\nschedule: {}", "schedule", "catalog.key_twice"),
        ("shedule: {}", None, "catalog.wrong_shape"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_its_place(text, place, code):
    with pytest.raises(Invalid) as refusal:
        document.parse(text)
    assert (refusal.value.field, refusal.value.code) == (place, code)
    assert "catalog.md" not in (refusal.value.hint or "")
