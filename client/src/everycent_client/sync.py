"""Client: calls that wait for their answer."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

import httpx2

from everycent_client import core
from everycent_client.core import Call, Page, Pages
from everycent_client.errors import NoAnswerError

T = TypeVar("T")
P = ParamSpec("P")
AGENT = "everycent-client/0.1.0"
TRIES = 6
SECONDS = 30.0


class Sender:
    """Sends calls, again where that may help, and reads what comes back. Threads may share it."""

    def __init__(
        self,
        address: str,
        key: str,
        *,
        seconds: float = SECONDS,
        tries: int = TRIES,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        """`address` is that of the server, such as https://billing.example.com; `key` an API key. Each of
        the `tries` of a call may take so many `seconds`."""
        self._key = key
        self._tries = tries
        self._sleep = sleep
        self._jitter = jitter
        self._http = httpx2.Client(
            base_url=address, timeout=seconds, follow_redirects=False, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def send(self, asked: Call[T]) -> T:
        """The result of a call. Raises EverycentError."""
        why = ""
        for tried in range(1, self._tries + 1):
            after = None
            try:
                answer = self._http.request(
                    asked.method,
                    asked.path,
                    params=asked.query or None,
                    content=asked.body,
                    headers=core.headers(asked, self._key, AGENT),
                )
            except httpx2.HTTPError as error:
                why = f"{type(error).__name__}: {error}"
                if tried == self._tries:
                    raise NoAnswerError(why, asked.idempotency_key) from error
            else:
                is_last = tried == self._tries
                if is_last or not core.is_passing(answer.status_code, answer.content):
                    return core.understood(
                        asked, answer.status_code, answer.content, answer.headers
                    )
                after = answer.headers.get("retry-after")
            self._sleep(core.wait(tried, after, self._jitter()))
        raise NoAnswerError(why, asked.idempotency_key)


class Listed(Generic[T]):
    """A list that is fetched page by page while one goes through it."""

    def __init__(self, sender: Sender, pages: Pages[T]) -> None:
        self._sender = sender
        self._first = pages.first

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.items

    def pages(self) -> Iterator[Page[T]]:
        """One page after the other."""
        at: Call[Page[T]] | None = self._first
        while at is not None:
            found = self._sender.send(at)
            yield found
            at = core.following(at, found)


def method(make: Callable[P, Call[T]]) -> Callable[Concatenate[Any, P], T]:
    """A method that makes a call, sends it, and gives the result."""
    name = getattr(make, "__name__", "")

    def send(self: Any, /, *args: P.args, **told: P.kwargs) -> T:
        found: T = self.send(core.checked(make(*args, **told), name))
        return found

    return core.shown_as(send, make)


def listing(make: Callable[P, Pages[T]]) -> Callable[Concatenate[Any, P], Listed[T]]:
    """A method that gives a list to go through."""

    def send(self: Any, /, *args: P.args, **told: P.kwargs) -> Listed[T]:
        return Listed(self, make(*args, **told))

    return core.shown_as(send, make)
