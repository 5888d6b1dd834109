"""The books of the fake ERP: batches and documents, and what becomes of a delivery.

Nothing here does I/O: `deliver` decides on an answer and on records, `keep` takes records in. A document
gets its bill when it comes; it is shown as soon as its time has come, so that nothing has to wait for it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

from everycent.fakes.erp_words import (
    FOUND,
    NOTHING_BEFORE,
    SCHEMA,
    Asked,
    Batch,
    Document,
    Record,
    Wrong,
)
from everycent.kernel.errors import NotFound

PAGE = 500
"""So many documents are on one page of the list."""
OTHER_CONTENT = "known with other content"
PERIOD_CLOSED = "the period is closed"


class Terms(NamedTuple):
    """What decides on a delivery besides the delivery: the time, how long bills take, what goes wrong."""

    now: datetime
    delay: timedelta = timedelta()
    fault: str | None = None
    reason: str | None = None
    only: str | None = None

    def has(self, fault: str, reference: str) -> bool:
        """Whether the fault happens to this document."""
        return self.fault == fault and self.only in (None, reference)


class Decided(NamedTuple):
    """The answer to a delivery and the records that it rests on, to be written before it leaves."""

    answer: Record
    records: list[Record]


class Books:
    """Everything that the ERP knows."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.documents: dict[int, Record] = {}
        self.batches: dict[str, list[Record]] = {}
        self.closed_until: date | None = None
        self._of_reference: dict[str, list[int]] = {}
        self._of_seller: dict[str, list[int]] = {}
        self._last_id = 0
        self._last_bill = 0
        for record in records:
            self.keep(record)

    def keep(self, record: Record) -> None:
        """Takes a record in: one that was decided on just now, or long ago and read from the disk."""
        told = record["told"]
        if record["kind"] == "document":
            self._keep_document(told)
        elif record["kind"] == "batch":
            self.batches.setdefault(told["seller"], []).append(told)
        elif record["kind"] == "period":
            self.closed_until = _date(told["closed_until"])
        elif record["kind"] == "gone":
            for number in self._of_reference.pop(told["reference"], ()):
                self._of_seller[self.documents.pop(number)["seller"]].remove(number)

    def _keep_document(self, told: Record) -> None:
        number = told["id"]
        if number not in self.documents:
            self._of_reference.setdefault(told["reference"], []).append(number)
            self._of_seller.setdefault(told["seller"], []).append(number)
        self.documents[number] = told
        self._last_id = max(self._last_id, number)
        self._last_bill = max(self._last_bill, told["bill_number"] or 0)

    def deliver(self, asked: Asked, terms: Terms) -> Decided:
        """Decides on a delivery. Raises Wrong 409 `not_linked`, `other_batch`."""
        delivery = asked.delivery
        records = self._new_batch(delivery.seller, delivery.batch, terms)
        draft = _Draft(self._last_id, self._last_bill)
        answers = []
        rows = zip(delivery.documents, asked.sent, asked.digests, strict=True)
        for document, sent, digest in rows:
            base = {
                "seller": delivery.seller, "batch": delivery.batch.number, "digest": digest,
                **_figures(document), "at": terms.now.isoformat(),
            }  # fmt: skip
            told, added = self._taken(base, document.issued_on, draft, terms)
            if added and not terms.has("amnesia", document.reference):
                records += [{"kind": "document", "told": one, "document": sent} for one in added]
            answers.append(found(told, terms.now))
        if terms.fault == "amnesia" and terms.only is None:
            records = []
        return Decided(
            {
                "schema": SCHEMA,
                "batch": delivery.batch.number,
                "control": delivery.control.digest,
                "documents": answers,
            },
            records,
        )

    def _new_batch(self, seller: str, batch: Batch, terms: Terms) -> list[Record]:
        """The record of a batch that is new; nothing where it is known. Batches come in any order, for what
        is wrong with one must not hold up the others; neighbours have to name each other."""
        known = {one["number"]: one for one in self.batches.get(seller, [])}
        if batch.number in known:
            if known[batch.number]["digest"] != batch.digest:
                raise Wrong(409, "other_batch", f"batch {batch.number} is known with other content")
            return []
        before, after = known.get(batch.number - 1), known.get(batch.number + 1)
        first = NOTHING_BEFORE if batch.number == 1 else None
        wanted = before["digest"] if before is not None else first
        if wanted not in (None, batch.previous):
            raise Wrong(409, "not_linked", f"batch {batch.number} does not name the one before it")
        if after is not None and after["previous"] != batch.digest:
            raise Wrong(409, "not_linked", f"batch {batch.number + 1} names another one before it")
        told = {
            "seller": seller, "number": batch.number, "digest": batch.digest,
            "previous": batch.previous, "at": terms.now.isoformat(),
        }  # fmt: skip
        return [{"kind": "batch", "told": told}]

    def _taken(
        self, base: Record, issued_on: date, draft: _Draft, terms: Terms
    ) -> tuple[Record, list[Record]]:
        """What is answered about one document, and what is to be kept of it.

        A rejection is no booking: what was rejected is decided on afresh when it comes again.
        """
        reference = base["reference"]
        known = [self.documents[number] for number in self._of_reference.get(reference, ())]
        booked = [one for one in known if one["rejected"] is None]
        if booked:
            if booked[0]["digest"] != base["digest"]:
                return draft.rejected(base, OTHER_CONTENT, None), []
            more = len(booked) == 1 and terms.has("twice", reference)
            return booked[0], [draft.booked(booked[0] | {"id": None}, terms)] if more else []
        again = known[0]["id"] if known else None
        if terms.has("reject", reference):
            told = draft.rejected(base, terms.reason or "", again)
        elif self.closed_until is not None and issued_on <= self.closed_until:
            told = draft.rejected(base, PERIOD_CLOSED, again)
        else:
            told = draft.booked(base | {"id": again}, terms)
            if terms.has("twice", reference):
                return told, [told, draft.booked(base | {"id": None}, terms)]
        return told, [told]

    def found(self, references: Iterable[str], now: datetime) -> list[Record]:
        """Every document under the references, in their order; what is unknown is left out."""
        return [
            found(self.documents[number], now)
            for reference in dict.fromkeys(references)
            for number in self._of_reference.get(reference, ())
        ]

    def page(self, seller: str, after: int, now: datetime) -> Record:
        """Documents of a seller in the order in which they came, from one that was on the page before."""
        numbers = self._of_seller.get(seller, [])
        start = bisect_right(numbers, after)
        shown = numbers[start : start + PAGE]
        return {
            "schema": SCHEMA,
            "documents": [found(self.documents[number], now) for number in shown],
            "next": str(shown[-1]) if start + PAGE < len(numbers) else None,
            "count": len(numbers),
        }

    def changed(self, reference: str, changes: Record) -> list[Record]:
        """The records that change what is told of a document. Raises NotFound `fake.no_document`."""
        first, *_ = self._under(reference)
        return [{"kind": "document", "told": first | changes}]

    def doubled(self, reference: str, now: datetime) -> list[Record]:
        """The records of a second document with another bill. Raises NotFound `fake.no_document`."""
        first, *_ = self._under(reference)
        draft = _Draft(self._last_id, self._last_bill)
        return [{"kind": "document", "told": draft.booked(first | {"id": None}, Terms(now))}]

    def forgotten(self, reference: str) -> list[Record]:
        """The records that lose a document. Raises NotFound `fake.no_document`."""
        self._under(reference)
        return [{"kind": "gone", "told": {"reference": reference}}]

    def _under(self, reference: str) -> list[Record]:
        numbers = self._of_reference.get(reference)
        if not numbers:
            raise NotFound(
                "fake.no_document", f"there is no document {reference}", field="reference"
            )
        return [self.documents[number] for number in numbers]

    def summary(self, now: datetime) -> Record:
        """Counts by state, sums of what is registered by currency, references that are there twice."""
        states: Counter[str] = Counter(received=0, registered=0, rejected=0)
        sums: dict[str, dict[str, Fraction]] = {}
        for one in self.documents.values():
            state = _state(one, now)
            states[state] += 1
            if state == "registered":
                of_currency = sums.setdefault(one["currency"], {})
                for name in ("net", "tax", "gross"):
                    of_currency[name] = of_currency.get(name, Fraction(0)) + Fraction(one[name])
        return {
            "documents": len(self.documents),
            **states,
            "currencies": {
                currency: {name: _text(value) for name, value in sums[currency].items()}
                for currency in sorted(sums)
            },
            "more_than_once": {
                name: len(ids) for name, ids in self._of_reference.items() if len(ids) > 1
            },
            "batches": {seller: len(batches) for seller, batches in self.batches.items()},
            "missing_batches": {
                seller: missing
                for seller, batches in self.batches.items()
                if (missing := _missing({one["number"] for one in batches}))
            },
            "closed_until": None if self.closed_until is None else self.closed_until.isoformat(),
        }


