"""Tokens of people: signed by an identity provider, for us, now. All of it is checked, here, without I/O.

Signatures are checked by joserfc. Only public-key algorithms count, each with its own type of key, so that
nobody signs with a public key as if it were a secret, or not at all.
"""

from __future__ import annotations

import binascii
import warnings
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, Key, KeySet, OKPKey, RSAKey

from everycent.access import members
from everycent.access.members import Person
from everycent.kernel.errors import Forbidden, Invalid

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")
LEEWAY = timedelta(seconds=30)
LONGEST = 16_384
_TYPES = ("jwt", "at+jwt", "application/at+jwt", "")
_ACCESS = "access"
_USES = ("id", _ACCESS)
_LEAST_BITS = 2048
_MOST_KEYS = 100

# It warns of the old name of Ed25519, which providers go on using.
warnings.filterwarnings("ignore", category=SecurityWarning, module="joserfc")


class Expected(NamedTuple):
    """What tokens have to say: who made them, and for whom; and which claims name a person."""

    issuer: str
    audiences: tuple[str, ...]
    email_claim: str = "email"
    subject_claim: str = "sub"


class PublicKey(NamedTuple):
    """A key of the provider, and the algorithms that may be used with it."""

    key: Key
    algorithms: tuple[str, ...]


Keys = Mapping[str, PublicKey]
"""By what they are called; `""` is one that has no name."""


class _Head(msgspec.Struct):
    alg: str
    kid: str = ""
    typ: str = ""
    crit: Any = None
    b64: Any = None


class _Claims(msgspec.Struct):
    iss: str
    exp: int
    nbf: int = 0
    aud: str | list[str] | None = None
    client_id: str | None = None
    token_use: str | None = None
    events: Any = None
    email_verified: bool | str = False


def is_like_token(text: str) -> bool:
    """Whether text has the form of a JWT: three parts."""
    return text.count(".") == 2


def head_of(text: str) -> tuple[str, str]:
    """The name of the key that a token says it is signed with, and the algorithm. Raises Forbidden
    `token.refused`."""
    head = _head(text)
    return head.kid, head.alg


def keys_of(plain: Any) -> Keys:
    """The keys of a JSON Web Key Set that may sign tokens; whatever else is in it is left out. Raises
    ValueError for what is no such set."""
    if not isinstance(plain, dict) or not isinstance(plain.get("keys"), list):
        raise ValueError("it has no list of keys")
    found: dict[str, PublicKey] = {}
    for one in plain["keys"][:_MOST_KEYS]:
        key = _key(one) if isinstance(one, dict) else None
        if key is not None:
            found[str(one.get("kid", ""))] = key
    if not found:
        raise ValueError("none of its keys can be used")
    return found


def chosen(keys: Keys, kid: str) -> PublicKey | None:
    """The key with a name; for a token that names none, the only one there is."""
    if kid:
        return keys.get(kid)
    return next(iter(keys.values())) if len(keys) == 1 else None


def person_of(text: str, keys: Keys, expected: Expected, now: datetime) -> Person:
    """Whom the token names. Raises Forbidden `token.refused`, `token.expired`."""
    head = _head(text)
    key = chosen(keys, head.kid)
    if key is None or head.alg not in key.algorithms:
        raise refused("it is not signed with a key of the identity provider")
    registry = jws.JWSRegistry(algorithms=[head.alg], strict_check_header=False)
    registry.max_header_length = LONGEST
    try:
        payload = jws.deserialize_compact(text, key.key, registry=registry).payload
        plain = msgspec.json.decode(payload, type=dict[str, Any])
        claims = msgspec.convert(plain, _Claims)
    except (JoseError, ValueError, UnicodeDecodeError) as error:
        raise refused("its signature or its form is wrong") from error
    _check(claims, expected, now)
    subject = plain.get(expected.subject_claim)
    if not isinstance(subject, str) or not (1 <= len(subject) <= 255 and subject.isprintable()):
        raise refused(f"it names nobody: it has no claim {expected.subject_claim}")
    expires_at = _instant(claims.exp) + LEEWAY
    return Person(claims.iss, subject, _email(plain, claims, expected), expires_at)


