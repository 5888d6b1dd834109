"""The effect of a change on invoices and ledger: what a transaction has written so far, without ids.

Two changes of the same effect issue the same documents to the same customers and post the same amounts to
the same accounts. Who is asked for a change can show its effect first, and do it only if it has it still.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import NamedTuple

import msgspec

from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.invoicing import queries as invoicing
from everycent.journal import queries as journal
from everycent.kernel.errors import Conflict
from everycent.kernel.money import Money, plain
from everycent.ledger import queries as ledger


class Document(NamedTuple):
    """A document that is issued."""

    kind: str
    customer: str
    currency: str
    gross: str
    prepaid: str


class Posted(NamedTuple):
    """What is posted to an account; debits are positive. `customer` is empty where it is nobody's."""

    account: str
    customer: str
    currency: str
    amount: str


class Effect(NamedTuple):
    """How many events of which type are recorded, the documents, and the postings."""

    events: dict[str, int]
    documents: list[Document]
    postings: list[Posted]


def so_far(tx: Tx) -> Effect:
    """The effect of what the transaction has written."""
    written = journal.written(tx)
    ids = [row.event_id for row in written]
    issued, posted = invoicing.documents_by(tx, ids), ledger.posted_by(tx, ids)
    wanted = {row.customer_id for row in (*issued, *posted)} - {None}
    keys = {one: found.key for one, found in customers.by_ids(tx, sorted(wanted)).items()}
    return Effect(
        dict(sorted(Counter(row.type for row in written).items())),
        sorted(
            Document(
                row.kind, keys.get(row.customer_id, ""), row.currency,
                plain(Money(row.gross, row.currency)), plain(Money(row.prepaid, row.currency)),
            )
            for row in issued
        ),
        sorted(
            Posted(
                row.account, keys.get(row.customer_id, ""), row.currency,
                plain(Money(row.minor, row.currency)),
            )
            for row in posted
        ),
    )  # fmt: skip


def token(effect: Effect, asked: bytes) -> str:
    """What stands for this effect of this request; it tells nothing else and opens nothing."""
    told = asked + msgspec.json.encode(effect, order="sorted")
    return "plan_" + hashlib.sha256(told).hexdigest()[:40]


def check(shown: str, effect: Effect, asked: bytes) -> None:
    """Raises Conflict `plan.moved` unless the effect is the one that the token stands for."""
    if token(effect, asked) != shown:
        raise Conflict(
            "plan.moved",
            "this would not have the effect that was planned any more; nothing was done",
            field="plan",
            value=shown,
            hint="plan it again, and look at what is different",
        )
