"""Usage of a story that is put right afterwards: taken back, replaced, told anew, put back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from everycent.catalog.document_refusals import Strict
from everycent.corrections.operations import By
from everycent.corrections.scope import Scope
from everycent.flows import correct
from everycent.flows.correct import Action as Correction
from everycent.flows.stories.document import Form, Moment
from everycent.flows.stories.times import instant, wrong
from everycent.flows.stories.usage import SOURCE, Usage, read_usage
from everycent.flows.stories.world import Action, Came, World
from everycent.kernel.errors import Invalid
from everycent.kernel.period import Period
from everycent.metering.record import UsageRecord


class _Void(Strict):
    ids: list[str]
    reason: str


def _void(world: World, given: _Void) -> Came:
    by = _by(world, given.reason)
    return _corrected(world, correct.void([(SOURCE, record_id) for record_id in given.ids], by))


class _Replace(Strict):
    records: tuple[Usage, ...]
    reason: str


class _Said(NamedTuple):
    """Records that are to hold, why, and for what span where that is told."""

    records: list[UsageRecord]
    reason: str
    scope: Scope | None = None


def _read_replace(given: _Replace, moment: Moment) -> _Said:
    for number, one in enumerate(given.records):
        if one.id is None or one.every is not None:
            place = f"records[{number}].{'id' if one.id is None else 'every'}"
            raise wrong("each record takes the place of the one with its `id`", field=place)
    return _Said(_records(given.records, moment), given.reason)


def _records(given: Sequence[Usage], moment: Moment) -> list[UsageRecord]:
    found = []
    for number, one in enumerate(given):
        try:
            found += read_usage(one, moment)
        except Invalid as refusal:
            refusal.field = f"records[{number}]" + (f".{refusal.field}" if refusal.field else "")
            raise
    return found


def _replace(world: World, given: _Said) -> Came:
    return _corrected(world, correct.replace(given.records, _by(world, given.reason)))


class _Backfill(Strict):
    starts: str
    ends: str
    reason: str
    records: tuple[Usage, ...] = ()
    subjects: tuple[str, ...] = ()
    meters: tuple[str, ...] = ()


def _read_backfill(given: _Backfill, moment: Moment) -> _Said:
    span = []
    for field in ("starts", "ends"):
        try:
            span.append(instant(getattr(given, field), moment.time_zone))
        except Invalid as refusal:
            refusal.field = field
            raise
    if span[1] <= span[0]:
        raise wrong("the span ends before it begins", field="ends")
    records = _records(given.records, moment)
    subjects = given.subjects or tuple(sorted({one.subject for one in records}))
    meters = given.meters or tuple(sorted({one.meter for one in records}))
    for field, told in (("subjects", subjects), ("meters", meters)):
        if not told:
            raise wrong("without records, name whose span of what it is", field=field)
    return _Said(records, given.reason, Scope(subjects, meters, Period(*span), SOURCE))


def _backfill(world: World, given: _Said) -> Came:
    assert given.scope is not None, "a backfill is of a span"
    by = _by(world, given.reason)
    return _corrected(world, correct.backfill(given.scope, given.records, by))


class _Undo(Strict):
    correction: int
    reason: str


def _undo(world: World, given: _Undo) -> Came:
    made = len(world.corrections)
    if not 1 <= given.correction <= made:
        raise wrong(f"the story has made {made} corrections so far", field="correction")
    correction_id = world.corrections[given.correction - 1]
    return _corrected(world, correct.undo(correction_id, _by(world, given.reason)))


def _by(world: World, reason: str) -> By:
    return By(world.actor, reason, world.at, world.ids)


def _corrected(world: World, action: Correction) -> Came:
    effect = correct.apply(world.database, world.tenant_id, action)
    if effect.correction_id is not None:
        world.corrections.append(effect.correction_id)
    told = {"voided": effect.voided, "restored": effect.restored, "added": effect.added}
    return Came({name: many for name, many in told.items() if many})


CORRECTED: dict[str, Action] = {
    "void": Action(_void, Form(_Void)),
    "replace": Action(_replace, Form(_Replace, read=_read_replace)),
    "backfill": Action(_backfill, Form(_Backfill, read=_read_backfill)),
    "undo": Action(_undo, Form(_Undo)),
}
"""These actions by name."""
