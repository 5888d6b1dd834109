"""everycent payment debits: from the mandate to the file, the statement, and what became of each debit."""

from __future__ import annotations

import json
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from everycent.app import accounts, settings
from everycent.cli.payments import payment
from everycent.kernel.errors import Invalid, Refusal
from tests.collecting import shop
from tests.conftest import Place
from tests.flows.test_debits import HOUSE, books, iban

PAGE = (Path(__file__).parents[2] / "docs" / "bank-files.md").read_text("utf-8")
FILE: dict[str, Any] = {
    "providers": {
        "house": {
            "kind": "sepa", "creditor": "Waterworks Ltd", "iban": HOUSE,
            "creditor_id": "DE98ZZZ09999999999", "lead_days": 2, "scheme": "B2B",
        },
        "psp": {"kind": "stripe", "key": "NOT_SET"},
    },
}  # fmt: skip
SOMEBODY_SHOULD_LOOK = 3
SIGNED = ("--provider", "house", "--signed-on", "2025-12-01")
STATEMENT = """\
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>
<GrpHdr><MsgId>1</MsgId><CreDtTm>2026-03-03T02:11:09Z</CreDtTm></GrpHdr>
<Stmt><Id>1</Id><CreDtTm>2026-03-03T02:11:09Z</CreDtTm>
<Acct><Id><IBAN>{house}</IBAN></Id><Ccy>EUR</Ccy></Acct>{entries}</Stmt>
</BkToCstmrStmt></Document>
"""
ENTRY = """
<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{sign}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
<BookgDt><Dt>2026-03-02</Dt></BookgDt><AcctSvcrRef>{reference}</AcctSvcrRef>
<NtryDtls><TxDtls><Refs><EndToEndId>{debit}</EndToEndId></Refs><Amt Ccy="EUR">{amount}</Amt>
<CdtDbtInd>{sign}</CdtDbtInd>{reason}</TxDtls></NtryDtls></Ntry>
"""


@pytest.fixture
def home(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "providers.yaml").write_text(json.dumps(FILE))
    monkeypatch.setenv("EVERYCENT_HOME", str(tmp_path))
    monkeypatch.setenv("EVERYCENT_DATABASE_URL", place.conninfo)
    monkeypatch.setenv("EVERYCENT_ACTOR", "clerk")
    return tmp_path


def typed(*words: str) -> str:
    done = CliRunner().invoke(payment, words)
    if done.exception is not None and done.exit_code != SOMEBODY_SHOULD_LOOK:
        raise done.exception
    return done.stdout


def told(*words: str) -> Any:
    return json.loads(typed(*words, "--json"))


def refused(*words: str) -> tuple[str, str | None]:
    with pytest.raises(Refusal) as said:
        typed(*words)
    return said.value.code, said.value.field


def entry(amount: str, reference: str, debit: str, sign: str = "CRDT", code: str = "") -> str:
    reason = f"<RtrInf><Rsn><Cd>{code}</Cd></Rsn></RtrInf>" if code else ""
    return ENTRY.format(amount=amount, reference=reference, debit=debit, sign=sign, reason=reason)


