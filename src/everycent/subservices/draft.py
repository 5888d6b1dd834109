"""A true answer, all pages of it, that is about to be spoiled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from decimal import Decimal
from typing import Any, NamedTuple

from everycent.kernel.money import EXACT
from everycent.kernel.quantity import plain
from everycent.subservices.contract import ROWS, Record, digest, encoded

FIELD = ROWS | {"usage": "usage", "chart": "points"}
"""The field that a call's rows stand in."""
NUMBER = {"resources": "number", "report": "line", "events": "number"}
"""The field that numbers them."""
_HOLE = "@literal@"
_AMOUNTS = ("used", "included", "billable")


class Instead(NamedTuple):
    """What comes in place of a page: a fault of the transport."""

    fault: str


Page = Record | bytes | Instead


class Draft:
    """The pages, and what is needed to spoil them. `pages` is what is sent in the end."""

    def __init__(self, call: str, pages: list[Record]) -> None:
        self.call = call
        self.pages: list[Any] = deepcopy(pages)
        self.endless = False

    @property
    def first(self) -> Record:
        """The first page."""
        found: Record = self.pages[0]
        return found

    @property
    def last(self) -> Record:
        """The last page."""
        found: Record = self.pages[-1]
        return found

    @property
    def trailer(self) -> Record:
        """The trailer."""
        found: Record = self.last["trailer"]
        return found

    def rows(self, page: Record) -> list[Any]:
        """The rows of a page."""
        found: list[Any] = page[FIELD[self.call]]
        return found

    def all_rows(self) -> list[Record]:
        """The rows of all pages."""
        return [row for page in self.pages for row in self.rows(page)]

    def one(self) -> Record:
        """The row that is spoiled: the first that something was used in, or else the first."""
        rows = self.all_rows()
        return next((row for row in rows if row.get("used", "0") != "0"), rows[0])

    def link(self) -> None:
        """Makes every page lead to the one that is sent after it, as they are now."""
        for position, page in enumerate(self.pages[:-1], start=2):
            page["next"] = str(position)

    def number_pages(self) -> None:
        """Counts the pages anew."""
        for number, page in enumerate(self.pages, start=1):
            page["page"] = number

    def number_rows(self) -> None:
        """Numbers the rows anew."""
        for number, row in enumerate(self.all_rows(), start=1):
            row[NUMBER[self.call]] = number

    def seal(self) -> None:
        """Makes a trailer that agrees with the rows, so that only their content gives them away."""
        if self.call not in NUMBER:
            return
        rows = self.all_rows()
        self.trailer.update(rows=len(rows), digest=digest(rows))
        if self.call == "report":
            self.trailer["sums"] = _sums(rows, self.trailer["sums"])


def _sums(rows: Iterable[Record], before: list[Record]) -> list[Record]:
    """The sums of rows, or the ones before where rows can't be summed up any more."""
    found: dict[Any, Record] = {}
    try:
        for row in rows:
            one = found.setdefault(
                row["item"],
                {"item": row["item"], "unit": row["unit"], **dict.fromkeys(_AMOUNTS, "0")},
            )
            for name in _AMOUNTS:
                one[name] = plain(EXACT.add(Decimal(one[name]), Decimal(row[name])))
        return [found[item] for item in sorted(found)]
    except (KeyError, TypeError, ArithmeticError, ValueError):
        return before


class Endless(Sequence[Record]):
    """Pages that never end: the true rows over and over, numbered on."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._rows = draft.all_rows()

    def __len__(self) -> int:
        return 10**9

    def __getitem__(self, position: Any) -> Any:
        draft, size = self._draft, len(self._rows)
        number = NUMBER[draft.call]
        rows = [row | {number: position * size + n} for n, row in enumerate(self._rows, start=1)]
        page = {name: value for name, value in draft.first.items() if name != "trailer"}
        return page | {"page": position + 1, FIELD[draft.call]: rows, "next": str(position + 2)}


Change = Callable[[Draft], None]


def set_row(**values: Any) -> Change:
    """Other values in the row, with a trailer that agrees."""

    def change(draft: Draft) -> None:
        draft.one().update(values)
        draft.seal()

    return change


def turned(name: str, turn: Callable[[Any], Any]) -> Change:
    """One field of the row made into another, with a trailer that agrees."""

    def change(draft: Draft) -> None:
        row = draft.one()
        row[name] = turn(row[name])
        draft.seal()

    return change


def dropped(name: str) -> Change:
    """A row without a field, with a trailer that agrees."""

    def change(draft: Draft) -> None:
        draft.one().pop(name)
        draft.seal()

    return change


def set_head(**values: Any) -> Change:
    """Other values in the head of every page."""

    def change(draft: Draft) -> None:
        for page in draft.pages:
            page.update(values)

    return change


def literal(name: str, turn: Callable[[Any], str]) -> Change:
    """A field of the row with something that need not be JSON as its value."""

    def change(draft: Draft) -> None:
        row = draft.one()
        text = turn(row[name])
        row[name] = _HOLE
        draft.pages = [
            encoded(page).replace(f'"{_HOLE}"'.encode(), text.encode()) for page in draft.pages
        ]

    return change


def in_bytes(turn: Callable[[bytes], bytes]) -> Change:
    """The bytes of the last page made into others."""

    def change(draft: Draft) -> None:
        draft.pages[-1] = turn(encoded(draft.last))

    return change


def at_last(fault: str) -> Change:
    """A fault in place of the last page."""

    def change(draft: Draft) -> None:
        draft.pages[-1] = Instead(fault)

    return change
