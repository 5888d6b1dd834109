"""Catalogue versions as events and rows."""

from __future__ import annotations

import msgspec

from everycent.journal.event import Event
from everycent.journal.types import EventType
from everycent.kernel.table import Rows, table

VERSION = table(
    "catalog_version",
    "tenant_id int4, kind text, key text, version int4, at timestamptz, content text",
    key="tenant_id, kind, key, version",
)


class Versioned(msgspec.Struct, frozen=True):
    """A new version of something in the catalogue, with all of its content."""

    kind: str
    key: str
    version: int
    content: msgspec.Raw


VERSIONED = EventType("catalog.versioned", 1, Versioned)


def stream(kind: str, key: str) -> str:
    """The stream of one entity's versions."""
    return f"catalog:{kind}.{key}"


def versioned(event: Event, rows: Rows, tenant_id: int) -> None:
    """A new immutable version."""
    v = event.payload
    rows.add(VERSION, tenant_id, v.kind, v.key, v.version, event.at, bytes(v.content).decode())
