"""Count invoices again from raw records with the second engine: those to be issued, or those that were.

Only what is put before the engine is found here and in `recount_behind` and `recount_credit`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from everycent.archives import operations as archives
from everycent.archives import queries as archived
from everycent.archives.archive import Place
from everycent.db.connection import Tx
from everycent.flows import recount_behind as behind
from everycent.flows import recount_credit as credit
from everycent.flows.archive_usage import Files
from everycent.flows.recount_behind import Billed, Part
from everycent.invoicing import queries as invoicing
from everycent.invoicing.assemble import DraftInvoice
from everycent.invoicing.queries import Made
from everycent.kernel.currency import exponent
from everycent.kernel.errors import Broken
from everycent.recount.difference import Difference
from everycent.recount.invoice import Credit, Recounted
from everycent.recount.invoice import recount as recount_invoice
from everycent.recount.sold import Plain

_INVOICES = 200
_SHOWN = 3
_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)


class Total(NamedTuple):
    """What a recount came to: how many invoices and lines it looked at, the lines whose quantity was
    believed as records of theirs are in the archive, and the differences, each with its invoice's name."""

    invoices: int
    lines: int
    believed: int
    differences: list[str]


class _Case(NamedTuple):
    """An invoice, the parts of its lines, and the credit that there was to pay it."""

    invoice: Plain
    parts: list[Part]
    credit: Credit


# --- what is to be issued ----------------------------------------------------------------------


def differing(tx: Tx, drafts: Sequence[DraftInvoice]) -> dict[UUID, Broken]:
    """The customers of whose invoices one comes to something else when counted again, and the refusal.

    Call it in a `snapshot`. A line whose records are in the archive is believed in its quantity.
    """
    plain = [plain_of(draft) for draft in drafts]
    counters = sorted({item for each in plain for item in behind.counters_of(each)})
    closings = invoicing.closing_readings(tx, counters) if counters else {}
    billed: Billed = {
        key: (_EARLIEST, behind.reading(msgspec.to_builtins(told)))
        for key, told in closings.items()
    }
    cases = [
        _Case(invoice, behind.parts_of(invoice, billed), held)
        for invoice, held in zip(plain, credit.of_drafts(tx, drafts), strict=True)
    ]
    found: dict[UUID, Broken] = {}
    for draft, made in zip(drafts, _recounted(tx, cases), strict=True):
        if made.differences:
            found.setdefault(draft.customer.customer_id, refusal(made.differences))
    return found


def refusal(differences: Sequence[Difference]) -> Broken:
    """Why an invoice is not issued: the amounts first, then what they came of."""
    ordered = sorted(differences, key=lambda difference: "minor units" not in difference.what)
    told = "; ".join(str(difference) for difference in ordered[:_SHOWN])
    more = len(ordered) - _SHOWN
    return Broken(
        "billing.recount_differs",
        told + (f"; and {more} more" if more > 0 else ""),
        hint="one of the two engines is wrong: report it. Nothing was issued to the customer",
    )


def plain_of(draft: DraftInvoice) -> Plain:
    """A draft as the engine takes it."""
    told: Plain = msgspec.to_builtins(
        {
            "lines": draft.lines,
            "taxes": draft.taxes,
            "net": draft.net,
            "tax": draft.tax,
            "gross": draft.gross,
            "discounts": draft.discounts,
            "discount": draft.discount,
            "policies": draft.policies,
            "policy_date": draft.own_date,
            "customer": draft.customer,
            "currency": draft.currency,
            "draws": draft.draws,
            "prepaid": draft.prepaid,
            "places": exponent(draft.currency),
        }
    )
    return told


# --- what was issued ---------------------------------------------------------------------------


def recount_issued(tx: Tx, *, percent: int = 100, files: Files | None = None) -> Total:
    """Counts the issued invoices again, all or about so many per cent of them, which are always the same.

    With `files` what is in the archive is read from there; otherwise lines that need it are told as
    believed. Call it in a `snapshot`. Raises what reading the files raises.
    """
    archives.clear_loaded(tx)
    if files is not None:
        load_away(tx, files)
    billed: Billed = {}
    invoices, lines, believed = 0, 0, 0
    differences: list[str] = []
    for some in _issued(tx):
        cases = _cases(tx, some, billed, percent)
        for case, made in zip(
            cases, _recounted(tx, cases, has_files=files is not None), strict=True
        ):
            invoices, lines = invoices + 1, lines + len(made.lines)
            believed += made.believed
            name = case.invoice["name"]
            differences += [f"{name}, {difference}" for difference in made.differences]
    return Total(invoices, lines, believed, differences)


def _cases(tx: Tx, some: Sequence[Made], billed: Billed, percent: int) -> list[_Case]:
    """Those of the invoices that are chosen. They come in the order in which they were made: readings that
    were billed go on from one to the next, chosen or not."""
    told = [msgspec.to_builtins(made.invoice) for made in some]
    parts = [behind.parts_of(invoice, billed) for invoice in told]
    every = zip(some, told, parts, strict=True)
    chosen = [one for one in every if _is_chosen(one[1]["invoice_id"], percent)]
    held = credit.before(tx, [made for made, *_ in chosen])
    return [_Case(invoice, own, lots) for (_, invoice, own), lots in zip(chosen, held, strict=True)]


def load_away(tx: Tx, files: Files) -> None:
    """Puts the records that are in files alone beside the table. Raises what reading the files raises."""
    for part in archived.parts(tx):
        if part.place is Place.FILE:
            archives.load(tx, part, files.at(part.location).read(part.file.name))


def _issued(tx: Tx) -> Iterator[list[Made]]:
    """All invoices as they are frozen, some at a time, in order of their numbers."""
    after = invoicing.FROM_THE_START
    while rows := invoicing.listed(tx, after=after, limit=_INVOICES):
        after = (rows[-1].issued_on, rows[-1].series, rows[-1].number)
        own = [row.event_id for row in rows if row.credits is None and row.reduces is None]
        yield invoicing.issued_by(tx, own)


def _is_chosen(invoice_id: str, percent: int) -> bool:
    digest = hashlib.sha256(invoice_id.encode()).digest()
    return int.from_bytes(digest[:8]) % 100 < percent


# --- both --------------------------------------------------------------------------------------


def _recounted(tx: Tx, cases: Sequence[_Case], *, has_files: bool = False) -> Iterator[Recounted]:
    """The invoices counted again one after the other."""
    invoices, parts = [case.invoice for case in cases], [case.parts for case in cases]
    lines = behind.behind(tx, invoices, parts, has_files=has_files)
    for case, behind_lines in zip(cases, lines, strict=True):
        yield recount_invoice(case.invoice, behind_lines, case.credit)
