"""Event types: the name, the newest payload shape, and how older payloads are brought up to it.

A payload is never rewritten where it is stored. When its shape changes, the version goes up and an
upgrade from the version before is added; reading applies the upgrades in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from everycent.kernel.errors import Broken

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]
"""Turns the plain data of one schema version into that of the next."""


class EventType(NamedTuple):
    """`name` is 'subject.verb_in_the_past'; `shape` the msgspec struct of schema version `version`."""

    name: str
    version: int
    shape: type[msgspec.Struct]
    upgrades: Mapping[int, Upgrade] = {}


_decoders: dict[type[msgspec.Struct], msgspec.json.Decoder[Any]] = {}


def decode(event_type: EventType, schema_version: int, payload: bytes | str) -> Any:
    """The payload as an instance of the newest shape, whatever version it was written in.

    Raises Broken `journal.event_from_the_future` for a version this program does not know, and
    `journal.payload_unreadable` when the bytes do not fit their version.
    """
    try:
        if schema_version == event_type.version:
            decoder = _decoders.get(event_type.shape)
            if decoder is None:
                decoder = _decoders[event_type.shape] = msgspec.json.Decoder(event_type.shape)
            return decoder.decode(payload)
        if schema_version > event_type.version:
            raise Broken(
                "journal.event_from_the_future",
                f"{event_type.name} has schema version {schema_version}, this program knows"
                f" {event_type.version}",
                hint="run a newer everycent",
            )
        data = msgspec.json.decode(payload)
        for version in range(schema_version, event_type.version):
            data = event_type.upgrades[version](data)
        return msgspec.convert(data, event_type.shape)
    except (msgspec.MsgspecError, KeyError) as error:
        raise Broken(
            "journal.payload_unreadable",
            f"a payload of {event_type.name} version {schema_version} can't be read: {error}",
        ) from error
