"""Files of exchange rates: the table of the European Central Bank, and a plain one. Text in, rates out.

Date,USD,JPY,…            one line for a day, how many of each currency one euro costs; N/A for none
date,from,to,rate         one line for a rate: how many `to` one `from` costs
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple

from everycent.exchange.rate import Pair, Told, checked, parse_pair
from everycent.kernel import currency as currencies
from everycent.kernel.errors import Invalid

_CODE = re.compile(r"[A-Z]{3}", re.ASCII)
_PLAIN = ["date", "from", "to", "rate"]
_NONE = ("", "N/A")
_EURO = "EUR"
_MAX_CHARACTERS = 50_000_000


class Limits(NamedTuple):
    """What of a file is wanted: rates of these currencies (none named: of all) from a day on."""

    only: frozenset[str] = frozenset()
    since: date | None = None


ALL = Limits()


class FileOfRates(NamedTuple):
    """The rates of a file, and the currencies in it that are not known here."""

    told: list[Told]
    unknown: tuple[str, ...]


def parse(text: str, limits: Limits = ALL) -> FileOfRates:
    """The rates of a file in one of the two layouts.

    Raises Invalid `exchange.unknown_layout`, `exchange.wrong_line` with the line, and what rates raise.
    """
    if len(text) > _MAX_CHARACTERS:
        raise _unknown_layout("it is longer than 50 million characters")
    try:
        rows = list(csv.reader(text.lstrip("\ufeff").splitlines(), strict=True))
    except csv.Error as error:
        raise _unknown_layout(f"it is not CSV: {error}") from error
    head = [cell.strip() for cell in rows[0]] if rows else []
    body = list(_cells(rows[1:]))
    if [cell.lower() for cell in head] == _PLAIN:
        return FileOfRates(_plain(body, limits), ())
    codes = head[1:-1] if head[-1:] == [""] else head[1:]
    if head[:1] == ["Date"] and codes and all(map(_CODE.fullmatch, codes)):
        known = set(currencies.codes())
        unknown = tuple(code for code in codes if code not in known)
        return FileOfRates(_of_the_bank(body, codes, known, limits), unknown)
    raise _unknown_layout("its first line is of neither layout")


def _unknown_layout(why: str) -> Invalid:
    return Invalid(
        "exchange.unknown_layout",
        f"this is no file of exchange rates: {why}",
        field="file",
        hint="it begins with `Date,USD,JPY,…` as the table of the ECB does, or with `date,from,to,rate`",
    )


def _cells(rows: Iterable[Sequence[str]]) -> Iterator[tuple[int, list[str]]]:
    """The lines that say something, with their numbers."""
    for number, row in enumerate(rows, start=2):
        cells = [cell.strip() for cell in row]
        if any(cells):
            yield number, cells


def _plain(rows: Iterable[tuple[int, list[str]]], limits: Limits) -> list[Told]:
    found = []
    for number, cells in rows:
        if len(cells) != len(_PLAIN):
            raise _wrong_line(number, f"it has {len(cells)} cells in place of {len(_PLAIN)}")
        day, base, quote, rate = cells
        try:
            told = checked(Told(parse_pair(f"{base}/{quote}"), _day(day), rate))
        except Invalid as refusal:
            raise _wrong_line(number, refusal.message) from refusal
        if _is_wanted(told, limits):
            found.append(told)
    return found


def _of_the_bank(
    rows: Iterable[tuple[int, list[str]]], codes: Sequence[str], known: set[str], limits: Limits
) -> list[Told]:
    found = []
    for number, cells in rows:
        if len(cells) not in (len(codes) + 1, len(codes) + 2) or any(cells[len(codes) + 1 :]):
            raise _wrong_line(
                number, f"it has {len(cells)} cells, and the first line {len(codes) + 1}"
            )
        for code, rate in zip(codes, cells[1:], strict=False):
            if rate in _NONE or code not in known or code == _EURO:
                continue
            try:
                told = checked(Told(Pair(_EURO, code), _day(cells[0]), rate))
            except Invalid as refusal:
                raise _wrong_line(number, refusal.message) from refusal
            if _is_wanted(told, limits):
                found.append(told)
    return found


def _is_wanted(told: Told, limits: Limits) -> bool:
    is_named = not limits.only or not limits.only.isdisjoint(told.pair)
    return is_named and (limits.since is None or told.on >= limits.since)


def _day(text: str) -> date:
    """A day as '2026-03-02', or as the bank's daily file writes it: '02 March 2026'."""
    for form in ("%Y-%m-%d", "%d %B %Y"):
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day, without a time
        except ValueError:
            continue
    raise Invalid("date.malformed", f"{text[:40]!r} is not a date", field="date", value=text)


def _wrong_line(number: int, why: str) -> Invalid:
    return Invalid(
        "exchange.wrong_line",
        f"line {number}: {why}",
        field=f"line {number}",
        hint="nothing of the file was taken; correct it and import it again",
    )
