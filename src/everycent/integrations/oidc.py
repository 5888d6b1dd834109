"""The keys of an identity provider: found by its discovery document, kept, and fetched anew when need be.

Nobody can make us fetch: a key that is not known is looked for at most once in half a minute, whoever sends
whatever. Fetching is a task of its own. Whoever waits for it takes no thread and no connection from others,
and only tokens ever wait.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from everycent.integrations import tokens, wire
from everycent.integrations.tokens import Keys
from everycent.integrations.wire_connection import End
from everycent.kernel.errors import Invalid, Unavailable

_SECOND_NS = 1_000_000_000
_FRESH_NS = 3600 * _SECOND_NS
_USABLE_NS = 12 * 3600 * _SECOND_NS
_UNKNOWN_NS = 30 * _SECOND_NS
_FAILED_NS = 5 * _SECOND_NS
_DEADLINE = timedelta(seconds=5)


class _Fetched(NamedTuple):
    keys: Keys
    at_ns: int


class Provider:
    """One identity provider, for one event loop."""

    def __init__(self, issuer: str, *, is_plain_allowed: bool = False) -> None:
        """With `is_plain_allowed` it may be on this machine, and be asked by plain HTTP. Raises Invalid
        `identity.bad_address`."""
        self.issuer = issuer
        self._is_plain_allowed = is_plain_allowed
        self._fetched: _Fetched | None = None
        self._tried_ns: int | None = None
        self._trouble: str | None = None
        self._task: asyncio.Task[None] | None = None
        self._origin(issuer)

    @property
    def keys(self) -> Keys:
        """The keys that are known, and not too old to be believed."""
        if self._fetched is None or time.monotonic_ns() - self._fetched.at_ns > _USABLE_NS:
            return {}
        return self._fetched.keys

    async def has(self, kid: str) -> None:
        """Returns once the key is known. Raises Forbidden `token.refused` when the provider has none of
        this name, and Unavailable `identity.unavailable` when it can't be asked."""
        is_known = tokens.chosen(self.keys, kid) is not None
        task = None if is_known and self._is_fresh() else self._fetching()
        if is_known:
            return
        if task is not None:
            await asyncio.wait({task})
        if tokens.chosen(self.keys, kid) is not None:
            return
        if self._trouble is not None:
            raise Unavailable(
                "identity.unavailable",
                f"the identity provider can't be asked: {self._trouble}",
                hint="try again; API keys go on working",
            )
        raise tokens.refused("it is not signed with a key of the identity provider")

    def _is_fresh(self) -> bool:
        return self._fetched is not None and time.monotonic_ns() - self._fetched.at_ns < _FRESH_NS

    def _fetching(self) -> asyncio.Task[None] | None:
        """What is being fetched already, or from now on; None when it was tried a moment ago."""
        if self._task is not None and not self._task.done():
            return self._task
        now_ns = time.monotonic_ns()
        rest_ns = _UNKNOWN_NS if self._trouble is None else _FAILED_NS
        if self._tried_ns is not None and now_ns - self._tried_ns < rest_ns:
            return None
        self._tried_ns = now_ns
        self._task = asyncio.get_running_loop().create_task(self._fetch())
        return self._task

    async def _fetch(self) -> None:
        try:
            told = await self._json(self.issuer.rstrip("/") + "/.well-known/openid-configuration")
            if not isinstance(told, dict) or told.get("issuer") != self.issuer:
                raise ValueError("its discovery document names another issuer")
            keys = tokens.keys_of(await self._json(str(told.get("jwks_uri"))))
        except (ValueError, Invalid) as error:
            self._trouble = str(error)
            return
        self._fetched, self._trouble = _Fetched(keys, time.monotonic_ns()), None

    async def _json(self, url: str) -> Any:
        """Raises ValueError, Invalid `identity.bad_address`."""
        origin = self._origin(url)
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        pool = wire.Pool(origin, 1)
        try:
            request = wire.Request("GET", target, {"Accept": "application/json"})
            reply = await wire.call(pool, request, _DEADLINE)
        finally:
            await pool.close()
        if reply.end is not End.ANSWERED:
            raise ValueError(reply.why or str(reply.end))
        if reply.status != 200:
            raise ValueError(f"it answered {reply.status}")
        try:
            return msgspec.json.decode(reply.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError("it did not answer with JSON") from error

    def _origin(self, url: str) -> wire.Origin:
        """Where to ask. Raises Invalid `identity.bad_address`."""
        try:
            parts = urlsplit(url)
            origin = wire.origin_of(f"{parts.scheme}://{parts.netloc}{parts.path}")
        except (ValueError, Invalid):
            origin = None
        if origin is None or not (
            origin.is_tls or (self._is_plain_allowed and _is_here(origin.host))
        ):
            raise Invalid(
                "identity.bad_address",
                f"{url[:80]!r} is no https address",
                field="EVERYCENT_OIDC_ISSUER",
                hint="only a provider on this machine may be asked by http, and only with"
                " EVERYCENT_OIDC_PLAIN=loopback",
            )
        return origin._replace(base="")


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
