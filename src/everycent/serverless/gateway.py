"""What an API gateway hands a function, as ASGI, and an answer as the gateway wants it; pure.

HTTP APIs and function URLs send payload 2.0, where headers that came twice are one with commas already.
REST APIs, and HTTP APIs that are set so, send payload 1.0, where they are kept apart; so are they here,
since a header that must come once is refused when it came twice. Paths are taken as they are: name the
stage of an HTTP API `$default`, or its name stands before every path.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, NamedTuple
from urllib.parse import unquote, urlencode

from everycent.kernel.errors import Invalid

Event = Mapping[str, Any]
Headers = list[tuple[bytes, bytes]]
Scope = MutableMapping[str, Any]

_HTTPS = 443
_LEFT_OUT = {b"content-length", b"transfer-encoding", b"connection"}
"""The gateway counts bytes and keeps connections itself."""
_TEXTS = ("text/", "application/json", "application/x-ndjson", "application/xml")
_TEXT_SUFFIXES = ("+json", "+xml")


class Answer(NamedTuple):
    """What the application answered."""

    status: int
    headers: Headers
    body: bytes


def is_2(event: Event) -> bool:
    """Whether it is of payload 2.0."""
    return event.get("version") == "2.0"


def scope_of(event: Event) -> Scope:
    """The ASGI scope of a request. Raises Invalid `function.no_request`."""
    context = event.get("requestContext")
    if not isinstance(context, Mapping) or not ("http" in context or "httpMethod" in event):
        raise Invalid(
            "function.no_request",
            "the event is no request of an API gateway",
            hint="this function answers HTTP; everycent.serverless.functions.rounds does work by the clock",
        )
    if is_2(event):
        http = context["http"]
        method, source = http["method"], http.get("sourceIp")
        path = event.get("rawPath") or "/"
        query = event.get("rawQueryString") or ""
        headers = _headers_2(event)
    else:
        method, source = event["httpMethod"], context.get("identity", {}).get("sourceIp")
        path = event.get("path") or "/"
        query = _query_1(event)
        headers = _headers_1(event)
    first = dict(reversed(headers))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": first.get(b"x-forwarded-proto", b"https").decode("latin-1"),
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": headers,
        "client": (source, 0) if source else None,
        "server": (context.get("domainName") or "localhost", _HTTPS),
    }


def body_of(event: Event) -> bytes:
    """The body, byte by byte as it was sent. Raises Invalid `function.bad_body`."""
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode()
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid("function.bad_body", "the gateway's base64 can't be read") from error


def told(event: Event, answer: Answer) -> dict[str, Any]:
    """The answer in the form of the event's payload."""
    kept = [(name.lower(), text) for name, text in answer.headers if name.lower() not in _LEFT_OUT]
    text = _text_of(answer.body) if _is_text(dict(kept)) else None
    body = base64.b64encode(answer.body).decode("ascii") if text is None else text
    shown = {"statusCode": answer.status, "body": body, "isBase64Encoded": text is None}
    by_name: dict[str, list[str]] = {}
    for name, value in kept:
        by_name.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    if not is_2(event):
        return shown | {"multiValueHeaders": by_name}
    cookies = by_name.pop("set-cookie", [])
    headers = {name: ", ".join(texts) for name, texts in by_name.items()}
    return shown | {"headers": headers} | ({"cookies": cookies} if cookies else {})


def _headers_2(event: Event) -> Headers:
    headers = [_header(name, text) for name, text in (event.get("headers") or {}).items()]
    cookies = event.get("cookies")
    return [*headers, _header("cookie", "; ".join(cookies))] if cookies else headers


def _headers_1(event: Event) -> Headers:
    many: Mapping[str, list[str]] = event.get("multiValueHeaders") or {}
    several = [_header(name, text) for name, texts in many.items() for text in texts]
    known = {name for name, _ in several}
    single = [_header(name, text) for name, text in (event.get("headers") or {}).items()]
    return [*several, *(one for one in single if one[0] not in known)]


def _header(name: str, text: str) -> tuple[bytes, bytes]:
    """A header's bytes: gateways hand on what HTTP calls latin-1, and what else there is as UTF-8."""
    try:
        return name.lower().encode("latin-1"), text.encode("latin-1")
    except UnicodeEncodeError:
        return name.lower().encode(), text.encode()


def _query_1(event: Event) -> str:
    many: Mapping[str, Iterable[str]] = event.get("multiValueQueryStringParameters") or {}
    single: Mapping[str, str] = event.get("queryStringParameters") or {}
    return urlencode(many or single, doseq=True)


def _text_of(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _is_text(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the body is text by its type; what is compressed is not, whatever it was before."""
    kind = headers.get(b"content-type", b"").decode("latin-1").lower()
    base, _, parameters = kind.partition(";")
    is_utf8 = "charset" not in parameters or "utf-8" in parameters
    is_plain = headers.get(b"content-encoding", b"identity") == b"identity"
    return (
        is_plain and is_utf8 and (base.startswith(_TEXTS) or base.strip().endswith(_TEXT_SUFFIXES))
    )
