"""What docs/stripe.md says of codes, events, currencies and test methods is what the code does."""

import re
from pathlib import Path

import pytest

from everycent.fakes.stripe_cards import CARDS
from everycent.integrations import provider_stripe
from everycent.integrations.stripe_amounts import Scale, scale
from everycent.integrations.stripe_codes import CODES
from everycent.integrations.stripe_notices import EVENTS
from everycent.kernel.currency import exponent
from everycent.payments.failure import Failure

STEPS = {"": 1, "which must be 00": 100, "the last must be 0": 10}
PAGE = Path("docs/stripe.md").read_text("utf-8")


def rows(heading):
    """The cells of each row of the table under a heading."""
    after = PAGE[PAGE.index(heading) :]
    table = re.search(r"(?:^ *\|.*\n)+", after, re.MULTILINE)[0]
    lines = [line.strip().strip("|").split("|") for line in table.strip().splitlines()[2:]]
    return [[cell.strip() for cell in line] for line in lines]


def quoted(text):
    """The words in backquotes; one that begins with a dot or an ellipsis goes on where the first ended."""
    words = re.findall(r"`([^`]+)`", text)
    first = words[0] if words else ""
    stem = first.rpartition(".")[0] or re.sub(r"_success$", "", first)
    return [re.sub(r"^(…|(?=\.))", stem, word) for word in words]


def test_the_events_to_subscribe_to_are_the_ones_that_are_read():
    named = [word for row in rows("A **webhook endpoint**") for word in quoted(row[0])]
    assert sorted(named) == sorted(EVENTS)


@pytest.mark.parametrize(("told", "codes"), rows("Codes, with the decline code"))
def test_codes_have_the_failure_that_the_page_says(told, codes):
    failure = Failure(told.replace(" ", "_"))
    named = [code for code in quoted(codes) if code != "do_not_try_again"]
    assert named
    assert {CODES[code] for code in named} == {failure}


@pytest.mark.parametrize("row", rows("Amounts are counted")[:-1])
def test_currencies_are_counted_as_the_page_says(row):
    for currency in re.findall(r"[A-Z]{3}", row[0]):
        there = scale(currency)
        if "not listed" in row[2]:
            assert there is None
            continue
        assert str(exponent(currency)) == row[1].split()[0]
        assert str(there.decimals) == row[2].split(",")[0]
        assert there.step == STEPS[row[2].partition(", ")[2]]


def test_other_currencies_have_two_decimals_as_the_page_says():
    assert [scale(currency) for currency in ("EUR", "HUF", "TWD")] == [Scale(2, 1)] * 3


def test_every_test_method_is_on_the_page():
    named = {word for row in rows("## A Stripe to try") for word in quoted(row[0])}
    assert named == set(CARDS)


def test_the_limits_are_those_of_the_adapter():
    assert f"({provider_stripe.DEADLINE.seconds} s)" in PAGE
    assert f"{provider_stripe.IDEMPOTENT_FOR.seconds // 3600} hours of the first" in PAGE
    assert provider_stripe.LATEST_COMMIT.total_seconds() == 3600
    assert "an hour after the last request" in PAGE
