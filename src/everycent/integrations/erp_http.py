"""The ERP over HTTP: the adapter for the protocol of docs/erp.md.

Requests are the same to the last byte however often they are sent, so that an ERP knows them again. They go
over the wire that money goes over: one deadline, no redirect, nothing compressed, nothing endless.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import quote

from everycent.erp.handed import Trouble
from everycent.erp.port import SCHEMA, Parcel, Reply
from everycent.integrations import wire
from everycent.integrations.wire_connection import End
from everycent.integrations.wire_connection import Reply as Answer
from everycent.kernel.canonical import encode

_ENDS = {
    End.NOT_SENT: Trouble.UNREACHABLE,
    End.SENT_AND_LOST: Trouble.LOST,
    End.TIMED_OUT: Trouble.TIMED_OUT,
    End.TOO_LARGE: Trouble.MALFORMED,
    End.GARBLED: Trouble.MALFORMED,
}
_LONGEST_WAIT = 3600
_NOT_NOW = frozenset({401, 403, 429, 502, 503, 504})
"""It lets nobody in, is busy, or somebody before it can't reach it: nothing is wrong with a document."""


class HttpErp:
    """An ERP that speaks the protocol."""

    def __init__(
        self, *, name: str, url: str, key: str, batch: int = 100, page: int = 50,
        deadline: timedelta = timedelta(seconds=30),
    ) -> None:  # fmt: skip
        """`url` is what stands before `/batches`; `key` what is sent as a bearer. Raises Invalid
        `payment.bad_provider_url`."""
        self.name = name
        self.batch = batch
        self.page = page
        self._origin = wire.origin_of(url)
        self._key = key
        self._deadline = deadline

    def __repr__(self) -> str:
        return f"HttpErp({self.name!r}, {self._origin.host!r})"

    def send(self, seller: str, parcel: Parcel) -> Reply:
        """Hands documents over."""
        return self._call("POST", "/batches", body_of(seller, parcel))

    def ask(self, references: Sequence[str]) -> Reply:
        """Asks what became of documents."""
        query = "&".join(f"reference={quote(name, safe='')}" for name in references)
        return self._call("GET", f"/documents?{query}")

    def listed(self, seller: str, after: str | None) -> Reply:
        """A page of all documents of a seller."""
        cursor = "" if after is None else f"&after={quote(after, safe='')}"
        return self._call("GET", f"/documents?seller={quote(seller, safe='')}{cursor}")

    def _call(self, method: str, target: str, body: bytes = b"") -> Reply:
        headers = {"Authorization": f"Bearer {self._key}", "Accept": "application/json"}
        if body:
            headers["Content-Type"] = "application/json"
        request = wire.Request(method, target, headers, body)
        answer = wire.once(self._origin, request, self._deadline)
        raw = answer.body.replace(self._key.encode(), b"***")
        return reply_of(answer, raw)


def body_of(seller: str, parcel: Parcel) -> bytes:
    """The request that hands documents over."""
    return encode(
        {
            "schema": SCHEMA,
            "seller": seller,
            "batch": {
                "number": parcel.batch_no,
                "digest": parcel.batch_digest,
                "previous": parcel.previous,
            },
            "control": {
                "documents": len(parcel.documents),
                "totals": parcel.totals,
                "digest": parcel.control,
            },
            "documents": parcel.documents,
        }
    )


def reply_of(answer: Answer, raw: bytes) -> Reply:
    """What an answer is, before its body is looked into."""
    if answer.end is not End.ANSWERED:
        return Reply(raw, answer.status, _ENDS[answer.end], answer.why or str(answer.end))
    status = answer.status or 0
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if status in _NOT_NOW:
        told = answer.headers.get("retry-after", "")
        seconds = int(told) if told.isascii() and told.isdecimal() and len(told) < 5 else 0
        wait = timedelta(seconds=min(seconds, _LONGEST_WAIT))
        return Reply(raw, status, Trouble.UNAVAILABLE, f"the ERP answered {status}", wait)
    if status >= 500:
        return Reply(raw, status, Trouble.THREW, f"the ERP answered {status}")
    if status != 200:
        return Reply(raw, status, Trouble.REFUSED, f"the ERP answered {status}: {_start(raw)}")
    if kind != "application/json":
        return Reply(
            raw, status, Trouble.MALFORMED, f"the answer is {kind or 'of no kind'}, not JSON"
        )
    return Reply(raw, status)


def _start(raw: bytes) -> str:
    text = raw[:200].decode("utf-8", "replace")
    return "".join(char if char.isprintable() else " " for char in text)
