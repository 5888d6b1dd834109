"""SEPA direct debit files: pain.008.001.08, and 02 for banks that still take that. Values in, bytes out.

The same values give the same bytes: the time is an argument, and all that identifies is checked before
(`payments/direct_debit.py`). Structure: ISO 20022 CustomerDirectDebitInitiation as EPC130-08 narrows it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from xml.etree import ElementTree as ET

from everycent.kernel.errors import Invalid
from everycent.kernel.money import Money, plain
from everycent.payments.direct_debit import EURO, Block, Debit, DirectDebitFile

_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"
_NOT_PROVIDED = "NOTPROVIDED"


class Version(StrEnum):
    """Which edition of the message. V08 is what the EPC's guidelines want since March 2024."""

    V08 = "pain.008.001.08"
    V02 = "pain.008.001.02"


def write(file: DirectDebitFile, created_at: datetime, version: Version = Version.V08) -> bytes:
    """The file as UTF-8. `created_at` is an instant, written to the second in UTC.

    Raises Invalid `bank.created_at` for a time without a zone.
    """
    if created_at.utcoffset() is None:
        raise Invalid(
            "bank.created_at",
            "the time of creation has no zone",
            field="created_at",
            value=created_at,
        )
    root = ET.Element("Document", xmlns=f"{_NAMESPACE}{version}")
    message = ET.SubElement(root, "CstmrDrctDbtInitn")
    header = ET.SubElement(message, "GrpHdr")
    _put(header, "MsgId", file.message_id)
    _put(header, "CreDtTm", created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    _put(header, "NbOfTxs", str(file.number))
    _put(header, "CtrlSum", _euro(file.total))
    _put(header, "InitgPty/Nm", file.creditor.name)
    for block in file.blocks:
        _write_block(message, file, block, version)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _write_block(
    message: ET.Element, file: DirectDebitFile, block: Block, version: Version
) -> None:
    node = ET.SubElement(message, "PmtInf")
    _put(node, "PmtInfId", block.block_id)
    _put(node, "PmtMtd", "DD")
    _put(node, "BtchBookg", "false")  # every collection is booked alone, and so can be matched
    _put(node, "NbOfTxs", str(len(block.debits)))
    _put(node, "CtrlSum", _euro(block.total))
    kind = ET.SubElement(node, "PmtTpInf")
    _put(kind, "SvcLvl/Cd", "SEPA")
    _put(kind, "LclInstrm/Cd", file.scheme)
    _put(kind, "SeqTp", block.sequence)
    _put(node, "ReqdColltnDt", block.collect_on.isoformat())
    _put(node, "Cdtr/Nm", file.creditor.name)
    _put(node, "CdtrAcct/Id/IBAN", file.creditor.iban)
    _write_agent(node, "CdtrAgt", file.creditor.bic, version)
    _put(node, "ChrgBr", "SLEV")
    other = _put(node, "CdtrSchmeId/Id/PrvtId/Othr")
    _put(other, "Id", file.creditor.creditor_id)
    _put(other, "SchmeNm/Prtry", "SEPA")
    for debit in block.debits:
        _write_debit(node, debit, version)


def _write_debit(block: ET.Element, debit: Debit, version: Version) -> None:
    node = ET.SubElement(block, "DrctDbtTxInf")
    _put(node, "PmtId/EndToEndId", debit.reference)
    _put(node, "InstdAmt", _euro(debit.amount)).set("Ccy", EURO)
    mandate = _put(node, "DrctDbtTx/MndtRltdInf")
    _put(mandate, "MndtId", debit.mandate_id)
    _put(mandate, "DtOfSgntr", debit.signed_on.isoformat())
    _write_agent(node, "DbtrAgt", debit.debtor_bic, version)
    _put(node, "Dbtr/Nm", debit.debtor_name)
    _put(node, "DbtrAcct/Id/IBAN", debit.debtor_iban)
    _put(node, "RmtInf/Ustrd", debit.remittance)


def _write_agent(node: ET.Element, name: str, bic: str | None, version: Version) -> None:
    """A bank: by its BIC, or by saying that the IBAN has to do (EPC130-08)."""
    institution = _put(node, f"{name}/FinInstnId")
    if bic is None:
        _put(institution, "Othr/Id", _NOT_PROVIDED)
    else:
        _put(institution, "BICFI" if version is Version.V08 else "BIC", bic)


def _put(node: ET.Element, path: str, text: str | None = None) -> ET.Element:
    """New elements below `node`, one in the other, the last with the text; gives the last."""
    for name in path.split("/"):
        node = ET.SubElement(node, name)
    node.text = text
    return node


def _euro(cents: int) -> str:
    return plain(Money(cents, EURO))
