"""Signing in at an identity provider from a terminal: the authorization code flow with PKCE over a port of
this machine (RFC 8252), the device flow (RFC 8628), and refreshing."""

from __future__ import annotations

import html
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import msgspec

from everycent.kernel.errors import Invalid, Unavailable

SCOPES = "openid email profile offline_access"
_DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
_SECONDS = 300
_MOST_BYTES = 1_048_576
UNREACHABLE = "does `everycent serve` run, and is this its address? --server gives another one"
_HERE = ("127.0.0.1", "localhost", "::1")


class Endpoints(NamedTuple):
    """Where a provider is asked."""

    issuer: str
    authorization: str
    token: str
    device: str | None


class Tokens(NamedTuple):
    """What a provider gave."""

    id_token: str
    access_token: str
    refresh_token: str | None
    expires_in: int


def get_json(url: str) -> dict[str, Any]:
    """The JSON object at an address. Raises Invalid `login.bad_address`, Unavailable
    `login.unreachable`."""
    return _object(_send("GET", url))


def endpoints(issuer: str) -> Endpoints:
    """Raises as `get_json`, and Unavailable `login.unreachable` for what names another issuer."""
    told = get_json(issuer.rstrip("/") + "/.well-known/openid-configuration")
    if told.get("issuer") != issuer:
        raise _unreachable(issuer, "its discovery document names another issuer")
    device = told.get("device_authorization_endpoint")
    found = Endpoints(
        issuer, str(told.get("authorization_endpoint")), str(told.get("token_endpoint")),
        None if device is None else str(device),
    )  # fmt: skip
    for url in found[1:]:
        if url is not None:
            check(url)
    return found


def by_browser(where: Endpoints, client_id: str, show: Callable[[str], object]) -> Tokens:
    """Signs in on a page, whose address `show` is given. Raises Invalid `login.refused`, Unavailable
    `login.timed_out` and as `get_json`."""
    verifier, state, nonce = (secrets.token_urlsafe(48) for _ in range(3))
    with _Listening(("127.0.0.1", 0), _Answering) as listening:
        listening.state = state
        back = f"http://127.0.0.1:{listening.server_address[1]}/"
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code", "client_id": client_id, "redirect_uri": back, "scope": SCOPES,
            "state": state, "nonce": nonce, "code_challenge": challenge,
            "code_challenge_method": "S256",
        }  # fmt: skip
        mark = "&" if urlsplit(where.authorization).query else "?"
        show(f"{where.authorization}{mark}{urlencode(asked)}")
        listening.timeout = 1
        until = time.monotonic_ns() + _SECONDS * 10**9
        while listening.found is None and time.monotonic_ns() < until:
            listening.handle_request()
    found = listening.found
    if found is None:
        raise Unavailable(
            "login.timed_out",
            f"nobody signed in within {_SECONDS} s",
            hint="try again; without a browser on this machine: everycent login --device",
        )
    if "code" not in found or found.get("iss", where.issuer) != where.issuer:
        raise _refused(found.get("error", "it gave no code, or was not the one that was asked"))
    told = {
        "grant_type": "authorization_code", "code": found["code"], "redirect_uri": back,
        "client_id": client_id, "code_verifier": verifier,
    }  # fmt: skip
    tokens = _tokens(_send("POST", where.token, told))
    if _claims(tokens.id_token).get("nonce") != nonce:
        raise _refused("the token is not for this sign-in")
    return tokens


def by_device(where: Endpoints, client_id: str, show: Callable[[str, str], object]) -> Tokens:
    """Signs in on another device; `show` is given an address and the code to type there. Raises Invalid
    `login.refused`, `login.no_device_flow`, Unavailable `login.timed_out` and as `get_json`."""
    if where.device is None:
        raise Invalid(
            "login.no_device_flow",
            "the identity provider does not sign in devices",
            hint="leave --device out",
        )
    begun = _object(_send("POST", where.device, {"client_id": client_id, "scope": SCOPES}))
    show(
        str(begun.get("verification_uri_complete") or begun.get("verification_uri")),
        str(begun.get("user_code")),
    )
    wait = _whole(begun.get("interval"), 5)
    until = time.monotonic_ns() + min(_whole(begun.get("expires_in"), _SECONDS), 1800) * 10**9
    told = {
        "grant_type": _DEVICE, "device_code": str(begun.get("device_code")), "client_id": client_id
    }  # fmt: skip
    while time.monotonic_ns() < until:
        answer = _send("POST", where.token, told)
        error = _object(answer).get("error")
        if error is None:
            return _tokens(answer)
        if error not in ("authorization_pending", "slow_down"):
            raise _refused(str(error))
        wait += 5 if error == "slow_down" else 0
        time.sleep(wait)
    raise Unavailable("login.timed_out", "nobody signed in in time", hint="try again")


