"""The sections that cut a meter's records into parts: calendars, bands and segments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial

from everycent.catalog import bands as band_rules
from everycent.catalog.bands import BandRule, Bands
from everycent.catalog.document_refusals import (
    Strict,
    check_key,
    check_text,
    placed,
    unknown,
    wrong,
)
from everycent.catalog.holidays import FIRST_EASTER_DAY, LAST_EASTER_DAY, Holidays
from everycent.catalog.segments import SegmentRule, Segments
from everycent.kernel import calendar

MAX_PATTERNS = 200
"""Segments of a set are found by so many combinations of values at most."""
_MAX_DAYS = 1000
_MONTH_DAY = re.compile(r"([0-9]{2})-([0-9]{2})", re.ASCII)


class CalendarShape(Strict):
    """An entry of `calendars`."""

    dates: tuple[date, ...] = ()
    yearly: tuple[str, ...] = ()
    easter: tuple[int, ...] = ()


class BandsShape(Strict):
    """An entry of `bands`."""

    time_zone: str
    bands: dict[str, list[str]]
    rest: str
    holidays: str | None = None


class SegmentsShape(Strict):
    """An entry of `segments`."""

    segments: dict[str, list[dict[str, str | list[str]]]]
    rest: str


def holidays(key: str, given: CalendarShape) -> Holidays:
    """A holiday calendar, its days in order."""
    place = f"calendars.{key}"
    if not given.dates and not given.yearly and not given.easter:
        raise wrong(place, "a calendar without days", "give it dates, yearly or easter")
    for field in ("dates", "yearly", "easter"):
        days: Sequence[object] = getattr(given, field)
        if len(days) > _MAX_DAYS:
            raise wrong(f"{place}.{field}", f"a calendar has at most {_MAX_DAYS} days of a sort")
        for day in days:
            if days.count(day) > 1:
                raise wrong(f"{place}.{field}", f"{day} stands twice")
    for text in given.yearly:
        _check_yearly(text, f"{place}.yearly")
    for offset in given.easter:
        if not FIRST_EASTER_DAY <= offset <= LAST_EASTER_DAY:
            raise wrong(
                f"{place}.easter",
                f"{offset} is not a number of days from Easter Sunday within its year",
                f"{FIRST_EASTER_DAY} to {LAST_EASTER_DAY}, such as -2 for Good Friday, 1 for Monday",
            )
    return Holidays(
        key, tuple(sorted(given.dates)), tuple(sorted(given.yearly)), tuple(sorted(given.easter))
    )


def _check_yearly(text: str, place: str) -> None:
    match = _MONTH_DAY.fullmatch(text)
    if match is not None:
        month, day = int(match[1]), int(match[2])
        # 2024 is a leap year, so that 02-29 is taken; it comes in leap years only.
        if 1 <= month <= 12 and 1 <= day <= calendar.days_in_month(2024, month):
            return
    raise wrong(place, f"{text[:20]!r} is not a day of the year", "write MM-DD, such as 12-25")


def bands(key: str, given: BandsShape, calendars: Mapping[str, Holidays]) -> Bands:
    """A set of time-of-use bands, with its calendar's days."""
    place = f"bands.{key}"
    placed(f"{place}.time_zone", calendar.zone, given.time_zone)
    if given.holidays is not None and given.holidays not in calendars:
        raise unknown(f"{place}.holidays", "calendar", given.holidays, calendars)
    parse = partial(band_rules.parse_rules, with_holidays=given.holidays is not None)
    rules: list[BandRule] = []
    for band, texts in given.bands.items():
        check_key(band, f"{place}.bands.{band}")
        for text in texts:
            rules.extend(parse(band, text, f"{place}.bands.{band}"))
    check_key(given.rest, f"{place}.rest")
    days = None if given.holidays is None else calendars[given.holidays]
    return Bands(key, given.time_zone, tuple(rules), given.rest, days)


def segments(key: str, given: SegmentsShape) -> Segments:
    """A set of segments; the rules in the order of the file."""
    place = f"segments.{key}"
    rules: list[SegmentRule] = []
    for segment, patterns in given.segments.items():
        spot = f"{place}.segments.{segment}"
        check_key(segment, spot)
        if not patterns:
            raise wrong(
                spot, "no record could ever be in it", "give it a rule, such as {region: eu}"
            )
        for number, pattern in enumerate(patterns, start=1):
            rules.append(_segment_rule(segment, pattern, f"{spot}[{number}]"))
    check_key(given.rest, f"{place}.rest")
    if given.rest in given.segments:
        raise wrong(
            f"{place}.rest",
            f"{given.rest} has rules of its own",
            "the rest is what no rule covers; give it another name",
        )
    if _count(rules) > MAX_PATTERNS:
        raise wrong(
            place,
            f"its rules make more than {MAX_PATTERNS} combinations of values, which is the most",
            "make several sets, or let the source send a coarser dimension",
        )
    return Segments(key, tuple(rules), given.rest)


def _count(rules: Sequence[SegmentRule]) -> int:
    """How many combinations of values the rules make; what is beyond the most is not counted out."""
    count = 0
    for rule in rules:
        of_rule = 1
        for _, values in rule.dimensions:
            of_rule = min(of_rule * len(values), MAX_PATTERNS + 1)
        count = min(count + of_rule, MAX_PATTERNS + 1)
    return count


def _segment_rule(segment: str, pattern: Mapping[str, str | list[str]], place: str) -> SegmentRule:
    if not pattern:
        raise wrong(
            place, "every record meets a rule without dimensions", "use `rest` for the others"
        )
    dimensions: list[tuple[str, tuple[str, ...]]] = []
    for name, told in sorted(pattern.items()):
        check_text(name, place, "the name of a dimension")
        values = [told] if isinstance(told, str) else told
        if not values:
            raise wrong(f"{place}.{name}", "no value is named, so that no record can meet it")
        if len(values) > MAX_PATTERNS:
            raise wrong(
                f"{place}.{name}",
                f"{len(values)} values are named, and {MAX_PATTERNS} is the most",
                "let the source send a coarser dimension",
            )
        for value in values:
            check_text(value, f"{place}.{name}", "the value of a dimension")
            if values.count(value) > 1:
                raise wrong(f"{place}.{name}", f"{value!r} stands twice")
        dimensions.append((name, tuple(sorted(values))))
    return SegmentRule(segment, tuple(dimensions))