def test_a_debit_goes_its_whole_way_from_the_command_line(place: Place, home: Path) -> None:
    ann, bob, cyd = shop.open_shop(place, 3, token=None)
    typed("method", "add", ann, iban(1), *SIGNED, "--mandate", "M-1")
    made = told(
        "method", "add", bob, iban(2).lower(), *SIGNED, "--mandate", "M-2", "--holder", "Bö"
    )
    assert (made["token"], made["label"], made["mandate"]["holder"]) == (
        iban(2), f"account, ends in {iban(2)[-4:]}", "Bo",
    )  # fmt: skip
    typed("method", "add", cyd, iban(3), *SIGNED, "--mandate", "M-3")
    typed("stop", "INV-000003", "--reason", "asked")

    out = home / "debits.xml"
    done = told("debits", "write", "house", "--out", str(out))
    message = done["file"]["message_id"]
    assert (done["file"]["debits"], done["file"]["total"]) == (2, 2 * shop.OWED)
    assert done["left"] == [{"invoice": "INV-000003", "why": "stopped"}]
    assert b"<LclInstrm>\n          <Cd>B2B</Cd>" in out.read_bytes()
    assert out.stat().st_mode & 0o777 == 0o600
    assert "nothing is to be collected" in typed("debits", "write", "house", "--out", f"{out}2")

    assert refused("debits", "show", message, "--out", str(out)) == ("debits.no_place", "out")
    assert message in typed("debits", "show", message, "--out", str(home / "again.xml"))
    assert (home / "again.xml").read_bytes() == out.read_bytes()

    first, second = (one["reference"] for one in told("debits", "show", message)["debits"])
    lines = [
        entry("37.20", "B1", first),
        entry("40.20", "R1", second, "DBIT", "AC04"),
        entry("37.20", "R2", first, "DBIT", "MD06"),
    ]
    (home / "camt.xml").write_text(STATEMENT.format(house=HOUSE, entries="".join(lines)))
    dry = told("import", str(home / "camt.xml"), "--dry-run")
    assert [one["payment"] for one in dry] == [None] * 3
    assert [one["outcome"] for one in dry] == ["certain", "failed", "taken_back"]
    taken = told("import", str(home / "camt.xml"))
    assert [(one["outcome"], one["debit"], one["charge"]) for one in taken] == [
        ("certain", first, 0), ("failed", second, 300), ("taken_back", first, 0),
    ]  # fmt: skip
    assert [one["outcome"] for one in told("import", str(home / "camt.xml"))] == ["known"] * 3
    shown = told("debits", "show", message)
    assert [(one["status"], one["failure"]) for one in shown["debits"]] == [
        ("succeeded", None), ("failed", "declined_for_good"),
    ]  # fmt: skip
    assert [one["effect"] for one in shown["entries"]] == ["booked", "failed", "taken_back"]
    assert [shown[name] for name in ("succeeded", "returned", "failed", "pending")] == [0, 1, 1, 0]
    assert books(place) == {"receivable": 3 * shop.OWED, "payment_fees": 300, "cash": -300}
    assert "declined_for_good" in typed("trail", "INV-000002") + typed("trail", "INV-000001")
    assert refused("debits", "withdraw", message, "--reason", "x") == (
        "debits.reached_the_bank", "message",
    )  # fmt: skip
    assert shop.violations(place) == []


def test_a_file_that_never_went_is_withdrawn_and_silence_is_told(place: Place, home: Path) -> None:
    (ann,) = shop.open_shop(place, 1, token=None)
    typed("method", "add", ann, iban(1), *SIGNED, "--mandate", "M-1")
    first = told("debits", "write", "house", "--out", str(home / "one.xml"))["file"]["message_id"]
    assert "nothing needs anybody" in typed("attention")
    assert "1 debit will not come" in typed("debits", "withdraw", first, "--reason", "lost key")
    assert told("debits", "write", "house", "--out", str(home / "two.xml"))["file"]["debits"] == 1
    listed = told("debits", "list")
    assert [(one["withdrawn"], one["pending"]) for one in listed] == [(None, 1), ("lost key", 0)]
    assert "lost key" in typed("debits", "list")


@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        ({"--mandate": None}, "payment_method.mandate_missing", "mandate"),
        ({"--signed-on": None}, "payment_method.mandate_missing", "signed_on"),
        ({"--provider": "psp"}, "payment_method.no_account", "provider"),
        (
            {"--signed-on": str(shop.now().date() + timedelta(days=2))},
            "bank.mandate_date",
            "signed_on",
        ),
        ({"--mandate": "M 1/"}, "bank.identifier", "mandate_id"),
        ({"--bic": "DEUT"}, "bank.bic", "bic"),
        ({"iban": "DE00370400440532013000"}, "bank.iban", "iban"),
    ],
)
def test_a_method_that_could_not_be_collected_is_refused(place, home, changed, code, field):
    (ann,) = shop.open_shop(place, 1, token=None)
    options = {"--provider": "house", "--mandate": "M-1", "--signed-on": "2025-12-01"} | changed
    number = options.pop("iban", iban(1))
    words = [word for name, text in options.items() if text for word in (name, text)]
    assert refused("method", "add", ann, number, *words) == (code, field)


