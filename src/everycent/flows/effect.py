"""The effect of a change: what a transaction has written so far, in journal, documents and ledger.

Two changes of the same effect record the same events about subjects in the same state, issue the same
documents to the same customers and post the same amounts to the same accounts. Who is asked for a change
can show its effect first, and do it only if it has it still. New ids, numbers of documents and the instant
at which it is done are no part of it.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from everycent.customers import queries as customers
from everycent.db.connection import Tx
from everycent.invoicing import queries as invoicing
from everycent.journal import queries as journal
from everycent.kernel.errors import Conflict
from everycent.kernel.money import Money, plain
from everycent.kernel.period import instant_text
from everycent.ledger import queries as ledger


class Document(NamedTuple):
    """A document that is issued, and the time that its lines cover; nothing where it has none."""

    kind: str
    customer: str
    starts_at: str
    ends_at: str
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
    """How many events of which type are recorded, the documents, the postings, and all that is recorded."""

    events: dict[str, int]
    documents: list[Document]
    postings: list[Posted]
    recorded: bytes


_TOKEN = re.compile(r"plan_[0-9a-f]{16}_[0-9a-f]{32}")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z]{2,4}_[0-9a-hjkmnp-tv-z]{26}")
_NOW = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|\+00:00)")
_DIGEST = re.compile(r"[0-9a-f]{64}|[A-Za-z0-9+/]{43}=")
_NUMBER = re.compile(r'"(number|batch_id)":\d+')
"""What differs each time: ids, instants with a fraction of a second, digests over them, and numbers that
others may have taken meanwhile."""


def so_far(tx: Tx, told: str = "") -> Effect:
    """The effect of what the transaction has written, and of what is `told` of it besides."""
    written = journal.written(tx)
    ids = [row.event_id for row in written]
    issued, posted = invoicing.documents_by(tx, ids), ledger.posted_by(tx, ids)
    wanted = {row.customer_id for row in (*issued, *posted)} - {None}
    keys = {one: found.key for one, found in customers.by_ids(tx, sorted(wanted)).items()}
    return Effect(
        dict(sorted(Counter(row.type for row in written).items())),
        sorted(
            Document(
                row.kind, keys.get(row.customer_id, ""), _shown(row.starts_at), _shown(row.ends_at),
                row.currency, plain(Money(row.gross, row.currency)),
                plain(Money(row.prepaid, row.currency)),
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
        _digest(written, told),
    )  # fmt: skip


def _shown(at: datetime | None) -> str:
    return "" if at is None else instant_text(at)


def _digest(written: Sequence[Any], told: str) -> bytes:
    """Stands for the events, and for the state of the subjects that were there before: one that has moved
    meanwhile has another version."""
    found = hashlib.sha256()
    new = {row.stream for row in written if row.version == 1}
    for row in written:
        subject = f"new {row.version}" if row.stream in new else f"{row.stream} {row.version}"
        payload = _settled(row.payload)
        found.update(f"{row.type} {subject} {len(payload)} {payload}\n".encode())
    found.update(told.encode())
    return found.digest()


def _settled(text: str) -> str:
    for part, stands_for in ((_ID, "id"), (_NOW, "now"), (_DIGEST, "digest"), (_NUMBER, "no")):
        text = part.sub(stands_for, text)
    return text


def token(effect: Effect, asked: bytes, nonce: str) -> str:
    """What stands for this effect of this request; it tells nothing else and opens nothing. The `nonce`
    tells one plan from another that would do the same again."""
    told = nonce.encode() + asked + msgspec.json.encode(effect, order="sorted")
    return f"plan_{nonce}_{hashlib.sha256(told).hexdigest()[:32]}"


def is_token(text: str) -> bool:
    """Whether it has the form of a token."""
    return _TOKEN.fullmatch(text) is not None


def check(shown: str, effect: Effect, asked: bytes) -> None:
    """Raises Conflict `plan.moved` unless the effect is the one that the token stands for."""
    nonce = shown.removeprefix("plan_").partition("_")[0]
    if token(effect, asked, nonce) != shown:
        raise Conflict(
            "plan.moved",
            "this would not have the effect that was planned any more; nothing was done",
            field="plan",
            value=shown,
            hint="plan it again, and look at what is different",
        )
