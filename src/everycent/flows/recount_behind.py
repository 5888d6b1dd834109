"""What stands behind the lines of invoices that are counted again: the records that had been counted when
they were made, the readings billed before, and how their periods are counted and who pays for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from everycent.consumption import queries as consumption
from everycent.customers import queries as customers
from everycent.customers.payer import Payer
from everycent.db.connection import Tx
from everycent.metering import queries as metering
from everycent.recount.belonging import Record
from everycent.recount.clock import instant
from everycent.recount.line import Behind
from everycent.recount.register import Reading
from everycent.recount.sold import Plain
from everycent.subscriptions import queries as subscriptions

_INSTANT = timedelta(microseconds=1)

Item = tuple[UUID, int]
"""A subscription and the number of one of its items."""
Billed = dict[tuple[UUID, int, str], tuple[datetime, Reading]]
"""Up to when an item was billed and with which reading last, by the input's name in its measure."""


class Part(NamedTuple):
    """A part of a line with what it takes to find its records; `behind_no` is None where nobody ever
    sent any. `is_moved`: late readings have moved the one on which it stands."""

    line: Plain
    part: Plain
    billed: Reading | None
    behind_no: int | None
    is_away: bool = False
    is_moved: bool = False


def behind(
    tx: Tx, invoices: Sequence[Plain], parts: Sequence[Sequence[Part]], *, has_files: bool
) -> Iterator[BehindLines]:
    """By invoice what tells of each of its lines, in turn, what stands behind it."""
    items = {_item(line) for invoice in invoices for line in invoice["lines"]}
    contracts = _contracts(tx, sorted(items))
    numbered, uses = _uses(tx, parts, has_files=has_files)
    streamed = groupby(metering.raw_records(tx, uses) if uses else (), key=lambda row: row[0])
    ahead = _Ahead(tx, streamed)
    for own in numbered:
        yield BehindLines(own, contracts, ahead)


def parts_of(invoice: Plain, billed: Billed) -> list[Part]:
    """The parts of an invoice, each counter with the reading billed before; those go on from here."""
    found = []
    for line in invoice["lines"]:
        for part in (line["charge"].get("quantity") or {}).get("parts", ()):
            before, is_moved = None, False
            if part["series"]["aggregation"] == "counter":
                before, is_moved = _standing(line, part, billed)
            found.append(Part(line, part, before, None, is_moved=is_moved))
    return found


def _standing(line: Plain, part: Plain, billed: Billed) -> tuple[Reading | None, bool]:
    """The reading on which a register's period stands, and whether late readings have moved it.

    A correction says itself where it begins. Else it is the one that was billed last, unless the line says
    another one: then what came late has put right where the period before ends, and the line must
    stand on the last reading up to its start.
    """
    key = (*_item(line), part.get("input", ""))
    ends_at = instant(line["ends_at"])
    known = billed.get(key)
    if part.get("closing") is not None and (known is None or known[0] <= ends_at):
        billed[key] = ends_at, reading(part["closing"])
    said = None if part.get("opening") is None else reading(part["opening"])
    if line.get("corrects") is not None:
        return said, False
    if known is None:
        return None, False
    is_moved = said is not None and said != known[1]
    return (None if is_moved else known[1]), is_moved


def _uses(
    tx: Tx, found: Sequence[Sequence[Part]], *, has_files: bool
) -> tuple[list[list[Part]], list[metering.Behind]]:
    """The parts with the numbers of their uses, and the uses: one for all parts of an invoice that stand
    on the same records."""
    every = [part.part for parts in found for part in parts]
    names = {("subject", p["subject"]) for p in every} | {
        ("meter", p["series"]["meter"]) for p in every
    }
    ids = metering.known_numbers(tx, sorted(names))
    uses: list[metering.Behind] = []
    numbered: list[list[Part]] = []
    for parts in found:
        known: dict[tuple[Any, ...], int] = {}
        numbered.append([])
        for part in parts:
            use = _use(part, ids)
            number = None
            if use is not None:
                number = known.setdefault(use[1:], len(uses))
                if number == len(uses):
                    uses.append(use._replace(behind_no=number))
            numbered[-1].append(part._replace(behind_no=number))
    away = set() if has_files else _away(tx, uses)
    marked = [
        [part._replace(is_away=part.behind_no in away) for part in parts] for parts in numbered
    ]
    return marked, uses


