"""Make configurations, and write down how the pulling of a report went. Nothing is asked here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec

from everycent.catalog import queries as catalog
from everycent.db.connection import Tx
from everycent.journal import operations as journal
from everycent.journal.event import Draft
from everycent.kernel.calendar import local_date
from everycent.kernel.errors import Conflict, Forbidden, Invalid
from everycent.kernel.ids import IdSource
from everycent.kernel.period import instant_text, parse_instant
from everycent.kernel.quantity import plain
from everycent.metering import operations as metering
from everycent.metering.operations import Names
from everycent.metering.record import RESERVED_SOURCE, UsageRecord, canonical_dimensions
from everycent.reports import config as configs
from everycent.reports import projection, queries, report, store
from everycent.reports.config import ACTIVATED, CREATED, Activated, Config
from everycent.reports.port import RAW_LIMIT, Reply
from everycent.reports.report import (
    BEGUN,
    BUILT,
    COMPARED,
    REFUSED,
    Begun,
    Built,
    Compared,
    Converted,
    Part,
    Problem,
    Refused,
    Span,
)


class Writer(NamedTuple):
    """Who writes, when, and where ids come from."""

    at: datetime
    actor: str
    ids: IdSource


class Attempt(NamedTuple):
    """A report that is being pulled, from the sub-services of `config`."""

    attempt_id: UUID
    name: str
    span: Span
    config: Config
    tries: int


def create(tx: Tx, config: Config, writer: Writer) -> bool:
    """Records a version; whether it is new. Raises Conflict `config.name_taken` when the name stands for
    another content."""
    store.lock_configs(tx)
    rows = store.list_configs(tx, config.name)
    if rows:
        if rows[0].digest == config.digest:
            return False
        raise Conflict(
            "config.name_taken",
            f"the version {config.name} is there with another content",
            field="name",
            value=config.name,
            hint="a version never changes: give this one a name of its own",
        )
    event_id = writer.ids(f"report_config.created/{config.name}")
    draft = Draft(event_id, configs.STREAM, CREATED, writer.at, writer.actor, config)
    journal.record(tx, [draft], writer.at, projection.created)
    return True


def check_addresses(tx: Tx, config: Config) -> None:
    """Refuses addresses and keys that no version has named before. A key names a variable of the server's
    environment, which is sent to the address: only who is on the server may say what goes where. Raises
    Forbidden `config.new_address`."""
    known = {
        (service.url, service.key)
        for version in queries.versions(tx)
        for service in version.config.services
    }
    for service in config.services:
        if (service.url, service.key) not in known:
            raise Forbidden(
                "config.new_address",
                f"no version has {service.url} with the key {service.key} yet",
                field=f"services.{service.name}.url",
                value=service.url,
                hint="record the first one on the server: everycent config create FILE",
            )


def activate(tx: Tx, name: str, reason: str, writer: Writer) -> Activated:
    """From now on this version holds; a report that is being pulled keeps the one it began with. Raises
    NotFound `config.unknown`, Conflict `config.active`, `config.overlaps`, `config.leaves_out`, Invalid
    `config.unknown_meter`, `config.other_unit`."""
    store.lock_configs(tx)
    config = queries.config(tx, name)
    _check_meters(config, catalog.raw_units(tx))
    _check_follows(tx, config, writer.at)
    last = store.list_activations(tx, 1)
    before = last[0].name if last else None
    if before == name:
        raise Conflict("config.active", f"{name} holds already", field="name", value=name)
    made = Activated(name, last[0].number + 1 if last else 1, before, reason)
    event_id = writer.ids(f"report_config.activated/{made.number}")
    draft = Draft(event_id, configs.STREAM, ACTIVATED, writer.at, writer.actor, made)
    journal.record(tx, [draft], writer.at, projection.activated)
    return made


def roll_back(tx: Tx, reason: str, writer: Writer) -> Activated:
    """The version that held before holds again. Raises Conflict `config.nothing_before`."""
    store.lock_configs(tx)
    last = store.list_activations(tx, 1)
    if not last or last[0].name_before is None:
        raise Conflict(
            "config.nothing_before",
            "no version held before",
            hint="everycent config list shows the versions there are",
        )
    return activate(tx, last[0].name_before, reason, writer)


def begin(tx: Tx, config: Config, name: str, writer: Writer, *, lease: timedelta) -> Attempt | None:
    """Begins to pull a report, if there is none and nobody else does. Raises Invalid `report.bad_period`,
    `report.too_early`."""
    period = configs.period_of(config, name)
    if period.end + timedelta(seconds=config.after) > writer.at:
        raise Invalid(
            "report.too_early",
            f"{name} ends at {instant_text(period.end)}, and is pulled {config.after} seconds later",
            field="period",
            value=name,
        )
    if not store.claim(tx, name, lease):
        return None
    state = store.lock_state(tx, name)
    if state is not None and state.status == "built":
        store.release(tx, name)
        return None
    tries = 1 if state is None else state.tries + 1
    attempt_id = writer.ids(f"report.attempt/{name}/{instant_text(writer.at)}")
    attempt = Attempt(attempt_id, name, Span(period.start, period.end), config, tries)
    begun = Begun(attempt_id, name, attempt.span, config.name, config.digest, tries)
    _record(tx, Draft(
        writer.ids(f"report.begun/{attempt_id}"), report.stream(name), BEGUN, writer.at,
        writer.actor, begun,
    ), writer)  # fmt: skip
    return attempt


def refuse(
    tx: Tx,
    attempt: Attempt,
    problems: Sequence[tuple[Problem, Reply | None]],
    parts: Sequence[Part],
    writer: Writer,
) -> Refused | None:
    """Writes down that nothing came of it, and why, with what was answered; None where the attempt is no
    longer ours, because it took too long."""
    if not _is_ours(tx, attempt):
        return None
    told = tuple(_with_evidence(tx, one, reply, writer) for one, reply in problems)
    refused = Refused(
        attempt.attempt_id, attempt.name, attempt.config.name, told, tuple(parts), attempt.tries,
        report.next_try(attempt.tries, writer.at),
    )  # fmt: skip
    _record(tx, Draft(
        writer.ids(f"report.refused/{attempt.attempt_id}"), report.stream(attempt.name), REFUSED,
        writer.at, writer.actor, refused,
    ), writer)  # fmt: skip
    store.release(tx, attempt.name)
    return refused


def build(
    tx: Tx,
    attempt: Attempt,
    parts: Sequence[Part],
    lines: Mapping[str, Sequence[Converted]],
    names: Names,
    writer: Writer,
) -> Built | None:
    """The report, with its lines and the usage records that they become: all of it or nothing. `names` have
    learnt the records' names. None where the attempt is no longer ours.

    Raises Conflict `report.usage_taken` when usage under the report's own name is there already, and what
    `activate` raises of meters.
    """
    if not _is_ours(tx, attempt):
        return None
    _check_meters(attempt.config, catalog.raw_units(tx))
    records = [one for service in lines for one in records_of(attempt, service, lines[service])]
    digest = report.digest_of(attempt.name, attempt.span, attempt.config, parts)
    built = Built(
        attempt.attempt_id, attempt.name, attempt.span, attempt.config.name,
        attempt.config.digest, attempt.tries, tuple(parts), len(records), digest,
    )  # fmt: skip
    _record(tx, Draft(
        writer.ids(f"report.built/{attempt.name}"), report.stream(attempt.name), BUILT, writer.at,
        writer.actor, built,
    ), writer)  # fmt: skip
    for service, own in lines.items():
        told = [(one, parse_instant(one.line.at, "at")) for one in own]
        store.insert_lines(tx, attempt.name, service, told)
    if records:
        taken = metering.ingest_within(tx, records, writer.at, names)
        if taken.accepted != len(records):
            raise Conflict(
                "report.usage_taken",
                f"{len(records) - taken.accepted} records of {attempt.name} are there already",
                hint="usage whose source begins with `report/` comes from reports alone",
            )
        # Whoever sees the report sees what it says: bills are made of what is folded.
        metering.fold_all(tx)
    store.release(tx, attempt.name)
    return built


def give_back(tx: Tx, attempt: Attempt) -> None:
    """Anybody may pull the period anew, if it is still ours."""
    if _is_ours(tx, attempt):
        store.release(tx, attempt.name)


def compare(tx: Tx, found: Compared, writer: Writer) -> None:
    """Writes down what pulling a report again has shown."""
    key = f"report.compared/{found.name}/{instant_text(writer.at)}"
    stream = report.stream(found.name)
    draft = Draft(writer.ids(key), stream, COMPARED, writer.at, writer.actor, found)
    journal.record(tx, [draft], writer.at, projection.compared)


def records_of(attempt: Attempt, service: str, lines: Sequence[Converted]) -> list[UsageRecord]:
    """The usage records of the lines that have something to bill. Their ids name report and line."""
    return [
        UsageRecord(
            source_of(service), f"{attempt.name}/{one.line.line}", one.subject, one.item.meter,
            parse_instant(one.line.at, "at"), plain(one.value), _dimensions(one),
        )
        for one in lines
        if one.value
    ]  # fmt: skip


def source_of(service: str) -> str:
    """The source of usage that comes from a sub-service's reports."""
    return f"{RESERVED_SOURCE}{service}"


