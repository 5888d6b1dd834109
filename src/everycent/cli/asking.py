"""everycent api: one request to a server, as whoever signed in, or with an API key."""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from typing import Any, BinaryIO

import click
import httpx2

from everycent.app import signed_in
from everycent.app.signed_in import SignedIn
from everycent.integrations import sign_in
from everycent.kernel.errors import Invalid, Unavailable

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_EARLY_SECONDS = 60


@click.command()
@click.argument("method", type=click.Choice(_METHODS, case_sensitive=False))
@click.argument("path")
@click.option(
    "-f",
    "--field",
    "fields",
    multiple=True,
    metavar="NAME=VALUE",
    help="A field of the body, or a parameter of GET; can be given again. NAME:=VALUE takes JSON.",
)
@click.option(
    "--input", "body", type=click.File("rb"), help="A file to send; - is what is typed in."
)
@click.option(
    "--server", envvar="EVERYCENT_URL",
    help="Another server than the one signed in at (EVERYCENT_URL).",
)  # fmt: skip
@click.option("--idempotency-key", help="A new one is made for each change when left out.")
def api(
    method: str,
    path: str,
    fields: tuple[str, ...],
    body: BinaryIO | None,
    server: str | None,
    idempotency_key: str | None,
) -> None:
    """Send METHOD PATH to a server, and print what it answers. Exit code 2 where it refuses.

    The key in EVERYCENT_API_KEY is used where it is set, and else the token of `everycent login`; the
    tenant is that of --tenant.
    """
    method = method.upper()
    if not path.startswith("/"):
        raise Invalid(
            "login.bad_path", "a path begins with /", field="path", value=path,
            hint="give what follows the address, such as /v1/me; the address itself is --server",
        )  # fmt: skip
    address, credential = _who(server)
    headers = {"Authorization": f"Bearer {credential}", "Accept": "application/json"}
    if os.environ.get("EVERYCENT_TENANT"):
        headers["Everycent-Tenant"] = os.environ["EVERYCENT_TENANT"]
    told = dict(_field(one) for one in fields)
    params: dict[str, Any] | None = None
    content = None if body is None else body.read()
    if method == "GET":
        params = told or None
    else:
        headers["Idempotency-Key"] = idempotency_key or secrets.token_hex(16)
        if content is None:
            content = json.dumps(told).encode()
        headers["Content-Type"] = "application/json"
    try:
        with httpx2.Client(timeout=120, follow_redirects=False) as client:
            answer = client.request(
                method, address + path, params=params, content=content, headers=headers
            )
    except httpx2.HTTPError as error:
        raise Unavailable(
            "login.unreachable", f"{address}: {error}", field="server", hint=sign_in.UNREACHABLE
        ) from error
    _show(answer)
    if not answer.is_success:
        sys.exit(2)


def _who(server: str | None) -> tuple[str, str]:
    """The server, and what is shown to it. A token is never shown to another server than its own."""
    key = os.environ.get("EVERYCENT_API_KEY")
    known = signed_in.read()
    if key:
        address = server or (known.server if known else "http://127.0.0.1:8600")
        sign_in.check(address)
        return address.rstrip("/"), key
    if known is None or (server is not None and server.rstrip("/") != known.server):
        raise Invalid(
            "login.needed",
            "nobody is signed in at this server",
            field="server",
            hint="everycent login --server URL, or set EVERYCENT_API_KEY",
        )
    return known.server, _fresh(known).token


def _fresh(known: SignedIn) -> SignedIn:
    """With tokens that last a while still."""
    now = int(time.time())
    if known.expires_at - _EARLY_SECONDS > now or known.refresh_token is None:
        return known
    tokens = sign_in.refreshed(known.token_endpoint, known.client_id, known.refresh_token)
    known.id_token = tokens.id_token or known.id_token
    known.access_token = tokens.access_token
    known.refresh_token = tokens.refresh_token or known.refresh_token
    known.expires_at = now + tokens.expires_in
    signed_in.write(known)
    return known


def _field(text: str) -> tuple[str, Any]:
    name, mark, value = text.partition("=")
    if not mark or not name.rstrip(":"):
        raise Invalid(
            "login.bad_field", f"{text[:60]!r} has no name", field="field", value=text,
            hint="write it like name=value",
        )  # fmt: skip
    if not name.endswith(":"):
        return name, value
    try:
        return name[:-1], json.loads(value)
    except ValueError as error:
        raise Invalid(
            "login.bad_field", f"{value[:60]!r} is not JSON", field=name[:-1], value=value
        ) from error


def _show(answer: httpx2.Response) -> None:
    if answer.headers.get("content-type", "").partition(";")[0].endswith("json"):
        click.echo(json.dumps(answer.json(), ensure_ascii=False, indent=2))
    elif answer.content:
        sys.stdout.buffer.write(answer.content)
