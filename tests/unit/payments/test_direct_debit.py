"""Direct debits: days, blocks and sums, what is written in other letters, what is refused."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycent.kernel.errors import Invalid
from everycent.payments import target
from everycent.payments.direct_debit import (
    Creditor,
    Debit,
    Scheme,
    Sequence,
    collection_day,
    prepared,
)
from everycent.payments.failure import Failure
from everycent.payments.names import latin
from everycent.payments.returns import codes, failure_of, meaning_of

SENT = date(2026, 3, 2)
SELLER = Creditor("Waterworks Ltd", "DE89370400440532013000", "DE98ZZZ09999999999")
DEBIT = Debit(
    reference="EC-0001",
    amount=1999,
    currency="EUR",
    mandate_id="M-77",
    signed_on=date(2025, 5, 1),
    sequence=Sequence.RECURRING,
    debtor_name="Ana Horvat",
    debtor_iban="HR1210010051863000160",
    remittance="INV-000012",
    collect_on=date(2026, 3, 5),
)


def made(*debits, seller=SELLER, message_id="M1", scheme=Scheme.CORE):
    return prepared(message_id, scheme, seller, debits, SENT)


@pytest.mark.parametrize(
    ("day", "is_open"),
    [
        (date(2026, 3, 2), True),
        (date(2026, 3, 7), False),
        (date(2026, 3, 8), False),
        (date(2026, 1, 1), False),
        (date(2026, 1, 6), True),
        (date(2026, 4, 3), False),
        (date(2026, 4, 6), False),
        (date(2026, 5, 1), False),
        (date(2026, 5, 14), True),
        (date(2026, 12, 24), True),
        (date(2026, 12, 25), False),
        (date(2023, 12, 26), False),
        (date(2024, 3, 29), False),
        (date(2024, 4, 1), False),
    ],
)
def test_a_target_day_is_no_weekend_and_none_of_its_six_holidays(day, is_open):
    assert target.is_target_day(day) is is_open


@pytest.mark.parametrize(
    ("wanted", "sent", "lead", "day"),
    [
        (date(2026, 3, 5), date(2026, 3, 2), 1, date(2026, 3, 5)),
        (date(2026, 3, 7), date(2026, 3, 2), 1, date(2026, 3, 9)),
        (date(2026, 3, 2), date(2026, 3, 2), 1, date(2026, 3, 3)),
        (date(2026, 3, 2), date(2026, 3, 6), 1, date(2026, 3, 9)),
        (date(2026, 3, 2), date(2026, 3, 7), 1, date(2026, 3, 9)),
        (date(2026, 3, 2), date(2026, 3, 2), 5, date(2026, 3, 9)),
        (date(2026, 4, 3), date(2026, 4, 2), 1, date(2026, 4, 7)),
        (date(2026, 12, 24), date(2026, 12, 24), 1, date(2026, 12, 28)),
    ],
)
def test_it_is_collected_on_the_first_target_day_that_leaves_the_banks_their_time(
    wanted, sent, lead, day
):
    assert collection_day(wanted, sent, lead) == day


@pytest.mark.parametrize("lead", [0, -1, 15])
def test_lead_days_have_limits(lead):
    with pytest.raises(Invalid) as refused:
        collection_day(SENT, SENT, lead)
    assert refused.value.code == "bank.lead_days"


def test_debits_are_put_into_blocks_by_day_and_sequence_in_an_order_of_their_own():
    later = DEBIT._replace(reference="EC-2", collect_on=date(2026, 3, 6), amount=1)
    first = DEBIT._replace(reference="EC-3", sequence=Sequence.FIRST, amount=2)
    again = DEBIT._replace(reference="EC-0000", amount=3)
    file = made(DEBIT, later, first, again)
    assert [(b.block_id, b.collect_on.day, b.sequence, b.total) for b in file.blocks] == [
        ("M1-1", 5, "FRST", 2),
        ("M1-2", 5, "RCUR", 2002),
        ("M1-3", 6, "RCUR", 1),
    ]
    assert [debit.reference for debit in file.blocks[1].debits] == ["EC-0000", "EC-0001"]
    assert (file.number, file.total) == (4, 2005)
    assert made(again, first, later, DEBIT) == file


def test_names_and_texts_are_written_in_sepa_s_characters_and_cut():
    debit = DEBIT._replace(
        debtor_name="Đuro Šarić & sin " + "x" * 80, remittance="Račun №12 – hvala"
    )
    (written,) = made(debit).blocks[0].debits
    assert written.debtor_name == ("Duro Saric + sin " + "x" * 80)[:70]
    assert written.remittance == "Racun No12 - hvala"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Müller & Söhne", "Muller + Sohne"),
        ("Straße 5; Haus_2", "Strasse 5, Haus-2"),
        ("Łódź, Århus, Þór", "Lodz, Arhus, THor"),
        ("Αθήνα ΨΥΧΗ", "Athina PSYCHI"),
        ("Щастие й България", "SHTastie y Balgariya"),
        ("漢字", ".."),
        ("a\tb\u00a0c", "a b c"),
        ("<b>&amp;", ".b.+amp,"),
    ],
)
def test_text_becomes_latin(text, written):
    assert latin(text) == written


@given(st.text())
def test_whatever_is_told_only_sepa_s_characters_are_written(text):
    allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-?:().,'+ "
    assert set(latin(text)) <= set(allowed)
    assert latin(latin(text)) == latin(text)


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"currency": "USD"}, "bank.not_euro", "currency"),
        ({"amount": 0}, "bank.amount_out_of_range", "amount"),
        ({"amount": -1}, "bank.amount_out_of_range", "amount"),
        ({"amount": 100_000_000_000}, "bank.amount_out_of_range", "amount"),
        ({"reference": ""}, "bank.identifier", "reference"),
        ({"reference": "x" * 36}, "bank.identifier", "reference"),
        ({"reference": "/a"}, "bank.identifier", "reference"),
        ({"reference": "a/"}, "bank.identifier", "reference"),
        ({"reference": "a//b"}, "bank.identifier", "reference"),
        ({"reference": "a b"}, "bank.identifier", "reference"),
        ({"reference": "a\n"}, "bank.identifier", "reference"),
        ({"reference": "č"}, "bank.identifier", "reference"),
        ({"mandate_id": "m_1"}, "bank.identifier", "mandate_id"),
        ({"signed_on": date(2026, 3, 3)}, "bank.mandate_date", "signed_on"),
        ({"collect_on": SENT}, "bank.collection_day", "collect_on"),
        ({"collect_on": date(2026, 3, 7)}, "bank.collection_day", "collect_on"),
        ({"collect_on": SENT + timedelta(days=15)}, "bank.collection_day", "collect_on"),
        ({"debtor_iban": "HR1210010051863000161"}, "bank.iban", "debtor_iban"),
        ({"debtor_iban": "TR330006100519786457841326"}, "bank.iban", "debtor_iban"),
        ({"debtor_name": "漢字"}, "bank.text", "debtor_name"),
        ({"remittance": " "}, "bank.text", "remittance"),
        ({"debtor_bic": "X"}, "bank.bic", "debtor_bic"),
    ],
)
def test_a_wrong_debit_refuses_the_file_and_is_named(change, code, field):
    with pytest.raises(Invalid, match="direct debit ") as refused:
        made(DEBIT._replace(reference="EC-9"), DEBIT._replace(**change))
    assert (refused.value.code, refused.value.field) == (code, field)


@pytest.mark.parametrize(
    ("given_", "code"),
    [
        ({"message_id": "x" * 30}, "bank.identifier"),
        ({"message_id": ""}, "bank.identifier"),
        ({"seller": SELLER._replace(name=".")}, "bank.text"),
        ({"seller": SELLER._replace(iban="DE1")}, "bank.iban"),
        ({"seller": SELLER._replace(creditor_id="DE97ZZZ09999999999")}, "bank.creditor_id"),
        ({"seller": SELLER._replace(bic="1")}, "bank.bic"),
    ],
)
def test_a_wrong_creditor_or_message_is_refused(given_, code):
    with pytest.raises(Invalid) as refused:
        made(DEBIT, **given_)
    assert refused.value.code == code


def test_nothing_and_the_same_reference_twice_are_refused():
    with pytest.raises(Invalid, match="no direct debit"):
        made()
    with pytest.raises(Invalid, match="EC-0001: the reference is there twice"):
        made(DEBIT, DEBIT._replace(amount=1))


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("AM04", Failure.DECLINED),
        ("ms03", Failure.DECLINED),
        ("AC04", Failure.DECLINED_FOR_GOOD),
        ("MD01", Failure.DECLINED_FOR_GOOD),
        ("MD07", Failure.DECLINED_FOR_GOOD),
        ("MD06", Failure.AUTHENTICATION_REQUIRED),
        ("MS02", Failure.AUTHENTICATION_REQUIRED),
        ("AM05", Failure.REFUSED),
        ("FOCR", Failure.CANCELLED),
        ("ZZ99", Failure.REFUSED),
        ("", Failure.REFUSED),
    ],
)
def test_a_reason_is_a_kind_of_failure_and_an_unknown_one_waits_for_a_person(code, failure):
    assert failure_of(code) is failure


def test_every_known_reason_has_words():
    assert all(meaning_of(code) and not meaning_of(code).startswith("reason") for code in codes())
    assert meaning_of("ZZ99") == "reason ZZ99"
