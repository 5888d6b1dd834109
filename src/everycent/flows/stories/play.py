"""Runs a story: its steps one after the other on a test clock, and what differs from what it expects.

Everything is done by the operations behind the commands, in a tenant that is the story's own. A story
comes out the same every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from everycent.db.connection import Database
from everycent.flows.stories.actions import ACTIONS, FORMS
from everycent.flows.stories.document import Step, Story, parse
from everycent.flows.stories.expected import NOTHING, Difference
from everycent.flows.stories.world import Came, World
from everycent.flows.verify import verify
from everycent.kernel.errors import Invalid, Refusal

BILLING = ("bill", "run")
"""The actions that issue invoices."""
_RECORDED_BY = "story"


class Happened(NamedTuple):
    """What came of a step: plain data, or the refusal; and what was expected otherwise."""

    step: Step
    data: Any
    refused: Refusal | None
    differences: tuple[Difference, ...]


class Played(NamedTuple):
    """A story that was run: its steps up to the first one that was refused without its being expected,
    and the promises of the books that do not hold (none, unless the product is broken)."""

    story: Story
    steps: tuple[Happened, ...]
    broken: tuple[str, ...]

    @property
    def differences(self) -> int:
        """How much came out otherwise than expected."""
        return sum(len(one.differences) for one in self.steps) + len(self.broken)

    @property
    def invoices(self) -> list[dict[str, Any]]:
        """All invoices that came out, in the fields in which a story expects them."""
        return [
            invoice
            for one in self.steps
            if one.step.action in BILLING and one.refused is None
            for invoice in one.data["invoices"]
        ]


def load(path: Path) -> Story:
    """The story in a file; a catalogue that it names is looked for beside it.

    Raises Invalid with the file and the line of what is wrong.
    """

    def beside(name: str) -> str:
        return _text(path.parent / name)

    try:
        return parse(_text(path), FORMS, beside)
    except Invalid as refusal:
        refusal.message = f"{path.name}: {refusal.message}"
        raise


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Invalid("story.unreadable", f"it is not UTF-8 text: {error}") from error


def play(database: Database, tenant_id: int, story: Story) -> Played:
    """Runs a story in a tenant that nothing has happened in yet, and proves its books afterwards: invoices
    are counted again by the second engine too.

    A step that is refused without its being expected ends the story there.
    """
    world = World(database, tenant_id, actor=_RECORDED_BY, time_zone=story.time_zone,
                  payment_days=story.payment_days)  # fmt: skip
    happened: list[Happened] = []
    for step in story.steps:
        world.at = step.at
        happened.append(_happen(world, step))
        if happened[-1].refused is not None and step.expect_refusal is None:
            break
    with database.snapshot(tenant_id) as tx:
        broken = tuple(
            f"{check.promise}: {violator}"
            for check in verify(tx, trusted_key=None, with_replay=False, recount_percent=100)
            for violator in check.violators
        )
    return Played(story, tuple(happened), broken)


def _happen(world: World, step: Step) -> Happened:
    try:
        came, refused = ACTIONS[step.action].do(world, step.given), None
    except Refusal as refusal:
        came, refused = Came(None), refusal
    found: Sequence[Difference] = came.differences
    code = NOTHING if refused is None else refused.code
    if code != (step.expect_refusal or NOTHING):
        shown = code if refused is None else f"{code}: {refused.message}"
        found = [*found, Difference(step.action, "refused", step.expect_refusal or NOTHING, shown)]
    return Happened(step, came.data, refused, tuple(found))
