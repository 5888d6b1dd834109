"""Direct debit files: the structure that the schema wants, exact sums, the same bytes for the same values.

The tables here are the parts of pain.008 that are written, in the order of its schema.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everycent.integrations.bank_sepa import Version, write
from everycent.kernel.errors import Invalid
from everycent.payments.direct_debit import Creditor, Debit, Scheme, Sequence, prepared

AT = datetime(2026, 3, 2, 9, 30, 0, 5, tzinfo=UTC)
SELLER = Creditor("Waterworks Ltd", "DE89370400440532013000", "DE98ZZZ09999999999", "COBADEFF")
DEBIT = Debit(
    "EC-0001",
    1999,
    "EUR",
    "M-77",
    date(2025, 5, 1),
    Sequence.RECURRING,
    "Ana & Horvat",
    "HR1210010051863000160",
    "INV-000012",
    date(2026, 3, 5),
)
ORDER = {
    "Document": ["CstmrDrctDbtInitn"],
    "CstmrDrctDbtInitn": ["GrpHdr", "PmtInf"],
    "GrpHdr": ["MsgId", "CreDtTm", "NbOfTxs", "CtrlSum", "InitgPty"],
    "PmtInf": [
        *("PmtInfId", "PmtMtd", "BtchBookg", "NbOfTxs", "CtrlSum", "PmtTpInf", "ReqdColltnDt"),
        *("Cdtr", "CdtrAcct", "CdtrAgt", "ChrgBr", "CdtrSchmeId", "DrctDbtTxInf"),
    ],
    "PmtTpInf": ["SvcLvl", "LclInstrm", "SeqTp"],
    "DrctDbtTxInf": [
        *("PmtId", "InstdAmt", "DrctDbtTx", "DbtrAgt", "Dbtr", "DbtrAcct", "RmtInf"),
    ],
    "MndtRltdInf": ["MndtId", "DtOfSgntr"],
    "Othr": ["Id", "SchmeNm"],
}
TEXT = r"[A-Za-z0-9/?:().,'+ -]"
SHAPES = {
    "MsgId": TEXT + "{1,35}",
    "PmtInfId": TEXT + "{1,35}",
    "EndToEndId": TEXT + "{1,35}",
    "MndtId": TEXT + "{1,35}",
    "Nm": TEXT + "{1,70}",
    "Ustrd": TEXT + "{1,140}",
    "NbOfTxs": r"[0-9]{1,15}",
    "CtrlSum": r"[0-9]{1,15}\.[0-9]{2}",
    "InstdAmt": r"[0-9]{1,9}\.[0-9]{2}",
    "IBAN": r"[A-Z]{2}[0-9]{2}[A-Z0-9]{1,30}",
    "BICFI": r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?",
    "CreDtTm": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z",
    "ReqdColltnDt": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "DtOfSgntr": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "PmtMtd": "DD",
    "SeqTp": "FRST|RCUR|FNAL|OOFF",
    "ChrgBr": "SLEV",
    "Cd": "SEPA|CORE|B2B",
    "Prtry": "SEPA",
    "BtchBookg": "false",
}


def written(*debits, at=AT, version=Version.V08, scheme=Scheme.CORE):
    return write(prepared("M1", scheme, SELLER, debits, AT.date()), at, version)


def local(node):
    return node.tag.partition("}")[2]


def check(node):
    """The children come in the order of the schema, and texts have its shapes."""
    names = [local(child) for child in node]
    if local(node) in ORDER:
        places = [ORDER[local(node)].index(name) for name in names]
        assert places == sorted(places), (local(node), names)
    if not names:
        assert local(node) in SHAPES or local(node) == "Id", local(node)
        assert re.fullmatch(SHAPES.get(local(node), TEXT + "{1,35}"), node.text), node.text
    for child in node:
        check(child)


def told(root, path):
    space = root.tag.partition("}")[0] + "}"
    return [
        node.text
        for node in root.iterfind(".//" + "/".join(space + name for name in path.split("/")))
    ]


def test_a_file_says_who_collects_what_from_whom_when_and_by_which_mandate():
    root = ET.fromstring(written(DEBIT))
    check(root)
    assert root.tag == "{urn:iso:std:iso:20022:tech:xsd:pain.008.001.08}Document"
    for path, texts in {
        "GrpHdr/CreDtTm": ["2026-03-02T09:30:00Z"],
        "GrpHdr/CtrlSum": ["19.99"],
        "GrpHdr/InitgPty/Nm": ["Waterworks Ltd"],
        "PmtInf/PmtInfId": ["M1-1"],
        "PmtInf/PmtTpInf/LclInstrm/Cd": ["CORE"],
        "PmtInf/PmtTpInf/SeqTp": ["RCUR"],
        "PmtInf/ReqdColltnDt": ["2026-03-05"],
        "PmtInf/CdtrAcct/Id/IBAN": ["DE89370400440532013000"],
        "PmtInf/CdtrAgt/FinInstnId/BICFI": ["COBADEFF"],
        "PmtInf/CdtrSchmeId/Id/PrvtId/Othr/Id": ["DE98ZZZ09999999999"],
        "DrctDbtTxInf/PmtId/EndToEndId": ["EC-0001"],
        "DrctDbtTxInf/InstdAmt": ["19.99"],
        "DrctDbtTx/MndtRltdInf/MndtId": ["M-77"],
        "DrctDbtTx/MndtRltdInf/DtOfSgntr": ["2025-05-01"],
        "DbtrAgt/FinInstnId/Othr/Id": ["NOTPROVIDED"],
        "Dbtr/Nm": ["Ana + Horvat"],
        "DbtrAcct/Id/IBAN": ["HR1210010051863000160"],
        "RmtInf/Ustrd": ["INV-000012"],
    }.items():
        assert told(root, path) == texts, path


def test_the_older_version_differs_in_its_name_and_that_of_the_bank():
    newer, older = written(DEBIT), written(DEBIT, version=Version.V02)
    assert newer.replace(b"pain.008.001.08", b"pain.008.001.02").replace(b"BICFI", b"BIC") == older


def test_b2b_says_so():
    assert b"<Cd>B2B</Cd>" in written(DEBIT, scheme=Scheme.B2B)


def test_the_same_values_give_the_same_bytes_in_any_order_and_zone():
    other = DEBIT._replace(reference="EC-2")
    there = AT.astimezone(timezone(timedelta(hours=5)))
    assert written(DEBIT, other) == written(other, DEBIT, at=there)


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(Invalid) as refused:
        written(DEBIT, at=AT.replace(tzinfo=None))
    assert refused.value.code == "bank.created_at"


DAYS = [date(2026, 3, 3), date(2026, 3, 5), date(2026, 3, 16)]
AMOUNTS = st.integers(1, 99_999_999_999)


@given(
    st.lists(
        st.tuples(AMOUNTS, st.sampled_from(DAYS), st.sampled_from(Sequence), st.text(max_size=200)),
        min_size=1,
        max_size=20,
    )
)
def test_every_sum_is_exact_and_every_debit_is_there_once(told_debits):
    debits = [
        DEBIT._replace(
            reference=f"R-{number}",
            amount=amount,
            collect_on=day,
            sequence=sequence,
            debtor_name=f"A{text}",
            remittance=f"A{text}",
        )
        for number, (amount, day, sequence, text) in enumerate(told_debits)
    ]
    root = ET.fromstring(written(*debits))
    check(root)
    amounts = [Decimal(text) for text in told(root, "InstdAmt")]
    assert sum(amounts) == Decimal(sum(debit.amount for debit in debits)) / 100
    assert [Decimal(text) for text in told(root, "GrpHdr/CtrlSum")] == [sum(amounts)]
    assert sum(Decimal(text) for text in told(root, "PmtInf/CtrlSum")) == sum(amounts)
    assert sum(int(text) for text in told(root, "PmtInf/NbOfTxs")) == len(debits)
    assert sorted(told(root, "PmtId/EndToEndId")) == sorted(debit.reference for debit in debits)
