"""A fake identity provider over HTTP: OpenID Connect without passwords, for trying and testing.

Discovery, keys that rotate, the authorization code flow with PKCE, refreshing, and the device flow. Whoever
signs in chooses a person on a page. What is wrong is switched on while it runs, under /admin.
"""

from __future__ import annotations

import asyncio
import secrets
from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from everycent.fakes.identity_service import DEVICE, Identity, Person, challenge_of
from everycent.kernel.errors import Invalid, Refusal
from everycent.standins import raw
from everycent.standins.serving import refused, told

_HERE = ("127.0.0.1", "localhost", "::1")
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Fake sign-in</title>
<style>body{{font:16px system-ui;max-width:28rem;margin:4rem auto;padding:0 1rem}}
button{{display:block;width:100%;margin:.4rem 0;padding:.7rem;font:inherit;text-align:left}}</style>
<h1>Who are you?</h1><p>Nobody asks for a password: these people are made up.</p>{body}"""


def make_app(service: Identity) -> Starlette:
    """The provider over what it knows."""
    app = Starlette(routes=ROUTES, exception_handlers={Refusal: refused})
    app.state.service = service
    app.state.faults = _NoFaults()
    return app


class _NoFaults:
    """For the server: no connection is refused before it is read."""

    def refuses_connection(self) -> bool:
        """None is."""
        return False


def _service(request: Request) -> Identity:
    service: Identity = request.app.state.service
    if not service.issuer:
        service.issuer = str(request.base_url).rstrip("/")
    return service


async def _troubled(request: Request) -> Response | None:
    """The answer of a provider that does not do well, or None."""
    service = _service(request)
    service.asked[request.url.path] += 1
    if service.trouble == "down":
        return raw.closed()
    if service.trouble == "slow":
        await asyncio.sleep(service.seconds)
    if service.trouble == "huge":
        return raw.huge(b'{"keys": []}')
    answers: dict[str, Response] = {
        "error": Response(status_code=500),
        "redirect": RedirectResponse(f"{service.issuer}/elsewhere", 302),
        "not_json": HTMLResponse("<!doctype html><title>Down for maintenance</title>"),
    }
    return answers.get(service.trouble or "")


async def _discovery(request: Request) -> Response:
    return await _troubled(request) or JSONResponse(_service(request).discovery())


async def _jwks(request: Request) -> Response:
    return await _troubled(request) or JSONResponse(_service(request).jwks())


async def _authorize(request: Request) -> Response:
    """GET /authorize: a page to choose a person on; with `login_hint` nobody is asked."""
    service = _service(request)
    if (answer := await _troubled(request)) is not None:
        return answer
    asked = dict(request.query_params)
    _check_client(service, asked)
    target = urlsplit(asked.get("redirect_uri", ""))
    if target.scheme != "http" or target.hostname not in _HERE:
        raise Invalid("fake.bad_redirect", "only addresses of this machine", field="redirect_uri")
    if asked.get("response_type") != "code" or asked.get("code_challenge_method") != "S256":
        raise Invalid("fake.bad_request", "a code with PKCE (S256) is all there is")
    chosen = asked.get("login_hint") or asked.get("person")
    if chosen is None:
        return _page(service, "/authorize", asked)
    code = service.grant(chosen, asked)
    back = urlencode({"code": code, "state": asked.get("state", ""), "iss": service.issuer})
    return RedirectResponse(f"{asked['redirect_uri']}?{back}", 302)


async def _token(request: Request) -> Response:
    """POST /token."""
    service = _service(request)
    if (answer := await _troubled(request)) is not None:
        return answer
    asked = {name: str(value) for name, value in (await _form(request)).items()}
    kind = asked.get("grant_type")
    if asked.get("client_id") != service.client_id:
        return _denied("invalid_client")
    if kind == "authorization_code":
        known = service.codes.pop(asked.get("code", ""), None)
        is_theirs = (
            known is not None
            and known["until"] > service.now()
            and known.get("redirect_uri") == asked.get("redirect_uri")
            and known.get("code_challenge") == challenge_of(asked.get("code_verifier", ""))
        )
        if known is None or not is_theirs:
            return _denied("invalid_grant")
        return JSONResponse(service.answer(known["person"], known.get("nonce")))
    if kind == "refresh_token":
        subject = service.refreshing.pop(asked.get("refresh_token", ""), None)
        return (
            _denied("invalid_grant")
            if subject is None
            else JSONResponse(service.answer(subject, None))
        )
    if kind == DEVICE:
        waiting = service.devices.get(asked.get("device_code", ""))
        if waiting is None:
            return _denied("expired_token")
        if waiting.get("person") is None:
            return _denied("authorization_pending")
        del service.devices[asked["device_code"]]
        return JSONResponse(service.answer(waiting["person"], None))
    return _denied("unsupported_grant_type")


async def _device_authorization(request: Request) -> Response:
    """POST /device_authorization."""
    service = _service(request)
    if (answer := await _troubled(request)) is not None:
        return answer
    _check_client(service, await _form(request))
    device, user = secrets.token_urlsafe(24), secrets.token_hex(3).upper()
    service.devices[device] = {"user_code": user}
    return JSONResponse(
        {
            "device_code": device, "user_code": user, "expires_in": 600, "interval": 1,
            "verification_uri": f"{service.issuer}/device",
            "verification_uri_complete": f"{service.issuer}/device?user_code={user}",
        }
    )  # fmt: skip


async def _device(request: Request) -> Response:
    """GET /device?user_code=…[&person=…]: whoever waits at the device is let in."""
    service = _service(request)
    asked = dict(request.query_params)
    known = [one for one in service.devices.values() if one["user_code"] == asked.get("user_code")]
    if not known:
        raise Invalid("fake.no_device", "nobody waits with this code", field="user_code")
    if "person" not in asked:
        return _page(service, "/device", asked)
    known[0]["person"] = service.person(asked["person"]).subject
    return HTMLResponse("<!doctype html><title>Done</title><p>Signed in; go back to the terminal.")


async def _settings(request: Request) -> Response:
    """GET and POST /admin/settings."""
    service = _service(request)
    if request.method == "POST":
        service.change(await told(request))
    return JSONResponse(service.shown())


async def _rotate(request: Request) -> Response:
    """POST /admin/rotate."""
    service = _service(request)
    algorithm = (await told(request)).get("algorithm")
    return JSONResponse({"kid": service.rotate(None if algorithm is None else str(algorithm))})


async def _people(request: Request) -> Response:
    """GET and POST /admin/people."""
    service = _service(request)
    if request.method == "POST":
        asked = await told(request)
        one = Person(*(str(asked.get(name, "")) for name in Person._fields))
        service.people[one.subject] = one
    return JSONResponse({"people": [one._asdict() for one in service.people.values()]})


async def _mint(request: Request) -> Response:
    """POST /admin/tokens: a token at once, as the lie wants it."""
    service = _service(request)
    asked = await told(request)
    lie = service.lie
    if "lie" in asked:
        service.change({"lie": asked["lie"]})
    try:
        token = service.token(
            str(asked.get("person")), str(asked.get("use", "id")), asked.get("claims") or {}
        )
    finally:
        service.lie = lie
    return JSONResponse({"token": token})


ROUTES = [
    Route("/.well-known/openid-configuration", _discovery),
    Route("/jwks", _jwks),
    Route("/authorize", _authorize),
    Route("/token", _token, methods=["POST"]),
    Route("/device_authorization", _device_authorization, methods=["POST"]),
    Route("/device", _device),
    Route("/admin/settings", _settings, methods=["GET", "POST"]),
    Route("/admin/rotate", _rotate, methods=["POST"]),
    Route("/admin/people", _people, methods=["GET", "POST"]),
    Route("/admin/tokens", _mint, methods=["POST"]),
]


def _check_client(service: Identity, asked: dict[str, str]) -> None:
    if asked.get("client_id") != service.client_id:
        raise Invalid("fake.bad_client", "this client is not known", field="client_id")


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("ascii", "replace")))


def _denied(error: str) -> Response:
    return JSONResponse({"error": error}, 400, {"Cache-Control": "no-store"})


def _page(service: Identity, path: str, asked: dict[str, str]) -> Response:
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(text)}">'
        for name, text in asked.items()
    )
    buttons = "".join(
        f'<button name="person" value="{escape(one.subject)}"><b>{escape(one.name)}</b><br>'
        f"{escape(one.email)}</button>"
        for one in service.people.values()
    )
    return HTMLResponse(_PAGE.format(body=f'<form action="{path}">{hidden}{buttons}</form>'))