def _use(part: Part, ids: dict[tuple[str, str], int]) -> metering.Behind | None:
    series = part.part["series"]
    subject = ids.get(("subject", part.part["subject"]))
    meter = ids.get(("meter", series["meter"]))
    if subject is None or meter is None:
        return None
    kind = series["aggregation"]
    is_level = kind in ("units", "weighted_sum") and series.get("carries", True)
    is_open = is_level or (kind == "counter" and part.billed is None)
    start, end = instant(part.part["starts_at"]), instant(part.part["ends_at"])
    return metering.Behind(0, subject, meter, start, end, part.part["fold_id"], is_open)


def _away(tx: Tx, uses: Sequence[metering.Behind]) -> set[int]:
    """The uses of which records are in the archive."""
    return consumption.archived_among(
        tx,
        [
            (use.behind_no, use.subject_id, use.meter_id,
             consumption.FIRST_RECORD[0] if use.is_open else use.start, use.end + _INSTANT)
            for use in uses
        ],
    )  # fmt: skip


class BehindLines:
    """What stands behind the lines of an invoice, line after line: records are read when the first line
    asks for them, and forgotten after the last one."""

    def __init__(self, parts: Sequence[Part], contracts: dict[Item, Plain], ahead: _Ahead) -> None:
        self._contracts = contracts
        self._ahead = ahead
        self._kept: dict[int, list[Record]] = {}
        self._parts: dict[int, list[Part]] = {}
        self._last: dict[int | None, int] = {}
        for part in parts:
            self._parts.setdefault(part.line["line_no"], []).append(part)
            self._last[part.behind_no] = part.line["line_no"]

    def __call__(self, line: Plain) -> Behind:
        number = line["line_no"]
        parts = self._parts.get(number, [])
        records = [self._records(part) for part in parts]
        for part in parts:
            if part.behind_no is not None and self._last[part.behind_no] == number:
                self._kept.pop(part.behind_no, None)
        contract = self._contracts.get(_item(line))
        billed = [part.billed for part in parts]
        return Behind(records, billed, contract, [part.is_moved for part in parts])

    def _records(self, part: Part) -> list[Record] | None:
        if part.behind_no is None:
            return []
        if part.behind_no not in self._kept:
            self._kept[part.behind_no] = self._ahead.take(part.behind_no)
        return None if part.is_away else self._kept[part.behind_no]


class _Ahead:
    """The streamed records, use after use; a use without records has no group."""

    def __init__(self, tx: Tx, streamed: Iterator[tuple[int, Iterator[Any]]]) -> None:
        self._tx = tx
        self._streamed = streamed
        self._next = next(streamed, None)
        self._told: dict[int, dict[str, str]] = {}

    def take(self, behind_no: int) -> list[Record]:
        """The records of the next use; uses are asked for in order, each once."""
        if self._next is None or self._next[0] != behind_no:
            return []
        rows = list(self._next[1])
        self._next = next(self._streamed, None)
        unknown = sorted({row[3] for row in rows} - self._told.keys())
        for number, text in (metering.names(self._tx, unknown) if unknown else {}).items():
            self._told[number] = msgspec.json.decode(text)
        return [Record(at, Fraction(value), self._told[told]) for _, at, value, told in rows]


def _contracts(tx: Tx, items: Sequence[Item]) -> dict[Item, Plain]:
    frames = subscriptions.frames(tx, items)
    payers = customers.payers(tx, sorted({frame.customer_id for frame in frames.values()}))
    return {
        item: _contract(frame, payers.get(frame.customer_id, ())) for item, frame in frames.items()
    }


def _contract(frame: subscriptions.Frame, payers: Sequence[Payer]) -> Plain:
    rule = frame.own.proration
    return {
        "customer_id": str(frame.customer_id),
        "payers": msgspec.to_builtins(payers),
        "anchor": frame.anchor.isoformat(),
        "months": frame.months,
        "days": frame.days,
        "zone": frame.zone,
        "starts_at": frame.starts_at.isoformat(),
        "ends_at": None if frame.ends_at is None else frame.ends_at.isoformat(),
        "rule": {} if rule is None else msgspec.to_builtins(rule),
        "quantity": frame.own.quantity,
        "follows": frame.sides.follows,
        "is_followed": frame.sides.is_followed,
        "subject": frame.subject,
    }


def counters_of(invoice: Plain) -> set[Item]:
    """The items of an invoice that measure registers."""
    return {
        _item(line)
        for line in invoice["lines"]
        for part in (line["charge"].get("quantity") or {}).get("parts", ())
        if part["series"]["aggregation"] == "counter"
    }


def _item(line: Plain) -> Item:
    return UUID(line["subscription_id"]), line["item_no"]


def reading(told: Plain) -> Reading:
    """What a register showed, as it is frozen."""
    return Reading(
        instant(told["at"]), Fraction(told["value"]), told.get("register", ""),
        told.get("is_estimate", False), told.get("role", ""),
    )  # fmt: skip
