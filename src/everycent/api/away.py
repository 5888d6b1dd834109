"""While the database is known to be away, whoever asks is told so before anything else is looked at."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from everycent.api import problems
from everycent.api.service import service_of
from everycent.kernel.errors import Unavailable

ALIVE = "/livez"
"""What is answered without a database."""
SPOOLED = "/v1/usage"
"""What is answered without one where there is a spool."""


class Away:
    """ASGI middleware: answers 503 for every route but those that need no database."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through, or answers that the database is away."""
        if scope["type"] == "http" and scope["path"] != ALIVE:
            service = service_of(Request(scope))
            try:
                if service.spool is None or scope["path"] != SPOOLED:
                    service.app.database.check()
            except Unavailable as away:
                await problems.response_of(away)(scope, receive, send)
                return
        await self._app(scope, receive, send)
