"""The gate through which every webhook leaves: to the public internet over TLS, and nowhere else.

    letters of the URL ─► addresses of its name, looked up once ─► a connection to that very address

Nobody can turn a name to another address between the look and the call: the name is not looked up again,
but the certificate must be its own. There is a connection for each call, so none is there that was opened
when the name stood for something else. No redirect is followed. What the receiver says beside its status
is of no interest: little of it is read, and nothing is shown.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import NamedTuple

from everycent.integrations import wire
from everycent.integrations.wire import Origin, Pool, Request
from everycent.integrations.wire_connection import End
from everycent.kernel.errors import Invalid
from everycent.webhooks.course import Answer
from everycent.webhooks.target import Address, Allowed, Target, refusal, target_of

DEADLINE = timedelta(seconds=10)
"""For all of a call: looking the name up, connecting, sending, the answer."""
BODY_LIMIT = 4_096
_MOST_TRIED = 3
"""How many addresses of a name are tried, while none can be connected to."""
_LONGEST_WAIT = 10**9

Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a host's name. Raises OSError."""


class Gate(NamedTuple):
    """How webhooks leave: what is `allowed` besides the public internet, who looks names up, and whom TLS
    trusts (None: the system's authorities)."""

    allowed: tuple[Allowed, ...] = ()
    resolve: Resolve | None = None
    context: ssl.SSLContext | None = None
    deadline: timedelta = DEADLINE


class Refused(NamedTuple):
    """Why nothing was sent. `is_final`: the URL itself is to blame."""

    why: str
    is_final: bool


def post(
    gate: Gate, url: str, headers: Mapping[str, str], body: bytes, at: datetime
) -> Answer | Refused:
    """Sends a body to a URL, at most once, and says what came of it by the deadline."""
    try:
        target = target_of(url, gate.allowed)
    except Invalid as bad:
        return Refused(bad.message, is_final=True)
    begun = _now()
    try:
        addresses = _addresses(gate, target)
    except TimeoutError:
        return Answer(None, "its name was not looked up in time")
    except (OSError, ValueError, UnicodeError):
        return Answer(None, "its name was not found")
    why = refusal(target, addresses, gate.allowed)
    if why is not None:
        return Refused(why, is_final=False)
    for address in addresses[:_MOST_TRIED]:
        reply = wire.alone(
            partial(_pool, gate, target, address),
            Request("POST", target.path, headers, body),
            max(gate.deadline - (_now() - begun), timedelta(0)),
        )
        if reply.end is not End.NOT_SENT:
            break
    if reply.status is None:
        return Answer(None, f"{reply.end.value.replace('_', ' ')}: {reply.why}")
    reason = "" if 200 <= reply.status < 300 else f"answered {reply.status}"
    return Answer(reply.status, reason, _wait(reply.headers.get("retry-after", ""), at))


def _pool(gate: Gate, target: Target, address: Address) -> Pool:
    origin = Origin(target.host, target.port, target.is_tls, "")
    return Pool(origin, 1, gate.context, address=str(address), body_limit=BODY_LIMIT)


def _addresses(gate: Gate, target: Target) -> list[Address]:
    """The addresses of a target's name, looked up by somebody who may be left behind: the system's resolver
    takes as long as it likes."""
    if target.literal is not None:
        return [target.literal]
    resolve = gate.resolve or system
    found: Future[Sequence[str]] = Future()

    def look() -> None:
        try:
            found.set_result(resolve(target.host, target.port))
        except BaseException as error:  # noqa: BLE001 - told to whoever waits
            found.set_exception(error)

    threading.Thread(target=look, daemon=True, name="resolve").start()
    return [ipaddress.ip_address(text) for text in found.result(gate.deadline.total_seconds())]


def system(host: str, port: int) -> list[str]:
    """What the system says that the addresses of a name are."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _wait(text: str, at: datetime) -> int | None:
    """What `Retry-After` says, in seconds; None where it says nothing that is understood."""
    if text.isascii() and text.isdecimal():
        return min(int(text[:10]), _LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(int((until - at).total_seconds()), 0)


def _now() -> timedelta:
    return timedelta(microseconds=time.monotonic_ns() // 1000)
