"""Bank names: which entries of a statement were taken in before, in whatever file."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Mapping, Sequence

from everycent.db.connection import Tx
from everycent.debits import queries as debits
from everycent.payments import queries
from everycent.payments.statement import StatementEntry

_NUMBER = re.compile(r"#[0-9A-Z-]+\Z", re.ASCII)


def told_apart(
    tx: Tx, account: str, entries: Sequence[StatementEntry], ours: Container[str]
) -> tuple[list[StatementEntry], dict[str, StatementEntry]]:
    """The entries under the names by which they are known, or will be; and by name those that were not
    taken in before, each once: what is booked must not be matched again, or it would take what is open
    away from those that come after it. `ours` are the end-to-end ids of our debits."""
    about = {one.end_to_end_id for one in entries} - {None}
    own = sorted(one for one in about if one is not None and one in ours)
    references = sorted({name for entry in entries for name in _names_of(entry)})
    debited = debits.known_entries(tx, account, references, own)
    found = [_named(entry, ours, debited, _by_debit(debited)) for entry in entries]
    references = sorted({name for entry in found for name in _names_of(entry)})
    known = queries.known_externals(tx, account, references) | debited.keys()
    fresh: dict[str, StatementEntry] = {}
    for entry in found:
        if not any(name in known for name in _names_of(entry)):
            fresh.setdefault(entry.reference, entry)
    return found, fresh


def _named(
    entry: StatementEntry,
    ours: Container[str],
    debited: Mapping[str, str],
    by_debit: Mapping[str, list[str]],
) -> StatementEntry:
    """The entry with the name that it has. A bank may give many debits of a day one reference and one
    amount: then the number in the name, which counts them in a file, does not tell which is which, and the
    end-to-end id does."""
    debit = entry.end_to_end_id
    if debit is None or debit not in ours or entry.reference != entry.booking:
        return entry
    plain = _NUMBER.sub("", entry.reference)
    before = [name for name in by_debit.get(debit, []) if _NUMBER.sub("", name) == plain]
    name = entry.reference
    if before and name not in before:
        name = before[0]
    elif not before and debited.get(name, debit) != debit:
        name = f"{plain}#{debit}"
    return entry._replace(reference=name, booking=name)


def _by_debit(debited: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(debited):
        found[debited[name]].append(name)
    return found


def _names_of(entry: StatementEntry) -> set[str]:
    """Under which names an entry may have been taken in. Two files may tell one line of the account, one of
    them as a sum and the other by its parts; and an entry that pays for several customers has parts too."""
    names = {entry.reference, entry.booking, f"{entry.reference}/1"}
    return names | {f"{entry.booking}/1/1"} if entry.reference == entry.booking else names
