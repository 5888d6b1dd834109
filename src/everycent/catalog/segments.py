"""Segments: which part of a meter's records a record belongs to, by its dimensions.

Every record is in exactly one segment of a set: the first rule that its dimensions meet decides, and
`rest` is everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import msgspec

from everycent.kernel.canonical import encode


class SegmentRule(msgspec.Struct, frozen=True):
    """Records belong to `segment` when each named dimension has one of the values told for it."""

    segment: str
    dimensions: tuple[tuple[str, tuple[str, ...]], ...]


class Segments(msgspec.Struct, frozen=True):
    """A set of segments; the order of the rules counts."""

    key: str
    rules: tuple[SegmentRule, ...]
    rest: str

    def names(self) -> set[str]:
        """All segments."""
        return {rule.segment for rule in self.rules} | {self.rest}


def segment_of(segments: Segments, dimensions: Mapping[str, str]) -> str:
    """The segment of a record with these dimensions."""
    for rule in segments.rules:
        if all(dimensions.get(name) in values for name, values in rule.dimensions):
            return rule.segment
    return segments.rest


def patterns(rule: SegmentRule) -> list[dict[str, str]]:
    """The rule as sets of dimensions of which a record must contain one: what a database can look for."""
    names = [name for name, _ in rule.dimensions]
    return [
        dict(zip(names, chosen, strict=True))
        for chosen in product(*(values for _, values in rule.dimensions))
    ]


def own_and_others(
    segments: Segments | None, segment: str | None
) -> tuple[list[str] | None, list[str] | None]:
    """The patterns, as JSON texts, of which a record of the segment contains one, and those of which it
    contains none, since a rule before it would have had it. None without a segment.

    Rules of one segment stand together, as they do in a catalogue.
    """
    if segments is None or segment is None:
        return None, None
    mine = [n for n, rule in enumerate(segments.rules) if rule.segment == segment]
    before = segments.rules[: mine[0]] if mine else segments.rules
    own = [text for n in mine for text in _texts(segments.rules[n])] if mine else ["{}"]
    return own, [text for rule in before for text in _texts(rule)]


def _texts(rule: SegmentRule) -> list[str]:
    return [encode(pattern).decode() for pattern in patterns(rule)]
