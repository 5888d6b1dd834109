"""IBANs, creditor identifiers and BICs: what is taken, what is refused, and that check digits see slips."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycent.kernel.errors import Invalid
from everycent.payments import identifiers


@pytest.mark.parametrize(
    ("written", "iban"),
    [
        ("DE89 3704 0044 0532 0130 00", "DE89370400440532013000"),
        ("hr12 1001 0051 8630 0016 0", "HR1210010051863000160"),
        ("MT84MALT011000012345MTLCAST001S", "MT84MALT011000012345MTLCAST001S"),
        ("NO9386011117947", "NO9386011117947"),
    ],
)
def test_an_iban_is_taken_without_its_blanks(written, iban):
    assert identifiers.sepa_iban(written) == iban


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "two letters"),
        ("DE88370400440532013000", "check digits"),
        ("DE8937040044053201300", "DE has 22 signs"),
        ("DE89370400440532013000X", "DE has 22 signs"),
        ("DE8937040044053201300!", "two letters"),
        ("ＤＥ89370400440532013000", "two letters"),
        ("DE٨٩370400440532013000", "two letters"),
        ("1" * 5000, "two letters"),
    ],
)
def test_a_wrong_iban_is_refused_with_the_reason(written, why):
    with pytest.raises(Invalid, match=why) as refused:
        identifiers.sepa_iban(written, "debtor_iban")
    assert (refused.value.code, refused.value.field) == ("bank.iban", "debtor_iban")


def test_an_iban_of_a_country_outside_sepa_is_an_iban_but_can_t_be_collected_from():
    turkish = "TR330006100519786457841326"
    assert identifiers.iban(turkish) == turkish
    with pytest.raises(Invalid, match="TR are not within SEPA"):
        identifiers.sepa_iban(turkish)


@pytest.mark.parametrize(
    "written",
    ["DE98ZZZ09999999999", "de98 zzz 09999999999", "AT61ZZZ01234567890", "DE98ABC09999999999"],
)
def test_a_creditor_identifier_is_taken_whatever_its_branch_of_business(written):
    assert identifiers.creditor_id(written) == identifiers.compact(written)


@pytest.mark.parametrize("written", ["", "DE97ZZZ09999999999", "DE98ZZZ", "98DEZZZ09999999999"])
def test_a_wrong_creditor_identifier_is_refused(written):
    with pytest.raises(Invalid) as refused:
        identifiers.creditor_id(written)
    assert refused.value.code == "bank.creditor_id"


@pytest.mark.parametrize(
    ("written", "right"), [("cobadeff", True), ("COBADEFF XXX", True), ("C", False)]
)
def test_a_bic_has_8_or_11_signs(written, right):
    if right:
        assert identifiers.bic(written) == identifiers.compact(written)
    else:
        with pytest.raises(Invalid, match="8 or 11"):
            identifiers.bic(written)


SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@given(st.text(SIGNS, min_size=18, max_size=18), st.integers(0, 17), st.sampled_from(SIGNS))
def test_one_wrong_sign_never_passes_the_check_digits(body, place, sign):
    right = f"DE{identifiers.check_digits(body, 'DE')}{body}"
    assert identifiers.iban(right) == right
    wrong = right[: place + 4] + sign + right[place + 5 :]
    # A letter counts as two digits, which another letter or digit never equals modulo 97 in one place.
    if wrong != right and (sign.isdigit() == body[place].isdigit()):
        with pytest.raises(Invalid):
            identifiers.iban(wrong)
