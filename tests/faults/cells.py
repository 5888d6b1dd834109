"""The cells: seven faults × thirteen states and the twelve edges between them.

A state is a named point inside it, at which the worker is held while the fault happens; an edge is the
point between the commit of the one and the beginning of the next.
"""

from __future__ import annotations

from typing import NamedTuple

from everycent.kernel.near import meant

STATES = (
    "scheduled", "collecting", "collected", "rated", "drafted", "checked", "numbered", "posted",
    "erp_sending", "erp_confirmed", "charging", "settled", "closed",
)  # fmt: skip
_POINTS = (
    ("report_begin.begin", "report_begin.committed"),
    ("wire.sent", "report_pulled"),
    ("report_write.commit", "report_write.committed"),
    ("bill_chunk.claimed", "bill_chunk.read"),
    ("bill_chunk.decided", "bill_chunk.checked"),
    ("bill_chunk.prepared", "bill_chunk.issue"),
    ("bill_chunk.numbered", "bill_chunk.issued"),
    ("bill_chunk.commit", "bill_chunk.committed"),
    ("erp_send.call", "erp_send.called"),
    ("erp_hear.commit", "erp_hear.committed"),
    ("send.committed", "call.end"),
    ("book.commit", "book.committed"),
    ("finish_run.commit", "finish_run.committed"),
)
"""For each state a point inside it, and the one on the edge to the next."""

FAULTS = {
    "database_away": "the database is stopped, and started again",
    "database_throws": "the database answers statements with an error",
    "server_away": "the worker is killed, and started again",
    "server_throws": "the worker meets an error that nobody foresaw",
    "erp_away": "the ERP is killed, and started again",
    "erp_wrong": "the ERP answers what is not true",
    "erp_throws": "the ERP answers with an error",
}
"""What goes wrong, by name."""

SQLSTATES = (
    "XX000", "40001", "22003", "53100", "23514", "40P01", "42703", "57014", "55P03", "53300",
    "0A000", "25006", "22P02",
)  # fmt: skip
"""What the database throws, one after the other."""
AWAY_STATES = frozenset({"40001", "40P01", "53100", "53300", "55P03", "57014", "25006"})
"""Those that say that it can't now: tried again without an alarm."""
ERP_ERRORS = ("error_500_before", "error_500_after", "exception_page", "close_after")


class Cell(NamedTuple):
    """A fault at a place; `number` counts all of them."""

    number: int
    fault: str
    place: str
    point: str

    @property
    def name(self) -> str:
        """What it is called on the command line and in tests."""
        return f"{self.fault}@{self.place}"

    @property
    def state(self) -> int:
        """The number of the state that it is in or comes from."""
        return STATES.index(self.place.partition("→")[0])

    @property
    def sqlstate(self) -> str:
        """What the database throws in this cell."""
        return SQLSTATES[self.number % len(SQLSTATES)]


def places() -> list[tuple[str, str]]:
    """The 25 places with their points, in order."""
    found = []
    for number, (state, (inside, edge)) in enumerate(zip(STATES, _POINTS, strict=True)):
        found.append((state, inside))
        if number + 1 < len(STATES):
            found.append((f"{state}→{STATES[number + 1]}", edge))
    return found


def cells() -> list[Cell]:
    """All 175 of them."""
    return [
        Cell(number, fault, place, point)
        for number, (fault, (place, point)) in enumerate(
            (fault, one) for fault in FAULTS for one in places()
        )
    ]


def chosen(wanted: list[Cell], names: list[str]) -> list[Cell]:
    """Those of the cells that have one of the names: their own, or that of a fault or a place. Raises
    LookupError for a name that none of them has: nothing played is nothing proved."""
    known = {name for one in wanted for name in (one.name, one.fault, one.place)}
    for name in names:
        if name not in known:
            near = meant(name, sorted(known)) or f"faults are {', '.join(FAULTS)}"
            raise LookupError(f"no cell, fault or place is called {name!r}; {near}")
    return [one for one in wanted if {one.name, one.fault, one.place} & set(names)]


def covering() -> list[Cell]:
    """A subset for every build: every fault and every place at least once."""
    faults = list(FAULTS)
    by_place = {}
    for cell in cells():
        by_place.setdefault(cell.place, {})[cell.fault] = cell
    return [
        of_place[faults[number % len(faults)]] for number, of_place in enumerate(by_place.values())
    ]
