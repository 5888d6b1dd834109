"""A receiver of webhooks that only pretends: it checks signatures, keeps what it takes, and fails as told.

Webhooks are posted to `/hooks/NAME`; each name stands for a receiver of its own. What comes is kept in a
file, a line of JSON each, and told by the admin API, with what a receiver could object to: false
signatures, gaps in the sequence, events of a subject that came in another order.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from everycent.fakes import receiver_page
from everycent.kernel.errors import Invalid, Refusal
from everycent.standins.serving import refused, told

FILE = "received.jsonl"
_LONGEST_HANG = 3_600
_LARGEST = 1_000_000


class Behaviour(msgspec.Struct, forbid_unknown_fields=True):
    """How it answers: `status`, after `hang` seconds, with these headers and `body`. It counts for
    webhooks to `name`, of a `type` and about a `subject` (None: all), the next `times` (None: for
    good)."""

    status: int = 204
    hang: int = 0
    retry_after: str | None = None
    location: str | None = None
    body: str = ""
    name: str | None = None
    type: str | None = None
    subject: str | None = None
    times: int | None = None

    def counts_for(self, one: Taken) -> bool:
        """Whether it is about this webhook."""
        return (
            self.times != 0
            and self.name in (None, one.name)
            and self.type in (None, one.type)
            and self.subject in (None, one.subject)
        )


class Taken(msgspec.Struct, omit_defaults=True):
    """A webhook that came: `is_signed` None where no secret is known for its name."""

    name: str
    at: datetime
    webhook_id: str
    timestamp: str
    sequence: int | None
    type: str
    subject: str
    is_signed: bool | None
    status: int
    body: str
    signature: str = ""


class Settings(NamedTuple):
    """How signatures are checked: by these `secrets` where a name has none of its own; older or newer than
    so many seconds is refused (0: nothing is)."""

    secrets: tuple[str, ...] = ()
    tolerance: int = 300


class Receiver:
    """What came, and how the next is answered. Raises Invalid `fake.bad_secret`."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / FILE
        self._tolerance = settings.tolerance
        self._usual = [_key(secret) for secret in settings.secrets]
        self._secrets: dict[str, list[bytes]] = {}
        self.behaviours: list[Behaviour] = []
        lines = self._path.read_bytes().splitlines() if self._path.exists() else []
        self.taken = [msgspec.json.decode(line, type=Taken) for line in lines]

    def know(self, name: str, secrets: Sequence[str]) -> None:
        """From here on these secrets, and no others, sign what comes to a name."""
        self._secrets[name] = [_key(secret) for secret in secrets]

    def behave(self, told: Mapping[str, Any]) -> None:
        """Answers so from here on. Raises Invalid `fake.bad_behaviour`."""
        try:
            found = msgspec.convert(told, Behaviour)
        except msgspec.ValidationError as error:
            raise Invalid("fake.bad_behaviour", f"that is no way to behave: {error}") from error
        if not (200 <= found.status <= 599 and 0 <= found.hang <= _LONGEST_HANG):
            raise Invalid(
                "fake.bad_behaviour",
                "that is no way to behave: status is 200 to 599, hang at most an hour",
            )
        self.behaviours.append(found)

    def read(self, name: str, headers: Mapping[str, str], body: bytes) -> tuple[Taken, Behaviour]:
        """What came, and how it is answered."""
        content = _content(body)
        data = content.get("data")
        about = data.get("subject") if isinstance(data, dict) else None
        subject = f"{about.get('kind')}:{about.get('id')}" if isinstance(about, dict) else ""
        number = headers.get("webhook-sequence", "")
        one = Taken(
            name, datetime.now(UTC), headers.get("webhook-id", ""),
            headers.get("webhook-timestamp", ""), int(number) if number.isdecimal() else None,
            str(content.get("type", "")), subject, self._is_signed(name, headers, body), 0,
            body.decode(errors="replace"), headers.get("webhook-signature", ""),
        )  # fmt: skip
        answer = Behaviour(status=401) if one.is_signed is False else self._behaviour(one)
        one.status = answer.status
        return one, answer

    def _behaviour(self, one: Taken) -> Behaviour:
        for behaviour in self.behaviours:
            if behaviour.counts_for(one):
                if behaviour.times is not None:
                    behaviour.times -= 1
                return behaviour
        return Behaviour()

    def keep(self, one: Taken) -> None:
        """Writes down what came, before it is answered."""
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(one) + b"\n")
        self.taken.append(one)

    def _is_signed(self, name: str, headers: Mapping[str, str], body: bytes) -> bool | None:
        keys = self._secrets.get(name, self._usual)
        if not keys:
            return None
        timestamp = headers.get("webhook-timestamp", "")
        if not timestamp.isdecimal():
            return False
        age = abs(int(datetime.now(UTC).timestamp()) - int(timestamp))
        signed = f"{headers.get('webhook-id', '')}.{timestamp}.".encode() + body
        given = headers.get("webhook-signature", "").split()
        is_known = any(
            hmac.compare_digest(
                "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode(), one
            )
            for key in keys
            for one in given
        )
        return is_known and (not self._tolerance or age <= self._tolerance)

    def summary(self, name: str | None) -> dict[str, Any]:
        """What a receiver could object to, of one name or all of them."""
        found = [one for one in self.taken if name in (None, one.name)]
        good = [one for one in found if 200 <= one.status < 300]
        first: dict[tuple[str, str], Taken] = {}
        for one in good:
            first.setdefault((one.name, one.webhook_id), one)
        last: dict[tuple[str, str], int] = {}
        disordered, numbers = [], dict[str, set[int]]()
        for one in first.values():
            if one.sequence is None:
                continue
            numbers.setdefault(one.name, set()).add(one.sequence)
            if one.sequence < last.get((one.name, one.subject), 0):
                disordered.append(one.webhook_id)
            last[one.name, one.subject] = one.sequence
        gaps = {
            key: sorted(set(range(1, max(there) + 1)) - there)[:100]
            for key, there in numbers.items()
        }
        return {
            "came": len(found),
            "taken": len(good),
            "different": len(first),
            "false_signatures": sum(one.is_signed is False for one in found),
            "out_of_order": disordered,
            "gaps": {key: missing for key, missing in gaps.items() if missing},
        }


