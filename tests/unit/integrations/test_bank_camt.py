"""Bank statements out of camt.053 and camt.054, whole or not at all, with the place of what is wrong."""

import io
from datetime import date
from pathlib import Path

import pytest

from everycent.integrations.bank_camt import FORMS, read
from everycent.kernel.errors import Invalid
from everycent.payments.statement import bank_reference

FILES = Path(__file__).parents[2] / "data" / "bank"
TODAY = (FILES / "camt053_08.xml").read_text("utf-8")
OLDEST = (FILES / "camt053_02.xml").read_text("utf-8")
NOTICE = (FILES / "camt054_04.xml").read_text("utf-8")


def statements(text, encoding="utf-8"):
    return read(io.BytesIO(text.encode(encoding)))


def shown(entry):
    number = entry.reference.partition("/")[2]
    name = (
        f"{bank_reference(entry.reference)}/{number}" if number else bank_reference(entry.reference)
    )
    return (entry.amount if entry.is_credit else -entry.amount, name, entry.name)


def test_a_day_of_an_account_is_read_with_batch_return_and_fee():
    (found,) = statements(TODAY)
    assert found._replace(entries=()) == (
        "camt.053.001.08",
        "DE89370400440532013000",
        "2026-043",
        "EUR",
        100000,
        120060,
        date(2026, 3, 2),
        date(2026, 3, 2),
        (),
        1,
    )
    assert [shown(entry) for entry in found.entries] == [
        (11900, "B2026030200017", "Müller & Söhne GmbH"),
        (5950, "B2026030200018", "Ana Horvat"),
        (5000, "B2026030200019/1", "Bo Lind"),
        (3000, "B2026030200019/2", "Cy Roux"),
        (-5300, "B2026030200020", "Dee Okoro"),
        (-490, "B2026030200021", None),
    ]
    by_reference, listed, first, _, returned, fee = found.entries
    assert (by_reference.structured, by_reference.end_to_end_id) == (("RF63INV000012",), None)
    assert (listed.text, listed.booked_on) == ("Invoice 13 and 14, thank you", date(2026, 3, 2))
    assert (first.end_to_end_id, first.mandate_id) == ("EC-0001", "M-77")
    assert (returned.reason, returned.end_to_end_id, returned.iban) == (
        "AM04",
        "EC-0003",
        "FR1420041010050500013M02606",
    )
    assert fee.text == "Account fee February"


def test_the_oldest_version_is_read_in_pages_with_equal_payments_apart():
    first, second = statements(OLDEST)
    assert (first.opening, first.closing, second.opening, second.closing) == (
        -1550,
        2450,
        2450,
        5450,
    )
    equal, again = first.entries
    assert again.reference == f"{equal.reference}#2"
    assert (equal.name, equal.iban, equal.text) == (
        "Eva Frei",
        "CH5604835012345678009",
        "inv000021",
    )
    assert [(entry.amount, entry.name) for entry in second.entries] == [
        (1000, "Fin Ott"),
        (2000, "Gil Rey"),
    ]


def test_a_notice_has_no_balances_and_its_batch_adds_up_with_the_fee():
    (found,) = statements(NOTICE)
    assert (found.account, found.currency, found.opening, found.closing) == (
        "123-456-7",
        "JPY",
        None,
        None,
    )
    assert [(entry.amount, entry.is_credit) for entry in found.entries] == [
        (1000, True),
        (2500, True),
        (500, False),
    ]
    assert found.entries[1].structured == ("INV-000032",)


def test_the_same_file_gives_the_same_references():
    assert statements(OLDEST) == statements(OLDEST)


