"""/v1/keys: API keys, made and revoked by whoever may do at least as much as they may."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

from msgspec import Meta, field

from everycent.access import keys, operations, queries, shown
from everycent.access.keys import KEY_ID, ApiKey
from everycent.api.operation import Answer, Asked, Who, changing, reading
from everycent.api.parameters import instant
from everycent.api.shapes import Body, Instant, Page, Query, Shown
from everycent.db.connection import Tx
from everycent.kernel import ids
from everycent.kernel.errors import Forbidden

_RANDOM_BYTES = 32


class Key(Shown):
    """An API key without its text, which nobody keeps."""

    key_id: str
    name: str
    scopes: list[str]
    created_at: str
    expires_at: str | None
    networks: Annotated[
        list[str], Meta(description="From where it opens; none is from everywhere.")
    ]
    revoked_at: str | None
    used_at: Annotated[str | None, Meta(description="When it was used last, to a minute.")]


class NewKey(Body):
    """A key that is wanted."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    scopes: Annotated[list[str], Meta(min_length=1, max_length=100)]
    expires_at: Instant | None = None
    networks: Annotated[
        list[str], Meta(max_length=100, description="Networks such as 192.0.2.0/24.")
    ] = field(default_factory=list)


class MadeKey(Shown):
    """A new key. Its text is shown here and never again: it is null when the request is repeated."""

    key_id: str
    name: str
    scopes: list[str]
    expires_at: str | None
    networks: list[str]
    key: str | None


class RevokedKey(Shown):
    """A key that opens nothing any more; `is_new` where it did until now."""

    key_id: str
    is_new: bool


def list_keys(tx: Tx, asked: Asked[Query, None]) -> Page[dict[str, Any]]:
    """All API keys, the revoked ones too, the oldest first."""
    found = [shown.key(row) for row in queries.api_keys(tx)]
    return asked.page(found, lambda last: str(last["key_id"]))


def create_key(tx: Tx, asked: Asked[Query, NewKey]) -> Answer:
    """Makes an API key. It may do no more than whoever makes it. Its text is not told again, neither to
    whoever repeats the request."""
    wanted = asked.body
    check_no_wider(asked.who, wanted.scopes)
    text = keys.text_of(secrets.token_urlsafe(_RANDOM_BYTES))
    digest = keys.digest_of(text)
    assert digest is not None, "a fresh key has the form of a key"
    until = None
    if wanted.expires_at is not None:
        until = instant(wanted.expires_at, "UTC", "expires_at")
    new = keys.checked(
        ApiKey(
            asked.app.ids(f"api_key/{wanted.name}"), wanted.name, digest, tuple(wanted.scopes),
            asked.now, None, until, tuple(wanted.networks),
        )
    )  # fmt: skip
    operations.create_key(
        tx, new, at=asked.now, recorded_at=asked.now, actor=asked.who.actor, ids=asked.app.ids
    )
    return Answer(shown.made_key(new, text), 201, repeated=shown.made_key(new, None))


def revoke_key(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """Revokes an API key: within a second it opens nothing any more. Twice is once."""
    key_id = ids.parse(KEY_ID, asked.path["key"], "key")
    is_new = operations.revoke_key(
        tx, key_id, at=asked.now, recorded_at=asked.now, actor=asked.who.actor, ids=asked.app.ids
    )
    return shown.revoked_key(key_id, is_new=is_new)


def check_no_wider(who: Who, scopes: list[str]) -> None:
    """Raises Forbidden `key.wider` for a scope that whoever asks does not have."""
    beyond = sorted(set(scopes) & set(keys.SCOPES) - who.scopes)
    if beyond:
        raise Forbidden(
            "key.wider",
            f"a key may do no more than whoever makes it: {', '.join(beyond)}",
            field="scopes",
            hint="ask somebody who may do this, or leave it out",
        )


OPERATIONS = [
    reading("/v1/keys", "keys:read", list_keys, Page[Key]),
    changing("POST", "/v1/keys", "keys:write", create_key, MadeKey, NewKey, status=201),
    changing("POST", "/v1/keys/{key}/revoke", "keys:write", revoke_key, RevokedKey),
]
