"""One connection of the wire: sends a request, reads one answer, and knows how far it came.

Bytes are parsed by httptools (llhttp, as Node.js uses it, in its strict mode).
"""

from __future__ import annotations

import asyncio
import select
from enum import StrEnum
from typing import Any, NamedTuple

import httptools

from everycent.payments.provider import BODY_LIMIT, RAW_LIMIT

HEAD_LIMIT = 65_536
"""How many bytes a status line and headers may have."""


class End(StrEnum):
    """How a call ended. NOT_SENT: not a byte of the request left us. SENT_AND_LOST: the connection broke
    after the first byte was written. TIMED_OUT: the deadline passed after it. TOO_LARGE: more came than
    is read. GARBLED: what came is not HTTP, or is compressed. ANSWERED: a whole answer came."""

    NOT_SENT = "not_sent"
    SENT_AND_LOST = "sent_and_lost"
    TIMED_OUT = "timed_out"
    TOO_LARGE = "too_large"
    GARBLED = "garbled"
    ANSWERED = "answered"


class Reply(NamedTuple):
    """What came of a call. `status` and `headers` (names in lower case; of a name that comes twice the
    values joined by a comma) are there once all headers came. `body` is what came of the body, or the
    first bytes as they were where they are no HTTP. `why` says it for people."""

    end: End
    status: int | None = None
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    body: bytes = b""
    why: str = ""


class Connection(asyncio.Protocol):
    """A connection, for one request at a time. `is_reusable`: another may follow."""

    def __init__(self, body_limit: int = BODY_LIMIT) -> None:
        self._body_limit = body_limit
        # with the sizes of chunks and what follows the last
        self._envelope_limit = HEAD_LIMIT + 2 * body_limit
        self._loop = asyncio.get_running_loop()
        self._transport: Any = None
        self._answer: asyncio.Future[Reply] | None = None
        self._drained: asyncio.Future[None] | None = None
        self.is_reusable = True
        self._is_lost = False
        self._begin()

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._status: int | None = None
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._first = bytearray()
        self._received = 0
        self._head_size = 0
        self._is_head_complete = False
        self._is_complete = False
        self._is_surplus = False
        self._ends_with_connection = False

    # --- for the pool ----------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether nothing is known of an end of the connection."""
        return not self._is_lost and not self._transport.is_closing()

    @property
    def is_fit(self) -> bool:
        """Whether another request may be written. Looks at the socket itself: what the other side did may
        not have come to us yet, and bytes that nobody asked for are no good sign either."""
        if not self.is_open or not self.is_reusable:
            return False
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not poll.poll(0)

    def send(self, content: bytes) -> asyncio.Future[Reply]:
        """Writes a request. The answer becomes known whatever happens, if only the deadline is kept by
        whoever waits."""
        self._begin()
        self._answer = self._loop.create_future()
        self._transport.write(content)
        return self._answer

    async def sent(self) -> None:
        """Waits until the last byte was handed to the system, or nothing more can be."""
        if self._drained is not None and self._answer is not None and not self._answer.done():
            both = (self._drained, self._answer)
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if (
            self._drained is not None
        ):  # an answer to half a request: the rest may not follow another
            self.is_reusable = False

    def expire(self) -> None:
        """The deadline passed."""
        self._end(End.TIMED_OUT, "no whole answer within the deadline")

    def close(self) -> None:
        """Ends the connection at once."""
        self.is_reusable = False
        if self._transport is not None:
            self._transport.abort()

    # --- asyncio.Protocol ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there. Every byte that waits for the system counts as not written yet."""
        self._transport = transport
        self._transport.set_write_buffer_limits(high=0)

    def pause_writing(self) -> None:
        """Bytes of the request wait for the system."""
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        """No byte waits any more."""
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._answer is None or self._answer.done():
            self.close()  # nobody asked
            return
        self._received += len(data)
        if len(self._first) < RAW_LIMIT:
            self._first += data[: RAW_LIMIT - len(self._first)]
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._end(End.GARBLED, f"the answer is not HTTP: {error}")
            return
        if self._is_complete:
            self._finish()
        elif not self._is_head_complete and self._received > HEAD_LIMIT:
            self._end(End.TOO_LARGE, f"the headers have more than {HEAD_LIMIT} bytes")
        elif self._received > self._envelope_limit:
            self._end(End.TOO_LARGE, f"the answer has more than {self._envelope_limit} bytes")

    def eof_received(self) -> bool:
        """The other side has said everything. An answer without a length ends so."""
        self.is_reusable = False
        if self._ends_with_connection and self._answer is not None and not self._answer.done():
            self._finish()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._is_lost = True
        self.resume_writing()
        why = str(exc or "") or "closed by the other side before the answer was whole"
        self._end(End.SENT_AND_LOST, why)

    # --- httptools -------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """An answer begins; a second one to the same request is not ours."""
        if self._is_complete:
            self.is_reusable, self._is_surplus = False, True

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header came."""
        self._head_size += len(name) + len(value)
        if self._head_size > HEAD_LIMIT:
            self._end(End.TOO_LARGE, f"the headers have more than {HEAD_LIMIT} bytes")
        if self._is_surplus:
            return
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        before = self._headers.get(key)
        self._headers[key] = text if before is None else f"{before}, {text}"

    def on_headers_complete(self) -> None:
        """All headers came; those of an interim answer (100 Continue) are forgotten."""
        status = self._parser.get_status_code()
        if self._is_surplus:
            return
        if status < 200:
            if status == 101:
                self._end(End.GARBLED, "the other side wants to speak something else")
            self._headers.clear()
            return
        self._status, self._is_head_complete = status, True
        headers = self._headers
        coding = headers.get("transfer-encoding", "").lower()
        if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            self._end(End.GARBLED, "the answer is compressed, which nobody asked for")
        elif coding not in ("", "chunked"):
            self._end(End.GARBLED, f"the answer is coded as {coding[:40]}")
        elif headers.get("content-length", "0").isdecimal() and (
            int(headers.get("content-length", "0")[:20]) > self._body_limit
        ):
            self._end(End.TOO_LARGE, f"the body has more than {self._body_limit} bytes")
        self._ends_with_connection = "content-length" not in headers and not coding
        if not self._parser.should_keep_alive():
            self.is_reusable = False

    def on_body(self, body: bytes) -> None:
        """A part of the body came."""
        if self._is_surplus:
            return
        room = self._body_limit - len(self._body)
        self._body += body[:room]
        if len(body) > room:
            self._end(End.TOO_LARGE, f"the body has more than {self._body_limit} bytes")

    def on_message_complete(self) -> None:
        """The answer is whole, unless it was an interim one."""
        self._is_complete = self._is_head_complete

    # --- the end ---------------------------------------------------------------------------------

    def _finish(self) -> None:
        assert self._answer is not None
        if not self._answer.done():
            told = Reply(End.ANSWERED, self._status, self._headers, bytes(self._body))
            self._answer.set_result(told)

    def _end(self, end: End, why: str) -> None:
        """Ends the call, if it has not ended, and the connection with it."""
        if self._answer is not None and not self._answer.done():
            is_garbled = end is End.GARBLED and not self._is_head_complete
            body = self._first if is_garbled else self._body
            status = self._status if self._is_head_complete else None
            self._answer.set_result(Reply(end, status, self._headers, bytes(body), why))
        self.close()