def refreshed(token_endpoint: str, client_id: str, refresh_token: str) -> Tokens:
    """New tokens for old ones. Raises Invalid `login.refused`, and as `get_json`."""
    told = {
        "grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": client_id
    }  # fmt: skip
    return _tokens(_send("POST", token_endpoint, told))


class _Listening(HTTPServer):
    """Waits for the browser to come back with a code."""

    state = ""
    found: dict[str, str] | None = None

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that hangs up is no fault."""


class _Answering(BaseHTTPRequestHandler):
    server: _Listening
    timeout = 5

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        told = {name: values[0] for name, values in parse_qs(parts.query).items()}
        is_ours = secrets.compare_digest(told.get("state", "").encode(), self.server.state.encode())
        if parts.path != "/" or not is_ours:
            self.send_error(404)
            return
        self.server.found = told
        why = html.escape(told.get("error_description") or told.get("error") or "")
        said = f"<p>Not signed in: {why}" if "code" not in told else "<p>Signed in."
        body = (
            f"<!doctype html><meta charset=utf-8><title>everycent</title>{said} You may close this."
        )
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing: the address has the code."""


def _send(method: str, url: str, form: Mapping[str, str] | None = None) -> httpx2.Response:
    check(url)
    try:
        with httpx2.Client(timeout=15, follow_redirects=False) as client:
            return client.request(method, url, data=form, headers={"Accept": "application/json"})
    except httpx2.HTTPError as error:
        raise _unreachable(url, str(error)) from error


def _object(answer: httpx2.Response) -> dict[str, Any]:
    try:
        if len(answer.content) > _MOST_BYTES:
            raise ValueError
        return msgspec.json.decode(answer.content, type=dict[str, Any])
    except (ValueError, msgspec.DecodeError) as error:
        why = f"it answered {answer.status_code}, and not with JSON"
        raise _unreachable(str(answer.url), why) from error


def _tokens(answer: httpx2.Response) -> Tokens:
    told = _object(answer)
    if not isinstance(told.get("access_token"), str) or answer.status_code != 200:
        raise _refused(str(told.get("error") or f"it answered {answer.status_code}"))
    refresh = told.get("refresh_token")
    return Tokens(
        str(told.get("id_token") or ""), told["access_token"],
        refresh if isinstance(refresh, str) else None, _whole(told.get("expires_in"), 300),
    )  # fmt: skip


def _claims(token: str) -> dict[str, Any]:
    """What a token says that came from the provider itself: nobody else could have changed it."""
    part = token.partition(".")[2].partition(".")[0]
    try:
        return msgspec.json.decode(
            urlsafe_b64decode(part + "=" * (-len(part) % 4)), type=dict[str, Any]
        )
    except (ValueError, msgspec.DecodeError):
        return {}


def check(url: str) -> None:
    """Raises Invalid `login.bad_address`: what is sent must be read by nobody on the way."""
    scheme, host = _parts(url)
    if scheme != "https" and not (scheme == "http" and host in _HERE):
        raise Invalid(
            "login.bad_address",
            f"{url[:80]!r} is no https address",
            field="server",
            value=url,
            hint=_as_written(url),
        )


def _as_written(url: str) -> str:
    """How an address is to be written that somebody wrote otherwise."""
    scheme, mark, rest = url.rpartition("://")
    if mark and scheme not in ("http", ""):
        return "write it like https://billing.example.com"
    place = rest.partition("/")[0]
    if mark:
        return f"write https://{place}: http is for servers on this machine"
    return f"write {'http' if _parts(f'//{place}')[1] in _HERE else 'https'}://{place}"


def _parts(url: str) -> tuple[str, str | None]:
    """The scheme and the host of an address, '' where it is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", None
    return parts.scheme, parts.hostname


def _whole(told: object, usual: int) -> int:
    return told if isinstance(told, int) and 0 < told < 10**7 else usual


def _refused(why: str) -> Invalid:
    return Invalid(
        "login.refused",
        f"the identity provider refused: {why[:200]}",
        hint="sign in anew: everycent login",
    )


def _unreachable(url: str, why: str) -> Unavailable:
    return Unavailable(
        "login.unreachable", f"{url[:80]}: {why[:200]}", field="server", hint=UNREACHABLE
    )