def _missing(numbers: set[int]) -> list[int]:
    """Numbers of batches that did not come though later ones did."""
    return sorted(set(range(1, max(numbers) + 1)) - numbers)


class _Draft:
    """Documents with ids and bills that nobody has yet."""

    def __init__(self, last_id: int, last_bill: int) -> None:
        self._id = last_id
        self._bill = last_bill

    def booked(self, base: Record, terms: Terms) -> Record:
        """A document that is taken in; its bill is to be seen when its time has come."""
        self._bill += 1
        return base | {
            "id": self._number(base["id"]),
            "bill_number": self._bill,
            "registers_at": (terms.now + terms.delay).isoformat(),
            "rejected": None,
        }

    def rejected(self, base: Record, reason: str, number: int | None) -> Record:
        """A document that is not taken in."""
        return base | {
            "id": self._number(number), "bill_number": None, "registers_at": None,
            "rejected": reason,
        }  # fmt: skip

    def _number(self, number: int | None) -> int:
        if number is None:
            self._id += 1
        return self._id if number is None else number


def found(one: Record, now: datetime) -> Record:
    """A document as the protocol tells of it."""
    state = _state(one, now)
    bill = f"B-{one['bill_number']:06}" if state == "registered" else None
    told = one | {"state": state, "bill": bill, "reason": one["rejected"]}
    return {name: told[name] for name in FOUND}


def _state(one: Record, now: datetime) -> str:
    if one["rejected"] is not None:
        return "rejected"
    return "registered" if datetime.fromisoformat(one["registers_at"]) <= now else "received"


def _figures(document: Document) -> Record:
    return {
        "reference": document.reference,
        "kind": document.kind,
        "number": document.number,
        "issued_on": document.issued_on.isoformat(),
        "customer": document.customer.key,
        "currency": document.currency,
        "net": document.net,
        "tax": document.tax,
        "gross": document.gross,
    }


def _date(told: Any) -> date | None:
    return None if told is None else date.fromisoformat(told)


def _text(value: Fraction) -> str:
    """An exact sum of decimals as a decimal, two places at least."""
    places = 2
    while (value * 10**places).denominator != 1:
        places += 1
    whole = int(value * 10**places)
    digits = f"{abs(whole):0{places + 1}}"
    return f"{'-' if whole < 0 else ''}{digits[:-places]}.{digits[-places:]}"
