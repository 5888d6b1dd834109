"""The HTTP interface in the environment of a function, which is frozen between two invocations.

It is begun once and answers many invocations, one at a time. Nothing may be open when it is frozen: a
thread that sleeps inside a transaction would hold its locks for as long as the cloud likes. So nothing is
done beside requests (usage is folded by the function that works by the clock), and connections that have
slept for long are not used again.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from starlette.applications import Starlette

from everycent.api.server import make_app
from everycent.app.settings import Settings
from everycent.app.wiring import App, checked, made_ready, random_ids, utc_now
from everycent.db.connection import Database, first_line
from everycent.kernel.errors import Broken, Refusal, Unavailable
from everycent.serverless import gateway
from everycent.serverless.gateway import Answer, Event

_AWAKE_SECONDS = 30
_CONNECT_SECONDS = 5
_UNAVAILABLE = 503

Say = Callable[[str], None]


def database_url(settings: Settings) -> str:
    """The server to use, which is not waited for long. Raises Unavailable `function.no_database`."""
    if settings.database_url is None:
        raise Unavailable(
            "function.no_database",
            "EVERYCENT_DATABASE_URL is not set, and a function has no database of its own",
            field="EVERYCENT_DATABASE_URL",
        )
    url = checked(settings.database_url)
    if "connect_timeout" in conninfo_to_dict(url):
        return url
    return make_conninfo(url, connect_timeout=_CONNECT_SECONDS)


class Environment:
    """The interface, from its beginning to `close`. Raises as `database_url`."""

    def __init__(self, settings: Settings, say: Say) -> None:
        self._url = database_url(settings)
        self._settings, self._say = settings, say
        self._used_at: float | None = None
        logging.getLogger("psycopg").setLevel(logging.ERROR)  # it is told in the answer
        # What is spooled would be lost with the environment.
        self._database = Database(None, max_size=settings.pool)
        self._loop = asyncio.new_event_loop()
        app = App(settings._replace(usage_spool=None), self._database, utc_now, random_ids)
        self._application: Starlette = make_app(app)
        self._to_lifespan: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._from_lifespan: asyncio.Queue[str] = asyncio.Queue()
        self._lifespan = self._loop.create_task(self._live())
        self._turn_lifespan("startup")
        self._application.state.service.folding.close()

    def answer(self, event: Event) -> dict[str, Any]:
        """Answers a request of the gateway. Raises Invalid for what is none."""
        scope, body = gateway.scope_of(event), gateway.body_of(event)
        self._reach()
        answer = self._loop.run_until_complete(self._answered(scope, body))
        is_trusted = answer.status != _UNAVAILABLE and not self._database.is_away
        self._used_at = _since_boot() if is_trusted else None
        return gateway.told(event, answer)

    def close(self) -> None:
        """Ends what was begun."""
        self._turn_lifespan("shutdown")
        self._loop.run_until_complete(self._lifespan)
        self._database.close()
        self._loop.close()

    def _reach(self) -> None:
        """Opens the database unless it was used a moment ago; the schema is brought up to date, as by every
        process that finds its database there again."""
        used_at = self._used_at
        if used_at is not None and _since_boot() - used_at < _AWAKE_SECONDS:
            return
        try:
            made_ready(self._settings, self._url)
            self._database.open(self._url)
        except (psycopg.Error, Refusal) as error:
            self._say(f"the database can't be used: {first_line(error)}")
            self._database.shut(first_line(error))

    async def _answered(self, scope: gateway.Scope, body: bytes) -> Answer:
        status, headers, parts = 0, gateway.Headers(), list[bytes]()
        waiting = [{"type": "http.request", "body": body, "more_body": False}]
        is_over = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if waiting:
                return waiting.pop()
            await is_over.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers.extend((bytes(name), bytes(text)) for name, text in message["headers"])
            elif message["type"] == "http.response.body":
                parts.append(bytes(message.get("body", b"")))
                if not message.get("more_body", False):
                    is_over.set()

        try:
            await self._application(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - told here, and answered by the application before
            self._say("".join(traceback.format_exception(error)).rstrip())
        if not is_over.is_set():  # half an answer is none
            raise Broken("function.no_answer", "the application ended without an answer")
        return Answer(status, headers, b"".join(parts))

    async def _live(self) -> None:
        async def receive() -> dict[str, str]:
            return await self._to_lifespan.get()

        async def send(message: Any) -> None:
            self._from_lifespan.put_nowait(message["type"])

        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        await self._application(scope, receive, send)

    def _turn_lifespan(self, to: str) -> None:
        self._to_lifespan.put_nowait({"type": f"lifespan.{to}"})
        told = self._loop.run_until_complete(self._from_lifespan.get())
        if told != f"lifespan.{to}.complete":
            raise Broken("function.no_start", f"the application answered {told}")


def _since_boot() -> float:
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
