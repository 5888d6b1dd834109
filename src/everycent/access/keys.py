"""API keys: what a program shows to be let in, and what it may do then.

A key is `ec_`, 43 characters out of a secure source, and 7 that follow from these, so that a mistyped one
is known as such without a look, and programs that search for secrets recognise one. It is shown once, when
it is made; what is kept is its SHA-256 digest. With 256 random bits a plain digest can't be reversed by
guessing.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import zlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from everycent.access.roles import ALL_SCOPES, SCOPES
from everycent.journal.event import stream_of
from everycent.journal.types import EventType
from everycent.kernel import ids
from everycent.kernel.errors import Forbidden, Invalid
from everycent.kernel.near import meant
from everycent.kernel.text import is_line

PREFIX = "ec_"
KEY_ID = "key"
RANDOM_CHARS = 43
_KEY = re.compile(r"(ec_[A-Za-z0-9_-]{43})([0-9a-hjkmnp-tv-z]{7})", re.ASCII)
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_MAX_NAME = 200
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ApiKey(msgspec.Struct, frozen=True, omit_defaults=True):
    """A key without the key: `digest` is its SHA-256. With `revoked_at` it opens nothing any more, and from
    `expires_at` on neither; with `networks` only for whoever asks from one of them."""

    key_id: UUID
    name: str
    digest: bytes
    scopes: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None = None
    expires_at: datetime | None = None
    networks: tuple[str, ...] = ()


CREATED = EventType("api_key.created", 1, ApiKey)
REVOKED = EventType("api_key.revoked", 1, ApiKey)


def stream(key_id: UUID) -> str:
    """The stream that holds the history of one key."""
    return stream_of("api_key", ids.show(KEY_ID, key_id))


def text_of(random: str) -> str:
    """The key out of its 43 random characters."""
    start = PREFIX + random
    return start + _checksum(start)


def digest_of(key: str) -> bytes | None:
    """What is kept of a key; None for text that can't be a key."""
    found = _KEY.fullmatch(key)
    if found is None or found[2] != _checksum(found[1]):
        return None
    return hashlib.sha256(key.encode()).digest()


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode())
    return "".join(_DIGITS[number >> shift & 31] for shift in range(30, -1, -5))


def checked(key: ApiKey) -> ApiKey:
    """The key when its name and scopes are sound. Raises Invalid `key.bad_name`, `key.bad_scope`,
    `key.no_scope`, `key.expired_at_once`, `key.bad_network`."""
    if not is_line(key.name, _MAX_NAME):
        raise Invalid(
            "key.bad_name",
            f"a key's name has 1 to {_MAX_NAME} characters and no control characters",
            field="name",
            value=key.name,
        )
    if key.expires_at is not None and key.expires_at <= key.created_at:
        raise Invalid(
            "key.expired_at_once",
            "the key would never open anything: it expires before it is made",
            field="expires_at",
            value=key.expires_at.isoformat(),
        )
    networks = tuple(dict.fromkeys(str(network_of(text)) for text in key.networks))
    return msgspec.structs.replace(key, scopes=_scopes(key.scopes), networks=networks)


def network_of(text: str) -> Network:
    """A network such as 192.0.2.0/24, or one address. Raises Invalid `key.bad_network`."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise Invalid(
            "key.bad_network",
            f"{text[:60]!r} is no network",
            field="networks",
            value=text,
            hint="write it like 192.0.2.0/24, 2001:db8::/32, or as one address",
        ) from error


def is_within(inner: Network, outer: Sequence[Network]) -> bool:
    """Whether a network lies in one of some others."""
    return any(
        (
            isinstance(inner, ipaddress.IPv4Network)
            and isinstance(one, ipaddress.IPv4Network)
            and inner.subnet_of(one)
        )
        or (
            isinstance(inner, ipaddress.IPv6Network)
            and isinstance(one, ipaddress.IPv6Network)
            and inner.subnet_of(one)
        )
        for one in outer
    )


def _scopes(scopes: Sequence[str]) -> tuple[str, ...]:
    for scope in scopes:
        if scope not in ALL_SCOPES:
            raise Invalid(
                "key.bad_scope",
                f"there is no scope {scope[:60]!r}",
                field="scopes",
                value=scope,
                hint=f"{meant(scope[:60], ALL_SCOPES)} scopes are {', '.join(SCOPES)}".strip(),
            )
    if not scopes:
        raise Invalid(
            "key.no_scope",
            "a key without a scope opens nothing",
            field="scopes",
            hint=f"scopes are {', '.join(SCOPES)}",
        )
    return tuple(sorted(set(scopes)))


def refused(why: str) -> Forbidden:
    """Forbidden `key.refused`: there is no key that opens anything."""
    return Forbidden(
        "key.refused",
        why,
        hint="send the header Authorization: Bearer ec_…; make a key with `everycent key create NAME`",
    )
