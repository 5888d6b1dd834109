"""Apply a catalogue file: record a new version of whatever it changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from everycent.catalog import projection, queries, store
from everycent.catalog.difference import Change, Verb, changes
from everycent.catalog.document import Entity
from everycent.db.connection import Tx
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.kernel.ids import IdSource


def apply(
    tx: Tx,
    wanted: Sequence[Entity],
    *,
    at: datetime,
    recorded_at: datetime,
    actor: str,
    ids: IdSource,
) -> list[Change]:
    """Records what the file changes and returns every entity's fate. Applying it again does nothing."""
    store.lock(tx)
    found = changes(wanted, queries.known(tx))
    drafts = [
        Draft(
            ids(f"catalog.versioned/{change.kind}/{change.key}/{change.version}"),
            projection.stream(change.kind, change.key),
            projection.VERSIONED,
            at,
            actor,
            projection.Versioned(
                change.kind, change.key, change.version, msgspec.Raw(change.content)
            ),
        )
        for change in found
        if change.verb is not Verb.KEEP
    ]
    if drafts:
        journal.record(tx, drafts, recorded_at, projection.versioned)
    return found
