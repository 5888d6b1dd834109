"""The story file: YAML in, checked steps out. Nothing is run, and no file is opened, here.

A story is a customer's months as dated steps (docs/stories.md). All scalars are read as text, so amounts
stay exact. What is wrong is refused with its line and its place in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

import yaml

from everycent.catalog.document import Loader
from everycent.catalog.document_refusals import Strict, converted
from everycent.flows.stories.times import FIELDS, instant, wrong
from everycent.kernel import calendar
from everycent.kernel.currency import exponent
from everycent.kernel.errors import Invalid
from everycent.kernel.near import meant

_MAX_CHARACTERS = 10_000_000
_MAX_STEPS = 10_000
_BESIDE = ("at", "expect_refusal")
"""What a step has beside its action."""


class Moment(NamedTuple):
    """What an action's text may need to be understood: the step's number and time, the story's zone and
    currency, and how to get the text of a file that stands beside the story."""

    number: int
    at: datetime
    time_zone: str
    currency: str
    read_file: Callable[[str], str]


class Form(NamedTuple):
    """How an action is written: its `shape`, the field that a bare text stands for (`short`), and how
    what was written is understood (`read`, which raises Invalid for what makes no sense)."""

    shape: Any
    short: str | None = None
    read: Callable[[Any, Moment], Any] | None = None


class Step(NamedTuple):
    """Something that happens at an instant. `written` is the action as it stands in the file, `given` the
    same as the action understands it. The catalogue at the head of a story is step 0."""

    number: int
    line: int
    at: datetime
    action: str
    written: Any
    given: Any
    expect_refusal: str | None = None


class Story(NamedTuple):
    """A story that can be run."""

    name: str
    time_zone: str
    currency: str
    payment_days: int
    steps: tuple[Step, ...]
    about: str = ""
    source: str = ""


class _Head(Strict):
    name: str
    steps: list[dict[str, Any]]
    time_zone: str = "UTC"
    currency: str = "EUR"
    payment_days: int = 14
    catalog: str | dict[str, Any] | None = None
    about: str = ""
    source: str = ""


def parse(text: str, forms: Mapping[str, Form], read_file: Callable[[str], str]) -> Story:
    """The story that a file tells; `forms` are the actions that there are, by name.

    Raises Invalid `story.unreadable`, `story.wrong_shape`, `story.wrong_value`, `story.not_in_order`, and
    what the values raise, each with its line.
    """
    data, lines = _read(text)
    return _Reading(forms, read_file, lines).story(data)


def _read(text: str) -> tuple[Any, dict[str, int]]:
    """The data of the file, and the line of every place in it."""
    if len(text) > _MAX_CHARACTERS:
        raise Invalid("story.unreadable", "the story is longer than 10 million characters")
    loader = Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise Invalid("story.unreadable", "the file is empty", hint=FIELDS)
        return loader.construct_document(node), dict(_lines(node, ""))
    except (yaml.YAMLError, RecursionError) as error:
        raise Invalid(
            "story.unreadable", f"the file is not YAML: {' '.join(str(error).split())}"
        ) from error


def _lines(node: yaml.Node, place: str) -> Iterator[tuple[str, int]]:
    yield place, node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _lines(item, f"{place}[{number}]")
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = f"{place}.{key.value}".lstrip(".")
            yield from _lines(value, inner)
            yield inner, key.start_mark.line + 1


class _Reading:
    """Reads one file; knows the lines of its places."""

    def __init__(
        self,
        forms: Mapping[str, Form],
        read_file: Callable[[str], str],
        lines: Mapping[str, int],
    ) -> None:
        self.forms = forms
        self.read_file = read_file
        self.lines = lines

    def story(self, data: Any) -> Story:
        """The whole file."""
        head = self.shaped(data, _Head, "")
        for field, check in (("time_zone", calendar.zone), ("currency", exponent)):
            with self.located(field):
                check(getattr(head, field))
        with self.located("steps"):
            if not 0 < len(head.steps) <= _MAX_STEPS:
                raise wrong(f"a story has 1 to {_MAX_STEPS} steps")
        with self.located("payment_days"):
            if not 0 <= head.payment_days <= 365:
                raise wrong("an invoice is due within 0 to 365 days")
        steps = tuple(self.steps(head))
        return Story(
            head.name, head.time_zone, head.currency, head.payment_days, steps, head.about.strip(),
            head.source.strip(),
        )  # fmt: skip

    def steps(self, head: _Head) -> Iterator[Step]:
        """The steps in their order, before them the catalogue as step 0."""
        at: datetime | None = None
        for index, written in enumerate(head.steps):
            place = f"steps[{index}]"
            at = self.time(written, place, head.time_zone, at)
            if index == 0 and head.catalog is not None:
                moment = Moment(0, at, head.time_zone, head.currency, self.read_file)
                yield self.step("catalog", head.catalog, moment, "catalog", None)
            moment = Moment(index + 1, at, head.time_zone, head.currency, self.read_file)
            action = self.action(written, place)
            code = written.get("expect_refusal")
            yield self.step(action, written[action], moment, f"{place}.{action}", code)

    def time(
        self, written: Mapping[str, Any], place: str, zone: str, before: datetime | None
    ) -> datetime:
        """When a step happens: as it says, or together with the step before."""
        with self.located(place):
            if "at" not in written:
                if before is None:
                    raise wrong("the first step must say when it happens: add `at`")
                return before
        with self.located(f"{place}.at"):
            at = instant(written["at"], zone)
            if before is not None and at < before:
                raise Invalid(
                    "story.not_in_order",
                    f"{written['at']} is before the step above it",
                    hint="write the steps in the order in which they happen",
                )
        return at

    def action(self, written: Mapping[str, Any], place: str) -> str:
        """The name of the one thing that the step does."""
        names = [name for name in written if name not in _BESIDE]
        for name in names:
            if name not in self.forms:
                with self.located(f"{place}.{name}"):
                    asked = meant(name, [*self.forms, *_BESIDE])
                    known = f"a step does one of {', '.join(self.forms)}"
                    raise Invalid(
                        "story.wrong_shape",
                        f"there is no action `{name}`",
                        hint=f"{asked} " * bool(asked) + known,
                    )
        if len(names) != 1:
            with self.located(place):
                raise wrong(
                    f"a step does one thing, not {len(names)}",
                    "give each action a step; one without `at` happens together with the one above",
                )
        return names[0]

    def step(self, action: str, written: Any, moment: Moment, place: str, code: Any) -> Step:
        """A step with what it says understood."""
        form = self.forms[action]
        if isinstance(written, str):
            if written == "" and form.shape is not str:
                written = {}
            elif form.short is not None:
                written = {form.short: written}
        given = self.shaped(written, form.shape, place)
        if form.read is not None:
            with self.located(place):
                given = form.read(given, moment)
        return Step(
            moment.number, self.line(place), moment.at, action, written, given,
            self.shaped(code, str | None, f"{place}.expect_refusal") or None,
        )  # fmt: skip

    def shaped(self, data: Any, shape: Any, place: str) -> Any:
        """The data in this shape. Raises Invalid `story.wrong_shape`."""
        try:
            return converted(data, shape, place)
        except Invalid as refusal:
            where = refusal.field or ""
            name = refusal.message.partition("unknown field `")[2].rstrip("`")
            line = self.line(f"{where}.{name}".lstrip(".") if name else where)
            hint = (refusal.hint or FIELDS).replace("docs/catalog.md", "docs/stories.md")
            raise Invalid(
                "story.wrong_shape",
                f"line {line}: {refusal.message}",
                field=where or None,
                hint=hint,
            ) from refusal

    @contextmanager
    def located(self, place: str) -> Iterator[None]:
        """Tells refusals of a value with the line and the place in the file."""
        try:
            yield
        except Invalid as refusal:
            found = f"{place}.{refusal.field}" if refusal.field else place
            is_place = found in self.lines or "." in (refusal.field or "")
            refusal.message = f"line {self.line(found)}: {place}: {refusal.message}"
            refusal.field = found if is_place else place
            raise

    def line(self, place: str) -> int:
        """The line of a place, or of the nearest one around it that is known."""
        while place and place not in self.lines:
            place = place[: max(place.rfind("."), place.rfind("["), 0)]
        return self.lines.get(place, 1)
