"""Endpoint: who is told what of the journal, and where.

    enabled ──► disabled      by a person, because it answered 410 (gone), or because nothing came through
       ▲           │          for days
       └───────────┘          what happened meanwhile is told then

What an endpoint was told stands beside it, not in it: how far it has come, and what is on its way.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from everycent.journal.names import unheard_of
from everycent.journal.types import EventType
from everycent.kernel import ids
from everycent.kernel.errors import Invalid

PREFIX = "whk"
DELIVERY_PREFIX = "whd"
SECRET_PREFIX = "whsec_"  # noqa: S105 - how secrets begin, not one
ALL = "*"
TEST = "webhook.test"
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
_TYPE = re.compile(r"\*|[a-z_]{1,60}\.(?:\*|[a-z_]{1,60})")
_MOST_TYPES = 100
_THIN = ("api_key.", "member.", "message.")
"""Events of which the payload is never sent: letters to others, and what is known of keys and members."""


class Disabled(StrEnum):
    """Why an endpoint is told nothing. PERSON: somebody disabled it. GONE: it answered 410. FAILING:
    nothing came through for days."""

    PERSON = "person"
    GONE = "gone"
    FAILING = "failing"


class Signing(msgspec.Struct, frozen=True, omit_defaults=True):
    """A secret as others may know it: never the secret. `until` when it signs no longer."""

    fingerprint: str
    made_at: datetime
    until: datetime | None = None


class Endpoint(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who is told: events of these `types`, at this `url`; `with_payload` the events whole."""

    endpoint_id: UUID
    key: str
    url: str
    types: tuple[str, ...]
    signing: tuple[Signing, ...]
    with_payload: bool = False
    disabled: Disabled | None = None
    reason: str = ""

    @property
    def name(self) -> str:
        """Its id as people see it."""
        return ids.show(PREFIX, self.endpoint_id)


ADDED = EventType("webhook.endpoint_added", 1, Endpoint)
CHANGED = EventType("webhook.endpoint_changed", 1, Endpoint)
TYPES = (ADDED, CHANGED)


def stream(endpoint_id: UUID) -> str:
    """The stream of one endpoint."""
    return f"webhook:{ids.show(PREFIX, endpoint_id)}"


def checked_key(key: str) -> str:
    """The key of an endpoint. Raises Invalid `webhook.bad_key`."""
    if not _KEY.fullmatch(key):
        raise Invalid(
            "webhook.bad_key", f"{key[:60]!r} can't be the key of an endpoint", field="key",
            value=key, hint="up to 60 small letters, digits, - and _, such as crm",
        )  # fmt: skip
    return key


def checked_types(types: Sequence[str]) -> tuple[str, ...]:
    """What an endpoint wants to be told: names of events, prefixes such as `invoice.*`, or `*`; each once,
    in order. Raises Invalid `webhook.bad_types`."""
    found = tuple(sorted(set(types)))
    bad = [text for text in found if not _TYPE.fullmatch(text)]
    if bad or not 0 < len(found) <= _MOST_TYPES:
        told = repr(bad[0][:60]) if bad else f"{len(found)} types"
        raise Invalid(
            "webhook.bad_types",
            f"{told} can't be what an endpoint is told",
            field="types",
            value=told,
            hint=f"up to {_MOST_TYPES} names such as invoice.issued, prefixes such as invoice.*, or *",
        )
    return (ALL,) if ALL in found else found


def check_known(types: Sequence[str]) -> None:
    """Raises Invalid `webhook.unknown_type` for what no event is called: it would never be told."""
    found = unheard_of([one for one in types if _TYPE.fullmatch(one)])
    if found is not None:
        raise Invalid(
            "webhook.unknown_type",
            f"no event is called {found[0][:60]!r}",
            field="types",
            value=found[0],
            hint=found[1] or "names such as invoice.issued, prefixes such as invoice.*, or *",
        )


def wants(types: Sequence[str], event_type: str) -> bool:
    """Whether an event is one of those."""
    subject = event_type.partition(".")[0]
    return any(one in (event_type, ALL) or one == f"{subject}.*" for one in types)


def may_be_whole(event_type: str) -> bool:
    """Whether the payload of such an event may be sent."""
    return not event_type.startswith(_THIN)


def fingerprint(secret: bytes) -> str:
    """What tells a secret from another one, and nothing of it."""
    return hashlib.sha256(b"everycent.webhook\0" + secret).hexdigest()[:16]


def live(signing: Sequence[Signing], at: datetime) -> list[Signing]:
    """The secrets that sign at an instant."""
    return [one for one in signing if one.until is None or at < one.until]
