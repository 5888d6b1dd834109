"""Refusals as RFC 9457 problem details, with the stable code of each."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
import psycopg
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from everycent.api.addresses import hint_of, methods_of
from everycent.api.asking import Faults
from everycent.api.hints import over_http
from everycent.kernel.errors import (
    Broken,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Refusal,
    Unavailable,
)

_BY_KIND = {
    Invalid: 400,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Unavailable: 503,
    Broken: 500,
}
_BY_CODE = {
    "access.refused": 401,
    "key.refused": 401,
    "token.expired": 401,
    "token.refused": 401,
    "payment.bad_signature": 401,
    "request.too_slow": 408,
    "request.too_large": 413,
    "usage.too_many_records": 413,
    "request.key_reused": 422,
    "request.rate_limited": 429,
    "request.unsupported_type": 415,
    "request.unsupported_encoding": 415,
    "usage.spool_full": 507,
}
_RETRY_SECONDS = {
    "database.unavailable": 1,
    "identity.unavailable": 5,
    "payment.notice_too_early": 60,
    "read.too_slow": 30,
    "rehearsal.busy": 1,
    "request.rate_limited": 1,
    "server.busy": 1,
    "server.busy_reading": 1,
    "server.too_slow": 1,
    "usage.busy": 1,
    "usage.closing": 1,
    "usage.not_stored": 1,
    "usage.spool_full": 60,
}
"""What passes by itself, and when to try again. All else that is unavailable waits for somebody."""
_AWAY = {
    "message": "the database can't be reached at present",
    "hint": "try again in a moment; the server's log and alarms say why",
}
"""Where the database is, and as whom it is asked, is nothing for whoever asks us."""
_PASSING = (429, 503, 507)
_BODY_LEFT = ("request.too_slow", "request.too_large", "server.busy")
"""Refusals that come while a body is still on its way."""


def response_of(refusal: Refusal) -> Response:
    """The refusal as a response. What passes by itself says when to try again; what does not is a
    conflict with what is stored or set up."""
    status = status_of(refusal)
    headers = {"Cache-Control": "no-store"}
    if status in _PASSING:
        headers["Retry-After"] = str(_RETRY_SECONDS[refusal.code])
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="everycent"'
    told = _told(refusal)
    if refusal.code == "database.unavailable":
        told |= _AWAY
    if isinstance(refusal, Faults) and len(refusal.found) > 1:
        told["errors"] = [_told(one) for one in refusal.found]
    return _problem(status, told, headers)


def _told(refusal: Refusal) -> dict[str, Any]:
    told: dict[str, Any] = {**refusal.as_dict()}
    if told.get("hint"):
        told["hint"] = over_http(told["hint"])
    return told


def status_of(refusal: Refusal) -> int:
    """The status that a refusal is answered with."""
    kind = next(kind for kind in _BY_KIND if isinstance(refusal, kind))
    status = _BY_CODE.get(refusal.code, _BY_KIND[kind])
    if status in _PASSING and refusal.code not in _RETRY_SECONDS:
        return HTTPStatus.CONFLICT
    return status


def on_refusal(request: Request, error: Exception) -> Response:
    """Answers a refusal that a route raised."""
    assert isinstance(error, Refusal), "registered for refusals only"
    response = response_of(error)
    if error.code in _BODY_LEFT and (
        "transfer-encoding" in request.headers or error.code == "request.too_slow"
    ):
        # The rest of the body might never end. One of a known length is read and thrown away instead,
        # because a client that is still sending may not see the answer on a closed connection.
        response.headers["Connection"] = "close"
    return response


def on_http(request: Request, error: Exception) -> Response:
    """Answers a path or a method that does not exist."""
    assert isinstance(error, HTTPException), "registered for these only"
    phrase = HTTPStatus(error.status_code).phrase
    path, headers = request.url.path, dict(error.headers or {})
    parts = {
        "code": f"http.{phrase.lower().replace(' ', '_')}",
        "message": f"{request.method} {path[:200]}: {phrase}",
    }
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(methods_of(path, request.app.routes))
        parts["hint"] = f"it takes {headers['Allow']}"
    elif error.status_code == HTTPStatus.NOT_FOUND:
        parts["hint"] = hint_of(path, request.app.routes)
    return _problem(error.status_code, parts, headers)


def on_database(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """Answers when the database went away meanwhile."""
    first = (str(error).strip() or "no reason was given").splitlines()[0]
    return response_of(
        Unavailable("database.unavailable", f"the database went away: {first}", hint="try again")
    )


def on_time_out(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """Answers when the database took longer over a question than it may."""
    return response_of(
        Unavailable(
            "read.too_slow",
            "the database took too long over this question and was stopped",
            hint="ask for a shorter time or for less, or try again when there is less to do;"
            " EVERYCENT_READ_SECONDS says how long it may take",
        )
    )


def on_failure(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """Answers a fault of ours without telling what it was; the server's log has it."""
    return response_of(
        Broken("server.failed", "the server failed to answer; its log says why", hint="try again")
    )


HANDLERS = {
    Refusal: on_refusal,
    HTTPException: on_http,
    psycopg.errors.QueryCanceled: on_time_out,
    psycopg.OperationalError: on_database,
    psycopg.InterfaceError: on_database,
    Exception: on_failure,
}
"""Which exception of a route is answered how."""


def _problem(status: int, parts: dict[str, Any], headers: dict[str, str]) -> Response:
    body = {
        "type": f"urn:everycent:{parts['code']}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": parts["message"],
    } | {name: part for name, part in parts.items() if name != "message"}
    return Response(
        msgspec.json.encode(body), status, headers, media_type="application/problem+json"
    )
