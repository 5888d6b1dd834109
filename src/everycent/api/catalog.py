"""/v1/catalog: what is sold, as it stands, as it was, and as a file would change it; its meters."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from everycent.api.operation import Asked, asking, changing, reading
from everycent.api.shapes import Body, Instant, Page, Paged, Query, Shown
from everycent.api.writing import writing_from
from everycent.catalog import difference, document, operations, queries
from everycent.catalog.difference import Verb
from everycent.catalog.document import Entity
from everycent.catalog.meter import Measure
from everycent.catalog.shown import as_data, changes_data
from everycent.db.connection import Tx
from everycent.flows import catalog_told
from everycent.kernel.errors import Invalid, NotFound

READ, WRITE = "catalog:read", "catalog:write"
_LONGEST = 400_000
_BETWEEN = "/"  # of a kind and a key: no kind has it
Kind = Literal[
    "calendar", "bands", "segments", "meter", "intake", "tax", "product", "feature", "plan", "coupon",
    "policies",
]  # fmt: skip


class CatalogEntry(Shown):
    """A version of a thing of the catalogue. Its content has the fields that docs/catalog.md tells of its
    kind, with what it stands on in it; plans and meters have addresses where all of them are typed."""

    kind: Kind
    key: str
    version: int
    at: Annotated[datetime, Meta(description="Since when it holds.")]
    content: dict[str, Any]


class MeterEntry(Shown):
    """A version of a meter, and what it says in words."""

    kind: Literal["meter"]
    key: str
    version: int
    at: datetime
    content: Measure
    told: dict[str, str]


class CatalogQuery(Paged):
    """What of the catalogue is wanted."""

    kind: Kind | None = None


class CatalogFile(Body):
    """A catalogue: the text of its YAML file, or the same as JSON; one of the two."""

    LONGEST_TEXT: ClassVar[int] = _LONGEST

    yaml: Annotated[str | None, Meta(description="The text of the file.")] = None
    catalog: Annotated[
        dict[str, Any] | None,
        Meta(
            description="Sections as in the file; decimals as texts.",
            examples=[{"meters": {"calls": {"unit": "call", "aggregation": "sum"}}}],
        ),
    ] = None


class AppliedFile(CatalogFile, kw_only=True):
    """A catalogue that is to hold from an instant on; from now on when that is left out."""

    LONGEST_TEXT: ClassVar[int] = _LONGEST

    at: Instant | None = None


class CatalogChange(Shown):
    """What becomes of a thing, with the version that it will have, or has."""

    action: Verb
    kind: Kind
    key: str
    version: int
    differences: list[str]


class CatalogChanges(Shown):
    """What becomes of each thing that a file has. What it does not mention stays as it is."""

    items: list[CatalogChange]


def list_catalog(tx: Tx, asked: Asked[CatalogQuery, None]) -> Page[dict[str, Any]]:
    """What the catalogue holds now, in the newest versions; by kind and key."""
    wanted = asked.query
    found = queries.page(tx, wanted.kind, _place(wanted.after), wanted.size + 1)
    return asked.page([as_data(row) for row in found], _named)


def get_catalog_entry(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """One thing of the catalogue in its newest version."""
    return as_data(queries.get(tx, _kind(asked), asked.path["key"]))


def list_catalog_versions(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """The versions of a thing of the catalogue, the newest first."""
    wanted = asked.query
    before = None if wanted.after is None else number_of(wanted.after)
    found = queries.versions(tx, _kind(asked), asked.path["key"], before, wanted.size + 1)
    return asked.page([as_data(row) for row in found], lambda last: str(last["version"]))


def get_catalog_version(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """One version of a thing of the catalogue."""
    number = number_of(asked.path["version"])
    return as_data(queries.version(tx, _kind(asked), asked.path["key"], number))


def list_meters(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """Meters in their newest versions, with what they say in words."""
    wanted = asked.query
    after = None if wanted.after is None else ("meter", wanted.after)
    found = [told(tx, row) for row in queries.page(tx, "meter", after, wanted.size + 1)]
    return asked.page(found, lambda last: str(last["key"]))


def get_meter(tx: Tx, asked: Asked[Query, None]) -> dict[str, Any]:
    """A meter: how records add up, which of them are taken, and which prices use it."""
    return told(tx, queries.get(tx, "meter", asked.path["meter"]))


def plan_catalog(tx: Tx, asked: Asked[Query, CatalogFile]) -> dict[str, Any]:
    """Tells what applying a catalogue would change, field by field. Changes nothing."""
    changes = difference.changes(entities(asked.body), queries.known(tx))
    return {"items": changes_data(changes)}


def apply_catalog(tx: Tx, asked: Asked[Query, AppliedFile]) -> dict[str, Any]:
    """Records what a catalogue changes as new versions. What was sold before stays as it was; applying the
    same again does nothing."""
    wanted = entities(asked.body)
    return {
        "items": changes_data(operations.apply(tx, wanted, **writing_from(asked, asked.body.at)))
    }


def told(tx: Tx, row: Any) -> dict[str, Any]:
    """A meter or a plan as data and in words."""
    return as_data(row) | {"told": catalog_told.named(catalog_told.lines(tx, row))}


def number_of(text: str) -> int:
    """The number of a version. Raises NotFound `catalog.unknown_version`."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise NotFound(
            "catalog.unknown_version",
            f"there is no version {text[:40]!r}",
            field="version",
            value=text[:40],
            hint="versions are numbered from 1",
        )
    return int(text)


OPERATIONS = [
    reading("/v1/catalog", READ, list_catalog, Page[CatalogEntry], CatalogQuery),
    asking("/v1/catalog/plan", READ, plan_catalog, CatalogChanges, CatalogFile),
    changing(
        "POST", "/v1/catalog/apply", WRITE, apply_catalog, CatalogChanges, AppliedFile,
        is_planned=True,
    ),
    reading("/v1/catalog/{kind}/{key}", READ, get_catalog_entry, CatalogEntry),
    reading(
        "/v1/catalog/{kind}/{key}/versions", READ, list_catalog_versions, Page[CatalogEntry], Paged
    ),
    reading(
        "/v1/catalog/{kind}/{key}/versions/{version}", READ, get_catalog_version, CatalogEntry
    ),
    reading("/v1/meters", READ, list_meters, Page[MeterEntry], Paged),
    reading("/v1/meters/{meter}", READ, get_meter, MeterEntry),
]  # fmt: skip


def _kind(asked: Asked[Any, Any]) -> str:
    kind = asked.path["kind"]
    if kind not in document.KINDS:
        raise NotFound(
            "catalog.unknown_kind",
            f"nothing in a catalogue is a {kind[:40]!r}",
            field="kind",
            value=kind[:40],
            hint=f"one of {', '.join(document.KINDS)}",
        )
    return kind


def _named(last: dict[str, Any]) -> str:
    return f"{last['kind']}{_BETWEEN}{last['key']}"


def _place(after: str | None) -> tuple[str, str] | None:
    if after is None:
        return None
    kind, _, key = after.partition(_BETWEEN)
    return kind, key


def entities(given: CatalogFile) -> list[Entity]:
    """What a catalogue that was sent holds. Raises Invalid `catalog.not_told`, and as `document.parse`."""
    if (given.yaml is None) == (given.catalog is None):
        raise Invalid(
            "catalog.not_told",
            "a catalogue is told as `yaml` or as `catalog`, one of the two",
            field="yaml",
        )
    if given.yaml is not None:
        return document.parse(given.yaml)
    return document.entities(document.from_json(given.catalog))