def _check(claims: _Claims, expected: Expected, now: datetime) -> None:
    if claims.iss != expected.issuer:
        raise refused("another issuer made it")
    if claims.events is not None:
        raise refused("it is told of an event, and lets nobody in")
    if claims.token_use is not None and claims.token_use not in _USES:
        raise refused("it is for another use")
    audience: Sequence[str] = [claims.aud] if isinstance(claims.aud, str) else claims.aud or []
    if claims.aud is None and claims.token_use == _ACCESS and claims.client_id:
        audience = [claims.client_id]  # Amazon Cognito's access tokens say so whom they are for
    if not set(audience) & set(expected.audiences):
        raise refused("it is for somebody else")
    if _instant(claims.exp) + LEEWAY <= now:
        raise expired()
    if claims.nbf and _instant(claims.nbf) - LEEWAY > now:
        raise refused("it is not valid yet")


def _email(plain: Mapping[str, Any], claims: _Claims, expected: Expected) -> str | None:
    """The address that the provider has verified: `email_verified` speaks of the claim `email` only, so
    that another one counts where it says the same."""
    told = _address(plain.get(expected.email_claim))
    is_verified = claims.email_verified in (True, "true") and told == _address(plain.get("email"))
    return told if is_verified else None


def _address(told: object) -> str | None:
    try:
        return members.email_of(told) if isinstance(told, str) else None
    except Invalid:
        return None


def _instant(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise refused("its times are none") from error


def _head(text: str) -> _Head:
    if len(text) > LONGEST or not text.isascii():
        raise refused("it is too long, or not a token at all")
    first = text.partition(".")[0]
    try:
        head = msgspec.json.decode(urlsafe_b64decode(first + "=" * (-len(first) % 4)), type=_Head)
    except (ValueError, binascii.Error, UnicodeDecodeError) as error:
        raise refused("it has no head that can be read") from error
    if head.alg not in ALGORITHMS:
        raise refused("it is not signed in a way that counts")
    if head.crit is not None or head.b64 is not None or head.typ.lower() not in _TYPES:
        raise refused("it is a token of another kind")
    return head


def _key(plain: dict[str, Any]) -> PublicKey | None:
    """A key that may check signatures, or None. Only its public half is taken."""
    if plain.get("kty") not in ("RSA", "EC", "OKP") or plain.get("use", "sig") != "sig":
        return None
    public: dict[str, Any] = {
        name: plain[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in plain
    }
    try:
        key = KeySet.import_key_set({"keys": [public]}).keys[0]
        usable = _algorithms(key)
    except (JoseError, ValueError, TypeError):
        return None
    told = plain.get("alg")
    if told is not None:
        same = ("EdDSA", "Ed25519")
        usable = tuple(one for one in usable if one == told or (one in same and told in same))
    return PublicKey(key, usable) if usable else None


def _algorithms(key: Key) -> tuple[str, ...]:
    if isinstance(key, RSAKey):
        raw = key.public_key
        is_long = isinstance(raw, RSAPublicKey) and raw.key_size >= _LEAST_BITS
        return ("RS256", "PS256") if is_long else ()
    if isinstance(key, ECKey):
        return ("ES256",) if key.curve_name == "P-256" else ()
    if isinstance(key, OKPKey):
        return ("EdDSA", "Ed25519") if key.curve_name == "Ed25519" else ()
    return ()


def expired() -> Forbidden:
    """A token whose time is over."""
    return Forbidden(
        "token.expired", "the token has expired", hint="get a new one: `everycent login`"
    )


def refused(why: str) -> Forbidden:
    """A token that opens nothing, and why."""
    return Forbidden(
        "token.refused", f"the token is not accepted: {why}", field="authorization",
        hint="get a new one: `everycent login`",
    )  # fmt: skip
