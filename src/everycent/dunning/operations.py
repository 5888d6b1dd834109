"""Set the tenant's terms, and record what campaigns did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from everycent.db.connection import Tx
from everycent.dunning import projection, queries, store
from everycent.dunning.queries import Held
from everycent.dunning.terms import SET, STREAM, Terms, TermsSet
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.kernel.ids import IdSource


def apply(
    tx: Tx, wanted: Terms, *, at: datetime, recorded_at: datetime, actor: str, ids: IdSource
) -> Held:
    """Sets the terms from here on. Setting what holds already does nothing."""
    store.lock_terms(tx)
    held = queries.held(tx)
    if held.version and held.terms == wanted:
        return held
    told = TermsSet(held.version + 1, wanted)
    draft = Draft(ids(f"dunning.terms_set/{told.version}"), STREAM, SET, at, actor, told)
    journal.record(tx, [draft], recorded_at, projection.terms_set)
    return Held(told.version, wanted, at)


def record(tx: Tx, drafts: Sequence[Draft], recorded_at: datetime) -> None:
    """Records steps and ends of episodes, with the messages and decisions that came of them."""
    if drafts:
        journal.record(tx, drafts, recorded_at, projection.any_of)
