"""The event that issued a document and the ledger entry that it became, explained and proved."""

from __future__ import annotations

from typing import Any

from everycent.db.connection import Tx
from everycent.flows.saying import Node, Setting, agree, moment, money
from everycent.journal import chain
from everycent.journal import queries as journal
from everycent.kernel import ids
from everycent.kernel.errors import Broken
from everycent.kernel.period import instant_text
from everycent.ledger.entry import Entry


def checked_event(tx: Tx, name: str, stream: str, version: int) -> Any:
    """The row of the event that issued a document, when its hash still follows from its content and the
    event before it. Raises Broken `explain.event_changed`."""
    first = max(version - 1, 1)
    rows = journal.stream(tx, stream, version=first, limit=version - first + 1)
    event = rows[-1]
    previous = chain.GENESIS if len(rows) == 1 else bytes(rows[0].hash)
    again = chain.link(
        previous, tx.tenant_id, event.stream, event.version, event.event_id, event.type,
        event.schema_version, event.at, event.recorded_at, event.actor, event.cause,
        event.payload.encode(),
    )  # fmt: skip
    if again != bytes(event.hash):
        raise Broken(
            "explain.event_changed",
            f"the event that issued {name} does not match its hash: it was changed after it had been"
            " recorded",
            value=name,
            hint="run `everycent verify` and restore the journal from a backup",
        )
    return event


def entry_node(
    name: str, expected: Entry | None, booked: Entry | None, customer: str, setting: Setting
) -> Node:
    """The entry of a document, as it has to be and as it was booked. Raises Broken `explain.mismatch`."""
    if expected is None or booked is None:
        return Node("entry", "No ledger entry", "", "an invoice over nothing books nothing")
    order = [posting.account.account_id for posting in expected.postings]
    found = sorted(booked.postings, key=lambda p: order.index(p.account.account_id))
    wanted = sorted(expected.postings, key=lambda p: order.index(p.account.account_id))
    agree(f"{name}, the ledger entry", found, wanted)
    legs = tuple(
        Node(
            "posting",
            f"{'Debit' if posting.amount > 0 else 'Credit'}  {posting.account.name}",
            money(abs(posting.amount), setting),
            "",
            {
                "account": posting.account.code,
                "side": "debit" if posting.amount > 0 else "credit",
                **({"customer": customer} if posting.customer_id else {}),
            },
        )
        for posting in found
    )
    return Node("entry", "Ledger entry", "", "debits and credits balance", {}, legs)


def event_node(event: Any, setting: Setting) -> Node:
    """The event, whose hash was checked."""
    hash_ = bytes(event.hash).hex()
    return Node(
        "event",
        f"Event {event.type}",
        "",
        f"recorded {moment(event.recorded_at, setting.time_zone)} by {event.actor};"
        f" SHA-256 {hash_[:16]}… matches its content",
        {
            "event": ids.show(ids.EVENT, event.event_id),
            "stream": event.stream,
            "version": str(event.version),
            "at": instant_text(event.at),
            "recorded_at": instant_text(event.recorded_at),
            "actor": event.actor,
            "hash": hash_,
        },
    )
