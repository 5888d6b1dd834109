"""Configurations, and where reports stand, as rows."""

from __future__ import annotations

from everycent.journal.event import Event
from everycent.kernel.canonical import encode
from everycent.kernel.table import Rows, table
from everycent.reports.config import Activated, Config
from everycent.reports.report import BEGUN, BUILT, REFUSED, Begun, Built, Refused

CONFIG = table(
    "report_config",
    "tenant_id int4, name text, digest text, services int4, told text, created_at timestamptz,"
    " actor text",
    key="tenant_id, name",
)
ACTIVATION = table(
    "report_activation",
    "tenant_id int4, number int4, name text, name_before text, at timestamptz, actor text,"
    " reason text",
    key="tenant_id, number",
)
STATE = table(
    "report_state",
    "tenant_id int4, name text, status text, attempt_id uuid, config text, tries int4,"
    " next_at timestamptz, told text, changed_at timestamptz",
    key="tenant_id, name",
)
REPORT = table(
    "report",
    "tenant_id int4, name text, starts_at timestamptz, ends_at timestamptz, config text,"
    " services int4, lines int4, billed int4, digest text, built_at timestamptz, event_id uuid",
    key="tenant_id, name",
)
PART = table(
    "report_part",
    "tenant_id int4, name text, service text, snapshot text, resources int4, lines int4,"
    " digest text, told text",
    key="tenant_id, name, service",
)
LINE = table(
    "report_line",
    "tenant_id int4, name text, service text, line_no int4, customer text, resource text, item text,"
    " unit text, at timestamptz, at_told text, used text, included text, billable text, events int8,"
    " subject text, meter text, value text",
    key="tenant_id, name, service, line_no",
)
"""Written beside the report; the journal has the digest of its rows and not the rows."""


def created(event: Event, rows: Rows, tenant_id: int) -> None:
    """A version of the configuration."""
    config: Config = event.payload
    rows.add(
        CONFIG, tenant_id, config.name, config.digest, len(config.services),
        encode(config).decode(), event.at, event.actor,
    )  # fmt: skip


def activated(event: Event, rows: Rows, tenant_id: int) -> None:
    """The version that holds from now on."""
    one: Activated = event.payload
    rows.add(
        ACTIVATION, tenant_id, one.number, one.name, one.before, event.at, event.actor, one.reason
    )


def begun(event: Event, rows: Rows, tenant_id: int) -> None:
    """Somebody pulls it; how often that was tried is counted by those that were refused."""
    one: Begun = event.payload
    rows.put(
        STATE, tenant_id, one.name, "pulling", one.attempt_id, one.config, one.tries, None, "[]",
        event.at,
    )  # fmt: skip


def refused(event: Event, rows: Rows, tenant_id: int) -> None:
    """It came to nothing."""
    one: Refused = event.payload
    rows.put(
        STATE, tenant_id, one.name, "refused", one.attempt_id, one.config, one.tries, one.next_at,
        encode(one.problems).decode(), event.at,
    )  # fmt: skip


def built(event: Event, rows: Rows, tenant_id: int) -> None:
    """A report and its parts."""
    one: Built = event.payload
    rows.put(
        STATE, tenant_id, one.name, "built", one.attempt_id, one.config, one.tries, None, "[]",
        event.at,
    )  # fmt: skip
    rows.add(
        REPORT, tenant_id, one.name, one.span.start, one.span.end, one.config, len(one.parts),
        sum(part.lines for part in one.parts), one.billed, one.digest, event.at, event.event_id,
    )  # fmt: skip
    for part in one.parts:
        rows.add(
            PART, tenant_id, one.name, part.service, part.snapshot, part.resources, part.lines,
            part.lines_digest, encode(part).decode(),
        )  # fmt: skip


def compared(event: Event, rows: Rows, tenant_id: int) -> None:
    """What a comparison found stands in the journal, and nowhere else."""


def any_of(event: Event, rows: Rows, tenant_id: int) -> None:
    """The rows of any event on the way to a report."""
    {BEGUN.name: begun, BUILT.name: built, REFUSED.name: refused}[event.type](
        event, rows, tenant_id
    )
