"""Registers: roll-over, exchange, estimates and what they turn into, and readings that can't be."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everycent.consumption.register import Reading, consumption
from everycent.kernel.errors import Invalid

START = datetime(2026, 1, 1, tzinfo=UTC)


def read(day, value, register="A", kind="", role=""):
    at = START + timedelta(days=day)
    return Reading(at, Decimal(value), register, kind == "estimated", role)


def used(readings, opening=None, digits=None):
    """The consumption of each stretch, and on what the next bill stands."""
    found = consumption(readings, opening, digits)
    return [str(s.consumption) for s in found.stretches], found.closing


ESTIMATED, REMOVED, INSTALLED = "estimated", "removed", "installed"
OPEN = read(0, 100)


@pytest.mark.parametrize(
    ("opening", "readings", "digits", "expected"),
    [
        # the first reading ever only opens
        (None, [], None, []),
        (None, [read(1, 100)], None, []),
        (None, [read(1, 100), read(2, 130)], None, ["30"]),
        (None, [read(1, 100, role=INSTALLED), read(2, 130)], None, ["30"]),
        (OPEN, [], None, []),
        (OPEN, [read(31, 100)], None, ["0"]),
        (OPEN, [read(31, "130.25")], None, ["30.25"]),
        (OPEN, [read(9, 110), read(31, 130)], None, ["10", "20"]),
        (OPEN, [read(31, 130), read(9, 110)], None, ["10", "20"]),
        # roll-over: at most half the register's span
        (read(0, 99990), [read(31, 8)], 5, ["18"]),
        (read(0, 99999), [read(31, 0)], 5, ["1"]),
        (read(0, "99999.9"), [read(31, "0.1")], 5, ["0.2"]),
        (read(0, 50001), [read(31, 0)], 5, ["49999"]),
        (read(0, 99990), [read(9, 8), read(20, 60000), read(31, 5)], 5, ["18", "59992", "40005"]),
        (read(0, 9), [read(31, 0)], 1, ["1"]),
        # exchange: the old device up to its removal, the new one from its installation
        (OPEN, [read(9, 150, role=REMOVED), read(9, 0, "B", role=INSTALLED), read(31, 20, "B")],
         None, ["50", "20"]),
        (OPEN, [read(31, 20, "B"), read(9, 0, "B", role=INSTALLED), read(9, 150, role=REMOVED)],
         None, ["50", "20"]),
        (OPEN, [read(9, 150, role=REMOVED), read(10, 7000, "B", role=INSTALLED), read(31, 7020, "B")],
         None, ["50", "20"]),
        (OPEN, [read(9, 0, "B", role=INSTALLED), read(31, 20, "B")], None, ["20"]),
        (OPEN, [read(9, 150, role=REMOVED)], None, ["50"]),
        (OPEN, [read(9, 0, "B", role=INSTALLED), read(9, 3, "C", role=INSTALLED), read(31, 5, "C")],
         None, ["2"]),
        # exchange of devices without serial numbers, and of one that comes back
        (read(0, 100, ""), [read(9, 150, "", role=REMOVED), read(9, 0, "", role=INSTALLED),
                            read(31, 20, "")], None, ["50", "20"]),
        (read(0, 100, ""), [read(9, 150, "", role=REMOVED), read(9, 900, "", role=INSTALLED),
                            read(31, 920, "")], None, ["50", "20"]),
        (read(0, 9100, ""), [read(9, 9150, "", role=REMOVED), read(9, 0, "", role=INSTALLED),
                             read(31, 20, "")], 4, ["50", "20"]),
        (read(0, 100, ""), [read(9, 0, "", role=INSTALLED), read(31, 20, "")], None, ["20"]),
        (OPEN, [read(9, 150, role=REMOVED), read(12, 10, role=INSTALLED), read(31, 30)],
         None, ["50", "20"]),
        # a running device that is named as installed once more goes on counting
        (read(0, 100, role=INSTALLED), [read(9, 150, role=INSTALLED)], None, ["50"]),
        # estimates: an actual reading of the same instant replaces one
        (OPEN, [read(31, 140, kind=ESTIMATED)], None, ["40"]),
        (OPEN, [read(31, 140, kind=ESTIMATED), read(31, 130)], None, ["30"]),
        (OPEN, [read(31, 130), read(31, 140, kind=ESTIMATED)], None, ["30"]),
        (OPEN, [read(31, 120), read(31, 110, kind=ESTIMATED)], None, ["20"]),
        (OPEN, [read(9, 140, kind=ESTIMATED), read(31, 130)], None, ["40", "-10"]),
        (OPEN, [read(9, 160, kind=ESTIMATED), read(9, 150, role=REMOVED),
                read(9, 0, "B", role=INSTALLED), read(31, 20, "B")], None, ["50", "20"]),
        (OPEN, [read(9, 150, role=REMOVED), read(9, 0, "B", role=INSTALLED),
                read(9, 5, "B", ESTIMATED), read(31, 20, "B")], None, ["50", "20"]),
        # an estimate that was billed was too low, too high, beyond the roll-over
        (read(0, 140, kind=ESTIMATED), [read(31, 180)], None, ["40"]),
        (read(0, 140, kind=ESTIMATED), [read(31, 130)], None, ["-10"]),
        (read(0, 140, kind=ESTIMATED), [read(31, 130)], 5, ["-10"]),
        (read(0, 99990, kind=ESTIMATED), [read(31, 8)], 5, ["18"]),
        (read(0, 3, kind=ESTIMATED), [read(31, 99990), read(40, 2)], 5, ["99987", "12"]),
    ],
)  # fmt: skip
def test_the_readings_of_a_period_show(opening, readings, digits, expected):
    assert used(readings, opening, digits)[0] == expected


@pytest.mark.parametrize(
    ("opening", "readings", "digits", "code"),
    [
        (OPEN, [read(31, 99)], None, "register.runs_backwards"),
        (OPEN, [read(31, "99.999")], 5, "register.runs_backwards"),
        (read(0, 50000), [read(31, 0)], 5, "register.runs_backwards"),
        (read(0, 60000), [read(31, 20000)], 5, "register.runs_backwards"),
        (OPEN, [read(31, 99, kind=ESTIMATED)], None, "register.runs_backwards"),
        (OPEN, [read(9, 120), read(31, 110)], None, "register.runs_backwards"),
        (OPEN, [read(9, 90, role=REMOVED), read(9, 0, "B", role=INSTALLED)], None,
         "register.runs_backwards"),
        (OPEN, [read(31, 120, "B")], None, "register.exchange_unexplained"),
        (OPEN, [read(31, 120, "")], None, "register.exchange_unexplained"),
        (OPEN, [read(9, 150, role=REMOVED), read(31, 20, "B")], None, "register.exchange_unexplained"),
        (OPEN, [read(9, 0, "B", role=INSTALLED), read(31, 120)], None, "register.exchange_unexplained"),
        (None, [read(9, 0), read(31, 1, "B", role=REMOVED)], None, "register.exchange_unexplained"),
    ],
)  # fmt: skip
def test_readings_that_can_not_be_are_refused(opening, readings, digits, code):
    with pytest.raises(Invalid) as refused:
        consumption(readings, opening, digits)
    assert refused.value.code == code
    assert refused.value.hint


def test_an_actual_reading_before_billing_replaces_the_estimate_and_after_it_corrects_the_next_bill():
    estimate, actual, next_month = read(31, 140, kind=ESTIMATED), read(31, 130), read(59, 160)
    in_time = [used([estimate, actual], OPEN), used([next_month], actual)]
    too_late = [used([estimate], OPEN), used([next_month], estimate)]
    assert in_time == [(["30"], actual), (["30"], next_month)]
    assert too_late == [(["40"], estimate), (["20"], next_month)]


def test_the_next_bill_stands_on_the_last_reading_even_when_nothing_was_read():
    assert used([], OPEN) == ([], OPEN)
    assert used([read(31, 130)], None) == ([], read(31, 130))
    exchanged = [read(31, 150, role=REMOVED), read(31, 0, "B", role=INSTALLED)]
    assert used(exchanged, OPEN) == (["50"], exchanged[1])


def test_of_two_actual_readings_at_one_instant_one_counts_whatever_their_order():
    pair = [read(31, 130), read(31, 128)]
    assert used(pair, OPEN) == used(pair[::-1], OPEN) == (["30"], read(31, 130))


@st.composite
def histories(draw):
    """Readings of a metering point's life: it counts, rolls over, is exchanged, is estimated."""
    digits = draw(st.integers(2, 5))
    span = 10**digits
    named = draw(st.booleans())
    device, value, day = 0, draw(st.integers(0, span - 1)), 0
    name = "D0" if named else ""
    true_use = 0
    found = [read(0, value, name)]
    estimated = False
    for _ in range(draw(st.integers(1, 12))):
        day += draw(st.integers(1, 40))
        step = draw(st.integers(0, span // 2 - 1))
        match draw(st.sampled_from(["read", "read", "exchange", "estimate"])):
            case "exchange":
                if estimated:  # an estimate is read off before the device is taken out
                    continue
                true_use += step
                found.append(read(day, (value + step) % span, name, role=REMOVED))
                device += 1
                name = f"D{device}" if named else ""
                value = draw(st.integers(0, span - 1))
                found.append(read(day, value, name, role=INSTALLED))
            case "estimate" if value + step < span:
                found.append(read(day, value + step, name, ESTIMATED))
                estimated = True
            case _:
                # after an estimate the register stays below its end: what falls was estimated too high
                step = 0 if estimated and value + step >= span else step
                value, true_use = (value + step) % span, true_use + step
                found.append(read(day, value, name))
                estimated = False
    if estimated:
        found.append(read(day + 1, value, name))
    return found, digits, true_use


@settings(max_examples=500, deadline=None)
@given(histories(), st.data())
def test_however_a_history_is_cut_into_bills_the_consumption_is_the_same(history, data):
    readings, digits, true_use = history
    whole = consumption(readings, None, digits)
    last = readings[-1].at
    cuts = data.draw(
        st.lists(st.integers(0, (last - START).days * 24), unique=True, max_size=8), label="cuts"
    )
    ends = [*sorted(START + timedelta(hours=cut) for cut in cuts), last]
    stretches, opening, begin = [], None, START - timedelta(days=1)
    for end in ends:
        part = [reading for reading in readings if begin < reading.at <= end]
        found = consumption(data.draw(st.permutations(part)), opening, digits)
        stretches.extend(found.stretches)
        opening, begin = found.closing, end
    assert tuple(stretches) == whole.stretches
    assert opening == whole.closing
    assert sum(s.consumption for s in stretches) == true_use


def test_histories_are_long_enough_to_roll_over_and_to_be_exchanged():
    roles = [
        read(0, 90), read(1, 5), read(2, 99, kind=ESTIMATED), read(3, 6), read(4, 50, role=REMOVED),
        read(4, 80, role=INSTALLED), read(5, 10),
    ]  # fmt: skip
    found = consumption(roles, None, 2)
    assert [(str(s.consumption), s.rolled_over) for s in found.stretches] == [
        ("15", True),
        ("94", False),
        ("7", True),
        ("44", False),
        ("30", True),
    ]