@pytest.mark.parametrize("form", FORMS)
def test_every_version_that_is_named_is_read(form):
    kind = "Ntfctn" if form.startswith("camt.054") else "Stmt"
    text = OLDEST.replace("camt.053.001.02", form).replace("Stmt>", f"{kind}>")
    assert [len(found.entries) for found in statements(text)] == [2, 2]


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        (">59.50<", ">59.51<", "bank.balance", "statement 1"),
        (">59.50<", ">NaN<", "bank.amount", "statement 1, entry 2"),
        (">59.50<", ">5.95e1<", "bank.amount", "statement 1, entry 2"),
        (">59.50<", ">-59.50<", "bank.amount", "statement 1, entry 2"),
        (">59.50<", ">1111111111111111111<", "bank.amount", "statement 1, entry 2"),
        (">30.00<", ">29.99<", "bank.batch", "statement 1, entry 3"),
        (">30.00<", "><", "bank.amount", "statement 1, entry 3"),
        ('Ccy="EUR">59.50', 'Ccy="JPY">59.50', "bank.amount", "statement 1, entry 2"),
        ('Ccy="EUR">59.50', 'Ccy="USD">59.50', "bank.currency", "statement 1"),
        ('Ccy="EUR">59.50', 'Ccy="EURO">59.50', "currency.unknown", "statement 1, entry 2"),
        ('Ccy="EUR">59.50', ">59.50", "currency.unknown", "statement 1, entry 2"),
        ('<Amt Ccy="EUR">4.90</Amt>', "", "bank.missing", "statement 1, entry 6"),
        ("2026-03-02T09:30:00+01:00", "02.03.2026", "bank.date", "statement 1, entry 2"),
        ("2026-03-02T09:30:00+01:00", "2026-02-30", "bank.date", "statement 1, entry 2"),
        ('Ccy="EUR">1200.60', 'Ccy="USD">1200.60', "bank.currency", "statement 1"),
        ('Ccy="EUR">1200.60', 'Ccy="EUR">1200.61', "bank.balance", "statement 1"),
        (
            "<IBAN>DE89370400440532013000</IBAN></Id><Ccy>",
            "</Id><Ccy>",
            "bank.missing",
            "statement 1",
        ),
        ("camt.053.001.08", "camt.053.001.99", "bank.unknown_file", "file"),
        ("camt.053.001.08", "camt.052.001.08", "bank.unknown_file", "file"),
        ("urn:iso", "urn:ios", "bank.unknown_file", "file"),
        ("Document", "Dokument", "bank.unknown_file", "file"),
    ],
)
def test_a_changed_file_is_refused_with_the_place(old, new, code, place):
    assert old in TODAY
    with pytest.raises(Invalid) as refused:
        statements(TODAY.replace(old, new))
    assert (refused.value.code, refused.value.field) == (code, place)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("</BkToCstmrStmt>", "<Ntry><Sts>PDNG</Sts></Ntry></BkToCstmrStmt>"),
        ("</BkToCstmrStmt>", "<TxDtls/></BkToCstmrStmt>"),
        ("</Stmt>", "<TxDtls/></Stmt>"),
    ],
)
def test_nothing_is_dropped_because_of_its_place(old, new):
    with pytest.raises(Invalid) as refused:
        statements(TODAY.replace(old, new))
    assert refused.value.code == "bank.misplaced"


@pytest.mark.parametrize("state", ["PDNG", "INFO", "FUTR", ""])
def test_only_what_is_booked_is_taken_and_the_rest_is_counted(state):
    text = TODAY.replace("<Cd>BOOK</Cd>", f"<Cd>{state}</Cd>").replace(">1200.60<", ">1000.00<")
    (found,) = statements(text)
    assert (found.entries, found.left_out) == ((), 6)


def test_elements_of_other_namespaces_mean_nothing():
    other = '<x:Amt xmlns:x="urn:x" Ccy="EUR">1.00</x:Amt>'
    text = TODAY.replace('<Amt Ccy="EUR">119.00</Amt>', other + '<Amt Ccy="EUR">119.00</Amt>')
    assert statements(text)[0].entries == statements(TODAY)[0].entries


@pytest.mark.parametrize(
    ("encoding", "label"),
    [
        ("utf-8", "UTF-8"),
        ("utf-16", "UTF-16"),
        ("iso-8859-1", "ISO-8859-1"),
        ("cp1252", "windows-1252"),
    ],
)
def test_other_encodings_that_banks_use_are_read_as_declared(encoding, label):
    found = statements(TODAY.replace("UTF-8", label, 1), encoding)
    assert found == statements(TODAY)


def test_text_is_cleaned_of_signs_that_nobody_sees():
    hidden = TODAY.replace("Ana Horvat", "A&#x202E;na\n   Ho\u200brva&#x0085;t")
    assert statements(hidden)[0].entries[1].name == "Ana Horvat"
