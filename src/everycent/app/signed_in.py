"""Who is signed in at which server: a file in the user's configuration folder that nobody else may read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import msgspec

from everycent.kernel.errors import Invalid


class SignedIn(msgspec.Struct, omit_defaults=True):
    """A server, the identity provider that it believes, and the tokens that were got there."""

    server: str
    issuer: str
    client_id: str
    token_endpoint: str
    id_token: str
    access_token: str
    refresh_token: str | None
    expires_at: int
    uses_access_token: bool = False

    @property
    def token(self) -> str:
        """What is shown to the server."""
        return self.access_token if self.uses_access_token else self.id_token


def path() -> Path:
    """Where the file is."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "everycent" / "login.json"


def read() -> SignedIn | None:
    """Who is signed in. Raises Invalid `login.broken`."""
    try:
        return msgspec.json.decode(path().read_bytes(), type=SignedIn)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise Invalid(
            "login.broken",
            f"{path()} can't be read: {error}",
            hint="sign in anew: `everycent logout`, then `everycent login`",
        ) from error


def write(told: SignedIn) -> None:
    """Keeps it, whole or not at all, for nobody but the user."""
    target = path()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = target.with_name(f".login.{secrets.token_hex(8)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(told))
        fresh.replace(target)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def forget() -> bool:
    """Removes the file; whether there was one."""
    try:
        path().unlink()
    except FileNotFoundError:
        return False
    return True
