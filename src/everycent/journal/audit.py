"""Proofs about the journal: chains unbroken, checkpoints still true and truly signed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from everycent.db.connection import Tx
from everycent.journal import chain, store
from everycent.journal.checkpoint import Checkpoint, digest_of
from everycent.journal.event import Cursor


def broken_links(tx: Tx, progress: Callable[[int], None] | None = None) -> Iterator[str]:
    """Names the first broken event of every stream whose chain does not hold."""
    current, version, head, bad = "", 0, chain.GENESIS, False
    for n, row in enumerate(store.stream_all(tx, by_stream=True), start=1):
        event_id, stream, number, type_, schema, at, recorded_at, actor, cause, payload, stored = (
            row
        )
        if stream != current:
            current, version, head, bad = stream, 0, chain.GENESIS, False
        if not bad:
            version += 1
            head = chain.link(
                head, tx.tenant_id, stream, number, event_id, type_, schema, at, recorded_at,
                actor, cause, payload.encode(),
            )  # fmt: skip
            if number != version:
                bad = True
                yield f"{stream}: version {version} is missing (found {number})"
            elif head != bytes(stored):
                bad = True
                yield f"{stream} version {number} ({type_}): content does not match its hash"
        if progress is not None and n % 5000 == 0:
            progress(n)


def broken_checkpoints(tx: Tx, trusted_key: bytes | None) -> Iterator[str]:
    """Names checkpoints whose signature, chain or content does not hold.

    With `trusted_key` (32 bytes) a signature by any other key is a violation too.
    """
    previous: bytes | None = None
    for row in store.list_checkpoints(tx):
        name = f"checkpoint {row.checkpoint_no}"
        facts = Checkpoint(*(getattr(row, part) for part in Checkpoint._fields))
        digest = digest_of(tx.tenant_id, facts)
        if digest != bytes(row.digest):
            yield f"{name}: its facts do not match its digest"
        if facts.previous != previous:
            yield f"{name}: does not continue the checkpoint before it"
        if trusted_key is not None and bytes(row.public_key) != trusted_key:
            yield f"{name}: was signed by a key that is not ours"
        try:
            Ed25519PublicKey.from_public_bytes(row.public_key).verify(row.signature, row.digest)
        except InvalidSignature:
            yield f"{name}: the signature is not valid"
        fence = Cursor(facts.epoch, facts.xid, facts.seq)
        root, _, events = chain.root(store.stream_heads_below(tx, fence))
        if root != facts.root:
            yield f"{name}: the journal below it was changed ({facts.events} events then, {events} now)"
        previous = bytes(row.digest)
