"""Parts of the archive as a program gets them, on the command line and over HTTP."""

from __future__ import annotations

from typing import Any

from everycent.archives.archive import Part
from everycent.kernel.period import instant_text


def as_data(part: Part) -> dict[str, Any]:
    """A part with all that proves it."""
    return {
        "month": f"{part.month:%Y-%m}",
        "part": part.part_no,
        "file": part.file.name,
        "location": part.location,
        "bytes": part.file.size_bytes,
        "sha256": part.file.sha256.hex(),
        "records": part.facts.records,
        "total": format(part.facts.total, "f"),
        "digest": part.facts.digest.hex(),
        "archived_at": instant_text(part.archived_at),
        "place": part.place.value,
    }


def in_short(part: Part) -> dict[str, Any]:
    """Where the records of a part are."""
    return {
        "month": f"{part.month:%Y-%m}",
        "file": part.file.name,
        "location": part.location,
        "records": part.facts.records,
        "archived_at": instant_text(part.archived_at),
    }
