"""What the catalogue holds as programs get it, on the command line and over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from everycent.catalog.difference import Change


def as_data(row: Any) -> dict[str, Any]:
    """One version of a thing, in full."""
    return {
        "kind": row.kind,
        "key": row.key,
        "version": row.version,
        "at": row.at,
        "content": msgspec.json.decode(row.content),
    }


def changes_data(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """What becomes of each thing of a file, and what differs."""
    return [
        {
            "action": change.verb,
            "kind": change.kind,
            "key": change.key,
            "version": change.version,
            "differences": list(change.fields),
        }
        for change in changes
    ]
