"""/v1/report-configs: which sub-services reports are pulled from, as versions that never change."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from everycent.api.operation import Answer, Asked, changing, reading
from everycent.api.shapes import (
    Body,
    Day,
    Page,
    Paged,
    Query,
    Shown,
    Zone,
)
from everycent.db.connection import Tx
from everycent.flows.report_told import activation_data, version_data
from everycent.kernel.errors import Invalid
from everycent.reports import config as configs
from everycent.reports import operations, queries
from everycent.reports.config import Every, Subject
from everycent.reports.operations import Writer

_MOST_DIGITS = 9
Why = Annotated[str, Meta(max_length=500, description="Why, for whoever reads the journal.")]


class ConfigItem(Shown):
    """What a sub-service counts, and the meter that it goes to."""

    item: str
    unit: str
    meter: str
    to: Annotated[str, Meta(description="The meter's own unit.")]
    places: int | None
    subject: Subject


class ConfigService(Shown):
    """A sub-service. `key` names the variable of the environment that has its key."""

    name: str
    url: str
    key: str
    deadline: Annotated[int, Meta(description="Seconds that it has to answer.")]
    items: list[ConfigItem]


class ReportConfig(Shown):
    """A version of the configuration."""

    name: str
    time_zone: str
    every: Every
    since: str
    after: Annotated[int, Meta(description="Seconds after the end of a period.")]
    deadline: Annotated[int, Meta(description="Seconds for all sub-services together.")]
    services: list[ConfigService]


class ReportConfigVersion(Shown):
    """A version, and whether it holds."""

    name: str
    state: Literal["active", "was active", "never active"]
    services: list[str]
    digest: str
    created_at: str
    actor: str


class ConfigActivation(Shown):
    """Since when a version held."""

    number: int
    name: str
    name_before: str | None
    at: str
    actor: str
    reason: str


class ActivatedConfig(Shown):
    """The version that holds from now on; `before` is the one that held until now."""

    name: str
    number: int
    before: str | None
    reason: str


class CreatedConfig(Shown):
    """A version that is recorded; `is_new` where it was not before."""

    name: str
    digest: str
    is_new: bool
    is_active: bool


class ConfigDifference(Shown):
    """Something that differs between two versions; empty where one has nothing there."""

    place: str
    before: str
    after: str


class ConfigDifferences(Shown):
    """All that differs but the name."""

    before: str
    after: str
    differences: list[ConfigDifference]


class NewConfigItem(Body):
    """As in the file: docs/reports.md."""

    unit: str
    meter: str | UnsetType = UNSET
    to: str | UnsetType = UNSET
    round: str | UnsetType = UNSET
    subject: Subject | UnsetType = UNSET


class NewConfigService(Body):
    """As in the file."""

    url: str
    key: str
    items: dict[str, NewConfigItem]
    deadline: str | UnsetType = UNSET


class NewConfigContent(Body):
    """What the file says."""

    name: str
    since: Day
    services: dict[str, NewConfigService]
    schema: Literal["everycent-reports/1"]
    time_zone: Zone | UnsetType = UNSET
    every: Every | UnsetType = UNSET
    after: Annotated[str, Meta(description="Such as 1h.")] | UnsetType = UNSET
    deadline: str | UnsetType = UNSET


class NewConfig(Body):
    """A version, and whether it holds from now on."""

    configuration: NewConfigContent
    activate: bool = False
    reason: Why = ""


class WhyActivated(Body):
    """Why it holds from now on."""

    reason: Why = ""


class DifferenceWanted(Query, kw_only=True):
    """Between which versions."""

    before: str
    after: str


def list_report_configs(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """The versions, the newest first, and which of them holds."""
    found = [version_data(one) for one in queries.versions(tx)]
    return asked.part(found, lambda last: str(last["name"]))


def get_report_config(tx: Tx, asked: Asked[Query, None]) -> Any:
    """One version."""
    return queries.config(tx, asked.path["version"])


def get_active_report_config(tx: Tx, asked: Asked[Query, None]) -> Any:  # noqa: ARG001
    """The version that holds."""
    return queries.active(tx)


def list_report_config_history(tx: Tx, asked: Asked[Paged, None]) -> Page[dict[str, Any]]:
    """Which versions held since when, and why; the newest first."""
    wanted = asked.query
    found = queries.history(tx, wanted.size + 1, before=_number(wanted.after))
    return asked.page([activation_data(row) for row in found], lambda last: str(last["number"]))


def diff_report_configs(tx: Tx, asked: Asked[DifferenceWanted, None]) -> dict[str, Any]:
    """What differs between two versions."""
    before, after = asked.query.before, asked.query.after
    found = configs.differences(queries.config(tx, before), queries.config(tx, after))
    return {
        "before": before,
        "after": after,
        "differences": [
            {"place": place, "before": left, "after": right} for place, left, right in found
        ],
    }


def create_report_config(tx: Tx, asked: Asked[Query, NewConfig]) -> Answer:
    """Records a version, and lets it hold where that is asked for. The same one again changes nothing. Its
    sub-services are at addresses, with keys, that a version before had: the first one is recorded on the
    server, where the keys are (`everycent config create`)."""
    wanted, writer = asked.body, _writer(asked)
    made = configs.parse(msgspec.to_builtins(wanted.configuration))
    operations.check_addresses(tx, made)
    is_new = operations.create(tx, made, writer)
    if wanted.activate and not queries.holds(tx, made.name):
        operations.activate(tx, made.name, wanted.reason, writer)
    told = {
        "name": made.name,
        "digest": made.digest,
        "is_new": is_new,
        "is_active": queries.holds(tx, made.name),
    }
    return Answer(told, 201)


def activate_report_config(tx: Tx, asked: Asked[Query, WhyActivated]) -> Any:
    """From now on this version holds, for every process at once. A report that is being built keeps the one
    it began with."""
    return operations.activate(tx, asked.path["version"], asked.body.reason, _writer(asked))


def roll_back_report_config(tx: Tx, asked: Asked[Query, WhyActivated]) -> Any:
    """The version that held before holds again."""
    return operations.roll_back(tx, asked.body.reason, _writer(asked))


_PATH = "/v1/report-configs"
OPERATIONS = [
    reading(_PATH, "reports:read", list_report_configs, Page[ReportConfigVersion], Paged),
    changing(
        "POST", _PATH, "reports:write", create_report_config, CreatedConfig, NewConfig, status=201
    ),
    reading(f"{_PATH}/active", "reports:read", get_active_report_config, ReportConfig),
    reading(
        f"{_PATH}/history", "reports:read", list_report_config_history, Page[ConfigActivation], Paged
    ),
    reading(
        f"{_PATH}/diff", "reports:read", diff_report_configs, ConfigDifferences, DifferenceWanted
    ),
    changing(
        "POST", f"{_PATH}/rollback", "reports:write", roll_back_report_config, ActivatedConfig,
        WhyActivated,
    ),
    reading(f"{_PATH}/versions/{{version}}", "reports:read", get_report_config, ReportConfig),
    changing(
        "POST", f"{_PATH}/versions/{{version}}/activate", "reports:write", activate_report_config,
        ActivatedConfig, WhyActivated,
    ),
]  # fmt: skip


def _writer(asked: Asked[Any, Any]) -> Writer:
    return Writer(asked.now, asked.who.actor, asked.app.ids)


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS:
        return int(text)
    raise Invalid(
        "request.bad_parameter", "after is the number of an activation", field="after",
        value=text, hint="follow `next` of the page before",
    )  # fmt: skip
