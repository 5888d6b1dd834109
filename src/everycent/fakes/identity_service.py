"""The fake identity provider as a whole: people, keys, codes, and tokens true and false. Kept in memory."""

from __future__ import annotations

import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple

from joserfc import jws
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from everycent.kernel.errors import Invalid, NotFound

Record = dict[str, Any]
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
MANNERS = ("standard", "cognito")
LIES = {
    "wrong_issuer": "tokens name another issuer",
    "wrong_audience": "tokens are for somebody else",
    "expired": "tokens are from yesterday",
    "not_yet": "tokens are from tomorrow",
    "unknown_kid": "tokens name a key that is nowhere",
    "foreign_key": "tokens are signed with a key of somebody else, under the name of ours",
    "hs256": "tokens are signed with the public key, as if it were a secret",
    "none": "tokens are not signed",
    "changed": "tokens were changed after they were signed",
    "unverified": "e-mail addresses are not verified",
    "logout": "tokens are those that tell of a sign-out",
}
TROUBLES = {
    "down": "connections are closed without an answer",
    "slow": "answers take `seconds`",
    "error": "answers are 500",
    "redirect": "answers send on to somewhere else",
    "huge": "answers have no end",
    "not_json": "answers are pages",
    "wrong_discovery": "the discovery document names another issuer",
    "no_keys": "the set of keys is empty",
}
_LIFE = 3600
_CODE_LIFE = 600


class Person(NamedTuple):
    """Somebody who can sign in."""

    subject: str
    name: str
    email: str


PEOPLE = (
    Person("p-olive", "Olive Owner", "olive@example.com"),
    Person("p-finn", "Finn Finance", "finn@example.com"),
    Person("p-sue", "Sue Support", "sue@example.com"),
    Person("p-dev", "Devi Developer", "devi@example.com"),
    Person("p-rita", "Rita Reader", "rita@example.com"),
    Person("p-nemo", "Nemo Nobody", "nemo@example.com"),
)


class Signer(NamedTuple):
    """A key that signs."""

    kid: str
    algorithm: str
    key: Key


