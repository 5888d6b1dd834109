"""Sealing: what is kept unreadable, by AES-256-GCM with a key that stands outside the database.

The place where something is kept is part of what is authenticated: copied to another place it can't be
read.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from everycent.kernel.errors import Broken, Invalid

_VERSION = b"\x01"
_KEY_BYTES, _NONCE_BYTES = 32, 12


class Safe(NamedTuple):
    """What seals and unseals with one key, which nobody asks for before it is needed."""

    key: Callable[[], bytes]

    def seal(self, content: bytes, place: str) -> bytes:
        """The content, to be kept in a place."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + AESGCM(self.key()).encrypt(nonce, content, place.encode())

    def unseal(self, sealed: bytes, place: str) -> bytes:
        """The content of what is kept in a place. Raises Broken `secret.unreadable`."""
        nonce, kept = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            if sealed[:1] != _VERSION:
                raise InvalidTag
            return AESGCM(self.key()).decrypt(nonce, kept, place.encode())
        except (InvalidTag, ValueError):
            raise Broken(
                "secret.unreadable",
                "a secret can't be read with the key that is here",
                hint="set EVERYCENT_SECRET_KEY to the key that it was sealed with, or bring secret.key"
                " back; if both are lost, exchange the secret: `everycent webhook rotate`",
            ) from None


def safe_of(text: str | None, path: Path | None) -> Safe:
    """A safe with the key of EVERYCENT_SECRET_KEY, or else with the one in the file, which is made on first
    use; without a file Invalid `settings.no_secret_key` is raised on first use. Raises Invalid
    `settings.bad_secret_key`, which never shows it."""
    if text is None:
        return Safe(_no_key if path is None else lambda: _key_in(path))
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise _bad_key("EVERYCENT_SECRET_KEY is no key")
    return Safe(lambda: key)


def _key_in(path: Path) -> bytes:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{secrets.token_hex(8)}")
        fresh.touch(mode=0o600)
        fresh.write_bytes(secrets.token_bytes(_KEY_BYTES))
        with contextlib.suppress(FileExistsError):  # somebody else was first: theirs is the key
            path.hardlink_to(fresh)
        fresh.unlink()
    key = path.read_bytes()
    if len(key) != _KEY_BYTES:
        raise _bad_key(f"{path.name} is no key")
    return key


def _no_key() -> bytes:
    raise Invalid(
        "settings.no_secret_key",
        "EVERYCENT_SECRET_KEY is not set, and whoever shares the database has to have the same",
        field="EVERYCENT_SECRET_KEY",
        hint="make one with `openssl rand -base64 32`, set it for every process, and keep it apart from"
        " the data",
    )


def _bad_key(what: str) -> Invalid:
    return Invalid(
        "settings.bad_secret_key",
        what,
        field="EVERYCENT_SECRET_KEY",
        hint="it is the base64 of 32 random bytes: `openssl rand -base64 32`",
    )
