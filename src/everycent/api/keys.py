"""/v1/keys: API keys, made and revoked by whoever may do at least as much as they may."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, field

from everycent.access import keys, operations, queries, shown
from everycent.access.keys import KEY_ID, ApiKey
from everycent.access.roles import ALL_SCOPES
from everycent.api.operation import Answer, Asked, Who, changing, reading
from everycent.api.parameters import instant
from everycent.api.shapes import (
    Body,
    Instant,
    Page,
    Paged,
    Query,
    Shown,
)
from everycent.app.wiring import random_key
from everycent.db.connection import Tx
from everycent.kernel import ids
from everycent.kernel.errors import Forbidden


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


def list_keys(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """All API keys, the revoked ones too, the oldest first."""
    found = [shown.key(row) for row in queries.api_keys(tx)]
    return asked.part(found, lambda last: str(last["key_id"]))


def create_key(tx: Tx, asked: Asked[Query, NewKey]) -> Answer:
    """Makes an API key. It may do no more than whoever makes it: one that a key makes ends no later than
    that one, and opens from no other networks. Its text is not told again, neither to whoever repeats the
    request."""
    wanted = asked.body
    check_no_wider(asked.who, wanted.scopes)
    text, digest = random_key()
    until = None
    if wanted.expires_at is not None:
        until = instant(wanted.expires_at, "UTC", "expires_at")
    new = _bounded(
        tx,
        asked.who,
        ApiKey(
            asked.app.ids(f"api_key/{wanted.name}"), wanted.name, digest, tuple(wanted.scopes),
            asked.now, None, until, tuple(wanted.networks),
        ),
    )  # fmt: skip
    operations.create_key(
        tx, new, at=asked.now, recorded_at=asked.now, actor=asked.who.actor, ids=asked.app.ids
    )
    return Answer(shown.made_key(new, text), 201, repeated=shown.made_key(new, None))


def revoke_key(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """Revokes an API key: within a second it opens nothing any more. Twice is once.
    Nobody revokes one that may do more than they may."""
    key_id = ids.parse(KEY_ID, asked.path["key"], "key")
    for row in queries.api_keys(tx):
        if row.key_id == key_id:
            check_no_wider(asked.who, row.scopes)
    is_new = operations.revoke_key(
        tx, key_id, at=asked.now, recorded_at=asked.now, actor=asked.who.actor, ids=asked.app.ids
    )
    return shown.revoked_key(key_id, is_new=is_new)


def _bounded(tx: Tx, who: Who, wanted: ApiKey) -> ApiKey:
    """The new key within the bounds of the one that makes it, which hold for it where nothing else is told;
    people have none. Raises Forbidden `key.wider`, and as `keys.checked`."""
    wanted = keys.checked(wanted)
    made_by = [row for row in queries.api_keys(tx) if ids.show(KEY_ID, row.key_id) == who.actor]
    if not made_by:
        return wanted
    (maker,) = made_by
    if maker.expires_at is not None and (wanted.expires_at or maker.expires_at) > maker.expires_at:
        raise _wider("a key ends no later than the key that makes it", "expires_at")
    inner, outer = (
        [keys.network_of(text) for text in texts] for texts in (wanted.networks, maker.networks)
    )
    if outer and not all(keys.is_within(one, outer) for one in inner):
        raise _wider("a key opens from no other networks than the key that makes it", "networks")
    return keys.checked(
        msgspec.structs.replace(
            wanted,
            expires_at=wanted.expires_at or maker.expires_at,
            networks=wanted.networks or tuple(maker.networks),
        )
    )


def _wider(why: str, field: str) -> Forbidden:
    return Forbidden(
        "key.wider", why, field=field, hint="leave it out: then the bounds of that key hold"
    )


def check_no_wider(who: Who, scopes: list[str]) -> None:
    """Raises Forbidden `key.wider` for a scope that whoever asks does not have."""
    beyond = sorted(set(scopes) & set(ALL_SCOPES) - who.scopes)
    if beyond:
        raise Forbidden(
            "key.wider",
            f"a key may do no more than whoever makes or revokes it: {', '.join(beyond)}",
            field="scopes",
            hint="ask somebody who may do this, or leave it out",
        )


OPERATIONS = [
    reading("/v1/keys", "keys:read", list_keys, Page[Key], Paged),
    changing("POST", "/v1/keys", "keys:write", create_key, MadeKey, NewKey, status=201),
    changing("POST", "/v1/keys/{key}/revoke", "keys:write", revoke_key, RevokedKey),
]
