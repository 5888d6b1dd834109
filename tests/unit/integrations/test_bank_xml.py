"""Hostile XML: whatever is sent, it is refused in a moment and nothing is opened, expanded or kept."""

import io
import tracemalloc

import pytest

from everycent.integrations import bank_xml
from everycent.integrations.bank_camt import read
from everycent.kernel.errors import Invalid

HEAD = '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">'
BOMB = "<!DOCTYPE d [" + "".join(
    f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "lol"}">' for n in range(10)
)


def refused(content):
    data = content if isinstance(content, bytes) else content.encode("utf-8")
    with pytest.raises(Invalid) as found:
        read(io.BytesIO(data))
    return found.value.code


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (BOMB + "]>" + HEAD + "&e9;</Document>", "bank.forbidden_xml"),
        ('<!DOCTYPE d SYSTEM "file:///etc/passwd">' + HEAD + "</Document>", "bank.forbidden_xml"),
        (
            '<!DOCTYPE d [<!ENTITY x SYSTEM "http://127.0.0.1:1/x">]>' + HEAD + "&x;</Document>",
            "bank.forbidden_xml",
        ),
        (
            '<!DOCTYPE d [<!ENTITY % x SYSTEM "x.dtd"> %x;]>' + HEAD + "</Document>",
            "bank.forbidden_xml",
        ),
        ("<!DOCTYPE Document>" + HEAD + "</Document>", "bank.forbidden_xml"),
        (HEAD + "&nbsp;</Document>", "bank.malformed"),
        (HEAD + "<a>" * 100_000, "bank.too_large"),
        (HEAD + "<a/>" * 300_000 + "</Document>", "bank.too_large"),
        (HEAD + f"<a>{'x' * 30_000}</a></Document>", "bank.too_large"),
        (HEAD + f"<a b='{'x' * 4_000_000}'/></Document>", "bank.too_large"),
        (HEAD + "<!--" + "x" * 4_000_000 + "--></Document>", "bank.too_large"),
        ("", "bank.malformed"),
        ("not xml", "bank.malformed"),
        ("{}", "bank.malformed"),
        (HEAD, "bank.malformed"),
        (HEAD + "</Document>" + HEAD + "</Document>", "bank.malformed"),
        (HEAD + "\x00</Document>", "bank.malformed"),
        (HEAD + "&#0;</Document>", "bank.malformed"),
        (HEAD.encode() + b"\xff\xfe</Document>", "bank.malformed"),
        ((HEAD + "ü</Document>").encode("latin-1"), "bank.malformed"),
        (f'<?xml version="1.0" encoding="utf-7"?>{HEAD}</Document>', "bank.encoding"),
        (f'<?xml version="1.0" encoding="UTF-16"?>{HEAD}</Document>', "bank.malformed"),
        (b"\x1f\x8b\x08\x00", "bank.malformed"),
        ("<html/>", "bank.unknown_file"),
    ],
)
def test_a_hostile_or_broken_file_is_refused(content, code):
    assert refused(content) == code


def test_a_file_that_never_ends_is_refused(monkeypatch):
    monkeypatch.setattr(bank_xml, "MAX_BYTES", 3_000_000)
    assert refused(HEAD + "<Ntry/>" + " " * 4_000_000) == "bank.too_large"


def test_memory_stays_small_however_many_transactions_a_booking_has():
    part = '<TxDtls><Amt Ccy="EUR">0.01</Amt><RmtInf><Ustrd>a</Ustrd></RmtInf></TxDtls>'
    count = 20_000
    text = (
        f"{HEAD}<S><Stmt><Id>1</Id><Acct><Id><IBAN>X</IBAN></Id></Acct>"
        f'<Ntry><Amt Ccy="EUR">{count // 100}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>'
        f"<ValDt><Dt>2026-03-02</Dt></ValDt><NtryDtls>{part * count}</NtryDtls></Ntry>"
        "</Stmt></S></Document>"
    ).encode()
    tracemalloc.start()
    (found,) = read(io.BytesIO(text))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.entries) == count
    assert peak < 60_000_000


def test_a_document_without_a_statement_has_none():
    assert read(io.BytesIO(f"{HEAD}<BkToCstmrStmt/></Document>".encode())) == []
