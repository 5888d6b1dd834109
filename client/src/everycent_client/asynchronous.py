"""AsyncClient: the same calls, awaited."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

import httpx2

from everycent_client import core
from everycent_client.core import Call, Page, Pages
from everycent_client.errors import NoAnswerError
from everycent_client.sync import AGENT, SECONDS, TRIES

T = TypeVar("T")
P = ParamSpec("P")


class AsyncSender:
    """Sends calls, again where that may help, and reads what comes back."""

    def __init__(
        self,
        address: str,
        key: str,
        *,
        seconds: float = SECONDS,
        tries: int = TRIES,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """As `Client`."""
        self._key = key
        self._tries = tries
        self._sleep = sleep
        self._jitter = jitter
        self._http = httpx2.AsyncClient(
            base_url=address, timeout=seconds, follow_redirects=False, transport=transport
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def send(self, asked: Call[T]) -> T:
        """The result of a call. Raises EverycentError."""
        why = ""
        for tried in range(1, self._tries + 1):
            after = None
            try:
                answer = await self._http.request(
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
            await self._sleep(core.wait(tried, after, self._jitter()))
        raise NoAnswerError(why, asked.idempotency_key)


class AsyncListed(Generic[T]):
    """A list that is fetched page by page while one goes through it."""

    def __init__(self, sender: AsyncSender, pages: Pages[T]) -> None:
        self._sender = sender
        self._first = pages.first

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for one in page.items:
                yield one

    async def pages(self) -> AsyncIterator[Page[T]]:
        """One page after the other."""
        at: Call[Page[T]] | None = self._first
        while at is not None:
            found = await self._sender.send(at)
            yield found
            at = core.following(at, found)


def method(make: Callable[P, Call[T]]) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]:
    """A method that makes a call, sends it, and gives the result."""
    name = getattr(make, "__name__", "")

    async def send(self: Any, /, *args: P.args, **told: P.kwargs) -> T:
        found: T = await self.send(core.checked(make(*args, **told), name))
        return found

    return core.shown_as(send, make)


def listing(make: Callable[P, Pages[T]]) -> Callable[Concatenate[Any, P], AsyncListed[T]]:
    """A method that gives a list to go through."""

    def send(self: Any, /, *args: P.args, **told: P.kwargs) -> AsyncListed[T]:
        return AsyncListed(self, make(*args, **told))

    return core.shown_as(send, make)
