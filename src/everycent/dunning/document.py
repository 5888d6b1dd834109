"""The collecting file: YAML in, checked terms out (docs/dunning.md). All scalars are read as text; unknown
fields, keys that stand twice and values that make no sense are refused with their place in the file.
"""

from __future__ import annotations

from typing import Any

import msgspec

from everycent.catalog import document
from everycent.catalog.document_refusals import Strict, check_key, converted, placed
from everycent.dunning import document_campaigns as sections
from everycent.dunning.document_campaigns import CampaignShape, LetterShape
from everycent.dunning.document_failures import rules
from everycent.dunning.schedule import Schedule, checked
from everycent.dunning.terms import Terms
from everycent.kernel.errors import Invalid


class _ScheduleShape(Strict):
    cron: str = Schedule().cron
    time_zone: str = Schedule().time_zone


class _GroupShape(msgspec.Struct, forbid_unknown_fields=True):
    failures: dict[str, Any] = {}


class _Shape(msgspec.Struct, forbid_unknown_fields=True):
    schedule: _ScheduleShape = msgspec.field(default_factory=_ScheduleShape)
    failures: dict[str, Any] = {}
    groups: dict[str, Any] = {}
    campaigns: dict[str, Any] = {}
    letters: dict[str, Any] = {}
    sender: str = ""
    pay_link: str = ""


def parse(text: str) -> Terms:
    """The terms that a file says. Raises Invalid with the place in it."""
    try:
        return _terms(document.read(text))
    except Invalid as refusal:
        if refusal.hint is not None:  # what is shared with the catalogue file
            refusal.hint = refusal.hint.replace("docs/catalog.md", "docs/dunning.md")
        raise


def _terms(data: Any) -> Terms:
    given = converted({} if data is None else data, _Shape, "")
    own = _entries(given.letters, dict[str, LetterShape], "letters")
    groups = _entries(given.groups, _GroupShape, "groups")
    return Terms(
        _schedule(given.schedule),
        rules(given.failures, "failures"),
        {key: rules(group.failures, f"groups.{key}.failures") for key, group in groups.items()},
        sections.campaigns(_entries(given.campaigns, CampaignShape, "campaigns"), own),
        sections.letters(own),
        sections.line(given.sender, "sender"),
        sections.pay_link(given.pay_link),
    )


def _entries(given: dict[str, Any], shape: Any, section: str) -> dict[str, Any]:
    """The entries of a section in their shape, each told by its key."""
    for key in given:
        check_key(key, f"{section}.{key}")
    return {key: converted(data, shape, f"{section}.{key}") for key, data in given.items()}


def _schedule(given: _ScheduleShape) -> Schedule:
    found = Schedule(" ".join(given.cron.split()), given.time_zone)
    return placed("schedule", checked, found)
