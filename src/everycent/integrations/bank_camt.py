"""Bank files: statements (camt.053) and notices (camt.054) of ISO 20022, versions 02, 04 and 08.

The versions differ where they say so: the state of an entry is a word or an element of its own, parties
lie one level deeper since 08, and transactions have amounts of their own since 04. Only booked entries
are taken; others are counted. A file is taken whole or not at all.
"""

from __future__ import annotations

import re
from datetime import date
from typing import BinaryIO

from everycent.integrations.bank_xml import Node
from everycent.integrations.bank_xml import read as read_xml
from everycent.kernel.errors import Invalid
from everycent.payments.identifiers import compact
from everycent.payments.statement import (
    Booking,
    Party,
    Seen,
    Statement,
    Told,
    Transaction,
    checked,
    entries_of,
    expanded,
    minor_units,
    signed,
)

FORMS = tuple(
    f"camt.{kind}.001.{version}" for kind in ("053", "054") for version in ("02", "04", "08")
)
_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[TZ+-].*)?", re.ASCII)
_NO_REFERENCE = frozenset({"NOTPROVIDED", "NOTAVAILABLE", "NONREF", "NOREF"})
_BOOKED = "BOOK"
_OPENING = ("OPBD", "PRCD")
_CLOSING = "CLBD"
_INTERIM = "ITBD"


def read(stream: BinaryIO) -> list[Statement]:
    """The statements of a file.

    Raises Invalid `bank.unknown_file` for another sort of file, `bank.…` for what can't be read or does not
    add up, with the place ("statement 1, entry 12") as field, and what `bank_xml.read` raises.
    """
    reader = _Reader()
    read_xml(
        stream,
        reader.begins,
        {
            "TxDtls": reader.transaction,
            "Ntry": reader.entry,
            "Stmt": reader.statement,
            "Ntfctn": reader.statement,
        },
    )
    reader.check_nothing_is_left()
    return reader.statements


class _Reader:
    """What was read of a file so far: whole statements, and of the one that is open its bookings."""

    def __init__(self) -> None:
        self.form = ""
        self.statements: list[Statement] = []
        self.bookings: list[Told] = []
        self.transactions: list[Transaction] = []
        self.seen: Seen = {}
        self.number = 0
        self.left_out = 0

    def begins(self, namespace: str, name: str) -> None:
        self.form = namespace.removeprefix(_NAMESPACE)
        if name != "Document" or self.form not in FORMS:
            raise Invalid(
                "bank.unknown_file",
                f"this is no bank statement that can be read here: it begins with {name[:40]!r} of "
                f"{namespace[:80]!r}",
                field="file",
                value=namespace,
                hint=f"ask the bank for one of {', '.join(FORMS)}",
            )

    def transaction(self, node: Node) -> None:
        try:
            self.transactions.append(_transaction(node))
        except Invalid as refusal:
            raise self._placed(refusal, self.number + 1) from None

    def entry(self, node: Node) -> None:
        self.number += 1
        transactions, self.transactions = tuple(self.transactions), []
        if node.first_text(("Sts", "Cd"), ("Sts",)) != _BOOKED:
            self.left_out += 1
            return
        try:
            told = Told(_booking(node), transactions)
            expanded(told.booking, transactions, "")  # refuses here, where the place is known
        except Invalid as refusal:
            raise self._placed(refusal, self.number) from None
        self.bookings.append(told)

    def check_nothing_is_left(self) -> None:
        """Refuses a file with bookings outside statements, or transactions outside bookings."""
        if self.bookings or self.transactions or self.left_out:
            raise Invalid(
                "bank.misplaced",
                "the file has entries outside statements, or transactions outside entries",
                field="file",
                hint="nothing of the file was taken; get it from the bank again",
            )

    def statement(self, node: Node) -> None:
        if self.transactions:
            self.check_nothing_is_left()
        try:
            found = _statement(self.form, node, self.bookings, self.seen)
        except Invalid as refusal:
            raise self._placed(refusal, None) from None
        self.statements.append(found._replace(left_out=self.left_out))
        self.bookings, self.number, self.left_out = [], 0, 0

    def _placed(self, refusal: Invalid, entry: int | None) -> Invalid:
        """The refusal with the place in the file, in its words and as its field."""
        place = f"statement {len(self.statements) + 1}"
        if entry is not None:
            place += f", entry {entry}"
        refusal.message = f"{place}: {refusal.message}"
        refusal.field = place
        refusal.hint = refusal.hint or "nothing of the file was taken; get it from the bank again"
        return refusal


def _statement(form: str, node: Node, bookings: list[Told], seen: Seen) -> Statement:
    account = node.first_text(("Acct", "Id", "IBAN"), ("Acct", "Id", "Othr", "Id"))
    if account is None:
        raise _missing("Acct/Id", "the account")
    account = compact(account)
    balances = _balances(node)
    currency = node.text("Acct", "Ccy") or next(
        (code for *_, code in balances.values()),
        bookings[0].booking.currency if bookings else None,
    )
    if currency is None:
        raise _missing("Acct/Ccy", "the currency")
    for _, code in balances.values():
        if code != currency:
            raise Invalid(
                "bank.currency",
                f"a balance in {code} is on an account in {currency}",
                field="currency",
                value=code,
            )
    opening, closing = balances.get("opening"), balances.get("closing")
    starts_on, ends_on = node.text("FrToDt", "FrDtTm"), node.text("FrToDt", "ToDtTm")
    return checked(
        Statement(
            form=form,
            account=account,
            statement_id=node.text("Id") or "",
            currency=currency,
            opening=None if opening is None else opening[0],
            closing=None if closing is None else closing[0],
            starts_on=None if starts_on is None else _day(starts_on),
            ends_on=None if ends_on is None else _day(ends_on),
            entries=tuple(entries_of(account, bookings, seen)),
        )
    )


