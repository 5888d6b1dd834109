"""Port: what an adapter to an ERP does. It sends and asks, and hands back what came, word for word; what
that means is judged here (`judge`), the same for all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple, Protocol

from everycent.erp.handed import Trouble
from everycent.erp.told import Document, Total

SCHEMA = "everycent-erp/1"
RAW_LIMIT = 1_048_576
"""How many bytes of an answer are kept as evidence. One that is longer is not read."""


class Parcel(NamedTuple):
    """What is sent in one request: a whole batch, or one document of it by itself."""

    batch_no: int
    batch_digest: str
    previous: str
    documents: tuple[Document, ...]
    totals: tuple[Total, ...]
    control: str


class Reply(NamedTuple):
    """What came of a call. Without `trouble` it is the whole body of an answer that says it is one.
    `evidence` is kept in place of `raw` where that is a translation: what the ERP said, word for word."""

    raw: bytes
    status: int | None = None
    trouble: Trouble | None = None
    why: str = ""
    not_before: timedelta | None = None
    evidence: bytes = b""


class Erp(Protocol):
    """An ERP. `name` is what it is set up as; `batch` how many documents it takes at once, and `page` how
    many it is asked about at once."""

    name: str
    batch: int
    page: int

    def send(self, seller: str, parcel: Parcel) -> Reply:
        """Hands documents over. Never raises for what the other side or the network does."""
        ...

    def ask(self, references: Sequence[str]) -> Reply:
        """Asks what became of documents."""
        ...

    def listed(self, seller: str, after: str | None) -> Reply:
        """A page of all documents of a seller that it has; the one after a cursor."""
        ...
