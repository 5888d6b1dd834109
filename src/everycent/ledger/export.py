"""The books as plain text that hledger and Beancount read, so that others can check our arithmetic.

Lines are made one by one, so a book of any size passes through. Accounts and currencies are declared
just before the first entry that uses them; for Beancount, entries must therefore come in order of time,
as `queries.entries` gives them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from uuid import UUID

from everycent.kernel import currency as currencies
from everycent.kernel import ids
from everycent.kernel.calendar import local_date
from everycent.kernel.money import Money, plain
from everycent.ledger.account import Account, Kind
from everycent.ledger.entry import BookedEntry, Posting

Names = Callable[[UUID], str]
"""Gives the key under which people know a customer."""

_ROOTS = {
    Kind.ASSET: "Assets",
    Kind.LIABILITY: "Liabilities",
    Kind.EQUITY: "Equity",
    Kind.INCOME: "Income",
    Kind.EXPENSE: "Expenses",
}
_KEPT_CHARS = 60
_ENDS_IN_ID = re.compile(r"-[0-9a-z]{26}\Z")
_SPECIAL_IN_HLEDGER = re.compile(r"[^A-Za-z0-9 ._@/+-]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def hledger(entries: Iterable[BookedEntry], names: Names, time_zone: str = "UTC") -> Iterator[str]:
    """The entries as lines of an hledger journal, good for `hledger check --strict`.

    Everything is ASCII, because hledger reads files in whatever encoding the terminal has.
    """
    yield "; Amounts are exact; a debit is positive, a credit negative."
    yield "decimal-mark ."
    accounts = _Accounts(names, _hledger_account, re.compile(r"[^A-Za-z0-9._-]+"))
    known: set[str] = set()
    for entry_id, at, _, entry in entries:
        legs = [(accounts.of(posting), posting) for posting in entry.postings]
        for code in _new((posting.currency for _, posting in legs), known):
            yield f"commodity 1000.{'0' * currencies.exponent(code)} {code}"
        for account, posting in legs:
            if account not in known:
                known.add(account)
                yield f"account {account}{_hledger_customer(posting, names)}"
        yield ""
        yield f"{local_date(at, time_zone)} {_hledger_text(entry.kind)}"
        yield f"    ; entry: {entry_id}"
        if entry.document_id:
            yield f"    ; document: {entry.document_id}"
        if entry.reverses:
            yield f"    ; reverses: {entry.reverses}"
        yield from _legs(legs)


def beancount(
    entries: Iterable[BookedEntry], names: Names, time_zone: str = "UTC"
) -> Iterator[str]:
    """The entries, which must come in order of time, as lines of a Beancount file."""
    yield "; Amounts are exact; a debit is positive, a credit negative."
    accounts = _Accounts(names, _beancount_account, re.compile(r"[^A-Za-z0-9-]+"))
    known: set[str] = set()
    for entry_id, at, _, entry in entries:
        day = local_date(at, time_zone)
        legs = [(accounts.of(posting), posting) for posting in entry.postings]
        for code in _new((posting.currency for _, posting in legs), known):
            yield f'option "operating_currency" "{code}"'
            yield f"{day} commodity {code}"
        for account, posting in legs:
            if account not in known:
                known.add(account)
                yield f"{day} open {account}"
                if posting.customer_id:
                    yield f"  customer: {_quoted(names(posting.customer_id))}"
        yield ""
        yield f"{day} * {_quoted(entry.kind)}"
        yield f'  entry: "{entry_id}"'
        if entry.document_id:
            yield f'  document: "{entry.document_id}"'
        if entry.reverses:
            yield f'  reverses: "{entry.reverses}"'
        yield from _legs(legs)


class _Accounts:
    """Account names, a customer's made of its key, and never the same one for two customers.

    A key that can stand as it is stands as it is. Otherwise what is left of it is followed by the
    customer's id, which no key may end in by itself.
    """

    def __init__(
        self, names: Names, spell: Callable[[Account, str], str], forbidden: re.Pattern[str]
    ) -> None:
        self._names = names
        self._spell = spell
        self._forbidden = forbidden
        self._known: dict[tuple[Account, UUID | None], str] = {}
        self._owners: dict[str, UUID] = {}
        self._parts: dict[UUID, str] = {}

    def of(self, posting: Posting) -> str:
        """The account that the posting is booked on."""
        key = (posting.account, posting.customer_id)
        name = self._known.get(key)
        if name is None:
            part = "" if posting.customer_id is None else self._part(posting.customer_id)
            name = self._known[key] = self._spell(posting.account, part)
        return name

    def _part(self, customer_id: UUID) -> str:
        if customer_id in self._parts:
            return self._parts[customer_id]
        key = self._names(customer_id)
        part = self._forbidden.sub("-", key[:_KEPT_CHARS]).strip("-._")
        if part != key or not part or _ENDS_IN_ID.search(part) or self._is_taken(part):
            part = f"{part or 'customer'}-{ids.show('', customer_id)[1:]}"
        self._owners[part.lower()] = customer_id
        self._parts[customer_id] = part
        return part

    def _is_taken(self, part: str) -> bool:
        """By another customer, or by one that differs in capitals only."""
        return part.lower() in self._owners


def _hledger_account(account: Account, part: str) -> str:
    root = _ROOTS[account.kind].lower()
    return f"{root}:{account.code}:{part}" if part else f"{root}:{account.code}"


def _hledger_customer(posting: Posting, names: Names) -> str:
    if posting.customer_id is None:
        return ""
    return f"  ; customer: {_hledger_text(names(posting.customer_id))}"


def _hledger_text(text: str) -> str:
    """Text with everything spelt out, as in Python, that hledger might take for more than text."""
    return _SPECIAL_IN_HLEDGER.sub(_spelt_out, text)


def _spelt_out(match: re.Match[str]) -> str:
    number = ord(match[0])
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _beancount_account(account: Account, part: str) -> str:
    words = "-".join(word.capitalize() for word in account.code.split("_"))
    name = f"{_ROOTS[account.kind]}:{words}"
    return f"{name}:{part[0].upper()}{part[1:]}" if part else name


def _quoted(text: str) -> str:
    """A string of Beancount; control characters become spaces."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_CONTROL.sub(" ", escaped)}"'


def _legs(legs: Iterable[tuple[str, Posting]]) -> Iterator[str]:
    for account, (_, amount, currency, _) in legs:
        yield f"    {account}  {plain(Money(amount, currency))} {currency}"


def _new(codes: Iterable[str], known: set[str]) -> Iterator[str]:
    """The currencies that come up for the first time."""
    for code in codes:
        if code not in known:
            known.add(code)
            yield code
