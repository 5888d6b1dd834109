"""Derivation of a quantity's usage: the series behind it, its records and their seal, as a tree.

Pure, as the rest of the derivation is.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from everycent.catalog.bands import Bands
from everycent.catalog.meter import Aggregation, Series
from everycent.catalog.segments import SegmentRule, Segments
from everycent.consumption.register import Reading
from everycent.flows.saying import (
    Node,
    Page,
    Setting,
    agree,
    bands_text,
    exact_text,
    moment,
    plural,
    span_text,
)
from everycent.kernel.money import EXACT
from everycent.kernel.quantity import plain
from everycent.rating.charge import RegisterStretch, UsagePart

_OF_EACH = {
    Aggregation.COUNT: "number of records",
    Aggregation.SUM: "sum",
    Aggregation.MIN: "lowest value",
    Aggregation.MAX: "highest value",
    Aggregation.AVERAGE: "average",
    Aggregation.LATEST: "latest value",
}
_OF_WINDOWS = {
    Aggregation.SUM: "Sum of the",
    Aggregation.MIN: "Lowest",
    Aggregation.MAX: "Highest",
    Aggregation.AVERAGE: "Average of the",
}


def part_node(
    part: UsagePart, setting: Setting, where: str, part_no: int, page: Page | None
) -> Node:
    """A series behind a quantity: its time, band, segment, what was counted, the seal, the records."""
    _check_part(part, where)
    children = [_span_node(part, setting)]
    if part.series.bands is not None and part.series.band is not None:
        children.append(_band_node(part.series.bands, part.series.band))
    if part.series.segments is not None and part.series.segment is not None:
        children.append(_segment_node(part.series.segments, part.series.segment))
    is_peak = part.series.aggregation is Aggregation.PEAK
    if is_peak and part.peak_at is not None and part.series.window_minutes is not None:
        children.append(_peak_node(part, part.peak_at, part.series.window_minutes, setting))
    children.extend(_counted_nodes(part, setting))
    children.extend(_stretch_nodes(part, setting))
    children.append(_seal_node(part))
    if page is not None:
        children.append(_records_node(part, page))
    name = f"{part.input} = " if part.input else ""
    facts = {"part": str(part_no), "subject": part.subject, "meter": part.series.meter}
    facts["aggregation"] = part.series.aggregation.value
    if part.series.band is not None:
        facts["band"] = part.series.band
    return Node(
        "series",
        f"{name}{_aggregation_text(part)}",
        f"{part.value} {part.series.unit}",
        "",
        facts,
        tuple(children),
    )


def _aggregation_text(part: UsagePart) -> str:
    series = part.series
    what = {
        Aggregation.COUNT: f"Number of {series.meter} records",
        Aggregation.SUM: f"Sum of {series.meter}",
        Aggregation.MIN: f"Lowest {series.meter}",
        Aggregation.MAX: f"Highest {series.meter}",
        Aggregation.AVERAGE: f"Average {series.meter}",
        Aggregation.LATEST: f"Latest {series.meter}",
        Aggregation.UNIQUE: f"Distinct {series.distinct} of {series.meter}",
        Aggregation.UNITS: f"{series.meter} by {series.distinct}",
        Aggregation.WEIGHTED_SUM: f"Average level of {series.meter} over time",
        Aggregation.WINDOWED: f"{_windows_text(series)} of {series.meter}",
        Aggregation.PERCENTILE: f"{series.percentile}th percentile of {series.meter}",
        Aggregation.COUNTER: f"Difference of the readings of {series.meter}",
        Aggregation.PEAK: f"Highest {series.window_minutes}-minute average of {series.meter}",
    }[series.aggregation]
    band = "" if series.band is None else f" in band {series.band}"
    segment = "" if series.segment is None else f" in segment {series.segment}"
    return f"{what} at {part.subject}{band}{segment}"


def _windows_text(series: Series) -> str:
    each = "" if series.each is None else _OF_EACH[series.each]
    then = "" if series.then is None else _OF_WINDOWS[series.then]
    return f"{then} {each} per {series.window_minutes} minutes"


def _check_part(part: UsagePart, where: str) -> None:
    """What can be worked out again from the frozen numbers alone."""
    match part.series.aggregation:
        case Aggregation.SUM:
            agree(f"{where}, the sum", part.value, part.total)
        case Aggregation.COUNT:
            agree(f"{where}, the number of records", part.value, str(part.records))
        case Aggregation.AVERAGE:
            average = Fraction(part.total) / (part.records or 1)
            agree(f"{where}, the average", exact_value(part), average)
        case Aggregation.COUNTER:
            total = Decimal(0)
            for stretch in part.stretches:
                used = _used(stretch, part.series.digits)
                agree(f"{where}, a stretch", stretch.consumption, plain(used))
                total = EXACT.add(total, Decimal(stretch.consumption))
            agree(f"{where}, the consumption", part.value, plain(total))
        case _:
            pass  # takes the records themselves: `everycent verify` counts those


def exact_value(part: UsagePart) -> Fraction:
    """The value of a part, exactly, where its decimals do not end."""
    return Fraction(part.exact or part.value)


def _used(stretch: RegisterStretch, digits: int | None) -> Decimal:
    used = EXACT.subtract(stretch.closing.value, stretch.opening.value)
    if stretch.rolled_over and digits is not None:
        used = EXACT.add(used, Decimal(10) ** digits)
    return used


def _span_node(part: UsagePart, setting: Setting) -> Node:
    start, end = (moment(at, setting.time_zone) for at in (part.starts_at, part.ends_at))
    first, last = ("after", "up to and including")
    if part.series.aggregation is not Aggregation.COUNTER:
        first, last = ("from", "up to but not including")
    return Node(
        "span",
        span_text(part.starts_at, part.ends_at, setting.time_zone),
        "",
        f"{first} {start} {last} {end}, {setting.time_zone}",
        {"starts_at": part.starts_at.isoformat(), "ends_at": part.ends_at.isoformat()},
    )


def _band_node(bands: Bands, band: str) -> Node:
    return Node(
        "band",
        f"Band {band}: {bands_text(bands, band)}",
        "",
        f"on the clock of {bands.time_zone}",
        {"bands": bands.key, "band": band, "time_zone": bands.time_zone},
    )


def _segment_node(segments: Segments, segment: str) -> Node:
    return Node(
        "segment",
        f"Segment {segment}: {segment_text(segments, segment)}",
        facts={"segments": segments.key, "segment": segment},
    )


def segment_text(segments: Segments, segment: str) -> str:
    """'region eu-1 or eu-2', or what is left over by the others."""
    if segment == segments.rest:
        named = sorted(segments.names() - {segment})
        return f"every record outside {', '.join(named)}" if named else "every record"
    return " or ".join(_rule_text(rule) for rule in segments.rules if rule.segment == segment)


def _rule_text(rule: SegmentRule) -> str:
    return " and ".join(f"{name} {' or '.join(values)}" for name, values in rule.dimensions)


def _counted_nodes(part: UsagePart, setting: Setting) -> list[Node]:
    """What a value was made of where records alone do not say it."""
    series = part.series
    if part.counted is None or series.aggregation is Aggregation.PEAK:
        return []
    found = []
    if part.opening_level is not None:
        what = "units" if series.aggregation is Aggregation.UNITS else "level"
        found.append(Node("opening", f"The {what} at the start", f"{part.opening_level}"))
    count = str(part.counted)
    match series.aggregation:
        case Aggregation.UNITS:
            what = f"{count} different {series.distinct}"
        case Aggregation.WEIGHTED_SUM:
            what = f"{count} change{plural(count)}"
        case _ if series.window_minutes is None:
            what = f"{count} record{plural(count)}"
        case _:
            what = f"{count} window{plural(count)} of {series.window_minutes} minutes"
    detail = ""
    if series.granularity is not None:
        detail = f"each weighed by the {series.granularity}s of the full period that it was there"
    elif part.peak_at is not None:
        detail = f"the highest began on {moment(part.peak_at, setting.time_zone)}"
    found.append(Node("counted", what, "", detail, {"counted": count}))
    return found


def _peak_node(part: UsagePart, at: datetime, minutes: int, setting: Setting) -> Node:
    end = at + timedelta(minutes=minutes)
    energy = exact_text(Fraction(part.value) * minutes / 60)
    return Node(
        "peak",
        f"Reached on {moment(at, setting.time_zone)} – {moment(end, setting.time_zone)[-5:]}",
        f"{part.value} {part.series.unit}",
        f"{energy} in {minutes} minutes × 60/{minutes}",
        {"at": at.isoformat(), "window_minutes": str(minutes), "sum": energy},
    )


def _stretch_nodes(part: UsagePart, setting: Setting) -> list[Node]:
    found: list[Node] = []
    before: Reading | None = part.opening
    for stretch in part.stretches:
        if before is not None and before.register != stretch.opening.register:
            found.append(_exchange_node(before, stretch.opening, setting))
        found.append(_stretch_node(stretch, part, setting))
        before = stretch.closing
    return found


def _exchange_node(old: Reading, new: Reading, setting: Setting) -> Node:
    return Node(
        "exchange",
        f"Register {old.register} replaced by {new.register} on {moment(new.at, setting.time_zone)}",
        "",
        f"{old.register} was taken out at {plain(old.value)},"
        f" {new.register} put in at {plain(new.value)}",
        {"removed": old.register, "installed": new.register},
    )


def _stretch_node(stretch: RegisterStretch, part: UsagePart, setting: Setting) -> Node:
    opening, closing = stretch.opening, stretch.closing
    register = f"Register {closing.register}: " if closing.register else ""
    detail = f"{_reading_text(opening, setting)} to {_reading_text(closing, setting)}"
    what = f"{register}{plain(closing.value)} − {plain(opening.value)}"
    if stretch.rolled_over and part.series.digits is not None:
        what += f" + {plain(Decimal(10) ** part.series.digits)}"
        detail += f"; the register has {part.series.digits} digits and passed zero"
    return Node("stretch", what, f"{stretch.consumption} {part.series.unit}", detail)


def _reading_text(reading: Reading, setting: Setting) -> str:
    kind = "estimated" if reading.is_estimate else "actual"
    return f"{kind} {moment(reading.at, setting.time_zone)}"


def _seal_node(part: UsagePart) -> Node:
    count = str(part.records)
    what = f"{count} record{plural(count)}, sum {part.total}"
    if part.series.aggregation is Aggregation.COUNTER:
        what = f"{count} reading{plural(count)}"  # their sum says nothing
    return Node(
        "seal",
        what,
        "",
        f"sealed: SHA-256 {part.digest[:16]}… over every record, as of fold {part.fold_id}",
        {
            "records": count,
            "sum": part.total,
            "digest": part.digest,
            "fold": str(part.fold_id),
        },
    )


def _records_node(part: UsagePart, page: Page) -> Node:
    if page.missing:
        return Node("records", "Not in the table", "", page.missing, {"records": str(part.records)})
    shown = tuple(
        Node(
            "record",
            record.local,
            record.value,
            record.record_id,
            {"id": record.record_id, "source": record.source, "at": record.at}
            | ({"dimensions": record.dimensions} if record.dimensions != "{}" else {}),
        )
        for record in page.records
    )
    count = len(shown)
    what = f"The first {count} of {part.records}"
    if count == part.records:
        what = "All of them"
    elif part.peak_at is not None:
        what = f"{count} of {part.records}, from the peak on"
    facts = {"shown": str(count), "records": str(part.records)}
    if page.after is not None:
        facts["after"] = page.after
    return Node("records", what, "", "", facts, shown)
