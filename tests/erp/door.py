"""A door in front of a server, that loses and spoils what comes back."""

from __future__ import annotations

import http.client
import socket
import socketserver
import threading
from collections.abc import Callable


class Door:
    """Hands requests on to a port, and back what `spoil` makes of the request line and the answer."""

    def __init__(self, port: int, spoil: Callable[[str, bytes], bytes]) -> None:
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                request = _read(self.request)
                line = request.partition(b"\r\n")[0].decode()
                with socket.create_connection(("127.0.0.1", port)) as behind:
                    behind.sendall(request)
                    behind.shutdown(socket.SHUT_WR)
                    answer = b"".join(iter(lambda: behind.recv(65_536), b""))
                self.request.sendall(spoil(line, answer))

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Door:
        self._thread.start()
        return self

    def __exit__(self, *told: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"


def once(part: str, spoil: Callable[[bytes], bytes]) -> Callable[[str, bytes], bytes]:
    """Spoils the first answer to a request line that has this part."""
    left = [part]

    def spoiled(line: str, answer: bytes) -> bytes:
        if not left or left[0] not in line:
            return answer
        left.clear()
        return spoil(answer)

    return spoiled


def _read(connection: socket.socket) -> bytes:
    """A whole request."""
    found = b""
    while b"\r\n\r\n" not in found:
        found += connection.recv(65_536)
    head, _, body = found.partition(b"\r\n\r\n")
    message = http.client.parse_headers(_Lines(head.partition(b"\r\n")[2]))  # type: ignore[arg-type]
    size = int(message.get("content-length", "0"))
    while len(body) < size:
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body


class _Lines:
    """Lines to read."""

    def __init__(self, head: bytes) -> None:
        self._lines = [line + b"\r\n" for line in head.split(b"\r\n")] + [b"\r\n"]

    def readline(self, _: int) -> bytes:
        return self._lines.pop(0)


def remade(answer: bytes, body: bytes, *, more: bytes = b"", first: bytes = b"") -> bytes:
    """The answer with another body, more headers, or another first line."""
    head, _, _ = answer.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
    lines[0] = first or lines[0]
    size = b"Content-Length: %d" % len(body)
    return b"\r\n".join([*lines, size, *more.splitlines()]) + b"\r\n\r\n" + body


def body_of(answer: bytes) -> bytes:
    """What follows the headers."""
    return answer.partition(b"\r\n\r\n")[2]
