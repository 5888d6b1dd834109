"""References: creditor references by ISO 11649, and what people write when they name an invoice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycent.kernel.errors import Invalid
from everycent.payments.references import (
    Mention,
    Spelling,
    creditor_reference,
    creditor_references,
    invoice_name,
)

SPELLING = Spelling(["INV", "A2026"])


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("539007547034", "RF18539007547034"),  # the example that ISO 11649 is usually shown with
        ("2348231", "RF712348231"),
        ("INV-000012", "RF63INV000012"),
        ("inv-000012", "RF63INV000012"),
    ],
)
def test_a_creditor_reference_has_the_check_digits_of_the_name(name, reference):
    assert creditor_reference(name) == reference


@pytest.mark.parametrize("name", ["", "---", "ABCDEFGHIJ-123456789012"])
def test_a_name_that_fits_no_creditor_reference_is_refused(name):
    with pytest.raises(Invalid) as refused:
        creditor_reference(name)
    assert refused.value.code == "bank.reference"


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "RF",
        "RF62INV000012",
        "RF63INV000013",
        "RF18539007547034",
        "XX63INV000012",
        "RF63INV-000012",
    ],
)
def test_what_is_no_creditor_reference_of_an_invoice_is_refused(reference):
    with pytest.raises(Invalid):
        invoice_name(reference)


@given(
    st.from_regex(r"[A-Z0-9]{0,9}[A-Z]", fullmatch=True), st.integers(0, 10**9), st.integers(4, 30)
)
def test_a_name_comes_back_from_its_creditor_reference_however_it_is_grouped(series, number, group):
    name = f"{series}-{number:06d}"
    reference = creditor_reference(name)
    grouped = " ".join(reference[n : n + group] for n in range(0, len(reference), group))
    assert invoice_name(grouped.lower()) == name
    assert reference in creditor_references(f"pay {grouped}, please")
    assert reference in creditor_references(f"{grouped} thank you")


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("INV-000012", [("INV", 12, True)]),
        ("inv000012", [("INV", 12, True)]),
        ("Inv 000012 of March", [("INV", 12, True)]),
        ("INV_000012", [("INV", 12, True)]),
        ("payment/INV-000012/acme", [("INV", 12, True)]),
        ("INV-000012 13.50 EUR", [("INV", 12, True)]),
        ("INV-1234567", [("INV", 1234567, True)]),
        ("A2026-000007", [("A2026", 7, True)]),
        ("INV 12", [("INV", 12, False)]),
        ("INV12", [("INV", 12, False)]),
        ("inv. no. 12", [("INV", 12, False)]),
        ("INV#12", [("INV", 12, False)]),
        ("Invoice 12 and 13", [(None, 12, False), (None, 13, False)]),
        ("Invoices: 12, 13 & 14", [(None, 12, False), (None, 13, False), (None, 14, False)]),
        ("Rechnung Nr. 12 und 13", [(None, 12, False), (None, 13, False)]),
        ("Facture n° 12", [(None, 12, False)]),
        ("Račun br. 12", [(None, 12, False)]),
        ("INV-000012/13", [("INV", 12, True), ("INV", 13, False)]),
        ("INV 12; INV 13; INV 12", [("INV", 12, False), ("INV", 13, False)]),
        ("Invoice no INV-000012", [("INV", 12, True)]),
        ("", []),
        ("12", []),
        ("XINV-000012", []),
        ("INV-000012X", []),
        ("INV-00001234567890123456", []),
        ("Invoice 12.03.2026", []),
        ("Invoice of 2026-03-12", []),
        ("Invoice 2026-03", []),
        ("Invoicing 12", []),
        ("invoice ١٢", []),
    ],
)
def test_an_invoice_is_found_in_every_usual_spelling_and_nothing_else_is(text, mentions):
    assert SPELLING.mentions(text) == [Mention(*mention) for mention in mentions]


@given(st.text(st.sampled_from("INV invoce-0123456789/.,&+ RF\n"), max_size=400))
def test_whatever_is_written_only_its_own_digits_are_found(text):
    for mention in SPELLING.mentions(text):
        assert str(mention.number) in text


@pytest.mark.parametrize(
    "text", ["INV " * 5000, "INV-" + "1" * 50_000, "invoice 1," * 5000, "RF12 A " * 9000]
)
def test_a_hostile_text_takes_no_time(text):
    SPELLING.mentions(text)
    list(creditor_references(text))
