"""A server that answers as it is told, over real sockets: for what a sound server can't be made to do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple


class Reply(NamedTuple):
    """An answer: bytes as they are, all else as JSON, and a refusal as a problem if no header says
    otherwise. With the status 0 the connection is closed instead."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = MappingProxyType({})


class Misbehaving(NamedTuple):
    """Where it listens, and what it was sent: method, path, headers in small letters, body."""

    address: str
    seen: list[tuple[str, str, dict[str, str], bytes]]


def encoded(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return b"" if body is None else json.dumps(body).encode()


@contextmanager
def misbehaving(*replies: Reply) -> Iterator[Misbehaving]:
    """Gives these answers one after the other, the last one for ever."""
    seen: list[tuple[str, str, dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length", 0)))
            told = {name.lower(): text for name, text in self.headers.items()}
            reply = replies[min(len(seen), len(replies) - 1)]
            seen.append((self.command, self.path, told, raw))
            if not reply.status:
                self.close_connection = True
                return
            body = encoded(reply.body)
            kind = "application/problem+json" if reply.status >= 300 else "application/json"
            told = {"content-length": str(len(body)), "content-type": kind, **reply.headers}
            self.send_response(reply.status)
            for name, text in told.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815 - the library's names

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Misbehaving(f"http://127.0.0.1:{server.server_address[1]}", seen)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
