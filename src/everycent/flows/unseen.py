"""Names under which no usage was ever recorded: a typo, or something that is still to come.

An empty answer looks the same for both, so the answer says which names are new to us and what looks
like them. It is no refusal: a contract may begin before its first record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from everycent.consumption import queries as consumption
from everycent.consumption.usage import Request
from everycent.db.connection import Tx
from everycent.kernel.near import near
from everycent.metering import queries as metering

_MOST = 20


class Unseen(NamedTuple):
    """What was asked for and has no usage: the field, its value, that in a sentence, and known names
    that look like it."""

    field: str
    value: str
    message: str
    near: tuple[str, ...]


def of_series(tx: Tx, pairs: Iterable[tuple[str, str]]) -> list[Unseen]:
    """What was never recorded of the (subject, raw meter) pairs, each name once, twenty at most."""
    wanted = sorted(set(pairs))
    names = {("subject", subject) for subject, _ in wanted} | {("meter", m) for _, m in wanted}
    ids = metering.known_numbers(tx, sorted(names))
    found = [
        _never(kind, name, f"the {kind} {name!r}", consumption.names_beside(tx, kind, name))
        for kind, name in sorted(names - ids.keys())[:_MOST]
    ]
    known = {
        (ids["subject", subject], ids["meter", meter]): (subject, meter)
        for subject, meter in wanted
        if ("subject", subject) in ids and ("meter", meter) in ids
    }
    silent = sorted(known.keys() - consumption.used(tx, sorted(known)))
    for subject, meter in [known[pair] for pair in silent][: _MOST - len(found)]:
        beside = set(consumption.names_beside(tx, "subject", subject)) - {subject}
        what = f"{meter!r} by the subject {subject!r}"
        found.append(_never("subject", subject, what, sorted(beside)))
    return found


def of_name(tx: Tx, kind: str, name: str) -> list[Unseen]:
    """Whether nothing was ever recorded of the subject or raw meter, which `kind` says."""
    if metering.known_numbers(tx, [(kind, name)]):
        return []
    beside = consumption.names_beside(tx, kind, name)
    return [_never(kind, name, f"the {kind} {name!r}", beside)]


def of_dimension(tx: Tx, dimension: str, requests: Sequence[Request]) -> list[Unseen]:
    """Whether no record of the requests has the dimension, folded or not."""
    known = consumption.dimensions(tx, requests, is_live=True) if requests else []
    if not known or dimension in known:
        return []
    return [_unseen("dimension", dimension, f"no record of this time has {dimension!r}", known)]


def _never(field: str, value: str, what: str, known: Iterable[str]) -> Unseen:
    return _unseen(field, value, f"no usage of {what} was ever recorded", known)


def _unseen(field: str, value: str, message: str, known: Iterable[str]) -> Unseen:
    alike = tuple(near(value, known))
    told = f"; near: {', '.join(alike)}" if alike else ""
    return Unseen(field, value, message + told, alike)


def as_data(found: Iterable[Unseen]) -> list[dict[str, Any]]:
    """The same as a program gets it."""
    return [one._asdict() for one in found]