def make_app(folder: Path, settings: Settings = Settings()) -> Starlette:  # noqa: B008 - never changed
    """The receiver over a folder."""
    app = Starlette(
        routes=[
            *receiver_page.ROUTES,
            Route("/hooks/{name}", _take, methods=["POST"]),
            Route("/admin/behaviours", _behave, methods=["GET", "POST", "DELETE"]),
            Route("/admin/secrets/{name}", _know, methods=["PUT"]),
            Route("/admin/received", _received, methods=["GET"]),
            Route("/admin/summary", _summary, methods=["GET"]),
        ],
        exception_handlers={Refusal: refused},
    )
    app.state.receiver = Receiver(folder, settings)
    return app


def _receiver(request: Request) -> Receiver:
    found: Receiver = request.app.state.receiver
    return found


async def _take(request: Request) -> Response:
    """POST /hooks/NAME."""
    receiver = _receiver(request)
    body = await request.body()
    if len(body) > _LARGEST:
        return Response(status_code=413)
    one, answer = receiver.read(request.path_params["name"], request.headers, body)
    receiver.keep(one)
    if answer.hang:
        await asyncio.sleep(answer.hang)
    headers = {"retry-after": answer.retry_after, "location": answer.location}
    given = {name: text for name, text in headers.items() if text is not None}
    return Response(answer.body or None, answer.status, given)


async def _behave(request: Request) -> Response:
    """GET, POST and DELETE /admin/behaviours: the first that counts for a webhook says how it is
    answered."""
    receiver = _receiver(request)
    if request.method == "POST":
        receiver.behave(await told(request))
    elif request.method == "DELETE":
        receiver.behaviours.clear()
    return JSONResponse({"behaviours": msgspec.to_builtins(receiver.behaviours)})


async def _know(request: Request) -> Response:
    """PUT /admin/secrets/NAME: {"secrets": ["whsec_..."]}."""
    secrets = (await told(request)).get("secrets")
    if not isinstance(secrets, list) or not all(isinstance(one, str) for one in secrets):
        raise _bad_secret()
    _receiver(request).know(request.path_params["name"], secrets)
    return JSONResponse({})


async def _received(request: Request) -> Response:
    """GET /admin/received, of one name with ?name=."""
    name = request.query_params.get("name")
    found = [one for one in _receiver(request).taken if name in (None, one.name)]
    return JSONResponse({"received": msgspec.to_builtins(found)})


async def _summary(request: Request) -> Response:
    """GET /admin/summary, of one name with ?name=."""
    return JSONResponse(_receiver(request).summary(request.query_params.get("name")))


def _content(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise _bad_secret() from None


def _bad_secret() -> Invalid:
    return Invalid(
        "fake.bad_secret",
        "the webhook secret is not base64",
        field="webhook-secret",
        hint="write it as whsec_ and the base64 of 24 to 64 bytes",
    )
