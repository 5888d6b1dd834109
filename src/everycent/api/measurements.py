"""/v1/measurements: recurring ticks that write usage records."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from everycent.api.operation import Asked, changing, reading
from everycent.api.shapes import Amount, Body, Page, Paged, Query, Reason, Shown
from everycent.api.writing import writing
from everycent.catalog.document import from_json
from everycent.db.connection import Tx
from everycent.flows import measure_told
from everycent.integrations import measurement_file
from everycent.kernel.errors import Forbidden, Invalid
from everycent.measurements import document, operations, queries
from everycent.measurements.measurement import Failure, Http, Measurement, Sql

_READ, _WRITE = "measurements:read", "measurements:write"
_MOST = 10_000


class MeasurementState(Shown):
    """How far a measurement has come: up to where time is covered, when the next interval is due, what all
    intervals came to, and what is wrong."""

    key: str
    version: int
    meter: str
    every: str
    covered_until: datetime
    next_due_at: Annotated[datetime | None, Meta(description="Null: it is paused or has ended.")]
    is_paused: bool
    taken: Annotated[int, Meta(description="Intervals that were measured.")]
    missed: Annotated[int, Meta(description="Intervals that nobody can measure any more.")]
    records: int
    conflicts: int
    total: Amount
    failure: Failure | None


class CoveredInterval(Shown):
    """An interval that is done: measured, or missed for a reason."""

    starts_at: datetime
    ends_at: datetime
    version: int
    outcome: Literal["taken", "missed"]
    records: int
    total: Amount
    conflicts: int
    reason: str | None
    event_id: str


class MeasurementInFull(MeasurementState, kw_only=True):
    """The same with its definition, and the intervals that it covered last, the newest first."""

    definition: Measurement
    defined_at: datetime
    intervals: list[CoveredInterval]


class HowMany(Query):
    """How many of the last intervals are wanted."""

    intervals: Annotated[int, Meta(ge=1, le=_MOST)] = 20


class MeasurementFile(Body):
    """Measurements: the text of their YAML file, or the same as JSON; one of the two."""

    LONGEST_TEXT: ClassVar[int] = 400_000

    yaml: Annotated[str | None, Meta(description="The text of the file.")] = None
    measurements: Annotated[
        dict[str, Any] | None, Meta(description="By key, as in the file; decimals as texts.")
    ] = None


class MeasurementChange(Shown):
    """What became of a definition, with its version and the fields that differ."""

    verb: Literal["create", "change", "keep"]
    key: str
    version: int
    fields: list[str]


class MeasurementChanges(Shown):
    """What became of each definition."""

    items: list[MeasurementChange]


class Switched(Shown):
    """Whether a measurement is paused, and up to where time is covered."""

    key: str
    is_paused: bool
    covered_until: datetime


class Why(Body):
    """Why it is done."""

    reason: Reason | None = None


def list_measurements(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """Measurements by key: how far time is covered, when the next interval is due, what is wrong."""
    wanted = asked.query
    states = queries.page(tx, wanted.after or "", wanted.size + 1)
    totals = queries.totals(tx)
    found = [measure_told.as_data(one, totals[one.measurement.key]) for one in states]
    return asked.page(found, lambda last: str(last["key"]))


def get_measurement(tx: Tx, asked: Asked[HowMany, None]) -> dict[str, Any]:
    """A measurement: its definition, its state and the intervals that it covered last."""
    key = asked.path["measurement"]
    state, totals = queries.get(tx, key), queries.totals(tx, key)[key]
    return measure_told.in_full(state, totals, queries.newest(tx, key, asked.query.intervals))


def apply_measurements(tx: Tx, asked: Asked[Query, MeasurementFile]) -> dict[str, Any]:
    """Records what a file defines or changes. A new version holds for the intervals that are not covered
    yet; applying the same again does nothing. Sources that are asked over the network (`http`, `sql`) have
    the secrets and the reach of the server: only its operator defines them, on the command line."""
    wanted = document.definitions(_data(asked.body))
    for one in wanted:
        _check_harmless(one)
    return {"items": [one._asdict() for one in operations.apply(tx, wanted, **writing(asked))]}


def pause_measurement(tx: Tx, asked: Asked[Query, Why]) -> dict[str, Any]:
    """Halts a measurement. Nothing is lost: it catches up when it is resumed. Twice is once."""
    return _switched(tx, asked, is_paused=True)


def resume_measurement(tx: Tx, asked: Asked[Query, Why]) -> dict[str, Any]:
    """Lets a measurement go on; whoever measures next catches up. Twice is once."""
    return _switched(tx, asked, is_paused=False)


OPERATIONS = [
    reading("/v1/measurements", _READ, list_measurements, Page[MeasurementState], Paged),
    changing(
        "POST", "/v1/measurements/apply", _WRITE, apply_measurements, MeasurementChanges,
        MeasurementFile,
    ),
    reading("/v1/measurements/{measurement}", _READ, get_measurement, MeasurementInFull, HowMany),
    changing(
        "POST", "/v1/measurements/{measurement}/pause", _WRITE, pause_measurement, Switched, Why
    ),
    changing(
        "POST", "/v1/measurements/{measurement}/resume", _WRITE, resume_measurement, Switched, Why
    ),
]  # fmt: skip


def _switched(tx: Tx, asked: Asked[Query, Why], *, is_paused: bool) -> dict[str, Any]:
    key = asked.path["measurement"]
    state = operations.switch(
        tx, key, is_paused=is_paused, reason=asked.body.reason or "", **writing(asked)
    )
    return {"key": key, "is_paused": state.is_paused, "covered_until": state.covered_until}


def _check_harmless(wanted: Measurement) -> None:
    if isinstance(wanted.kind, Http | Sql):
        raise Forbidden(
            "measurement.operator_only",
            f"measurements.{wanted.key}: what asks other systems is not defined over HTTP",
            field=f"measurements.{wanted.key}",
            value=wanted.key,
            hint="ask the operator to apply it: `everycent measurement apply FILE`",
        )


def _data(given: MeasurementFile) -> Any:
    if (given.yaml is None) == (given.measurements is None):
        raise Invalid(
            "measurement.not_told",
            "measurements are told as `yaml` or as `measurements`, one of the two",
            field="yaml",
        )
    if given.yaml is not None:
        return measurement_file.read(given.yaml)
    return {"measurements": from_json(given.measurements)}
