"""Names with a slash in them: what is sent as %2F is part of a name, and divides no path."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from starlette.types import ASGIApp, Receive, Scope, Send

_IN_NAME = re.compile(rb"%2[fF]")
_STANDS_FOR = "\ue000"  # of private use: no name that is taken has it
_QUOTED = quote(_STANDS_FOR)


class Slashes:
    """ASGI middleware: routes see a sign in the place of each slash that belongs to a name."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets the request through."""
        raw = scope.get("raw_path") or b""
        if scope["type"] == "http" and _IN_NAME.search(raw):
            path = unquote(_IN_NAME.sub(_QUOTED.encode(), raw).decode("ascii", "replace"))
            scope = {**scope, "path": path}
        await self._app(scope, receive, send)


def name_of(text: str) -> str:
    """A part of a path as it was meant."""
    return text.replace(_STANDS_FOR, "/")


def address_of(path: str) -> str:
    """A path as it is to be sent."""
    return quote(path).replace(_QUOTED, "%2F")
