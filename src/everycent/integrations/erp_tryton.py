"""The ERP Tryton: final documents become posted customer invoices there, through Tryton's REST API.

    find by reference ─► create as a draft ─► compare with what was sent ─► post ─► tell what Tryton says

A document is known in Tryton by its `reference` for ever. Each step is a transaction there, and each try
begins by looking: a draft that was left is finished, an invoice that is booked is told, nothing is made
twice. Drafts that are too many, or are not what was sent, are removed; what is booked is never touched.

Tryton computes taxes and totals by itself. What it comes to is compared before it is posted, and stands on
the draft as its source amounts, so that Tryton refuses too to post anything else.

The judge reads the protocol of docs/erp.md, so an answer is a translation: every amount, currency, party
and number in it was read out of Tryton. (Of what Tryton declines it has nothing to read; its words are told
with the document's own amounts then.) The evidence that is kept is both, beside each other: what was read,
and every answer of Tryton to the letter, so that anybody can check the translation.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from everycent.erp.port import SCHEMA, Parcel, Reply
from everycent.erp.told import Document
from everycent.integrations import tryton_books as books
from everycent.integrations import wire
from everycent.integrations.tryton_books import Books, Map
from everycent.integrations.tryton_lines import UnfitError, lines_of
from everycent.integrations.tryton_rest import DeclinedError, Site, StoppedError, Talk, day
from everycent.kernel import points

_INVOICE = "account.invoice"
_FIELDS = (
    "reference number state party.code currency.code currency.digits "
    "untaxed_amount tax_amount total_amount taxes.tax taxes.base taxes.amount"
)
_BOOKED = ("posted", "paid")
_ANYWAY = {"_skip_warnings": True}
"""Tryton asks its user whether to go on, such as when a due date is past. It is printed, so there is
nothing to decide. Where Tryton asks all the same, the document is refused with its words."""


class _Party(msgspec.Struct, frozen=True):
    code: str | None


class _Currency(msgspec.Struct, frozen=True):
    code: str
    digits: Annotated[int, msgspec.Meta(ge=0, le=10)]


class _Tax(msgspec.Struct, frozen=True):
    id: int
    tax: int | None
    base: Decimal
    amount: Decimal


class _Row(msgspec.Struct, frozen=True):
    """An invoice as Tryton has it."""

    id: int
    reference: str
    number: str | None
    state: Literal["draft", "validated", "posted", "paid"]
    party: _Party
    currency: _Currency
    untaxed_amount: Decimal
    tax_amount: Decimal
    total_amount: Decimal
    taxes: tuple[_Tax, ...]

    @property
    def is_booked(self) -> bool:
        return self.state in _BOOKED


class _Desk(NamedTuple):
    """What it takes to hand over documents of a seller."""

    talk: Talk
    books: Books
    seller: str
    parties: dict[str, books.Party]


class TrytonErp:
    """A company in a Tryton."""

    def __init__(
        self, *, name: str, url: str, database: str, key: str, to: Map, batch: int = 20,
        page: int = 50, deadline: timedelta = timedelta(seconds=60),
    ) -> None:  # fmt: skip
        """`url` is what stands before the database, `key` that of a user application for REST. Raises
        Invalid `payment.bad_provider_url`."""
        self.name = name
        self.batch = batch
        self.page = page
        self._to = to
        self._site = Site(wire.origin_of(url), database, key, deadline)

    def __repr__(self) -> str:
        return f"TrytonErp({self.name!r}, {self._site.origin.host!r}, {self._site.database!r})"

    def send(self, seller: str, parcel: Parcel) -> Reply:
        """Posts documents, by their dates, as Tryton numbers invoices by date."""

        def sent(talk: Talk) -> dict[str, Any]:
            there = self._there(talk, [one.reference for one in parcel.documents])
            currencies = [one.currency for one in parcel.documents]
            known = books.read(talk, self._to, currencies)
            codes = [self._code(seller, one.customer.key) for one in parcel.documents]
            desk = _Desk(talk, known, seller, books.parties(talk, codes))
            documents = sorted(parcel.documents, key=lambda one: one.issued_on)
            told = [self._handed(desk, one, there.get(one.reference, [])) for one in documents]
            return {"batch": parcel.batch_no, "control": parcel.control, "documents": told}

        return self._told(sent)

    def ask(self, references: Sequence[str]) -> Reply:
        """What the books say of documents; of one that is not booked, its draft."""

        def asked(talk: Talk) -> dict[str, Any]:
            told = []
            for rows in self._there(talk, references).values():
                booked = [row for row in rows if row.is_booked]
                told += [self._found(row) for row in booked or rows[:1]]
            return {"documents": told}

        return self._told(asked)

    def listed(self, seller: str, after: str | None) -> Reply:
        """A page of all invoices under a seller's references that are not cancelled, drafts too; the cursor
        is an id in Tryton."""

        def page(talk: Talk) -> dict[str, Any]:
            domain = [*self._ours(talk), ["reference", "like", f"{seller}/%"]]
            here = [*domain, ["id", ">", int(after or 0)]]
            rows = talk.find(_INVOICE, here, _Row, _FIELDS, most=self.page + 1)
            some = rows[: self.page]
            cursor = str(some[-1].id) if len(rows) > len(some) else None
            told = [self._found(row) for row in some]
            return {"documents": told, "next": cursor, "count": talk.count(_INVOICE, domain)}

        return self._told(page)

    def _told(self, asked: Callable[[Talk], dict[str, Any]]) -> Reply:
        """What came of a conversation, with the evidence."""
        with Talk(self._site) as talk:
            try:
                told = {"schema": SCHEMA} | asked(talk)
                reply = Reply(json.dumps(told, ensure_ascii=False).encode(), 200)
            except StoppedError as stopped:
                told, reply = {}, stopped.reply
            kept = {"read": told or None, "tryton": talk.said}
        return reply._replace(evidence=json.dumps(kept, ensure_ascii=False).encode())

    def _ours(self, talk: Talk) -> list[Any]:
        company = books.company(talk, self._to)
        return [["company", "=", company], ["type", "=", "out"], ["state", "!=", "cancelled"]]

    def _there(self, talk: Talk, references: Iterable[str]) -> defaultdict[str, list[_Row]]:
        """What Tryton has under references, not counting what is cancelled; oldest first."""
        domain = [*self._ours(talk), ["reference", "in", list(references)]]
        found: defaultdict[str, list[_Row]] = defaultdict(list)
        for row in talk.find(_INVOICE, domain, _Row, _FIELDS):
            found[row.reference].append(row)
        return found

    def _handed(self, desk: _Desk, document: Document, there: Sequence[_Row]) -> dict[str, Any]:
        """A document after everything was done so that it is booked, as Tryton tells it."""
        try:
            row = self._settled(desk, document, there)
            if row is None:
                row = self._created(desk, document)
            if not row.is_booked and self._is_same(row, document):
                row = self._posted(desk, row)
        except UnfitError as error:
            return _declined(document, str(error))
        except DeclinedError as error:
            return _declined(document, f"Tryton: {error}")
        return self._found(row)

    def _settled(self, desk: _Desk, document: Document, there: Sequence[_Row]) -> _Row | None:
        """What there is of a document, if it is booked or can be posted; other drafts are removed. One that
        a person has validated is left as it is, and told as it is."""
        good = [row for row in there if self._is_same(row, document)]
        validated = [row for row in there if row.state == "validated"]
        kept = [row for row in there if row.is_booked] or good or validated
        for row in there:
            if row.state == "draft" and row not in kept[:1]:
                desk.talk.remove(_INVOICE, row.id)
        return kept[0] if kept else None

    def _created(self, desk: _Desk, document: Document) -> _Row:
        """A draft. One that an earlier call made, whose answer nobody waited for, comes before it."""
        code = self._code(desk.seller, document.customer.key)
        party = books.party(desk.talk, desk.parties, code, document.customer)
        currency = desk.books.currency(document.currency)
        lines = [line | {"currency": currency} for line in lines_of(document, desk.books.chart)]
        values = {
            "company": desk.books.company,
            "type": "out",
            "reference": document.reference,
            "description": f"{document.corrects} corrected" if document.corrects else None,
            "party": party.id,
            "invoice_address": party.addresses[0].id,
            "account": desk.books.receivable or party.account_receivable or desk.books.default,
            "currency": currency,
            "journal": desk.books.journal,
            "invoice_date": day(document.issued_on),
            "accounting_date": day(document.issued_on),
            "payment_term_date": day(document.due_on),
            "source_untaxed_amount": Decimal(document.net),
            "source_tax_amount": Decimal(document.tax),
            "source_total_amount": Decimal(document.gross),
            "lines": [["create", lines]],
        }
        row = desk.talk.make(_INVOICE, values, _Row, _FIELDS)
        points.reach("erp_tryton.created")
        if self._to.cents == books.ADOPT and not self._is_same(row, document):
            self._adopt(desk, row, document)
        there = self._there(desk.talk, [document.reference])[document.reference]
        if len(there) == 1:
            return there[0]
        return self._settled(desk, document, there) or row

    def _adopt(self, desk: _Desk, row: _Row, document: Document) -> None:
        """Gives a draft the taxes that were printed, where Tryton has the same bases and its taxes differ
        by no more than the last digit."""
        least = Decimal(1).scaleb(-row.currency.digits)
        printed: dict[int | None, tuple[Decimal, Decimal]] = {}
        for tax in document.taxes:
            name = desk.books.chart.taxes[f"{tax.category} {tax.percent}"]
            base, amount = printed.get(name, (Decimal(0), Decimal(0)))
            printed[name] = base + Decimal(tax.base), amount + Decimal(tax.amount)
        for has in row.taxes:
            base, amount = printed.get(has.tax, (Decimal(0), Decimal(0)))
            if has.base == base and 0 < abs(has.amount - amount) <= least:
                desk.talk.change("account.invoice.tax", has.id, {"amount": amount})

    def _posted(self, desk: _Desk, row: _Row) -> _Row:
        posted = desk.talk.act(_INVOICE, row.id, "post", _Row, _FIELDS, context=_ANYWAY)
        points.reach("erp_tryton.posted")
        return posted

    def _code(self, seller: str, customer: str) -> str:
        return f"{seller}/{customer}" if self._to.parties == books.BY_SELLER else customer

    def _found(self, row: _Row) -> dict[str, Any]:
        """An invoice of Tryton in the words of the protocol."""
        ours = self._code(row.reference.rpartition("/")[0], "")
        code = row.party.code or ""
        key = code.removeprefix(ours) if code.startswith(ours) else f"party {code}"
        digits = row.currency.digits
        return {
            "reference": row.reference,
            "customer": key,
            "currency": row.currency.code,
            "net": _shown(row.untaxed_amount, digits),
            "tax": _shown(row.tax_amount, digits),
            "gross": _shown(row.total_amount, digits),
            "state": "registered" if row.is_booked else "received",
            "bill": row.number if row.is_booked else None,
            "reason": None,
        }

    def _is_same(self, row: _Row, document: Document) -> bool:
        found = self._found(row)
        sent = {
            "customer": document.customer.key,
            "currency": document.currency,
            "net": document.net,
            "tax": document.tax,
            "gross": document.gross,
        }
        return all(found[name] == value for name, value in sent.items())


def _declined(document: Document, why: str) -> dict[str, Any]:
    return {
        "reference": document.reference,
        "customer": document.customer.key,
        "currency": document.currency,
        "net": document.net,
        "tax": document.tax,
        "gross": document.gross,
        "state": "rejected",
        "bill": None,
        "reason": why,
    }


def _shown(amount: Decimal, digits: int) -> str:
    """An amount as the protocol writes it; one that has more digits than its currency, with all of them."""
    least = Decimal(1).scaleb(-digits)
    exact = amount.quantize(least) if amount == amount.quantize(least) else amount
    return format(exact if exact else abs(exact), "f")
