"""A mail server that only pretends: it speaks SMTP (RFC 5321), takes every mail, and keeps it in a folder.

Each mail becomes a file `000001.eml`, with its envelope in front as `X-Envelope-From` and `X-Envelope-To`.
The first part of a recipient's address can make it fail: `refuse` is refused for good (550), `busy` for now
(451), and after mails to `lost` the connection breaks before they are confirmed, though they are kept.
"""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Callable
from pathlib import Path

from everycent.kernel.errors import Unavailable

_LONGEST_LINE = 2_000
_LARGEST = 10_000_000
_PATH = re.compile(rb"(?:FROM|TO):\s*<([^<>\s]*)>", re.IGNORECASE)
_ANSWERS = {"refuse": b"550 5.1.1 no such mailbox", "busy": b"451 4.3.0 come back later"}


class Sink:
    """Where mails are kept, numbered through; those that are in the folder already count."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.number = max((int(path.stem) for path in folder.glob("[0-9]*.eml")), default=0)

    def keep(self, sender: bytes, to: list[bytes], content: bytes) -> None:
        """Writes a mail down."""
        self.number += 1
        head = b"X-Envelope-From: " + sender + b"\r\n"
        head += b"".join(b"X-Envelope-To: " + one + b"\r\n" for one in to)
        path = self.folder / f"{self.number:06d}.eml"
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(head + content)
        unfinished.rename(path)


class _Conversation:
    """One connection: what was said so far of the mail that is on its way."""

    def __init__(
        self, sink: Sink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.sink = sink
        self.reader = reader
        self.writer = writer
        self.sender: bytes | None = None
        self.to: list[bytes] = []

    async def hold(self) -> None:
        """Talks until the other side says goodbye or goes away."""
        self._say(b"220 everycent pretends to be a mail server")
        while line := await self.reader.readline():
            verb = line[:4].upper()
            if verb == b"QUIT":
                self._say(b"221 bye")
                return
            if verb == b"DATA" and self.to:
                if not await self._data():
                    return
            else:
                self._say(self._answer(verb, line))
            await self.writer.drain()

    def _answer(self, verb: bytes, line: bytes) -> bytes:
        path = _PATH.search(line)
        if verb in (b"HELO", b"NOOP"):
            return b"250 everycent"
        if verb == b"EHLO":
            return b"250-everycent\r\n250-8BITMIME\r\n250 SMTPUTF8"
        if verb == b"RSET":
            self.sender, self.to = None, []
            return b"250 forgotten"
        if verb == b"MAIL" and path is not None:
            self.sender, self.to = path[1], []
            return b"250 go on"
        if verb == b"RCPT" and path is not None and self.sender is not None:
            name = path[1].partition(b"@")[0].partition(b"+")[0].decode("latin-1")
            if name in _ANSWERS:
                return _ANSWERS[name]
            self.to.append(path[1])
            return b"250 go on"
        if verb in (b"MAIL", b"RCPT", b"DATA"):
            return b"503 not now"
        return b"502 not known here"

    async def _data(self) -> bool:
        """Takes the mail itself; False where the connection is to break."""
        self._say(b"354 end it with a dot on a line of its own")
        content = bytearray()
        while (line := await self.reader.readline()) != b".\r\n":
            if not line or len(content) > _LARGEST:
                return False
            content += line.removeprefix(b".")
        assert self.sender is not None, "a recipient comes after a sender"
        self.sink.keep(self.sender, self.to, bytes(content))
        if any(one.startswith(b"lost@") for one in self.to):
            return False
        self.sender, self.to = None, []
        self._say(b"250 taken")
        return True

    def _say(self, line: bytes) -> None:
        self.writer.write(line + b"\r\n")


async def start(folder: Path, host: str, port: int) -> tuple[asyncio.Server, int]:
    """Listens; returns the server and its port. Raises Unavailable `fake.no_address`."""
    sink = Sink(folder)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _Conversation(sink, reader, writer).hold()
        except (ConnectionError, ValueError):  # gone, or a line without an end
            pass
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(talk, host, port, limit=_LONGEST_LINE)
    except (OSError, OverflowError) as error:
        raise Unavailable(
            "fake.no_address",
            f"{host} port {port} can't be listened on: {error}",
            field="port",
            hint="choose another one with --port",
        ) from error
    return server, server.sockets[0].getsockname()[1]


def serve(folder: Path, host: str, port: int, on_ready: Callable[[str], None]) -> None:
    """Serves until SIGTERM or SIGINT. `on_ready` is told the address; port 0 takes any free one."""
    asyncio.run(_served(folder, host, port, on_ready))


async def _served(folder: Path, host: str, port: int, on_ready: Callable[[str], None]) -> None:
    server, taken = await start(folder, host, port)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    on_ready(f"smtp://{host}:{taken}")
    async with server:
        await stopped.wait()