class Identity:
    """One fake identity provider."""

    def __init__(self, client_id: str, algorithm: str = "RS256", manner: str = "standard") -> None:
        self.issuer = ""  # known once it listens
        self.client_id = client_id
        self.manner = manner
        self.people = {one.subject: one for one in PEOPLE}
        self.signers: list[Signer] = []
        self.codes: dict[str, Record] = {}
        self.refreshing: dict[str, str] = {}
        self.devices: dict[str, Record] = {}
        self.lie: str | None = None
        self.trouble: str | None = None
        self.seconds = 30
        self.asked: Counter[str] = Counter()
        self.rotate(algorithm)

    def now(self) -> int:
        """Seconds since 1970."""
        return int(datetime.now(UTC).timestamp())

    def rotate(self, algorithm: str | None = None) -> str:
        """Signs with a new key from here on; the one before is still told of. Returns what it is called."""
        chosen = algorithm or self.signers[-1].algorithm
        if chosen not in ALGORITHMS:
            raise _bad("algorithm", chosen)
        kid = f"key-{secrets.token_hex(4)}"
        self.signers = [*self.signers[-1:], Signer(kid, chosen, _generated(chosen))]
        return kid

    def change(self, told: Mapping[str, Any]) -> None:
        """Switches what is wrong. Raises Invalid `fake.bad_setting`."""
        choices = {"lie": (*LIES, None), "trouble": (*TROUBLES, None), "manner": MANNERS}
        for name, value in told.items():
            is_number = name == "seconds" and type(value) is int and 0 <= value <= 3600
            if not is_number and value not in choices.get(name, ()):
                raise _bad(name, value)
            setattr(self, name, value)

    def shown(self) -> Record:
        """The settings, and how often what was asked for."""
        return {
            "issuer": self.issuer, "client_id": self.client_id, "manner": self.manner,
            "lie": self.lie, "trouble": self.trouble, "seconds": self.seconds,
            "keys": [one.kid for one in self.signers], "asked": dict(self.asked),
        }  # fmt: skip

    def discovery(self) -> Record:
        """The discovery document."""
        wrong = "https://elsewhere.example.com" if self.trouble == "wrong_discovery" else None
        return {
            "issuer": wrong or self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "device_authorization_endpoint": f"{self.issuer}/device_authorization",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": list(ALGORITHMS),
            "code_challenge_methods_supported": ["S256"],
            "grant_types_supported": ["authorization_code", "refresh_token", DEVICE],
            "scopes_supported": ["openid", "email", "profile", "offline_access"],
        }

    def jwks(self) -> Record:
        """The public keys; with some that must be left out by whoever reads them."""
        if self.trouble == "no_keys":
            return {"keys": []}
        return {
            "keys": [
                *(
                    {
                        **one.key.as_dict(private=False), "kid": one.kid, "use": "sig",
                        "alg": one.algorithm,
                    }
                    for one in self.signers
                ),
                {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"},
                {"kty": "AKP", "alg": "ML-DSA-65", "kid": "of-tomorrow", "pub": "AA"},
            ]
        }  # fmt: skip

    def person(self, subject: object) -> Person:
        """Raises NotFound `fake.no_person`."""
        found = self.people.get(str(subject))
        if found is None:
            raise NotFound("fake.no_person", "there is nobody of this subject", field="person")
        return found

    def grant(self, subject: str, asked: Mapping[str, str]) -> str:
        """The code that somebody gets who was let in on a page."""
        code = secrets.token_urlsafe(24)
        self.codes[code] = dict(asked) | {
            "person": self.person(subject).subject, "until": self.now() + _CODE_LIFE,
        }  # fmt: skip
        return code

    def answer(self, subject: str, nonce: str | None) -> Record:
        """What the token endpoint says to whoever may sign in."""
        refresh = secrets.token_urlsafe(24)
        self.refreshing[refresh] = subject
        more = {} if nonce is None else {"nonce": nonce}
        return {
            "token_type": "Bearer",
            "expires_in": _LIFE,
            "id_token": self.token(subject, "id", more),
            "access_token": self.token(subject, "access", {}),
            "refresh_token": refresh,
        }

    def token(self, subject: str, use: str, more: Mapping[str, Any]) -> str:
        """A token, true or as the lie wants it. `more` are claims instead of the usual ones."""
        person, now = self.person(subject), self.now()
        life = {"expired": (-86_400, -82_800), "not_yet": (82_800, 86_400)}.get(
            self.lie or "", (0, _LIFE)
        )
        claims: Record = {
            "iss": "https://elsewhere.example.com" if self.lie == "wrong_issuer" else self.issuer,
            "sub": person.subject,
            "iat": now + life[0],
            "nbf": now + life[0],
            "exp": now + life[1],
            "jti": secrets.token_hex(8),
        }
        audience = "somebody-else" if self.lie == "wrong_audience" else self.client_id
        if self.manner == "cognito":
            claims |= {"token_use": use}
        if use == "id" or self.manner != "cognito":
            claims |= {"aud": audience}
        else:
            claims |= {"client_id": audience, "scope": "openid email"}
        if use == "id":
            claims |= {
                "email": person.email, "email_verified": self.lie != "unverified",
                "name": person.name,
            }  # fmt: skip
        if self.lie == "logout":
            claims |= {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}
        claims = {name: told for name, told in (claims | dict(more)).items() if told is not None}
        return self._signed(claims, "JWT" if use == "id" else "at+jwt")

    def _signed(self, claims: Record, kind: str) -> str:
        signer = self.signers[-1]
        head: Record = {"alg": signer.algorithm, "kid": signer.kid, "typ": kind}
        payload = json.dumps(claims).encode()
        if self.lie == "unknown_kid":
            head["kid"] = f"nowhere-{secrets.token_hex(4)}"
        if self.lie == "none":
            return f"{_part(json.dumps(head | {'alg': 'none'}).encode())}.{_part(payload)}."
        key = signer.key
        if self.lie == "hs256":
            start = f"{_part(json.dumps(head | {'alg': 'HS256'}).encode())}.{_part(payload)}"
            mac = hmac.digest(public_pem(signer.key), start.encode(), "sha256")
            return f"{start}.{_part(mac)}"
        if self.lie == "foreign_key":
            key = _generated(signer.algorithm)
        text = jws.serialize_compact(head, payload, key, algorithms=[str(head["alg"])])
        if self.lie == "changed":
            first, _, last = text.split(".")
            return (
                f"{first}.{_part(json.dumps(claims | {'exp': claims['exp'] + 1}).encode())}.{last}"
            )
        return text


DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


def challenge_of(verifier: str) -> str:
    """What a code verifier is announced as (RFC 7636, S256)."""
    return _part(sha256(verifier.encode()).digest())


def public_pem(key: Key) -> bytes:
    """The public key as everybody can have it."""
    assert not isinstance(key, OctKey), "no secret is ever made here"
    return key.as_pem(private=False)


def _generated(algorithm: str) -> Key:
    if algorithm == "ES256":
        return ECKey.generate_key("P-256")
    if algorithm == "EdDSA":
        return OKPKey.generate_key("Ed25519")
    return RSAKey.generate_key(2048)


def _part(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bad(name: str, value: object) -> Invalid:
    return Invalid(
        "fake.bad_setting", f"{value!r} makes no sense for {name}", field=name,
        hint="docs/access.md lists what can be switched",
    )  # fmt: skip
