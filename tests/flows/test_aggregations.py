"""Every aggregation equals a naive calculation from raw records, however the records came in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import count, pairwise
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from everycent.consumption import queries
from everycent.consumption.usage import Request, Usage
from everycent.corrections import operations as corrections
from everycent.metering import audit, operations
from everycent.tenants import operations as tenants
from tests.conftest import Place
from tests.flows import measured
from tests.flows.measured import METER, World
from tests.oracle import metering as oracle
from tests.oracle.metering import Asked, Meter, Raw

_EXAMPLES = count()


def rich(examples: int) -> settings:
    """Few examples in one database. They are not made smaller: that would take minutes of its time."""
    return settings(
        max_examples=examples,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def told(place: Place, wanted: Sequence[Request], *, is_live: bool = False) -> dict[Request, Usage]:
    with place.database.snapshot(place.tenant_id) as tx:
        return queries.read(tx, wanted, is_live=is_live)


def take_in(place: Place, records: Sequence[Raw], prefix: str, subject: str) -> None:
    made = measured.usage_records(records, prefix, subject)
    operations.ingest(place.database, place.tenant_id, made, place.now, operations.Names())


def know(place: Place, subject: str) -> None:
    with place.database.transaction(place.tenant_id) as tx:
        operations.know_names(tx, [subject], [METER])


def assert_sound(*places: Place) -> None:
    for place in places:
        with place.database.snapshot(place.tenant_id) as tx:
            for check in audit.CHECKS:
                assert audit.violations(tx, check) == [], check


def assert_answers(
    place: Place, subject: str, meters: Sequence[Meter], asked: Asked,
    records: Sequence[Raw], *, is_live: bool,
) -> None:  # fmt: skip
    wanted = {measured.request(meter, asked, subject): meter for meter in meters}
    found = told(place, list(wanted), is_live=is_live)
    for request, meter in wanted.items():
        assert measured.value_of(request, found[request]) == measured.expected(
            records, meter, asked
        ), meter


class Story(NamedTuple):
    """Records, and two ways in which they come in: batches of their places; after some of the batches
    all that came so far is folded."""

    world: World
    records: list[Raw]
    meters: list[Meter]
    deliveries: tuple[list[tuple[list[int], bool]], list[tuple[list[int], bool]]]


@st.composite
def deliveries(draw: st.DrawFn, size: int) -> list[tuple[list[int], bool]]:
    """All places in any order, some of them twice, cut into batches."""
    again = draw(st.lists(st.integers(0, size - 1), max_size=5)) if size else []
    order = draw(st.permutations([*range(size), *again]))
    cuts = sorted(draw(st.lists(st.integers(0, len(order)), max_size=4)))
    edges = [0, *cuts, len(order)]
    return [(order[a:b], draw(st.booleans())) for a, b in pairwise(edges)]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    world = draw(measured.worlds())
    records = draw(measured.records(world))
    size = len(records)
    ways = draw(deliveries(size)), draw(deliveries(size))
    meters = draw(st.lists(measured.detailed(world), min_size=15, max_size=15))
    return Story(world, records, meters, ways)


@pytest.fixture
def beside(place: Place) -> Place:
    """A second tenant in the same database, where the same ids are free."""
    return place._replace(tenant_id=tenants.create(place.database, "beside", "Beside", place.now))


def deliver(
    place: Place,
    records: Sequence[Raw],
    batches: list[tuple[list[int], bool]],
    prefix: str,
    subject: str,
) -> list[Raw]:
    """Takes everything in; returns what is folded."""
    folded: list[Raw] = []
    came: list[Raw] = []
    for batch, is_folded in batches:
        found = [records[n] for n in batch]
        take_in(place, found, prefix, subject)
        came += found
        if is_folded:
            operations.fold(place.database, place.tenant_id)
            folded = list(came)
    return folded


def check_story(place: Place, beside: Place, story: Story) -> None:
    world, records, some, (delivery, other) = story
    meters = [*measured.always(world), *some]
    subject = f"x{next(_EXAMPLES)}"
    prefix = f"{subject}/"
    asked = world.asked()
    known = measured.named(records, prefix)
    for where in (place, beside):
        know(where, subject)
    folded = deliver(place, records, delivery, prefix, subject)
    assert_answers(place, subject, meters, asked, measured.named(folded, prefix), is_live=False)
    assert_answers(place, subject, meters, asked, known, is_live=True)
    operations.fold(place.database, place.tenant_id)
    assert_answers(place, subject, meters, asked, known, is_live=False)
    deliver(beside, records, other, prefix, subject)
    operations.fold(beside.database, beside.tenant_id)
    wanted = [measured.request(meter, asked, subject) for meter in meters]
    assert [_fact(u) for u in told(place, wanted).values()] == [
        _fact(u) for u in told(beside, wanted, is_live=True).values()
    ]
    assert_sound(place, beside)


def _fact(usage: Usage) -> Usage:
    """Without what depends on the order of folds and of names."""
    return usage._replace(subject_id=0, meter_id=0, fold_id=0, digest=b"")


@rich(30)
@given(story=stories())
def test_every_aggregation_equals_the_oracle_in_any_order(
    place: Place, beside: Place, story: Story
) -> None:
    check_story(place, beside, story)


@pytest.mark.soak
@rich(1000)
@given(story=stories())
def test_every_aggregation_equals_the_oracle_in_a_thousand_stories(
    place: Place, beside: Place, story: Story
) -> None:
    check_story(place, beside, story)


@st.composite
def corrected_stories(draw: st.DrawFn) -> tuple[Story, set[int], bool]:
    """A story, the places of records that are taken back in the end, and whether that is undone."""
    story = draw(stories().filter(lambda story: story.records))
    places = st.integers(0, len(story.records) - 1)
    return story, draw(st.sets(places, min_size=1)), draw(st.booleans())


def check_corrections(place: Place, beside: Place, corrected: tuple[Story, set[int], bool]) -> None:
    (world, records, some, (delivery, other)), voided, is_undone = corrected
    meters = [*measured.always(world), *some]
    subject = f"x{next(_EXAMPLES)}"
    prefix = f"{subject}/"
    for where in (place, beside):
        know(where, subject)
    deliver(place, records, delivery, prefix, subject)
    by = corrections.By("test", "wrong", place.now, place.ids)
    names = [("s", f"{prefix}{records[n].id}") for n in sorted(voided)]
    with place.database.transaction(place.tenant_id) as tx:
        correction = corrections.void(tx, names, by)
    rest = [record for n, record in enumerate(records) if n not in voided]
    take_in(place, records, prefix, subject)  # sent once more, they stay taken back
    if is_undone:
        with place.database.transaction(place.tenant_id) as tx:
            corrections.undo(tx, correction.correction_id, by)
        rest = records
    known = measured.named(rest, prefix)
    assert_answers(place, subject, meters, world.asked(), known, is_live=False)
    batches = [([n for n in batch if records[n] in rest], folds) for batch, folds in other]
    deliver(beside, records, batches, prefix, subject)
    wanted = [measured.request(meter, world.asked(), subject) for meter in meters]
    assert [_fact(u) for u in told(place, wanted).values()] == [
        _fact(u) for u in told(beside, wanted, is_live=True).values()
    ]
    assert_sound(place, beside)


@rich(12)
@given(corrected=corrected_stories())
def test_a_record_that_was_taken_back_is_like_one_that_never_came(
    place: Place, beside: Place, corrected: tuple[Story, set[int], bool]
) -> None:
    check_corrections(place, beside, corrected)


@pytest.mark.soak
@rich(500)
@given(corrected=corrected_stories())
def test_records_taken_back_in_many_stories_are_like_some_that_never_came(
    place: Place, beside: Place, corrected: tuple[Story, set[int], bool]
) -> None:
    check_corrections(place, beside, corrected)


def sums(
    place: Place, subject: str, meters: Sequence[Meter], asked: Asked
) -> list[tuple[int, Fraction]]:
    """The number of records and their sum, of each meter."""
    wanted = [measured.request(meter, asked, subject) for meter in meters]
    found = told(place, wanted, is_live=True)
    return [(found[r].records, Fraction(found[r].total)) for r in wanted]


def added_up(parts: Sequence[tuple[int, Fraction]]) -> tuple[int, Fraction]:
    return sum(n for n, _ in parts), sum((total for _, total in parts), Fraction(0))


@rich(25)
@given(data=st.data())
def test_parts_are_disjoint_and_add_up_to_the_whole(place: Place, data: st.DataObject) -> None:
    world = data.draw(measured.worlds())
    records = data.draw(measured.records(world, max_size=60))
    subject = f"x{next(_EXAMPLES)}"
    know(place, subject)
    half = len(records) // 2
    take_in(place, records[:half], f"{subject}/", subject)
    operations.fold(place.database, place.tenant_id)
    take_in(place, records[half:], f"{subject}/", subject)
    asked = world.asked()
    whole = Meter("sum")
    ((number, total),) = sums(place, subject, [whole], asked)
    inside = [r for r in records if asked.start <= r.at < asked.end]
    assert (number, total) == (len(inside), sum((Fraction(r.value) for r in inside), Fraction(0)))
    for meters in (measured.in_bands(whole, world), measured.in_segments(whole)):
        parts = sums(place, subject, meters, asked)
        assert added_up(parts) == (number, total)
        for meter, (count_of_part, _) in zip(meters, parts, strict=True):
            assert count_of_part == sum(oracle.belongs(r, meter) for r in inside)
    both = [m for meter in measured.in_bands(whole, world) for m in measured.in_segments(meter)]
    assert added_up(sums(place, subject, both, asked)) == (number, total)
    for dimension in ("region", "user", "unheard_of"):
        check_groups(place, subject, dimension, asked, inside)


def check_groups(
    place: Place, subject: str, dimension: str, asked: Asked, inside: Sequence[Raw]
) -> None:
    with place.database.snapshot(place.tenant_id) as tx:
        request = measured.request(Meter("sum"), asked, subject)
        groups = [g for _, g in queries.by_dimension(tx, [request], dimension, is_live=True)]
    expected: dict[str, list[Fraction]] = {}
    for record in inside:
        value = record.dimensions.get(dimension, "")
        expected.setdefault(value, []).append(Fraction(record.value))
    assert {g.value: (g.records, g.total, g.low, g.high) for g in groups} == {
        value: (len(found), sum(found, Fraction(0)), min(found), max(found))
        for value, found in expected.items()
    }


@st.composite
def registers(draw: st.DrawFn) -> tuple[World, list[Raw], int]:
    """Readings of devices with three or six digits: roll-overs, exchanges, estimates read later."""
    world = draw(measured.worlds())
    moments = sorted(draw(st.sets(measured.instants(world), max_size=12)))
    digits = draw(st.sampled_from([3, 6]))
    found: list[Raw] = []
    device, shown = 0, draw(st.integers(0, 999))

    def add(at: datetime, value: int, **more: str) -> None:
        told = {"register": f"d{device}", **more}
        found.append(Raw("s", str(len(found)), "x", METER, at, str(value % 10**digits), told))

    for at in moments:
        shown += draw(st.integers(0, 400))
        kind = draw(st.sampled_from(["read", "read", "estimated", "both", "exchanged"]))
        if kind in ("estimated", "both"):
            add(at, shown + draw(st.integers(0, 90)), kind="estimated")
        if kind in ("read", "both"):
            add(at, shown)
        if kind == "exchanged":
            add(at, shown, role="removed")
            device, shown = device + 1, draw(st.integers(0, 999))
            add(at, shown, role="installed")
    return world, found, digits


@rich(40)
@given(told_of=registers(), data=st.data())
def test_a_counter_equals_the_oracle_in_any_order(
    place: Place, told_of: tuple[World, list[Raw], int], data: st.DataObject
) -> None:
    world, records, digits = told_of
    subject = f"x{next(_EXAMPLES)}"
    know(place, subject)
    batches = data.draw(deliveries(len(records)))
    folded = deliver(place, records, batches, f"{subject}/", subject)
    since = data.draw(st.sampled_from([None, world.start, world.whole_start]))
    may_have_gaps = digits == 6 and not any(r.dimensions.get("role") for r in records)
    if not may_have_gaps:
        since = None  # what was exchanged or rolled over before the span is on the bill before
    meter, asked = [Meter("counter", digits=digits)], world.asked(since=since)
    if (
        may_have_gaps
    ):  # with some of its readings alone a register that rolled over would be refused
        assert_answers(place, subject, meter, asked, folded, is_live=False)
    assert_answers(place, subject, meter, asked, records, is_live=True)
    operations.fold(place.database, place.tenant_id)
    assert_answers(place, subject, meter, asked, records, is_live=False)


@pytest.mark.parametrize("values", [("105", "110"), ("110", "105"), ("107", "107")])
def test_one_period_of_a_register_opens_with_the_reading_that_closed_the_one_before(
    place: Place, values: tuple[str, str]
) -> None:
    first, middle, last = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3))
    shown = [(first, "100"), (middle, values[0]), (middle, values[1]), (last, "130")]
    records = [Raw("s", f"{n}", "x", METER, *row, {}) for n, row in enumerate(shown)]
    take_in(place, records, "", "x")
    spans = [(first, middle), (middle, last), (first, last)]
    asked = [
        measured.request(Meter("counter"), Asked(start, end, start, end), "x")
        for start, end in spans
    ]
    found = told(place, asked, is_live=True)
    january, february, both = (measured.value_of(request, found[request]) for request in asked)
    assert (january + february, both) == (30, 30)


@pytest.mark.parametrize(
    ("zone", "first", "hours", "night", "busy"),
    [
        # hours of the month; of the nights, 22:00 to 05:45; of working days from 08:15 to 19:45
        ("Europe/Zagreb", (2026, 3), 743, 31 * 7.75 - 1, 21 * 11.5),
        ("Europe/Zagreb", (2026, 10), 745, 31 * 7.75 + 1, 21 * 11.5),
        ("America/New_York", (2026, 3), 743, 31 * 7.75 - 1, 21 * 11.5),
        ("America/New_York", (2026, 11), 721, 30 * 7.75 + 1, 20 * 11.5),
        ("Australia/Lord_Howe", (2026, 4), 720.5, 30 * 7.75 + 0.5, 21 * 11.5),
        ("Australia/Lord_Howe", (2026, 10), 743.5, 31 * 7.75 - 0.5, 21 * 11.5),
        ("Asia/Kathmandu", (2026, 2), 672, 28 * 7.75, 19 * 11.5),
        ("UTC", (2026, 12), 744, 31 * 7.75, 22 * 11.5),
    ],
)
def test_bands_have_all_hours_of_a_month_in_which_the_clock_is_changed(
    place: Place, zone: str, first: tuple[int, int], hours: float, night: float, busy: float
) -> None:
    day = date(*first, 1)
    start = oracle.start_of(day, zone)
    end = oracle.start_of((day + timedelta(days=31)).replace(day=1), zone)
    bands = oracle.Bands(
        zone,
        [
            ("night", range(8), 1320, 1440),
            ("night", range(8), 0, 345),
            ("busy", range(5), 495, 1185),
        ],
        "rest",
        [day + timedelta(days=n) for n in range(28) if (day + timedelta(days=n)).weekday() == 2][
            :1
        ],
    )
    world = World(zone, start, end, start, end, bands)
    quarter = timedelta(minutes=15)
    records = [
        Raw("s", str(n), "x", METER, start + n * quarter, "0.25", {})
        for n in range((end - start) // quarter)
    ]
    take_in(place, records, "", "x")
    operations.fold(place.database, place.tenant_id)
    meters = [Meter("sum"), *measured.in_bands(Meter("sum"), world)]
    whole, *parts = [total for _, total in sums(place, "x", meters, world.asked())]
    assert (whole, parts[0], parts[1]) == (hours, night, busy)
    assert sum(parts) == whole


@pytest.mark.parametrize(
    ("day", "minutes", "aggregation", "expected"),
    [
        # one record of 1 in each quarter hour: a day of 25 hours, one of 23, and one of 24
        ((2026, 10, 25), 1440, "windowed", [100]),
        ((2026, 3, 29), 1440, "windowed", [92]),
        ((2026, 10, 26), 1440, "windowed", [96]),
        ((2026, 10, 25), 60, "windowed", [4] * 25),
        ((2026, 3, 29), 60, "windowed", [4] * 23),
        ((2026, 10, 25), 480, "windowed", [32, 32, 36]),
        ((2026, 3, 29), 480, "windowed", [32, 32, 28]),
        ((2026, 10, 25), 120, "windowed", [8] * 11 + [12]),
        ((2026, 3, 29), 120, "windowed", [8] * 11 + [4]),
        # a rate never comes of more hours than others
        ((2026, 10, 25), 1440, "peak", [4]),
        ((2026, 3, 29), 1440, "peak", [Fraction(92, 24)]),
        ((2026, 10, 25), 480, "peak", [4]),
    ],
)
def test_windows_of_a_day_on_which_the_clock_is_changed(
    place: Place, day: tuple[int, int, int], minutes: int, aggregation: str, expected: list[int]
) -> None:
    zone = "Europe/Zagreb"
    start = oracle.start_of(date(*day), zone)
    end = oracle.start_of(date(*day) + timedelta(days=1), zone)
    quarter = timedelta(minutes=15)
    instants = [start + n * quarter for n in range((end - start) // quarter)]
    take_in(place, [Raw("s", str(at), "x", METER, at, "1", {}) for at in instants], "", "x")
    operations.fold(place.database, place.tenant_id)
    asked = Asked(start, end, start, end, zone)

    def value(**more: str) -> Fraction:
        meter = Meter(aggregation, window_minutes=minutes, **more)
        request = measured.request(meter, asked, "x")
        usage = told(place, [request])[request]
        assert aggregation == "peak" or usage.counted == len(expected)
        return measured.value_of(request, usage)

    if aggregation == "peak":
        assert abs(value() - expected[0]) < Fraction(1, 10**17)
    else:
        assert value(each="sum", then="sum") == sum(expected)
        assert value(each="sum", then="min") == min(expected)
        assert value(each="sum", then="max") == max(expected)
        assert value(each="sum", then="average") == Fraction(sum(expected), len(expected))