def test_places_and_accounts_that_are_not_there_are_refused_before_anything_is_written(place, home):
    (ann,) = shop.open_shop(place, 1, token=None)
    typed("method", "add", ann, iban(1), *SIGNED, "--mandate", "M-1")
    nowhere = str(home / "no" / "file.xml")
    assert refused("debits", "write", "house", "--out", nowhere) == ("debits.no_place", "out")
    assert refused("debits", "write", "psp", "--out", str(home / "a.xml")) == (
        "debits.no_account", "account",
    )  # fmt: skip
    assert refused("debits", "show", "DD-1") == ("debits.unknown", "message")
    assert shop.attempts(place) == []


def test_a_disk_that_is_full_costs_nothing_but_another_command(place, home, monkeypatch):
    (ann,) = shop.open_shop(place, 1, token=None)
    typed("method", "add", ann, iban(1), *SIGNED, "--mandate", "M-1")

    def full(_: int) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert refused("debits", "write", "house", "--out", str(home / "one.xml")) == (
        "debits.not_on_disk", "out",
    )  # fmt: skip
    monkeypatch.undo()
    monkeypatch.setenv("EVERYCENT_HOME", str(home))
    monkeypatch.setenv("EVERYCENT_DATABASE_URL", place.conninfo)
    (written,) = told("debits", "list")
    assert not (home / "one.xml").exists()
    typed("debits", "show", written["message_id"], "--out", str(home / "one.xml"))
    assert written["message_id"] in (home / "one.xml").read_text()


@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        ({"iban": "DE00370400440532013000"}, "bank.iban", "providers.house.iban"),
        ({"creditor_id": "DE00ZZZ09999999999"}, "bank.creditor_id", "providers.house.creditor_id"),
        ({"creditor": "漢"}, "bank.text", "providers.house.creditor"),
        ({"scheme": "COR1"}, "catalog.wrong_value", "providers.house.scheme"),
        ({"lead_days": "15"}, "catalog.wrong_value", "providers.house.lead_days"),
        ({"format": "pain.001"}, "catalog.wrong_value", "providers.house.format"),
        ({"key": "PSP_KEY"}, "catalog.wrong_shape", "providers.house"),
    ],
)
def test_an_account_that_can_not_collect_is_refused_with_its_place(home, changed, code, field):
    told = {"house": FILE["providers"]["house"] | changed}
    (home / "providers.yaml").write_text(json.dumps({"providers": told}))
    with pytest.raises(Invalid) as said:
        accounts.configured(settings.from_environment())
    assert (said.value.code, said.value.field) == (code, field)


def test_the_account_and_the_method_of_the_page_are_accepted(place, home):
    (account,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (method,) = re.findall(r"\$ everycent payment (method add .*)\n", PAGE)
    (home / "providers.yaml").write_text(account)
    (ann,) = shop.open_shop(place, 1, token=None)
    typed(*method.replace(" acme ", f" {ann} ").split())
    assert told("debits", "write", "house", "--out", str(home / "a.xml"))["file"]["debits"] == 1


def test_a_sum_is_split_from_the_command_line(place, home):
    (ann,) = shop.open_shop(place, 1, token=None)
    typed("method", "add", ann, iban(1), *SIGNED, "--mandate", "M-1")
    message = told("debits", "write", "house", "--out", str(home / "a.xml"))["file"]["message_id"]
    (home / "camt.xml").write_text(
        STATEMENT.format(house=HOUSE, entries=entry("37.20", "S1", "NOTPROVIDED"))
    )
    (one,) = told("import", str(home / "camt.xml"))
    assert one["outcome"] == "unmatched"
    (waiting,) = told("attention")
    assert (waiting["suspense"], waiting["left"]) == (one["payment"], shop.OWED)
    assert "37.20 EUR" in typed("attention")
    (done,) = told("debits", "split", one["payment"], message, "--reason", "the bank's list")
    assert (done["invoice"], done["effect"]) == ("INV-000001", "booked")
    assert "refund" in typed("show", one["payment"])
    assert books(place) == {"cash": shop.OWED}
    assert shop.violations(place) == []
