"""docs/bank-files.md: its table of names is what is found, and its table of returns is complete."""

import re
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest

from everycent.integrations.bank_camt import FORMS
from everycent.integrations.bank_sepa import Version
from everycent.payments.matching import Certainty, match
from everycent.payments.open_items import OpenInvoice
from everycent.payments.returns import codes, failure_of, meaning_of
from everycent.payments.statement import StatementEntry

PAGE = (Path(__file__).parents[3] / "docs" / "bank-files.md").read_text("utf-8")
DAY = date(2026, 3, 2)
OPEN = [
    OpenInvoice(UUID(int=number), f"INV-{number:06d}", UUID(int=99), "a", "A", 100, "EUR", DAY)
    for number in range(1, 40)
]
NAMES = re.findall(r"^\| `(.+)` \| ([0-9, ]+|none) \| (in full|short|) ?\|$", PAGE, re.MULTILINE)
RETURNS = re.findall(r"^\| `([A-Z0-9]{4})` \| `(\w+)` \| (.+) \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("text", "numbers", "form"), NAMES)
def test_an_invoice_is_named_as_the_page_says(text, numbers, form):
    expected = [] if numbers == "none" else [int(number) for number in numbers.split(", ")]
    paid = StatementEntry(100 * len(expected) or 100, "EUR", True, DAY, None, "B", "B", text=text)
    (found,) = match([paid], OPEN)
    assert sorted(share.invoice_id.int for share in found.allocations) == expected
    (less,) = match([paid._replace(amount=1)], OPEN)
    expected_answer = {"in full": "certain", "short": "proposed", "": "unmatched"}[form]
    assert less.certainty is Certainty(expected_answer)


def test_the_page_lists_every_reason_with_its_failure_and_meaning():
    assert len(NAMES) == 11
    assert [(code, failure_of(code), meaning_of(code)) for code in codes()] == RETURNS


def test_the_page_names_every_message_and_version():
    for form in (*FORMS, *Version):
        message, _, version = form.partition(".001.")
        assert message in PAGE
        assert f"001.{version}" in PAGE