def _dimensions(one: Converted) -> str:
    return canonical_dimensions({"resource": one.line.resource})


def _record(tx: Tx, draft: Draft, writer: Writer) -> None:
    journal.record(tx, [draft], writer.at, projection.any_of)


def _is_ours(tx: Tx, attempt: Attempt) -> bool:
    state = store.lock_state(tx, attempt.name)
    return (
        state is not None and state.status == "pulling" and state.attempt_id == attempt.attempt_id
    )


def _with_evidence(tx: Tx, problem: Problem, reply: Reply | None, writer: Writer) -> Problem:
    if reply is None or not reply.raw:
        return problem
    answer_id = writer.ids(
        f"report.answer/{problem.service}/{problem.call}/{instant_text(writer.at)}"
    )
    store.insert_answer(
        tx, answer_id=answer_id, service=problem.service, call=problem.call, status=reply.status,
        raw=reply.raw[:RAW_LIMIT], at=writer.at,
    )  # fmt: skip
    return msgspec.structs.replace(problem, evidence=answer_id)


def _check_follows(tx: Tx, config: Config, at: datetime) -> None:
    """It neither overlaps reports that are cut otherwise or say nothing of its meters, nor leaves out what
    is due and not built."""
    active = store.find_active(tx)
    reports = store.list_reports(tx, None, 1)
    begins = config.cycle.period(0).start
    if active is None:
        return
    is_cut_alike = (active.every, active.time_zone) == (config.every, config.time_zone)
    more = configs.meters_of(config) - configs.meters_of(active)
    if reports and (more or not is_cut_alike) and begins < reports[0].ends_at:
        why = "cuts time otherwise" if not is_cut_alike else f"feeds {min(more)}"
        raise Conflict(
            "config.overlaps",
            f"{config.name} {why}, and begins before the end of the report of {reports[0].name}",
            field="since",
            hint=f"let it begin on {local_date(reports[0].ends_at, config.time_zone).isoformat()}",
        )
    left = configs.meters_of(active) - configs.meters_of(config)
    for name in queries.unbuilt(tx, active, at):
        if left or begins > configs.period_of(active, name).start or not is_cut_alike:
            raise Conflict(
                "config.leaves_out",
                f"the report of {name} is not built yet; under {config.name} it would not be, or not whole",
                field="since",
                hint=f"build it first (everycent report trail {name}), or keep `since`, meters and clock",
            )


def _check_meters(config: Config, known: Mapping[str, str]) -> None:
    for service in config.services:
        for item in service.items:
            place = f"services.{service.name}.items.{item.item}"
            if item.meter not in known:
                raise Invalid(
                    "config.unknown_meter",
                    f"{place}: there is no meter {item.meter} that takes records",
                    field=f"{place}.meter",
                    value=item.meter,
                    hint="apply a catalogue that has it first",
                )
            if known[item.meter] != item.to:
                raise Invalid(
                    "config.other_unit",
                    f"{place}: {item.meter} counts in {known[item.meter]}, and not in {item.to}",
                    field=f"{place}.to",
                    value=item.to,
                )