def _balances(node: Node) -> dict[str, tuple[int, str]]:
    """The booked balances `opening` and `closing`. A statement of several pages has interim ones between
    its pages, each the closing one of a page and the opening one of the next."""
    told: dict[str, list[tuple[int, str]]] = {}
    for balance in node.all("Bal"):
        kind = balance.text("Tp", "CdOrPrtry", "Cd") or ""
        amount, currency = _amount(balance)
        value = signed(amount, is_credit=_is_credit(balance))
        told.setdefault(kind, []).append((value, currency))
    interim = told.get(_INTERIM, [])
    found = {}
    opening = next((told[kind] for kind in _OPENING if kind in told), None)
    closing = told.get(_CLOSING)
    if opening or (interim and (closing or len(interim) > 1)):
        found["opening"] = (opening or interim)[0]
    if closing or (interim and (opening or len(interim) > 1)):
        found["closing"] = (closing or interim)[-1]
    return found


def _booking(node: Node) -> Booking:
    amount, currency = _amount(node)
    value_on = _when(node, "ValDt")
    booked_on = _when(node, "BookgDt") or value_on
    if booked_on is None:
        raise _missing("BookgDt", "the day of booking")
    return Booking(
        amount=amount,
        currency=currency,
        is_credit=_is_credit(node),
        booked_on=booked_on,
        value_on=value_on,
        reference=_reference(node, "AcctSvcrRef"),
        own_reference=_reference(node, "NtryRef"),
        text=node.text("AddtlNtryInf") or "",
        is_reversal=node.text("RvslInd") in ("true", "1"),
    )


def _transaction(node: Node) -> Transaction:
    told = _told_amount(node)
    is_credit = None if node.text("CdtDbtInd") is None else _is_credit(node)
    return Transaction(
        amount=None if told is None else told[0],
        currency=None if told is None else told[1],
        is_credit=is_credit,
        reference=_reference(node, "Refs", "AcctSvcrRef"),
        end_to_end_id=_reference(node, "Refs", "EndToEndId"),
        structured=_structured(node),
        text=_free_text(node),
        debtor=_party(node, "Dbtr"),
        creditor=_party(node, "Cdtr"),
        mandate_id=_reference(node, "Refs", "MndtId"),
        reason=node.first_text(("RtrInf", "Rsn", "Cd"), ("RtrInf", "Rsn", "Prtry")),
        reason_text=" ".join(_texts(node, "RtrInf", "AddtlInf")),
    )


def _party(node: Node, role: str) -> Party:
    iban = node.text("RltdPties", f"{role}Acct", "Id", "IBAN")
    return Party(
        name=node.first_text(("RltdPties", role, "Pty", "Nm"), ("RltdPties", role, "Nm")),
        iban=None if iban is None else compact(iban),
    )


def _told_amount(node: Node) -> tuple[int, str] | None:
    """The amount of a transaction, where one is told: its own, or before version 04 that of its details."""
    for place in (*node.all("Amt"), *node.all("AmtDtls", "TxAmt", "Amt")):
        return _money(place)
    return None


def _structured(node: Node) -> tuple[str, ...]:
    references = _texts(node, "RmtInf", "Strd", "CdtrRefInf", "Ref")
    documents = _texts(node, "RmtInf", "Strd", "RfrdDocInf", "Nb")
    return tuple(dict.fromkeys([*references, *documents]))


def _free_text(node: Node) -> str:
    texts = [*_texts(node, "RmtInf", "Ustrd"), *_texts(node, "RmtInf", "Strd", "AddtlRmtInf")]
    return " ".join(texts) or node.text("AddtlTxInf") or ""


def _texts(node: Node, *path: str) -> list[str]:
    return [text for found in node.all(*path) if (text := found.text())]


def _reference(node: Node, *path: str) -> str | None:
    """A reference, None also where the bank says in words that there is none."""
    text = node.text(*path)
    return None if text is None or text.upper().replace(" ", "") in _NO_REFERENCE else text


def _amount(node: Node) -> tuple[int, str]:
    for amount in node.all("Amt"):
        return _money(amount)
    raise _missing("Amt", "the amount")


def _money(node: Node) -> tuple[int, str]:
    currency = node.attributes.get("Ccy", "")
    return minor_units(node.text() or "", currency), currency


def _is_credit(node: Node) -> bool:
    told = node.text("CdtDbtInd")
    if told not in ("CRDT", "DBIT"):
        raise _missing("CdtDbtInd", "whether money came (CRDT) or went (DBIT)")
    return told == "CRDT"


def _when(node: Node, name: str) -> date | None:
    told = node.first_text((name, "Dt"), (name, "DtTm"))
    return None if told is None else _day(told)


def _day(text: str) -> date:
    """The day of a date or an instant, in the bank's own time."""
    found = _DAY.fullmatch(text)
    try:
        return date.fromisoformat(found[1] if found else "")
    except ValueError:
        raise Invalid(
            "bank.date", f"{text[:40]!r} is not a date", field="date", value=text
        ) from None


def _missing(path: str, what: str) -> Invalid:
    return Invalid("bank.missing", f"{what} is not told ({path})", field=path)
