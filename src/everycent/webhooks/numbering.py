"""Numbering: which event of the journal has which number of an endpoint.

An endpoint's events are numbered from 1 on in the journal's order, without gaps. Numbers are not kept for
long: they are counted again from a mark, after which events of its types count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from everycent.journal.event import Cursor
from everycent.webhooks.endpoint import wants

MARK_EVERY = 1_000


class Mark(NamedTuple):
    """After the event at `cursor` those of `types` count, the next one as `number` + 1."""

    cursor: Cursor
    number: int
    types: tuple[str, ...]


def place_of(row: Any) -> Cursor:
    """Where an event stands in the journal."""
    return Cursor(row.epoch, row.xid, row.seq)


def numbered(marks: Sequence[Mark], headings: Iterable[Any]) -> Iterator[tuple[int, Any]]:
    """The events that an endpoint wants with their numbers, of those that follow the first mark in the
    journal; the other marks follow in order, and say from where on it wanted something else."""
    mark, *following = marks
    number, types = mark.number, mark.types
    for row in headings:
        place = place_of(row)
        while following and following[0].cursor < place:
            types = following.pop(0).types
        if wants(types, row.type):
            number += 1
            yield number, row


class Taken(NamedTuple):
    """What was read of the journal: the events that are wanted, with their numbers, how far it was read,
    and the marks on the way."""

    wanted: list[tuple[int, Any]]
    cursor: Cursor
    number: int
    marks: list[Mark]


def take(
    cursor: Cursor, number: int, types: tuple[str, ...], headings: Sequence[Any], room: int
) -> Taken:
    """Numbers the events that follow the cursor, up to so many that are wanted."""
    wanted: list[tuple[int, Any]] = []
    marks = []
    for row in headings:
        if wants(types, row.type):
            if len(wanted) == room:
                break
            number += 1
            wanted.append((number, row))
            if number % MARK_EVERY == 0:
                marks.append(Mark(place_of(row), number, types))
        cursor = place_of(row)
    return Taken(wanted, cursor, number, marks)
