"""everycent login, everycent logout: who works with a server from this terminal."""

from __future__ import annotations

import time
import webbrowser

import click

from everycent.app import signed_in
from everycent.app.signed_in import SignedIn
from everycent.cli.common import emit, json_option
from everycent.integrations import sign_in
from everycent.kernel.errors import Invalid


@click.command()
@click.option(
    "--server",
    required=True,
    envvar="EVERYCENT_URL",
    help="The address of the server (EVERYCENT_URL).",
)
@click.option(
    "--client-id", help="The client to be; the first that the server tells when left out."
)
@click.option("--device", "is_device", is_flag=True, help="Sign in on another device, with a code.")
@click.option("--no-browser", is_flag=True, help="Only say where to go.")
@click.option(
    "--access-token",
    "uses_access_token",
    is_flag=True,
    help="Show the server the access token, not the ID token.",
)
@json_option
def login(
    server: str,
    client_id: str | None,
    is_device: bool,
    no_browser: bool,
    uses_access_token: bool,
    as_json: bool,
) -> None:
    """Sign in at the identity provider of a server, for `everycent api`.

    All other commands work on the database itself, as its operator, and need no sign-in.
    """
    server = server.rstrip("/")
    told = sign_in.get_json(f"{server}/v1/sign-in")
    if "issuer" not in told:
        raise Invalid(
            "login.none",
            "nobody can sign in at this server: it has no identity provider",
            field="server",
            hint="use an API key: EVERYCENT_API_KEY",
        )
    client = client_id or str(told["client_ids"][0])
    where = sign_in.endpoints(str(told["issuer"]))

    def show(url: str) -> None:
        click.echo(f"sign in here: {url}", err=True)
        if not no_browser:
            webbrowser.open(url)

    def show_code(url: str, code: str) -> None:
        click.echo(f"sign in here: {url}\nwith the code: {code}", err=True)

    if is_device:
        tokens = sign_in.by_device(where, client, show_code)
    else:
        tokens = sign_in.by_browser(where, client, show)
    signed_in.write(
        SignedIn(
            server, where.issuer, client, where.token, tokens.id_token, tokens.access_token,
            tokens.refresh_token, int(time.time()) + tokens.expires_in,
            uses_access_token or not tokens.id_token,
        )
    )  # fmt: skip
    data = {"server": server, "issuer": where.issuer, "file": str(signed_in.path())}
    emit(data, as_json, lambda: click.echo(f"signed in at {server}; try: everycent api GET /v1/me"))


@click.command()
@json_option
def logout(as_json: bool) -> None:
    """Forget the tokens of this terminal."""
    was_there = signed_in.forget()
    emit(
        {"signed_out": was_there},
        as_json,
        lambda: click.echo("signed out" if was_there else "nobody was signed in"),
    )
